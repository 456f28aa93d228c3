/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block protocol between a frontend and a backend as it lies in memory, x86_64 ("x86_64-abi").
 *
 * Source of the facts: Xen's public headers io/blkif.h and io/ring.h; blkif.c holds each offset here against
 * them when it is compiled. Restated so that what is above lib/xen needs none of Xen's headers, with
 * padding named. All of it lies in memory that the guest can write at any time: copy it once, then look.
 */
#ifndef XG_XEN_BLKIF_H
#define XG_XEN_BLKIF_H

#include <stdint.h>

#define XG_BLKIF_PROTOCOL "x86_64-abi"	/* node `protocol`; absent means native, which is the same here */

/* The unit of sector numbers and of first_sect and last_sect, whatever the disk's logical block is. */
#define XG_BLKIF_SECTOR 512u

enum xg_blkif_op {
	XG_BLKIF_OP_READ = 0,
	XG_BLKIF_OP_WRITE = 1,
	XG_BLKIF_OP_WRITE_BARRIER = 2,
	XG_BLKIF_OP_FLUSH_DISKCACHE = 3,
	XG_BLKIF_OP_DISCARD = 5,
	XG_BLKIF_OP_INDIRECT = 6,
};

enum xg_blkif_status {
	XG_BLKIF_RSP_OKAY = 0,
	XG_BLKIF_RSP_ERROR = -1,
	XG_BLKIF_RSP_EOPNOTSUPP = -2,
};

#define XG_BLKIF_SEGMENTS 11		/* in a request itself */
#define XG_BLKIF_INDIRECT_PAGES 8
#define XG_BLKIF_DISCARD_SECURE 0x01u	/* `flag` of a discard */

#define XG_BLKIF_INFO_CDROM 0x1u	/* bits of the node `info` */
#define XG_BLKIF_INFO_REMOVABLE 0x2u
#define XG_BLKIF_INFO_READONLY 0x4u

struct xg_blkif_segment {
	uint32_t gref;
	uint8_t first_sect;
	uint8_t last_sect;	/* inclusive */
	uint16_t pad;
};

/* READ, WRITE, FLUSH_DISKCACHE, WRITE_BARRIER */
struct xg_blkif_rw {
	uint8_t operation;
	uint8_t nr_segments;
	uint16_t handle;
	uint32_t pad;
	uint64_t id;		/* the guest's own, goes back with the response */
	uint64_t sector_number;
	struct xg_blkif_segment seg[XG_BLKIF_SEGMENTS];
};

struct xg_blkif_discard {
	uint8_t operation;
	uint8_t flag;
	uint16_t handle;
	uint32_t pad;
	uint64_t id;
	uint64_t sector_number;
	uint64_t nr_sectors;
};

struct xg_blkif_indirect {
	uint8_t operation;
	uint8_t indirect_op;	/* READ or WRITE */
	uint16_t nr_segments;
	uint32_t pad;
	uint64_t id;
	uint64_t sector_number;
	uint16_t handle;
	uint16_t pad2;
	uint32_t indirect_grefs[XG_BLKIF_INDIRECT_PAGES];	/* pages full of struct xg_blkif_segment */
};

/* A slot of the ring; `operation` and `id` lie at the same place in each form. */
union xg_blkif_request {
	struct xg_blkif_rw rw;
	struct xg_blkif_discard discard;
	struct xg_blkif_indirect indirect;
};

struct xg_blkif_response {
	uint64_t id;
	uint8_t operation;
	uint8_t pad;
	int16_t status;		/* enum xg_blkif_status */
	uint32_t pad2;
};

/* The shared pages. Slots: as many as fit, rounded down to a power of two. */
struct xg_blkif_ring {
	uint32_t req_prod;
	uint32_t req_event;
	uint32_t rsp_prod;
	uint32_t rsp_event;
	uint8_t pad[48];
	union {
		union xg_blkif_request req;
		struct xg_blkif_response rsp;
	} slot[];
};

#endif
