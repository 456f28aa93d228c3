// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event channels through libxenevtchn. Called by the backend and by the tools that talk to a personality; must
 * never wait but where the header says so.
 */
#include "lib/xen/evtchn.h"

#include <poll.h>
#include <stdlib.h>

#include <xenevtchn.h>

struct xg_evtchn {
	xenevtchn_handle *x;
};

int xg_evtchn_open(struct xg_evtchn **ret, struct xg_err *err)
{
	struct xg_evtchn *e = calloc(1, sizeof(*e));

	if (!e)
		return xg_fail(err, ENOMEM, "no memory for event channels");
	e->x = xenevtchn_open(NULL, 0);
	if (!e->x) {
		int code = errno ? errno : EIO;

		free(e);
		return xg_fail_errno(err, code, "cannot open the event channel device (is this Dom0?)");
	}
	*ret = e;
	return 0;
}

void xg_evtchn_close(struct xg_evtchn *e)
{
	if (!e)
		return;
	xenevtchn_close(e->x);
	free(e);
}

int xg_evtchn_bind(struct xg_evtchn *e, uint32_t domid, uint32_t port, uint32_t *ret_port, struct xg_err *err)
{
	xenevtchn_port_or_error_t ours = xenevtchn_bind_interdomain(e->x, domid, port);

	if (ours < 0)
		return xg_fail_errno(err, errno, "cannot bind event channel %u of domain %u", port, domid);
	*ret_port = ours;
	return 0;
}

int xg_evtchn_unbind(struct xg_evtchn *e, uint32_t port, struct xg_err *err)
{
	if (xenevtchn_unbind(e->x, port) < 0)
		return xg_fail_errno(err, errno, "cannot unbind event channel %u", port);
	return 0;
}

int xg_evtchn_notify(struct xg_evtchn *e, uint32_t port, struct xg_err *err)
{
	if (xenevtchn_notify(e->x, port) < 0)
		return xg_fail_errno(err, errno, "cannot notify event channel %u", port);
	return 0;
}

int xg_evtchn_fd(struct xg_evtchn *e)
{
	return xenevtchn_fd(e->x);
}

int xg_evtchn_pending(struct xg_evtchn *e, uint32_t *ret_port, struct xg_err *err)
{
	xenevtchn_port_or_error_t port = xenevtchn_pending(e->x);

	if (port < 0)
		return xg_fail_errno(err, errno, "cannot read which event channel fired");
	*ret_port = port;
	return 0;
}

int xg_evtchn_unmask(struct xg_evtchn *e, uint32_t port, struct xg_err *err)
{
	if (xenevtchn_unmask(e->x, port) < 0)
		return xg_fail_errno(err, errno, "cannot unmask event channel %u", port);
	return 0;
}

int xg_evtchn_wait(struct xg_evtchn *e, int timeout_ms, struct xg_err *err)
{
	struct pollfd p = { .fd = xenevtchn_fd(e->x), .events = POLLIN };
	int n = poll(&p, 1, timeout_ms);

	if (n < 0 && errno == EINTR)
		return 0;	/* poll() is not begun again after a signal, whatever the handler's flags */
	if (n < 0)
		return xg_fail_errno(err, errno, "cannot wait for an event channel");
	if (n > 0 && !(p.revents & POLLIN))
		return xg_fail(err, EIO, "the event channel device reports an error");
	return n;
}
