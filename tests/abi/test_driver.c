// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Driver images as they are built and as they were built once: each is linked and run in a guest made of this
 * process (fake_guest.h). What a driver leaves behind is asserted when the guest is freed.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotswap/link.h"
#include "lib/base/array.h"
#include "tests/abi/fake_guest.h"
#include "tests/lib/run_suite.h"

/* The newest, and every ABI version's first: old images work for ever. */
static const char *const images[] = {
	XG_BUILDDIR "/guest-stubs/drivers/blkif-virtual.o",
	XG_BUILDDIR "/guest-stubs/drivers/blkif-paravirtual.o",
	XG_SRCDIR "/tests/abi/driver-v1.o",
};

#define ALL_FLAGS (XG_BLK_FLUSH | XG_BLK_FUA | XG_BLK_DISCARD | XG_BLK_SECURE_DISCARD)

static const char *image = NULL;	/* the one under test */

static struct xg_block_params params(uint32_t queues, uint32_t order, uint32_t indirect)
{
	return (struct xg_block_params){
		.sectors = FAKE_DISK_SECTORS, .logical_bytes = 512, .physical_bytes = 4096, .flags = ALL_FLAGS,
		.max_indirect = indirect, .discard_granularity = 4096, .nr_queues = queues, .ring_order = order,
	};
}

static struct fake_guest *opened(uint32_t queues, uint32_t order, uint32_t indirect)
{
	struct xg_block_params p = params(queues, order, indirect);
	struct fake_guest *g = fake_guest_new(image, &p);

	ck_assert_int_eq(fake_open(g), 0);
	return g;
}

static void closed(struct fake_guest *g)
{
	fake_close(g);
	ck_assert(g->dev->driver == 0);
	fake_guest_free(g);
}

/* ---- Requests ------------------------------------------------------------------------------------------------ */

/* A request and its pages. */
struct io {
	struct xg_request req;
	struct xg_segment segment[XG_SEGMENTS_MAX + 1];
	uint8_t *pages;
};

static void io_free(struct io *io)
{
	free(io->pages);
	free(io);
}

/* SEGMENTS parts of BYTES each, at OFFSET in pages of their own, filled from SEED. */
static struct io *io_new(uint16_t op, uint32_t tag, uint64_t sector, uint32_t segments, uint32_t offset, uint32_t bytes,
			 uint8_t seed)
{
	struct io *io = calloc(1, sizeof(*io));
	uint32_t i;

	ck_assert(io != NULL);
	io->pages = aligned_alloc(XG_ABI_PAGE, (segments + 1) * XG_ABI_PAGE);
	ck_assert(io->pages != NULL);
	for (i = 0; i < segments * XG_ABI_PAGE; i++)
		io->pages[i] = (uint8_t)(seed + i / 7 + i / 4096);
	for (i = 0; i < segments && i <= XG_SEGMENTS_MAX; i++)
		io->segment[i] = (struct xg_segment){
			.frame = (uintptr_t)io->pages / XG_ABI_PAGE + i, .offset = offset, .bytes = bytes,
		};
	io->req = (struct xg_request){
		.sector = sector, .sectors = segments * bytes / 512, .op = op, .nr_segments = segments, .tag = tag,
		.segments = io->segment,
	};
	return io;
}

static struct io *io_whole(uint16_t op, uint32_t tag, uint64_t sector, uint32_t segments, uint8_t seed)
{
	return io_new(op, tag, sector, segments, 0, XG_ABI_PAGE, seed);
}

static void run(struct fake_guest *g, struct io *io, int want)
{
	g->done_count = 0;	/* the requests before are freed, their addresses may come back */
	ck_assert_int_eq(fake_submit(g, 0, &io->req), 0);
	fake_commit(g, 0);
	while (fake_serve(g, 0))
		;
	ck_assert_uint_eq(g->done_count, 1);
	ck_assert(g->done[0].req == &io->req);
	ck_assert_int_eq(g->done[0].status, want);
}

/* ---- Images -------------------------------------------------------------------------------------------------- */

static struct xg_elf *image_elf(uint8_t **ret_bytes)
{
	FILE *f = fopen(image, "rb");
	struct xg_err err = XG_ERR_NONE;
	struct xg_elf *elf;
	size_t size;

	ck_assert_msg(f != NULL, "cannot open %s", image);
	*ret_bytes = malloc(1 << 20);
	size = fread(*ret_bytes, 1, 1 << 20, f);
	fclose(f);
	ck_assert_msg(xg_elf_open(*ret_bytes, size, &elf, &err) == 0, "%s: %s", image, err.text);
	return elf;
}

