/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for driver images, in this process: the linker's output runs here as it would in a kernel, served by a
 * personality that counts everything and a block backend that can be told to lie.
 *
 * Used by test_driver.c. One guest at a time; not for threads.
 */
#ifndef XG_TESTS_FAKE_GUEST_H
#define XG_TESTS_FAKE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-stubs/abi/xengraft_abi.h"
#include "lib/xen/blkif.h"

#define FAKE_DISK_SECTORS 8192u		/* 4 MiB */
#define FAKE_GRANTS 16384u
#define FAKE_DONE_MAX 4096u
#define FAKE_DOORBELL_BYTES 4096u

struct fake_done {
	struct xg_request *req;
	int status;
};

struct fake_queue {
	uint32_t reserve_left, kept, kept_from;
	bool reserved, event_open, interrupt_open;
	unsigned int sends, wakes;
	/* The backend's. */
	struct xg_blkif_ring *ring;
	uint32_t entries, req_cons, rsp_prod;
};

struct fake_guest {
	struct xg_device_header *dev;
	const struct xg_driver *driver;
	struct xg_services services;
	struct fake_queue queue[XG_QUEUES_MAX];

	struct { bool used, read_only, rests; uint32_t queue; uint64_t frame; } grant[FAKE_GRANTS];
	uint32_t grant_hint;
	unsigned int grants_live, grants_made, reserves_live, memory_live, events_live;
	unsigned int calls_left;	/* services that can fail do so from this call on, 1 is the next; 0: never */
	uint32_t reserve_most;		/* a reserve above it is refused; 0: none is */
	bool ungrant_refused;		/* the backend won't let go */
	bool keep_refused;		/* the personality keeps no grants after all */

	struct fake_done done[FAKE_DONE_MAX];
	/* A device on a bus whose addresses are this process's own. */
	uint8_t *doorbells;		/* FAKE_DOORBELL_BYTES, while they are mapped */
	unsigned int interrupts_live;
	bool bus_refused;		/* no page has a bus address */

	unsigned int done_count, logs;
	char log[256];

	uint8_t disk[FAKE_DISK_SECTORS * 512];
	unsigned int flushes, discards, secure_discards, indirects, writes;
	bool write_since_flush;
	void (*on_complete)(struct fake_guest *g);	/* what the backend does meanwhile; NULL: nothing */
	int16_t answer;			/* what the backend says; 0 unless told otherwise */
};

/* Loads the image at PATH into executable memory below 2 GiB, where kernel-model code can run too. Aborts the test. */
struct fake_guest *fake_guest_new(const char *path, const struct xg_block_params *params);
void fake_guest_free(struct fake_guest *g);	/* also asserts that nothing was left behind */

/* Where the driver that was loaded last lies. */
void *fake_guest_text(uintptr_t *ret_end);

/* The entry points. */
int fake_open(struct fake_guest *g);
int fake_submit(struct fake_guest *g, uint32_t q, struct xg_request *req);
void fake_commit(struct fake_guest *g, uint32_t q);
void fake_event(struct fake_guest *g, uint32_t q);
int fake_in_flight(struct fake_guest *g, uint32_t q);
void fake_close(struct fake_guest *g);

/*
 * The backend takes the requests that are there, does them and answers; the number of requests. An EVENT follows where
 * the driver asked for one.
 */
unsigned int fake_serve(struct fake_guest *g, uint32_t q);
/* Only takes: the next request, which must be there. */
union xg_blkif_request fake_take(struct fake_guest *g, uint32_t q);
/* Answers with RSP as it is, shown or not. */
void fake_respond(struct fake_guest *g, uint32_t q, const struct xg_blkif_response *rsp);

#endif
