// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Builds what fake_linux.h describes. The encoder of kallsyms is the test's own, written from scripts/kallsyms.c's
 * output.
 */
#include "tests/lib/fake_linux.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/array.h"

#define BYTES (FAKE_LINUX_PAGES * XG_PAGE_SIZE)
#define IMAGE_BYTES ((FAKE_LINUX_PAGES - FAKE_LINUX_IMAGE) * XG_PAGE_SIZE)
#define LINKED_AT (XG_LINUX_IMAGE_START + (16u << 20))	/* CONFIG_PHYSICAL_START */

#define P 0x001u
#define RW 0x002u
#define USER 0x004u
#define AD 0x060u
#define LARGE 0x080u
#define NX (UINT64_C(1) << 63)

#define TEN "abcdefghij"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
const char fake_linux_long_name[] = "_RNv_" HUNDRED HUNDRED HUNDRED;

/* Offsets into the image. Variables lie near the end, as .bss does. */
#define AT_TABLES 0x1000u	/* kallsyms */
#define AT_DATA ((uint64_t)(FAKE_LINUX_DATA - FAKE_LINUX_IMAGE) * XG_PAGE_SIZE)
#define AT_UTS (AT_DATA + 0x1000)
#define AT_SWAPPER (AT_DATA + 0x2000)
#define AT_BSS (AT_DATA + 0x1f0000)

struct symbol {
	uint64_t at;		/* offset into the image; of an absolute one its address */
	char type;
	const char *name;
	bool absolute;
};

static const struct symbol symbols[] = {
	{ 0, 'A', "fixed_percpu_data", true },
	{ 0x1000, 'A', "cpu_debug_store", true },
	{ 0x20000, 'A', "this_cpu_off", true },
	{ 0, 'T', "_stext", false },
	{ 0, 'T', "_text", false },
	{ 0x40, 't', "init_once", false },
	{ 0x80, 't', "init_once", false },
	{ 0x100, 'T', "printk", false },
	{ 0x140, 't', fake_linux_long_name, false },
	{ 0x200, 'W', "module_alloc", false },
	{ 0x300, 't', "init_once", false },
	{ 0x400, 't', "_spare", false },
	{ 0xf000, 'T', "_etext", false },
	{ AT_DATA, 'd', "shutdown_handlers", false },
	{ AT_UTS, 'D', "init_uts_ns", false },
	{ AT_SWAPPER, 'D', "init_top_pgt", false },
	{ AT_BSS + 0x940, 'B', "vmcoreinfo_data", false },
	{ AT_BSS + 0x948, 'b', "x", false },
};

#define SYMBOLS XG_ARRAY_SIZE(symbols)
#define EXTRA_MAX 64

struct fake_linux_list {
	size_t count;
	struct symbol at[SYMBOLS + EXTRA_MAX];
};

/*
 * Tokens besides the letters themselves, in slots that no letter uses; the fourth begins a name together with its
 * type.
 */
static const char *const words[] = { "init_", "percpu", "once", "Dinit", "vmcore", "_" TEN };

void *fake_linux_page(const struct fake_linux *f, size_t n)
{
	return f->memory + n * XG_PAGE_SIZE;
}

struct gfn fake_linux_frame(const struct fake_linux *f, size_t page)
{
	return XG_GFN(f->spec.first + page);
}

void *fake_linux_at(const struct fake_linux *f, struct gva image_address)
{
	if (image_address.v - f->image.v >= IMAGE_BYTES)
		abort();
	return (uint8_t *)fake_linux_page(f, FAKE_LINUX_IMAGE) + (image_address.v - f->image.v);
}

/* ---- Page tables ---------------------------------------------------------------------------------------------- */

static unsigned int levels(const struct fake_linux *f)
{
	return f->spec.five_levels ? 5 : 4;
}

static uint64_t *table_of(const struct fake_linux *f, uint64_t entry)
{
	return fake_linux_page(f, ((entry & UINT64_C(0x000ffffffffff000)) >> XG_PAGE_SHIFT) - f->spec.first);
}

/* The top level is the image's swapper_pg_dir; the others come from the pages for tables. */
static uint64_t *root_of(const struct fake_linux *f)
{
	return fake_linux_at(f, f->swapper_pg_dir);
}

static uint64_t *slot_of(uint64_t *table, struct gva addr, unsigned int level)
{
	return &table[addr.v >> (XG_PAGE_SHIFT + 9 * (level - 1)) & 511];
}

