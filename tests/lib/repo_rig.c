// SPDX-License-Identifier: GPL-2.0-or-later
/* See repo_rig.h. */
#include "tests/lib/repo_rig.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/elf_builder.h"

struct repo_rig repo_rig;

static void must(int rc, const struct xg_err *err)
{
	if (!rc)
		return;
	fprintf(stderr, "repo_rig: %s\n", err->text);
	abort();
}

void repo_rig_setup(void)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_repo_report report = { .line = NULL };

	repo_rig = (struct repo_rig){ .dir = "/tmp/xengraft-test-repo-XXXXXX" };
	if (!mkdtemp(repo_rig.dir))
		abort();
	snprintf(repo_rig.paths.dir, sizeof(repo_rig.paths.dir), "%s/repo", repo_rig.dir);
	snprintf(repo_rig.paths.confdir, sizeof(repo_rig.paths.confdir), "%s/etc", repo_rig.dir);
	snprintf(repo_rig.paths.images, sizeof(repo_rig.paths.images), "%s/images", repo_rig.dir);
	must(xg_repo_setup(&repo_rig.paths, &repo_rig.repo, &report, &err), &err);
	must(xg_repo_secret_key(repo_rig.paths.confdir, NULL, NULL, &repo_rig.key, &err), &err);
}

void repo_rig_reopen(void)
{
	struct xg_err err = XG_ERR_NONE;

	xg_repo_close(xg_take(repo_rig.repo));
	must(xg_repo_open(&repo_rig.paths, &repo_rig.repo, &err), &err);
}

static int path_remove(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void repo_rig_teardown(void)
{
	xg_repo_close(xg_take(repo_rig.repo));
	nftw(repo_rig.dir, path_remove, 8, FTW_DEPTH | FTW_PHYS);
}

struct xg_image *repo_rig_image(const char *lines, size_t extra)
{
	struct xg_err err = XG_ERR_NONE;
	struct elfb *b = elfb_new();
	struct xg_image *image;
	uint8_t *bytes;
	size_t size;

	elfb_text(b, ".text", NULL, 16 + extra);
	elfb_note(b, lines);
	bytes = elfb_finish(b, &size);
	must(xg_image_parse(bytes, size, &image, &err), &err);
	free(bytes);
	return image;
}

static int stage(struct xg_repo_batch *b, const struct xg_image *image, const struct xg_secret_key *key,
		 struct xg_err *err)
{
	char *text xg_auto_free = NULL;
	size_t size;
	int rc = xg_repo_stage(b, image, "/from/here.o", err);

	if (rc || !key)
		return rc;
	rc = xg_repo_sign(key, image, "here.o", "/from/here.o", &text, &size, err);
	return rc ? rc : xg_repo_stage_signature(b, image->digest, text, size, err);
}

int repo_rig_add(const char *lines, const struct xg_secret_key *key, char ret[XG_DIGEST_HEX], struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = repo_rig_image(lines, 0);
	struct xg_repo_batch *b xg_auto(xg_repo_batch_free_p) = NULL;
	int rc = xg_repo_begin(repo_rig.repo, &b, err);

	if (!rc)
		rc = stage(b, image, key, err);
	if (!rc)
		rc = xg_repo_commit(b, err);
	if (ret)
		memcpy(ret, image->digest, XG_DIGEST_HEX);
	return rc;
}

void repo_rig_blob(const char *digest, char ret[512])
{
	snprintf(ret, 512, "%s/repo/blobs/sha256/%.2s/%s", repo_rig.dir, digest, digest);
}

static int count_one(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	(void)e;
	(void)err;
	++*(unsigned int *)ctx;
	return 0;
}

unsigned int repo_rig_count(void)
{
	struct xg_err err = XG_ERR_NONE;
	unsigned int count = 0;

	must(xg_repo_list(repo_rig.repo, count_one, &count, &err), &err);
	return count;
}

static unsigned int files;

static int file_count(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)path;
	(void)st;
	(void)where;
	files += type == FTW_F;
	return 0;
}

unsigned int repo_rig_files(const char *folder)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", repo_rig.paths.dir, folder);
	files = 0;
	nftw(path, file_count, 8, FTW_PHYS);
	return files;
}
