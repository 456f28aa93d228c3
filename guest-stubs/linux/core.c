// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The personality's thread: takes commands from Dom0 out of the core header and runs them. Entered at
 * xg_core_main, in a kernel thread that the first stage (or the module) made.
 *
 * Commands are snapshots: copied, then checked, then run, once each. Must never block for good: what waits for
 * a backend runs in the background (device.c).
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <xen/events.h>
#include <xen/interface/xen.h>
#include <xen/xen-ops.h>
#include <xen/xenbus.h>

#include "personality.h"

/* How long Dom0 has to read the last state before the header's page is the guest's again. */
#define LINGER_MS 250
#define FAULT_LINGER_MS 30000

static struct {
	struct xg_core_header *header;
	struct completion kick;
	int irq;
	uint32_t port;
	uint32_t answered;	/* the last command that was taken */
	uint32_t pending;	/* a command whose job goes on in the background; 0: none */
	struct xg_window *pending_window;
	bool resumed;		/* the domain was restored: its event channels are gone */
	bool leaving;
	struct notifier_block resume;
} core;

void xg_core_kick(void)
{
	complete(&core.kick);
}

void xg_core_stop(void)
{
	WRITE_ONCE(core.leaving, true);
	xg_core_kick();
}

/* ---- The command channel ------------------------------------------------------------------------------------- */

static irqreturn_t core_event(int irq, void *arg)
{
	bool news = READ_ONCE(core.header->command.seq) != READ_ONCE(core.answered);

	if (news)
		xg_core_kick();
	os_event_done(irq, !news);
	return IRQ_HANDLED;
}

/* As xenstore has it; while the domain resumes this waits until it may be asked. */
static uint32_t own_domid(void)
{
	uint32_t domid;

	return xenbus_scanf(XBT_NIL, "domid", "", "%u", &domid) == 1 ? domid : XG_DOMID_UNKNOWN;
}

static int channel_open(void)
{
	struct xg_core_header *header = core.header;
	int irq = xg_event_bind(header->backend_domid, core_event, "xengraft", &core, &core.port);

	if (irq < 0)
		return irq;
	core.irq = irq;
	WRITE_ONCE(header->event_port, core.port);
	/* Last: it says whose the port is. Partner: Dom0 reads it first. */
	smp_store_release(&header->domid, own_domid());
	return XG_E_OK;
}

static void channel_close(void)
{
	os_event_unbind(core.irq, &core);
	core.irq = 0;
}

/* Called after a suspension that was given up, too: then all is as it was. */
static int on_resume(struct notifier_block *nb, unsigned long action, void *data)
{
	if (os_event_live(core.irq, core.port))
		return NOTIFY_OK;
	WRITE_ONCE(core.header->domid, XG_DOMID_UNKNOWN);
	WRITE_ONCE(core.resumed, true);
	xg_core_kick();
	return NOTIFY_OK;
}

/*
 * After restore on this or another host every event channel is closed: offer a new one to the Dom0 we have now. The
 * disks wait for it to give them backends: what their drivers had is kept, and replayed by the swap that does it.
 */
static void channel_renew(void)
{
	WRITE_ONCE(core.resumed, false);
	channel_close();
	if (channel_open())
		xg_say("no event channel after the domain was restored");
}

/* ---- Commands ------------------------------------------------------------------------------------------------ */

static void answer(uint32_t seq, int status, const uint64_t *values)
{
	struct xg_reply *reply = &core.header->reply;
	unsigned int i;

	reply->status = status;
	for (i = 0; i < XG_REPLY_VALUES; i++)
		reply->values[i] = values ? values[i] : 0;
	smp_store_release(&reply->seq, seq);	/* partner: Dom0 reads seq first */
	notify_remote_via_irq(core.irq);
}

