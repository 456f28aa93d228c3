// SPDX-License-Identifier: GPL-2.0-or-later
/* lib/base: errors, the cursor over hostile bytes, the table of do and undo, the log. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/addr.h"
#include "lib/base/array.h"
#include "lib/base/cleanup.h"
#include "lib/base/cursor.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/steps.h"
#include "lib/base/table.h"
#include "lib/base/version.h"
#include "tests/lib/run_suite.h"

/* ---- err ----------------------------------------------------------------------------------------------- */

START_TEST(error_has_number_and_sentence)
{
	struct xg_err err = XG_ERR_NONE;

	ck_assert_int_eq(xg_fail(&err, ENOSPC, "ring of %u entries, at most %u", 9, 8), -ENOSPC);
	ck_assert_int_eq(err.code, ENOSPC);
	ck_assert_str_eq(err.text, "ring of 9 entries, at most 8");
	ck_assert_int_eq(xg_fail_errno(&err, ENOENT, "target %s", "/x"), -ENOENT);
	ck_assert_str_eq(err.text, "target /x: No such file or directory");
	ck_assert_int_eq(xg_fail_in(&err, "guest '%s'", "g"), -ENOENT);
	ck_assert_str_eq(err.text, "guest 'g': target /x: No such file or directory");
}
END_TEST

START_TEST(error_without_a_taker_is_the_number)
{
	ck_assert_int_eq(xg_fail(NULL, EPERM, "%d", 1), -EPERM);
	ck_assert_int_eq(xg_fail_errno(NULL, EBUSY, "%d", 1), -EBUSY);
	ck_assert_int_lt(xg_fail_in(NULL, "%d", 1), 0);
}
END_TEST

START_TEST(error_longer_than_its_room_is_cut)
{
	struct xg_err err = XG_ERR_NONE;
	char longest[1000];

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(xg_fail_errno(&err, EIO, "%s", longest), -EIO);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
	ck_assert_int_eq(xg_fail_in(&err, "prefix"), -EIO);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
	ck_assert(!strncmp(err.text, "prefix: aaa", 11));
	ck_assert_int_eq(xg_fail_in(&err, "%s", longest), -EIO);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
}
END_TEST

/* ---- cursor -------------------------------------------------------------------------------------------- */

START_TEST(cursor_reads_to_the_last_byte_and_no_further)
{
	/* On the heap and exactly as long: the address sanitizer sees a byte too many. */
	uint8_t *bytes = calloc(15, 1);
	struct xg_cursor c = xg_cursor(bytes, 15);
	unsigned int i;

	for (i = 0; i < 15; i++)
		bytes[i] = (uint8_t)(i + 1);
	ck_assert_uint_eq(xg_cursor_u8(&c), 1);
	ck_assert_uint_eq(xg_cursor_u16(&c), 0x0302);
	ck_assert_uint_eq(xg_cursor_u32(&c), 0x07060504);
	ck_assert_uint_eq(xg_cursor_u64(&c), UINT64_C(0x0f0e0d0c0b0a0908));
	ck_assert(!c.bad);
	ck_assert_ptr_eq(xg_cursor_bytes(&c, 0), bytes + 15);
	ck_assert(!c.bad);
	ck_assert_uint_eq(xg_cursor_u8(&c), 0);
	ck_assert(c.bad);
	free(bytes);
}
END_TEST

START_TEST(cursor_that_failed_once_fails_for_good)
{
	static const uint8_t bytes[8] = { 0xff, 0xff, 0xff, 0xff, 5 };
	struct xg_cursor c = xg_cursor(bytes, sizeof(bytes));

	ck_assert_int_eq(xg_cursor_s32(&c), -1);
	ck_assert_uint_eq(xg_cursor_u64(&c), 0);
	ck_assert(c.bad);
	/* It would fit, but is not what the parser thinks it reads. */
	ck_assert_uint_eq(xg_cursor_u8(&c), 0);
	ck_assert(!xg_cursor_seek(&c, 0));
	ck_assert_ptr_null(xg_cursor_bytes(&c, 0));
}
END_TEST

