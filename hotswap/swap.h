/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another driver for a disk that is in use, in the half of its window that is not:
 *
 *   xg_device_fill()      with the next record: links the driver into its half, writes its header
 *   xg_swap_open_next     its OPEN: rings and event channels beside the other's     \  the backend connects in between
 *   xg_swap_switch        the one visible step                                     /
 *   xg_swap_close_other   CLOSE of the half that is not in use: the old one after, the new one instead
 *
 * A record is about one half: `half` and `entry` differ, all else is the same.
 */
#ifndef XG_HOTSWAP_SWAP_H
#define XG_HOTSWAP_SWAP_H

#include "hotswap/device.h"

/* What a switch was to the guest. */
struct xg_switched {
	uint64_t hold_ns;	/* new requests waited for so long */
	uint64_t held;		/* requests that were turned back meanwhile; what queues behind them is not counted */
	uint64_t in_flight;	/* in the old driver when the hold began */
	uint64_t replayed;	/* of them, given to the new driver */
};

/* The record of the half that is not RECORD's; -EOPNOTSUPP where the window has no other. No entry points yet. */
int xg_swap_next(const struct xg_device_record *record, struct xg_device_record *ret, struct xg_err *err);

/*
 * -EINVAL: the disk was promised more than the next driver gives (limits, size, queues). -EPROTO as xg_device_open().
 */
int xg_swap_open_next(struct xg_core *core, const struct xg_os *os, const struct xg_device_record *next,
		      const struct xg_block_params *params, struct xg_device_rings *ret, struct xg_err *err);

/*
 * -EAGAIN: what was in flight was not done within DEADLINE_MS; the old driver goes on. -EIO: the next driver did not
 * answer when it was tried, before anything was held. -ETIMEDOUT, or -ENODEV when the guest is gone: not answered, so that
 * only the guest's header can tell (xg_swap_look). With REPLAY whoever served the old driver must be dead.
 */
int xg_swap_switch(struct xg_core *core, const struct xg_device_record *record, unsigned int deadline_ms, bool replay,
		   const char *name, struct xg_switched *ret, struct xg_err *err);
#define XG_SWAP_DEADLINE_MAX_MS (XG_SWITCH_MAX_US / 1000)

int xg_swap_close_other(struct xg_core *core, const struct xg_device_record *record, const char *name,
			struct xg_err *err);

/*
 * What the headers say: which half is in use, and whether the other is open. A guest that lies about it spoils its own
 * disk. -ENODEV: neither is in use.
 */
int xg_swap_look(struct xg_guest *g, const struct xg_os *os, const struct xg_device_record *record, uint32_t *ret_half,
		 struct xg_err *err);

/* What the half's driver was given and has completed since it was opened, of all its queues; as the guest says. */
struct xg_swap_counts {
	uint64_t taken, completed;
};
int xg_swap_counts(struct xg_guest *g, const struct xg_os *os, const struct xg_device_record *record,
		   struct xg_swap_counts *ret, struct xg_err *err);

#endif
