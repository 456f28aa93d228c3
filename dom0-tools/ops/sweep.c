// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What became of the guests on record: one whose domain is no more is away, for it may have been saved; one that is
 * back is taken in again when its memory says that it is the same, and forgotten when it began anew. Called by whoever
 * opens a session, lists or shows. Never believes that a guest is gone because it could not be asked, and never touches
 * one that another process works on.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dom0-tools/ops/ops.h"
#include "dom0-tools/ops/teardown.h"
#include "lib/base/fault_point.h"

/* Of guests that were destroyed the record stays, too: nobody tells us which. As many as a host has saved at once. */
#define AWAY_MAX 64u

bool xg_guest_is_here(const struct xg_ops *ops, const struct xg_guest_row *row, uint32_t domid)
{
	return row->domid == domid && !row->away && !strcmp(row->boot, ops->boot);
}

/*
 * The domain of the record's guest: its UUID counts, not its id, for a guest that is restored gets another one. While
 * one moves from here to here there are two of them: the one that the record knows is it as long as it lives.
 * NULL: gone.
 */
static const struct xg_domain *guest_domain(const struct xg_guest_row *row, const struct xg_domain *all, size_t count)
{
	const struct xg_domain *found = NULL;
	char uuid[XG_UUID_TEXT];
	size_t i;

	for (i = 0; i < count; i++) {
		xg_uuid_text(all[i].uuid, uuid);
		if (strcmp(uuid, row->uuid))
			continue;
		if (all[i].domid == row->domid && !all[i].dying)
			return &all[i];
		if (!found || found->dying)
			found = &all[i];
	}
	return found;
}

/* Backends and areas under the id that GUEST had. */
static int sweep_areas(struct xg_ops *ops, const struct xg_guest_row *guest, struct xg_err *err)
{
	struct xg_device_row *rows;
	size_t count, i;
	int rc;

	rc = xg_state_device_list(ops->state, guest->uuid, &rows, &count, err);
	if (rc)
		return rc;
	for (i = 0; !rc && i < count * 2; i++) {
		struct xg_link_id id = { .domid = guest->domid, .devid = rows[i / 2].devid, .half = i % 2 };

		/* The id may be another domain's by now, with disks of its own. */
		if (!xg_connect_is_of(ops->store, id, guest->uuid))
			continue;
		rc = xg_connect_backend_stop(ops->store, id, err);
		if (!rc)
			rc = xg_connect_areas_remove(ops->store, id, err);
	}
	free(rows);
	return rc;
}

/* ---- back again ------------------------------------------------------------------------------------------------- */

/* Where the windows lie now: a PV guest's frames are others. One that is not there any more cannot be reconnected. */
static int frames_renew(struct xg_ops *ops, struct xg_guest *g, const struct xg_guest_row *row, struct xg_err *err)
{
	struct xg_window_place place = xg_core_place(&row->core);
	struct xg_device_row *rows xg_auto_free = NULL;
	struct xg_window *w;
	size_t count, i;
	int rc = xg_state_device_list(ops->state, row->uuid, &rows, &count, err);

	for (i = 0; !rc && i <= count; i++) {
		if (i)
			place = xg_device_place(&rows[i - 1].device);
		if (!place.va.v || xg_window_open(g, &row->os, &place, &w, NULL))
			continue;
		rc = xg_state_frames_put(ops->state, row->uuid, w, err);
		xg_window_close(w);
	}
	return rc;
}

/* Not the module: its owner's, which tells of itself. */
static int announce(struct xg_ops *ops, const struct xg_guest_row *row, struct xg_err *err)
{
	return row->core.module ? 0 : xg_announce_core(ops->store, row, err);
}

/*
 * Restored: its personality is where it was, and a PV guest's page tables are elsewhere, which *ROW then tells.
 * -ESTALE, -ENODEV: it began anew. Anything else: cannot be told yet; while it is restored it is paused.
 */
static int back_look(struct xg_guest *g, struct xg_guest_row *row)
{
	struct xg_kernel *k = NULL;
	int rc;

	if (g->info.paused)
		return -EAGAIN;
	rc = xg_kernel_open(g, &k, NULL);
	if (!rc)
		rc = xg_core_look(g, xg_kernel_os(k), &row->core, NULL);
	if (!rc)
		row->os = *xg_kernel_os(k);
	xg_kernel_close(k);
	return rc;
}

/* The record last: until it is there, all of this is done once more. */
static int adopt(struct xg_ops *ops, struct xg_guest *g, struct xg_guest_row *row, struct xg_err *err)
{
	int rc;

	row->domid = g->info.domid;
	row->away = 0;
	snprintf(row->boot, sizeof(row->boot), "%s", ops->boot);
	snprintf(row->name, sizeof(row->name), "%s", g->info.name);
	rc = frames_renew(ops, g, row, err);
	if (!rc)
		rc = announce(ops, row, err);
	if (!rc)
		rc = xg_fault_point("take in the guest that is back", err);
	if (!rc)
		rc = xg_state_guest_put(ops->state, row, err);
	if (!rc)
		xg_ops_notice(ops, "guest '%s' was restored as domain %u: its disks have lost their backends, "
			      "'xengraft reconnect %s' gives them others", row->name, row->domid, row->name);
	return rc;
}

