// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves the backend's data path from ring to file and back: the guest is this process, its grants are pages of
 * an array, a grant copy is a memcpy. io_uring, the file and the rings are real.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/backend/engine.h"
#include "dom0-tools/backend/stats.h"
#include "lib/base/addr.h"
#include "lib/base/array.h"
#include "lib/base/log.h"
#include "tests/lib/run_suite.h"

#define DISK_SECTORS 8192u	/* 4 MiB */
#define GUEST_PAGES 16384u	/* references 1..GUEST_PAGES-1 are granted */
#define RING_PAGES 4u
#define QUEUES 2u

struct fake {
	uint8_t *pages;
	uint8_t *rings[QUEUES];
	uint32_t req_prod[QUEUES], rsp_cons[QUEUES];
	unsigned int notified[QUEUES];
	unsigned int calls;
	int fail_call;		/* the call that fails as a whole; 0: none */
	bool poison;		/* scribble over descriptors after they were copied (XSA-155) */
	struct loop loop;
	struct target target;
	struct engine engine;
	char path[64];
};

static struct fake F;

static int fake_copy(void *ctx, struct xg_copy *copies, size_t count, struct xg_err *err)
{
	struct fake *f = ctx;
	size_t i;

	if (++f->calls == (unsigned int)f->fail_call)
		return xg_fail(err, EFAULT, "the copy call that fails");
	for (i = 0; i < count; i++) {
		struct xg_copy *c = &copies[i];
		uint8_t *page = f->pages + (size_t)c->ref * 4096;

		/* What Xen would refuse as a whole, and what the kernel cannot pin. */
		ck_assert_uint_le(c->offset + c->bytes, 4096);
		ck_assert_uint_le((uintptr_t)c->local % 4096 + c->bytes, 4096);
		ck_assert_uint_gt(c->bytes, 0);
		if (c->ref == 0 || c->ref >= GUEST_PAGES) {
			c->status = -3;
			continue;
		}
		if (c->to_guest)
			memcpy(page + c->offset, c->local, c->bytes);
		else
			memcpy(c->local, page + c->offset, c->bytes);
		if (f->poison && !c->to_guest)
			memset(page + c->offset, 0xff, c->bytes);
		c->status = 0;
	}
	return 0;
}

static void fake_notify(void *ctx, unsigned int q)
{
	((struct fake *)ctx)->notified[q]++;
}

static const struct engine_guest fake_guest = { .copy = fake_copy, .notify = fake_notify };

static struct xg_blkif_ring *ring_of(unsigned int q)
{
	return (void *)F.rings[q];
}

/* ---- Set up ---- */

/* On tmpfs for a target of memory, elsewhere for the kernel's ring; TMPDIR may name a disk. */
static const char *const places[] = { "/dev/shm", "." };

static void file_make(const char *dir, uint64_t bytes)
{
	int fd;

	snprintf(F.path, sizeof(F.path), "%s/xg-engine-XXXXXX", dir);
	fd = mkstemp(F.path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, bytes), 0);
	close(fd);
}

static void rings_make(void)
{
	unsigned int q;

	for (q = 0; q < QUEUES; q++) {
		F.rings[q] = aligned_alloc(4096, RING_PAGES * 4096);
		memset(F.rings[q], 0, RING_PAGES * 4096);
		ring_of(q)->req_event = ring_of(q)->rsp_event = 1;
		F.req_prod[q] = F.rsp_cons[q] = F.notified[q] = 0;
		ck_assert_int_eq(engine_add(&F.engine, F.rings[q], RING_PAGES, NULL), 0);
	}
	engine_start(&F.engine);
}

