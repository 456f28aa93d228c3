// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands for tests, a line each: from the console (serial or Xen's), where the answer goes too; and from xenstore:
 *
 *     data/bare/command   "SEQ COMMAND ARGUMENT..."    whoever asks writes
 *     data/bare/reply     "SEQ ok" or "SEQ error: WHY", then what the command printed, line by line
 *
 * On the console an answer ends with a line "ok" or "error: WHY".
 */
#include "disk.h"
#include "xen.h"

#define LINE_BYTES 200u
#define WORDS_MAX 8u
#define BUFFER_PAGES 32u	/* 128 KiB at once */
#define BUFFER_SECTORS (BUFFER_PAGES * BARE_PAGE / BARE_SECTOR)
#define DEPTH_MAX 128u
#define HELD_MAX 8u

static char reply[BARE_STORE_VALUE_MAX];
static size_t replied;
static char why[128];		/* of the last error */
static void *buffer;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	bare_vformat(text, sizeof(text), format, args);
	va_end(args);
	bare_print("%s\n", text);
	if (replied + strlen(text) + 2 < sizeof(reply))
		replied += (size_t)bare_format(reply + replied, sizeof(reply) - replied, "\n%s", text);
}

#define fail bare_command_fail

int bare_command_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	bare_vformat(why, sizeof(why), format, args);
	va_end(args);
	return -1;
}

static const char *error_text(int rc)
{
	static const char *const texts[] = {
		"ok", "busy", "no memory", "invalid", "exists", "not supported", "I/O error", "no device",
	};

	return -rc >= 0 && -rc < (int)BARE_COUNT(texts) ? texts[-rc] : "unknown error";
}

/* ---- Sums and patterns ------------------------------------------------------------------------------------- */

/* CRC-32 and length as gzip writes them behind its data (RFC 1952), so that the other side has a program for it. */
struct sum {
	uint32_t crc;
	uint64_t bytes;
};

static uint32_t crc_table[256];

