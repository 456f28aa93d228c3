// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a relocatable x86-64 object into plain arrays, once; nothing behind xg_elf_open() looks at the file's
 * structure again. Called by hotswap/ and by whoever inspects images.
 *
 * libelf decodes the headers and tables; it is not asked whether they are sane. That is decided here, and
 * before it is asked: the identification, the section header table and each table's extent are held against
 * the bytes first, so that libelf never meets a file that it would have to repair. Must never hand out an
 * index, a pointer or a size that was not checked against the bytes.
 */
#include "lib/elf/elf.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/cleanup.h"

/* While it is being read. The arrays are the ones of `elf`, writable. */
struct reader {
	const uint8_t *bytes;
	size_t size;
	Elf *handle;
	GElf_Ehdr header;
	GElf_Shdr *headers;	/* header.e_shnum of them */
	uint32_t symtab;	/* index of the symbol table; 0: none */
	struct xg_elf_section *sections;
	struct xg_elf_symbol *symbols;
	struct xg_elf_relocation *relocations;
	uint32_t symbol_count;
	uint32_t relocation_count;
};

static void reader_fini(struct reader *r)
{
	elf_end(r->handle);
	free(r->headers);
	free(r->sections);
	free(r->symbols);
	free(r->relocations);
}

/* ---- The file's header ----------------------------------------------------------------------------------- */

/* The bytes that say how all others are to be read: checked raw, before any decoder sees the file. */
static int check_identity(struct reader *r, struct xg_err *err)
{
	const uint8_t *id = r->bytes;

	if (r->size < sizeof(Elf64_Ehdr))
		return xg_fail(err, ENOEXEC, "%zu bytes are too few for an ELF header of %zu", r->size,
			       sizeof(Elf64_Ehdr));
	if (r->size > XG_ELF_BYTES_MAX)
		return xg_fail(err, ENOEXEC, "an image of %zu bytes, at most %u", r->size, XG_ELF_BYTES_MAX);
	if (memcmp(id, ELFMAG, SELFMAG) != 0)
		return xg_fail(err, ENOEXEC, "not an ELF file: it begins with %02x %02x %02x %02x", id[0], id[1],
			       id[2], id[3]);
	if (id[EI_CLASS] != ELFCLASS64)
		return xg_fail(err, ENOEXEC, "ELF class %u, not 64-bit", id[EI_CLASS]);
	if (id[EI_DATA] != ELFDATA2LSB)
		return xg_fail(err, ENOEXEC, "ELF data encoding %u, not little-endian", id[EI_DATA]);
	if (id[EI_VERSION] != EV_CURRENT)
		return xg_fail(err, ENOEXEC, "ELF version %u, not 1", id[EI_VERSION]);
	if (id[EI_OSABI] != ELFOSABI_SYSV && id[EI_OSABI] != ELFOSABI_GNU)
		return xg_fail(err, ENOEXEC, "ELF OS ABI %u, neither System V nor GNU", id[EI_OSABI]);
	return 0;
}

/* elf_memory() does not write to the bytes (it reads as ELF_C_READ does), it is only not declared const. */
static int open_handle(struct reader *r, struct xg_err *err)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return xg_fail(err, ENOEXEC, "libelf: %s", elf_errmsg(-1));
	r->handle = elf_memory((char *)(uintptr_t)r->bytes, r->size);
	if (!r->handle || !gelf_getehdr(r->handle, &r->header))
		return xg_fail(err, ENOEXEC, "libelf: %s", elf_errmsg(-1));
	return 0;
}

static int check_kind(struct reader *r, struct xg_err *err)
{
	const GElf_Ehdr *h = &r->header;

	if (h->e_type != ET_REL)
		return xg_fail(err, ENOEXEC, "ELF type %u, not a relocatable object", h->e_type);
	if (h->e_machine != EM_X86_64)
		return xg_fail(err, ENOEXEC, "ELF machine %u, not x86-64", h->e_machine);
	if (h->e_version != EV_CURRENT)
		return xg_fail(err, ENOEXEC, "ELF header version %u, not 1", h->e_version);
	if (h->e_ehsize != sizeof(Elf64_Ehdr))
		return xg_fail(err, ENOEXEC, "an ELF header of %u bytes, not %zu", h->e_ehsize, sizeof(Elf64_Ehdr));
	if (h->e_phnum != 0)
		return xg_fail(err, ENOEXEC, "%u program headers in a relocatable object", h->e_phnum);
	return 0;
}

