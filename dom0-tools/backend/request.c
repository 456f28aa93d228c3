// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decoder. Called by the engine for every request with a private copy of the guest's bytes; must never be
 * handed shared memory, and never let a field through that it has not looked at.
 */
#include "dom0-tools/backend/request.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/addr.h"

#define PAGE_SECTORS (XG_PAGE_SIZE / XG_BLKIF_SECTOR)

int16_t request_status(int rc)
{
	if (!rc)
		return XG_BLKIF_RSP_OKAY;
	return rc == -EOPNOTSUPP ? XG_BLKIF_RSP_EOPNOTSUPP : XG_BLKIF_RSP_ERROR;
}

/* Where on the disk: the one place that holds a request against the capacity. */
static int request_place(uint64_t sector, uint64_t count, const struct request_limits *limits, struct xg_err *err)
{
	uint32_t block = limits->block_bytes / XG_BLKIF_SECTOR;

	if (sector > limits->sectors || count > limits->sectors - sector)
		return xg_fail(err, EINVAL, "%llu sectors at sector %llu of a disk of %llu", (unsigned long long)count,
			       (unsigned long long)sector, (unsigned long long)limits->sectors);
	if (sector % block || count % block)
		return xg_fail(err, EINVAL, "%llu sectors at sector %llu on a disk with blocks of %u bytes",
			       (unsigned long long)count, (unsigned long long)sector, limits->block_bytes);
	return 0;
}

static int request_segment(const struct xg_blkif_segment *raw, const struct request_limits *limits,
			   struct request_segment *ret, struct xg_err *err)
{
	uint32_t offset, bytes;

	if (raw->first_sect > raw->last_sect || raw->last_sect >= PAGE_SECTORS)
		return xg_fail(err, EINVAL, "a segment from sector %u to %u of a page", raw->first_sect,
			       raw->last_sect);
	offset = raw->first_sect * XG_BLKIF_SECTOR;
	bytes = (raw->last_sect - raw->first_sect + 1u) * XG_BLKIF_SECTOR;
	/* The buffer is one run of memory, so that only lengths matter to the disk, not where they lay. */
	if (bytes % limits->block_bytes)
		return xg_fail(err, EINVAL, "a segment of %u bytes on a disk with blocks of %u", bytes,
			       limits->block_bytes);
	*ret = (struct request_segment){ .ref = raw->gref, .offset = offset, .bytes = bytes };
	return 0;
}

static int request_segments(const struct xg_blkif_segment *raw, const struct request_limits *limits,
			    struct request *ret, struct xg_err *err)
{
	uint64_t bytes = 0;
	unsigned int i;
	int rc;

	for (i = 0; i < ret->nr_segments; i++) {
		rc = request_segment(&raw[i], limits, &ret->segments[i], err);
		if (rc)
			return rc;
		bytes += ret->segments[i].bytes;
	}
	rc = request_place(ret->offset / XG_BLKIF_SECTOR, bytes / XG_BLKIF_SECTOR, limits, err);
	if (!rc)
		ret->bytes = bytes;
	return rc;
}

static int request_writable(const struct request_limits *limits, struct xg_err *err)
{
	return limits->read_only ? xg_fail(err, EROFS, "a write to a read-only disk") : 0;
}

/* Sector numbers become byte offsets only here; what lies beyond the capacity never does (it might overflow). */
static int request_start(uint64_t sector, const struct request_limits *limits, struct request *ret,
			 struct xg_err *err)
{
	int rc = request_place(sector, 0, limits, err);

	if (!rc)
		ret->offset = sector * XG_BLKIF_SECTOR;
	return rc;
}

static int request_data(const struct xg_blkif_rw *raw, enum request_kind kind, const struct request_limits *limits,
			struct request *ret, struct xg_err *err)
{
	int rc;

	if (raw->nr_segments == 0 || raw->nr_segments > XG_BLKIF_SEGMENTS)
		return xg_fail(err, EINVAL, "a request of %u segments, 1 to %u are possible", raw->nr_segments,
			       XG_BLKIF_SEGMENTS);
	ret->kind = kind;
	ret->nr_segments = raw->nr_segments;
	rc = request_start(raw->sector_number, limits, ret, err);
	if (!rc && kind == REQUEST_WRITE)
		rc = request_writable(limits, err);
	return rc ? rc : request_segments(raw->seg, limits, ret, err);
}

