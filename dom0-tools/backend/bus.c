// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table behind bus.h. Called by disk.c for every event; must never touch a descriptor. What is not in the
 * table changes nothing: events repeat, and watches fire for what is known already.
 */
#include "dom0-tools/backend/bus.h"

#include <stddef.h>

#include "lib/base/array.h"

struct bus_row {
	unsigned char state, event, action, next, next_offline;
};

#define ROW(s, e, a, n, o) { BUS_##s, BUS_##e, BUS_##a, BUS_##n, BUS_##o }

static const struct bus_row bus_table[] = {
	/*  state    event           action    next     next when offline */
	ROW(WAIT,    FRONT_READY,    CONNECT,  LIVE,    LIVE),
	ROW(WAIT,    FRONT_CLOSING,  NOTHING,  WAIT,    ENDED),
	ROW(WAIT,    STOP,           NOTHING,  ENDED,   ENDED),
	ROW(WAIT,    GONE,           NOTHING,  ENDED,   ENDED),

	/* A frontend that starts anew without having closed (a crash kernel) has left its ring behind. */
	ROW(LIVE,    FRONT_ABSENT,   DRAIN,    CLOSING, CLOSING),
	ROW(LIVE,    FRONT_STARTING, DRAIN,    CLOSING, CLOSING),
	ROW(LIVE,    FRONT_CLOSING,  DRAIN,    CLOSING, CLOSING),
	ROW(LIVE,    BROKEN,         DRAIN,    FAILING, FAILING),
	ROW(LIVE,    STOP,           DRAIN,    LEAVING, LEAVING),
	ROW(LIVE,    GONE,           DRAIN,    LEAVING, LEAVING),

	ROW(CLOSING, DRAINED,        RELEASE,  CLOSED,  ENDED),
	ROW(CLOSING, BROKEN,         NOTHING,  FAILING, FAILING),
	ROW(CLOSING, STOP,           NOTHING,  LEAVING, LEAVING),
	ROW(CLOSING, GONE,           NOTHING,  LEAVING, LEAVING),

	ROW(FAILING, DRAINED,        RELEASE,  FAILED,  ENDED),
	ROW(FAILING, STOP,           NOTHING,  LEAVING, LEAVING),
	ROW(FAILING, GONE,           NOTHING,  LEAVING, LEAVING),

	ROW(LEAVING, DRAINED,        RELEASE,  ENDED,   ENDED),

	/*
	 * Where no frontend is, the next one is waited for: xen-blkfront gives a device up for good when the first
	 * that it sees of its backend is Closed.
	 */
	ROW(CLOSED,  FRONT_ABSENT,   ANNOUNCE, WAIT,    ENDED),
	ROW(CLOSED,  FRONT_STARTING, ANNOUNCE, WAIT,    WAIT),
	ROW(CLOSED,  FRONT_READY,    CONNECT,  LIVE,    LIVE),
	ROW(CLOSED,  FRONT_CLOSING,  NOTHING,  CLOSED,  ENDED),
	ROW(CLOSED,  STOP,           NOTHING,  ENDED,   ENDED),
	ROW(CLOSED,  GONE,           NOTHING,  ENDED,   ENDED),

	ROW(FAILED,  FRONT_ABSENT,   ANNOUNCE, WAIT,    ENDED),
	ROW(FAILED,  FRONT_STARTING, ANNOUNCE, WAIT,    WAIT),
	ROW(FAILED,  FRONT_CLOSING,  NOTHING,  CLOSED,  ENDED),
	ROW(FAILED,  STOP,           NOTHING,  ENDED,   ENDED),
	ROW(FAILED,  GONE,           NOTHING,  ENDED,   ENDED),
};

enum bus_action bus_step(enum bus_state *state, enum bus_event event, bool online)
{
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(bus_table); i++) {
		const struct bus_row *row = &bus_table[i];

		if (row->state != *state || row->event != event)
			continue;
		*state = online ? row->next : row->next_offline;
		return row->action;
	}
	return BUS_NOTHING;
}

enum bus_event bus_front_event(unsigned long long xenbus_state)
{
	switch (xenbus_state) {
	case 3: case 4:
		return BUS_FRONT_READY;
	case 5: case 6:
		return BUS_FRONT_CLOSING;
	default:
		return BUS_FRONT_STARTING;
	}
}

unsigned int bus_xenbus_state(enum bus_state state)
{
	static const unsigned char number[BUS_STATES] = {
		[BUS_WAIT] = 2, [BUS_LIVE] = 4,
		[BUS_CLOSING] = 5, [BUS_FAILING] = 5, [BUS_LEAVING] = 5,
		[BUS_CLOSED] = 6, [BUS_FAILED] = 6, [BUS_ENDED] = 6,
	};

	return number[state];
}

const char *bus_state_name(enum bus_state state)
{
	static const char *const name[BUS_STATES] = {
		[BUS_WAIT] = "waiting for the frontend", [BUS_LIVE] = "connected",
		[BUS_CLOSING] = "closing", [BUS_FAILING] = "closing after a protocol error",
		[BUS_LEAVING] = "leaving", [BUS_CLOSED] = "closed",
		[BUS_FAILED] = "closed after a protocol error", [BUS_ENDED] = "ended",
	};

	return name[state];
}
