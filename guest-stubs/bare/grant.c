// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The grant table (public/grant_table.h, version 1), as large as Xen allows up to a ceiling. An entry's
 * domain and frame are there before its flags, which Xen may read at any time.
 */
#include "bare.h"
#include "xen.h"

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define FRAMES_MAX 32u
#define ENTRIES_MAX (FRAMES_MAX * BARE_PAGE / (uint32_t)sizeof(grant_entry_v1_t))
#define FIRST GNTTAB_NR_RESERVED_ENTRIES
#define ABANDONED_MAX 4352u	/* as many as pages can be pinned */

static grant_entry_v1_t *table;
static uint32_t entries;
static uint32_t next_free[ENTRIES_MAX];	/* 0: the end */
static uint32_t head, count, reserved;	/* count: in the list */
static uint32_t abandoned[ABANDONED_MAX], nr_abandoned;

static uint32_t frames_allowed(void)
{
	struct gnttab_query_size query = { .dom = DOMID_SELF };

	if (bare_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, (uint64_t)&query, 1) ||
	    query.status != GNTST_okay)
		return 1;
	return query.max_nr_frames < FRAMES_MAX ? query.max_nr_frames : FRAMES_MAX;
}

static void list_push(uint32_t ref)
{
	next_free[ref] = head;
	head = ref;
	count++;
}

static void table_start(void)
{
	uint32_t i, frames = frames_allowed();

	table = bare_pages_get(frames);
	if (!table)
		bare_stop("no memory for the grant table");
	/* Backwards: Xen grows the table to the highest frame at once. */
	for (i = frames; i-- > 0;)
		if (bare_xen_share(XENMAPSPACE_grant_table, i, (char *)table + i * BARE_PAGE))
			bare_stop("Xen does not give frame %u of the grant table", i);
	entries = frames * BARE_PAGE / (uint32_t)sizeof(*table);
	for (i = entries; i-- > FIRST;)
		list_push(i);
}

int bare_grants_reserve(uint32_t number)
{
	if (number > bare_grants_free())
		return -BARE_E_NOMEM;
	reserved += number;
	return 0;
}

void bare_grants_unreserve(uint32_t number)
{
	reserved -= number;
}

int bare_grant(uint16_t domid, uint64_t frame, bool read_only)
{
	uint16_t flags = GTF_permit_access | (read_only ? GTF_readonly : 0);
	uint32_t ref = head;

	if (!ref || !reserved)
		return -BARE_E_NOMEM;
	head = next_free[ref];
	count--;
	reserved--;
	table[ref].domid = domid;
	table[ref].frame = (uint32_t)frame;
	__atomic_store_n(&table[ref].flags, flags, __ATOMIC_RELEASE);
	return (int)ref;
}

static int end(uint32_t ref)
{
	uint16_t flags;

	if (ref < FIRST || ref >= entries)
		return -BARE_E_INVAL;
	flags = __atomic_load_n(&table[ref].flags, __ATOMIC_RELAXED);
	do {
		if (flags & (GTF_reading | GTF_writing))
			return -BARE_E_BUSY;
	} while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	list_push(ref);
	return 0;
}

int bare_grant_end(uint32_t ref)
{
	int rc = end(ref);

	if (!rc)
		reserved++;
	return rc;
}

void bare_grant_abandon(uint32_t ref)
{
	/* To go on would be to hand out a page that somebody else may write to. */
	if (nr_abandoned == ABANDONED_MAX || bare_page_pin((uint64_t)table[ref].frame * BARE_PAGE))
		bare_stop("more than %u pages are in the hands of backends that do not let go", ABANDONED_MAX);
	abandoned[nr_abandoned++] = ref;
}

void bare_grants_look(void)
{
	uint32_t i = 0, frame;

	while (i < nr_abandoned) {
		frame = table[abandoned[i]].frame;
		if (end(abandoned[i])) {
			i++;
			continue;
		}
		bare_page_unpin((uint64_t)frame * BARE_PAGE);
		abandoned[i] = abandoned[--nr_abandoned];
	}
}

uint32_t bare_grants_free(void)
{
	if (!table && bare_xen)
		table_start();
	return count - reserved;
}
