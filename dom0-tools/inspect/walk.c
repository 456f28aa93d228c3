// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks page tables that the guest wrote. Called by kernel.c and, for windows known from the database, by
 * hotswap; must never loop on what it reads: a walk takes one step a level, whatever the tables say.
 */
#include "dom0-tools/inspect/walk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define PTE_PRESENT (UINT64_C(1) << 0)
#define PTE_WRITE (UINT64_C(1) << 1)
#define PTE_LARGE (UINT64_C(1) << 7)
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

/* One map call for so many pages: 1 MiB, which covers a kernel's symbol names in two or three. */
#define BATCH_PAGES 256

/*
 * Table pages that the image of a kernel needs: a last-level one covers 2 MiB, so a 64 MiB image in 4 KiB pages fills
 * its level. A set of slots a level: otherwise a table and one above it could drive each other out at each step.
 */
#define CACHE_LEVELS 5
#define CACHE_SLOTS 32

struct table_slot {
	struct gfn frame;
	bool used;
	uint64_t table[XG_PAGE_SIZE / sizeof(uint64_t)];
};

struct xg_table_cache {
	struct table_slot slots[CACHE_LEVELS][CACHE_SLOTS];
};

struct xg_table_cache *xg_table_cache_create(void)
{
	return calloc(1, sizeof(struct xg_table_cache));
}

void xg_table_cache_destroy(struct xg_table_cache *c)
{
	free(c);
}

/*
 * A frame that the guest does not have (now), or that is not its own (Xen's, another's), is what the guest's tables
 * say, as an entry that is not there.
 */
static int page_gone(int rc)
{
	return rc == -EINVAL || rc == -ENOENT || rc == -EBUSY || rc == -EPERM ? -EFAULT : rc;
}

static int table_copy(struct xg_guest *g, struct gfn frame, uint64_t *ret, struct xg_err *err)
{
	void *at;
	int rc = xg_guest_map(g, &frame, 1, XG_READ, NULL, &at, err);

	if (rc)
		return rc;
	memcpy(ret, at, XG_PAGE_SIZE);
	xg_guest_unmap(g, at, 1);
	return 0;
}

static int entry_cached(const struct xg_walk *w, struct gfn table, unsigned int level, unsigned int index,
			uint64_t *ret, struct xg_err *err)
{
	struct table_slot *slot = &w->cache->slots[level - 1][table.n % CACHE_SLOTS];
	int rc = 0;

	if (!slot->used || slot->frame.n != table.n) {
		slot->used = false;
		rc = table_copy(w->g, table, slot->table, err);
		if (rc)
			return rc;
		slot->used = true;
		slot->frame = table;
	}
	*ret = slot->table[index];
	return 0;
}

static int entry_read(const struct xg_walk *w, struct gfn table, unsigned int level, unsigned int index, uint64_t *ret,
		      struct xg_err *err)
{
	void *at;
	int rc;

	if (w->cache)
		return entry_cached(w, table, level, index, ret, err);
	rc = xg_guest_map(w->g, &table, 1, XG_READ, NULL, &at, err);
	if (rc)
		return rc;
	/* One load: the guest may be changing the entry. */
	*ret = __atomic_load_n((const uint64_t *)at + index, __ATOMIC_RELAXED);
	xg_guest_unmap(w->g, at, 1);
	return 0;
}

static unsigned int level_shift(unsigned int level)
{
	return XG_PAGE_SHIFT + 9 * (level - 1);
}

/* All bits above the translated ones are copies of the highest of them. */
static bool canonical(struct gva addr, unsigned int levels)
{
	uint64_t above = (uint64_t)((int64_t)addr.v >> (level_shift(levels + 1) - 1));

	return above == 0 || above == UINT64_MAX;
}

/* ENTRY maps memory at LEVEL: everything below it in ADDR is an offset. */
static void leaf(uint64_t entry, unsigned int level, struct gva addr, struct xg_translation *t)
{
	uint64_t offset = (UINT64_C(1) << level_shift(level)) - 1;

	t->frame = XG_GFN(((entry & PTE_ADDRESS & ~offset) | (addr.v & offset)) >> XG_PAGE_SHIFT);
	t->mapping_bytes = offset + 1;
}

