// SPDX-License-Identifier: GPL-2.0-or-later
/* Talks to the starter. Called by main.c and disk.c; must never block on a starter that does not read. */
#include "dom0-tools/backend/parent.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"

int parent_await_go(struct parent *p, struct xg_err *err)
{
	ssize_t got;
	char go;

	do
		got = read(p->fd, &go, 1);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return xg_fail_errno(err, errno, "descriptor %d", p->fd);
	return got ? 0 : xg_fail(err, ECANCELED, "whoever started this went away");
}

/* One line; two of them fit into any socket's buffer. */
static void parent_say(struct parent *p, const char *word, const char *more)
{
	char line[sizeof(((struct xg_err *)0)->text) + 512];
	int len = snprintf(line, sizeof(line), "%s%s%s\n", word, more[0] ? " " : "", more);

	if (p->fd >= 0 && send(p->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) != len)
		xg_debug("nobody reads descriptor %d", p->fd);
}

static void parent_close(struct parent *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

void parent_ready(struct parent *p, const char *capabilities)
{
	parent_say(p, "ready", capabilities);
}

void parent_connected(struct parent *p)
{
	parent_say(p, "connected", "");
	parent_close(p);
}

void parent_error(struct parent *p, const struct xg_err *why)
{
	parent_say(p, "error:", why->text);
	parent_close(p);
}
