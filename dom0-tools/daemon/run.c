// SPDX-License-Identifier: GPL-2.0-or-later
/* Starts jobs. Called by the loop. */
#include "dom0-tools/daemon/run.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/array.h"
#include "lib/base/log.h"

#define OUTPUT_MAX 4096	/* bytes of the end of it that are logged */

void xgd_args_make(const struct xgd_config *c, const struct xgd_want *want, const char *program, struct xgd_args *ret)
{
	const char **to = ret->words;

	snprintf(ret->domid, sizeof(ret->domid), "%u", want->domid);
	snprintf(ret->hold, sizeof(ret->hold), "%u", c->hold_ms);
	*to++ = program;
	if (want->verb != XGD_SWEEP) {
		*to++ = "--uuid";
		*to++ = want->uuid;
	}
	switch (want->verb) {
	case XGD_ATTACH:
		*to++ = "disk-attach";
		*to++ = "--policy";
		*to++ = "--mode";
		*to++ = want->mode;
		if (want->shared)
			*to++ = "--shared";
		*to++ = "--";
		*to++ = ret->domid;
		*to++ = want->words;
		break;
	case XGD_SWAP:
		*to++ = "swap";
		*to++ = "--policy";
		*to++ = "--timeout";
		*to++ = ret->hold;
		*to++ = "--";
		*to++ = ret->domid;
		*to++ = want->vdev;
		*to++ = want->mode;
		break;
	case XGD_RECONNECT:
		*to++ = "reconnect";
		*to++ = ret->domid;
		break;
	case XGD_SWEEP:
		*to++ = "disk-list";	/* which forgets guests that are no more */
		break;
	}
	*to = NULL;
}

/* systemd's socket and watchdog are the daemon's. */
static bool is_ours(const char *variable)
{
	static const char *const names[] = { "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "LISTEN_" };
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(names); i++)
		if (!strncmp(variable, names[i], strlen(names[i])))
			return true;
	return false;
}

static char **environment_make(void)
{
	size_t count = 0, i, kept = 0;
	char **made;

	while (environ[count])
		count++;
	made = calloc(count + 1, sizeof(*made));
	for (i = 0; made && i < count; i++)
		if (!is_ours(environ[i]))
			made[kept++] = environ[i];
	return made;
}

static int attributes_set(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	return posix_spawnattr_setsigmask(attributes, &none) || posix_spawnattr_setsigdefault(attributes, &all) ||
	       posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(const struct xgd_args *args, int output, char **environment, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc)
		return rc;
	rc = posix_spawnattr_init(&attributes);
	if (!rc)
		rc = attributes_set(&attributes) ? ENOMEM : 0;
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&files, 0, 1);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&files, output, 2);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(&files, 3);
	if (!rc)
		rc = posix_spawn(ret, args->words[0], &files, &attributes, (char *const *)args->words, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

int xgd_run_start(const struct xgd_args *args, struct xgd_run *ret, struct xg_err *err)
{
	char **environment xg_auto_free = environment_make();
	int output xg_auto_close = memfd_create("xengraft job", MFD_CLOEXEC);
	int rc;

	if (!environment || output < 0 || fcntl(output, F_SETFL, O_APPEND))
		return xg_fail_errno(err, errno, "cannot start a job");
	rc = spawn(args, output, environment, &ret->pid);
	if (rc)
		return xg_fail_errno(err, rc, "cannot run %s", args->words[0]);
	ret->output = output;
	output = -1;
	return 0;
}

/* A line of a job: its program's name is known. The one before it is not the last. */
static void line_log(const char *prefix, const char *line, char *last, size_t size)
{
	if (!strncmp(line, "xengraft: ", 10))
		line += 10;
	if (!*line)
		return;
	if (last[0])
		xg_info("%s: %s", prefix, last);
	snprintf(last, size, "%s", line);
}

void xgd_run_finish(struct xgd_run *run, const char *prefix, char *last, size_t size)
{
	char text[OUTPUT_MAX + 1], *rest = text, *line;
	off_t end = lseek(run->output, 0, SEEK_END);
	ssize_t got = pread(run->output, text, OUTPUT_MAX, end > OUTPUT_MAX ? end - OUTPUT_MAX : 0);

	text[got > 0 ? got : 0] = '\0';
	last[0] = '\0';
	while ((line = strsep(&rest, "\n")))
		line_log(prefix, line, last, size);
	close(run->output);
	run->output = -1;
}