START_TEST(note_says_what_it_is)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_image_note note;
	uint8_t *bytes;
	struct xg_elf *elf;

	image = images[_i];
	elf = image_elf(&bytes);
	ck_assert_msg(xg_image_note(elf, &note, &err) == 0, "%s", err.text);
	ck_assert_str_eq(note.kind, "driver");
	ck_assert_uint_eq(note.abi, 1);
	ck_assert_str_eq(note.arch, "x86_64");
	ck_assert_str_eq(note.class_name, "block");
	ck_assert_str_eq(note.device, "xen-blkif");
	ck_assert_str_eq(note.mode, strstr(image, "paravirtual") ? "paravirtual" : "virtual");
	ck_assert_str_eq(note.licence, "GPL-2.0-or-later");
	ck_assert_str_eq(note.os, "");
	ck_assert(note.version[0] >= '0' && note.version[0] <= '9');
	xg_elf_close(elf);
	free(bytes);
}
END_TEST

START_TEST(object_imports_nothing_and_has_no_data)
{
	uint8_t *bytes;
	struct xg_elf *elf;
	uint32_t i;

	image = images[_i];
	elf = image_elf(&bytes);
	for (i = 1; i < elf->symbol_count; i++)
		ck_assert_msg(elf->symbols[i].section != SHN_UNDEF, "%s imports %s", image, elf->symbols[i].name);
	for (i = 1; i < elf->section_count; i++)
		ck_assert_msg(!(elf->sections[i].flags & SHF_WRITE) || elf->sections[i].size == 0, "%s: %s is writable",
			      image, elf->sections[i].name);
	xg_elf_close(elf);
	free(bytes);
}
END_TEST

START_TEST(table_is_sane)
{
	struct xg_block_params p = params(1, 0, 0);
	struct fake_guest *g;
	unsigned int i;

	image = images[_i];
	g = fake_guest_new(image, &p);
	ck_assert_uint_eq(g->driver->version, 1);
	ck_assert_uint_eq(g->driver->size, 144);
	ck_assert_uint_eq(g->driver->class_id, XG_CLASS_BLOCK);
	ck_assert_uint_eq(g->driver->pad, 0);
	for (i = 0; i < XG_ENTRY_SLOTS; i++)
		ck_assert((g->driver->entry[i] != NULL) == (i < XG_BLOCK_ENTRIES));
	/* Kernels with IBT enter by indirect calls: endbr64. */
	for (i = 0; i < XG_BLOCK_ENTRIES; i++)
		ck_assert(memcmp(g->driver->entry[i], "\xf3\x0f\x1e\xfa", 4) == 0);
	fake_guest_free(g);
}
END_TEST

/* ---- Opening and closing ------------------------------------------------------------------------------------- */

static const struct {
	uint32_t queues, order, indirect;	/* in */
	uint32_t segments, depth;		/* out */
} shapes[] = {
	{ 1, 0, 0, 11, 32 },	{ 1, 1, 0, 11, 64 },	{ 1, 2, 0, 11, 128 },
	{ 1, 0, 11, 11, 32 },	{ 1, 0, 12, 12, 32 },	{ 2, 0, 32, 32, 32 },
	{ 1, 0, 64, 64, 32 },	{ 1, 2, 256, 64, 128 },	{ 8, 2, 256, 64, 128 },
};

START_TEST(open_and_close_balance)
{
	struct fake_guest *g;
	size_t i;

	image = images[_i];
	for (i = 0; i < XG_ARRAY_SIZE(shapes); i++) {
		g = opened(shapes[i].queues, shapes[i].order, shapes[i].indirect);
		ck_assert_uint_eq(g->dev->limits.max_segments, shapes[i].segments);
		ck_assert_uint_eq(g->dev->limits.max_sectors, shapes[i].segments * 8);
		ck_assert_uint_eq(g->dev->limits.queue_depth, shapes[i].depth);
		ck_assert_uint_eq(g->events_live, shapes[i].queues);
		closed(g);
	}
}
END_TEST

START_TEST(open_fails_at_each_service)
{
	struct xg_block_params p = params(2, 1, 64);
	unsigned int n;
	struct fake_guest *g;
	int rc = -1;

	image = images[_i];
	for (n = 1; rc != 0; n++) {
		ck_assert_uint_lt(n, 1000);
		g = fake_guest_new(image, &p);
		g->calls_left = n;
		rc = fake_open(g);
		ck_assert(rc == 0 || rc == -XG_E_NOMEM || rc == -XG_E_BUSY);
		if (rc == 0)
			fake_close(g);
		ck_assert(g->dev->driver == 0 && g->dev->queues[0].driver == 0);
		fake_guest_free(g);
	}
	ck_assert_uint_gt(n, 100);	/* each of 128 indirect pages is a grant of its own */
}
END_TEST

START_TEST(open_refuses_wrong_parameters)
{
	static const struct { uint32_t queues, order; } wrong[] = { { 0, 0 }, { 9, 0 }, { 1, 3 }, { 1, 31 } };
	size_t i;

	image = images[_i];
	for (i = 0; i < XG_ARRAY_SIZE(wrong); i++) {
		struct xg_block_params p = params(wrong[i].queues, wrong[i].order, 0);
		struct fake_guest *g = fake_guest_new(image, &p);

		ck_assert_int_eq(fake_open(g), -XG_E_INVAL);
		fake_guest_free(g);
	}
}
END_TEST

