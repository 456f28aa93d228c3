// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A disk without a backend gets one again: by a swap that replays what was in flight, to the driver that it had. Before
 * that the record is held against what the guest's memory says, for the image that it was restored from may be older
 * than the record.
 */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/ops/backend_kind.h"
#include "dom0-tools/ops/ops.h"
#include "hotswap/swap.h"
#include "lib/base/fault_point.h"

static int row_get(struct xg_session *s, struct xg_device_row *row, struct xg_err *err)
{
	int rc = xg_state_device_get(s->ops->state, s->uuid, row->devid, row, err);

	if (rc == -ENOENT)
		return xg_fail(err, ENOENT, "guest '%s' has no disk '%s' of xengraft's", s->guest->info.name,
			       row->vdev);
	if (!rc && strcmp(row->state, "live"))
		return xg_fail(err, EINVAL, "disk %s of guest '%s' is %s: it cannot be reconnected", row->vdev,
			       s->guest->info.name, row->state);
	return rc;
}

static int backend_lives(struct xg_session *s, const struct xg_device_row *row, bool *ret, struct xg_err *err)
{
	const struct xg_link_id id = { s->guest->info.domid, row->devid, row->device.half };
	const struct xg_backend_kind *kind = xg_backend_kind_of(row->mode);

	if (!kind)
		return xg_fail(err, EINVAL, "disk %s is in mode '%s', which this version does not know", row->vdev,
			       row->mode);
	return kind->lives(s->ops->store, id, ret, err);
}

/*
 * Which half serves the disk in the guest: that of an image that is older than the record may be the other. What the
 * other half has open there leads nowhere and is in the way.
 */
static int half_settle(struct xg_session *s, struct xg_device_row *row, struct xg_err *err)
{
	struct xg_core *core xg_auto(xg_core_close_p) = NULL;
	uint32_t half;
	int rc;

	rc = xg_core_open(s->guest, &s->row.os, &s->row.core, &core, err);
	if (!rc)
		rc = xg_swap_look(s->guest, &s->row.os, &row->device, &half, err);
	if (rc)
		return xg_fail_in(err, "disk %s is not in guest '%s' as it is on record", row->vdev,
				  s->guest->info.name);
	rc = xg_swap_close_other(core, &row->device, row->vdev, err);
	if (rc || half == row->device.half)
		return rc;
	row->device.half = half;
	rc = xg_fault_point("note which half serves", err);
	return rc ? rc : xg_state_device_put(s->ops->state, row, err);
}

/* 1: there is nothing to do. */
static int look(struct xg_ops *ops, const char *domid, struct xg_device_row *row, struct xg_err *err)
{
	struct xg_session *s xg_auto(xg_session_close_p) = NULL;
	bool lives = false;
	int rc = xg_session_open(ops, domid, &s, err);

	if (!rc)
		rc = row_get(s, row, err);
	if (!rc)
		rc = backend_lives(s, row, &lives, err);
	if (!rc && lives)
		return 1;
	if (rc || ops->dry_run)
		return rc;
	return half_settle(s, row, err);
}

/* Not where the target is none for it on this host: then data is copied. */
static const char *mode_for(const struct xg_device_row *row)
{
	const struct xg_backend_kind *kind = xg_backend_kind_of(row->mode);
	struct xg_disk_spec spec = { .read_only = row->read_only };

	snprintf(spec.target, sizeof(spec.target), "%s", row->target);
	snprintf(spec.vdev, sizeof(spec.vdev), "%s", row->vdev);
	snprintf(spec.format, sizeof(spec.format), "raw");
	return kind && kind->check(&spec, NULL) ? "virtual" : row->mode;
}

/* The very image that it had, if there is a way to have it. */
static int image_get(struct xg_ops *ops, const struct xg_guest_row *guest, const struct xg_device_row *row,
		     struct xg_image **ret, struct xg_err *err)
{
	const char *mode = mode_for(row);
	int rc;

	if (!strcmp(mode, row->mode) && !xg_driver_named(ops, row->digest, ret, NULL))
		return 0;
	rc = xg_driver_get(ops, &guest->os, "xen-blkif", mode, ret, err);
	if (!rc && !*ret)
		return xg_fail(err, ENOENT, "there is no driver of mode %s yet: the swap would generate it first",
			       mode);
	return rc;
}

int xg_disk_reconnect(struct xg_ops *ops, const struct xg_guest_row *guest, const struct xg_device_row *row,
		      const struct xg_swap_wish *wish, struct xg_swapped *ret, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_swap_wish own = *wish;
	struct xg_device_row now = *row;
	char domid[16];
	int rc;

	snprintf(domid, sizeof(domid), "%u", guest->domid);
	rc = look(ops, domid, &now, err);
	if (!rc)
		rc = image_get(ops, guest, &now, &image, err);
	if (rc)
		return rc;
	own.driver = NULL;
	own.image = image;
	own.reason = "reconnect";
	return xg_disk_swap(ops, domid, row->vdev, &own, ret, err);
}
