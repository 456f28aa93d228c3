// SPDX-License-Identifier: GPL-2.0-or-later
/* See elf_builder.h. Writes with memcpy and offsets, so that it shares no code with the reader under test. */
#include "tests/lib/elf_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTIONS_MAX 8192
#define ALIGN8(x) (((x) + 7) & ~(uint64_t)7)

struct bytes {
	uint8_t *at;
	size_t size;
	size_t room;
};

struct elfb {
	Elf64_Shdr headers[SECTIONS_MAX];
	struct bytes contents[SECTIONS_MAX];
	struct bytes relocations[SECTIONS_MAX];	/* of each section */
	uint32_t count;
	struct bytes symbols, strings, names;
};

static void *must(void *p)
{
	if (!p) {
		fputs("elf_builder: no memory, or no such thing\n", stderr);
		abort();
	}
	return p;
}

/* Returns where they begin. */
static size_t append(struct bytes *b, const void *data, size_t size)
{
	size_t at = b->size;

	if (size > b->room - b->size || !b->at) {
		b->room = 2 * (b->size + size) + 64;
		b->at = must(realloc(b->at, b->room));
	}
	if (data)
		memcpy(b->at + at, data, size);
	else
		memset(b->at + at, 0, size);
	b->size += size;
	return at;
}

static uint16_t add_section(struct elfb *b, const char *name, const Elf64_Shdr *like)
{
	uint32_t i = b->count++;

	if (i >= SECTIONS_MAX)
		must(NULL);
	b->headers[i] = *like;
	b->headers[i].sh_name = append(&b->names, name, strlen(name) + 1);
	return i;
}

struct elfb *elfb_new(void)
{
	struct elfb *b = must(calloc(1, sizeof(*b)));

	b->count = 1;
	append(&b->names, "", 1);
	append(&b->strings, "", 1);
	append(&b->symbols, NULL, sizeof(Elf64_Sym));
	return b;
}

uint16_t elfb_section(struct elfb *b, const char *name, uint32_t type, uint64_t flags, uint64_t align,
		      const void *data, uint64_t size)
{
	uint16_t i = add_section(b, name, &(Elf64_Shdr){
		.sh_type = type, .sh_flags = flags, .sh_addralign = align, .sh_size = size });

	if (type != SHT_NOBITS)
		append(&b->contents[i], data, size);
	return i;
}

uint32_t elfb_symbol(struct elfb *b, const char *name, uint16_t section, unsigned int bind, unsigned int type,
		     uint64_t value, uint64_t size)
{
	Elf64_Sym s = {
		.st_info = ELF64_ST_INFO(bind, type), .st_shndx = section, .st_value = value, .st_size = size,
	};

	s.st_name = *name ? append(&b->strings, name, strlen(name) + 1) : 0;
	return append(&b->symbols, &s, sizeof(s)) / sizeof(s);
}

void elfb_relocation(struct elfb *b, uint16_t section, uint64_t offset, uint32_t type, uint32_t symbol,
		     int64_t addend)
{
	Elf64_Rela r = { .r_offset = offset, .r_info = ELF64_R_INFO((uint64_t)symbol, type), .r_addend = addend };

	append(&b->relocations[section], &r, sizeof(r));
}

uint16_t elfb_text(struct elfb *b, const char *name, const void *data, uint64_t size)
{
	return elfb_section(b, name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 16, data, size);
}

uint16_t elfb_data(struct elfb *b, const char *name, const void *data, uint64_t size)
{
	return elfb_section(b, name, SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8, data, size);
}

uint32_t elfb_import(struct elfb *b, const char *name)
{
	return elfb_symbol(b, name, SHN_UNDEF, STB_GLOBAL, STT_NOTYPE, 0, 0);
}

uint32_t elfb_function(struct elfb *b, const char *name, uint16_t section, uint64_t value, uint64_t size)
{
	return elfb_symbol(b, name, section, STB_GLOBAL, STT_FUNC, value, size);
}

uint16_t elfb_note(struct elfb *b, const char *lines)
{
	uint32_t words[3] = { 9, strlen(lines), 1 };
	struct bytes note = { NULL, 0, 0 };
	uint16_t i;

	append(&note, words, sizeof(words));
	append(&note, "xengraft\0\0\0", 12);
	append(&note, lines, strlen(lines));
	append(&note, NULL, -strlen(lines) & 3);
	i = elfb_section(b, ".note.xengraft", SHT_NOTE, SHF_ALLOC, 4, note.at, note.size);
	free(note.at);
	return i;
}

/* ---- Finishing -------------------------------------------------------------------------------------------- */

