// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dom0-tools/ops and hotswap together, on a fake host: what an attach leaves and what a detach takes away; what each
 * lie of a guest is called, and that it leaves nothing; what a backend can do wrong; what is refused.
 */
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "dom0-tools/ops/interrupt.h"
#include "driver-repo/keyring.h"
#include "lib/base/array.h"
#include "tests/lib/ops_check.h"
#include "tests/lib/run_suite.h"

static void take_away(void)
{
	OK(detach);
	OK(rig_withdraw);
	clean(false);
}

#define BACK "/local/domain/0/backend/xengraft-vbd/7/51728/"
#define FRONT "/local/domain/7/xengraft/vbd/51728/"

/* ---- as it should be ----------------------------------------------------------------------------------- */

START_TEST(disk_comes_and_goes_without_a_trace)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_attached a;

	ck_assert_msg(!rig_attach(&a, &err), "%s", err.text);
	attached();
	ck_assert(a.first);
	ck_assert_uint_eq(a.params.sectors, 2048);
	ck_assert_uint_eq(a.params.nr_queues, 1);	/* of one vCPU */
	ck_assert_uint_eq(a.device.devid, RIG_DEVID);
	ck_assert_str_eq(a.device.vdev, "xvdb");
	ck_assert_str_eq(a.guest.os.release, FAKE_RELEASE);
	ck_assert_uint_eq(fake_host->shutdowns, 0);
	take_away();
}
END_TEST

START_TEST(xenstore_tells_both_ends)
{
	size_t i;

	OK(attach);
	ck_assert_str_eq(node(BACK "frontend"), "/local/domain/7/xengraft/vbd/51728");
	ck_assert_str_eq(node(BACK "frontend-id"), "7");
	ck_assert_str_eq(node(BACK "online"), "1");
	ck_assert_str_eq(node(BACK "params"), rig.spec.target);
	ck_assert_str_eq(node(BACK "type"), "file");
	ck_assert_str_eq(node(BACK "mode"), "w");
	ck_assert_str_eq(node(FRONT "backend"), "/local/domain/0/backend/xengraft-vbd/7/51728");
	/* Two pages: the backend offers order 1. */
	ck_assert_ptr_null(fake_store_get(FRONT "ring-page-order"));
	ck_assert_str_eq(node(FRONT "ring-ref"), "100");
	ck_assert_str_eq(node(FRONT "event-channel"), "20");
	ck_assert_str_eq(node(FRONT "protocol"), "x86_64-abi");
	ck_assert_str_eq(node(FRONT "driver/mode"), "virtual");
	ck_assert_str_eq(node("/local/domain/7/drivers/51728"), "xengraft xen-blkif-virtual 0.1");
	/* The guest may read what is its own, write none of it, and not see the backend's. */
	for (i = 0; i < fake_host->node_count; i++) {
		const struct fake_node *n = &fake_host->nodes[i];

		if (!strncmp(n->path, BACK, strlen(BACK) - 1))
			ck_assert_msg(n->owner == 0 && n->reader == 0, "%s", n->path);
		if (!strncmp(n->path, "/local/domain/7/xengraft", 24))
			ck_assert_msg(n->owner == 0 && n->reader == FAKE_DOMID, "%s", n->path);
	}
	take_away();
}
END_TEST

START_TEST(second_disk_uses_the_personality_that_is_there)
{
	struct xg_attached a;

	rig.spec.shared = true;
	OK(attach);
	strcpy(rig.spec.vdev, "xvdc");
	ck_assert_int_eq(rig_attach(&a, NULL), 0);
	ck_assert(!a.first);
	ck_assert_uint_eq(fake_windows_used(), 3);
	FAILS(rig_withdraw, -EBUSY, "has 2 disks of xengraft's: detach them first");
	OK(detach);
	strcpy(rig.spec.vdev, "xvdb");
	attached();
	FAILS(rig_withdraw, -EBUSY, "has 1 disk of xengraft's: detach it first");
	take_away();
}
END_TEST

START_TEST(disk_comes_again_after_it_went)
{
	OK(attach);
	OK(detach);
	ck_assert(fake_host->core_runs);	/* the personality stays */
	OK(attach);
	attached();
	take_away();
	OK(attach);
	attached();
	take_away();
}
END_TEST

START_TEST(done_again_says_so)
{
	OK(attach);
	FAILS(attach, -EEXIST, "vdev xvdb is in use in guest 'fake'");
	strcpy(rig.spec.vdev, "d1");	/* the same by another name */
	FAILS(attach, -EEXIST, "vdev d1 is in use in guest 'fake'");
	OK(detach);
	FAILS(detach, -ENOENT, "guest 'fake' has no disk 'd1' of xengraft's");
	OK(rig_withdraw);
	OK(rig_withdraw);
	clean(false);
}
END_TEST

START_TEST(dry_run_changes_nothing)
{
	rig.spec.shared = true;
	rig.dry_run = true;
	OK(attach);
	ck_assert_ptr_nonnull(strstr(rig.steps, "find the personality"));
	ck_assert_ptr_nonnull(strstr(rig.steps, "add the disk"));
	ck_assert_uint_eq(fake_host->commands, 0);
	clean(false);
	rig.dry_run = false;
	OK(attach);
	rig.dry_run = true;
	strcpy(rig.spec.vdev, "xvdc");
	OK(attach);
	/* Only what would be done: the personality is there. */
	ck_assert_str_eq(rig.steps, "make the xenstore areas; start the backend; allocate the window; "
			 "install the driver; open the driver; connect the backend; announce the driver; "
			 "add the disk; record");
	strcpy(rig.spec.vdev, "xvdb");
	OK(detach);
	OK(detach_by_force);
	attached();
	rig.dry_run = false;
	take_away();
}
END_TEST

START_TEST(transaction_that_meets_another_is_done_again)
{
	fake_host->conflicts = 20;
	OK(attach);
	ck_assert_uint_eq(fake_host->conflicts, 0);
	attached();
	take_away();
}
END_TEST

/* ---- what is refused before anything is touched -------------------------------------------------------- */

static void no_target(void)
{
	strcpy(rig.spec.target, "/nowhere/disk.img");
}

static void relative_target(void)
{
	strcpy(rig.spec.target, "disk.img");
}

static void folder_as_target(void)
{
	strcpy(rig.spec.target, "/tmp");
}

static void qcow2(void)
{
	strcpy(rig.spec.format, "qcow2");
}

static void bad_vdev(void)
{
	strcpy(rig.spec.vdev, "sdz");
}

static void vdev_of_xl(void)
{
	fake_store_set("/libxl/7/device/vbd/51728/backend", "/local/domain/0/backend/vbd/7/51728");
}

static void paused(void)
{
	fake_host->paused = true;
}

static void dying(void)
{
	fake_host->dying = true;
}

static void shut_down(void)
{
	fake_host->shut_down = true;
}

static void gone(void)
{
	fake_host->gone = true;
}

