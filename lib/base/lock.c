// SPDX-License-Identifier: GPL-2.0-or-later
/* See lock.h. */
#include "lib/base/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "lib/base/cleanup.h"

#define LOOK_MS 5

int xg_lock_file(const char *path, unsigned int wait_ms, bool (*stop)(void), int *ret_fd, struct xg_err *err)
{
	int fd xg_auto_close = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
	unsigned int waited_ms;

	if (fd < 0)
		return xg_fail_errno(err, errno, "lock %.150s", path);
	for (waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB); waited_ms += LOOK_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return xg_fail_errno(err, errno, "lock %.150s", path);
		if (stop && stop())
			return xg_fail(err, EINTR, "interrupted");
		if (waited_ms >= wait_ms)
			return xg_fail(err, EAGAIN, "%.150s is locked by another process", path);
		nanosleep(&pause, NULL);
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}
