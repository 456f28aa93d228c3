// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that the backend's decoder takes what the block protocol allows and nothing else: each row of rejections
 * is a valid request with exactly one defect.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/backend/request.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

#define CAPACITY 2048u	/* sectors: 1 MiB */

static struct request_limits limits_512(void)
{
	return (struct request_limits){ .sectors = CAPACITY, .block_bytes = 512, .discard = true };
}

/* Two segments, a page and half a page, at sector 100. */
static union xg_blkif_request valid_rw(uint8_t operation)
{
	union xg_blkif_request r;

	memset(&r, 0, sizeof(r));
	r.rw = (struct xg_blkif_rw){
		.operation = operation,
		.nr_segments = 2,
		.handle = 51728,
		.id = 0x1122334455667788,
		.sector_number = 100,
		.seg = { { .gref = 8, .first_sect = 0, .last_sect = 7 },
			 { .gref = 9, .first_sect = 2, .last_sect = 5 } },
	};
	return r;
}

static union xg_blkif_request valid_discard(void)
{
	union xg_blkif_request r;

	memset(&r, 0, sizeof(r));
	r.discard = (struct xg_blkif_discard){
		.operation = XG_BLKIF_OP_DISCARD, .id = 7, .sector_number = 8, .nr_sectors = 16,
	};
	return r;
}

static union xg_blkif_request valid_indirect(uint8_t operation)
{
	union xg_blkif_request r;

	memset(&r, 0, sizeof(r));
	r.indirect = (struct xg_blkif_indirect){
		.operation = XG_BLKIF_OP_INDIRECT, .indirect_op = operation, .nr_segments = 20, .id = 9,
		.sector_number = 100, .indirect_grefs = { 77 },
	};
	return r;
}

static void valid_descriptors(struct xg_blkif_segment *seg, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		seg[i] = (struct xg_blkif_segment){ .gref = 100 + i, .first_sect = 0, .last_sect = 7 };
}

START_TEST(accepts_read)
{
	union xg_blkif_request raw = valid_rw(XG_BLKIF_OP_READ);
	struct request_limits limits = limits_512();
	struct request rq;

	ck_assert_int_eq(request_decode(&raw, &limits, &rq, NULL), 0);
	ck_assert_int_eq(rq.kind, REQUEST_READ);
	ck_assert_uint_eq(rq.id, 0x1122334455667788);
	ck_assert_uint_eq(rq.operation, XG_BLKIF_OP_READ);
	ck_assert_uint_eq(rq.offset, 100 * 512);
	ck_assert_uint_eq(rq.bytes, 4096 + 2048);
	ck_assert_uint_eq(rq.nr_segments, 2);
	ck_assert_uint_eq(rq.segments[1].ref, 9);
	ck_assert_uint_eq(rq.segments[1].offset, 1024);
	ck_assert_uint_eq(rq.segments[1].bytes, 2048);
	ck_assert(!rq.durable && !rq.indirect);
}
END_TEST

START_TEST(accepts_flush_with_and_without_data)
{
	union xg_blkif_request raw = valid_rw(XG_BLKIF_OP_FLUSH_DISKCACHE);
	struct request_limits limits = limits_512();
	struct request rq;

	ck_assert_int_eq(request_decode(&raw, &limits, &rq, NULL), 0);
	ck_assert_int_eq(rq.kind, REQUEST_WRITE);
	ck_assert(rq.durable);
	ck_assert_uint_eq(rq.operation, XG_BLKIF_OP_FLUSH_DISKCACHE);
	raw.rw.nr_segments = 0;
	/* Linux leaves whatever it likes in the sector number of an empty flush. */
	raw.rw.sector_number = UINT64_MAX;
	ck_assert_int_eq(request_decode(&raw, &limits, &rq, NULL), 0);
	ck_assert_int_eq(rq.kind, REQUEST_FLUSH);
	ck_assert(!rq.durable);
	ck_assert_uint_eq(rq.bytes, 0);
}
END_TEST