START_TEST(cursor_bounds_cannot_overflow)
{
	static const uint8_t bytes[4];
	struct xg_cursor c = xg_cursor(bytes, sizeof(bytes));

	ck_assert(xg_cursor_seek(&c, 4));
	ck_assert_ptr_null(xg_cursor_bytes(&c, SIZE_MAX));
	c = xg_cursor(bytes, sizeof(bytes));
	ck_assert(xg_cursor_seek(&c, 1));
	ck_assert_ptr_null(xg_cursor_bytes(&c, SIZE_MAX));
	c = xg_cursor(bytes, sizeof(bytes));
	ck_assert(!xg_cursor_seek(&c, 5));
	c = xg_cursor(NULL, 0);
	ck_assert_uint_eq(xg_cursor_u8(&c), 0);
	ck_assert(c.bad);
}
END_TEST

/* ---- addr ---------------------------------------------------------------------------------------------- */

START_TEST(pages_of_bytes)
{
	ck_assert_uint_eq(xg_pages_of(0), 0);
	ck_assert_uint_eq(xg_pages_of(1), 1);
	ck_assert_uint_eq(xg_pages_of(4096), 1);
	ck_assert_uint_eq(xg_pages_of(4097), 2);
	ck_assert_uint_eq(xg_pages_of(UINT64_MAX), UINT64_MAX / 4096 + 1);
	ck_assert_uint_eq(gva_page_offset(XG_GVA(0x12345)), 0x345);
}
END_TEST

/* ---- cleanup ------------------------------------------------------------------------------------------- */

static char *kept(bool keep)
{
	char *p xg_auto_free = strdup("kept");

	return keep ? xg_take(p) : NULL;
}

START_TEST(taken_pointer_outlives_its_scope)
{
	char *p = kept(true);

	ck_assert_str_eq(p, "kept");
	free(p);
	ck_assert_ptr_null(kept(false));
}
END_TEST

/* ---- steps: what happens is written into a line, and the line compared --------------------------------- */

struct story {
	char text[256];
	char fail_run, fail_record;	/* letter of the step; 0: none */
};

static void tell(struct story *s, const char *what, const char *name)
{
	size_t len = strlen(s->text);

	snprintf(s->text + len, sizeof(s->text) - len, "%s%s%s", len ? " " : "", what, name);
}

static int run_step(struct story *s, const char *name, struct xg_err *err)
{
	tell(s, "", name);
	return s->fail_run == *name ? xg_fail(err, EIO, "%s failed", name) : 0;
}

#define RUN(letter) \
	static int run_##letter(void *ctx, struct xg_err *err) { return run_step(ctx, #letter, err); }
#define UNDO(letter) \
	static void undo_##letter(void *ctx) { tell(ctx, "-", #letter); }

RUN(a)
RUN(b)
RUN(c)
RUN(d)
UNDO(a)
UNDO(b)

static const struct xg_step table[] = {
	{ "a", run_a, undo_a, NULL }, { "b", run_b, undo_b, NULL }, { "c", run_c, NULL, NULL },
	{ "d", run_d, NULL, NULL },
};

static int story_record(void *ctx, const struct xg_step *step, int done, struct xg_err *err)
{
	struct story *s = ctx;

	tell(s, done ? "r" : "u", step->name);
	return done && s->fail_record == *step->name ? xg_fail(err, ENOSPC, "journal full") : 0;
}

static void story_progress(void *ctx, const struct xg_step *step)
{
	tell(ctx, "p", step->name);
}

START_TEST(steps_run_in_order)
{
	const struct xg_steps steps = { .table = table, .count = 4 };
	struct story s = { .text = "" };
	struct xg_err err = XG_ERR_NONE;

	ck_assert_int_eq(xg_steps_run(&steps, &s, &err), 0);
	ck_assert_str_eq(s.text, "a b c d");
	ck_assert_int_eq(err.code, 0);
}
END_TEST

