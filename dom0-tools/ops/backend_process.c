// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kind of backend that is a program of ours, xengraft-backend: started, spoken to over a socket, ended. Called
 * through the table in backend_kind.c. Never signals a process that is not one of ours.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dom0-tools/ops/backend_kind.h"
#include "hotswap/wait.h"

#define PARENT_FD 3	/* in the backend: dom0-tools/backend/parent.h */
#define PARENT_FD_TEXT "3"

static void process_path(struct xg_link_id id, char path[XG_STORE_PATH_MAX])
{
	snprintf(path, XG_STORE_PATH_MAX, "/local/domain/0/backend/%s/%u/%u",
		 id.half ? "xengraft-vbd-b" : "xengraft-vbd", id.domid, id.devid);
}

static bool process_named(const char *name, uint32_t half, uint32_t *ret)
{
	char *end;

	(void)half;
	*ret = strtoul(name, &end, 10);
	return *name >= '0' && *name <= '9' && !*end;
}

static int process_check(const struct xg_disk_spec *spec, struct xg_err *err)
{
	struct stat st;
	int rc = xg_target_look(spec, "virtual", &st, err);

	if (rc)
		return rc;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return xg_fail(err, EINVAL, "target %s is neither a file nor a block device", spec->target);
	return 0;
}

/* The other backend has it open, too: dom0-tools/backend/README.md. */
static int process_nodes(struct xg_store *s, const char *back, const struct xg_disk_spec *spec,
			 const struct xg_areas *a, struct xg_err *err)
{
	char lock_at[24], mark_at[24];
	int rc = 0;

	(void)spec;
	snprintf(lock_at, sizeof(lock_at), "%llu", (unsigned long long)a->lock_at);
	snprintf(mark_at, sizeof(mark_at), "%llu", (unsigned long long)a->mark_at);
	if (a->lock_at)
		rc = xg_nodes_write(s, back, XG_NODES({ "lock-at", lock_at }), err);
	if (rc || !a->mark_at)
		return rc;
	/* As many queues as the disk has had from whatever kind before. */
	return xg_nodes_write(s, back, XG_NODES({ "lock", "0" }, { "mark-at", mark_at }, { "multi-queue-max-queues", "8" }),
			      err);
}

/*
 * In a session of its own, its output nowhere but in its log. Nothing else of ours may stay open in it: a lock that it
 * inherits would outlive us. It is spawned, not forked: a fork copies the page tables of all our libraries for nothing.
 */
static int spawn(const char *program, const char *const argv[], int parent_end, pid_t *ret, struct xg_err *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int rc;

	rc = posix_spawn_file_actions_init(&files);
	if (rc)
		return xg_fail_errno(err, rc, "cannot start the backend");
	rc = posix_spawnattr_init(&attributes);
	if (!rc)
		rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&files, parent_end, PARENT_FD);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&files, 0, 1);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&files, 0, 2);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(&files, PARENT_FD + 1);
	if (!rc)
		rc = posix_spawn(ret, program, &files, &attributes, (char *const *)argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return rc ? xg_fail(err, EIO, "cannot run %s: %s", program, strerror(rc)) : 0;
}

static int backend_spawn(const char *program, const char *path, const char *log, int *ret_fd, pid_t *ret_pid,
			 struct xg_err *err)
{
	const char *const argv[] = { program, "--path", path, "--log", log, "--parent-fd", PARENT_FD_TEXT, NULL };
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return xg_fail_errno(err, errno, "socket to the backend");
	rc = spawn(program, argv, ends[1], ret_pid, err);
	close(ends[1]);
	if (rc)
		close(ends[0]);
	else
		*ret_fd = ends[0];
	return rc;
}

/* Looks at least once. A signal to us does not shorten it: poll() is not begun again by itself. */
static bool is_readable_by(int fd, uint64_t end_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now;
	int n;

	do {
		now = xg_now_ms();
		n = poll(&p, 1, now < end_ms ? (int)(end_ms - now) : 0);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

/* The backend's next line; the end of the stream means that it died. */
static int backend_line(const struct xg_backend *b, const char *until, unsigned int timeout_ms, char *line, size_t size,
			struct xg_err *err)
{
	uint64_t end = xg_now_ms() + timeout_ms;
	size_t len = 0;
	ssize_t got;

	for (;;) {
		if (!is_readable_by(b->fd, end))
			return xg_fail(err, ETIMEDOUT, "the backend was not %s within %u s: see %s", until,
				       timeout_ms / 1000, b->log);
		/* Byte by byte: what follows the line is the next call's. */
		got = read(b->fd, line + len, 1);
		if (got <= 0)
			return xg_fail(err, EIO, "the backend ended before it was %s: see %s", until, b->log);
		if (line[len] == '\n' || ++len == size - 1) {
			line[len] = '\0';
			return 0;
		}
	}
}

/* LINE begins with WORD, or says what went wrong. */
static int backend_said(const char *line, const char *word, struct xg_err *err)
{
	size_t len = strlen(word);

	if (!strncmp(line, word, len) && (line[len] == ' ' || !line[len]))
		return 0;
	return xg_fail(err, EIO, "%s", !strncmp(line, "error: ", 7) ? line + 7 : line);
}

static int backend_ready_wait(struct xg_store *s, const char *back, pid_t pid, struct xg_backend *b, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX + 8];
	int rc;

	snprintf(path, sizeof(path), "%s/pid", back);
	rc = xg_store_writef(s, err, path, "%d", (int)pid);
	if (!rc && send(b->fd, "g", 1, MSG_NOSIGNAL) != 1)
		rc = xg_fail(err, EIO, "the backend ended before it was ready: see %s", b->log);
	if (!rc)
		rc = backend_line(b, "ready", XG_BACKEND_READY_MS, b->offer, sizeof(b->offer), err);
	return rc ? rc : backend_said(b->offer, "ready", err);
}

static int process_start(struct xg_store *s, const char *program, struct xg_link_id id, struct xg_backend *b,
			 struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX];
	pid_t pid;
	int rc;

	process_path(id, path);
	rc = backend_spawn(program, path, b->log, &b->fd, &pid, err);
	return rc ? rc : backend_ready_wait(s, path, pid, b, err);
}

