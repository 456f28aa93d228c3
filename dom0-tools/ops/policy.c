// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the policy, as far as the line that decides. Called before anything of a guest is touched. A line that is
 * reached and cannot be understood denies.
 */
#include "dom0-tools/ops/policy.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/cleanup.h"

#define POLICY_LINES_MAX 100000u
#define POLICY_LINE_MAX 512

static inline void fclose_p(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* 1: the line fits and allows; -EPERM: fits and denies; 0: does not fit, or is empty; -EINVAL. */
static int policy_line(char *line, const char *name, const char *uuid)
{
	char *save, *verdict, *pattern;

	line[strcspn(line, "#\n")] = '\0';
	verdict = strtok_r(line, " \t\r", &save);
	if (!verdict)
		return 0;
	pattern = strtok_r(NULL, " \t\r", &save);
	if (!pattern || strtok_r(NULL, " \t\r", &save) || (strcmp(verdict, "allow") && strcmp(verdict, "deny")))
		return -EINVAL;
	if (fnmatch(pattern, name, 0) && strcasecmp(pattern, uuid))
		return 0;
	return verdict[0] == 'a' ? 1 : -EPERM;
}

int xg_policy_check(const char *path, const char *name, const char *uuid, struct xg_err *err)
{
	FILE *f xg_auto(fclose_p) = fopen(path, "re");
	char line[POLICY_LINE_MAX];
	unsigned int number;

	if (!f && errno == ENOENT)
		return 0;	/* as installed the file allows all; without it nothing forbids */
	if (!f)
		return xg_fail_errno(err, errno, "policy %s", path);
	for (number = 1; number <= POLICY_LINES_MAX && fgets(line, sizeof(line), f); number++) {
		if (!strchr(line, '\n') && !feof(f))
			return xg_fail(err, EINVAL, "%s:%u: line is longer than %d characters", path, number,
				       POLICY_LINE_MAX - 2);
		switch (policy_line(line, name, uuid)) {
		case 1:
			return 0;
		case -EPERM:
			return xg_fail(err, EPERM, "guest '%s' is denied by %s:%u", name, path, number);
		case -EINVAL:
			return xg_fail(err, EINVAL, "%s:%u: expected 'allow PATTERN' or 'deny PATTERN'", path, number);
		}
	}
	return xg_fail(err, EPERM, "guest '%s' is denied: no line of %s allows it", name, path);
}
