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
 * COMMIT, EVENT and QUIESCE, of whichever side; neither inside the other. All else belongs to the command thread, which
 * runs one command at a time, or to the job that it waits for.
 */
#ifndef XG_LINUX_PERSONALITY_H
#define XG_LINUX_PERSONALITY_H

#include <linux/blk-mq.h>
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <xen/grant_table.h>

#include "checks.h"
#include "window.h"
#include "xengraft_abi.h"
/* How this release does what is asked of it: made by xengraft-gen from driver-gen/os/linux.xgo. */
#include "os_interface.h"

/* Which in-call counter: a queue's lock is held around its calls, so queues use their own; the rest the last. */
#define XG_CALL_SLOT_THREAD (XG_CALL_SLOTS - 1)

#define xg_say(fmt, ...) _printk(KERN_INFO "xengraft: " fmt "\n", ##__VA_ARGS__)

struct xg_keeper;

/* What a driver was given for one of its queues. */
struct xg_side_queue {
	struct xg_side *side;
	uint32_t index;
	bool reserved;		/* `grants` holds a reserve */
	grant_ref_t grants;	/* under the queue's lock, but for OPEN and CLOSE */
	struct xg_keeper *keeper;	/* of grants that stay with the backend; NULL: none do */
	uint32_t port;
	int irq;		/* 0: none */
	uint64_t completed;	/* under the queue's lock; tells a spurious event */
	char irq_name[56];
};

/*
 * One of the two drivers that a disk can have: half A's or half B's. Its header is what the driver knows its device by.
 */
struct xg_side {
	struct xg_disk *disk;
	struct xg_device_header *header;	/* NULL: no driver is open in this half */
	bool closed;		/* CLOSE has run */
	bool counts;		/* the header has room for them */
	struct xg_block_params params;	/* checked copies: the header stays Dom0's to write */
	struct xg_block_limits limits;
	struct xg_side_queue queues[XG_QUEUES_MAX];
};

struct xg_disk_queue {
	struct xg_disk *disk;
	uint32_t index;
	spinlock_t lock;
	bool live;		/* the driver may be called; under lock */
	bool gated;		/* new requests are turned back; under lock */
	uint32_t gate;		/* how often the gate was closed; under lock */
	uint32_t turned_back;	/* requests, since the gate was closed; under lock */
	struct xg_side *side;	/* whose driver is called; under lock */
	struct xg_side *proving;	/* whose driver answers to a proof (swap.c), or NULL; under lock */
	uint64_t order;		/* requests that were given to a driver; under lock */
	/* Of the request that is being submitted; under lock. */
	struct scatterlist sg[XG_SEGMENTS_MAX];
	struct xg_segment segments[XG_SEGMENTS_MAX];
};

/* What is asked of a switch, and what came of it. */
struct xg_switch {
	uint64_t deadline_ns;
	bool replay;
	uint64_t hold_ns;
	uint32_t held, in_flight, replayed;
};

enum xg_disk_job { XG_JOB_NONE, XG_JOB_ADD, XG_JOB_REMOVE, XG_JOB_SWITCH };

struct xg_disk {
	struct xg_side sides[2];
	struct xg_side *side;	/* the one in use; the thread's, or its job's */
	uint32_t nr_queues;
	struct xg_block_params params;	/* what the kernel was promised of the disk */
	struct xg_block_limits limits;
	char name[32];
	struct gendisk *gd;
	bool added;		/* device_add_disk() has succeeded */
	bool held;		/* by DEVICE_HOLD */
	enum xg_disk_job job;	/* what goes on in the background; the thread's to change */
	bool working;		/* set by the thread, cleared by `work` as its last act */
	int result;		/* of the last job */
	struct xg_switch swap;	/* of the last XG_JOB_SWITCH */
	struct work_struct work;
	struct blk_mq_tag_set tags;
	struct xg_disk_queue queues[];
};

struct xg_bounce;

/* A request's own memory, next to the kernel's struct request. */
struct xg_disk_request {
	struct xg_request req;
	struct xg_bounce *bounce;	/* of parts that can't be granted where they are; NULL: none. Under the queue's lock */
	bool taken;		/* the driver has it; under the queue's lock */
	blk_status_t status;
	uint64_t order;		/* when the driver took it: the queue's count */
	uint32_t gate;		/* the last gate that turned it back: the queue's count; under the queue's lock */
};

/* core.c */
void *xg_core_run(struct xg_core_header *header);	/* the thread's whole life; called by leave.S or the module */
/* Ends it as XG_CMD_LEAVE does; the module's, which has seen to it that no window is left. */
void xg_core_stop(void);
void xg_core_kick(void);	/* any context: there is something for the thread to look at */

