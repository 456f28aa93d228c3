// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts the compiler and puts what it made in its place. Never leaves a half-made file under the name that was asked
 * for: it is written beside and renamed.
 */
#include "driver-gen/compile.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver-gen/source.h"
#include "lib/base/cleanup.h"

/* The list has about 30 flags. */
#define ARGS_MAX 128

extern char **environ;

/* ---- Files ------------------------------------------------------------------------------------------------------- */

int gen_output_open(const char *path, struct gen_output *ret, struct xg_err *err)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	*ret = (struct gen_output){ .path = path };
	if (asprintf(&ret->temporary, "%s.XXXXXX", path) < 0) {
		ret->temporary = NULL;
		return xg_fail(err, ENOMEM, "out of memory");
	}
	fd = mkstemp(ret->temporary);
	if (fd < 0) {
		int code = errno;

		free(xg_take(ret->temporary));
		return xg_fail_errno(err, code, "cannot write beside %s", path);
	}
	/* As open() would have made it. */
	if (fchmod(fd, 0666 & ~mask) || !(ret->f = fdopen(fd, "w"))) {
		close(fd);
		gen_output_drop(ret);
		return xg_fail_errno(err, errno, "cannot write beside %s", path);
	}
	return 0;
}

int gen_output_finish(struct gen_output *output, struct xg_err *err)
{
	int bad = ferror(output->f);

	bad |= fclose(xg_take(output->f));
	if (bad || rename(output->temporary, output->path))
		return xg_fail_errno(err, errno ? errno : EIO, "cannot write %s", output->path);
	free(xg_take(output->temporary));
	return 0;
}

void gen_output_drop(struct gen_output *output)
{
	if (output->f)
		fclose(xg_take(output->f));
	if (output->temporary)
		unlink(output->temporary);
	free(xg_take(output->temporary));
}

int gen_work_make(char **ret, struct xg_err *err)
{
	const char *base = getenv("TMPDIR");
	char *path xg_auto_free = NULL;

	if (asprintf(&path, "%s/xengraft-gen.XXXXXX", base && *base ? base : "/tmp") < 0)
		return xg_fail(err, ENOMEM, "out of memory");
	if (!mkdtemp(path))
		return xg_fail_errno(err, errno, "no folder for files in between: %s", path);
	*ret = xg_take(path);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void gen_work_drop(char **work)
{
	if (*work)
		nftw(*work, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(xg_take(*work));
}

/* ---- Programs ---------------------------------------------------------------------------------------------------- */

static int spawn(char *const argv[], int quiet, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	if (quiet)
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(ret, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

int gen_run(char *const argv[], const char *package, int quiet, struct xg_err *err)
{
	int status, rc;
	pid_t pid;

	fflush(NULL);
	rc = spawn(argv, quiet, &pid);
	if (rc == ENOENT)
		return xg_fail(err, ENOENT, "%s is missing; on Debian it is in the package %s", argv[0], package);
	if (rc)
		return xg_fail_errno(err, rc, "cannot start %s", argv[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return xg_fail_errno(err, errno, "%s", argv[0]);
	if (WIFSIGNALED(status))
		return xg_fail(err, EIO, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status))
		return xg_fail(err, ECHILD, "%s failed with status %d", argv[0], WEXITSTATUS(status));
	return 0;
}

/* Words of TEXT, which is changed, without what follows # in a line. */
static int split_flags(char *text, char **argv, int n, const char *path, struct xg_err *err)
{
	char *line, *word, *rest;

	while ((line = strsep(&text, "\n"))) {
		line[strcspn(line, "#")] = '\0';
		for (rest = line; (word = strsep(&rest, " \t\\")); ) {
			if (!*word)
				continue;
			if (n == ARGS_MAX - 1)
				return xg_fail(err, EINVAL, "%s: more flags than %d", path, ARGS_MAX - 1);
			argv[n++] = word;
		}
	}
	argv[n] = NULL;
	return n;
}

static void show_command(char *const argv[])
{
	int i;

	for (i = 0; argv[i]; i++)
		fprintf(stderr, "%s%s", i ? " " : "", argv[i]);
	fputc('\n', stderr);
}

int gen_compile_driver(const char *source, const char *flags, const char *abi, const char *version, int show,
		       const char *out, struct xg_err *err)
{
	struct gen_output object xg_auto(gen_output_drop) = { .path = NULL };
	char *text xg_auto_free = NULL, *define xg_auto_free = NULL, *include xg_auto_free = NULL;
	const char *cc = getenv("XENGRAFT_CC");
	char *argv[ARGS_MAX];
	size_t size;
	int n = 0, rc;

	rc = gen_read_file(flags, &text, &size, err);
	if (!rc)
		rc = gen_output_open(out, &object, err);
	if (rc)
		return rc;
	if (asprintf(&define, "-DXG_DRIVER_VERSION=\"%s\"", version) < 0 || asprintf(&include, "-I%s", abi) < 0)
		return xg_fail(err, ENOMEM, "out of memory");
	argv[n++] = (char *)(cc && *cc ? cc : "gcc");
	argv[n++] = define;
	argv[n++] = include;
	argv[n++] = (char *)"-c";
	argv[n++] = (char *)"-o";
	argv[n++] = object.temporary;
	argv[n++] = (char *)source;
	n = split_flags(text, argv, n, flags, err);
	if (n < 0)
		return n;
	if (show)
		show_command(argv);
	rc = gen_run(argv, "gcc", 0, err);
	return rc ? rc : gen_output_finish(&object, err);
}
