// SPDX-License-Identifier: GPL-2.0-or-later
/* One line a message, to stderr and perhaps to a file. Single-threaded, as all of xengraft's programs are. */
#include "lib/base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *log_program = "xengraft";
static enum xg_log_level log_most = XG_LOG_INFO;
static int log_fd = -1;
static bool log_numbered;

int xg_log_open(const char *program, const char *path, struct xg_err *err)
{
	int fd;

	log_program = program;
	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return xg_fail_errno(err, errno, "cannot open the log %s", path);
	xg_log_close();
	log_fd = fd;
	return 0;
}

void xg_log_level_set(enum xg_log_level most)
{
	log_most = most;
}

void xg_log_priorities(bool on)
{
	log_numbered = on;
}

void xg_log_close(void)
{
	if (log_fd >= 0)
		close(log_fd);
	log_fd = -1;
}

static void log_to_file(const char *text)
{
	char line[600];
	char stamp[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	int len;

	if (gmtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	len = snprintf(line, sizeof(line), "%s %s[%d]: %s\n", stamp, log_program, (int)getpid(), text);
	if (len > (int)sizeof(line) - 1) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';	/* cut, but a line still */
	}
	/* A full disk must not stop a backend: the line is lost, the I/O goes on. */
	if (write(log_fd, line, len) < 0)
		return;
}

void xg_log(enum xg_log_level level, const char *fmt, ...)
{
	static const int priorities[] = { 3, 4, 6, 7 };	/* syslog(3)'s */
	char text[512];
	va_list ap;

	if (level > log_most)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (log_numbered)
		fprintf(stderr, "<%d>%s\n", priorities[level], text);
	else
		fprintf(stderr, "%s: %s\n", log_program, text);
	if (log_fd >= 0)
		log_to_file(text);
}
