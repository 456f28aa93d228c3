// SPDX-License-Identifier: GPL-2.0-or-later
/* Names that are no UTF-8 are told of all the same: a list without a disk that is there would be a lie. */
#include <check.h>

#include "dom0-tools/ops/json_text.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

static const struct {
	const char *bytes, *text;
} rows[] = {
	{ "", "" },
	{ "/srv/data.img", "/srv/data.img" },
	{ "/srv/caf\303\251.img", "/srv/caf\303\251.img" },
	{ "/srv/caf\351.img", "/srv/caf?.img" },
	{ "cut in a letter \303", "cut in a letter ?" },
	{ "\377\376\377", "???" },
	{ "\355\240\200", "???" },	/* half a surrogate pair */
};

START_TEST(bytes_become_text)
{
	json_t *json = xg_json_text(rows[_i].bytes);

	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(json_string_value(json), rows[_i].text);
	json_decref(json);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json text");
	TCase *t = tcase_create("json text");

	tcase_add_loop_test(t, bytes_become_text, 0, XG_ARRAY_SIZE(rows));
	suite_add_tcase(s, t);
	return run_suite_how(s, CK_NOFORK);
}