/*
 * The section header table lies inside the file. Extended numbering (e_shnum 0, SHN_XINDEX) is for objects of
 * more than 65,279 sections, which the ceiling excludes: refused, not decoded.
 */
static int check_section_table(struct reader *r, struct xg_err *err)
{
	const GElf_Ehdr *h = &r->header;

	if (h->e_shnum == 0)
		return xg_fail(err, ENOEXEC, "no section headers");
	if (h->e_shnum > XG_ELF_SECTIONS_MAX)
		return xg_fail(err, ENOEXEC, "%u sections, at most %u", h->e_shnum, XG_ELF_SECTIONS_MAX);
	if (h->e_shentsize != sizeof(Elf64_Shdr))
		return xg_fail(err, ENOEXEC, "section headers of %u bytes, not %zu", h->e_shentsize,
			       sizeof(Elf64_Shdr));
	if (h->e_shoff % 8 != 0)
		return xg_fail(err, ENOEXEC, "section headers at byte %llu, not a multiple of 8",
			       (unsigned long long)h->e_shoff);
	if (h->e_shoff > r->size || h->e_shnum * sizeof(Elf64_Shdr) > r->size - h->e_shoff)
		return xg_fail(err, ENOEXEC, "%u section headers at byte %llu of a %zu-byte image", h->e_shnum,
			       (unsigned long long)h->e_shoff, r->size);
	if (h->e_shstrndx == SHN_UNDEF || h->e_shstrndx >= h->e_shnum)
		return xg_fail(err, ENOEXEC, "section names in section %u of %u", h->e_shstrndx, h->e_shnum);
	return 0;
}

/* ---- Sections -------------------------------------------------------------------------------------------- */

static int read_section_headers(struct reader *r, struct xg_err *err)
{
	uint32_t i;

	r->headers = calloc(r->header.e_shnum, sizeof(*r->headers));
	r->sections = calloc(r->header.e_shnum, sizeof(*r->sections));
	if (!r->headers || !r->sections)
		return xg_fail(err, ENOMEM, "no memory for %u sections", r->header.e_shnum);
	for (i = 0; i < r->header.e_shnum; i++) {
		Elf_Scn *scn = elf_getscn(r->handle, i);

		if (!scn || !gelf_getshdr(scn, &r->headers[i]))
			return xg_fail(err, ENOEXEC, "section %u: libelf: %s", i, elf_errmsg(-1));
	}
	return 0;
}

static int check_section_extent(const struct reader *r, uint32_t i, struct xg_err *err)
{
	const GElf_Shdr *h = &r->headers[i];

	if (h->sh_type == SHT_NOBITS) {
		if (h->sh_size > XG_ELF_BYTES_MAX)
			return xg_fail(err, ENOEXEC, "section %u asks for %llu zero bytes, at most %u", i,
				       (unsigned long long)h->sh_size, XG_ELF_BYTES_MAX);
		return 0;
	}
	if (h->sh_offset > r->size)
		return xg_fail(err, ENOEXEC, "section %u begins at byte %llu of a %zu-byte image", i,
			       (unsigned long long)h->sh_offset, r->size);
	if (h->sh_size > r->size - h->sh_offset)
		return xg_fail(err, ENOEXEC, "section %u has %llu bytes from byte %llu of a %zu-byte image", i,
			       (unsigned long long)h->sh_size, (unsigned long long)h->sh_offset, r->size);
	return 0;
}

/* 0 means 1 (gABI). More than a page could not be kept: a window's parts begin on pages. */
static int check_section_align(const struct reader *r, uint32_t i, struct xg_err *err)
{
	uint64_t align = r->headers[i].sh_addralign;

	if (align & (align - 1))
		return xg_fail(err, ENOEXEC, "section %u is aligned to %llu, not a power of two", i,
			       (unsigned long long)align);
	if (align > 4096)
		return xg_fail(err, ENOEXEC, "section %u is aligned to %llu, at most 4096", i,
			       (unsigned long long)align);
	return 0;
}