START_TEST(accepts_indirect)
{
	union xg_blkif_request raw = valid_indirect(XG_BLKIF_OP_WRITE);
	struct xg_blkif_segment seg[REQUEST_SEGMENTS_MAX];
	struct request_limits limits = limits_512();
	struct request rq;

	valid_descriptors(seg, REQUEST_SEGMENTS_MAX);
	ck_assert_int_eq(request_decode(&raw, &limits, &rq, NULL), 0);
	ck_assert(rq.indirect);
	ck_assert_uint_eq(rq.indirect_ref, 77);
	/* The response names the inner operation, or Linux's frontend gives the disk up. */
	ck_assert_uint_eq(rq.operation, XG_BLKIF_OP_WRITE);
	ck_assert_uint_eq(rq.bytes, 0);
	ck_assert_int_eq(request_decode_indirect(seg, &limits, &rq, NULL), 0);
	ck_assert(!rq.indirect);
	ck_assert_uint_eq(rq.bytes, 20 * 4096);
	ck_assert_uint_eq(rq.segments[19].ref, 119);
}
END_TEST

START_TEST(accepts_the_last_sector_and_a_whole_disk_discard)
{
	union xg_blkif_request raw = valid_rw(XG_BLKIF_OP_READ), all = valid_discard();
	struct request_limits limits = limits_512();
	struct request rq;

	raw.rw.sector_number = CAPACITY - 12;
	ck_assert_int_eq(request_decode(&raw, &limits, &rq, NULL), 0);
	all.discard.sector_number = 0;
	all.discard.nr_sectors = CAPACITY;
	ck_assert_int_eq(request_decode(&all, &limits, &rq, NULL), 0);
	ck_assert_uint_eq(rq.bytes, CAPACITY * 512);
}
END_TEST

/* ---- One defect each ---- */

enum base { READ, WRITE, FLUSH, DISCARD, INDIRECT };

struct row {
	const char *name;
	enum base base;
	void (*spoil)(union xg_blkif_request *r, struct request_limits *l);
	int code;
	const char *text;	/* part of the message */
};

#define SPOIL(name, statement)								\
	static void spoil_##name(union xg_blkif_request *r, struct request_limits *l)	\
	{										\
		(void)r;								\
		(void)l;								\
		statement;								\
	}

SPOIL(no_segments, r->rw.nr_segments = 0)
SPOIL(twelve_segments, r->rw.nr_segments = 12)
SPOIL(segments_255, r->rw.nr_segments = 255)
SPOIL(first_after_last, (r->rw.seg[1].first_sect = 6, r->rw.seg[1].last_sect = 5))
SPOIL(last_beyond_page, r->rw.seg[1].last_sect = 8)
SPOIL(both_beyond_page, (r->rw.seg[1].first_sect = 255, r->rw.seg[1].last_sect = 255))
SPOIL(one_sector_too_far, r->rw.sector_number = CAPACITY - 11)
SPOIL(behind_the_end, r->rw.sector_number = CAPACITY)
SPOIL(sum_wraps, r->rw.sector_number = UINT64_MAX - 3)
SPOIL(offset_wraps, r->rw.sector_number = (UINT64_MAX / 512) + 101)
SPOIL(barrier, r->rw.operation = XG_BLKIF_OP_WRITE_BARRIER)
SPOIL(reserved_operation, r->rw.operation = 4)
SPOIL(unknown_operation, r->rw.operation = 200)
SPOIL(read_only, l->read_only = true)
SPOIL(large_blocks_segment, (l->block_bytes = 4096, r->rw.sector_number = 96))
SPOIL(large_blocks_start, (l->block_bytes = 4096, r->rw.nr_segments = 1))
SPOIL(no_discard, l->discard = false)
SPOIL(secure, r->discard.flag = XG_BLKIF_DISCARD_SECURE)
SPOIL(discard_nothing, r->discard.nr_sectors = 0)
SPOIL(discard_too_far, r->discard.nr_sectors = CAPACITY - 7)
SPOIL(discard_wraps, r->discard.nr_sectors = UINT64_MAX - 7)
SPOIL(discard_behind, r->discard.sector_number = CAPACITY + 1)
SPOIL(discard_block, (l->block_bytes = 4096, r->discard.nr_sectors = 15))
SPOIL(inner_flush, r->indirect.indirect_op = XG_BLKIF_OP_FLUSH_DISKCACHE)
SPOIL(inner_indirect, r->indirect.indirect_op = XG_BLKIF_OP_INDIRECT)
SPOIL(inner_none, r->indirect.nr_segments = 0)
SPOIL(inner_65, r->indirect.nr_segments = 65)
SPOIL(inner_65535, r->indirect.nr_segments = 65535)
SPOIL(inner_behind, r->indirect.sector_number = CAPACITY + 1)

