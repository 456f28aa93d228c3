// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dom0-tools/inspect: the bare kernel comes out as it is; an identity page with exactly one defect is refused
 * with a code and a sentence that name it; memory that runs out is an error as any other.
 */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/inspect/inspect.h"
#include "lib/base/array.h"
#include "tests/lib/fake_bare.h"
#include "tests/lib/fault.h"
#include "tests/lib/run_suite.h"

static struct fake_bare bare;

START_TEST(it_comes_out_as_it_is)
{
	struct xg_guest *g;
	struct xg_err err = XG_ERR_NONE;
	struct xg_kernel *k = NULL;
	const struct xg_os *os;
	struct gva at = XG_GVA(1);

	fake_bare_make(&bare);
	g = fake_bare_guest(&bare);
	ck_assert_msg(xg_kernel_open(g, &k, &err) == 0, "%s", err.text);
	os = xg_kernel_os(k);
	ck_assert_str_eq(os->name, "bare");
	ck_assert_str_eq(os->arch, "x86_64");
	ck_assert_str_eq(os->release, "0.1.0-test");
	ck_assert_str_eq(os->build_id, "00112233445566778899aabbccddeeff00112233");
	ck_assert_uint_eq(os->vmcoreinfo.n, FAKE_BARE_IDENTITY);
	ck_assert_uint_eq(os->vmcoreinfo_bytes, sizeof(struct bare_identity));
	ck_assert_uint_eq(os->root.n, FAKE_BARE_ROOT);
	ck_assert_uint_eq(os->levels, 4);
	ck_assert_uint_eq(os->symbols, 4);
	ck_assert_int_eq(xg_kernel_symbol(k, "bare_log", &at, &err), 0);
	ck_assert_uint_eq(at.v, FAKE_BARE_TEXT + 0x40);
	ck_assert_int_eq(xg_kernel_symbol_after(k, at, &at, &err), 0);
	ck_assert_uint_eq(at.v, FAKE_BARE_TEXT + 0x800);
	ck_assert_int_eq(xg_kernel_symbol_after(k, XG_GVA(FAKE_BARE_VARIABLE), &at, &err), -ENOENT);
	ck_assert_int_eq(xg_kernel_symbol(k, "bare_lo", &at, &err), -ENOENT);
	ck_assert_str_eq(err.text, "the kernel has no symbol 'bare_lo'");
	xg_kernel_close(k);
	ck_assert_uint_eq(xg_guest_fake_mapped(g), 0);
	xg_guest_close(g);
}
END_TEST

/* ---- One defect -------------------------------------------------------------------------------------------- */

static void version(struct fake_bare *f) { f->identity->version = 0; }
static void size(struct fake_bare *f) { f->identity->size = 8; }
static void size_large(struct fake_bare *f) { f->identity->size = 4097; }
static void release_empty(struct fake_bare *f) { f->identity->release[0] = '\0'; }
static void release_endless(struct fake_bare *f) { memset(f->identity->release, 'a', sizeof(f->identity->release)); }
static void release_path(struct fake_bare *f) { strcpy(f->identity->release, "../x"); }
static void build_id(struct fake_bare *f) { f->identity->build_id[3] = 'x'; }
static void build_id_long(struct fake_bare *f) { memset(f->identity->build_id, 'a', 42); }
static void levels(struct fake_bare *f) { f->identity->levels = 5; }
static void root_odd(struct fake_bare *f) { f->identity->root = 8; }
static void root_other(struct fake_bare *f) { f->identity->root = 4096; }
static void image_low(struct fake_bare *f) { f->identity->image = FAKE_BARE_MEMORY; }
static void image_large(struct fake_bare *f) { f->identity->image_bytes = UINT64_C(1) << 40; }
static void no_symbols(struct fake_bare *f) { f->identity->symbol_count = 0; }
static void many_symbols(struct fake_bare *f) { f->identity->symbol_count = UINT64_MAX / 4; }
static void many_strings(struct fake_bare *f) { f->identity->strings_bytes = UINT64_MAX; }
static void symbols_outside(struct fake_bare *f) { f->identity->symbols = FAKE_BARE_MEMORY; }
static void symbols_over_the_end(struct fake_bare *f) { f->identity->symbols = FAKE_BARE_TEXT + 3 * XG_PAGE_SIZE - 8; }
static void strings_wrap(struct fake_bare *f) { f->identity->strings = UINT64_MAX - 8; }
static void variable_outside(struct fake_bare *f) { f->identity->variable = FAKE_BARE_MEMORY + 64; }
static void variable_odd(struct fake_bare *f) { f->identity->variable += 4; }
static void variable_other(struct fake_bare *f) { f->identity->variable += 8; }
static void strings_endless(struct fake_bare *f) { f->strings[f->identity->strings_bytes - 1] = 'x'; }
static void symbols_descend(struct fake_bare *f) { f->symbols[2].offset = 0; }
static void name_outside(struct fake_bare *f) { f->symbols[1].name = UINT32_MAX; }
static void variable_unlisted(struct fake_bare *f) { f->strings[f->symbols[3].name] = 'x'; }
static void variable_twice(struct fake_bare *f) { f->symbols[2] = f->symbols[3]; }