static int sweep_back(struct xg_ops *ops, struct xg_guest_row *row, uint32_t domid, struct xg_err *err)
{
	struct xg_guest *g;
	char id[16];
	int rc, is;

	snprintf(id, sizeof(id), "%u", domid);
	if (xg_guest_open(id, &g, NULL))
		return 0;
	is = row->core.va.v ? back_look(g, row) : -ESTALE;
	/* Whatever runs there, the domain that they were for is no more. */
	rc = sweep_areas(ops, row, err);
	if (!rc && !is)
		rc = adopt(ops, g, row, err);
	else if (!rc && xg_core_is_gone(is))
		rc = xg_state_guest_remove(ops->state, row->uuid, err);
	xg_guest_close(g);
	return rc;
}

/* ---- away ------------------------------------------------------------------------------------------------------- */

/* What it has of ours in its memory comes back with it, if it comes back. */
static int sweep_away(struct xg_ops *ops, struct xg_guest_row *row, struct xg_err *err)
{
	int rc = sweep_areas(ops, row, err);

	if (rc)
		return rc;
	if (!row->core.va.v)
		return xg_state_guest_remove(ops->state, row->uuid, err);
	row->away = time(NULL);
	rc = xg_fault_point("note that the guest is away", err);
	return rc ? rc : xg_state_guest_put(ops->state, row, err);
}

static int trim(struct xg_ops *ops, struct xg_err *err)
{
	char uuid[XG_UUID_TEXT];
	int rc;

	while (!(rc = xg_state_away_longest(ops->state, AWAY_MAX, uuid, err)))
		if ((rc = xg_state_guest_remove(ops->state, uuid, err)))
			return rc;
	return rc == -ENOENT ? 0 : rc;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static int sweep_locked(struct xg_ops *ops, const char *uuid, const struct xg_domain *all, size_t count,
			struct xg_err *err)
{
	const struct xg_domain *domain;
	struct xg_guest_row row;
	int rc = xg_state_guest_get(ops->state, uuid, &row, err);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	domain = guest_domain(&row, all, count);
	if (!domain)
		return row.away ? 0 : sweep_away(ops, &row, err);
	if (domain->dying || xg_guest_is_here(ops, &row, domain->domid))
		return 0;
	return sweep_back(ops, &row, domain->domid, err);
}

/* HELD: the guest whose lock the caller has, or NULL. Whoever has another's sees to that one. */
static int sweep_guest(struct xg_ops *ops, const struct xg_guest_row *row, const char *held,
		       const struct xg_domain *all, size_t count, struct xg_err *err)
{
	const struct xg_domain *domain = guest_domain(row, all, count);
	int rc, lock xg_auto_close = -1;

	if (domain ? xg_guest_is_here(ops, row, domain->domid) : row->away != 0)
		return 0;
	if (!held || strcmp(held, row->uuid)) {
		rc = xg_guest_lock(ops, row->uuid, 0, &lock, err);
		if (rc)
			return rc == -EAGAIN ? 0 : rc;
	}
	return sweep_locked(ops, row->uuid, all, count, err);
}

int xg_sweep_beside(struct xg_ops *ops, const char *held, struct xg_err *err)
{
	struct xg_domain *domains xg_auto_free = NULL;
	struct xg_guest_row *rows xg_auto_free = NULL;
	size_t count, i, domain_count;
	int rc, now;

	if (ops->dry_run)
		return 0;
	rc = xg_state_guest_list(ops->state, &rows, &count, err);
	if (rc || !count)
		return rc;
	/* Only what Xen says counts: that we could not ask must not cost a running guest its disks. */
	rc = xg_domains(&domains, &domain_count, err);
	if (rc)
		return rc;
	for (i = 0; i < count; i++) {
		now = sweep_guest(ops, &rows[i], held, domains, domain_count, rc ? NULL : err);
		if (!rc)
			rc = now;
	}
	return rc ? rc : trim(ops, err);
}

int xg_sweep(struct xg_ops *ops, struct xg_err *err)
{
	return xg_sweep_beside(ops, NULL, err);
}

/* ---- forget ----------------------------------------------------------------------------------------------------- */

static bool is_meant(const struct xg_guest_row *row, const char *name)
{
	return row->away && (!strcmp(row->name, name) || !strcmp(row->uuid, name));
}

int xg_forget_away(struct xg_ops *ops, const char *name, struct xg_err *err)
{
	struct xg_guest_row *rows xg_auto_free = NULL, *found = NULL;
	int rc, lock xg_auto_close = -1;
	size_t count, i, n = 0;

	rc = xg_sweep(ops, err);
	if (!rc)
		rc = xg_state_guest_list(ops->state, &rows, &count, err);
	if (rc)
		return rc;
	for (i = 0; i < count; i++)
		if (is_meant(&rows[i], name)) {
			found = &rows[i];
			n++;
		}
	if (!n)
		return xg_fail(err, ENOENT, "'%s' is neither a guest nor one that is away", name);
	if (n > 1)
		return xg_fail(err, ENOTUNIQ, "%zu guests that are away were called '%s': name one by its UUID, "
			       "'xengraft disk-list --json' has them", n, name);
	xg_ops_progress(ops, "forget the guest");
	if (ops->dry_run)
		return 0;
	rc = xg_guest_lock(ops, found->uuid, 0, &lock, err);
	return rc ? rc : xg_state_guest_remove(ops->state, found->uuid, err);
}
