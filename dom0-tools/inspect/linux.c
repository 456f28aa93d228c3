// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Linux, found by its VMCOREINFO page. Called by the search (kernel.c); must never take a page's word for
 * anything that the guest's users could have written.
 *
 * A user program can fill its pages with text that looks like a kernel's VMCOREINFO, page tables and symbols
 * included. Three things it cannot do, and each claim is held against them:
 *   - choose what a processor follows: the tables that a vCPU really runs on must map the claimed
 *     swapper_pg_dir to the claimed root;
 *   - put anything into the kernel's image: every address taken from the text must lie there;
 *   - make the kernel's own variable vmcoreinfo_data point at its page: the page that this variable leads to is the one
 *     that counts, and must say the same.
 * Where no processor can be asked the last two must hold for one page alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/inspect/kallsyms.h"
#include "dom0-tools/inspect/pointed.h"
#include "dom0-tools/inspect/probe.h"
#include "dom0-tools/inspect/vmcoreinfo.h"

struct claim {
	const uint8_t *text;	/* private copy of the page */
	struct xg_vmcoreinfo v;
	struct xg_walk walk;	/* through its page tables */
};

/* ---- Does the processor agree? ----------------------------------------------------------------------------- */

/*
 * Sets the claim's root: for a PV guest what the processor's tables map swapper_pg_dir to (a machine frame,
 * of which the text knows nothing), otherwise what the text says, and then both must be the same.
 */
static int claim_root(struct claim *c, struct xg_guest *g, const struct xg_paging *cpu, struct xg_err *err)
{
	const struct xg_walk walk = { .g = g, .root = cpu->root, .levels = cpu->levels };
	struct xg_translation t;
	int rc;

	if (cpu->levels != c->v.levels)
		return xg_fail(err, EBADMSG, "it claims page tables of %u levels, the processor's have %u", c->v.levels,
			       cpu->levels);
	rc = xg_walk(&walk, c->v.swapper_pg_dir, &t, err);
	if (rc)
		return rc;
	if (g->info.type != XG_GUEST_PV && t.frame.n != c->v.root.n)
		return xg_fail(err, EBADMSG,
			       "it puts the page tables at frame %#" PRIx64 ", the processor has them at %#" PRIx64,
			       c->v.root.n, t.frame.n);
	c->walk.root = t.frame;
	return 0;
}

/* Where no processor can be asked the claim's own word is all there is. */
static int claim_paging(struct claim *c, struct xg_guest *g, const struct xg_paging *cpu, struct xg_err *err)
{
	c->walk = (struct xg_walk){ .g = g, .root = c->v.root, .levels = c->v.levels };
	return cpu ? claim_root(c, g, cpu, err) : 0;
}

/* ---- Is it the kernel's own page? -------------------------------------------------------------------------- */

static int source_read(void *ctx, struct gva addr, void *buf, size_t bytes, size_t *ret_got, struct xg_err *err)
{
	return xg_walk_read(ctx, addr, buf, bytes, ret_got, err);
}

/* Follows vmcoreinfo_data to its page; it must say what the claim says. */
static int own_page(const struct claim *c, const struct xg_ksyms *syms, struct gfn *ret, struct xg_err *err)
{
	struct xg_translation t;
	uint8_t text[XG_PAGE_SIZE];
	struct gva variable;
	uint64_t pointer;
	int rc;

	rc = xg_ksyms_vmcoreinfo_data(syms, &variable, err);
	if (rc)
		return rc;
	rc = xg_walk_read(&c->walk, variable, &pointer, sizeof(pointer), NULL, err);
	if (!rc && pointer % XG_PAGE_SIZE)
		rc = xg_fail(err, EBADMSG, "vmcoreinfo_data is %#" PRIx64 ", no page", pointer);
	if (!rc)
		rc = xg_walk(&c->walk, XG_GVA(pointer), &t, err);
	if (!rc)
		rc = xg_walk_read(&c->walk, XG_GVA(pointer), text, sizeof(text), NULL, err);
	if (rc)
		return rc;
	if (memcmp(text, c->text, c->v.bytes + (c->v.bytes < XG_PAGE_SIZE)))
		return xg_fail(err, EBADMSG, "the kernel's own page is frame %#" PRIx64 " and says otherwise",
			       t.frame.n);
	*ret = t.frame;
	return 0;
}

