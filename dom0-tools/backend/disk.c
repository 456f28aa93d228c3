// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Joins the parts: xenstore's events drive the state machine (bus.c), its actions map rings and bind channels,
 * event channels kick the engine. Called by main.c; must never unmap a ring while a request of it is under way.
 */
#include "dom0-tools/backend/disk.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "dom0-tools/backend/bus.h"
#include "dom0-tools/backend/engine.h"
#include "dom0-tools/backend/loop.h"
#include "dom0-tools/backend/nodes.h"
#include "dom0-tools/backend/parent.h"
#include "dom0-tools/backend/stats.h"
#include "dom0-tools/backend/target.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/xen/evtchn.h"
#include "lib/xen/gnttab.h"
#include "lib/xen/store.h"

/* Unmask writes that the kernel may still be looking at: it copies them in the same system call. */
#define DISK_UNMASKS 16u
#define DISK_PORTS 16u		/* read at once; more than there are queues */

struct disk_op {
	struct loop_op op;
	struct disk *disk;
};

struct disk {
	struct parent *parent;
	struct nodes_config config;
	struct xg_store *store;
	struct xg_evtchn *evtchn;
	struct xg_gnttab *gnttab;
	struct loop loop;
	struct target target;
	struct engine engine;
	bool engine_made;
	int signal_fd;

	enum bus_state state;
	unsigned int shown;	/* xenbus state last written */
	bool gone;		/* no node of ours is left to write to */
	struct nodes_news news;
	unsigned int look;	/* at what: watches have fired */
	bool settled;		/* all nodes are written and all watches set, or about to be */
	bool stop;		/* a signal has come */
	bool deaf;		/* xenstore is lost */
	bool shown_error;	/* node `error` is there */
	unsigned int connections;

	struct {
		void *ring;	/* NULL: not mapped */
		uint32_t port;
		bool bound;
	} queues[ENGINE_QUEUES_MAX];
	unsigned int ring_pages;

	struct disk_op on_event, on_unmask, on_store, on_signal, on_timer;
	uint32_t fired[DISK_PORTS];
	uint32_t unmask[DISK_UNMASKS][DISK_PORTS];
	unsigned int next_unmask;
	struct signalfd_siginfo signal;
	struct __kernel_timespec second;
	bool timer_runs;
	bool timer_fired;
	struct engine_stats stats_written;
	struct xg_err fault;	/* of the loop's callbacks: ends disk_serve() */
};

/* ---- The guest, for the engine ---- */

static int disk_copy(void *ctx, struct xg_copy *copies, size_t count, struct xg_err *err)
{
	struct disk *d = ctx;

	return xg_gnttab_copy(d->gnttab, d->config.domid, copies, count, err);
}

/* A channel that the guest has closed meanwhile takes nothing; its frontend's state will say the rest. */
static void disk_notify(void *ctx, unsigned int q)
{
	struct disk *d = ctx;
	struct xg_err err;

	if (xg_evtchn_notify(d->evtchn, d->queues[q].port, &err))
		xg_debug("%s", err.text);
}

static const struct engine_guest disk_guest = { .copy = disk_copy, .notify = disk_notify };

/* ---- Things that happen ---- */

static struct disk *disk_of(struct loop_op *op)
{
	return ((struct disk_op *)op)->disk;
}

static void disk_fault(struct disk *d, int rc, const char *what)
{
	if (rc < 0 && !d->fault.code)
		xg_fail_errno(&d->fault, -rc, "%s", what);
}

/*
 * Reading a port and unmasking it are the device's read and write (lib/xen/evtchn.h). As operations of the loop
 * they cost no system call: both ride on the one that sleeps. Unmasking late loses nothing, what fires meanwhile
 * stays pending.
 */
static void disk_await_event(struct disk *d)
{
	disk_fault(d, loop_read(&d->loop, &d->on_event.op, xg_evtchn_fd(d->evtchn), d->fired, sizeof(d->fired), 0),
		   "cannot wait for event channels");
}

