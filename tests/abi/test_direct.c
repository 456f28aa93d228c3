// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drivers of devices that read and write the guest's pages themselves, against models of those devices: an NVMe queue
 * pair and a virtio split queue, written from their specifications, byte by byte, so that they share no mistake with
 * the descriptions. A model checks what it is given as a strict device would.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hotswap/link.h"
#include "lib/base/array.h"
#include "tests/abi/fake_guest.h"
#include "tests/lib/run_suite.h"

#define NVME XG_BUILDDIR "/guest-stubs/drivers/nvme-queue-paravirtual.o"
#define VIRTIO XG_BUILDDIR "/guest-stubs/drivers/virtio-blk-paravirtual.o"
#define ALL_FLAGS (XG_BLK_FLUSH | XG_BLK_FUA | XG_BLK_DISCARD)
#define VIRTIO_NEEDS (UINT64_C(1) << 32 | UINT64_C(1) << 28)
/* ---- Numbers in memory ------------------------------------------------------------------------------------------- */

static uint64_t get(const void *p, size_t at, size_t bytes)
{
	uint64_t v = 0;

	memcpy(&v, (const uint8_t *)p + at, bytes);
	return v;
}

static void put(void *p, size_t at, size_t bytes, uint64_t v)
{
	memcpy((uint8_t *)p + at, &v, bytes);
}