static void setup(const char *dir, bool writable, bool direct)
{
	struct xg_err err = XG_ERR_NONE;
	char *path;

	memset(&F, 0, sizeof(F));
	xg_log_level_set(XG_LOG_ERROR);
	F.pages = mmap(NULL, (size_t)GUEST_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	file_make(dir, DISK_SECTORS * 512);
	path = realpath(F.path, NULL);
	ck_assert_msg(!target_open(&(struct target_spec){ .path = path, .writable = writable, .discard = true,
							  .lock = true, .direct = direct }, &F.target, &err),
		      "%s", err.text);
	free(path);
	ck_assert_msg(!loop_init(&F.loop, &err), "%s", err.text);
	ck_assert_int_eq(engine_init(&F.engine, &F.loop, &F.target, &fake_guest, &F, &err), 0);
	rings_make();
}

static void teardown(void)
{
	unsigned int q;

	ck_assert_uint_eq(engine_under_way(&F.engine), 0);
	ck_assert_uint_eq(F.engine.pool.in_use, 0);
	engine_fini(&F.engine);
	loop_fini(&F.loop);
	target_close(&F.target);
	for (q = 0; q < QUEUES; q++)
		free(F.rings[q]);
	munmap(F.pages, (size_t)GUEST_PAGES * 4096);
	unlink(F.path);
}

/* ---- The guest's side ---- */

static void guest_put(unsigned int q, const union xg_blkif_request *r)
{
	memcpy(&ring_of(q)->slot[F.req_prod[q]++ % 128].req, r, sizeof(*r));
}

static void guest_push(unsigned int q)
{
	__atomic_store_n(&ring_of(q)->req_prod, F.req_prod[q], __ATOMIC_RELEASE);
	engine_kick(&F.engine, q);
}

static bool guest_get(unsigned int q, struct xg_blkif_response *ret)
{
	if (F.rsp_cons[q] == __atomic_load_n(&ring_of(q)->rsp_prod, __ATOMIC_ACQUIRE))
		return false;
	*ret = ring_of(q)->slot[F.rsp_cons[q]++ % 128].rsp;
	ring_of(q)->rsp_event = F.rsp_cons[q] + 1;
	return true;
}

static void engine_settle(void)
{
	bool again = engine_run(&F.engine);

	while (again || engine_under_way(&F.engine)) {
		ck_assert_int_eq(loop_turn(&F.loop, !again, NULL), 0);
		again = engine_run(&F.engine);
	}
}

/* One request alone; its response. */
static struct xg_blkif_response ask(const union xg_blkif_request *r)
{
	struct xg_blkif_response rsp, more;

	guest_put(0, r);
	guest_push(0);
	engine_settle();
	ck_assert(guest_get(0, &rsp));
	ck_assert(!guest_get(0, &more));
	ck_assert_uint_eq(rsp.id, r->rw.id);
	return rsp;
}

static union xg_blkif_request rw(uint8_t operation, uint64_t sector, unsigned int segments, uint32_t first_ref)
{
	union xg_blkif_request r = { .rw = { .operation = operation, .nr_segments = segments, .id = sector + 1,
					     .sector_number = sector } };
	unsigned int i;

	for (i = 0; i < segments; i++)
		r.rw.seg[i] = (struct xg_blkif_segment){ .gref = first_ref + i, .last_sect = 7 };
	return r;
}

/* Descriptors of full pages in page DESC. */
static union xg_blkif_request indirect(uint8_t operation, uint64_t sector, unsigned int segments, uint32_t desc,
				       uint32_t first_ref)
{
	union xg_blkif_request r = { .indirect = { .operation = XG_BLKIF_OP_INDIRECT, .indirect_op = operation,
						   .nr_segments = segments, .id = sector + 1, .sector_number = sector,
						   .indirect_grefs = { desc } } };
	struct xg_blkif_segment *seg = (void *)(F.pages + (size_t)desc * 4096);
	unsigned int i;

	for (i = 0; i < segments; i++)
		seg[i] = (struct xg_blkif_segment){ .gref = first_ref + i, .last_sect = 7 };
	return r;
}

static void disk_bytes(uint64_t offset, void *buf, size_t bytes)
{
	int fd = open(F.path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, buf, bytes, offset), (ssize_t)bytes);
	close(fd);
}

static void fill(uint8_t *at, size_t bytes, unsigned int seed)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		at[i] = (seed * 2654435761u + i * 40503u) >> 8;
}

/* ---- Tests; _i is the place ---- */

