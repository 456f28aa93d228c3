// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guest-talk: runs a command in a guest and waits for its answer; called by lab-guest, in Dom0.
 *
 *   guest-talk LOG DOMID ready            wait until the guest's agent says that it listens
 *   guest-talk LOG DOMID exec COMMAND...  run it; its output on stdout, its status as ours
 *
 * A request is one line, written to the pty of the guest's console under a lock. The answer is read
 * from xenconsoled's log of that console, so any number of callers can wait at once, and what the
 * kernel prints in between is passed over. An answer that doesn't add up (the kernel printed into
 * the middle of a line) is asked for again. It waits for events only: the log growing (inotify) or
 * a domain going away (xenstore). Protocol: README.md. 125 means that the guest could not be asked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <xenstore.h>

enum { CANNOT_ASK = 125, ANSWER_TRIES = 20, CHUNK = 65536 };

struct bytes {
	char *at;
	size_t len, room;
};

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("lab-guest: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(CANNOT_ASK);
}

static void append(struct bytes *to, const void *from, size_t len)
{
	if (to->len + len + 1 > to->room) {
		to->room = 2 * (to->len + len + 1);
		to->at = realloc(to->at, to->room);
		if (!to->at)
			fail("no memory for %zu bytes", to->room);
	}
	memcpy(to->at + to->len, from, len);
	to->len += len;
	to->at[to->len] = 0;
}

static void append_text(struct bytes *to, const char *text)
{
	append(to, text, strlen(text));
}

/* ---- the console's log, line by line ---- */

struct console {
	unsigned int domid;
	struct xs_handle *xs;
	const char *log_path;
	int log, notify;
	struct bytes text; /* read, from `next` on not yet looked at */
	size_t next;
};

static void console_open(struct console *con, const char *log, unsigned int domid)
{
	*con = (struct console){ .domid = domid, .log_path = log };
	con->xs = xs_open(0);
	if (!con->xs || !xs_watch(con->xs, "@releaseDomain", "gone"))
		fail("can't reach xenstore: %s", strerror(errno));
	con->notify = inotify_init1(IN_CLOEXEC);
	con->log = open(log, O_RDONLY | O_CLOEXEC);
	if (con->log < 0 || inotify_add_watch(con->notify, log, IN_MODIFY) < 0)
		fail("%s: %s", log, strerror(errno));
}

static bool console_read_more(struct console *con)
{
	char chunk[CHUNK];
	ssize_t got = read(con->log, chunk, sizeof(chunk));

	if (got > 0)
		append(&con->text, chunk, (size_t)got);
	return got > 0;
}

static void console_wait(struct console *con)
{
	struct pollfd fds[] = { { con->notify, POLLIN, 0 }, { xs_fileno(con->xs), POLLIN, 0 } };
	char events[4096];

	if (poll(fds, 2, -1) < 0 && errno != EINTR)
		fail("poll: %s", strerror(errno));
	if (fds[0].revents && read(con->notify, events, sizeof(events)) < 0)
		fail("inotify: %s", strerror(errno));
	if (fds[1].revents) {
		free(xs_check_watch(con->xs));
		if (!xs_is_domain_introduced(con->xs, con->domid) && !console_read_more(con))
			fail("the guest went away; its console: %s", con->log_path);
	}
}

/* The next whole line, without its end. It stays valid until the next call. */
static char *console_line(struct console *con)
{
	char *end, *line;

	while (!con->text.at || !(end = memchr(con->text.at + con->next, '\n', con->text.len - con->next))) {
		/* Forget what was read, so that a long log doesn't grow in memory. */
		if (con->next > CHUNK) {
			memmove(con->text.at, con->text.at + con->next, con->text.len - con->next + 1);
			con->text.len -= con->next;
			con->next = 0;
		}
		if (!console_read_more(con))
			console_wait(con);
	}
	line = con->text.at + con->next;
	con->next = (size_t)(end - con->text.at) + 1;
	*end = 0;
	line[strcspn(line, "\r")] = 0;
	return line;
}