/* A second page that says the same but for a letter, and which another variable points to first. */
static void copy_elsewhere(struct fake_bare *f)
{
	struct bare_identity *copy = (struct bare_identity *)f->memory[13];

	*copy = *f->identity;
	copy->release[0] = '9';
	f->variable[0] = FAKE_BARE_MEMORY + 13 * XG_PAGE_SIZE;
	f->identity->magic = 0;
	f->variable[1] = f->variable[0];
	f->variable[0] = FAKE_BARE_MEMORY + FAKE_BARE_IDENTITY * XG_PAGE_SIZE;
}

#define ONE "1 looks like one, but: bare kernel: "

static const struct {
	const char *name;
	void (*damage)(struct fake_bare *f);
	int code;
	const char *text;
} defects[] = {
	{ "version", version, ENOENT, ONE "an identity page of version 0" },
	{ "too small", size, ENOENT, ONE "an identity page of version 1 with 8 bytes" },
	{ "too large", size_large, ENOENT, ONE "an identity page of version 1 with 4097 bytes" },
	{ "no release", release_empty, ENOENT, ONE "an identity page whose release" },
	{ "a release without end", release_endless, ENOENT, ONE "an identity page whose release" },
	{ "a release that is a path", release_path, ENOENT, ONE "an identity page whose release" },
	{ "a build-id that is none", build_id, ENOENT, ONE "an identity page whose release or build-id" },
	{ "a build-id of 42 digits", build_id_long, ENOENT, ONE "an identity page whose release or build-id" },
	{ "five levels", levels, ENOENT, ONE "an identity page with 5 levels" },
	{ "an odd root", root_odd, ENOENT, ONE "an identity page with 4 levels of page tables at 0x8" },
	{ "another root", root_other, ENOENT,
	  ONE "it puts the page tables at frame 0x1, the processor has them at 0x7" },
	{ "an image elsewhere", image_low, ENOENT, ONE "an identity page with an image" },
	{ "an image without end", image_large, ENOENT, ONE "an identity page with an image" },
	{ "no symbols", no_symbols, ENOENT, ONE "an identity page with 0 symbols" },
	{ "symbols without end", many_symbols, ENOENT, ONE "an identity page with 4611686018427387903 symbols" },
	{ "names without end", many_strings, ENOENT, ONE "an identity page with 4 symbols in 18446744073709551615" },
	{ "symbols outside", symbols_outside, ENOENT, ONE "an identity page whose tables do not lie" },
	{ "symbols over the end", symbols_over_the_end, ENOENT, ONE "an identity page whose tables do not lie" },
	{ "names that wrap", strings_wrap, ENOENT, ONE "an identity page whose tables do not lie" },
	{ "a variable outside", variable_outside, ENOENT, ONE "an identity page whose tables do not lie" },
	{ "an odd variable", variable_odd, ENOENT, ONE "an identity page whose tables do not lie" },
	{ "another variable", variable_other, ENOENT, ONE "the symbol table does not list bare_identity where" },
	{ "a name without end", strings_endless, ENOTSUP,
	  "bare kernel: the last name of the symbol table does not end" },
	{ "symbols that descend", symbols_descend, ENOTSUP,
	  "bare kernel: entry 2 of the symbol table is not in order" },
	{ "a name outside", name_outside, ENOTSUP, "bare kernel: entry 1 of the symbol table is not in order" },
	{ "an unlisted variable", variable_unlisted, ENOENT, ONE "the symbol table does not list bare_identity where" },
	{ "a variable listed twice", variable_twice, ENOENT, ONE "the symbol table does not list bare_identity where" },
	{ "a page that is not the variable's", copy_elsewhere, ENOENT,
	  ONE "the kernel's own page is frame 0xc and says otherwise" },
};

