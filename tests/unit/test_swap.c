// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dom0-tools/ops/swap.c and hotswap/swap.c on a fake host: what a swap leaves, what is refused, what a backend or a
 * guest can do wrong, and what is on record afterwards.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dom0-tools/ops/backend_kind.h"
#include "tests/lib/ops_check.h"
#include "tests/lib/run_suite.h"

#define BACK "/local/domain/0/backend/xengraft-vbd/7/51728/"
#define BACK_B "/local/domain/0/backend/xengraft-vbd-b/7/51728/"
#define FRONT "/local/domain/7/xengraft/vbd/51728/"
#define FRONT_B "/local/domain/7/xengraft/vbd-b/51728/"

static void take_away(void)
{
	attached();
	OK(detach);
	OK(rig_withdraw);
	clean(false);
}

/* ---- as it should be ----------------------------------------------------------------------------------- */

START_TEST(halves_take_turns)
{
	struct xg_swapped done;
	struct xg_err err;
	int i;

	OK(attach);
	for (i = 1; i <= 4; i++) {
		ck_assert_msg(!rig_swap(false, &done, &err), "%s", err.text);
		attached();
		ck_assert_int_eq(half(), i % 2);
		ck_assert_uint_eq(done.history.hold_ns, 123456);
		ck_assert_uint_eq(done.history.held, 2);
		ck_assert_uint_eq(done.history.in_flight, 32);
		ck_assert_uint_eq(done.history.replayed, 0);
		ck_assert_int_eq(rig_ask("SELECT count(*) FROM history WHERE reason = 'swap' AND hold_ns = 123456"), i);
	}
	take_away();
	/* What was done is told when the guest is not known any more, too. */
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM history"), 4);
}
END_TEST

START_TEST(second_connection_has_names_of_its_own)
{
	size_t i;

	OK(attach);
	OK(swap);
	ck_assert_str_eq(node(BACK_B "frontend"), "/local/domain/7/xengraft/vbd-b/51728");
	ck_assert_str_eq(node(BACK_B "params"), rig.spec.target);
	/* It was 0 while there were two. */
	ck_assert_str_eq(node(BACK_B "lock"), "1");
	/* In a place that is no disk's lock: from 2^61 to 2^62. */
	ck_assert_uint_eq(strtoull(node(BACK_B "mark-at"), NULL, 10) >> 61, 1);
	ck_assert_uint_eq(strtoull(node(BACK_B "mark-at"), NULL, 10),
			  xg_mark_at(node(BACK_B "domain-uuid"), RIG_DEVID, 1));
	ck_assert_str_eq(node(FRONT_B "backend"), "/local/domain/0/backend/xengraft-vbd-b/7/51728");
	ck_assert_str_eq(node(FRONT_B "feature-persistent"), "0");
	ck_assert_str_eq(node(FRONT_B "ring-ref"), "150");
	ck_assert_str_eq(node(FRONT_B "event-channel"), "30");
	ck_assert_str_eq(node(FRONT_B "driver/mode"), "virtual");
	ck_assert_ptr_null(fake_store_get("/local/domain/7/xengraft/vbd/51728"));
	for (i = 0; i < fake_host->node_count; i++) {
		const struct fake_node *n = &fake_host->nodes[i];

		if (!strncmp(n->path, BACK_B, strlen(BACK_B) - 1))
			ck_assert_msg(n->owner == 0 && n->reader == 0, "%s", n->path);
		if (!strncmp(n->path, "/local/domain/7/xengraft", 24))
			ck_assert_msg(n->owner == 0 && n->reader == FAKE_DOMID, "%s", n->path);
	}
	take_away();
}
END_TEST

START_TEST(dry_run_changes_nothing)
{
	size_t nodes;

	OK(attach);
	nodes = fake_host->node_count;
	rig.dry_run = true;
	OK(swap);
	rig.dry_run = false;
	ck_assert_ptr_nonnull(strstr(rig.steps, "make the other xenstore areas"));
	ck_assert_ptr_nonnull(strstr(rig.steps, "retire the other backend"));
	ck_assert_uint_eq(fake_host->node_count, nodes);
	ck_assert_int_eq(half(), 0);
	take_away();
}
END_TEST

