// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See generate.h. Called by images.c. A compiler runs here for minutes, in a folder that nobody else uses; must never
 * leave a process behind, and nothing in the repository that was not looked at.
 */
#include "dom0-tools/ops/generate.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dom0-tools/ops/interrupt.h"
#include "hotswap/wait.h"
#include "lib/base/fault_point.h"
#include "lib/base/lock.h"

#define FOLDER_PREFIX "image."
/* How often a signal and the deadline are looked at. */
#define LOOK_MS 200
#define ARGS_MAX 10

/* ---- Whether -------------------------------------------------------------------------------------------------- */

static bool is_plain(const char *name)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._+~-";

	return name[0] && name[0] != '-' && name[0] != '.' && !name[strspn(name, allowed)];
}

/* The text must not carry what makes a name no name: it goes to a terminal. */
static int check_personality(const struct xg_wanted *q, struct xg_err *err)
{
	if (!is_plain(q->os) || !is_plain(q->release))
		return xg_fail(err, EINVAL, "what the guest calls its release is no kernel's name");
	if (!q->build_id[0])
		return xg_fail(err, ENOENT, "the guest's kernel does not say its build-id");
	return 0;
}

static int check_driver(const struct xg_wanted *q, struct xg_err *err)
{
	if (!is_plain(q->device) || !is_plain(q->mode) || !strcmp(q->mode, "any"))
		return xg_fail(err, EINVAL, "a driver is made for one device in one mode");
	return 0;
}

static bool is_personality(const char *kind)
{
	return !strcmp(kind, "personality");
}

/* What no key that counts here signs would be added for nothing. */
static int check_key(struct xg_ops *ops, struct xg_err *err)
{
	const struct xg_keyring *ring = xg_repo_keyring(ops->repo);
	char id[XG_KEY_ID_TEXT];
	struct xg_secret_key key;
	int rc = xg_repo_secret_key(ops->repo_paths.confdir, NULL, NULL, &key, err);

	if (rc)
		return rc;
	xg_key_id_text(key.id, id);
	xg_secret_key_wipe(&key);
	if (!xg_keyring_find(ring, id) || xg_keyring_key_revoked(ring, id))
		return xg_fail(err, ENOENT, "this host does not trust its own key %s", id);
	return 0;
}

int xg_generate_check(struct xg_ops *ops, const char *kind, const struct xg_wanted *q, struct xg_err *err)
{
	int rc;

	if (xg_repo_policy(ops->repo)->generate_denied)
		return xg_fail(err, ENOENT, "%.150s/repo.conf denies it", ops->repo_paths.confdir);
	rc = is_personality(kind) ? check_personality(q, err) : check_driver(q, err);
	if (rc)
		return rc;
	if (access(ops->generator, X_OK))
		return xg_fail(err, ENOENT, "the generator %.150s is not installed", ops->generator);
	return check_key(ops, err);
}

/* ---- The folder ------------------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	(void)remove(path);
	return 0;
}

static void folder_remove(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The lock is held: whatever lies here, nobody waits for it any more. */
static void sweep(const char *work_dir)
{
	DIR *d = opendir(work_dir);
	char path[PATH_MAX];
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) &&
		    (size_t)snprintf(path, sizeof(path), "%s/%s", work_dir, e->d_name) < sizeof(path))
			folder_remove(path);
	closedir(d);
}

int xg_generate_lock(struct xg_ops *ops, int *ret, struct xg_err *err)
{
	char path[PATH_MAX];
	int rc;

	if (mkdir(ops->work_dir, 0700) && errno != EEXIST)
		return xg_fail_errno(err, errno, "cannot create %.150s", ops->work_dir);
	snprintf(path, sizeof(path), "%s/lock", ops->work_dir);
	rc = xg_lock_file(path, ops->generate_ms, xg_interrupted, ret, err);
	if (rc == -EAGAIN)
		return xg_fail(err, EAGAIN, "another process has been generating for %u s", ops->generate_ms / 1000);
	if (!rc)
		sweep(ops->work_dir);
	return rc;
}

/* ---- The generator ---------------------------------------------------------------------------------------------- */

struct run {
	struct xg_ops *ops;
	pid_t pid;
	int fd;			/* its stderr; -1 once that has ended */
	uint64_t end_ms;
	size_t length;		/* of `line` so far */
	char line[400];
	char last[400];		/* its last line: why it failed */
};

/* It must not inherit what we ignore: a script counts on SIGPIPE. */
static int attributes_set(posix_spawnattr_t *a)
{
	sigset_t none, pipes;
	int rc;

	sigemptyset(&none);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	rc = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(a, &pipes);
	return rc ? rc : posix_spawnattr_setsigmask(a, &none);
}

