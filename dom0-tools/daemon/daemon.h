/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's loop and what hangs on it. One thread; nothing in a handler waits for longer than xenstore and the
 * database take to answer. What matters lies in the database: this may be lost at any moment.
 */
#ifndef XGD_DAEMON_H
#define XGD_DAEMON_H

#include <stdio.h>
#include <systemd/sd-event.h>

#include "dom0-tools/daemon/look.h"
#include "dom0-tools/daemon/queue.h"

struct xgd_server;

struct xgd {
	sd_event *event;
	sd_event_source *timer;		/* of the next look */
	const char *config_path, *program;
	struct xgd_config config;
	struct xg_ops ops;		/* xenstore and the database */
	struct xgd_lists *lists;
	struct xgd_view view;		/* of the last look */
	struct xgd_queue queue;
	struct xgd_server *server;
	uint64_t looked_ms, due_ms, started_ms;
	unsigned int jobs_done, jobs_failed;
	char trouble[sizeof(((struct xg_err *)0)->text)];	/* why the last look failed; "": it did not */
};

/* Looks again in a moment, and not too often. */
void xgd_soon(struct xgd *d);
/* The same at once: somebody waits. */
void xgd_now(struct xgd *d);

/* The status socket, in ops.run_dir. */
#define XGD_SOCKET "xengraftd.sock"
int xgd_server_open(struct xgd *d, struct xg_err *err);
void xgd_server_close(struct xgd_server *s);	/* NULL is fine */

#endif
