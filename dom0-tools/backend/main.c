// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xengraft-backend: serves one disk to one guest. Started by xengraft for each disk that it attaches in virtual
 * mode. The parent learns over --parent-fd, or by this program's exit status, whether a frontend may come.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "dom0-tools/backend/disk.h"
#include "dom0-tools/backend/parent.h"
#include "lib/base/log.h"

enum { EXIT_USAGE = 2 };

struct options {
	struct disk_options disk;
	const char *log;
	bool foreground;
	bool verbose;
	struct parent parent;
};

static const char usage_text[] =
	"usage: xengraft-backend --path PATH [OPTION]...\n"
	"Serves the disk whose backend directory in xenstore is PATH.\n"
	"\n"
	" --path PATH      e.g. /local/domain/0/backend/xengraft-vbd/7/51728\n"
	" --log FILE       write messages there, too\n"
	" --foreground     stay in the foreground\n"
	" --parent-fd N    a socket to the starter: wait for a byte, say \"ready ...\", then \"connected\"\n"
	" --buffered       use the page cache even where O_DIRECT works\n"
	" -v, --verbose    say more\n"
	" --help, --version\n";

static bool parse_fd(const char *text, int *ret)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text || *end || n < 0 || n > 1 << 20)
		return false;
	*ret = n;
	return true;
}

/* Returns -1, or the status to exit with. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "path", required_argument, NULL, 'p' }, { "log", required_argument, NULL, 'l' },
		{ "foreground", no_argument, NULL, 'f' }, { "parent-fd", required_argument, NULL, 'r' },
		{ "buffered", no_argument, NULL, 'b' },	  { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },	  { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "v", table, NULL)) != -1) {
		switch (c) {
		case 'p': o->disk.path = optarg; break;
		case 'l': o->log = optarg; break;
		case 'f': o->foreground = true; break;
		case 'b': o->disk.buffered = true; break;
		case 'v': o->verbose = true; break;
		case 'r':
			if (parse_fd(optarg, &o->parent.fd))
				break;
			fprintf(stderr, "xengraft-backend: \"%s\" is no descriptor\n", optarg);
			return EXIT_USAGE;
		case 'h': fputs(usage_text, stdout); return EXIT_SUCCESS;
		case 'V': puts("xengraft-backend " PACKAGE_VERSION); return EXIT_SUCCESS;
		default: fputs(usage_text, stderr); return EXIT_USAGE;
		}
	}
	if (o->disk.path && optind == argc)
		return -1;
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}

static int serve(struct options *o)
{
	char capabilities[DISK_CAPABILITIES_BYTES];
	struct xg_err err = XG_ERR_NONE;
	struct disk *d;
	int rc = disk_open(&o->disk, &d, &err);

	if (rc) {
		xg_error("%s", err.text);
		parent_error(&o->parent, &err);
		return EXIT_FAILURE;
	}
	disk_capabilities(d, capabilities);
	parent_ready(&o->parent, capabilities);
	rc = disk_serve(d, &err);
	if (rc)
		xg_error("%s", err.text);
	disk_close(d);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The child's first line says whether a frontend may come. */
static int await_child(int from)
{
	char line[1024];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(line) - 1 && !memchr(line, '\n', len) &&
	       (n = read(from, line + len, sizeof(line) - 1 - len)) > 0)
		len += n;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, "ready", 5))
		return EXIT_SUCCESS;
	fprintf(stderr, "xengraft-backend: %s\n", len ? line : "ended before it was ready");
	return EXIT_FAILURE;
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	if (chdir("/"))
		xg_debug("cannot leave the working directory");
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

/* Before anything is opened: libxenstore's thread and an io_uring don't survive a fork. */
static int serve_in_background(struct options *o)
{
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		perror("xengraft-backend: socketpair");
		return EXIT_FAILURE;
	}
	child = fork();
	if (child < 0) {
		perror("xengraft-backend: fork");
		return EXIT_FAILURE;
	}
	if (child) {
		close(ends[1]);
		return await_child(ends[0]);
	}
	close(ends[0]);
	o->parent.fd = ends[1];
	leave_terminal();
	return serve(o);
}

/* Who gives a socket has made a session for this process already. */
static int serve_for_parent(struct options *o)
{
	struct xg_err err = XG_ERR_NONE;

	o->disk.settle_late = true;
	if (!parent_await_go(&o->parent, &err))
		return serve(o);
	xg_error("%s", err.text);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options o = { .parent.fd = -1 };
	struct xg_err err = XG_ERR_NONE;
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	o.disk.parent = &o.parent;
	if (o.verbose)
		xg_log_level_set(XG_LOG_DEBUG);
	signal(SIGPIPE, SIG_IGN);
	if (xg_log_open("xengraft-backend", o.log, &err)) {
		fprintf(stderr, "xengraft-backend: %s\n", err.text);
		parent_error(&o.parent, &err);
		return EXIT_FAILURE;
	}
	if (o.parent.fd >= 0)
		status = serve_for_parent(&o);
	else
		status = o.foreground ? serve(&o) : serve_in_background(&o);
	xg_log_close();
	return status;
}