static void *bus(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

/* ---- What both models do with the disk --------------------------------------------------------------------------- */

struct model {
	struct fake_guest *g;
	uint32_t q, entries;
	uint32_t taken, answered;	/* free-running */
	unsigned int fua, flushes, discards, writes;
	uint16_t status;		/* what is answered */
	uint32_t block;			/* bytes */
};

static void move(struct model *m, uint64_t *byte, bool to_disk, void *at, uint32_t bytes)
{
	ck_assert_msg(*byte + bytes <= FAKE_DISK_SECTORS * 512, "byte %llu of the disk", (unsigned long long)*byte);
	if (to_disk)
		memcpy(m->g->disk + *byte, at, bytes);
	else
		memcpy(at, m->g->disk + *byte, bytes);
	*byte += bytes;
}

static void discard(struct model *m, uint64_t sector, uint64_t sectors)
{
	ck_assert(sector + sectors <= FAKE_DISK_SECTORS);
	memset(m->g->disk + sector * 512, 0, sectors * 512);
	m->discards++;
}

/* ---- NVMe -------------------------------------------------------------------------------------------------------- */

/* The queue's id is q + 1: id 0 is the admin queue's. Doorbells of 4 bytes with a stride of 8. */
static uint32_t nvme_doorbell(const struct model *m, unsigned int which)
{
	return (uint32_t)get(m->g->doorbells, (2 * (m->q + 1) + which) * 8, 4);
}

/* Page after page of a transfer: PRP 1, then PRP 2 or the list that it points to (base specification, 4.1.1). */
static void nvme_transfer(struct model *m, const uint8_t *cmd, bool to_disk)
{
	uint32_t bytes = ((uint32_t)get(cmd, 48, 2) + 1) * m->block, part, i;
	uint64_t prp1 = get(cmd, 24, 8), prp2 = get(cmd, 32, 8), byte = get(cmd, 40, 8) * m->block;

	part = 4096 - (prp1 & 4095);
	if (part > bytes)
		part = bytes;
	ck_assert(prp1 % 4 == 0);
	move(m, &byte, to_disk, bus(prp1), part);
	bytes -= part;
	if (bytes == 0)
		ck_assert_uint_eq(prp2, 0);
	else
		ck_assert(prp2 != 0);
	for (i = 0; bytes; i++, bytes -= part) {
		uint64_t at = bytes <= 4096 && i == 0 ? prp2 : get(bus(prp2), 8 * i, 8);

		if (i == 0 && bytes > 4096)
			ck_assert(prp2 % 8 == 0);
		ck_assert_msg(at % 4096 == 0, "PRP %u is %llx", i + 2, (unsigned long long)at);
		part = bytes < 4096 ? bytes : 4096;
		move(m, &byte, to_disk, bus(at), part);
	}
	m->writes += to_disk;
	m->fua += get(cmd, 48, 4) >> 30 & 1;
}

static void nvme_perform(struct model *m, const uint8_t *cmd)
{
	ck_assert_uint_eq(get(cmd, 1, 1), 0);		/* no fusing, PRPs */
	ck_assert_uint_eq(get(cmd, 4, 4), 7);		/* the namespace */
	ck_assert_uint_eq(get(cmd, 8, 8), 0);
	ck_assert_uint_eq(get(cmd, 16, 8), 0);
	switch (get(cmd, 0, 1)) {
	case 0x00:
		ck_assert_uint_eq(get(cmd, 40, 8), 0);
		m->flushes++;
		break;
	case 0x01:
	case 0x02:
		ck_assert_uint_eq(get(cmd, 48, 4) & 0xbfff0000, 0);
		nvme_transfer(m, cmd, get(cmd, 0, 1) == 0x01);
		break;
	case 0x09:
		ck_assert_uint_eq(get(cmd, 40, 4), 0);	/* one range */
		ck_assert_uint_eq(get(cmd, 44, 4), 4);	/* deallocate */
		ck_assert_uint_eq(get(bus(get(cmd, 24, 8)), 0, 4), 0);
		discard(m, get(bus(get(cmd, 24, 8)), 8, 8) * (m->block / 512), get(bus(get(cmd, 24, 8)), 4,
										   4) * (m->block / 512));
		break;
	default:
		ck_abort_msg("opcode %u", (unsigned int)get(cmd, 0, 1));
	}
}

static void nvme_answer(struct model *m, uint16_t cid, uint16_t status)
{
	uint8_t *cqe = (uint8_t *)bus(m->g->dev->direct_queues[m->q].ring[1]) + 16 * (m->answered % m->entries);
	unsigned int phase = !(m->answered / m->entries & 1);

	put(cqe, 0, 4, 0);
	put(cqe, 8, 2, m->taken % m->entries);
	put(cqe, 10, 2, m->q + 1);
	put(cqe, 12, 2, cid);
	put(cqe, 14, 2, (uint16_t)(status << 1 | phase));
	m->answered++;
}

static unsigned int nvme_serve(struct model *m)
{
	const uint8_t *sq = bus(m->g->dev->direct_queues[m->q].ring[0]);
	unsigned int n = 0;

	for (; m->taken % m->entries != nvme_doorbell(m, 0); n++) {
		uint8_t cmd[64];

		memcpy(cmd, sq + 64 * (m->taken % m->entries), 64);
		m->taken++;
		nvme_perform(m, cmd);
		nvme_answer(m, (uint16_t)get(cmd, 2, 2), m->status);
	}
	fake_event(m->g, m->q);
	ck_assert_uint_eq(nvme_doorbell(m, 1), m->answered % m->entries);
	return n;
}

/* ---- virtio ------------------------------------------------------------------------------------------------------ */

static uint64_t *ring_of(struct model *m)
{
	return m->g->dev->direct_queues[m->q].ring;
}

/* Walks the table of one request: header, data, status (Virtio 1.2, 2.7.5 and 5.2.6). */
static void virtio_perform(struct model *m, const uint8_t *table, uint32_t bytes)
{
	uint32_t n = bytes / 16, i, type;
	const uint8_t *header = bus(get(table, 0, 8));
	uint64_t byte;

	ck_assert(bytes % 16 == 0 && n >= 2 && n <= 66);
	ck_assert_uint_eq(get(table, 8, 4), 16);
	for (i = 0; i + 1 < n; i++) {
		ck_assert_uint_eq(get(table + 16 * i, 14, 2), i + 1);
		ck_assert(get(table + 16 * i, 12, 2) & 1);
	}
	type = (uint32_t)get(header, 0, 4);
	byte = get(header, 8, 8) * 512;
	ck_assert_uint_eq(get(header, 4, 4), 0);
	for (i = 1; i + 1 < n; i++) {
		const uint8_t *d = table + 16 * i;

		ck_assert_uint_eq(get(d, 12, 2), type == 0 ? 3 : 1);
		if (type == 0 || type == 1)
			move(m, &byte, type == 1, bus(get(d, 0, 8)), (uint32_t)get(d, 8, 4));
	}
	if (type == 11) {
		const uint8_t *range = bus(get(table, 16, 8));

		ck_assert(n == 3 && get(table, 24, 4) == 16 && get(range, 12, 4) == 0);
		discard(m, get(range, 0, 8), get(range, 8, 4));
	} else if (type == 4) {
		ck_assert(n == 2 && byte == 0);
		m->flushes++;
	} else {
		ck_assert_msg(type <= 1 && n > 2, "type %u", type);
		m->writes += type;
	}
	ck_assert_uint_eq(get(table + 16 * (n - 1), 8, 4), 1);
	ck_assert_uint_eq(get(table + 16 * (n - 1), 12, 4), 2);
	*(uint8_t *)bus(get(table + 16 * (n - 1), 0, 8)) = (uint8_t)m->status;
}

static void virtio_answer(struct model *m, uint32_t id)
{
	uint8_t *used = bus(ring_of(m)[2]);

	put(used, 4 + 8 * (m->answered % m->entries), 4, id);
	put(used, 8 + 8 * (m->answered % m->entries), 4, 1);
	m->answered++;
	put(used, 2, 2, m->answered);
}

static uint16_t virtio_take(struct model *m)
{
	const uint8_t *avail = bus(ring_of(m)[1]);

	ck_assert_uint_eq(get(avail, 0, 2), 0);
	return (uint16_t)get(avail, 4 + 2 * (m->taken++ % m->entries), 2);
}

static unsigned int virtio_serve(struct model *m)
{
	const uint8_t *avail = bus(ring_of(m)[1]), *desc;
	unsigned int n = 0;

	for (; (uint16_t)m->taken != get(avail, 2, 2); n++) {
		uint16_t head = virtio_take(m);

		ck_assert_uint_lt(head, m->entries);
		desc = (const uint8_t *)bus(ring_of(m)[0]) + 16 * head;
		ck_assert_uint_eq(get(desc, 12, 2), 4);		/* a table, nothing else */
		virtio_perform(m, bus(get(desc, 0, 8)), (uint32_t)get(desc, 8, 4));
		virtio_answer(m, head);
	}
	fake_event(m->g, m->q);
	return n;
}

/* ---- The drivers as rows ----------------------------------------------------------------------------------------- */

static const struct driver {
	const char *image, *device;
	uint64_t features;
	uint32_t stride, first_doorbell, doorbells;
	uint32_t depth, boundary, entries;
	bool fua_in_command;
	unsigned int (*serve)(struct model *m);
} drivers[] = {
	{ NVME, "nvme-queue", 0, 8, 2, 2, 63, 4096, 64, true, nvme_serve },
	{ VIRTIO, "virtio-blk", VIRTIO_NEEDS | 1u << 9, 4, 0, 1, 128, 0, 128, false, virtio_serve },
};

static struct fake_guest *closed_guest(const struct driver *d, uint32_t queues, uint32_t logical)
{
	struct xg_block_params p = { .sectors = FAKE_DISK_SECTORS, .logical_bytes = logical, .physical_bytes = 4096,
				     .flags = ALL_FLAGS, .discard_granularity = 4096, .nr_queues = queues };
	struct fake_guest *g = fake_guest_new(d->image, &p);
	uint32_t q;

	g->dev->direct = (struct xg_direct_params){ .features = d->features, .doorbell_stride = d->stride,
						    .doorbell_bytes = FAKE_DOORBELL_BYTES, .unit = 7 };
	for (q = 0; q < queues; q++)
		g->dev->direct_queues[q] = (struct xg_direct_queue){ .doorbell = d->first_doorbell + q * d->doorbells,
								     .number = q };
	return g;
}

static struct fake_guest *opened(const struct driver *d, uint32_t queues, uint32_t logical, struct model *m)
{
	struct fake_guest *g = closed_guest(d, queues, logical);

	ck_assert_int_eq(fake_open(g), 0);
	*m = (struct model){ .g = g, .entries = g->dev->direct_queues[0].entries, .block = logical };
	ck_assert_uint_eq(m->entries, d->entries);
	ck_assert_uint_eq(g->dev->limits.queue_depth, d->depth);
	ck_assert_uint_eq(g->dev->direct.segment_boundary, d->boundary);
	return g;
}

static void closed(struct fake_guest *g)
{
	fake_close(g);
	fake_guest_free(g);
}

/* ---- Requests ---------------------------------------------------------------------------------------------------- */

struct io {
	struct xg_request req;
	struct xg_segment segments[XG_SEGMENTS_MAX];
	uint8_t *pages;
	uint32_t nr_pages;
};

/*
 * BYTES from OFFSET in the first page on, as many pages as that takes, each a segment; page after page backwards in
 * memory.
 */
static struct io *io_new(uint16_t op, uint32_t tag, uint64_t sector, uint32_t offset, uint32_t bytes, uint8_t fill)
{
	struct io *io = calloc(1, sizeof(*io));
	uint32_t i, left = bytes, part;

	ck_assert(io);
	io->nr_pages = (offset + bytes + 4095) / 4096;
	io->pages = aligned_alloc(4096, (size_t)io->nr_pages * 4096);
	ck_assert(io->pages);
	memset(io->pages, 0xee, (size_t)io->nr_pages * 4096);
	for (i = 0; left; i++, offset = 0, left -= part) {
		uint8_t *page = io->pages + (size_t)(io->nr_pages - 1 - i) * 4096;

		part = 4096 - offset < left ? 4096 - offset : left;
		memset(page + offset, fill + i, part);
		io->segments[i] = (struct xg_segment){ .frame = (uintptr_t)page / 4096, .offset = offset,
						      .bytes = part };
	}
	io->req = (struct xg_request){ .sector = sector, .sectors = bytes / 512, .op = op, .nr_segments = i, .tag = tag,
				       .segments = io->segments };
	return io;
}

static void io_free(struct io *io)
{
	free(io->pages);
	free(io);
}

static uint8_t *byte_of(const struct io *io, uint32_t segment)
{
	return (uint8_t *)(uintptr_t)(io->segments[segment].frame * 4096 + io->segments[segment].offset);
}

static void run(struct model *m, const struct driver *d, struct io *io)
{
	ck_assert_int_eq(fake_submit(m->g, m->q, &io->req), 0);
	fake_commit(m->g, m->q);
	m->g->done_count = 0;
	ck_assert_uint_eq(d->serve(m), 1);
}

static void expect_done(struct model *m, int status)
{
	ck_assert_uint_eq(m->g->done_count, 1);
	ck_assert_int_eq(m->g->done[0].status, status);
	ck_assert_int_eq(fake_in_flight(m->g, m->q), 0);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

START_TEST(note_says_what_it_is)
{
	const struct driver *d = &drivers[_i];
	struct xg_image_note note;
	struct xg_err err = XG_ERR_NONE;
	struct xg_elf *elf;
	uint8_t bytes[65536];
	FILE *f = fopen(d->image, "rb");
	size_t n;

	ck_assert(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert_int_eq(xg_elf_open(bytes, n, &elf, &err), 0);
	ck_assert_msg(xg_image_note(elf, &note, &err) == 0, "%s", err.text);
	ck_assert_str_eq(note.device, d->device);
	ck_assert_str_eq(note.mode, "paravirtual");
	ck_assert_str_eq(note.class_name, "block");
	xg_elf_close(elf);
}
END_TEST

START_TEST(every_size_is_written_and_read_back)
{
	static const uint32_t blocks[] = { 512, 4096 };
	const struct driver *d = &drivers[_i];
	struct fake_guest *g;
	uint32_t b, pages, offset, i;
	struct io *w, *r;
	struct model m;

	for (b = 0; b < XG_ARRAY_SIZE(blocks); b++) {
		g = opened(d, 1, blocks[b], &m);
		for (pages = 1; pages <= 64; pages++)
			for (offset = 0; offset < 4096; offset += blocks[b] == 512 ? 1536 : 4096) {
				/* From inside the first page to inside the last. */
				uint32_t bytes = pages * 4096 - offset - (pages > 1 && blocks[b] == 512 ? 1024 : 0);

				w = io_new(XG_OP_WRITE, pages % d->depth, 64, offset, bytes, (uint8_t)(pages * 3));
				r = io_new(XG_OP_READ, (pages + 1) % d->depth, 64, offset, bytes, 0);
				memset(g->disk, 0, sizeof(g->disk));
				run(&m, d, w);
				expect_done(&m, 0);
				ck_assert_uint_eq(g->disk[64 * 512 - 1], 0);
				ck_assert_uint_eq(g->disk[64 * 512 + bytes], 0);
				run(&m, d, r);
				expect_done(&m, 0);
				for (i = 0; i < r->req.nr_segments; i++)
					ck_assert(!memcmp(byte_of(r, i), byte_of(w, i), r->segments[i].bytes));
				io_free(w);
				io_free(r);
			}
		fake_close(g);
		fake_guest_free(g);
	}
}
END_TEST

START_TEST(flush_discard_and_fua)
{
	const struct driver *d = &drivers[_i];
	struct model m;
	struct fake_guest *g = opened(d, 1, 4096, &m);
	struct io *w = io_new(XG_OP_WRITE, 1, 0, 0, 8192, 9);
	struct xg_request flush = { .op = XG_OP_FLUSH, .tag = 2 }, trim = { .op = XG_OP_DISCARD, .tag = 3,
									   .sector = 8, .sectors = 8 };

	w->req.flags = XG_RQ_FUA;
	ck_assert_int_eq(fake_submit(g, 0, &w->req), 0);
	fake_commit(g, 0);
	ck_assert_uint_eq(d->serve(&m), 1);
	if (!d->fua_in_command) {
		ck_assert_uint_eq(g->done_count, 0);	/* a flush follows */
		ck_assert_uint_eq(d->serve(&m), 1);
		ck_assert_uint_eq(m.flushes, 1);
	} else {
		ck_assert_uint_eq(m.fua, 1);
	}
	expect_done(&m, 0);
	g->done_count = m.flushes = 0;
	ck_assert_int_eq(fake_submit(g, 0, &flush), 0);
	ck_assert_int_eq(fake_submit(g, 0, &trim), 0);
	fake_commit(g, 0);
	ck_assert_uint_eq(d->serve(&m), 2);
	ck_assert(m.flushes == 1 && m.discards == 1 && g->done_count == 2);
	ck_assert(g->disk[0] == 9 && g->disk[4096] == 0);
	trim.flags = XG_RQ_SECURE;
	ck_assert_int_eq(fake_submit(g, 0, &trim), -XG_E_NOTSUPP);
	io_free(w);
	closed(g);
}
END_TEST

/* The slot page that a discard used is used by transfers, and the other way round: nothing stays behind. */
START_TEST(one_slot_for_everything)
{
	const struct driver *d = &drivers[_i];
	struct model m;
	struct fake_guest *g = opened(d, 1, 512, &m);
	struct xg_request trim = { .op = XG_OP_DISCARD, .sector = 8, .sectors = 8 }, flush = { .op = XG_OP_FLUSH };
	unsigned int i;

	for (i = 0; i < 200; i++) {
		struct io *io = io_new(i % 2 ? XG_OP_READ : XG_OP_WRITE, 0, i, 0, 4096 * (i % 64 + 1), (uint8_t)i);

		run(&m, d, io);
		expect_done(&m, 0);
		g->done_count = 0;
		ck_assert_int_eq(fake_submit(g, 0, i % 3 ? &trim : &flush), 0);
		fake_commit(g, 0);
		ck_assert_uint_eq(d->serve(&m), 1);
		expect_done(&m, 0);
		io_free(io);
	}
	closed(g);
}
END_TEST

START_TEST(full_queue_round_and_round)
{
	const struct driver *d = &drivers[_i];
	struct model m;
	struct fake_guest *g = opened(d, 1, 512, &m);
	struct io *io[128], *more;
	uint32_t i, round;

	for (i = 0; i < d->depth; i++)
		io[i] = io_new(XG_OP_WRITE, i, i * 8, 0, 4096, (uint8_t)i);
	more = io_new(XG_OP_WRITE, d->depth, 0, 0, 512, 0);
	for (round = 0; round < 1200; round++) {
		g->done_count = 0;
		for (i = 0; i < d->depth; i++)
			ck_assert_int_eq(fake_submit(g, 0, &io[i]->req), 0);
		ck_assert_int_eq(fake_in_flight(g, 0), (int)d->depth);
		/* No tag is left: one in flight, or one too many. */
		ck_assert_int_eq(fake_submit(g, 0, &io[0]->req), -XG_E_INVAL);
		ck_assert_int_eq(fake_submit(g, 0, &more->req), -XG_E_INVAL);
		fake_commit(g, 0);
		ck_assert_uint_eq(d->serve(&m), d->depth);
		ck_assert_uint_eq(g->done_count, d->depth);
	}
	for (i = 0; i < d->depth; i++)
		ck_assert_uint_eq(g->disk[i * 4096], (uint8_t)i);
	for (i = 0; i < d->depth; i++)
		io_free(io[i]);
	io_free(more);
	closed(g);
}
END_TEST

START_TEST(requests_are_invisible_before_commit)
{
	const struct driver *d = &drivers[_i];
	struct model m;
	struct fake_guest *g = opened(d, 1, 512, &m);
	struct io *io = io_new(XG_OP_READ, 0, 0, 0, 512, 0);

	ck_assert_int_eq(fake_submit(g, 0, &io->req), 0);
	ck_assert_uint_eq(d->serve(&m), 0);
	fake_commit(g, 0);
	ck_assert_uint_eq(d->serve(&m), 1);
	expect_done(&m, 0);
	io_free(io);
	closed(g);
}
END_TEST

START_TEST(each_queue_has_its_own_doorbells)
{
	const struct driver *d = &drivers[_i];
	struct model m;
	struct fake_guest *g = opened(d, 4, 512, &m);
	struct io *io = io_new(XG_OP_WRITE, 5, 0, 512, 1024, 3);

	for (m.q = 0; m.q < 4; m.q++) {
		m.taken = m.answered = 0;
		run(&m, d, io);
		expect_done(&m, 0);
	}
	io_free(io);
	closed(g);
}
END_TEST

/* A request is refused before the device sees anything of it. */
START_TEST(wrong_requests_are_refused)
{
	const struct driver *d = &drivers[_i];
	struct model m;
	struct fake_guest *g = opened(d, 1, 4096, &m);
	struct io *io = io_new(XG_OP_WRITE, 0, 8, 0, 3 * 4096, 1);
	const struct xg_request good = io->req;

#define REFUSED(change, why) do {							\
		io->req = good;								\
		change;									\
		ck_assert_int_eq(fake_submit(g, 0, &io->req), -(why));			\
	} while (0)
	if (d->boundary)	/* who counts in blocks must be given whole ones */
		REFUSED(io->req.sector = 9, XG_E_INVAL);
	REFUSED(io->req.sectors = 23, XG_E_INVAL);
	REFUSED(io->req.tag = d->depth, XG_E_INVAL);
	REFUSED(io->req.nr_segments = 0, XG_E_INVAL);
	REFUSED(io->req.nr_segments = 65, XG_E_INVAL);
	REFUSED(io->req.op = 9, XG_E_NOTSUPP);
	REFUSED(io->req.op = XG_OP_FLUSH, XG_E_INVAL);
	io->segments[1].bytes = 2048;
	io->segments[1].offset = 2560;
	REFUSED(io->req.sectors = 20, XG_E_INVAL);
	io->segments[1].bytes = 0;
	REFUSED(io->req.sectors = 16, XG_E_INVAL);
	io->segments[1] = (struct xg_segment){ .frame = io->segments[0].frame, .bytes = 4096 };
	if (d->boundary) {
		/* A hole in the middle: such a list of pages cannot be said. */
		io->segments[1].bytes = 3584;
		io->segments[2].bytes = 512;
		REFUSED(io->req.sectors = 16, XG_E_INVAL);
		io->segments[1].bytes = 4096;
		io->segments[2] = (struct xg_segment){ .frame = io->segments[2].frame, .offset = 512, .bytes = 3584 };
		REFUSED(io->req.sectors = 23, XG_E_INVAL);
	}
	g->bus_refused = true;
	io->segments[2] = (struct xg_segment){ .frame = io->segments[0].frame, .bytes = 4096 };
	REFUSED(io->req.tag = 0, XG_E_INVAL);
	g->bus_refused = false;
	io->req = good;
	ck_assert_int_eq(fake_in_flight(g, 0), 0);
	run(&m, d, io);
	expect_done(&m, 0);
	io_free(io);
	closed(g);
}
END_TEST

START_TEST(what_the_device_cannot_do_is_refused)
{
	const struct driver *d = &drivers[_i];
	struct fake_guest *g = closed_guest(d, 1, 512);
	struct io *io = io_new(XG_OP_WRITE, 0, 8, 0, 4096, 1);
	struct xg_request flush = { .op = XG_OP_FLUSH }, trim = { .op = XG_OP_DISCARD, .sectors = 8 };

	g->dev->block.flags = 0;
	g->dev->direct.max_segments = 3;
	g->dev->direct.max_sectors = 16;
	g->dev->direct.max_entries = 24;
	ck_assert_int_eq(fake_open(g), 0);
	ck_assert_uint_eq(g->dev->direct_queues[0].entries, 16);
	ck_assert_uint_eq(g->dev->limits.max_segments, 3);
	ck_assert_uint_eq(g->dev->limits.max_sectors, 16);
	ck_assert_int_eq(fake_submit(g, 0, &flush), -XG_E_NOTSUPP);
	ck_assert_int_eq(fake_submit(g, 0, &trim), -XG_E_NOTSUPP);
	io->req.flags = XG_RQ_FUA;
	ck_assert_int_eq(fake_submit(g, 0, &io->req), -XG_E_NOTSUPP);
	io_free(io);
	closed(g);
}
END_TEST

static const struct { uint16_t said; int means; } statuses[][4] = {
	{ { 0, 0 }, { 0x001, -XG_E_NOTSUPP }, { 0x281, -XG_E_IO }, { 0x006, -XG_E_IO } },
	{ { 0, 0 }, { 2, -XG_E_NOTSUPP }, { 1, -XG_E_IO }, { 0xff, -XG_E_IO } },
};

START_TEST(statuses_mean_something)
{
	const struct driver *d = &drivers[_i];
	struct model m;
	struct fake_guest *g = opened(d, 1, 512, &m);
	struct io *io = io_new(XG_OP_READ, 0, 0, 0, 512, 0);
	size_t i;

	for (i = 0; i < 4; i++) {
		m.status = statuses[_i][i].said;
		run(&m, d, io);
		expect_done(&m, statuses[_i][i].means);
	}
	io_free(io);
	closed(g);
}
END_TEST

/* Answers to what nobody asked: the queue stops, nothing more is completed, and the other queue goes on. */
START_TEST(lies_stop_the_queue)
{
	static const uint32_t ids[] = { 128, 63, 0xffff, 7, 0x10000000 };
	const struct driver *d = &drivers[_i];
	struct io *io = io_new(XG_OP_WRITE, 0, 0, 0, 512, 1);
	struct fake_guest *g;
	struct model m;
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(ids); i++) {
		g = opened(d, 2, 512, &m);
		ck_assert_int_eq(fake_submit(g, 0, &io->req), 0);
		fake_commit(g, 0);
		if (_i == 0) {
			if (ids[i] > 0xffff) {
				fake_close(g);
				fake_guest_free(g);
				continue;
			}
			nvme_answer(&m, (uint16_t)ids[i], 0);
		} else {
			virtio_answer(&m, ids[i]);
		}
		fake_event(g, 0);
		ck_assert_msg(g->logs == 1 && strstr(g->log, "nobody made"), "%s", g->log);
		ck_assert_uint_eq(g->done_count, 0);
		fake_event(g, 0);
		ck_assert_uint_eq(g->logs, 1);
		io->req.tag = 1;
		ck_assert_int_eq(fake_submit(g, 0, &io->req), -XG_E_IO);
		io->req.tag = 0;
		m = (struct model){ .g = g, .entries = m.entries, .q = 1, .block = 512 };
		run(&m, d, io);
		ck_assert(g->done_count == 1 && g->done[0].status == 0);
		fake_close(g);
		fake_guest_free(g);
	}
	io_free(io);
}
END_TEST

/* virtio's index says more than was asked for: nothing of it is looked at. */
START_TEST(an_index_that_runs_ahead)
{
	static const uint16_t claims[] = { 2, 129, 0x8000, 0xffff };
	struct io *io = io_new(XG_OP_WRITE, 0, 0, 0, 512, 1);
	struct fake_guest *g;
	struct model m;
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(claims); i++) {
		g = opened(&drivers[1], 1, 512, &m);
		ck_assert_int_eq(fake_submit(g, 0, &io->req), 0);
		fake_commit(g, 0);
		put(bus(ring_of(&m)[2]), 2, 2, claims[i]);
		fake_event(g, 0);
		ck_assert(strstr(g->log, "more responses") && g->done_count == 0);
		fake_close(g);
		fake_guest_free(g);
	}
	io_free(io);
}
END_TEST

