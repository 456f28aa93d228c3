// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver-repo/resolve.c: the most specific wins, then the newest; a tie names both; what speaks against each is said.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "tests/lib/repo_rig.h"
#include "tests/lib/run_suite.h"

#define OTHER_BUILD "ff23456789abcdef0123456789abcdef01234567"
#define P(fields) "kind=personality\nabi=1\narch=x86_64\nlicence=x\n" fields
#define D(fields) "kind=driver\nabi=1\narch=x86_64\nclass=block\nlicence=x\n" fields

static const struct xg_wanted any_guest = {
	.os = "linux", .release = "6.1.0-56-amd64", .build_id = REPO_BUILD, .arch = "x86_64", .class_name = "block",
	.device = "xen-blkif", .mode = "virtual", .abi = 1,
};

#define EXACT P("os=linux\nrelease=6.1.0-56-amd64\nbuild-id=" REPO_BUILD "\nversion=1\n")
#define RANGE P("os=linux\nrelease=6.1\nrelease-last=6.12\nversion=9\n")

/* `right`: which of the images wins, from 0; -1: none; -2: a tie. */
static const struct row {
	const char *kind;
	const char *mode;	/* NULL: virtual */
	const char *images[5];
	int right;
	const char *says;	/* in `why`, or in the error */
} rows[] = {
	{ "personality", NULL, { EXACT }, 0, "made for this very build" },
	{ "personality", NULL, { RANGE, EXACT }, 1, "made for this very build" },
	{ "personality", NULL, { RANGE }, 0, "made for a range of releases" },
	{ "personality", NULL, { P("os=linux\nrelease=6.1.0-56-amd64\nbuild-id=" OTHER_BUILD "\nversion=1\n") }, -1,
	  "no personality for linux 6.1.0-56-amd64 in the repository: the nearest is for build ff23456789abcdef…" },
	{ "personality", NULL, { P("os=linux\nrelease=6.1.0-9-amd64\nbuild-id=" REPO_BUILD "\nversion=1\n") }, -1,
	  "the nearest is for release 6.1.0-9-amd64, not 6.1.0-56-amd64" },
	{ "personality", NULL, { P("os=linux\nrelease=6.2\nrelease-last=6.12\nversion=1\n") }, -1,
	  "the nearest is for release 6.2 to 6.12, not 6.1.0-56-amd64" },
	{ "personality", NULL, { P("os=bsd\nrelease=6.1.0-56-amd64\nbuild-id=" REPO_BUILD "\nversion=1\n") }, -1,
	  "no personality for linux 6.1.0-56-amd64 in the repository" },
	{ "personality", NULL,
	  { "kind=personality\nabi=2\narch=x86_64\nlicence=x\nos=linux\nrelease=6.1.0-56-amd64\nbuild-id="
	  REPO_BUILD "\nversion=1\n" }, -1, "the nearest is of ABI 2, not 1" },
	{ "personality", NULL, { D("version=1\n") }, -1, "no personality" },
	{ "personality", NULL,
	  { EXACT, P("os=linux\nrelease=6.1.0-56-amd64\nbuild-id=" REPO_BUILD "\nversion=1.0.1\n") }, 1,
	  "the newest" },
	{ "personality", NULL,
	  { EXACT, P("os=linux\nrelease=6.1.0-56-amd64\nbuild-id=" REPO_BUILD "\nversion=1\nx=y\n") }, -2,
	  "two images fit equally well" },
	{ "personality", NULL, { RANGE, P("os=linux\nrelease=6.0\nrelease-last=6.2\nversion=9\n") }, -2, "two images" },
	{ "driver", NULL, { D("device=xen-blkif\nmode=virtual\nversion=1\n") }, 0, "fits every OS" },
	{ "driver", NULL, { D("device=xen-blkif\nmode=paravirtual\nversion=1\n") }, -1,
	  "no virtual driver for xen-blkif" },
	{ "driver", NULL, { D("device=nvme\nmode=virtual\nversion=1\n") }, -1, "no virtual driver for xen-blkif" },
	{ "driver", NULL,
	  { D("device=xen-blkif\nmode=virtual\nversion=1.9\n"), D("device=xen-blkif\nmode=virtual\nversion=1.10\n"),
			    D("device=xen-blkif\nmode=virtual\nversion=1.2\n") }, 1, "the newest" },
	{ "driver", NULL, { D("mode=virtual\nversion=9\n"), D("device=xen-blkif\nversion=8\n"), D("version=10\n"),
			    D("device=xen-blkif\nmode=virtual\nversion=1\n") }, 3, "" },
	{ "driver", NULL, { D("mode=virtual\nversion=1\n"), D("device=xen-blkif\nversion=1\n"), D("version=10\n") }, 1,
	  "" },
	{ "driver", NULL, { D("device=xen-blkif\nmode=virtual\nversion=9\n"),
			    D("os=linux\ndevice=xen-blkif\nmode=virtual\nversion=1\n") }, 1, "made for this OS" },
	{ "driver", NULL, { D("os=linux\nrelease=6.1\nrelease-last=6.1\ndevice=xen-blkif\nmode=virtual\nversion=1\n"),
			    D("os=linux\ndevice=xen-blkif\nmode=virtual\nversion=9\n"),
			    D("os=linux\nrelease=6.1.0-56-amd64\ndevice=xen-blkif\nmode=virtual\nversion=0.1\n") }, 2,
	  "made for this release" },
	{ "driver", NULL, { D("os=bsd\ndevice=xen-blkif\nmode=virtual\nversion=9\n"),
			    D("device=xen-blkif\nmode=virtual\nversion=1\n") }, 1, "" },
	{ "driver", "any", { D("device=xen-blkif\nmode=virtual\nversion=9\n"),
			     D("device=xen-blkif\nmode=paravirtual\nversion=1\n") }, 1, "any mode would do" },
	{ "driver", "any", { D("device=xen-blkif\nmode=virtual\nversion=9\n") }, 0, "" },
	{ "driver", "any", { D("device=xen-blkif\nversion=9\n"), D("device=xen-blkif\nmode=virtual\nversion=1\n") }, 1,
	  "" },
	{ "driver", "paravirtual", { D("device=xen-blkif\nmode=virtual\nversion=9\n") }, -1, "no paravirtual driver" },
	{ "driver", NULL, { "kind=driver\nabi=1\nabi-last=4\narch=x86_64\nclass=block\nlicence=x\nversion=1\n" }, 0,
	  "" },
	{ "driver", NULL, { "kind=driver\nabi=2\nabi-last=4\narch=x86_64\nclass=block\nlicence=x\nversion=1\n" }, -1,
	  "of ABI 2 to 4, not 1" },
	{ "driver", NULL, { "kind=driver\nabi=1\narch=x86_64\nclass=net\nlicence=x\nversion=1\n" }, -1,
	  "no virtual driver" },
};

