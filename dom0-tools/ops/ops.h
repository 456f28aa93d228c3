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
#include "driver-repo/repo.h"
#include "hotswap/state.h"

struct xg_ops {
	struct xg_store *store;
	struct xg_state *state;
	const char *backend_program;	/* absolute path of xengraft-backend */
	struct xg_repo_paths repo_paths;
	struct xg_repo *repo;		/* opened when an image is looked for */
	const char *policy;		/* path of the policy file */
	const char *log_dir;		/* for the backends' logs */
	const char *run_dir;		/* for the guests' locks */
	const char *generator;		/* absolute path of xengraft-gen */
	char work_dir[512];		/* where images are generated */
	char boot[XG_UUID_TEXT];	/* which boot of this host it is */
	unsigned int generate_ms;	/* how long that may take */
	bool dry_run;
	const char *uuid;		/* the guest that is meant, for ids are used again; NULL: any of the name */
	/* May be NULL. A step begins ("inspect the guest"), or something is worth telling (notice). */
	void (*progress)(void *ctx, const char *step);
	void (*notice)(void *ctx, const char *text);
	/* May be NULL. What was decided, and why: which image was chosen. */
	void (*detail)(void *ctx, const char *text);
	void *ctx;
};

/* Opens xenstore and the state database, with the installed places or those of XENGRAFT_* in the environment. */
int xg_ops_open(struct xg_ops *ops, struct xg_err *err);
void xg_ops_close(struct xg_ops *ops);