static int files_set(posix_spawn_file_actions_t *files, int to)
{
	int rc = posix_spawn_file_actions_adddup2(files, to, 2);

	if (!rc)
		rc = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDWR, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(files, 0, 1);
	return rc ? rc : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

/* A session of its own, so that all that it starts can be ended together. */
static int spawn(char *const argv[], char *const env[], int to, pid_t *ret, struct xg_err *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc)
		return xg_fail_errno(err, rc, "cannot run %.150s", argv[0]);
	rc = posix_spawnattr_init(&attributes);
	if (!rc) {
		rc = attributes_set(&attributes);
		if (!rc)
			rc = files_set(&files, to);
		if (!rc)
			rc = posix_spawn(ret, argv[0], &files, &attributes, argv, env);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return rc ? xg_fail_errno(err, rc, "cannot run %.150s", argv[0]) : 0;
}

static bool is_replaced(const char *variable)
{
	return !strncmp(variable, "TMPDIR=", 7) || !strncmp(variable, "LC_ALL=", 7) ||
		!strncmp(variable, "LANGUAGE=", 9);
}

/* Ours, but that it works in a folder of its own and speaks the language that its scripts look for. free(*ret). */
static int environment(const char *tmpdir, char ***ret, struct xg_err *err)
{
	static char language[] = "LC_ALL=C";
	size_t count = 0, n = 0, i;
	char **env;

	while (environ && environ[count])
		count++;
	env = calloc(count + 3, sizeof(*env));
	if (!env)
		return xg_fail_errno(err, ENOMEM, "the generator's environment");
	for (i = 0; i < count; i++)
		if (!is_replaced(environ[i]))
			env[n++] = environ[i];
	env[n++] = (char *)tmpdir;
	env[n] = language;
	*ret = env;
	return 0;
}

static void line_end(struct run *r)
{
	size_t i;

	if (!r->length)
		return;
	/* File names and what a compiler quotes: nothing that a terminal would obey. */
	for (i = 0; i < r->length; i++)
		if ((unsigned char)r->line[i] < ' ' || r->line[i] == 0x7f)
			r->line[i] = ' ';
	r->line[r->length] = '\0';
	memcpy(r->last, r->line, sizeof(r->last));
	r->length = 0;
	xg_ops_detail(r->ops, "%s", r->last);
}

/* What is longer than a line may be is cut. False: nothing more just now. */
static bool take_output(struct run *r)
{
	char bytes[512];
	ssize_t i, got = read(r->fd, bytes, sizeof(bytes));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return errno == EINTR;
	for (i = 0; i < got; i++) {
		if (bytes[i] == '\n')
			line_end(r);
		else if (r->length < sizeof(r->line) - 1)
			r->line[r->length++] = bytes[i];
	}
	if (got > 0)
		return true;
	line_end(r);
	close(r->fd);
	r->fd = -1;
	return false;
}

/* 1: it has ended, with *ret_status. */
static int look(struct run *r, int *ret_status, struct xg_err *err)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	uint64_t now = xg_now_ms();

	if (xg_interrupted())
		return xg_fail(err, EINTR, "interrupted");
	if (now >= r->end_ms)
		return xg_fail(err, ETIMEDOUT, "%.150s was not done within %u s", r->ops->generator,
			       r->ops->generate_ms / 1000);
	if (waitpid(r->pid, ret_status, WNOHANG) == r->pid) {
		/* Not to its end: what it left in the background may keep it open. */
		while (r->fd >= 0 && take_output(r))
			;
		line_end(r);
		return 1;
	}
	/* Its output has ended but not it: that takes no time, or it is stuck. */
	if (poll(&p, r->fd >= 0, r->fd >= 0 ? LOOK_MS : 5) > 0)
		(void)take_output(r);
	return 0;
}

/* "xengraft-gen: no headers for …": the reader knows who speaks. */
static const char *without_program(const char *line)
{
	const char *colon = strstr(line, ": ");

	return !strncmp(line, "xengraft-", 9) && colon ? colon + 2 : line;
}

static int outcome(const struct run *r, int status, struct xg_err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return xg_fail(err, ENOENT, "%.150s was ended by signal %d", r->ops->generator, WTERMSIG(status));
	if (r->last[0])
		return xg_fail(err, ENOENT, "%s", without_program(r->last));
	return xg_fail(err, ENOENT, "%.150s failed with status %d", r->ops->generator, WEXITSTATUS(status));
}

static int run_to_end(struct run *r, struct xg_err *err)
{
	int status = 0, rc;

	do {
		rc = look(r, &status, err);
	} while (!rc);
	/* Also when it has ended by itself: a compiler that it left behind. */
	(void)kill(-r->pid, SIGKILL);
	if (rc < 0)
		while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
			;
	if (r->fd >= 0)
		close(r->fd);
	return rc < 0 ? rc : outcome(r, status, err);
}

static void arguments(const struct xg_ops *ops, const char *kind, const struct xg_wanted *q, const char *out,
		      const char *argv[ARGS_MAX])
{
	int n = 0;

	argv[n++] = ops->generator;
	argv[n++] = is_personality(kind) ? "--os" : "--device";
	argv[n++] = is_personality(kind) ? q->os : q->device;
	argv[n++] = is_personality(kind) ? "--release" : "--mode";
	argv[n++] = is_personality(kind) ? q->release : q->mode;
	argv[n++] = "-o";
	argv[n++] = out;
	argv[n] = NULL;
}