START_TEST(open_takes_fewer_grants_where_there_are_few)
{
	struct xg_block_params p = params(1, 0, 64);
	struct fake_guest *g;

	image = images[_i];
	g = fake_guest_new(image, &p);
	g->reserve_most = 33 + 150;	/* ring, indirect pages, and less than three large requests */
	ck_assert_int_eq(fake_open(g), 0);
	closed(g);
	g = fake_guest_new(image, &p);
	g->reserve_most = 33 + 63;	/* not one large request */
	ck_assert_int_eq(fake_open(g), -XG_E_NOMEM);
	fake_guest_free(g);
}
END_TEST

/* ---- Grants that are kept ------------------------------------------------------------------------------------- */

static bool is_first(void)
{
	return strstr(image, "driver-v1") != NULL;
}

static struct fake_guest *keeping_guest(uint32_t queues)
{
	struct xg_block_params p = params(queues, 0, 64);

	p.flags |= XG_BLK_KEPT;
	return fake_guest_new(image, &p);
}

/* The page that is used again is granted once, written or read, alone or among others. */
START_TEST(kept_grants_are_used_again)
{
	struct fake_guest *g;
	struct io *io[2];
	unsigned int i, before;

	image = images[_i];
	if (is_first())
		return;
	g = keeping_guest(2);
	ck_assert_int_eq(fake_open(g), 0);
	ck_assert_uint_eq(g->dev->limits.kept, XG_KEPT_MAX);
	/* All that can be in flight: more than the backend may keep. */
	ck_assert_uint_eq(g->queue[1].kept, 32 * 64);
	closed(g);
	g = keeping_guest(8);
	ck_assert_int_eq(fake_open(g), 0);
	/* Where many queues share the guest's grants it is that and half of it. */
	ck_assert_uint_eq(g->queue[7].kept, XG_KEPT_MAX + XG_KEPT_MAX / 2);
	closed(g);
	g = keeping_guest(2);
	ck_assert_int_eq(fake_open(g), 0);
	io[0] = io_whole(XG_OP_WRITE, 0, 0, 3, 7);
	io[1] = io_whole(XG_OP_WRITE, 1, 512, 40, 9);
	before = g->grants_made;
	for (i = 0; i < 4; i++) {
		g->done_count = 0;
		ck_assert_int_eq(fake_submit(g, 1, &io[0]->req), 0);
		ck_assert_int_eq(fake_submit(g, 1, &io[1]->req), 0);
		fake_commit(g, 1);
		ck_assert_uint_eq(fake_serve(g, 1), 2);
		ck_assert_uint_eq(g->done_count, 2);
		io[0]->req.op = io[1]->req.op = i % 2 ? XG_OP_WRITE : XG_OP_READ;
	}
	ck_assert_uint_eq(g->grants_made - before, 43);
	ck_assert_uint_eq(g->logs, 0);
	closed(g);
	io_free(io[0]);
	io_free(io[1]);
}
END_TEST

/* What stands in the way of it, one at a time. */
enum hurdle { HURDLE_NOT_SAID, HURDLE_OLD_PERSONALITY, HURDLE_NOT_OFFERED, HURDLE_REFUSED, HURDLE_FEW_GRANTS, HURDLES };

START_TEST(grants_are_not_kept_unless_all_can)
{
	unsigned int hurdle;

	image = images[_i];
	for (hurdle = 0; hurdle < HURDLES; hurdle++) {
		struct fake_guest *g = keeping_guest(2);

		switch ((enum hurdle)hurdle) {
		case HURDLE_NOT_SAID: g->dev->block.flags &= ~XG_BLK_KEPT; break;
		case HURDLE_OLD_PERSONALITY: g->services.size = offsetof(struct xg_services, grants_keep); break;
		case HURDLE_NOT_OFFERED: g->services.grants_keep = NULL; break;
		case HURDLE_REFUSED: g->keep_refused = true; break;
		default: g->reserve_most = 33 + XG_KEPT_MAX; break;
		}
		ck_assert_int_eq(fake_open(g), 0);
		ck_assert_uint_eq(g->dev->limits.kept, 0);
		ck_assert_uint_eq(g->queue[0].kept, 0);
		/* As ever: whoever answers and still holds pages is not believed any more. */
		if (hurdle != HURDLE_REFUSED) {
			struct io *io = io_whole(XG_OP_WRITE, 0, 0, 30, 1);

			ck_assert_int_eq(fake_submit(g, 0, &io->req), 0);
			fake_commit(g, 0);
			g->ungrant_refused = true;
			ck_assert_uint_eq(fake_serve(g, 0), 1);
			ck_assert_msg(strstr(g->log, "still holds pages"), "hurdle %u: '%s'", hurdle, g->log);
			g->ungrant_refused = false;
			io_free(io);
		}
		closed(g);
	}
}
END_TEST