START_TEST(no_doorbell_where_none_is_wanted)
{
	struct io *io = io_new(XG_OP_WRITE, 0, 0, 0, 512, 1);
	struct model m;
	struct fake_guest *g = opened(&drivers[1], 3, 512, &m);

	m.q = 2;
	put(g->doorbells, 8, 2, 0x7777);
	put(bus(ring_of(&m)[2]), 0, 2, 1);	/* no_notify */
	run(&m, &drivers[1], io);
	expect_done(&m, 0);
	ck_assert_uint_eq(get(g->doorbells, 8, 2), 0x7777);
	put(bus(ring_of(&m)[2]), 0, 2, 0);
	run(&m, &drivers[1], io);
	ck_assert_uint_eq(get(g->doorbells, 8, 2), 2);
	io_free(io);
	closed(g);
}
END_TEST

START_TEST(features_decide)
{
	static const struct { uint64_t features; int rc; } rows[] = {
		{ VIRTIO_NEEDS, 0 }, { VIRTIO_NEEDS | 1u << 6 | 1u << 9 | 1u << 13, 0 }, { 0, -XG_E_NOTSUPP },
		{ UINT64_C(1) << 32, -XG_E_NOTSUPP }, { 1u << 28, -XG_E_NOTSUPP },
		{ VIRTIO_NEEDS | 1u << 29, -XG_E_NOTSUPP },
		{ VIRTIO_NEEDS | UINT64_C(1) << 34, -XG_E_NOTSUPP },
		{ VIRTIO_NEEDS | UINT64_C(1) << 38, -XG_E_NOTSUPP },
	};
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		struct fake_guest *g = closed_guest(&drivers[1], 1, 512);

		g->dev->direct.features = rows[i].features;
		ck_assert_int_eq(fake_open(g), rows[i].rc);
		if (rows[i].rc == 0)
			fake_close(g);
		fake_guest_free(g);
	}
}
END_TEST

