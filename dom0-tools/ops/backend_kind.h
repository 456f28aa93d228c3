/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds of backend that can serve a disk. Each is a row of functions: what they have in common is connect.c's.
 *
 *     virtual       xengraft-backend      a process; data is copied by grant
 *     paravirtual   xen-blkback           the kernel's; the device reads and writes the guest's own pages
 *
 * A kind serves one mode. It finds what it needs in xenstore, so that whoever comes later (recovery, sweep) can end
 * what somebody else began.
 */
#ifndef XG_OPS_BACKEND_KIND_H
#define XG_OPS_BACKEND_KIND_H

#include <sys/stat.h>

#include "dom0-tools/ops/connect.h"
#include "lib/base/array.h"

/* enum xenbus_state: public/io/xenbus.h. */
enum {
	XB_INITIALISING = 1, XB_INIT_WAIT = 2, XB_INITIALISED = 3, XB_CONNECTED = 4, XB_CLOSING = 5, XB_CLOSED = 6,
};

/*
 * Until it is there, and until it has connected. Three times what libxl gives a device: on a host that has other
 * things to do a process may take long to begin, and nobody waits for it but the command.
 */
#define XG_BACKEND_READY_MS 30000
#define XG_BACKEND_CONNECT_MS 30000
#define XG_BACKEND_CLOSE_MS 10000

struct xg_backend_kind {
	const char *name;	/* for people */
	const char *mode;	/* of the drivers that it serves */
	int folders;		/* above its area, ours to remove when they are empty */
	/* Its area in xenstore, and what is one by its name: *RET is its devid. */
	void (*path)(struct xg_link_id id, char path[XG_STORE_PATH_MAX]);
	bool (*named)(const char *name, uint32_t half, uint32_t *ret);
	/* Can it serve this disk? Changes nothing. -EINVAL, or stat's. */
	int (*check)(const struct xg_disk_spec *spec, struct xg_err *err);
	/* What its area has besides what all have; within the transaction that makes it. */
	int (*nodes)(struct xg_store *s, const char *back, const struct xg_disk_spec *spec, const struct xg_areas *a,
		     struct xg_err *err);
	/* Waits until it is ready and has filled in b->offer. PROGRAM: xengraft-backend's path. */
	int (*start)(struct xg_store *s, const char *program, struct xg_link_id id, struct xg_backend *b,
		     struct xg_err *err);
	/* Waits until it has connected to the rings that were published. */
	int (*connected)(struct xg_store *s, struct xg_link_id id, const struct xg_backend *b, struct xg_err *err);
	/*
	 * The other backend has let go of the target, which may be locked now. It had no other: nothing is done. NULL:
	 * it makes no difference.
	 */
	int (*alone)(struct xg_store *s, struct xg_link_id id, struct xg_err *err);
	/* Ends it: it has let go of rings and target afterwards. Nothing there: fine. -ETIMEDOUT: it is stuck. */
	int (*stop)(struct xg_store *s, struct xg_link_id id, struct xg_err *err);
	/* The same at once, without what is in flight. -EOPNOTSUPP: this kind cannot. */
	int (*kill)(struct xg_store *s, struct xg_link_id id, struct xg_err *err);
	/* Is it there at all? */
	int (*lives)(struct xg_store *s, struct xg_link_id id, bool *ret, struct xg_err *err);
};

extern const struct xg_backend_kind xg_backend_process, xg_backend_blkback;
extern const struct xg_backend_kind *const xg_backend_kinds[];
extern const size_t xg_backend_kind_count;

/* NULL: no such mode. */
const struct xg_backend_kind *xg_backend_kind_of(const char *mode);

/* Whether what serves ROW's disk, of domain DOMID, is there. What cannot be asked is taken for alive. */
bool xg_backend_lives(struct xg_store *s, uint32_t domid, const struct xg_device_row *row);

/*
 * How many queues xen-blkback would offer, MOST at most: as many as this host has processors, unless its owner said
 * otherwise.
 */
uint32_t xg_blkback_queues(uint32_t most);

/* How one of a disk's two backends has the target. */
struct xg_hold {
	const char *target;
	bool read_only;
	uint64_t lock_at;	/* xg_lock_at() */
	uint64_t mark_at;	/* xg_mark_at() */
	bool beside;		/* the disk's other backend has the lock: only the mark tells */
};

/* For a kind's check: the format is one that MODE serves, and what the target is. -EINVAL, or stat's. */
int xg_target_look(const struct xg_disk_spec *spec, const char *mode, struct stat *ret, struct xg_err *err);

/*
 * Waits until nobody has the target open as a backend of ours does, and nothing that it had begun is under way: a
 * process that was killed leaves behind what its device is still at. -EBUSY after ten seconds.
 */
int xg_target_settle(const struct xg_hold *hold, struct xg_err *err);
/* Has the backend that has it beside another set its mark? Not one that is the kernel's, or an earlier version's. */
bool xg_target_is_marked(const struct xg_hold *hold);
/*
 * Who shares a target does not lock all of it, but a byte far behind its end that is this disk's own: so that the disks
 * that share it are let in, others are not, and one can still see when a backend that was killed has let go of it.
 * 0: not shared.
 */
uint64_t xg_lock_at(bool shared, const char *uuid, uint32_t devid);
/*
 * The byte that a backend locks which has the target open beside the disk's other one, whoever has the lock: a half's own,
 * and nobody else's lock reaches there.
 */
uint64_t xg_mark_at(const char *uuid, uint32_t devid, uint32_t half);

/* Nodes below DIR. */
struct xg_node {
	const char *name, *value;
};
int xg_nodes_write(struct xg_store *s, const char *dir, const struct xg_node *nodes, size_t count, struct xg_err *err);
#define XG_NODES(...) \
	(const struct xg_node[]){ __VA_ARGS__ }, XG_ARRAY_SIZE(((const struct xg_node[]){ __VA_ARGS__ }))

#endif
