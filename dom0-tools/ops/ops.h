/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operations: what the CLI does, and whatever else may want to. Each takes the guest's lock first, finishes or
 * undoes what a crash left, and then works.
 *
 * All block; none prints. When an attach fails, the guest, xenstore and the database are as before; a detach that
 * was not refused goes on whatever it meets, and what could not be done stays on record.
 */
#ifndef XG_OPS_H
#define XG_OPS_H

#include "dom0-tools/inspect/inspect.h"
#include "dom0-tools/ops/connect.h"
#include "hotswap/state.h"

struct xg_ops {
	struct xg_store *store;
	struct xg_state *state;
	const char *backend_program;	/* absolute path of xengraft-backend */
	const char *image_path;		/* directories with images, ':' between them */
	const char *policy;		/* path of the policy file */
	const char *log_dir;		/* for the backends' logs */
	const char *run_dir;		/* for the guests' locks */
	bool dry_run;
	/* May be NULL. A step begins ("inspect the guest"), or something is worth telling (notice). */
	void (*progress)(void *ctx, const char *step);
	void (*notice)(void *ctx, const char *text);
	void *ctx;
};

/* Opens xenstore and the state database, with the installed places or those of XENGRAFT_* in the environment. */
int xg_ops_open(struct xg_ops *ops, struct xg_err *err);
void xg_ops_close(struct xg_ops *ops);

/* A guest that an operation works on, locked: nobody else works on it until it is closed. */
struct xg_session {
	struct xg_ops *ops;
	struct xg_guest *guest;
	char uuid[XG_UUID_TEXT];
	int lock;
	struct xg_guest_row row;	/* row.uuid[0] == 0: not known yet */
};

/*
 * Opens GUEST for work: policy, lock, recovery. -EPERM: the policy says no; -EAGAIN: locked by another
 * operation for longer than ten seconds; -EINVAL: paused, shutting down or crashed.
 */
int xg_session_open(struct xg_ops *ops, const char *guest, struct xg_session **ret, struct xg_err *err);
void xg_session_close(struct xg_session *s);
XG_DEFINE_AUTO(struct xg_session, xg_session_close)

/* Finishes or undoes what an operation that died has left in this guest; says so by notice(). */
int xg_recover(struct xg_session *s, struct xg_err *err);
/* Forgets guests that are no more, with their xenstore areas and backends. Needs no session. */
int xg_sweep(struct xg_ops *ops, struct xg_err *err);

/* What an attach did, for whoever wants to tell. */
struct xg_attached {
	struct xg_device_row device;
	struct xg_guest_row guest;
	struct xg_block_params params;
	bool first;		/* the personality was installed, too */
};

int xg_disk_attach(struct xg_ops *ops, const char *guest, const struct xg_disk_spec *spec, struct xg_attached *ret,
		   struct xg_err *err);
/* -EBUSY: open in the guest; with FORCE its I/O fails from now on. -ENOENT: no such device. */
int xg_disk_detach(struct xg_ops *ops, const char *guest, const char *vdev, bool force, struct xg_err *err);
/* Takes the personality out of a guest that has no device left. 0 when there is none. */
int xg_withdraw(struct xg_ops *ops, const char *guest, struct xg_err *err);

/* Looks up GUEST's DEVICE in the record; without a lock, for listing and status. */
int xg_device_find(struct xg_ops *ops, const char *guest, const char *vdev, struct xg_guest **ret_guest,
		   struct xg_guest_row *ret_row, struct xg_device_row *ret_device, struct xg_err *err);

/* The personality that fits OS among the images; -ENOENT with what would bring one. */
int xg_personality_find(const struct xg_ops *ops, const struct xg_os *os, struct xg_image **ret, struct xg_err *err);
int xg_driver_find(const struct xg_ops *ops, const char *device, const char *mode, struct xg_image **ret,
		   struct xg_err *err);

#endif
