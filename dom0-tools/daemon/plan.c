// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy. Called after each look; pure. */
#include "dom0-tools/daemon/plan.h"

#include <stdio.h>
#include <string.h>

/* Half an attach: whoever is at it may be so still, and else the next one cleans up. */
#define HALF_DELAY_MS 3000u

const char *xgd_verb_name(enum xgd_verb verb)
{
	static const char *const names[] = { "attach", "swap", "reconnect", "sweep" };

	return names[verb];
}

struct planning {
	const struct xgd_config *c;
	struct xgd_view *view;
	struct xgd_want *wants;
	size_t count, room;
	bool failed;
};

static struct xgd_want *want(struct planning *p, enum xgd_verb verb, const struct xgd_domain *d)
{
	struct xgd_want *w;

	if (p->count == p->room && p->count < XGD_WANTS_MAX) {
		p->room = p->room ? p->room * 2 : 16;
		w = realloc(p->wants, p->room * sizeof(*w));
		p->failed |= !w;
		if (!w)
			return NULL;
		p->wants = w;
	}
	if (p->failed || p->count == XGD_WANTS_MAX)
		return NULL;
	w = &p->wants[p->count++];
	*w = (struct xgd_want){ .verb = verb };
	if (d) {
		w->domid = d->domid;
		memcpy(w->uuid, d->uuid, sizeof(w->uuid));
	}
	return w;
}

static const struct xgd_disk *disk_of(const struct xgd_view *v, const char *uuid, uint32_t devid)
{
	size_t i;

	for (i = 0; i < v->disk_count; i++)
		if (v->disks[i].devid == devid && !strcmp(v->disks[i].uuid, uuid))
			return &v->disks[i];
	return NULL;
}

const struct xgd_domain *xgd_domain_of(const struct xgd_view *v, const char *uuid, uint32_t domid)
{
	const struct xgd_domain *found = NULL;
	size_t i;

	for (i = 0; i < v->domain_count; i++)
		if (!strcmp(v->domains[i].uuid, uuid) && (!found || v->domains[i].domid == domid))
			found = &v->domains[i];
	return found;
}

/* ---- A list's disks --------------------------------------------------------------------------------------------- */

static void plan_item(struct planning *p, const struct xgd_domain *d, const struct xgd_item *item)
{
	const struct xgd_disk *there = disk_of(p->view, d->uuid, item->devid);
	const char *mode = item->item.spec.mode;
	struct xgd_want *w;

	if (!item->good || item->unwanted || (there && there->live))
		return;
	w = want(p, XGD_ATTACH, d);
	if (!w)
		return;
	w->devid = item->devid;
	w->shared = item->item.spec.shared;
	w->delay_ms = there ? HALF_DELAY_MS : 0;
	snprintf(w->vdev, sizeof(w->vdev), "%s", item->item.spec.vdev);
	snprintf(w->mode, sizeof(w->mode), "%s", mode[0] ? mode : xgd_mode_name(p->c->mode));
	snprintf(w->words, sizeof(w->words), "%s", item->item.words);
	snprintf(w->why, sizeof(w->why), "%s", there ? "its attach was left unfinished" : "in the domain's list");
}

/* ---- Disks on record -------------------------------------------------------------------------------------------- */

struct verdict {
	const char *mode;	/* NULL: as it is */
	const char *why;
};

/* The whole policy of modes. */
static struct verdict judge(const struct xgd_config *c, const struct xgd_disk *k, const struct xgd_domain *d)
{
	if (!k->wish[0])
		return (struct verdict){ NULL, "by hand" };
	if (strcmp(k->wish, "auto"))
		return (struct verdict){ NULL, "pinned to its mode by hand" };
	if (!d || !d->ready)
		return (struct verdict){ NULL, "its guest does not run" };
	if (!k->live)
		return (struct verdict){ NULL, "an operation on it is unfinished" };
	if (!k->device)
		return (struct verdict){ "virtual", "its target is no block device" };
	if (d->saving)
		return (struct verdict){ "virtual", "its guest is about to be saved" };
	if (k->others)
		return (struct verdict){ "virtual", "its device has other disks" };
	return (struct verdict){ xgd_mode_name(c->alone), "alone on its device" };
}

static void plan_swap(struct planning *p, const struct xgd_disk *k, const struct xgd_domain *d)
{
	struct xgd_want *w = want(p, XGD_SWAP, d);

	if (!w)
		return;
	w->devid = k->devid;
	/* Another one beside it, or who saves it, cannot wait; that it is alone may be over soon. */
	w->delay_ms = k->others || d->saving ? 0 : p->c->settle_s * 1000;
	memcpy(w->vdev, k->vdev, sizeof(w->vdev));
	memcpy(w->mode, k->should, sizeof(w->mode));
	memcpy(w->why, k->why, sizeof(w->why));
}

static void plan_disk(struct planning *p, struct xgd_disk *k)
{
	const struct xgd_domain *d = xgd_domain_of(p->view, k->uuid, k->domid);
	struct verdict v = judge(p->c, k, d);

	snprintf(k->should, sizeof(k->should), "%s", v.mode ? v.mode : k->mode);
	snprintf(k->why, sizeof(k->why), "%s", v.why);
	/* Without its backend, or under another id: that comes first. */
	if (v.mode && k->lives && k->domid == d->domid && strcmp(v.mode, k->mode))
		plan_swap(p, k, d);
}

/* ---- Guests ----------------------------------------------------------------------------------------------------- */

static const char *broken(const struct xgd_view *v, const struct xgd_domain *d)
{
	bool policys = false;
	const char *why = NULL;
	size_t i;

	for (i = 0; i < v->disk_count; i++) {
		const struct xgd_disk *k = &v->disks[i];

		if (!k->live || xgd_domain_of(v, k->uuid, k->domid) != d)
			continue;
		policys = policys || !strcmp(k->wish, "auto");
		if (k->domid != d->domid)
			why = "the guest was restored";
		else if (!k->lives)
			why = why ? why : "a backend is gone";
	}
	return policys ? why : NULL;
}

static void plan_domain(struct planning *p, const struct xgd_domain *d)
{
	const char *why = p->c->reconnect ? broken(p->view, d) : NULL;
	struct xgd_want *w;
	size_t i;

	if (!d->ready)
		return;
	if (why) {
		w = want(p, XGD_RECONNECT, d);
		if (w)
			snprintf(w->why, sizeof(w->why), "%s", why);
	}
	for (i = 0; i < d->item_count; i++)
		plan_item(p, d, &d->items[i]);
}

int xgd_plan(const struct xgd_config *c, struct xgd_view *view, struct xgd_want **ret, size_t *ret_count,
	     struct xg_err *err)
{
	struct planning p = { .c = c, .view = view };
	struct xgd_want *w;
	size_t i;

	for (i = 0; i < view->domain_count; i++)
		plan_domain(&p, &view->domains[i]);
	for (i = 0; i < view->disk_count; i++)
		plan_disk(&p, &view->disks[i]);
	w = view->strangers ? want(&p, XGD_SWEEP, NULL) : NULL;
	if (w)
		snprintf(w->why, sizeof(w->why), "a guest on record is no more");
	if (p.failed) {
		free(p.wants);
		return xg_fail_errno(err, ENOMEM, "plan");
	}
	*ret = p.wants;
	*ret_count = p.count;
	return 0;
}
