// SPDX-License-Identifier: GPL-2.0-or-later
/* push and pull, in the program xengraft-repo-remote: see exec.c. */
#include <stdio.h>

#include "driver-repo/cli/cli.h"
#include "driver-repo/remote/registry.h"

/* The address, when the first operand is one, and the mirrors of repo.conf. *ret_skip: operands that it took. */
static int registries_open(struct rc *c, struct xg_repo *r, struct xg_place *ret, int *ret_skip, struct xg_err *err)
{
	const struct xg_repo_conf *conf = xg_repo_policy(r);
	const char *addresses[XG_MIRRORS_MAX + 1];
	unsigned int i, count = 0;
	char partial[600];

	*ret_skip = c->argc && xg_registry_is_address(c->argv[0]);
	if (*ret_skip)
		addresses[count++] = c->argv[0];
	for (i = 0; i < conf->mirror_count; i++)
		addresses[count++] = conf->mirrors[i];
	if (!count)
		return xg_fail(err, EINVAL, "which registry? HOST/REPOSITORY, or 'mirror HOST/REPOSITORY' in "
			       "%s/repo.conf", c->paths.confdir);
	snprintf(partial, sizeof(partial), "%s/tmp", c->paths.dir);
	return xg_registry_open(addresses, count, partial, ret, err);
}

static int share(struct rc *c, rc_share_fn how, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct xg_place p = { .ctx = NULL };
	int skip, rc = xg_repo_open(&c->paths, &r, err);

	if (!rc)
		rc = registries_open(c, r, &p, &skip, err);
	if (!rc)
		rc = how(c, r, &p, c->argv + skip, c->argc - skip, err);
	xg_registry_close(&p);
	return rc;
}

int rc_push(struct rc *c, struct xg_err *err)
{
	return share(c, rc_send_to, err);
}

int rc_pull(struct rc *c, struct xg_err *err)
{
	return share(c, rc_receive_from, err);
}
