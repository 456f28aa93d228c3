/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first stage: the only code that runs in a guest before its kernel gave xengraft memory of its own.
 *
 * Dom0 writes it into the unused end of the kernel's last text page and points one watch callback at it
 * (getin.c). It is bytes to Dom0, never executed there. Calls are direct (rel32, filled in from the table at
 * the end): the cave lies in the kernel's own text, so everything is in reach, and a direct call needs
 * neither ENDBR64 at its target nor a retpoline. Whatever leaves the cave for the last time leaves it by a
 * jump, never by a call followed by an instruction here: once the mailbox tells Dom0 that we are gone,
 * no return address points into the cave.
 *
 * Registers follow the System V ABI. Offsets into struct xg_mailbox and its states are asserted in getin.c.
 */
#define MB_STATE 8
#define MB_PATIENCE 12
#define MB_WINDOW 16
#define MB_ENTRY 24
#define MB_ARGUMENT 32

#define IDLE 1
#define ENTERED 2
#define READY 3
#define GO 4
#define LEAVING 5
#define GAVE_UP 6
#define FAILED 7

/* A direct call or jump to a kernel function; its displacement is noted in the fix-up table. */
#define KCALL(fn)	.byte 0xe8; 771: .long 0; .pushsection .rodata.fix, "a"; .long 771b - xg_stage1, fn; .popsection
#define KJUMP(fn)	.byte 0xe9; 771: .long 0; .pushsection .rodata.fix, "a"; .long 771b - xg_stage1, fn; .popsection

#define ROLE_TASK_CREATE 0
#define ROLE_TASK_START 1
#define ROLE_ALLOC 2
#define ROLE_SEAL 3
#define ROLE_ALLOW 4
#define ROLE_SLEEP 5
#define ROLE_FREE 6
#define ROLE_MEMSET 7
#define ROLE_HANDLER 8

	.section .rodata.fix, "a"
	.balign 8
	.globl xg_stage1_fixups
	.hidden xg_stage1_fixups
xg_stage1_fixups:

	.section .rodata.stage1, "a"
	.balign 16
	.globl xg_stage1
	.hidden xg_stage1

/* void (*callback)(struct xenbus_watch *, const char *path, const char *token), in the watch thread. */
xg_stage1:
	endbr64
	mov	lit_mailbox(%rip), %r8
	mov	$IDLE, %eax
	mov	$ENTERED, %ecx
	lock cmpxchg %ecx, MB_STATE(%r8)
	je	1f
	KJUMP(ROLE_HANDLER)		/* not for us: as if we had never been here */

1:	/* The one pointer that we borrowed goes back first. */
	mov	lit_callback(%rip), %rax
	mov	lit_handler(%rip), %rcx
	mov	%rcx, (%rax)

	sub	$8, %rsp
	lea	stage1_thread(%rip), %rdi
	xor	%esi, %esi
	mov	$-1, %edx		/* NUMA_NO_NODE */
	lea	stage1_name(%rip), %rcx
	xor	%eax, %eax
	KCALL(ROLE_TASK_CREATE)
	add	$8, %rsp
	mov	%rax, %rdi
	cmp	$-4095, %rax		/* IS_ERR() */
	jae	stage1_failed
	KJUMP(ROLE_TASK_START)

stage1_failed:
	mov	$FAILED, %esi
stage1_last_word:
	mov	lit_mailbox(%rip), %rdi
	add	$MB_STATE, %rdi
	mov	$1, %edx
	KJUMP(ROLE_MEMSET)

/* int (*threadfn)(void *) */
stage1_thread:
	endbr64
	push	%rbx
	push	%r12
	push	%r13
	mov	lit_mailbox(%rip), %rbx
	mov	lit_alloc_arg0(%rip), %rdi
	mov	lit_alloc_arg1(%rip), %rsi
	KCALL(ROLE_ALLOC)
	mov	$FAILED, %r13d
	mov	%rax, %r12
	test	%rax, %rax
	jz	stage1_leave

	/* Read-only before executable: never both writable and executable. */
	mov	%r12, %rdi
	mov	lit_text_pages(%rip), %rsi
	KCALL(ROLE_SEAL)
	test	%eax, %eax
	jnz	stage1_free
	mov	%r12, %rdi
	mov	lit_text_pages(%rip), %rsi
	KCALL(ROLE_ALLOW)
	test	%eax, %eax
	jnz	stage1_free

	mov	%r12, MB_WINDOW(%rbx)
	mov	MB_PATIENCE(%rbx), %r13d
	mov	$READY, %eax
	xchg	%eax, MB_STATE(%rbx)

2:	mov	MB_STATE(%rbx), %eax
	cmp	$GO, %eax
	je	stage1_go
	cmp	$READY, %eax
	jne	3f			/* cancelled */
	mov	$4, %edi
	KCALL(ROLE_SLEEP)
	dec	%r13d
	jg	2b
	mov	$READY, %eax		/* Dom0 is gone, unless its GO comes at this very moment */
	mov	$LEAVING, %ecx
	lock cmpxchg %ecx, MB_STATE(%rbx)
	jne	2b
3:	mov	$GAVE_UP, %r13d

stage1_free:
	mov	%r12, %rdi
	KCALL(ROLE_FREE)
stage1_leave:
	mov	%r13d, %esi
	pop	%r13
	pop	%r12
	pop	%rbx
	jmp	stage1_last_word

stage1_go:
	mov	MB_ARGUMENT(%rbx), %rdi
	mov	MB_ENTRY(%rbx), %rax
	pop	%r13
	pop	%r12
	pop	%rbx
	jmp	*%rax			/* once in a guest's life; returns to the kernel's kthread() */

stage1_name:
	.asciz	"xengraft"

	.balign 8
	.globl xg_stage1_literals
	.hidden xg_stage1_literals
xg_stage1_literals:
lit_mailbox:	.quad 0
lit_callback:	.quad 0
lit_handler:	.quad 0
lit_alloc_arg0:	.quad 0
lit_alloc_arg1:	.quad 0
lit_text_pages:	.quad 0
	.globl xg_stage1_end
	.hidden xg_stage1_end
xg_stage1_end:

	.section .rodata.fix, "a"
	.globl xg_stage1_fixups_end
	.hidden xg_stage1_fixups_end
	/* The contributions above precede this one: sections of one name are filled in the order of the file. */
xg_stage1_fixups_end:

	.section .note.GNU-stack, "", @progbits
