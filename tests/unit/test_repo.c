// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver-repo: what is added is there, whole and once; what is damaged is found and named; the index can be made anew
 * from the images; two writers at once do each other no harm.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "driver-repo/file.h"
#include "lib/base/array.h"
#include "tests/lib/repo_rig.h"
#include "tests/lib/run_suite.h"

#define WORKS(call)	ck_assert_msg(!(call), "%s", err.text)

static void add(const char *lines, char ret[XG_DIGEST_HEX])
{
	struct xg_err err = XG_ERR_NONE;

	WORKS(repo_rig_add(lines, &repo_rig.key, ret, &err));
}

START_TEST(what_is_added_is_there)
{
	struct xg_err err = XG_ERR_NONE;
	char digest[XG_DIGEST_HEX];
	struct xg_image *image;
	struct xg_verdict v;
	struct xg_entry e;

	add(REPO_PERSONALITY "version=1.2\n", digest);
	repo_rig_reopen();
	WORKS(xg_repo_find(repo_rig.repo, "sha256:", &e, &err) != -EINVAL);
	digest[8] = '\0';
	WORKS(xg_repo_find(repo_rig.repo, digest, &e, &err));
	ck_assert_str_eq(e.note.release, "6.1.0-56-amd64");
	ck_assert_str_eq(e.note.version, "1.2");
	ck_assert_str_eq(e.origin, "/from/here.o");
	ck_assert_uint_eq(e.pattern, XG_STATES_BUILD | XG_STATES_RELEASE | XG_STATES_OS);
	WORKS(xg_repo_load_trusted(repo_rig.repo, e.digest, &image, &v, &err));
	ck_assert_int_eq(v.trust, XG_TRUSTED);
	ck_assert_str_eq(v.key_name, "host");
	ck_assert_str_eq(image->digest, e.digest);
	xg_image_free(image);
	ck_assert_int_eq(xg_repo_find(repo_rig.repo, "0000000", &e, &err), -ENOENT);
	ck_assert_int_eq(xg_repo_find(repo_rig.repo, "../../x", &e, &err), -EINVAL);
	ck_assert_int_eq(xg_repo_find(repo_rig.repo, "12345", &e, &err), -EINVAL);
}
END_TEST

START_TEST(adding_again_changes_nothing)
{
	add(REPO_DRIVER "version=1\n", NULL);
	add(REPO_DRIVER "version=1\n", NULL);
	ck_assert_uint_eq(repo_rig_count(), 1);
	ck_assert_uint_eq(repo_rig_files("blobs"), 1);
	ck_assert_uint_eq(repo_rig_files("signatures"), 1);
	ck_assert_uint_eq(repo_rig_files("tmp"), 0);
}
END_TEST

START_TEST(batch_that_is_not_committed_never_was)
{
	struct xg_image *image xg_auto(xg_image_free_p) = repo_rig_image(REPO_DRIVER "version=1\n", 0);
	struct xg_repo_batch *b;
	struct xg_err err = XG_ERR_NONE;

	WORKS(xg_repo_begin(repo_rig.repo, &b, &err));
	WORKS(xg_repo_stage(b, image, NULL, &err));
	ck_assert_int_eq(xg_repo_stage_signature(b, image->digest, "nonsense\n", 9, &err), -EBADMSG);
	xg_repo_batch_free(b);
	ck_assert_uint_eq(repo_rig_count(), 0);
	ck_assert_uint_eq(repo_rig_files("blobs") + repo_rig_files("tmp"), 0);
}
END_TEST

START_TEST(removing_takes_all_of_it)
{
	struct xg_err err = XG_ERR_NONE;
	char digest[XG_DIGEST_HEX];

	add(REPO_DRIVER "version=1\n", digest);
	add(REPO_DRIVER "version=2\n", NULL);
	WORKS(xg_repo_remove(repo_rig.repo, digest, &err));
	ck_assert_uint_eq(repo_rig_count(), 1);
	ck_assert_uint_eq(repo_rig_files("blobs"), 1);
	ck_assert_uint_eq(repo_rig_files("signatures"), 1);
	ck_assert_int_eq(xg_repo_remove(repo_rig.repo, digest, &err), -ENOENT);
}
END_TEST

