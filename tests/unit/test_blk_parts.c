// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves the backend's small parts: the ring's arithmetic against indices that lie, the state machine row by row,
 * and the buffer pool's bound.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/backend/bus.h"
#include "dom0-tools/backend/pool.h"
#include "dom0-tools/backend/ring.h"
#include "lib/base/addr.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

/* ---- Ring ---- */

static _Alignas(4096) uint8_t ring_pages[4 * 4096];

static struct xg_blkif_ring *fresh_ring(void)
{
	struct xg_blkif_ring *s = (void *)ring_pages;

	memset(ring_pages, 0, sizeof(ring_pages));
	s->req_event = s->rsp_event = 1;
	return s;
}

START_TEST(ring_sizes)
{
	ck_assert_uint_eq(ring_slots(1), 32);
	ck_assert_uint_eq(ring_slots(2), 64);
	ck_assert_uint_eq(ring_slots(4), 128);
}
END_TEST

struct index_row {
	const char *name;
	uint32_t req_cons, rsp_prod, req_prod;
	int rc;
	uint32_t waiting;
};

static const struct index_row index_rows[] = {
	{ "empty", 0, 0, 0, 0, 0 },
	{ "full", 0, 0, 32, 0, 32 },
	{ "one more than full", 0, 0, 33, -EPROTO, 0 },
	{ "full with some under way", 10, 0, 32, 0, 22 },
	{ "one too many with some under way", 10, 0, 33, -EPROTO, 0 },
	{ "backwards", 10, 0, 9, -EPROTO, 0 },
	{ "far backwards", 10, 10, 0x80000000, -EPROTO, 0 },
	{ "the index wraps", 0xfffffff8, 0xfffffff8, 8, 0, 16 },
	{ "the index wraps, too many", 0xfffffff8, 0xfffffff8, 0x19, -EPROTO, 0 },
	{ "all under way", 32, 0, 32, 0, 0 },
	{ "all under way and one more", 32, 0, 33, -EPROTO, 0 },
};

START_TEST(ring_indices)
{
	const struct index_row *row = &index_rows[_i];
	struct xg_blkif_ring *s = fresh_ring();
	struct ring r = { .shared = s, .size = 32, .req_cons = row->req_cons, .rsp_prod = row->rsp_prod,
			  .pushed = row->rsp_prod };
	uint32_t waiting = 0;

	s->req_prod = row->req_prod;
	ck_assert_msg(ring_waiting(&r, &waiting, NULL) == row->rc, "%s", row->name);
	ck_assert_msg(waiting == row->waiting, "%s: %u", row->name, waiting);
}
END_TEST

START_TEST(ring_attach_takes_up_where_responses_end)
{
	struct xg_blkif_ring *s = fresh_ring();
	struct xg_err err = XG_ERR_NONE;
	struct ring r;
	uint32_t waiting;

	s->rsp_prod = 100;
	s->req_prod = 103;
	ck_assert_int_eq(ring_attach(&r, s, 1, &err), 0);
	ck_assert_int_eq(ring_waiting(&r, &waiting, &err), 0);
	ck_assert_uint_eq(waiting, 3);
	s->req_prod = 133;
	ck_assert_int_eq(ring_attach(&r, s, 1, &err), -EPROTO);
	ck_assert_str_eq(err.text, "the ring holds 33 requests in 32 slots");
}
END_TEST

START_TEST(ring_requests_and_responses)
{
	struct xg_blkif_ring *s = fresh_ring();
	union xg_blkif_request raw;
	struct ring r;

	ck_assert_int_eq(ring_attach(&r, s, 1, NULL), 0);
	s->slot[0].req.rw.id = 42;
	s->req_prod = 1;
	ring_take(&r, &raw);
	ck_assert_uint_eq(raw.rw.id, 42);
	ring_respond(&r, 42, 1, -1);
	ck_assert_uint_eq(s->rsp_prod, 0);
	/* rsp_event is 1: the frontend asked to hear of the first. */
	ck_assert(ring_push(&r));
	ck_assert_uint_eq(s->rsp_prod, 1);
	ck_assert_uint_eq(s->slot[0].rsp.id, 42);
	ck_assert_int_eq(s->slot[0].rsp.status, -1);
	/* It has not asked again: the next push is silent. */
	s->req_prod = 2;
	ring_take(&r, &raw);
	ring_respond(&r, 43, 1, 0);
	ck_assert(!ring_push(&r));
}
END_TEST

START_TEST(ring_sleep_sees_what_came_meanwhile)
{
	struct xg_blkif_ring *s = fresh_ring();
	struct ring r;

	ck_assert_int_eq(ring_attach(&r, s, 1, NULL), 0);
	ck_assert(ring_sleep(&r));
	ck_assert_uint_eq(s->req_event, 1);
	s->req_prod = 1;
	ck_assert(!ring_sleep(&r));
}
END_TEST

