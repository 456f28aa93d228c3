// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Images from the repository, and into it what it lacks. Called by attach and inspect. Must never hand on bytes that
 * the repository has not judged.
 */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/ops/generate.h"
#include "driver-repo/resolve.h"
#include "guest-stubs/abi/xengraft_abi.h"

static void left_out(void *ctx, const char *path, const char *text)
{
	const struct xg_ops *ops = ctx;

	xg_ops_notice(ops, "%s: %s", path, text);
}

/* A host where nobody has made a repository gets one: with a key of its own, and what the package brought. */
static int images_setup(struct xg_ops *ops, struct xg_err *err)
{
	struct xg_repo_report report = { .line = left_out, .ctx = ops };
	int rc = xg_repo_setup(&ops->repo_paths, &ops->repo, &report, err);

	if (!rc)
		xg_ops_detail(ops, "the first use of %s: %u packaged images taken in, signed with this host's new key",
			      ops->repo_paths.dir, report.images);
	return rc;
}

static int images_open(struct xg_ops *ops, struct xg_err *err)
{
	if (ops->repo)
		return 0;
	if (!ops->dry_run && !xg_repo_exists(&ops->repo_paths))
		return images_setup(ops, err);
	return xg_repo_open(&ops->repo_paths, &ops->repo, err);
}

static int image_choose(struct xg_ops *ops, const char *kind, const struct xg_wanted *q, struct xg_image **ret,
			struct xg_err *err)
{
	struct xg_choice c xg_auto(xg_choice_fini) = { .image = NULL };
	char name[XG_NAME_MAX];
	int rc = images_open(ops, err);

	if (!rc)
		rc = xg_repo_resolve(ops->repo, kind, q, &c, err);
	if (rc)
		return rc;
	xg_note_name(&c.image->note, name);
	xg_ops_detail(ops, "%s %s, sha256 %.12s: %s", kind, name, c.image->digest, c.why);
	if (c.verdict.trust != XG_TRUSTED)
		xg_ops_notice(ops, "%s %s is not signed; %s/repo.conf allows that on this host", kind, name,
			      ops->repo_paths.confdir);
	*ret = xg_take(c.image);
	return 0;
}

static struct xg_wanted wanted_of(const struct xg_os *os)
{
	struct xg_wanted q = { .abi = XG_ABI_VERSION };

	memcpy(q.os, os->name, sizeof(q.os));
	memcpy(q.release, os->release, sizeof(q.release));
	memcpy(q.build_id, os->build_id, sizeof(q.build_id));
	memcpy(q.arch, os->arch, sizeof(q.arch));
	return q;
}

/* Another attach may have made it while we waited for it. */
static int image_make(struct xg_ops *ops, const char *kind, const struct xg_wanted *q, struct xg_image **ret,
		      bool *ret_made, struct xg_err *err)
{
	int lock xg_auto_close = -1;
	char step[40];
	int rc = xg_generate_check(ops, kind, q, err);

	if (rc)
		return rc;
	snprintf(step, sizeof(step), "generate the %s", kind);
	xg_ops_progress(ops, step);
	if (ops->dry_run)
		return 0;
	rc = xg_generate_lock(ops, &lock, err);
	if (!rc)
		rc = image_choose(ops, kind, q, ret, err);
	if (rc != -ENOENT)
		return rc;
	*ret_made = true;
	rc = xg_generate(ops, kind, q, err);
	return rc ? rc : image_choose(ops, kind, q, ret, err);
}

static int image_get(struct xg_ops *ops, const char *kind, const struct xg_wanted *q, struct xg_image **ret,
		     bool *ret_made, struct xg_err *err)
{
	struct xg_err none = XG_ERR_NONE, why = XG_ERR_NONE;
	bool made = false;
	int rc = image_choose(ops, kind, q, ret, &none);

	if (rc != -ENOENT || !ops->repo)
		return rc ? xg_fail(err, -rc, "%s", none.text) : 0;
	rc = image_make(ops, kind, q, ret, &made, &why);
	if (rc)
		return xg_fail(err, -rc, "%.190s; none can be generated: %.190s", none.text, why.text);
	if (ret_made)
		*ret_made = made;
	return 0;
}

int xg_personality_find(struct xg_ops *ops, const struct xg_os *os, struct xg_image **ret, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_wanted q = wanted_of(os);
	struct xg_err why = XG_ERR_NONE;
	int rc = image_choose(ops, "personality", &q, &image, &why);

	if (rc == -ENOENT && ops->repo && !strcmp(os->name, "linux"))
		return xg_fail(err, ENOENT, "%.280s; 'xengraft-build-image --release %s' makes one", why.text,
			       os->release);
	if (rc)
		return xg_fail(err, -rc, "%s", why.text);
	rc = xg_core_image_fits(image, os, err);
	if (!rc)
		*ret = xg_take(image);
	return rc;
}

int xg_personality_get(struct xg_ops *ops, const struct xg_os *os, struct xg_image **ret, bool *ret_made,
		       struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_wanted q = wanted_of(os);
	int rc = image_get(ops, "personality", &q, &image, ret_made, err);

	if (!rc && image)
		rc = xg_core_image_fits(image, os, err);
	if (!rc)
		*ret = xg_take(image);
	return rc;
}

int xg_driver_get(struct xg_ops *ops, const struct xg_os *os, const char *device, const char *mode,
		  struct xg_image **ret, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_wanted q = wanted_of(os);
	int rc;

	snprintf(q.class_name, sizeof(q.class_name), "block");
	snprintf(q.device, sizeof(q.device), "%s", device);
	snprintf(q.mode, sizeof(q.mode), "%s", mode);
	rc = image_get(ops, "driver", &q, &image, NULL, err);
	if (!rc && image)
		rc = xg_device_image_fits(image, "block", mode, err);
	if (!rc)
		*ret = xg_take(image);
	return rc;
}

int xg_driver_named(struct xg_ops *ops, const char *name, struct xg_image **ret, struct xg_err *err)
{
	struct xg_verdict verdict;
	struct xg_entry entry;
	int rc = images_open(ops, err);

	if (!rc)
		rc = xg_repo_find(ops->repo, name, &entry, err);
	if (!rc)
		rc = xg_repo_load_trusted(ops->repo, entry.digest, ret, &verdict, err);
	if (!rc && verdict.trust != XG_TRUSTED)
		xg_ops_notice(ops, "%s is not signed; %s/repo.conf allows that on this host", name,
			      ops->repo_paths.confdir);
	return rc;
}