static void disk_kick_port(struct disk *d, uint32_t port)
{
	unsigned int q;

	for (q = 0; q < d->engine.nr_queues; q++)
		if (d->queues[q].bound && d->queues[q].port == port)
			engine_kick(&d->engine, q);
}

static void disk_unmask(struct disk *d, unsigned int count)
{
	uint32_t *ports = d->unmask[d->next_unmask++ % DISK_UNMASKS];

	memcpy(ports, d->fired, count * sizeof(*ports));
	disk_fault(d, loop_post(&d->loop, &d->on_unmask.op, xg_evtchn_fd(d->evtchn), ports, count * sizeof(*ports)),
		   "cannot unmask event channels");
}

static void disk_on_event(struct loop_op *op, int32_t res)
{
	struct disk *d = disk_of(op);
	unsigned int i, count;

	if (res != -EINTR && res != -EAGAIN)
		disk_fault(d, res, "cannot read event channels");
	count = res > 0 ? res / sizeof(d->fired[0]) : 0;
	for (i = 0; i < count; i++)
		disk_kick_port(d, d->fired[i]);
	if (count)
		disk_unmask(d, count);
	disk_await_event(d);
}

static void disk_on_unmask(struct loop_op *op, int32_t res)
{
	disk_fault(disk_of(op), res, "cannot unmask event channels");
}

static void disk_await_store(struct disk *d)
{
	disk_fault(d, loop_poll_in(&d->loop, &d->on_store.op, xg_store_fd(d->store)), "cannot wait for xenstore");
}

static void disk_on_store(struct loop_op *op, int32_t res)
{
	struct disk *d = disk_of(op);
	struct xg_err err;
	char path[8], token[8];
	int rc;

	disk_fault(d, res, "cannot wait for xenstore");
	while ((rc = xg_store_event(d->store, path, sizeof(path), token, sizeof(token), &err)) > 0)
		d->look |= nodes_fired(token);
	if (!rc) {
		disk_await_store(d);
		return;
	}
	/* The guest's I/O needs no xenstore: better a disk that only SIGTERM can end than none. */
	xg_error("going on without xenstore: %s", err.text);
	d->deaf = true;
}

static void disk_await_signal(struct disk *d)
{
	disk_fault(d, loop_read(&d->loop, &d->on_signal.op, d->signal_fd, &d->signal, sizeof(d->signal), 0),
		   "cannot wait for signals");
}

static void disk_on_signal(struct loop_op *op, int32_t res)
{
	struct disk *d = disk_of(op);

	if (res > 0)
		d->stop = true;
	else if (res != -EINTR && res != -EAGAIN)
		disk_fault(d, res, "cannot wait for signals");
	disk_await_signal(d);
}

static void disk_on_timer(struct loop_op *op, int32_t res)
{
	struct disk *d = disk_of(op);

	(void)res;	/* -ETIME */
	d->timer_runs = false;
	d->timer_fired = true;
}

/* ---- Connecting ---- */

static int disk_connect_queue(struct disk *d, const struct nodes_connection *n, unsigned int q, struct xg_err *err)
{
	int rc = xg_gnttab_map(d->gnttab, d->config.domid, n->queues[q].refs, n->ring_pages, &d->queues[q].ring, err);

	if (!rc)
		rc = xg_evtchn_bind(d->evtchn, d->config.domid, n->queues[q].port, &d->queues[q].port, err);
	d->queues[q].bound = !rc;
	return rc ? rc : engine_add(&d->engine, d->queues[q].ring, n->ring_pages, err);
}

static int disk_connect(struct disk *d, struct xg_err *err)
{
	struct nodes_connection n;
	unsigned int q;
	int rc = nodes_connection_read(d->store, &d->config, &n, err);

	if (rc)
		return rc;
	d->ring_pages = n.ring_pages;
	for (q = 0; q < n.nr_queues && !rc; q++)
		rc = disk_connect_queue(d, &n, q, err);
	if (rc)
		return rc;
	d->connections++;
	engine_start(&d->engine);
	xg_info("connected to %s: %u queues of %u pages", d->config.frontend, n.nr_queues, n.ring_pages);
	return 0;
}

