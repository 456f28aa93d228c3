// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Detaches disks, withdraws personalities, finishes what a crash left. After the disk has disappeared from the guest
 * there is no way back, so from there each part goes on whatever the one before met, and may be done again.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dom0-tools/ops/ops.h"
#include "dom0-tools/ops/teardown.h"
#include "dom0-tools/ops/vdev.h"
#include "hotswap/wait.h"
#include "lib/base/fault_point.h"

/* What went wrong first, for whoever goes on all the same. */
struct first {
	int rc;
	struct xg_err err, now;
};

static void went(struct first *f, int rc)
{
	if (!rc || f->rc)
		return;
	f->rc = rc;
	f->err = f->now;
}

int xg_teardown(struct xg_ops *ops, struct xg_core *core, struct xg_link_id id, const struct xg_device_row *row,
		struct xg_err *err)
{
	struct first f = { .rc = 0 };
	bool window = core && row->device.va.v;

	/* The backend first: it unmaps the rings, and only then can the guest end their grants. */
	xg_ops_progress(ops, "end the backend");
	(void)xg_fault_point("end the backend", NULL);
	for (id.half = 0; id.half < 2; id.half++)
		went(&f, xg_connect_backend_stop(ops->store, id, &f.now));
	/* One that is stuck in its target never will; that we could not ask is another matter: it can be done again. */
	if (f.rc && f.rc != -ETIMEDOUT)
		window = false;
	if (window) {
		went(&f, xg_device_remove(core, &row->device, row->vdev, true, &f.now));
		xg_ops_progress(ops, "close the driver");
		(void)xg_fault_point("close the driver", NULL);
		went(&f, xg_device_shut(core, &row->device, row->vdev, &f.now));
		xg_ops_progress(ops, "free the window");
		(void)xg_fault_point("free the window", NULL);
		went(&f, xg_device_destroy(core, &row->device, row->vdev, &f.now));
	}
	(void)xg_fault_point("forget the disk", NULL);
	/* What is not done stays on record, with the backend's process, and can be done again. */
	if (!f.rc)
		went(&f, xg_announce_device_remove(ops->store, id, &f.now));
	for (id.half = 0; !f.rc && id.half < 2; id.half++)
		went(&f, xg_connect_areas_remove(ops->store, id, &f.now));
	if (!f.rc)
		went(&f, xg_state_device_remove(ops->state, row->uuid, row->devid, &f.now));
	if (f.rc && err)
		*err = f.err;
	return f.rc;
}

/* ---- detach -------------------------------------------------------------------------------------------------- */

static int detach_work(struct xg_session *s, const char *vdev, bool force, struct xg_err *err)
{
	struct xg_operation_row op = { .domid = s->guest->info.domid, .pid = getpid(), .since = time(NULL) };
	struct xg_core *core xg_auto(xg_core_close_p) = NULL;
	struct xg_link_id id = { .domid = s->guest->info.domid };
	struct xg_device_row row;
	char name[32];
	int rc;

	rc = xg_vdev_parse(vdev, &id.devid, name, err);
	if (!rc)
		rc = xg_state_device_get(s->ops->state, s->uuid, id.devid, &row, err);
	if (rc == -ENOENT)
		return xg_fail(err, ENOENT, "guest '%s' has no disk '%s' of xengraft's", s->guest->info.name, vdev);
	if (rc)
		return rc;
	rc = xg_core_open(s->guest, &s->row.os, &s->row.core, &core, err);
	if (rc && !(force && xg_core_is_gone(rc)))
		return rc;
	if (s->ops->dry_run) {
		xg_ops_progress(s->ops, "remove the disk");
		return 0;
	}
	if (!force) {
		xg_ops_progress(s->ops, "remove the disk");
		rc = xg_device_remove(core, &row.device, name, false, err);
	}
	if (rc == -EBUSY)
		return xg_fail(err, EBUSY, "disk %s is in use in guest '%s': unmount it there, or use --force", name,
			       s->guest->info.name);
	if (rc && !force)
		return rc;
	snprintf(op.uuid, sizeof(op.uuid), "%s", s->uuid);
	snprintf(op.verb, sizeof(op.verb), "detach");
	snprintf(op.step, sizeof(op.step), "end the backend");
	op.devid = id.devid;
	snprintf(row.state, sizeof(row.state), "detaching");
	rc = xg_state_operation_put(s->ops->state, &op, err);
	if (!rc)
		rc = xg_state_unwanted_set(s->ops->state, s->uuid, id.domid, id.devid, true, err);
	if (!rc)
		rc = xg_state_device_put(s->ops->state, &row, err);
	if (!rc)
		rc = xg_teardown(s->ops, core, id, &row, err);
	(void)xg_state_operation_remove(s->ops->state, s->uuid, NULL);
	return rc;
}