static void personality_with(const char *old, const char *new)
{
	char notes[512];
	const char *at = strstr(rig_personality_notes, old);
	uint8_t *image;
	size_t size;

	snprintf(notes, sizeof(notes), "%.*s%s%s", (int)(at - rig_personality_notes), rig_personality_notes, new,
		 at + strlen(old));
	image = rig_personality(notes, &size);
	rig_image_write("linux-" FAKE_RELEASE ".o", image, size);
	free(image);
}

static void other_build(void)
{
	personality_with("build-id=00", "build-id=ff");
}

static void other_release(void)
{
	personality_with("release=6.1.0", "release=6.1.9");
}

static void driver_with(const char *old, const char *new)
{
	char notes[512];
	const char *at = strstr(rig_driver_notes, old);
	uint8_t *image;
	size_t size;

	snprintf(notes, sizeof(notes), "%.*s%s%s", (int)(at - rig_driver_notes), rig_driver_notes, new,
		 at + strlen(old));
	image = rig_driver(notes, &size);
	rig_image_write("blkif-virtual.o", image, size);
	free(image);
}

static void other_mode(void)
{
	driver_with("mode=virtual", "mode=paravirtual");
}

static void no_image(void)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/linux-" FAKE_RELEASE ".o", rig.dir);
	unlink(path);
	rig_images_changed();
}

static void image_is_text(void)
{
	rig_image_write("blkif-virtual.o", "#!/bin/sh\n", 10);
}

/* Files of the repository whose names a pattern fits. */
static void repo_files(const char *pattern, void (*each)(const char *path))
{
	char path[256];
	glob_t found;
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", rig.dir, pattern);
	ck_assert_int_eq(glob(path, 0, NULL, &found), 0);
	for (i = 0; i < found.gl_pathc; i++)
		each(found.gl_pathv[i]);
	globfree(&found);
	rig.images_as_new = false;
}

static void file_unlink(const char *path)
{
	unlink(path);
}

static void file_spoil(const char *path)
{
	int fd = open(path, O_WRONLY);

	ck_assert_int_eq(pwrite(fd, "x", 1, 300), 1);
	close(fd);
}

static void not_signed(void)
{
	repo_files(".repo/signatures/*/*.minisig", file_unlink);
}

static void blob_changed(void)
{
	repo_files(".repo/blobs/sha256/*/*", file_spoil);
}

static void key_revoked(void)
{
	struct xg_keyring *k;
	struct xg_err err;

	ck_assert_int_eq(xg_keyring_open(rig.repo_paths.confdir, &k, &err), 0);
	ck_assert_int_eq(xg_keyring_revoke(k, xg_keyring_key(k, 0)->id, "lost", &err), 0);
	xg_keyring_close(k);
	rig.images_as_new = false;
}

static void two_as_good(void)
{
	size_t size;
	uint8_t *image = rig_driver("kind=driver\nabi=1\narch=x86_64\nclass=block\ndevice=xen-blkif\nmode=virtual\n"
				    "version=0.1\nlicence=other\n", &size);

	rig_image_write("other.o", image, size);
	free(image);
}

static void still_booting(void)
{
	*(uint64_t *)fake_linux_at(fake_linux, gva_add(fake_linux->image, 0x204018)) = 0;
}

static void cave_in_use(void)
{
	((uint8_t *)fake_linux_at(fake_linux, gva_add(fake_linux->image, 0xd00)))[0] = 0x90;
	((uint8_t *)fake_linux_at(fake_linux, gva_add(fake_linux->image, 0xb80)))[0] = 0x90;
}

static void somebody_is_inside(void)
{
	*fake_mailbox() = (struct xg_mailbox){ .magic = XG_MAGIC_MAILBOX, .state = XG_MB_READY, .window = 1 };
}

static void somebody_was_cancelled_inside(void)
{
	*fake_mailbox() = (struct xg_mailbox){ .magic = XG_MAGIC_MAILBOX, .state = XG_MB_CANCELLED, .window = 1 };
}

static const struct {
	void (*make)(void);
	int rc;
	const char *says;
} refusals[] = {
	{ no_target, -ENOENT, "target /nowhere/disk.img" },
	{ relative_target, -EINVAL, "target 'disk.img' is not an absolute path" },
	{ folder_as_target, -EINVAL, "is neither a file nor a block device" },
	{ qcow2, -EINVAL, "format qcow2 is not supported" },
	{ bad_vdev, -EINVAL, "'sdz' is no virtual disk" },
	{ vdev_of_xl, -EEXIST, "in use by a disk of xl's" },
	{ paused, -EINVAL, "is paused" },
	{ dying, -EINVAL, "is being destroyed" },
	{ shut_down, -EINVAL, "has shut down or crashed" },
	{ gone, -ENOENT, "fake is an invalid domain identifier" },
	{ other_build, -ENOENT, "the nearest is for build ff112233" },
	{ other_release, -ENOENT, "the nearest is for release 6.1.9-test, not 6.1.0-test" },
	{ other_mode, -ENOENT, "no virtual driver for xen-blkif" },
	{ no_image, -ENOENT, "no personality for linux 6.1.0-test" },
	{ image_is_text, -ENOENT, "no virtual driver for xen-blkif" },
	{ not_signed, -EPERM, "no personality for linux 6.1.0-test that may be installed" },
	{ key_revoked, -EPERM, "is signed by the revoked key" },
	{ blob_changed, -EBADMSG, "is damaged" },
	{ two_as_good, -ENOTUNIQ, "two images fit equally well" },
	{ still_booting, -ENOENT, "has the guest's kernel finished booting?" },
	{ cave_in_use, -ENOSPC, "are in use" },
	{ somebody_is_inside, -EAGAIN, "has not left an earlier first stage yet" },
	{ somebody_was_cancelled_inside, -EAGAIN, "has not left an earlier first stage yet" },
};

START_TEST(refused_before_anything_is_touched)
{
	refusals[_i].make();
	FAILS(attach, refusals[_i].rc, refusals[_i].says);
	ck_assert_uint_eq(fake_host->commands, 0);
	ck_assert_uint_eq(fake_host->stage, FAKE_OUT);
	ck_assert_uint_eq(fake_windows_used(), 0);
	ck_assert_ptr_null(fake_store_get("/local/domain/7/xengraft"));
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM operation"), 0);
}
END_TEST

/* A first stage that was cancelled before it was entered left its bytes, and nobody in them. */
START_TEST(bytes_that_were_left_are_taken_over)
{
	fake_host->deaf = true;
	FAILS(attach, -ETIMEDOUT, "did not react within 5000 ms");
	clean(true);
	ck_assert_uint_eq(fake_mailbox()->state, XG_MB_CANCELLED);
	fake_host->deaf = false;
	OK(attach);
	attached();
	take_away();
}
END_TEST