/* ---- Who may be installed ----------------------------------------------------------------------------------- */

static struct xg_secret_key stranger(void)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_secret_key key;

	WORKS(xg_key_make(&key, &err));
	return key;
}

static void conf(const char *name, const char *text)
{
	struct xg_err err = XG_ERR_NONE;
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", repo_rig.paths.confdir, name);
	WORKS(xg_file_replace(path, text, strlen(text), 0644, &err));
	repo_rig_reopen();
}

static void trusted_as(const char *digest, int rc, enum xg_trust trust, const char *says)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_image *image = NULL;
	struct xg_verdict v;
	int got = xg_repo_load_trusted(repo_rig.repo, digest, &image, &v, &err);

	ck_assert_msg(got == rc && strstr(err.text, says), "%d: %s", got, err.text);
	ck_assert_int_eq(v.trust, trust);
	xg_image_free(image);
}

START_TEST(only_what_is_trusted_is_handed_out)
{
	struct xg_secret_key other = stranger();
	char digest[XG_DIGEST_HEX], line[200], id[XG_KEY_ID_TEXT];
	struct xg_err err = XG_ERR_NONE;

	WORKS(repo_rig_add(REPO_DRIVER "version=1\n", NULL, digest, &err));
	trusted_as(digest, -EPERM, XG_UNSIGNED, "is not signed");
	WORKS(repo_rig_add(REPO_DRIVER "version=1\n", &other, digest, &err));
	trusted_as(digest, -EPERM, XG_UNKNOWN_KEY, "which is not trusted here");
	conf("repo.conf", "unsigned allow\n");
	trusted_as(digest, -EPERM, XG_UNKNOWN_KEY, "which is not trusted here");
	WORKS(repo_rig_add(REPO_DRIVER "version=1\n", &repo_rig.key, digest, &err));
	trusted_as(digest, 0, XG_TRUSTED, "");
	xg_key_id_text(repo_rig.key.id, id);
	snprintf(line, sizeof(line), "key %s stolen\n", id);
	conf("revoked", line);
	trusted_as(digest, -EPERM, XG_REVOKED_KEY, "is signed by the revoked key");
	snprintf(line, sizeof(line), "image %s faulty\n", digest);
	conf("revoked", line);
	trusted_as(digest, -EPERM, XG_REVOKED_IMAGE, "is revoked: faulty");
	WORKS(repo_rig_add(REPO_DRIVER "version=2\n", NULL, digest, &err));
	trusted_as(digest, 0, XG_UNSIGNED, "");
	conf("repo.conf", "unsigned refuse\n");
	trusted_as(digest, -EPERM, XG_UNSIGNED, "is not signed");
}
END_TEST

/* A key that signs under the number of one that is trusted. */
START_TEST(borrowed_key_number_helps_nobody)
{
	struct xg_secret_key other = stranger();
	struct xg_err err = XG_ERR_NONE;
	char digest[XG_DIGEST_HEX];

	memcpy(other.id, repo_rig.key.id, sizeof(other.id));
	WORKS(repo_rig_add(REPO_DRIVER "version=1\n", &other, digest, &err));
	trusted_as(digest, -EPERM, XG_WRONG_SIGNATURE, "is not over these bytes");
}
END_TEST

/* ---- Damage ------------------------------------------------------------------------------------------------- */

static void blob_cut(const char *path) { ck_assert(!truncate(path, 100)); }
static void blob_emptied(const char *path) { ck_assert(!truncate(path, 0)); }
static void blob_lost(const char *path) { ck_assert(!unlink(path)); }
static void blob_folder(const char *path) { ck_assert(!unlink(path) && !mkdir(path, 0700)); }

