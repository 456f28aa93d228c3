/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk's two xenstore areas and its backend.
 *
 *     frontend  /local/domain/<D>/xengraft/vbd/<devid>           Dom0 writes, the guest may read
 *     backend   /local/domain/0/backend/xengraft-vbd/<D>/<devid>    Dom0 alone; the kind's own place
 *
 * A swap makes a second pair beside it, for the window's other half: see xg_link_id.
 *
 * The frontend's area is not under device/, so the guest's own xenbus never claims it; a backend finds it by
 * the `frontend` node in its own area, as every Xen backend does (Xen: public/io/xenbus.h, blkif.h).
 */
#ifndef XG_OPS_CONNECT_H
#define XG_OPS_CONNECT_H

#include "hotswap/state.h"
#include "lib/xen/disk_spec.h"
#include "lib/xen/store.h"

struct xg_backend_kind;

struct xg_link_id {
	uint32_t domid, devid;
	uint32_t half;		/* of the window: each has areas of its own */
};

void xg_frontend_path(struct xg_link_id id, char path[XG_STORE_PATH_MAX]);
/* What the backend is told as the frontend's state. Nothing where there is no frontend (any more). */
void xg_frontend_state(struct xg_store *s, struct xg_link_id id, unsigned int state);
/* Tells the backend whose area is BACK that it shall not wait for its frontend to come back. */
void xg_backend_offline(struct xg_store *s, const char *back);

/* What areas are made for. */
struct xg_areas {
	const char *uuid;	/* the guest's */
	uint64_t mark_at;	/* xg_mark_at(): another backend of this disk has the target open, and knows; else 0 */
	uint64_t lock_at;	/* xg_lock_at() */
};

/* Creates both areas, states Initialising. -EEXIST when the backend's is there already. */
int xg_connect_areas(struct xg_store *s, struct xg_link_id id, const struct xg_backend_kind *kind,
		     const struct xg_disk_spec *spec, const struct xg_areas *a, struct xg_err *err);
/* Whichever kind of backend they are for. */
int xg_connect_areas_remove(struct xg_store *s, struct xg_link_id id, struct xg_err *err);

/* A backend that we started, for as long as we have something to say to each other. */
struct xg_backend {
	const struct xg_backend_kind *kind;	/* IN */
	const char *target;	/* IN */
	bool read_only;		/* IN */
	int fd;			/* the socket (dom0-tools/backend/parent.h); -1: none */
	char log[512];		/* IN: where it logs to */
	char offer[512];	/* OUT: what it said when it was ready */
};

/*
 * Starts PROGRAM (absolute) for the backend area and waits until it says ready. On failure the text is the backend's
 * own. It runs on by itself, in a session of its own.
 */
int xg_connect_backend_start(struct xg_store *s, const char *program, struct xg_link_id id, struct xg_backend *b,
			     struct xg_err *err);
/* Closes the socket; the backend goes on. */
void xg_connect_backend_forget(struct xg_backend *b);
/* Of whichever kind there is: asks it to end (state Closing), waits, kills it in the end. Nothing to end: fine. */
int xg_connect_backend_stop(struct xg_store *s, struct xg_link_id id, struct xg_err *err);
/* The backend's area is the guest UUID's: its domain id may be another one's by now. */
bool xg_connect_is_of(struct xg_store *s, struct xg_link_id id, const char *uuid);
/* Calls EACH for every area of a backend that DOMID has, of whatever kind and half; stops when it fails. */
int xg_connect_each(struct xg_store *s, uint32_t domid,
		    int (*each)(void *ctx, struct xg_link_id id, struct xg_err *err), void *ctx, struct xg_err *err);

/* What the backend can do, from its offer, as far as we and a guest of so many VCPUS can make use of it. */
int xg_connect_params(const char *offer, unsigned int vcpus, struct xg_block_params *ret, struct xg_err *err);

/*
 * Publishes rings and event channels for the backend and waits until it is connected. PARAMS: what the driver was
 * given.
 */
int xg_connect_rings(struct xg_store *s, struct xg_link_id id, const struct xg_backend *b,
		     const struct xg_device_rings *rings, const struct xg_block_params *params, struct xg_err *err);

/* What the guest may read about what the host installed; also ~/drivers/<n>. */
int xg_announce_core(struct xg_store *s, const struct xg_guest_row *row, struct xg_err *err);
int xg_announce_core_remove(struct xg_store *s, uint32_t domid, struct xg_err *err);
int xg_announce_device(struct xg_store *s, struct xg_link_id id, const struct xg_device_row *row, struct xg_err *err);
int xg_announce_device_remove(struct xg_store *s, struct xg_link_id id, struct xg_err *err);

#endif