/* ---- State machine ---- */

struct bus_expect {
	enum bus_state state;
	enum bus_event event;
	bool online;
	enum bus_action action;
	enum bus_state next;
};

static const struct bus_expect bus_rows[] = {
	{ BUS_WAIT, BUS_FRONT_ABSENT, true, BUS_NOTHING, BUS_WAIT },
	{ BUS_WAIT, BUS_FRONT_STARTING, true, BUS_NOTHING, BUS_WAIT },
	{ BUS_WAIT, BUS_FRONT_READY, true, BUS_CONNECT, BUS_LIVE },
	{ BUS_WAIT, BUS_FRONT_READY, false, BUS_CONNECT, BUS_LIVE },
	{ BUS_WAIT, BUS_FRONT_CLOSING, true, BUS_NOTHING, BUS_WAIT },
	{ BUS_WAIT, BUS_FRONT_CLOSING, false, BUS_NOTHING, BUS_ENDED },
	{ BUS_WAIT, BUS_STOP, true, BUS_NOTHING, BUS_ENDED },
	{ BUS_LIVE, BUS_FRONT_READY, true, BUS_NOTHING, BUS_LIVE },
	{ BUS_LIVE, BUS_FRONT_CLOSING, true, BUS_DRAIN, BUS_CLOSING },
	{ BUS_LIVE, BUS_FRONT_ABSENT, true, BUS_DRAIN, BUS_CLOSING },
	{ BUS_LIVE, BUS_FRONT_STARTING, true, BUS_DRAIN, BUS_CLOSING },
	{ BUS_LIVE, BUS_BROKEN, true, BUS_DRAIN, BUS_FAILING },
	{ BUS_LIVE, BUS_STOP, true, BUS_DRAIN, BUS_LEAVING },
	{ BUS_LIVE, BUS_GONE, true, BUS_DRAIN, BUS_LEAVING },
	{ BUS_CLOSING, BUS_FRONT_READY, true, BUS_NOTHING, BUS_CLOSING },
	{ BUS_CLOSING, BUS_DRAINED, true, BUS_RELEASE, BUS_CLOSED },
	{ BUS_CLOSING, BUS_DRAINED, false, BUS_RELEASE, BUS_ENDED },
	{ BUS_CLOSING, BUS_STOP, true, BUS_NOTHING, BUS_LEAVING },
	{ BUS_CLOSING, BUS_BROKEN, true, BUS_NOTHING, BUS_FAILING },
	{ BUS_FAILING, BUS_DRAINED, true, BUS_RELEASE, BUS_FAILED },
	{ BUS_FAILING, BUS_GONE, true, BUS_NOTHING, BUS_LEAVING },
	{ BUS_LEAVING, BUS_FRONT_READY, true, BUS_NOTHING, BUS_LEAVING },
	{ BUS_LEAVING, BUS_DRAINED, true, BUS_RELEASE, BUS_ENDED },
	{ BUS_CLOSED, BUS_FRONT_CLOSING, true, BUS_NOTHING, BUS_CLOSED },
	{ BUS_CLOSED, BUS_FRONT_CLOSING, false, BUS_NOTHING, BUS_ENDED },
	{ BUS_CLOSED, BUS_FRONT_STARTING, true, BUS_ANNOUNCE, BUS_WAIT },
	{ BUS_CLOSED, BUS_FRONT_ABSENT, true, BUS_ANNOUNCE, BUS_WAIT },
	{ BUS_CLOSED, BUS_FRONT_ABSENT, false, BUS_ANNOUNCE, BUS_ENDED },
	{ BUS_CLOSED, BUS_FRONT_READY, true, BUS_CONNECT, BUS_LIVE },
	{ BUS_CLOSED, BUS_GONE, true, BUS_NOTHING, BUS_ENDED },
	/* A frontend that broke the protocol is not believed until it has shown another state. */
	{ BUS_FAILED, BUS_FRONT_READY, true, BUS_NOTHING, BUS_FAILED },
	{ BUS_FAILED, BUS_FRONT_CLOSING, true, BUS_NOTHING, BUS_CLOSED },
	{ BUS_FAILED, BUS_FRONT_ABSENT, true, BUS_ANNOUNCE, BUS_WAIT },
	{ BUS_FAILED, BUS_FRONT_STARTING, true, BUS_ANNOUNCE, BUS_WAIT },
	{ BUS_ENDED, BUS_FRONT_READY, true, BUS_NOTHING, BUS_ENDED },
};

