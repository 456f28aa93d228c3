// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attaches a disk: the main path. All that can be refused is refused before anything is touched; from then on
 * it is a table of do and undo, and the journal says how far it got.
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
#include "dom0-tools/ops/xl_vbd.h"
#include "hotswap/optin.h"
#include "lib/base/array.h"
#include "lib/base/fault_point.h"
#include "lib/base/steps.h"

struct attach {
	struct xg_session *s;
	const struct xg_disk_spec *spec;
	const struct xg_backend_kind *kind;	/* as its mode wants it */
	struct xg_link_id id;
	char name[32];			/* of the disk in the guest */
	bool first;			/* no personality is on record */
	bool module;			/* first, and the guest's owner has loaded it: `core` is open */
	struct xg_os os;
	struct xg_kernel *kernel;	/* only when first */
	struct xg_image *personality;	/* only when first and no module */
	struct xg_image *driver;
	struct xg_core_plan plan;
	bool core_runs;			/* the personality serves commands: only it can free its window now */
	bool owed;			/* the journal is kept, for the next operation to clean up by */
	struct xg_core *core;
	struct xg_backend backend;
	struct xg_block_params params;
	struct xg_device_rings rings;
	struct xg_device_row row;
	struct xg_operation_row op;
};

static void attach_fini(struct attach *a)
{
	xg_connect_backend_forget(&a->backend);
	xg_core_close(a->core);
	xg_image_free(a->driver);
	xg_image_free(a->personality);
	xg_kernel_close(a->kernel);
	xg_session_close(a->s);
}

/* ---- checks: nothing is changed ------------------------------------------------------------------------------ */

/* Somebody else's disk, of whichever guest, lies on the same target. */
static int target_shared(const struct attach *a, bool *ret, struct xg_err *err)
{
	const struct xg_claimant who = { a->s->uuid, a->id.domid, a->id.devid };
	struct xg_ops *ops = a->s->ops;
	struct xg_claim *claims xg_auto_free = NULL;
	struct xg_target_id id;
	size_t count;
	int rc;

	*ret = false;
	if (xg_target_id(a->spec->target, &id))
		return 0;
	rc = xg_claims(ops->store, ops->state, &claims, &count, err);
	if (!rc)
		*ret = xg_claims_others(claims, count, &id, &who) > 0;
	return rc;
}

/* Who has a block device for itself need not have its data copied. */
static int check_auto(struct attach *a, struct xg_err *err)
{
	bool shared = false;
	int rc = target_shared(a, &shared, err);

	a->kind = !shared && !xg_backend_blkback.check(a->spec, NULL) ? &xg_backend_blkback : &xg_backend_process;
	return rc;
}

static int check_target(struct attach *a, struct xg_err *err)
{
	const char *mode = a->spec->mode[0] ? a->spec->mode : xg_backend_process.mode;
	int rc = 0;

	if (!strcmp(mode, "auto"))
		rc = check_auto(a, err);
	else
		a->kind = xg_backend_kind_of(mode);
	if (!rc && !a->kind)
		return xg_fail(err, EINVAL, "mode '%s' is none of virtual, paravirtual and auto", mode);
	return rc ? rc : a->kind->check(a->spec, err);
}

/* What the record needs to know of it before there is anything. */
static void row_begin(struct attach *a)
{
	a->row = (struct xg_device_row){
		.devid = a->id.devid, .read_only = a->spec->read_only, .shared = a->spec->shared, .since = time(NULL),
	};
	snprintf(a->row.uuid, sizeof(a->row.uuid), "%s", a->s->uuid);
	snprintf(a->row.vdev, sizeof(a->row.vdev), "%s", a->name);
	snprintf(a->row.target, sizeof(a->row.target), "%s", a->spec->target);
	snprintf(a->row.wish, sizeof(a->row.wish), "%s", a->spec->mode);
	snprintf(a->row.state, sizeof(a->row.state), "attaching");
}

static int check_wanted(struct attach *a, struct xg_err *err)
{
	bool unwanted = false;
	int rc;

	if (!a->spec->listed)
		return 0;
	rc = xg_state_unwanted(a->s->ops->state, a->s->uuid, a->id.domid, a->id.devid, &unwanted, err);
	if (!rc && unwanted)
		return xg_fail(err, ECANCELED,
			       "%s of guest '%s' was detached by hand: it stays so until it is attached by hand",
			       a->name, a->s->guest->info.name);
	return rc;
}

