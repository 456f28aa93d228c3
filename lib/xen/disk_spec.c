// SPDX-License-Identifier: GPL-2.0-or-later
/* Parses a disk SPEC by libxlutil. Called by the CLI; looks at no file. */
#include "lib/xen/disk_spec.h"

#include <libxl.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool wanted(libxl_defbool b)
{
	return !libxl_defbool_is_default(b) && libxl_defbool_val(b);
}

static bool is_control_domain(const char *name)
{
	return !name || !strcmp(name, "0") || !strcmp(name, "Domain-0");
}

static int refuse(struct xg_err *err, const char *key, const char *value)
{
	return xg_fail(err, EINVAL, "disk specification: %s%s is not supported", key, value);
}

/* Whoever asks for what is not there must be told: an unheeded key is a disk other than the one that was wanted. */
static int spec_check(const libxl_device_disk *disk, struct xg_err *err)
{
	if (!is_control_domain(disk->backend_domname))
		return xg_fail(err, EINVAL, "disk specification: a backend in domain '%s' is not supported",
			       disk->backend_domname);
	if (disk->backend != LIBXL_DISK_BACKEND_UNKNOWN)
		return refuse(err, "backendtype=", libxl_disk_backend_to_string(disk->backend));
	if (disk->script)
		return refuse(err, "script=", disk->script);
	if (disk->specification != LIBXL_DISK_SPECIFICATION_UNKNOWN &&
	    disk->specification != LIBXL_DISK_SPECIFICATION_XEN)
		return refuse(err, "specification=", libxl_disk_specification_to_string(disk->specification));
	if (wanted(disk->colo_enable) || wanted(disk->colo_restore_enable) || disk->colo_host || disk->colo_port ||
	    disk->colo_export || disk->active_disk || disk->hidden_disk)
		return refuse(err, "colo", "");
	return 0;
}

static int spec_take(const libxl_device_disk *disk, struct xg_disk_spec *ret, struct xg_err *err)
{
	struct xg_disk_spec spec = { .read_only = !disk->readwrite };
	int rc = spec_check(disk, err);

	if (rc)
		return rc;
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