static int run_leave(void)
{
	if (xg_window_next(NULL) || xg_disk_known())
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
		return xg_device_open(window);
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
	case XG_CMD_DEVICE_OPEN_NEXT:
		return xg_device_open_next(window, c->args[1]);
	case XG_CMD_DEVICE_SWITCH:
		return xg_device_switch(window, c->args[1], c->args[2]);
	case XG_CMD_DEVICE_CLOSE_OTHER:
		return xg_device_close_other(window);
	default:
		return -XG_E_NOTSUPP;
	}
}

/* 0 or -XG_E_*, or 1 when the answer comes later, from WINDOW's job. */
static int run(const struct xg_command *c, uint64_t *values, struct xg_window **ret_window)
{
	switch (c->op) {
	case XG_CMD_PING:
		values[0] = XG_ABI_VERSION;
		return XG_E_OK;
	case XG_CMD_WINDOW_ALLOC:
		return xg_window_alloc(c, values);
	case XG_CMD_LEAVE:
		return run_leave();
	default:
		*ret_window = xg_window_find(c->args[0]);
		return *ret_window ? run_on_window(c, *ret_window) : -XG_E_NODEV;
	}
}

/* A new command while an old one's job goes on: Dom0 has given the old one up, so its answer is dropped. */
static void take_command(void)
{
	const struct xg_command *shared = &core.header->command;
	uint64_t values[XG_REPLY_VALUES] = { 0 };
	struct xg_window *window = NULL;
	struct xg_command c;
	int rc;

	/* seq before the command it announces. Partner: Dom0 stores seq last. */
	c.seq = smp_load_acquire(&shared->seq);
	if (c.seq == core.answered)
		return;
	c.op = READ_ONCE(shared->op);
	memcpy(c.args, shared->args, sizeof(c.args));
	WRITE_ONCE(core.answered, c.seq);
	core.pending = 0;
	rc = run(&c, values, &window);
	if (rc == 1) {
		core.pending = c.seq;
		core.pending_window = window;
	} else if (!core.leaving) {
		answer(c.seq, rc, values);
	}
}

static void take_job(void)
{
	uint64_t values[XG_REPLY_VALUES] = { 0 };
	int rc;

	if (!core.pending)
		return;
	rc = xg_device_job_result(core.pending_window, values);
	if (rc == 1)
		return;
	answer(core.pending, rc, values);
	core.pending = 0;
}

/* ---- The thread ---------------------------------------------------------------------------------------------- */

static void serve(void)
{
	while (!READ_ONCE(core.leaving)) {
		/* Idle, so that it counts neither as load nor as hung; kernel threads are not frozen. */
		wait_for_completion_state(&core.kick, TASK_IDLE);
		if (READ_ONCE(core.resumed))
			channel_renew();
		take_job();
		take_command();
	}
}

/* Waits until no CPU or task can still be inside a function of ours that it has not entered through this thread. */
static void settle(void)
{
	synchronize_rcu();		/* interrupts, softirqs, the block layer's sections */
	synchronize_rcu_tasks();	/* a task that was preempted on the way out of free_disk */
}

static int start(struct xg_core_header *header)
{
	int rc;

	if (!xg_core_header_valid(header))
		return -XG_E_INVAL;
	core.header = header;
	xg_window_own(header->window_va);
	init_completion(&core.kick);
	rc = channel_open();
	if (rc)
		return rc;
	core.resume.notifier_call = on_resume;
	xen_resume_notifier_register(&core.resume);
	xg_say("%s", header->banner);
	smp_store_release(&header->state, XG_CORE_RUNNING);
	return XG_E_OK;
}

static void stop(void)
{
	xen_resume_notifier_unregister(&core.resume);
	channel_close();
	settle();
}

/* Called by leave.S. Returns the window, to be freed once no code of ours runs any more. */
void *xg_core_run(struct xg_core_header *header)
{
	int rc = start(header);

	header->fault = rc;
	if (rc) {
		smp_store_release(&header->state, XG_CORE_FAILED);
		msleep(FAULT_LINGER_MS);
	} else {
		serve();
		stop();
		smp_store_release(&header->state, XG_CORE_LEFT);
		msleep(LINGER_MS);
	}
	return (void *)header->window_va;
}