static void resolve_row(const struct row *row, const char digests[5][XG_DIGEST_HEX])
{
	struct xg_wanted q = any_guest;
	struct xg_err err = XG_ERR_NONE;
	struct xg_choice c = { .image = NULL };
	int rc;

	strcpy(q.mode, row->mode ? row->mode : "virtual");
	rc = xg_repo_resolve(repo_rig.repo, row->kind, &q, &c, &err);
	if (row->right < 0) {
		ck_assert_int_eq(rc, row->right == -1 ? -ENOENT : -ENOTUNIQ);
		ck_assert_msg(strstr(err.text, row->says) != NULL, "'%s' lacks '%s'", err.text, row->says);
		if (row->right == -2) {
			ck_assert_ptr_nonnull(memmem(err.text, strlen(err.text), digests[0], 12));
			ck_assert_ptr_nonnull(memmem(err.text, strlen(err.text), digests[1], 12));
		}
		return;
	}
	ck_assert_msg(!rc, "%s", err.text);
	ck_assert_str_eq(c.image->digest, digests[row->right]);
	ck_assert_msg(strstr(c.why, row->says) != NULL, "'%s' lacks '%s'", c.why, row->says);
	xg_choice_fini(&c);
}

/* The explanation agrees: first the one that is used, and nobody else without a reason. */
static void explain_row(const struct row *row, const char digests[5][XG_DIGEST_HEX], size_t count)
{
	struct xg_wanted q = any_guest;
	struct xg_candidate *list;
	struct xg_err err = XG_ERR_NONE;
	size_t i, got, more;

	strcpy(q.mode, row->mode ? row->mode : "virtual");
	ck_assert(!xg_repo_explain(repo_rig.repo, row->kind, &q, 8, &list, &got, &more, &err));
	ck_assert_uint_le(got, count);
	ck_assert_uint_eq(more, 0);
	for (i = 0; i < got; i++) {
		if (row->right >= 0 && i == 0)
			ck_assert_str_eq(list[i].entry.digest, digests[row->right]);
		ck_assert_int_eq(list[i].against[0] == '\0', row->right != -1 && i == 0);
	}
	free(list);
}