START_TEST(bus_row)
{
	const struct bus_expect *row = &bus_rows[_i];
	enum bus_state state = row->state;

	ck_assert_int_eq(bus_step(&state, row->event, row->online), row->action);
	ck_assert_int_eq(state, row->next);
}
END_TEST

/* Whatever comes in whatever order: rings are released after each connection, and never while requests may run. */
START_TEST(bus_never_forgets_a_ring)
{
	enum bus_state state = BUS_WAIT;
	unsigned int seed = 1, connected = 0, i;

	for (i = 0; i < 200000; i++) {
		enum bus_event event = rand_r(&seed) % BUS_EVENTS;
		bool online = rand_r(&seed) % 4;
		bool draining = state == BUS_CLOSING || state == BUS_FAILING || state == BUS_LEAVING;
		enum bus_action action;

		/* The world sends these only then. */
		if (event == BUS_DRAINED && !draining)
			continue;
		if (event == BUS_BROKEN && state != BUS_LIVE)
			continue;
		action = bus_step(&state, event, online);
		if (action == BUS_CONNECT)
			ck_assert_uint_eq(connected++, 0);
		if (action == BUS_RELEASE) {
			ck_assert(draining && event == BUS_DRAINED);
			ck_assert_uint_eq(connected--, 1);
		}
		if (state == BUS_ENDED) {
			ck_assert_uint_eq(connected, 0);
			state = BUS_WAIT;
		}
	}
}
END_TEST

START_TEST(bus_front_states)
{
	static const enum bus_event expect[] = {
		BUS_FRONT_STARTING, BUS_FRONT_STARTING, BUS_FRONT_STARTING, BUS_FRONT_READY, BUS_FRONT_READY,
		BUS_FRONT_CLOSING, BUS_FRONT_CLOSING, BUS_FRONT_STARTING, BUS_FRONT_STARTING,
	};
	unsigned int i;

	for (i = 0; i < XG_ARRAY_SIZE(expect); i++)
		ck_assert_int_eq(bus_front_event(i), expect[i]);
	ck_assert_int_eq(bus_front_event(UINT64_MAX), BUS_FRONT_STARTING);
}
END_TEST

/* ---- Pool ---- */

START_TEST(pool_is_bounded_and_gives_runs_apart)
{
	struct pool p;
	void *at[POOL_PAGES / 64];
	unsigned int i, seed = 7;
	struct { uint8_t *at; unsigned int pages; } held[64] = { 0 };

	ck_assert_int_eq(pool_init(&p, NULL), 0);
	for (i = 0; i < POOL_PAGES / 64; i++)
		ck_assert_ptr_nonnull(at[i] = pool_get(&p, 64));
	ck_assert_ptr_null(pool_get(&p, 1));
	for (i = 0; i < POOL_PAGES / 64; i++)
		pool_put(&p, at[i], 64);
	ck_assert_uint_eq(p.in_use, 0);
	/* Each run is marked with its owner; an overlap would spoil another's mark. */
	for (i = 0; i < 20000; i++) {
		unsigned int k = rand_r(&seed) % 64, n;

		if (held[k].at) {
			for (n = 0; n < held[k].pages; n++)
				ck_assert_uint_eq(held[k].at[n * XG_PAGE_SIZE], k);
			pool_put(&p, held[k].at, held[k].pages);
			held[k].at = NULL;
			continue;
		}
		held[k].pages = 1 + rand_r(&seed) % 64;
		held[k].at = pool_get(&p, held[k].pages);
		for (n = 0; held[k].at && n < held[k].pages; n++)
			held[k].at[n * XG_PAGE_SIZE] = k;
	}
	for (i = 0; i < 64; i++)
		if (held[i].at)
			pool_put(&p, held[i].at, held[i].pages);
	ck_assert_uint_eq(p.in_use, 0);
	pool_trim(&p);
	ck_assert_uint_le(p.touched, 32);
	pool_fini(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blk_parts");
	TCase *t = tcase_create("parts");

	tcase_set_timeout(t, 60);	/* a busy machine and sanitizers */
	tcase_add_test(t, ring_sizes);
	tcase_add_loop_test(t, ring_indices, 0, XG_ARRAY_SIZE(index_rows));
	tcase_add_test(t, ring_attach_takes_up_where_responses_end);
	tcase_add_test(t, ring_requests_and_responses);
	tcase_add_test(t, ring_sleep_sees_what_came_meanwhile);
	tcase_add_loop_test(t, bus_row, 0, XG_ARRAY_SIZE(bus_rows));
	tcase_add_test(t, bus_never_forgets_a_ring);
	tcase_add_test(t, bus_front_states);
	tcase_add_test(t, pool_is_bounded_and_gives_runs_apart);
	suite_add_tcase(s, t);
	return run_suite(s);
}
