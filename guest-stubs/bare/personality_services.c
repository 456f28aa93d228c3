// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a driver may ask of the bare kernel: memory, grants, event channels, completion. Called by drivers from inside
 * their entry points.
 */
#include "personality.h"

static struct xg_disk_queue *queue_of(struct xg_device_header *dev, uint32_t q)
{
	return &xg_disk_of(dev)->queues[q];
}

/* ---- Memory ------------------------------------------------------------------------------------------------ */

static int memory_get(struct xg_device_header *dev, uint32_t pages, struct xg_memory *ret)
{
	void *va;

	(void)dev;
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
	(void)dev;
	os_memory_put(memory->va, memory->pages);
	*memory = (struct xg_memory){ .va = NULL };
}

static uint64_t memory_frame(struct xg_device_header *dev, void *va)
{
	(void)dev;
	return os_memory_frame(va);
}

/* ---- Grants ------------------------------------------------------------------------------------------------ */

static int grants_reserve(struct xg_device_header *dev, uint32_t q, uint32_t count)
{
	struct xg_disk_queue *queue = queue_of(dev, q);

	if (queue->reserved || count == 0)
		return -XG_E_INVAL;
	if (!os_grants_reserve(count))
		return -XG_E_NOMEM;
	queue->reserved = true;
	queue->reserve = count;
	return XG_E_OK;
}

static void grants_release(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk_queue *queue = queue_of(dev, q);

	if (!queue->reserved)
		return;
	queue->reserved = false;
	os_grants_release(queue->reserve);
	queue->reserve = 0;
}

static int grant(struct xg_device_header *dev, uint32_t q, uint64_t frame, uint32_t read_only)
{
	struct xg_disk_queue *queue = queue_of(dev, q);
	int ref;

	if (!queue->reserved || !queue->reserve)
		return -XG_E_BUSY;
	ref = os_grant((uint16_t)dev->backend_domid, frame, read_only != 0);
	if (ref < 0)
		return -XG_E_BUSY;
	queue->reserve--;
	return ref;
}

static int ungrant(struct xg_device_header *dev, uint32_t q, uint32_t ref)
{
	struct xg_disk_queue *queue = queue_of(dev, q);

	if (!os_ungrant(ref))
		return -XG_E_BUSY;
	queue->reserve++;
	return XG_E_OK;
}

/* ---- Event channels ---------------------------------------------------------------------------------------- */

static int event_open(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk_queue *queue = queue_of(dev, q);
	int port;

	if (queue->port)
		return -XG_E_INVAL;
	port = os_event_bind((uint16_t)dev->backend_domid, xg_queue_event, queue);
	if (port < 0)
		return -XG_E_NOMEM;
	queue->port = (uint32_t)port;
	return port;
}

/* Handlers run in the loop: none runs now. */
static void event_close(struct xg_device_header *dev, uint32_t q)
{
	struct xg_disk_queue *queue = queue_of(dev, q);

	if (queue->port)
		os_event_unbind(queue->port);
	queue->port = 0;
}

static void event_send(struct xg_device_header *dev, uint32_t q)
{
	os_event_send(queue_of(dev, q)->port);
}

/* ---- Requests ---------------------------------------------------------------------------------------------- */

static void wake(struct xg_device_header *dev, uint32_t q)
{
	(void)q;
	os_request_wake(&xg_disk_of(dev)->disk);
}

static void log_line(struct xg_device_header *dev, const char *text)
{
	xg_say("%s: %s", xg_disk_of(dev)->disk.name, text);
}

const struct xg_services xg_bare_services = {
	.version = XG_ABI_VERSION,
	.size = XG_SERVICES_FIRST,	/* nobody hands a device to a guest under Xen; the bed has a table of its own */
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
	.complete = xg_disk_complete,
	.wake = wake,
	.log = log_line,
};