/* *ret_level: of the entry that ended the walk, one way or the other. */
static int walk_to(const struct xg_walk *w, struct gva addr, struct xg_translation *ret, unsigned int *ret_level,
		   struct xg_err *err)
{
	struct xg_translation t = { .writable = true, .executable = true };
	struct gfn table = w->root;
	unsigned int level = w->levels;
	uint64_t entry;
	int rc;

	for (;; level--) {
		*ret_level = level;
		rc = entry_read(w, table, level, addr.v >> level_shift(level) & 511, &entry, err);
		if (rc) {
			xg_fail_in(err, "page table of level %u for %#" PRIx64, level, addr.v);
			return page_gone(rc);
		}
		if (!(entry & PTE_PRESENT))
			return xg_fail(err, EFAULT, "%#" PRIx64 " is not mapped in guest '%s' (level %u)", addr.v,
				       w->g->info.name, level);
		t.writable &= !!(entry & PTE_WRITE);
		t.executable &= !(entry & PTE_NX);
		/*
		 * Bit 7 of a last-level entry is a memory type; at levels 2 and 3 it ends the walk; above it is
		 * reserved.
		 */
		if (level == 1 || (entry & PTE_LARGE && level <= 3))
			break;
		if (entry & PTE_LARGE)
			return xg_fail(err, EFAULT, "the level %u entry for %#" PRIx64 " has a reserved bit set", level,
				       addr.v);
		table = XG_GFN((entry & PTE_ADDRESS) >> XG_PAGE_SHIFT);
	}
	leaf(entry, level, addr, &t);
	*ret = t;
	return 0;
}

/* A PV guest shares its page tables with Xen, whose part is nobody else's to map: public/arch-x86/xen-x86_64.h. */
#define PV_XEN_START UINT64_C(0xffff800000000000)
#define PV_XEN_END UINT64_C(0xffff880000000000)

static bool xens_own(const struct xg_walk *w, struct gva addr)
{
	return w->g->info.type == XG_GUEST_PV && addr.v >= PV_XEN_START && addr.v < PV_XEN_END;
}

static int walk_check(const struct xg_walk *w, struct gva addr, struct xg_err *err)
{
	if (w->levels != 4 && w->levels != 5)
		return xg_fail(err, EINVAL, "page tables of %u levels, 4 and 5 are known", w->levels);
	if (!canonical(addr, w->levels))
		return xg_fail(err, EFAULT, "%#" PRIx64 " is no address with %u levels of page tables", addr.v,
			       w->levels);
	if (xens_own(w, addr))
		return xg_fail(err, EFAULT, "%#" PRIx64 " is Xen's own in a PV guest", addr.v);
	return 0;
}

int xg_walk(const struct xg_walk *w, struct gva addr, struct xg_translation *ret, struct xg_err *err)
{
	unsigned int level;
	int rc = walk_check(w, addr, err);

	return rc ? rc : walk_to(w, addr, ret, &level, err);
}

int xg_walk_or_hole(const struct xg_walk *w, struct gva addr, struct xg_translation *ret, uint64_t *ret_hole)
{
	unsigned int level;
	int rc = walk_check(w, addr, NULL);

	*ret_hole = XG_PAGE_SIZE;
	if (rc)
		return rc;
	rc = walk_to(w, addr, ret, &level, NULL);
	*ret_hole = UINT64_C(1) << level_shift(level);
	return rc;
}

/* The frames of up to MOST pages from ADDR's on. Short (at least one) when a later page is not there. */
static int frames_of(const struct xg_walk *w, struct gva addr, size_t most, struct gfn *frames, size_t *ret_count,
		     struct xg_err *err)
{
	struct xg_translation t;
	size_t i;
	int rc;