/* Takes half-made connections too. */
static void disk_release(struct disk *d)
{
	struct xg_err err;
	unsigned int q;

	engine_reset(&d->engine);
	for (q = 0; q < ENGINE_QUEUES_MAX; q++) {
		if (d->queues[q].bound && xg_evtchn_unbind(d->evtchn, d->queues[q].port, &err))
			xg_debug("%s", err.text);
		xg_gnttab_unmap(d->gnttab, d->queues[q].ring, d->ring_pages);
		d->queues[q].bound = false;
		d->queues[q].ring = NULL;
	}
}

/* ---- The state machine's hands ---- */

static void disk_warn(int rc, const struct xg_err *err)
{
	if (rc)
		xg_warn("%s", err->text);
}

static void disk_show(struct disk *d)
{
	unsigned int number = bus_xenbus_state(d->state);
	struct xg_err err;

	if (d->gone || d->deaf || number == d->shown)
		return;
	d->shown = number;
	disk_warn(nodes_state_write(d->store, &d->config, number, &err), &err);
}

static void disk_show_error(struct disk *d, const char *text)
{
	struct xg_err err;

	if (d->gone || d->deaf || (!text && !d->shown_error))
		return;
	d->shown_error = text;
	disk_warn(nodes_error_write(d->store, d->config.path, text, &err), &err);
}

static void disk_event(struct disk *d, enum bus_event event);

static void disk_broken(struct disk *d, const struct xg_err *why)
{
	xg_error("disconnecting %s: %s", d->config.frontend, why->text);
	disk_show_error(d, why->text);
	parent_error(d->parent, why);
	disk_event(d, BUS_BROKEN);
}

static void disk_try_connect(struct disk *d)
{
	struct xg_err err = XG_ERR_NONE;

	if (disk_connect(d, &err))
		disk_broken(d, &err);
	else
		disk_show_error(d, NULL);
}

static void disk_act(struct disk *d, enum bus_action action)
{
	switch (action) {
	case BUS_NOTHING:
	case BUS_ANNOUNCE:	/* the state node says it */
		return;
	case BUS_CONNECT:
		disk_try_connect(d);
		return;
	case BUS_DRAIN:
		engine_drain(&d->engine);
		return;
	case BUS_RELEASE:
		disk_release(d);
		return;
	}
}

static void disk_event(struct disk *d, enum bus_event event)
{
	enum bus_state before = d->state;
	enum bus_action action = bus_step(&d->state, event, d->news.online);

	if (d->state != before)
		xg_debug("%s -> %s", bus_state_name(before), bus_state_name(d->state));
	disk_act(d, action);
	disk_show(d);
	if (d->state == BUS_LIVE)
		parent_connected(d->parent);
}

/* The other backend of a swap has gone. One that cannot be had is told of, and the disk goes on as it is. */
static void disk_claim(struct disk *d)
{
	struct xg_err err;

	d->config.lock = true;
	disk_warn(target_claim(&d->target, d->config.target, &err), &err);
}

static void disk_look(struct disk *d)
{
	unsigned int subjects = d->look;
	struct xg_err err;

	d->look = 0;
	if (nodes_look(d->store, &d->config, subjects, &d->news, &err)) {
		xg_warn("%s", err.text);
		return;
	}
	d->gone |= d->news.gone;
	if (!d->config.lock && d->news.lock && !d->gone)
		disk_claim(d);
	disk_event(d, d->news.gone ? BUS_GONE : d->news.front);
}

static bool disk_drains(const struct disk *d)
{
	return d->state == BUS_CLOSING || d->state == BUS_FAILING || d->state == BUS_LEAVING;
}