/* With a clock that stands still: else it would wait for ever. */
static void waits_no_longer_than_one_wants(void)
{
	struct xg_err err = XG_ERR_NONE;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		xg_interrupt_catch();
		raise(SIGINT);
		_exit(attach(&err) == -EINTR && strstr(err.text, "interrupted while another operation worked") ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(two_at_once_take_turns)
{
	char path[160];
	int fd;

	OK(attach);
	OK(detach);
	snprintf(path, sizeof(path), "%s/01020300-0000-0000-0000-000000000000.lock", rig.dir);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	fake_host->tick_ms = 6000;
	FAILS(attach, -EAGAIN, "another operation works on guest 'fake'");
	fake_host->tick_ms = 0;
	waits_no_longer_than_one_wants();
	close(fd);
	fake_host->tick_ms = 1;
	OK(attach);
	take_away();
}
END_TEST

/* A name that was a guest's is not taken for a slip of the pen. */
START_TEST(who_was_here_is_told_from_who_never_was)
{
	OK(attach);
	fake_host->gone = true;
	FAILS(detach, -ENOENT, "guest 'fake' is on record, but does not run: it was saved, or is no more");
	OK(rig_sweep);
	FAILS(rig_withdraw, -ENOENT, "guest 'fake' is on record, but does not run");
	while (wait(NULL) > 0)
		;	/* its backend has ended */
}
END_TEST

static int look_as(const char *uuid, struct xg_err *err)
{
	struct xg_device_row device;
	struct xg_guest_row row;
	struct xg_guest *g;
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	ops.uuid = uuid;
	if (!rc)
		rc = xg_device_find(&ops, "fake", "xvdb", &g, &row, &device, err);
	if (!rc)
		xg_guest_close(g);
	xg_ops_close(&ops);
	return rc;
}

START_TEST(guest_of_another_uuid_is_not_meant)
{
	struct xg_err err = XG_ERR_NONE;

	OK(attach);
	ck_assert_int_eq(look_as("01020300-0000-0000-0000-000000000000", &err), 0);
	ck_assert_int_eq(look_as("01020300-0000-0000-0000-00000000000a", &err), -ESRCH);
	ck_assert_str_eq(err.text, "guest 'fake' is 01020300-0000-0000-0000-000000000000, "
			 "not 01020300-0000-0000-0000-00000000000a");
	take_away();
}
END_TEST

/* ---- shutdown, whose watch is borrowed ----------------------------------------------------------------- */

static bool shutdown_comes(enum fake_moment moment, void *what)
{
	(void)what;
	/* As the toolstack would, while the first stage is at work: the event that fires goes to the real handler. */
	if (moment == FAKE_WINDOW_MADE && fake_host->stage == FAKE_BEGUN)
		fake_store_set("/local/domain/7/control/shutdown", "poweroff");
	return false;
}

START_TEST(shutdown_request_is_not_lost)
{
	fake_lie = shutdown_comes;
	(void)rig_attach(NULL, NULL);
	ck_assert_uint_eq(fake_host->shutdowns, 1);
	ck_assert_str_eq(node("/local/domain/7/control/shutdown"), "");
}
END_TEST

static bool node_goes(enum fake_moment moment, void *what)
{
	(void)what;
	if (moment == FAKE_WINDOW_MADE && fake_host->stage == FAKE_BEGUN)
		fake_store_forget("/local/domain/7/control/shutdown");
	return false;
}

/* The event that the first stage took cannot be given back just now: whoever comes next does it. */
START_TEST(event_that_cannot_be_given_back_is_owed)
{
	fake_lie = node_goes;
	setenv("XENGRAFT_FAULT", "fail:entered", 1);
	FAILS(attach, -EIO, "the fault point 'entered' failed");
	unsetenv("XENGRAFT_FAULT");
	fake_lie = NULL;
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM operation"), 1);
	FAILS(rig_recover, -ENOENT, "cleaning up after process");
	fake_store_set("/local/domain/7/control/shutdown", "");
	OK(rig_recover);
	ck_assert_int_eq(rig_ask("SELECT (SELECT count(*) FROM operation) + (SELECT count(*) FROM guest)"), 0);
	ck_assert_uint_eq(fake_windows_used(), 0);
	OK(attach);
	attached();
}
END_TEST

START_TEST(pending_shutdown_request_is_not_touched)
{
	fake_store_set("/local/domain/7/control/shutdown", "suspend");
	fake_host->deaf = true;
	FAILS(attach, -EBUSY, "a 'suspend' request is pending in the guest");
	ck_assert_str_eq(node("/local/domain/7/control/shutdown"), "suspend");
	fake_store_set("/local/domain/7/control/shutdown", "");
	clean(true);
}
END_TEST

/* ---- a guest that cannot, or lies ---------------------------------------------------------------------- */

/* Damages the window with N text pages; the core's has one, the driver's has eight. */
static const struct fake_window *text_pages_are(void *what, uint32_t n)
{
	const struct fake_window *w = what;

	return w->text == n ? w : NULL;
}

#define LIE_ABOUT_WINDOW(name, statement)							\
	static bool name##_core(enum fake_moment moment, void *what)				\
	{											\
		struct fake_window *w = what;							\
												\
		if (moment == FAKE_WINDOW_MADE && text_pages_are(what, 1))			\
			statement;								\
		return false;									\
	}											\
	static bool name##_device(enum fake_moment moment, void *what)				\
	{											\
		struct fake_window *w = what;							\
												\
		if (moment == FAKE_WINDOW_MADE && text_pages_are(what, 8))			\
			statement;								\
		return false;									\
	}

LIE_ABOUT_WINDOW(text_writable, *fake_window_entry(w, w->text - 1) |= FAKE_LINUX_WRITABLE)
LIE_ABOUT_WINDOW(text_not_executable, *fake_window_entry(w, 0) |= FAKE_LINUX_NO_EXEC)
LIE_ABOUT_WINDOW(data_executable, *fake_window_entry(w, w->text + w->data - 1) &= ~FAKE_LINUX_NO_EXEC)
LIE_ABOUT_WINDOW(data_read_only, *fake_window_entry(w, w->text) &= ~FAKE_LINUX_WRITABLE)
LIE_ABOUT_WINDOW(not_mapped, *fake_window_entry(w, w->text) = 0)
LIE_ABOUT_WINDOW(frame_of_nobody, *fake_window_entry(w, w->text) |= UINT64_C(0x7fff) << 28)
LIE_ABOUT_WINDOW(mapped_twice, *fake_window_entry(w, w->text + 1) =
		 (*fake_window_entry(w, 0) | FAKE_LINUX_WRITABLE | FAKE_LINUX_NO_EXEC))
LIE_ABOUT_WINDOW(one_large_page, *fake_linux_entry(fake_linux, XG_GVA(w->va), 2) |= 0x80)

/* What the mailbox says of the core's window, or the reply of the driver's. */
#define LIE_ABOUT_PLACE(name, value)								\
	static bool name##_device(enum fake_moment moment, void *what)				\
	{											\
		struct fake_reply *r = what;							\
												\
		if (moment == FAKE_REPLY && r->command.op == XG_CMD_WINDOW_ALLOC)		\
			r->reply.values[0] = (value);						\
		return false;									\
	}

LIE_ABOUT_PLACE(nowhere, 0)
LIE_ABOUT_PLACE(user_space, 0x400000)
LIE_ABOUT_PLACE(direct_map, fake_linux->direct.v)
LIE_ABOUT_PLACE(not_a_page, r->reply.values[0] + 8)
LIE_ABOUT_PLACE(over_the_end, UINT64_C(0xffffffffffffe000))
LIE_ABOUT_PLACE(kernel_text, fake_linux->image.v)
LIE_ABOUT_PLACE(kernel_data, fake_linux->image.v + 0x200000)
LIE_ABOUT_PLACE(core_itself, fake_host->core_va)

#define LIE_AT_START(name, statement)								\
	static bool name(enum fake_moment moment, void *what)					\
	{											\
		struct xg_core_header *h = what;						\
												\
		if (moment == FAKE_STARTED)							\
			statement;								\
		return false;									\
	}

LIE_AT_START(start_refused, (h->state = XG_CORE_FAILED, h->fault = -XG_E_NOMEM))

#define LIE_IN_REPLY(name, operation, statement)						\
	static bool name(enum fake_moment moment, void *what)					\
	{											\
		struct fake_reply *r = what;							\
												\
		if (moment == FAKE_REPLY && r->command.op == (operation))			\
			statement;								\
		return false;									\
	}

LIE_IN_REPLY(status_garbage, XG_CMD_DEVICE_OPEN, r->reply.status = 12345)
LIE_IN_REPLY(status_lowest, XG_CMD_DEVICE_OPEN, r->reply.status = INT32_MIN)
LIE_IN_REPLY(no_window_memory, XG_CMD_WINDOW_ALLOC,
	     (r->reply.status = -XG_E_NOMEM, fake_guest_free(r->reply.values[0])))
LIE_IN_REPLY(open_refused, XG_CMD_DEVICE_OPEN, r->reply.status = -XG_E_INVAL)
LIE_IN_REPLY(name_taken, XG_CMD_DEVICE_ADD, r->reply.status = -XG_E_EXIST)
LIE_IN_REPLY(add_unknown, XG_CMD_DEVICE_ADD, r->reply.status = -XG_E_NOTSUPP)
LIE_IN_REPLY(other_number, XG_CMD_DEVICE_ADD, r->reply.seq += 7)

LIE_IN_REPLY(ring_of_0, XG_CMD_DEVICE_OPEN, r->device->queues[0].ring_pages = 0)
LIE_IN_REPLY(ring_of_2, XG_CMD_DEVICE_OPEN, r->device->queues[0].ring_pages = 2)
LIE_IN_REPLY(ring_of_3, XG_CMD_DEVICE_OPEN, r->device->queues[0].ring_pages = 3)
LIE_IN_REPLY(ring_of_8, XG_CMD_DEVICE_OPEN, r->device->queues[0].ring_pages = 8)
LIE_IN_REPLY(ring_of_all, XG_CMD_DEVICE_OPEN, r->device->queues[0].ring_pages = UINT32_MAX)
LIE_IN_REPLY(ring_ref_0, XG_CMD_DEVICE_OPEN, r->device->queues[0].ring_ref[0] = 0)
LIE_IN_REPLY(ring_ref_7, XG_CMD_DEVICE_OPEN, r->device->queues[0].ring_ref[0] = 7)
LIE_IN_REPLY(event_port_0, XG_CMD_DEVICE_OPEN, r->device->queues[0].event_port = 0)
LIE_IN_REPLY(queues_0, XG_CMD_DEVICE_OPEN, r->device->block.nr_queues = 0)
LIE_IN_REPLY(queues_2, XG_CMD_DEVICE_OPEN, r->device->block.nr_queues = 2)
LIE_IN_REPLY(queues_9, XG_CMD_DEVICE_OPEN, r->device->block.nr_queues = 9)
LIE_IN_REPLY(queues_many, XG_CMD_DEVICE_OPEN, r->device->block.nr_queues = UINT32_MAX)

/* The command comes, is heard and is not answered. */
#define SILENT_AT(name, operation)								\
	static bool name(enum fake_moment moment, void *what)					\
	{											\
		return moment == FAKE_REPLY && ((struct fake_reply *)what)->command.op == (operation);	\
	}

SILENT_AT(silent_open, XG_CMD_DEVICE_OPEN)
SILENT_AT(silent_add, XG_CMD_DEVICE_ADD)

static bool dies_at_add(enum fake_moment moment, void *what)
{
	if (moment == FAKE_REPLY && ((struct fake_reply *)what)->command.op == XG_CMD_DEVICE_ADD)
		fake_host->shut_down = true;
	return moment == FAKE_REPLY && fake_host->shut_down;
}

static void no_thread(void)
{
	fake_host->no_thread = true;
}

static void no_memory(void)
{
	fake_host->no_memory = true;
}

static void nothing(void)
{
}

static const struct {
	const char *name;
	void (*make)(void);
	bool (*lie)(enum fake_moment moment, void *what);
	int rc;
	const char *says;
} lies[] = {
	{ "no thread", no_thread, NULL, -ENOMEM, "had no thread or no memory for the window" },
	{ "no memory", no_memory, NULL, -ENOMEM, "had no thread or no memory for the window" },
#define BOTH(n, rc, says) { #n ", core", nothing, n##_core, rc, says }, { #n ", device", nothing, n##_device, rc, says }
	BOTH(text_writable, -EPERM, "is writable and executable in the guest, wanted read-only and executable text"),
	BOTH(text_not_executable, -EPERM, "is read-only and not executable in the guest"),
	BOTH(data_executable, -EPERM, "is writable and executable in the guest, wanted writable data"),
	BOTH(data_read_only, -EPERM, "is read-only and not executable in the guest, wanted writable data"),
	BOTH(not_mapped, -EFAULT, "is not mapped in guest 'fake'"),
	BOTH(frame_of_nobody, -EFAULT, "cannot map frame"),
	BOTH(mapped_twice, -EPERM, "are the same frame"),
	BOTH(one_large_page, -EPERM, "lies in a mapping of 2097152 bytes"),
	{ "nowhere", nothing, nowhere_device, -EINVAL, "outside the kernel's module range" },
	{ "user space", nothing, user_space_device, -EINVAL, "outside the kernel's module range" },
	{ "direct map", nothing, direct_map_device, -EINVAL, "outside the kernel's module range" },
	{ "not a page", nothing, not_a_page_device, -EINVAL, "outside the kernel's module range" },
	{ "over the end", nothing, over_the_end_device, -EINVAL, "outside the kernel's module range" },
	{ "kernel text", nothing, kernel_text_device, -EPERM, "wanted writable data" },
	{ "kernel data", nothing, kernel_data_device, -EPERM, "wanted read-only and executable text" },
	{ "the core itself", nothing, core_itself_device, -EPERM, "wanted" },
	{ "start refused", nothing, start_refused, -EIO, "the personality refused to start: error -2" },
	{ "status garbage", nothing, status_garbage, -EIO, "the unknown status 12345" },
	{ "status lowest", nothing, status_lowest, -EIO, "the unknown status -2147483648" },
	{ "no window memory", nothing, no_window_memory, -ENOMEM, "the guest has no memory for it" },
	{ "open refused", nothing, open_refused, -EINVAL, "the guest's personality refused the request" },
	{ "name taken", nothing, name_taken, -EEXIST, "xvdb: the guest has a device of that name" },
	{ "add unknown", nothing, add_unknown, -EOPNOTSUPP, "the guest's personality does not know that" },
	{ "other number", nothing, other_number, -ETIMEDOUT, "no answer from the guest within 30 s" },
	{ "ring of 0", nothing, ring_of_0, -EPROTO, "queue 0 has a ring of 0 pages, wanted 1" },
	{ "ring of 2", nothing, ring_of_2, -EPROTO, "queue 0 has a ring of 2 pages, wanted 1" },
	{ "ring of 3", nothing, ring_of_3, -EPROTO, "queue 0 has a ring of 3 pages, wanted 1" },
	{ "ring of 8", nothing, ring_of_8, -EPROTO, "queue 0 has a ring of 8 pages, wanted 1" },
	{ "ring of all", nothing, ring_of_all, -EPROTO, "queue 0 has a ring of 4294967295 pages" },
	{ "ring ref 0", nothing, ring_ref_0, -EPROTO, "by the reserved reference 0" },
	{ "ring ref 7", nothing, ring_ref_7, -EPROTO, "by the reserved reference 7" },
	{ "event port 0", nothing, event_port_0, -EPROTO, "queue 0 has no event channel" },
	{ "0 queues", nothing, queues_0, -EPROTO, "the driver opened 0 queues, wanted 1" },
	{ "2 queues", nothing, queues_2, -EPROTO, "the driver opened 2 queues, wanted 1" },
	{ "9 queues", nothing, queues_9, -EPROTO, "the driver opened 9 queues, wanted 1" },
	{ "many queues", nothing, queues_many, -EPROTO, "the driver opened 4294967295 queues" },
	{ "silent open", nothing, silent_open, -ETIMEDOUT, "driver: no answer from the guest within 30 s" },
	{ "silent add", nothing, silent_add, -ETIMEDOUT, "xvdb: no answer from the guest within 30 s" },
};

/* The lies about a window's place leave it in the guest: it says so itself that it is elsewhere. */
static bool hides_a_window(void)
{
	return fake_host->core_runs || fake_windows_used();
}

START_TEST(lie_is_named_and_leaves_nothing)
{
	lies[_i].make();
	fake_lie = lies[_i].lie;
	FAILS(attach, lies[_i].rc, lies[_i].says);
	ck_assert_msg(!fake_host->crash[0], "%s: %s", lies[_i].name, fake_host->crash);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), 0);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM operation"), 0);
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
	fake_lie = NULL;
	fake_host->no_thread = fake_host->no_memory = false;
	if (hides_a_window()) {
		/* Dom0 has nothing but the personality then, which it could not make leave, and uses again. */
		ck_assert_int_eq(rig_ask("SELECT count(*) FROM guest"), 1);
		OK(attach);
		OK(detach);
		return;
	}
	clean(true);
	OK(attach);
	attached();
	take_away();
}
END_TEST

