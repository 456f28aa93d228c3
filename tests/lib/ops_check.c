// SPDX-License-Identifier: GPL-2.0-or-later
/* See ops_check.h. */
#include "tests/lib/ops_check.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int attach(struct xg_err *err)
{
	return rig_attach(NULL, err);
}

int detach(struct xg_err *err)
{
	return rig_detach(false, err);
}

int detach_by_force(struct xg_err *err)
{
	return rig_detach(true, err);
}

int swap(struct xg_err *err)
{
	return rig_swap(false, NULL, err);
}

int swap_by_force(struct xg_err *err)
{
	return rig_swap(true, NULL, err);
}

int rollback(struct xg_err *err)
{
	return rig_rollback(NULL, err);
}

void attached(void)
{
	const char *why = rig_not_attached();

	ck_assert_msg(!why, "%s", why);
}

void clean(bool cave_may_stay)
{
	const char *why = rig_dirt(cave_may_stay);

	ck_assert_msg(!why, "%s", why);
}

const char *node(const char *path)
{
	const char *value = fake_store_get(path);

	ck_assert_msg(value != NULL, "%s is not there", path);
	return value;
}

long half(void)
{
	return rig_ask("SELECT half FROM device");
}

/* ---- where a call was struck ------------------------------------------------------------------------------------- */

void must_work(int (*operation)(struct xg_err *err), const char *name)
{
	struct xg_err err = XG_ERR_NONE;
	int rc = operation(&err);

	ck_assert_msg(!rc, "%s after %s: %d, %s", name, fake_host->struck_at, rc, err.text);
}

void must_be_attached(void)
{
	const char *why = rig_not_attached();

	ck_assert_msg(!why, "after %s: %s", fake_host->struck_at, why);
}

void must_be_clean(bool cave_may_stay)
{
	const char *why = rig_dirt(cave_may_stay);

	ck_assert_msg(!why, "after %s: %s", fake_host->struck_at, why);
}

bool killed_at(unsigned int n, int (*operation)(struct xg_err *err))
{
	struct xg_err err = XG_ERR_NONE;
	int status;
	pid_t pid;

	fflush(NULL);
	fake_strike(0, false);
	pid = fork();
	if (pid == 0) {
		fake_strike(n, true);
		if (!operation(&err))
			_exit(0);
		fprintf(stderr, "not killed at point %u, but failed: %s\n", n, err.text);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	fake_host->strike_at = 0;
	if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		ck_assert_msg(status == 0, "not killed, but: %d", status);
	return fake_host->struck;
}
