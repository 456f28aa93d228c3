// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a driver may ask of Linux: memory, grants, event channels, completion. Called by drivers from inside
 * their entry points; which may sleep is the ABI's to say. Must never trust that a driver passes sane
 * arguments twice in a row, but does trust it with the kernel: it is code in it.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <xen/events.h>
#include <xen/page.h>
#include <asm/xen/hypercall.h>

#include "personality.h"

static struct xg_disk_queue *queue_of(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk *disk = (struct xg_disk *)dev->personality;

	return &disk->queues[q];
}

static uint16_t backend_of(const struct xg_device_header *dev)
{
	return (uint16_t)dev->backend_domid;
}

/* ---- Memory ------------------------------------------------------------------------------------------------ */

/*
 * vmalloc: single pages, each with a count of its own, so that one whose grant a backend does not let go of
 * outlives memory_put() without the others.
 */
static int memory_get(struct xg_device_header *dev, uint32_t pages, struct xg_memory *ret)
{
	void *va;

	if (pages == 0 || pages > XG_WINDOW_PAGES_MAX)
		return -XG_E_INVAL;
	va = vzalloc((unsigned long)pages * PAGE_SIZE);
	if (!va)
		return -XG_E_NOMEM;
	*ret = (struct xg_memory){ .va = va, .pages = pages };
	return XG_E_OK;
}

static void memory_put(struct xg_device_header *dev, struct xg_memory *memory)
{
	vfree(memory->va);
	*memory = (struct xg_memory){ .va = NULL };
}

static uint64_t memory_frame(struct xg_device_header *dev, void *va)
{
	return pfn_to_gfn(vmalloc_to_pfn(va));
}

/* ---- Grants ------------------------------------------------------------------------------------------------ */

static int grants_reserve(struct xg_device_header *dev, uint32_t q, uint32_t count)
{
	struct xg_disk_queue *queue = queue_of(dev, q);

	if (queue->reserved || count == 0 || count > U16_MAX)
		return -XG_E_INVAL;
	if (gnttab_alloc_grant_references(count, &queue->grants) < 0)
		return -XG_E_NOMEM;
	queue->reserved = true;
	return XG_E_OK;
}

static void grants_release(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk_queue *queue = queue_of(dev, q);

	if (!queue->reserved)
		return;
	queue->reserved = false;
	gnttab_free_grant_references(queue->grants);
}

static int grant(struct xg_device_header *dev, uint32_t q, uint64_t frame, uint32_t read_only)
{
	struct xg_disk_queue *queue = queue_of(dev, q);
	int ref;

	if (!queue->reserved)
		return -XG_E_BUSY;
	ref = gnttab_claim_grant_reference(&queue->grants);
	if (ref < 0)
		return -XG_E_BUSY;
	gnttab_grant_foreign_access_ref(ref, backend_of(dev), frame, read_only != 0);
	return ref;
}

static int ungrant(struct xg_device_header *dev, uint32_t q, uint32_t ref)
{
	struct xg_disk_queue *queue = queue_of(dev, q);

	if (gnttab_end_foreign_access_ref(ref)) {
		gnttab_release_grant_reference(&queue->grants, ref);
		return XG_E_OK;
	}
	/* The kernel keeps the page from reuse until the backend lets go, looking again from a timer. */
	gnttab_end_foreign_access(ref, NULL);
	return -XG_E_BUSY;
}

/* ---- Event channels ---------------------------------------------------------------------------------------- */

static irqreturn_t queue_event(int irq, void *arg)
{
	struct xg_disk_queue *queue = arg;
	struct xg_device_header *dev = queue->disk->header;
	unsigned int eoi = XEN_EOI_FLAG_SPURIOUS;
	unsigned long flags;
	uint64_t before;
	xg_entry_queue_fn event;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->live) {
		before = queue->completed;
		event = (xg_entry_queue_fn)xg_call_begin(dev, queue->index, XG_ENTRY_EVENT);
		event(dev, queue->index);
		xg_call_end(dev, queue->index);
		/* A backend that sends events without responses is slowed down by the kernel. */
		if (queue->completed != before)
			eoi = 0;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	xen_irq_lateeoi(irq, eoi);
	return IRQ_HANDLED;
}

static int port_alloc(uint16_t domid, uint32_t *ret)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = domid };

	if (HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc))
		return -XG_E_NOMEM;
	*ret = alloc.port;
	return XG_E_OK;
}

static void port_close(uint32_t port)
{
	struct evtchn_close close = { .port = port };

	(void)HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
}

int xg_event_bind(uint16_t domid, irq_handler_t handler, const char *name, void *arg, uint32_t *ret_port)
{
	int irq, rc = port_alloc(domid, ret_port);

	if (rc)
		return rc;
	irq = bind_evtchn_to_irqhandler_lateeoi(*ret_port, handler, 0, name, arg);
	if (irq > 0)
		return irq;
	port_close(*ret_port);
	return -XG_E_NOMEM;
}

static int event_open(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk_queue *queue = queue_of(dev, q);
	int irq;

	if (queue->irq)
		return -XG_E_INVAL;
	irq = xg_event_bind(backend_of(dev), queue_event, queue->irq_name, queue, &queue->port);
	if (irq < 0)
		return irq;
	queue->irq = irq;
	return queue->port;
}

/* Waits for a handler that is running; closes the port as well. */
static void event_close(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk_queue *queue = queue_of(dev, q);

	if (!queue->irq)
		return;
	unbind_from_irqhandler(queue->irq, queue);
	queue->irq = 0;
	queue->port = 0;
}

static void event_send(struct xg_device_header *dev, uint32_t q)
{
	notify_remote_via_evtchn(queue_of(dev, q)->port);
}

/* ---- Requests ---------------------------------------------------------------------------------------------- */

static blk_status_t status_of(int status)
{
	switch (status) {
	case XG_E_OK:
		return BLK_STS_OK;
	case -XG_E_NOTSUPP:
		return BLK_STS_NOTSUPP;
	default:
		return BLK_STS_IOERR;
	}
}

static void complete_request(struct xg_device_header *dev, uint32_t q, struct xg_request *req, int status)
{
	struct xg_disk_request *pdu = container_of(req, struct xg_disk_request, req);

	queue_of(dev, q)->completed++;
	pdu->status = status_of(status);
	pdu->taken = false;
	blk_mq_complete_request(blk_mq_rq_from_pdu(pdu));
}

static void wake(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk *disk = queue_of(dev, q)->disk;

	if (disk->gd)
		blk_mq_start_stopped_hw_queues(disk->gd->queue, true);
}

static void log_line(struct xg_device_header *dev, const char *text)
{
	struct xg_disk *disk = (struct xg_disk *)dev->personality;

	xg_say("%s: %s", disk->name, text);
}

const struct xg_services xg_linux_services = {
	.version = XG_ABI_VERSION,
	.size = sizeof(xg_linux_services),
	.memory_get = memory_get,
	.memory_put = memory_put,
	.memory_frame = memory_frame,
	.grants_reserve = grants_reserve,
	.grants_release = grants_release,
	.grant = grant,
	.ungrant = ungrant,
	.event_open = event_open,
	.event_close = event_close,
	.event_send = event_send,
	.complete = complete_request,
	.wake = wake,
	.log = log_line,
};
