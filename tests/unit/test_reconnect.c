// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dom0-tools/ops/sweep.c and reconnect.c on a fake host: what stays on record of a guest that is away, what is believed
 * of one that is back, and that its disk gets a backend again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/ops_check.h"
#include "tests/lib/run_suite.h"

/* One disk has no backend, and gets one. */
static int reconnect(struct xg_err *err)
{
	int rc = rig_reconnect(NULL, err);

	ck_assert_int_le(rc, 1);
	return rc < 0 ? rc : 1 - rc;
}

static long away(void)
{
	return rig_ask("SELECT count(*) FROM guest WHERE away != 0");
}

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Disk and personality go, wherever the guest is now; nothing is left. */
static void take_away(void)
{
	OK(detach);
	OK(rig_withdraw);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM guest"), 0);
	fake_linux->guest->info.domid = FAKE_DOMID;
	fake_store_forget("/local/domain/9");
	reap();
	clean(false);
}

/* ---- saved and restored --------------------------------------------------------------------------------- */

START_TEST(restored_guest_gets_its_disk_back)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_swapped done;

	OK(attach);
	fake_host->gone = true;
	OK(rig_sweep);
	ck_assert_int_eq(away(), 1);
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
	/* Once more, and nothing else. */
	OK(rig_sweep);
	ck_assert_int_eq(away(), 1);
	fake_host->gone = false;
	fake_guest_restore(9);
	ck_assert_msg(rig_reconnect(&done, &err) == 1, "%s", err.text);
	ck_assert_int_eq(away(), 0);
	ck_assert_str_eq(done.history.reason, "reconnect");
	ck_assert_uint_eq(done.history.replayed, 32);
	ck_assert_str_eq(done.history.to.digest, done.history.from.digest);
	ck_assert_int_eq(half(), 1);
	ck_assert_str_eq(node("/local/domain/0/backend/xengraft-vbd-b/9/51728/frontend"),
			 "/local/domain/9/xengraft/vbd-b/51728");
	ck_assert_str_eq(node("/local/domain/9/drivers/65534"), "xengraft linux-" FAKE_RELEASE " 0.1");
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM guest WHERE domid = 9"), 1);
	ck_assert_int_gt(rig_ask("SELECT count(*) FROM frame"), 12);
	/* And it has one now. */
	ck_assert_msg(rig_reconnect(NULL, &err) == 0, "%s", err.text);
	OK(swap);
	take_away();
}
END_TEST

START_TEST(backend_that_died_is_reconnected_too)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_swapped done;

	OK(attach);
	rig_driver_renew("0.2");
	rig_backend_dies();
	ck_assert_msg(rig_reconnect(&done, &err) == 1, "%s", err.text);
	ck_assert_str_eq(done.history.reason, "reconnect");
	/* Not an upgrade by the way: the driver that it had. */
	ck_assert_str_eq(done.history.to.digest, done.history.from.digest);
	take_away();
}
END_TEST

/* Domains are numbered from 1 again; what Xen and xenstore knew is gone. */
START_TEST(host_that_booted_has_restored_the_guest_under_the_same_id)
{
	OK(attach);
	rig_backend_dies();
	fake_store_forget("/local/domain/0/backend/xengraft-vbd");
	fake_guest_restore(FAKE_DOMID);
	rig.boot = "second";
	OK(reconnect);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM guest WHERE boot = 'second' AND domid = 7"), 1);
	ck_assert_str_eq(node("/local/domain/0/backend/xengraft-vbd-b/7/51728/online"), "1");
	take_away();
}
END_TEST

START_TEST(target_that_is_no_device_here_is_served_by_copying)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_swapped done;

	OK(attach);
	rig_backend_dies();
	(void)rig_ask("UPDATE device SET mode = 'paravirtual', driver = 'xen-blkif-paravirtual'");
	ck_assert_msg(rig_reconnect(&done, &err) == 1, "%s", err.text);
	ck_assert_str_eq(done.history.to.mode, "virtual");
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device WHERE mode = 'virtual'"), 1);
	take_away();
}
END_TEST

