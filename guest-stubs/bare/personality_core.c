// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The personality's task: takes commands from Dom0 out of the core header and runs them. Entered at
 * xg_core_main, in a task that the first stage made.
 *
 * Commands are snapshots: copied, then checked, then run, once each.
 */
#include "personality.h"

/* How long Dom0 has to read the last state before the header's page is the guest's again. */
#define LINGER_MS 250u
#define FAULT_LINGER_MS 30000u
/* How often removed disks that somebody holds are looked at. */
#define LEFT_MS 200u

static struct {
	struct xg_core_header *header;
	struct bare_signal kick;
	uint32_t port;
	uint32_t answered;	/* the last command that was taken */
	bool leaving;
} core;

static void core_event(void *context)
{
	(void)context;
	bare_raise(&core.kick);
}

static void answer(uint32_t seq, int status, const uint64_t *values)
{
	struct xg_reply *reply = &core.header->reply;
	unsigned int i;

	reply->status = status;
	for (i = 0; i < XG_REPLY_VALUES; i++)
		reply->values[i] = values[i];
	__atomic_store_n(&reply->seq, seq, __ATOMIC_RELEASE);	/* partner: Dom0 reads seq first */
	os_event_send(core.port);
}

static int run_leave(void)
{
	if (xg_window_next(NULL) || xg_disks_left())
		return -XG_E_BUSY;
	core.leaving = true;
	return XG_E_OK;
}

static int run_on_window(const struct xg_command *c, struct xg_window *window)
{
	switch (c->op) {
	case XG_CMD_WINDOW_FREE:
		return xg_window_free(window);
	case XG_CMD_DEVICE_OPEN:
		return xg_device_open(window, &xg_bare_services, NULL);
	case XG_CMD_DEVICE_ADD:
		return xg_device_add(window);
	case XG_CMD_DEVICE_REMOVE:
		return xg_device_remove(window, c->args[1] != 0);
	case XG_CMD_DEVICE_CLOSE:
		return xg_device_close(window);
	case XG_CMD_DEVICE_RESIZE:
		return xg_device_resize(window, c->args[1]);
	case XG_CMD_DEVICE_HOLD:
		return xg_device_hold(window, true);
	case XG_CMD_DEVICE_RELEASE:
		return xg_device_hold(window, false);
	default:
		return -XG_E_NOTSUPP;
	}
}

static int run(const struct xg_command *c, uint64_t *values)
{
	struct xg_window *window;

	switch (c->op) {
	case XG_CMD_PING:
		values[0] = XG_ABI_VERSION;
		return XG_E_OK;
	case XG_CMD_WINDOW_ALLOC:
		return xg_window_alloc(c, values);
	case XG_CMD_LEAVE:
		return run_leave();
	default:
		window = xg_window_find(c->args[0]);
		return window ? run_on_window(c, window) : -XG_E_NODEV;
	}
}

static void take_command(void)
{
	const struct xg_command *shared = &core.header->command;
	uint64_t values[XG_REPLY_VALUES] = { 0 };
	struct xg_command c;
	int rc;

	/* seq before the command it announces. Partner: Dom0 stores seq last. */
	c.seq = __atomic_load_n(&shared->seq, __ATOMIC_ACQUIRE);
	if (c.seq == core.answered)
		return;
	c.op = __atomic_load_n(&shared->op, __ATOMIC_RELAXED);
	memcpy(c.args, shared->args, sizeof(c.args));
	core.answered = c.seq;
	rc = run(&c, values);
	if (!core.leaving)
		answer(c.seq, rc, values);
}

static int start(struct xg_core_header *header)
{
	int port;

	if (!xg_core_header_valid(header))
		return -XG_E_INVAL;
	core.header = header;
	port = os_event_bind((uint16_t)header->backend_domid, core_event, NULL);
	if (port < 0)
		return -XG_E_NOMEM;
	core.port = (uint32_t)port;
	header->event_port = core.port;
	xg_say("%s", header->banner);
	__atomic_store_n(&header->state, XG_CORE_RUNNING, __ATOMIC_RELEASE);
	return XG_E_OK;
}

static void serve(void)
{
	while (!core.leaving) {
		(void)bare_wait(&core.kick, xg_disks_left() ? LEFT_MS : 0);
		take_command();
	}
}

/* Called by personality_leave.S. Returns the window, to be freed once no code of ours runs any more. */
void *xg_core_run(struct xg_core_header *header)
{
	int rc = start(header);

	header->fault = rc;
	if (rc) {
		__atomic_store_n(&header->state, XG_CORE_FAILED, __ATOMIC_RELEASE);
		bare_sleep_ms(FAULT_LINGER_MS);
	} else {
		serve();
		os_event_unbind(core.port);
		__atomic_store_n(&header->state, XG_CORE_LEFT, __ATOMIC_RELEASE);
		bare_sleep_ms(LINGER_MS);
	}
	return (void *)header->window_va;
}
