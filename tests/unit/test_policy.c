// SPDX-License-Identifier: GPL-2.0-or-later
/* dom0-tools/ops/policy.c: which line decides, and that what cannot be understood denies. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/ops/policy.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

#define UUID "00112233-4455-6677-8899-aabbccddeeff"

static char path[] = "/tmp/xengraft-test-policy-XXXXXX";

static void policy_write(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static const struct {
	const char *text;
	int rc;
	const char *says;	/* part of the error */
} rows[] = {
	{ "allow *\n", 0, "" },
	{ "allow web1\n", 0, "" },
	{ "allow web1", 0, "" },			/* no newline at the end */
	{ "  allow\tweb1   # a comment\r\n", 0, "" },
	{ "# only a comment\n\n   \nallow web?\n", 0, "" },
	{ "allow w*1\n", 0, "" },
	{ "allow [a-w]eb1\n", 0, "" },
	{ "allow " UUID "\n", 0, "" },
	{ "allow 00112233-4455-6677-8899-AABBCCDDEEFF\n", 0, "" },
	{ "deny db*\nallow *\n", 0, "" },
	{ "allow web1\ndeny *\n", 0, "" },		/* the first line that fits decides */
	{ "deny web*\nallow web1\n", -EPERM, ":1" },
	{ "deny *\n", -EPERM, "guest 'web1' is denied by" },
	{ "# nothing\n\ndeny " UUID "\nallow *\n", -EPERM, ":3" },
	{ "", -EPERM, "no line of" },
	{ "allow db\n", -EPERM, "no line of" },
	{ "allow web\n", -EPERM, "no line of" },
	{ "allow WEB1\n", -EPERM, "no line of" },
	{ "allow 00112233\n", -EPERM, "no line of" },
	{ "#allow *\n", -EPERM, "no line of" },
	{ "permit *\n", -EINVAL, ":1: expected" },
	{ "allow\n", -EINVAL, ":1: expected" },
	{ "allow a b\n", -EINVAL, ":1: expected" },
	{ "Allow *\n", -EINVAL, ":1: expected" },
	{ "allowed *\n", -EINVAL, ":1: expected" },
	{ "deny db\nnonsense\nallow *\n", -EINVAL, ":2: expected" },
	{ "allow web1\nnonsense\n", 0, "" },		/* what comes after the decision is not looked at */
};

START_TEST(first_line_that_fits_decides)
{
	struct xg_err err = XG_ERR_NONE;
	int rc;

	policy_write(rows[_i].text);
	rc = xg_policy_check(path, "web1", UUID, &err);
	ck_assert_msg(rc == rows[_i].rc, "row %d: %d (%s)", _i, rc, err.text);
	ck_assert_int_eq(err.code, -rows[_i].rc);
	ck_assert_msg(strstr(err.text, rows[_i].says) != NULL, "row %d: '%s'", _i, err.text);
	if (rc)
		ck_assert_ptr_nonnull(strstr(err.text, path));
}
END_TEST

/* LENGTH characters before the newline, all in one pattern. */
static void long_line(size_t length, const char *tail)
{
	static char text[2048];

	memset(text, 'x', length);
	memcpy(text, "allow ", 6);
	strcpy(text + length, tail);
	policy_write(text);
}

START_TEST(line_too_long_denies)
{
	struct xg_err err = XG_ERR_NONE;

	long_line(510, "\nallow *\n");
	ck_assert_int_eq(xg_policy_check(path, "web1", UUID, &err), 0);
	long_line(511, "\nallow *\n");
	ck_assert_int_eq(xg_policy_check(path, "web1", UUID, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, ":1: line is longer than 510 characters"));
	/* The rest of a long line must not pass for a line of its own. */
	long_line(511, "allow *\n");
	ck_assert_int_eq(xg_policy_check(path, "web1", UUID, &err), -EINVAL);
}
END_TEST

START_TEST(without_a_file_all_are_allowed)
{
	unlink(path);
	ck_assert_int_eq(xg_policy_check(path, "web1", UUID, NULL), 0);
}
END_TEST

START_TEST(file_that_cannot_be_read_denies)
{
	struct xg_err err = XG_ERR_NONE;

	/* A directory can be opened, not read. */
	ck_assert_int_eq(xg_policy_check("/tmp", "web1", UUID, &err), -EPERM);
	policy_write("allow *\n");
	ck_assert_int_eq(xg_policy_check("/proc/self/fd/99999/x", "web1", UUID, &err), 0);
	ck_assert_int_eq(xg_policy_check("/etc/passwd/policy", "web1", UUID, &err), -ENOTDIR);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy");
	TCase *t = tcase_create("policy");
	int failed;

	close(mkstemp(path));
	tcase_add_loop_test(t, first_line_that_fits_decides, 0, XG_ARRAY_SIZE(rows));
	tcase_add_test(t, line_too_long_denies);
	tcase_add_test(t, without_a_file_all_are_allowed);
	tcase_add_test(t, file_that_cannot_be_read_denies);
	suite_add_tcase(s, t);
	failed = run_suite_how(s, CK_NOFORK);
	unlink(path);
	return failed;
}