/* Of one whose words are at TEXT, one after the other: does it serve the area BACK? As backend_spawn() says it. */
static bool words_name(const char *text, size_t size, const char *back)
{
	const char *end = text + size, *at = text;
	bool named = false;

	for (; at < end; at += strlen(at) + 1) {
		if (named)
			return !strcmp(at, back);
		named = !strcmp(at, "--path");
	}
	return false;
}

/* The number may be another process's by now: it has to be a backend's, and this very one's. */
static bool is_backend_of(unsigned int pid, const char *back)
{
	char path[64], text[2048];
	int fd xg_auto_close = -1;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	len = readlink(path, text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = '\0';
	if (!strstr(text, "xengraft-backend"))
		return false;
	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = '\0';
	return len > 0 && words_name(text, len, back);
}

/* The backend's process, by the id noted when it was started: *RET is -1 when there is none any more. */
static int backend_pidfd(struct xg_store *s, struct xg_link_id id, int *ret, struct xg_err *err)
{
	char back[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8];
	uint64_t pid;
	int fd, rc;

	*ret = -1;
	process_path(id, back);
	snprintf(path, sizeof(path), "%s/pid", back);
	rc = xg_store_read_u64(s, path, &pid, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (pid < 2 || pid > INT32_MAX)
		return xg_fail(err, EINVAL, "%s is %llu, no process", path, (unsigned long long)pid);
	fd = syscall(SYS_pidfd_open, (pid_t)pid, 0u);
	if (fd < 0)
		return errno == ESRCH ? 0 : xg_fail_errno(err, errno, "the backend's process %u", (unsigned int)pid);
	if (is_backend_of(pid, back))
		*ret = fd;
	else
		close(fd);
	return 0;
}

static bool pidfd_ended(int fd, unsigned int timeout_ms)
{
	return is_readable_by(fd, xg_now_ms() + timeout_ms);
}

static int process_stop(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	char back[XG_STORE_PATH_MAX];
	int fd xg_auto_close = -1;
	int rc = backend_pidfd(s, id, &fd, err);

	if (rc || fd < 0)
		return rc;
	process_path(id, back);
	xg_backend_offline(s, back);
	xg_frontend_state(s, id, XB_CLOSING);
	if (pidfd_ended(fd, XG_BACKEND_CLOSE_MS))
		return 0;
	(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0u);
	if (pidfd_ended(fd, 2000))
		return 0;
	return xg_fail(err, ETIMEDOUT, "the backend of %s does not end: it waits for its device", back);
}

static int process_connected(struct xg_store *s, struct xg_link_id id, const struct xg_backend *b, struct xg_err *err)
{
	char line[sizeof(err->text)];
	int rc = backend_line(b, "connected", XG_BACKEND_CONNECT_MS, line, sizeof(line), err);

	(void)s;
	(void)id;
	if (!rc && backend_said(line, "connected", err))
		rc = xg_fail_in(err, "the backend did not connect");
	return rc;
}

/* Unless it had the target for itself all the time. */
static int process_alone(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	char back[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8];
	uint64_t lock;
	int rc;

	process_path(id, back);
	snprintf(path, sizeof(path), "%s/lock", back);
	rc = xg_store_read_u64_or(s, path, 1, &lock, err);
	if (rc || lock)
		return rc;
	rc = xg_store_update(s, path, "1", err);
	return rc == -ENOENT ? 0 : rc;
}

static int process_kill(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	int fd xg_auto_close = -1;
	int rc = backend_pidfd(s, id, &fd, err);

	if (rc || fd < 0)
		return rc;
	(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0u);
	if (pidfd_ended(fd, XG_BACKEND_CLOSE_MS))
		return 0;
	return xg_fail(err, ETIMEDOUT, "the backend's process does not end: it waits for its device");
}

static int process_lives(struct xg_store *s, struct xg_link_id id, bool *ret, struct xg_err *err)
{
	int fd xg_auto_close = -1;
	int rc = backend_pidfd(s, id, &fd, err);

	if (!rc)
		*ret = fd >= 0 && !pidfd_ended(fd, 0);
	return rc;
}

const struct xg_backend_kind xg_backend_process = {
	.name = "xengraft-backend", .mode = "virtual", .folders = 2,
	.path = process_path, .named = process_named, .check = process_check, .nodes = process_nodes,
	.start = process_start, .connected = process_connected, .alone = process_alone,
	.stop = process_stop, .kill = process_kill,
	.lives = process_lives,
};