int xg_disk_detach(struct xg_ops *ops, const char *guest, const char *vdev, bool force, struct xg_err *err)
{
	struct xg_session *s xg_auto(xg_session_close_p) = NULL;
	int rc = xg_session_open(ops, guest, &s, err);

	return rc ? rc : detach_work(s, vdev, force, err);
}

/* ---- withdraw ------------------------------------------------------------------------------------------------- */

static int withdraw_work(struct xg_session *s, struct xg_err *err)
{
	struct xg_core *core xg_auto(xg_core_close_p) = NULL;
	struct xg_device_row *rows = NULL;
	size_t count = 0;
	int rc;

	if (!s->row.core.va.v) {
		xg_ops_notice(s->ops, "guest '%s' has no personality of xengraft's", s->guest->info.name);
		return 0;
	}
	rc = xg_state_device_list(s->ops->state, s->uuid, &rows, &count, err);
	free(rows);
	if (rc)
		return rc;
	if (count)
		return xg_fail(err, EBUSY, "guest '%s' has %zu disk%s of xengraft's: detach %s first",
			       s->guest->info.name, count, count == 1 ? "" : "s", count == 1 ? "it" : "them");
	xg_ops_progress(s->ops, "remove the personality");
	if (s->ops->dry_run)
		return 0;
	/* A module stays: its owner loaded it, and unloads it. */
	rc = s->row.core.module ? 0 : xg_core_open(s->guest, &s->row.os, &s->row.core, &core, err);
	if (core)
		rc = xg_core_remove(core, err);
	if (rc && !xg_core_is_gone(rc))
		return rc;
	rc = xg_announce_core_remove(s->ops->store, s->guest->info.domid, err);
	return rc ? rc : xg_state_guest_remove(s->ops->state, s->uuid, err);
}

int xg_withdraw(struct xg_ops *ops, const char *guest, struct xg_err *err)
{
	struct xg_session *s xg_auto(xg_session_close_p) = NULL;
	int rc = xg_session_open(ops, guest, &s, err);

	return rc ? rc : withdraw_work(s, err);
}

/* ---- forget --------------------------------------------------------------------------------------------------- */

static int forget_disk(void *ctx, struct xg_link_id id, struct xg_err *err)
{
	struct xg_store *store = ctx;
	int rc = xg_connect_backend_stop(store, id, err);

	if (!rc)
		rc = xg_announce_device_remove(store, id, err);
	return rc ? rc : xg_connect_areas_remove(store, id, err);
}

int xg_forget(struct xg_ops *ops, const char *guest, struct xg_err *err)
{
	struct xg_session *s xg_auto(xg_session_close_p) = NULL;
	int rc = xg_session_begin(ops, guest, &s, err);

	if (rc == -ENOENT)
		return xg_forget_away(ops, guest, err);
	if (rc)
		return rc;
	xg_ops_progress(ops, "forget the guest");
	if (ops->dry_run)
		return 0;
	/* By what is in xenstore: the record may be another version's, and say nothing to this one. */
	rc = xg_connect_each(ops->store, s->guest->info.domid, forget_disk, ops->store, err);
	if (!rc)
		rc = xg_announce_core_remove(ops->store, s->guest->info.domid, err);
	return rc ? rc : xg_state_guest_remove(ops->state, s->uuid, err);
}

/* ---- recover --------------------------------------------------------------------------------------------------- */

static bool window_known(const struct xg_device_row *rows, size_t count, uint64_t va)
{
	size_t i;

	for (i = 0; i < count && rows[i].device.va.v != va; i++)
		;
	return i < count;
}

/*
 * A window that the guest allocated, or is about to, for a process that died before it could note the address. The
 * guest's word is good enough to name a window of its own: the personality frees no other, nor one in use.
 */
static int recover_window(struct xg_session *s, struct xg_core *core, struct xg_err *err)
{
	struct xg_device_record orphan = { .va = { 0 } };
	struct xg_device_row *rows;
	struct xg_reply reply;
	uint32_t command;
	size_t count;
	int rc = xg_core_last(core, &command, &reply, err);

	if (rc || command != XG_CMD_WINDOW_ALLOC || reply.status)
		return rc;
	rc = xg_state_device_list(s->ops->state, s->uuid, &rows, &count, err);
	if (rc)
		return rc;
	orphan.va = XG_GVA(reply.values[0]);
	if (!window_known(rows, count, orphan.va.v))
		rc = xg_device_destroy(core, &orphan, "orphaned window", err);
	free(rows);
	return rc;
}

