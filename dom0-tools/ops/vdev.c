// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns a vdev into a device id and a name. Called by the CLI; pure. */
#include "dom0-tools/ops/vdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"

/* xen-vbd-interface(7): how disk and partition numbers make a device id. Rows beat branches. */
static const struct vdev_kind {
	const char *prefix;
	uint32_t major;
	uint32_t disk_first, disks;	/* the major number holds disks disk_first and up, so many of them */
	uint32_t disk_shift;
} vdev_kinds[] = {
	{ "xvd", 202, 0, 16, 4 },
	{ "sd", 8, 0, 16, 4 },
	{ "hd", 3, 0, 2, 6 },
	{ "hd", 22, 2, 2, 6 },
};

#define VDEV_KINDS XG_ARRAY_SIZE(vdev_kinds)

#define VDEV_EXTENDED_BIT 28	/* 1 << 28 | disk << 8 | partition: "xvd" beyond the sixteenth disk or partition */
#define VDEV_EXTENDED_DISKS (1u << 20)
#define VDEV_EXTENDED_PARTITIONS 256u

/* "b" -> 1, "aa" -> 26. Returns the first character that is no letter, NULL when there is none at all. */
static const char *vdev_letters(const char *s, uint32_t *ret)
{
	uint32_t n = 0;
	const char *p;

	for (p = s; *p >= 'a' && *p <= 'z' && p - s < 5; p++)
		n = n * 26 + (uint32_t)(*p - 'a') + 1;
	*ret = n - 1;
	return p == s ? NULL : p;
}

/* All of S, a number as in C: BASE 0 takes 0x and 0, as libxl does for vdevs. */
static int vdev_number(const char *s, int base, uint32_t *ret)
{
	char *end;
	unsigned long n;

	if (*s < '0' || *s > '9')	/* strtoul() would take blanks and signs */
		return -EINVAL;
	errno = 0;
	n = strtoul(s, &end, base);
	if (*end || errno || n > UINT32_MAX)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int vdev_encode(const char *prefix, uint32_t disk, uint32_t partition, uint32_t *ret)
{
	size_t i;

	for (i = 0; i < VDEV_KINDS; i++) {
		const struct vdev_kind *kind = &vdev_kinds[i];

		if (strcmp(kind->prefix, prefix) || disk - kind->disk_first >= kind->disks ||
		    partition >= 1u << kind->disk_shift)
			continue;
		*ret = kind->major << 8 | (disk - kind->disk_first) << kind->disk_shift | partition;
		return 0;
	}
	if (strcmp(prefix, "xvd") || disk >= VDEV_EXTENDED_DISKS || partition >= VDEV_EXTENDED_PARTITIONS)
		return -EINVAL;
	*ret = 1u << VDEV_EXTENDED_BIT | disk << 8 | partition;
	return 0;
}

/* What a device id means; -EINVAL for one that no name leads to, so that no disk has two ids. */
static int vdev_decode(uint32_t devid, const char **ret_prefix, uint32_t *ret_disk, uint32_t *ret_partition)
{
	uint32_t disk = devid >> 8 & (VDEV_EXTENDED_DISKS - 1), partition = devid & 0xff, again;
	const char *prefix = "xvd";
	size_t i;

	if (devid >> VDEV_EXTENDED_BIT == 0) {
		for (i = 0; i < VDEV_KINDS && vdev_kinds[i].major != devid >> 8; i++)
			;
		if (i == VDEV_KINDS)
			return -EINVAL;
		prefix = vdev_kinds[i].prefix;
		disk = vdev_kinds[i].disk_first + (partition >> vdev_kinds[i].disk_shift);
		partition &= (1u << vdev_kinds[i].disk_shift) - 1;
	}
	if (vdev_encode(prefix, disk, partition, &again) || again != devid)
		return -EINVAL;
	*ret_prefix = prefix;
	*ret_disk = disk;
	*ret_partition = partition;
	return 0;
}

/* Linux names: xvdb, xvdb3, sda, hdb. */
static int vdev_named(const char *vdev, uint32_t *ret)
{
	uint32_t disk, partition = 0;
	const char *rest;
	size_t i;

	for (i = 0; i < VDEV_KINDS; i++) {
		const char *prefix = vdev_kinds[i].prefix;

		if (strncmp(vdev, prefix, strlen(prefix)))
			continue;
		rest = vdev_letters(vdev + strlen(prefix), &disk);
		if (!rest || (*rest && (*rest == '0' || vdev_number(rest, 10, &partition))))
			return -EINVAL;
		return vdev_encode(prefix, disk, partition, ret);
	}
	return -EINVAL;
}

/* d2 and d2p3. */
static int vdev_plain(const char *vdev, uint32_t *ret_disk, uint32_t *ret_partition)
{
	char disk[11];
	size_t len;

	if (*vdev++ != 'd')
		return -EINVAL;
	len = strspn(vdev, "0123456789");
	if (len >= sizeof(disk))
		return -EINVAL;
	memcpy(disk, vdev, len);
	disk[len] = '\0';
	*ret_partition = 0;
	if (vdev_number(disk, 10, ret_disk))
		return -EINVAL;
	vdev += len;
	if (!*vdev)
		return 0;
	return *vdev == 'p' ? vdev_number(vdev + 1, 10, ret_partition) : -EINVAL;
}

static void vdev_name(char name[32], const char *prefix, uint32_t disk, uint32_t partition)
{
	char letters[8];
	int at = sizeof(letters) - 1;

	letters[at] = '\0';
	for (disk++; disk && at; disk = (disk - 1) / 26)
		letters[--at] = (char)('a' + (disk - 1) % 26);
	if (partition)
		snprintf(name, 32, "%s%s%u", prefix, letters + at, partition);
	else
		snprintf(name, 32, "%s%s", prefix, letters + at);
}

int xg_vdev_parse(const char *vdev, uint32_t *ret_devid, char ret_name[32], struct xg_err *err)
{
	uint32_t devid, disk, partition;
	const char *prefix = "xvd";

	if (!vdev_named(vdev, &devid)) {
		snprintf(ret_name, 32, "%s", vdev);
	} else if (!vdev_plain(vdev, &disk, &partition)) {
		if (vdev_encode(prefix, disk, partition, &devid))
			return xg_fail(err, EINVAL, "'%s': no such disk or partition number", vdev);
		vdev_name(ret_name, prefix, disk, partition);
	} else if (!vdev_number(vdev, 0, &devid)) {
		if (vdev_decode(devid, &prefix, &disk, &partition))
			return xg_fail(err, EINVAL, "'%s': not the number of a virtual disk", vdev);
		vdev_name(ret_name, prefix, disk, partition);
	} else {
		return xg_fail(err, EINVAL, "'%s' is no virtual disk (as xvdb, sda, hdb, d1 or 51728)", vdev);
	}
	*ret_devid = devid;
	return 0;
}
