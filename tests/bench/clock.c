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
 *     clock load DEVICE LOG       returns; reads 4 KiB after 4 KiB, notes in LOG when each came, opens DEVICE anew
 *                                 after an error; until SIGTERM
 *     clock gaps LOG WINDOWS      of a finished load: "REQUESTS ERRORS MEDIAN", then for each line "START END" of
 *                                 WINDOWS the longest gap between two reads that lies in it, at least in part, and how
 *                                 long after START it began (nanoseconds)
 *     clock live FILE SLICE_MS    writes 4 KiB to FILE and reads it back, again and again, until SIGTERM; for each
 *                                 slice of time a line "END REQUESTS LONGEST WRONG": how long the longest request of
 *                                 it took (nanoseconds), how many failed or brought other bytes; at the end
 *                                 "end REQUESTS WRONG"
 *
 * LOG is an array of int64_t: when a read ended, in nanoseconds; below zero when it failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/array.h"

/* Longer than any timeout of the tools that are measured. */
#define WAIT_S 60
/* The largest logical block. */
#define BLOCK 4096
/* Of a load's log: 32 MiB of the guest's memory, half an hour of reads. */
#define ENDS_MAX (4 << 20)

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

/* 0 in the process that goes on behind, its id in the other one, below zero when there is none. */
static pid_t behind(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* Whoever asked waits for the end of our output. */
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(1);
	setsid();
	return 0;
}

static int arm(const char *device, const char *file)
{
	int fd = watch(device, IN_CREATE | IN_ATTRIB);
	pid_t pid = fd < 0 ? -1 : behind();

	if (pid < 0)
		return fail(device);
	if (pid > 0)
		return 0;
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

/* ---- Load ------------------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

struct load {
	int64_t *log;		/* ENDS_MAX of them, as a file; 0: not yet */
	size_t count;
};

/* 4 KiB at NTH's place of the disk, all over it. */
static int read_one(int fd, uint64_t blocks, uint64_t nth)
{
	static char block[BLOCK] __attribute__((aligned(BLOCK)));

	return pread(fd, block, sizeof(block), (off_t)(nth * 7919 % blocks) * BLOCK) == sizeof(block);
}

/* Until an error, which is noted, or the end. */
static void load_run(struct load *l, int fd)
{
	off_t bytes = lseek(fd, 0, SEEK_END);
	int good = bytes >= BLOCK;

	while (good && !stopped && l->count < ENDS_MAX) {
		good = read_one(fd, (uint64_t)bytes / BLOCK, l->count);
		l->log[l->count++] = good ? now_ns() : -now_ns();
	}
}

