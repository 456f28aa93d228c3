/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an image says about itself: the ELF note in .note.xengraft. Included once by each image; read by Dom0
 * (hotswap/link.h, xg_image_note()). The section is not loaded: the note costs a window nothing.
 *
 * Must never hold two notes: an image has one nature.
 */
#ifndef XENGRAFT_NOTE_H
#define XENGRAFT_NOTE_H

/*
 * XG_IMAGE_NOTE("kind=driver\\n" "abi=1\\n" ...): string literals of lines "key=value", the newline escaped
 * twice because the assembler reads it, not the compiler.
 */
#define XG_IMAGE_NOTE(lines)							\
	__asm__(".pushsection .note.xengraft,\"\",@note\n"			\
		"	.balign 4\n"						\
		"	.long 9, 2f - 1f, 1\n"	/* name size, size, XG_NOTE_IMAGE */	\
		"	.asciz \"xengraft\"\n"					\
		"	.balign 4\n"						\
		"1:	.ascii \"" lines "\"\n"					\
		"2:	.balign 4\n"						\
		"	.popsection\n")

#endif