uint64_t *fake_linux_entry(const struct fake_linux *f, struct gva addr, unsigned int level)
{
	uint64_t *table = root_of(f), *entry;
	unsigned int at;

	for (at = levels(f); ; at--) {
		entry = slot_of(table, addr, at);
		if (at == level)
			return entry;
		if (!(*entry & P) || *entry & LARGE)
			return NULL;
		table = table_of(f, *entry);
	}
}

static void map_one(struct fake_linux *f, struct gva addr, size_t page, unsigned int leaf, uint64_t flags)
{
	uint64_t *table = root_of(f), *entry;
	unsigned int at;

	for (at = levels(f); at > leaf; at--) {
		entry = slot_of(table, addr, at);
		if (!*entry) {
			if (f->next_table == FAKE_LINUX_FREE)
				abort();
			*entry = fake_linux_frame(f, FAKE_LINUX_TABLES + f->next_table++).n << XG_PAGE_SHIFT | P | RW |
				 USER | AD;
		}
		table = table_of(f, *entry);
	}
	*slot_of(table, addr, leaf) = fake_linux_frame(f, page).n << XG_PAGE_SHIFT | P | AD | flags;
}

static void map(struct fake_linux *f, struct gva addr, size_t page, size_t count, uint64_t flags)
{
	size_t i, step = f->spec.large_pages ? 512 : 1;

	for (i = 0; i < count; i += step)
		map_one(f, gva_add(addr, i * XG_PAGE_SIZE), page + i, f->spec.large_pages ? 2 : 1,
			flags | (f->spec.large_pages ? LARGE : 0));
}

void fake_linux_map(struct fake_linux *f, struct gva addr, size_t page, size_t count, uint64_t flags)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct gva va = gva_add(addr, i * XG_PAGE_SIZE);

		map_one(f, va, page + i, 1, flags & ~FAKE_LINUX_ABSENT);
		if (flags & FAKE_LINUX_ABSENT)
			*fake_linux_entry(f, va, 1) = 0;
	}
}

static void build_tables(struct fake_linux *f)
{
	map(f, f->image, FAKE_LINUX_IMAGE, FAKE_LINUX_DATA - FAKE_LINUX_IMAGE, 0);
	map(f, gva_add(f->image, AT_DATA), FAKE_LINUX_DATA, FAKE_LINUX_PAGES - FAKE_LINUX_DATA, RW | NX);
	map(f, f->direct, 0, FAKE_LINUX_PAGES, RW | NX);
}

/* ---- kallsyms ------------------------------------------------------------------------------------------------- */

/* The number of the longest token that TEXT begins with. */
static uint8_t token_for(const char *text, size_t *ret_len)
{
	uint8_t best = (uint8_t)*text;
	size_t i;

	*ret_len = 1;
	for (i = 0; i < XG_ARRAY_SIZE(words); i++)
		if (!strncmp(text, words[i], strlen(words[i])) && strlen(words[i]) > *ret_len) {
			best = i + 1;
			*ret_len = strlen(words[i]);
		}
	return best;
}

static size_t name_put(uint8_t *at, const struct symbol *s, bool plain)
{
	uint8_t coded[XG_KSYMS_NAME_MAX];
	char text[XG_KSYMS_NAME_MAX + 1];
	const char *p = text;
	size_t len = 0, head, taken = 1;

	snprintf(text, sizeof(text), "%c%s", s->type, s->name);
	while (*p) {
		coded[len++] = plain ? (uint8_t)*p : token_for(p, &taken);
		p += taken;
	}
	head = len < 0x80 ? 1 : 2;
	at[0] = len < 0x80 ? len : (len & 0x7f) | 0x80;
	if (head == 2)
		at[1] = len >> 7;
	memcpy(at + head, coded, len);
	return head + len;
}

static int symbol_order(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->absolute != y->absolute)
		return x->absolute ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static bool is_extra(const struct fake_linux_spec *spec, const char *name)
{
	size_t i;

	for (i = 0; i < spec->extra_count; i++)
		if (!strcmp(spec->extra[i].name, name))
			return true;
	return false;
}

/* kallsyms lists by address. */
static void build_list(struct fake_linux *f)
{
	struct fake_linux_list *list = calloc(1, sizeof(*list));
	size_t i;

	if (!list || f->spec.extra_count > EXTRA_MAX)
		abort();
	for (i = 0; i < SYMBOLS; i++)
		if (!is_extra(&f->spec, symbols[i].name))
			list->at[list->count++] = symbols[i];
	for (i = 0; i < f->spec.extra_count; i++)
		list->at[list->count++] = (struct symbol){
			.at = f->spec.extra[i].offset, .type = f->spec.extra[i].offset < AT_DATA ? 'T' : 'D',
			.name = f->spec.extra[i].name };
	/* The built-in ones are in order, and of two at one address the order is theirs. */
	if (f->spec.extra_count)
		qsort(list->at, list->count, sizeof(list->at[0]), symbol_order);
	f->list = list;
}