static int check_vdev(struct attach *a, struct xg_err *err)
{
	struct xg_session *s = a->s;
	struct xg_device_row row;
	int rc = xg_state_device_get(s->ops->state, s->uuid, a->id.devid, &row, err);

	if (!rc)
		return xg_fail(err, EEXIST, "vdev %s is in use in guest '%s' (target %s)", a->spec->vdev,
			       s->guest->info.name, row.target);
	return rc != -ENOENT ? rc : xg_xl_vbd_check(s->ops->store, a->id, a->spec, s->guest->info.name, err);
}

/*
 * The guest rebooted inside its domain (kexec), or lies: what was recorded of it is of no use any more. Its disks'
 * backends and areas are still there.
 */
static int forget_guest(struct xg_session *s, struct xg_err *err)
{
	struct xg_device_row *rows;
	size_t count, i;
	int rc = xg_state_device_list(s->ops->state, s->uuid, &rows, &count, err);

	if (rc)
		return rc;
	for (i = 0; !rc && i < count; i++)
		rc = xg_teardown(s->ops, NULL, (struct xg_link_id){ s->guest->info.domid, rows[i].devid, 0 }, &rows[i],
				 err);
	free(rows);
	return rc ? rc : xg_state_guest_remove(s->ops->state, s->uuid, err);
}

/*
 * The owner's own module, if there is one that works: then nothing else is written into the guest's kernel. 0 either
 * way: one that does not work is told of.
 */
static int check_module(struct attach *a, struct xg_err *err)
{
	struct xg_session *s = a->s;
	struct xg_core_record record;
	struct xg_err why = XG_ERR_NONE;
	int rc = xg_optin_find(s->ops->store, a->id.domid, &record, &why);

	if (rc == -ENOENT)
		return 0;
	if (!rc)
		rc = xg_core_open(s->guest, &a->os, &record, &a->core, &why);
	if (!rc) {
		s->row.core = record;
		a->module = true;
		return 0;
	}
	if (rc != -EINVAL && !xg_core_is_gone(rc))
		return xg_fail(err, -rc, "%s", why.text);
	(void)xg_fail_in(&why, "the module that guest '%s' tells of is of no use", s->guest->info.name);
	xg_ops_notice(s->ops, "%s", why.text);
	return 0;
}

static int inspect(struct attach *a, struct xg_err *err)
{
	struct xg_kernel_hints hints = { .count = 0 };
	struct xg_session *s = a->s;
	int rc;

	xg_ops_progress(a->s->ops, "inspect the guest");
	(void)xg_state_hints_get(s->ops->state, &hints, NULL);
	rc = xg_kernel_open_hinted(s->guest, &hints, &a->kernel, err);
	if (!rc)
		a->os = *xg_kernel_os(a->kernel);
	return rc;
}

/* A compiler took minutes: the guest may have booted something else meanwhile. */
static int inspect_again(struct attach *a, struct xg_err *err)
{
	int rc;

	xg_kernel_close(xg_take(a->kernel));
	rc = inspect(a, err);
	return rc ? rc : xg_core_image_fits(a->personality, &a->os, err);
}

/* None in a dry run that would generate it: then there is nothing to plan with. */
static int check_personality(struct attach *a, struct xg_err *err)
{
	struct xg_session *s = a->s;
	bool made = false;
	int rc;

	xg_ops_progress(a->s->ops, "find the personality");
	rc = xg_personality_get(s->ops, &a->os, &a->personality, &made, err);
	if (!rc && made)
		rc = inspect_again(a, err);
	return rc || !a->personality ? rc : xg_core_plan(s->guest, a->kernel, a->personality, &a->plan, err);
}

/* The record's kernel is still the one that runs: its personality answers. Else everything starts anew. */
static int check_core(struct attach *a, struct xg_err *err)
{
	struct xg_session *s = a->s;
	int rc;

	if (s->row.core.va.v) {
		rc = xg_core_open(s->guest, &s->row.os, &s->row.core, &a->core, err);
		if (!rc) {
			a->os = s->row.os;
			return 0;
		}
		if (!xg_core_is_gone(rc))
			return rc;
		rc = s->ops->dry_run ? 0 : forget_guest(s, err);
		if (rc)
			return rc;
	}
	a->first = true;
	rc = inspect(a, err);
	if (!rc)
		rc = check_module(a, err);
	if (rc || a->module)
		return rc;
	return check_personality(a, err);
}

static int attach_check(struct attach *a, struct xg_err *err)
{
	int rc = xg_vdev_parse(a->spec->vdev, &a->id.devid, a->name, err);

	if (!rc)
		rc = check_target(a, err);
	if (!rc)
		rc = check_vdev(a, err);
	if (!rc)
		rc = check_wanted(a, err);
	if (!rc)
		rc = check_core(a, err);
	row_begin(a);
	if (!rc)
		rc = xg_claims_check(a->s->ops, a->id.domid, &a->row, err);
	return rc ? rc : xg_driver_get(a->s->ops, &a->os, "xen-blkif", a->kind->mode, &a->driver, err);
}

