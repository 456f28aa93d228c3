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
struct xgd_saves;

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
	struct xgd_saves *saves;
	uint64_t looked_ms, due_ms, started_ms;
	unsigned int jobs_done, jobs_failed;
	char trouble[sizeof(((struct xg_err *)0)->text)];	/* why the last look failed; "": it did not */
	char refused[sizeof(((struct xg_err *)0)->text)];	/* why the last reload was; "": it was not */
};

/* Looks again in a moment, and not too often. */
void xgd_soon(struct xgd *d);
/* The same at once: somebody waits. */
void xgd_now(struct xgd *d);

/* The status socket, in ops.run_dir. */
#define XGD_SOCKET "xengraftd.sock"
int xgd_server_open(struct xgd *d, struct xg_err *err);
void xgd_server_close(struct xgd_server *s);	/* NULL is fine */

/*
 * Saves of guests, held at their start until the guest's auto disks are virtual, config.before_save_ms at most. Where the
 * kernel or Xen's tools do not allow for it that is logged, and nothing is held.
 */
int xgd_saves_open(struct xgd *d, struct xg_err *err);
void xgd_saves_close(struct xgd_saves *s);	/* NULL is fine; lets all go */
/* Before a plan: notes in VIEW which domains are being saved. */
void xgd_saves_tell(struct xgd_saves *s, struct xgd_view *view);
/* After it: whose disks Q has no work for goes on. */
void xgd_saves_planned(struct xgd_saves *s, const struct xgd_queue *q);

struct xgd_save {
	uint32_t domid;		/* 0: not known yet */
	pid_t pid;
	bool held;
	uint64_t for_ms;
};

size_t xgd_saves_count(const struct xgd_saves *s);
void xgd_saves_row(const struct xgd_saves *s, size_t i, struct xgd_save *ret);

#endif
