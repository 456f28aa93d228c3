// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening and linking an image when memory runs out at each allocation in turn: -ENOMEM with a sentence, nothing
 * leaked, and success once there is enough. libelf's own allocations are inside a shared library and are not failed.
 */
#include <check.h>
#include <stdlib.h>

#include "hotswap/link.h"
#include "tests/lib/elf_builder.h"
#include "tests/lib/fault.h"
#include "tests/lib/run_suite.h"

struct attempt {
	uint8_t *image;
	size_t size;
	struct xg_elf *elf;
	uint8_t text[4096], data[4096];
};

static uint8_t *image_of_two_parts(size_t *ret_size)
{
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", NULL, 64), data = elfb_data(b, ".data", NULL, 64);
	uint32_t entry = elfb_function(b, "xg_core_main", text, 0, 1);

	elfb_relocation(b, data, 0, R_X86_64_64, entry, 0);
	elfb_relocation(b, text, 0, R_X86_64_PC32, entry, 0);
	return elfb_finish(b, ret_size);
}

static int open_and_link(void *ctx, struct xg_err *err)
{
	struct attempt *a = ctx;
	struct xg_part text = { XG_GVA(UINT64_C(0xffffffffc0000000)), sizeof(a->text), a->text };
	struct xg_part data = { XG_GVA(UINT64_C(0xffffffffc0001000)), sizeof(a->data), a->data };
	struct xg_elf *elf = NULL;
	struct xg_link_size size;
	struct gva at;
	int rc;

	rc = xg_elf_open(a->image, a->size, &elf, err);
	if (!rc)
		rc = xg_link_size(elf, &size, err);
	if (!rc)
		rc = xg_link(elf, NULL, &text, &data, err);
	if (!rc)
		rc = xg_link_address(elf, "xg_core_main", &text, &data, &at, err);
	if (rc)
		xg_elf_close(elf);
	else
		a->elf = elf;
	return rc;
}

static void close_image(void *ctx)
{
	struct attempt *a = ctx;

	xg_elf_close(a->elf);
}

/* elf: headers, sections, symbols, relocations, the image; a layout each for size, link and address; 2 for symbols. */
START_TEST(each_allocation_fails_once)
{
	static struct attempt a;

	a.image = image_of_two_parts(&a.size);
	ck_assert_int_eq(fault_sweep(open_and_link, close_image, &a, 100), 10);
	free(a.image);
}
END_TEST

/* The injector itself: it delivers what it was armed for, and sees what is not freed. */
static int leaks_when_second_fails(void *ctx, struct xg_err *err)
{
	char **kept = ctx;
	char *second;

	*kept = malloc(8);
	if (!*kept)
		return xg_fail(err, ENOMEM, "first");
	second = malloc(8);
	if (!second)
		return xg_fail(err, ENOMEM, "second");
	free(second);
	return 0;
}

static void free_kept(void *ctx)
{
	free(*(char **)ctx);
}

START_TEST(injector_sees_a_leak)
{
	char *kept = NULL;

	ck_assert_int_eq(fault_sweep(leaks_when_second_fails, free_kept, &kept, 10), -1);
	free(kept);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link-alloc");
	TCase *t = tcase_create("link-alloc");

	tcase_add_test(t, each_allocation_fails_once);
	tcase_add_test(t, injector_sees_a_leak);
	suite_add_tcase(s, t);
	return run_suite(s);
}
