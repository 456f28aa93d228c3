// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives a disk that is in use another driver, and so another backend: make before break. Until "switch" all of it is
 * private: the window's other half, a second pair of xenstore areas, a second backend on rings of its own. After it the
 * old ones are retired. Each step has its undo, and the journal says how far it got; what a crash left is finished when
 * the guest had switched, else undone (xg_swap_recover).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dom0-tools/ops/backend_kind.h"
#include "dom0-tools/ops/claims.h"
#include "dom0-tools/ops/interrupt.h"
#include "dom0-tools/ops/ops.h"
#include "dom0-tools/ops/teardown.h"
#include "dom0-tools/ops/vdev.h"
#include "hotswap/swap.h"
#include "hotswap/wait.h"
#include "lib/base/array.h"
#include "lib/base/fault_point.h"
#include "lib/base/steps.h"

_Static_assert(XG_SWAP_WISH_MAX_MS <= XG_SWAP_DEADLINE_MAX_MS, "what may be wished is possible");

#define DEADLINE_MS 30		/* as Xen's live patches have it */
#define PROOF_MS 5000		/* for the first request of the new driver's to come back */

/* In the journal from when the new backend is to be ended and the old one to do its work: whoever finds it goes on so. */
#define WAY_BACK "put the old driver back"

struct swap {
	struct xg_session *s;
	const struct xg_swap_wish *wish;
	struct xg_link_id from, to;
	char name[32];
	struct xg_device_row row, next;
	struct xg_image *image;		/* borrowed from the wish, or `own` */
	struct xg_image *own;
	const struct xg_backend_kind *from_kind, *kind;
	struct xg_disk_spec spec;
	struct xg_core *core;
	struct xg_backend backend;
	bool marked;			/* when it has let go of the target can be seen */
	struct xg_block_params params;
	struct xg_device_rings rings;
	struct xg_device_header header;	/* a copy of the old half's */
	bool replay;			/* the old backend is dead, or is to be */
	bool switched;			/* the new driver serves */
	bool owed;			/* the guest has not said whether it switched, or closed: the next operation will see */
	struct xg_switched result;
	struct xg_operation_row op;
};

static void swap_fini(struct swap *w)
{
	xg_connect_backend_forget(&w->backend);
	xg_core_close(w->core);
	xg_image_free(w->own);
	xg_session_close(w->s);
}

/* ---- checks: nothing is changed ------------------------------------------------------------------------------ */

static int check_row(struct swap *w, const char *vdev, struct xg_err *err)
{
	struct xg_session *s = w->s;
	int rc;

	rc = xg_vdev_parse(vdev, &w->from.devid, w->name, err);
	if (!rc)
		rc = xg_state_device_get(s->ops->state, s->uuid, w->from.devid, &w->row, err);
	if (rc == -ENOENT)
		return xg_fail(err, ENOENT, "guest '%s' has no disk '%s' of xengraft's", s->guest->info.name, vdev);
	if (rc)
		return rc;
	if (w->wish->policy && strcmp(w->row.wish, "auto"))
		return xg_fail(err, ECANCELED, "disk %s of guest '%s' is not the policy's any more", w->name,
			       s->guest->info.name);
	if (strcmp(w->row.state, "live"))
		return xg_fail(err, EINVAL, "disk %s of guest '%s' is %s: it cannot be swapped", w->name,
			       s->guest->info.name, w->row.state);
	w->from.domid = s->guest->info.domid;
	w->from.half = w->row.device.half;
	w->to = w->from;
	w->to.half = !w->from.half;
	w->from_kind = xg_backend_kind_of(w->row.mode);
	if (!w->from_kind)
		return xg_fail(err, EINVAL, "disk %s is in mode '%s', which this version does not know", w->name, w->row.mode);
	return 0;
}

/* "DEVICE-MODE": a driver for another device would speak to a backend that there is none of. */
static int check_device(const struct swap *w, struct xg_err *err)
{
	const struct xg_image_note *note = &w->image->note;
	size_t len = strlen(note->device);
	int rc = xg_device_image_fits(w->image, "block", note->mode, err);

	if (rc)
		return rc;
	if (strncmp(w->row.driver, note->device, len) || w->row.driver[len] != '-')
		return xg_fail(err, EINVAL, "the driver is for %s, the disk's driver is %s", note->device, w->row.driver);
	return 0;
}

