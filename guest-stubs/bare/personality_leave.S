/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way in and the way out of an injected core. In: a task jumps here with the core header's address. Out:
 * the window that holds this very code is freed, so nothing may return into it: the return address on the
 * stack is replaced by bare_task_exit() and bare_exec_put() is entered by a jump.
 */
	.section .text, "ax"
	.globl	xg_core_main
	.type	xg_core_main, @function
	.balign	16
xg_core_main:
	pushq	%rbp
	movq	%rsp, %rbp
	call	xg_core_run
	popq	%rbp
	movq	%rax, %rdi
	leaq	bare_task_exit(%rip), %rax
	movq	%rax, (%rsp)
	jmp	bare_exec_put
	.size	xg_core_main, . - xg_core_main
	.section .note.GNU-stack, "", @progbits