START_TEST(the_right_one_wins)
{
	char digests[5][XG_DIGEST_HEX];
	struct xg_err err = XG_ERR_NONE;
	size_t i;

	for (i = 0; i < 5 && rows[_i].images[i]; i++)
		ck_assert_msg(!repo_rig_add(rows[_i].images[i], &repo_rig.key, digests[i], &err), "%s", err.text);
	resolve_row(&rows[_i], (const char (*)[XG_DIGEST_HEX])digests);
	explain_row(&rows[_i], (const char (*)[XG_DIGEST_HEX])digests, i);
}
END_TEST

/* What may not be installed does not win, and when nothing else is there it is said why. */
START_TEST(unsigned_ones_are_passed_over)
{
	char old[XG_DIGEST_HEX], new[XG_DIGEST_HEX];
	struct xg_err err = XG_ERR_NONE;
	struct xg_candidate *list;
	struct xg_choice c;
	size_t count, more;

	ck_assert(!repo_rig_add(D("device=xen-blkif\nmode=virtual\nversion=2\n"), NULL, new, &err));
	ck_assert_int_eq(xg_repo_resolve(repo_rig.repo, "driver", &any_guest, &c, &err), -EPERM);
	ck_assert_msg(strstr(err.text, "that may be installed: image") && strstr(err.text, "is not signed"), "%s",
		      err.text);
	ck_assert(!repo_rig_add(D("device=xen-blkif\nmode=virtual\nversion=1\n"), &repo_rig.key, old, &err));
	ck_assert_msg(!xg_repo_resolve(repo_rig.repo, "driver", &any_guest, &c, &err), "%s", err.text);
	ck_assert_str_eq(c.image->digest, old);
	ck_assert_ptr_nonnull(strstr(c.why, "1 that may not be installed left out"));
	xg_choice_fini(&c);
	ck_assert(!xg_repo_explain(repo_rig.repo, "driver", &any_guest, 8, &list, &count, &more, &err));
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(list[0].entry.digest, new);
	ck_assert_ptr_nonnull(strstr(list[0].against, "is not signed"));
	ck_assert_str_eq(list[1].against, "");
	free(list);
	/* A signed equal of the unsigned one is no tie. */
	ck_assert(!repo_rig_add(D("device=xen-blkif\nmode=virtual\nversion=2\nx=y\n"), &repo_rig.key, old, &err));
	ck_assert_msg(!xg_repo_resolve(repo_rig.repo, "driver", &any_guest, &c, &err), "%s", err.text);
	ck_assert_str_eq(c.image->digest, old);
	xg_choice_fini(&c);
}
END_TEST

/* Damage must not be a way to choose the driver. */
START_TEST(damaged_one_is_an_error)
{
	char digest[XG_DIGEST_HEX], path[512];
	struct xg_err err = XG_ERR_NONE;
	struct xg_choice c;

	ck_assert(!repo_rig_add(D("device=xen-blkif\nmode=virtual\nversion=1\n"), &repo_rig.key, digest, &err));
	ck_assert(!repo_rig_add(D("device=xen-blkif\nmode=virtual\nversion=2\n"), &repo_rig.key, digest, &err));
	repo_rig_blob(digest, path);
	ck_assert(!truncate(path, 300));
	ck_assert_int_eq(xg_repo_resolve(repo_rig.repo, "driver", &any_guest, &c, &err), -EBADMSG);
	ck_assert_msg(strstr(err.text, "is damaged") && memmem(err.text, strlen(err.text), digest, 12), "%s", err.text);
}
END_TEST

/* A guest whose build-id is not known gets nothing that asks for one. */
START_TEST(what_is_unknown_does_not_fit)
{
	struct xg_wanted q = any_guest;
	struct xg_err err = XG_ERR_NONE;
	struct xg_choice c;

	q.build_id[0] = '\0';
	ck_assert(!repo_rig_add(EXACT, &repo_rig.key, NULL, &err));
	ck_assert_int_eq(xg_repo_resolve(repo_rig.repo, "personality", &q, &c, &err), -ENOENT);
	ck_assert_msg(strstr(err.text, "not unknown") != NULL, "%s", err.text);
	ck_assert(!repo_rig_add(RANGE, &repo_rig.key, NULL, &err));
	ck_assert_msg(!xg_repo_resolve(repo_rig.repo, "personality", &q, &c, &err), "%s", err.text);
	ck_assert_str_eq(c.entry.note.version, "9");
	xg_choice_fini(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("resolve");
	TCase *t = tcase_create("resolve");

	tcase_add_checked_fixture(t, repo_rig_setup, repo_rig_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, the_right_one_wins, 0, XG_ARRAY_SIZE(rows));
	tcase_add_test(t, unsigned_ones_are_passed_over);
	tcase_add_test(t, damaged_one_is_an_error);
	tcase_add_test(t, what_is_unknown_does_not_fit);
	suite_add_tcase(s, t);
	return run_suite(s);
}
