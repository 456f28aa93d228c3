// SPDX-License-Identifier: GPL-2.0-or-later
/* See xl_vbd.h. Called by an attach, under the guest's lock, and while one waits for its guest. */
#include "dom0-tools/ops/xl_vbd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum vbd { VBD_NONE, VBD_OTHERS, VBD_OURS, VBD_LEAVING };

static bool is_our_script(const char *script)
{
	const char *name = strrchr(script, '/');

	return !strcmp(name ? name + 1 : script, "block-xengraft");
}

/* libxl writes 0 there before it runs the script that is to take the disk away. */
static int vbd_leaving(struct xg_store *store, const char *record, enum vbd *ret, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX], backend[XG_STORE_PATH_MAX];
	uint64_t online = 0;
	int rc;

	snprintf(path, sizeof(path), "%.200s/backend", record);
	rc = xg_store_read(store, path, backend, sizeof(backend), err);
	if (!rc && (size_t)snprintf(path, sizeof(path), "%s/online", backend) < sizeof(path))
		rc = xg_store_read_u64_or(store, path, 0, &online, err);
	if (rc && rc != -ENOENT)
		return rc;
	*ret = online ? VBD_OURS : VBD_LEAVING;
	return 0;
}

static int vbd_look(struct xg_store *store, struct xg_link_id id, enum vbd *ret, struct xg_err *err)
{
	char record[64], path[XG_STORE_PATH_MAX], script[XG_STORE_PATH_MAX];
	char **children;
	size_t count;
	int rc;

	snprintf(record, sizeof(record), "/libxl/%u/device/vbd/%u", id.domid, id.devid);
	rc = xg_store_list(store, record, &children, &count, err);
	if (rc == -ENOENT) {
		*ret = VBD_NONE;
		return 0;
	}
	if (rc)
		return rc;
	free(children);
	snprintf(path, sizeof(path), "%s/script", record);
	rc = xg_store_read(store, path, script, sizeof(script), err);
	if (!rc && is_our_script(script))
		return vbd_leaving(store, record, ret, err);
	*ret = VBD_OTHERS;
	return rc == -ENOENT || rc == -E2BIG ? 0 : rc;
}

int xg_xl_vbd_check(struct xg_store *store, struct xg_link_id id, const struct xg_disk_spec *spec, const char *name,
		    struct xg_err *err)
{
	enum vbd vbd = VBD_NONE;
	int rc = vbd_look(store, id, &vbd, err);

	if (rc || vbd == (spec->of_xl ? VBD_OURS : VBD_NONE))
		return rc;
	if (!spec->of_xl || vbd == VBD_OTHERS)
		return xg_fail(err, EEXIST, "vdev %s of guest '%s' is in use by a disk of xl's", spec->vdev, name);
	return xg_fail(err, ECANCELED,
		       "xl has no disk %s with script=block-xengraft in guest '%s', or takes it away now",
		       spec->vdev, name);
}