/* ---- Data ---------------------------------------------------------------------------------------------------- */

START_TEST(every_size_is_written_and_read_back)
{
	struct fake_guest *g;
	uint32_t n;

	image = images[_i];
	g = opened(1, 0, 256);
	for (n = 1; n <= XG_SEGMENTS_MAX; n++) {
		struct io *w = io_whole(XG_OP_WRITE, n % 32, n * 3, n, (uint8_t)n);
		struct io *r = io_whole(XG_OP_READ, (n + 1) % 32, n * 3, n, 0);

		run(g, w, 0);
		run(g, r, 0);
		ck_assert(memcmp(w->pages, r->pages, n * XG_ABI_PAGE) == 0);
		ck_assert(memcmp(w->pages, g->disk + n * 3 * 512, n * XG_ABI_PAGE) == 0);
		io_free(w);
		io_free(r);
	}
	ck_assert_uint_eq(g->indirects, 2 * (XG_SEGMENTS_MAX - 11));
	closed(g);
}
END_TEST

START_TEST(parts_of_pages)
{
	static const struct { uint32_t n, offset, bytes; } rows[] = {
		{ 1, 0, 512 }, { 1, 3584, 512 }, { 3, 512, 1024 }, { 11, 1536, 2560 }, { 12, 512, 3584 },
		{ 40, 3584, 512 },
	};
	struct fake_guest *g;
	size_t i;
	uint32_t s;

	image = images[_i];
	g = opened(1, 0, 64);
	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		struct io *w = io_new(XG_OP_WRITE, 0, 100, rows[i].n, rows[i].offset, rows[i].bytes, (uint8_t)(i + 9));

		run(g, w, 0);
		for (s = 0; s < rows[i].n; s++)
			ck_assert(memcmp(w->pages + s * XG_ABI_PAGE + rows[i].offset,
					 g->disk + 100 * 512 + s * rows[i].bytes, rows[i].bytes) == 0);
		io_free(w);
	}
	closed(g);
}
END_TEST

START_TEST(flush_discard_and_fua)
{
	struct fake_guest *g;
	struct io *io;

	image = images[_i];
	g = opened(1, 0, 64);
	io = io_new(XG_OP_FLUSH, 0, 0, 0, 0, 0, 0);
	run(g, io, 0);
	ck_assert_uint_eq(g->flushes, 1);
	io_free(io);
	io = io_new(XG_OP_DISCARD, 1, 64, 0, 0, 0, 0);
	io->req.sectors = 128;
	run(g, io, 0);
	ck_assert_uint_eq(g->discards, 1);
	ck_assert_uint_eq(g->secure_discards, 0);
	io->req.flags = XG_RQ_SECURE;
	run(g, io, 0);
	ck_assert_uint_eq(g->secure_discards, 1);
	io_free(io);
	/* A write that has to last is complete only once a flush after it is. Small and large. */
	io = io_whole(XG_OP_WRITE, 2, 0, 3, 1);
	io->req.flags = XG_RQ_FUA;
	run(g, io, 0);
	ck_assert(g->writes == 1 && g->flushes == 2 && !g->write_since_flush);
	io_free(io);
	io = io_whole(XG_OP_WRITE, 2, 0, 60, 1);
	io->req.flags = XG_RQ_FUA;
	run(g, io, 0);
	ck_assert(g->writes == 2 && g->flushes == 3 && g->indirects == 1 && !g->write_since_flush);
	io_free(io);
	closed(g);
}
END_TEST

START_TEST(fua_write_that_fails_is_not_flushed)
{
	struct fake_guest *g;
	struct io *io;

	image = images[_i];
	g = opened(1, 0, 0);
	g->answer = XG_BLKIF_RSP_ERROR;
	io = io_whole(XG_OP_WRITE, 0, 0, 1, 1);
	io->req.flags = XG_RQ_FUA;
	run(g, io, -XG_E_IO);
	ck_assert_uint_eq(g->flushes, 0);
	io_free(io);
	closed(g);
}
END_TEST

START_TEST(statuses)
{
	static const struct { int16_t answer; int want; } rows[] = {
		{ XG_BLKIF_RSP_OKAY, 0 }, { XG_BLKIF_RSP_ERROR, -XG_E_IO }, { XG_BLKIF_RSP_EOPNOTSUPP, -XG_E_NOTSUPP },
		{ 17, -XG_E_IO }, { -32768, -XG_E_IO },
	};
	struct fake_guest *g;
	size_t i;

	image = images[_i];
	g = opened(1, 0, 0);
	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		struct io *io = io_whole(XG_OP_READ, 0, 0, 1, 0);

		g->answer = rows[i].answer;
		run(g, io, rows[i].want);
		io_free(io);
	}
	closed(g);
}
END_TEST