/* Entry 0 stands for "no section"; what else it could carry belongs to extended numbering. */
static int check_null_section(const struct reader *r, struct xg_err *err)
{
	const GElf_Shdr *h = &r->headers[0];

	if (h->sh_type != SHT_NULL || h->sh_size != 0 || h->sh_link != 0 || h->sh_name != 0)
		return xg_fail(err, ENOEXEC, "section 0 is not the null section");
	return 0;
}

/*
 * A string table that may be indexed: within the file and closed by a NUL, so that each string that begins
 * inside it ends inside it.
 */
static int check_strings(const struct reader *r, uint32_t i, const char *whose, struct xg_err *err)
{
	const GElf_Shdr *h = &r->headers[i];

	if (h->sh_type != SHT_STRTAB)
		return xg_fail(err, ENOEXEC, "%s names in section %u of type %u, not a string table", whose, i,
			       h->sh_type);
	if (h->sh_size == 0 || r->bytes[h->sh_offset + h->sh_size - 1] != '\0')
		return xg_fail(err, ENOEXEC, "%s names in section %u do not end with a NUL", whose, i);
	return 0;
}

static const char *string_at(const struct reader *r, uint32_t table, uint64_t offset)
{
	if (offset >= r->headers[table].sh_size)
		return NULL;
	return (const char *)r->bytes + r->headers[table].sh_offset + offset;
}

/* Hands one checked header on. A section of type SHT_NULL is inactive: its other fields mean nothing. */
static int take_section(struct reader *r, uint32_t i, struct xg_err *err)
{
	const GElf_Shdr *h = &r->headers[i];
	struct xg_elf_section *s = &r->sections[i];

	s->name = string_at(r, r->header.e_shstrndx, h->sh_name);
	if (!s->name)
		return xg_fail(err, ENOEXEC, "section %u is named by byte %u of a %llu-byte string table", i,
			       h->sh_name, (unsigned long long)r->headers[r->header.e_shstrndx].sh_size);
	s->type = h->sh_type;
	s->align = h->sh_addralign ? h->sh_addralign : 1;
	if (h->sh_type == SHT_NULL)
		return 0;
	s->flags = h->sh_flags;
	s->size = h->sh_size;
	s->data = h->sh_type == SHT_NOBITS ? NULL : r->bytes + h->sh_offset;
	return 0;
}

static int read_sections(struct reader *r, struct xg_err *err)
{
	uint32_t i;
	int rc;

	rc = read_section_headers(r, err);
	if (!rc)
		rc = check_null_section(r, err);
	for (i = 1; !rc && i < r->header.e_shnum; i++) {
		if (r->headers[i].sh_type == SHT_NULL)
			continue;
		rc = check_section_extent(r, i, err);
		if (!rc)
			rc = check_section_align(r, i, err);
	}
	if (!rc)
		rc = check_strings(r, r->header.e_shstrndx, "section", err);
	for (i = 0; !rc && i < r->header.e_shnum; i++)
		rc = take_section(r, i, err);
	return rc;
}

/* ---- Tables: symbols and relocations --------------------------------------------------------------------- */

/* Section I is an array of ENTRY-byte records; *ret_count of them, at most MAX. */
static int check_table(const struct reader *r, uint32_t i, size_t entry, uint32_t max, uint32_t *ret_count,
		       struct xg_err *err)
{
	const GElf_Shdr *h = &r->headers[i];

	if (h->sh_entsize != entry)
		return xg_fail(err, ENOEXEC, "section %u (%s) has entries of %llu bytes, not %zu", i,
			       r->sections[i].name, (unsigned long long)h->sh_entsize, entry);
	if (h->sh_size % entry != 0)
		return xg_fail(err, ENOEXEC, "section %u (%s) has %llu bytes, not a multiple of %zu", i,
			       r->sections[i].name, (unsigned long long)h->sh_size, entry);
	if (h->sh_size / entry > max)
		return xg_fail(err, ENOEXEC, "section %u (%s) has %llu entries, at most %u", i, r->sections[i].name,
			       (unsigned long long)(h->sh_size / entry), max);
	*ret_count = h->sh_size / entry;
	return 0;
}

