// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Follows the pointers in a kernel's variables. Called by kernel.c with page tables that a processor runs on; must
 * never take a pointer for more than a guess: what it leads to is checked by the caller.
 */
#include "dom0-tools/inspect/pointed.h"

#include <stdlib.h>

#include "dom0-tools/inspect/vmcoreinfo.h"
#include "lib/base/cleanup.h"

#define WORDS (XG_PAGE_SIZE / sizeof(uint64_t))

/* Kernel addresses below the image, with 5 levels of tables or 4: there the allocators' memory lies. */
#define POINTER_LOW UINT64_C(0xff00000000000000)
#define POINTER_HIGH XG_LINUX_IMAGE_START

struct frames {
	struct gfn *at;
	size_t count;
};

struct pointers {
	uint64_t at[XG_POINTED_BATCH_POINTERS_MAX];
	size_t count;
	bool full;	/* of different ones, or nearly so: sorting again would not help */
};

/* Neighbours from FIRST on, as many as the list has room for. */
static void frames_add(struct frames *f, struct gfn first, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count && f->count < XG_POINTED_VARIABLE_PAGES_MAX; i++)
		f->at[f->count++] = XG_GFN(first.n + i);
}

/* The frames of the image in the order of their addresses. A large mapping is one step. */
static int image_frames(const struct xg_walk *w, bool writable, struct frames *f, struct xg_err *err)
{
	struct xg_translation t;
	uint64_t at = 0, step;
	int rc;

	f->at = calloc(XG_POINTED_VARIABLE_PAGES_MAX, sizeof(*f->at));
	if (!f->at)
		return xg_fail(err, ENOMEM, "no memory for a list of frames");
	for (; at < XG_LINUX_IMAGE_BYTES && f->count < XG_POINTED_VARIABLE_PAGES_MAX; at += step) {
		rc = xg_walk_or_hole(w, XG_GVA(XG_LINUX_IMAGE_START + at), &t, &step);
		if (rc) {
			/* Tables may be gone while they are read: a hole. Dom0's own trouble is another matter. */
			if (rc != -EFAULT)
				return xg_fail_errno(err, -rc, "cannot read the page tables of guest '%s'",
						     w->g->info.name);
			step -= at & (step - 1);
			continue;
		}
		step = t.mapping_bytes - ((XG_LINUX_IMAGE_START + at) & (t.mapping_bytes - 1));
		if (step > XG_LINUX_IMAGE_BYTES - at)
			step = XG_LINUX_IMAGE_BYTES - at;
		if (t.writable == writable)
			frames_add(f, t.frame, step >> XG_PAGE_SHIFT);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorted: neighbours share page tables, and what is pointed to twice is looked at once. */
static void pointers_sort(struct pointers *p)
{
	size_t i, n = 0;

	qsort(p->at, p->count, sizeof(p->at[0]), compare);
	for (i = 0; i < p->count; i++)
		if (!n || p->at[n - 1] != p->at[i])
			p->at[n++] = p->at[i];
	p->count = n;
}

/* A kernel may have one value in thousands of words (early page tables), so a full list is sorted once to make room. */
static void pointers_add(struct pointers *p, uint64_t word)
{
	if (p->count && p->at[p->count - 1] == word)
		return;
	if (p->count == XG_POINTED_BATCH_POINTERS_MAX && !p->full) {
		pointers_sort(p);
		p->full = p->count > XG_POINTED_BATCH_POINTERS_MAX / 2;
	}
	if (p->count < XG_POINTED_BATCH_POINTERS_MAX)
		p->at[p->count++] = word;
}

/* A million words: most of them leave at the first comparison, which takes the top byte and the offset together. */
static void words_collect(const uint64_t *words, struct pointers *p)
{
	const uint64_t *end = words + WORDS;

	for (; words < end; words++) {
		uint64_t word = __atomic_load_n(words, __ATOMIC_RELAXED);

		if ((word & (POINTER_LOW | (XG_PAGE_SIZE - 1))) == POINTER_LOW && word < POINTER_HIGH)
			pointers_add(p, word);
	}
}

static int batch_collect(struct xg_guest *g, const struct gfn *frames, size_t count, struct pointers *p,
			 struct xg_pointed *out, struct xg_err *err)
{
	int errors[XG_POINTED_BATCH_PAGES];
	void *at;
	size_t i;
	int rc = xg_guest_map(g, frames, count, XG_READ, errors, &at, err);

	if (rc)
		return rc;
	p->count = 0;
	p->full = false;
	for (i = 0; i < count; i++)
		if (!errors[i]) {
			words_collect((const uint64_t *)at + i * WORDS, p);
			out->pages++;
			out->variables++;
		}
	xg_guest_unmap(g, at, count);
	pointers_sort(p);
	return 0;
}

/* The frames of the next pointers, at most XG_MAP_MAX; those that lead nowhere are no pointers. */
static int pointers_frames(const struct xg_walk *w, const struct pointers *p, size_t *next, struct gfn *frames,
			   size_t *ret_count, struct xg_err *err)
{
	struct xg_translation t;
	size_t n = 0;
	int rc;

	for (; *next < p->count && n < XG_MAP_MAX; ++*next) {
		rc = xg_walk(w, XG_GVA(p->at[*next]), &t, err);
		if (rc && rc != -EFAULT)
			return rc;
		if (!rc)
			frames[n++] = t.frame;
	}
	*ret_count = n;
	return 0;
}

static int frames_look(struct xg_guest *g, const struct gfn *frames, size_t count, struct xg_pointed *p,
		       struct xg_err *err)
{
	int errors[XG_MAP_MAX];
	void *at;
	size_t i;
	int rc = xg_guest_map(g, frames, count, XG_READ, errors, &at, err);

	if (rc)
		return rc;
	for (i = 0; i < count && !rc; i++)
		if (!errors[i]) {
			p->pages++;
			rc = p->look(p->ctx, frames[i], (const char *)at + i * XG_PAGE_SIZE, err);
		}
	xg_guest_unmap(g, at, count);
	return rc;
}

static int batch_follow(const struct xg_walk *w, const struct pointers *pointers, struct xg_pointed *p,
			struct xg_err *err)
{
	struct gfn frames[XG_MAP_MAX];
	size_t next = 0, count;
	int rc = 0;

	while (next < pointers->count && !rc) {
		rc = pointers_frames(w, pointers, &next, frames, &count, err);
		if (!rc && count)
			rc = frames_look(w->g, frames, count, p, err);
	}
	return rc;
}

int xg_pointed_image(const struct xg_walk *w, struct gva *ret, struct xg_err *err)
{
	struct xg_translation t;
	uint64_t at, step;
	int rc;

	for (at = 0; at < XG_LINUX_IMAGE_BYTES; at += step) {
		rc = xg_walk_or_hole(w, XG_GVA(XG_LINUX_IMAGE_START + at), &t, &step);
		if (!rc)
			*ret = XG_GVA(XG_LINUX_IMAGE_START + at);
		if (rc != -EFAULT)
			return rc;
		step -= at & (step - 1);
	}
	return xg_fail(err, EFAULT, "guest '%s' maps no kernel there", w->g->info.name);
}

/* A hint that leads nowhere is a hint that leads nowhere; Dom0's own trouble will show in the search proper. */
static int hints_follow(const struct xg_walk *w, struct pointers *pointers, struct xg_pointed *p, struct xg_err *err)
{
	struct xg_translation t;
	struct gva image;
	size_t i;
	int rc = 0;

	if (!p->hint_count || xg_pointed_image(w, &image, NULL))
		return 0;
	for (i = 0; i < p->hint_count && !rc; i++) {
		if (p->hints[i] >= XG_LINUX_IMAGE_BYTES >> XG_PAGE_SHIFT ||
		    xg_walk(w, gva_add(image, (uint64_t)p->hints[i] << XG_PAGE_SHIFT), &t, NULL) ||
		    batch_collect(w->g, &t.frame, 1, pointers, p, NULL))
			continue;
		rc = batch_follow(w, pointers, p, err);
	}
	return rc;
}

int xg_pointed_search(const struct xg_walk *w, bool writable, struct xg_pointed *p, struct xg_err *err)
{
	struct pointers *pointers xg_auto_free = malloc(sizeof(*pointers));
	struct frames f = { .count = 0 };
	int rc = pointers ? hints_follow(w, pointers, p, err) : xg_fail(err, ENOMEM, "no memory for pointers");

	if (!rc)
		rc = image_frames(w, writable, &f, err);
	while (!rc && f.count) {
		size_t n = f.count < XG_POINTED_BATCH_PAGES ? f.count : XG_POINTED_BATCH_PAGES;

		f.count -= n;
		rc = batch_collect(w->g, f.at + f.count, n, pointers, p, err);
		if (!rc)
			rc = batch_follow(w, pointers, p, err);
	}
	free(f.at);
	return rc == 1 ? 0 : rc;
}