static int generator_run(struct xg_ops *ops, const char *kind, const struct xg_wanted *q, const char *folder,
			 const char *out, struct xg_err *err)
{
	struct run r = { .ops = ops, .end_ms = xg_now_ms() + ops->generate_ms };
	char tmpdir[PATH_MAX + 16], **env xg_auto_free = NULL;
	const char *argv[ARGS_MAX];
	int ends[2], rc;

	arguments(ops, kind, q, out, argv);
	snprintf(tmpdir, sizeof(tmpdir), "TMPDIR=%s", folder);
	rc = environment(tmpdir, &env, err);
	if (rc)
		return rc;
	if (pipe2(ends, O_CLOEXEC))
		return xg_fail_errno(err, errno, "pipe from the generator");
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	rc = spawn((char *const *)argv, env, ends[1], &r.pid, err);
	close(ends[1]);
	r.fd = ends[0];
	if (!rc)
		return run_to_end(&r, err);
	close(ends[0]);
	return rc;
}

/* ---- What came of it -------------------------------------------------------------------------------------------- */

static int look_at_personality(const struct xg_image_note *n, const struct xg_wanted *q, struct xg_err *err)
{
	if (strcmp(n->kind, "personality") || strcmp(n->os, q->os) || strcmp(n->arch, q->arch))
		return xg_fail(err, ENOEXEC, "the generator made a %s for %s on %s", n->kind, n->os, n->arch);
	if (strcmp(n->release, q->release) || n->release_last[0])
		return xg_fail(err, ENOEXEC, "the generator made one for release %s", n->release);
	if (strcmp(n->build_id, q->build_id))
		return xg_fail(err, ENOEXEC, "the kernel %s of this host is the build %.8s, the guest's is %.8s: "
			       "a kernel of its own, or another version of the package", q->release, n->build_id,
			       q->build_id);
	return 0;
}

static int look_at_driver(const struct xg_image_note *n, const struct xg_wanted *q, struct xg_err *err)
{
	if (strcmp(n->kind, "driver") || strcmp(n->class_name, q->class_name) || strcmp(n->device, q->device) ||
	    strcmp(n->mode, q->mode) || strcmp(n->arch, q->arch))
		return xg_fail(err, ENOEXEC, "the generator made a %s for %s %s", n->kind, n->device, n->mode);
	return 0;
}

static int stage_signed(struct xg_ops *ops, struct xg_repo_batch *batch, const struct xg_image *image, const char *name,
			struct xg_err *err)
{
	/* In the place of the file that others are added from: no path, so that no folder's change takes it away. */
	static const char origin[] = "xengraft-gen";
	struct xg_secret_key key;
	char *text xg_auto_free = NULL;
	size_t size;
	int rc = xg_repo_secret_key(ops->repo_paths.confdir, NULL, NULL, &key, err);

	if (rc)
		return rc;
	rc = xg_repo_sign(&key, image, name, origin, &text, &size, err);
	xg_secret_key_wipe(&key);
	if (!rc)
		rc = xg_repo_stage(batch, image, origin, err);
	return rc ? rc : xg_repo_stage_signature(batch, image->digest, text, size, err);
}

static int add(struct xg_ops *ops, const struct xg_image *image, struct xg_err *err)
{
	struct xg_repo_batch *batch xg_auto(xg_repo_batch_free_p) = NULL;
	char name[XG_NAME_MAX];
	int rc;

	xg_note_name(&image->note, name);
	rc = xg_repo_begin(ops->repo, &batch, err);
	if (!rc)
		rc = stage_signed(ops, batch, image, name, err);
	if (!rc)
		rc = xg_fault_point("generate: staged", err);
	if (!rc)
		rc = xg_repo_commit(batch, err);
	if (rc)
		return rc;
	(void)xg_fault_point("generate: added", NULL);
	xg_ops_notice(ops, "generated %s %s, signed with this host's key and added to %s: sha256 %s",
		      image->note.kind, name, ops->repo_paths.dir, image->digest);
	return 0;
}

int xg_generate(struct xg_ops *ops, const char *kind, const struct xg_wanted *q, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	char folder[PATH_MAX], out[PATH_MAX + 16];
	int rc;

	snprintf(folder, sizeof(folder), "%s/" FOLDER_PREFIX "XXXXXX", ops->work_dir);
	if (!mkdtemp(folder))
		return xg_fail_errno(err, errno, "cannot create %.150s", folder);
	snprintf(out, sizeof(out), "%s/out.o", folder);
	rc = xg_fault_point("generate: begun", err);
	if (!rc)
		rc = generator_run(ops, kind, q, folder, out, err);
	if (!rc)
		rc = xg_fault_point("generate: made", err);
	if (!rc)
		rc = xg_image_load(out, &image, err);
	folder_remove(folder);
	if (!rc)
		rc = is_personality(kind) ? look_at_personality(&image->note, q, err) :
			look_at_driver(&image->note, q, err);
	return rc ? rc : add(ops, image, err);
}
