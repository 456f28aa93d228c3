// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inspecting a guest when memory runs out at each allocation in turn: -ENOMEM with a sentence, nothing leaked,
 * nothing left mapped, and the kernel once there is enough. Over the processors' page tables and over all pages.
 */
#include <check.h>
#include <stdlib.h>

#include "tests/lib/fake_linux.h"
#include "tests/lib/fault.h"
#include "dom0-tools/inspect/inspect.h"
#include "tests/lib/run_suite.h"

struct attempt {
	struct fake_linux *f;
	struct xg_kernel *k;
};

static int open_kernel(void *ctx, struct xg_err *err)
{
	struct attempt *a = ctx;

	return xg_kernel_open(a->f->guest, &a->k, err);
}

static void close_kernel(void *ctx)
{
	struct attempt *a = ctx;

	xg_kernel_close(a->k);
}

START_TEST(each_allocation_fails_once)
{
	struct fake_linux_spec spec = { .type = XG_GUEST_PVH, .asks_no_cpu = _i };
	struct attempt a = { .f = fake_linux_new(&spec, NULL) };
	int failed = fault_sweep(open_kernel, close_kernel, &a, 100);

	/* A list of frames or ranges, the cache, the kernel, the table and its three parts at least. */
	ck_assert_int_ge(failed, 7);
	ck_assert_uint_eq(xg_guest_fake_mapped(a.f->guest), 0);
	fake_linux_free(a.f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("inspect_alloc");
	TCase *t = tcase_create("inspect_alloc");

	tcase_add_loop_test(t, each_allocation_fails_once, 0, 2);
	suite_add_tcase(s, t);
	return run_suite(s);
}
