// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dom0-tools/ops and hotswap together, on a fake host: what an attach leaves and what a detach takes away; how each
 * lie of a guest is called; what a backend can do wrong; two at once.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/ops_rig.h"

static void setup(void)
{
	rig_setup();
}

#define CLEAN(cave_may_stay) do {						\
		const char *why_ = rig_dirt(cave_may_stay);			\
		ck_assert_msg(!why_, "%s", why_);				\
	} while (0)
#define ATTACHED() do {								\
		const char *why_ = rig_not_attached();				\
		ck_assert_msg(!why_, "%s", why_);				\
	} while (0)
#define OK(call) do {								\
		struct xg_err err_ = XG_ERR_NONE;				\
		int rc_ = (call)(&err_);					\
		ck_assert_msg(!rc_, #call ": %d, %s", rc_, err_.text);		\
	} while (0)

static int attach(struct xg_err *err)
{
	return rig_attach(NULL, err);
}

static int detach(struct xg_err *err)
{
	return rig_detach(false, err);
}


/* ---- as it should be ------------------------------------------------------------------------------------------------ */

START_TEST(disk_comes_and_goes_without_a_trace)
{
	struct xg_attached a;
	struct xg_err err = XG_ERR_NONE;

	ck_assert_msg(!rig_attach(&a, &err), "%s", err.text);
	ATTACHED();
	ck_assert(a.first);
	ck_assert_uint_eq(a.params.sectors, 2048);
	ck_assert_uint_eq(a.params.nr_queues, 1);	/* one vCPU */
	ck_assert_uint_eq(a.device.devid, RIG_DEVID);
	ck_assert_str_eq(a.device.vdev, "xvdb");
	ck_assert_str_eq(a.guest.os.release, FAKE_RELEASE);
	OK(detach);
	OK(rig_withdraw);
	CLEAN(false);
}
END_TEST

START_TEST(second_disk_uses_the_personality_that_is_there)
{
	struct xg_attached a;

	OK(attach);
	strcpy(rig.spec.vdev, "xvdc");
	ck_assert_int_eq(rig_attach(&a, NULL), 0);
	ck_assert(!a.first);
	ck_assert_uint_eq(fake_windows_used(), 3);
	OK(detach);
	strcpy(rig.spec.vdev, "xvdb");
	ATTACHED();
	OK(detach);
	OK(rig_withdraw);
	CLEAN(false);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("attach");
	TCase *t = tcase_create("attach");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, disk_comes_and_goes_without_a_trace);
	tcase_add_test(t, second_disk_uses_the_personality_that_is_there);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