static bool is_listed(const struct fake_linux *f, const struct symbol *s)
{
	return !s->absolute || f->spec.encoding == XG_KSYMS_ABSOLUTE_PERCPU;
}

static int32_t offset_of(const struct fake_linux *f, const struct symbol *s, uint32_t n)
{
	switch (f->spec.encoding) {
	case XG_KSYMS_ABSOLUTE_PERCPU:
		return s->absolute ? (int32_t)s->at : -1 - (int32_t)s->at;
	case XG_KSYMS_BASE:
		return s->at;
	case XG_KSYMS_PLACE:
		return f->image.v + s->at - (f->offsets.v + n * sizeof(int32_t));
	}
	return 0;
}

/* All letters as themselves, but for the long name's: it shall need more than 127 tokens. */
static void put_names(struct fake_linux *f, struct gva *at)
{
	uint8_t *p;
	size_t i;

	f->names = *at;
	p = fake_linux_at(f, f->names);
	for (i = 0; i < f->list->count; i++)
		if (is_listed(f, &f->list->at[i])) {
			p += name_put(p, &f->list->at[i], f->list->at[i].name == fake_linux_long_name);
			f->symbols++;
		}
	f->names_bytes = p - (uint8_t *)fake_linux_at(f, f->names);
	*at = XG_GVA((at->v + f->names_bytes + 7) & ~UINT64_C(7));
	f->num_syms = *at;
	memcpy(fake_linux_at(f, *at), &f->symbols, sizeof(f->symbols));
	*at = gva_add(*at, 8);
}

static void put_offsets(struct fake_linux *f, struct gva *at)
{
	uint32_t n = 0;
	size_t i;

	f->offsets = *at;
	for (i = 0; i < f->list->count; i++)
		if (is_listed(f, &f->list->at[i])) {
			int32_t offset = offset_of(f, &f->list->at[i], n);

			memcpy(fake_linux_at(f, gva_add(f->offsets, n * sizeof(offset))), &offset, sizeof(offset));
			n++;
		}
	*at = XG_GVA((at->v + n * sizeof(int32_t) + 7) & ~UINT64_C(7));
	f->relative_base = *at;
	memcpy(fake_linux_at(f, *at), &f->image.v, sizeof(f->image.v));
	*at = gva_add(*at, 8);
}

static void put_tokens(struct fake_linux *f, struct gva *at)
{
	char *table, *p;
	uint16_t index[256];
	size_t i;

	f->token_table = *at;
	p = table = fake_linux_at(f, *at);
	for (i = 0; i < 256; i++) {
		index[i] = p - table;
		if (i >= 1 && i <= XG_ARRAY_SIZE(words))
			p += sprintf(p, "%s", words[i - 1]) + 1;
		else if (i > 0x20 && i < 0x7f)
			p += sprintf(p, "%c", (int)i) + 1;
		else
			*p++ = '\0';
	}
	*at = XG_GVA((at->v + (p - table) + 7) & ~UINT64_C(7));
	f->token_index = *at;
	memcpy(fake_linux_at(f, *at), index, sizeof(index));
	*at = gva_add(*at, sizeof(index));
}

static void build_kallsyms(struct fake_linux *f)
{
	struct gva at = gva_add(f->image, AT_TABLES);

	if (!f->spec.tables_last)
		put_offsets(f, &at);
	put_names(f, &at);
	put_tokens(f, &at);
	if (f->spec.tables_last)
		put_offsets(f, &at);
}

/* ---- VMCOREINFO ----------------------------------------------------------------------------------------------- */

