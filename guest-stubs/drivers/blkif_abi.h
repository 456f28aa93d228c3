/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block ring as a Xen block backend sees it: layouts and numbers of x86_64's native protocol.
 *
 * Facts from Xen's public headers io/ring.h and io/blkif.h (protocol "x86_64-abi"). Indices run freely from 0
 * to 2^32 - 1 and are masked on use. The layouts are asserted below; they are the backend's and never change.
 */
#ifndef XG_BLKIF_ABI_H
#define XG_BLKIF_ABI_H

#include "xengraft_abi.h"

enum {
	BLKIF_OP_READ = 0,
	BLKIF_OP_WRITE = 1,
	BLKIF_OP_FLUSH_DISKCACHE = 3,
	BLKIF_OP_DISCARD = 5,
	BLKIF_OP_INDIRECT = 6,
};

enum {
	BLKIF_RSP_OKAY = 0,
	BLKIF_RSP_ERROR = -1,
	BLKIF_RSP_EOPNOTSUPP = -2,
};

#define BLKIF_DISCARD_SECURE 0x01u
#define BLKIF_DIRECT_SEGMENTS 11u
#define BLKIF_INDIRECT_PAGES 8u
#define BLKIF_SEGMENTS_PER_PAGE (XG_ABI_PAGE / 8u)

/* Sectors of 512 bytes within one granted page, both ends included. */
struct blkif_segment {
	uint32_t gref;
	uint8_t first_sect;
	uint8_t last_sect;
	uint16_t pad;
};

struct blkif_rw {
	uint8_t operation;
	uint8_t nr_segments;
	uint16_t handle;
	uint32_t pad;
	uint64_t id;
	uint64_t sector;
	struct blkif_segment seg[BLKIF_DIRECT_SEGMENTS];
};

struct blkif_discard {
	uint8_t operation;
	uint8_t flag;
	uint16_t handle;
	uint32_t pad;
	uint64_t id;
	uint64_t sector;
	uint64_t nr_sectors;
};

/* The segments themselves lie in granted pages: an array of struct blkif_segment from the start of each. */
struct blkif_indirect {
	uint8_t operation;	/* BLKIF_OP_INDIRECT */
	uint8_t indirect_op;	/* BLKIF_OP_READ or BLKIF_OP_WRITE */
	uint16_t nr_segments;
	uint32_t pad;
	uint64_t id;
	uint64_t sector;
	uint16_t handle;
	uint16_t pad2;
	uint32_t gref[BLKIF_INDIRECT_PAGES];
};

union blkif_request {
	struct blkif_rw rw;
	struct blkif_discard discard;
	struct blkif_indirect indirect;
};

struct blkif_response {
	uint64_t id;
	uint8_t operation;
	uint8_t pad;
	int16_t status;
	uint32_t pad2;
};

union blkif_slot {
	union blkif_request req;
	struct blkif_response rsp;
};

struct blkif_sring {
	uint32_t req_prod, req_event;	/* we write req_prod, the backend req_event */
	uint32_t rsp_prod, rsp_event;	/* the backend writes rsp_prod, we rsp_event */
	uint8_t pad[48];
	union blkif_slot slot[];
};

_Static_assert(sizeof(struct blkif_segment) == 8, "segment");
_Static_assert(sizeof(union blkif_request) == 112, "request");
_Static_assert(sizeof(struct blkif_response) == 16, "response");
_Static_assert(sizeof(struct blkif_sring) == 64, "ring header");
_Static_assert(__builtin_offsetof(struct blkif_rw, id) == 8, "id");
_Static_assert(__builtin_offsetof(struct blkif_rw, seg) == 24, "segments");
_Static_assert(__builtin_offsetof(struct blkif_discard, nr_sectors) == 24, "discard");
_Static_assert(__builtin_offsetof(struct blkif_indirect, handle) == 24, "indirect handle");
_Static_assert(__builtin_offsetof(struct blkif_indirect, gref) == 28, "indirect pages");

/* Entries of a ring of PAGES pages: the largest power of two that fits after the header; 32 for one page. */
static inline uint32_t blkif_entries(uint32_t pages)
{
	uint32_t fit = (pages * XG_ABI_PAGE - sizeof(struct blkif_sring)) / sizeof(union blkif_slot);

	return 1u << (31 - __builtin_clz(fit));
}

#endif
