/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels of this process. */
#ifndef XG_XEN_EVTCHN_H
#define XG_XEN_EVTCHN_H

#include <stdint.h>

#include "lib/base/err.h"

struct xg_evtchn;

int xg_evtchn_open(struct xg_evtchn **ret, struct xg_err *err);
void xg_evtchn_close(struct xg_evtchn *e);	/* closes its ports too; NULL is fine */
/* Connects to a port that DOMID left unbound for us; *ret_port is ours. */
int xg_evtchn_bind(struct xg_evtchn *e, uint32_t domid, uint32_t port, uint32_t *ret_port, struct xg_err *err);
int xg_evtchn_unbind(struct xg_evtchn *e, uint32_t port, struct xg_err *err);
int xg_evtchn_notify(struct xg_evtchn *e, uint32_t port, struct xg_err *err);
/*
 * Becomes readable when a port has fired. For a caller with an event loop of its own (Linux, xen/sys/evtchn.h):
 * reading gives 4-byte port numbers, as many as there are and fit, and writing such numbers unmasks them.
 */
int xg_evtchn_fd(struct xg_evtchn *e);
/* The port that fired (blocks unless the descriptor is readable); it is masked until xg_evtchn_unmask(). */
int xg_evtchn_pending(struct xg_evtchn *e, uint32_t *ret_port, struct xg_err *err);
int xg_evtchn_unmask(struct xg_evtchn *e, uint32_t port, struct xg_err *err);
/* Waits until the descriptor is readable: 1, or 0 after TIMEOUT_MS, and when a signal came. */
int xg_evtchn_wait(struct xg_evtchn *e, int timeout_ms, struct xg_err *err);

#endif
