// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attach, detach and withdraw with the 1st, 2nd, ... Nth call to Xen, xenstore, the database or the system failing, and
 * with the process killed there. After a failure nothing may be left; after a kill nothing once the next
 * operation has begun. Each time a whole attach, detach and withdraw must then work as if nothing had been.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/ops_check.h"
#include "tests/lib/run_suite.h"

/* From what there is to nothing. */
static void take_away(void)
{
	must_work(detach, "detach");
	must_work(rig_withdraw, "withdraw");
	must_be_clean(true);
}

/* The first stage's bytes may have stayed; then whoever comes next takes them over and puts back what was there. */
static void next_one_works(void)
{
	if (!rig_dirt(false))
		return;
	must_work(attach, "attach");
	must_be_attached();
	take_away();
	must_be_clean(false);
}

static void from_nothing(void)
{
	static unsigned int n;

	fake_host->look_at_all = n++ % 16 == 0;
	rig_reset();
}

static void from_attached(void)
{
	from_nothing();
	must_work(attach, "attach");
	must_be_attached();
}

static void from_detached(void)
{
	from_attached();
	must_work(detach, "detach");
}

/* ---- failures ------------------------------------------------------------------------------------------ */

/* Runs OPERATION with its Nth call failing; false when it has no such call. */
static bool fails_at(unsigned int n, int (*operation)(struct xg_err *err), int *ret_rc)
{
	struct xg_err err = XG_ERR_NONE;

	fake_strike(n, false);
	*ret_rc = operation(&err);
	fake_host->strike_at = 0;
	ck_assert_msg(*ret_rc == 0 || (err.code == -*ret_rc && err.text[0]), "%s: %d, but code %d '%s'",
		      fake_host->struck_at, *ret_rc, err.code, err.text);
	ck_assert(fake_host->struck || !*ret_rc);
	return fake_host->struck;
}

START_TEST(attach_that_fails_leaves_nothing)
{
	unsigned int n;
	int rc;

	for (n = 1; n < POINTS_MAX; n++) {
		from_nothing();
		if (!fails_at(n, attach, &rc))
			break;
		if (rc == 0) {
			/* The journal's last row may be what failed: a matter of the next operation. */
			must_work(rig_recover, "recovery");
			must_be_attached();
			take_away();
		}
		must_be_clean(true);
		next_one_works();
	}
	ck_assert_uint_lt(n, POINTS_MAX);
	ck_assert_uint_gt(n, 120);
}
END_TEST

START_TEST(attach_without_memory_leaves_nothing)
{
	struct xg_err err;
	unsigned int n;
	int rc, hit;

	for (n = 1; n < POINTS_MAX; n++) {
		from_nothing();
		fault_arm(n);
		rc = attach(&err);
		hit = fault_disarm();
		snprintf(fake_host->struck_at, sizeof(fake_host->struck_at), "allocation %u failed", n);
		ck_assert_msg(hit || !rc, "%s: %d, %s", fake_host->struck_at, rc, err.text);
		if (rc == 0) {
			must_be_attached();
			take_away();
		}
		if (!hit)
			break;
		must_be_clean(true);
		next_one_works();
	}
	ck_assert_uint_lt(n, POINTS_MAX);
	ck_assert_uint_gt(n, 30);
}
END_TEST

/* One that fails may have done all or nothing or something: done again it does the rest. */
START_TEST(what_fails_can_be_done_again)
{
	static const struct {
		void (*from)(void);
		int (*operation)(struct xg_err *err);
		const char *name;
		int done_already;	/* what it says then */
	} rows[] = {
		{ from_attached, detach, "detach", -ENOENT },
		{ from_attached, detach_by_force, "detach by force", -ENOENT },
		{ from_detached, rig_withdraw, "withdraw", 0 },
	};
	unsigned int n;
	int rc;

	for (n = 1; n < POINTS_MAX; n++) {
		struct xg_err err = XG_ERR_NONE;

		rows[_i].from();
		if (!fails_at(n, rows[_i].operation, &rc))
			break;
		rc = rows[_i].operation(&err);
		ck_assert_msg(!rc || rc == rows[_i].done_already, "%s once more after %s: %d, %s", rows[_i].name,
			      fake_host->struck_at, rc, err.text);
		must_work(rig_withdraw, "withdraw");
		must_be_clean(true);
		next_one_works();
	}
	ck_assert_uint_lt(n, POINTS_MAX);
	ck_assert_uint_gt(n, 15);
}
END_TEST

/* ---- kill -9 ------------------------------------------------------------------------------------------- */

/* Either it had come far enough, and the disk is there as it should be, or nothing is. */
static void all_or_nothing(void)
{
	if (rig_ask("SELECT count(*) FROM device")) {
		must_be_attached();
		take_away();
	} else {
		must_work(rig_withdraw, "withdraw");
	}
	must_be_clean(true);
}

START_TEST(killed_anywhere_the_next_one_cleans_up)
{
	static const struct {
		void (*from)(void);
		int (*operation)(struct xg_err *err);
		unsigned int points;
	} rows[] = {
		{ from_nothing, attach, 80 },
		{ from_attached, detach, 10 },
		{ from_attached, detach_by_force, 10 },
		{ from_detached, rig_withdraw, 5 },
	};
	unsigned int n;

	for (n = 1; n < POINTS_MAX; n++) {
		rows[_i].from();
		if (!killed_at(n, rows[_i].operation))
			break;
		must_work(rig_recover, "recovery");
		all_or_nothing();
		next_one_works();
	}
	ck_assert_uint_lt(n, POINTS_MAX);
	ck_assert_msg(n > rows[_i].points, "%u points", n);
	/* The last run was not killed; its backend still runs. */
	must_work(rig_recover, "recovery");
	all_or_nothing();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("attach, faults");
	TCase *t = tcase_create("attach, faults");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, attach_that_fails_leaves_nothing);
	tcase_add_test(t, attach_without_memory_leaves_nothing);
	tcase_add_loop_test(t, what_fails_can_be_done_again, 0, 3);
	tcase_add_loop_test(t, killed_anywhere_the_next_one_cleans_up, 0, 4);
	suite_add_tcase(s, t);
	return run_suite(s);
}