/* ---- steps --------------------------------------------------------------------------------------------------- */

static bool is_first(const void *ctx)
{
	const struct attach *a = ctx;

	return a->first;
}

static bool is_entered(const void *ctx)
{
	const struct attach *a = ctx;

	return a->first && !a->module;
}

/* First of all, so that whatever a crash leaves can be found by its guest. */
static int guest_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	struct xg_session *s = a->s;

	s->row = (struct xg_guest_row){ .domid = s->guest->info.domid, .os = a->os, .core = s->row.core };
	snprintf(s->row.uuid, sizeof(s->row.uuid), "%s", s->uuid);
	snprintf(s->row.name, sizeof(s->row.name), "%s", s->guest->info.name);
	snprintf(s->row.boot, sizeof(s->row.boot), "%s", s->ops->boot);
	if (!a->module) {
		snprintf(s->row.digest, sizeof(s->row.digest), "%s", a->personality->digest);
		snprintf(s->row.version, sizeof(s->row.version), "%s", a->personality->note.version);
	}
	(void)xg_state_hint_put(s->ops->state, &a->os, NULL);
	return xg_state_guest_put(s->ops->state, &s->row, err);
}

/* A personality that could not be told to leave keeps its record, and so does what is owed. */
static void guest_undo(void *ctx)
{
	struct attach *a = ctx;

	if (!a->core_runs && !a->owed)
		(void)xg_state_guest_remove(a->s->ops->state, a->s->uuid, NULL);
}

static int areas_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	const struct xg_areas areas = {
		.uuid = a->s->uuid, .lock_at = xg_lock_at(a->row.shared, a->s->uuid, a->id.devid),
	};
	int rc;

	rc = xg_state_device_put(a->s->ops->state, &a->row, err);
	/* Once more, on record: of two who come at once each sees the other now, so that not both get it. */
	if (!rc)
		rc = xg_claims_check(a->s->ops, a->id.domid, &a->row, err);
	if (!rc)
		rc = xg_connect_areas(a->s->ops->store, a->id, a->kind, a->spec, &areas, err);
	if (rc)
		(void)xg_state_device_remove(a->s->ops->state, a->s->uuid, a->id.devid, NULL);
	return rc;
}

static void areas_undo(void *ctx)
{
	struct attach *a = ctx;

	(void)xg_connect_areas_remove(a->s->ops->store, a->id, NULL);
	(void)xg_state_device_remove(a->s->ops->state, a->s->uuid, a->id.devid, NULL);
}

static int backend_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	int rc;

	a->backend.kind = a->kind;
	a->backend.target = a->spec->target;
	a->backend.read_only = a->spec->read_only;
	snprintf(a->backend.log, sizeof(a->backend.log), "%s/xengraft-backend-%s-%s.log", a->s->ops->log_dir,
		 a->s->guest->info.name, a->name);
	rc = xg_connect_backend_start(a->s->ops->store, a->s->ops->backend_program, a->id, &a->backend, err);
	if (!rc)
		rc = xg_connect_params(a->backend.offer, a->s->guest->info.vcpus, &a->params, err);
	/* What the guest is promised holds for whichever kind of backend comes later. */
	if (!rc && !xg_backend_blkback.check(a->spec, NULL))
		a->params.nr_queues = xg_blkback_queues(a->params.nr_queues);
	if (rc)
		(void)xg_connect_backend_stop(a->s->ops->store, a->id, NULL);
	return rc;
}

static void backend_undo(void *ctx)
{
	struct attach *a = ctx;

	(void)xg_connect_backend_stop(a->s->ops->store, a->id, NULL);
}

static int enter_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	struct xg_session *s = a->s;
	int rc;

	a->op.getting_in = true;
	a->op.plan = a->plan.getin;
	rc = xg_state_operation_put(s->ops->state, &a->op, err);
	if (rc)
		return rc;
	rc = xg_core_enter(s->guest, s->ops->store, &a->plan, &s->row.core, err);
	if (!rc)
		rc = xg_fault_point("entered", err);
	if (!rc)
		rc = xg_state_guest_put(s->ops->state, &s->row, err);
	if (rc && xg_getin_leave(s->guest, s->ops->store, &a->plan.getin, false, NULL))
		a->owed = true;
	return rc;
}

