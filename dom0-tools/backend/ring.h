/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shared ring of a queue, seen from the backend: indices and slots, no descriptor, no request's meaning.
 * The pages are the guest's as well: whatever is read from them is read once, into private memory.
 */
#ifndef XG_BACKEND_RING_H
#define XG_BACKEND_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/xen/blkif.h"

struct ring {
	struct xg_blkif_ring *shared;	/* not owned */
	uint32_t size;		/* slots, a power of two */
	uint32_t req_cons;	/* requests taken */
	uint32_t rsp_prod;	/* responses written, pushed or not */
	uint32_t pushed;	/* responses that the frontend has been shown */
};

/* Slots of a ring of PAGES pages. */
uint32_t ring_slots(size_t pages);
/*
 * Starts on a mapped ring of PAGES pages where its last backend stopped: at the last response. A frontend that
 * reconnects makes a new ring, so there is nothing to take over then. EPROTO: its indices cannot be true.
 */
int ring_attach(struct ring *r, void *shared, size_t pages, struct xg_err *err);
/* How many requests wait to be taken. EPROTO: more than the ring holds, or fewer than were taken (XSA-155). */
int ring_waiting(const struct ring *r, uint32_t *ret, struct xg_err *err);
/* Copies the next request out; only as often as ring_waiting() said. */
void ring_take(struct ring *r, union xg_blkif_request *ret);
/* Writes a response; not more of them than requests were taken. */
void ring_respond(struct ring *r, uint64_t id, uint8_t operation, int16_t status);
/* Shows what was written to the frontend; true when it wants to be notified of it. */
bool ring_push(struct ring *r);
/* Before sleeping: asks to be notified of the next request; false when one has come meanwhile. */
bool ring_sleep(struct ring *r);

#endif
