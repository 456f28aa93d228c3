/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare personality from inside: what its files share. It is linked into the running kernel by Dom0, as
 * the Linux one is into its kernel, or statically into the bed's; it calls what bare.h, disk.h and xen.h
 * declare, and nothing else.
 *
 * How the kernel is asked for what it has is said in driver-gen/os/bare.xgo, from which os_interface.h is made.
 *
 * No locks: tasks give the processor up by themselves, and nothing here sleeps but the command task between commands.
 * The kernel's handlers (events, submit, commit) run in its loop, never inside one another.
 */
#ifndef XG_BARE_PERSONALITY_H
#define XG_BARE_PERSONALITY_H

#include "disk.h"
#include "checks.h"
#include "window.h"
#include "xengraft_abi.h"
#include "os_interface.h"

/* Which in-call counter: queues use their own; calls without a queue the last. */
#define XG_CALL_SLOT_TASK (XG_CALL_SLOTS - 1)

#define xg_say(format, ...) bare_log("xengraft: " format, ##__VA_ARGS__)

/* A request that the driver has, found by its tag. */
struct xg_slot {
	struct xg_request req;
	struct bare_request *origin;	/* NULL: the tag is free */
	uint32_t next;			/* free tag */
};

struct xg_disk_queue {
	struct xg_disk *disk;
	uint32_t index;
	bool live;		/* the driver may be called */
	uint32_t reserve;	/* grants set aside and not used; valid if `reserved` */
	bool reserved;
	uint32_t port;		/* 0: none */
	struct bare_poller poller;	/* the bed's: looks where an interrupt would tell */
	bool polled;
	bool fresh;		/* something was submitted since the last COMMIT */
	struct xg_slot *slots;	/* limits.queue_depth of them */
	uint32_t free_tag;	/* limits.queue_depth: none */
	uint32_t slot_pages;
};

struct xg_disk {
	struct xg_device_header *header;
	const struct xg_services *services;
	struct xg_block_params params;	/* checked copies: the header stays Dom0's to write */
	struct xg_block_limits limits;
	uint32_t nr_queues, next_queue;
	struct bare_disk disk;
	bool added;		/* the kernel has it, or had it and somebody holds it yet */
	bool shown;
	bool held;
	bool closed;		/* CLOSE has run */
	void *owner;		/* the bed's device */
	struct xg_disk *next_left;
	struct xg_disk_queue queues[XG_QUEUES_MAX];
};

/* personality_core.c */
void *xg_core_run(struct xg_core_header *header);	/* the task's whole life; called by personality_leave.S */

/* personality_device.c: commands on one window; 0 or -XG_E_* */
int xg_device_open(struct xg_window *window, const struct xg_services *services, void *owner);
int xg_device_close(struct xg_window *window);
int xg_device_add(struct xg_window *window);
int xg_device_remove(struct xg_window *window, bool force);
int xg_device_resize(struct xg_window *window, uint64_t sectors);
int xg_device_hold(struct xg_window *window, bool hold);
/* Disks that were closed while somebody held them: frees those that nobody holds any more; how many are left. */
unsigned int xg_disks_left(void);

/* personality_disk.c: requests */
extern const struct bare_disk_ops xg_disk_ops;
int xg_disk_slots_get(struct xg_disk *disk);
void xg_disk_slots_put(struct xg_disk *disk);
void xg_disk_fail_all(struct xg_disk *disk);	/* after CLOSE: what the driver had fails */
/* The service. */
void xg_disk_complete(struct xg_device_header *dev, uint32_t q, struct xg_request *req, int status);
void xg_queue_event(void *queue);		/* struct xg_disk_queue *: calls EVENT */

/* personality_services.c */
extern const struct xg_services xg_bare_services;
static inline struct xg_disk *xg_disk_of(const struct xg_device_header *dev)
{
	return (struct xg_disk *)dev->personality;
}

/* Around each call of a driver: begin returns the entry to call. DEVICE_OPEN has checked that there is one. */
static inline uint64_t xg_call_begin(struct xg_device_header *dev, unsigned int slot, unsigned int entry)
{
	__atomic_store_n(&dev->calls[slot].in, dev->calls[slot].in + 1, __ATOMIC_RELAXED);
	/*
	 * The counter before the pointer. Partner: the full barrier in Dom0 between the store of new pointers and its
	 * look at the counters.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&dev->entry[entry], __ATOMIC_RELAXED);
}

static inline void xg_call_end(struct xg_device_header *dev, unsigned int slot)
{
	__atomic_store_n(&dev->calls[slot].in, dev->calls[slot].in - 1, __ATOMIC_RELEASE);
}

#endif