static const struct row rows[] = {
	{ "no segments", READ, spoil_no_segments, EINVAL, "0 segments" },
	{ "12 segments", READ, spoil_twelve_segments, EINVAL, "12 segments" },
	{ "255 segments", WRITE, spoil_segments_255, EINVAL, "255 segments" },
	{ "12 segments in a flush", FLUSH, spoil_twelve_segments, EINVAL, "12 segments" },
	{ "first after last", READ, spoil_first_after_last, EINVAL, "sector 6 to 5" },
	{ "last beyond the page", WRITE, spoil_last_beyond_page, EINVAL, "sector 2 to 8" },
	{ "both beyond the page", READ, spoil_both_beyond_page, EINVAL, "sector 255 to 255" },
	{ "a sector too far", READ, spoil_one_sector_too_far, EINVAL, "12 sectors at sector 2037 of a disk of 2048" },
	{ "behind the end", WRITE, spoil_behind_the_end, EINVAL, "at sector 2048" },
	{ "the sum wraps", READ, spoil_sum_wraps, EINVAL, "of a disk of 2048" },
	{ "the byte offset wraps", READ, spoil_offset_wraps, EINVAL, "of a disk of 2048" },
	{ "a flush's data too far", FLUSH, spoil_one_sector_too_far, EINVAL, "of a disk of 2048" },
	{ "barrier", WRITE, spoil_barrier, EOPNOTSUPP, "operation 2" },
	{ "reserved", READ, spoil_reserved_operation, EOPNOTSUPP, "operation 4" },
	{ "unknown", READ, spoil_unknown_operation, EOPNOTSUPP, "operation 200" },
	{ "write, read-only", WRITE, spoil_read_only, EROFS, "read-only" },
	{ "flush with data, read-only", FLUSH, spoil_read_only, EROFS, "read-only" },
	{ "discard, read-only", DISCARD, spoil_read_only, EROFS, "read-only" },
	{ "half a block", READ, spoil_large_blocks_segment, EINVAL, "2048 bytes on a disk with blocks of 4096" },
	{ "off the blocks", READ, spoil_large_blocks_start, EINVAL, "blocks of 4096" },
	{ "no discard here", DISCARD, spoil_no_discard, EOPNOTSUPP, "discard" },
	{ "secure discard", DISCARD, spoil_secure, EOPNOTSUPP, "secure" },
	{ "discard of nothing", DISCARD, spoil_discard_nothing, EINVAL, "no sectors" },
	{ "discard too far", DISCARD, spoil_discard_too_far, EINVAL, "2041 sectors at sector 8" },
	{ "discard wraps", DISCARD, spoil_discard_wraps, EINVAL, "of a disk of 2048" },
	{ "discard behind the end", DISCARD, spoil_discard_behind, EINVAL, "at sector 2049" },
	{ "discard of half a block", DISCARD, spoil_discard_block, EINVAL, "blocks of 4096" },
	{ "indirect flush", INDIRECT, spoil_inner_flush, EOPNOTSUPP, "operation 3" },
	{ "indirect in indirect", INDIRECT, spoil_inner_indirect, EOPNOTSUPP, "operation 6" },
	{ "indirect, none", INDIRECT, spoil_inner_none, EINVAL, "0 segments" },
	{ "indirect, 65", INDIRECT, spoil_inner_65, EINVAL, "65 segments" },
	{ "indirect, 65535", INDIRECT, spoil_inner_65535, EINVAL, "65535 segments" },
	{ "indirect, behind the end", INDIRECT, spoil_inner_behind, EINVAL, "at sector 2049" },
	{ "indirect, read-only", INDIRECT, spoil_read_only, EROFS, "read-only" },
};

