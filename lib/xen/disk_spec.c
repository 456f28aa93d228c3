// SPDX-License-Identifier: GPL-2.0-or-later
/* Parses a disk SPEC by libxlutil. Called by the CLI; looks at no file. */
#include "lib/xen/disk_spec.h"

#include <libxl.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int spec_take(const libxl_device_disk *disk, struct xg_disk_spec *ret, struct xg_err *err)
{
	struct xg_disk_spec spec = { .read_only = !disk->readwrite };

	if (disk->backend_domname)
		return xg_fail(err, EINVAL, "disk specification: a backend in domain '%s' is not supported",
			       disk->backend_domname);
	if (disk->script)
		return xg_fail(err, EINVAL, "disk specification: script=%s is not supported", disk->script);
	if (!disk->pdev_path || !disk->pdev_path[0])
		return xg_fail(err, EINVAL, "disk specification: no target");
	if (strlen(disk->pdev_path) >= sizeof(spec.target))
		return xg_fail(err, EINVAL, "disk specification: target of %zu characters, at most %zu",
			       strlen(disk->pdev_path), sizeof(spec.target) - 1);
	if (!disk->vdev || !disk->vdev[0])
		return xg_fail(err, EINVAL, "disk specification: no vdev");
	if (strlen(disk->vdev) >= sizeof(spec.vdev))
		return xg_fail(err, EINVAL, "disk specification: vdev '%.40s…' is too long", disk->vdev);
	snprintf(spec.target, sizeof(spec.target), "%s", disk->pdev_path);
	snprintf(spec.vdev, sizeof(spec.vdev), "%s", disk->vdev);
	snprintf(spec.format, sizeof(spec.format), "%s", libxl_disk_format_to_string(disk->format));
	spec.removable = disk->removable;
	spec.cdrom = disk->is_cdrom;
	spec.discard = libxl_defbool_is_default(disk->discard_enable) || libxl_defbool_val(disk->discard_enable);
	spec.direct_io_safe = disk->direct_io_safe;
	*ret = spec;
	return 0;
}

/* libxlutil reports to a stream: one line of it becomes the error. */
static int spec_error(char *report, int rc, struct xg_err *err)
{
	char *end = report ? strchr(report, '\n') : NULL;

	if (end)
		*end = '\0';
	if (report && report[0])
		return xg_fail(err, EINVAL, "%s", report);
	return xg_fail_errno(err, rc > 0 ? rc : EINVAL, "disk specification");
}

int xg_disk_spec_parse(int count, const char *const *words, struct xg_disk_spec *ret, struct xg_err *err)
{
	libxl_device_disk disk;
	char *report = NULL;
	size_t report_size = 0;
	XLU_Config *cfg;
	FILE *stream = open_memstream(&report, &report_size);
	int rc;

	if (!stream)
		return xg_fail_errno(err, errno, "disk specification");
	libxl_device_disk_init(&disk);
	cfg = xlu_cfg_init(stream, "disk specification");
	rc = cfg ? xlu_disk_parse(cfg, count, words, &disk) : ENOMEM;
	fflush(stream);
	rc = rc ? spec_error(report, rc, err) : spec_take(&disk, ret, err);
	if (cfg)
		xlu_cfg_destroy(cfg);
	libxl_device_disk_dispose(&disk);
	fclose(stream);
	free(report);
	return rc;
}
