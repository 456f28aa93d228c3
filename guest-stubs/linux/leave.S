/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way in and the way out of an injected core. In: a kernel thread jumps here with the core header's
 * address. Out: the window that holds this very code is freed, so nothing may return into it: the return address
 * on the stack is replaced by kthread_exit() and vfree() is entered by a jump. kthread_exit()'s argument is
 * what vfree() leaves in the register: nobody waits for this thread's result.
 */
	.section .text, "ax"
	.globl	xg_core_main
	.type	xg_core_main, @function
	.balign	16
xg_core_main:
	endbr64			/* the first stage jumps indirectly: kernels with IBT want to see this */
	pushq	%rbp
	movq	%rsp, %rbp
	call	xg_core_run
	popq	%rbp
	movq	%rax, %rdi
	leaq	kthread_exit(%rip), %rax
	movq	%rax, (%rsp)
	jmp	vfree
	.size	xg_core_main, . - xg_core_main
	.section .note.GNU-stack, "", @progbits
