// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The part of a guest that is the same whatever stands behind it: bounds, and the check that it still is the
 * same domain. Called by everything above lib/xen; must never reach a backend with an argument it has not bounded.
 */
#include "lib/xen/guest.h"

#include <stdbool.h>
#include <string.h>

void xg_guest_close(struct xg_guest *g)
{
	if (g)
		g->ops->close(g);
}

int xg_guest_refresh(struct xg_guest *g, struct xg_err *err)
{
	struct xg_guest_info now = { .domid = g->info.domid };
	int rc = g->ops->info(g, &now, err);

	if (rc == -ENOENT)
		return xg_fail(err, ENODEV, "guest '%s' (id %u) is gone", g->info.name, g->info.domid);
	if (rc)
		return rc;
	/* XSA-322: an id is given anew once its domain is gone. */
	if (memcmp(now.uuid, g->info.uuid, sizeof(now.uuid)))
		return xg_fail(err, ENODEV, "guest '%s' is gone: its id %u is another domain's now ('%s')",
			       g->info.name, g->info.domid, now.name);
	g->info = now;
	return 0;
}

int xg_guest_map(struct xg_guest *g, const struct gfn *frames, size_t count, enum xg_prot prot,
		 int *errors, void **ret, struct xg_err *err)
{
	if (count < 1 || count > XG_MAP_MAX)
		return xg_fail(err, EINVAL, "%zu frames of guest '%s' to map at once, 1 to %d can be",
			       count, g->info.name, XG_MAP_MAX);
	if (!(prot & (XG_READ | XG_WRITE)))
		return xg_fail(err, EINVAL, "frames of guest '%s' to map for neither reading nor writing",
			       g->info.name);
	return g->ops->map(g, frames, count, prot, errors, ret, err);
}

void xg_guest_unmap(struct xg_guest *g, void *at, size_t count)
{
	if (at)
		g->ops->unmap(g, at, count);
}

int xg_guest_ranges(struct xg_guest *g, struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err)
{
	return g->ops->ranges(g, ret, ret_count, err);
}

int xg_guest_pv_root(struct xg_guest *g, struct gfn *ret, struct xg_err *err)
{
	if (g->info.type != XG_GUEST_PV)
		return xg_fail(err, EINVAL, "guest '%s' is not a PV guest: its page tables are its own affair",
			       g->info.name);
	return g->ops->pv_root(g, ret, err);
}

int xg_guest_cpu_paging(struct xg_guest *g, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err)
{
	if (!g->ops->cpu_paging)
		return xg_fail(err, ENOTSUP, "the page tables of guest '%s''s vCPUs cannot be known", g->info.name);
	return g->ops->cpu_paging(g, vcpu, ret, err);
}

int xg_guest_pause(struct xg_guest *g, struct xg_err *err)
{
	return g->ops->pause(g, err);
}

int xg_guest_unpause(struct xg_guest *g, struct xg_err *err)
{
	return g->ops->unpause(g, err);
}
