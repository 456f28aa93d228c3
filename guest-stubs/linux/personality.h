/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Linux personality from inside: what its files share. See README.md for who calls what.
 *
 * Compiled against the headers of the very kernel it will run in, and linked into it by Dom0, not by the
 * module loader. So nothing here may need a loader's work: no static keys, alternatives, WARN or BUG,
 * exception tables, per-CPU definitions, init sections, exports, parameters or THIS_MODULE. build-image
 * holds the object against that list (check_object), and Dom0's linker once more.
 *
 * Locks: gd->open_mutex (the kernel's) against openers; queue->lock, interrupts off, around every SUBMIT,
 * COMMIT and EVENT; neither inside the other. All else belongs to the command thread, which runs one command at a time.
 */
#ifndef XG_LINUX_PERSONALITY_H
#define XG_LINUX_PERSONALITY_H

#include <linux/blk-mq.h>
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <xen/grant_table.h>

#include "xengraft_abi.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "the Linux personality is written for Linux 6.1 and later"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#error "Linux 6.9 and 6.10 describe queue limits in a way of their own, which is not written yet"
#endif

/* Windows, and so devices, in one guest: as many disks as xvda to xvdz and xvdaa to xvdbl. */
#define XG_WINDOWS_MAX 64
/* Pages of a window: 1 MiB of text and as much data; drivers are a few dozen KiB. */
#define XG_WINDOW_PAGES_MAX 256u
/* Requests in flight a queue: a ring of four pages has 128 entries. */
#define XG_QUEUE_DEPTH_MAX 1024u

/* Which in-call counter: a queue's lock is held around its calls, so queues use their own; the rest the last. */
#define XG_CALL_SLOT_THREAD (XG_CALL_SLOTS - 1)

#define xg_say(fmt, ...) _printk(KERN_INFO "xengraft: " fmt "\n", ##__VA_ARGS__)

struct xg_disk;

struct xg_disk_queue {
	struct xg_disk *disk;
	uint32_t index;
	spinlock_t lock;
	bool live;		/* the driver may be called; under lock */
	bool reserved;		/* `grants` holds a reserve */
	grant_ref_t grants;	/* under lock, but for OPEN and CLOSE */
	uint32_t port;
	int irq;		/* 0: none */
	uint64_t completed;	/* under lock; tells a spurious event */
	char irq_name[56];
	/* Of the request that is being submitted; under lock. */
	struct scatterlist sg[XG_SEGMENTS_MAX];
	struct xg_segment segments[XG_SEGMENTS_MAX];
};

enum xg_disk_job { XG_JOB_NONE, XG_JOB_ADD, XG_JOB_REMOVE };

struct xg_disk {
	struct xg_device_header *header;
	uint32_t nr_queues;
	struct xg_block_params params;	/* checked copies: the header stays Dom0's to write */
	struct xg_block_limits limits;
	char name[32];
	struct gendisk *gd;
	bool added;		/* device_add_disk() has succeeded */
	bool held;
	bool closed;		/* CLOSE has run */
	enum xg_disk_job job;	/* what goes on in the background; the thread's to change */
	bool working;		/* set by the thread, cleared by `work` as its last act */
	int result;		/* of the last job */
	struct work_struct work;
	struct blk_mq_tag_set tags;
	struct xg_disk_queue queues[];
};

/* A request's own memory, next to the kernel's struct request. */
struct xg_disk_request {
	struct xg_request req;
	bool taken;		/* the driver has it; under the queue's lock */
	blk_status_t status;
};

struct xg_window {
	unsigned long va;	/* 0: the slot is free */
	uint32_t text_pages, data_pages;
	struct xg_device_header *header;
	struct xg_disk *disk;	/* NULL before DEVICE_OPEN */
};

/* core.c */
void *xg_core_run(struct xg_core_header *header);	/* the thread's whole life; called by leave.S or the module */
void xg_core_stop(void);	/* ends it as XG_CMD_LEAVE does; the module's, which has seen to it that no window is left */
void xg_core_kick(void);	/* any context: there is something for the thread to look at */

/* window.c; called by the command thread alone */
int xg_window_alloc(uint32_t text_pages, uint32_t data_pages, struct xg_window **ret);
int xg_window_free(struct xg_window *window);
struct xg_window *xg_window_find(uint64_t va);
struct xg_window *xg_window_next(struct xg_window *after);	/* NULL begins and ends */

/*
 * What stands behind windows: window_raw.c (the kernel's allocator) or module/arena.c (room in the module).
 * get: text is left read-only and executable in the guest, filled with int3; data zeroed.
 */
int xg_window_pages_get(struct xg_window *window);
void xg_window_pages_put(struct xg_window *window);

/* device.c: commands on one window; called by the command thread alone */
int xg_device_open(struct xg_window *window);
int xg_device_close(struct xg_window *window);
int xg_device_add(struct xg_window *window);
int xg_device_remove(struct xg_window *window, bool force);
int xg_device_resize(struct xg_window *window, uint64_t sectors);
int xg_device_hold(struct xg_window *window, bool hold);
/* ADD and REMOVE wait for I/O, so they go on in the background: 1 when still at it, otherwise 0 or -XG_E_*. */
int xg_device_job_result(struct xg_window *window);

/* disk.c: the gendisk */
int xg_disk_alloc(struct xg_disk *disk);	/* disk->gd, not yet visible */
int xg_disk_show(struct xg_disk *disk);		/* waits for I/O: partitions are read */
void xg_disk_hide(struct xg_disk *disk);	/* waits for I/O; does nothing to a disk that is not visible */
void xg_disk_free(struct xg_disk *disk);	/* disk->gd, not visible (any more) */
void xg_disk_fail_all(struct xg_disk *disk);	/* after CLOSE: requests that the driver had fail */
bool xg_disk_claim(struct xg_disk *disk, bool force);	/* false: somebody has it open */
unsigned int xg_disk_known(void);		/* disks that are visible, or removed but still open somewhere */

/* services.c */
extern const struct xg_services xg_linux_services;
/* A new port that DOMID may bind, with HANDLER on it: the interrupt's number, or -XG_E_NOMEM. NAME is kept. */
int xg_event_bind(uint16_t domid, irq_handler_t handler, const char *name, void *arg, uint32_t *ret_port);

/* Around each call of a driver: begin returns the entry to call. DEVICE_OPEN has checked that there is one. */
static inline uint64_t xg_call_begin(struct xg_device_header *dev, unsigned int slot, unsigned int entry)
{
	WRITE_ONCE(dev->calls[slot].in, dev->calls[slot].in + 1);
	/*
	 * The counter before the pointer. Partner: the full barrier in Dom0 between the store of new pointers and its
	 * look at the counters. Whoever loads an old pointer after that look cannot be.
	 */
	smp_mb();
	return READ_ONCE(dev->entry[entry]);
}

static inline void xg_call_end(struct xg_device_header *dev, unsigned int slot)
{
	smp_store_release(&dev->calls[slot].in, dev->calls[slot].in - 1);
}

#endif