static void console_send(struct console *con, const struct bytes *line)
{
	char path[64], *tty;
	size_t sent = 0;
	int fd;

	snprintf(path, sizeof(path), "/local/domain/%u/console/tty", con->domid);
	tty = xs_read(con->xs, XBT_NULL, path, NULL);
	if (!tty)
		fail("domain %u has no console", con->domid);
	fd = open(tty, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		fail("%s: %s", tty, strerror(errno));
	while (sent < line->len) {
		ssize_t n = write(fd, line->at + sent, line->len - sent);

		if (n < 0 && errno != EINTR)
			fail("%s: %s", tty, strerror(errno));
		sent += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	free(tty);
}

/* ---- base64, and the checksum that sum(1) prints ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(struct bytes *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		unsigned int n = 0, left = len - i < 3 ? (unsigned int)(len - i) : 3;
		char out[4];

		for (unsigned int k = 0; k < 3; k++)
			n = n << 8 | (k < left ? (unsigned char)from[i + k] : 0);
		for (unsigned int k = 0; k < 4; k++)
			out[k] = k <= left ? digits[n >> (18 - 6 * k) & 63] : '=';
		append(to, out, 4);
	}
}

static void decode(struct bytes *to, const char *from)
{
	unsigned int n = 0, have = 0;

	for (; *from; from++) {
		const char *digit = strchr(digits, *from);
		char byte;

		if (!digit)
			continue;
		n = n << 6 | (unsigned int)(digit - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		byte = (char)(n >> have);
		append(to, &byte, 1);
	}
}

static unsigned int checksum(const struct bytes *of)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < of->len; i++)
		sum = ((sum >> 1) + ((sum & 1) << 15) + (unsigned char)of->at[i]) & 0xffff;
	return sum;
}

/* ---- requests and answers ---- */

static void request(struct console *con, const char *verb, const char *id, const struct bytes *command)
{
	struct bytes line = { 0 };

	append_text(&line, verb);
	append_text(&line, " ");
	append_text(&line, id);
	append_text(&line, " ");
	if (command)
		encode(&line, command->at, command->len);
	append_text(&line, "\n");
	console_send(con, &line);
	free(line.at);
}

/* True once an answer has arrived whole; false if what arrived doesn't add up. */
static bool answer(struct console *con, const char *id, struct bytes *output, int *status)
{
	size_t id_len = strlen(id), total;
	unsigned int sum;

	output->len = 0;
	for (;;) {
		char *line = console_line(con);

		if (strncmp(line, "%XL ", 4) || strncmp(line + 4, id, id_len) || line[4 + id_len] != ' ')
			continue;
		line += 4 + id_len + 1;
		if (*line == 'B')
			output->len = 0;
		else if (*line == 'D')
			decode(output, line + 1);
		else if (sscanf(line, "E %d %zu %u .", status, &total, &sum) == 3)
			return total == output->len && sum == checksum(output);
	}
}

static int run(struct console *con, const struct bytes *command)
{
	struct bytes output = { 0 };
	char id[32];
	int status = 0, tries = 0;

	snprintf(id, sizeof(id), "%d", (int)getpid());
	request(con, "run", id, command);
	while (!answer(con, id, &output, &status)) {
		if (++tries == ANSWER_TRIES)
			fail("the answer came damaged %d times", tries);
		request(con, "again", id, NULL);
	}
	request(con, "done", id, NULL);
	for (size_t sent = 0; sent < output.len;) {
		ssize_t n = write(STDOUT_FILENO, output.at + sent, output.len - sent);

		if (n < 0)
			fail("can't write the output: %s", strerror(errno));
		sent += (size_t)n;
	}
	return status;
}

/* One argument is shell text; several are the words of one command. */
static struct bytes command_of(char **words)
{
	struct bytes command = { 0 };

	if (!words[1]) {
		append_text(&command, words[0]);
		return command;
	}
	for (; *words; words++) {
		append_text(&command, "'");
		for (const char *c = *words; *c; c++)
			if (*c == '\'')
				append_text(&command, "'\\''");
			else
				append(&command, c, 1);
		append_text(&command, "' ");
	}
	return command;
}

int main(int argc, char **argv)
{
	struct console con;
	struct bytes command;

	if (argc < 4)
		fail("usage: guest-talk LOG DOMID ready | exec COMMAND...");
	console_open(&con, argv[1], (unsigned int)strtoul(argv[2], NULL, 10));
	if (!strcmp(argv[3], "ready")) {
		while (strcmp(console_line(&con), "%XL ready"))
			;
		return 0;
	}
	if (strcmp(argv[3], "exec") || argc < 5)
		fail("what is to be run?");
	lseek(con.log, 0, SEEK_END);
	command = command_of(argv + 4);
	return run(&con, &command);
}
