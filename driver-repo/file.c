// SPDX-License-Identifier: GPL-2.0-or-later
/* See file.h. Called by all of the repository. Must never leave a half-written file under its final name. */
#include "driver-repo/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

static int read_all(int fd, const char *path, size_t max, char **ret, size_t *ret_size, struct xg_err *err)
{
	char *bytes xg_auto_free = NULL;
	struct stat st;
	size_t size = 0;
	ssize_t got;

	if (fstat(fd, &st))
		return xg_fail_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return xg_fail(err, EINVAL, "%s is not a regular file", path);
	if ((uint64_t)st.st_size > max)
		return xg_fail(err, EFBIG, "%s has %lld bytes, at most %zu", path, (long long)st.st_size, max);
	bytes = malloc(st.st_size + 1);
	if (!bytes)
		return xg_fail_errno(err, ENOMEM, "%s", path);
	while (size < (size_t)st.st_size) {
		got = read(fd, bytes + size, st.st_size - size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return xg_fail_errno(err, errno, "%s", path);
		if (got == 0)
			break;
		size += got;
	}
	bytes[size] = '\0';
	*ret_size = size;
	*ret = xg_take(bytes);
	return 0;
}

int xg_file_read(const char *path, size_t max, char **ret, size_t *ret_size, struct xg_err *err)
{
	int fd xg_auto_close = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return xg_fail_errno(err, errno, "%s", path);
	return read_all(fd, path, max, ret, ret_size, err);
}

static int write_all(int fd, const char *path, const char *bytes, size_t size, bool sync, struct xg_err *err)
{
	ssize_t put;

	while (size) {
		put = write(fd, bytes, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return xg_fail_errno(err, errno, "%s", path);
		bytes += put;
		size -= put;
	}
	if (sync && fsync(fd))
		return xg_fail_errno(err, errno, "%s", path);
	return 0;
}

int xg_file_create(const char *path, const void *bytes, size_t size, mode_t mode, bool sync, struct xg_err *err)
{
	int fd xg_auto_close = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int rc;

	if (fd < 0)
		return xg_fail_errno(err, errno, "%s", path);
	rc = write_all(fd, path, bytes, size, sync, err);
	if (rc)
		(void)unlink(path);
	return rc;
}

int xg_file_replace(const char *path, const void *bytes, size_t size, mode_t mode, struct xg_err *err)
{
	char other[PATH_MAX], *slash;
	int rc;

	if ((size_t)snprintf(other, sizeof(other), "%s.new", path) >= sizeof(other))
		return xg_fail_errno(err, ENAMETOOLONG, "%s", path);
	if (unlink(other) && errno != ENOENT)
		return xg_fail_errno(err, errno, "%s", other);
	rc = xg_file_create(other, bytes, size, mode, true, err);
	if (rc)
		return rc;
	if (rename(other, path)) {
		rc = xg_fail_errno(err, errno, "%s", path);
		(void)unlink(other);
		return rc;
	}
	slash = strrchr(other, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return xg_dir_sync(other[0] ? other : "/", err);
}

int xg_dir_sync(const char *dir, struct xg_err *err)
{
	int fd xg_auto_close = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		return xg_fail_errno(err, errno, "%s", dir);
	return 0;
}

int xg_dir_make(const char *path, mode_t mode, struct xg_err *err)
{
	char part[PATH_MAX], *slash;

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return xg_fail_errno(err, ENAMETOOLONG, "%s", path);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return xg_fail_errno(err, errno, "cannot create %s", part);
		*slash = '/';
	}
	if (mkdir(part, mode) && errno != EEXIST)
		return xg_fail_errno(err, errno, "cannot create %s", part);
	return 0;
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int xg_dir_walk(const char *dir, int (*visit)(void *ctx, const char *name, struct xg_err *err), void *ctx,
		struct xg_err *err)
{
	struct dirent **names;
	int i, rc = 0, count = scandir(dir, &names, visible, alphasort);

	if (count < 0)
		return errno == ENOENT ? 0 : xg_fail_errno(err, errno, "%s", dir);
	for (i = 0; i < count; i++) {
		if (!rc)
			rc = visit(ctx, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	return rc;
}