START_TEST(write_then_read_back)
{
	union xg_blkif_request w = rw(XG_BLKIF_OP_WRITE, 16, 11, 1), r = rw(XG_BLKIF_OP_READ, 16, 11, 101);
	uint8_t *disk = malloc(11 * 4096);

	setup(places[_i], true, true);
	fill(F.pages + 4096, 11 * 4096, 3);
	ck_assert_int_eq(ask(&w).status, XG_BLKIF_RSP_OKAY);
	disk_bytes(16 * 512, disk, 11 * 4096);
	ck_assert_mem_eq(disk, F.pages + 4096, 11 * 4096);
	ck_assert_int_eq(ask(&r).status, XG_BLKIF_RSP_OKAY);
	ck_assert_mem_eq(F.pages + 101 * 4096, F.pages + 4096, 11 * 4096);
	ck_assert_uint_eq(F.notified[0], 2);
	free(disk);
	teardown();
}
END_TEST

/* Segments that begin and end inside their pages lie one after the other on the disk. */
START_TEST(parts_of_pages)
{
	union xg_blkif_request w = rw(XG_BLKIF_OP_WRITE, 3, 3, 1), r = rw(XG_BLKIF_OP_READ, 3, 1, 50);
	uint8_t disk[12 * 512];

	setup(places[_i], true, false);
	fill(F.pages, 5 * 4096, 9);
	w.rw.seg[0].first_sect = 5;			/* 3 sectors */
	w.rw.seg[1].first_sect = 1, w.rw.seg[1].last_sect = 6;	/* 6: crosses a page of the buffer */
	w.rw.seg[2].last_sect = 2;			/* 3 */
	ck_assert_int_eq(ask(&w).status, XG_BLKIF_RSP_OKAY);
	disk_bytes(3 * 512, disk, sizeof(disk));
	ck_assert_mem_eq(disk, F.pages + 4096 + 5 * 512, 3 * 512);
	ck_assert_mem_eq(disk + 3 * 512, F.pages + 2 * 4096 + 512, 6 * 512);
	ck_assert_mem_eq(disk + 9 * 512, F.pages + 3 * 4096, 3 * 512);
	r.rw.seg[0].first_sect = 2, r.rw.seg[0].last_sect = 5;
	memset(F.pages + 50 * 4096, 0xaa, 4096);
	ck_assert_int_eq(ask(&r).status, XG_BLKIF_RSP_OKAY);
	ck_assert_mem_eq(F.pages + 50 * 4096 + 1024, disk, 4 * 512);
	ck_assert_uint_eq(F.pages[50 * 4096 + 1023], 0xaa);
	ck_assert_uint_eq(F.pages[50 * 4096 + 3072], 0xaa);
	teardown();
}
END_TEST

/* The guest changes its descriptors and its data as soon as they were looked at: nothing may read them again. */
START_TEST(indirect_whose_descriptors_change)
{
	union xg_blkif_request w;
	uint8_t *want = malloc(64 * 4096), *disk = malloc(64 * 4096);

	setup(places[_i], true, true);
	F.poison = true;
	w = indirect(XG_BLKIF_OP_WRITE, 64, 64, 10, 100);
	fill(F.pages + 100 * 4096, 64 * 4096, 5);
	memcpy(want, F.pages + 100 * 4096, 64 * 4096);
	ck_assert_int_eq(ask(&w).status, XG_BLKIF_RSP_OKAY);
	disk_bytes(64 * 512, disk, 64 * 4096);
	ck_assert_mem_eq(disk, want, 64 * 4096);
	free(want);
	free(disk);
	teardown();
}
END_TEST

START_TEST(a_bad_grant_spoils_its_own_request_only)
{
	union xg_blkif_request good = rw(XG_BLKIF_OP_WRITE, 0, 2, 1), bad = rw(XG_BLKIF_OP_WRITE, 64, 2, 5);
	union xg_blkif_request read = rw(XG_BLKIF_OP_READ, 128, 1, GUEST_PAGES), ind;
	struct xg_blkif_response rsp;
	unsigned int i, ok = 0, failed = 0;

	setup(places[_i], true, true);
	bad.rw.seg[1].gref = GUEST_PAGES + 5;
	ind = indirect(XG_BLKIF_OP_READ, 256, 20, 20, 30);
	ind.indirect.indirect_grefs[0] = 0;
	guest_put(0, &bad);
	guest_put(0, &good);
	guest_put(0, &read);
	guest_put(0, &ind);
	guest_push(0);
	engine_settle();
	for (i = 0; i < 4; i++) {
		ck_assert(guest_get(0, &rsp));
		if (rsp.id == good.rw.id)
			ok += rsp.status == XG_BLKIF_RSP_OKAY;
		else
			failed += rsp.status == XG_BLKIF_RSP_ERROR;
	}
	ck_assert_uint_eq(ok, 1);
	ck_assert_uint_eq(failed, 3);
	ck_assert_uint_eq(F.engine.stats.errors, 3);
	teardown();
}
END_TEST

