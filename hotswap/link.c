// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lays an image out in a window's text and data part and relocates it, as the guest's module loader would
 * have done. Called by window.c; link_rules.c says what becomes of each section.
 *
 * Works on private memory only. Must never write outside the two parts given to it, and never let an image
 * through whose code would need the module loader for more than is done here.
 */
#include "hotswap/link.h"

#include <inttypes.h>
#include <string.h>

#include "hotswap/link_rules.h"
#include "lib/base/array.h"
#include "lib/base/cleanup.h"

enum part { PART_TEXT, PART_DATA, PARTS, PART_NONE };

static const char *const part_names[PARTS] = { "text", "data" };
static const uint8_t part_fill[PARTS] = { 0xcc, 0 };	/* int3: a stray jump is caught where it lands */

/* Where a section lies. */
struct place {
	enum part part;
	uint64_t offset;	/* from the part's start */
};

struct layout {
	struct place *places;	/* one a section */
	uint64_t bytes[PARTS];
	uint64_t align[PARTS];
};

static void layout_fini(struct layout *l)
{
	free(l->places);
}

/* ---- Layout ----------------------------------------------------------------------------------------------- */

/*
 * A section's place in the order of a window, which depends on nothing but the image: code, constants; variables,
 * zeroed variables. Within a rank the object's own order is kept.
 */
enum rank { RANK_CODE, RANK_CONSTANTS, RANK_VARIABLES, RANK_ZEROED, RANKS, RANK_NOWHERE };

static enum part part_of_rank(enum rank rank)
{
	return rank <= RANK_CONSTANTS ? PART_TEXT : PART_DATA;
}

/* What the rule for a name cannot know: is the section of the kind that the name promises? */
static int check_loadable(const struct xg_elf_section *s, enum part part, struct xg_err *err)
{
	if (s->type != SHT_PROGBITS && s->type != SHT_NOBITS)
		return xg_fail(err, ENOTSUP, "section %s has type %u, neither bytes nor zeroes", s->name, s->type);
	if (s->flags & SHF_TLS)
		return xg_fail(err, ENOTSUP, "section %s holds thread-local variables, which a kernel has not",
			       s->name);
	if (s->flags & SHF_COMPRESSED)
		return xg_fail(err, ENOTSUP, "section %s is compressed", s->name);
	if ((s->flags & SHF_EXECINSTR) && part == PART_DATA)
		return xg_fail(err, ENOTSUP, "section %s is executable and would lie in the data part", s->name);
	return 0;
}

static enum rank rank_in(const struct xg_elf_section *s, enum part part)
{
	if (part == PART_TEXT)
		return s->flags & SHF_EXECINSTR ? RANK_CODE : RANK_CONSTANTS;
	return s->type == SHT_NOBITS ? RANK_ZEROED : RANK_VARIABLES;
}

static int section_rank(const struct xg_elf_section *s, enum rank *ret, struct xg_err *err)
{
	const struct xg_link_rule *rule = xg_link_rule(s);
	enum part part;
	int rc;

	*ret = RANK_NOWHERE;
	if (rule->action == XG_LINK_REFUSE && s->size != 0)
		return xg_fail(err, ENOTSUP, "section %s is refused: %s", s->name, rule->why);
	if (rule->action == XG_LINK_REFUSE || rule->action == XG_LINK_IGNORE)
		return 0;
	part = rule->action == XG_LINK_TEXT && !(s->flags & SHF_WRITE) ? PART_TEXT : PART_DATA;
	rc = check_loadable(s, part, err);
	if (!rc)
		*ret = rank_in(s, part);
	return rc;
}

/* Sizes cannot overflow: XG_ELF_SECTIONS_MAX times (XG_ELF_BYTES_MAX + a page) is below 2^35. */
static void layout_add(struct layout *l, uint32_t section, enum part part, const struct xg_elf_section *s)
{
	uint64_t at = (l->bytes[part] + s->align - 1) & ~(s->align - 1);

	l->places[section] = (struct place){ .part = part, .offset = at };
	l->bytes[part] = at + s->size;
	if (l->align[part] < s->align)
		l->align[part] = s->align;
}

