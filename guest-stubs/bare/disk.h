/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks: who has one registers it, who wants sectors asks here. Requests complete in the loop, never inside submit().
 */
#ifndef BARE_DISK_H
#define BARE_DISK_H

#include "bare.h"

#define BARE_SECTOR 512u
#define BARE_SEGMENTS_MAX 64u

enum bare_disk_op { BARE_READ, BARE_WRITE, BARE_FLUSH, BARE_DISCARD };

struct bare_segment {
	uint64_t physical;
	uint32_t bytes;		/* within one page */
};

struct bare_disk;

struct bare_request {
	struct bare_disk *disk;
	enum bare_disk_op op;
	uint64_t sector;
	uint32_t sectors;
	uint32_t nr_segments;
	struct bare_segment segments[BARE_SEGMENTS_MAX];
	void (*done)(struct bare_request *request);	/* in the loop: must not sleep */
	void *context;
	int status;			/* 0 or -BARE_E_*, for done() */
	struct bare_request *next;	/* the layer's own */
};

struct bare_disk_ops {
	/* 0: taken; -BARE_E_BUSY: not, bare_disk_wake() follows; anything else: never. */
	int (*submit)(struct bare_disk *disk, struct bare_request *request);
	void (*commit)(struct bare_disk *disk);	/* what was submitted may go */
};

struct bare_disk {
	/* The owner's; not changed while registered, but for `sectors`. */
	char name[32];
	uint64_t sectors;
	uint32_t logical_bytes;
	uint32_t max_sectors, max_segments;
	bool read_only, can_flush, can_discard;
	const struct bare_disk_ops *ops;
	void *owner;
	/* The layer's own. */
	bool registered, held, stopped, uncommitted;
	unsigned int openers, in_flight;	/* in flight: submitted or waiting, and not done */
	struct bare_request *waiting, **waiting_end;
	struct bare_disk *next;
};

/* -BARE_E_EXIST: the name is taken; -BARE_E_INVAL. The disk can be used from here on. */
int bare_disk_register(struct bare_disk *disk);
/*
 * -BARE_E_BUSY: somebody has it open, and not FORCE. With FORCE what waits fails; what the owner has taken is
 * the owner's to complete. Those who have it open get -BARE_E_NODEV from here on: free the memory only when
 * `openers` is 0.
 */
int bare_disk_unregister(struct bare_disk *disk, bool force);
/* While held, requests wait. */
void bare_disk_hold(struct bare_disk *disk, bool hold);
/* The owner's words about requests. */
void bare_disk_complete(struct bare_request *request, int status);
void bare_disk_wake(struct bare_disk *disk);

struct bare_disk *bare_disk_open(const char *name);	/* NULL: there is none */
void bare_disk_close(struct bare_disk *disk);
struct bare_disk *bare_disk_next(struct bare_disk *after);	/* NULL begins and ends */
/* Any task; done() is called in every case. */
void bare_disk_submit(struct bare_request *request);
/* sleeps. SECTORS at SECTOR to or from BUFFER, which begins on a page; 0 or -BARE_E_*. */
int bare_disk_io(struct bare_disk *disk, enum bare_disk_op op, uint64_t sector, uint64_t sectors, void *buffer);

void bare_disks_look(void);	/* the loop's */

#endif