START_TEST(upgrade_takes_what_differs_and_rollback_brings_it_back)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_swapped done;

	OK(attach);
	ck_assert_int_eq(rig_upgrade(&err), 0);
	FAILS(rollback, -ENOENT, "has had no other driver");
	rig_driver_renew("0.2");
	ck_assert_msg(rig_upgrade(&err) == 1, "%s", err.text);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device WHERE version = '0.2'"), 1);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM history WHERE reason = 'upgrade'"), 1);
	ck_assert_int_eq(rig_upgrade(&err), 0);
	/* The image of before is not in the folder any more. */
	ck_assert_msg(!rig_rollback(&done, &err), "%s", err.text);
	ck_assert_str_eq(done.history.to.version, "0.1");
	ck_assert_str_eq(done.history.reason, "rollback");
	attached();
	/* Once more is forwards again. */
	OK(rollback);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device WHERE version = '0.2'"), 1);
	take_away();
}
END_TEST

START_TEST(rollback_is_not_to_another_disk_of_the_same_number)
{
	OK(attach);
	rig_driver_renew("0.2");
	OK(swap);
	OK(detach);
	OK(attach);
	/* Attached later than that swap, with the same driver: the clock of the record has seconds. */
	(void)rig_ask("UPDATE device SET since = since + 10");
	FAILS(rollback, -ENOENT, "has had no other driver");
	take_away();
}
END_TEST

/* The record names images and keeps none: what may be installed is the repository's to say. */
START_TEST(images_that_nobody_needs_are_not_kept)
{
	char version[16];
	int i;

	OK(attach);
	for (i = 2; i < 7; i++) {
		snprintf(version, sizeof(version), "0.%d", i);
		rig_driver_renew(version);
		OK(swap);
		ck_assert_str_eq(node(half() ? FRONT_B "driver/version" : FRONT "driver/version"), version);
	}
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM sqlite_master WHERE name = 'image'"), 0);
	take_away();
}
END_TEST

/* ---- what a backend can do wrong ----------------------------------------------------------------------- */

START_TEST(stuck_backend_keeps_the_disk)
{
	OK(attach);
	fake_host->stuck = true;
	FAILS(swap, -EAGAIN, "did not finish 32 requests within 30 ms: nothing was changed");
	attached();
	ck_assert_int_eq(half(), 0);
	fake_host->stuck = false;
	OK(swap);
	ck_assert_int_eq(half(), 1);
	take_away();
}
END_TEST

START_TEST(stuck_backend_is_ended_by_force)
{
	OK(attach);
	fake_host->stuck = true;
	OK(swap_by_force);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM history WHERE reason = 'replace' AND replayed = 32"), 1);
	take_away();
}
END_TEST

START_TEST(dead_backend_is_replaced)
{
	OK(attach);
	rig_backend_dies();
	fake_host->stuck = true;
	OK(swap);
	ck_assert_ptr_nonnull(strstr(rig.steps, "end the dead backend"));
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM history WHERE reason = 'replace' AND replayed = 32"), 1);
	take_away();
}
END_TEST

START_TEST(new_backend_that_fails_costs_nothing)
{
	static const struct { const char *mode, *says; } rows[] = {
		{ "error", "the target is on fire" }, { "babble", "who are you?" },
		{ "die", "ended before it was ready" },
		{ "refuse", "ring of the wrong colour" },
	};

	OK(attach);
	setenv("XENGRAFT_FAKE_BACKEND", rows[_i].mode, 1);
	FAILS(swap, -EIO, rows[_i].says);
	unsetenv("XENGRAFT_FAKE_BACKEND");
	ck_assert_int_eq(half(), 0);
	OK(swap);
	take_away();
}
END_TEST

/* It switched, and then nothing is completed any more: the old driver comes back by itself. */
START_TEST(driver_that_does_not_get_on_is_taken_back)
{
	OK(attach);
	fake_host->lame = true;
	FAILS(swap, -EIO, "the old one was put back");
	ck_assert_int_eq(half(), 0);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM history"), 0);
	fake_host->lame = false;
	OK(swap);
	take_away();
}
END_TEST

/* What the new driver was given stays in flight. */
static bool stuck_from_here(enum fake_moment moment, void *what)
{
	const struct fake_reply *r = what;

	if (moment == FAKE_REPLY && r->command.op == XG_CMD_DEVICE_SWITCH && !r->reply.status)
		fake_host->stuck = fake_host->lame;
	return false;
}

static bool dies_then(enum fake_moment moment, void *what)
{
	const struct fake_reply *r = what;
	pid_t pid;

	if (moment != FAKE_REPLY || r->command.op != XG_CMD_DEVICE_SWITCH || r->reply.status || fake_host->stuck)
		return false;
	fake_host->stuck = true;
	pid = atoi(node(BACK_B "pid"));
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	return false;
}