/* What can be no digest was meant as a mode. */
static int driver_named(struct swap *w, const char *name, struct xg_err *err)
{
	const char *digits = !strncmp(name, "sha256:", 7) ? name + 7 : name;

	if (!*digits || digits[strspn(digits, "0123456789abcdef")])
		return xg_fail(err, EINVAL, "'%s' is no mode (virtual, paravirtual, auto), and no image: six or more digits "
			       "of its SHA-256", name);
	return xg_driver_named(w->s->ops, name, &w->own, err);
}

static int check_image(struct swap *w, struct xg_err *err)
{
	const char *driver = w->wish->driver;
	int rc = 0;

	if (!driver)
		w->image = w->wish->image;
	else if (xg_backend_kind_of(driver))
		rc = xg_driver_get(w->s->ops, &w->s->row.os, "xen-blkif", driver, &w->own, err);
	else
		rc = driver_named(w, driver, err);
	if (rc)
		return rc;
	if (driver && !w->own)
		return xg_fail(err, ENOENT, "there is no driver of mode %s yet: the swap would generate it first", driver);
	if (driver)
		w->image = w->own;
	rc = check_device(w, err);
	if (rc)
		return rc;
	w->kind = xg_backend_kind_of(w->image->note.mode);
	if (!w->kind)
		return xg_fail(err, EINVAL, "no backend serves a driver of mode '%s'", w->image->note.mode);
	if (w->wish->policy && w->kind == w->from_kind)
		return xg_fail(err, EALREADY, "disk %s is in mode %s", w->name, w->kind->mode);
	return 0;
}

/* What the record has not: as the areas of the backend that serves now say. */
static int check_spec(struct swap *w, struct xg_err *err)
{
	char back[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 32];
	uint64_t discard, removable;
	int rc;

	w->spec = (struct xg_disk_spec){ .read_only = w->row.read_only, .shared = w->row.shared };
	snprintf(w->spec.target, sizeof(w->spec.target), "%s", w->row.target);
	snprintf(w->spec.vdev, sizeof(w->spec.vdev), "%s", w->row.vdev);
	snprintf(w->spec.format, sizeof(w->spec.format), "raw");
	w->from_kind->path(w->from, back);
	snprintf(path, sizeof(path), "%s/discard-enable", back);
	rc = xg_store_read_u64_or(w->s->ops->store, path, 1, &discard, err);
	snprintf(path, sizeof(path), "%s/removable", back);
	if (!rc)
		rc = xg_store_read_u64_or(w->s->ops->store, path, 0, &removable, err);
	if (rc)
		return rc;
	w->spec.discard = discard;
	w->spec.removable = removable;
	return w->kind->check(&w->spec, err);
}

static int check_backend(struct swap *w, struct xg_err *err)
{
	bool lives;
	int rc = w->from_kind->lives(w->s->ops->store, w->from, &lives, err);

	/* While its guest was away another disk may have got the target. */
	if (!rc && !lives)
		rc = xg_claims_check(w->s->ops, w->from.domid, &w->row, err);
	if (!rc)
		w->replay = !lives || w->wish->force;
	return rc;
}

static int swap_check(struct swap *w, const char *vdev, struct xg_err *err)
{
	struct xg_session *s = w->s;
	int rc;

	rc = check_row(w, vdev, err);
	if (!rc)
		rc = check_image(w, err);
	if (!rc)
		rc = check_spec(w, err);
	if (!rc)
		rc = check_backend(w, err);
	if (!rc)
		rc = xg_swap_next(&w->row.device, &w->next.device, err);
	if (!rc)
		rc = xg_core_open(s->guest, &s->row.os, &s->row.core, &w->core, err);
	if (!rc)
		rc = xg_device_look(s->guest, &s->row.os, &w->row.device, &w->header, err);
	if (!rc && w->header.state != XG_DEV_LIVE)
		rc = xg_fail(err, EINVAL, "disk %s is not in use in the guest any more", w->name);
	return rc;
}

/* ---- steps --------------------------------------------------------------------------------------------------- */

