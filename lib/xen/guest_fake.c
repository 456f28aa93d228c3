// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that is pages of this process. Called by tests, and by tools that look at a memory image; never by a
 * program that manages a real guest.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/xen/guest.h"

/* A mapping of frames that do not lie next to each other. */
struct fake_mapping {
	struct fake_mapping *next;
	void *at;
	size_t count;
	bool aliased;		/* the very pages; otherwise a copy, written back when it goes */
	bool writable;
	struct gfn frames[];
};

struct fake {
	struct xg_guest g;
	struct xg_guest_info info;	/* what refresh() will see */
	uint8_t *memory;
	struct gfn first;
	size_t pages;
	struct gfn pv_root;
	struct xg_paging paging;	/* root 0: not known */
	struct xg_frame_range holes[XG_FAKE_HOLES];
	size_t hole_count;
	unsigned int fail_map;		/* calls until map() fails; 0: never */
	size_t direct;			/* mappings of consecutive frames */
	struct fake_mapping *mappings;
};

static struct fake *fake_of(const struct xg_guest *g)
{
	return (struct fake *)((uintptr_t)g - offsetof(struct fake, g));
}

static int fake_info(struct xg_guest *g, struct xg_guest_info *ret, struct xg_err *err)
{
	(void)err;
	*ret = fake_of(g)->info;
	return 0;
}

static bool fake_has(const struct fake *f, struct gfn frame)
{
	size_t i;

	for (i = 0; i < f->hole_count; i++)
		if (frame.n - f->holes[i].first.n < f->holes[i].count)
			return false;
	return frame.n - f->first.n < f->pages;
}

static uint8_t *fake_page(const struct fake *f, struct gfn frame)
{
	return f->memory + (frame.n - f->first.n) * XG_PAGE_SIZE;
}

/* Puts FRAME's page at AT as well: works for MAP_SHARED memory alone (mremap(2), old_size 0). */
static bool fake_alias(const struct fake *f, struct gfn frame, uint8_t *at)
{
	uint8_t *page = fake_page(f, frame);

	return (uintptr_t)page % XG_PAGE_SIZE == 0 &&
	       mremap(page, 0, XG_PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at;
}

static void fake_fill(const struct fake *f, struct fake_mapping *m, const int *errors)
{
	size_t i;

	m->aliased = true;
	for (i = 0; i < m->count && m->aliased; i++)
		if (!errors[i])
			m->aliased = fake_alias(f, m->frames[i], (uint8_t *)m->at + i * XG_PAGE_SIZE);
	if (m->aliased)
		return;
	for (i = 0; i < m->count; i++)
		if (!errors[i])
			memcpy((uint8_t *)m->at + i * XG_PAGE_SIZE, fake_page(f, m->frames[i]), XG_PAGE_SIZE);
}

/* A page that could not be mapped must not be touched: whoever does dies of it. */
static void fake_fence(const struct fake_mapping *m, const int *errors)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (errors[i])
			mprotect((uint8_t *)m->at + i * XG_PAGE_SIZE, XG_PAGE_SIZE, PROT_NONE);
}

static int fake_map_scattered(struct fake *f, const struct gfn *frames, size_t count, bool writable,
			      const int *errors, void **ret, struct xg_err *err)
{
	struct fake_mapping *m = calloc(1, sizeof(*m) + count * sizeof(*frames));

	if (!m)
		return xg_fail(err, ENOMEM, "no memory for a mapping of %zu pages", count);
	m->at = mmap(NULL, count * XG_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->at == MAP_FAILED) {
		free(m);
		return xg_fail(err, ENOMEM, "no memory for a mapping of %zu pages", count);
	}
	m->count = count;
	m->writable = writable;
	memcpy(m->frames, frames, count * sizeof(*frames));
	fake_fill(f, m, errors);
	fake_fence(m, errors);
	m->next = f->mappings;
	f->mappings = m;
	*ret = m->at;
	return 0;
}

static bool fake_consecutive(const struct gfn *frames, size_t count)
{
	size_t i;

	for (i = 1; i < count; i++)
		if (frames[i].n != frames[0].n + i)
			return false;
	return true;
}

static bool fake_map_fails(struct fake *f)
{
	if (f->fail_map > 1) {
		f->fail_map--;
		return false;
	}
	return f->fail_map == 1;
}