/* A new backend whose end can be seen gets on with nothing. */
static void new_backend_is_lame(bool (*lie)(enum fake_moment moment, void *what), const char *says)
{
	char mark[1100];

	OK(attach);
	snprintf(mark, sizeof(mark), "%s:%llu", rig.spec.target,
		 (unsigned long long)xg_mark_at(node(BACK "domain-uuid"), RIG_DEVID, 1));
	setenv("XENGRAFT_FAKE_MARK", mark, 1);
	fake_host->lame = true;
	fake_lie = lie;
	FAILS(swap, -EIO, says);
	fake_lie = NULL;
	unsetenv("XENGRAFT_FAKE_MARK");
}

/* The old one has the disk again. */
static void new_backend_is_replaced(bool (*lie)(enum fake_moment moment, void *what))
{
	new_backend_is_lame(lie, "the old one was put back");
	fake_host->lame = fake_host->stuck = false;
	ck_assert_int_eq(half(), 0);
	attached();
	take_away();
}

/* What it was given goes to the old one once it is dead, and all that it had begun is at its end. */
START_TEST(new_backend_that_is_stuck_is_ended_when_its_end_can_be_seen)
{
	new_backend_is_replaced(stuck_from_here);
}
END_TEST

/* Its mark is gone by then: that it was there is what counts. */
START_TEST(new_backend_that_died_is_replaced)
{
	new_backend_is_replaced(dies_then);
}
END_TEST

/* The command ends on the way back to the old driver: whoever comes next goes on, unless there is no old backend any more. */
START_TEST(way_back_is_gone_on_with)
{
	static const struct { const char *fault; bool old_dies; } rows[] = {
		{ "fail:put the old driver back", false },
		{ "fail:the new backend is ended", false },
		{ "fail:the new backend is ended", true },
	};

	setenv("XENGRAFT_FAULT", rows[_i].fault, 1);
	new_backend_is_lame(stuck_from_here, "the old one could not be put back");
	unsetenv("XENGRAFT_FAULT");
	if (rows[_i].old_dies)
		rig_backend_dies();
	OK(rig_recover);
	fake_host->lame = fake_host->stuck = false;
	ck_assert_int_eq(half(), rows[_i].old_dies);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM history"), rows[_i].old_dies);
	if (!rows[_i].old_dies)
		attached();
	OK(detach);
	OK(rig_withdraw);
	clean(false);
}
END_TEST

/* A write of its that lands later would undo what the old driver wrote since: so it keeps the disk. */
START_TEST(new_backend_that_is_stuck_stays_when_its_end_cannot_be_seen)
{
	OK(attach);
	fake_host->lame = true;
	fake_lie = stuck_from_here;
	FAILS(swap, -EIO, "the old one could not be put back");
	fake_lie = NULL;
	ck_assert_int_eq(kill(atoi(node(BACK "pid")), 0), 0);
	ck_assert_int_eq(kill(atoi(node(BACK_B "pid")), 0), 0);
	ck_assert_int_eq(waitpid(atoi(node(BACK_B "pid")), NULL, WNOHANG), 0);
	fake_host->lame = fake_host->stuck = false;
	OK(rig_recover);
	attached();
	ck_assert_int_eq(half(), 1);
	take_away();
}
END_TEST

/* The switch is done and Dom0 does not get the answer: nothing that the guest may be using is taken back. */
static struct fake_reply unheard;

static bool answer_is_not_heard(enum fake_moment moment, void *what)
{
	const struct fake_reply *r = what;

	if (moment != FAKE_REPLY || r->command.op != XG_CMD_DEVICE_SWITCH)
		return false;
	unheard = *r;
	fake_strike(1, false);	/* the wait for it */
	return true;
}

START_TEST(switch_without_an_answer_is_not_undone)
{
	const struct fake_window *core;

	OK(attach);
	fake_lie = answer_is_not_heard;
	FAILS(swap, -ETIMEDOUT, "struck: event channel wait");
	fake_lie = NULL;
	fake_strike(0, false);
	ck_assert_ptr_nonnull(fake_store_get(BACK "state"));
	ck_assert_ptr_nonnull(fake_store_get(BACK_B "state"));
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM operation WHERE verb = 'swap'"), 1);
	core = fake_window_find(fake_host->core_va);
	((struct xg_core_header *)fake_guest_at(core->va + core->text * XG_PAGE_SIZE))->reply = unheard.reply;
	OK(rig_recover);
	attached();
	ck_assert_int_eq(half(), 1);
	take_away();
}
END_TEST

