/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xengraft ABI: what Dom0, the personality and the driver agree on. Version 1.
 *
 * Three parties meet in a window, a range of guest kernel memory that the guest's own allocator gave:
 *
 *     Dom0 (hotswap/)          writes text and data through foreign mappings, reads what the guest publishes
 *     personality (linux/)     knows the guest's kernel: disks, grants, event channels, memory, locks
 *     driver (drivers/)        knows the device: fills a queue and reaps it; calls the services below and no kernel
 *
 * Window, in the order of addresses:
 *
 *     +--------------------+ window_va                 text: read-only and executable in the guest
 *     | core: personality  |
 *     | device: half A     |   (text_pages)
 *     |         half B     |
 *     +--------------------+ header_va                 data: writable, never executable
 *     | header page        |   struct xg_core_header or struct xg_device_header
 *     | device: B's header |   a page, where data_pages is even; where it is odd, an early Dom0's, there is none
 *     | data               |   the image's .data and .bss (device: half A's, then half B's)
 *     +--------------------+
 *
 * Rules of the ABI. Fixed-width fields, naturally aligned, padding named `pad` and zero; the fields of version 1
 * never move and never change their meaning: later versions append. Tables begin with version and size: who
 * calls checks that the slot lies within `size`. Pointers in a header are guest-virtual and mean something
 * to the guest alone; Dom0 neither follows nor trusts them. Everything that the guest writes is read by Dom0 once,
 * into private memory, and checked there. Errors are the negative numbers XG_E_*, not errno: they are part
 * of the ABI.
 *
 * Freestanding: includes nothing but the fixed-width integers, and compiles in the kernel, in Dom0 and bare.
 */
#ifndef XENGRAFT_ABI_H
#define XENGRAFT_ABI_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define XG_ABI_VERSION 1

#define XG_ABI_PAGE 4096u
#define XG_ABI_SECTOR 512u		/* the unit of every `sector` and `sectors` field */

/* "XGRAFT-C", "XGRAFT-D", "XGRAFT-M" as the bytes stand in memory. */
#define XG_MAGIC_CORE 0x432d544641524758ULL
#define XG_MAGIC_DEVICE 0x442d544641524758ULL
#define XG_MAGIC_MAILBOX 0x4d2d544641524758ULL

/* Numbered errors, negative on the wire. */
enum xg_abi_error {
	XG_E_OK = 0,
	XG_E_BUSY = 1,		/* try again: ring full, held, disk open */
	XG_E_NOMEM = 2,
	XG_E_INVAL = 3,		/* an argument or a header field is wrong */
	XG_E_EXIST = 4,		/* the name is taken in the guest */
	XG_E_NOTSUPP = 5,	/* the operation is not known to this version */
	XG_E_IO = 6,
	XG_E_NODEV = 7,		/* the device is gone */
};

/* ---- The mailbox of the first stage ------------------------------------------------------------------------
 *
 * 64 bytes at the end of the guest's VMCOREINFO page: writable by the guest, never executable, its frame
 * already known to Dom0. Lives while the core window is being made, then is zeroed again.
 *
 *     Dom0                        guest, first stage
 *     IDLE written, trigger
 *                                 IDLE -> ENTERED        (compare-and-swap, in the watch thread)
 *                                 window = module_alloc  (in a thread of its own)
 *                                 ENTERED -> READY
 *     core written at window
 *     READY -> GO  (c-a-s)
 *                                 jump to `entry`: from here xg_core_header.state speaks
 *     cave restored
 *                                 READY -> LEAVING (c-a-s) when no GO came within `patience` polls,
 *                                 or at once on CANCELLED: the window is freed, then GAVE_UP
 *
 * FAILED and GAVE_UP are stored by the kernel's own memset, reached by a tail jump: once Dom0 reads them no
 * thread can be inside the first stage any more, and its bytes may be put back.
 */
enum xg_mailbox_state {
	XG_MB_IDLE = 1,
	XG_MB_ENTERED = 2,
	XG_MB_READY = 3,
	XG_MB_GO = 4,
	XG_MB_LEAVING = 5,
	XG_MB_GAVE_UP = 6,
	XG_MB_FAILED = 7,	/* no thread or no memory in the guest */
	XG_MB_CANCELLED = 8,	/* by Dom0, from IDLE or READY */
};