START_TEST(what_the_backend_cannot_do_is_refused)
{
	static const struct { uint32_t have; uint16_t op, flags; int want; } rows[] = {
		{ 0, XG_OP_FLUSH, 0, -XG_E_NOTSUPP },
		{ 0, XG_OP_DISCARD, 0, -XG_E_NOTSUPP },
		{ XG_BLK_DISCARD, XG_OP_DISCARD, XG_RQ_SECURE, -XG_E_NOTSUPP },
		{ XG_BLK_FUA, XG_OP_WRITE, XG_RQ_FUA, -XG_E_NOTSUPP },
		{ ALL_FLAGS, 4, 0, -XG_E_NOTSUPP },
		{ ALL_FLAGS, 65535, 0, -XG_E_NOTSUPP },
	};
	size_t i;

	image = images[_i];
	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		struct xg_block_params p = params(1, 0, 0);
		struct fake_guest *g;
		struct io *io = rows[i].op == XG_OP_WRITE ? io_whole(XG_OP_WRITE, 0, 0, 1, 0) :
							   io_new(rows[i].op, 0, 0, 0, 0, 0, 0);

		p.flags = rows[i].have;
		g = fake_guest_new(image, &p);
		ck_assert_int_eq(fake_open(g), 0);
		io->req.flags = rows[i].flags;
		ck_assert_int_eq(fake_submit(g, 0, &io->req), rows[i].want);
		ck_assert_int_eq(fake_in_flight(g, 0), 0);
		io_free(io);
		closed(g);
	}
}
END_TEST

static void damage(struct io *io, int how)
{
	switch (how) {
	case 0: io->req.tag = 32; break;
	case 1: io->req.tag = UINT32_MAX; break;
	case 2: io->req.nr_segments = 0; break;
	case 3: io->req.nr_segments = 12; break;
	case 4: io->req.nr_segments = UINT32_MAX; break;
	case 5: io->req.sectors++; break;
	case 6: io->segment[1].offset = 512; break;
	case 7: io->segment[1].offset = UINT32_MAX - 511; break;
	case 8: io->segment[0].bytes = 0; break;
	case 9: io->segment[0].bytes = 4095; break;
	case 10: io->segment[0].bytes = 8192; break;
	default: io->req.op = XG_OP_FLUSH; break;	/* with segments */
	}
}

START_TEST(wrong_requests_are_refused)
{
	struct fake_guest *g;
	int how;

	image = images[_i];
	g = opened(1, 0, 0);
	for (how = 0; how <= 11; how++) {
		struct io *io = io_whole(XG_OP_WRITE, 0, 0, 2, 0);
		unsigned int grants = g->grants_live;

		damage(io, how);
		ck_assert_msg(fake_submit(g, 0, &io->req) == -XG_E_INVAL, "defect %d was taken", how);
		ck_assert_uint_eq(g->grants_live, grants);
		io_free(io);
	}
	ck_assert_int_eq(fake_in_flight(g, 0), 0);
	closed(g);
}
END_TEST

START_TEST(tag_in_flight_is_refused)
{
	struct fake_guest *g;
	struct io *a = io_whole(XG_OP_WRITE, 5, 0, 1, 0), *b = io_whole(XG_OP_WRITE, 5, 8, 1, 0);

	image = images[_i];
	g = opened(1, 0, 0);
	ck_assert_int_eq(fake_submit(g, 0, &a->req), 0);
	ck_assert_int_eq(fake_submit(g, 0, &b->req), -XG_E_INVAL);
	ck_assert_int_eq(fake_in_flight(g, 0), 1);
	closed(g);
	io_free(a);
	io_free(b);
}
END_TEST

/* ---- The ring ------------------------------------------------------------------------------------------------ */

START_TEST(ring_goes_round_many_times)
{
	struct io *io[32];
	struct fake_guest *g;
	unsigned int round, i;

	image = images[_i];
	g = opened(2, 0, 64);
	for (i = 0; i < 32; i++)
		io[i] = io_whole(i % 2 ? XG_OP_READ : XG_OP_WRITE, i, i * 8, 1 + i % 20, (uint8_t)i);
	for (round = 0; round < 50; round++) {
		/* A different number each time, so that batches lie across the ring's end in every way. */
		unsigned int n = 1 + (round * 7) % 32, q = round % 2;

		for (i = 0; i < n; i++)
			ck_assert_int_eq(fake_submit(g, q, &io[i]->req), 0);
		ck_assert_int_eq(fake_in_flight(g, q), (int)n);
		fake_commit(g, q);
		ck_assert_uint_eq(fake_serve(g, q), n);
		ck_assert_uint_eq(g->done_count, n);
		ck_assert_int_eq(fake_in_flight(g, q), 0);
		g->done_count = 0;
	}
	for (i = 0; i < 32; i++)
		io_free(io[i]);
	closed(g);
}
END_TEST

