// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ring arithmetic. Called by the engine; must never read a shared index twice for one decision, nor touch a
 * slot outside the ring whatever the indices say: slots are masked, counts are checked by subtraction.
 */
#include "dom0-tools/backend/ring.h"

#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/array.h"

static uint32_t ring_load(const uint32_t *shared)
{
	return __atomic_load_n(shared, __ATOMIC_ACQUIRE);
}

uint32_t ring_slots(size_t pages)
{
	size_t fit = (pages * XG_PAGE_SIZE - sizeof(struct xg_blkif_ring)) / sizeof(union xg_blkif_request);
	uint32_t slots = 1;

	while (slots <= fit / 2)
		slots *= 2;
	return slots;
}

int ring_attach(struct ring *r, void *shared, size_t pages, struct xg_err *err)
{
	struct xg_blkif_ring *s = shared;
	uint32_t size = ring_slots(pages);
	uint32_t rsp = ring_load(&s->rsp_prod);
	uint32_t req = ring_load(&s->req_prod);

	if (req - rsp > size)
		return xg_fail(err, EPROTO, "the ring holds %u requests in %u slots", req - rsp, size);
	*r = (struct ring){ .shared = s, .size = size, .req_cons = rsp, .rsp_prod = rsp, .pushed = rsp };
	return 0;
}

int ring_waiting(const struct ring *r, uint32_t *ret, struct xg_err *err)
{
	/* Acquire: the requests were written before the index (partner: the frontend's write barrier). */
	uint32_t waiting = ring_load(&r->shared->req_prod) - r->req_cons;
	uint32_t taken = r->req_cons - r->rsp_prod;

	if (waiting > r->size - taken)
		return xg_fail(err, EPROTO, "the frontend claims %u more requests with %u under way in %u slots",
			       waiting, taken, r->size);
	*ret = waiting;
	return 0;
}

void ring_take(struct ring *r, union xg_blkif_request *ret)
{
	uint32_t slot = r->req_cons++ & (r->size - 1);
	/* Volatile: one read of each word, so that what is checked later is what was copied now (XSA-155). */
	const volatile uint64_t *from = (const volatile void *)&r->shared->slot[slot].req;
	uint64_t words[sizeof(*ret) / sizeof(uint64_t)];
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(words); i++)
		words[i] = from[i];
	memcpy(ret, words, sizeof(words));
}

void ring_respond(struct ring *r, uint64_t id, uint8_t operation, int16_t status)
{
	struct xg_blkif_response rsp = { .id = id, .operation = operation, .status = status };

	memcpy(&r->shared->slot[r->rsp_prod++ & (r->size - 1)].rsp, &rsp, sizeof(rsp));
}

bool ring_push(struct ring *r)
{
	uint32_t old = r->pushed;

	r->pushed = r->rsp_prod;
	/* Release: the responses are there before the index (partner: the frontend's read barrier). */
	__atomic_store_n(&r->shared->rsp_prod, r->rsp_prod, __ATOMIC_RELEASE);
	/*
	 * The index before the look at rsp_event (partner: the frontend stores rsp_event, then looks at the
	 * index once more): one of the two sides sees the other.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return r->rsp_prod - ring_load(&r->shared->rsp_event) < r->rsp_prod - old;
}

bool ring_sleep(struct ring *r)
{
	if (ring_load(&r->shared->req_prod) != r->req_cons)
		return false;
	__atomic_store_n(&r->shared->req_event, r->req_cons + 1, __ATOMIC_RELAXED);
	/* The wish before the last look (partner: the frontend stores req_prod, then looks at req_event). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring_load(&r->shared->req_prod) == r->req_cons;
}
