// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Swaps with the 1st, 2nd, ... Nth call to Xen, xenstore, the database or the system failing, and with the process
 * killed there. Afterwards (after a kill: once the next operation has begun) either the old or the new driver serves,
 * nothing of the other is left, and the next swap, detach and withdraw work as if nothing had been.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/array.h"
#include "tests/lib/ops_check.h"
#include "tests/lib/run_suite.h"

static void take_away(void)
{
	must_work(swap, "swap");
	must_be_attached();
	must_work(detach, "detach");
	must_work(rig_withdraw, "withdraw");
	must_be_clean(true);
}

static void from_attached(void)
{
	static unsigned int n;

	fake_host->look_at_all = n++ % 16 == 0;
	rig_reset();
	must_work(attach, "attach");
}

static void from_swapped(void)
{
	from_attached();
	rig_driver_renew("0.2");
	must_work(swap, "swap");
}

static void from_dead(void)
{
	from_attached();
	rig_backend_dies();
	fake_host->stuck = true;
}

/* The host booted, and the guest was restored: the record is all that is left in Dom0. */
static void from_restored(void)
{
	rig.boot = NULL;
	from_attached();
	rig_backend_dies();
	fake_store_forget("/local/domain/0/backend/xengraft-vbd");
	fake_guest_restore(FAKE_DOMID);
	rig.boot = "second";
	fake_host->stuck = true;
}

static int reconnect(struct xg_err *err)
{
	int rc = rig_reconnect(NULL, err);

	return rc < 0 ? rc : 0;
}

/* AGAIN: what is left to be done after the recovery; NULL: nothing. */
static const struct {
	void (*from)(void);
	int (*operation)(struct xg_err *err), (*again)(struct xg_err *err);
	const char *name;
} rows[] = {
	{ from_attached, swap, NULL, "swap" },
	{ from_swapped, rollback, NULL, "rollback" },
	{ from_dead, swap, NULL, "replacement" },
	{ from_restored, reconnect, reconnect, "reconnection" },
};

#define ROWS ((int)XG_ARRAY_SIZE(rows))

/* Which of the two it was is said, and is so. */
static void must_say_which(long half_before)
{
	bool undone = rig_ask("SELECT half FROM device") == half_before;
	const char *which = undone ? "the swap was undone" : "the swap was finished";

	if (strstr(rig.notices, "unfinished at"))
		ck_assert_msg(strstr(rig.notices, which) != NULL, "%s: '%s'", which, rig.notices);
}

/* What could not be undone, or retired, is a matter of the next operation. */
static void must_recover(int row, long half_before)
{
	fake_host->stuck = false;
	must_work(rig_recover, "recovery");
	must_say_which(half_before);
	if (rows[row].again)
		must_work(rows[row].again, rows[row].name);
	must_be_attached();
	take_away();
}

START_TEST(one_driver_serves_after_a_failure)
{
	unsigned int n;
	long half;
	int rc;

	for (n = 1; n < POINTS_MAX; n++) {
		struct xg_err err = XG_ERR_NONE;

		rows[_i].from();
		half = rig_ask("SELECT half FROM device");
		fake_strike(n, false);
		rc = rows[_i].operation(&err);
		fake_host->strike_at = 0;
		ck_assert_msg(rc == 0 || (err.code == -rc && err.text[0]), "%s: %d, but code %d '%s'",
			      fake_host->struck_at, rc, err.code, err.text);
		if (!fake_host->struck)
			break;
		must_recover(_i, half);
	}
	ck_assert_uint_lt(n, POINTS_MAX);
	ck_assert_msg(n > 60, "%u points", n);
}
END_TEST

START_TEST(one_driver_serves_after_a_kill)
{
	unsigned int n;
	long half;

	for (n = 1; n < POINTS_MAX; n++) {
		rows[_i].from();
		half = rig_ask("SELECT half FROM device");
		if (!killed_at(n, rows[_i].operation))
			break;
		must_recover(_i, half);
	}
	ck_assert_uint_lt(n, POINTS_MAX);
	ck_assert_msg(n > 40, "%u points", n);
	fake_host->stuck = false;
	take_away();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("swap, faults");
	TCase *t = tcase_create("swap, faults");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, one_driver_serves_after_a_failure, 0, ROWS);
	tcase_add_loop_test(t, one_driver_serves_after_a_kill, 0, ROWS);
	suite_add_tcase(s, t);
	return run_suite(s);
}
