/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel asks of Xen. Nothing here may be called where bare_xen is false, but for bare_xen_detect(). */
#ifndef BARE_XEN_H
#define BARE_XEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern bool bare_xen;

void bare_xen_detect(void);	/* sets bare_xen, fills in the hypercall page */
void bare_xen_start(void);	/* shared information; needs memory */
uint64_t bare_xen_multiplier(void);	/* nanoseconds a tick of the time-stamp counter, times 2^32 */
long bare_hypercall(unsigned int number, uint64_t a, uint64_t b, uint64_t c);
uint64_t bare_xen_param(unsigned int index);	/* HVM_PARAM_*; 0 when there is none */
__attribute__((noreturn)) void bare_xen_shutdown(unsigned int reason);
/* Puts what Xen calls SPACE, INDEX where PAGE was, whose own memory goes back to Xen. */
int bare_xen_share(unsigned int space, uint64_t index, const void *page);
/* Until an event comes for a bound port, or UNTIL_NS of bare_ns(). */
void bare_xen_rest(uint64_t until_ns);

/* ---- Event channels: handlers run in the first task -------------------------------------------------------- */

/* A new port that DOMID may bind, or -BARE_E_NOMEM. */
int bare_event_open(uint16_t domid, void (*handler)(void *), void *context);
/* PORT is there already (Xen's own channels). */
int bare_event_attach(uint32_t port, void (*handler)(void *), void *context);
void bare_event_close(uint32_t port);
void bare_event_send(uint32_t port);
void bare_events_look(void);	/* calls the handlers of what is pending */

/* ---- Grants ------------------------------------------------------------------------------------------------ */

/* Sets COUNT references aside, so that as many bare_grant() will not fail; 0 or -BARE_E_NOMEM. */
int bare_grants_reserve(uint32_t count);
void bare_grants_unreserve(uint32_t count);
/* One of the reserved: a reference (>= 8) that lets DOMID use the page FRAME, or -BARE_E_NOMEM. */
int bare_grant(uint16_t domid, uint64_t frame, bool read_only);
/* 0: the reference is a reserved one again. -BARE_E_BUSY while it is mapped: nothing has changed then. */
int bare_grant_end(uint32_t ref);
/*
 * For one that is busy and will not be waited for: its page is kept from reuse and the end tried again from
 * time to time (bare_grants_look()). The reference does not count as reserved any more.
 */
void bare_grant_abandon(uint32_t ref);
void bare_grants_look(void);
uint32_t bare_grants_free(void);	/* neither granted nor reserved */

/* ---- Xenstore: one caller at a time; sleeps ---------------------------------------------------------------- */

#define BARE_STORE_VALUE_MAX 2048u

void bare_store_start(void);
/* NUL is added. Bytes of the value, or -BARE_E_*: NODEV when it is not there. */
int bare_store_read(const char *path, char *value, size_t size);
int bare_store_write(const char *path, const char *value);
int bare_store_watch(const char *path, const char *token);
/* True: a watch has fired since; *token is its token. Does not sleep. */
bool bare_store_fired(char *token, size_t size);

#endif
