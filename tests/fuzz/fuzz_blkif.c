// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes what stands between a guest's bytes and its disk: the ring's indices, the request, its descriptors. What
 * is accepted must lie inside disk, pages and buffer. Input: a byte of options, three indices, a request, descriptors.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/backend/request.h"
#include "dom0-tools/backend/ring.h"

#define SECTORS 1000000u

struct input {
	uint8_t options, pad[7];
	uint32_t req_cons, rsp_prod, req_prod, pad2;
	union xg_blkif_request request;
	struct xg_blkif_segment seg[REQUEST_SEGMENTS_MAX];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_ring(const struct input *in)
{
	struct xg_blkif_ring shared = { .req_prod = in->req_prod };
	struct ring r = { .shared = &shared, .size = 32, .req_cons = in->req_cons, .rsp_prod = in->rsp_prod };
	uint32_t waiting;

	/* Our own indices are never wrong: no more under way than there are slots. */
	if (in->req_cons - in->rsp_prod <= 32 && !ring_waiting(&r, &waiting, NULL))
		must(waiting <= 32 && waiting + (in->req_cons - in->rsp_prod) <= 32);
}

static void check_request(const struct request *rq, const struct request_limits *limits)
{
	uint64_t sum = 0, end = (uint64_t)SECTORS * 512;
	unsigned int i;

	must(rq->kind < REQUEST_KINDS);
	must(!limits->read_only || rq->kind == REQUEST_READ || rq->kind == REQUEST_FLUSH);
	must(limits->discard || rq->kind != REQUEST_DISCARD);
	must(rq->offset <= end && rq->bytes <= end - rq->offset);
	must(rq->offset % limits->block_bytes == 0 && rq->bytes % limits->block_bytes == 0);
	if (rq->kind != REQUEST_READ && rq->kind != REQUEST_WRITE)
		return;
	must(rq->bytes > 0 && rq->bytes <= REQUEST_BYTES_MAX && rq->nr_segments <= REQUEST_SEGMENTS_MAX);
	for (i = 0; i < rq->nr_segments; i++) {
		must(rq->segments[i].bytes > 0 && rq->segments[i].offset + rq->segments[i].bytes <= 4096);
		sum += rq->segments[i].bytes;
	}
	must(sum == rq->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xg_err err = XG_ERR_NONE;
	struct request_limits limits;
	struct request rq;
	struct input in;
	int rc;

	memset(&in, 0, sizeof(in));
	memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
	limits = (struct request_limits){ .sectors = SECTORS, .block_bytes = in.options & 1 ? 4096 : 512,
					  .read_only = in.options & 2, .discard = in.options & 4 };
	check_ring(&in);
	rc = request_decode(&in.request, &limits, &rq, &err);
	must(rq.id == in.request.rw.id);
	if (!rc && rq.indirect)
		rc = request_decode_indirect(in.seg, &limits, &rq, &err);
	if (rc)
		must(err.text[0] && request_status(rc) < 0);
	else
		check_request(&rq, &limits);
	return 0;
}
