// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * agent: runs in a guest, does what Dom0's guest-talk asks for and answers; see talk.h. It owns the
 * guest's console: the kernel goes on to log for dmesg, but prints only what it dies of.
 *
 * One thread: wait for requests and for children; each child runs one command with its output in a
 * memory file, so that a command's own background processes hold up nobody. Linked statically, for
 * it goes into guests of any kind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "talk.h"

enum { SET_CONSOLE_LEVEL = 8, ID_MAX = 32, BYTES_A_LINE = 300 };

struct job {
	struct job *next;
	char id[ID_MAX];
	pid_t pid; /* 0 once it has ended */
	int status;
	int output;
};

static struct job *jobs;
static int console;

static void say(const struct bytes *text)
{
	for (size_t sent = 0; sent < text->len;) {
		ssize_t n = write(console, text->at + sent, text->len - sent);

		if (n < 0 && errno != EINTR)
			exit(1);
		sent += n > 0 ? (size_t)n : 0;
	}
}

static struct job *job_find(const char *id)
{
	struct job *job = jobs;

	while (job && strcmp(job->id, id))
		job = job->next;
	return job;
}

static struct job *job_new(const char *id)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		exit(1);
	snprintf(job->id, sizeof(job->id), "%s", id);
	job->output = memfd_create("output", MFD_CLOEXEC);
	job->next = jobs;
	jobs = job;
	return job;
}

static void job_forget(const char *id)
{
	for (struct job **at = &jobs; *at; at = &(*at)->next) {
		struct job *job = *at;

		if (strcmp(job->id, id))
			continue;
		*at = job->next;
		close(job->output);
		free(job);
		return;
	}
}

static void job_answer(const struct job *job)
{
	struct bytes output = { 0 }, text = { 0 };
	char chunk[CHUNK], line[ID_MAX + 80];
	off_t at = 0;
	ssize_t got;

	append(&output, "", 0);
	while ((got = pread(job->output, chunk, sizeof(chunk), at)) > 0) {
		append(&output, chunk, (size_t)got);
		at += got;
	}
	snprintf(line, sizeof(line), "\n%%XL %s B\n", job->id);
	append_text(&text, line);
	for (size_t i = 0; i < output.len; i += BYTES_A_LINE) {
		size_t left = output.len - i;

		snprintf(line, sizeof(line), "%%XL %s D ", job->id);
		append_text(&text, line);
		encode(&text, output.at + i, left < BYTES_A_LINE ? left : BYTES_A_LINE);
		append_text(&text, "\n");
	}
	snprintf(line, sizeof(line), "%%XL %s E %d %zu %u .\n", job->id, job->status, output.len,
		 checksum(&output));
	for (int i = 0; i < 3; i++)
		append_text(&text, line);
	say(&text);
	free(output.at);
	free(text.at);
}

static void job_run(struct job *job, const char *command)
{
	sigset_t none;

	job->pid = fork();
	if (job->pid)
		return;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(job->output, 1);
	dup2(job->output, 2);
	execl("/bin/sh", "sh", "-c", command, NULL);
	dprintf(2, "lab: can't run /bin/sh: %s\n", strerror(errno));
	_exit(125);
}

static void job_put(struct job *job, const struct bytes *path_and_data)
{
	const char *path = path_and_data->at, *data = path + strlen(path) + 1;
	size_t len = path_and_data->len - (size_t)(data - path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	while (fd >= 0 && len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			break;
		data += n;
		len -= (size_t)n;
	}
	if (fd < 0 || len > 0) {
		dprintf(job->output, "lab: %s: %s\n", path, strerror(errno));
		job->status = 1;
	}
	close(fd);
	job_answer(job);
}

static void children_ended(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (struct job *job = jobs; job; job = job->next) {
			if (job->pid != pid)
				continue;
			job->pid = 0;
			job->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			job_answer(job);
			break;
		}
	}
}

static void request(char *line)
{
	char *verb = strtok(line, " "), *id = strtok(NULL, " "), *text = strtok(NULL, " ");
	struct job *job = id ? job_find(id) : NULL;
	struct bytes decoded = { 0 };

	if (!verb || !id)
		return;
	if (!strcmp(verb, "done")) {
		job_forget(id);
	} else if (!strcmp(verb, "again") && job && !job->pid) {
		job_answer(job);
	} else if (text && !job) {
		decode(&decoded, text);
		if (!strcmp(verb, "run"))
			job_run(job_new(id), decoded.at);
		else if (!strcmp(verb, "put"))
			job_put(job_new(id), &decoded);
		free(decoded.at);
	}
}

/* Take whole lines out of what has arrived. */
static void requests(struct bytes *arrived)
{
	char *line = arrived->at, *end;

	while ((end = memchr(line, '\n', arrived->len - (size_t)(line - arrived->at)))) {
		*end = 0;
		request(line);
		line = end + 1;
	}
	arrived->len -= (size_t)(line - arrived->at);
	memmove(arrived->at, line, arrived->len + 1);
}

static void console_open(void)
{
	struct termios raw;

	console = open("/dev/hvc0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console < 0 || tcgetattr(console, &raw))
		exit(1);
	cfmakeraw(&raw);
	tcsetattr(console, TCSANOW, &raw);
	klogctl(SET_CONSOLE_LEVEL, NULL, 1);
}

int main(void)
{
	struct bytes hello = { 0 }, arrived = { 0 };
	struct signalfd_siginfo info;
	struct pollfd fds[2];
	char chunk[CHUNK];
	sigset_t child;
	ssize_t got;

	console_open();
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	fds[0] = (struct pollfd){ console, POLLIN, 0 };
	fds[1] = (struct pollfd){ signalfd(-1, &child, SFD_CLOEXEC), POLLIN, 0 };
	append_text(&hello, "\n%XL ready\n");
	say(&hello);
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (fds[0].revents) {
			got = read(console, chunk, sizeof(chunk));
			if (got <= 0)
				return 1;
			append(&arrived, chunk, (size_t)got);
			requests(&arrived);
		}
		if (fds[1].revents && read(fds[1].fd, &info, sizeof(info)) > 0)
			children_ended();
	}
}
