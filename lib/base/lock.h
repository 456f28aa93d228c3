/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file as a lock among processes. It is waited for by looking again, for flock() has no time limit; the file is made
 * when it is missing and never removed, so there is no race about which inode is the lock.
 */
#ifndef XG_BASE_LOCK_H
#define XG_BASE_LOCK_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * *RET_FD is the lock: held until it is closed. -EAGAIN: another process has had it for WAIT_MS; -EINTR: STOP, which
 * may be NULL, said so. Both texts are for the caller to better: what the lock is for is not known here.
 */
int xg_lock_file(const char *path, unsigned int wait_ms, bool (*stop)(void), int *ret_fd, struct xg_err *err);

#endif