/* The header is in memory that the guest can write: later operations meet what it has become. */
static const struct {
	const char *name;
	size_t offset, size;
	uint64_t value;
	int rc;
	const char *says;
} headers[] = {
#define FIELD(f, value, rc, says) \
	{ #f, offsetof(struct xg_core_header, f), sizeof(((struct xg_core_header *)0)->f), value, rc, says }
	FIELD(magic, 0, -ESTALE, "no personality at"),
	FIELD(window_va, 1, -ESTALE, "no personality at"),
	FIELD(text_pages, 0, -ESTALE, "no personality at"),
	FIELD(data_pages, UINT32_MAX, -ESTALE, "no personality at"),
	FIELD(version, 0, -ESTALE, "is of version 0"),
	FIELD(size, 8, -ESTALE, "with 8 bytes"),
	FIELD(state, XG_CORE_LEFT, -ENODEV, "the personality has left the guest"),
	FIELD(state, 99, -ENODEV, "the personality has left the guest"),
	FIELD(event_port, 0, -EINVAL, "cannot bind to port 0"),
	FIELD(event_port, UINT32_MAX, -EINVAL, "cannot bind to port 4294967295"),
};

START_TEST(header_that_has_changed_is_refused)
{
	struct fake_window *w;
	uint8_t *at, before[8];

	OK(attach);
	w = fake_window_find(fake_host->core_va);
	at = (uint8_t *)fake_linux_page(fake_linux, w->pages[w->text]) + headers[_i].offset;
	memcpy(before, at, headers[_i].size);
	memcpy(at, &headers[_i].value, headers[_i].size);
	FAILS(detach, headers[_i].rc, headers[_i].says);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), 1);
	memcpy(at, before, headers[_i].size);
	take_away();
}
END_TEST

