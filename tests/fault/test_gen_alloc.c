// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading a description when memory runs out at each allocation in turn: -ENOMEM with a sentence, nothing leaked.
 */
#include <check.h>
#include <stdlib.h>

#include "driver-gen/device.h"
#include "driver-gen/os.h"
#include "lib/base/cleanup.h"
#include "tests/lib/fault.h"
#include "tests/lib/run_suite.h"

static char *text;
static size_t size;

static int read_device(void *ctx, struct xg_err *err)
{
	struct gen_arena arena xg_auto(gen_arena_fini) = { .chunks = NULL };
	struct gen_device *dev;

	(void)ctx;
	return gen_device_parse("d", text, size, &arena, &dev, err);
}

static int read_os(void *ctx, struct xg_err *err)
{
	struct gen_arena arena xg_auto(gen_arena_fini) = { .chunks = NULL };
	struct gen_os *os;

	(void)ctx;
	return gen_os_parse("d", text, size, &arena, &os, err);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void load(const char *path)
{
	struct xg_err err = XG_ERR_NONE;

	ck_assert_msg(gen_read_file(path, &text, &size, &err) == 0, "%s", err.text);
}

START_TEST(devices)
{
	static const char *const paths[] = {
		XG_SRCDIR "/driver-gen/devices/xen-blkif.xgd", XG_SRCDIR "/driver-gen/devices/nvme-queue.xgd",
		XG_SRCDIR "/driver-gen/devices/virtio-blk.xgd",
	};

	load(paths[_i]);
	ck_assert_int_gt(fault_sweep(read_device, nothing, NULL, 5000), 200);
	free(text);
}
END_TEST

START_TEST(os)
{
	load(XG_SRCDIR "/driver-gen/os/linux.xgo");
	ck_assert_int_gt(fault_sweep(read_os, nothing, NULL, 5000), 100);
	free(text);
}
END_TEST

static int read_description_file(void *ctx, struct xg_err *err)
{
	char *mine xg_auto_free = NULL;
	size_t n;

	(void)ctx;
	return gen_read_file(XG_SRCDIR "/driver-gen/cflags", &mine, &n, err);
}

START_TEST(files)
{
	ck_assert_int_eq(fault_sweep(read_description_file, nothing, NULL, 10), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("driver-gen without memory");
	TCase *t = tcase_create("allocations");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, devices, 0, 3);
	tcase_add_test(t, os);
	tcase_add_test(t, files);
	suite_add_tcase(s, t);
	return run_suite(s);
}
