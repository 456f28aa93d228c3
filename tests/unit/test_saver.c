// SPDX-License-Identifier: GPL-2.0-or-later
/* dom0-tools/daemon/saver.c: which guest a process that is held in execve() is about to save. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dom0-tools/daemon/saver.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

static const struct {
	const char *line;
	int rc;
	uint64_t argv;
} lines[] = {
	{ "59 0x55d0 0x7ffc12345678 0x7ffc99 0x0 0x0 0x0 0x7ffc 0x7f12\n", 0, 0x7ffc12345678 },
	{ "59 0x55d0 0x1", 0, 1 },
	{ "running\n", -EAGAIN, 0 },
	{ "322 0x3 0x55d0 0x7ffc12345678 0x7ffc99 0x0 0x0 0x7ffc 0x7f12\n", -ENOENT, 0 },
	{ "0 0x0 0x7ffc12345678 0x400 0x0 0x0 0x0 0x7ffc 0x7f12\n", -ENOENT, 0 },
	{ "-1 0x7ffc 0x7f12\n", -ENOENT, 0 },
	{ "59 0x55d0\n", -ENOENT, 0 },
	{ "59 0x55d0 7ffc\n", -ENOENT, 0 },
	{ "", -ENOENT, 0 },
};

START_TEST(syscall_is_read)
{
	uint64_t argv = 0;

	ck_assert_int_eq(xgd_saver_syscall(lines[_i].line, &argv), lines[_i].rc);
	ck_assert_uint_eq(argv, lines[_i].argv);
}
END_TEST

static const struct {
	const char *second, *fifth;
	uint32_t domid;		/* 0: not a save */
} words[] = {
	{ "--save-domain", "7", 7 },
	{ "--save-domain", "32751", 32751 },
	{ "--save-domain", "32752", 0 },	/* DOMID_FIRST_RESERVED */
	{ "--save-domain", "0", 0 },
	{ "--save-domain", "000000000000000000000000007", 0 },
	{ "--save-domain", "99999", 0 },
	{ "--save-domain", "-7", 0 },
	{ "--save-domain", "7 ", 0 },
	{ "--save-domain", "", 0 },
	{ "--save-domains", "7", 0 },
	{ "--restore-domain", "7", 0 },
	{ "", "7", 0 },
};

/* As they lie in a process's memory: this one's. */
START_TEST(words_are_read_and_told_apart)
{
	const char *argv[] = {
		"/x/libxl-save-helper", words[_i].second, "9", "-1", words[_i].fifth, "1", "2", "0", NULL
	};
	struct xgd_saver_words got;
	uint32_t domid = 0;

	ck_assert_int_eq(xgd_saver_read("/proc", getpid(), (uintptr_t)argv, &got), 0);
	ck_assert_str_eq(got.word[1], words[_i].second);
	ck_assert_str_eq(got.word[2], "9");
	ck_assert_int_eq(xgd_saver_parse(&got, &domid), words[_i].domid ? 0 : -ENOENT);
	ck_assert_uint_eq(domid, words[_i].domid);
}
END_TEST

/* A word ends where the mapped memory does; there are fewer words than are looked for; there are none. */
START_TEST(memory_that_is_not_there)
{
	long page = sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const char *argv[] = { at + page - 3, NULL, "never", "never", "never" };
	struct xgd_saver_words got;

	ck_assert(at != MAP_FAILED && !munmap(at + page, page));
	memcpy(at + page - 3, "abc", 3);
	ck_assert_int_eq(xgd_saver_read("/proc", getpid(), (uintptr_t)argv, &got), 0);
	ck_assert_str_eq(got.word[0], "abc");
	ck_assert_str_eq(got.word[1], "");
	ck_assert_str_eq(got.word[4], "");
	ck_assert_int_eq(xgd_saver_read("/proc", getpid(), (uintptr_t)at + page - 8, &got), -ENOENT);
	ck_assert_int_eq(xgd_saver_read("/proc", getpid(), 0, &got), -ENOENT);
	ck_assert_int_eq(xgd_saver_read("/proc", getpid(), UINT64_MAX, &got), -ENOENT);
	munmap(at, page);
}
END_TEST

/* It is not in execve(), or is no more. */
START_TEST(process_that_saves_nothing)
{
	pid_t child = fork();
	uint32_t domid = 77;
	int rc;

	ck_assert_int_ge(child, 0);
	if (!child) {
		pause();
		_exit(0);
	}
	while ((rc = xgd_saver_domid("/proc", child, &domid)) == -EAGAIN)
		usleep(1000);
	ck_assert_int_eq(rc, -ENOENT);
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_int_eq(xgd_saver_domid("/proc", child, &domid), -ENOENT);
	ck_assert_uint_eq(domid, 77);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("saver");
	TCase *t = tcase_create("saver");

	tcase_add_loop_test(t, syscall_is_read, 0, XG_ARRAY_SIZE(lines));
	tcase_add_loop_test(t, words_are_read_and_told_apart, 0, XG_ARRAY_SIZE(words));
	tcase_add_test(t, memory_that_is_not_there);
	tcase_add_test(t, process_that_saves_nothing);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