/* The one symbol table. An index table beside it serves extended numbering only. */
static int find_symtab(struct reader *r, struct xg_err *err)
{
	uint32_t i;

	for (i = 1; i < r->header.e_shnum; i++) {
		if (r->headers[i].sh_type == SHT_SYMTAB_SHNDX)
			return xg_fail(err, ENOEXEC, "section %u: extended section numbers are not supported", i);
		if (r->headers[i].sh_type != SHT_SYMTAB)
			continue;
		if (r->symtab)
			return xg_fail(err, ENOEXEC, "two symbol tables, sections %u and %u", r->symtab, i);
		r->symtab = i;
	}
	return 0;
}

/* A defined symbol lies within its section; SHN_ABS has none to lie in. */
static int check_symbol_place(const struct reader *r, uint32_t i, const GElf_Sym *sym, const char *name,
			      struct xg_err *err)
{
	uint64_t size;

	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS)
		return 0;
	if (sym->st_shndx == SHN_COMMON)
		return xg_fail(err, ENOEXEC, "symbol %u (%s) is a common one: compile with -fno-common", i, name);
	if (sym->st_shndx >= r->header.e_shnum)
		return xg_fail(err, ENOEXEC, "symbol %u (%s) in section %u of %u", i, name, sym->st_shndx,
			       r->header.e_shnum);
	size = r->sections[sym->st_shndx].size;
	if (sym->st_value > size || sym->st_size > size - sym->st_value)
		return xg_fail(err, ENOEXEC, "symbol %u (%s) has %llu bytes from byte %llu of the %llu-byte section %u",
			       i, name, (unsigned long long)sym->st_size, (unsigned long long)sym->st_value,
			       (unsigned long long)size, sym->st_shndx);
	return 0;
}

static int take_symbol(struct reader *r, uint32_t i, const GElf_Sym *sym, struct xg_err *err)
{
	struct xg_elf_symbol *s = &r->symbols[i];
	uint32_t strings = r->headers[r->symtab].sh_link;
	int rc;

	s->name = string_at(r, strings, sym->st_name);
	if (!s->name)
		return xg_fail(err, ENOEXEC, "symbol %u is named by byte %u of a %llu-byte string table", i,
			       sym->st_name, (unsigned long long)r->headers[strings].sh_size);
	s->bind = GELF_ST_BIND(sym->st_info);
	s->type = GELF_ST_TYPE(sym->st_info);
	if (s->bind != STB_LOCAL && s->bind != STB_GLOBAL && s->bind != STB_WEAK)
		return xg_fail(err, ENOEXEC, "symbol %u (%s) has binding %u", i, s->name, s->bind);
	rc = check_symbol_place(r, i, sym, s->name, err);
	if (rc)
		return rc;
	s->section = sym->st_shndx;
	s->value = sym->st_value;
	s->size = sym->st_size;
	return 0;
}

static int check_symbol_strings(const struct reader *r, struct xg_err *err)
{
	uint32_t link = r->headers[r->symtab].sh_link;

	if (link == 0 || link >= r->header.e_shnum)
		return xg_fail(err, ENOEXEC, "symbol names in section %u of %u", link, r->header.e_shnum);
	return check_strings(r, link, "symbol", err);
}

