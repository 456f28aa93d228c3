// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * push and pull, in the program xengraft-repo: are done by another one. The libraries that libcurl brings along, two
 * dozen of them, would make each other command three times as slow to start.
 */
#include <string.h>

#include "driver-repo/cli/cli.h"

static int remote(struct rc *c, struct xg_err *err)
{
	const char *program = secure_getenv("XENGRAFT_REMOTE");

	if (!program || !program[0])
		program = XG_LIBEXECDIR "/xengraft-repo-remote";
	execv(program, c->whole);
	return xg_fail_errno(err, errno, "cannot run %s", program);
}

int rc_push(struct rc *c, struct xg_err *err)
{
	return remote(c, err);
}

int rc_pull(struct rc *c, struct xg_err *err)
{
	return remote(c, err);
}