static void blob_changed(const char *path)
{
	int fd = open(path, O_RDWR);
	char c;

	ck_assert_int_eq(pread(fd, &c, 1, 200), 1);
	c ^= 1;
	ck_assert_int_eq(pwrite(fd, &c, 1, 200), 1);
	close(fd);
}

static void blob_longer(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	ck_assert_int_eq(write(fd, "", 1), 1);
	close(fd);
}

static void (*const damages[])(const char *path) = {
	blob_cut, blob_emptied, blob_lost, blob_folder, blob_changed, blob_longer,
};

static char found[4096];

static void found_line(void *ctx, const char *path, const char *text)
{
	size_t length = strlen(found);

	(void)ctx;
	snprintf(found + length, sizeof(found) - length, "%s: %s\n", path, text);
}

START_TEST(damage_is_found_and_named)
{
	struct xg_repo_report report = { .line = found_line };
	struct xg_err err = XG_ERR_NONE;
	char digest[XG_DIGEST_HEX], path[512];
	struct xg_image *image;
	struct xg_verdict v;

	add(REPO_DRIVER "version=1\n", NULL);
	add(REPO_DRIVER "version=2\n", digest);
	repo_rig_blob(digest, path);
	damages[_i](path);
	ck_assert_int_eq(xg_repo_load(repo_rig.repo, digest, &image, &v, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "is damaged"));
	found[0] = '\0';
	WORKS(xg_repo_verify(repo_rig.repo, &report, &err));
	ck_assert_uint_eq(report.images, 2);
	ck_assert_uint_eq(report.damaged, 1);
	ck_assert_msg(strstr(found, digest) != NULL, "%s", found);
	if (damages[_i] == blob_folder)
		return;
	/* Adding it once more mends it. */
	add(REPO_DRIVER "version=2\n", digest);
	report = (struct xg_repo_report){ .line = found_line };
	WORKS(xg_repo_verify(repo_rig.repo, &report, &err));
	ck_assert_uint_eq(report.damaged + report.untrusted + report.strays, 0);
}
END_TEST

/* ---- reindex, gc -------------------------------------------------------------------------------------------- */

static void index_unlinked(const char *path) { ck_assert(!unlink(path)); }
static void index_cut(const char *path) { ck_assert(!truncate(path, 5000)); }
static void index_emptied(const char *path) { ck_assert(!truncate(path, 0)); }

static void index_garbled(const char *path)
{
	char noise[8192];
	int fd = open(path, O_WRONLY);

	memset(noise, 0xa5, sizeof(noise));
	ck_assert_int_eq(pwrite(fd, noise, sizeof(noise), 0), sizeof(noise));
	close(fd);
}

static void index_garbled_inside(const char *path)
{
	char noise[4096];
	int fd = open(path, O_WRONLY);

	memset(noise, 0xa5, sizeof(noise));
	ck_assert_int_eq(pwrite(fd, noise, sizeof(noise), 8192), sizeof(noise));
	close(fd);
}

static void (*const index_losses[])(const char *path) = {
	index_unlinked, index_cut, index_emptied, index_garbled, index_garbled_inside,
};

START_TEST(index_can_be_made_anew)
{
	struct xg_repo_report report = { .line = found_line };
	struct xg_err err = XG_ERR_NONE;
	char path[600], digest[XG_DIGEST_HEX];
	struct xg_entry before, after;

	add(REPO_DRIVER "version=1\n", digest);
	add(REPO_PERSONALITY "version=1\n", NULL);
	WORKS(xg_repo_entry(repo_rig.repo, digest, &before, &err));
	xg_repo_close(xg_take(repo_rig.repo));
	snprintf(path, sizeof(path), "%s/index.db", repo_rig.paths.dir);
	index_losses[_i](path);
	WORKS(xg_repo_reindex(&repo_rig.paths, &report, &err));
	ck_assert_uint_eq(report.images, 2);
	repo_rig_reopen();
	ck_assert_uint_eq(repo_rig_count(), 2);
	WORKS(xg_repo_entry(repo_rig.repo, digest, &after, &err));
	ck_assert_str_eq(after.origin, before.origin);
	ck_assert_str_eq(after.note.device, before.note.device);
	report = (struct xg_repo_report){ .line = NULL };
	WORKS(xg_repo_verify(repo_rig.repo, &report, &err));
	ck_assert_uint_eq(report.damaged + report.untrusted + report.strays, 0);
}
END_TEST

