// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who has which target. Called by attach before and after it has put itself on record, by a swap that gives a disk
 * without a backend another, and by the daemon.
 */
#include "dom0-tools/ops/claims.h"

#include <linux/major.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/base/array.h"

/* The file behind a loop device: two names of the same bytes. */
static bool loop_file(dev_t dev, struct stat *ret)
{
	char path[64], name[1024];
	FILE *f;

	if (major(dev) != LOOP_MAJOR)
		return false;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop/backing_file", major(dev), minor(dev));
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	name[strcspn(name, "\n")] = '\0';
	return name[0] == '/' && !stat(name, ret) && S_ISREG(ret->st_mode);
}

static struct xg_target_id device_id(dev_t dev)
{
	struct stat st;

	if (loop_file(dev, &st))
		return (struct xg_target_id){ .dev = st.st_dev, .ino = st.st_ino, .device = true };
	return (struct xg_target_id){ .dev = dev, .device = true };
}

int xg_target_id(const char *target, struct xg_target_id *ret)
{
	struct stat st;

	if (stat(target, &st))
		return -errno;
	*ret = S_ISBLK(st.st_mode) ? device_id(st.st_rdev) :
		(struct xg_target_id){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

bool xg_target_same(const struct xg_target_id *a, const struct xg_target_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* ---- Collecting ------------------------------------------------------------------------------------------------- */

struct claims {
	struct xg_claim *rows;
	size_t count, room;
};

static int claims_add(struct claims *c, const struct xg_claim *claim, struct xg_err *err)
{
	struct xg_claim *more;

	if (c->count == XG_CLAIMS_MAX)
		return xg_fail(err, E2BIG, "more than %u disks", XG_CLAIMS_MAX);
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 16;
		more = realloc(c->rows, c->room * sizeof(*more));
		if (!more)
			return xg_fail_errno(err, ENOMEM, "%zu disks", c->room);
		c->rows = more;
	}
	c->rows[c->count++] = *claim;
	return 0;
}

static bool is_away(const struct xg_guest_row *guests, size_t count, const char *uuid)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(guests[i].uuid, uuid))
			return guests[i].away != 0;
	return false;
}

/* A guest that is away has let go, for it may never come back: one that does asks again when it is reconnected. */
static int claims_ours(struct claims *c, struct xg_state *state, struct xg_err *err)
{
	struct xg_device_row *rows xg_auto_free = NULL;
	struct xg_guest_row *guests xg_auto_free = NULL;
	size_t count = 0, guest_count = 0, i;
	int rc = xg_state_device_list(state, NULL, &rows, &count, err);

	if (!rc)
		rc = xg_state_guest_list(state, &guests, &guest_count, err);
	for (i = 0; !rc && i < count; i++) {
		struct xg_claim claim = {
			.devid = rows[i].devid, .writes = !rows[i].read_only, .shared = rows[i].shared,
		};

		memcpy(claim.uuid, rows[i].uuid, sizeof(claim.uuid));
		if (!is_away(guests, guest_count, claim.uuid) && !xg_target_id(rows[i].target, &claim.id))
			rc = claims_add(c, &claim, err);
	}
	return rc;
}

/* "aio:/path" of a qdisk, "/path" of a block device. */
static const char *params_path(const char *params)
{
	const char *slash = strchr(params, '/');

	return slash ? slash : params;
}

static bool is_number(const char *name)
{
	return *name && !name[strspn(name, "0123456789")];
}

/* One disk of xl's: Dom0 wrote these nodes. */
static int claims_xl_disk(struct claims *c, struct xg_store *store, const char *dir, uint32_t domid, uint32_t devid,
			  struct xg_err *err)
{
	struct xg_claim claim = { .domid = domid, .devid = devid };
	char path[XG_STORE_PATH_MAX + 32], value[1100];
	unsigned int major_no, minor_no;
	bool known = false;

	snprintf(path, sizeof(path), "%s/physical-device", dir);
	if (!xg_store_read(store, path, value, sizeof(value), NULL) &&
	    sscanf(value, "%x:%x", &major_no, &minor_no) == 2) {
		claim.id = device_id(makedev(major_no, minor_no));
		known = true;
	}
	snprintf(path, sizeof(path), "%s/params", dir);
	if (!known && !xg_store_read(store, path, value, sizeof(value), NULL))
		known = !xg_target_id(params_path(value), &claim.id);
	snprintf(path, sizeof(path), "%s/mode", dir);
	claim.writes = xg_store_read(store, path, value, sizeof(value), NULL) || value[0] != 'r';
	return known ? claims_add(c, &claim, err) : 0;
}

