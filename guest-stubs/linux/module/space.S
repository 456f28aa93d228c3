/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arenas themselves. The module loader maps text read-only and executable, data writable and not
 * executable; Dom0 writes the text through mappings of its own.
 */
#include <linux/objtool.h>

#include "arena.h"

	.section .text.xengraft_arena, "ax"
	.balign	4096
	.globl	xg_arena_text
xg_arena_text:
	ANNOTATE_NOENDBR	/* its address is no place to jump to */
	.skip	XG_ARENA_TEXT_PAGES * 4096, 0xcc

	.section .bss.xengraft_arena, "aw", @nobits
	.balign	4096
	.globl	xg_arena_data
xg_arena_data:
	.skip	XG_ARENA_DATA_PAGES * 4096

	.section .note.GNU-stack, "", @progbits
