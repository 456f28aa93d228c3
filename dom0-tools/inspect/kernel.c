// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the kernel that runs in a guest and answers for its symbols and memory. Called by the programs and by
 * hotswap; must never take a page's word for anything that the guest's users could have written.
 *
 * A user program can fill its pages with text that looks like a kernel's own, page tables and symbols
 * included. What it cannot do is choose what a processor follows, or put anything into the kernel's image:
 * each probe (linux.c, ...) holds a claim against that.
 *
 * The search takes the same way: from a vCPU's page tables to the kernel's variables to the pages they point
 * to (pointed.c). Where the processors can't be asked (a memory image) all pages are looked at, and one alone
 * may pass.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/inspect/inspect.h"
#include "dom0-tools/inspect/kallsyms.h"
#include "dom0-tools/inspect/number.h"
#include "dom0-tools/inspect/pointed.h"
#include "dom0-tools/inspect/probe.h"
#include "dom0-tools/inspect/walk.h"
#include "lib/base/array.h"
#include "lib/base/cleanup.h"

/* Frames that one map call of the scan takes: 8 MiB. */
#define SCAN_BATCH XG_MAP_MAX
/* vCPUs asked for their page tables: the first that runs a kernel will do. */
#define CPUS_ASKED 16u
/*
 * What forged pages may cost: a claim takes a few map calls to refuse (4,096 of them some seconds), one that
 * names the true page tables a whole symbol table (8 of them some seconds too).
 */
#define CLAIMS_MAX 4096u
#define TABLES_MAX 8u

struct xg_kernel {
	struct xg_guest *g;	/* borrowed */
	struct xg_os os;
	struct xg_symbols symbols;
	/* What xg_kernel_look_up() found, by name. */
	struct xg_ksyms_wanted *known;
	size_t known_count;
	char *known_names;
};

struct search {
	struct xg_guest *g;
	const struct xg_paging *cpu;	/* the page tables that led here; NULL: all pages are looked at */
	const struct xg_kernel_hints *hints;	/* may be NULL */
	struct xg_kernel *found;
	uint64_t pages;		/* looked at */
	unsigned int claims;	/* pages that look like a system's own */
	unsigned int tables;	/* symbol tables loaded */
	struct xg_err why;	/* what speaks against the first claim, or against the first that could be true */
};

void xg_kernel_close(struct xg_kernel *k)
{
	if (!k)
		return;
	if (k->symbols.ops)
		k->symbols.ops->free(k->symbols.table);
	free(k->known);
	free(k->known_names);
	free(k);
}

static void kernel_close_p(struct xg_kernel **k)
{
	xg_kernel_close(*k);
}

/* ---- The search -------------------------------------------------------------------------------------------- */

/*
 * The claim is to blame. Anything else is Dom0's own trouble, a guest that went away or a limit, and ends the search.
 */
static bool claim_refused(int rc)
{
	return rc == -EAGAIN || rc == -EBADMSG || rc == -EFAULT || rc == -ENOTSUP;
}

/* -ENOTSUP is about a kernel, the others about something that is none. */
static void remember(struct search *s, const struct xg_err *why)
{
	if (!s->why.code || (why->code == ENOTSUP && s->why.code != ENOTSUP))
		s->why = *why;
}

static int accept(struct search *s, struct xg_kernel *k, struct xg_err *err)
{
	struct xg_kernel *other xg_auto(kernel_close_p) = k;

	if (!s->found) {
		s->found = xg_take(other);
		return 0;
	}
	/* A copy of the same page (crash_update_vmcoreinfo_safecopy makes one) led to the same place. */
	if (s->found->os.vmcoreinfo.n == k->os.vmcoreinfo.n && s->found->os.root.n == k->os.root.n)
		return 0;
	return xg_fail(err, ENOTUNIQ,
		       "frames %#" PRIx64 " and %#" PRIx64 " of guest '%s' both hold what could be its kernel: "
		       "one is forged",
		       s->found->os.vmcoreinfo.n, k->os.vmcoreinfo.n, s->g->info.name);
}