START_TEST(without_an_index_the_way_out_is_named)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_repo *r;
	char path[600];

	snprintf(path, sizeof(path), "%s/index.db", repo_rig.paths.dir);
	xg_repo_close(xg_take(repo_rig.repo));
	unlink(path);
	ck_assert_int_eq(xg_repo_open(&repo_rig.paths, &r, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "xengraft-repo reindex"));
	snprintf(repo_rig.paths.dir, sizeof(repo_rig.paths.dir), "%s/none", repo_rig.dir);
	ck_assert_int_eq(xg_repo_open(&repo_rig.paths, &r, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "xengraft-repo init"));
}
END_TEST

START_TEST(garbage_goes_and_the_rest_stays)
{
	struct xg_repo_report report = { .line = NULL };
	struct xg_err err = XG_ERR_NONE;
	char path[700], digest[XG_DIGEST_HEX];

	add(REPO_DRIVER "version=1\n", digest);
	snprintf(path, sizeof(path), "%s/tmp/123-0", repo_rig.paths.dir);
	WORKS(xg_file_create(path, "x", 1, 0600, false, &err));
	repo_rig_blob("00" REPO_BUILD "0123456701234567012345", path);
	*strrchr(path, '/') = '\0';
	WORKS(xg_dir_make(path, 0755, &err));
	repo_rig_blob("00" REPO_BUILD "0123456701234567012345", path);
	WORKS(xg_file_create(path, "xyz", 3, 0600, false, &err));
	WORKS(xg_repo_gc(repo_rig.repo, true, &report, &err));
	ck_assert_uint_eq(report.strays, 2);
	ck_assert_uint_eq(repo_rig_files("blobs"), 2);
	report = (struct xg_repo_report){ .line = NULL };
	WORKS(xg_repo_gc(repo_rig.repo, false, &report, &err));
	ck_assert_uint_eq(report.strays, 2);
	ck_assert_uint_eq(report.bytes_freed, 4);
	ck_assert_uint_eq(repo_rig_files("blobs"), 1);
	ck_assert_uint_eq(repo_rig_files("tmp"), 0);
	trusted_as(digest, 0, XG_TRUSTED, "");
}
END_TEST

/* ---- Packaged images ---------------------------------------------------------------------------------------- */

static void image_file(const char *folder, const char *name, const char *lines, mode_t mode)
{
	struct xg_image *image xg_auto(xg_image_free_p) = repo_rig_image(lines, 0);
	struct xg_err err = XG_ERR_NONE;
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", repo_rig.dir, folder);
	WORKS(xg_dir_make(path, 0755, &err));
	snprintf(path, sizeof(path), "%s/%s/%s", repo_rig.dir, folder, name);
	WORKS(xg_file_replace(path, image->bytes, image->size, 0644, &err));
	ck_assert(!chmod(path, mode));
}

static unsigned int adopt(void)
{
	struct xg_repo_report report = { .line = found_line };
	struct xg_err err = XG_ERR_NONE;

	found[0] = '\0';
	WORKS(xg_repo_adopt(repo_rig.repo, &report, &err));
	return report.images;
}

