// SPDX-License-Identifier: GPL-2.0-or-later
/* dom0-tools/daemon/creator.c: which process has made a domain, on a /proc of the test's own. */
#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/daemon/creator.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

static char dir[] = "/tmp/xengraft-test-creator-XXXXXX";

static void file_write(const char *name, const void *bytes, size_t size)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
	fclose(f);
}

/* A process with WORDS, ';' between them; CWD and ENVIRONMENT may be NULL. */
static void process_make(const char *id, const char *words, const char *cwd, const char *environment)
{
	char path[256], line[1024];
	size_t size = strlen(words) + 1, i;

	snprintf(path, sizeof(path), "%s/%s", dir, id);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (i = 0; i < size; i++)
		line[i] = words[i] == ';' ? '\0' : words[i];
	snprintf(path, sizeof(path), "%s/cmdline", id);
	file_write(path, line, words[0] ? size : 0);
	snprintf(path, sizeof(path), "%s/%s/cwd", dir, id);
	if (cwd)
		ck_assert_int_eq(symlink(cwd, path), 0);
	snprintf(path, sizeof(path), "%s/environ", id);
	if (environment)
		file_write(path, environment, strlen(environment) + 1);
}

static int entry_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

static void setup(void)
{
	static const char file[] = "name = 'web1'\nxengraft = [ 'a' ]\n";

	nftw(dir, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
	file_write("web1.cfg", file, sizeof(file) - 1);
	process_make("1", "init", NULL, NULL);
	process_make("2", "", NULL, NULL);	/* a thread of the kernel's */
}

/* "%s" stands for the folder. */
static const struct {
	const char *words, *cwd, *environment;
	const char *found;	/* the end of the text; NULL: not found */
} rows[] = {
	{ "xl;create;%s/web1.cfg", NULL, NULL, "[ 'a' ]\n\n" },
	{ "/usr/sbin/xl;create;-F;%s/web1.cfg", NULL, NULL, "[ 'a' ]\n\n" },
	{ "xl;-vvv;create;%s/web1.cfg;memory=5;xengraft=['b']", NULL, NULL, "\nmemory=5\nxengraft=['b']\n" },
	{ "xl;create;-f;%s/web1.cfg;-p", NULL, NULL, "[ 'a' ]\n\n" },
	{ "xl;create;-p;--defconfig=%s/web1.cfg", NULL, NULL, "[ 'a' ]\n\n" },
	{ "xl;create;web1.cfg", "%s", NULL, "[ 'a' ]\n\n" },
	{ "xl;create;web1.cfg", "/", "PWD=%s", "[ 'a' ]\n\n" },
	{ "xl;create;/dev/null;name='web1'", NULL, NULL, "name='web1'\n" },
	{ "xl;create;web1.cfg", "/", "OLDPWD=%s", NULL },
	{ "xl;create;web1.cfg", "/", NULL, NULL },
	{ "xl;create;%s/web1.cfg;name='web2'", NULL, NULL, NULL },	/* the last one counts */
	{ "xl;create;%s/none.cfg", NULL, NULL, NULL },
	{ "xl;create;%s", NULL, NULL, NULL },				/* a folder */
	{ "xl;create", NULL, NULL, NULL },
	{ "xl;create;-f", NULL, NULL, NULL },
	{ "xl;console;%s/web1.cfg", NULL, NULL, NULL },
	{ "xl;destroy;create;%s/web1.cfg", NULL, NULL, NULL },
	{ "xlx;create;%s/web1.cfg", NULL, NULL, NULL },
	{ "vim;create;%s/web1.cfg", NULL, NULL, NULL },
};

START_TEST(creator_is_found)
{
	char words[512], cwd[256], environment[256], *text = NULL;
	struct xg_err err = XG_ERR_NONE;
	size_t size = 0;
	int rc;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(words, sizeof(words), rows[_i].words, dir);
	snprintf(cwd, sizeof(cwd), rows[_i].cwd ? rows[_i].cwd : "", dir);
	snprintf(environment, sizeof(environment), rows[_i].environment ? rows[_i].environment : "", dir);
#pragma GCC diagnostic pop
	process_make("77", words, rows[_i].cwd ? cwd : NULL, rows[_i].environment ? environment : NULL);
	rc = xgd_creator_text(dir, "web1", &text, &size, &err);
	if (!rows[_i].found) {
		ck_assert_int_eq(rc, -ENOENT);
		ck_assert_ptr_null(text);
		return;
	}
	ck_assert_msg(!rc, "%s", err.text);
	ck_assert_uint_eq(size, strlen(text));
	ck_assert_uint_ge(size, strlen(rows[_i].found));
	ck_assert_str_eq(text + size - strlen(rows[_i].found), rows[_i].found);
	free(text);
}
END_TEST

/* A command line that is cut, or has no end. */
START_TEST(long_command_lines_are_bounded)
{
	char *line = malloc(XGD_CMDLINE_MAX + 100), *text;
	size_t size, head;

	memset(line, 'x', XGD_CMDLINE_MAX + 100);
	head = sprintf(line, "xl%ccreate%c", '\0', '\0');
	process_make("77", "", NULL, NULL);
	file_write("77/cmdline", line, XGD_CMDLINE_MAX + 100);
	ck_assert_int_eq(xgd_creator_text(dir, "web1", &text, &size, NULL), -ENOENT);
	/* As many words as fit, each of them taken over. */
	for (size = head; size + 4 <= XGD_CMDLINE_MAX; size += 4)
		memcpy(line + size, "a=b", 4);
	file_write("77/cmdline", line, size);
	ck_assert_int_eq(xgd_creator_text(dir, "web1", &text, &size, NULL), -ENOENT);
	free(line);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("creator");
	TCase *t = tcase_create("creator");
	int failed;

	if (!mkdtemp(dir))
		return 99;
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, creator_is_found, 0, XG_ARRAY_SIZE(rows));
	tcase_add_test(t, long_command_lines_are_bounded);
	suite_add_tcase(suite, t);
	failed = run_suite(suite);
	nftw(dir, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
	rmdir(dir);
	return failed;
}
