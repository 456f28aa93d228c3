// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns a vdev into a device id and a name. Called by the CLI; pure. */
#include "dom0-tools/ops/vdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* xen-vbd-interface(7): how disk and partition numbers make a device id. Rows beat branches. */
static const struct vdev_kind {
	const char *prefix;
	uint32_t major;
	uint32_t disk_shift;
	uint32_t disks, partitions;	/* how many the encoding holds */
} vdev_kinds[] = {
	{ "xvd", 202, 4, 16, 16 },
	{ "sd", 8, 4, 16, 16 },
	{ "hd", 3, 6, 2, 64 },
};

#define VDEV_EXTENDED_BIT 28	/* 1 << 28 | disk << 8 | partition: "xvd" beyond the sixteenth disk or partition */
#define VDEV_EXTENDED_DISKS (1u << 20)
#define VDEV_EXTENDED_PARTITIONS 256u

/* "b" -> 1, "aa" -> 26. Returns the first character that is no letter, NULL when there is none at all. */
static const char *vdev_letters(const char *s, uint32_t *ret)
{
	uint32_t n = 0;
	const char *p;

	for (p = s; *p >= 'a' && *p <= 'z' && p - s < 4; p++)
		n = n * 26 + (uint32_t)(*p - 'a') + 1;
	*ret = n - 1;
	return p == s ? NULL : p;
}

static int vdev_number(const char *s, uint32_t *ret)
{
	char *end;
	unsigned long n;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	n = strtoul(s, &end, 0);
	if (*end || errno || n > UINT32_MAX)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int vdev_encode(const struct vdev_kind *kind, uint32_t disk, uint32_t partition, uint32_t *ret)
{
	if (disk < kind->disks && partition < kind->partitions) {
		*ret = kind->major << 8 | disk << kind->disk_shift | partition;
		return 0;
	}
	if (kind != &vdev_kinds[0] || disk >= VDEV_EXTENDED_DISKS || partition >= VDEV_EXTENDED_PARTITIONS)
		return -EINVAL;
	*ret = 1u << VDEV_EXTENDED_BIT | disk << 8 | partition;
	return 0;
}

/* Linux names: xvdb, xvdb3, sda, hdb. */
static int vdev_named(const char *vdev, uint32_t *ret)
{
	uint32_t disk, partition = 0;
	const char *rest;
	size_t i;

	for (i = 0; i < sizeof(vdev_kinds) / sizeof(vdev_kinds[0]); i++) {
		const struct vdev_kind *kind = &vdev_kinds[i];
		size_t len = strlen(kind->prefix);

		if (strncmp(vdev, kind->prefix, len))
			continue;
		rest = vdev_letters(vdev + len, &disk);
		if (!rest || (*rest && (*rest == '0' || vdev_number(rest, &partition))))
			return -EINVAL;
		return vdev_encode(kind, disk, partition, ret);
	}
	return -EINVAL;
}

/* d2 and d2p3. */
static int vdev_plain(const char *vdev, uint32_t *ret_disk, uint32_t *ret_partition)
{
	unsigned int disk, partition = 0;
	char tail;
	int n = sscanf(vdev, "d%up%u%c", &disk, &partition, &tail);

	if (n != 2 && (n != 1 || sscanf(vdev, "d%u%c", &disk, &tail) != 1))
		return -EINVAL;
	*ret_disk = disk;
	*ret_partition = partition;
	return 0;
}

static void name_xvd(char name[32], uint32_t disk, uint32_t partition)
{
	char letters[8];
	int at = sizeof(letters) - 1;

	letters[at] = '\0';
	for (disk++; disk && at; disk = (disk - 1) / 26)
		letters[--at] = (char)('a' + (disk - 1) % 26);
	if (partition)
		snprintf(name, 32, "xvd%s%u", letters + at, partition);
	else
		snprintf(name, 32, "xvd%s", letters + at);
}

int xg_vdev_parse(const char *vdev, uint32_t *ret_devid, char ret_name[32], struct xg_err *err)
{
	uint32_t devid, disk, partition;

	if (!vdev_named(vdev, &devid)) {
		snprintf(ret_name, 32, "%s", vdev);
	} else if (!vdev_plain(vdev, &disk, &partition)) {
		if (vdev_encode(&vdev_kinds[0], disk, partition, &devid))
			return xg_fail(err, EINVAL, "'%s': no such disk or partition number", vdev);
		name_xvd(ret_name, disk, partition);
	} else if (!vdev_number(vdev, &devid)) {
		if (devid >> VDEV_EXTENDED_BIT == 1)
			name_xvd(ret_name, devid >> 8 & 0xfffff, devid & 0xff);
		else if (devid >> 8 == vdev_kinds[0].major)
			name_xvd(ret_name, devid >> 4 & 0xf, devid & 0xf);
		else
			return xg_fail(err, EINVAL, "'%s': not the number of a virtual disk", vdev);
	} else {
		return xg_fail(err, EINVAL, "'%s' is no virtual disk (as xvdb, sda, hdb, d1 or 51728)", vdev);
	}
	*ret_devid = devid;
	return 0;
}
