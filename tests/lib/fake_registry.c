// SPDX-License-Identifier: GPL-2.0-or-later
/* See fake_registry.h. Each connection has one request, so that what is cut is one request. */
#include "tests/lib/fake_registry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN "the-right-token"

struct request {
	char head[8192];
	char method[16], path[1024];
	char *body;
	size_t length;
};

static struct fake_registry *self;
static char taken[1 << 20];	/* of an upload */
static size_t taken_size;

static void say(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(int fd, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	int size;

	va_start(ap, fmt);
	size = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (write(fd, text, size) != size)
		_exit(2);
}

static const char *header(const struct request *q, const char *name)
{
	const char *at = strcasestr(q->head, name);

	return at ? at + strlen(name) : "";
}

static bool request_read(int fd, struct request *q)
{
	size_t size = 0, want = 0, head = 0;
	ssize_t got;
	char *end;

	memset(q, 0, sizeof(*q));
	while ((!head || size < head + want) && size < sizeof(q->head) - 1) {
		got = read(fd, q->head + size, sizeof(q->head) - 1 - size);
		if (got <= 0)
			break;
		size += got;
		end = head ? NULL : strstr(q->head, "\r\n\r\n");
		if (end) {
			head = end + 4 - q->head;
			want = strtoul(header(q, "\r\nContent-Length: "), NULL, 10);
		}
	}
	q->body = q->head + head;
	q->length = size - head;
	return head && sscanf(q->head, "%15s %1023s", q->method, q->path) == 2;
}

static void answer(int fd, const char *status, const char *headers, const char *body)
{
	say(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n%s", status, strlen(body), headers,
	    body);
}

static bool let_in(int fd, const struct request *q)
{
	char challenge[200];

	if (!self->wants_token || !strncmp(header(q, "\r\nAuthorization: Bearer "), TOKEN "\r\n", strlen(TOKEN) + 2))
		return true;
	snprintf(challenge, sizeof(challenge),
		 "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%u/token\",service=\"lab\","
		 "scope=\"repository:pool/images:pull\"\r\n",
		 self->port);
	answer(fd, "401 Unauthorized", challenge, "{\"errors\":[{\"message\":\"who are you?\"}]}");
	return false;
}

static void token(int fd, const struct request *q)
{
	if (self->no_token || !strstr(q->path, "service=lab") ||
	    !strstr(q->path, "scope=repository%3apool%2fimages%3apull"))
		answer(fd, "403 Forbidden", "", "{}");
	else
		answer(fd, "200 OK", "", "{\"token\":\"" TOKEN "\"}");
}

static void blob(int fd, const struct request *q)
{
	size_t size = strlen(self->blob), from = strtoul(header(q, "\r\nRange: bytes="), NULL, 10), send;

	if (self->ignores_ranges)
		from = 0;
	send = size - from;
	say(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
	    from ? "206 Partial Content" : "200 OK", self->endless ? 2 * size : send);
	if (self->cut_downloads) {
		self->cut_downloads--;
		send /= 2;
	}
	if (write(fd, self->blob + from, send) != (ssize_t)send || (self->endless && write(fd, self->blob, size) < 0))
		_exit(2);
}

/* POST begins, PATCH brings a piece, GET tells how far it is, PUT ends. */
static void upload(int fd, const struct request *q)
{
	char headers[200];
	size_t take = q->length;
	bool cut = !strcmp(q->method, "PATCH") && self->cut_uploads;

	if (cut) {
		self->cut_uploads--;
		take /= 2;
	}
	if (!strcmp(q->method, "POST"))
		taken_size = 0;
	if (!strcmp(q->method, "PATCH")) {
		if (strtoul(header(q, "\r\nContent-Range: "), NULL, 10) != taken_size) {
			answer(fd, "416 Requested Range Not Satisfiable", "", "{}");
			return;
		}
		memcpy(taken + taken_size, q->body, take);
		taken_size += take;
	}
	if (cut)
		return;
	snprintf(headers, sizeof(headers), "Location: /v2/pool/images/blobs/uploads/1?state=x\r\nRange: 0-%zu\r\n",
		 taken_size ? taken_size - 1 : 0);
	if (!strcmp(q->method, "PUT"))
		answer(fd, taken_size == strlen(self->blob) && !memcmp(taken, self->blob, taken_size) ? "201 Created" :
		       "400 Bad Request", "", "");
	else
		answer(fd, !strcmp(q->method, "GET") ? "204 No Content" : "202 Accepted", headers, "");
}

static void serve(int fd)
{
	struct request q;
	FILE *log;

	if (!request_read(fd, &q))
		return;
	log = fopen(self->log, "a");
	fprintf(log, "%s %s %.40s\n", q.method, q.path, header(&q, "\r\nRange: "));
	fclose(log);
	if (!strncmp(q.path, "/token", 6))
		token(fd, &q);
	else if (!let_in(fd, &q))
		return;
	else if (!strcmp(q.path, "/v2/pool/images/manifests/latest"))
		answer(fd, "200 OK", "", self->manifest);
	else if (strstr(q.path, "/blobs/uploads/"))
		upload(fd, &q);
	else if (!strcmp(q.method, "GET") && self->blob_digest[0] && strstr(q.path, self->blob_digest))
		blob(fd, &q);
	else
		answer(fd, "404 Not Found", "",
		       !strcmp(q.method, "HEAD") ? "" : "{\"errors\":[{\"message\":\"nothing here\"}]}");
}

void fake_registry_start(struct fake_registry *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (s < 0 || bind(s, (struct sockaddr *)&a, size) || listen(s, 16) ||
	    getsockname(s, (struct sockaddr *)&a, &size))
		abort();
	f->port = ntohs(a.sin_port);
	f->pid = fork();
	if (f->pid) {
		close(s);
		return;
	}
	self = f;
	signal(SIGPIPE, SIG_IGN);
	while ((fd = accept(s, NULL, NULL)) >= 0) {
		serve(fd);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	_exit(1);
}

void fake_registry_stop(struct fake_registry *f)
{
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
}