static int layout_rank(const struct xg_elf *elf, struct layout *l, enum rank rank, struct xg_err *err)
{
	enum rank mine;
	uint32_t i;
	int rc;

	for (i = 1; i < elf->section_count; i++) {
		rc = section_rank(&elf->sections[i], &mine, err);
		if (rc)
			return rc;
		if (mine == rank)
			layout_add(l, i, part_of_rank(rank), &elf->sections[i]);
	}
	return 0;
}

static int layout_init(const struct xg_elf *elf, struct layout *l, struct xg_err *err)
{
	enum rank rank;
	uint32_t i;
	int rc = 0;

	*l = (struct layout){ .align = { 1, 1 } };
	l->places = calloc(elf->section_count, sizeof(*l->places));
	if (!l->places)
		return xg_fail(err, ENOMEM, "no memory for the places of %u sections", elf->section_count);
	for (i = 0; i < elf->section_count; i++)
		l->places[i].part = PART_NONE;
	for (rank = 0; !rc && rank < RANKS; rank++)
		rc = layout_rank(elf, l, rank, err);
	return rc;
}

int xg_link_size(const struct xg_elf *elf, struct xg_link_size *ret, struct xg_err *err)
{
	xg_auto(layout_fini) struct layout l;
	int rc;

	rc = layout_init(elf, &l, err);
	if (rc)
		return rc;
	*ret = (struct xg_link_size){
		.text_bytes = l.bytes[PART_TEXT],
		.data_bytes = l.bytes[PART_DATA],
		.text_align = l.align[PART_TEXT],
		.data_align = l.align[PART_DATA],
	};
	return 0;
}

static int check_part(const struct layout *l, enum part i, const struct xg_part *part, struct xg_err *err)
{
	if (l->bytes[i] > part->room)
		return xg_fail(err, ENOSPC,
			       "the image's %s needs %" PRIu64 " bytes, its part of the window has %" PRIu64,
			       part_names[i], l->bytes[i], part->room);
	if (part->at.v & (l->align[i] - 1))
		return xg_fail(err, EINVAL, "the %s part at 0x%" PRIx64 " is not aligned to %" PRIu64, part_names[i],
			       part->at.v, l->align[i]);
	if (part->room > UINT64_MAX - part->at.v)
		return xg_fail(err, EINVAL, "the %s part at 0x%" PRIx64 " of %" PRIu64 " bytes wraps around",
			       part_names[i], part->at.v, part->room);
	return 0;
}

/* ---- One link --------------------------------------------------------------------------------------------- */

struct linker {
	const struct xg_elf *elf;
	const struct xg_resolver *resolver;	/* may be NULL */
	const struct xg_part *parts[PARTS];
	struct layout layout;
	struct gva *addresses;	/* of symbols; each is found once */
	bool *known;		/* which of them are */
};

static void linker_fini(struct linker *l)
{
	layout_fini(&l->layout);
	free(l->addresses);
	free(l->known);
}

static int linker_init(struct linker *l, struct xg_err *err)
{
	enum part i;
	int rc;

	rc = layout_init(l->elf, &l->layout, err);
	for (i = 0; !rc && i < PARTS; i++)
		rc = check_part(&l->layout, i, l->parts[i], err);
	return rc;
}

/* Symbol 0 counts, so that an object without symbols asks for memory too. */
static int linker_reserve_symbols(struct linker *l, struct xg_err *err)
{
	l->addresses = calloc(l->elf->symbol_count + 1, sizeof(*l->addresses));
	l->known = calloc(l->elf->symbol_count + 1, sizeof(*l->known));
	if (!l->addresses || !l->known)
		return xg_fail(err, ENOMEM, "no memory for the addresses of %u symbols", l->elf->symbol_count);
	return 0;
}

