// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may have a target beside whom (dom0-tools/ops/claims.c), whose a disk's mode is, and what was detached by hand:
 * on a fake host.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/ops/claims.h"
#include "lib/base/array.h"
#include "tests/lib/ops_rig.h"
#include "tests/lib/run_suite.h"

#define BACK "/local/domain/0/backend/xengraft-vbd/7/"
#define XL "/local/domain/0/backend/vbd/3/51712/"

static struct xg_err err;

static int attach_as(const char *vdev, bool shared, bool read_only)
{
	snprintf(rig.spec.vdev, sizeof(rig.spec.vdev), "%s", vdev);
	rig.spec.shared = shared;
	rig.spec.read_only = read_only;
	err = (struct xg_err)XG_ERR_NONE;
	return rig_attach(NULL, &err);
}

static void xl_disk(const char *params, const char *mode)
{
	fake_store_set(XL "params", params);
	fake_store_set(XL "mode", mode);
}

/* ---- Targets ---------------------------------------------------------------------------------------------------- */

static const struct {
	bool first_shared, first_ro, second_shared, second_ro;
	int rc;
} pairs[] = {
	{ false, false, false, false, -EBUSY },
	{ true, false, false, false, -EBUSY },
	{ false, false, true, false, -EBUSY },
	{ false, true, false, false, -EBUSY },
	{ false, false, false, true, -EBUSY },
	{ false, true, false, true, 0 },
	{ true, false, true, false, 0 },
	{ true, false, true, true, 0 },
};

START_TEST(two_disks_on_one_target)
{
	ck_assert_int_eq(attach_as("xvdb", pairs[_i].first_shared, pairs[_i].first_ro), 0);
	ck_assert_int_eq(attach_as("xvdc", pairs[_i].second_shared, pairs[_i].second_ro), pairs[_i].rc);
	if (pairs[_i].rc)
		ck_assert_ptr_nonnull(strstr(err.text, "is in use by xvdb of guest 'fake', and not both are --shared"));
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), pairs[_i].rc ? 1 : 2);
	ck_assert_int_eq(rig_ask("SELECT sum(shared) FROM device"),
			 pairs[_i].first_shared + (!pairs[_i].rc && pairs[_i].second_shared));
}
END_TEST

START_TEST(target_is_known_by_any_name)
{
	char name[sizeof(rig.spec.target)];

	ck_assert_int_eq(attach_as("xvdb", false, false), 0);
	snprintf(name, sizeof(name), "%s/other-name", rig.dir);
	ck_assert_int_eq(symlink(rig.spec.target, name), 0);
	memcpy(rig.spec.target, name, sizeof(name));
	ck_assert_int_eq(attach_as("xvdc", false, false), -EBUSY);
	unlink(name);
	ck_assert_int_eq(link(strcat(strcpy(name, rig.dir), "/disk.img"), rig.spec.target), 0);
	ck_assert_int_eq(attach_as("xvdc", false, false), -EBUSY);
	unlink(rig.spec.target);
}
END_TEST

START_TEST(disks_of_xls_count)
{
	char params[sizeof(rig.spec.target) + 8];

	snprintf(params, sizeof(params), "%s", rig.spec.target);
	xl_disk(params, "w");
	ck_assert_int_eq(attach_as("xvdb", false, false), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.text, "a disk of xl's in domain 3"));
	ck_assert_int_eq(attach_as("xvdb", false, true), -EBUSY);
	/* A file that QEMU serves. */
	snprintf(params, sizeof(params), "aio:%s", rig.spec.target);
	xl_disk(params, "w");
	ck_assert_int_eq(attach_as("xvdb", false, false), -EBUSY);
	xl_disk(params, "r");
	ck_assert_int_eq(attach_as("xvdb", false, false), -EBUSY);
	ck_assert_int_eq(attach_as("xvdb", false, true), 0);
	xl_disk(params, "w");
	ck_assert_int_eq(attach_as("xvdc", true, false), -EBUSY);	/* the first of ours is not shared */
	ck_assert_int_eq(rig_detach(false, &err), -ENOENT);
	strcpy(rig.spec.vdev, "xvdb");
	ck_assert_int_eq(rig_detach(false, &err), 0);
	ck_assert_int_eq(attach_as("xvdc", true, false), 0);
}
END_TEST

/* What of xl's area cannot be understood is nobody's claim, and nothing is read past. */
START_TEST(disks_of_xls_that_say_nothing)
{
	xl_disk("", "w");
	fake_store_set(XL "physical-device", "zz");
	fake_store_set("/local/domain/0/backend/vbd/x/51712/params", rig.spec.target);
	fake_store_set("/local/domain/0/backend/vbd/3/aca10/params", rig.spec.target);	/* ours are not xl's */
	ck_assert_int_eq(attach_as("xvdb", false, false), 0);
}
END_TEST

/* A disk that came by xl's own way is on xl's list as well: that is no other. */
START_TEST(disk_that_xl_knows_too)
{
	fake_store_set("/local/domain/0/backend/vbd/7/51728/params", rig.spec.target);
	ck_assert_int_eq(attach_as("xvdc", false, false), -EBUSY);
	ck_assert_int_eq(attach_as("xvdb", false, false), 0);
}
END_TEST

