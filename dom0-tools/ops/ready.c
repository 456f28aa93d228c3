// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waits until a guest can be given a disk: not paused, its kernel found and up. Looks again and again, ever less often;
 * takes no lock, so that nobody has to wait for a guest that is not ready. Called before an attach.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/ops/interrupt.h"
#include "dom0-tools/ops/ops.h"
#include "dom0-tools/ops/policy.h"
#include "dom0-tools/ops/vdev.h"
#include "dom0-tools/ops/xl_vbd.h"
#include "hotswap/wait.h"

#define PAUSE_FIRST_MS 100u
#define PAUSE_MAX_MS 1000u

/* Linux, include/linux/kernel.h, enum system_states: from here on all initcalls have been called. */
#define LINUX_SYSTEM_RUNNING 3

struct wait {
	struct xg_ops *ops;
	const struct xg_disk_spec *spec;
	const char *guest;		/* as it was named */
	char id[16];			/* what that was at the first look; "": none yet */
	uint8_t uuid[16];
	struct xg_link_id link;
};

/* Before its kernel is up a guest's watch thread may not run yet, nor may its allocator. */
static int kernel_up(struct xg_kernel *k, const char *name, struct xg_err *err)
{
	uint32_t state = 0;
	struct gva at;
	int rc = xg_kernel_symbol(k, "system_state", &at, NULL);

	if (rc)		/* a system that does not say, or says it otherwise */
		return 0;
	rc = xg_kernel_read(k, at, &state, sizeof(state), err);
	if (!rc && state < LINUX_SYSTEM_RUNNING)
		rc = xg_fail(err, EAGAIN, "guest '%s' is still booting", name);
	return rc;
}

static int kernel_look(struct wait *w, struct xg_guest *g, struct xg_err *err)
{
	struct xg_kernel_hints hints = { .count = 0 };
	struct xg_kernel *k = NULL;
	int rc;

	(void)xg_state_hints_get(w->ops->state, &hints, NULL);
	rc = xg_kernel_open_hinted(g, &hints, &k, err);
	if (rc == -ENOENT)		/* none to be seen yet: the text says so */
		err->code = EAGAIN;
	if (rc)
		return -err->code;
	rc = kernel_up(k, g->info.name, err);
	xg_kernel_close(k);
	return rc;
}

/* A domain's id is given to others after it. */
static int same_guest(struct wait *w, const struct xg_guest *g, struct xg_err *err)
{
	char uuid[XG_UUID_TEXT];

	if (!w->id[0]) {
		snprintf(w->id, sizeof(w->id), "%u", g->info.domid);
		memcpy(w->uuid, g->info.uuid, sizeof(w->uuid));
		w->link.domid = g->info.domid;
		xg_uuid_text(g->info.uuid, uuid);
		return xg_policy_check(w->ops->policy, g->info.name, uuid, err);
	}
	if (memcmp(w->uuid, g->info.uuid, sizeof(w->uuid)))
		return xg_fail(err, ENODEV, "guest '%s' is gone", w->guest);
	return 0;
}

static int guest_look(struct wait *w, struct xg_guest *g, struct xg_err *err)
{
	int rc = same_guest(w, g, err);

	if (!rc)
		rc = xg_xl_vbd_check(w->ops->store, w->link, w->spec, g->info.name, err);
	if (rc)
		return rc;
	if (g->info.dying || g->info.shutdown)
		return xg_fail(err, ENODEV, "guest '%s' has shut down", g->info.name);
	if (g->info.paused)
		return xg_fail(err, EAGAIN, "guest '%s' is paused", g->info.name);
	return kernel_look(w, g, err);
}

static int look(struct wait *w, struct xg_err *err)
{
	struct xg_guest *g = NULL;
	int rc = xg_guest_open(w->id[0] ? w->id : w->guest, &g, err);

	if (rc)
		return rc;
	rc = guest_look(w, g, err);
	xg_guest_close(g);
	return rc;
}

int xg_guest_wait(struct xg_ops *ops, const char *guest, const struct xg_disk_spec *spec, unsigned int timeout_ms,
		  struct xg_err *err)
{
	struct wait w = { .ops = ops, .guest = guest, .spec = spec };
	uint64_t end = xg_now_ms() + timeout_ms;
	unsigned int pause = PAUSE_FIRST_MS;
	struct xg_err why = XG_ERR_NONE;
	char name[32];
	int rc = xg_vdev_parse(spec->vdev, &w.link.devid, name, err);

	if (rc)
		return rc;
	while ((rc = look(&w, &why)) == -EAGAIN && xg_now_ms() < end && !xg_interrupted()) {
		xg_ops_detail(ops, "%s", why.text);
		(void)poll(NULL, 0, pause);
		pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
	}
	if (rc && err)
		*err = why;
	return rc;
}