static int claim_afford(const struct xg_claim *c, struct xg_err *err)
{
	struct search *s = c->search;

	if (++s->tables > TABLES_MAX)
		return xg_fail(err, EMFILE,
			       "%u pages claim symbol tables and none holds: somebody in guest '%s' forges them",
			       TABLES_MAX, s->g->info.name);
	return 0;
}

static int claim_open(const struct xg_probe *probe, const struct xg_claim *c, struct xg_kernel **ret,
		      struct xg_err *err)
{
	struct xg_kernel *k xg_auto(kernel_close_p) = calloc(1, sizeof(*k));
	int rc = k ? probe->check(c, &k->os, &k->symbols, err) : xg_fail(err, ENOMEM, "no memory to look at a kernel");

	if (rc)
		return rc;
	k->g = c->g;
	*ret = xg_take(k);
	return 0;
}

/* TEXT is a private copy of a page. */
static int claim_look(struct search *s, const struct xg_probe *probe, const uint8_t *text, struct xg_err *err)
{
	const struct xg_claim c = { .g = s->g, .cpu = s->cpu, .text = text, .afford = claim_afford, .search = s };
	struct xg_kernel *k = NULL;
	struct xg_err why = XG_ERR_NONE;
	int rc;

	if (++s->claims > CLAIMS_MAX)
		return xg_fail(err, EMFILE,
			       "more than %s pages of guest '%s' look like a kernel's VMCOREINFO: somebody forges them",
			       xg_number(CLAIMS_MAX).text, s->g->info.name);
	rc = claim_open(probe, &c, &k, &why);
	if (!rc)
		return accept(s, k, err);
	if (claim_refused(rc)) {
		remember(s, &why);
		return 0;
	}
	if (err)
		*err = why;
	return rc;
}

/* The systems that are known. */
static const struct xg_probe *const probes[] = { &xg_probe_linux, &xg_probe_bare };

static int page_look(struct search *s, const void *page, struct xg_err *err)
{
	uint8_t text[XG_PAGE_SIZE];
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(probes); i++) {
		if (!probes[i]->looks_like(page))
			continue;
		memcpy(text, page, sizeof(text));
		return probes[i]->looks_like(text) ? claim_look(s, probes[i], text, err) : 0;
	}
	return 0;
}

/* ---- The way over the processors --------------------------------------------------------------------------- */

static int pointed_look(void *ctx, struct gfn frame, const void *page, struct xg_err *err)
{
	struct search *s = ctx;
	int rc = page_look(s, page, err);

	(void)frame;
	/* Found this way it is the kernel that runs there: nothing else need be looked at. */
	return rc ? rc : s->found != NULL;
}

/* *ret_variables: pages of variables there were; none means that these tables do not map a kernel's image. */
static int tables_search(struct search *s, const struct xg_paging *cpu, uint64_t *ret_variables, struct xg_err *err)
{
	struct xg_walk walk = { .g = s->g, .root = cpu->root, .levels = cpu->levels };
	struct xg_pointed p = { .look = pointed_look, .ctx = s };
	int rc;

	if (s->hints) {
		p.hints = s->hints->pages;
		p.hint_count = s->hints->count;
	}

	walk.cache = xg_table_cache_create();
	if (!walk.cache)
		return xg_fail(err, ENOMEM, "no memory to look at a kernel");
	s->cpu = cpu;
	rc = xg_pointed_search(&walk, true, &p, err);
	p.hint_count = 0;
	*ret_variables = p.variables;
	/* A kernel may make the variable read-only once it is set; there is more of that, so only when need be. */
	if (!rc && !s->found && p.variables)
		rc = xg_pointed_search(&walk, false, &p, err);
	xg_table_cache_destroy(walk.cache);
	s->cpu = NULL;
	s->pages += p.pages;
	return rc;
}

/*
 * Under page-table isolation a processor in user mode shows the user's tables, in which the kernel's
 * variables are missing; the kernel's lie in the frame before (arch/x86/include/asm/pgtable.h,
 * user_to_kernel_pgdp).
 */
static int cpu_search(struct search *s, struct xg_paging cpu, uint64_t *ret_variables, struct xg_err *err)
{
	int rc = tables_search(s, &cpu, ret_variables, err);

	if (rc || s->found || *ret_variables || s->g->info.type == XG_GUEST_PV || !(cpu.root.n & 1))
		return rc;
	cpu.root.n--;
	return tables_search(s, &cpu, ret_variables, err);
}