/* For the operations: they call what the caller has set, if anything. A text is one line, cut at 999 bytes. */
void xg_ops_progress(const struct xg_ops *ops, const char *step);
void xg_ops_notice(const struct xg_ops *ops, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void xg_ops_detail(const struct xg_ops *ops, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A guest that an operation works on, locked: nobody else works on it until it is closed. */
struct xg_session {
	struct xg_ops *ops;
	struct xg_guest *guest;
	char uuid[XG_UUID_TEXT];
	int lock;
	struct xg_guest_row row;	/* row.uuid[0] == 0: not known yet */
};

/*
 * Opens GUEST for work: policy, lock, recovery. -ESRCH: it is not the one that ops->uuid means; -EPERM: the policy
 * says no; -EAGAIN: locked by another operation for longer than ten seconds, or back from elsewhere and not to be
 * recognised yet; -EINVAL: paused, shutting down or crashed; -EEXIST: another domain that runs has its UUID, and is the
 * one on record; -EPROTO: what another version
 * of this program left unfinished cannot be read.
 */
int xg_session_open(struct xg_ops *ops, const char *guest, struct xg_session **ret, struct xg_err *err);
/* The same without the recovery: for who is about to forget what there is to recover. */
int xg_session_begin(struct xg_ops *ops, const char *guest, struct xg_session **ret, struct xg_err *err);
void xg_session_close(struct xg_session *s);
XG_DEFINE_AUTO(struct xg_session, xg_session_close)

/*
 * Opens the guest that runs under NAME, a name or an id: the caller's to close. -ENOENT: none, and the text tells
 * whether one is on record; -ESRCH: it is not that of ops->uuid.
 */
int xg_guest_named(struct xg_ops *ops, const char *name, struct xg_guest **ret, struct xg_err *err);

/* Finishes or undoes what an operation that died has left in this guest; says so by notice(). */
int xg_recover(struct xg_session *s, struct xg_err *err);
/*
 * Looks what became of the guests on record. Needs no session. Those that are no more lose their backends and xenstore
 * areas; the record stays, as of one that is away, for it may have been saved: of the last 64. One that is back under
 * another id, or after this host booted, is looked at: restored, it is on record as before, and its disks want to be
 * reconnected; else it began anew and is forgotten.
 */
int xg_sweep(struct xg_ops *ops, struct xg_err *err);
/* What ROW says holds for the domain DOMID as it is now. */
bool xg_guest_is_here(const struct xg_ops *ops, const struct xg_guest_row *row, uint32_t domid);
/* UUID's lock, for at most WAIT_MS: *RET_FD is to be closed. -EAGAIN: somebody else has it; -EINTR: see interrupt.h. */
int xg_guest_lock(const struct xg_ops *ops, const char *uuid, unsigned int wait_ms, int *ret_fd, struct xg_err *err);

/* What an attach did, for whoever wants to tell. */
struct xg_attached {
	struct xg_device_row device;
	struct xg_guest_row guest;
	struct xg_block_params params;
	bool first;		/* the personality was installed, too */
};

/*
 * Waits until GUEST can be given the disk of SPEC: not paused, its kernel up. -EAGAIN: not within TIMEOUT_MS, the text
 * says what it was waiting for; -ENODEV: gone or shut down; -EPERM, -EEXIST and -ECANCELED as an attach would say.
 */
int xg_guest_wait(struct xg_ops *ops, const char *guest, const struct xg_disk_spec *spec, unsigned int timeout_ms,
		  struct xg_err *err);
int xg_disk_attach(struct xg_ops *ops, const char *guest, const struct xg_disk_spec *spec, struct xg_attached *ret,
		   struct xg_err *err);
/* -EBUSY: open in the guest; with FORCE its I/O fails from now on. -ENOENT: no such device. */
int xg_disk_detach(struct xg_ops *ops, const char *guest, const char *vdev, bool force, struct xg_err *err);
/* Takes the personality out of a guest that has no device left. 0 when there is none. */
int xg_withdraw(struct xg_ops *ops, const char *guest, struct xg_err *err);

/*
 * Dom0's side of GUEST alone: ends backends, removes areas and the record, whatever state they are in. What is in the
 * guest stays there until it boots anew, and does nothing any more. GUEST may be away: then by its name or UUID.
 */
int xg_forget(struct xg_ops *ops, const char *guest, struct xg_err *err);

#define XG_SWAP_WISH_MAX_MS 10000u

/* How a swap is wanted. */
struct xg_swap_wish {
	const char *driver;		/* "virtual", "paravirtual" or the path of a driver's image; NULL: `image` */
	struct xg_image *image;		/* borrowed */
	const char *reason;		/* for the history: "swap", "upgrade", "rollback" */
	unsigned int deadline_ms;	/* of the hold; 0: 30; at most XG_SWAP_WISH_MAX_MS */
	bool force;			/* a backend that does not answer is ended, and what it had is done again */
	bool pin;			/* the disk stays in that mode: the policy leaves it alone from now on */
	bool policy;			/* for who carries out the policy: -ECANCELED when it is not the policy's disk,
					 * -EALREADY when it is in that mode */
};

struct xg_swapped {
	struct xg_history_row history;	/* as it was recorded */
	struct xg_guest_row guest;
};

/*
 * Gives a disk that is in use another driver. -EAGAIN: the backend did not finish what it had within the deadline,
 * nothing has changed; -EINVAL: target or driver do not suit. When it fails the old driver serves as before, unless the
 * text says that its backend had been dead, or was ended by force.
 */
int xg_disk_swap(struct xg_ops *ops, const char *guest, const char *vdev, const struct xg_swap_wish *wish,
		 struct xg_swapped *ret, struct xg_err *err);
/* Hands a disk to the policy (WISH "auto") or takes it away from it (""). Its driver stays. -ENOENT. */
int xg_disk_wish(struct xg_ops *ops, const char *guest, const char *vdev, const char *wish, struct xg_err *err);
/* Back to the driver before the last swap: -ENOENT when there was none. WISH: deadline and force count. */
int xg_disk_rollback(struct xg_ops *ops, const char *guest, const char *vdev, const struct xg_swap_wish *wish,
		     struct xg_swapped *ret, struct xg_err *err);
/*
 * Swaps ROW's driver for the one that the images have for its mode now. 1: it is that one already. Called for each row
 * of xg_state_device_list().
 */
int xg_disk_upgrade(struct xg_ops *ops, const struct xg_guest_row *guest, const struct xg_device_row *row,
		    const struct xg_swap_wish *wish, struct xg_swapped *ret, struct xg_err *err);

/*
 * Gives ROW's disk a backend again that has none: its guest was restored, or the backend died. The driver is the one
 * that it had, or another that suits the target as it is here; what was in flight is done again. 1: it has a backend.
 * Called for each row of xg_state_device_list(). WISH: the deadline counts.
 */
int xg_disk_reconnect(struct xg_ops *ops, const struct xg_guest_row *guest, const struct xg_device_row *row,
		      const struct xg_swap_wish *wish, struct xg_swapped *ret, struct xg_err *err);

/* Looks up GUEST's DEVICE in the record; without a lock, for listing and status. */
int xg_device_find(struct xg_ops *ops, const char *guest, const char *vdev, struct xg_guest **ret_guest,
		   struct xg_guest_row *ret_row, struct xg_device_row *ret_device, struct xg_err *err);

/*
 * The personality that fits OS, and the driver of DEVICE that fits in MODE, from the repository: what comes back is
 * what its signature was checked over. A first use makes the repository (but not in a dry run). -ENOENT with what would
 * bring one; -EPERM, -ENOTUNIQ, -EBADMSG as in driver-repo/resolve.h.
 *
 * _find() only looks. _get() generates what is not there (generate.h), which takes minutes: *ret_made says so (may be
 * NULL). In a dry run it says that it would: *ret stays NULL then.
 */
int xg_personality_find(struct xg_ops *ops, const struct xg_os *os, struct xg_image **ret, struct xg_err *err);
int xg_personality_get(struct xg_ops *ops, const struct xg_os *os, struct xg_image **ret, bool *ret_made,
		       struct xg_err *err);
int xg_driver_get(struct xg_ops *ops, const struct xg_os *os, const char *device, const char *mode,
		  struct xg_image **ret, struct xg_err *err);
/* The driver that the repository has under NAME, the first digits of its digest, if it may be installed. */
int xg_driver_named(struct xg_ops *ops, const char *name, struct xg_image **ret, struct xg_err *err);

#endif