static bool is_replay(const void *ctx)
{
	const struct swap *w = ctx;

	return w->replay;
}

/* How the backend of HALF has the target, beside the one of ROW. */
static struct xg_hold hold_of(const struct xg_device_row *row, uint32_t half)
{
	return (struct xg_hold){
		.target = row->target, .read_only = row->read_only,
		.lock_at = xg_lock_at(row->shared, row->uuid, row->devid),
		.mark_at = xg_mark_at(row->uuid, row->devid, half),
		.beside = half != row->device.half,
	};
}

static void areas_undo(void *ctx)
{
	struct swap *w = ctx;

	if (w->owed)
		return;
	(void)xg_connect_areas_remove(w->s->ops->store, w->to, NULL);
	(void)xg_state_next_remove(w->s->ops->state, w->s->uuid, w->to.devid, NULL);
}

static int areas_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	struct xg_session *s = w->s;
	const struct xg_hold hold = hold_of(&w->row, w->to.half);
	const struct xg_areas areas = { .uuid = s->uuid, .lock_at = hold.lock_at, .mark_at = hold.mark_at };
	int rc;

	rc = xg_state_next_put(s->ops->state, &w->next, err);
	if (!rc)
		rc = xg_connect_areas(s->ops->store, w->to, w->kind, &w->spec, &areas, err);
	if (rc)
		(void)xg_state_next_remove(s->ops->state, s->uuid, w->to.devid, NULL);
	return rc;
}

static void backend_undo(void *ctx)
{
	struct swap *w = ctx;

	if (!w->owed)
		(void)xg_connect_backend_stop(w->s->ops->store, w->to, NULL);
}

/* The disk stays what the guest knows; of what the backend offers only that counts. */
static int params_keep(struct swap *w, struct xg_err *err)
{
	const struct xg_block_params *was = &w->header.block;
	uint32_t queues = was->nr_queues;
	uint64_t sectors = was->sectors;

	if (queues > w->params.nr_queues)
		return xg_fail(err, EINVAL, "%s offers %u queue%s, the disk has %u", w->kind->name, w->params.nr_queues,
			       w->params.nr_queues == 1 ? "" : "s", queues);
	if (sectors > w->params.sectors)
		return xg_fail(err, EINVAL, "target %s has %llu sectors, the disk has %llu", w->spec.target,
			       (unsigned long long)w->params.sectors, (unsigned long long)sectors);
	if (was->logical_bytes != w->params.logical_bytes)
		return xg_fail(err, EINVAL, "%s offers blocks of %u bytes, the disk has %u", w->kind->name,
			       w->params.logical_bytes, was->logical_bytes);
	w->params.nr_queues = queues ? queues : 1;
	w->params.sectors = sectors;
	return 0;
}

static int backend_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	const struct xg_hold hold = hold_of(&w->row, w->to.half);
	struct xg_ops *ops = w->s->ops;
	int rc;

	w->backend.kind = w->kind;
	w->backend.target = w->spec.target;
	w->backend.read_only = w->spec.read_only;
	snprintf(w->backend.log, sizeof(w->backend.log), "%s/xengraft-backend-%s-%s.log", ops->log_dir,
		 w->s->guest->info.name, w->name);
	rc = xg_connect_backend_start(ops->store, ops->backend_program, w->to, &w->backend, err);
	if (!rc)
		rc = xg_connect_params(w->backend.offer, XG_QUEUES_MAX, &w->params, err);
	if (!rc)
		rc = params_keep(w, err);
	if (rc)
		backend_undo(w);
	w->marked = !rc && xg_target_is_marked(&hold);
	return rc;
}

static int fill_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	char banner[160];
	int rc;

	snprintf(banner, sizeof(banner), "driver %.31s-%.15s %.20s sha256 %.16s", w->image->note.device,
		 w->image->note.mode, w->image->note.version, w->image->digest);
	rc = xg_device_fill(w->core, &w->s->row.os, w->image, w->name, banner, &w->params, &w->next.device, err);
	return rc ? rc : xg_state_next_put(w->s->ops->state, &w->next, err);
}

/* A driver that may be open yet is in the text that the next swap would write over: so the next operation closes it first. */
static void open_undo(void *ctx)
{
	struct swap *w = ctx;

	if (!w->owed)
		w->owed = xg_swap_close_other(w->core, &w->next.device, w->name, NULL);
}

