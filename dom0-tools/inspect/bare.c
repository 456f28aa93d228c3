// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bare kernel, found by its identity page (guest-stubs/bare/identity.h). Called by the search (kernel.c).
 * As with Linux a page's own word counts for nothing:
 *   - the tables that a processor runs on must have the claimed root, and map the image where the page says;
 *   - the symbol table must lie in the image, and its symbol bare_identity be the variable that the page names;
 *   - that variable must lead back to the page.
 * What is in a kernel's image no user program could have written.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/inspect/number.h"
#include "dom0-tools/inspect/probe.h"
#include "guest-stubs/bare/identity.h"
#include "lib/base/cleanup.h"

#define VARIABLE "bare_identity"

/* A private copy of the kernel's table, checked: offsets ascend, names end. */
struct table {
	uint32_t count;
	struct bare_symbol *symbols;
	char *strings;
};

static void table_free(void *p)
{
	struct table *t = p;

	if (!t)
		return;
	free(t->symbols);
	free(t->strings);
	free(t);
}

static void table_free_p(struct table **t)
{
	table_free(*t);
}

static struct gva address(const struct table *t, uint32_t i)
{
	return XG_GVA(BARE_IMAGE_BASE + t->symbols[i].offset);
}

static void table_find_all(const void *p, struct xg_ksyms_wanted *wanted, size_t count)
{
	const struct table *t = p;
	size_t w;
	uint32_t i;

	for (w = 0; w < count; w++) {
		wanted[w].found = 0;
		wanted[w].at = XG_GVA(0);
		for (i = 0; i < t->count; i++)
			if (!strcmp(t->strings + t->symbols[i].name, wanted[w].name)) {
				wanted[w].at = address(t, i);
				wanted[w].symbol = i;
				wanted[w].found++;
			}
	}
}

static int table_after(const void *p, struct gva addr, struct gva *ret, struct xg_err *err)
{
	const struct table *t = p;
	uint32_t i = 0;

	while (i < t->count && address(t, i).v <= addr.v)
		i++;
	if (i == t->count)
		return xg_fail(err, ENOENT, "no symbol above %#" PRIx64, addr.v);
	*ret = address(t, i);
	return 0;
}

static const struct xg_symbols_ops table_ops = { .find_all = table_find_all, .after = table_after, .free = table_free };

/* ---- What the page says ------------------------------------------------------------------------------------ */

static bool looks_like(const void *page)
{
	uint64_t magic;

	memcpy(&magic, page, sizeof(magic));
	return magic == BARE_IDENTITY_MAGIC;
}

static bool is_word(const char *text, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
	size_t n = strnlen(text, size);

	return n && n < size && strspn(text, letters) == n && text[0] != '.';
}

static bool is_build_id(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	return n < size && strspn(text, "0123456789abcdef") == n && n % 2 == 0 && n <= 40;
}

/* BYTES at AT lie in the image that the page names. By subtraction, so that nothing wraps. */
static bool in_image(const struct bare_identity *id, uint64_t at, uint64_t bytes)
{
	return at >= id->image && at - id->image <= id->image_bytes && bytes <= id->image_bytes - (at - id->image);
}

static int identity_check(const struct bare_identity *id, struct xg_err *err)
{
	if (id->version < 1 || id->size < sizeof(*id) || id->size > XG_PAGE_SIZE)
		return xg_fail(err, EBADMSG, "an identity page of version %u with %u bytes", id->version, id->size);
	if (!is_word(id->release, sizeof(id->release)) || !is_build_id(id->build_id, sizeof(id->build_id)))
		return xg_fail(err, EBADMSG, "an identity page whose release or build-id is none");
	if (id->levels != 4 || id->root % XG_PAGE_SIZE || id->root >> 52)
		return xg_fail(err, EBADMSG, "an identity page with %u levels of page tables at %#" PRIx64,
			       id->levels, id->root);
	if (id->image % XG_PAGE_SIZE || id->image < BARE_IMAGE_BASE ||
	    id->image - BARE_IMAGE_BASE >= BARE_IMAGE_BYTES_MAX ||
	    id->image_bytes > BARE_IMAGE_BYTES_MAX)
		return xg_fail(err, EBADMSG, "an identity page with an image of %" PRIu64 " bytes at %#" PRIx64,
			       id->image_bytes, id->image);
	if (!id->symbol_count || id->symbol_count > BARE_SYMBOLS_MAX || !id->strings_bytes ||
	    id->strings_bytes > BARE_STRINGS_BYTES_MAX)
		return xg_fail(err, EBADMSG, "an identity page with %" PRIu64 " symbols in %" PRIu64 " bytes of names",
			       id->symbol_count, id->strings_bytes);
	if (!in_image(id, id->symbols, id->symbol_count * sizeof(struct bare_symbol)) ||
	    !in_image(id, id->strings, id->strings_bytes) || !in_image(id, id->variable, 8) || id->variable % 8)
		return xg_fail(err, EBADMSG, "an identity page whose tables do not lie in its image");
	return 0;
}

/* The tables that a processor runs on: nobody but the kernel chose those. */
static int walk_of(const struct xg_claim *c, const struct bare_identity *id, struct xg_walk *ret, struct xg_err *err)
{
	*ret = (struct xg_walk){ .g = c->g, .root = XG_GFN(id->root >> XG_PAGE_SHIFT), .levels = id->levels };
	if (c->g->info.type == XG_GUEST_PV)
		return xg_fail(err, ENOTSUP, "a bare kernel as a PV guest");
	if (c->cpu && (c->cpu->levels != ret->levels || c->cpu->root.n != ret->root.n))
		return xg_fail(err, EBADMSG, "it puts the page tables at frame %#" PRIx64 ", the processor has them at "
			       "%#" PRIx64,
			       ret->root.n, c->cpu->root.n);
	return 0;
}

