// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A bitmap over one mapping. Called by the engine; must never grow. The lowest pages go first, so that a disk
 * with little to do keeps to a few pages that stay in the processor's cache.
 */
#include "dom0-tools/backend/pool.h"

#include <string.h>
#include <sys/mman.h>

#include "lib/base/addr.h"

#define POOL_BYTES (POOL_PAGES * XG_PAGE_SIZE)
#define POOL_KEEP 32u	/* pages that an idle disk keeps: a burst of single pages costs no faults */

int pool_init(struct pool *p, struct xg_err *err)
{
	void *at = mmap(NULL, POOL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 0, sizeof(*p));
	if (at == MAP_FAILED)
		return xg_fail_errno(err, errno, "no address space for %u pages of buffers", POOL_PAGES);
	/* A huge page would make the first 4 KiB request resident as 2 MiB; a kernel without them says EINVAL. */
	(void)madvise(at, POOL_BYTES, MADV_NOHUGEPAGE);
	p->base = at;
	memset(p->free, 0xff, sizeof(p->free));
	return 0;
}

void pool_fini(struct pool *p)
{
	if (p->base)
		munmap(p->base, POOL_BYTES);
	p->base = NULL;
}

/* The lowest bit at which COUNT set bits begin in WORD, or -1: runs are halved into each other by shifting. */
static int pool_run(uint64_t word, unsigned int count)
{
	unsigned int have = 1, step;

	while (word && have < count) {
		step = have < count - have ? have : count - have;
		word &= word >> step;
		have += step;
	}
	return word ? __builtin_ctzll(word) : -1;
}

static uint64_t pool_mask(unsigned int bit, unsigned int count)
{
	return (count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1) << bit;
}

void *pool_get(struct pool *p, unsigned int pages)
{
	unsigned int i, first;
	int bit;

	for (i = 0; i < POOL_PAGES / 64; i++) {
		bit = pool_run(p->free[i], pages);
		if (bit < 0)
			continue;
		p->free[i] &= ~pool_mask(bit, pages);
		p->in_use += pages;
		first = i * 64 + bit;
		if (p->touched < first + pages)
			p->touched = first + pages;
		return p->base + first * XG_PAGE_SIZE;
	}
	return NULL;
}

void pool_put(struct pool *p, void *at, unsigned int pages)
{
	unsigned int first = ((uint8_t *)at - p->base) / XG_PAGE_SIZE;

	p->free[first / 64] |= pool_mask(first % 64, pages);
	p->in_use -= pages;
}

void pool_trim(struct pool *p)
{
	if (p->in_use || p->touched <= POOL_KEEP)
		return;
	(void)madvise(p->base + POOL_KEEP * XG_PAGE_SIZE, (p->touched - POOL_KEEP) * XG_PAGE_SIZE, MADV_DONTNEED);
	p->touched = POOL_KEEP;
}