START_TEST(packaged_images_are_taken_in)
{
	char path[700];

	snprintf(repo_rig.paths.images, sizeof(repo_rig.paths.images), "%s/local:%s/none:%s/images", repo_rig.dir,
		 repo_rig.dir, repo_rig.dir);
	repo_rig_reopen();
	image_file("images", "a.o", REPO_DRIVER "version=1\n", 0644);
	image_file("images", "b.o", REPO_PERSONALITY "version=1\n", 0644);
	image_file("images", "open.o", REPO_DRIVER "version=3\n", 0666);
	image_file("images", "notes.txt", REPO_DRIVER "version=4\n", 0644);
	ck_assert_uint_eq(adopt(), 2);
	ck_assert_msg(strstr(found, "open.o: may be written by others than root") != NULL, "%s", found);
	ck_assert_uint_eq(adopt(), 0);
	/* A new version of a file replaces what came from it. */
	image_file("images", "a.o", REPO_DRIVER "version=2\n", 0644);
	ck_assert_uint_eq(adopt(), 1);
	ck_assert_uint_eq(repo_rig_count(), 2);
	/* An earlier folder's file of the same name goes first. */
	image_file("local", "a.o", REPO_DRIVER "version=1.5\n", 0644);
	ck_assert_uint_eq(adopt(), 1);
	ck_assert_uint_eq(repo_rig_count(), 2);
	snprintf(path, sizeof(path), "%s/local/a.o", repo_rig.dir);
	unlink(path);
	ck_assert_uint_eq(adopt(), 1);
	ck_assert_uint_eq(repo_rig_count(), 2);
	snprintf(path, sizeof(path), "%s/images/b.o", repo_rig.dir);
	unlink(path);
	ck_assert_uint_eq(adopt(), 0);
	ck_assert_uint_eq(repo_rig_count(), 1);
}
END_TEST

/* ---- Several at once ---------------------------------------------------------------------------------------- */

#define WRITERS 4
#define EACH 12

static void writer(unsigned int number)
{
	struct xg_err err = XG_ERR_NONE;
	char lines[400], digest[XG_DIGEST_HEX];
	struct xg_repo_report report;
	unsigned int i;

	repo_rig_reopen();
	for (i = 0; i < EACH; i++) {
		snprintf(lines, sizeof(lines), REPO_DRIVER "version=%u.%u\n", number, i);
		if (repo_rig_add(lines, &repo_rig.key, digest, &err))
			_exit(1);
		report = (struct xg_repo_report){ .line = NULL };
		/* A cleaner between the writers must not take what one of them is about to record. */
		if (i % 4 == 3 && (xg_repo_gc(repo_rig.repo, false, &report, &err) || report.strays))
			_exit(2);
		if (i % 3 == 2 && xg_repo_remove(repo_rig.repo, digest, &err))
			_exit(3);
	}
	_exit(0);
}

START_TEST(writers_at_once_do_each_other_no_harm)
{
	struct xg_repo_report report = { .line = found_line };
	struct xg_err err = XG_ERR_NONE;
	unsigned int i;
	int status;

	xg_repo_close(xg_take(repo_rig.repo));
	for (i = 0; i < WRITERS; i++)
		if (!fork())
			writer(i);
	for (i = 0; i < WRITERS; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	repo_rig_reopen();
	ck_assert_uint_eq(repo_rig_count(), WRITERS * EACH * 2 / 3);
	WORKS(xg_repo_verify(repo_rig.repo, &report, &err));
	ck_assert_uint_eq(report.damaged + report.untrusted + report.strays, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("repo");
	TCase *t = tcase_create("repo");

	tcase_add_checked_fixture(t, repo_rig_setup, repo_rig_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, what_is_added_is_there);
	tcase_add_test(t, adding_again_changes_nothing);
	tcase_add_test(t, batch_that_is_not_committed_never_was);
	tcase_add_test(t, removing_takes_all_of_it);
	tcase_add_test(t, only_what_is_trusted_is_handed_out);
	tcase_add_test(t, borrowed_key_number_helps_nobody);
	tcase_add_loop_test(t, damage_is_found_and_named, 0, XG_ARRAY_SIZE(damages));
	tcase_add_loop_test(t, index_can_be_made_anew, 0, XG_ARRAY_SIZE(index_losses));
	tcase_add_test(t, without_an_index_the_way_out_is_named);
	tcase_add_test(t, garbage_goes_and_the_rest_stays);
	tcase_add_test(t, packaged_images_are_taken_in);
	tcase_add_test(t, writers_at_once_do_each_other_no_harm);
	suite_add_tcase(s, t);
	return run_suite(s);
}