/* A number is used again: the backend of another disk is not this disk's, and is not ended in its place. */
START_TEST(pid_of_another_disks_backend_is_none)
{
	char own[16], other[16];

	OK(attach);
	strcpy(rig.spec.vdev, "xvdc");
	rig.spec.shared = true;
	(void)rig_ask("UPDATE device SET shared = 1");
	OK(attach);
	snprintf(own, sizeof(own), "%s", node(BACK "pid"));
	snprintf(other, sizeof(other), "%s", node("/local/domain/0/backend/xengraft-vbd/7/51744/pid"));
	fake_store_set(BACK "pid", other);
	strcpy(rig.spec.vdev, "xvdb");
	OK(detach);
	ck_assert_int_eq(waitpid(atoi(other), NULL, WNOHANG), 0);
	kill(atoi(own), SIGTERM);
	strcpy(rig.spec.vdev, "xvdc");
	OK(detach);
	OK(rig_withdraw);
	clean(false);
}
END_TEST

/* ---- what is refused ----------------------------------------------------------------------------------- */

static const char *wished;

static int swap_to(struct xg_err *err)
{
	const struct xg_swap_wish wish = { .driver = wished, .reason = "swap" };
	struct xg_swapped done;
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (rc)
		return rc;
	rc = xg_disk_swap(&ops, FAKE_GUEST, rig.spec.vdev, &wish, &done, err);
	xg_ops_close(&ops);
	return rc;
}

static char wished_digest[XG_DIGEST_HEX];

static void other_driver(const char *device, const char *mode)
{
	struct xg_image *parsed;
	char notes[256];
	uint8_t *image;
	size_t size;

	snprintf(notes, sizeof(notes), "kind=driver\nabi=1\narch=x86_64\nclass=block\ndevice=%s\nmode=%s\n"
		 "version=0.0.1\nlicence=GPL-2.0-or-later\n", device, mode);
	image = rig_driver(notes, &size);
	rig_image_write("other.o", image, size);
	ck_assert_int_eq(xg_image_parse(image, size, &parsed, NULL), 0);
	strcpy(wished_digest, parsed->digest);
	wished = wished_digest;
	xg_image_free(parsed);
	free(image);
}

START_TEST(what_does_not_suit_is_refused)
{
	FAILS(swap, -ENOENT, "has no disk 'xvdb' of xengraft's");
	OK(attach);
	wished = "quick";
	FAILS(swap_to, -EINVAL, "'quick' is no mode (virtual, paravirtual, auto), and no image");
	wished = "0123456789";
	FAILS(swap_to, -ENOENT, "0123456789");
	other_driver("nvme-queue", "paravirtual");
	FAILS(swap_to, -EINVAL, "the driver is for nvme-queue, the disk's driver is xen-blkif-virtual");
	other_driver("xen-blkif", "paravirtual");
	FAILS(swap_to, -EINVAL, "is no block device");
	other_driver("xen-blkif", "virtual");
	OK(swap_to);
	take_away();
}
END_TEST

/* A window of an earlier version has one header only. */
START_TEST(early_windows_have_no_other_half)
{
	OK(attach);
	(void)rig_ask("UPDATE device SET data_pages = 3");
	FAILS(swap, -EOPNOTSUPP, "was attached by an earlier version");
	(void)rig_ask("UPDATE device SET data_pages = 4");
	take_away();
}
END_TEST

/* ---- what a guest can say ------------------------------------------------------------------------------ */

static bool old_personality(enum fake_moment moment, void *what)
{
	struct fake_reply *r = what;

	if (moment == FAKE_REPLY && r->command.op == XG_CMD_DEVICE_OPEN_NEXT)
		r->reply.status = -XG_E_NOTSUPP;
	return false;
}

static bool wrong_rings(enum fake_moment moment, void *what)
{
	struct fake_reply *r = what;

	if (moment == FAKE_REPLY && r->command.op == XG_CMD_DEVICE_OPEN_NEXT)
		((struct xg_device_header *)fake_guest_at(r->command.args[1]))->queues[0].ring_ref[0] = 3;
	return false;
}