static int load(const char *device, const char *file)
{
	int there = watch(device, IN_CREATE | IN_ATTRIB), fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct load l = { .count = 0 };
	pid_t pid;

	if (there < 0 || fd < 0 || ftruncate(fd, ENDS_MAX * sizeof(*l.log)))
		return fail(file);
	l.log = mmap(NULL, ENDS_MAX * sizeof(*l.log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid = l.log == MAP_FAILED ? -1 : behind();
	if (pid < 0)
		return fail(file);
	if (pid > 0)
		return printf("%d\n", pid) < 0;
	signal(SIGTERM, stop);
	while (!stopped && l.count < ENDS_MAX) {
		int disk = open(device, O_RDONLY | O_DIRECT);

		if (disk < 0) {
			if (!happened(there))
				break;
			continue;
		}
		load_run(&l, disk);
		close(disk);
	}
	_exit(ftruncate(fd, (off_t)(l.count * sizeof(*l.log))) != 0);
}

/* LOG of FILE, or NULL; how many there is room for in *RET_COUNT. */
static const int64_t *log_map(const char *file, size_t *ret_count)
{
	int fd = open(file, O_RDONLY);
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	*ret_count = (size_t)st.st_size / sizeof(int64_t);
	at = mmap(NULL, st.st_size ? (size_t)st.st_size : 1, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Takes the failed ones out of ENDS, a copy of LOG. */
static size_t ends_good(const int64_t *log, size_t count, int64_t *ends)
{
	size_t i, n = 0;

	for (i = 0; i < count; i++)
		if (log[i] > 0)
			ends[n++] = log[i];
	return n;
}

static int64_t gap_median(const int64_t *ends, size_t n)
{
	int64_t *gaps = calloc(n, sizeof(*gaps)), median;
	size_t i;

	if (!gaps)
		return 0;
	for (i = 0; i + 1 < n; i++)
		gaps[i] = ends[i + 1] - ends[i];
	qsort(gaps, n - 1, sizeof(*gaps), compare);
	median = gaps[(n - 1) / 2];
	free(gaps);
	return median;
}

/* The longest between two of ENDS that is not over before START nor begins after END. */
static int64_t gap_longest(const int64_t *ends, size_t n, int64_t start, int64_t end, int64_t *ret_began)
{
	int64_t longest = 0;
	size_t i, low = 0, high = n;

	while (low < high) {
		i = (low + high) / 2;
		if (ends[i] < start)
			low = i + 1;
		else
			high = i;
	}
	for (i = low ? low : 1; i < n && ends[i - 1] <= end; i++)
		if (ends[i] - ends[i - 1] > longest) {
			longest = ends[i] - ends[i - 1];
			*ret_began = ends[i - 1];
		}
	return longest;
}

static int gaps(const char *file, const char *windows)
{
	size_t count = 0, n;
	const int64_t *log = log_map(file, &count);
	int64_t *ends = log ? calloc(count + 1, sizeof(*ends)) : NULL;
	int64_t start, end, longest, began;
	FILE *f = fopen(windows, "r");

	if (!ends || !f)
		return fail(ends ? windows : file);
	n = ends_good(log, count, ends);
	if (n < 2) {
		fprintf(stderr, "clock: %s has %zu reads\n", file, n);
		return 1;
	}
	printf("%zu %zu %" PRId64 "\n", n, count - n, gap_median(ends, n));
	while (fscanf(f, "%" SCNd64 " %" SCNd64 "%*[^\n]", &start, &end) == 2) {
		began = start;
		longest = gap_longest(ends, n, start, end, &began);
		printf("%" PRId64 " %" PRId64 "\n", longest, began - start);
	}
	return 0;
}

/* ---- Live ------------------------------------------------------------------------------------------------------ */

struct slice {
	uint64_t requests, wrong;
	int64_t longest_ns;
};

/* An even NTH writes a block full of its number, the odd one after it reads that block back. */
static int exchange(int fd, uint64_t blocks, uint64_t nth)
{
	static uint64_t block[BLOCK / sizeof(uint64_t)] __attribute__((aligned(BLOCK)));
	off_t at = (off_t)(nth / 2 * 7919 % blocks) * BLOCK;
	size_t i, words = XG_ARRAY_SIZE(block);

	if (nth % 2) {
		if (pread(fd, block, sizeof(block), at) != sizeof(block))
			return 0;
		for (i = 0; i < words && block[i] == nth / 2; i++)
			;
		return i == words;
	}
	for (i = 0; i < words; i++)
		block[i] = nth / 2;
	return pwrite(fd, block, sizeof(block), at) == sizeof(block);
}

static void exchange_timed(int fd, uint64_t blocks, uint64_t nth, struct slice *s)
{
	int64_t began = now_ns(), took;

	s->wrong += !exchange(fd, blocks, nth);
	s->requests++;
	took = now_ns() - began;
	if (took > s->longest_ns)
		s->longest_ns = took;
}

static int live(const char *file, int64_t slice_ns)
{
	int fd = open(file, O_RDWR | O_DIRECT);
	off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	uint64_t nth = 0, wrong = 0;
	int64_t until;

	if (bytes < BLOCK)
		return fail(file);
	signal(SIGTERM, stop);
	for (until = now_ns() + slice_ns; !stopped; until += slice_ns) {
		struct slice s = { .requests = 0 };

		do
			exchange_timed(fd, (uint64_t)bytes / BLOCK, nth++, &s);
		while (now_ns() < until);
		wrong += s.wrong;
		printf("%" PRId64 " %" PRIu64 " %" PRId64 " %" PRIu64 "\n", now_ns(), s.requests, s.longest_ns,
		       s.wrong);
		fflush(stdout);
	}
	printf("end %" PRIu64 " %" PRIu64 "\n", nth, wrong);
	return wrong != 0;
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
	if (!strcmp(verb, "load") && argc == 4)
		return load(argv[2], argv[3]);
	if (!strcmp(verb, "gaps") && argc == 4)
		return gaps(argv[2], argv[3]);
	if (!strcmp(verb, "live") && argc == 4 && atoi(argv[3]) > 0)
		return live(argv[2], atoi(argv[3]) * INT64_C(1000000));
	fprintf(stderr, "usage: clock now | run COMMAND... | arm DEVICE FILE | get FILE | load DEVICE LOG | "
		"gaps LOG WINDOWS | live FILE SLICE_MS\n");
	return 2;
}