/* A flush may carry data, which is then on stable storage when the response comes. */
static int request_flush(const struct xg_blkif_rw *raw, const struct request_limits *limits, struct request *ret,
			 struct xg_err *err)
{
	if (raw->nr_segments == 0) {
		ret->kind = REQUEST_FLUSH;
		return 0;
	}
	ret->durable = true;
	return request_data(raw, REQUEST_WRITE, limits, ret, err);
}

static int request_discard(const struct xg_blkif_discard *raw, const struct request_limits *limits,
			   struct request *ret, struct xg_err *err)
{
	int rc = request_writable(limits, err);

	if (rc)
		return rc;
	if (!limits->discard)
		return xg_fail(err, EOPNOTSUPP, "a discard on a disk that has none");
	/* Never say that something was erased for good when it was only unmapped. */
	if (raw->flag & XG_BLKIF_DISCARD_SECURE)
		return xg_fail(err, EOPNOTSUPP, "a secure discard");
	if (raw->nr_sectors == 0)
		return xg_fail(err, EINVAL, "a discard of no sectors");
	rc = request_place(raw->sector_number, raw->nr_sectors, limits, err);
	if (rc)
		return rc;
	ret->kind = REQUEST_DISCARD;
	ret->offset = raw->sector_number * XG_BLKIF_SECTOR;
	ret->bytes = raw->nr_sectors * XG_BLKIF_SECTOR;
	return 0;
}

static int request_indirect(const struct xg_blkif_indirect *raw, const struct request_limits *limits,
			    struct request *ret, struct xg_err *err)
{
	if (raw->indirect_op != XG_BLKIF_OP_READ && raw->indirect_op != XG_BLKIF_OP_WRITE)
		return xg_fail(err, EOPNOTSUPP, "an indirect request for operation %u", raw->indirect_op);
	if (raw->nr_segments == 0 || raw->nr_segments > REQUEST_SEGMENTS_MAX)
		return xg_fail(err, EINVAL, "an indirect request of %u segments, 1 to %u are possible",
			       raw->nr_segments, REQUEST_SEGMENTS_MAX);
	ret->kind = raw->indirect_op == XG_BLKIF_OP_WRITE ? REQUEST_WRITE : REQUEST_READ;
	ret->indirect = true;
	ret->indirect_ref = raw->indirect_grefs[0];
	ret->nr_segments = raw->nr_segments;
	if (ret->kind == REQUEST_WRITE && limits->read_only)
		return request_writable(limits, err);
	return request_start(raw->sector_number, limits, ret, err);
}

/* The response names the operation inside an indirect request: Linux's frontend insists on it. */
static uint8_t request_answer(const union xg_blkif_request *raw)
{
	return raw->rw.operation == XG_BLKIF_OP_INDIRECT ? raw->indirect.indirect_op : raw->rw.operation;
}

int request_decode(const union xg_blkif_request *raw, const struct request_limits *limits, struct request *ret,
		   struct xg_err *err)
{
	memset(ret, 0, offsetof(struct request, segments));
	ret->id = raw->rw.id;
	ret->operation = request_answer(raw);
	switch (raw->rw.operation) {
	case XG_BLKIF_OP_READ:
		return request_data(&raw->rw, REQUEST_READ, limits, ret, err);
	case XG_BLKIF_OP_WRITE:
		return request_data(&raw->rw, REQUEST_WRITE, limits, ret, err);
	case XG_BLKIF_OP_FLUSH_DISKCACHE:
		return request_flush(&raw->rw, limits, ret, err);
	case XG_BLKIF_OP_DISCARD:
		return request_discard(&raw->discard, limits, ret, err);
	case XG_BLKIF_OP_INDIRECT:
		return request_indirect(&raw->indirect, limits, ret, err);
	default:
		return xg_fail(err, EOPNOTSUPP, "operation %u", raw->rw.operation);
	}
}

int request_decode_indirect(const struct xg_blkif_segment *raw, const struct request_limits *limits,
			    struct request *ret, struct xg_err *err)
{
	ret->indirect = false;
	return request_segments(raw, limits, ret, err);
}