static void enter_undo(void *ctx)
{
	struct attach *a = ctx;

	if (!a->core_runs && xg_getin_leave(a->s->guest, a->s->ops->store, &a->plan.getin, false, NULL))
		a->owed = true;
}

/* Also when it could not be spoken to just now: it is tried once more. */
static void core_undo(void *ctx)
{
	struct attach *a = ctx;

	if (!a->core)
		(void)xg_core_open(a->s->guest, &a->os, &a->s->row.core, &a->core, NULL);
	if (a->core && !xg_core_remove(a->core, NULL))
		a->core_runs = false;
}

static int core_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	struct xg_session *s = a->s;
	char banner[160];
	struct gva entry;
	int rc;

	snprintf(banner, sizeof(banner), "personality %.15s-%.60s %.20s sha256 %.16s, installed by the host",
		 a->os.name, a->os.release, a->personality->note.version, a->personality->digest);
	rc = xg_core_fill(s->guest, a->kernel, a->personality, &s->row.core, banner, &entry, err);
	if (!rc)
		rc = xg_core_start(s->guest, s->ops->store, &a->os, &a->plan, &s->row.core, entry, err);
	/* It was sent off and may be slow: only the next operation can know what became of it. */
	if (rc == -ETIMEDOUT)
		a->core_runs = a->owed = true;
	if (rc)
		return rc;
	(void)xg_fault_point("personality started", NULL);
	a->core_runs = true;
	a->op.getting_in = false;
	rc = xg_core_open(s->guest, &a->os, &s->row.core, &a->core, err);
	if (!rc)
		rc = xg_state_operation_put(s->ops->state, &a->op, err);
	if (rc)
		core_undo(a);
	return rc;
}

static void core_announce_undo(void *ctx)
{
	struct attach *a = ctx;

	(void)xg_announce_core_remove(a->s->ops->store, a->id.domid, NULL);
}

static int core_announce_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	struct xg_session *s = a->s;
	struct xg_window_place place = xg_core_place(&s->row.core);
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	int rc;

	rc = xg_window_open(s->guest, &a->os, &place, &w, err);
	if (!rc)
		rc = xg_state_frames_put(s->ops->state, s->uuid, w, err);
	if (!rc)
		rc = xg_announce_core(s->ops->store, &s->row, err);
	if (rc)
		core_announce_undo(a);
	return rc;
}

static int window_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	int rc;

	rc = xg_device_alloc(a->core, a->driver, &a->row.device, err);
	if (rc)
		return rc;
	(void)xg_fault_point("window allocated", NULL);
	rc = xg_state_device_put(a->s->ops->state, &a->row, err);
	if (rc)
		(void)xg_device_destroy(a->core, &a->row.device, a->name, NULL);
	return rc;
}

static void window_undo(void *ctx)
{
	struct attach *a = ctx;

	(void)xg_device_destroy(a->core, &a->row.device, a->name, NULL);
}

static int driver_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	struct xg_device_record *device = &a->row.device;
	struct xg_window_place place = xg_device_place(device);
	char banner[160];
	int rc;

	snprintf(banner, sizeof(banner), "driver %.31s-%.15s %.20s sha256 %.16s", a->driver->note.device,
		 a->driver->note.mode, a->driver->note.version, a->driver->digest);
	rc = xg_device_fill(a->core, &a->os, a->driver, a->name, banner, &a->params, device, err);
	if (!rc)
		rc = xg_window_open(a->s->guest, &a->os, &place, &w, err);
	if (!rc)
		rc = xg_state_frames_put(a->s->ops->state, a->s->uuid, w, err);
	return rc ? rc : xg_state_device_put(a->s->ops->state, &a->row, err);
}

static void open_undo(void *ctx)
{
	struct attach *a = ctx;

	(void)xg_device_shut(a->core, &a->row.device, a->name, NULL);
}

/* Also when it did open, and what it published is not right. */
static int open_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	int rc = xg_device_open(a->core, &a->os, &a->row.device, &a->params, &a->rings, err);

	if (rc)
		open_undo(a);
	return rc;
}

static int connect_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	int rc = xg_connect_rings(a->s->ops->store, a->id, &a->backend, &a->rings, &a->params, err);

	if (rc)
		backend_undo(a);
	return rc;
}

static void announce_undo(void *ctx)
{
	struct attach *a = ctx;

	(void)xg_announce_device_remove(a->s->ops->store, a->id, NULL);
}

static int announce_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	int rc = xg_announce_device(a->s->ops->store, a->id, &a->row, err);

	if (rc)
		announce_undo(a);
	return rc;
}