/*
 * What stands behind windows (window.h) is window_raw.c, the kernel's allocator, or module/arena.c, room in the module.
 * VA is the personality's own window: to be freed so that the direct map is as before, once its text is anybody's
 * page again.
 */
void xg_window_own(unsigned long va);

/* device.c: commands on one window; called by the command thread alone */
int xg_device_open(struct xg_window *window);
int xg_device_close(struct xg_window *window);
int xg_device_add(struct xg_window *window);
int xg_device_remove(struct xg_window *window, bool force);
int xg_device_resize(struct xg_window *window, uint64_t sectors);
int xg_device_hold(struct xg_window *window, bool hold);
int xg_device_open_next(struct xg_window *window, uint64_t header_va);
int xg_device_switch(struct xg_window *window, uint64_t deadline_us, uint64_t flags);
int xg_device_close_other(struct xg_window *window);
/*
 * ADD, REMOVE and SWITCH wait for I/O, so they go on in the background: 1 when still at it, otherwise 0 or -XG_E_*, and
 * the reply's VALUES.
 */
int xg_device_job_result(struct xg_window *window, uint64_t *values);
/* Calls into a side's driver that may sleep. */
int xg_side_call(struct xg_side *side, unsigned int entry);
void xg_side_close(struct xg_side *side);	/* CLOSE, once */
void xg_side_show_state(struct xg_side *side, enum xg_device_state state);

static inline struct xg_side *xg_other_side(struct xg_disk *disk)
{
	return disk->side == &disk->sides[0] ? &disk->sides[1] : &disk->sides[0];
}

/* swap.c */
int xg_swap_run(struct xg_disk *disk);	/* disk->swap; from the job alone */
/* A proof's request was completed; queue locked. */
void xg_swap_proved(struct xg_request *req, int status);

/* disk.c: the gendisk */
int xg_disk_alloc(struct xg_disk *disk);	/* disk->gd, not yet visible */
int xg_disk_show(struct xg_disk *disk);		/* waits for I/O: partitions are read */
void xg_disk_hide(struct xg_disk *disk);	/* waits for I/O; does nothing to a disk that is not visible */
void xg_disk_free(struct xg_disk *disk);	/* disk->gd, not visible (any more) */
void xg_disk_fail_all(struct xg_disk *disk);	/* after CLOSE: requests that the driver had fail */
/* Turns new requests back, or lets them in again. Never sleeps. */
void xg_disk_gate(struct xg_disk *disk, bool closed);
/* After a gate was closed and CLOSE has run: what the driver had goes to the present one, in order; the number. */
uint32_t xg_disk_replay(struct xg_disk *disk);
bool xg_disk_claim(struct xg_disk *disk, bool force);	/* false: somebody has it open */
unsigned int xg_disk_known(void);		/* disks that are visible, or removed but still open somewhere */

/* services.c */
extern const struct xg_services xg_linux_services;
/* A new port that DOMID may bind, with HANDLER on it: the interrupt's number, or -XG_E_NOMEM. NAME is kept. */
int xg_event_bind(uint16_t domid, irq_handler_t handler, const char *name, void *arg, uint32_t *ret_port);

/* bounce.c: pages without a count of their own, where grants stay with the backend */
/* SEGMENT, of PAGE, gets a page of ours; false: no memory. *AT begins as NULL. */
bool xg_bounce_part(struct xg_bounce **at, struct page *page, struct xg_segment *segment, bool write);
/* The request is over, or given to nobody: what was read goes to its pages. Takes NULL. */
void xg_bounce_end(struct xg_bounce **at, bool was_read);

/* grants.c: grants of a queue that stay with the backend */
/* May sleep. -XG_E_NOMEM, -XG_E_NOTSUPP, -XG_E_INVAL. */
int xg_keep_start(struct xg_side_queue *queue, uint32_t count);
/* Any context. The reference, or below zero when the reserve is empty. */
int xg_keep_grant(struct xg_side_queue *queue, uint16_t domid, uint64_t frame);
/* Any context. False: it is not one of these. */
bool xg_keep_ungrant(struct xg_side_queue *queue, uint32_t ref);
/* May sleep. Does nothing where nothing was started. */
void xg_keep_stop(struct xg_side_queue *queue);

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

/* COMMIT, EVENT and QUIESCE alike; queue locked. What COMMIT and EVENT return means nothing. */
static inline int xg_side_queue_call(struct xg_side *side, uint32_t q, unsigned int entry)
{
	struct xg_device_header *dev = side->header;
	xg_entry_count_fn fn = (xg_entry_count_fn)xg_call_begin(dev, q, entry);
	int rc = fn(dev, q);

	xg_call_end(dev, q);
	return rc;
}

#endif
