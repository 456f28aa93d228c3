// SPDX-License-Identifier: GPL-2.0-or-later
/* Looks at Xen, the record and xenstore. Called by the loop before each plan; changes nothing. */
#include "dom0-tools/daemon/look.h"

#include <stdio.h>
#include <string.h>

#include "dom0-tools/daemon/creator.h"
#include "dom0-tools/ops/backend_kind.h"
#include "dom0-tools/ops/claims.h"
#include "dom0-tools/ops/vdev.h"
#include "lib/base/log.h"
#include "lib/xen/guest.h"

#define LIST_TRIES 5u		/* libxl may be at it just now */

/* ---- Lists ------------------------------------------------------------------------------------------------------ */

struct list {
	uint32_t domid;
	char uuid[XG_UUID_TEXT];
	struct xgd_item *items;
	size_t count;
	unsigned int tries;
	bool read, seen;
	char problem[160];
};

struct xgd_lists {
	struct list *rows;
	size_t count, room;
};

int xgd_lists_create(struct xgd_lists **ret, struct xg_err *err)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : xg_fail_errno(err, ENOMEM, "lists");
}

void xgd_lists_forget(struct xgd_lists *l)
{
	while (l->count)
		free(l->rows[--l->count].items);
}

void xgd_lists_destroy(struct xgd_lists *l)
{
	if (!l)
		return;
	xgd_lists_forget(l);
	free(l->rows);
	free(l);
}

static struct list *list_of(struct xgd_lists *l, const struct xg_domain *d, const char *uuid, struct xg_err *err)
{
	struct list *more;
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->rows[i].domid == d->domid && !strcmp(l->rows[i].uuid, uuid))
			return &l->rows[i];
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 16;

		more = realloc(l->rows, room * sizeof(*more));
		if (!more) {
			(void)xg_fail_errno(err, ENOMEM, "lists");
			return NULL;
		}
		l->rows = more;
		l->room = room;
	}
	l->rows[l->count] = (struct list){ .domid = d->domid };
	snprintf(l->rows[l->count].uuid, XG_UUID_TEXT, "%s", uuid);
	return &l->rows[l->count++];
}

static void lists_prune(struct xgd_lists *l)
{
	size_t i;

	for (i = l->count; i-- > 0;) {
		if (!l->rows[i].seen) {
			free(l->rows[i].items);
			memmove(&l->rows[i], &l->rows[i + 1], (--l->count - i) * sizeof(l->rows[0]));
		}
	}
}

static bool item_twice(const struct list *list, const struct xgd_item *item)
{
	const struct xgd_item *i;

	for (i = list->items; i < item; i++)
		if (i->good && i->devid == item->devid)
			return true;
	return false;
}

static void item_read(const struct list *list, struct xgd_item *item, const char *text)
{
	struct xg_err err = XG_ERR_NONE;
	char name[32];
	int rc = xg_disk_item_parse(text, &item->item, &err);

	if (!rc)
		rc = xg_vdev_parse(item->item.spec.vdev, &item->devid, name, &err);
	if (!rc && item_twice(list, item))
		rc = xg_fail(&err, EINVAL, "vdev %s stands there twice", name);
	item->good = !rc;
	snprintf(item->problem, sizeof(item->problem), "%s", err.text);
	if (rc)
		xg_warn("domain %u (%s): 'xengraft = [...]', item %zu is left out: %s", list->domid, list->uuid,
			(size_t)(item - list->items) + 1, err.text);
}

/* What libxl keeps counts more: it is newer than what the domain was made of. */
static int text_find(struct xg_store *store, uint32_t domid, char **ret, size_t *ret_size, struct xg_err *err)
{
	char path[64], name[256];
	int rc = xg_domain_text(domid, ret, ret_size, err);

	if (rc || *ret_size)
		return rc;
	free(xg_take(*ret));
	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	rc = xg_store_read(store, path, name, sizeof(name), err);
	return rc ? rc : xgd_creator_text("/proc", name, ret, ret_size, err);
}

/* Whoever was made by something else than xl has none: that is seen when it was not found some times. */
static void list_read(struct list *list, struct xg_store *store)
{
	char *text xg_auto_free = NULL, **texts xg_auto_free = NULL;
	struct xg_err err = XG_ERR_NONE;
	size_t size = 0, count = 0, i;
	int rc = text_find(store, list->domid, &text, &size, &err);

	if (rc) {
		list->read = ++list->tries == LIST_TRIES;
		if (list->read)
			xg_debug("domain %u (%s) has no list: %s", list->domid, list->uuid, err.text);
		return;
	}
	list->read = true;
	rc = xg_domain_list_parse(text, size, &texts, &count, &err);
	if (rc) {
		xg_warn("domain %u (%s): %s", list->domid, list->uuid, err.text);
		snprintf(list->problem, sizeof(list->problem), "%s", err.text);
		return;
	}
	list->items = count ? calloc(count, sizeof(*list->items)) : NULL;
	list->count = list->items ? count : 0;
	for (i = 0; i < list->count; i++)
		item_read(list, &list->items[i], texts[i]);
	if (count)
		xg_info("domain %u (%s) wants %zu disk%s", list->domid, list->uuid, count, count == 1 ? "" : "s");
}

static int list_unwanted(struct list *list, struct xg_state *state, struct xg_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < list->count; i++)
		rc = xg_state_unwanted(state, list->uuid, list->domid, list->items[i].devid, &list->items[i].unwanted, err);
	return rc;
}

/* ---- Domains ---------------------------------------------------------------------------------------------------- */