/* A byte of its own to lock, on either side of a swap; the claim of all of it never comes. */
START_TEST(shared_backends_lock_a_byte)
{
	char first[32], second[32];

	ck_assert_int_eq(attach_as("xvdb", true, false), 0);
	ck_assert_int_eq(attach_as("xvdc", true, false), 0);
	snprintf(first, sizeof(first), "%s", fake_store_get(BACK "51728/lock-at"));
	snprintf(second, sizeof(second), "%s", fake_store_get(BACK "51744/lock-at"));
	ck_assert_str_ne(first, second);
	/* Behind any file's end, and within what a lock can say. */
	ck_assert_uint_ge(strtoull(first, NULL, 10), UINT64_C(1) << 62);
	ck_assert_uint_lt(strtoull(first, NULL, 10), UINT64_C(1) << 63);
	strcpy(rig.spec.vdev, "xvdb");
	rig_driver_renew("0.2.0");
	ck_assert_int_eq(rig_swap(false, NULL, &err), 0);
	ck_assert_str_eq(fake_store_get("/local/domain/0/backend/xengraft-vbd-b/7/51728/lock-at"), first);
	ck_assert_int_eq(rig_ask("SELECT shared FROM device WHERE devid = 51728"), 1);
}
END_TEST

START_TEST(not_shared_has_no_byte)
{
	ck_assert_int_eq(attach_as("xvdb", false, false), 0);
	ck_assert_ptr_null(fake_store_get(BACK "51728/lock-at"));
}
END_TEST

/* ---- Wishes ----------------------------------------------------------------------------------------------------- */

static int swap_as(bool pin, bool policy)
{
	struct xg_swap_wish wish = { .driver = "virtual", .reason = "swap", .pin = pin, .policy = policy };
	struct xg_swapped done;
	struct xg_ops ops;
	int rc;

	err = (struct xg_err)XG_ERR_NONE;
	rc = rig_open(&ops, &err);
	if (!rc) {
		rc = xg_disk_swap(&ops, FAKE_GUEST, "xvdb", &wish, &done, &err);
		xg_ops_close(&ops);
	}
	return rc;
}

static int wish_as(const char *wish)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, &err);

	if (!rc) {
		rc = xg_disk_wish(&ops, FAKE_GUEST, "xvdb", wish, &err);
		xg_ops_close(&ops);
	}
	return rc;
}

static bool wished(const char *wish)
{
	char sql[96];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM device WHERE wish = '%s'", wish);
	return rig_ask(sql) == 1;
}

START_TEST(who_swaps_by_hand_pins)
{
	ck_assert_int_eq(attach_as("xvdb", false, false), 0);
	ck_assert(wished(""));
	ck_assert_int_eq(swap_as(false, true), -ECANCELED);
	ck_assert_int_eq(swap_as(false, false), 0);
	ck_assert(wished(""));
	ck_assert_int_eq(wish_as("auto"), 0);
	ck_assert(wished("auto"));
	ck_assert_int_eq(swap_as(false, true), -EALREADY);
	ck_assert_int_eq(swap_as(false, false), 0);
	ck_assert(wished("auto"));
	ck_assert_int_eq(swap_as(true, false), 0);
	ck_assert(wished("virtual"));
	ck_assert_int_eq(swap_as(false, true), -ECANCELED);
	ck_assert_ptr_nonnull(strstr(err.text, "is not the policy's any more"));
}
END_TEST

START_TEST(wish_of_an_attach_and_of_none)
{
	ck_assert_int_eq(wish_as("auto"), -ENOENT);
	strcpy(rig.spec.mode, "auto");
	ck_assert_int_eq(attach_as("xvdb", false, false), 0);
	ck_assert(wished("auto"));
}
END_TEST

/* ---- By hand ---------------------------------------------------------------------------------------------------- */

START_TEST(detached_by_hand_stays_so)
{
	ck_assert_int_eq(attach_as("xvdb", false, false), 0);
	ck_assert_int_eq(rig_detach(false, &err), 0);
	ck_assert_int_eq(rig_withdraw(&err), 0);
	rig.spec.listed = true;
	ck_assert_int_eq(attach_as("xvdb", false, false), -ECANCELED);
	ck_assert_ptr_nonnull(strstr(err.text, "was detached by hand"));
	ck_assert_int_eq(attach_as("xvdc", false, false), 0);
	strcpy(rig.spec.vdev, "xvdc");
	ck_assert_int_eq(rig_detach(false, &err), 0);
	rig.spec.listed = false;
	ck_assert_int_eq(attach_as("xvdb", false, false), 0);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM unwanted"), 1);
}
END_TEST

START_TEST(another_guest_of_that_name_is_refused)
{
	struct xg_session *s = NULL;
	struct xg_ops ops;

	ck_assert_int_eq(rig_open(&ops, &err), 0);
	ops.uuid = "00000000-0000-0000-0000-00000000000a";
	ck_assert_int_eq(xg_session_open(&ops, FAKE_GUEST, &s, &err), -ESRCH);
	ck_assert_ptr_null(s);
	ops.uuid = "01020300-0000-0000-0000-000000000000";
	ck_assert_int_eq(xg_session_open(&ops, FAKE_GUEST, &s, &err), 0);
	xg_session_close(s);
	xg_ops_close(&ops);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sharing");
	TCase *t = tcase_create("sharing");

	tcase_add_unchecked_fixture(t, rig_setup, rig_teardown);
	tcase_add_checked_fixture(t, rig_reset, NULL);
	tcase_add_loop_test(t, two_disks_on_one_target, 0, XG_ARRAY_SIZE(pairs));
	tcase_add_test(t, target_is_known_by_any_name);
	tcase_add_test(t, disks_of_xls_count);
	tcase_add_test(t, disks_of_xls_that_say_nothing);
	tcase_add_test(t, disk_that_xl_knows_too);
	tcase_add_test(t, shared_backends_lock_a_byte);
	tcase_add_test(t, not_shared_has_no_byte);
	tcase_add_test(t, who_swaps_by_hand_pins);
	tcase_add_test(t, wish_of_an_attach_and_of_none);
	tcase_add_test(t, detached_by_hand_stays_so);
	tcase_add_test(t, another_guest_of_that_name_is_refused);
	tcase_set_timeout(t, 120);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