static int read_symbols(struct reader *r, struct xg_err *err)
{
	Elf_Data *data;
	GElf_Sym sym;
	uint32_t i;
	int rc;

	rc = find_symtab(r, err);
	if (rc || !r->symtab)
		return rc;
	rc = check_table(r, r->symtab, sizeof(Elf64_Sym), XG_ELF_SYMBOLS_MAX, &r->symbol_count, err);
	if (!rc)
		rc = check_symbol_strings(r, err);
	if (rc || r->symbol_count == 0)
		return rc;
	r->symbols = calloc(r->symbol_count, sizeof(*r->symbols));
	if (!r->symbols)
		return xg_fail(err, ENOMEM, "no memory for %u symbols", r->symbol_count);
	data = elf_getdata(elf_getscn(r->handle, r->symtab), NULL);
	for (i = 0; !rc && i < r->symbol_count; i++) {
		if (!gelf_getsym(data, i, &sym))
			return xg_fail(err, ENOEXEC, "symbol %u: libelf: %s", i, elf_errmsg(-1));
		rc = take_symbol(r, i, &sym, err);
	}
	return rc;
}

/* Does section I hold relocations of a section that takes memory? Those of debug sections concern nobody here. */
static bool patches_memory(const struct reader *r, uint32_t i)
{
	const GElf_Shdr *h = &r->headers[i];

	return (h->sh_type == SHT_RELA || h->sh_type == SHT_REL) && h->sh_info < r->header.e_shnum &&
	       (r->sections[h->sh_info].flags & SHF_ALLOC);
}

static int check_relocation_section(const struct reader *r, uint32_t i, struct xg_err *err)
{
	const GElf_Shdr *h = &r->headers[i];
	const struct xg_elf_section *target = &r->sections[h->sh_info];

	if (h->sh_type == SHT_REL)
		return xg_fail(err, ENOEXEC, "section %u (%s) has relocations without addends, unknown to x86-64", i,
			       r->sections[i].name);
	if (r->symtab == 0 || h->sh_link != r->symtab)
		return xg_fail(err, ENOEXEC, "section %u (%s) is for symbol table %u, the object's is %u", i,
			       r->sections[i].name, h->sh_link, r->symtab);
	if (target->type == SHT_NOBITS)
		return xg_fail(err, ENOEXEC, "section %u (%s) patches section %u (%s), which has no bytes", i,
			       r->sections[i].name, h->sh_info, target->name);
	return 0;
}

/* How many there are in all, so that they go into one array; each section's part of it was checked. */
static int count_relocations(struct reader *r, struct xg_err *err)
{
	uint32_t i, n, total = 0;
	int rc;

	for (i = 1; i < r->header.e_shnum; i++) {
		if ((r->headers[i].sh_type == SHT_RELA || r->headers[i].sh_type == SHT_REL) &&
		    r->headers[i].sh_info >= r->header.e_shnum)
			return xg_fail(err, ENOEXEC, "section %u (%s) patches section %u of %u", i,
				       r->sections[i].name, r->headers[i].sh_info, r->header.e_shnum);
		if (!patches_memory(r, i))
			continue;
		rc = check_relocation_section(r, i, err);
		if (!rc)
			rc = check_table(r, i, sizeof(Elf64_Rela), XG_ELF_RELOCATIONS_MAX - total, &n, err);
		if (rc)
			return rc;
		total += n;
	}
	r->relocation_count = total;
	return 0;
}

static int take_relocation(const struct reader *r, uint32_t section, const GElf_Rela *rela,
			   struct xg_elf_relocation *out, struct xg_err *err)
{
	const struct xg_elf_section *target = &r->sections[section];

	if (rela->r_offset >= target->size)
		return xg_fail(err, ENOEXEC, "a relocation at byte %llu of the %llu-byte section %u (%s)",
			       (unsigned long long)rela->r_offset, (unsigned long long)target->size, section,
			       target->name);
	if (GELF_R_SYM(rela->r_info) >= r->symbol_count)
		return xg_fail(err, ENOEXEC, "the relocation at byte %llu of section %u (%s) is for symbol %llu of %u",
			       (unsigned long long)rela->r_offset, section, target->name,
			       (unsigned long long)GELF_R_SYM(rela->r_info), r->symbol_count);
	*out = (struct xg_elf_relocation){
		.section = section,
		.offset = rela->r_offset,
		.type = GELF_R_TYPE(rela->r_info),
		.symbol = GELF_R_SYM(rela->r_info),
		.addend = rela->r_addend,
	};
	return 0;
}

