// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that may become executable: single pages behind addresses within a call's reach of the image, an unmapped
 * page between one allocation and the next. Whoever loads code asks here, as a module loader would.
 */
#include "bare.h"

#define PAGES (BARE_EXEC_BYTES / BARE_PAGE)
#define AREAS_MAX 128u

struct area {
	uint32_t first, pages;	/* 0 pages: free */
};

static struct area areas[AREAS_MAX];

static bool overlaps(uint32_t first, uint32_t pages, uint32_t *ret_behind)
{
	unsigned int i;

	for (i = 0; i < AREAS_MAX; i++)
		if (areas[i].pages && first <= areas[i].first + areas[i].pages && areas[i].first <= first + pages) {
			*ret_behind = areas[i].first + areas[i].pages + 1;
			return true;
		}
	return false;
}

static struct area *area_find(uint32_t pages)
{
	uint32_t first = 0;
	unsigned int i;

	for (i = 0; i < AREAS_MAX && areas[i].pages; i++)
		;
	while (i < AREAS_MAX && first + pages < PAGES)
		if (!overlaps(first, pages, &first)) {
			areas[i] = (struct area){ .first = first, .pages = pages };
			return &areas[i];
		}
	return NULL;
}

static uint64_t address_of(const struct area *area, uint32_t page)
{
	return BARE_EXEC + (uint64_t)(area->first + page) * BARE_PAGE;
}

/* The first PAGES pages of AREA. */
static void area_drop(struct area *area, uint32_t pages)
{
	uint32_t i;

	for (i = 0; i < pages; i++) {
		void *page = bare_at(bare_physical((void *)address_of(area, i)));

		bare_unmap(address_of(area, i), 1);
		bare_pages_put(page, 1);
	}
	area->pages = 0;
}

static bool area_fill(struct area *area)
{
	uint32_t i;

	for (i = 0; i < area->pages; i++) {
		void *page = bare_pages_get(1);

		if (!page || bare_map(address_of(area, i), bare_physical(page), 1, BARE_MAP_WRITE)) {
			bare_pages_put(page, 1);
			area_drop(area, i);
			return false;
		}
	}
	return true;
}

void *bare_exec_get(size_t bytes, unsigned long purpose)
{
	struct area *area;

	if (!bytes || bytes > BARE_EXEC_BYTES / 2 || purpose)
		return NULL;
	area = area_find((uint32_t)((bytes + BARE_PAGE - 1) / BARE_PAGE));
	return area && area_fill(area) ? (void *)address_of(area, 0) : NULL;
}

static struct area *area_of(uint64_t va)
{
	unsigned int i;

	for (i = 0; i < AREAS_MAX; i++)
		if (areas[i].pages && va >= address_of(&areas[i], 0) && va < address_of(&areas[i], areas[i].pages))
			return &areas[i];
	return NULL;
}

void bare_exec_put(void *va)
{
	struct area *area = area_of((uint64_t)va);

	if (!area || address_of(area, 0) != (uint64_t)va)
		bare_stop("%p was not given by bare_exec_get()", va);
	area_drop(area, area->pages);
}

static int protect(uint64_t va, int pages, unsigned int protection)
{
	const struct area *area = area_of(va);
	int rc = 0;

	if (!area || va % BARE_PAGE || pages <= 0 || va + (uint64_t)pages * BARE_PAGE > address_of(area, area->pages))
		return -BARE_E_INVAL;
	for (; !rc && pages; pages--, va += BARE_PAGE)
		rc = bare_map(va, bare_physical((void *)va), 1, protection);
	return rc;
}

int bare_exec_seal(uint64_t va, int pages)
{
	return protect(va, pages, 0);
}

int bare_exec_allow(uint64_t va, int pages)
{
	return protect(va, pages, BARE_MAP_EXECUTE);
}