START_TEST(steps_are_undone_in_reverse_order)
{
	static const struct { char fail; const char *story; } rows[] = {
		{ 'a', "a" },			/* who failed has undone itself */
		{ 'b', "a b -a" },
		{ 'c', "a b c -b -a" },
		{ 'd', "a b c d -b -a" },	/* c has nothing to put back */
	};
	const struct xg_steps steps = { .table = table, .count = 4 };
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		struct story s = { .fail_run = rows[i].fail };
		struct xg_err err = XG_ERR_NONE;

		ck_assert_int_eq(xg_steps_run(&steps, &s, &err), -EIO);
		ck_assert_str_eq(s.text, rows[i].story);
		ck_assert_int_eq(err.text[0], rows[i].fail);
	}
}
END_TEST

START_TEST(journal_knows_of_a_step_before_it_runs)
{
	const struct xg_steps steps = {
		.table = table, .count = 3, .record = story_record, .progress = story_progress,
	};
	struct story s = { .text = "" };

	ck_assert_int_eq(xg_steps_run(&steps, &s, NULL), 0);
	ck_assert_str_eq(s.text, "pa ra a pb rb b pc rc c");
}
END_TEST

START_TEST(journal_forgets_a_step_after_its_undo)
{
	const struct xg_steps steps = { .table = table, .count = 3, .record = story_record };
	struct story s = { .fail_run = 'c' };

	ck_assert_int_eq(xg_steps_run(&steps, &s, NULL), -EIO);
	ck_assert_str_eq(s.text, "ra a rb b rc c uc -b ub -a ua");
}
END_TEST

START_TEST(step_that_cannot_be_recorded_does_not_run)
{
	const struct xg_steps steps = { .table = table, .count = 3, .record = story_record };
	struct story s = { .fail_record = 'b' };
	struct xg_err err = XG_ERR_NONE;

	ck_assert_int_eq(xg_steps_run(&steps, &s, &err), -ENOSPC);
	ck_assert_str_eq(s.text, "ra a rb -a ua");
	ck_assert_str_eq(err.text, "journal full");
}
END_TEST

static bool fails_in_d(const void *ctx)
{
	const struct story *s = ctx;

	return s->fail_run == 'd';
}

START_TEST(step_that_is_not_needed_is_as_if_not_there)
{
	const struct xg_step partly[] = {
		{ "a", run_a, undo_a, NULL }, { "b", run_b, undo_b, fails_in_d }, { "c", run_c, NULL, fails_in_d },
		{ "d", run_d, NULL, NULL },
	};
	const struct xg_steps steps = {
		.table = partly, .count = 4, .record = story_record, .progress = story_progress,
	};
	struct story some = { .text = "" }, all = { .fail_run = 'd' };

	ck_assert_int_eq(xg_steps_run(&steps, &some, NULL), 0);
	ck_assert_str_eq(some.text, "pa ra a pd rd d");
	some.text[0] = '\0';
	xg_steps_undo(&steps, 4, &some);
	ck_assert_str_eq(some.text, "ud -a ua");
	ck_assert_int_eq(xg_steps_run(&steps, &all, NULL), -EIO);
	ck_assert_str_eq(all.text, "pa ra a pb rb b pc rc c pd rd d ud uc -b ub -a ua");
}
END_TEST

START_TEST(undo_alone_takes_the_first_steps)
{
	const struct xg_steps steps = { .table = table, .count = 4 };
	struct story s = { .text = "" };

	xg_steps_undo(&steps, 0, &s);
	ck_assert_str_eq(s.text, "");
	xg_steps_undo(&steps, 2, &s);
	ck_assert_str_eq(s.text, "-b -a");
}
END_TEST

/* ---- log ----------------------------------------------------------------------------------------------- */

