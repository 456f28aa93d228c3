/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has which target: the disks of xengraft's record and xl's own, as xenstore has them. Those of guests that are
 * away have none. A target is known by what it is, not by its name: a block device by its number, a file by its inode,
 * a loop device by the file behind it.
 */
#ifndef XG_OPS_CLAIMS_H
#define XG_OPS_CLAIMS_H

#include "dom0-tools/ops/ops.h"

#define XG_CLAIMS_MAX 65536u	/* more disks than a host has */

struct xg_target_id {
	uint64_t dev, ino;	/* a block device: st_rdev, 0 */
	bool device;		/* it is a block device that the guest's pages can be given to, loop devices included */
};

struct xg_claim {
	struct xg_target_id id;
	char uuid[XG_UUID_TEXT];	/* of the guest; "": xl's disk */
	uint32_t domid, devid;		/* domid: of xl's */
	bool writes, shared;
};

/* stat's errors, without a text: what is not there is nobody's. */
int xg_target_id(const char *target, struct xg_target_id *ret);
bool xg_target_same(const struct xg_target_id *a, const struct xg_target_id *b);

/* All of them; *ret is the caller's to free(). */
int xg_claims(struct xg_store *store, struct xg_state *state, struct xg_claim **ret, size_t *ret_count,
	      struct xg_err *err);

/* The disk for which it is asked: xl may know it, too, under the domain's id (a hotplug script's). */
struct xg_claimant {
	const char *uuid;
	uint32_t domid, devid;
};

/* How many of CLAIMS are about ID, WHO's own not counted. */
size_t xg_claims_others(const struct xg_claim *claims, size_t count, const struct xg_target_id *id,
			const struct xg_claimant *who);

/*
 * May ROW's disk, of domain DOMID, have its target beside those that have it? -EBUSY: one of them writes, or it does,
 * and not both were declared shared. (xl has no such word: beside its disks ours alone counts.)
 */
int xg_claims_check(struct xg_ops *ops, uint32_t domid, const struct xg_device_row *row, struct xg_err *err);

#endif