static void line(char **p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void line(char **p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*p += vsprintf(*p, fmt, ap);
	va_end(ap);
	*(*p)++ = '\n';
	**p = '\0';
}

static void build_vmcoreinfo(struct fake_linux *f)
{
	char *p = fake_linux_page(f, FAKE_LINUX_VMCOREINFO);
	uint64_t pointer = f->direct.v + FAKE_LINUX_VMCOREINFO * XG_PAGE_SIZE;

	line(&p, "OSRELEASE=%s", f->spec.release ? f->spec.release : "6.1.0-test");
	line(&p, "BUILD-ID=%s", "00112233445566778899aabbccddeeff00112233");
	line(&p, "PAGESIZE=4096");
	line(&p, "SYMBOL(init_uts_ns)=%" PRIx64, f->init_uts_ns.v);
	line(&p, "OFFSET(uts_namespace.name)=0");
	line(&p, "SYMBOL(swapper_pg_dir)=%" PRIx64, f->swapper_pg_dir.v);
	line(&p, "SYMBOL(_stext)=%" PRIx64, f->image.v);
	line(&p, "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129");
	line(&p, "SYMBOL(kallsyms_names)=%" PRIx64, f->names.v);
	line(&p, "SYMBOL(kallsyms_num_syms)=%" PRIx64, f->num_syms.v);
	line(&p, "SYMBOL(kallsyms_token_table)=%" PRIx64, f->token_table.v);
	line(&p, "SYMBOL(kallsyms_token_index)=%" PRIx64, f->token_index.v);
	line(&p, "SYMBOL(kallsyms_offsets)=%" PRIx64, f->offsets.v);
	if (f->spec.encoding != XG_KSYMS_PLACE)
		line(&p, "SYMBOL(kallsyms_relative_base)=%" PRIx64, f->relative_base.v);
	line(&p, "NUMBER(phys_base)=%" PRId64, (int64_t)f->phys_base);
	line(&p, "SYMBOL(init_top_pgt)=%" PRIx64, f->swapper_pg_dir.v);
	line(&p, "NUMBER(pgtable_l5_enabled)=%d", f->spec.five_levels);
	line(&p, "KERNELOFFSET=%" PRIx64, f->spec.kaslr);
	line(&p, "NUMBER(sme_mask)=0");
	memcpy(fake_linux_at(f, f->vmcoreinfo_data), &pointer, sizeof(pointer));
}

void fake_linux_text(struct fake_linux *f, const char *old, const char *new)
{
	char *page = fake_linux_page(f, FAKE_LINUX_VMCOREINFO), *at = strstr(page, old);
	char rest[XG_PAGE_SIZE];

	if (!at)
		abort();
	strcpy(rest, at + strlen(old));
	strcpy(stpcpy(at, new), rest);
}

/* ---- All of it ------------------------------------------------------------------------------------------------ */

static void layout(struct fake_linux *f)
{
	f->image = XG_GVA(LINKED_AT + f->spec.kaslr);
	f->direct = XG_GVA(f->spec.five_levels ? UINT64_C(0xff11000000000000) : UINT64_C(0xffff888000000000));
	f->init_uts_ns = gva_add(f->image, AT_UTS);
	f->swapper_pg_dir = gva_add(f->image, AT_SWAPPER);
	f->vmcoreinfo_data = gva_add(f->image, AT_BSS + 0x940);
	f->next_table = 1;
	/* A PV kernel's own idea of frames has nothing to do with the machine's. */
	f->phys_base = f->spec.type == XG_GUEST_PV ? 0 :
		       (f->spec.first + FAKE_LINUX_IMAGE) * XG_PAGE_SIZE - (f->image.v - XG_LINUX_IMAGE_START);
}

static void build_guest(struct fake_linux *f)
{
	struct xg_guest_info info = { .domid = 7, .name = "fake", .type = f->spec.type, .vcpus = 1,
				      .pages = FAKE_LINUX_PAGES, .uuid = { 1, 2, 3 }, .running_once = true };
	struct xg_paging paging = { .root = fake_linux_frame(f, FAKE_LINUX_DATA + 2), .levels = levels(f) };

	f->guest = xg_guest_fake(&info, f->memory, XG_GFN(f->spec.first), FAKE_LINUX_PAGES, paging.root);
	if (!f->guest)
		abort();
	if (!f->spec.asks_no_cpu)
		xg_guest_fake_paging(f->guest, &paging);
}

struct fake_linux *fake_linux_new(const struct fake_linux_spec *spec, void *memory)
{
	struct fake_linux *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->spec = *spec;
	f->memory = memory ? memory : mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f->memory == MAP_FAILED)
		abort();
	f->owned = !memory;
	layout(f);
	build_list(f);
	build_tables(f);
	build_kallsyms(f);
	build_vmcoreinfo(f);
	if (f->owned)
		build_guest(f);
	return f;
}

void fake_linux_free(struct fake_linux *f)
{
	if (!f)
		return;
	xg_guest_close(f->guest);
	if (f->owned)
		munmap(f->memory, BYTES);
	free(f->list);
	free(f);
}