static int read_relocation_section(struct reader *r, uint32_t i, uint32_t *next, struct xg_err *err)
{
	Elf_Data *data = elf_getdata(elf_getscn(r->handle, i), NULL);
	uint32_t count = r->headers[i].sh_size / sizeof(Elf64_Rela);
	GElf_Rela rela;
	uint32_t k;
	int rc;

	for (k = 0; k < count; k++) {
		if (!gelf_getrela(data, k, &rela))
			return xg_fail(err, ENOEXEC, "section %u (%s), entry %u: libelf: %s", i, r->sections[i].name, k,
				       elf_errmsg(-1));
		rc = take_relocation(r, r->headers[i].sh_info, &rela, &r->relocations[*next], err);
		if (rc)
			return rc;
		(*next)++;
	}
	return 0;
}

static int read_relocations(struct reader *r, struct xg_err *err)
{
	uint32_t i, next = 0;
	int rc;

	rc = count_relocations(r, err);
	if (rc || r->relocation_count == 0)
		return rc;
	r->relocations = calloc(r->relocation_count, sizeof(*r->relocations));
	if (!r->relocations)
		return xg_fail(err, ENOMEM, "no memory for %u relocations", r->relocation_count);
	for (i = 1; !rc && i < r->header.e_shnum; i++)
		if (patches_memory(r, i))
			rc = read_relocation_section(r, i, &next, err);
	return rc;
}

/* ---- The whole -------------------------------------------------------------------------------------------- */

/* In this order: each stage relies on what the ones before it have checked. */
static int read_all(struct reader *r, struct xg_err *err)
{
	static int (*const stages[])(struct reader *, struct xg_err *) = {
		check_identity, open_handle, check_kind, check_section_table, read_sections, read_symbols,
		read_relocations,
	};
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < XG_ARRAY_SIZE(stages); i++)
		rc = stages[i](r, err);
	return rc;
}

/* The arrays change hands; the reader keeps nothing of them. */
static int hand_over(struct reader *r, struct xg_elf **ret, struct xg_err *err)
{
	struct xg_elf *elf = calloc(1, sizeof(*elf));

	if (!elf)
		return xg_fail(err, ENOMEM, "no memory for an image");
	*elf = (struct xg_elf){
		.sections = xg_take(r->sections),
		.section_count = r->header.e_shnum,
		.symbols = xg_take(r->symbols),
		.symbol_count = r->symbol_count,
		.relocations = xg_take(r->relocations),
		.relocation_count = r->relocation_count,
	};
	*ret = elf;
	return 0;
}

int xg_elf_open(const void *bytes, size_t size, struct xg_elf **ret, struct xg_err *err)
{
	struct reader r = { .bytes = bytes, .size = size };
	int rc;

	rc = read_all(&r, err);
	if (!rc)
		rc = hand_over(&r, ret, err);
	reader_fini(&r);
	return rc;
}

void xg_elf_close(struct xg_elf *elf)
{
	if (!elf)
		return;
	free((void *)(uintptr_t)elf->sections);
	free((void *)(uintptr_t)elf->symbols);
	free((void *)(uintptr_t)elf->relocations);
	free(elf);
}

const struct xg_elf_section *xg_elf_section(const struct xg_elf *elf, const char *name)
{
	const struct xg_elf_section *found = NULL;
	uint32_t i;

	for (i = 1; i < elf->section_count; i++) {
		if (elf->sections[i].type == SHT_NULL || strcmp(elf->sections[i].name, name) != 0)
			continue;
		if (found)
			return NULL;
		found = &elf->sections[i];
	}
	return found;
}

static bool defined(const struct xg_elf_symbol *s)
{
	return s->section != SHN_UNDEF && s->type != STT_SECTION && s->type != STT_FILE;
}

const struct xg_elf_symbol *xg_elf_symbol(const struct xg_elf *elf, const char *name)
{
	const struct xg_elf_symbol *found = NULL;
	uint32_t i;

	for (i = 1; i < elf->symbol_count; i++) {
		if (!defined(&elf->symbols[i]) || strcmp(elf->symbols[i].name, name) != 0)
			continue;
		if (found)
			return NULL;
		found = &elf->symbols[i];
	}
	return found;
}
