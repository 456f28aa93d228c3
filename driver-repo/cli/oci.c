// SPDX-License-Identifier: GPL-2.0-or-later
/* export and import; and what push and pull have in common with them. */
#include <stdio.h>
#include <string.h>

#include "driver-repo/cli/cli.h"
#include "driver-repo/transfer.h"
#include "lib/base/log.h"

struct digests {
	char (*list)[XG_DIGEST_HEX];
	size_t count;
};

static int digest_add(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct digests *d = ctx;
	char (*more)[XG_DIGEST_HEX] = realloc(d->list, (d->count + 1) * sizeof(*more));

	if (!more)
		return xg_fail_errno(err, ENOMEM, "images");
	d->list = more;
	memcpy(more[d->count++], e->digest, sizeof(*more));
	return 0;
}

/* The images that are named, or all. */
static int digests_of(struct rc *c, struct xg_repo *r, char **names, int count, struct digests *ret, struct xg_err *err)
{
	struct xg_entry e;
	int i, rc = 0;

	if (c->o.all && count)
		return xg_fail(err, EINVAL, "--all, or images by name: not both");
	if (!c->o.all && !count)
		return xg_fail(err, EINVAL, "which images? --all for all of them");
	if (c->o.all)
		return xg_repo_list(r, digest_add, ret, err);
	for (i = 0; !rc && i < count; i++) {
		rc = xg_repo_find(r, names[i], &e, err);
		if (!rc)
			rc = digest_add(ret, &e, err);
	}
	return rc;
}

static void tell_line(void *ctx, const char *name, const char *digest, const char *what, bool left_out)
{
	(void)ctx;
	if (left_out)
		xg_warn("%s (%.12s) %s: it is left out", name, digest, what);
	else
		printf("%.12s  %s, %s\n", digest, name, what);
}

static void tell_json(void *ctx, const char *name, const char *digest, const char *what, bool left_out)
{
	json_array_append_new(ctx, json_pack("{s:s, s:s, s:s, s:b}", "name", name, "sha256", digest, "what", what,
					     "left_out", left_out));
}

static struct xg_transfer transfer_of(struct rc *c, json_t **array)
{
	*array = c->o.json ? json_array() : NULL;
	return (struct xg_transfer){ .tell = *array ? tell_json : tell_line, .ctx = *array };
}

/* Status 1 when something was left out: it is not all there. */
static int transfer_end(struct xg_transfer *t, json_t *array, int rc, struct xg_err *err)
{
	rc = rc_print_gathered(array, rc, err);
	return rc ? rc : t->left_out ? RC_FAILED : RC_OK;
}

int rc_send_to(struct rc *c, struct xg_repo *r, const struct xg_place *p, char **names, int count, struct xg_err *err)
{
	struct digests d = { .count = 0 };
	struct xg_transfer t;
	json_t *array;
	int rc = digests_of(c, r, names, count, &d, err);

	t = transfer_of(c, &array);
	if (!rc)
		rc = xg_transfer_send(r, p, (const char (*)[XG_DIGEST_HEX])d.list, d.count, &t, err);
	free(d.list);
	return transfer_end(&t, array, rc, err);
}

int rc_receive_from(struct rc *c, struct xg_repo *r, const struct xg_place *p, char **names, int count,
		    struct xg_err *err)
{
	struct xg_transfer t;
	json_t *array;

	t = transfer_of(c, &array);
	return transfer_end(&t, array, xg_transfer_receive(r, p, names, count, c->o.all, &t, err), err);
}

/* ---- A folder ----------------------------------------------------------------------------------------------- */

static int share(struct rc *c, bool make, rc_share_fn how, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct xg_place p = { .ctx = NULL };
	int rc = xg_repo_open(&c->paths, &r, err);

	if (!rc)
		rc = xg_layout_open(c->argv[0], make, &p, err);
	if (!rc)
		rc = how(c, r, &p, c->argv + 1, c->argc - 1, err);
	xg_layout_close(&p);
	return rc;
}

int rc_export(struct rc *c, struct xg_err *err)
{
	return share(c, true, rc_send_to, err);
}

int rc_import(struct rc *c, struct xg_err *err)
{
	return share(c, false, rc_receive_from, err);
}