/* With FUA a request uses a second slot of the ring once its first is free: never more than the ring has. */
START_TEST(full_ring_of_fua_writes)
{
	struct io *io[32];
	struct fake_guest *g;
	unsigned int i;

	image = images[_i];
	g = opened(1, 0, 0);
	for (i = 0; i < 32; i++) {
		io[i] = io_whole(XG_OP_WRITE, i, i * 8, 1, (uint8_t)i);
		io[i]->req.flags = XG_RQ_FUA;
		ck_assert_int_eq(fake_submit(g, 0, &io[i]->req), 0);
	}
	fake_commit(g, 0);
	ck_assert_uint_eq(fake_serve(g, 0), 32);
	ck_assert_uint_eq(g->done_count, 0);
	ck_assert_int_eq(fake_in_flight(g, 0), 32);
	ck_assert_uint_eq(fake_serve(g, 0), 32);
	ck_assert_uint_eq(g->done_count, 32);
	for (i = 0; i < 32; i++)
		io_free(io[i]);
	closed(g);
}
END_TEST

START_TEST(requests_are_invisible_before_commit)
{
	struct io *a = io_whole(XG_OP_WRITE, 0, 0, 1, 0), *b = io_whole(XG_OP_WRITE, 1, 8, 1, 0);
	struct fake_guest *g;

	image = images[_i];
	g = opened(1, 0, 0);
	ck_assert_int_eq(fake_submit(g, 0, &a->req), 0);
	ck_assert_uint_eq(g->queue[0].ring->req_prod, 0);
	fake_commit(g, 0);
	ck_assert_uint_eq(g->queue[0].ring->req_prod, 1);
	ck_assert_uint_eq(g->queue[0].sends, 1);	/* req_event was 1: the backend sleeps */
	fake_commit(g, 0);
	ck_assert_uint_eq(g->queue[0].sends, 1);	/* nothing new */
	ck_assert_int_eq(fake_submit(g, 0, &b->req), 0);
	fake_commit(g, 0);
	ck_assert_uint_eq(g->queue[0].sends, 1);	/* it is awake and sees for itself */
	ck_assert_uint_eq(fake_serve(g, 0), 2);
	closed(g);
	io_free(a);
	io_free(b);
}
END_TEST

/*
 * 32 large requests want 2,048 grants. With 150 for data only two get in, the third gives back the 22 that it found;
 * the others wait and are woken.
 */
START_TEST(grants_run_out_and_come_back)
{
	struct xg_block_params p = params(1, 0, 64);
	struct io *io[32];
	struct fake_guest *g;
	unsigned int i, next = 0, rounds = 0, wakes = 0;

	image = images[_i];
	g = fake_guest_new(image, &p);
	ck_assert_int_eq(fake_open(g), 0);
	g->queue[0].reserve_left = 150;
	for (i = 0; i < 32; i++)
		io[i] = io_whole(XG_OP_WRITE, i, i * 8, 64, (uint8_t)i);
	while (next < 32) {
		int rc = 0;

		while (next < 32 && (rc = fake_submit(g, 0, &io[next]->req)) == 0)
			next++;
		ck_assert(rc == 0 || rc == -XG_E_BUSY);
		fake_commit(g, 0);
		ck_assert_int_eq(fake_in_flight(g, 0), 2);
		ck_assert_uint_eq(g->queue[0].reserve_left, 150 - 128);
		ck_assert_uint_eq(fake_serve(g, 0), 2);
		if (rc == -XG_E_BUSY)
			wakes++;
		ck_assert_uint_eq(g->queue[0].wakes, wakes);
		rounds++;
	}
	ck_assert_uint_eq(rounds, 16);
	ck_assert_uint_eq(g->done_count, 32);
	for (i = 0; i < 32; i++)
		io_free(io[i]);
	closed(g);
}
END_TEST

START_TEST(close_with_requests_in_flight)
{
	struct io *io[8];
	struct fake_guest *g;
	unsigned int i;

	image = images[_i];
	g = opened(1, 0, 64);
	for (i = 0; i < 8; i++) {
		io[i] = io_whole(XG_OP_WRITE, i, i * 8, 1 + i * 9, (uint8_t)i);
		ck_assert_int_eq(fake_submit(g, 0, &io[i]->req), 0);
	}
	fake_commit(g, 0);
	fake_close(g);
	ck_assert_uint_eq(g->done_count, 0);	/* whoever closes has their completion in hand */
	for (i = 0; i < 8; i++)
		io_free(io[i]);
	fake_guest_free(g);
}
END_TEST

START_TEST(half_open_again_after_close)
{
	struct fake_guest *g;
	struct io *io = io_whole(XG_OP_WRITE, 0, 0, 1, 0);

	image = images[_i];
	g = opened(1, 0, 0);
	ck_assert_int_eq(fake_open(g), -XG_E_INVAL);	/* it is open */
	fake_close(g);
	memset(g->queue, 0, sizeof(g->queue));
	ck_assert_int_eq(fake_open(g), 0);
	run(g, io, 0);
	io_free(io);
	closed(g);
}
END_TEST

static void answer_the_second(struct fake_guest *g)
{
	struct xg_blkif_response rsp = { .id = 1, .operation = XG_BLKIF_OP_WRITE };

	g->on_complete = NULL;
	fake_respond(g, 0, &rsp);
}