/* Each call in turn fails as a whole, as it does when the domain dies. */
START_TEST(each_copy_call_fails_in_turn)
{
	int n;

	for (n = 1; n <= 6; n++) {
		union xg_blkif_request w = rw(XG_BLKIF_OP_WRITE, 0, 2, 1), r = rw(XG_BLKIF_OP_READ, 0, 2, 1), ind;
		struct xg_blkif_response rsp;
		unsigned int answers = 0, failed = 0;

		setup(places[_i], true, true);
		ind = indirect(XG_BLKIF_OP_WRITE, 8, 64, 20, 30);
		F.fail_call = n;
		guest_put(0, &w);
		guest_put(0, &ind);
		guest_put(0, &r);
		guest_push(0);
		engine_settle();
		while (guest_get(0, &rsp)) {
			answers++;
			failed += rsp.status != XG_BLKIF_RSP_OKAY;
		}
		ck_assert_uint_eq(answers, 3);
		/* Three calls are made at most: descriptors, writes, reads. */
		ck_assert_msg(n > 3 ? failed == 0 : failed > 0, "call %d: %u failed", n, failed);
		teardown();
	}
}
END_TEST

START_TEST(flush_and_discard)
{
	union xg_blkif_request w = rw(XG_BLKIF_OP_FLUSH_DISKCACHE, 8, 1, 1),
			       f = rw(XG_BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0);
	union xg_blkif_request d = { .discard = { .operation = XG_BLKIF_OP_DISCARD, .id = 77, .sector_number = 8,
						  .nr_sectors = 8 } };
	uint8_t disk[4096], zero[4096] = { 0 };

	setup(places[_i], true, true);
	fill(F.pages + 4096, 4096, 1);
	ck_assert_int_eq(ask(&w).status, XG_BLKIF_RSP_OKAY);
	disk_bytes(4096, disk, 4096);
	ck_assert_mem_eq(disk, F.pages + 4096, 4096);
	ck_assert_int_eq(ask(&f).status, XG_BLKIF_RSP_OKAY);
	ck_assert_int_eq(ask(&d).status, F.target.discard_mode ? XG_BLKIF_RSP_OKAY : XG_BLKIF_RSP_EOPNOTSUPP);
	disk_bytes(4096, disk, 4096);
	if (F.target.discard_mode)
		ck_assert_mem_eq(disk, zero, 4096);
	ck_assert_uint_eq(F.engine.stats.requests[REQUEST_FLUSH], 1);
	ck_assert_uint_eq(F.engine.stats.requests[REQUEST_WRITE], 1);
	teardown();
}
END_TEST

START_TEST(read_only)
{
	union xg_blkif_request w = rw(XG_BLKIF_OP_WRITE, 0, 1, 1), r = rw(XG_BLKIF_OP_READ, 0, 1, 2);

	setup(places[_i], false, true);
	ck_assert_int_eq(ask(&w).status, XG_BLKIF_RSP_ERROR);
	ck_assert_int_eq(ask(&r).status, XG_BLKIF_RSP_OKAY);
	ck_assert_uint_eq(F.engine.stats.refused, 1);
	teardown();
}
END_TEST

/* Somebody cuts the file under our hands: short reads are errors, not stale bytes. */
START_TEST(target_cut)
{
	union xg_blkif_request r = rw(XG_BLKIF_OP_READ, 60, 2, 1);

	setup(places[_i], true, true);
	memset(F.pages + 4096, 0x5a, 8192);
	ck_assert_int_eq(truncate(F.path, 64 * 512), 0);
	ck_assert_int_eq(ask(&r).status, XG_BLKIF_RSP_ERROR);
	ck_assert_uint_eq(F.pages[4096], 0x5a);
	teardown();
}
END_TEST