START_TEST(open_fails_at_each_service)
{
	const struct driver *d = &drivers[_i];
	unsigned int n;

	for (n = 1; n < 100; n++) {
		struct fake_guest *g = closed_guest(d, 2, 512);
		int rc;

		g->calls_left = n + 1;
		rc = fake_open(g);
		ck_assert(rc == 0 || rc == -XG_E_NOMEM || rc == -XG_E_NODEV);
		ck_assert(rc == 0 || g->dev->driver == 0);
		if (rc == 0)
			fake_close(g);
		fake_guest_free(g);
		if (rc == 0)
			break;
	}
	ck_assert_uint_gt(n, 8);
	ck_assert_uint_lt(n, 100);
}
END_TEST

START_TEST(open_refuses_what_is_not_offered)
{
	const struct driver *d = &drivers[_i];
	struct fake_guest *g = closed_guest(d, 1, 512);

	g->dev->size = XG_DEVICE_HEADER_FIRST;
	ck_assert_int_eq(fake_open(g), -XG_E_NOTSUPP);
	g->dev->size = sizeof(*g->dev);
	g->services.size = XG_SERVICES_FIRST;
	ck_assert_int_eq(fake_open(g), -XG_E_NOTSUPP);
	g->services.size = sizeof(g->services);
	g->services.bus_address = NULL;
	ck_assert_int_eq(fake_open(g), -XG_E_NOTSUPP);
	fake_guest_free(g);
}
END_TEST

