// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The repository's writers killed, and failing, at each of their fault points: what is there then is the old state or
 * the new one, and the next writer goes on as if nothing had been.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/base/array.h"
#include "tests/lib/repo_rig.h"
#include "tests/lib/run_suite.h"

#define OLD REPO_DRIVER "version=1\n"
#define NEW REPO_DRIVER "version=2\n"

static int do_add(struct xg_err *err)
{
	return repo_rig_add(NEW, &repo_rig.key, NULL, err);
}

/* Five in one transaction: one flush for all. */
static int do_add_many(struct xg_err *err)
{
	struct xg_repo_batch *b xg_auto(xg_repo_batch_free_p) = NULL;
	int i, rc = xg_repo_begin(repo_rig.repo, &b, err);
	char lines[300];

	for (i = 0; !rc && i < 5; i++) {
		struct xg_image *image xg_auto(xg_image_free_p) = NULL;

		snprintf(lines, sizeof(lines), REPO_DRIVER "version=2.%d\n", i);
		image = repo_rig_image(lines, 0);
		rc = xg_repo_stage(b, image, NULL, err);
	}
	return rc ? rc : xg_repo_commit(b, err);
}

static int do_replace(struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = repo_rig_image(NEW, 0);
	struct xg_repo_batch *b xg_auto(xg_repo_batch_free_p) = NULL;
	char *text xg_auto_free = NULL;
	size_t size;
	int rc = xg_repo_begin(repo_rig.repo, &b, err);

	if (!rc)
		rc = xg_repo_stage(b, image, "/from/here.o", err);
	if (!rc)
		rc = xg_repo_sign(&repo_rig.key, image, "here.o", NULL, &text, &size, err);
	if (!rc)
		rc = xg_repo_stage_signature(b, image->digest, text, size, err);
	if (!rc)
		rc = xg_repo_stage_drop(b, "/from/here.o", err);
	return rc ? rc : xg_repo_commit(b, err);
}

static int do_remove(struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = repo_rig_image(OLD, 0);

	return xg_repo_remove(repo_rig.repo, image->digest, err);
}

static int do_reindex(struct xg_err *err)
{
	struct xg_repo_report report = { .line = NULL };

	return xg_repo_reindex(&repo_rig.paths, &report, err);
}

static int do_gc(struct xg_err *err)
{
	struct xg_repo_report report = { .line = NULL };

	return xg_repo_gc(repo_rig.repo, false, &report, err);
}

/* What the index has then. */
static const struct {
	const char *point;
	int (*run)(struct xg_err *err);
	unsigned int rows;	/* after it was killed there */
	unsigned int finished;	/* after it was run once more */
} points[] = {
	{ "repo add: file written", do_add, 1, 2 },
	{ "repo add: on the disk", do_add, 1, 2 },
	{ "repo add: signatures renamed", do_add, 1, 2 },
	{ "repo add: renamed", do_add, 1, 2 },
	{ "repo add: rows written", do_add, 1, 2 },
	{ "repo add: committed", do_add, 2, 2 },
	{ "repo add: file written", do_add_many, 1, 6 },
	{ "repo add: on the disk", do_add_many, 1, 6 },
	{ "repo add: renamed", do_add_many, 1, 6 },
	{ "repo add: rows written", do_add_many, 1, 6 },
	{ "repo add: committed", do_add_many, 6, 6 },
	{ "repo add: renamed", do_replace, 1, 1 },
	{ "repo add: rows written", do_replace, 1, 1 },
	{ "repo add: committed", do_replace, 1, 1 },
	{ "repo remove: blob unlinked", do_replace, 1, 1 },
	{ "repo remove: marked", do_remove, 0, 0 },
	{ "repo remove: blob unlinked", do_remove, 0, 0 },
	{ "repo reindex: rows written", do_reindex, 1, 1 },
	{ "repo gc: unlinked", do_gc, 1, 1 },
};

static void in_child(const char *fault, int (*run)(struct xg_err *err))
{
	struct xg_err err = XG_ERR_NONE;
	int rc;

	setenv("XENGRAFT_FAULT", fault, 1);
	repo_rig_reopen();
	rc = run(&err);
	_exit(rc ? 10 : 11);
}

static int run_with(const char *kind, const char *point, int (*run)(struct xg_err *err))
{
	char fault[100];
	pid_t pid;
	int status;

	snprintf(fault, sizeof(fault), "%s:%s", kind, point);
	xg_repo_close(xg_take(repo_rig.repo));
	pid = fork();
	if (!pid)
		in_child(fault, run);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	repo_rig_reopen();
	return status;
}