/* An answer that comes while the driver reaps: the backend sends no event for it, the driver has to look again. */
START_TEST(answer_while_reaping)
{
	struct xg_blkif_response rsp = { .id = 0, .operation = XG_BLKIF_OP_WRITE };
	struct io *a = io_whole(XG_OP_WRITE, 0, 0, 1, 0), *b = io_whole(XG_OP_WRITE, 1, 8, 1, 0);
	struct fake_guest *g;

	image = images[_i];
	g = opened(1, 0, 0);
	ck_assert_int_eq(fake_submit(g, 0, &a->req), 0);
	ck_assert_int_eq(fake_submit(g, 0, &b->req), 0);
	fake_commit(g, 0);
	fake_respond(g, 0, &rsp);
	g->on_complete = answer_the_second;
	fake_event(g, 0);
	ck_assert_uint_eq(g->done_count, 2);
	closed(g);
	io_free(a);
	io_free(b);
}
END_TEST

START_TEST(event_without_cause)
{
	struct fake_guest *g;

	image = images[_i];
	g = opened(1, 0, 0);
	fake_event(g, 0);
	ck_assert_uint_eq(g->done_count, 0);
	ck_assert_uint_eq(g->queue[0].wakes, 0);
	ck_assert_uint_eq(g->logs, 0);
	closed(g);
}
END_TEST

/* ---- A backend that lies ------------------------------------------------------------------------------------- */

enum lie {
	LIE_ID_TOO_LARGE, LIE_ID_PAST, LIE_ID_HUGE, LIE_ID_FREE, LIE_TWICE, LIE_OPERATION, LIE_INDIRECT_OPERATION,
	LIE_AHEAD, LIE_FAR_AHEAD,
	LIE_BACKWARDS, LIE_UNCOMMITTED, LIE_KEEPS_PAGES, LIES,
};

static const char *const lie_says[LIES] = {
	[LIE_ID_TOO_LARGE] = "nobody made", [LIE_ID_PAST] = "nobody made", [LIE_ID_HUGE] = "nobody made",
	[LIE_ID_FREE] = "nobody made",
	[LIE_TWICE] = "nobody made", [LIE_OPERATION] = "another operation",
	[LIE_INDIRECT_OPERATION] = "another operation",
	[LIE_AHEAD] = "more responses", [LIE_FAR_AHEAD] = "more responses", [LIE_BACKWARDS] = "more responses",
	[LIE_UNCOMMITTED] = "more responses", [LIE_KEEPS_PAGES] = "still holds pages",
};

/* Two requests, tags 0 and 1, are with the backend; tag 2 is not committed yet. Tag 1 is a large one. */
static void tell(struct fake_guest *g, enum lie lie)
{
	struct xg_blkif_ring *ring = g->queue[0].ring;
	struct xg_blkif_response ok = { .id = 0, .operation = XG_BLKIF_OP_WRITE }, rsp = ok;

	switch (lie) {
	case LIE_ID_TOO_LARGE: rsp.id = 32; break;
	case LIE_ID_PAST: rsp.id = 48; break;	/* behind the pages of the queue's state */
	case LIE_ID_HUGE: rsp.id = UINT64_MAX; break;
	case LIE_ID_FREE: rsp.id = 7; break;
	case LIE_TWICE: fake_respond(g, 0, &ok); break;
	case LIE_OPERATION: rsp.operation = XG_BLKIF_OP_READ; break;
	case LIE_INDIRECT_OPERATION: rsp.id = 1; rsp.operation = XG_BLKIF_OP_INDIRECT; break;
	case LIE_AHEAD: ring->rsp_prod = 3; return;
	case LIE_FAR_AHEAD: ring->rsp_prod = 33; return;
	case LIE_BACKWARDS: ring->rsp_prod = UINT32_MAX; return;
	case LIE_UNCOMMITTED: ring->req_prod = 3; ring->rsp_prod = 3; return;
	default: g->ungrant_refused = true; break;
	}
	fake_respond(g, 0, &rsp);
}