START_TEST(open_refuses_wrong_parameters)
{
	const struct driver *d = &drivers[_i];
	struct fake_guest *g;

#define BAD(change) do {								\
		g = closed_guest(d, 1, 512);						\
		change;									\
		ck_assert_int_eq(fake_open(g), -XG_E_INVAL);				\
		ck_assert(g->dev->driver == 0);						\
		fake_guest_free(g);							\
	} while (0)
	BAD(g->dev->block.nr_queues = 0);
	BAD(g->dev->block.nr_queues = 9);
	BAD(g->dev->block.logical_bytes = 0);
	BAD(g->dev->block.logical_bytes = 768);
	BAD(g->dev->block.logical_bytes = 8192);
	BAD(g->dev->direct.max_entries = 1);
	BAD(g->dev->direct.max_sectors = 7);
	BAD(g->dev->direct_queues[0].number = 0x10000);
	BAD(g->dev->direct_queues[0].doorbell = FAKE_DOORBELL_BYTES / d->stride);
	BAD(g->dev->direct_queues[0].doorbell = UINT32_MAX);
	BAD(g->dev->direct.doorbell_bytes = 1);
	BAD(g->bus_refused = true);
	if (d->first_doorbell)
		BAD(g->dev->direct.doorbell_stride = 3);
}
END_TEST