/* Two queues, each full of requests of 256 KiB: sixteen times the pool. */
START_TEST(more_than_the_pool_holds)
{
	struct xg_blkif_response rsp;
	unsigned int q, i, answers = 0;

	setup(places[_i], true, true);
	for (q = 0; q < QUEUES; q++) {
		for (i = 0; i < 128; i++) {
			union xg_blkif_request r =
				indirect(XG_BLKIF_OP_WRITE, i % 8 * 512, 64, 1 + q * 128 + i, 1000 + i);

			guest_put(q, &r);
		}
		guest_push(q);
	}
	engine_settle();
	for (q = 0; q < QUEUES; q++)
		while (guest_get(q, &rsp)) {
			ck_assert_int_eq(rsp.status, XG_BLKIF_RSP_OKAY);
			answers++;
		}
	ck_assert_uint_eq(answers, 256);
	ck_assert_uint_gt(F.engine.stats.waits, 0);
	engine_idle(&F.engine);
	ck_assert_uint_le(F.engine.pool.touched, 32);
	teardown();
}
END_TEST

START_TEST(a_ring_that_lies)
{
	union xg_blkif_request w = rw(XG_BLKIF_OP_WRITE, 0, 1, 1);
	struct xg_blkif_response rsp;

	setup(places[_i], true, true);
	guest_put(0, &w);
	guest_push(0);
	engine_run(&F.engine);
	F.req_prod[1] = 129;
	guest_push(1);
	engine_settle();
	ck_assert(F.engine.broken);
	ck_assert_str_eq(F.engine.fault.text, "the frontend claims 129 more requests with 0 under way in 128 slots");
	ck_assert(guest_get(0, &rsp));
	/* Nothing is taken any more. */
	guest_put(0, &w);
	guest_push(0);
	engine_settle();
	ck_assert(!guest_get(0, &rsp));
	teardown();
}
END_TEST

START_TEST(drained_and_connected_again)
{
	union xg_blkif_request w = rw(XG_BLKIF_OP_WRITE, 0, 1, 1);
	struct xg_blkif_response rsp;
	unsigned int i;

	setup(places[_i], true, true);
	for (i = 0; i < 100; i++) {
		guest_put(0, &w);
		guest_push(0);
		engine_run(&F.engine);
		engine_drain(&F.engine);
		guest_put(0, &w);
		guest_push(0);
		engine_settle();
		ck_assert(guest_get(0, &rsp));
		ck_assert(!guest_get(0, &rsp));
		engine_reset(&F.engine);
		free(F.rings[0]);
		free(F.rings[1]);
		rings_make();
	}
	teardown();
}
END_TEST

/* ---- Anything at any depth, held against a model of the disk ---- */

struct pending {
	bool used, write;
	uint32_t block, blocks;
	uint32_t page;		/* the first of its 64 guest pages */
};

#define MODEL_BLOCKS (DISK_SECTORS / 8)
static uint8_t model[MODEL_BLOCKS];	/* what each block is filled with */
static bool busy[MODEL_BLOCKS];
static struct pending pending[QUEUES][64];

static bool model_take(uint32_t block, uint32_t blocks)
{
	uint32_t i;

	for (i = 0; i < blocks; i++)
		if (block + i >= MODEL_BLOCKS || busy[block + i])
			return false;
	memset(busy + block, 1, blocks);
	return true;
}

static void model_submit(unsigned int q, unsigned int slot, unsigned int *seed)
{
	struct pending *p = &pending[q][slot];
	uint32_t blocks = 1 + rand_r(seed) % (rand_r(seed) % 8 ? 11 : 64), block = rand_r(seed) % MODEL_BLOCKS, i;
	union xg_blkif_request r;
	uint8_t value = rand_r(seed);

	if (!model_take(block, blocks))
		return;
	*p = (struct pending){ .used = true, .write = rand_r(seed) % 2, .block = block, .blocks = blocks,
			       .page = 1024 + (q * 64 + slot) * 64 };
	for (i = 0; i < blocks && p->write; i++) {
		memset(F.pages + (size_t)(p->page + i) * 4096, value, 4096);
		model[block + i] = value;
	}
	if (blocks > 11)
		r = indirect(p->write, block * 8, blocks, 1 + q * 64 + slot, p->page);
	else
		r = rw(p->write, block * 8, blocks, p->page);
	r.rw.id = slot;
	guest_put(q, &r);
}