/* ---- The table --------------------------------------------------------------------------------------------- */

static int table_check(const struct table *t, const struct bare_identity *id, struct xg_err *err)
{
	uint32_t i, last = 0;

	if (t->strings[id->strings_bytes - 1])
		return xg_fail(err, ENOTSUP, "the last name of the symbol table does not end");
	for (i = 0; i < t->count; i++) {
		if (t->symbols[i].offset < last || t->symbols[i].name >= id->strings_bytes)
			return xg_fail(err, ENOTSUP, "entry %u of the symbol table is not in order", i);
		last = t->symbols[i].offset;
	}
	return 0;
}

static int table_load(const struct xg_walk *w, const struct bare_identity *id, struct table **ret, struct xg_err *err)
{
	struct table *t xg_auto(table_free_p) = calloc(1, sizeof(*t));
	size_t bytes = id->symbol_count * sizeof(struct bare_symbol);
	int rc;

	if (t) {
		t->count = (uint32_t)id->symbol_count;
		t->symbols = malloc(bytes);
		t->strings = malloc(id->strings_bytes);
	}
	if (!t || !t->symbols || !t->strings)
		return xg_fail(err, ENOMEM, "no memory for %s symbols", xg_number(id->symbol_count).text);
	rc = xg_walk_read(w, XG_GVA(id->symbols), t->symbols, bytes, NULL, err);
	if (!rc)
		rc = xg_walk_read(w, XG_GVA(id->strings), t->strings, id->strings_bytes, NULL, err);
	if (!rc)
		rc = table_check(t, id, err);
	if (!rc)
		*ret = xg_take(t);
	return rc;
}

/* The symbol of the variable, the variable, and the page it leads to must agree. */
static int own_page(const struct xg_walk *w, const struct table *t, const struct bare_identity *id, const uint8_t *text,
		    struct gfn *ret, struct xg_err *err)
{
	struct xg_ksyms_wanted variable = { .name = VARIABLE };
	struct xg_translation page;
	uint8_t own[sizeof(*id)];
	uint64_t pointer = 0;
	int rc;

	table_find_all(t, &variable, 1);
	if (variable.found != 1 || variable.at.v != id->variable)
		return xg_fail(err, EBADMSG, "the symbol table does not list " VARIABLE
			       " where the identity page has it");
	rc = xg_walk_read(w, variable.at, &pointer, sizeof(pointer), NULL, err);
	if (!rc && pointer % XG_PAGE_SIZE)
		rc = xg_fail(err, EBADMSG, VARIABLE " is %#" PRIx64 ", no page", pointer);
	if (!rc)
		rc = xg_walk(w, XG_GVA(pointer), &page, err);
	if (!rc)
		rc = xg_walk_read(w, XG_GVA(pointer), own, sizeof(own), NULL, err);
	if (rc)
		return rc;
	if (memcmp(own, text, sizeof(own)))
		return xg_fail(err, EBADMSG, "the kernel's own page is frame %#" PRIx64 " and says otherwise",
			       page.frame.n);
	*ret = page.frame;
	return 0;
}

static void os_fill(struct xg_os *os, const struct bare_identity *id, const struct xg_walk *w, struct gfn page)
{
	snprintf(os->name, sizeof(os->name), "bare");
	snprintf(os->arch, sizeof(os->arch), "x86_64");
	snprintf(os->release, sizeof(os->release), "%s", id->release);
	snprintf(os->build_id, sizeof(os->build_id), "%s", id->build_id);
	os->vmcoreinfo = page;
	os->vmcoreinfo_bytes = id->size;
	os->root = w->root;
	os->levels = (uint8_t)w->levels;
	os->symbols = (uint32_t)id->symbol_count;
}

static int bare_load(const struct xg_claim *c, const struct bare_identity *id, struct xg_walk *w, struct xg_os *os,
		     struct xg_symbols *symbols, struct xg_err *err)
{
	struct table *t xg_auto(table_free_p) = NULL;
	struct gfn page = { 0 };
	int rc;

	w->cache = xg_table_cache_create();
	if (!w->cache)
		return xg_fail(err, ENOMEM, "no memory to look at a kernel");
	rc = table_load(w, id, &t, err);
	if (!rc)
		rc = own_page(w, t, id, c->text, &page, err);
	xg_table_cache_destroy(w->cache);
	w->cache = NULL;
	if (rc)
		return rc;
	os_fill(os, id, w, page);
	*symbols = (struct xg_symbols){ .ops = &table_ops, .table = xg_take(t) };
	return 0;
}

static int bare_check(const struct xg_claim *c, struct xg_os *os, struct xg_symbols *symbols, struct xg_err *err)
{
	struct bare_identity id;
	struct xg_walk walk;
	int rc;

	memcpy(&id, c->text, sizeof(id));
	rc = identity_check(&id, err);
	if (!rc)
		rc = walk_of(c, &id, &walk, err);
	if (!rc)
		rc = c->afford(c, err);
	if (!rc)
		rc = bare_load(c, &id, &walk, os, symbols, err);
	if (rc)
		xg_fail_in(err, "bare kernel");
	return rc;
}

const struct xg_probe xg_probe_bare = { .looks_like = looks_like, .check = bare_check };
