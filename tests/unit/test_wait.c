// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting for a guest before it is given a disk, and the disks that xl lists: dom0-tools/ops/ready.c and xl_vbd.c on a
 * fake host. What happens to the guest meanwhile happens when the wait tells what it waits for.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "tests/lib/ops_rig.h"
#include "tests/lib/run_suite.h"

#define RECORD "/libxl/7/device/vbd/51728"
#define BACKEND "/local/domain/0/backend/vbd/7/51728"

static void xl_lists(const char *script)
{
	fake_store_set(RECORD "/backend", BACKEND);
	fake_store_set(RECORD "/script", script);
	fake_store_set(BACKEND "/online", "1");
}

/* ---- The wait ------------------------------------------------------------------------------------------ */

static char told[1000];

/* Told for the nth time that the guest is not ready, this happens. */
struct happening {
	const char *told;
	void (*happens)(void);
};

static const struct happening *next;

static void hear(void *ctx, const char *text)
{
	(void)ctx;
	strncat(told, text, sizeof(told) - strlen(told) - 1);
	if (!next || !next->told)
		return;
	ck_assert_msg(strstr(text, next->told) != NULL, "said: %s", text);
	next->happens();
	next++;
}

static int wait_for(const char *guest, const struct happening *list, unsigned int timeout_ms, struct xg_err *err)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	ck_assert_int_eq(rc, 0);
	told[0] = '\0';
	next = list;
	ops.detail = hear;
	rc = xg_guest_wait(&ops, guest, &rig.spec, timeout_ms, err);
	xg_ops_close(&ops);
	return rc;
}

static void unpause(void)
{
	fake_host->paused = false;
}

static void kernel_comes(void)
{
	memcpy(fake_linux_page(fake_linux, FAKE_LINUX_VMCOREINFO), "OSRELEASE=", 10);
}

static void kernel_is_up(void)
{
	*fake_system_state() = 3;
}

static void guest_goes(void)
{
	fake_host->gone = true;
}

static void guest_shuts_down(void)
{
	fake_host->shut_down = true;
}

static void another_guest(void)
{
	fake_linux->guest->info.uuid[0] ^= 1;
}

static void xl_takes_it_away(void)
{
	fake_store_set(BACKEND "/online", "0");
}

