// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hotswap/way_in: each row names all roles, and what bare's row names is in the kernel that was built beside
 * it, once: the table and the kernel cannot drift apart.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotswap/way_in.h"
#include "tests/lib/run_suite.h"

static const char *const systems[] = { "linux", "bare" };

static const struct xg_way_in *must_have(const char *os)
{
	struct xg_err err = XG_ERR_NONE;
	const struct xg_way_in *way = NULL;

	ck_assert_msg(xg_way_in(os, &way, &err) == 0, "%s", err.text);
	ck_assert_str_eq(way->os, os);
	return way;
}

START_TEST(every_role_has_its_symbol)
{
	const struct xg_way_in *way = must_have(systems[_i]);
	unsigned int i;

	for (i = 0; i < XG_ROLES; i++)
		ck_assert_msg((way->roles[i] != NULL) == (i != XG_ROLE_ALLOC), "%s: role %u", way->os, i);
	ck_assert_ptr_nonnull(way->allocs[0].symbol);
	ck_assert_ptr_nonnull(way->holder);
	ck_assert_ptr_nonnull(way->text_end);
	ck_assert_ptr_nonnull(way->identity);
}
END_TEST

START_TEST(symbols_come_as_they_are_and_no_more_than_wanted)
{
	const struct xg_way_in *way = must_have(systems[_i]);
	const char *names[XG_WAY_IN_SYMBOLS_MAX];
	size_t n = xg_way_in_symbols(way, names, XG_WAY_IN_SYMBOLS_MAX), i;

	ck_assert_uint_lt(n, XG_WAY_IN_SYMBOLS_MAX);
	for (i = 0; i < n; i++)
		ck_assert_ptr_nonnull(names[i]);
	ck_assert_uint_eq(xg_way_in_symbols(way, names, 3), 3);
	ck_assert_uint_eq(xg_way_in_symbols(way, names, 0), 0);
}
END_TEST

START_TEST(an_unknown_system)
{
	struct xg_err err = XG_ERR_NONE;
	const struct xg_way_in *way = NULL;

	ck_assert_int_eq(xg_way_in("plan9", &way, &err), -ENOTSUP);
	ck_assert_str_eq(err.text, "no way into a kernel of the system 'plan9' is known");
	ck_assert_ptr_null(way);
}
END_TEST

/* How many symbols that have a place in memory the kernel has of that name. */
static unsigned int count_in_kernel(const char *name)
{
	char line[512], type, symbol[256];
	unsigned long long at;
	unsigned int n = 0;
	FILE *nm = popen("nm " XG_BARE_KERNEL, "r");

	ck_assert_ptr_nonnull(nm);
	while (fgets(line, sizeof(line), nm))
		if (sscanf(line, "%llx %c %255s", &at, &type, symbol) == 3 && !strcmp(symbol, name) &&
		    strchr("tTdDbBrR", type))
			n++;
	ck_assert_int_eq(pclose(nm), 0);
	return n;
}

START_TEST(the_bare_kernel_has_them_all)
{
	const struct xg_way_in *way = must_have("bare");
	const char *names[XG_WAY_IN_SYMBOLS_MAX];
	size_t n = xg_way_in_symbols(way, names, XG_WAY_IN_SYMBOLS_MAX), i;

	for (i = 0; i < n; i++)
		ck_assert_msg(count_in_kernel(names[i]) == 1, "%s is there %u times", names[i],
			      count_in_kernel(names[i]));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("way_in");
	TCase *t = tcase_create("way_in");

	tcase_add_loop_test(t, every_role_has_its_symbol, 0, 2);
	tcase_add_loop_test(t, symbols_come_as_they_are_and_no_more_than_wanted, 0, 2);
	tcase_add_test(t, an_unknown_system);
	tcase_add_test(t, the_bare_kernel_has_them_all);
	suite_add_tcase(s, t);
	return run_suite(s);
}