/* Where SECTION's bytes go in the caller's memory. */
static uint8_t *section_bytes(const struct linker *l, uint32_t section)
{
	const struct place *p = &l->layout.places[section];

	return l->parts[p->part]->bytes + p->offset;
}

static struct gva section_address(const struct linker *l, uint32_t section)
{
	const struct place *p = &l->layout.places[section];

	return gva_add(l->parts[p->part]->at, p->offset);
}

static void fill_parts(const struct linker *l)
{
	enum part i;

	for (i = 0; i < PARTS; i++)
		if (l->parts[i]->room)
			memset(l->parts[i]->bytes, part_fill[i], l->parts[i]->room);
}

/* Zeroed sections are written as well: the text part's filling is not zero (.rodata may be SHT_NOBITS). */
static void copy_sections(const struct linker *l)
{
	const struct xg_elf_section *s;
	uint32_t i;

	for (i = 1; i < l->elf->section_count; i++) {
		s = &l->elf->sections[i];
		if (l->layout.places[i].part == PART_NONE || s->size == 0)
			continue;
		if (s->data)
			memcpy(section_bytes(l, i), s->data, s->size);
		else
			memset(section_bytes(l, i), 0, s->size);
	}
}

/* ---- Symbols ---------------------------------------------------------------------------------------------- */

/* Imports that a name in the kernel's table would answer wrongly. */
static const struct {
	const char *name;
	const char *why;
} refused_imports[] = {
	{ "__this_module", "THIS_MODULE does not exist: the image is no module" },
	{ "_GLOBAL_OFFSET_TABLE_", "position-independent code needs a table that is not made" },
};

static int check_import(const struct xg_elf_symbol *s, struct xg_err *err)
{
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(refused_imports); i++)
		if (strcmp(s->name, refused_imports[i].name) == 0)
			return xg_fail(err, ENOTSUP, "import %s is refused: %s", s->name, refused_imports[i].why);
	if (s->bind == STB_WEAK)
		return xg_fail(err, ENOTSUP,
			       "import %s is weak: whether it is there must not change what the image does", s->name);
	return 0;
}

static int resolve_import(const struct linker *l, const struct xg_elf_symbol *s, struct gva *ret, struct xg_err *err)
{
	struct gva found = XG_GVA(0);
	int rc;

	rc = check_import(s, err);
	if (rc)
		return rc;
	if (!l->resolver || !l->resolver->symbol)
		return xg_fail(err, ENOENT, "the image imports %s, and nothing may be imported", s->name);
	if (err)
		*err = (struct xg_err)XG_ERR_NONE;
	rc = l->resolver->symbol(l->resolver->ctx, s->name, &found, err);
	if (rc) {
		if (err && err->code == 0)
			return xg_fail_errno(err, -rc, "import %s", s->name);
		xg_fail_in(err, "import %s", s->name);
		return rc;
	}
	*ret = found;
	return 0;
}

static int defined_address(const struct linker *l, const struct xg_elf_symbol *s, struct gva *ret,
			   struct xg_err *err)
{
	if (s->section == SHN_ABS) {
		*ret = XG_GVA(s->value);
		return 0;
	}
	if (l->layout.places[s->section].part == PART_NONE && s->type == STT_SECTION)
		return xg_fail(err, ENOTSUP, "it uses section %s, which is not loaded",
			       l->elf->sections[s->section].name);
	if (l->layout.places[s->section].part == PART_NONE)
		return xg_fail(err, ENOTSUP, "symbol %s lies in section %s, which is not loaded", s->name,
			       l->elf->sections[s->section].name);
	*ret = gva_add(section_address(l, s->section), s->value);
	return 0;
}

/* ELF's functions that choose functions, and thread-local variables, have no meaning in a kernel. */
static int check_symbol_type(const struct xg_elf_symbol *s, struct xg_err *err)
{
	if (s->type == STT_GNU_IFUNC || s->type == STT_TLS || s->type == STT_COMMON)
		return xg_fail(err, ENOTSUP, "symbol %s has type %u", s->name, s->type);
	return 0;
}

