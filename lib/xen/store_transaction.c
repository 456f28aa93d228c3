// SPDX-License-Identifier: GPL-2.0-or-later
/* What takes more than one call of xenstore and must be one change. Called by who reads before it writes. */
#include "lib/xen/store.h"

int xg_store_transaction(struct xg_store *s, int (*work)(struct xg_store *s, void *ctx, struct xg_err *err), void *ctx,
			 struct xg_err *err)
{
	int rc = -EAGAIN, tries;

	for (tries = 0; rc == -EAGAIN && tries < XG_STORE_RETRIES; tries++) {
		rc = xg_store_begin(s, err);
		if (rc)
			return rc;
		rc = work(s, ctx, err);
		if (rc) {
			(void)xg_store_end(s, false, NULL);
			return rc;
		}
		rc = xg_store_end(s, true, err);
	}
	return rc;
}

struct update {
	const char *path, *value;
};

static int update(struct xg_store *s, void *ctx, struct xg_err *err)
{
	char was[XG_STORE_VALUE_MAX + 1];
	const struct update *u = ctx;
	int rc = xg_store_read(s, u->path, was, sizeof(was), err);

	return rc ? rc : xg_store_write(s, u->path, u->value, err);
}

int xg_store_update(struct xg_store *s, const char *path, const char *value, struct xg_err *err)
{
	struct update u = { path, value };

	return xg_store_transaction(s, update, &u, err);
}