static size_t file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t got;

	ck_assert_int_ge(fd, 0);
	got = read(fd, buf, size - 1);
	ck_assert_int_ge(got, 0);
	close(fd);
	buf[got] = '\0';
	return (size_t)got;
}

START_TEST(log_file_has_a_stamped_line_a_message)
{
	static char program[200], longest[2000], text[4096];
	char path[] = "/tmp/xengraft-test-log-XXXXXX";
	struct xg_err err = XG_ERR_NONE;
	struct stat st;
	char *line;

	close(mkstemp(path));
	unlink(path);
	umask(0);
	ck_assert_int_eq(xg_log_open("prog", path, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	xg_info("one %d", 1);
	xg_debug("not at this level");
	/* Whatever is too long is cut, but a line stays a line. */
	memset(program, 'p', sizeof(program) - 1);
	memset(longest, 'x', sizeof(longest) - 1);
	ck_assert_int_eq(xg_log_open(program, NULL, &err), 0);
	xg_error("%s", longest);
	xg_log_level_set(XG_LOG_DEBUG);
	xg_debug("last");
	xg_log_close();
	xg_error("to nobody but stderr");
	file_read(path, text, sizeof(text));
	unlink(path);
	line = strtok(text, "\n");
	ck_assert_ptr_nonnull(strstr(line, "Z prog["));
	ck_assert_ptr_nonnull(strstr(line, "]: one 1"));
	ck_assert_ptr_nonnull(strstr(strtok(NULL, "\n"), "xxxx"));
	line = strtok(NULL, "\n");
	ck_assert_ptr_nonnull(line);
	ck_assert_str_eq(line + strlen(line) - 6, ": last");
	ck_assert_ptr_null(strtok(NULL, "\n"));
}
END_TEST

START_TEST(log_that_cannot_be_opened_leaves_the_old_one)
{
	char path[] = "/tmp/xengraft-test-log-XXXXXX", text[256];
	struct xg_err err = XG_ERR_NONE;

	close(mkstemp(path));
	ck_assert_int_eq(xg_log_open("prog", path, &err), 0);
	ck_assert_int_eq(xg_log_open("prog", "/nowhere/at/all.log", &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/at/all.log"));
	xg_warn("still here");
	xg_log_close();
	file_read(path, text, sizeof(text));
	unlink(path);
	ck_assert_ptr_nonnull(strstr(text, "still here"));
}
END_TEST

/* ---- version ------------------------------------------------------------------------------------------- */

START_TEST(versions_have_an_order)
{
	static const char *const ascending[] = {
		"", "1.0~rc1", "1.0", "1.0-1", "1.0.a", "1.0.0", "1.0.9", "1.0.10", "1.1", "6.1.0-9-amd64",
		"6.1.0-56-amd64",
		"6.9", "6.12.95+deb12-amd64", "10", "99999999999999999999", "100000000000000000000",
	};
	size_t i, j, count = XG_ARRAY_SIZE(ascending);

	for (i = 0; i < count; i++)
		for (j = 0; j < count; j++)
			ck_assert_msg((xg_version_compare(ascending[i], ascending[j]) > 0) == (i > j) &&
				      (xg_version_compare(ascending[i], ascending[j]) < 0) == (i < j), "%s, %s",
				      ascending[i], ascending[j]);
	ck_assert_int_eq(xg_version_compare("1.01", "1.1"), 0);
	ck_assert_int_eq(xg_version_compare("1.00", "1.0"), 0);
}
END_TEST

START_TEST(version_key_stays_in_its_room)
{
	uint8_t key[XG_VERSION_KEY_MAX + 1];
	char worst[400];
	size_t i;

	for (i = 0; i < sizeof(worst) - 1; i++)
		worst[i] = i % 2 ? '.' : '1';
	worst[sizeof(worst) - 1] = '\0';
	key[XG_VERSION_KEY_MAX] = 0xee;
	ck_assert_uint_le(xg_version_key(worst, key), XG_VERSION_KEY_MAX);
	memset(worst, '1', sizeof(worst) - 1);
	ck_assert_uint_le(xg_version_key(worst, key), XG_VERSION_KEY_MAX);
	ck_assert_uint_eq(key[XG_VERSION_KEY_MAX], 0xee);
}
END_TEST

START_TEST(version_lies_within_bounds)
{
	ck_assert(xg_version_within("6.1.0-56-amd64", "6.1", "6.12"));
	ck_assert(xg_version_within("6.12.95", "6.1", "6.12"));
	ck_assert(xg_version_within("6.1", "6.1", "6.1"));
	ck_assert(!xg_version_within("6.13", "6.1", "6.12"));
	ck_assert(!xg_version_within("6.120", "6.1", "6.12"));
	ck_assert(!xg_version_within("6.0", "6.1", "6.12"));
	ck_assert(xg_version_within("6.0", "", "6.12"));
	ck_assert(xg_version_within("7.0", "6.1", ""));
}
END_TEST

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static const struct xg_table_column columns[] = { { "Name", 6, false }, { "ID", 3, true }, { "Target", 0, false } };

static void table_says(const struct xg_table *t, const char *wanted)
{
	char text[400] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");

	ck_assert_int_eq(xg_table_print(t, to, NULL), 0);
	fclose(to);
	ck_assert_str_eq(text, wanted);
}

START_TEST(table_moves_its_columns_for_a_long_cell)
{
	struct xg_table t = XG_TABLE(columns);
	unsigned int i;

	table_says(&t, "Name    ID Target\n");
	xg_table_cell(&t, "%s", "a");
	xg_table_cell(&t, "%u", 7u);
	xg_table_cell(&t, "/x");
	table_says(&t, "Name    ID Target\na        7 /x\n");
	xg_table_cell(&t, "longer-than-others");
	xg_table_cell(&t, "%u", 12345u);
	xg_table_cell(&t, "/a/long/target");
	table_says(&t, "Name                  ID Target\n"
		       "a                      7 /x\n"
		       "longer-than-others 12345 /a/long/target\n");
	for (i = 0; i < 300; i++)
		xg_table_cell(&t, "%u", i);
	ck_assert_uint_eq(t.count, 306);
	xg_table_fini(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");

	tcase_add_test(t, error_has_number_and_sentence);
	tcase_add_test(t, error_without_a_taker_is_the_number);
	tcase_add_test(t, error_longer_than_its_room_is_cut);
	tcase_add_test(t, cursor_reads_to_the_last_byte_and_no_further);
	tcase_add_test(t, cursor_that_failed_once_fails_for_good);
	tcase_add_test(t, cursor_bounds_cannot_overflow);
	tcase_add_test(t, pages_of_bytes);
	tcase_add_test(t, taken_pointer_outlives_its_scope);
	tcase_add_test(t, steps_run_in_order);
	tcase_add_test(t, steps_are_undone_in_reverse_order);
	tcase_add_test(t, journal_knows_of_a_step_before_it_runs);
	tcase_add_test(t, journal_forgets_a_step_after_its_undo);
	tcase_add_test(t, step_that_cannot_be_recorded_does_not_run);
	tcase_add_test(t, step_that_is_not_needed_is_as_if_not_there);
	tcase_add_test(t, undo_alone_takes_the_first_steps);
	tcase_add_test(t, versions_have_an_order);
	tcase_add_test(t, version_key_stays_in_its_room);
	tcase_add_test(t, version_lies_within_bounds);
	tcase_add_test(t, table_moves_its_columns_for_a_long_cell);
	tcase_add_test(t, log_file_has_a_stamped_line_a_message);
	tcase_add_test(t, log_that_cannot_be_opened_leaves_the_old_one);
	suite_add_tcase(s, t);
	return run_suite(s);
}
