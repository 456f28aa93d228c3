// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The status socket: a connection, a line that asks, a line of JSON that answers. Called by the loop; a peer that is slow
 * waits for itself alone, and must be root.
 */
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "config.h"
#include "dom0-tools/daemon/daemon.h"
#include "dom0-tools/ops/json_text.h"
#include "hotswap/wait.h"
#include "lib/base/log.h"

#define PEERS_MAX 8		/* at once; more are closed at once */
#define REQUEST_MAX 128		/* bytes of a line */
#define PEER_US (10 * UINT64_C(1000000))

struct peer {
	struct xgd_server *server;
	sd_event_source *io, *timer;
	int fd;
	char request[REQUEST_MAX];
	size_t got;
	char *answer;		/* NULL: it has not asked yet */
	size_t size, sent;
};

struct xgd_server {
	struct xgd *d;
	sd_event_source *io;
	int fd;
	struct peer *peers[PEERS_MAX];
};

/* ---- The answer -------------------------------------------------------------------------------------------------- */

static json_t *disk_json(const struct xgd_disk *k)
{
	return json_pack("{s:o, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:I}", "guest",
			 xg_json_text(k->guest), "uuid", k->uuid, "domid", (int)k->domid, "vdev", k->vdev,
			 "wish", k->wish, "mode", k->mode, "should", k->should, "why", k->why,
			 "backend_lives", k->lives, "others", (json_int_t)k->others);
}

static json_t *save_json(const struct xgd_save *save)
{
	return json_pack("{s:i, s:i, s:b, s:I}", "domid", (int)save->domid, "pid", (int)save->pid, "held", save->held, "for_ms",
			 (json_int_t)save->for_ms);
}

/* What a domain's list has and is not attached: else one would look for it in vain. ITEM 0: all of the list. */
static void left_out_append(json_t *array, const struct xgd_domain *domain, size_t item, const char *vdev,
			    const char *why)
{
	json_array_append_new(array, json_pack("{s:i, s:s, s:i, s:o, s:o}", "domid", (int)domain->domid, "uuid", domain->uuid,
					       "item", (int)item, "vdev", xg_json_text(vdev), "why", xg_json_text(why)));
}

static json_t *left_out_json(const struct xgd_view *view)
{
	json_t *array = json_array();
	size_t i, k;

	for (i = 0; i < view->domain_count; i++) {
		const struct xgd_domain *d = &view->domains[i];

		if (d->problem[0])
			left_out_append(array, d, 0, "", d->problem);
		for (k = 0; k < d->item_count; k++) {
			if (!d->items[k].good)
				left_out_append(array, d, k + 1, "", d->items[k].problem);
			else if (d->items[k].unwanted)
				left_out_append(array, d, k + 1, d->items[k].item.spec.vdev, "detached by hand");
		}
	}
	return array;
}

static const char *job_state(const struct xgd_job *job, uint64_t now)
{
	if (job->running)
		return "running";
	if (job->not_before_ms == XGD_NEVER)
		return "given up";
	return job->not_before_ms > now ? "waiting" : "queued";
}

static json_t *job_json(const struct xgd_job *job, uint64_t now)
{
	bool waits = !job->running && job->not_before_ms != XGD_NEVER && job->not_before_ms > now;

	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:i, s:I, s:i, s:o}", "job",
			 xgd_verb_name(job->want.verb), "uuid", job->want.uuid, "domid", (int)job->want.domid,
			 "vdev", job->want.vdev, "mode", job->want.mode,
			 "state", job_state(job, now), "why", job->want.why, "tries", (int)job->tries, "wait_ms",
			 (json_int_t)(waits ? job->not_before_ms - now : 0), "last_status", job->status, "last_error",
			 xg_json_text(job->said));
}

/* What has been seen, as of the last look. NULL: no memory. */
static json_t *status_json(struct xgd *d)
{
	json_t *disks = json_array(), *jobs = json_array(), *saves = json_array();
	uint64_t now = xg_now_ms();
	struct xgd_save save;
	size_t i;

	for (i = 0; i < d->view.disk_count; i++)
		json_array_append_new(disks, disk_json(&d->view.disks[i]));
	for (i = 0; i < d->queue.count; i++)
		json_array_append_new(jobs, job_json(d->queue.jobs[i], now));
	for (i = 0; i < xgd_saves_count(d->saves); i++) {
		xgd_saves_row(d->saves, i, &save);
		json_array_append_new(saves, save_json(&save));
	}
	return json_pack("{s:s, s:i, s:o, s:I, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
			 PACKAGE_VERSION, "pid", (int)getpid(), "config", xg_json_text(d->config_path),
			 "up_ms", (json_int_t)(now - d->started_ms), "domains", (int)d->view.domain_count,
			 "jobs_done", (int)d->jobs_done, "jobs_failed", (int)d->jobs_failed,
			 "trouble", xg_json_text(d->trouble), "not_reloaded", xg_json_text(d->refused),
			 "disks", disks, "left_out", left_out_json(&d->view), "jobs", jobs, "saves", saves);
}