/* Also when it did open, and what it published is not right. */
static int open_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	int rc = xg_swap_open_next(w->core, &w->s->row.os, &w->next.device, &w->params, &w->rings, err);

	if (rc)
		open_undo(w);
	return rc;
}

static int connect_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	int rc = xg_connect_rings(w->s->ops->store, w->to, &w->backend, &w->rings, &w->params, err);

	if (rc)
		backend_undo(w);
	return rc;
}

/* From here on only the new backend can serve the disk; what the old one had under way has come to its end, too. */
static int old_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	const struct xg_hold hold = hold_of(&w->row, w->from.half);
	bool lives;
	int rc = w->from_kind->lives(w->s->ops->store, w->from, &lives, err);

	if (!rc && lives)
		rc = w->from_kind->kill(w->s->ops->store, w->from, err);
	return rc ? rc : xg_target_settle(&hold, err);
}

/* The command was given and not answered, or the guest is gone: nobody knows. */
static bool is_unsure(int rc)
{
	return rc == -ETIMEDOUT || rc == -ENODEV;
}

static unsigned int deadline_of(const struct swap *w)
{
	return w->wish->deadline_ms ? w->wish->deadline_ms : DEADLINE_MS;
}

/*
 * The backend of KIND beside ROW's, dead, and what it had begun at its end. One that could not be seen to come to that is left
 * alone: it may get on yet.
 */
static int new_end(struct xg_session *s, const struct xg_device_row *row, const struct xg_backend_kind *kind,
		   struct xg_err *err)
{
	const struct xg_link_id id = { s->guest->info.domid, row->devid, !row->device.half };
	const struct xg_hold hold = hold_of(row, id.half);
	int rc = kind->kill(s->ops->store, id, err);

	if (!rc)
		rc = xg_fault_point("the new backend is ended", err);
	return rc ? rc : xg_target_settle(&hold, err);
}

/* Only for a backend whose end can be seen. */
static bool way_back_is_noted(struct swap *w)
{
	if (!w->marked)
		return false;
	snprintf(w->op.step, sizeof(w->op.step), "%s", WAY_BACK);
	return !xg_state_operation_put(w->s->ops->state, &w->op, NULL) && !xg_fault_point(WAY_BACK, NULL);
}

/* The new driver had its chance: it is ended with its backend, and what it did not do goes to the old one. */
static void switch_undo(void *ctx)
{
	struct swap *w = ctx;
	struct xg_switched back;
	int rc;

	if (!w->switched || w->owed)
		return;
	rc = xg_swap_switch(w->core, &w->row.device, deadline_of(w), false, w->name, &back, NULL);
	if (rc == -EAGAIN && way_back_is_noted(w) && !new_end(w->s, &w->row, w->kind, NULL))
		rc = xg_swap_switch(w->core, &w->row.device, 0, true, w->name, &back, NULL);
	w->switched = rc != 0;
	w->owed = rc != 0;
}

static int switch_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	int rc = xg_swap_switch(w->core, &w->next.device, w->replay ? 0 : deadline_of(w), w->replay, w->name, &w->result, err);

	w->owed = is_unsure(rc);
	w->switched = !rc;
	if (rc == -EIO)
		return xg_fail(err, EIO, "%s: the new %s does not answer: %s", w->name, w->kind->name,
			       w->replay ? "the disk has no backend now, swap it again" : "nothing was changed");
	if (rc)
		return rc;
	rc = xg_fault_point("switched", err);
	if (rc)
		switch_undo(w);
	return rc;
}

struct proof {
	struct swap *w;
	struct xg_swap_counts at_first;
	bool looked;
	int rc;
};

/* It has completed something since, or has nothing to complete. */
static bool gets_on(void *ctx)
{
	struct proof *p = ctx;
	struct xg_swap_counts now;
	struct xg_session *s = p->w->s;

	p->rc = xg_swap_counts(s->guest, &s->row.os, &p->w->next.device, &now, NULL);
	if (p->rc)
		return true;
	if (!p->looked)
		p->at_first = now;
	p->looked = true;
	return now.taken <= now.completed || now.completed != p->at_first.completed;
}

