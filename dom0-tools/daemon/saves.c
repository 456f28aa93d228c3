// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds a save until the guest's auto disks are virtual. libxl asks nobody before it saves a guest, but it starts a
 * program for it: a fanotify permission mark on that file makes the kernel hold each execve() of it until it is answered.
 *
 *     event ──► whose guest? ──► held ──► its disks are virtual, or before-save has passed ──► goes on ──► has ended
 *                   └ not a save: let go at once
 *
 * Each event is answered once, in let_go(). If the daemon dies the kernel lets them all go. The daemon never starts the
 * program itself, and its jobs do not.
 */
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/pidfd.h>
#include <sys/utsname.h>

#include "dom0-tools/daemon/daemon.h"
#include "dom0-tools/daemon/saver.h"
#include "hotswap/wait.h"
#include "lib/base/log.h"

#define ROWS_MAX 64u		/* saves at once; what comes when there are more is let go */
#define EVENTS_SIZE 4096u	/* bytes read at once */
#define ASK_MS 2u		/* until a process is asked again that was not asleep yet */

struct row {
	struct xgd_saves *saves;
	pid_t pid;
	int event;		/* to be answered; -1: let go */
	int process;		/* a pidfd */
	sd_event_source *end;
	bool known;		/* whose guest it is */
	uint32_t domid;
	uint64_t since_ms;
};

struct xgd_saves {
	struct xgd *d;
	int fd;			/* -1: not there */
	sd_event_source *io, *timer;
	struct row *rows[ROWS_MAX];
	size_t count;
	char trouble[sizeof(((struct xg_err *)0)->text)];
};

/* ---- Answers ----------------------------------------------------------------------------------------------------- */

/* ENOENT: the process was killed meanwhile. */
static void event_allow(const struct xgd_saves *s, int event)
{
	const struct fanotify_response answer = { .fd = event, .response = FAN_ALLOW };

	if (write(s->fd, &answer, sizeof(answer)) != sizeof(answer) && errno != ENOENT)
		xg_error("cannot let a save go: %s", strerror(errno));
	close(event);
}

static void let_go(struct row *r, const char *why)
{
	if (r->event < 0)
		return;
	event_allow(r->saves, r->event);
	r->event = -1;
	if (r->known)
		xg_info("save of domain %u: goes on after %llu ms, %s", r->domid,
			(unsigned long long)(xg_now_ms() - r->since_ms), why);
}

static void row_close(struct row *r)
{
	struct xgd_saves *s = r->saves;
	size_t i;

	let_go(r, "its process has ended");
	for (i = 0; i < s->count && s->rows[i] != r; i++)
		;
	if (i < s->count)
		s->rows[i] = s->rows[--s->count];
	sd_event_source_disable_unref(r->end);
	if (r->process >= 0)
		close(r->process);
	free(r);
}

/* ---- A process --------------------------------------------------------------------------------------------------- */

static uint64_t limit_of(const struct row *r)
{
	return r->since_ms + r->saves->d->config.before_save_ms;
}