static void model_check(unsigned int q, const struct xg_blkif_response *rsp)
{
	struct pending *p = &pending[q][rsp->id];
	uint32_t i, k;

	ck_assert_uint_lt(rsp->id, 64);
	ck_assert(p->used);
	ck_assert_int_eq(rsp->status, XG_BLKIF_RSP_OKAY);
	ck_assert_uint_eq(rsp->operation, p->write);
	for (i = 0; i < p->blocks && !p->write; i++)
		for (k = 0; k < 4096; k += 511)
			ck_assert_uint_eq(F.pages[(size_t)(p->page + i) * 4096 + k], model[p->block + i]);
	memset(busy + p->block, 0, p->blocks);
	p->used = false;
}

START_TEST(random_load_against_a_model)
{
	unsigned int seed = 42, round, q, slot;
	uint64_t answers = 0;
	bool again = false;

	setup(places[_i], true, true);
	memset(model, 0, sizeof(model));
	for (round = 0; round < 600; round++) {
		struct xg_blkif_response rsp;

		for (q = 0; q < QUEUES; q++) {
			for (slot = 0; slot < 64; slot++)
				if (!pending[q][slot].used && rand_r(&seed) % 4 == 0)
					model_submit(q, slot, &seed);
			guest_push(q);
		}
		again = engine_run(&F.engine);
		if (engine_under_way(&F.engine))
			ck_assert_int_eq(loop_turn(&F.loop, !again, NULL), 0);
		engine_run(&F.engine);
		for (q = 0; q < QUEUES; q++)
			while (guest_get(q, &rsp)) {
				model_check(q, &rsp);
				answers++;
			}
	}
	engine_settle();
	ck_assert_uint_gt(answers, 1000);
	teardown();
}
END_TEST

START_TEST(stats_fit_a_node)
{
	char json[STATS_BYTES];

	setup(places[_i], true, true);
	memset(&F.engine.stats, 0xff, sizeof(F.engine.stats));
	stats_render(&F.engine, "closing after a protocol error", UINT32_MAX, json, sizeof(json));
	ck_assert_uint_lt(strlen(json), STATS_BYTES - 1);
	ck_assert_int_eq(json[strlen(json) - 1], '}');
	teardown();
}
END_TEST

/* ---- Targets ---- */

struct target_row {
	const char *name, *path;
	uint64_t bytes;		/* of a file to make at `path`; 0 and no `path`: an empty file */
	int code;
	const char *text;
};

static const struct target_row target_rows[] = {
	{ "missing", "/nonexistent/disk.img", 0, ENOENT, "cannot use /nonexistent/disk.img: No such file" },
	{ "relative", "disk.img", 0, EINVAL, "no absolute path" },
	{ "directory", "/tmp", 0, EISDIR, "/tmp is a directory" },
	{ "device", "/dev/null", 0, EINVAL, "neither a file nor a block device" },
	{ "empty", NULL, 0, EINVAL, "is empty" },
	{ "odd", NULL, 513, EINVAL, "has 513 bytes, which is no multiple of 512" },
};

START_TEST(target_rejects)
{
	const struct target_row *row = &target_rows[_i];
	struct xg_err err = XG_ERR_NONE;
	struct target t;

	if (!row->path)
		file_make("/dev/shm", row->bytes);
	ck_assert_msg(target_open(&(struct target_spec){ .path = row->path ? row->path : F.path, .writable = true,
							 .lock = true }, &t, &err) == -row->code, "%s: %s", row->name,
		      err.text);
	ck_assert_msg(strstr(err.text, row->text) != NULL, "%s: %s", row->name, err.text);
	if (!row->path)
		unlink(F.path);
}
END_TEST

