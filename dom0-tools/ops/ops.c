// SPDX-License-Identifier: GPL-2.0-or-later
/* Opening and closing: the tools' own connections, a guest's lock; what is told. Called by every operation. */
#include "dom0-tools/ops/ops.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "dom0-tools/ops/interrupt.h"
#include "dom0-tools/ops/policy.h"
#include "dom0-tools/ops/teardown.h"
#include "dom0-tools/ops/vdev.h"
#include "hotswap/wait.h"
#include "lib/base/lock.h"

#define LOCK_WAIT_MS 10000
/* A personality takes a slow Dom0 two minutes, or more when it has other things to do. */
#define GENERATE_MS 600000

static const char *env_or(const char *name, const char *fallback)
{
	const char *value = secure_getenv(name);

	return value && value[0] ? value : fallback;
}

static int make_dir(const char *path, mode_t mode, struct xg_err *err)
{
	if (mkdir(path, mode) && errno != EEXIST)
		return xg_fail_errno(err, errno, "cannot create %s", path);
	return 0;
}

/* Linux: random(4), boot_id. */
static int boot_read(char ret[XG_UUID_TEXT], struct xg_err *err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	int fd xg_auto_close = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, ret, XG_UUID_TEXT - 1);

	if (got < 0)
		return xg_fail_errno(err, errno, "%s", path);
	ret[got] = '\0';
	return 0;
}

int xg_ops_open(struct xg_ops *ops, struct xg_err *err)
{
	const char *state_dir = env_or("XENGRAFT_STATEDIR", XG_STATEDIR);
	char path[1024];
	int rc;

	ops->backend_program = env_or("XENGRAFT_BACKEND", XG_LIBEXECDIR "/xengraft-backend");
	ops->policy = env_or("XENGRAFT_POLICY", XG_SYSCONFDIR "/policy");
	ops->log_dir = env_or("XENGRAFT_LOGDIR", "/var/log/xen");
	ops->run_dir = env_or("XENGRAFT_RUNDIR", XG_RUNDIR);
	ops->generator = env_or("XENGRAFT_GEN", XG_BINDIR "/xengraft-gen");
	ops->generate_ms = GENERATE_MS;
	if ((size_t)snprintf(ops->work_dir, sizeof(ops->work_dir), "%s/generate", state_dir) >= sizeof(ops->work_dir))
		return xg_fail_errno(err, ENAMETOOLONG, "%.100s...", state_dir);
	rc = xg_repo_paths(&ops->repo_paths, err);
	if (!rc)
		rc = boot_read(ops->boot, err);
	if (!rc)
		rc = make_dir(state_dir, 0700, err);
	if (!rc)
		rc = make_dir(ops->run_dir, 0700, err);
	snprintf(path, sizeof(path), "%s/state.db", state_dir);
	if (!rc)
		rc = xg_state_open(path, &ops->state, err);
	if (!rc)
		rc = xg_store_open(&ops->store, err);
	if (rc)
		xg_ops_close(ops);
	return rc;
}

