/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which grants of one queue stay with the backend, found by their frame and by their reference. Pure: knows neither the
 * kernel nor Xen, so that a test can run it. Called by grants.c, under its lock.
 *
 * An entry is a page, granted. It is in use by a request, or rests: nobody uses it, and the backend has it mapped. A
 * frame that two requests use at once has two entries, because a backend maps what it is given a second time anew.
 */
#ifndef XG_LINUX_KEPT_H
#define XG_LINUX_KEPT_H

#include "xengraft_abi.h"

/* Entries of a table; their numbers are 16 bits, 0 is none. */
#define XG_KEPT_ENTRIES_MAX 65534u

struct xg_kept_entry {
	uint64_t frame;
	void *page;		/* the caller's */
	uint32_t ref;		/* 0: the entry is free */
	uint16_t next_frame;	/* in the frame's chain; of the free ones */
	uint16_t next_ref;
	uint32_t in_use;
	uint32_t pad;
};

struct xg_kept {
	uint32_t entries;
	uint32_t bits;		/* of either hash */
	uint32_t resting;
	uint32_t hand;		/* xg_kept_next() goes on behind it */
	uint16_t free;
	uint16_t *by_frame, *by_ref;
	struct xg_kept_entry entry[];	/* the first one is no entry */
};

/* Bytes of a table of so many entries, at most XG_KEPT_ENTRIES_MAX. */
uint64_t xg_kept_bytes(uint32_t entries);
/* KEPT is that many bytes, zeroed. Nothing is owed for it afterwards. */
void xg_kept_init(struct xg_kept *kept, uint32_t entries);

/* The reference of an entry of FRAME that rested and is in use from now on; 0: there is none. */
uint32_t xg_kept_take(struct xg_kept *kept, uint64_t frame);
/* A new entry, in use. 0: there is no room. REF is not 0, and not in the table. */
int xg_kept_add(struct xg_kept *kept, uint64_t frame, uint32_t ref, void *page);
/* The entry of REF, or NULL. */
struct xg_kept_entry *xg_kept_find(struct xg_kept *kept, uint32_t ref);
/* It is not in use any more, and stays. */
void xg_kept_rest(struct xg_kept *kept, struct xg_kept_entry *entry);
/* It goes; what was its page. */
void *xg_kept_remove(struct xg_kept *kept, struct xg_kept_entry *entry);
/*
 * The next entry that is there, round and round, after at most *STEPS looks, which are taken off it; NULL: none came.
 */
struct xg_kept_entry *xg_kept_next(struct xg_kept *kept, uint32_t *steps);

#endif