START_TEST(one_defect_is_refused)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_kernel *k = NULL;
	struct xg_guest *g;
	int rc;

	fake_bare_make(&bare);
	defects[_i].damage(&bare);
	g = fake_bare_guest(&bare);
	rc = xg_kernel_open(g, &k, &err);
	ck_assert_msg(rc == -defects[_i].code && err.code == defects[_i].code, "%s: %d, %s",
		      defects[_i].name, rc, err.text);
	ck_assert_msg(strstr(err.text, defects[_i].text) != NULL, "%s: \"%s\" does not say \"%s\"",
		      defects[_i].name, err.text, defects[_i].text);
	ck_assert_ptr_null(k);
	ck_assert_uint_eq(xg_guest_fake_mapped(g), 0);
	xg_guest_close(g);
}
END_TEST

/* ---- Out of memory, and map calls that fail ---------------------------------------------------------------- */

struct attempt {
	struct xg_guest *g;
	struct xg_kernel *k;
};

static int open_kernel(void *ctx, struct xg_err *err)
{
	struct attempt *a = ctx;

	return xg_kernel_open(a->g, &a->k, err);
}

static void close_kernel(void *ctx)
{
	struct attempt *a = ctx;

	xg_kernel_close(a->k);
}

START_TEST(each_allocation_fails_once)
{
	struct attempt a;

	fake_bare_make(&bare);
	a.g = fake_bare_guest(&bare);
	/* The search's own, the kernel, the cache, the table and its two parts at least. */
	ck_assert_int_ge(fault_sweep(open_kernel, close_kernel, &a, 100), 6);
	ck_assert_uint_eq(xg_guest_fake_mapped(a.g), 0);
	xg_guest_close(a.g);
}
END_TEST

START_TEST(map_calls_that_fail)
{
	struct xg_guest *g;
	struct xg_err err;
	struct xg_kernel *k;
	unsigned int n;
	int rc = -1;

	fake_bare_make(&bare);
	g = fake_bare_guest(&bare);
	for (n = 1; rc && n < 100; n++) {
		err = (struct xg_err)XG_ERR_NONE;
		xg_guest_fake_fail_map(g, n);
		rc = xg_kernel_open(g, &k, &err);
		ck_assert_msg(rc == 0 || (rc == -ENOMEM && err.code == ENOMEM && *err.text), "call %u: %d, %s",
			      n, rc, err.text);
		ck_assert_uint_eq(xg_guest_fake_mapped(g), 0);
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_gt(n, 5);
	xg_kernel_close(k);
	xg_guest_close(g);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("inspect_bare");
	TCase *t = tcase_create("inspect_bare");

	tcase_add_test(t, it_comes_out_as_it_is);
	tcase_add_loop_test(t, one_defect_is_refused, 0, XG_ARRAY_SIZE(defects));
	tcase_add_test(t, each_allocation_fails_once);
	tcase_add_test(t, map_calls_that_fail);
	suite_add_tcase(s, t);
	return run_suite(s);
}