static void crc_start(void)
{
	uint32_t i, k, c;

	for (i = 0; i < 256; i++) {
		for (c = i, k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
		crc_table[i] = c;
	}
}

static void sum_add(struct sum *s, const uint8_t *at, size_t bytes)
{
	uint32_t crc = ~s->crc;

	s->bytes += bytes;
	for (; bytes; bytes--, at++)
		crc = crc >> 8 ^ crc_table[(crc ^ *at) & 0xff];
	s->crc = ~crc;
}

static uint64_t scramble(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}

/* Each word of each sector tells where it belongs. */
static uint64_t pattern(uint64_t seed, uint64_t sector, unsigned int word)
{
	return scramble(seed * 0x9e3779b97f4a7c15ull + sector * 64 + word);
}

static void pattern_fill(uint64_t *at, uint64_t seed, uint64_t sector, uint64_t sectors)
{
	unsigned int word;

	for (; sectors; sectors--, sector++)
		for (word = 0; word < BARE_SECTOR / 8; word++)
			*at++ = pattern(seed, sector, word);
}

/* The first sector that is not as written, or sector + sectors. */
static uint64_t pattern_check(const uint64_t *at, uint64_t seed, uint64_t sector, uint64_t sectors)
{
	unsigned int word;

	for (; sectors; sectors--, sector++)
		for (word = 0; word < BARE_SECTOR / 8; word++)
			if (*at++ != pattern(seed, sector, word))
				return sector;
	return sector;
}

/* ---- Commands ---------------------------------------------------------------------------------------------- */

struct range {
	struct bare_disk *disk;
	uint64_t sector, sectors, seed;
	struct sum sum;
};

typedef int (*chunk_fn)(struct range *r, uint64_t sector, uint64_t sectors);

static int chunk_read(struct range *r, uint64_t sector, uint64_t sectors)
{
	int rc = bare_disk_io(r->disk, BARE_READ, sector, sectors, buffer);

	if (rc)
		return fail("read of %s at %llu: %s", r->disk->name, (unsigned long long)sector, error_text(rc));
	sum_add(&r->sum, buffer, sectors * BARE_SECTOR);
	return 0;
}

static int chunk_write(struct range *r, uint64_t sector, uint64_t sectors)
{
	int rc;

	pattern_fill(buffer, r->seed, sector, sectors);
	sum_add(&r->sum, buffer, sectors * BARE_SECTOR);
	rc = bare_disk_io(r->disk, BARE_WRITE, sector, sectors, buffer);
	return rc ? fail("write of %s at %llu: %s", r->disk->name, (unsigned long long)sector, error_text(rc)) : 0;
}

static int chunk_verify(struct range *r, uint64_t sector, uint64_t sectors)
{
	int rc = chunk_read(r, sector, sectors);
	uint64_t bad;

	if (rc)
		return rc;
	bad = pattern_check(buffer, r->seed, sector, sectors);
	return bad == sector + sectors ? 0 : fail("sector %llu of %s is not what was written", (unsigned long long)bad,
						  r->disk->name);
}

static int numbers(char **words, uint64_t *ret, unsigned int count)
{
	for (; count; count--, words++, ret++)
		if (!bare_number(*words, ret))
			return fail("'%s' is no number", *words);
	return 0;
}

static int run_range(char **words, bool seeded, chunk_fn chunk)
{
	uint64_t n[3] = { 0 }, at, step;
	struct range r;
	int rc = numbers(words + 2, n, seeded ? 3 : 2);

	if (rc)
		return rc;
	r = (struct range){ .disk = bare_disk_open(words[1]), .sector = n[0], .sectors = n[1], .seed = n[2] };
	if (!r.disk)
		return fail("there is no disk %s", words[1]);
	for (at = 0; !rc && at < r.sectors; at += step) {
		step = r.sectors - at < BUFFER_SECTORS ? r.sectors - at : BUFFER_SECTORS;
		rc = chunk(&r, r.sector + at, step);
	}
	bare_disk_close(r.disk);
	if (!rc)
		say("%u %llu", r.sum.crc, (unsigned long long)r.sum.bytes);
	return rc;
}

static int run_read(char **words) { return run_range(words, false, chunk_read); }
static int run_write(char **words) { return run_range(words, true, chunk_write); }
static int run_verify(char **words) { return run_range(words, true, chunk_verify); }

static int simple(char **words, enum bare_disk_op op, uint64_t sector, uint64_t sectors)
{
	struct bare_disk *disk = bare_disk_open(words[1]);
	int rc;

	if (!disk)
		return fail("there is no disk %s", words[1]);
	rc = bare_disk_io(disk, op, sector, sectors, NULL);
	bare_disk_close(disk);
	return rc ? fail("%s of %s: %s", words[0], words[1], error_text(rc)) : 0;
}

static int run_flush(char **words)
{
	return simple(words, BARE_FLUSH, 0, 0);
}

static int run_discard(char **words)
{
	uint64_t n[2];
	int rc = numbers(words + 2, n, 2);

	return rc ? rc : simple(words, BARE_DISCARD, n[0], n[1]);
}

static int run_disks(char **words)
{
	struct bare_disk *disk;

	(void)words;
	for (disk = bare_disk_next(NULL); disk; disk = bare_disk_next(disk))
		say("%s %llu sectors, block %u, at most %u sectors in %u segments%s%s%s", disk->name,
		    (unsigned long long)disk->sectors, disk->logical_bytes, disk->max_sectors, disk->max_segments,
		    disk->read_only ? ", read-only" : "", disk->can_flush ? ", flush" : "",
		    disk->can_discard ? ", discard" : "");
	return 0;
}

/* Held until `close`, also when the disk goes meanwhile: its memory stays as long. */
static struct bare_disk *held[HELD_MAX];

static int run_open(char **words)
{
	size_t i = 0;

	while (i < HELD_MAX && held[i])
		i++;
	if (i == HELD_MAX)
		return fail("%u disks are open", HELD_MAX);
	held[i] = bare_disk_open(words[1]);
	return held[i] ? 0 : fail("there is no disk %s", words[1]);
}

static int run_close(char **words)
{
	size_t i;

	for (i = 0; i < HELD_MAX; i++)
		if (held[i] && !strcmp(held[i]->name, words[1])) {
			bare_disk_close(held[i]);
			held[i] = NULL;
			return 0;
		}
	return fail("%s is not open", words[1]);
}

/* ---- Bench ------------------------------------------------------------------------------------------------- */

struct bench {
	struct bare_disk *disk;
	enum bare_disk_op op;
	uint32_t sectors;
	uint64_t places, random, end_ns, done, failed;
	unsigned int in_flight;
	struct bare_signal over;
};

static void bench_next(struct bare_request *request)
{
	struct bench *b = request->context;

	b->random = scramble(b->random + 1);
	request->sector = b->random % b->places * b->sectors;
	b->in_flight++;
	bare_disk_submit(request);
}

static void bench_done(struct bare_request *request)
{
	struct bench *b = request->context;

	b->in_flight--;
	b->done++;
	b->failed += request->status != 0;
	if (bare_ns() < b->end_ns && !b->failed)
		bench_next(request);
	else if (!b->in_flight)
		bare_raise(&b->over);
}

static int bench_run(struct bench *b, uint64_t bytes, unsigned int depth, uint64_t ms)
{
	size_t pages = (size_t)(bytes + BARE_PAGE - 1) / BARE_PAGE;
	struct bare_request *requests = bare_pages_get(depth);	/* one a page */
	char *data = bare_pages_get(pages * depth);
	uint64_t from = bare_ns(), us;
	unsigned int i;
	size_t p;

	if (!requests || !data) {
		bare_pages_put(requests, depth);
		bare_pages_put(data, pages * depth);
		return fail("no memory");
	}
	b->end_ns = from + ms * 1000000;
	for (i = 0; i < depth; i++) {
		struct bare_request *r = (void *)((char *)requests + i * BARE_PAGE);

		*r = (struct bare_request){
			.disk = b->disk, .op = b->op, .sectors = b->sectors, .done = bench_done, .context = b,
		};
		for (p = 0; p < pages; p++)
			r->segments[r->nr_segments++] = (struct bare_segment){
				.physical = bare_physical(data + (i * pages + p) * BARE_PAGE),
				.bytes = p + 1 < pages ? BARE_PAGE : (uint32_t)(bytes - p * BARE_PAGE),
			};
		bench_next(r);
	}
	(void)bare_wait(&b->over, 0);
	us = (bare_ns() - from) / 1000;
	bare_pages_put(requests, depth);
	bare_pages_put(data, pages * depth);
	if (b->failed)
		return fail("%llu requests failed", (unsigned long long)b->failed);
	say("%llu requests of %llu bytes in %llu us, depth %u: %llu IOPS", (unsigned long long)b->done,
	    (unsigned long long)bytes, (unsigned long long)us, depth,
	    (unsigned long long)(b->done * 1000000 / (us ? us : 1)));
	return 0;
}

/* bench NAME read|write BYTES DEPTH MS: at random places */
static int run_bench(char **words)
{
	struct bench b = { .op = strcmp(words[2], "write") ? BARE_READ : BARE_WRITE, .random = 1 };
	uint64_t n[3];
	int rc = numbers(words + 3, n, 3);

	if (rc)
		return rc;
	b.disk = bare_disk_open(words[1]);
	if (!b.disk)
		return fail("there is no disk %s", words[1]);
	b.sectors = (uint32_t)(n[0] / BARE_SECTOR);
	if (!b.sectors || n[0] % b.disk->logical_bytes || b.sectors > b.disk->max_sectors ||
	    n[0] > b.disk->max_segments * BARE_PAGE || !n[1] || n[1] > DEPTH_MAX || b.sectors > b.disk->sectors)
		rc = fail("%s does not take %llu requests of %llu bytes", words[1], (unsigned long long)n[1],
			  (unsigned long long)n[0]);
	b.places = b.sectors ? b.disk->sectors / b.sectors : 0;
	if (!rc)
		rc = bench_run(&b, n[0], (unsigned int)n[1], n[2]);
	bare_disk_close(b.disk);
	return rc;
}

/* ---- The rest ---------------------------------------------------------------------------------------------- */

static int run_status(char **words)
{
	(void)words;
	say("release %s", bare_release);
	say("up %llu ms", (unsigned long long)(bare_ns() / 1000000));
	say("pages %zu", bare_pages_free());
	say("grants %u", bare_xen ? bare_grants_free() : 0);
	say("tasks %u", bare_tasks());
	return 0;
}

static int run_halt(char **words)
{
	(void)words;
	bare_log("halt");
	bare_halt();
}

static int run_help(char **words);

static struct bare_command commands[] = {
	{ "help", "", 1, run_help, NULL },
	{ "status", "", 1, run_status, NULL },
	{ "disks", "", 1, run_disks, NULL },
	{ "read", "NAME SECTOR COUNT", 4, run_read, NULL },
	{ "write", "NAME SECTOR COUNT SEED", 5, run_write, NULL },
	{ "verify", "NAME SECTOR COUNT SEED", 5, run_verify, NULL },
	{ "flush", "NAME", 2, run_flush, NULL },
	{ "discard", "NAME SECTOR COUNT", 4, run_discard, NULL },
	{ "open", "NAME", 2, run_open, NULL },
	{ "close", "NAME", 2, run_close, NULL },
	{ "bench", "NAME read|write BYTES DEPTH MS", 6, run_bench, NULL },
	{ "halt", "", 1, run_halt, NULL },
};

static struct bare_command *first_command;

void bare_command_add(struct bare_command *command)
{
	struct bare_command **at = &first_command;

	while (*at)
		at = &(*at)->next;
	*at = command;
}

static int run_help(char **words)
{
	const struct bare_command *c;

	(void)words;
	for (c = first_command; c; c = c->next)
		say("%s %s", c->name, c->arguments);
	return 0;
}

static unsigned int split(char *line, char **words)
{
	unsigned int n = 0;

	while (n < WORDS_MAX) {
		while (*line == ' ')
			*line++ = '\0';
		if (!*line)
			break;
		words[n++] = line;
		while (*line && *line != ' ')
			line++;
	}
	return n;
}

static int run_line(char *line)
{
	char *words[WORDS_MAX];
	unsigned int n = split(line, words);
	const struct bare_command *c;

	replied = 0;
	reply[0] = '\0';
	if (!n)
		return 0;
	for (c = first_command; c; c = c->next)
		if (!strcmp(words[0], c->name))
			return n == c->words ? c->run(words) : fail("usage: %s %s", c->name, c->arguments);
	return fail("there is no command '%s'; try help", words[0]);
}

/* ---- Where lines come from --------------------------------------------------------------------------------- */

struct bare_signal bare_input;

static void answer_console(int rc)
{
	if (rc)
		bare_print("error: %s\n", why);
	else
		bare_print("ok\n");
}

static void look_console(void)
{
	static char line[LINE_BYTES];
	static size_t used;
	int c;

	while ((c = bare_console_read()) >= 0) {
		if (c != '\n' && c != '\r') {
			if (used + 1 < sizeof(line))
				line[used++] = (char)c;
			continue;
		}
		line[used] = '\0';
		if (used)
			answer_console(run_line(line));
		used = 0;
	}
}

static void look_command(void)
{
	static char line[LINE_BYTES], value[BARE_STORE_VALUE_MAX + 200];
	char *at = line;
	int rc;

	if (bare_store_read("data/bare/command", line, sizeof(line)) <= 0)
		return;
	while (*at && *at != ' ')
		at++;
	if (!*at)
		return;
	*at++ = '\0';
	bare_log("asked: %s", at);
	rc = run_line(at);
	if (rc)
		bare_format(value, sizeof(value), "%s error: %s%s", line, why, reply);
	else
		bare_format(value, sizeof(value), "%s ok%s", line, reply);
	value[BARE_STORE_VALUE_MAX - 1] = '\0';
	(void)bare_store_write("data/bare/reply", value);
}

static void look_shutdown(void)
{
	char value[16];

	if (bare_store_read("control/shutdown", value, sizeof(value)) <= 0)
		return;
	(void)bare_store_write("control/shutdown", "");
	if (!strcmp(value, "poweroff") || !strcmp(value, "halt")) {
		bare_log("asked to power off");
		bare_halt();
	}
}

static const struct watch {
	const char *path, *token;
	void (*look)(void);
} watches[] = {
	{ "data/bare/command", "command", look_command },
	{ "control/shutdown", "shutdown", look_shutdown },
};

static void look_store(void)
{
	char token[16];
	size_t i;

	while (bare_store_fired(token, sizeof(token)))
		for (i = 0; i < BARE_COUNT(watches); i++)
			if (!strcmp(token, watches[i].token))
				watches[i].look();
}

static __attribute__((noreturn)) int shell(void *context)
{
	size_t i;

	(void)context;
	for (i = 0; bare_xen && i < BARE_COUNT(watches); i++)
		if (bare_store_watch(watches[i].path, watches[i].token))
			bare_log("no watch on %s", watches[i].path);
	bare_log("ready");
	if (bare_xen) {
		char text[32];

		bare_format(text, sizeof(text), "%llu", (unsigned long long)(bare_ns() / 1000));
		(void)bare_store_write("data/bare/ready", text);	/* microseconds since the entry point */
	}
	for (;;) {
		look_console();
		if (bare_xen)
			look_store();
		/* A serial port has no event of ours: it is looked at each millisecond. */
		(void)bare_wait(&bare_input, bare_xen ? 1000 : 1);
	}
}

void bare_shell_start(void)
{
	struct bare_task *task = bare_task_create(shell, NULL, BARE_ANY_PROCESSOR, "shell");
	size_t i;

	buffer = bare_pages_get(BUFFER_PAGES);
	if (!buffer || ((long)task < 0 && (long)task > -4096))
		bare_stop("no room for the shell");
	for (i = 0; i < BARE_COUNT(commands); i++)
		bare_command_add(&commands[i]);
	crc_start();
	bare_task_start(task);
}
