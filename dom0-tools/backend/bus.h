/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a backend as a state machine: event + state -> action. Pure; disk.c sees the events and carries
 * the actions out.
 *
 *      +--------------------- frontend starting, or none there ---------------+
 *      v                                                                       |
 *    WAIT --frontend ready--> LIVE --frontend closing--> CLOSING --drained--> CLOSED
 *                              | ^                                             |
 *                              | +----------------- frontend ready ------------+
 *                              +--broken--> FAILING --drained--> FAILED   (until the frontend starts anew)
 *                              +--stop, gone--> LEAVING --drained--> ENDED
 *
 * Offline (node `online` is not 1), CLOSED and FAILED are ENDED at once.
 */
#ifndef XG_BACKEND_BUS_H
#define XG_BACKEND_BUS_H

#include <stdbool.h>

enum bus_state {
	BUS_WAIT,	/* capabilities are written, no ring */
	BUS_LIVE,	/* rings are mapped, requests are served */
	BUS_CLOSING,	/* no request is taken any more, those under way are being finished */
	BUS_FAILING,	/* the same, because the frontend broke the protocol */
	BUS_LEAVING,	/* the same, and then the process ends */
	BUS_CLOSED,	/* no ring; a frontend may come again */
	BUS_FAILED,	/* no ring; the frontend must show another state before it is believed again */
	BUS_ENDED,
	BUS_STATES,
};

enum bus_event {
	BUS_FRONT_ABSENT,	/* it has no state node */
	BUS_FRONT_STARTING,	/* Initialising, InitWait, or something unknown */
	BUS_FRONT_READY,	/* Initialised, Connected */
	BUS_FRONT_CLOSING,	/* Closing, Closed */
	BUS_DRAINED,		/* nothing under way any more */
	BUS_BROKEN,		/* a ring that cannot be true, or one that could not be connected */
	BUS_STOP,		/* SIGTERM */
	BUS_GONE,		/* the domain or the backend's directory is no more */
	BUS_EVENTS,
};

enum bus_action {
	BUS_NOTHING,
	BUS_ANNOUNCE,	/* show InitWait again */
	BUS_CONNECT,	/* read the frontend's nodes, map, bind, serve */
	BUS_DRAIN,	/* take no more requests; BUS_DRAINED follows */
	BUS_RELEASE,	/* unmap, unbind */
};

/* Moves *state and says what is to be done about it. */
enum bus_action bus_step(enum bus_state *state, enum bus_event event, bool online);

/* Which event a frontend's state node (enum xenbus_state, xen/io/xenbus.h) stands for. */
enum bus_event bus_front_event(unsigned long long xenbus_state);
/* The backend's own node for a state: 2 InitWait, 4 Connected, 5 Closing, 6 Closed. */
unsigned int bus_xenbus_state(enum bus_state state);
const char *bus_state_name(enum bus_state state);

#endif