struct xg_mailbox {
	uint64_t magic;		/* XG_MAGIC_MAILBOX; IN */
	uint32_t state;		/* enum xg_mailbox_state; IN and OUT, compare-and-swap only */
	uint32_t patience;	/* polls of about 4 ms before the first stage gives up; IN */
	uint64_t window;	/* guest-virtual start of the allocation; OUT with READY */
	uint64_t entry;		/* where to jump on GO; IN */
	uint64_t argument;	/* handed to `entry` in its first argument; IN */
	uint64_t pad[3];
};

/* ---- The core window: one a guest ----------------------------------------------------------------------- */

#define XG_COMMAND_ARGS 6
#define XG_REPLY_VALUES 4

/*
 * Commands from Dom0 to the personality's thread. One at a time: Dom0 fills in the command, then stores `seq`
 * (one more than the last), then notifies `event_port`. The personality fills in the reply, then stores
 * reply.seq, then notifies. A command is executed once; the personality ignores a seq that it has answered.
 */
enum xg_command_op {
	XG_CMD_PING = 1,	/* values[0] = XG_ABI_VERSION */
	XG_CMD_WINDOW_ALLOC = 2,	/* args: text pages, data pages -> values: window_va, header_va */
	XG_CMD_WINDOW_FREE = 3,	/* args: window_va; refused (BUSY) while a device lives in it */
	XG_CMD_DEVICE_OPEN = 4,	/* args: window_va; runs the driver's OPEN: queues[] of the header get filled in */
	XG_CMD_DEVICE_ADD = 5,	/* args: window_va; the backend is connected: START, then the disk appears */
	XG_CMD_DEVICE_REMOVE = 6,	/* args: window_va, force; the disk disappears; BUSY when open and force is 0 */
	XG_CMD_DEVICE_CLOSE = 7,	/* args: window_va; runs CLOSE: grants and event channels are gone after it */
	XG_CMD_DEVICE_RESIZE = 8,	/* args: window_va, sectors */
	XG_CMD_LEAVE = 9,	/* frees the core window and ends: BUSY while there is a window, or somebody
				   holds a removed disk open; success is not answered, see `state` */
	XG_CMD_DEVICE_HOLD = 10,	/* args: window_va; new requests wait (used by a swap) */
	XG_CMD_DEVICE_RELEASE = 11,	/* args: window_va */
	/*
	 * Appended: a driver takes another's place while the disk is in use; see "Swap" in docs/abi.md. NOTSUPP from a
	 * personality that is older.
	 */
	XG_CMD_DEVICE_OPEN_NEXT = 12,	/* args: window_va, header_va of the half not in use: its driver's OPEN */
	XG_CMD_DEVICE_SWITCH = 13,	/* args: window_va, microseconds, XG_SWITCH_*; values: hold in ns, held, in
				   flight, replayed. BUSY: not drained in time, the driver is the one it was */
	XG_CMD_DEVICE_CLOSE_OTHER = 14,	/* args: window_va; CLOSE of the half that is not in use */
};

/* What is not done in time goes to the next driver: the backend that had it is dead. */
#define XG_SWITCH_REPLAY 0x01u
#define XG_SWITCH_MAX_US 10000000u

struct xg_command {
	uint32_t seq;
	uint32_t op;		/* enum xg_command_op */
	uint64_t args[XG_COMMAND_ARGS];
};

struct xg_reply {
	uint32_t seq;
	int32_t status;		/* 0 or -XG_E_* */
	uint64_t values[XG_REPLY_VALUES];
};

enum xg_core_state {
	XG_CORE_NONE = 0,
	XG_CORE_RUNNING = 1,	/* written by the personality once its thread serves commands */
	XG_CORE_FAILED = 2,	/* it could not start: `fault` says why; it is gone 30 s later */
	XG_CORE_LEFT = 3,	/* after XG_CMD_LEAVE; the page is the guest's again 250 ms later */
};

struct xg_core_header {
	uint64_t magic;		/* XG_MAGIC_CORE; IN */
	uint32_t version;	/* XG_ABI_VERSION of who wrote it; IN */
	uint32_t size;		/* sizeof(struct xg_core_header) of who wrote it; IN */
	uint64_t window_va;	/* IN */
	uint64_t header_va;	/* IN */
	uint32_t text_pages;	/* IN */
	uint32_t data_pages;	/* IN, the header page counts */
	uint32_t state;		/* enum xg_core_state; OUT */
	int32_t fault;		/* -XG_E_*; OUT */
	uint32_t event_port;	/* unbound, for backend_domid; OUT before state is RUNNING */
	uint32_t backend_domid;	/* whom commands come from; IN */
	struct xg_command command;	/* IN */
	struct xg_reply reply;	/* OUT */
	char banner[160];	/* what the guest's kernel log shall say: version, digest; IN, NUL-terminated */
	/*
	 * Whose `event_port` is: the domain's id when it was made, IN, and OUT each time that the personality made one
	 * anew after its domain was restored. Another id than the domain has: the port means nothing (yet).
	 */
	uint32_t domid;
	uint32_t pad;
};

