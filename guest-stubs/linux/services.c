// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a driver may ask of Linux: memory, grants, event channels, completion. Called by drivers from inside
 * their entry points; which may sleep is the ABI's to say. Must never trust that a driver passes sane
 * arguments twice in a row, but does trust it with the kernel: it is code in it.
 */
#include "personality.h"

static struct xg_side_queue *queue_of(struct xg_device_header *dev, uint32_t q)
{
	struct xg_side *side = (struct xg_side *)dev->personality;

	return &side->queues[q];
}

static uint16_t backend_of(const struct xg_device_header *dev)
{
	return (uint16_t)dev->backend_domid;
}

/* ---- Memory ------------------------------------------------------------------------------------------------ */

static int memory_get(struct xg_device_header *dev, uint32_t pages, struct xg_memory *ret)
{
	void *va;

	if (pages == 0 || pages > XG_WINDOW_PAGES_MAX)
		return -XG_E_INVAL;
	va = os_memory_get(pages);
	if (!va)
		return -XG_E_NOMEM;
	*ret = (struct xg_memory){ .va = va, .pages = pages };
	return XG_E_OK;
}

static void memory_put(struct xg_device_header *dev, struct xg_memory *memory)
{
	os_memory_put(memory->va);
	*memory = (struct xg_memory){ .va = NULL };
}

static uint64_t memory_frame(struct xg_device_header *dev, void *va)
{
	return os_memory_frame(va);
}

/* ---- Grants ------------------------------------------------------------------------------------------------ */

static int grants_reserve(struct xg_device_header *dev, uint32_t q, uint32_t count)
{
	struct xg_side_queue *queue = queue_of(dev, q);

	if (queue->reserved || count == 0 || count > U16_MAX)
		return -XG_E_INVAL;
	if (!os_grants_reserve(count, &queue->grants))
		return -XG_E_NOMEM;
	queue->reserved = true;
	return XG_E_OK;
}

static void grants_release(struct xg_device_header *dev, uint32_t q)
{
	struct xg_side_queue *queue = queue_of(dev, q);

	if (!queue->reserved)
		return;
	queue->reserved = false;
	xg_keep_stop(queue);
	os_grants_release(queue->grants);
}

static int grant(struct xg_device_header *dev, uint32_t q, uint64_t frame, uint32_t read_only)
{
	struct xg_side_queue *queue = queue_of(dev, q);
	int ref;

	if (!queue->reserved)
		return -XG_E_BUSY;
	if (queue->keeper)
		ref = xg_keep_grant(queue, backend_of(dev), frame);
	else
		ref = os_grant(&queue->grants, backend_of(dev), frame, read_only != 0);
	return ref < 0 ? -XG_E_BUSY : ref;
}

static int ungrant(struct xg_device_header *dev, uint32_t q, uint32_t ref)
{
	struct xg_side_queue *queue = queue_of(dev, q);

	if (queue->keeper && xg_keep_ungrant(queue, ref))
		return XG_E_OK;
	return os_ungrant(&queue->grants, ref) ? XG_E_OK : -XG_E_BUSY;
}

static int grants_keep(struct xg_device_header *dev, uint32_t q, uint32_t count)
{
	return xg_keep_start(queue_of(dev, q), count);
}

/* ---- Event channels ---------------------------------------------------------------------------------------- */

/* A side that is not in use is called for the answer to its proof alone. */
static irqreturn_t queue_event(int irq, void *arg)
{
	struct xg_side_queue *mine = arg;
	struct xg_side *side = mine->side;
	struct xg_disk_queue *queue = &side->disk->queues[mine->index];
	bool spurious = true;
	unsigned long flags;
	uint64_t before;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->live && (queue->side == side || queue->proving == side)) {
		before = mine->completed;
		xg_side_queue_call(side, mine->index, XG_ENTRY_EVENT);
		spurious = mine->completed == before;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	os_event_done(irq, spurious);
	return IRQ_HANDLED;
}

int xg_event_bind(uint16_t domid, irq_handler_t handler, const char *name, void *arg, uint32_t *ret_port)
{
	int irq;

	if (!os_port_alloc(domid, ret_port))
		return -XG_E_NOMEM;
	irq = os_event_bind(*ret_port, handler, name, arg);
	if (irq > 0)
		return irq;
	os_port_close(*ret_port);
	return -XG_E_NOMEM;
}

static int event_open(struct xg_device_header *dev, uint32_t q)
{
	struct xg_side_queue *queue = queue_of(dev, q);
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
	struct xg_side_queue *queue = queue_of(dev, q);

	if (!queue->irq)
		return;
	os_event_unbind(queue->irq, queue);
	queue->irq = 0;
	queue->port = 0;
}

static void event_send(struct xg_device_header *dev, uint32_t q)
{
	os_event_send(queue_of(dev, q)->irq);
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
	struct xg_side_queue *queue = queue_of(dev, q);

	queue->completed++;
	if (queue->side->counts)
		WRITE_ONCE(dev->counts[q].completed, dev->counts[q].completed + 1);
	if (req->personality) {
		xg_swap_proved(req, status);
		return;
	}
	xg_bounce_end(&pdu->bounce, status == XG_E_OK && req->op == XG_OP_READ);
	pdu->status = status_of(status);
	pdu->taken = false;
	os_request_complete(blk_mq_rq_from_pdu(pdu));
}

static void wake(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk *disk = queue_of(dev, q)->side->disk;

	if (disk->gd)
		blk_mq_run_hw_queues(disk->gd->queue, true);
}

static void log_line(struct xg_device_header *dev, const char *text)
{
	struct xg_side *side = (struct xg_side *)dev->personality;

	xg_say("%s: %s", side->disk->name, text);
}

const struct xg_services xg_linux_services = {
	.version = XG_ABI_VERSION,
	.size = sizeof(struct xg_services),	/* but nobody hands a device to this kernel: what is for that is NULL */
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
	.grants_keep = grants_keep,
};