START_TEST(guest_that_is_ready_is_not_waited_for)
{
	ck_assert_int_eq(wait_for(FAKE_GUEST, NULL, 1000, NULL), 0);
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(guest_is_waited_for_until_its_kernel_is_up)
{
	static const struct happening list[] = {
		{ "is paused", unpause }, { "still booting", kernel_comes }, { "is still booting", kernel_is_up },
		{ NULL, NULL },
	};
	struct xg_err err = XG_ERR_NONE;

	fake_host->paused = true;
	*fake_system_state() = 2;
	memset(fake_linux_page(fake_linux, FAKE_LINUX_VMCOREINFO), 0, 10);
	ck_assert_msg(!wait_for(FAKE_GUEST, list, 60000, &err), "%s", err.text);
	ck_assert_ptr_eq(next->told, NULL);
	ck_assert_int_eq(rig_attach(NULL, &err), 0);
	ck_assert_int_eq(rig_detach(false, &err), 0);
}
END_TEST

START_TEST(wait_is_bounded)
{
	struct xg_err err = XG_ERR_NONE;

	*fake_system_state() = 2;
	ck_assert_int_eq(wait_for(FAKE_GUEST, NULL, 300, &err), -EAGAIN);
	ck_assert_str_eq(err.text, "guest 'fake' is still booting");
	ck_assert_int_eq(err.code, EAGAIN);
}
END_TEST

static const struct {
	void (*happens)(void);
	int rc;
	const char *says;
} ends[] = {
	{ guest_goes, -ENOENT, "7 is an invalid domain identifier" },
	{ guest_shuts_down, -ENODEV, "has shut down" },
	{ another_guest, -ENODEV, "is gone" },
	{ xl_takes_it_away, -ECANCELED, "takes it away now" },
};

START_TEST(wait_ends_when_there_is_nothing_to_wait_for)
{
	const struct happening list[] = { { "is paused", ends[_i].happens }, { NULL, NULL } };
	struct xg_err err = XG_ERR_NONE;

	rig.spec.of_xl = true;
	xl_lists("/etc/xen/scripts/block-xengraft");
	fake_host->paused = true;
	ck_assert_int_eq(wait_for(FAKE_GUEST, list, 60000, &err), ends[_i].rc);
	ck_assert_msg(strstr(err.text, ends[_i].says) != NULL, "%s", err.text);
	ck_assert_int_eq(err.code, -ends[_i].rc);
	if (ends[_i].happens == another_guest)
		another_guest();
}
END_TEST

START_TEST(wait_for_nobody_ends_at_once)
{
	struct xg_err err = XG_ERR_NONE;

	ck_assert_int_eq(wait_for("nobody", NULL, 60000, &err), -ENOENT);
	ck_assert_str_eq(told, "");
}
END_TEST

/* ---- xl's disks ---------------------------------------------------------------------------------------- */

static const struct {
	const char *script;	/* NULL: xl lists nothing; "": a disk without one */
	const char *online;
	bool of_xl;
	int rc;
} disks[] = {
	{ NULL, NULL, false, 0 },
	{ NULL, NULL, true, -ECANCELED },
	{ "", "1", false, -EEXIST },
	{ "", "1", true, -EEXIST },
	{ "/etc/xen/scripts/block", "1", true, -EEXIST },
	{ "/etc/xen/scripts/block-xengraft-not", "1", true, -EEXIST },
	{ "/etc/xen/scripts/block-xengraft", "1", false, -EEXIST },
	{ "/etc/xen/scripts/block-xengraft", "1", true, 0 },
	{ "block-xengraft", "1", true, 0 },
	{ "/etc/xen/scripts/block-xengraft", "0", true, -ECANCELED },
	{ "/etc/xen/scripts/block-xengraft", NULL, true, -ECANCELED },
};

START_TEST(disk_of_xl_is_in_the_way_unless_it_is_ours)
{
	struct xg_err err = XG_ERR_NONE;
	const char *why;

	if (disks[_i].script)
		xl_lists(disks[_i].script);
	if (disks[_i].script && !disks[_i].script[0])
		fake_store_forget(RECORD "/script");
	if (disks[_i].online)
		fake_store_set(BACKEND "/online", disks[_i].online);
	else
		fake_store_forget(BACKEND "/online");
	rig.spec.of_xl = disks[_i].of_xl;
	ck_assert_msg(rig_attach(NULL, &err) == disks[_i].rc, "row %d: %d, %s", _i, err.code, err.text);
	why = rig_not_attached();
	ck_assert_msg(!why == !disks[_i].rc, "%s", why ? why : "attached");
	if (!disks[_i].rc)
		ck_assert_int_eq(rig_detach(false, &err), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wait");
	TCase *t = tcase_create("wait");

	tcase_add_unchecked_fixture(t, rig_setup, rig_teardown);
	tcase_add_checked_fixture(t, rig_reset, NULL);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, guest_that_is_ready_is_not_waited_for);
	tcase_add_test(t, guest_is_waited_for_until_its_kernel_is_up);
	tcase_add_test(t, wait_is_bounded);
	tcase_add_loop_test(t, wait_ends_when_there_is_nothing_to_wait_for, 0, XG_ARRAY_SIZE(ends));
	tcase_add_test(t, wait_for_nobody_ends_at_once);
	tcase_add_loop_test(t, disk_of_xl_is_in_the_way_unless_it_is_ours, 0, XG_ARRAY_SIZE(disks));
	suite_add_tcase(s, t);
	return run_suite(s);
}