static json_t *answer_json(struct xgd *d, const char *request)
{
	if (!strcmp(request, "status"))
		return status_json(d);
	return json_pack("{s:s}", "error", "the only request is 'status'");
}

static char *answer_make(struct xgd *d, const char *request, size_t *ret_size)
{
	json_t *json = answer_json(d, request);
	char *text = json ? json_dumps(json, JSON_COMPACT) : strdup("{\"error\":\"no memory\"}");

	json_decref(json);
	if (text) {
		*ret_size = strlen(text) + 1;
		text[*ret_size - 1] = '\n';	/* in the place of its NUL */
	}
	return text;
}

/* ---- A peer ------------------------------------------------------------------------------------------------------ */

static void peer_close(struct peer *p)
{
	size_t i;

	for (i = 0; i < PEERS_MAX; i++)
		if (p->server->peers[i] == p)
			p->server->peers[i] = NULL;
	sd_event_source_disable_unref(p->io);
	sd_event_source_disable_unref(p->timer);
	close(p->fd);
	free(p->answer);
	free(p);
}

/* True when there is nothing more to be had from it. */
static bool peer_read(struct peer *p)
{
	ssize_t got = recv(p->fd, p->request + p->got, sizeof(p->request) - 1 - p->got, 0);
	char *end;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0)
		return true;
	p->got += got;
	p->request[p->got] = '\0';
	end = memchr(p->request, '\n', p->got);
	if (!end)
		return p->got == sizeof(p->request) - 1;
	*end = '\0';
	p->answer = answer_make(p->server->d, p->request, &p->size);
	return !p->answer || sd_event_source_set_io_events(p->io, EPOLLOUT) < 0;
}

static bool peer_write(struct peer *p)
{
	ssize_t sent = send(p->fd, p->answer + p->sent, p->size - p->sent, MSG_NOSIGNAL);

	if (sent < 0)
		return errno != EAGAIN && errno != EINTR;
	p->sent += sent;
	return p->sent == p->size;
}

static int on_peer(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct peer *p = ctx;

	(void)source;
	(void)fd;
	(void)events;
	if (p->answer ? peer_write(p) : peer_read(p))
		peer_close(p);
	return 0;
}

static int on_peer_late(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	peer_close(ctx);
	return 0;
}

/* The folder and the socket are root's; asked once more, of the kernel. */
static bool peer_is_root(int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) && (who.uid == 0 || who.uid == geteuid());
}

static void peer_open(struct xgd_server *s, int fd)
{
	struct peer *p = NULL, **place = NULL;
	size_t i;

	for (i = 0; i < PEERS_MAX; i++)
		if (!s->peers[i])
			place = &s->peers[i];
	if (place && peer_is_root(fd))
		p = calloc(1, sizeof(*p));
	if (!p) {
		close(fd);
		return;
	}
	*p = (struct peer){ .server = s, .fd = fd };
	*place = p;
	if (sd_event_add_io(s->d->event, &p->io, fd, EPOLLIN, on_peer, p) < 0 ||
	    sd_event_add_time_relative(s->d->event, &p->timer, CLOCK_MONOTONIC, PEER_US, 0, on_peer_late, p) < 0)
		peer_close(p);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	if (peer >= 0)
		peer_open(ctx, peer);
	return 0;
}

/* ---- The socket -------------------------------------------------------------------------------------------------- */

static int socket_make(const char *dir, int *ret, struct xg_err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, rc;

	if ((size_t)snprintf(at.sun_path, sizeof(at.sun_path), "%s/" XGD_SOCKET, dir) >= sizeof(at.sun_path))
		return xg_fail_errno(err, ENAMETOOLONG, "%.80s...", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return xg_fail_errno(err, errno, "status socket");
	/* What a daemon left that was killed: the lock says that there is no other. */
	(void)unlink(at.sun_path);
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, PEERS_MAX);
	umask(mask);
	if (rc) {
		rc = xg_fail_errno(err, errno, "%s", at.sun_path);
		close(fd);
		return rc;
	}
	*ret = fd;
	return 0;
}

int xgd_server_open(struct xgd *d, struct xg_err *err)
{
	struct xgd_server *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return xg_fail_errno(err, ENOMEM, "status socket");
	s->d = d;
	s->fd = -1;
	d->server = s;
	rc = socket_make(d->ops.run_dir, &s->fd, err);
	if (rc)
		return rc;
	rc = sd_event_add_io(d->event, &s->io, s->fd, EPOLLIN, on_connection, s);
	return rc < 0 ? xg_fail_errno(err, -rc, "status socket") : 0;
}

void xgd_server_close(struct xgd_server *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < PEERS_MAX; i++)
		if (s->peers[i])
			peer_close(s->peers[i]);
	sd_event_source_disable_unref(s->io);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