/* The next time that something is due by itself. */
static void timer_set(struct xgd_saves *s)
{
	uint64_t now = xg_now_ms(), due = UINT64_MAX;
	size_t i;

	for (i = 0; i < s->count; i++) {
		const struct row *r = s->rows[i];
		uint64_t at = r->known ? limit_of(r) : now + ASK_MS;

		if (r->event >= 0 && at < due)
			due = at;
	}
	if (due == UINT64_MAX)
		return;
	(void)sd_event_source_set_time(s->timer, due * 1000);
	(void)sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

/* R may be gone afterwards. */
static void row_ask(struct row *r)
{
	int rc = xgd_saver_domid("/proc", r->pid, &r->domid);

	if (rc && (rc != -EAGAIN || xg_now_ms() >= limit_of(r))) {
		row_close(r);
		return;
	}
	r->known = !rc;
	if (r->known)
		xgd_now(r->saves->d);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct xgd_saves *s = ctx;
	size_t i;

	(void)source;
	(void)usec;
	for (i = s->count; i-- > 0;) {
		if (s->rows[i]->event < 0)
			continue;
		if (!s->rows[i]->known)
			row_ask(s->rows[i]);
		else if (xg_now_ms() >= limit_of(s->rows[i]))
			let_go(s->rows[i], "its disks are not ready");
	}
	timer_set(s);
	return 0;
}

static int on_process_ended(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct row *r = ctx;
	struct xgd *d = r->saves->d;

	(void)source;
	(void)fd;
	(void)events;
	row_close(r);
	xgd_soon(d);
	return 0;
}

static void row_open(struct xgd_saves *s, int event, pid_t pid)
{
	struct row *r = s->count < ROWS_MAX && s->d->config.before_save_ms ? calloc(1, sizeof(*r)) : NULL;

	if (!r) {
		event_allow(s, event);
		return;
	}
	*r = (struct row){ .saves = s, .pid = pid, .event = event, .process = pidfd_open(pid, 0), .since_ms = xg_now_ms() };
	s->rows[s->count++] = r;
	if (r->process < 0 || sd_event_add_io(s->d->event, &r->end, r->process, EPOLLIN, on_process_ended, r) < 0)
		row_close(r);
	else
		row_ask(r);
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static int on_events(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct fanotify_event_metadata buf[EVENTS_SIZE / sizeof(struct fanotify_event_metadata)], *e = buf;
	struct xgd_saves *s = ctx;
	ssize_t got = read(fd, buf, sizeof(buf));

	(void)source;
	(void)events;
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		xg_error("saves: %s", strerror(errno));
	for (; FAN_EVENT_OK(e, got); e = FAN_EVENT_NEXT(e, got))
		if (e->fd >= 0)
			row_open(s, e->fd, e->pid);
	timer_set(s);
	return 0;
}

/* Before 5.7 a look into a process that is held in execve() waits for that to end. */
static int kernel_check(struct xg_err *err)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return xg_fail(err, ENOSYS, "no number of the kernel");
	return major > 5 || (major == 5 && minor >= 7) ? 0 : xg_fail(err, ENOSYS, "Linux %.40s is too old", name.release);
}

static int events_open(struct xgd_saves *s, struct xg_err *err)
{
	int rc = kernel_check(err);

	if (rc)
		return rc;
	s->fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC | O_LARGEFILE);
	if (s->fd < 0)
		return xg_fail_errno(err, errno, "fanotify");
	rc = sd_event_add_io(s->d->event, &s->io, s->fd, EPOLLIN, on_events, s);
	if (rc < 0) {
		close(s->fd);
		s->fd = -1;
		return xg_fail_errno(err, -rc, "event loop");
	}
	return 0;
}

/* Again and again: an upgrade of Xen's tools makes it another file. */
static int mark(struct xgd_saves *s, struct xg_err *err)
{
	int rc = s->fd < 0 ? events_open(s, err) : 0;

	if (!rc && fanotify_mark(s->fd, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, XG_SAVE_PROGRAM))
		rc = xg_fail_errno(err, errno, "%s", XG_SAVE_PROGRAM);
	return rc;
}

/* ---- For the loop ------------------------------------------------------------------------------------------------ */

int xgd_saves_open(struct xgd *d, struct xg_err *err)
{
	struct xgd_saves *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return xg_fail_errno(err, ENOMEM, "saves");
	s->d = d;
	s->fd = -1;
	d->saves = s;
	rc = sd_event_add_time(d->event, &s->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, s);
	if (rc >= 0)
		rc = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
	return rc < 0 ? xg_fail_errno(err, -rc, "event loop") : 0;
}

void xgd_saves_close(struct xgd_saves *s)
{
	if (!s)
		return;
	while (s->count)
		row_close(s->rows[s->count - 1]);
	sd_event_source_disable_unref(s->io);
	sd_event_source_disable_unref(s->timer);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

void xgd_saves_tell(struct xgd_saves *s, struct xgd_view *view)
{
	struct xg_err err = XG_ERR_NONE;
	size_t i, k;

	if (s->d->config.before_save_ms && mark(s, &err) && strcmp(err.text, s->trouble))
		xg_warn("saves are not held: %s", err.text);
	snprintf(s->trouble, sizeof(s->trouble), "%s", err.text);
	for (i = 0; i < view->domain_count; i++)
		for (k = 0; k < s->count; k++)
			view->domains[i].saving |= s->rows[k]->known && s->rows[k]->domid == view->domains[i].domid;
}

void xgd_saves_planned(struct xgd_saves *s, const struct xgd_queue *q)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->rows[i]->known && !xgd_queue_swaps(q, s->rows[i]->domid))
			let_go(s->rows[i], "its disks are ready");
}

size_t xgd_saves_count(const struct xgd_saves *s)
{
	return s->count;
}

void xgd_saves_row(const struct xgd_saves *s, size_t i, struct xgd_save *ret)
{
	const struct row *r = s->rows[i];

	*ret = (struct xgd_save){ .domid = r->known ? r->domid : 0, .pid = r->pid, .held = r->event >= 0,
				  .for_ms = xg_now_ms() - r->since_ms };
}