static int prove_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	struct proof proof = { .w = w };
	int rc = xg_fault_point("proof", err);

	if (!rc && xg_wait_ms(gets_on, &proof, PROOF_MS))
		return 0;
	switch_undo(w);
	if (rc)
		return rc;
	return xg_fail(err, EIO, "%s: the new driver has completed nothing within %u s: the old one %s", w->name,
		       PROOF_MS / 1000, w->switched ? "could not be put back" : "was put back");
}

static void history_driver(const struct xg_device_row *row, struct xg_history_driver *ret)
{
	snprintf(ret->mode, sizeof(ret->mode), "%s", row->mode);
	snprintf(ret->driver, sizeof(ret->driver), "%s", row->driver);
	snprintf(ret->version, sizeof(ret->version), "%s", row->version);
	snprintf(ret->digest, sizeof(ret->digest), "%s", row->digest);
}

static void history_fill(const struct xg_session *s, const struct xg_device_row *from, const struct xg_device_row *to,
			 const char *reason, const struct xg_switched *result, struct xg_history_row *ret)
{
	*ret = (struct xg_history_row){
		.devid = from->devid, .hold_ns = result->hold_ns, .held = result->held, .in_flight = result->in_flight,
		.replayed = result->replayed, .at = time(NULL),
	};
	snprintf(ret->uuid, sizeof(ret->uuid), "%s", s->uuid);
	snprintf(ret->guest, sizeof(ret->guest), "%s", s->guest->info.name);
	snprintf(ret->vdev, sizeof(ret->vdev), "%s", from->vdev);
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	history_driver(from, &ret->from);
	history_driver(to, &ret->to);
}

/* What was wished, or that the old backend had come to its end. */
static const char *reason_of(const struct swap *w)
{
	return w->replay && strcmp(w->wish->reason, "reconnect") ? "replace" : w->wish->reason;
}

static int record_run(void *ctx, struct xg_err *err)
{
	struct swap *w = ctx;
	struct xg_history_row history;
	int rc;

	history_fill(w->s, &w->row, &w->next, reason_of(w), &w->result, &history);
	rc = xg_state_swapped(w->s->ops->state, &history, err);
	return rc;
}

/* The grants of the new rings end (open_undo) only after the backend has let go of them (connect's undo). */
static const struct xg_step swap_steps[] = {
	{ "make the other xenstore areas", areas_run, areas_undo, NULL },
	{ "start the new backend", backend_run, backend_undo, NULL },
	{ "fill the other half", fill_run, NULL, NULL },
	{ "open the next driver", open_run, open_undo, NULL },
	{ "connect the new backend", connect_run, backend_undo, NULL },
	{ "end the dead backend", old_run, NULL, is_replay },
	{ "switch", switch_run, switch_undo, NULL },
	{ "see that it gets on", prove_run, NULL, NULL },
	{ "record the swap", record_run, NULL, NULL },
};

static int swap_record(void *ctx, const struct xg_step *step, int done, struct xg_err *err)
{
	struct swap *w = ctx;
	int rc;

	if (done && !w->switched && xg_interrupted())
		return xg_fail(err, EINTR, "interrupted before '%s'", step->name);
	/* Who comes next finds what was not done. */
	if (!done && w->owed)
		return 0;
	w->op.steps += done ? 1 : -1;
	snprintf(w->op.step, sizeof(w->op.step), "%s", step->name);
	rc = xg_state_operation_put(w->s->ops->state, &w->op, err);
	return rc || !done ? rc : xg_fault_point(step->name, err);
}

static void swap_progress(void *ctx, const struct xg_step *step)
{
	const struct swap *w = ctx;

	xg_ops_progress(w->s->ops, step->name);
}

