// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The benchmarks' stop watch: run in Dom0 and, statically linked as it is, in guests. Both clocks count from Xen's
 * own time, so that what one says can be subtracted from what the other says. Must never poll in a way that takes
 * processor time from what is measured.
 *
 *     clock now                   prints the time in nanoseconds
 *     clock run COMMAND...        runs it, prints "START END STATUS" of it behind its own output
 *     clock arm DEVICE FILE       returns; writes to FILE when DEVICE's first byte had been read, once it is there
 *     clock get FILE              waits for FILE, prints and removes it
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Longer than any timeout of the tools that are measured. */
#define WAIT_S 60
/* The largest logical block. */
#define BLOCK 4096

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int fail(const char *what)
{
	fprintf(stderr, "clock: %s: %s\n", what, strerror(errno));
	return 1;
}

static int run(char **argv)
{
	int64_t start = now_ns(), end;
	int status = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return fail(argv[0]);
	end = now_ns();
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	printf("%" PRId64 " %" PRId64 " %d\n", start, end, status);
	return status;
}

/* A node may be there a moment before the disk answers. */
static int first_byte(const char *device)
{
	static char block[BLOCK] __attribute__((aligned(BLOCK)));
	int fd = open(device, O_RDONLY | O_DIRECT);
	ssize_t got = fd < 0 ? -1 : pread(fd, block, sizeof(block), 0);

	if (fd >= 0)
		close(fd);
	return got == sizeof(block);
}

/* Something happened in the directory that FD watches: 0 when nothing did for WAIT_S. */
static int happened(int fd)
{
	char events[4096] __attribute__((aligned(8)));
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, WAIT_S * 1000) == 1 && read(fd, events, sizeof(events)) > 0;
}

static int watch(const char *file, uint32_t what)
{
	char dir[256];
	char *slash;
	int fd = inotify_init1(IN_CLOEXEC);

	snprintf(dir, sizeof(dir), "%s", file);
	slash = strrchr(dir, '/');
	if (fd < 0 || !slash)
		return -1;
	*slash = '\0';
	return inotify_add_watch(fd, dir, what) < 0 ? -1 : fd;
}

static int note(const char *file, int64_t ns)
{
	char part[256];
	FILE *f;

	snprintf(part, sizeof(part), "%s.part", file);
	f = fopen(part, "w");
	if (!f)
		return fail(part);
	fprintf(f, "%" PRId64 "\n", ns);
	return fclose(f) || rename(part, file) ? fail(file) : 0;
}

static int arm(const char *device, const char *file)
{
	int fd = watch(device, IN_CREATE | IN_ATTRIB);
	pid_t pid = fd < 0 ? -1 : fork();

	if (pid < 0)
		return fail(device);
	if (pid > 0)
		return 0;
	/* Whoever asked waits for the end of our output. */
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(1);
	setsid();
	while (!first_byte(device))
		if (!happened(fd))
			_exit(1);
	_exit(note(file, now_ns()));
}

static int get(const char *file)
{
	int fd = watch(file, IN_MOVED_TO);
	char line[64];
	FILE *f;

	if (fd < 0)
		return fail(file);
	while (access(file, R_OK))
		if (!happened(fd)) {
			fprintf(stderr, "clock: no %s after %d s\n", file, WAIT_S);
			return 1;
		}
	f = fopen(file, "r");
	if (!f || !fgets(line, sizeof(line), f))
		return fail(file);
	fputs(line, stdout);
	fclose(f);
	return unlink(file) ? fail(file) : 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "now") && argc == 2)
		return printf("%" PRId64 "\n", now_ns()) < 0;
	if (!strcmp(verb, "run") && argc > 2)
		return run(argv + 2);
	if (!strcmp(verb, "arm") && argc == 4)
		return arm(argv[2], argv[3]);
	if (!strcmp(verb, "get") && argc == 3)
		return get(argv[2]);
	fprintf(stderr, "usage: clock now | run COMMAND... | arm DEVICE FILE | get FILE\n");
	return 2;
}