#define XG_DOMID_UNKNOWN 0xffffffffu

/* ---- The device window: one a device --------------------------------------------------------------------- */

enum xg_class {
	XG_CLASS_BLOCK = 1,
	XG_CLASS_NET = 2,	/* room; no entry points are defined in version 1 */
};

/*
 * Entry points of a driver, as indices into xg_device_header.entry[]. The only way in: the personality
 * loads the pointer anew for each call, so that a single 8-byte store by Dom0 swaps the driver.
 * Called with struct xg_device *; `q` is a queue number below nr_queues. All return 0 or -XG_E_* unless said otherwise.
 *
 *   OPEN     int (*)(dev)              may sleep. Makes rings, grants them, opens event channels; fills in queues[]
 *                                      and limits
 *   START    int (*)(dev)              may sleep. The backend is connected; requests may follow
 *   SUBMIT   int (*)(dev, q, req)      queue locked, interrupts off. BUSY: not taken; the driver calls wake() when
 *                                      there is room
 *   COMMIT   void (*)(dev, q)          queue locked. Makes what was submitted visible and notifies if the backend
 *                                      asked for it
 *   EVENT    void (*)(dev, q)          queue locked. Reaps; calls complete() for each request done
 *   QUIESCE  int (*)(dev, q)           queue locked. Number of requests in flight, >= 0
 *   RESUME   int (*)(dev, q)           queue locked. Undoes whatever QUIESCE changed
 *   CLOSE    void (*)(dev)             may sleep. Ends grants, closes event channels, frees; requests in flight are
 *                                      not completed
 */
enum xg_block_entry {
	XG_ENTRY_OPEN = 0,
	XG_ENTRY_START = 1,
	XG_ENTRY_SUBMIT = 2,
	XG_ENTRY_COMMIT = 3,
	XG_ENTRY_EVENT = 4,
	XG_ENTRY_QUIESCE = 5,
	XG_ENTRY_RESUME = 6,
	XG_ENTRY_CLOSE = 7,
	XG_BLOCK_ENTRIES = 8,
	XG_ENTRY_SLOTS = 16,	/* slots in the header; the rest are zero */
};

#define XG_QUEUES_MAX 8
#define XG_RING_PAGES_MAX 4		/* order 2 */
#define XG_SEGMENTS_MAX 64		/* a request of 256 KiB */

/* What a backend can do and how large the disk is. Filled in by Dom0 from the backend's own nodes. */
struct xg_block_params {
	uint64_t sectors;	/* capacity, of XG_ABI_SECTOR bytes whatever the logical size */
	uint32_t logical_bytes;	/* 512 or 4096 */
	uint32_t physical_bytes;
	uint32_t flags;		/* XG_BLK_* */
	uint32_t max_indirect;	/* segments the backend takes in an indirect request; 0: none */
	uint32_t discard_granularity;	/* bytes; 0 without XG_BLK_DISCARD */
	uint32_t discard_alignment;	/* bytes */
	uint32_t nr_queues;	/* 1..XG_QUEUES_MAX */
	uint32_t ring_order;	/* pages of a ring = 1 << ring_order, <= 2 */
};

#define XG_BLK_READ_ONLY 0x01u
#define XG_BLK_FLUSH 0x02u	/* XG_OP_FLUSH works */
#define XG_BLK_FUA 0x04u	/* XG_RQ_FUA works (blkif: write barrier or flush semantics); else the OS flushes */
#define XG_BLK_DISCARD 0x08u
#define XG_BLK_SECURE_DISCARD 0x10u
#define XG_BLK_REMOVABLE 0x20u
#define XG_BLK_CDROM 0x40u
/*
 * Appended: the backend leaves mapped what it has mapped, up to XG_KEPT_MAX grants a queue, if the driver's OPEN says
 * that it can go along (limits.kept); see xg_services.grants_keep. blkif: feature-persistent.
 */
#define XG_BLK_KEPT 0x80u
#define XG_KEPT_MAX 1056u	/* xen-blkback's max_persistent_grants, unless its owner said otherwise */

