// SPDX-License-Identifier: GPL-2.0-or-later
/* lib/xen/evtchn.h with one channel: to the personality of the guest in fake_host. See fake_host.h. */
#include "lib/xen/evtchn.h"

#include <stdbool.h>
#include <stdlib.h>

#include "tests/lib/fake_host.h"

#define LOCAL_PORT 33u

struct xg_evtchn {
	bool bound;
};

int xg_evtchn_open(struct xg_evtchn **ret, struct xg_err *err)
{
	struct xg_evtchn *e;

	if (fake_point("event channel", "open", false))
		return xg_fail(err, EIO, "struck: event channel open");
	e = calloc(1, sizeof(*e));
	if (!e)
		return xg_fail(err, ENOMEM, "event channels");
	*ret = e;
	return 0;
}

void xg_evtchn_close(struct xg_evtchn *e)
{
	free(e);
}

int xg_evtchn_bind(struct xg_evtchn *e, uint32_t domid, uint32_t port, uint32_t *ret_port, struct xg_err *err)
{
	if (fake_point("event channel", "bind", false))
		return xg_fail(err, EIO, "struck: event channel bind");
	if (domid != fake_linux->guest->info.domid || !port || port != fake_host->core_port || e->bound)
		return xg_fail(err, EINVAL, "cannot bind to port %u of domain %u", port, domid);
	e->bound = true;
	fake_host->event = true;	/* as Xen does: what was sent before may have been meant for us */
	*ret_port = LOCAL_PORT;
	return 0;
}

int xg_evtchn_unbind(struct xg_evtchn *e, uint32_t port, struct xg_err *err)
{
	(void)err;
	if (!e->bound || port != LOCAL_PORT)
		abort();
	e->bound = false;
	return 0;
}

int xg_evtchn_notify(struct xg_evtchn *e, uint32_t port, struct xg_err *err)
{
	if (fake_point("event channel", "notify", true))
		return xg_fail(err, EIO, "struck: event channel notify");
	if (!e->bound || port != LOCAL_PORT)
		abort();
	fake_guest_event();
	return 0;
}

int xg_evtchn_fd(struct xg_evtchn *e)
{
	(void)e;
	return -1;
}

int xg_evtchn_pending(struct xg_evtchn *e, uint32_t *ret_port, struct xg_err *err)
{
	if (fake_point("event channel", "pending", false))
		return xg_fail(err, EIO, "struck: event channel pending");
	if (!e->bound || !fake_host->event)
		abort();	/* it would block */
	fake_host->event = false;
	*ret_port = LOCAL_PORT;
	return 0;
}

int xg_evtchn_unmask(struct xg_evtchn *e, uint32_t port, struct xg_err *err)
{
	(void)e;
	return port == LOCAL_PORT ? 0 : xg_fail(err, EINVAL, "port %u", port);
}

int xg_evtchn_wait(struct xg_evtchn *e, int timeout_ms, struct xg_err *err)
{
	if (fake_point("event channel", "wait", false))
		return xg_fail(err, EIO, "struck: event channel wait");
	if (!e->bound)
		abort();
	fake_guest_run();
	if (fake_host->event)
		return 1;
	fake_host->clock_ms += timeout_ms;
	return 0;
}