	for (i = 0; i < most; i++) {
		rc = xg_walk(w, gva_add(addr, i * XG_PAGE_SIZE), &t, err);
		if (rc == -EFAULT && i)
			break;
		if (rc)
			return rc;
		frames[i] = t.frame;
	}
	*ret_count = i;
	return 0;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One batch: what lies in the next BATCH_PAGES pages. */
static int read_batch(const struct xg_walk *w, struct gva addr, void *buf, size_t bytes, size_t *ret_got,
		      struct xg_err *err)
{
	size_t offset = gva_page_offset(addr);
	size_t pages = min_size(xg_pages_of(offset + min_size(bytes, BATCH_PAGES * XG_PAGE_SIZE)), BATCH_PAGES);
	struct gfn frames[BATCH_PAGES];
	size_t count;
	void *at;
	int rc;

	rc = frames_of(w, addr, pages, frames, &count, err);
	if (rc)
		return rc;
	rc = xg_guest_map(w->g, frames, count, XG_READ, NULL, &at, err);
	if (rc) {
		xg_fail_in(err, "memory at %#" PRIx64, addr.v);
		return page_gone(rc);
	}
	*ret_got = min_size(bytes, count * XG_PAGE_SIZE - offset);
	memcpy(buf, (const char *)at + offset, *ret_got);
	xg_guest_unmap(w->g, at, count);
	return 0;
}

int xg_walk_read(const struct xg_walk *w, struct gva addr, void *buf, size_t bytes, size_t *ret_got,
		 struct xg_err *err)
{
	size_t done = 0, got;
	int rc;

	while (done < bytes) {
		rc = read_batch(w, gva_add(addr, done), (char *)buf + done, bytes - done, &got, err);
		if (rc == -EFAULT && ret_got && done)
			break;
		if (rc)
			return rc;
		done += got;
	}
	if (ret_got)
		*ret_got = done;
	return 0;
}

/*
 * What is as large as a machine word and aligned is one store, so that a guest's processor sees the old value or the
 * new one. Release: whatever was written before it is there when it is seen.
 */
static void put(void *at, const void *buf, size_t bytes)
{
	if (bytes == sizeof(uint64_t) && (uintptr_t)at % sizeof(uint64_t) == 0) {
		uint64_t v;

		memcpy(&v, buf, sizeof(v));
		__atomic_store_n((uint64_t *)at, v, __ATOMIC_RELEASE);
	} else if (bytes == sizeof(uint32_t) && (uintptr_t)at % sizeof(uint32_t) == 0) {
		uint32_t v;

		memcpy(&v, buf, sizeof(v));
		__atomic_store_n((uint32_t *)at, v, __ATOMIC_RELEASE);
	} else {
		memcpy(at, buf, bytes);
	}
}

int xg_walk_write(const struct xg_walk *w, struct gva addr, const void *buf, size_t bytes, struct xg_err *err)
{
	size_t offset = gva_page_offset(addr);
	struct gfn *frames xg_auto_free = NULL;
	size_t pages, count;
	void *at;
	int rc;

	if (!bytes)
		return 0;
	if (bytes > XG_MAP_MAX * XG_PAGE_SIZE - offset)
		return xg_fail(err, EINVAL, "%zu bytes to write at %#" PRIx64 ", %llu can be at once", bytes, addr.v,
			       XG_MAP_MAX * (unsigned long long)XG_PAGE_SIZE);
	pages = xg_pages_of(offset + bytes);
	frames = calloc(pages, sizeof(*frames));
	if (!frames)
		return xg_fail(err, ENOMEM, "no memory for a list of %zu frames", pages);
	rc = frames_of(w, addr, pages, frames, &count, err);
	if (!rc && count < pages)
		rc = xg_fail(err, EFAULT, "%#" PRIx64 " is not mapped in guest '%s'",
			     (addr.v & XG_PAGE_MASK) + count * XG_PAGE_SIZE, w->g->info.name);
	if (rc)
		return rc;
	rc = xg_guest_map(w->g, frames, pages, XG_READ | XG_WRITE, NULL, &at, err);
	if (rc) {
		xg_fail_in(err, "memory at %#" PRIx64, addr.v);
		return page_gone(rc);
	}
	put((char *)at + offset, buf, bytes);
	xg_guest_unmap(w->g, at, pages);
	return 0;
}