static void old_state(void)
{
	struct xg_err err = XG_ERR_NONE;
	char path[600];
	FILE *f;

	ck_assert_msg(!repo_rig_add(OLD, &repo_rig.key, NULL, &err), "%s", err.text);
	snprintf(path, sizeof(path), "%s/tmp/1-0", repo_rig.paths.dir);	/* for gc */
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
}

/* Every row's image is whole and trusted: no row without its blob, no blob without its signature. */
static void rows_are_whole(unsigned int rows)
{
	struct xg_repo_report report = { .line = NULL };
	struct xg_err err = XG_ERR_NONE;

	ck_assert_uint_eq(repo_rig_count(), rows);
	ck_assert_msg(!xg_repo_verify(repo_rig.repo, &report, &err), "%s", err.text);
	ck_assert_uint_eq(report.damaged, 0);
}

static void finished(int i)
{
	struct xg_repo_report report = { .line = NULL };
	struct xg_err err = XG_ERR_NONE;
	int rc = points[i].run(&err);

	ck_assert_msg(!rc || (points[i].run == do_remove && rc == -ENOENT), "%s", err.text);
	rows_are_whole(points[i].finished);
	ck_assert_msg(!xg_repo_gc(repo_rig.repo, false, &report, &err), "%s", err.text);
	ck_assert_uint_eq(repo_rig_files("tmp"), 0);
	ck_assert_uint_eq(repo_rig_files("blobs"), points[i].finished);
	rows_are_whole(points[i].finished);
}

START_TEST(killed_it_is_old_or_new)
{
	int status;

	old_state();
	status = run_with("kill", points[_i].point, points[_i].run);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: never got there: %d", points[_i].point,
		      status);
	rows_are_whole(points[_i].rows);
	finished(_i);
}
END_TEST

START_TEST(failing_it_is_old_or_new)
{
	int status;

	old_state();
	status = run_with("fail", points[_i].point, points[_i].run);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 10, "%s: %d", points[_i].point, status);
	rows_are_whole(points[_i].rows);
	finished(_i);
}
END_TEST

/* A first use that dies: the next one makes what is missing, and the key that is there is the one that signs. */
static const char *const setup_points[] = { "repo key: public half", "repo add: rows written", "repo add: renamed" };

static int do_setup(struct xg_err *err)
{
	struct xg_repo_report report = { .line = NULL };
	struct xg_repo *r = NULL;
	int rc = xg_repo_setup(&repo_rig.paths, &r, &report, err);

	xg_repo_close(r);
	return rc;
}

static void setup_child(const char *point)
{
	struct xg_err err;
	char fault[100];

	snprintf(fault, sizeof(fault), "kill:%s", point);
	setenv("XENGRAFT_FAULT", fault, 1);
	do_setup(&err);
	_exit(0);
}

START_TEST(first_use_that_was_killed_is_done_again)
{
	struct xg_image *image xg_auto(xg_image_free_p) = repo_rig_image(OLD, 0);
	struct xg_err err = XG_ERR_NONE;
	struct xg_repo_report report = { .line = NULL };
	char path[600];
	int status;
	FILE *f;

	xg_repo_close(xg_take(repo_rig.repo));
	snprintf(repo_rig.paths.dir, sizeof(repo_rig.paths.dir), "%s/second", repo_rig.dir);
	snprintf(repo_rig.paths.confdir, sizeof(repo_rig.paths.confdir), "%s/etc2", repo_rig.dir);
	snprintf(repo_rig.paths.images, sizeof(repo_rig.paths.images), "%s", repo_rig.dir);
	snprintf(path, sizeof(path), "%s/a.o", repo_rig.dir);
	f = fopen(path, "w");
	ck_assert_uint_eq(fwrite(image->bytes, 1, image->size, f), image->size);
	fclose(f);
	if (!fork())
		setup_child(setup_points[_i]);
	ck_assert_int_gt(wait(&status), 0);
	ck_assert(WIFSIGNALED(status));
	ck_assert_msg(!do_setup(&err), "%s", err.text);
	repo_rig_reopen();
	ck_assert_msg(!xg_repo_verify(repo_rig.repo, &report, &err), "%s", err.text);
	ck_assert_uint_eq(report.images, 1);
	ck_assert_uint_eq(report.damaged + report.untrusted, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("repo, faults");
	TCase *t = tcase_create("repo, faults");

	tcase_add_checked_fixture(t, repo_rig_setup, repo_rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, killed_it_is_old_or_new, 0, XG_ARRAY_SIZE(points));
	tcase_add_loop_test(t, failing_it_is_old_or_new, 0, XG_ARRAY_SIZE(points));
	tcase_add_loop_test(t, first_use_that_was_killed_is_done_again, 0, XG_ARRAY_SIZE(setup_points));
	suite_add_tcase(s, t);
	return run_suite(s);
}