/* What a driver can take in one request. Filled in by OPEN. */
struct xg_block_limits {
	uint32_t max_segments;	/* <= XG_SEGMENTS_MAX */
	uint32_t max_sectors;
	uint32_t queue_depth;	/* requests in flight a queue */
	uint32_t kept;		/* grants that the backend may leave mapped in each queue; 0: none. Was padding */
};

/* One queue's connection, for the backend. Published by OPEN, checked by Dom0. */
struct xg_queue {
	uint32_t ring_ref[XG_RING_PAGES_MAX];	/* grant references; unused are 0 */
	uint32_t ring_pages;
	uint32_t event_port;	/* unbound, for backend_domid */
	uint64_t driver;	/* the driver's own */
	uint64_t personality;	/* the personality's own */
};

/*
 * ---- Devices that reach the guest's memory themselves -------------------------------------------------------------
 *
 * Appended to version 1. A driver that needs it checks that the header (xg_device_header.size) and the table of
 * services (xg_services.size) reach that far, and answers OPEN with -XG_E_NOTSUPP where they don't.
 *
 * Who brings the device up (resets it, negotiates, knows its admin queue: Dom0, or the personality of a guest that owns
 * the device) fills in xg_direct_params before OPEN. OPEN makes the rings and publishes where the device finds them;
 * then that same party creates the queues in the device; then START. Before CLOSE it deletes them, or resets the
 * device: from then on their memory is somebody else's. Bring-up is never the driver's.
 */
struct xg_direct_params {
	uint64_t features;	/* what was negotiated, in the device's own numbering: virtio's feature bits; NVMe: 0 */
	uint32_t doorbell_stride;	/* bytes: NVMe 4 << CAP.DSTRD; virtio notify_off_multiplier; IN */
	uint32_t doorbell_bytes;	/* of registers behind doorbells_map(); IN */
	uint32_t unit;		/* which part of the device: NVMe's namespace; else 0; IN */
	uint32_t max_entries;	/* of one ring of the device, 0: no limit but the driver's; IN */
	uint32_t max_segments;	/* 0: no limit but the driver's (virtio-blk seg_max); IN */
	uint32_t max_sectors;	/* of XG_ABI_SECTOR bytes in one request; 0: no limit (NVMe MDTS); IN */
	uint32_t segment_boundary;	/* OUT with OPEN. Not 0: each segment of a request but the first begins, and
				   each but the last ends, at a multiple of it (NVMe's pages) */
	uint32_t pad;
};

#define XG_DIRECT_RINGS 3

/* One queue of such a device. OUT is the guest's to write: Dom0 checks it as hostile. */
struct xg_direct_queue {
	/* OUT: bus addresses: NVMe SQ, CQ, 0; virtio descriptors, driver's, device's ring. */
	uint64_t ring[XG_DIRECT_RINGS];
	uint32_t entries;	/* of each ring; OUT */
	uint32_t doorbell;	/* index, times doorbell_stride: NVMe 2 * queue id (its CQ's is the next); virtio
				   queue_notify_off; IN */
	uint32_t number;	/* the queue's own in the device: NVMe queue id, virtio queue index; IN */
	uint32_t vector;	/* of the device's interrupts, for interrupt_open(); IN */
};

#define XG_BUS_NONE 0xffffffffffffffffULL	/* no bus address */

enum xg_device_state {
	XG_DEV_NONE = 0,
	XG_DEV_OPEN = 1,	/* OPEN has run; of the half that is not in use: another one is LIVE */
	XG_DEV_LIVE = 2,	/* the disk is there */
	XG_DEV_REMOVED = 3,	/* the disk is gone, CLOSE owed */
};

struct xg_services;