static int symbol_address(struct linker *l, uint32_t index, struct gva *ret, struct xg_err *err)
{
	const struct xg_elf_symbol *s = &l->elf->symbols[index];
	int rc;

	if (!l->known[index]) {
		if (index == 0)
			return xg_fail(err, ENOTSUP, "a relocation names no symbol");
		rc = check_symbol_type(s, err);
		if (!rc && s->section == SHN_UNDEF)
			rc = resolve_import(l, s, &l->addresses[index], err);
		else if (!rc)
			rc = defined_address(l, s, &l->addresses[index], err);
		if (rc)
			return rc;
		l->known[index] = true;
	}
	*ret = l->addresses[index];
	return 0;
}

/* ---- Relocations ------------------------------------------------------------------------------------------ */

/* What the result must fit into, so that the processor gets back the same 64 bits. */
enum range { RANGE_ANY, RANGE_SIGNED_32, RANGE_UNSIGNED_32 };

/* psABI x86-64, table 4.9: S + A, or S + A - P where it is relative. PLT32 is PC32: there is no PLT. */
struct kind {
	uint32_t type;
	const char *name;
	uint32_t width;		/* bytes; 0: known by name alone, not done */
	bool relative;
	enum range range;
};

static const struct kind kinds[] = {
	{ R_X86_64_64, "R_X86_64_64", 8, false, RANGE_ANY },
	{ R_X86_64_PC64, "R_X86_64_PC64", 8, true, RANGE_ANY },
	{ R_X86_64_PC32, "R_X86_64_PC32", 4, true, RANGE_SIGNED_32 },
	{ R_X86_64_PLT32, "R_X86_64_PLT32", 4, true, RANGE_SIGNED_32 },
	{ R_X86_64_32, "R_X86_64_32", 4, false, RANGE_UNSIGNED_32 },
	{ R_X86_64_32S, "R_X86_64_32S", 4, false, RANGE_SIGNED_32 },
	{ R_X86_64_GOTPCREL, "R_X86_64_GOTPCREL", 0, false, RANGE_ANY },
	{ R_X86_64_GOTPCRELX, "R_X86_64_GOTPCRELX", 0, false, RANGE_ANY },
	{ R_X86_64_REX_GOTPCRELX, "R_X86_64_REX_GOTPCRELX", 0, false, RANGE_ANY },
	{ R_X86_64_GOT32, "R_X86_64_GOT32", 0, false, RANGE_ANY },
	{ R_X86_64_GOTOFF64, "R_X86_64_GOTOFF64", 0, false, RANGE_ANY },
	{ R_X86_64_COPY, "R_X86_64_COPY", 0, false, RANGE_ANY },
	{ R_X86_64_16, "R_X86_64_16", 0, false, RANGE_ANY },
	{ R_X86_64_8, "R_X86_64_8", 0, false, RANGE_ANY },
};

/* One relocation, with all that belongs to it found and checked: the patched bytes lie within the section. */
struct patch {
	const struct kind *kind;
	const struct xg_elf_relocation *reloc;
	const char *section;	/* names, for errors */
	const char *symbol;
	uint8_t *bytes;		/* the first of kind->width */
	struct gva at;		/* their address in the guest */
};