static void swap_begin(struct swap *w)
{
	struct xg_device_record device = w->next.device;

	w->op = (struct xg_operation_row){
		.domid = w->from.domid, .devid = w->from.devid, .pid = getpid(), .since = time(NULL),
	};
	snprintf(w->op.uuid, sizeof(w->op.uuid), "%s", w->s->uuid);
	snprintf(w->op.verb, sizeof(w->op.verb), "swap");
	w->next = w->row;
	w->next.device = device;
	snprintf(w->next.mode, sizeof(w->next.mode), "%s", w->kind->mode);
	if (w->wish->pin)
		snprintf(w->next.wish, sizeof(w->next.wish), "%s", w->kind->mode);
	snprintf(w->next.digest, sizeof(w->next.digest), "%s", w->image->digest);
	snprintf(w->next.driver, sizeof(w->next.driver), "%s-%s", w->image->note.device, w->image->note.mode);
	snprintf(w->next.version, sizeof(w->next.version), "%s", w->image->note.version);
}

/* ---- the old half, once the new one serves ------------------------------------------------------------------------ */

static void keep_first(int *rc, int now)
{
	if (!*rc)
		*rc = now;
}

int xg_swap_retire(struct xg_ops *ops, struct xg_core *core, struct xg_link_id id, const struct xg_device_row *row,
		   struct xg_err *err)
{
	const struct xg_device_record *device = &row->device;
	const struct xg_backend_kind *kind = xg_backend_kind_of(row->mode);
	const char *name = row->vdev;
	int rc = 0;

	xg_ops_progress(ops, "retire the other backend");
	(void)xg_fault_point("retire the other backend", NULL);
	/* The backend first: it unmaps the rings, and only then can the guest end their grants. */
	keep_first(&rc, xg_connect_backend_stop(ops->store, id, err));
	(void)xg_fault_point("close the other driver", NULL);
	if (core)
		keep_first(&rc, xg_swap_close_other(core, device, name, rc ? NULL : err));
	(void)xg_fault_point("forget the other areas", NULL);
	if (!rc)
		rc = xg_connect_areas_remove(ops->store, id, err);
	if (rc || !kind || !kind->alone)
		return rc;
	return kind->alone(ops->store, (struct xg_link_id){ id.domid, id.devid, !id.half }, err);
}

static int announce(struct xg_session *s, struct xg_link_id id, const struct xg_device_row *row, struct xg_err *err)
{
	char front[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8], state[16];

	/* The guest may be gone by now, and its areas with it. */
	xg_frontend_path(id, front);
	snprintf(path, sizeof(path), "%s/state", front);
	if (xg_store_read(s->ops->store, path, state, sizeof(state), NULL) == -ENOENT)
		return 0;
	return xg_announce_device(s->ops->store, id, row, err);
}

/* The swap is done: what goes wrong now is told, and the next operation tries again. */
static void swap_finish(struct swap *w)
{
	struct xg_session *s = w->s;
	struct xg_err err = XG_ERR_NONE;
	int rc;

	rc = announce(s, w->to, &w->next, &err);
	if (!rc)
		rc = xg_swap_retire(s->ops, w->core, w->from, &w->next, &err);
	if (!rc)
		rc = xg_state_operation_remove(s->ops->state, s->uuid, &err);
	if (rc)
		xg_ops_notice(s->ops, "%s", err.text);
}

static int swap_work(struct swap *w, const char *vdev, struct xg_err *err)
{
	const struct xg_steps steps = {
		.table = swap_steps, .count = XG_ARRAY_SIZE(swap_steps),
		.record = swap_record, .progress = swap_progress,
	};
	int rc;

	rc = swap_check(w, vdev, err);
	if (rc)
		return rc;
	if (w->s->ops->dry_run) {
		xg_steps_show(&steps, w);
		xg_ops_progress(w->s->ops, "retire the other backend");
		return 0;
	}
	swap_begin(w);
	rc = xg_steps_run(&steps, w, err);
	if (!rc)
		swap_finish(w);
	else if (!w->owed)
		(void)xg_state_operation_remove(w->s->ops->state, w->s->uuid, NULL);
	return rc;
}

static int swap_in(struct xg_session *s, const char *vdev, const struct xg_swap_wish *wish, struct xg_swapped *ret,
		   struct xg_err *err)
{
	struct swap w = { .s = s, .wish = wish, .backend.fd = -1 };
	int rc = swap_work(&w, vdev, err);

	if (!rc) {
		history_fill(s, &w.row, &w.next, reason_of(&w), &w.result, &ret->history);
		ret->guest = s->row;
	}
	swap_fini(&w);
	return rc;
}