static void os_fill(struct xg_os *os, const struct claim *c, struct gfn page, uint32_t symbols)
{
	snprintf(os->name, sizeof(os->name), "linux");
	snprintf(os->arch, sizeof(os->arch), "x86_64");
	memcpy(os->release, c->v.release, sizeof(os->release));
	memcpy(os->build_id, c->v.build_id, sizeof(os->build_id));
	os->vmcoreinfo = page;
	os->vmcoreinfo_bytes = c->v.bytes;
	os->root = c->walk.root;
	os->levels = c->v.levels;
	os->phys_base = c->v.phys_base;
	os->kaslr_offset = c->v.kaslr_offset;
	os->symbols = symbols;
}

/* Where in the image the variable is, for the next guest that runs the same kernel. 0 when that cannot be said. */
static uint32_t hint_of(const struct claim *c, const struct xg_ksyms *syms)
{
	struct gva image, variable;

	if (xg_ksyms_vmcoreinfo_data(syms, &variable, NULL) || xg_pointed_image(&c->walk, &image, NULL) ||
	    variable.v < image.v)
		return 0;
	return (variable.v - image.v) >> XG_PAGE_SHIFT;
}

static void table_find_all(const void *table, struct xg_ksyms_wanted *wanted, size_t count)
{
	xg_ksyms_find_all(table, wanted, count);
}

static int table_after(const void *table, struct gva addr, struct gva *ret, struct xg_err *err)
{
	return xg_ksyms_after(table, addr, ret, err);
}

static void table_free(void *table)
{
	xg_ksyms_free(table);
}

static const struct xg_symbols_ops table_ops = { .find_all = table_find_all, .after = table_after, .free = table_free };

static int claim_load(struct claim *c, struct xg_os *os, struct xg_symbols *symbols, struct xg_err *err)
{
	const struct xg_ksyms_source source = { .read = source_read, .ctx = &c->walk };
	struct xg_ksyms *syms = NULL;
	struct gfn page = { 0 };
	int rc;

	c->walk.cache = xg_table_cache_create();
	if (!c->walk.cache)
		rc = xg_fail(err, ENOMEM, "no memory to look at a kernel");
	else
		rc = xg_ksyms_load(&c->v, &source, &syms, err);
	if (!rc)
		rc = own_page(c, syms, &page, err);
	if (!rc) {
		os_fill(os, c, page, xg_ksyms_count(syms));
		os->hint = hint_of(c, syms);
	}
	xg_table_cache_destroy(c->walk.cache);
	c->walk.cache = NULL;
	if (rc) {
		xg_ksyms_free(syms);
		return rc;
	}
	*symbols = (struct xg_symbols){ .ops = &table_ops, .table = syms };
	return 0;
}

/* Is the claim true? */
static int linux_check(const struct xg_claim *claim, struct xg_os *os, struct xg_symbols *symbols, struct xg_err *err)
{
	struct claim c = { .text = claim->text };
	int rc = xg_vmcoreinfo_parse(c.text, &c.v, err);

	if (!rc)
		rc = claim_paging(&c, claim->g, claim->cpu, err);
	if (rc)
		return rc;
	if (!c.v.has_kallsyms)
		return xg_fail(err, ENOTSUP,
			       "Linux %s does not say where its symbols are (Linux 6.0 and later do, with "
			       "CONFIG_KALLSYMS)",
			       c.v.release);
	rc = claim->afford(claim, err);
	if (rc)
		return rc;
	rc = claim_load(&c, os, symbols, err);
	if (rc)
		xg_fail_in(err, "Linux %s", c.v.release);
	return rc;
}

const struct xg_probe xg_probe_linux = { .looks_like = xg_vmcoreinfo_looks_like, .check = linux_check };
