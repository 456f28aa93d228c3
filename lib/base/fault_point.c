// SPDX-License-Identifier: GPL-2.0-or-later
/* Dies or fails where a test said so. Called between the steps of an operation and inside those with a gap. */
#include "lib/base/fault_point.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ACTION:POINT */
static int met(const char *fault, size_t len, const char *point, struct xg_err *err)
{
	if (len < 5 || strlen(point) != len - 5 || strncmp(fault + 5, point, len - 5))
		return 0;
	if (!strncmp(fault, "kill:", 5))
		kill(getpid(), SIGKILL);
	if (!strncmp(fault, "stop:", 5))
		kill(getpid(), SIGSTOP);
	if (!strncmp(fault, "fail:", 5))
		return xg_fail(err, EIO, "the fault point '%s' failed as a test wanted", point);
	return 0;
}

int xg_fault_point(const char *point, struct xg_err *err)
{
	const char *fault = secure_getenv("XENGRAFT_FAULT");
	int rc = 0;

	while (fault && *fault && !rc) {
		const size_t len = strcspn(fault, ",");

		rc = met(fault, len, point, err);
		fault += len + (fault[len] == ',');
	}
	return rc;
}