/* Calls EACH for the children of DIR that are numbers; none there is fine. */
static int each_number(struct claims *c, struct xg_store *store, const char *dir, uint32_t domid,
		       int (*each)(struct claims *, struct xg_store *, const char *, uint32_t, uint32_t,
				   struct xg_err *),
		       struct xg_err *err)
{
	char **names xg_auto_free = NULL, path[XG_STORE_PATH_MAX];
	struct xg_err why;
	size_t count = 0, i;
	int rc = xg_store_list(store, dir, &names, &count, &why);

	if (rc)
		return rc == -ENOENT ? 0 : xg_fail(err, -rc, "%s", why.text);
	for (i = 0; !rc && i < count; i++) {
		/* Ours there have a letter: backend_blkback.c. */
		if (!is_number(names[i]) ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", dir, names[i]) >= sizeof(path))
			continue;
		rc = each(c, store, path, domid, strtoul(names[i], NULL, 10), err);
	}
	return rc;
}

static int claims_xl_domain(struct claims *c, struct xg_store *store, const char *dir, uint32_t none, uint32_t domid,
			    struct xg_err *err)
{
	(void)none;
	return each_number(c, store, dir, domid, claims_xl_disk, err);
}

int xg_claims(struct xg_store *store, struct xg_state *state, struct xg_claim **ret, size_t *ret_count,
	      struct xg_err *err)
{
	static const char *const kinds[] = { "/local/domain/0/backend/vbd", "/local/domain/0/backend/qdisk" };
	struct claims c = { .rows = NULL };
	size_t i;
	int rc = claims_ours(&c, state, err);

	for (i = 0; !rc && i < XG_ARRAY_SIZE(kinds); i++)
		rc = each_number(&c, store, kinds[i], 0, claims_xl_domain, err);
	if (rc) {
		free(c.rows);
		return rc;
	}
	*ret = c.rows;
	*ret_count = c.count;
	return 0;
}

/* ---- Judging ---------------------------------------------------------------------------------------------------- */

static bool is_own(const struct xg_claim *c, const struct xg_claimant *who)
{
	return c->devid == who->devid && (c->uuid[0] ? !strcmp(c->uuid, who->uuid) : c->domid == who->domid);
}

static bool is_other(const struct xg_claim *c, const struct xg_target_id *id, const struct xg_claimant *who)
{
	return xg_target_same(&c->id, id) && !is_own(c, who);
}

size_t xg_claims_others(const struct xg_claim *claims, size_t count, const struct xg_target_id *id,
			const struct xg_claimant *who)
{
	size_t i, others = 0;

	for (i = 0; i < count; i++)
		others += is_other(&claims[i], id, who);
	return others;
}

/* The disk by the names that people know it by. */
static int claim_refuse(struct xg_ops *ops, const struct xg_claim *c, const char *target, struct xg_err *err)
{
	struct xg_device_row row;
	struct xg_guest_row guest;

	if (xg_state_guest_get(ops->state, c->uuid, &guest, NULL) ||
	    xg_state_device_get(ops->state, c->uuid, c->devid, &row, NULL))
		return xg_fail(err, EBUSY, "target %s is in use by a disk of guest %s, and not both are --shared", target,
			       c->uuid);
	return xg_fail(err, EBUSY, "target %s is in use by %s of guest '%s', and not both are --shared", target, row.vdev,
		       guest.name);
}

static int claim_fits(struct xg_ops *ops, const struct xg_claim *c, const struct xg_device_row *row, struct xg_err *err)
{
	if (!c->writes && row->read_only)
		return 0;
	if (row->shared && (c->shared || !c->uuid[0]))
		return 0;
	if (!c->uuid[0])
		return xg_fail(err, EBUSY,
			       "target %s is in use by a disk of xl's in domain %u (--shared, if both may have it)",
			       row->target, c->domid);
	return claim_refuse(ops, c, row->target, err);
}

int xg_claims_check(struct xg_ops *ops, uint32_t domid, const struct xg_device_row *row, struct xg_err *err)
{
	const struct xg_claimant who = { row->uuid, domid, row->devid };
	struct xg_claim *claims xg_auto_free = NULL;
	struct xg_target_id id;
	size_t count, i;
	int rc;

	if (xg_target_id(row->target, &id))
		return 0;	/* whoever opens it has the better words */
	rc = xg_claims(ops->store, ops->state, &claims, &count, err);
	for (i = 0; !rc && i < count; i++)
		if (is_other(&claims[i], &id, &who))
			rc = claim_fits(ops, &claims[i], row, err);
	return rc;
}
