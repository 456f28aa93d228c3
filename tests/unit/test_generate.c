// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the repository lacks is generated: on a fake host, with a script in the generator's place. What it is asked for,
 * that what came is looked at, signed and added once; what is refused and in which words; what a process that dies
 * leaves.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dom0-tools/ops/generate.h"
#include "dom0-tools/ops/interrupt.h"
#include "driver-repo/keyring.h"
#include "lib/base/array.h"
#include "tests/lib/ops_check.h"
#include "tests/lib/run_suite.h"

/*
 * Hands out the file `given`, or does what XENGRAFT_FAKE_GEN says; notes what it was asked for. Its last argument is
 * the file to make.
 */
static const char script[] =
	"#!/bin/sh\n"
	"here=${0%/*}\n"
	"echo \"$*\" >>$here/asked\n"
	"echo \"$TMPDIR $LC_ALL\" >>$here/environment\n"
	"for out; do :; done\n"
	"case $XENGRAFT_FAKE_GEN in\n"
	"'') cp $here/given $out ;;\n"
	"slow) sleep 0.3; cp $here/given $out ;;\n"
	"headers) echo noise >&2\n"
	"	echo 'xengraft-gen: no headers for R; on Debian they are in the package linux-headers-R' >&2; exit 1 "
	";;\n"
	"silent) exit 3 ;;\n"
	"escape) printf 'xengraft-build-image: \\033[31m%02000d\\n' 7 >&2; exit 1 ;;\n"
	"hang) echo $$ >$here/pid; touch $TMPDIR/half; sleep 100 & wait ;;\n"
	"closed) exec 2>&-; echo $$ >$here/pid; sleep 100 ;;\n"
	"litter) cp $here/given $out; mkdir -p $TMPDIR/a/b; echo >$TMPDIR/a/b/c; sleep 100 & ;;\n"
	"nothing) ;;\n"
	"text) echo text >$out ;;\n"
	"link) ln -s /etc/passwd $out ;;\n"
	"killed) kill -9 $$ ;;\n"
	"esac\n";

static char generator[96];

static void take_away(void)
{
	OK(detach);
	OK(rig_withdraw);
	clean(false);
}

/* ---- The generator, and a repository without what it makes ----------------------------------------------------- */

static void give(uint8_t *image, size_t size)
{
	rig_image_write("given", image, size);
	free(image);
}

static void give_personality(const char *notes)
{
	size_t size;
	uint8_t *image = rig_personality(notes, &size);

	give(image, size);
}

static void give_driver(const char *notes)
{
	size_t size;
	uint8_t *image = rig_driver(notes, &size);

	give(image, size);
}

static void generator_write(void)
{
	snprintf(generator, sizeof(generator), "%s/gen", rig.dir);
	rig_image_write("gen", script, strlen(script));
	ck_assert_int_eq(chmod(generator, 0700), 0);
	rig.generator = generator;
	unsetenv("XENGRAFT_FAKE_GEN");
}

static void remove_image(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
	ck_assert_int_eq(unlink(path), 0);
	rig_images_changed();
}

static void without_personality(void)
{
	rig_reset();
	generator_write();
	give_personality(rig_personality_notes);
	remove_image("linux-" FAKE_RELEASE ".o");
}

static void without_driver(void)
{
	rig_reset();
	generator_write();
	give_driver(rig_driver_notes);
	remove_image("blkif-virtual.o");
}

static unsigned int lines(const char *name, char *ret_last, size_t room)
{
	char path[200], line[700];
	unsigned int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		n++;
		if (ret_last)
			snprintf(ret_last, room, "%.*s", (int)strcspn(line, "\n"), line);
	}
	if (f)
		fclose(f);
	return n;
}

static unsigned int times_run(void)
{
	return lines("asked", NULL, 0);
}

static int count_one(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	(void)e;
	(void)err;
	++*(unsigned int *)ctx;
	return 0;
}

static unsigned int images_in_repository(void)
{
	struct xg_repo_report report = { .line = NULL };
	struct xg_err err = XG_ERR_NONE;
	struct xg_repo *r = NULL;
	unsigned int n = 0;

	ck_assert_msg(!xg_repo_open(&rig.repo_paths, &r, &err), "%s", err.text);
	ck_assert_int_eq(xg_repo_list(r, count_one, &n, &err), 0);
	ck_assert_int_eq(xg_repo_verify(r, &report, &err), 0);
	ck_assert_uint_eq(report.damaged, 0);
	ck_assert_uint_eq(report.untrusted, 0);
	xg_repo_close(r);
	return n;
}