static int fake_map(struct xg_guest *g, const struct gfn *frames, size_t count, enum xg_prot prot,
		    int *errors, void **ret, struct xg_err *err)
{
	struct fake *f = fake_of(g);
	int own[XG_MAP_MAX];
	bool all = true;
	size_t i;

	if (fake_map_fails(f))
		return xg_fail_errno(err, ENOMEM, "cannot map %zu frames of guest '%s'", count, g->info.name);
	if (!errors)
		memset(own, 0, count * sizeof(*own));
	for (i = 0; i < count; i++) {
		bool there = fake_has(f, frames[i]);

		if (!there && !errors)
			return xg_fail_errno(err, EFAULT, "cannot map frame %#llx of guest '%s'",
					     (unsigned long long)frames[i].n, g->info.name);
		(errors ? errors : own)[i] = there ? 0 : EFAULT;
		all &= there;
	}
	if (!all || !fake_consecutive(frames, count))
		return fake_map_scattered(f, frames, count, prot & XG_WRITE, errors ? errors : own, ret, err);
	f->direct++;
	*ret = fake_page(f, frames[0]);
	return 0;
}

static void fake_write_back(const struct fake *f, const struct fake_mapping *m)
{
	size_t i;

	if (m->aliased || !m->writable)
		return;
	for (i = 0; i < m->count; i++)
		if (fake_has(f, m->frames[i]))	/* others are fenced */
			memcpy(fake_page(f, m->frames[i]), (uint8_t *)m->at + i * XG_PAGE_SIZE, XG_PAGE_SIZE);
}

static void fake_unmap(struct xg_guest *g, void *at, size_t count)
{
	struct fake *f = fake_of(g);
	struct fake_mapping **link = &f->mappings;

	(void)count;
	while (*link && (*link)->at != at)
		link = &(*link)->next;
	if (*link) {
		struct fake_mapping *m = *link;

		*link = m->next;
		fake_write_back(f, m);
		munmap(m->at, m->count * XG_PAGE_SIZE);
		free(m);
	} else {
		f->direct--;
	}
}

static int fake_ranges(struct xg_guest *g, struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err)
{
	struct fake *f = fake_of(g);
	struct xg_frame_range *one = malloc(sizeof(*one));

	if (!one)
		return xg_fail(err, ENOMEM, "no memory for a list of frames");
	*one = (struct xg_frame_range){ .first = f->first, .count = f->pages };
	*ret = one;
	*ret_count = 1;
	return 0;
}

static int fake_cpu_paging(struct xg_guest *g, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err)
{
	struct fake *f = fake_of(g);

	(void)vcpu;
	if (!f->paging.root.n)
		return xg_fail(err, ENOTSUP, "the page tables of guest '%s''s vCPUs cannot be known", g->info.name);
	*ret = f->paging;
	return 0;
}

static int fake_pv_root(struct xg_guest *g, struct gfn *ret, struct xg_err *err)
{
	(void)err;
	*ret = fake_of(g)->pv_root;
	return 0;
}

static int fake_pause(struct xg_guest *g, struct xg_err *err)
{
	(void)err;
	fake_of(g)->info.paused = true;
	return 0;
}

static int fake_unpause(struct xg_guest *g, struct xg_err *err)
{
	(void)err;
	fake_of(g)->info.paused = false;
	return 0;
}

static void fake_close(struct xg_guest *g)
{
	free(fake_of(g));
}

static const struct xg_guest_ops fake_ops = {
	.info = fake_info,
	.map = fake_map,
	.unmap = fake_unmap,
	.ranges = fake_ranges,
	.pv_root = fake_pv_root,
	.pause = fake_pause,
	.unpause = fake_unpause,
	.close = fake_close,
	.cpu_paging = fake_cpu_paging,
};

struct xg_guest *xg_guest_fake(const struct xg_guest_info *info, void *memory, struct gfn first, size_t pages,
			       struct gfn pv_root)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->g.ops = &fake_ops;
	f->g.info = *info;
	f->info = *info;
	f->memory = memory;
	f->first = first;
	f->pages = pages;
	f->pv_root = pv_root;
	if (info->type == XG_GUEST_PV)
		f->paging = (struct xg_paging){ .root = pv_root, .levels = 4 };
	return &f->g;
}

void xg_guest_fake_paging(struct xg_guest *g, const struct xg_paging *paging)
{
	fake_of(g)->paging = *paging;
}

void xg_guest_fake_hole(struct xg_guest *g, struct gfn first, uint64_t count)
{
	struct fake *f = fake_of(g);

	/* A test that digs more holes than there is room for has a bug of its own. */
	if (f->hole_count == XG_FAKE_HOLES)
		abort();
	f->holes[f->hole_count++] = (struct xg_frame_range){ .first = first, .count = count };
}

void xg_guest_fake_fail_map(struct xg_guest *g, unsigned int nth)
{
	fake_of(g)->fail_map = nth;
}

size_t xg_guest_fake_mapped(const struct xg_guest *g)
{
	const struct fake *f = fake_of(g);
	const struct fake_mapping *m;
	size_t n = f->direct;

	for (m = f->mappings; m; m = m->next)
		n++;
	return n;
}

void xg_guest_fake_reborn(struct xg_guest *g)
{
	struct fake *f = fake_of(g);
	size_t i;

	for (i = 0; i < sizeof(f->info.uuid); i++)
		f->info.uuid[i] ^= 0xff;
}
