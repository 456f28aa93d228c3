// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A folder in the OCI image layout (image-spec, image-layout.md): oci-layout, index.json, blobs/sha256/DIGEST. Called
 * by export and import; the index goes last, so that what it names is there.
 */
#include <stdio.h>
#include <string.h>

#include "driver-repo/file.h"
#include "driver-repo/store.h"
#include "driver-repo/transfer.h"

static const char marker[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

static int blob_path(const char *dir, const char *digest, char ret[PATH_MAX], struct xg_err *err)
{
	if ((size_t)snprintf(ret, PATH_MAX, "%s/blobs/sha256/%s", dir, digest) >= PATH_MAX)
		return xg_fail_errno(err, ENAMETOOLONG, "%.100s…", dir);
	return 0;
}

static int layout_blob_get(void *ctx, const char *digest, uint64_t size, unsigned int attempt, char **ret,
			   size_t *ret_size, struct xg_err *err)
{
	char path[PATH_MAX];
	int rc = blob_path(ctx, digest, path, err);

	if (attempt)
		return xg_fail(err, ENOENT, "no other source");
	return rc ? rc : xg_file_read(path, size, ret, ret_size, err);
}

static int layout_blob_put(void *ctx, const struct xg_oci_descriptor *d, const char *bytes, struct xg_err *err)
{
	char path[PATH_MAX];
	int rc = blob_path(ctx, d->digest, path, err);

	return rc ? rc : xg_file_replace(path, bytes, d->size, 0644, err);
}

static int layout_manifest_get(void *ctx, const char *digest, unsigned int attempt, char **ret, size_t *ret_size,
			       struct xg_err *err)
{
	char path[PATH_MAX];

	if (digest)
		return layout_blob_get(ctx, digest, XG_OCI_JSON_MAX, attempt, ret, ret_size, err);
	if ((size_t)snprintf(path, sizeof(path), "%s/index.json", (const char *)ctx) >= sizeof(path))
		return xg_fail_errno(err, ENAMETOOLONG, "%.100s…", (const char *)ctx);
	return xg_file_read(path, XG_OCI_JSON_MAX, ret, ret_size, err);
}

static int layout_manifest_put(void *ctx, const struct xg_oci_descriptor *d, bool index, const char *bytes,
			       struct xg_err *err)
{
	char path[PATH_MAX];

	if (!index)
		return layout_blob_put(ctx, d, bytes, err);
	if ((size_t)snprintf(path, sizeof(path), "%s/index.json", (const char *)ctx) >= sizeof(path))
		return xg_fail_errno(err, ENAMETOOLONG, "%.100s…", (const char *)ctx);
	return xg_file_replace(path, bytes, d->size, 0644, err);
}

static int layout_make(const char *dir, struct xg_err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((size_t)snprintf(path, sizeof(path), "%s/blobs/sha256", dir) >= sizeof(path))
		return xg_fail_errno(err, ENAMETOOLONG, "%.100s…", dir);
	rc = xg_dir_make(path, 0755, err);
	snprintf(path, sizeof(path), "%s/oci-layout", dir);
	return rc ? rc : xg_file_replace(path, marker, strlen(marker), 0644, err);
}

void xg_layout_close(struct xg_place *p)
{
	free(p->ctx);
	p->ctx = NULL;
}

int xg_layout_open(const char *dir, bool write, struct xg_place *ret, struct xg_err *err)
{
	char path[PATH_MAX];
	int rc = write ? layout_make(dir, err) : 0;

	if (rc)
		return rc;
	if ((size_t)snprintf(path, sizeof(path), "%s/oci-layout", dir) >= sizeof(path) || access(path, R_OK))
		return xg_fail(err, ENOENT, "%.200s is no OCI image layout: it has no file oci-layout", dir);
	*ret = (struct xg_place){
		.blob_get = layout_blob_get, .blob_put = layout_blob_put, .manifest_get = layout_manifest_get,
		.manifest_put = layout_manifest_put, .ctx = strdup(dir),
	};
	return ret->ctx ? 0 : xg_fail_errno(err, ENOMEM, "%s", dir);
}