/* Whatever there is besides the lock. */
static unsigned int left_in_work_dir(void)
{
	DIR *d = opendir(rig.work_dir);
	unsigned int n = 0;
	struct dirent *e;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.' && strcmp(e->d_name, "lock") != 0;
	if (d)
		closedir(d);
	return n;
}

/* ---- As it should be ------------------------------------------------------------------------------------------ */

START_TEST(personality_is_made_once_and_found_then)
{
	char asked[500], environment[500], wanted[300];

	without_personality();
	ck_assert_uint_eq(images_in_repository(), 1);
	OK(attach);
	attached();
	ck_assert_ptr_nonnull(strstr(rig.steps, "find the personality; generate the personality; inspect the guest; "));
	snprintf(wanted, sizeof(wanted),
		 "generated personality linux-%s 0.1, signed with this host's key and added to ", FAKE_RELEASE);
	ck_assert_msg(strstr(rig.notices, wanted) != NULL, "%s", rig.notices);
	ck_assert_uint_eq(strlen(strstr(rig.notices, "sha256 ") + 7), 64);
	ck_assert_uint_eq(lines("asked", asked, sizeof(asked)), 1);
	snprintf(wanted, sizeof(wanted), "--os linux --release " FAKE_RELEASE " -o %s/image.", rig.work_dir);
	ck_assert_msg(!strncmp(asked, wanted, strlen(wanted)), "%s", asked);
	lines("environment", environment, sizeof(environment));
	snprintf(wanted, sizeof(wanted), "%s/image.", rig.work_dir);
	ck_assert_msg(!strncmp(environment, wanted, strlen(wanted)) && strstr(environment, " C"), "%s", environment);
	ck_assert_uint_eq(left_in_work_dir(), 0);
	ck_assert_uint_eq(images_in_repository(), 2);
	take_away();
	OK(attach);
	ck_assert_uint_eq(times_run(), 1);
	ck_assert_str_eq(rig.notices, "");
	take_away();
	/* A folder of packaged images that changes takes nothing of it away. */
	rig_images_changed();
	ck_assert_uint_eq(images_in_repository(), 2);
}
END_TEST

START_TEST(driver_is_made_once_and_found_then)
{
	char asked[500];

	without_driver();
	OK(attach);
	attached();
	ck_assert_ptr_nonnull(strstr(rig.notices, "generated driver xen-blkif-virtual 0.1"));
	ck_assert_uint_eq(lines("asked", asked, sizeof(asked)), 1);
	ck_assert_msg(!strncmp(asked, "--device xen-blkif --mode virtual -o ", 37), "%s", asked);
	take_away();
	OK(attach);
	ck_assert_uint_eq(times_run(), 1);
	take_away();
}
END_TEST

START_TEST(dry_run_says_that_it_would)
{
	without_personality();
	rig.dry_run = true;
	OK(attach);
	ck_assert_ptr_nonnull(strstr(rig.steps, "generate the personality; record the guest"));
	ck_assert_uint_eq(times_run(), 0);
	ck_assert_uint_eq(images_in_repository(), 1);
	ck_assert_int_ne(access(rig.work_dir, F_OK), 0);
	without_driver();
	rig.dry_run = true;
	OK(attach);
	ck_assert_ptr_nonnull(strstr(rig.steps, "generate the driver"));
	ck_assert_uint_eq(times_run(), 0);
}
END_TEST

START_TEST(its_words_go_to_the_details_and_its_litter_away)
{
	without_personality();
	setenv("XENGRAFT_FAKE_GEN", "litter", 1);
	OK(attach);
	ck_assert_uint_eq(left_in_work_dir(), 0);
	take_away();	/* waits for all processes: what it left in the background was ended */
	without_personality();
	setenv("XENGRAFT_FAKE_GEN", "headers", 1);
	FAILS(attach, -ENOENT, "none can be generated: no headers for R; on Debian they are in the package linux-head");
	ck_assert_ptr_nonnull(strstr(rig.details, "noise; xengraft-gen: no headers for R"));
}
END_TEST

