/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image: text, constants and variables in pages of their own. The last page of text ends with at least
 * 512 bytes of int3: what no function uses is a trap, and there is always room for a patch.
 */
#include "layout.h"

ENTRY(bare_entry)

PHDRS
{
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
	note PT_NOTE FLAGS(4);
}

SECTIONS
{
	. = BARE_BASE + BARE_LOAD;
	_text = .;
	.text : AT(ADDR(.text) - BARE_BASE) {
		*(.text.entry)
		*(.text .text.*)
		. = (. & 4095) > 3584 ? ALIGN(4096) + 16 : .;
		_etext = .;
		. = ALIGN(4096);
	} :text =0xcccccccc
	_rodata = .;
	.rodata : AT(ADDR(.rodata) - BARE_BASE) {
		*(.rodata .rodata.*)
		/* Last: the symbol table moves nothing but what follows, which begins on a page. */
		. = ALIGN(16);
	} :rodata =0
	.notes : AT(ADDR(.notes) - BARE_BASE) {
		*(.note.Xen)
		. = ALIGN(4);
		_build_id = .;
		*(.note.gnu.build-id)
		_build_id_end = .;
	} :rodata :note
	.symbols : AT(ADDR(.symbols) - BARE_BASE) {
		*(.bare_symbols)
	} :rodata
	. = ALIGN(4096);
	_data = .;
	.data : AT(ADDR(.data) - BARE_BASE) {
		*(.data .data.*)
	} :data =0
	.bss : AT(ADDR(.bss) - BARE_BASE) {
		*(.bss .bss.* COMMON)
		. = ALIGN(4096);
	} :data
	_end = .;
	/DISCARD/ : { *(.comment) *(.eh_frame) *(.note.GNU-stack) *(.note.gnu.property) }
}
