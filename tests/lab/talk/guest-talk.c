// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guest-talk: asks a guest's agent for something and waits for the answer; called by lab-guest, in
 * Dom0.
 *
 *   guest-talk NAME ready            wait until the agent says that it listens
 *   guest-talk NAME exec COMMAND...  run it; its output on stdout, its status as ours
 *   guest-talk NAME put FILE PATH    copy FILE to PATH in the guest
 *
 * A request is one line, written to the pty of the guest's console under a lock. The answer is read
 * from xenconsoled's log of that console, so any number of callers can wait at once, and what the
 * kernel prints in between is passed over. An answer that doesn't add up (the kernel printed into
 * the middle of a line) is asked for again. It waits for events only: the log growing (inotify) or its
 * pty hanging up. Protocol: talk.h. 125 means that the guest could not be asked.
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

#include "talk.h"

enum { CANNOT_ASK = 125, ANSWER_TRIES = 20 };

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

/* ---- the console's log, line by line ---- */

struct console {
	bool gone; /* but its last words may still be in the log */
	struct xs_handle *xs;
	char log_path[256];
	int log, notify, tty;
	struct bytes text; /* read, from `next` on not yet looked at */
	size_t next;
};

static bool domain_is_called(struct xs_handle *xs, const char *domid, const char *name)
{
	char path[64], *found;
	bool same;

	snprintf(path, sizeof(path), "/local/domain/%s/name", domid);
	found = xs_read(xs, XBT_NULL, path, NULL);
	same = found && !strcmp(found, name);
	free(found);
	return same;
}

static unsigned int domain_find(struct xs_handle *xs, const char *name)
{
	unsigned int count = 0, domid = 0;
	char **all = xs_directory(xs, XBT_NULL, "/local/domain", &count);

	for (unsigned int i = 0; i < count && !domid; i++)
		if (domain_is_called(xs, all[i], name))
			domid = (unsigned int)strtoul(all[i], NULL, 10);
	free(all);
	if (!domid)
		fail("no guest %s", name);
	return domid;
}

/* The pty is held open to the end: it hangs up when xenconsoled lets go of a dead domain. (A watch on
 * @releaseDomain would do, but the static libxenstore has no thread to signal it.) */
static int tty_open(struct xs_handle *xs, unsigned int domid)
{
	char path[64], *tty;
	int fd;

	snprintf(path, sizeof(path), "/local/domain/%u/console/tty", domid);
	tty = xs_read(xs, XBT_NULL, path, NULL);
	if (!tty)
		fail("domain %u has no console", domid);
	fd = open(tty, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", tty, strerror(errno));
	free(tty);
	return fd;
}

static void console_open(struct console *con, const char *name)
{
	*con = (struct console){ .xs = xs_open(0) };
	if (!con->xs)
		fail("can't reach xenstore: %s", strerror(errno));
	con->tty = tty_open(con->xs, domain_find(con->xs, name));
	snprintf(con->log_path, sizeof(con->log_path), "/var/log/xen/console/guest-%s.log", name);
	con->notify = inotify_init1(IN_CLOEXEC);
	con->log = open(con->log_path, O_RDONLY | O_CLOEXEC);
	if (con->log < 0 || inotify_add_watch(con->notify, con->log_path, IN_MODIFY) < 0)
		fail("%s: %s", con->log_path, strerror(errno));
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
	struct pollfd fds[] = { { con->notify, POLLIN, 0 }, { con->tty, 0, 0 } };
	char events[4096];

	if (poll(fds, 2, -1) < 0 && errno != EINTR)
		fail("poll: %s", strerror(errno));
	if (fds[0].revents && read(con->notify, events, sizeof(events)) < 0)
		fail("inotify: %s", strerror(errno));
	con->gone = fds[1].revents != 0;
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
		if (console_read_more(con))
			continue;
		if (con->gone)
			fail("the guest went away; its console: %s", con->log_path);
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
	size_t sent = 0;

	if (flock(con->tty, LOCK_EX) < 0)
		fail("can't lock the console: %s", strerror(errno));
	while (sent < line->len) {
		ssize_t n = write(con->tty, line->at + sent, line->len - sent);

		if (n < 0 && errno != EINTR)
			fail("can't write to the console: %s", strerror(errno));
		sent += n > 0 ? (size_t)n : 0;
	}
	flock(con->tty, LOCK_UN);
}

/* ---- requests and answers ---- */

static void request(struct console *con, const char *verb, const char *id, const struct bytes *text)
{
	struct bytes line = { 0 };

	append_text(&line, verb);
	append_text(&line, " ");
	append_text(&line, id);
	append_text(&line, " ");
	if (text)
		encode(&line, text->at, text->len);
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

static int ask(struct console *con, const char *verb, const struct bytes *text)
{
	struct bytes output = { 0 };
	char id[32];
	int status = 0, tries = 0;

	snprintf(id, sizeof(id), "%d", (int)getpid());
	request(con, verb, id, text);
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

/* What `put` carries: the path, a NUL, the contents. */
static struct bytes file_and_path(const char *file, const char *path)
{
	struct bytes text = { 0 };
	char chunk[CHUNK];
	ssize_t got;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	append(&text, path, strlen(path) + 1);
	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		append(&text, chunk, (size_t)got);
	if (fd < 0 || got < 0)
		fail("%s: %s", file, strerror(errno));
	close(fd);
	return text;
}

int main(int argc, char **argv)
{
	struct console con;
	struct bytes text;

	if (argc < 3)
		fail("usage: guest-talk NAME ready | exec COMMAND... | put FILE PATH");
	console_open(&con, argv[1]);
	if (!strcmp(argv[2], "ready")) {
		while (strcmp(console_line(&con), "%XL ready"))
			;
		return 0;
	}
	lseek(con.log, 0, SEEK_END);
	if (!strcmp(argv[2], "exec") && argc > 3) {
		text = command_of(argv + 3);
		return ask(&con, "run", &text);
	}
	if (!strcmp(argv[2], "put") && argc == 5) {
		text = file_and_path(argv[3], argv[4]);
		return ask(&con, "put", &text);
	}
	fail("guest-talk can't %s", argv[2]);
	return CANNOT_ASK;
}