/* ---- What is refused ------------------------------------------------------------------------------------------ */

static void conf_write(const char *text)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/repo.conf", rig.repo_paths.confdir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void denied(void)
{
	conf_write("generate deny\n");
}

static void allowed_and_denied_wrongly(void)
{
	conf_write("generate perhaps\n");
}

static void not_installed(void)
{
	rig.generator = "/nowhere/xengraft-gen";
}

static void not_a_program(void)
{
	rig_image_write("gen", "\177ELF", 4);
}

static void no_key(void)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/host.key", rig.repo_paths.confdir);
	ck_assert_int_eq(unlink(path), 0);
}

static void key_not_trusted(void)
{
	char path[600], aside[620];

	snprintf(path, sizeof(path), "%s/keys.d/host.pub", rig.repo_paths.confdir);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	ck_assert_int_eq(rename(path, aside), 0);
}

static void key_trusted_again(void)
{
	char path[600], aside[620];

	snprintf(path, sizeof(path), "%s/keys.d/host.pub", rig.repo_paths.confdir);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	(void)rename(aside, path);
}

static void work_dir_is_a_file(void)
{
	int fd = open(rig.work_dir, O_CREAT | O_WRONLY, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

#define NOTES(release, build_id) "kind=personality\nabi=1\nos=linux\nrelease=" release "\nbuild-id=" build_id \
	"\narch=x86_64\nversion=0.1\nlicence=GPL-2.0-or-later\n"

static void another_build(void)
{
	give_personality(NOTES(FAKE_RELEASE, "ff112233445566778899aabbccddeeff00112233"));
}

static void another_release(void)
{
	give_personality(NOTES("6.1.1-test", FAKE_BUILD_ID));
}

static void a_driver_instead(void)
{
	give_driver(rig_driver_notes);
}

static const struct {
	void (*make)(void);
	const char *does;	/* the script */
	int rc;
	const char *says;
	bool runs;
} refusals[] = {
	{ denied, "", -ENOENT, "/repo.conf denies it", false },
	{ not_installed, "", -ENOENT, "the generator /nowhere/xengraft-gen is not installed", false },
	{ no_key, "", -ENOENT, "this host has no key", false },
	{ key_not_trusted, "", -ENOENT, "this host does not trust its own key", false },
	{ work_dir_is_a_file, "", -ENOTDIR, "lock", false },
	{ not_a_program, "", -ENOEXEC, "cannot run", false },
	{ NULL, "headers", -ENOENT, "no headers for R; on Debian they are in the package linux-headers-R", true },
	{ NULL, "silent", -ENOENT, "gen failed with status 3", true },
	{ NULL, "escape", -ENOENT, "none can be generated:  [31m00000000", true },
	{ NULL, "killed", -ENOENT, "was ended by signal 9", true },
	{ NULL, "hang", -ETIMEDOUT, "was not done within 1 s", true },
	{ NULL, "closed", -ETIMEDOUT, "was not done within 1 s", true },
	{ NULL, "nothing", -ENOENT, "out.o", true },
	{ NULL, "text", -ENOEXEC, "out.o", true },
	{ NULL, "link", -ENOEXEC, "out.o", true },
	{ another_build, "", -ENOEXEC, "of this host is the build ff112233, the guest's is 00112233: a kernel of",
	  true },
	{ another_release, "", -ENOEXEC, "the generator made one for release 6.1.1-test", true },
	{ a_driver_instead, "", -ENOEXEC, "the generator made a driver", true },
};

START_TEST(refused_and_nothing_added)
{
	without_personality();
	rig.generate_ms = 1000;
	if (refusals[_i].make)
		refusals[_i].make();
	setenv("XENGRAFT_FAKE_GEN", refusals[_i].does, 1);
	if (refusals[_i].rc == -ETIMEDOUT)
		fake_host->tick_ms = 50;
	FAILS(attach, refusals[_i].rc, refusals[_i].says);
	FAILS(attach, refusals[_i].rc, "no personality for linux " FAKE_RELEASE " in the repository");
	ck_assert_uint_eq(times_run(), refusals[_i].runs ? 2 : 0);
	ck_assert_uint_eq(left_in_work_dir(), 0);
	ck_assert_ptr_null(rig_dirt(false));
	key_trusted_again();
	rig_images_changed();	/* where the key was lost, another one */
	ck_assert_uint_eq(images_in_repository(), 1);
}
END_TEST

START_TEST(setting_that_is_none_is_an_error)
{
	without_personality();
	allowed_and_denied_wrongly();
	FAILS(attach, -EINVAL, "repo.conf:1: expected 'unsigned refuse|allow', 'generate allow|deny'");
	conf_write("generate deny\ngenerate allow\n");
	OK(attach);
	take_away();
}
END_TEST

/* What a guest says becomes arguments and paths: only names do. */
static const char *const hostile[] = {
	"", "-v", "--headers=/tmp/x", ".", "..", ".hidden", "../../tmp/x", "6.1/../../x", "6.1 -o /etc/passwd", "6.1\n",
	"6.1;id", "$(id)", "`id`", "6.1\"", "6.1'", "6.1*", "6.1\t", "6.1\033[2J", "6.1:x", "6.1@x", "\xc3\xa9",
};

START_TEST(release_that_is_no_name_is_never_passed_on)
{
	struct xg_os os = { .name = "linux", .build_id = FAKE_BUILD_ID, .arch = "x86_64" };
	struct xg_image *image = NULL;
	struct xg_err err = XG_ERR_NONE;
	struct xg_ops ops;

	without_personality();
	ck_assert_int_eq(rig_open(&ops, &err), 0);
	snprintf(os.release, sizeof(os.release), "%s", hostile[_i]);
	ck_assert_int_eq(xg_personality_get(&ops, &os, &image, NULL, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "what the guest calls its release is no kernel's name"));
	snprintf(os.release, sizeof(os.release), "6.1");
	ck_assert_int_eq(xg_driver_get(&ops, &os, hostile[_i], "virtual", &image, &err), -EINVAL);
	ck_assert_uint_eq(times_run(), 0);
	os.build_id[0] = '\0';
	ck_assert_int_eq(xg_personality_get(&ops, &os, &image, NULL, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "does not say its build-id"));
	xg_ops_close(&ops);
}
END_TEST

/* ---- Two at once, and those that die ----------------------------------------------------------------------------- */

static int get_personality(void)
{
	struct xg_os os = { .name = "linux", .release = FAKE_RELEASE, .build_id = FAKE_BUILD_ID, .arch = "x86_64" };
	struct xg_image *image = NULL;
	struct xg_err err = XG_ERR_NONE;
	struct xg_ops ops;
	int rc = rig_open(&ops, &err);

	if (!rc)
		rc = xg_personality_get(&ops, &os, &image, NULL, &err);
	if (rc)
		fprintf(stderr, "%s\n", err.text);
	xg_image_free(image);
	xg_ops_close(&ops);
	return rc;
}

static pid_t in_a_child(int (*what)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(what() ? 1 : 0);
	return pid;
}

START_TEST(two_at_once_end_with_one)
{
	pid_t pids[3];
	int status, i;

	without_personality();
	setenv("XENGRAFT_FAKE_GEN", "slow", 1);
	for (i = 0; i < 3; i++)
		pids[i] = in_a_child(get_personality);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_uint_eq(times_run(), 1);
	ck_assert_uint_eq(images_in_repository(), 2);
	ck_assert_uint_eq(left_in_work_dir(), 0);
}
END_TEST

START_TEST(who_waits_too_long_is_told_to_try_again)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_ops ops;
	int lock = -1;

	without_personality();
	rig.generate_ms = 400;
	ck_assert_int_eq(rig_open(&ops, &err), 0);
	ck_assert_int_eq(xg_generate_lock(&ops, &lock, &err), 0);
	fake_host->tick_ms = 100;
	FAILS(attach, -EAGAIN, "another process has been generating");
	fake_host->tick_ms = 1;
	close(lock);
	xg_ops_close(&ops);
	rig.generate_ms = 60000;
	OK(attach);
	take_away();
}
END_TEST

static const char *const points[] = {
	"generate: begun", "generate: made", "generate: staged", "repo add: file written", "repo add: on the disk",
	"repo add: signatures "
	"renamed", "repo add: renamed", "repo add: rows written", "repo add: committed", "generate: added",
};

static int attach_in_child(void)
{
	struct xg_err err = XG_ERR_NONE;

	return rig_attach(NULL, &err);
}

START_TEST(killed_anywhere_nothing_half_made_stays)
{
	char fault[80];
	int status;
	pid_t pid;

	without_personality();
	snprintf(fault, sizeof(fault), "kill:%s", points[_i]);
	setenv("XENGRAFT_FAULT", fault, 1);
	pid = in_a_child(attach_in_child);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	unsetenv("XENGRAFT_FAULT");
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%d", status);
	ck_assert_uint_le(images_in_repository(), 2);
	OK(attach);
	attached();
	ck_assert_uint_eq(images_in_repository(), 2);
	ck_assert_uint_eq(left_in_work_dir(), 0);
	take_away();
}
END_TEST

START_TEST(failing_anywhere_leaves_the_repository_usable)
{
	char fault[80];

	without_personality();
	snprintf(fault, sizeof(fault), "fail:%s", points[_i]);
	setenv("XENGRAFT_FAULT", fault, 1);
	if (_i < 8)
		FAILS(attach, -EIO, "failed as a test wanted");
	unsetenv("XENGRAFT_FAULT");
	ck_assert_uint_eq(left_in_work_dir(), 0);
	if (_i < 8)
		ck_assert_uint_eq(images_in_repository(), 1);
	OK(attach);
	ck_assert_uint_eq(images_in_repository(), 2);
	take_away();
}
END_TEST

static int attach_interrupted(void)
{
	struct xg_err err = XG_ERR_NONE;
	int rc;

	xg_interrupt_catch();
	rc = rig_attach(NULL, &err);
	return rc != -EINTR || !strstr(err.text, "interrupted");
}

static pid_t wait_for_pid(void)
{
	char text[32] = "";
	int tries;

	for (tries = 0; tries < 1000 && !lines("pid", text, sizeof(text)); tries++)
		usleep(10000);
	ck_assert_int_gt(atoi(text), 1);
	return atoi(text);
}

START_TEST(interrupted_it_ends_what_it_started)
{
	pid_t pid, script_pid;
	int status;

	without_personality();
	setenv("XENGRAFT_FAKE_GEN", "hang", 1);
	pid = in_a_child(attach_interrupted);
	script_pid = wait_for_pid();
	kill(pid, SIGINT);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(kill(script_pid, 0), -1);
	ck_assert_uint_eq(left_in_work_dir(), 0);
	ck_assert_uint_eq(images_in_repository(), 1);
	ck_assert_ptr_null(rig_dirt(false));
}
END_TEST

/* Its compiler runs on: what it writes is nobody's, and the next one does not wait for it. */
START_TEST(killed_while_it_generates)
{
	pid_t pid, orphan;
	int status;

	without_personality();
	setenv("XENGRAFT_FAKE_GEN", "hang", 1);
	pid = in_a_child(attach_in_child);
	orphan = wait_for_pid();
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_uint_eq(left_in_work_dir(), 1);
	setenv("XENGRAFT_FAKE_GEN", "", 1);
	OK(attach);
	attached();
	ck_assert_uint_eq(left_in_work_dir(), 0);
	ck_assert_uint_eq(images_in_repository(), 2);
	kill(-orphan, SIGKILL);
	take_away();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("generate");
	TCase *t = tcase_create("generate");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, personality_is_made_once_and_found_then);
	tcase_add_test(t, driver_is_made_once_and_found_then);
	tcase_add_test(t, dry_run_says_that_it_would);
	tcase_add_test(t, its_words_go_to_the_details_and_its_litter_away);
	tcase_add_loop_test(t, refused_and_nothing_added, 0, XG_ARRAY_SIZE(refusals));
	tcase_add_test(t, setting_that_is_none_is_an_error);
	tcase_add_loop_test(t, release_that_is_no_name_is_never_passed_on, 0, XG_ARRAY_SIZE(hostile));
	tcase_add_test(t, two_at_once_end_with_one);
	tcase_add_test(t, who_waits_too_long_is_told_to_try_again);
	tcase_add_loop_test(t, killed_anywhere_nothing_half_made_stays, 0, XG_ARRAY_SIZE(points));
	tcase_add_loop_test(t, failing_anywhere_leaves_the_repository_usable, 0, XG_ARRAY_SIZE(points));
	tcase_add_test(t, interrupted_it_ends_what_it_started);
	tcase_add_test(t, killed_while_it_generates);
	suite_add_tcase(s, t);
	return run_suite(s);
}
