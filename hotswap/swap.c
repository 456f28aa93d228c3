// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands of a swap. Called by dom0-tools/ops/swap.c and by the recovery. What the guest publishes is copied once
 * and checked by device.c; what it answers are numbers to be told.
 */
#include "hotswap/swap.h"

#include <string.h>

int xg_swap_next(const struct xg_device_record *record, struct xg_device_record *ret, struct xg_err *err)
{
	if (!xg_device_has_halves(record))
		return xg_fail(err, EOPNOTSUPP, "the disk was attached by an earlier version, "
			       "and has no room for a second driver: detach and attach it");
	*ret = *record;
	ret->half = !record->half;
	memset(ret->entry, 0, sizeof(ret->entry));
	return 0;
}

static uint64_t header_va(const struct xg_window *w, uint32_t half)
{
	return gva_add(xg_window_header_va(w), half * XG_PAGE_SIZE).v;
}

int xg_swap_open_next(struct xg_core *core, const struct xg_os *os, const struct xg_device_record *next,
		      const struct xg_block_params *params, struct xg_device_rings *ret, struct xg_err *err)
{
	struct xg_window_place place = xg_device_place(next);
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	int rc;

	rc = xg_window_open(core->guest, os, &place, &w, err);
	if (!rc)
		rc = xg_core_command(core, XG_CMD_DEVICE_OPEN_NEXT, next->va.v, header_va(w, next->half), NULL,
				     "the next driver", err);
	if (rc == -EINVAL)
		return xg_fail(err, EINVAL, "the next driver does not keep what the guest was promised of the disk");
	if (rc == -EOPNOTSUPP)
		return xg_fail(err, EOPNOTSUPP,
			       "the guest's personality is older than swaps: detach its disks and withdraw it first");
	return rc ? rc : xg_device_rings(w, next->half, params, ret, err);
}

int xg_swap_switch(struct xg_core *core, const struct xg_device_record *record, unsigned int deadline_ms, bool replay,
		   const char *name, struct xg_switched *ret, struct xg_err *err)
{
	const uint64_t args[3] = { record->va.v, (uint64_t)deadline_ms * 1000, replay ? XG_SWITCH_REPLAY : 0 };
	struct xg_reply reply;
	int rc = xg_core_command3(core, XG_CMD_DEVICE_SWITCH, args, &reply, name, err);

	/* Given, and nobody knows what became of it. */
	if (rc && !reply.seq && rc != -ENODEV) {
		if (err)
			err->code = ETIMEDOUT;
		return -ETIMEDOUT;
	}
	if (rc == -EBUSY)
		return xg_fail(err, EAGAIN,
			       "%s: its backend did not finish %llu request%s within %u ms: nothing was changed", name,
			       (unsigned long long)reply.values[2], reply.values[2] == 1 ? "" : "s", deadline_ms);
	if (rc == -EIO)
		return xg_fail(err, EIO, "%s: the new backend does not answer", name);
	if (rc)
		return rc;
	*ret = (struct xg_switched){
		.hold_ns = reply.values[0], .held = reply.values[1], .in_flight = reply.values[2],
		.replayed = reply.values[3],
	};
	return 0;
}

int xg_swap_close_other(struct xg_core *core, const struct xg_device_record *record, const char *name,
			struct xg_err *err)
{
	int rc = xg_core_command(core, XG_CMD_DEVICE_CLOSE_OTHER, record->va.v, 0, NULL, name, err);

	return rc == -ENODEV ? 0 : rc;
}

static uint32_t state_of(const struct xg_window *w, uint32_t half)
{
	return __atomic_load_n(&xg_device_header_at(w, half)->state, __ATOMIC_ACQUIRE);
}

int xg_swap_look(struct xg_guest *g, const struct xg_os *os, const struct xg_device_record *record, uint32_t *ret_half,
		 struct xg_err *err)
{
	struct xg_window_place place = xg_device_place(record);
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	uint32_t half;
	int rc = xg_window_open(g, os, &place, &w, err);

	if (rc)
		return rc;
	for (half = 0; half < 2; half++)
		if (state_of(w, half) == XG_DEV_LIVE) {
			*ret_half = half;
			return 0;
		}
	return xg_fail(err, ENODEV, "neither half of the disk's window is in use in the guest");
}

int xg_swap_counts(struct xg_guest *g, const struct xg_os *os, const struct xg_device_record *record,
		   struct xg_swap_counts *ret, struct xg_err *err)
{
	struct xg_device_header h;
	uint32_t q;
	int rc = xg_device_look(g, os, record, &h, err);

	if (rc)
		return rc;
	*ret = (struct xg_swap_counts){ .taken = 0 };
	for (q = 0; q < XG_QUEUES_MAX; q++) {
		/* Completed first: nobody sees more of them completed than taken. */
		ret->completed += h.counts[q].completed;
		ret->taken += h.counts[q].taken;
	}
	return 0;
}