/* Readers share; a writer is alone, unless Dom0 vouches. */
START_TEST(target_locks)
{
	static const struct { bool first_writes, second_writes, lock; int code; } locks[] = {
		{ false, false, true, 0 }, { false, true, true, EBUSY }, { true, false, true, EBUSY },
		{ true, true, true, EBUSY }, { true, true, false, 0 },
	};
	struct target a, b;
	struct xg_err err = XG_ERR_NONE;

	file_make("/dev/shm", 65536);
	ck_assert_int_eq(target_open(&(struct target_spec){ .path = F.path, .writable = locks[_i].first_writes,
							    .lock = true }, &a, NULL), 0);
	ck_assert_msg(target_open(&(struct target_spec){ .path = F.path, .writable = locks[_i].second_writes,
							 .lock = locks[_i].lock }, &b, &err) == -locks[_i].code,
		      "%s", err.text);
	if (!locks[_i].code)
		target_close(&b);
	target_close(&a);
	/* The lock went with the descriptor. */
	ck_assert_int_eq(target_open(&(struct target_spec){ .path = F.path, .writable = true, .lock = true }, &a, NULL),
			 0);
	ck_assert_uint_eq(a.sectors, 128);
	ck_assert_uint_eq(a.physical_bytes, 4096);
	ck_assert(a.memory && !a.direct);
	target_close(&a);
	unlink(F.path);
}
END_TEST

/* Who locks the byte AT of F.path, and no more than that. */
static bool is_marked(uint64_t at)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
	int fd = open(F.path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_OFD_GETLK, &lock), 0);
	close(fd);
	return lock.l_type != F_UNLCK && (uint64_t)lock.l_start == at && lock.l_len == 1;
}

/* Two backends of one disk in turns: each can be seen by its mark, whoever has the lock, and keeps it when it gets that. */
START_TEST(target_marks)
{
	const uint64_t marks[] = { TARGET_MARKS | 7, TARGET_MARKS | UINT64_C(1) << 31 | 7 };
	struct target_spec spec = { .path = F.path, .writable = true, .lock = true };
	struct target first, second, third, other;

	file_make("/dev/shm", 65536);
	ck_assert_int_eq(target_open(&spec, &first, NULL), 0);
	spec.lock = false;
	spec.mark_at = marks[1];
	ck_assert_int_eq(target_open(&spec, &second, NULL), 0);
	ck_assert(is_marked(marks[1]) && !is_marked(marks[0]));
	ck_assert_int_eq(target_claim(&second, F.path, NULL), -EBUSY);
	target_close(&first);
	ck_assert_int_eq(target_claim(&second, F.path, NULL), 0);
	ck_assert(is_marked(marks[1]));
	spec.mark_at = marks[0];
	ck_assert_int_eq(target_open(&spec, &third, NULL), 0);
	ck_assert(is_marked(marks[0]));
	target_close(&second);
	ck_assert(!is_marked(marks[1]));
	target_close(&third);
	/* A lock of all of it is none of the marks, and a byte that is shared by is none either. */
	spec = (struct target_spec){ .path = F.path, .writable = true, .lock = true, .lock_at = 2 * TARGET_MARKS };
	ck_assert_int_eq(target_open(&spec, &first, NULL), 0);
	spec.lock_at = 0;
	ck_assert_int_eq(target_open(&spec, &other, NULL), -EBUSY);
	target_close(&first);
	ck_assert_int_eq(target_open(&spec, &other, NULL), 0);
	ck_assert(!is_marked(marks[0]) && !is_marked(marks[1]));
	target_close(&other);
	unlink(F.path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blk_engine");
	TCase *t = tcase_create("engine");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, write_then_read_back, 0, 2);
	tcase_add_loop_test(t, parts_of_pages, 0, 2);
	tcase_add_loop_test(t, indirect_whose_descriptors_change, 0, 2);
	tcase_add_loop_test(t, a_bad_grant_spoils_its_own_request_only, 0, 2);
	tcase_add_loop_test(t, each_copy_call_fails_in_turn, 0, 2);
	tcase_add_loop_test(t, flush_and_discard, 0, 2);
	tcase_add_loop_test(t, read_only, 0, 2);
	tcase_add_loop_test(t, target_cut, 0, 2);
	tcase_add_loop_test(t, more_than_the_pool_holds, 0, 2);
	tcase_add_loop_test(t, a_ring_that_lies, 0, 2);
	tcase_add_loop_test(t, drained_and_connected_again, 0, 2);
	tcase_add_loop_test(t, random_load_against_a_model, 0, 2);
	tcase_add_loop_test(t, stats_fit_a_node, 0, 1);
	tcase_add_loop_test(t, target_rejects, 0, XG_ARRAY_SIZE(target_rows));
	tcase_add_loop_test(t, target_locks, 0, 5);
	tcase_add_test(t, target_marks);
	suite_add_tcase(s, t);
	return run_suite(s);
}