int xg_disk_swap(struct xg_ops *ops, const char *guest, const char *vdev, const struct xg_swap_wish *wish,
		 struct xg_swapped *ret, struct xg_err *err)
{
	struct xg_session *s;
	int rc = xg_session_open(ops, guest, &s, err);

	return rc ? rc : swap_in(s, vdev, wish, ret, err);
}

int xg_disk_wish(struct xg_ops *ops, const char *guest, const char *vdev, const char *wish, struct xg_err *err)
{
	struct xg_session *s xg_auto(xg_session_close_p) = NULL;
	struct xg_device_row row;
	uint32_t devid;
	char name[32];
	int rc = xg_vdev_parse(vdev, &devid, name, err);

	if (!rc)
		rc = xg_session_open(ops, guest, &s, err);
	if (!rc)
		rc = xg_state_device_get(ops->state, s->uuid, devid, &row, err);
	if (rc == -ENOENT && s)
		return xg_fail(err, ENOENT, "guest '%s' has no disk '%s' of xengraft's", s->guest->info.name, vdev);
	if (rc)
		return rc;
	xg_ops_progress(ops, "hand the disk to the policy");
	if (ops->dry_run)
		return 0;
	snprintf(row.wish, sizeof(row.wish), "%s", wish);
	return xg_state_device_put(ops->state, &row, err);
}

/* ---- rollback, upgrade --------------------------------------------------------------------------------------------- */

/* The last swap of the disk as it is now: not of one that had its number before. */
static int last_swap(struct xg_session *s, const struct xg_device_row *row, struct xg_history_row *ret, struct xg_err *err)
{
	struct xg_history_row *rows xg_auto_free = NULL;
	size_t count;
	int rc = xg_state_history(s->ops->state, s->uuid, NULL, row->devid, &rows, &count, err);

	if (rc)
		return rc;
	if (!count || strcmp(rows[count - 1].to.digest, row->digest) || rows[count - 1].at < row->since)
		return xg_fail(err, ENOENT, "disk %s of guest '%s' has had no other driver", row->vdev, s->guest->info.name);
	*ret = rows[count - 1];
	return 0;
}

static int rollback_image(struct xg_session *s, const char *vdev, struct xg_image **ret, struct xg_err *err)
{
	struct xg_history_row last;
	struct xg_device_row row;
	uint32_t devid;
	char name[32];
	int rc;

	rc = xg_vdev_parse(vdev, &devid, name, err);
	if (!rc)
		rc = xg_state_device_get(s->ops->state, s->uuid, devid, &row, err);
	if (rc == -ENOENT)
		return xg_fail(err, ENOENT, "guest '%s' has no disk '%s' of xengraft's", s->guest->info.name, vdev);
	if (!rc)
		rc = last_swap(s, &row, &last, err);
	return rc ? rc : xg_driver_named(s->ops, last.from.digest, ret, err);
}

int xg_disk_rollback(struct xg_ops *ops, const char *guest, const char *vdev, const struct xg_swap_wish *wish,
		     struct xg_swapped *ret, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_swap_wish own = *wish;
	struct xg_session *s;
	int rc = xg_session_open(ops, guest, &s, err);

	if (rc)
		return rc;
	rc = rollback_image(s, vdev, &image, err);
	if (rc) {
		xg_session_close(s);
		return rc;
	}
	own.driver = NULL;
	own.image = image;
	own.reason = "rollback";
	own.pin = true;
	return swap_in(s, vdev, &own, ret, err);
}

int xg_disk_upgrade(struct xg_ops *ops, const struct xg_guest_row *guest, const struct xg_device_row *row,
		    const struct xg_swap_wish *wish, struct xg_swapped *ret, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_swap_wish own = *wish;
	char domid[16];
	int rc = xg_driver_get(ops, &guest->os, "xen-blkif", row->mode, &image, err);

	if (rc)
		return rc;
	if (!image || !strcmp(image->digest, row->digest))
		return 1;
	own.driver = NULL;
	own.image = image;
	own.reason = "upgrade";
	snprintf(domid, sizeof(domid), "%u", guest->domid);
	return xg_disk_swap(ops, domid, row->vdev, &own, ret, err);
}

/* ---- recovery ------------------------------------------------------------------------------------------------------ */