START_TEST(close_with_requests_in_flight)
{
	const struct driver *d = &drivers[_i];
	struct model m;
	struct fake_guest *g = opened(d, 2, 512, &m);
	struct io *io = io_new(XG_OP_WRITE, 0, 0, 0, 512, 1);

	ck_assert_int_eq(fake_submit(g, 1, &io->req), 0);
	fake_commit(g, 1);
	fake_close(g);
	ck_assert_uint_eq(g->done_count, 0);
	ck_assert(g->dev->driver == 0 && g->dev->direct_queues[1].ring[0] == 0);
	ck_assert_int_eq(fake_open(g), 0);
	fake_close(g);
	io_free(io);
	fake_guest_free(g);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("drivers of devices on a bus");
	TCase *t = tcase_create("every driver");

	tcase_set_timeout(t, 60);
#define EACH(test) tcase_add_loop_test(t, test, 0, XG_ARRAY_SIZE(drivers))
	EACH(note_says_what_it_is);
	EACH(every_size_is_written_and_read_back);
	EACH(flush_discard_and_fua);
	EACH(one_slot_for_everything);
	EACH(full_queue_round_and_round);
	EACH(requests_are_invisible_before_commit);
	EACH(each_queue_has_its_own_doorbells);
	EACH(wrong_requests_are_refused);
	EACH(what_the_device_cannot_do_is_refused);
	EACH(statuses_mean_something);
	EACH(lies_stop_the_queue);
	EACH(open_fails_at_each_service);
	EACH(open_refuses_what_is_not_offered);
	EACH(open_refuses_wrong_parameters);
	EACH(close_with_requests_in_flight);
	tcase_add_test(t, an_index_that_runs_ahead);
	tcase_add_test(t, no_doorbell_where_none_is_wanted);
	tcase_add_test(t, features_decide);
	suite_add_tcase(s, t);
	return run_suite(s);
}