/* Saved before a swap, so the other half serves in it, and the one on record is not open. */
START_TEST(image_may_be_older_than_the_record)
{
	struct fake_window *w = &fake_host->windows[1];
	struct xg_device_header *a, *b;

	OK(attach);
	OK(swap);
	a = fake_guest_at(w->va + w->text * XG_PAGE_SIZE);
	b = fake_guest_at(w->va + (w->text + 1) * XG_PAGE_SIZE);
	w->half = 0;
	a->state = XG_DEV_LIVE;
	b->state = XG_DEV_NONE;
	fake_guest_restore(9);
	OK(reconnect);
	ck_assert_int_eq(half(), 1);
	ck_assert_uint_eq(w->half, 1);
	take_away();
}
END_TEST

/* Saved in the middle of a swap: the half that does not serve is open, too. */
START_TEST(what_the_other_half_has_open_is_closed)
{
	OK(attach);
	fake_host->windows[1].other = true;
	fake_guest_restore(9);
	OK(reconnect);
	ck_assert(!fake_host->windows[1].other);
	take_away();
}
END_TEST

START_TEST(image_without_the_disk_cannot_be_reconnected)
{
	OK(attach);
	fake_guest_restore(9);
	fake_guest_free(fake_host->windows[1].va);
	FAILS(reconnect, -EFAULT, "disk xvdb is not in guest 'fake' as it is on record");
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), 1);
	OK(rig_sweep);
	ck_assert_int_eq(rig_detach(true, NULL), 0);
	OK(rig_withdraw);
	fake_linux->guest->info.domid = FAKE_DOMID;
	reap();
}
END_TEST

/* ---- what is not believed ------------------------------------------------------------------------------- */

/* Its memory is not all there yet. */
START_TEST(guest_that_is_being_restored_is_left_alone)
{
	OK(attach);
	fake_host->gone = true;
	OK(rig_sweep);
	fake_host->gone = false;
	fake_guest_restore(9);
	fake_host->paused = true;
	OK(rig_sweep);
	ck_assert_int_eq(away(), 1);
	FAILS(reconnect, -ENOENT, "7 is an invalid domain identifier");
	fake_host->paused = false;
	OK(reconnect);
	take_away();
}
END_TEST

/* The port in its memory is a stranger's until it has made another. */
START_TEST(personality_that_has_not_noticed_is_not_spoken_to)
{
	OK(attach);
	fake_guest_restore(9);
	fake_host->drowsy = true;
	FAILS(reconnect, -EAGAIN, "guest 'fake' was restored, and its personality has not noticed within 5 s");
	ck_assert_int_eq(half(), 0);
	fake_host->drowsy = false;
	OK(reconnect);
	take_away();
}
END_TEST

START_TEST(second_domain_of_the_uuid_is_refused)
{
	OK(attach);
	/* The record's is the twin, which lives. */
	fake_host->twin = true;
	(void)rig_ask("UPDATE guest SET domid = 8");
	FAILS(swap, -EEXIST, "domain 8 has the same UUID as guest 'fake'");
	FAILS(detach, -EEXIST, "domain 8 has the same UUID as guest 'fake'");
	(void)rig_ask("UPDATE guest SET domid = 7");
	fake_host->twin = false;
	take_away();
}
END_TEST

/* Whoever works on it sees to it. */
START_TEST(guest_that_is_worked_on_is_not_swept)
{
	char path[256];
	int fd;

	OK(attach);
	snprintf(path, sizeof(path), "%s/%s.lock", rig.dir,
		 node("/local/domain/0/backend/xengraft-vbd/7/51728/domain-uuid"));
	fd = open(path, O_RDWR | O_CREAT, 0600);
	ck_assert(fd >= 0 && !flock(fd, LOCK_EX));
	fake_host->gone = true;
	OK(rig_sweep);
	ck_assert_int_eq(away(), 0);
	ck_assert_str_eq(node("/local/domain/0/backend/xengraft-vbd/7/51728/online"), "1");
	close(fd);
	OK(rig_sweep);
	ck_assert_int_eq(away(), 1);
	fake_host->gone = false;
	OK(reconnect);
	take_away();
}
END_TEST

/* ---- forgotten ------------------------------------------------------------------------------------------- */

static const char *forgotten;

static int forget(struct xg_err *err)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_forget(&ops, forgotten, err);
	xg_ops_close(&ops);
	return rc;
}

