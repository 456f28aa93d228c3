/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests: from a guest's bytes, already copied to private memory, to something that may be carried out. Pure:
 * no descriptor, no guest memory. Only what passed through here reaches the disk.
 */
#ifndef XG_BACKEND_REQUEST_H
#define XG_BACKEND_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/xen/blkif.h"

/* 256 KiB a request. The descriptors of so many segments lie in one granted page. */
#define REQUEST_SEGMENTS_MAX 64
#define REQUEST_BYTES_MAX (REQUEST_SEGMENTS_MAX * 4096u)

enum request_kind { REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH, REQUEST_DISCARD, REQUEST_KINDS };

/* What the disk takes. */
struct request_limits {
	uint64_t sectors;	/* capacity, of 512 bytes */
	uint32_t block_bytes;	/* logical block: 512 to 4096, a power of two; everything is a multiple of it */
	bool read_only;
	bool discard;
};

/* Part of a granted page. */
struct request_segment {
	uint32_t ref;
	uint16_t offset;
	uint16_t bytes;		/* > 0, offset + bytes <= 4096 */
};

/* A checked request. READ and WRITE: the segments' bytes, one after the other, lie at `offset` of the disk. */
struct request {
	uint64_t id;		/* goes back with the response */
	uint8_t operation;	/* goes back with the response */
	uint8_t kind;		/* enum request_kind */
	bool durable;		/* WRITE: flush before it and after it */
	bool indirect;		/* the segments are still to be fetched from `indirect_ref` */
	uint16_t nr_segments;
	uint32_t indirect_ref;
	uint64_t offset;	/* bytes into the disk */
	uint64_t bytes;		/* READ and WRITE: <= REQUEST_BYTES_MAX; 0 while `indirect` */
	struct request_segment segments[REQUEST_SEGMENTS_MAX];
};

/*
 * Fills in *ret from RAW. id and operation are always filled in, so that a refusal can be answered; the rest
 * means something on success only. EINVAL: it contradicts the protocol or the disk; EROFS; EOPNOTSUPP.
 */
int request_decode(const union xg_blkif_request *raw, const struct request_limits *limits, struct request *ret,
		   struct xg_err *err);
/* The second half for an indirect request: RAW holds its ret->nr_segments descriptors. Clears `indirect`. */
int request_decode_indirect(const struct xg_blkif_segment *raw, const struct request_limits *limits,
			    struct request *ret, struct xg_err *err);
/* What goes over the wire for 0 or a -Exxx. */
int16_t request_status(int rc);

#endif
