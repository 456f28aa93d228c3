// SPDX-License-Identifier: GPL-2.0-or-later
/* hotswap/optin.c: what a guest may write about its module, and what is no such word. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hotswap/optin.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

START_TEST(word_of_the_module_is_understood)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_core_record r;

	ck_assert_msg(!xg_optin_parse("va=ffffffffc0212000,text=128,data_va=ffffffffc02a0000,data=65,abi=1", &r, &err),
		      "%s", err.text);
	ck_assert_uint_eq(r.va.v, UINT64_C(0xffffffffc0212000));
	ck_assert_uint_eq(r.data_va.v, UINT64_C(0xffffffffc02a0000));
	ck_assert_uint_eq(r.text_pages, 128);
	ck_assert_uint_eq(r.data_pages, 65);
	ck_assert(r.module);
	/* A later one may say more. */
	ck_assert_int_eq(xg_optin_parse("va=1000,text=1,data_va=2000,data=1,abi=1,more=2", &r, &err), 0);
}
END_TEST

static const struct {
	const char *value, *says;
} bad[] = {
	{ "", "describes itself as ''" },
	{ "nonsense", "describes itself as 'nonsense'" },
	{ "text=1,va=1000,data_va=2000,data=1,abi=1", "describes itself as" },
	{ "va=,text=1,data_va=2000,data=1,abi=1", "describes itself as" },
	{ "va=-1,text=1,data_va=2000,data=1,abi=1", "describes itself as" },
	{ "va= 1000,text=1,data_va=2000,data=1,abi=1", "describes itself as" },
	{ "va=1000;text=1,data_va=2000,data=1,abi=1", "describes itself as" },
	{ "va=11111111111111111,text=1,data_va=2000,data=1,abi=1", "describes itself as" },
	{ "va=1000,text=1f,data_va=2000,data=1,abi=1", "describes itself as" },
	{ "va=1000,text=1,data_va=2000,data=1", "describes itself as" },
	{ "va=1000,text=1,data_va=2000,data=1,abi=", "describes itself as" },
	{ "va=1000,text=1,data_va=2000,data=1,abi=2", "of ABI 2, this program of 1" },
	{ "va=0,text=1,data_va=2000,data=1,abi=1", "claims 1 + 1 pages at 0 and 0x2000" },
	{ "va=1000,text=1,data_va=0,data=1,abi=1", "claims" },
	{ "va=1000,text=513,data_va=2000,data=1,abi=1", "claims 513 + 1 pages" },
	{ "va=1000,text=1,data_va=2000,data=4294967297,abi=1", "claims 1 + 4294967297 pages" },
};

START_TEST(other_words_are_refused)
{
	struct xg_core_record r = { .text_pages = 77 };
	struct xg_err err = XG_ERR_NONE;

	ck_assert_msg(xg_optin_parse(bad[_i].value, &r, &err) == -EINVAL, "%s", bad[_i].value);
	ck_assert_msg(strstr(err.text, bad[_i].says) != NULL, "%s: %s", bad[_i].value, err.text);
	ck_assert_uint_eq(r.text_pages, 77);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("optin");
	TCase *t = tcase_create("optin");

	tcase_add_test(t, word_of_the_module_is_understood);
	tcase_add_loop_test(t, other_words_are_refused, 0, XG_ARRAY_SIZE(bad));
	suite_add_tcase(s, t);
	return run_suite(s);
}