/* A command's number is the guest's to change: Dom0 goes by its own copy as long as it lives. */
START_TEST(numbers_of_commands_may_wrap)
{
	struct fake_window *w;
	struct xg_core_header *h;

	OK(attach);
	w = fake_window_find(fake_host->core_va);
	h = fake_linux_page(fake_linux, w->pages[w->text]);
	h->command.seq = h->reply.seq = fake_host->answered = UINT32_MAX;
	take_away();
}
END_TEST

START_TEST(guest_that_dies_under_a_command_is_noticed_at_once)
{
	fake_lie = dies_at_add;
	FAILS(attach, -ENODEV, "xvdb: the guest has shut down");
	/* Far less than a command's 30 s. */
	ck_assert_uint_lt(fake_host->clock_ms, 8000);
}
END_TEST

/* ---- a thread that is slow ----------------------------------------------------------------------------- */

static bool starved;

static bool thread_is_starved(enum fake_moment moment, void *what)
{
	(void)what;
	return moment == FAKE_GO_SEEN && starved;
}

START_TEST(thread_that_starts_late_is_cleaned_up_after)
{
	starved = true;
	fake_lie = thread_is_starved;
	FAILS(attach, -ETIMEDOUT, "the personality did not start within 5000 ms");
	ck_assert_uint_eq(fake_host->stage, FAKE_WAITING);
	/* Its bytes must stay, and the journal, for whoever comes. */
	ck_assert_int_eq(rig_ask("SELECT getting_in FROM operation"), 1);
	FAILS(attach, -ETIMEDOUT, "cleaning up after process");
	ck_assert_uint_eq(fake_host->stage, FAKE_WAITING);
	starved = false;
	OK(rig_recover);
	clean(false);
	OK(attach);
	take_away();
}
END_TEST

/* ---- the backend --------------------------------------------------------------------------------------- */

static const struct {
	const char *mode;
	int rc;
	const char *says;
} backends[] = {
	{ "error", -EIO, "the target is on fire" },
	{ "babble", -EIO, "who are you?" },
	{ "die", -EIO, "the backend ended before it was ready: see /tmp/" },
	{ "hang", -ETIMEDOUT, "the backend was not ready within 30 s: see /tmp/" },
};

START_TEST(backend_that_does_not_start_is_named)
{
	setenv("XENGRAFT_FAKE_BACKEND", backends[_i].mode, 1);
	if (!strcmp(backends[_i].mode, "hang"))
		fake_host->poll_cap_ms = 300;
	FAILS(attach, backends[_i].rc, backends[_i].says);
	clean(false);
}
END_TEST