/* The numbers of a switch whose answer nobody took. */
static void recover_result(struct xg_core *core, struct xg_switched *ret)
{
	struct xg_reply reply;
	uint32_t command;

	*ret = (struct xg_switched){ .hold_ns = 0 };
	if (!xg_core_last(core, &command, &reply, NULL) && command == XG_CMD_DEVICE_SWITCH && !reply.status)
		*ret = (struct xg_switched){ reply.values[0], reply.values[1], reply.values[2], reply.values[3] };
}

/* The guest had switched when the process died: the record follows. */
static int recover_forward(struct xg_session *s, struct xg_core *core, struct xg_device_row *row, struct xg_err *err)
{
	struct xg_history_row history;
	struct xg_switched result;
	struct xg_device_row next;
	int rc = xg_state_next_get(s->ops->state, s->uuid, row->devid, &next, err);

	if (rc)
		return rc;
	recover_result(core, &result);
	history_fill(s, row, &next, "swap", &result, &history);
	rc = xg_state_swapped(s->ops->state, &history, err);
	*row = next;
	return rc;
}

/*
 * The new backend was being ended when the process died: what the new driver was given goes to the old one. That does not
 * answer: then the new one keeps the disk, without a backend.
 */
static int recover_back(struct xg_session *s, struct xg_core *core, const struct xg_device_row *row, uint32_t *half,
			struct xg_err *err)
{
	const struct xg_backend_kind *kind;
	struct xg_switched back;
	struct xg_device_row next;
	int rc = xg_state_next_get(s->ops->state, s->uuid, row->devid, &next, err);

	if (rc)
		return rc;
	kind = xg_backend_kind_of(next.mode);
	if (!kind)
		return xg_fail(err, EINVAL, "disk %s was to be in mode '%s', which this version does not know", row->vdev,
			       next.mode);
	rc = new_end(s, row, kind, err);
	if (rc)
		return rc;
	rc = xg_swap_switch(core, &row->device, 0, true, row->vdev, &back, err);
	if (!rc)
		*half = row->device.half;
	return rc == -EIO ? 0 : rc;
}

int xg_swap_recover(struct xg_session *s, struct xg_core *core, const struct xg_operation_row *op, struct xg_err *err)
{
	struct xg_link_id id = { .domid = s->guest->info.domid, .devid = op->devid };
	struct xg_device_row row, next;
	struct xg_reply reply;
	uint32_t command;
	bool done;
	int rc = xg_state_device_get(s->ops->state, s->uuid, op->devid, &row, err);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	/* Another kernel runs there: nothing of ours is left in it, and who forgets the guest takes both halves. */
	if (!core)
		return 0;
	/* A switch that is going on comes to its end first. */
	rc = xg_core_last(core, &command, &reply, err);
	if (rc)
		return rc;
	rc = xg_swap_look(s->guest, &s->row.os, &row.device, &id.half, err);
	/* Taken away in there, or the guest lies: then the record is as good as anything, and the rest can be cleaned up. */
	if (rc == -ENODEV) {
		id.half = row.device.half;
		rc = 0;
	}
	if (!rc && id.half != row.device.half && !strcmp(op->step, WAY_BACK) &&
	    xg_backend_lives(s->ops->store, id.domid, &row))
		rc = recover_back(s, core, &row, &id.half, err);
	if (rc)
		return rc;
	/* Recorded already: then only the first step has no row `next` that is still to come true. */
	done = op->steps > 1 && xg_state_next_get(s->ops->state, s->uuid, op->devid, &next, NULL) == -ENOENT;
	if (id.half != row.device.half) {
		rc = recover_forward(s, core, &row, err);
		done = true;
	}
	/* Also where nothing was swapped: in a guest that was restored nothing is announced yet. */
	if (!rc)
		rc = announce(s, id, &row, err);
	if (rc)
		return rc;
	id.half = !id.half;
	rc = xg_swap_retire(s->ops, core, id, &row, err);
	if (!rc)
		rc = xg_state_next_remove(s->ops->state, s->uuid, op->devid, err);
	if (!rc)
		xg_ops_notice(s->ops, "the swap was %s: %s has the driver %s", done ? "finished" : "undone", row.vdev, row.driver);
	return rc;
}
