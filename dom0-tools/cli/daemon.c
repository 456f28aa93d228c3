// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon status: asks xengraftd what it is at. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "dom0-tools/cli/cli.h"
#include "lib/base/log.h"
#include "lib/base/table.h"

#define ANSWER_MAX (16u << 20)	/* bytes: some hundred a disk and a job */
#define ANSWER_S 10

static int daemon_connect(int *ret, struct xg_err *err)
{
	const char *dir = secure_getenv("XENGRAFT_RUNDIR");
	const struct timeval limit = { .tv_sec = ANSWER_S };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	if ((size_t)snprintf(at.sun_path, sizeof(at.sun_path), "%s/xengraftd.sock", dir && dir[0] ? dir : XG_RUNDIR) >=
	    sizeof(at.sun_path))
		return xg_fail_errno(err, ENAMETOOLONG, "%.80s...", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return xg_fail_errno(err, errno, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		int code = errno;

		close(fd);
		if (code == ENOENT || code == ECONNREFUSED)
			return xg_fail(err, ENOENT, "xengraftd does not run (%s)", at.sun_path);
		return xg_fail_errno(err, code, "%s", at.sun_path);
	}
	*ret = fd;
	return 0;
}

/* It closes at once where too many ask. */
static int no_answer(int code, struct xg_err *err)
{
	if (code == EPIPE || code == ECONNRESET)
		return xg_fail(err, EAGAIN, "too many ask xengraftd just now: try again");
	if (code == EAGAIN)
		return xg_fail(err, EAGAIN, "xengraftd has not answered for %d s: it is stuck, or was stopped", ANSWER_S);
	return xg_fail_errno(err, code, "xengraftd has not answered");
}

static int answer_parse(const char *text, size_t size, json_t **ret, struct xg_err *err)
{
	json_t *answer = json_loadb(text, size, 0, NULL);
	const char *refused = json_string_value(json_object_get(answer, "error"));
	int rc = 0;

	if (!answer)
		return xg_fail(err, EPROTO, "xengraftd's answer is no JSON");
	if (refused) {
		rc = xg_fail(err, EPROTO, "xengraftd: %s", refused);
		json_decref(answer);
	} else {
		*ret = answer;
	}
	return rc;
}

/* All that it says until it closes. */
static int daemon_ask(const char *request, json_t **ret, struct xg_err *err)
{
	char *text xg_auto_free = malloc(ANSWER_MAX);
	int fd xg_auto_close = -1;
	size_t size = 0;
	ssize_t got = 1;
	int rc = daemon_connect(&fd, err);

	if (rc)
		return rc;
	if (!text)
		return xg_fail_errno(err, ENOMEM, "xengraftd's answer");
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return no_answer(errno, err);
	while (got > 0 && size < ANSWER_MAX) {
		got = recv(fd, text + size, ANSWER_MAX - size, 0);
		size += got > 0 ? (size_t)got : 0;
	}
	if (got < 0 || !size)
		return no_answer(got < 0 ? errno : EPIPE, err);
	return answer_parse(text, size, ret, err);
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static long long number_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const struct xg_table_column disk_columns[] = {
	{ "Name", 20, false }, { "ID", 5, true }, { "Vdev", 8, false }, { "Wish", 12, false }, { "Mode", 12, false },
	{ "Should be", 12, false }, { "Why", 0, false },
};

static void disks_print(json_t *disks)
{
	struct xg_table t = XG_TABLE(disk_columns);
	json_t *k;
	size_t i;

	if (!json_array_size(disks))
		return;
	json_array_foreach(disks, i, k) {
		xg_table_cell(&t, "%s", text_of(k, "guest"));
		xg_table_cell(&t, "%lld", number_of(k, "domid"));
		xg_table_cell(&t, "%s", text_of(k, "vdev"));
		xg_table_cell(&t, "%s", text_of(k, "wish")[0] ? text_of(k, "wish") : "-");
		xg_table_cell(&t, "%s", text_of(k, "mode"));
		xg_table_cell(&t, "%s", text_of(k, "should"));
		xg_table_cell(&t, "%s%s", text_of(k, "why"),
			      json_is_false(json_object_get(k, "backend_lives")) ? "; its backend is gone" : "");
	}
	putchar('\n');
	(void)xg_table_print(&t, stdout, NULL);
	xg_table_fini(&t);
}

/* Of the domains' lists. */
static void left_out_print(json_t *left_out)
{
	json_t *k;
	size_t i;

	if (json_array_size(left_out))
		putchar('\n');
	json_array_foreach(left_out, i, k) {
		printf("Domain %lld: ", number_of(k, "domid"));
		if (number_of(k, "item"))
			printf("item %lld of its list", number_of(k, "item"));
		else
			printf("its list");
		printf("%s%s is left out: %s\n", text_of(k, "vdev")[0] ? ", " : "", text_of(k, "vdev"), text_of(k, "why"));
	}
}

static void jobs_print(json_t *jobs)
{
	json_t *k;
	size_t i;

	if (!json_array_size(jobs))
		return;
	printf("\n%-10s %5s %-8s %-12s %-9s %5s %8s  %s\n", "Job", "ID", "Vdev", "Mode", "State", "Tries", "Wait s", "Why");
	json_array_foreach(jobs, i, k) {
		printf("%-10s %5lld %-8s %-12s %-9s %5lld %8.1f  %s\n", text_of(k, "job"), number_of(k, "domid"),
		       text_of(k, "vdev"), text_of(k, "mode"), text_of(k, "state"), number_of(k, "tries"),
		       (double)number_of(k, "wait_ms") / 1000, text_of(k, "why"));
		if (text_of(k, "last_error")[0])
			printf("  last time: %s\n", text_of(k, "last_error"));
	}
}

static void saves_print(json_t *saves)
{
	json_t *k;
	size_t i;

	if (json_array_size(saves))
		putchar('\n');
	json_array_foreach(saves, i, k)
		printf("Domain %lld: %s, since %.1f s (process %lld)\n", number_of(k, "domid"),
		       json_is_true(json_object_get(k, "held")) ? "held for a save" : "is being saved",
		       (double)number_of(k, "for_ms") / 1000, number_of(k, "pid"));
}

static void status_print(json_t *answer)
{
	const long long domains = number_of(answer, "domains");

	printf("xengraftd %s, process %lld, for %lld s; %lld domain%s; jobs: %lld ended, %lld of them failed\n",
	       text_of(answer, "version"), number_of(answer, "pid"), number_of(answer, "up_ms") / 1000, domains,
	       domains == 1 ? "" : "s", number_of(answer, "jobs_done"), number_of(answer, "jobs_failed"));
	if (text_of(answer, "trouble")[0])
		printf("cannot look: %s\n", text_of(answer, "trouble"));
	if (text_of(answer, "not_reloaded")[0])
		printf("not reloaded: %s\n", text_of(answer, "not_reloaded"));
	disks_print(json_object_get(answer, "disks"));
	left_out_print(json_object_get(answer, "left_out"));
	jobs_print(json_object_get(answer, "jobs"));
	saves_print(json_object_get(answer, "saves"));
}

int xg_cmd_daemon(struct xg_cli *cli, char **argv)
{
	struct xg_err err = XG_ERR_NONE;
	json_t *answer = NULL;

	if (strcmp(argv[1], "status")) {
		xg_error("the daemon can be asked for its 'status' only, not '%s'", argv[1]);
		return XG_EXIT_FAILED;
	}
	if (daemon_ask("status\n", &answer, &err))
		return xg_cli_fail(&err);
	if (cli->options.json) {
		xg_cli_json(answer);
	} else {
		status_print(answer);
	}
	json_decref(answer);
	return XG_EXIT_OK;
}