START_TEST(backend_that_is_not_there_is_named)
{
	strcpy(rig.backend, "/nowhere/xengraft-backend");
	FAILS(attach, -EIO, "cannot run /nowhere/xengraft-backend: No such file or directory");
	clean(false);
}
END_TEST

START_TEST(backend_that_does_not_end_is_killed)
{
	OK(attach);
	fake_host->backend_stubborn = true;
	fake_host->poll_cap_ms = 300;
	take_away();
}
END_TEST

START_TEST(backend_that_does_not_connect_is_undone)
{
	setenv("XENGRAFT_FAKE_BACKEND", _i ? "refuse" : "silent", 1);
	fake_host->poll_cap_ms = 300;
	if (_i)
		FAILS(attach, -EIO, "the backend did not connect: ring of the wrong colour");
	else
		FAILS(attach, -ETIMEDOUT, "the backend was not connected within 30 s: see /tmp/");
	clean(true);
	unsetenv("XENGRAFT_FAKE_BACKEND");
	OK(attach);
	take_away();
}
END_TEST

static const struct {
	const char *name, *value;
	int rc;
	const char *says;
} offers[] = {
	{ "sectors", "0", -EINVAL, "0 sectors" },
	{ "sectors", "many", -EINVAL, "sectors" },
	{ "sectors", "18014398509481985", -ERANGE, "at most 18014398509481984" },
	{ "sectors", "9", -EINVAL, "9 sectors in blocks of 4096" },
	{ "sector-size", "0", -EINVAL, "blocks of 0" },
	{ "sector-size", "513", -EINVAL, "blocks of 513" },
	{ "sector-size", "8192", -ERANGE, "at most 4096" },
	{ "physical-sector-size", "256", -EINVAL, "and 256 bytes" },
	{ "physical-sector-size", "768", -EINVAL, "and 768 bytes" },
	{ "feature-flush-cache", "2", -ERANGE, "at most 1" },
	{ "kept-grants", "4294967296", -ERANGE, "at most 4294967295" },
};

START_TEST(offer_that_makes_no_sense_is_refused)
{
	const bool large = strstr(offers[_i].says, "in blocks of 4096");
	struct xg_err err = XG_ERR_NONE;
	struct xg_block_params params;
	char offer[200];

	/* The first of a name counts. */
	snprintf(offer, sizeof(offer), "ready %s=%s sectors=2048 sector-size=%s physical-sector-size=4096",
		 offers[_i].name, offers[_i].value, large ? "4096" : "512");
	ck_assert_int_eq(xg_connect_params(offer, 4, &params, &err), offers[_i].rc);
	ck_assert_msg(strstr(err.text, offers[_i].says) != NULL, "%s", err.text);
}
END_TEST

START_TEST(offer_is_bounded_by_what_we_can)
{
	static const char offer[] =
		"ready sectors=2048 physical-sector-size=4096 info=4 feature-flush-cache=1 feature-discard=1 "
		"feature-max-indirect-segments=4096 multi-queue-max-queues=64 max-ring-page-order=4";
	struct xg_block_params p;

	ck_assert_int_eq(xg_connect_params(offer, 32, &p, NULL), 0);
	ck_assert_uint_eq(p.nr_queues, XG_QUEUES_MAX);
	ck_assert_uint_eq(p.ring_order, 0);
	ck_assert_uint_eq(p.max_indirect, XG_SEGMENTS_MAX);
	ck_assert_uint_eq(p.logical_bytes, 512);
	ck_assert_uint_eq(p.discard_granularity, 512);
	ck_assert_uint_eq(p.flags, XG_BLK_READ_ONLY | XG_BLK_FLUSH | XG_BLK_DISCARD);
	ck_assert_int_eq(xg_connect_params(offer, 3, &p, NULL), 0);
	ck_assert_uint_eq(p.nr_queues, 3);
}
END_TEST

/* What the backend would keep, as it says, and whether the driver is told of it. */
static const struct { const char *offer; bool told; } keeping[] = {
	{ "ready sectors=8", false },
	{ "ready sectors=8 kept-grants=0", false },
	{ "ready sectors=8 kept-grants=1", true },
	{ "ready sectors=8 kept-grants=1056", true },
	{ "ready sectors=8 kept-grants=1057", false },	/* more than a driver has room for */
};

START_TEST(kept_grants_are_offered_within_bounds)
{
	struct xg_block_params p;

	ck_assert_int_eq(xg_connect_params(keeping[_i].offer, 1, &p, NULL), 0);
	ck_assert_int_eq(!!(p.flags & XG_BLK_KEPT), keeping[_i].told);
}
END_TEST

/* The backend's word, what the driver published, and what the backend is told then. */
static const struct { const char *backend; uint32_t kept; const char *told; } agreements[] = {
	{ "", 0, "0" },
	{ "", XG_KEPT_MAX, "0" },
	{ "keeps", 0, "0" },			/* an older driver or personality */
	{ "keeps", XG_KEPT_MAX - 1, "0" },
	{ "keeps", XG_KEPT_MAX, "1" },
};

START_TEST(grants_are_kept_when_all_agree)
{
	setenv("XENGRAFT_FAKE_BACKEND", agreements[_i].backend, 1);
	fake_host->grants_kept = agreements[_i].kept;
	ck_assert_int_eq(rig_attach(NULL, NULL), 0);
	ck_assert_str_eq(fake_store_get("/local/domain/7/xengraft/vbd/51728/feature-persistent"), agreements[_i].told);
	unsetenv("XENGRAFT_FAKE_BACKEND");
	ck_assert_int_eq(rig_detach(false, NULL), 0);
}
END_TEST

/* ---- detach -------------------------------------------------------------------------------------------- */

START_TEST(disk_in_use_stays_but_for_force)
{
	OK(attach);
	fake_host->in_use = true;
	FAILS(detach, -EBUSY, "disk xvdb is in use in guest 'fake': unmount it there, or use --force");
	attached();
	OK(detach_by_force);
	OK(rig_withdraw);
	clean(false);
}
END_TEST

static bool silent_close(enum fake_moment moment, void *what)
{
	return moment == FAKE_COMMAND && ((struct xg_command *)what)->op == XG_CMD_DEVICE_CLOSE;
}

/* What could not be done stays on record, and is done the next time. */
START_TEST(detach_that_was_not_answered_can_be_done_again)
{
	OK(attach);
	fake_lie = silent_close;
	FAILS(detach, -ETIMEDOUT, "no answer from the guest");
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device WHERE state = 'detaching'"), 1);
	fake_lie = NULL;
	take_away();
}
END_TEST

static bool silent_leave(enum fake_moment moment, void *what)
{
	return moment == FAKE_COMMAND && ((struct xg_command *)what)->op == XG_CMD_LEAVE;
}

START_TEST(withdrawal_is_not_waited_for_for_ever)
{
	OK(attach);
	OK(detach);
	fake_lie = silent_leave;
	FAILS(rig_withdraw, -ETIMEDOUT, "no answer from the guest within 30 s");
	fake_lie = NULL;
	OK(rig_withdraw);
	clean(false);
}
END_TEST

/* ---- a guest that is another one now ------------------------------------------------------------------- */