/* What one turn of the loop has brought, put to the state machine. */
static void disk_think(struct disk *d)
{
	if (d->look)
		disk_look(d);
	if (d->engine.broken && d->state == BUS_LIVE)
		disk_broken(d, &d->engine.fault);
	if (d->stop) {
		d->stop = false;
		disk_event(d, BUS_STOP);
	}
	if (disk_drains(d) && !engine_under_way(&d->engine)) {
		disk_event(d, BUS_DRAINED);
		/* What the frontend did meanwhile was not looked at in those states. */
		d->look |= d->state != BUS_ENDED ? NODES_FRONT | NODES_SELF : 0;
	}
}

/* ---- Counters ---- */

static void disk_write_stats(struct disk *d)
{
	char json[STATS_BYTES];
	struct xg_err err;

	d->stats_written = d->engine.stats;
	if (d->gone || d->deaf)
		return;
	stats_render(&d->engine, bus_state_name(d->state), d->connections, json, sizeof(json));
	disk_warn(nodes_stats_write(d->store, &d->config, json, &err), &err);
}

/* What a starter that waits for its disk need not wait for: it knows from the socket what the nodes say. */
static int disk_settle(struct disk *d, struct xg_err *err)
{
	int rc = nodes_announce(d->store, &d->config, &d->target, err);

	if (rc)
		return rc;
	d->shown_error = d->config.left_error;
	disk_show_error(d, NULL);
	return nodes_watch(d->store, &d->config, NODES_DOMAIN, err);
}

static void disk_settle_late(struct disk *d)
{
	struct xg_err err;

	if (d->settled || d->gone || d->deaf)
		return;
	d->settled = true;
	disk_warn(disk_settle(d, &err), &err);
}

/* Once a second while something changes; an idle disk costs nothing. */
static void disk_keep_stats(struct disk *d)
{
	if (d->timer_fired) {
		d->timer_fired = false;
		engine_idle(&d->engine);
		disk_settle_late(d);
		disk_write_stats(d);
	}
	if (d->timer_runs || (d->settled && !memcmp(&d->stats_written, &d->engine.stats, sizeof(d->stats_written))))
		return;
	d->timer_runs = !loop_timer(&d->loop, &d->on_timer.op, &d->second);
}

/* ---- Life ---- */

static int disk_open_xen(struct disk *d, const struct disk_options *options, struct xg_err *err)
{
	int rc = xg_store_open(&d->store, err);

	if (!rc)
		rc = nodes_config_read(d->store, options->path, &d->config, err);
	if (!rc)
		rc = xg_evtchn_open(&d->evtchn, err);
	if (!rc)
		rc = xg_gnttab_open(&d->gnttab, err);
	if (rc)
		return rc;
	/* The loop's read of a device that may block would keep one of the kernel's workers waiting in it. */
	if (fcntl(xg_evtchn_fd(d->evtchn), F_SETFL, O_NONBLOCK) < 0)
		return xg_fail_errno(err, errno, "cannot set up the event channel device");
	return 0;
}

static int disk_open_signals(struct disk *d, struct xg_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return xg_fail_errno(err, errno, "cannot block signals");
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signal_fd < 0 ? xg_fail_errno(err, errno, "cannot wait for signals") : 0;
}

static int disk_open_target(struct disk *d, const struct disk_options *options, struct xg_err *err)
{
	const struct target_spec spec = {
		.path = d->config.target, .writable = d->config.writable, .discard = d->config.discard,
		.lock = d->config.lock, .lock_at = d->config.lock_at, .mark_at = d->config.mark_at,
		.direct = !options->buffered,
	};
	int rc = target_open(&spec, &d->target, err);

	if (rc)
		return rc;
	xg_info("%s: %llu sectors, blocks of %u bytes, %s, %s", spec.path, (unsigned long long)d->target.sectors,
		d->target.block_bytes, spec.writable ? "writable" : "read-only",
		d->target.memory ? "memory" : d->target.direct ? "direct" : "buffered");
	return 0;
}