/* -ENOTSUP: the processors of this guest can't be asked. */
static int cpus_search(struct search *s, struct xg_err *err)
{
	unsigned int i = 0, cpus = s->g->info.vcpus < CPUS_ASKED ? s->g->info.vcpus : CPUS_ASKED;
	struct xg_paging cpu;
	uint64_t variables = 0;
	int rc;

	do {
		rc = xg_guest_cpu_paging(s->g, i, &cpu, err);
		if (rc == -EAGAIN)
			continue;
		if (!rc)
			rc = cpu_search(s, cpu, &variables, err);
		/* One that runs a kernel speaks for all. */
		if (rc || variables)
			return rc;
	} while (++i < cpus);
	return 0;
}

/* ---- The way over all pages -------------------------------------------------------------------------------- */

static int batch_look(struct search *s, struct gfn first, size_t count, struct xg_err *err)
{
	struct gfn frames[SCAN_BATCH];
	int errors[SCAN_BATCH];
	uint8_t *at;
	void *map;
	size_t i;
	int rc;

	frames[0] = first;
	for (i = 1; i < count; i++)
		frames[i] = XG_GFN(first.n + i);
	rc = xg_guest_map(s->g, frames, count, XG_READ, errors, &map, err);
	if (rc)
		return rc;
	at = map;
	for (i = 0; i < count && !rc; i++) {
		if (errors[i])
			continue;
		s->pages++;
		rc = page_look(s, at + i * XG_PAGE_SIZE, err);
	}
	xg_guest_unmap(s->g, map, count);
	return rc;
}

static int range_look(struct search *s, const struct xg_frame_range *r, struct xg_err *err)
{
	uint64_t done = 0;
	int rc = 0;

	while (done < r->count && !rc) {
		uint64_t n = r->count - done < SCAN_BATCH ? r->count - done : SCAN_BATCH;

		rc = batch_look(s, XG_GFN(r->first.n + done), n, err);
		done += n;
	}
	return rc;
}

/* Nothing was found: says what there was instead. */
static int nothing(const struct search *s, struct xg_err *err)
{
	if (s->why.code == ENOTSUP) {
		if (err)
			*err = s->why;
		return -ENOTSUP;
	}
	if (!s->pages)
		return xg_fail(err, ENOENT,
			       "no known kernel found in guest '%s': none of its processors runs one, it is another "
			       "system or still booting",
			       s->g->info.name);
	if (s->claims)
		return xg_fail(err, ENOENT, "no known kernel found in %s pages of guest '%s': still booting? "
			       "%s look%s like one, but: %s",
			       xg_number(s->pages).text, s->g->info.name, xg_number(s->claims).text,
			       s->claims == 1 ? "s" : "", s->why.text);
	return xg_fail(err, ENOENT,
		       "no known kernel found in %s pages of guest '%s': it is another system or still booting",
		       xg_number(s->pages).text, s->g->info.name);
}

static int memory_search(struct search *s, struct xg_err *err)
{
	struct xg_frame_range *ranges xg_auto_free = NULL;
	size_t i, count = 0;
	int rc = xg_guest_ranges(s->g, &ranges, &count, err);

	for (i = 0; i < count && !rc; i++)
		rc = range_look(s, &ranges[i], err);
	return rc;
}

int xg_kernel_open_hinted(struct xg_guest *g, const struct xg_kernel_hints *hints, struct xg_kernel **ret,
			  struct xg_err *err)
{
	struct search s = { .g = g, .hints = hints };
	int rc = xg_guest_refresh(g, err);

	if (!rc)
		rc = cpus_search(&s, err);
	if (rc == -ENOTSUP && g->info.type != XG_GUEST_PV)
		rc = memory_search(&s, err);
	if (!rc && !s.found)
		rc = nothing(&s, err);
	if (rc) {
		xg_kernel_close(s.found);
		return rc;
	}
	*ret = s.found;
	return 0;
}

int xg_kernel_open(struct xg_guest *g, struct xg_kernel **ret, struct xg_err *err)
{
	return xg_kernel_open_hinted(g, NULL, ret, err);
}

/* ---- Answers ----------------------------------------------------------------------------------------------- */