START_TEST(old_personality_is_told_from_a_refusal)
{
	OK(attach);
	fake_lie = old_personality;
	FAILS(swap, -EOPNOTSUPP, "the guest's personality is older than swaps");
	fake_lie = NULL;
	fake_host->windows[1].other = false;
	take_away();
}
END_TEST

START_TEST(rings_are_checked)
{
	OK(attach);
	fake_lie = wrong_rings;
	FAILS(swap, -EPROTO, "reserved reference 3");
	fake_lie = NULL;
	take_away();
}
END_TEST

/* It opens the next driver, but has not said so yet when it is told to close it, and is not told of that yet either. */
static bool far_behind(enum fake_moment moment, void *what)
{
	const struct fake_reply *r = what;
	const struct xg_command *c = what;

	if (moment == FAKE_REPLY)
		return r->command.op == XG_CMD_DEVICE_OPEN_NEXT;
	if (moment != FAKE_COMMAND || c->op != XG_CMD_DEVICE_CLOSE_OTHER)
		return false;
	fake_host->answered = c->seq - 1;
	return true;
}

/* Its half must not be written anew, nor be forgotten. */
START_TEST(next_driver_that_could_not_be_closed_is_owed)
{
	OK(attach);
	fake_lie = far_behind;
	FAILS(swap, -ETIMEDOUT, "the next driver: no answer from the guest");
	fake_lie = NULL;
	ck_assert(fake_host->windows[1].other);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM operation WHERE verb = 'swap'"), 1);
	OK(rig_recover);
	attached();
	ck_assert_int_eq(half(), 0);
	take_away();
}
END_TEST

static void die_in_swap(const char *point)
{
	struct xg_err err = XG_ERR_NONE;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		setenv("XENGRAFT_FAULT", point, 1);
		(void)rig_swap(false, NULL, &err);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Who denies both of its drivers cannot keep Dom0 from cleaning up. */
START_TEST(guest_that_uses_neither_half_is_cleaned_up)
{
	struct fake_window *w = &fake_host->windows[1];
	uint64_t header;

	OK(attach);
	die_in_swap("kill:connect the new backend");
	ck_assert(w->other);
	header = w->va + w->text * XG_PAGE_SIZE;
	((struct xg_device_header *)fake_guest_at(header))->state = XG_DEV_OPEN;
	OK(rig_recover);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM operation"), 0);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM next"), 0);
	ck_assert_ptr_null(fake_store_get("/local/domain/7/xengraft/vbd-b/51728/state"));
	((struct xg_device_header *)fake_guest_at(header))->state = XG_DEV_LIVE;
	take_away();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("swap");
	TCase *t = tcase_create("swap");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, halves_take_turns);
	tcase_add_test(t, second_connection_has_names_of_its_own);
	tcase_add_test(t, dry_run_changes_nothing);
	tcase_add_test(t, upgrade_takes_what_differs_and_rollback_brings_it_back);
	tcase_add_test(t, rollback_is_not_to_another_disk_of_the_same_number);
	tcase_add_test(t, images_that_nobody_needs_are_not_kept);
	tcase_add_test(t, stuck_backend_keeps_the_disk);
	tcase_add_test(t, stuck_backend_is_ended_by_force);
	tcase_add_test(t, dead_backend_is_replaced);
	tcase_add_loop_test(t, new_backend_that_fails_costs_nothing, 0, 4);
	tcase_add_test(t, driver_that_does_not_get_on_is_taken_back);
	tcase_add_test(t, new_backend_that_is_stuck_is_ended_when_its_end_can_be_seen);
	tcase_add_test(t, new_backend_that_died_is_replaced);
	tcase_add_loop_test(t, way_back_is_gone_on_with, 0, 3);
	tcase_add_test(t, new_backend_that_is_stuck_stays_when_its_end_cannot_be_seen);
	tcase_add_test(t, switch_without_an_answer_is_not_undone);
	tcase_add_test(t, pid_of_another_disks_backend_is_none);
	tcase_add_test(t, what_does_not_suit_is_refused);
	tcase_add_test(t, early_windows_have_no_other_half);
	tcase_add_test(t, old_personality_is_told_from_a_refusal);
	tcase_add_test(t, rings_are_checked);
	tcase_add_test(t, next_driver_that_could_not_be_closed_is_owed);
	tcase_add_test(t, guest_that_uses_neither_half_is_cleaned_up);
	suite_add_tcase(s, t);
	return run_suite(s);
}