/* As after a kexec: nothing of ours is mapped, and the kernel is as it boots. */
static void guest_reboots(void)
{
	struct fake_window *w;
	unsigned int i;

	for (i = 0; i < FAKE_WINDOWS; i++) {
		w = &fake_host->windows[i];
		while (w->va && w->text + w->data) {
			w->data ? w->data-- : w->text--;
			*fake_window_entry(w, w->text + w->data) = 0;
		}
		memset(w, 0, sizeof(*w));
	}
	memset(fake_host->page_used, 0, sizeof(fake_host->page_used));
	fake_host->core_runs = false;
	fake_host->core_va = fake_host->core_port = 0;
}

START_TEST(guest_that_rebooted_gets_its_disk_anew)
{
	rig.spec.shared = true;
	OK(attach);
	guest_reboots();
	FAILS(detach, -ESTALE, "the personality is not where it was");
	strcpy(rig.spec.vdev, "xvdc");
	rig.dry_run = true;
	OK(attach);
	ck_assert_int_eq(rig_ask("SELECT devid FROM device"), RIG_DEVID);	/* only looked */
	rig.dry_run = false;
	OK(attach);
	/* The old disk's backend and areas went with its record. */
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), 1);
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd/7/51728"));
	take_away();
}
END_TEST

START_TEST(force_takes_the_disk_of_a_guest_that_rebooted)
{
	OK(attach);
	guest_reboots();
	OK(detach_by_force);
	OK(rig_withdraw);
	clean(false);
}
END_TEST

/* It may have been saved: only what is in Dom0 goes. */
START_TEST(guest_that_is_gone_is_away)
{
	OK(attach);
	OK(rig_sweep);
	attached();
	fake_host->gone = true;
	OK(rig_sweep);
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM guest WHERE away != 0"), 1);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), 1);
	while (wait(NULL) > 0)
		;	/* its backend has ended: the test would not */
}
END_TEST

/* Not to be able to ask is not to be told that it is gone. */
START_TEST(guest_that_cannot_be_asked_about_is_not_forgotten)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_ops ops;
	unsigned int n;

	OK(attach);
	for (n = 1; n < 10; n++) {
		ck_assert_int_eq(rig_open(&ops, NULL), 0);
		fake_strike(n, false);
		(void)xg_sweep(&ops, &err);
		fake_strike(0, false);
		xg_ops_close(&ops);
		attached();
	}
	take_away();
}
END_TEST

START_TEST(id_that_is_another_guests_now_is_left_alone)
{
	OK(attach);
	/* The record's guest died; this one has its id, and a disk of the same number. */
	fake_linux->guest->info.uuid[0] ^= 0xff;
	fake_store_set(BACK "domain-uuid", "fe020300-0000-0000-0000-000000000000");
	OK(rig_sweep);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM guest WHERE away = 0"), 0);
	ck_assert_str_eq(node(BACK "online"), "1");
	fake_linux->guest->info.uuid[0] ^= 0xff;
	kill(atoi(node(BACK "pid")), SIGTERM);
	while (wait(NULL) > 0)
		;
}
END_TEST

START_TEST(guest_that_was_restored_keeps_its_record)
{
	OK(attach);
	fake_guest_restore(9);
	OK(rig_sweep);
	ck_assert_ptr_nonnull(strstr(rig.notices, "was restored as domain 9: its disks have lost their backends"));
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
	ck_assert_int_eq(rig_ask("SELECT domid FROM guest"), 9);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device WHERE state = 'live'"), 1);
	OK(detach);
	OK(rig_withdraw);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM guest"), 0);
	ck_assert_uint_eq(fake_windows_used(), 0);
	fake_linux->guest->info.domid = FAKE_DOMID;
	while (wait(NULL) > 0)
		;
}
END_TEST

/* As 'xl reboot' does it: the same UUID, another id, and nothing of us in its memory. */
START_TEST(guest_that_was_rebooted_begins_anew)
{
	OK(attach);
	guest_reboots();
	fake_linux->guest->info.domid = 9;
	OK(rig_sweep);
	ck_assert_str_eq(rig.notices, "");
	ck_assert_int_eq(rig_ask("SELECT (SELECT count(*) FROM guest) + (SELECT count(*) FROM device)"), 0);
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
	fake_linux->guest->info.domid = FAKE_DOMID;
	while (wait(NULL) > 0)
		;
}
END_TEST

/* While a guest moves from here to here there are two of the UUID, and the record's is the one. */
START_TEST(guest_is_the_one_that_the_record_knows)
{
	OK(attach);
	fake_host->twin = true;
	OK(rig_sweep);
	attached();
	ck_assert_int_eq(rig_ask("SELECT domid FROM guest"), FAKE_DOMID);
	fake_host->twin = false;
	take_away();
}
END_TEST

static int forget(struct xg_err *err)
{
	struct xg_ops ops;
	int rc = rig_open(&ops, err);

	if (!rc)
		rc = xg_forget(&ops, FAKE_GUEST, err);
	xg_ops_close(&ops);
	return rc;
}