const struct xg_os *xg_kernel_os(const struct xg_kernel *k)
{
	return &k->os;
}

static int known_order(const void *a, const void *b)
{
	const struct xg_ksyms_wanted *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The names are copied, one behind the other: whose they are may go before the kernel is closed. */
int xg_kernel_look_up(struct xg_kernel *k, const char *const *names, size_t count, struct xg_err *err)
{
	struct xg_ksyms_wanted *known xg_auto_free = calloc(count ? count : 1, sizeof(*known));
	char *copy xg_auto_free = NULL, *at;
	size_t i, bytes = 1;

	for (i = 0; i < count; i++)
		bytes += strlen(names[i]) + 1;
	at = copy = malloc(bytes);
	if (!known || !copy)
		return xg_fail(err, ENOMEM, "no memory for %zu symbols", count);
	for (i = 0; i < count; i++) {
		known[i].name = at;
		at = stpcpy(at, names[i]) + 1;
	}
	qsort(known, count, sizeof(*known), known_order);
	k->symbols.ops->find_all(k->symbols.table, known, count);
	free(k->known);
	free(k->known_names);
	k->known = xg_take(known);
	k->known_names = xg_take(copy);
	k->known_count = count;
	return 0;
}

int xg_kernel_symbol(struct xg_kernel *k, const char *name, struct gva *ret, struct xg_err *err)
{
	struct xg_ksyms_wanted key = { .name = name };
	const struct xg_ksyms_wanted *known = NULL;

	if (k->known_count)
		known = bsearch(&key, k->known, k->known_count, sizeof(key), known_order);
	if (!known) {
		k->symbols.ops->find_all(k->symbols.table, &key, 1);
		known = &key;
	}
	return xg_ksyms_found(known, ret, err);
}

int xg_kernel_symbol_after(struct xg_kernel *k, struct gva addr, struct gva *ret, struct xg_err *err)
{
	return k->symbols.ops->after(k->symbols.table, addr, ret, err);
}

/* Without a cache: the guest may have mapped something else there since. */
static struct xg_walk walk_of(struct xg_guest *g, const struct xg_os *os)
{
	return (struct xg_walk){ .g = g, .root = os->root, .levels = os->levels };
}

int xg_translate(struct xg_guest *g, const struct xg_os *os, struct gva addr, struct xg_translation *ret,
		 struct xg_err *err)
{
	const struct xg_walk walk = walk_of(g, os);

	return xg_walk(&walk, addr, ret, err);
}

int xg_translate_pages(struct xg_guest *g, const struct xg_os *os, struct gva addr, size_t count,
		       struct xg_translation *ret, struct xg_err *err)
{
	struct xg_walk walk = walk_of(g, os);
	size_t i;
	int rc = 0;

	walk.cache = xg_table_cache_create();	/* for this one look: the guest may map something else there later */
	if (!walk.cache)
		return xg_fail(err, ENOMEM, "no memory to read page tables");
	for (i = 0; !rc && i < count; i++)
		rc = xg_walk(&walk, gva_add(addr, i * XG_PAGE_SIZE), &ret[i], err);
	xg_table_cache_destroy(walk.cache);
	return rc;
}

int xg_kernel_translate(struct xg_kernel *k, struct gva addr, struct xg_translation *ret, struct xg_err *err)
{
	return xg_translate(k->g, &k->os, addr, ret, err);
}

int xg_kernel_read(struct xg_kernel *k, struct gva addr, void *buf, size_t bytes, struct xg_err *err)
{
	const struct xg_walk walk = walk_of(k->g, &k->os);

	return xg_walk_read(&walk, addr, buf, bytes, NULL, err);
}

int xg_kernel_read_u64(struct xg_kernel *k, struct gva addr, uint64_t *ret, struct xg_err *err)
{
	uint64_t v;
	int rc = xg_kernel_read(k, addr, &v, sizeof(v), err);

	if (!rc)
		*ret = v;
	return rc;
}

int xg_kernel_write(struct xg_kernel *k, struct gva addr, const void *buf, size_t bytes, struct xg_err *err)
{
	const struct xg_walk walk = walk_of(k->g, &k->os);

	return xg_walk_write(&walk, addr, buf, bytes, err);
}