struct xg_device_header {
	uint64_t magic;		/* XG_MAGIC_DEVICE; IN */
	uint32_t version;	/* IN */
	uint32_t size;		/* sizeof(struct xg_device_header) of who wrote it; IN */
	uint64_t window_va;	/* IN */
	uint64_t header_va;	/* IN */
	uint32_t text_pages;	/* IN; half of them each for A and B */
	uint32_t data_pages;	/* IN */
	uint32_t class_id;	/* enum xg_class; IN */
	uint32_t state;		/* enum xg_device_state; OUT */
	uint32_t backend_domid;	/* IN */
	uint32_t live_half;	/* whose header this is, 0: A, 1: B; IN */
	uint64_t entry[XG_ENTRY_SLOTS];	/* IN; guest-virtual, 0 where there is none */
	uint64_t services;	/* struct xg_services *; OUT, set by the personality before OPEN */
	uint64_t driver;	/* the driver's own, set by OPEN; OUT */
	uint64_t personality;	/* the personality's own; OUT */
	struct xg_block_params block;	/* IN, before XG_CMD_DEVICE_OPEN */
	struct xg_block_limits limits;	/* OUT, with OPEN */
	struct xg_queue queues[XG_QUEUES_MAX];	/* OUT, with OPEN */
	char name[32];		/* the disk's name in the guest, "xvdb"; IN, NUL-terminated */
	char banner[160];	/* what the guest's kernel log shall say of driver and digest; IN */
	/*
	 * In-call counters, each in a cache line of its own: raised before an entry is loaded, lowered when it has
	 * returned. Which slot a call uses is the personality's choice; Linux takes the queue's number (its lock is
	 * held around the call, so nobody shares the line) and the last one for calls without a queue. A swap waits
	 * until every slot has been seen at zero after the new pointers were stored.
	 */
	uint64_t pad0[7];	/* calls[] begins on a cache line */
	struct {
		uint32_t in;
		uint32_t pad[15];
	} calls[16];
	/* Appended, see above. A header of an earlier writer ends before it. */
	struct xg_direct_params direct;	/* IN, before XG_CMD_DEVICE_OPEN */
	struct xg_direct_queue direct_queues[XG_QUEUES_MAX];
	/*
	 * Appended with the swap: what each queue of this half's driver was given and has completed since OPEN, a
	 * cache line each. The personality's; Dom0 sees by it whether a driver that took over gets on.
	 */
	uint64_t pad1[3];
	struct {
		uint64_t taken, completed;
		uint64_t pad[6];
	} counts[XG_QUEUES_MAX];
};

#define XG_CALL_SLOTS 16
#define XG_DEVICE_HEADER_FIRST 1856u	/* bytes of the header that every writer of version 1 knows */

/* A driver's view of its device is the header itself. */
#define xg_device xg_device_header

/* ---- Block requests, personality -> driver ---------------------------------------------------------------- */

enum xg_op {
	XG_OP_READ = 0,
	XG_OP_WRITE = 1,
	XG_OP_FLUSH = 2,	/* no segments */
	XG_OP_DISCARD = 3,	/* no segments; sector and sectors say what */
};

#define XG_RQ_FUA 0x01u
#define XG_RQ_SECURE 0x02u		/* with XG_OP_DISCARD */

/* Part of one page of the guest. */
struct xg_segment {
	uint64_t frame;		/* the number a grant takes: gfn (PVH, HVM) or mfn (PV) */
	uint32_t offset;	/* into the page, a multiple of 512 */
	uint32_t bytes;		/* offset + bytes <= 4096, a multiple of 512 */
};

struct xg_request {
	uint64_t sector;
	uint32_t sectors;
	uint16_t op;		/* enum xg_op */
	uint16_t flags;		/* XG_RQ_* */
	uint32_t nr_segments;
	uint32_t tag;		/* < queue_depth, unique among a queue's requests in flight: an index for the driver */
	struct xg_segment *segments;	/* there during SUBMIT alone */
	uint64_t personality;	/* the personality's own */
};

/* ---- Services, driver -> personality ------------------------------------------------------------------------ */

struct xg_memory {
	void *va;		/* zeroed, page-aligned, contiguous for the guest's kernel */
	uint32_t pages;
	uint32_t pad;
};

/*
 * Version and size first, append-only. "any": from every entry; "sleep": from OPEN, START and CLOSE only.
 */
struct xg_services {
	uint32_t version;
	uint32_t size;

	/* sleep. PAGES pages; 0 or -XG_E_NOMEM. */
	int (*memory_get)(struct xg_device *dev, uint32_t pages, struct xg_memory *ret);
	void (*memory_put)(struct xg_device *dev, struct xg_memory *memory);
	/* any. The frame number of the page at VA (memory_get's). */
	uint64_t (*memory_frame)(struct xg_device *dev, void *va);

	/* sleep. Sets COUNT grant references aside for queue Q. */
	int (*grants_reserve)(struct xg_device *dev, uint32_t q, uint32_t count);
	void (*grants_release)(struct xg_device *dev, uint32_t q);
	/* any. Lets backend_domid use FRAME; a reference >= 8 or -XG_E_BUSY when the reserve is empty. */
	int (*grant)(struct xg_device *dev, uint32_t q, uint64_t frame, uint32_t read_only);
	/* any. 0, or -XG_E_BUSY while the backend has it mapped: the reference is then lost to the reserve. */
	int (*ungrant)(struct xg_device *dev, uint32_t q, uint32_t ref);

