/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds relocatable objects in memory, so that a test says in code what its input is. A finished object is
 * valid; a rejection row then damages exactly one thing in it through the pointers below.
 *
 * Used by unit tests, fault tests and the maker of the fuzz corpus. Aborts when memory runs out.
 */
#ifndef XG_TESTS_ELF_BUILDER_H
#define XG_TESTS_ELF_BUILDER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

struct elfb;

struct elfb *elfb_new(void);

/* Each returns the index by which the others know it. DATA is copied; NULL with SHT_NOBITS. */
uint16_t elfb_section(struct elfb *b, const char *name, uint32_t type, uint64_t flags, uint64_t align,
		      const void *data, uint64_t size);
uint32_t elfb_symbol(struct elfb *b, const char *name, uint16_t section, unsigned int bind, unsigned int type,
		     uint64_t value, uint64_t size);
void elfb_relocation(struct elfb *b, uint16_t section, uint64_t offset, uint32_t type, uint32_t symbol,
		     int64_t addend);

/* Shorthands for what most objects have. */
uint16_t elfb_text(struct elfb *b, const char *name, const void *data, uint64_t size);
uint16_t elfb_data(struct elfb *b, const char *name, const void *data, uint64_t size);
uint32_t elfb_import(struct elfb *b, const char *name);
uint32_t elfb_function(struct elfb *b, const char *name, uint16_t section, uint64_t value, uint64_t size);

/* A .note.xengraft with LINES ("key=value\n" ...). */
uint16_t elfb_note(struct elfb *b, const char *lines);

/* Lays the object out, frees B and returns *ret_size bytes to free(). */
uint8_t *elfb_finish(struct elfb *b, size_t *ret_size);

/* Into a finished, undamaged object. They abort when there is no such thing. */
Elf64_Ehdr *elfb_header(uint8_t *image);
Elf64_Shdr *elfb_section_header(uint8_t *image, const char *name);
uint16_t elfb_section_index(uint8_t *image, const char *name);
Elf64_Sym *elfb_symbol_entry(uint8_t *image, const char *name);
Elf64_Rela *elfb_relocation_entry(uint8_t *image, const char *rela_section, size_t index);

#endif