static void copies(int from, int count)
{
	char sql[400];
	int i;

	for (i = from; i < from + count; i++) {
		snprintf(sql, sizeof(sql), "INSERT INTO guest SELECT 'copy-%03d', domid, name, os, release, build_id,"
			 " arch, vmcoreinfo, vmcoreinfo_bytes, root, levels, phys_base, kaslr_offset, symbols, va,"
			 " text_pages, data_pages, digest, version, data_va, module, boot, %d FROM guest LIMIT 1",
			 i, i);
		(void)rig_ask(sql);
	}
}

/* Nobody tells whether it was saved or destroyed: its target is free. */
START_TEST(guest_that_is_away_has_no_target)
{
	OK(attach);
	copies(1, 1);
	(void)rig_ask("INSERT INTO device SELECT 'copy-001', devid, vdev, target, mode, read_only, va, text_pages,"
		      " data_pages, entry, digest, driver, version, state, since, data_va, half, wish, shared"
		      " FROM device");
	OK(detach);
	OK(attach);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), 2);
	(void)rig_ask("DELETE FROM device WHERE uuid = 'copy-001'");
	(void)rig_ask("DELETE FROM guest WHERE uuid = 'copy-001'");
	take_away();
}
END_TEST

START_TEST(target_that_another_disk_has_meanwhile_is_not_given_back)
{
	OK(attach);
	fake_host->gone = true;
	OK(rig_sweep);
	fake_host->gone = false;
	fake_guest_restore(9);
	fake_store_set("/local/domain/0/backend/vbd/3/51712/params", rig.spec.target);
	FAILS(reconnect, -EBUSY, "is in use by a disk of xl's in domain 3");
	ck_assert_int_eq(half(), 0);
	fake_store_forget("/local/domain/0/backend/vbd/3");
	OK(reconnect);
	ck_assert_int_eq(half(), 1);
	take_away();
}
END_TEST

START_TEST(guest_that_is_away_is_forgotten_by_name_or_uuid)
{
	OK(attach);
	forgotten = "nobody";
	FAILS(forget, -ENOENT, "'nobody' is neither a guest nor one that is away");
	fake_host->gone = true;
	OK(rig_sweep);
	copies(1, 1);
	forgotten = "fake";
	FAILS(forget, -ENOTUNIQ, "2 guests that are away were called 'fake'");
	forgotten = "copy-001";
	OK(forget);
	forgotten = "fake";
	OK(forget);
	ck_assert_int_eq(
		rig_ask("SELECT (SELECT count(*) FROM guest) + (SELECT count(*) FROM device) +"
			" (SELECT count(*) FROM frame)"),
		0);
	reap();
}
END_TEST

START_TEST(so_many_that_are_away_are_kept)
{
	OK(attach);
	fake_host->gone = true;
	OK(rig_sweep);
	copies(1, 70);
	OK(rig_sweep);
	ck_assert_int_eq(away(), 64);
	/* Those that have been so for the longest time went. */
	ck_assert_int_eq(rig_ask("SELECT min(away) FROM guest"), 8);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), 1);
	reap();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reconnect");
	TCase *t = tcase_create("reconnect");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, restored_guest_gets_its_disk_back);
	tcase_add_test(t, backend_that_died_is_reconnected_too);
	tcase_add_test(t, host_that_booted_has_restored_the_guest_under_the_same_id);
	tcase_add_test(t, target_that_is_no_device_here_is_served_by_copying);
	tcase_add_test(t, image_may_be_older_than_the_record);
	tcase_add_test(t, what_the_other_half_has_open_is_closed);
	tcase_add_test(t, image_without_the_disk_cannot_be_reconnected);
	tcase_add_test(t, guest_that_is_being_restored_is_left_alone);
	tcase_add_test(t, personality_that_has_not_noticed_is_not_spoken_to);
	tcase_add_test(t, second_domain_of_the_uuid_is_refused);
	tcase_add_test(t, guest_that_is_worked_on_is_not_swept);
	tcase_add_test(t, guest_that_is_away_has_no_target);
	tcase_add_test(t, target_that_another_disk_has_meanwhile_is_not_given_back);
	tcase_add_test(t, guest_that_is_away_is_forgotten_by_name_or_uuid);
	tcase_add_test(t, so_many_that_are_away_are_kept);
	suite_add_tcase(s, t);
	return run_suite(s);
}