static void add_relocation_sections(struct elfb *b, uint32_t symtab)
{
	uint32_t i, of = b->count;
	char name[128];
	uint16_t r;

	for (i = 1; i < of; i++) {
		if (b->relocations[i].size == 0)
			continue;
		snprintf(name, sizeof(name), ".rela%s", (char *)b->names.at + b->headers[i].sh_name);
		r = add_section(b, name, &(Elf64_Shdr){
			.sh_type = SHT_RELA, .sh_flags = SHF_INFO_LINK, .sh_addralign = 8, .sh_link = symtab,
			.sh_info = i, .sh_size = b->relocations[i].size, .sh_entsize = sizeof(Elf64_Rela) });
		b->contents[r] = b->relocations[i];
		b->relocations[i] = (struct bytes){ NULL, 0, 0 };
	}
}

/* gABI: sh_info of a symbol table is one more than its last local symbol. */
static uint32_t first_global(const struct bytes *symbols)
{
	uint32_t i, n = symbols->size / sizeof(Elf64_Sym);
	Elf64_Sym s;

	for (i = 1; i < n; i++) {
		memcpy(&s, symbols->at + i * sizeof(s), sizeof(s));
		if (ELF64_ST_BIND(s.st_info) != STB_LOCAL)
			break;
	}
	return i;
}

static void add_tables(struct elfb *b)
{
	uint16_t symtab = b->count, strtab, shstrtab;

	add_section(b, ".symtab", &(Elf64_Shdr){
		.sh_type = SHT_SYMTAB, .sh_addralign = 8, .sh_link = symtab + 1, .sh_info = first_global(&b->symbols),
		.sh_size = b->symbols.size, .sh_entsize = sizeof(Elf64_Sym) });
	b->contents[symtab] = b->symbols;
	strtab = add_section(b, ".strtab", &(Elf64_Shdr){
		.sh_type = SHT_STRTAB, .sh_addralign = 1, .sh_size = b->strings.size });
	b->contents[strtab] = b->strings;
	add_relocation_sections(b, symtab);
	shstrtab = add_section(b, ".shstrtab", &(Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_addralign = 1 });
	b->headers[shstrtab].sh_size = b->names.size;
	b->contents[shstrtab] = b->names;
}

static void write_contents(struct elfb *b, struct bytes *out)
{
	uint32_t i;

	for (i = 1; i < b->count; i++) {
		append(out, NULL, ALIGN8(out->size) - out->size);
		b->headers[i].sh_offset = out->size;
		append(out, b->contents[i].at, b->contents[i].size);
		free(b->contents[i].at);
	}
	append(out, NULL, ALIGN8(out->size) - out->size);
}

uint8_t *elfb_finish(struct elfb *b, size_t *ret_size)
{
	struct bytes out = { NULL, 0, 0 };
	Elf64_Ehdr h = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_REL, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_ehsize = sizeof(h), .e_shentsize = sizeof(Elf64_Shdr),
	};

	append(&out, &h, sizeof(h));
	add_tables(b);
	write_contents(b, &out);
	h.e_shoff = out.size;
	h.e_shnum = b->count;
	h.e_shstrndx = b->count - 1;
	append(&out, b->headers, b->count * sizeof(Elf64_Shdr));
	memcpy(out.at, &h, sizeof(h));
	free(b);
	*ret_size = out.size;
	return out.at;
}

/* ---- Into a finished object ------------------------------------------------------------------------------- */

Elf64_Ehdr *elfb_header(uint8_t *image)
{
	return (Elf64_Ehdr *)image;
}

static Elf64_Shdr *headers_of(uint8_t *image)
{
	return (Elf64_Shdr *)(image + elfb_header(image)->e_shoff);
}

uint16_t elfb_section_index(uint8_t *image, const char *name)
{
	Elf64_Shdr *h = headers_of(image);
	const char *names = (char *)image + h[elfb_header(image)->e_shstrndx].sh_offset;
	uint32_t i;

	for (i = 1; i < elfb_header(image)->e_shnum; i++)
		if (strcmp(names + h[i].sh_name, name) == 0)
			return i;
	must(NULL);
	return 0;
}

Elf64_Shdr *elfb_section_header(uint8_t *image, const char *name)
{
	return &headers_of(image)[elfb_section_index(image, name)];
}

Elf64_Sym *elfb_symbol_entry(uint8_t *image, const char *name)
{
	Elf64_Shdr *h = elfb_section_header(image, ".symtab");
	const char *names = (char *)image + elfb_section_header(image, ".strtab")->sh_offset;
	Elf64_Sym *s = (Elf64_Sym *)(image + h->sh_offset);
	size_t i;

	for (i = 0; i < h->sh_size / sizeof(*s); i++)
		if (strcmp(names + s[i].st_name, name) == 0)
			return &s[i];
	return must(NULL);
}

Elf64_Rela *elfb_relocation_entry(uint8_t *image, const char *rela_section, size_t index)
{
	Elf64_Shdr *h = elfb_section_header(image, rela_section);

	if (index >= h->sh_size / sizeof(Elf64_Rela))
		must(NULL);
	return (Elf64_Rela *)(image + h->sh_offset) + index;
}