static const struct kind *kind_of(uint32_t type)
{
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

/* A section symbol has no name of its own. */
static const char *symbol_name(const struct xg_elf *elf, uint32_t index)
{
	const struct xg_elf_symbol *s = &elf->symbols[index];

	if (s->name[0] == '\0' && s->section < elf->section_count)
		return elf->sections[s->section].name;
	return s->name;
}

static int patch_find(const struct linker *l, const struct xg_elf_relocation *r, struct patch *p, struct xg_err *err)
{
	const struct xg_elf_section *s = &l->elf->sections[r->section];

	p->reloc = r;
	p->section = s->name;
	p->symbol = symbol_name(l->elf, r->symbol);
	p->kind = kind_of(r->type);
	if (!p->kind)
		return xg_fail(err, ENOTSUP, "relocation of type %u at %s+0x%" PRIx64 " (%s) is not supported", r->type,
			       s->name, r->offset, p->symbol);
	if (p->kind->width == 0)
		return xg_fail(err, ENOTSUP, "relocation %s at %s+0x%" PRIx64 " (%s) is not supported", p->kind->name,
			       s->name, r->offset, p->symbol);
	if (p->kind->width > s->size - r->offset)
		return xg_fail(err, ENOEXEC,
			       "relocation %s at %s+0x%" PRIx64 " ends past the section's %" PRIu64 " bytes",
			       p->kind->name, s->name, r->offset, s->size);
	p->bytes = section_bytes(l, r->section) + r->offset;
	p->at = gva_add(section_address(l, r->section), r->offset);
	return 0;
}

/*
 * With explicit addends the patched bytes are zero (kernel/module does the same check). Anything else was patched
 * already, or overlaps what was.
 */
static int check_untouched(const struct patch *p, struct xg_err *err)
{
	static const uint8_t zeroes[8];

	if (memcmp(p->bytes, zeroes, p->kind->width) != 0)
		return xg_fail(err, ENOEXEC, "relocation %s at %s+0x%" PRIx64 " (%s) patches bytes that are not zero",
			       p->kind->name, p->section, p->reloc->offset, p->symbol);
	return 0;
}

static bool in_range(uint64_t value, enum range range)
{
	switch (range) {
	case RANGE_SIGNED_32:
		return value == (uint64_t)(int64_t)(int32_t)value;
	case RANGE_UNSIGNED_32:
		return value == (uint32_t)value;
	case RANGE_ANY:
		break;
	}
	return true;
}

/* Both little-endian: the object was checked to be, the hosts that Xen's Dom0 runs on for x86 guests are. */
static int patch_write(const struct patch *p, struct gva symbol, struct xg_err *err)
{
	uint64_t value = symbol.v + (uint64_t)p->reloc->addend;

	if (p->kind->relative)
		value -= p->at.v;
	if (!in_range(value, p->kind->range))
		return xg_fail(err, ENOEXEC,
			       "relocation %s at %s+0x%" PRIx64 ": %s at 0x%" PRIx64 " is out of reach from 0x%"
			       PRIx64, p->kind->name, p->section, p->reloc->offset, p->symbol, symbol.v, p->at.v);
	memcpy(p->bytes, &value, p->kind->width);
	return 0;
}

/* ---- Imports that the module loader rewrites -------------------------------------------------------------- */

#define OP_JMP32 0xe9
#define OP_CALL32 0xe8
#define OP_RET 0xc3
#define OP_INT3 0xcc
#define OP_TWO_BYTES 0x0f
#define OP2_JCC32 0x80		/* ..0x8f, after 0x0f */

/*
 * Is the patch the operand of a branch whose opcode's last byte stands right before it? The byte could belong to
 * another instruction's operand only if a compiler used a branch target's symbol as data.
 */
static bool is_branch_operand(const struct patch *p)
{
	return p->kind->width == 4 && p->kind->relative && p->reloc->addend == -4 && p->reloc->offset >= 1;
}

static bool is_branch(const struct patch *p, uint8_t opcode)
{
	return is_branch_operand(p) && p->bytes[-1] == opcode;
}

static bool is_conditional(const struct patch *p)
{
	return is_branch_operand(p) && p->reloc->offset >= 2 && p->bytes[-2] == OP_TWO_BYTES &&
	       (p->bytes[-1] & 0xf0) == OP2_JCC32;
}

/* `jmp __x86_return_thunk` (e9 rel32) -> `ret`, and nothing to fall through to. */
static void write_return(const struct patch *p)
{
	p->bytes[-1] = OP_RET;
	memset(p->bytes, OP_INT3, 4);
}

/*
 * The kernel patches its own returns (apply_returns) to jump to the thunk that it chose, or to be plain ones
 * where it chose none; __x86_return_thunk is then no longer meant to be reached, and since 6.9 warns. A conditional
 * jump can go to another thunk, but cannot become a return: kbuild has the compiler make none.
 */
static int link_return(struct linker *l, const struct patch *p, struct gva symbol, struct xg_err *err)
{
	struct gva chosen = l->resolver->return_thunk;

	if (chosen.v == 0)
		return patch_write(p, symbol, err);
	if (is_branch(p, OP_JMP32) && chosen.v == symbol.v) {
		write_return(p);
		return 0;
	}
	if (is_branch(p, OP_JMP32) || (is_conditional(p) && chosen.v != symbol.v))
		return patch_write(p, chosen, err);
	return xg_fail(err, ENOTSUP, "%s+0x%" PRIx64 " uses %s in a way that cannot be made a return", p->section,
		       p->reloc->offset, p->symbol);
}

/* `call __fentry__` becomes the 5-byte NOP that ftrace would have put there (ftrace_init_nop). */
static bool link_fentry(const struct patch *p)
{
	static const uint8_t nop5[5] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

	if (!is_branch(p, OP_CALL32))
		return false;
	memcpy(p->bytes - 1, nop5, sizeof(nop5));
	return true;
}

static bool imports(const struct linker *l, const struct patch *p, const char *name)
{
	const struct xg_elf_symbol *s = &l->elf->symbols[p->reloc->symbol];

	return s->section == SHN_UNDEF && strcmp(s->name, name) == 0;
}

static int link_one(struct linker *l, const struct xg_elf_relocation *r, struct xg_err *err)
{
	struct gva symbol = XG_GVA(0);
	struct patch p;
	int rc;

	rc = patch_find(l, r, &p, err);
	if (!rc)
		rc = check_untouched(&p, err);
	if (rc)
		return rc;
	if (imports(l, &p, "__fentry__") && link_fentry(&p))
		return 0;
	rc = symbol_address(l, r->symbol, &symbol, err);
	if (rc) {
		xg_fail_in(err, "%s+0x%" PRIx64, p.section, r->offset);
		return rc;
	}
	if (imports(l, &p, "__x86_return_thunk"))
		return link_return(l, &p, symbol, err);
	return patch_write(&p, symbol, err);
}

/* Relocations of sections that are not loaded are nobody's. */
static int link_all(struct linker *l, struct xg_err *err)
{
	const struct xg_elf_relocation *r;
	uint32_t i;
	int rc;

	for (i = 0; i < l->elf->relocation_count; i++) {
		r = &l->elf->relocations[i];
		if (r->type == R_X86_64_NONE || l->layout.places[r->section].part == PART_NONE)
			continue;
		rc = link_one(l, r, err);
		if (rc)
			return rc;
	}
	return 0;
}

int xg_link(const struct xg_elf *elf, const struct xg_resolver *resolver, const struct xg_part *text,
	    const struct xg_part *data, struct xg_err *err)
{
	xg_auto(linker_fini) struct linker l = { .elf = elf, .resolver = resolver, .parts = { text, data } };
	int rc;

	rc = linker_init(&l, err);
	if (!rc)
		rc = linker_reserve_symbols(&l, err);
	if (rc)
		return rc;
	fill_parts(&l);
	copy_sections(&l);
	return link_all(&l, err);
}

int xg_link_address(const struct xg_elf *elf, const char *symbol, const struct xg_part *text,
		    const struct xg_part *data, struct gva *ret, struct xg_err *err)
{
	xg_auto(linker_fini) struct linker l = { .elf = elf, .parts = { text, data } };
	const struct xg_elf_symbol *s = xg_elf_symbol(elf, symbol);
	int rc;

	if (!s)
		return xg_fail(err, ENOENT, "the image does not define %s, or more than once", symbol);
	rc = linker_init(&l, err);
	if (!rc)
		rc = defined_address(&l, s, ret, err);
	return rc;
}