struct looking {
	struct xg_store *store;
	struct xg_state *state;
	struct xgd_lists *lists;
	struct xgd_view *view;
};

static int look_domain(struct looking *l, const struct xg_domain *d, struct xg_err *err)
{
	struct xgd_domain *to = &l->view->domains[l->view->domain_count];
	struct list *list;
	int rc;

	*to = (struct xgd_domain){
		.domid = d->domid, .ready = !d->dying && !d->shutdown && !d->paused && d->running_once,
	};
	xg_uuid_text(d->uuid, to->uuid);
	list = list_of(l->lists, d, to->uuid, err);
	if (!list)
		return -ENOMEM;
	list->seen = true;
	if (!list->read && to->ready)
		list_read(list, l->store);
	rc = list_unwanted(list, l->state, err);
	to->items = list->items;
	to->item_count = list->count;
	memcpy(to->problem, list->problem, sizeof(to->problem));
	l->view->domain_count++;
	return rc;
}

static int look_domains(struct looking *l, struct xg_err *err)
{
	struct xg_domain *domains xg_auto_free = NULL;
	size_t count, i;
	int rc = xg_domains(&domains, &count, err);

	if (rc)
		return rc;
	if (count > XGD_DOMAINS_MAX)
		return xg_fail(err, E2BIG, "%zu domains", count);
	l->view->domains = calloc(count ? count : 1, sizeof(*l->view->domains));
	if (!l->view->domains)
		return xg_fail_errno(err, ENOMEM, "%zu domains", count);
	for (i = 0; i < l->lists->count; i++)
		l->lists->rows[i].seen = false;
	/* The dying do not count; what is theirs is swept when they are gone. */
	for (i = 0; !rc && i < count; i++)
		if (!domains[i].dying)
			rc = look_domain(l, &domains[i], err);
	return rc;
}

/* ---- Disks ------------------------------------------------------------------------------------------------------ */

/* Those of guests that are no more have let go, or are about to. */
static size_t drop_gone(const struct xgd_view *v, struct xg_claim *claims, size_t count)
{
	size_t i, kept = 0;

	for (i = 0; i < count; i++)
		if (!claims[i].uuid[0] || xgd_domain_of(v, claims[i].uuid, UINT32_MAX))
			claims[kept++] = claims[i];
	return kept;
}

static void look_disk(struct looking *l, const struct xg_guest_row *guest, const struct xg_device_row *row,
		      const struct xg_claim *claims, size_t claim_count)
{
	struct xgd_disk *to = &l->view->disks[l->view->disk_count++];
	const struct xg_claimant who = { row->uuid, guest->domid, row->devid };
	struct xg_target_id id;

	*to = (struct xgd_disk){ .domid = guest->domid, .devid = row->devid, .live = !strcmp(row->state, "live") };
	memcpy(to->uuid, row->uuid, sizeof(to->uuid));
	memcpy(to->guest, guest->name, sizeof(to->guest));
	memcpy(to->vdev, row->vdev, sizeof(to->vdev));
	memcpy(to->mode, row->mode, sizeof(to->mode));
	memcpy(to->wish, row->wish, sizeof(to->wish));
	to->lives = xg_backend_lives(l->store, to->domid, row);
	if (!xg_target_id(row->target, &id)) {
		to->device = id.device;
		to->others = xg_claims_others(claims, claim_count, &id, &who);
	}
}

static int look_guest(struct looking *l, const struct xg_guest_row *guest, const struct xg_claim *claims,
		      size_t claim_count, struct xg_err *err)
{
	struct xg_device_row *rows xg_auto_free = NULL;
	struct xgd_disk *more;
	size_t count, i;
	int rc = xg_state_device_list(l->state, guest->uuid, &rows, &count, err);

	if (rc || !count)
		return rc;
	more = realloc(l->view->disks, (l->view->disk_count + count) * sizeof(*more));
	if (!more)
		return xg_fail_errno(err, ENOMEM, "%zu disks", count);
	l->view->disks = more;
	for (i = 0; i < count; i++)
		look_disk(l, guest, &rows[i], claims, claim_count);
	return 0;
}

static int look_guests(struct looking *l, struct xg_err *err)
{
	struct xg_guest_row *guests xg_auto_free = NULL;
	struct xg_claim *claims xg_auto_free = NULL;
	size_t count = 0, claim_count = 0, i;
	int rc = xg_state_guest_list(l->state, &guests, &count, err);

	if (!rc && count)
		rc = xg_claims(l->store, l->state, &claims, &claim_count, err);
	if (!rc)
		claim_count = drop_gone(l->view, claims, claim_count);
	for (i = 0; !rc && i < count; i++) {
		if (xgd_domain_of(l->view, guests[i].uuid, guests[i].domid))
			rc = look_guest(l, &guests[i], claims, claim_count, err);
		else if (!guests[i].away)
			l->view->strangers = true;
	}
	return rc;
}

int xgd_look(struct xg_store *store, struct xg_state *state, struct xgd_lists *lists, struct xgd_view *ret,
	     struct xg_err *err)
{
	struct xgd_view view = { .domain_count = 0 };
	struct looking l = { store, state, lists, &view };
	int rc = look_domains(&l, err);

	if (!rc)
		rc = look_guests(&l, err);
	if (rc) {
		xgd_view_fini(&view);
		return rc;
	}
	/* Not before the new view is there: the old one, which counts if this fails, borrows from those that go now. */
	lists_prune(lists);
	*ret = view;
	return 0;
}

void xgd_view_fini(struct xgd_view *v)
{
	free(v->domains);
	free(v->disks);
	*v = (struct xgd_view){ .domain_count = 0 };
}