START_TEST(lies_stop_the_queue)
{
	struct fake_guest *g;
	struct io *io[4];
	unsigned int lie, i, ok;

	image = images[_i];
	for (lie = 0; lie < LIES; lie++) {
		g = opened(2, 0, 64);
		for (i = 0; i < 4; i++)
			io[i] = io_whole(XG_OP_WRITE, i, i * 256, i == 1 ? 30 : 2, (uint8_t)i);
		ck_assert_int_eq(fake_submit(g, 0, &io[0]->req), 0);
		ck_assert_int_eq(fake_submit(g, 0, &io[1]->req), 0);
		fake_commit(g, 0);
		ck_assert_int_eq(fake_submit(g, 0, &io[2]->req), 0);
		tell(g, lie);
		fake_event(g, 0);
		ck_assert_msg(g->logs == 1 && strstr(g->log, lie_says[lie]), "lie %u: '%s'", lie, g->log);
		/*
		 * All three are done, but for the truth before the lie with an error; nothing is granted but the
		 * rings.
		 */
		ck_assert_uint_eq(g->done_count, 3);
		for (i = 0, ok = 0; i < 3; i++) {
			ck_assert(g->done[i].status == 0 || g->done[i].status == -XG_E_IO);
			ok += g->done[i].status == 0;
		}
		ck_assert_uint_eq(ok, lie == LIE_TWICE);
		ck_assert_int_eq(fake_in_flight(g, 0), 0);
		ck_assert_uint_eq(g->grants_live, 2 + 2 * 32);
		/* From now on: refused at once, and silent, whatever comes. */
		ck_assert_int_eq(fake_submit(g, 0, &io[3]->req), -XG_E_IO);
		fake_event(g, 0);
		ck_assert_uint_eq(g->logs, 1);
		/* The other queue is none the worse. */
		g->ungrant_refused = false;
		ck_assert_int_eq(fake_submit(g, 1, &io[3]->req), 0);
		fake_commit(g, 1);
		ck_assert_uint_eq(fake_serve(g, 1), 1);
		ck_assert_int_eq(g->done[3].status, 0);
		closed(g);
		for (i = 0; i < 4; i++)
			io_free(io[i]);
	}
}
END_TEST

/* Who waits for room must hear of a queue that stopped. */
START_TEST(a_stopped_queue_wakes_who_waits)
{
	struct xg_block_params p = params(1, 0, 64);
	struct fake_guest *g;
	struct io *a = io_whole(XG_OP_WRITE, 0, 0, 64, 0), *b = io_whole(XG_OP_WRITE, 1, 0, 64, 0);

	image = images[_i];
	g = fake_guest_new(image, &p);
	g->reserve_most = 33 + 64;
	ck_assert_int_eq(fake_open(g), 0);
	ck_assert_int_eq(fake_submit(g, 0, &a->req), 0);
	ck_assert_int_eq(fake_submit(g, 0, &b->req), -XG_E_BUSY);
	fake_commit(g, 0);
	tell(g, LIE_ID_HUGE);
	fake_event(g, 0);
	ck_assert_uint_eq(g->queue[0].wakes, 1);
	ck_assert_int_eq(fake_submit(g, 0, &b->req), -XG_E_IO);
	closed(g);
	io_free(a);
	io_free(b);
}
END_TEST

/* Requests on the ring that the backend changes after the fact: the driver never reads them back. */
START_TEST(a_scribbled_ring_changes_nothing)
{
	struct fake_guest *g;
	struct io *io = io_whole(XG_OP_WRITE, 3, 0, 2, 0);
	struct xg_blkif_response rsp = { .id = 3, .operation = XG_BLKIF_OP_WRITE };

	image = images[_i];
	g = opened(1, 0, 64);
	ck_assert_int_eq(fake_submit(g, 0, &io->req), 0);
	fake_commit(g, 0);
	(void)fake_take(g, 0);
	memset(g->queue[0].ring->slot, 0xff, 32 * 112);
	g->queue[0].ring->req_prod = 77;
	g->queue[0].ring->rsp_event = 99;
	fake_respond(g, 0, &rsp);
	fake_event(g, 0);
	ck_assert_uint_eq(g->done_count, 1);
	ck_assert_int_eq(g->done[0].status, 0);
	io_free(io);
	closed(g);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("driver images");
	TCase *t = tcase_create("every image");

	tcase_set_timeout(t, 60);
#define EACH(test) tcase_add_loop_test(t, test, 0, XG_ARRAY_SIZE(images))
	EACH(note_says_what_it_is);
	EACH(object_imports_nothing_and_has_no_data);
	EACH(table_is_sane);
	EACH(open_and_close_balance);
	EACH(open_fails_at_each_service);
	EACH(open_refuses_wrong_parameters);
	EACH(open_takes_fewer_grants_where_there_are_few);
	EACH(kept_grants_are_used_again);
	EACH(grants_are_not_kept_unless_all_can);
	EACH(every_size_is_written_and_read_back);
	EACH(parts_of_pages);
	EACH(flush_discard_and_fua);
	EACH(fua_write_that_fails_is_not_flushed);
	EACH(statuses);
	EACH(what_the_backend_cannot_do_is_refused);
	EACH(wrong_requests_are_refused);
	EACH(tag_in_flight_is_refused);
	EACH(ring_goes_round_many_times);
	EACH(full_ring_of_fua_writes);
	EACH(requests_are_invisible_before_commit);
	EACH(grants_run_out_and_come_back);
	EACH(close_with_requests_in_flight);
	EACH(half_open_again_after_close);
	EACH(answer_while_reaping);
	EACH(event_without_cause);
	EACH(lies_stop_the_queue);
	EACH(a_stopped_queue_wakes_who_waits);
	EACH(a_scribbled_ring_changes_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