	/* sleep. An event channel for queue Q whose events call EVENT; the port or an error. */
	int (*event_open)(struct xg_device *dev, uint32_t q);
	void (*event_close)(struct xg_device *dev, uint32_t q);
	/* any. */
	void (*event_send)(struct xg_device *dev, uint32_t q);

	/* from EVENT, or from SUBMIT for a request that failed at once. STATUS 0 or -XG_E_*. */
	void (*complete)(struct xg_device *dev, uint32_t q, struct xg_request *req, int status);
	/* from EVENT: there is room after a BUSY. */
	void (*wake)(struct xg_device *dev, uint32_t q);

	/* any. One line for the guest's kernel log. */
	void (*log)(struct xg_device *dev, const char *text);

	/*
	 * Appended; NULL, or beyond `size`, where the personality cannot do it. All of them or none.
	 *
	 * any. Where the device finds FRAME (a segment's, or memory_frame()'s): the address of its first byte on the
	 * device's bus, or XG_BUS_NONE. Frames that follow each other need not do so on the bus.
	 */
	uint64_t (*bus_address)(struct xg_device *dev, uint64_t frame);
	/* sleep. Once a device. Its doorbells, direct.doorbell_bytes of them, mapped uncached; or NULL. */
	void *(*doorbells_map)(struct xg_device *dev);
	void (*doorbells_unmap)(struct xg_device *dev, void *va);
	/* sleep. From here on the interrupt direct_queues[Q].vector calls EVENT; 0 or -XG_E_*. */
	int (*interrupt_open)(struct xg_device *dev, uint32_t q);
	void (*interrupt_close)(struct xg_device *dev, uint32_t q);	/* waits until no EVENT runs */

	/*
	 * Appended, by itself: NULL, or beyond `size`, where the personality cannot do it.
	 *
	 * sleep. Once a queue, after grants_reserve, for a backend with XG_BLK_KEPT. From here on grants of queue Q are
	 * writable whatever is asked for, and one that the backend still has mapped when it is ungranted is kept: the
	 * personality holds its page, ungrant answers 0, and the next grant of that frame is the same reference. COUNT
	 * of the reserve are for this; when none of them is left, what the backend has let go of is ended first. What
	 * was granted before stays as it was. 0, -XG_E_NOMEM, -XG_E_NOTSUPP, -XG_E_INVAL. Ends with grants_release.
	 */
	int (*grants_keep)(struct xg_device *dev, uint32_t q, uint32_t count);
};

#define XG_SERVICES_FIRST 112u		/* bytes of the table that every personality of version 1 offers */

typedef int (*xg_entry_device_fn)(struct xg_device *dev);
typedef int (*xg_entry_submit_fn)(struct xg_device *dev, uint32_t q, struct xg_request *req);
typedef void (*xg_entry_queue_fn)(struct xg_device *dev, uint32_t q);
typedef int (*xg_entry_count_fn)(struct xg_device *dev, uint32_t q);
typedef void (*xg_entry_close_fn)(struct xg_device *dev);

/*
 * ---- What an image exports ----------------------------------------------------------------------------------
 *
 * A driver image defines one table, in a section that is read-only data:
 *
 *     const struct xg_driver xg_driver = {
 *             .version = XG_ABI_VERSION, .size = sizeof(xg_driver), .class_id = ..., .entry = { ... },
 *     };
 *
 * It imports nothing. A personality image defines `xg_core_main`, called once in a thread of its own with the
 * address of the core header: void xg_core_main(struct xg_core_header *), which does not return before XG_CMD_LEAVE.
 *
 * Each image says what it is in the ELF note section .note.xengraft: one note, name "xengraft", type
 * XG_NOTE_IMAGE, whose contents are lines "key=value\n": kind (personality, driver), abi, os, release, build-id, arch,
 * class, device, mode, needs, version, licence. Keys may appear once; unknown keys are kept and ignored. `needs` and,
 * in a personality, `offers` are words with commas between them: grants, events, direct.
 */
struct xg_driver {
	uint32_t version;
	uint32_t size;
	uint32_t class_id;
	uint32_t pad;
	void *entry[XG_ENTRY_SLOTS];
};

#define XG_NOTE_NAME "xengraft"
#define XG_NOTE_IMAGE 1u
#define XG_NOTE_SECTION ".note.xengraft"
#define XG_CORE_MAIN "xg_core_main"
#define XG_DRIVER_TABLE "xg_driver"

#endif