/* By force, which ends the grants of the rings: the backend must have let go of them. */
static void add_undo(void *ctx)
{
	struct attach *a = ctx;

	backend_undo(a);
	(void)xg_device_remove(a->core, &a->row.device, a->name, true, NULL);
}

/* A guest that has not answered in time may add it yet. */
static int add_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;
	int rc = xg_device_add(a->core, &a->row.device, a->name, err);

	if (rc)
		add_undo(a);
	return rc;
}

static int record_run(void *ctx, struct xg_err *err)
{
	struct attach *a = ctx;

	int rc;

	snprintf(a->row.state, sizeof(a->row.state), "live");
	rc = xg_state_device_put(a->s->ops->state, &a->row, err);
	if (!rc)
		(void)xg_state_unwanted_set(a->s->ops->state, a->s->uuid, a->id.domid, a->id.devid, false, NULL);
	return rc;
}

/* The grants of the rings end (open_undo) only after the backend has let go of them (connect's undo). */
static const struct xg_step attach_steps[] = {
	{ "record the guest", guest_run, guest_undo, is_first },
	{ "make the xenstore areas", areas_run, areas_undo, NULL },
	{ "start the backend", backend_run, backend_undo, NULL },
	{ "enter the guest", enter_run, enter_undo, is_entered },
	{ "install the personality", core_run, core_undo, is_entered },
	{ "announce the personality", core_announce_run, core_announce_undo, is_entered },
	{ XG_STEP_WINDOW, window_run, window_undo, NULL },
	{ "install the driver", driver_run, NULL, NULL },
	{ "open the driver", open_run, open_undo, NULL },
	{ "connect the backend", connect_run, backend_undo, NULL },
	{ "announce the driver", announce_run, announce_undo, NULL },
	{ "add the disk", add_run, add_undo, NULL },
	{ "record", record_run, NULL, NULL },
};

static int attach_record(void *ctx, const struct xg_step *step, int done, struct xg_err *err)
{
	struct attach *a = ctx;
	int rc;

	if (done && xg_interrupted())
		return xg_fail(err, EINTR, "interrupted before '%s'", step->name);
	a->op.steps += done ? 1 : -1;
	snprintf(a->op.step, sizeof(a->op.step), "%s", step->name);
	rc = xg_state_operation_put(a->s->ops->state, &a->op, err);
	return rc || !done ? rc : xg_fault_point(step->name, err);
}

static void attach_progress(void *ctx, const struct xg_step *step)
{
	const struct attach *a = ctx;

	xg_ops_progress(a->s->ops, step->name);
}

static void attach_begin(struct attach *a)
{
	const struct xg_session *s = a->s;

	a->op = (struct xg_operation_row){
		.domid = a->id.domid, .devid = a->id.devid, .pid = getpid(), .since = time(NULL),
	};
	snprintf(a->op.uuid, sizeof(a->op.uuid), "%s", s->uuid);
	snprintf(a->op.verb, sizeof(a->op.verb), "attach");
	snprintf(a->row.mode, sizeof(a->row.mode), "%s", a->kind->mode);
	snprintf(a->row.digest, sizeof(a->row.digest), "%s", a->driver->digest);
	snprintf(a->row.driver, sizeof(a->row.driver), "%s-%s", a->driver->note.device, a->driver->note.mode);
	snprintf(a->row.version, sizeof(a->row.version), "%s", a->driver->note.version);
}

static int attach_work(struct attach *a, struct xg_err *err)
{
	const struct xg_steps steps = {
		.table = attach_steps, .count = XG_ARRAY_SIZE(attach_steps),
		.record = attach_record, .progress = attach_progress,
	};
	int rc;

	rc = attach_check(a, err);
	if (rc)
		return rc;
	if (a->s->ops->dry_run) {
		xg_steps_show(&steps, a);
		return 0;
	}
	attach_begin(a);
	rc = xg_steps_run(&steps, a, err);
	if (!a->owed)
		(void)xg_state_operation_remove(a->s->ops->state, a->s->uuid, NULL);
	return rc;
}

int xg_disk_attach(struct xg_ops *ops, const char *guest, const struct xg_disk_spec *spec, struct xg_attached *ret,
		   struct xg_err *err)
{
	struct attach a = { .spec = spec, .backend.fd = -1 };
	int rc;

	rc = xg_session_open(ops, guest, &a.s, err);
	if (rc)
		return rc;
	a.id.domid = a.s->guest->info.domid;
	rc = attach_work(&a, err);
	if (!rc)
		*ret = (struct xg_attached){
			.device = a.row, .guest = a.s->row, .params = a.params, .first = a.first,
		};
	attach_fini(&a);
	return rc;
}
