/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the loader's hands to C: PVH entry in 32-bit mode (Xen, docs/misc/pvh.pandoc: flat segments, paging off, EBX
 * points to the start information), then long mode on page tables that are laid out here. Also what C cannot say:
 * entry of exceptions, the switch between tasks.
 *
 * The early tables map the first GiB three times: at its own addresses for the jump, at the kernel's, and where
 * memory.c maps all memory. memory.c replaces them.
 */
#include "layout.h"

	/* QEMU reads 8 bytes from the note of a 64-bit image, Xen 4 or 8. */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad bare_entry - BARE_BASE

	.section .text.entry, "ax"
	.code32
	.globl bare_entry
bare_entry:
	cld
	mov	%ebx, %esi
	mov	$(boot_stack_end - BARE_BASE), %esp
	rdtsc
	mov	%eax, bare_boot_tsc - BARE_BASE
	mov	%edx, bare_boot_tsc - BARE_BASE + 4

	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$(early_root - BARE_BASE), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: long mode, no-execute */
	rdmsr
	or	$0x900, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80010001, %eax	/* paging; read-only binds the kernel too */
	mov	%eax, %cr0
	lgdt	gdt_pointer - BARE_BASE
	ljmp	$8, $(1f - BARE_BASE)

	.code64
1:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	movabs	$2f, %rax
	jmp	*%rax
2:	lgdt	gdt_pointer_high(%rip)
	mov	$boot_stack_end, %rsp
	mov	%esi, %edi
	xor	%ebp, %ebp
	call	bare_main
3:	cli
	hlt
	jmp	3b

	/* ---- Exceptions: print and stop -------------------------------------------------------------------- */

	.text
	.balign	16
	.globl	bare_trap_entries
bare_trap_entries:			/* 16 bytes each */
	.set	vector, 0
	.rept	32
	.balign	16
	/* For these the processor pushes an error code: 8, 10 to 14, 17, 21, 29, 30; for the others we do. */
	.if	!(0x60227d00 >> vector & 1)
	push	$0
	.endif
	push	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

	/* struct bare_trap_frame of trap.c, from the lowest address up. */
trap_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	call	bare_trap
4:	hlt
	jmp	4b

	/* ---- Tasks ----------------------------------------------------------------------------------------- */

	/* void bare_switch(uint64_t *save, uint64_t sp): what a call keeps is kept on the stack that is left. */
	.balign	16
	.globl	bare_switch
bare_switch:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rdi)
	mov	%rsi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	/* ---- The hypercall page: Xen fills it in when asked to (xen.c) --------------------------------------- */

	.section .text.hypercall, "ax"
	.balign	4096
	.globl	bare_hypercalls
bare_hypercalls:
	.fill	4096, 1, 0xcc

	/* ---- Data ------------------------------------------------------------------------------------------ */

	.data
	.balign	4096
early_root:
	.quad	early_low - BARE_BASE + 3
	.fill	255, 8, 0
	.quad	early_low - BARE_BASE + 3	/* BARE_MEMORY */
	.fill	254, 8, 0
	.quad	early_high - BARE_BASE + 3
early_low:
	.quad	early_2m - BARE_BASE + 3
	.fill	511, 8, 0
early_high:
	.fill	510, 8, 0
	.quad	early_2m - BARE_BASE + 3	/* BARE_BASE */
	.quad	0
early_2m:
	.set	at, 0
	.rept	512
	.quad	at + 0x83			/* present, writable, 2 MiB */
	.set	at, at + 0x200000
	.endr

	.balign	16
gdt:	.quad	0
	.quad	0x00af9b000000ffff		/* 8: code, 64-bit */
	.quad	0x00cf93000000ffff		/* 16: data */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt - BARE_BASE
	.long	0
	.balign	8
gdt_pointer_high:
	.word	gdt_end - gdt - 1
	.quad	gdt

	.balign	8
	.globl	bare_boot_tsc
bare_boot_tsc:
	.quad	0

	.bss
	.balign	4096
	.globl	bare_boot_stack
bare_boot_stack:
	.skip	16384
boot_stack_end:

	.section .note.GNU-stack, "", @progbits
