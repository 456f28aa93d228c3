/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program tells its administrator: to stderr, and to a file under /var/log/xen for a process that
 * outlives its terminal. Libraries may call xg_debug() only; errors travel in struct xg_err.
 */
#ifndef XG_BASE_LOG_H
#define XG_BASE_LOG_H

#include <stdbool.h>

#include "lib/base/err.h"

enum xg_log_level { XG_LOG_ERROR, XG_LOG_WARN, XG_LOG_INFO, XG_LOG_DEBUG };

/*
 * PROGRAM (not copied) stands before each line. With a PATH lines also go there, with a time stamp; the
 * file is created 0640. Returns 0 or -errno. May be called again to change either.
 */
int xg_log_open(const char *program, const char *path, struct xg_err *err);
void xg_log_level_set(enum xg_log_level most);
/* On stderr each line begins with its priority, as the journal takes it, instead of PROGRAM: sd-daemon(3). */
void xg_log_priorities(bool on);
void xg_log_close(void);

void xg_log(enum xg_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define xg_error(...) xg_log(XG_LOG_ERROR, __VA_ARGS__)
#define xg_warn(...) xg_log(XG_LOG_WARN, __VA_ARGS__)
#define xg_info(...) xg_log(XG_LOG_INFO, __VA_ARGS__)
#define xg_debug(...) xg_log(XG_LOG_DEBUG, __VA_ARGS__)

#endif