static union xg_blkif_request valid(enum base base)
{
	switch (base) {
	case READ: return valid_rw(XG_BLKIF_OP_READ);
	case WRITE: return valid_rw(XG_BLKIF_OP_WRITE);
	case FLUSH: return valid_rw(XG_BLKIF_OP_FLUSH_DISKCACHE);
	case DISCARD: return valid_discard();
	case INDIRECT: return valid_indirect(XG_BLKIF_OP_WRITE);
	}
	abort();
}

START_TEST(rejects_one_defect)
{
	const struct row *row = &rows[_i];
	union xg_blkif_request raw = valid(row->base);
	struct request_limits limits = limits_512();
	struct xg_err err = XG_ERR_NONE;
	struct request rq;

	ck_assert_msg(!request_decode(&raw, &limits, &rq, &err), "%s: the row is not valid without its defect: %s",
		      row->name, err.text);
	row->spoil(&raw, &limits);
	ck_assert_msg(request_decode(&raw, &limits, &rq, &err) == -row->code, "%s: %s", row->name, err.text);
	ck_assert_msg(strstr(err.text, row->text) != NULL, "%s: \"%s\" lacks \"%s\"", row->name, err.text, row->text);
	ck_assert_uint_eq(rq.id, raw.rw.id);
}
END_TEST

struct descriptor_row {
	const char *name;
	unsigned int at;
	struct xg_blkif_segment seg;
	uint64_t sector;
	const char *text;
};

static const struct descriptor_row descriptor_rows[] = {
	{ "first after last", 19, { 1, 7, 0, 0 }, 100, "sector 7 to 0" },
	{ "beyond the page", 0, { 1, 0, 8, 0 }, 100, "sector 0 to 8" },
	{ "too far", 0, { 1, 0, 7, 0 }, CAPACITY - 159, "160 sectors at sector 1889" },
};

START_TEST(rejects_one_descriptor)
{
	const struct descriptor_row *row = &descriptor_rows[_i];
	union xg_blkif_request raw = valid_indirect(XG_BLKIF_OP_READ);
	struct xg_blkif_segment seg[REQUEST_SEGMENTS_MAX];
	struct request_limits limits = limits_512();
	struct xg_err err = XG_ERR_NONE;
	struct request rq;

	valid_descriptors(seg, REQUEST_SEGMENTS_MAX);
	seg[row->at] = row->seg;
	raw.indirect.sector_number = row->sector;
	ck_assert_int_eq(request_decode(&raw, &limits, &rq, &err), 0);
	ck_assert_int_eq(request_decode_indirect(seg, &limits, &rq, &err), -EINVAL);
	ck_assert_msg(strstr(err.text, row->text) != NULL, "%s: %s", row->name, err.text);
}
END_TEST

START_TEST(statuses)
{
	ck_assert_int_eq(request_status(0), XG_BLKIF_RSP_OKAY);
	ck_assert_int_eq(request_status(-EOPNOTSUPP), XG_BLKIF_RSP_EOPNOTSUPP);
	ck_assert_int_eq(request_status(-EIO), XG_BLKIF_RSP_ERROR);
	ck_assert_int_eq(request_status(-EROFS), XG_BLKIF_RSP_ERROR);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blk_request");
	TCase *t = tcase_create("decode");

	tcase_add_test(t, accepts_read);
	tcase_add_test(t, accepts_flush_with_and_without_data);
	tcase_add_test(t, accepts_indirect);
	tcase_add_test(t, accepts_the_last_sector_and_a_whole_disk_discard);
	tcase_add_loop_test(t, rejects_one_defect, 0, XG_ARRAY_SIZE(rows));
	tcase_add_loop_test(t, rejects_one_descriptor, 0, XG_ARRAY_SIZE(descriptor_rows));
	tcase_add_test(t, statuses);
	suite_add_tcase(s, t);
	return run_suite(s);
}
