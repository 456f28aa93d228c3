// SPDX-License-Identifier: GPL-2.0-or-later
/* dom0-tools/ops/vdev.c against xen-vbd-interface(7): the encodings stated there, and what is no vdev. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/ops/vdev.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

static const struct {
	const char *vdev;
	uint32_t devid;
	const char *name;
} good[] = {
	{ "xvda", 51712, "xvda" },
	{ "xvdb", 51728, "xvdb" },
	{ "xvdb3", 51731, "xvdb3" },
	{ "xvda15", 51727, "xvda15" },
	{ "xvda16", 1u << 28 | 16, "xvda16" },
	{ "xvdp", 202 << 8 | 15 << 4, "xvdp" },
	{ "xvdq", 1u << 28 | 16 << 8, "xvdq" },
	{ "xvdq255", 1u << 28 | 16 << 8 | 255, "xvdq255" },
	{ "xvdz", 1u << 28 | 25 << 8, "xvdz" },
	{ "xvdaa", 1u << 28 | 26 << 8, "xvdaa" },
	{ "xvdzz", 1u << 28 | 701 << 8, "xvdzz" },
	{ "xvdaaa", 1u << 28 | 702 << 8, "xvdaaa" },
	{ "xvdaaaaa", 1u << 28 | 475254 << 8, "xvdaaaaa" },
	{ "sda", 2048, "sda" },
	{ "sdb", 2064, "sdb" },
	{ "sdp15", 8 << 8 | 15 << 4 | 15, "sdp15" },
	{ "hda", 0x300, "hda" },
	{ "hdb", 0x340, "hdb" },
	{ "hda63", 0x33f, "hda63" },
	{ "hdc", 22 << 8, "hdc" },
	{ "hdd63", 22 << 8 | 1 << 6 | 63, "hdd63" },
	{ "d0", 51712, "xvda" },
	{ "d1", 51728, "xvdb" },
	{ "d2p3", 51747, "xvdc3" },
	{ "d16", 1u << 28 | 16 << 8, "xvdq" },
	{ "d26", 1u << 28 | 26 << 8, "xvdaa" },
	{ "d1048575p255", 1u << 28 | 0xfffff << 8 | 255, "xvdbgqcv255" },
	{ "51728", 51728, "xvdb" },
	{ "0xca10", 51728, "xvdb" },
	{ "51731", 51731, "xvdb3" },
	{ "2064", 2064, "sdb" },
	{ "832", 0x340, "hdb" },
	{ "0x340", 0x340, "hdb" },
	{ "5632", 22 << 8, "hdc" },
	{ "268439552", 1u << 28 | 16 << 8, "xvdq" },
	{ "0x10001002", 1u << 28 | 16 << 8 | 2, "xvdq2" },
	{ "0x10000010", 1u << 28 | 16, "xvda16" },
};

START_TEST(name_has_its_number)
{
	struct xg_err err = XG_ERR_NONE;
	char name[32] = "";
	uint32_t devid = 0;

	ck_assert_msg(!xg_vdev_parse(good[_i].vdev, &devid, name, &err), "%s: %s", good[_i].vdev, err.text);
	ck_assert_msg(devid == good[_i].devid, "%s is %u, expected %u", good[_i].vdev, devid, good[_i].devid);
	ck_assert_str_eq(name, good[_i].name);
}
END_TEST

/* No disk has two numbers. */
START_TEST(name_leads_back_to_the_same_disk)
{
	char name[32], again[32];
	uint32_t devid, back;

	ck_assert_int_eq(xg_vdev_parse(good[_i].vdev, &devid, name, NULL), 0);
	ck_assert_int_eq(xg_vdev_parse(name, &back, again, NULL), 0);
	ck_assert_uint_eq(back, devid);
	ck_assert_str_eq(again, name);
}
END_TEST

static const char *const bad[] = {
	"", "x", "xvd", "xvd1", "xvdB", "xvdb0", "xvdb03", "xvdb 3", "xvdb3 ", "xvdb3x", "xvdb-1", "xvdb+1", "xvdb0x3",
	"xvdb256", "xvdb4294967297", "xvdbgqcw", "xvdaaaaaa",
	"sdq", "sda16", "hde", "hda64", "hd",
	"d", "d-1", "d+1", "d 1", "d1 ", "d1p", "d1p-1", "d1p+2", "d1p 2", "d1px", "d1x", "dp1", "d1p256", "d1048576",
	"d4294967296",		/* not d0 */
	"d1p4294967296", "d00000000000000000001",
	"-1", "+51728", " 51728", "51728 ", "0x", "0", "1", "99999999999999999999", "4294967296",
	"51728p1",
	"0x20000000",		/* reserved */
	"0x10000100",		/* disk 1 in the extended form: xvdb has an id of its own */
	"0xcb00",		/* major 203 */
	"/dev/xvdb", "vda", "nvme0n1", "xvdb/../../x",
};

START_TEST(no_vdev_is_refused)
{
	struct xg_err err = XG_ERR_NONE;
	uint32_t devid = 77;
	char name[32];

	ck_assert_msg(xg_vdev_parse(bad[_i], &devid, name, &err) == -EINVAL, "'%s' passed as %u", bad[_i], devid);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, bad[_i]));
	ck_assert_uint_eq(devid, 77);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vdev");
	TCase *t = tcase_create("vdev");

	tcase_add_loop_test(t, name_has_its_number, 0, XG_ARRAY_SIZE(good));
	tcase_add_loop_test(t, name_leads_back_to_the_same_disk, 0, XG_ARRAY_SIZE(good));
	tcase_add_loop_test(t, no_vdev_is_refused, 0, XG_ARRAY_SIZE(bad));
	suite_add_tcase(s, t);
	return run_suite_how(s, CK_NOFORK);
}