void xg_ops_close(struct xg_ops *ops)
{
	xg_repo_close(xg_take(ops->repo));
	xg_store_close(xg_take(ops->store));
	xg_state_close(xg_take(ops->state));
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void tell(void (*how)(void *ctx, const char *text), void *ctx, const char *fmt, va_list ap)
{
	char text[1000];

	if (!how)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	how(ctx, text);
}

void xg_ops_progress(const struct xg_ops *ops, const char *step)
{
	if (ops->progress)
		ops->progress(ops->ctx, step);
}

void xg_ops_notice(const struct xg_ops *ops, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(ops->notice, ops->ctx, fmt, ap);
	va_end(ap);
}

void xg_ops_detail(const struct xg_ops *ops, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(ops->detail, ops->ctx, fmt, ap);
	va_end(ap);
}

/* ---- session --------------------------------------------------------------------------------------------------- */

/* /run is emptied at boot: no lock outlives its guests. */
int xg_guest_lock(const struct xg_ops *ops, const char *uuid, unsigned int wait_ms, int *ret_fd, struct xg_err *err)
{
	char path[1024];
	int rc;

	snprintf(path, sizeof(path), "%s/%s.lock", ops->run_dir, uuid);
	rc = xg_lock_file(path, wait_ms, xg_interrupted, ret_fd, err);
	if (rc == -EINTR)
		return xg_fail(err, EINTR, "interrupted while another operation worked on guest %s", uuid);
	return rc == -EAGAIN ? xg_fail(err, EAGAIN, "another operation works on guest %s", uuid) : rc;
}

static int session_lock(struct xg_session *s, struct xg_err *err)
{
	int rc = xg_guest_lock(s->ops, s->uuid, LOCK_WAIT_MS, &s->lock, err);
	const char *name = s->guest->info.name;
	struct xg_operation_row op;

	if (rc != -EAGAIN)
		return rc;
	if (xg_state_operation_get(s->ops->state, s->uuid, &op, NULL))
		return xg_fail(err, EAGAIN, "another operation works on guest '%s'", name);
	return xg_fail(err, EAGAIN, "another operation works on guest '%s': process %lld, %s, at '%s'", name,
		       (long long)op.pid, op.verb, op.step);
}

static int session_guest_check(const struct xg_guest_info *info, struct xg_err *err)
{
	if (info->domid == 0)
		return xg_fail(err, EINVAL, "'%s' is the control domain, not a guest", info->name);
	return 0;
}

static int session_alive_check(const struct xg_guest_info *info, struct xg_err *err)
{
	static const char hint[] = "nothing can be installed in it now";

	if (info->dying)
		return xg_fail(err, EINVAL, "guest '%s' is being destroyed: %s", info->name, hint);
	if (info->shutdown)
		return xg_fail(err, EINVAL, "guest '%s' has shut down or crashed: %s", info->name, hint);
	if (info->paused)
		return xg_fail(err, EINVAL, "guest '%s' is paused: %s", info->name, hint);
	return 0;
}

void xg_session_close(struct xg_session *s)
{
	if (!s)
		return;
	xg_guest_close(s->guest);
	if (s->lock >= 0)
		close(s->lock);
	free(s);
}

/* Of a name that no domain has: somebody who was here is told apart from somebody who never was. */
static int not_here(struct xg_ops *ops, const char *name, struct xg_err *err)
{
	struct xg_guest_row *rows xg_auto_free = NULL;
	size_t count = 0, i;

	if (xg_state_guest_list(ops->state, &rows, &count, NULL))
		return -ENOENT;
	for (i = 0; i < count; i++)
		if (!strcmp(rows[i].name, name) || !strcmp(rows[i].uuid, name))
			return xg_fail(err, ENOENT, "guest '%s' is on record, but does not run: it was saved, or is no more",
				       rows[i].name);
	return -ENOENT;
}

int xg_guest_named(struct xg_ops *ops, const char *name, struct xg_guest **ret, struct xg_err *err)
{
	char uuid[XG_UUID_TEXT];
	struct xg_guest *g;
	int rc = xg_guest_open(name, &g, err);

	if (rc)
		return rc == -ENOENT ? not_here(ops, name, err) : rc;
	xg_uuid_text(g->info.uuid, uuid);
	if (ops->uuid && strcasecmp(ops->uuid, uuid)) {
		rc = xg_fail(err, ESRCH, "guest '%s' is %s, not %s", g->info.name, uuid, ops->uuid);
		xg_guest_close(g);
		return rc;
	}
	*ret = g;
	return 0;
}

int xg_session_begin(struct xg_ops *ops, const char *guest, struct xg_session **ret, struct xg_err *err)
{
	struct xg_session *s xg_auto(xg_session_close_p) = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return xg_fail_errno(err, ENOMEM, "session");
	s->ops = ops;
	s->lock = -1;
	rc = xg_guest_named(ops, guest, &s->guest, err);
	if (rc)
		return rc;
	xg_uuid_text(s->guest->info.uuid, s->uuid);
	rc = session_guest_check(&s->guest->info, err);
	if (!rc)
		rc = xg_policy_check(ops->policy, s->guest->info.name, s->uuid, err);
	if (!rc)
		rc = session_alive_check(&s->guest->info, err);
	if (!rc)
		rc = session_lock(s, err);
	if (!rc) {
		(void)xg_sweep_beside(ops, s->uuid, NULL);	/* another guest's trouble is not this one's */
		rc = xg_state_guest_get(ops->state, s->uuid, &s->row, err);
		if (rc == -ENOENT)
			rc = 0;
	}
	if (rc)
		return rc;
	*ret = xg_take(s);
	return 0;
}

static bool domain_lives(uint32_t domid, const uint8_t uuid[16])
{
	struct xg_domain *all xg_auto_free = NULL;
	size_t count, i;

	if (xg_domains(&all, &count, NULL))
		return true;
	for (i = 0; i < count; i++)
		if (all[i].domid == domid && !all[i].dying && !memcmp(all[i].uuid, uuid, 16))
			return true;
	return false;
}

/* The record is about this very domain: one that came back was taken in by the sweep. */
static int session_here_check(const struct xg_session *s, struct xg_err *err)
{
	const struct xg_guest_info *info = &s->guest->info;

	if (!s->row.uuid[0] || xg_guest_is_here(s->ops, &s->row, info->domid))
		return 0;
	if (s->row.domid != info->domid && domain_lives(s->row.domid, info->uuid))
		return xg_fail(err, EEXIST, "domain %u has the same UUID as guest '%s', and is the one that "
			       "xengraft works on: both cannot have the same disks", s->row.domid, info->name);
	return xg_fail(err, EAGAIN, "guest '%s' is not the domain that it was: restored or begun anew, it cannot "
		       "be told yet", info->name);
}

int xg_session_open(struct xg_ops *ops, const char *guest, struct xg_session **ret, struct xg_err *err)
{
	struct xg_session *s xg_auto(xg_session_close_p) = NULL;
	int rc = xg_session_begin(ops, guest, &s, err);

	if (!rc)
		rc = session_here_check(s, err);
	if (!rc && !ops->dry_run)
		rc = xg_recover(s, err);
	if (!rc)
		*ret = xg_take(s);
	return rc;
}

/* ---- look-ups ---------------------------------------------------------------------------------------------------- */

int xg_device_find(struct xg_ops *ops, const char *guest, const char *vdev, struct xg_guest **ret_guest,
		   struct xg_guest_row *ret_row, struct xg_device_row *ret_device, struct xg_err *err)
{
	char uuid[XG_UUID_TEXT], name[32];
	struct xg_guest *g;
	uint32_t devid;
	int rc;

	rc = xg_vdev_parse(vdev, &devid, name, err);
	if (!rc)
		rc = xg_guest_named(ops, guest, &g, err);
	if (rc)
		return rc;
	xg_uuid_text(g->info.uuid, uuid);
	rc = xg_state_guest_get(ops->state, uuid, ret_row, err);
	if (!rc)
		rc = xg_state_device_get(ops->state, uuid, devid, ret_device, err);
	if (rc == -ENOENT)
		rc = xg_fail(err, ENOENT, "guest '%s' has no disk '%s' of xengraft's", g->info.name, vdev);
	if (rc)
		xg_guest_close(g);
	else
		*ret_guest = g;
	return rc;
}