/* Killed in STEP: what that left is made another version's work. */
static void another_version_died(const char *step)
{
	pid_t pid = fork();

	if (pid == 0) {
		setenv("XENGRAFT_FAULT", step, 1);
		(void)rig_attach(NULL, NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM operation"), 1);
	rig_ask("UPDATE operation SET plan = substr(plan, 1, 100)");
}

START_TEST(work_of_another_version_is_cleaned_up_where_no_plan_is_needed)
{
	another_version_died("kill:open the driver");
	OK(rig_recover);
	clean(true);
}
END_TEST

START_TEST(work_of_another_version_can_be_given_up)
{
	another_version_died("kill:entered");
	FAILS(attach, -EPROTO, "another version of xengraft left its work on guest 'fake' unfinished");
	FAILS(rig_withdraw, -EPROTO, "'xengraft withdraw --forget fake'");
	OK(forget);
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
	ck_assert_int_eq(rig_ask("SELECT (SELECT count(*) FROM operation) + (SELECT count(*) FROM guest) + "
				 "(SELECT count(*) FROM device)"), 0);
	/* The first stage gives up by itself, and then the guest can be entered anew. */
	while (fake_host->stage != FAKE_OUT)
		fake_guest_run();
	OK(attach);
	attached();
	take_away();
}
END_TEST

START_TEST(disks_can_be_forgotten_with_their_guest)
{
	OK(attach);
	rig.dry_run = true;
	OK(forget);
	attached();
	rig.dry_run = false;
	OK(forget);
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
	ck_assert_ptr_null(fake_store_get("/local/domain/7/drivers/65534"));
	ck_assert_ptr_null(fake_store_get("/local/domain/7/drivers/51728"));
	ck_assert_int_eq(rig_ask("SELECT count(*) FROM device"), 0);
	while (wait(NULL) > 0)
		;
}
END_TEST

/* ---- a guest with a module of its own --------------------------------------------------------------------- */

#define MODULE_NODE "/local/domain/7/data/xengraft/core"

static const char *const no_modules[] = {
	"nonsense",
	"va=ffffffffc0000000,text=128,data_va=ffffffffc0200000,data=65,abi=1",	/* not mapped */
	"va=1000,text=1,data_va=2000,data=1,abi=1",				/* user space */
	"va=ffffffffc0000000,text=0,data_va=ffffffffc0200000,data=0,abi=1",
	"va=ffffffffc0000000,text=1,data_va=ffffffffc0200000,data=1,abi=9",
};

START_TEST(module_that_is_not_there_is_told_of)
{
	fake_store_set(MODULE_NODE, no_modules[_i]);
	OK(attach);
	ck_assert_ptr_nonnull(strstr(rig.notices, "the module that guest 'fake' tells of is of no use"));
	ck_assert_int_eq(rig_ask("SELECT module FROM guest"), 0);
	attached();
	/* Once there is a record nobody asks any more. */
	OK(detach);
	OK(attach);
	ck_assert_str_eq(rig.notices, "");
	OK(detach);
	OK(rig_withdraw);
}
END_TEST

/*
 * The personality that is there is made to look as if its owner had loaded it; its allocator gives windows elsewhere.
 */
START_TEST(module_that_gives_windows_outside_its_room_is_refused)
{
	const struct fake_window *w;
	char node[160];

	OK(attach);
	OK(detach);
	rig_ask("DELETE FROM guest");
	w = fake_window_find(fake_host->core_va);
	snprintf(node, sizeof(node), "va=%llx,text=%u,data_va=%llx,data=%u,abi=1", (unsigned long long)w->va, w->text,
		 (unsigned long long)(w->va + w->text * XG_PAGE_SIZE), w->data);
	fake_store_set(MODULE_NODE, node);
	FAILS(attach, -EINVAL, "outside its own room");
	ck_assert_str_eq(rig.notices, "");
	ck_assert_int_eq(rig_ask("SELECT (SELECT count(*) FROM guest) + (SELECT count(*) FROM operation)"), 0);
	/* It was not entered, and what is its owner's is not taken out. */
	ck_assert(fake_host->core_runs);
	ck_assert_uint_eq(fake_host->stage, FAKE_OUT);
	ck_assert_ptr_null(fake_store_get("/local/domain/0/backend/xengraft-vbd"));
}
END_TEST

START_TEST(disk_is_found_by_each_of_its_names)
{
	static const char *const names[] = { "xvdb", "d1", "51728", "0xca10" };
	struct xg_device_row device;
	struct xg_guest_row row;
	struct xg_guest *g;
	struct xg_ops ops;
	size_t i;

	OK(attach);
	ck_assert_int_eq(rig_open(&ops, NULL), 0);
	for (i = 0; i < XG_ARRAY_SIZE(names); i++) {
		ck_assert_int_eq(xg_device_find(&ops, "7", names[i], &g, &row, &device, NULL), 0);
		ck_assert_str_eq(device.vdev, "xvdb");
		xg_guest_close(g);
	}
	ck_assert_int_eq(xg_device_find(&ops, "7", "xvdc", &g, &row, &device, NULL), -ENOENT);
	ck_assert_int_eq(xg_device_find(&ops, "8", "xvdb", &g, &row, &device, NULL), -ENOENT);
	ck_assert_int_eq(xg_device_find(&ops, "7", "zzz", &g, &row, &device, NULL), -EINVAL);
	xg_ops_close(&ops);
	take_away();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("attach");
	TCase *t = tcase_create("attach");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, disk_comes_and_goes_without_a_trace);
	tcase_add_test(t, xenstore_tells_both_ends);
	tcase_add_test(t, second_disk_uses_the_personality_that_is_there);
	tcase_add_test(t, disk_comes_again_after_it_went);
	tcase_add_test(t, done_again_says_so);
	tcase_add_test(t, dry_run_changes_nothing);
	tcase_add_test(t, transaction_that_meets_another_is_done_again);
	tcase_add_loop_test(t, refused_before_anything_is_touched, 0, XG_ARRAY_SIZE(refusals));
	tcase_add_test(t, bytes_that_were_left_are_taken_over);
	tcase_add_test(t, two_at_once_take_turns);
	tcase_add_test(t, shutdown_request_is_not_lost);
	tcase_add_test(t, event_that_cannot_be_given_back_is_owed);
	tcase_add_test(t, pending_shutdown_request_is_not_touched);
	tcase_add_loop_test(t, lie_is_named_and_leaves_nothing, 0, XG_ARRAY_SIZE(lies));
	tcase_add_loop_test(t, header_that_has_changed_is_refused, 0, XG_ARRAY_SIZE(headers));
	tcase_add_test(t, numbers_of_commands_may_wrap);
	tcase_add_test(t, guest_that_dies_under_a_command_is_noticed_at_once);
	tcase_add_test(t, thread_that_starts_late_is_cleaned_up_after);
	tcase_add_loop_test(t, backend_that_does_not_start_is_named, 0, XG_ARRAY_SIZE(backends));
	tcase_add_test(t, backend_that_is_not_there_is_named);
	tcase_add_test(t, backend_that_does_not_end_is_killed);
	tcase_add_loop_test(t, backend_that_does_not_connect_is_undone, 0, 2);
	tcase_add_loop_test(t, offer_that_makes_no_sense_is_refused, 0, XG_ARRAY_SIZE(offers));
	tcase_add_test(t, offer_is_bounded_by_what_we_can);
	tcase_add_loop_test(t, kept_grants_are_offered_within_bounds, 0, XG_ARRAY_SIZE(keeping));
	tcase_add_loop_test(t, grants_are_kept_when_all_agree, 0, XG_ARRAY_SIZE(agreements));
	tcase_add_test(t, disk_in_use_stays_but_for_force);
	tcase_add_test(t, detach_that_was_not_answered_can_be_done_again);
	tcase_add_test(t, withdrawal_is_not_waited_for_for_ever);
	tcase_add_test(t, guest_that_rebooted_gets_its_disk_anew);
	tcase_add_test(t, force_takes_the_disk_of_a_guest_that_rebooted);
	tcase_add_test(t, guest_that_is_gone_is_away);
	tcase_add_test(t, who_was_here_is_told_from_who_never_was);
	tcase_add_test(t, guest_of_another_uuid_is_not_meant);
	tcase_add_test(t, guest_that_cannot_be_asked_about_is_not_forgotten);
	tcase_add_test(t, id_that_is_another_guests_now_is_left_alone);
	tcase_add_test(t, guest_that_was_restored_keeps_its_record);
	tcase_add_test(t, guest_that_was_rebooted_begins_anew);
	tcase_add_test(t, guest_is_the_one_that_the_record_knows);
	tcase_add_test(t, work_of_another_version_is_cleaned_up_where_no_plan_is_needed);
	tcase_add_test(t, work_of_another_version_can_be_given_up);
	tcase_add_test(t, disks_can_be_forgotten_with_their_guest);
	tcase_add_loop_test(t, module_that_is_not_there_is_told_of, 0, XG_ARRAY_SIZE(no_modules));
	tcase_add_test(t, module_that_gives_windows_outside_its_room_is_refused);
	tcase_add_test(t, disk_is_found_by_each_of_its_names);
	suite_add_tcase(s, t);
	return run_suite(s);
}