/* Was the thread sent into the window? Then it is waited for; else it gives up. */
static int recover_getting_in(struct xg_session *s, const struct xg_operation_row *op, struct xg_err *err)
{
	bool gone = s->row.core.va.v && xg_getin_gone(s->guest, &op->plan);
	int rc = gone ? xg_core_wait(s->guest, &s->row.os, &s->row.core, err) : 0;

	return rc ? rc : xg_getin_leave(s->guest, s->ops->store, &op->plan, gone, err);
}

/* *RET stays NULL when the personality is not there: never was, or not any more. */
static int recover_reach(struct xg_session *s, const struct xg_operation_row *op, struct xg_core **ret,
			 struct xg_err *err)
{
	int rc = op->getting_in ? recover_getting_in(s, op, err) : 0;

	if (!rc && s->row.core.va.v)
		rc = xg_core_open(s->guest, &s->row.os, &s->row.core, ret, err);
	return xg_core_is_gone(rc) ? 0 : rc;
}

/* The device that OP was about: taken away, unless the operation had come to its end. */
static int recover_device(struct xg_session *s, struct xg_core *core, const struct xg_operation_row *op,
			  struct xg_err *err)
{
	struct xg_device_row row = { .devid = op->devid };
	struct xg_link_id id = { .domid = s->guest->info.domid, .devid = op->devid };
	int rc = xg_state_device_get(s->ops->state, s->uuid, op->devid, &row, err);
	bool live = !rc && !strcmp(row.state, "live"), attach = !strcmp(op->verb, "attach");

	if (rc && rc != -ENOENT)
		return rc;
	snprintf(row.uuid, sizeof(row.uuid), "%s", s->uuid);
	rc = live ? 0 : xg_teardown(s->ops, core, id, &row, err);
	if (!rc)
		xg_ops_notice(s->ops, "the %s was %s: the disk is %s", op->verb, live == attach ? "finished" : "undone",
			      live ? "attached" : "gone");
	return rc;
}

/* As people call it. */
static const char *name_of(uint32_t devid, char name[32])
{
	char number[16];

	snprintf(number, sizeof(number), "%u", devid);
	if (xg_vdev_parse(number, &devid, name, NULL))
		snprintf(name, 32, "device %u", devid);
	return name;
}

/* An attach that was undone takes the personality along when it has nothing else to do. */
static int recover_core(struct xg_session *s, struct xg_core *core, struct xg_err *err)
{
	struct xg_device_row *rows = NULL;
	size_t count = 0;
	int rc = xg_state_device_list(s->ops->state, s->uuid, &rows, &count, err);

	free(rows);
	if (rc || count)
		return rc;
	rc = core && !s->row.core.module ? xg_core_remove(core, err) : 0;
	if (rc == -EBUSY)
		return 0;	/* a disk that was removed by force is held open in the guest yet: it stays, recorded */
	if (!rc)
		rc = xg_announce_core_remove(s->ops->store, s->guest->info.domid, err);
	if (rc)
		return rc;
	memset(&s->row, 0, sizeof(s->row));
	return xg_state_guest_remove(s->ops->state, s->uuid, err);
}

int xg_recover(struct xg_session *s, struct xg_err *err)
{
	struct xg_core *core xg_auto(xg_core_close_p) = NULL;
	struct xg_operation_row op;
	char name[32];
	int rc;

	rc = xg_state_operation_get(s->ops->state, s->uuid, &op, err);
	if (rc == -EPROTO)
		return xg_fail(err, EPROTO,
			       "another version of xengraft left its work on guest '%s' unfinished: let that one "
			       "finish it, or give it up by 'xengraft withdraw --forget %s'", s->guest->info.name,
			       s->guest->info.name);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	xg_ops_notice(s->ops, "process %lld left the %s of %s unfinished at '%s': cleaning up",
		      (long long)op.pid, op.verb, name_of(op.devid, name), op.step);
	/* The plan's frames are those of the domain that it was made for. */
	op.getting_in = op.getting_in && op.domid == s->guest->info.domid;
	rc = recover_reach(s, &op, &core, err);
	if (!rc && core && !strcmp(op.step, XG_STEP_WINDOW))
		rc = recover_window(s, core, err);
	if (!rc)
		rc = strcmp(op.verb, "swap") ? recover_device(s, core, &op, err) : xg_swap_recover(s, core, &op, err);
	if (!rc && !strcmp(op.verb, "attach"))
		rc = recover_core(s, core, err);
	if (rc)
		return xg_fail_in(err, "cleaning up after process %lld", (long long)op.pid);
	return xg_state_operation_remove(s->ops->state, s->uuid, err);
}