static int disk_open_engine(struct disk *d, struct xg_err *err)
{
	int rc = loop_init(&d->loop, err);

	if (rc)
		return rc;
	d->engine_made = true;
	return engine_init(&d->engine, &d->loop, &d->target, &disk_guest, d, err);
}

static void disk_open_ops(struct disk *d)
{
	d->on_event = (struct disk_op){ .op.done = disk_on_event, .disk = d };
	d->on_unmask = (struct disk_op){ .op.done = disk_on_unmask, .disk = d };
	d->on_store = (struct disk_op){ .op.done = disk_on_store, .disk = d };
	d->on_signal = (struct disk_op){ .op.done = disk_on_signal, .disk = d };
	d->on_timer = (struct disk_op){ .op.done = disk_on_timer, .disk = d };
	d->second.tv_sec = 1;
}

/* Capabilities, then InitWait, then the watches, which fire at once for what is there already. */
static int disk_open_nodes(struct disk *d, struct xg_err *err)
{
	int rc = d->settled ? disk_settle(d, err) : 0;

	if (rc)
		return rc;
	d->state = BUS_WAIT;
	d->shown = bus_xenbus_state(d->state);
	rc = nodes_state_write(d->store, &d->config, d->shown, err);
	return rc ? rc : nodes_watch(d->store, &d->config,
				     NODES_FRONT | NODES_SELF | (d->config.lock ? 0 : NODES_LOCK), err);
}

static int disk_open_all(struct disk *d, const struct disk_options *options, struct xg_err *err)
{
	int rc = disk_open_signals(d, err);

	if (!rc)
		rc = disk_open_xen(d, options, err);
	if (!rc)
		rc = disk_open_target(d, options, err);
	if (!rc)
		rc = disk_open_engine(d, err);
	if (rc)
		return rc;
	disk_open_ops(d);
	rc = disk_open_nodes(d, err);
	if (rc)
		return rc;
	disk_await_event(d);
	disk_await_store(d);
	disk_await_signal(d);
	return 0;
}

int disk_open(const struct disk_options *options, struct disk **ret, struct xg_err *err)
{
	struct disk *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return xg_fail(err, ENOMEM, "no memory for a disk");
	d->parent = options->parent;
	d->settled = !options->settle_late;
	d->news.front = BUS_FRONT_ABSENT;
	d->target.fd = -1;
	d->loop.ring.ring_fd = -1;
	d->signal_fd = -1;
	rc = disk_open_all(d, options, err);
	/* Whoever looks into the directory learns as well why there is no disk. */
	if (rc && d->store && nodes_exist(d->store, options->path))
		(void)nodes_error_write(d->store, options->path, err->text, NULL);
	if (rc)
		disk_close(d);
	else
		*ret = d;
	return rc;
}

void disk_capabilities(const struct disk *d, char ret[DISK_CAPABILITIES_BYTES])
{
	nodes_capabilities(&d->config, &d->target, ret, DISK_CAPABILITIES_BYTES);
}

int disk_serve(struct disk *d, struct xg_err *err)
{
	bool again = false;
	int rc;

	while (d->state != BUS_ENDED) {
		rc = loop_turn(&d->loop, !again && !d->look, err);
		if (rc)
			return rc;
		if (d->fault.code) {
			*err = d->fault;
			return -err->code;
		}
		again = engine_run(&d->engine);
		disk_think(d);
		disk_keep_stats(d);
	}
	disk_write_stats(d);
	xg_info("%s: ended%s", d->config.frontend, d->gone ? ", the domain or the backend's directory is gone" : "");
	return 0;
}

void disk_close(struct disk *d)
{
	if (!d)
		return;
	/* The kernel's last words about requests come before the memory that they are about goes. */
	loop_fini(&d->loop);
	if (d->engine_made) {
		disk_release(d);
		engine_fini(&d->engine);
	}
	target_close(&d->target);
	xg_gnttab_close(d->gnttab);
	xg_evtchn_close(d->evtchn);
	xg_store_close(d->store);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	free(d);
}
