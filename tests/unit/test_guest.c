// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lib/xen/guest.c, frames.c and the fake that all tests above them stand on: bounds, identity, mappings that share the
 * guest's very pages, and frame lists in any order.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/array.h"
#include "lib/xen/frames.h"
#include "lib/xen/guest.h"
#include "tests/lib/run_suite.h"

#define PAGE ((size_t)XG_PAGE_SIZE)
#define PAGES 16

static struct xg_guest_info info(enum xg_guest_type type)
{
	return (struct xg_guest_info){
		.domid = 3, .name = "g", .type = type, .vcpus = 2, .pages = PAGES, .uuid = { 9 }
	};
}

static uint8_t *shared_memory(void)
{
	void *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(at, MAP_FAILED);
	return at;
}

static struct xg_guest *guest_on(void *memory, enum xg_guest_type type)
{
	const struct xg_guest_info i = info(type);

	return xg_guest_fake(&i, memory, XG_GFN(100), PAGES, XG_GFN(103));
}

START_TEST(scattered_frames_are_the_guests_very_pages)
{
	const struct gfn frames[] = { { 109 }, { 101 }, { 115 } };
	uint8_t *memory = shared_memory(), *at;
	struct xg_guest *g = guest_on(memory, XG_GUEST_PVH);
	struct xg_err err = XG_ERR_NONE;
	void *map;

	ck_assert_int_eq(xg_guest_map(g, frames, 3, XG_READ | XG_WRITE, NULL, &map, &err), 0);
	at = map;
	memory[9 * PAGE] = 1;
	ck_assert_uint_eq(at[0], 1);
	at[2 * PAGE + 5] = 2;
	ck_assert_uint_eq(memory[15 * PAGE + 5], 2);
	ck_assert_uint_eq(xg_guest_fake_mapped(g), 1);
	xg_guest_unmap(g, map, 3);
	ck_assert_uint_eq(xg_guest_fake_mapped(g), 0);
	xg_guest_close(g);
	munmap(memory, PAGES * PAGE);
}
END_TEST

START_TEST(scattered_frames_of_private_memory_are_written_back)
{
	const struct gfn frames[] = { { 102 }, { 100 } };
	uint8_t *memory = calloc(PAGES, PAGE), *at;
	struct xg_guest *g = guest_on(memory, XG_GUEST_PVH);
	void *map;

	memory[2 * PAGE] = 7;
	ck_assert_int_eq(xg_guest_map(g, frames, 2, XG_READ | XG_WRITE, NULL, &map, NULL), 0);
	at = map;
	ck_assert_uint_eq(at[0], 7);
	at[PAGE] = 8;
	xg_guest_unmap(g, map, 2);
	ck_assert_uint_eq(memory[0], 8);
	/* Read-only: what is written goes nowhere. */
	ck_assert_int_eq(xg_guest_map(g, frames, 2, XG_READ, NULL, &map, NULL), 0);
	at = map;
	at[PAGE] = 9;
	xg_guest_unmap(g, map, 2);
	ck_assert_uint_eq(memory[0], 8);
	xg_guest_close(g);
	free(memory);
}
END_TEST

START_TEST(frames_that_are_not_there)
{
	const struct gfn frames[] = { { 114 }, { 115 }, { 116 } };
	uint8_t *memory = shared_memory();
	struct xg_guest *g = guest_on(memory, XG_GUEST_PVH);
	struct xg_err err = XG_ERR_NONE;
	int errors[3] = { -1, -1, -1 };
	void *map = NULL;

	ck_assert_int_eq(xg_guest_map(g, frames, 3, XG_READ, NULL, &map, &err), -EFAULT);
	ck_assert_str_eq(err.text, "cannot map frame 0x74 of guest 'g': Bad address");
	ck_assert_ptr_null(map);
	xg_guest_fake_hole(g, XG_GFN(114), 1);
	ck_assert_int_eq(xg_guest_map(g, frames, 3, XG_READ, errors, &map, &err), 0);
	ck_assert_int_eq(errors[0], EFAULT);
	ck_assert_int_eq(errors[1], 0);
	ck_assert_int_eq(errors[2], EFAULT);
	memory[15 * PAGE] = 5;
	ck_assert_uint_eq(((uint8_t *)map)[PAGE], 5);
	xg_guest_unmap(g, map, 3);
	xg_guest_close(g);
	munmap(memory, PAGES * PAGE);
}
END_TEST

START_TEST(bounds_of_a_mapping)
{
	static const struct gfn frames[XG_MAP_MAX + 1];
	uint8_t *memory = shared_memory();
	struct xg_guest *g = guest_on(memory, XG_GUEST_PVH);
	struct xg_err err = XG_ERR_NONE;
	void *map;

	ck_assert_int_eq(xg_guest_map(g, frames, XG_MAP_MAX + 1, XG_READ, NULL, &map, &err), -EINVAL);
	ck_assert_str_eq(err.text, "2049 frames of guest 'g' to map at once, 1 to 2048 can be");
	ck_assert_int_eq(xg_guest_map(g, frames, 0, XG_READ, NULL, &map, &err), -EINVAL);
	ck_assert_int_eq(xg_guest_map(g, frames, 1, 0, NULL, &map, &err), -EINVAL);
	xg_guest_unmap(g, NULL, 1);
	xg_guest_close(g);
	xg_guest_close(NULL);
	munmap(memory, PAGES * PAGE);
}
END_TEST

START_TEST(an_id_given_anew_is_noticed)
{
	uint8_t *memory = shared_memory();
	struct xg_guest *g = guest_on(memory, XG_GUEST_PVH);
	struct xg_err err = XG_ERR_NONE;

	ck_assert_int_eq(xg_guest_pause(g, &err), 0);
	ck_assert(!g->info.paused);
	ck_assert_int_eq(xg_guest_refresh(g, &err), 0);
	ck_assert(g->info.paused);
	ck_assert_int_eq(xg_guest_unpause(g, &err), 0);
	xg_guest_fake_reborn(g);
	ck_assert_int_eq(xg_guest_refresh(g, &err), -ENODEV);
	ck_assert_str_eq(err.text, "guest 'g' is gone: its id 3 is another domain's now ('g')");
	ck_assert_uint_eq(g->info.uuid[0], 9);
	xg_guest_close(g);
	munmap(memory, PAGES * PAGE);
}
END_TEST

static int info_gone(struct xg_guest *g, struct xg_guest_info *ret, struct xg_err *err)
{
	(void)g;
	return xg_fail(err, ENOENT, "%u is an invalid domain identifier", ret->domid);
}

START_TEST(a_domain_that_went_away)
{
	uint8_t *memory = shared_memory();
	struct xg_guest *g = guest_on(memory, XG_GUEST_PVH);
	struct xg_guest_ops ops = *g->ops;
	struct xg_err err = XG_ERR_NONE;

	ops.info = info_gone;
	g->ops = &ops;
	ck_assert_int_eq(xg_guest_refresh(g, &err), -ENODEV);
	ck_assert_str_eq(err.text, "guest 'g' (id 3) is gone");
	xg_guest_close(g);
	munmap(memory, PAGES * PAGE);
}
END_TEST

START_TEST(page_tables_of_processors)
{
	uint8_t *memory = shared_memory();
	struct xg_guest *pv = guest_on(memory, XG_GUEST_PV), *pvh = guest_on(memory, XG_GUEST_PVH);
	const struct xg_paging paging = { .root = XG_GFN(104), .levels = 5 };
	struct xg_err err = XG_ERR_NONE;
	struct xg_guest_ops ops;
	struct xg_paging got;
	struct gfn root;

	ck_assert_int_eq(xg_guest_pv_root(pv, &root, &err), 0);
	ck_assert_uint_eq(root.n, 103);
	ck_assert_int_eq(xg_guest_cpu_paging(pv, 0, &got, &err), 0);
	ck_assert_uint_eq(got.root.n, 103);
	ck_assert_uint_eq(got.levels, 4);
	ck_assert_int_eq(xg_guest_pv_root(pvh, &root, &err), -EINVAL);
	ck_assert_int_eq(xg_guest_cpu_paging(pvh, 0, &got, &err), -ENOTSUP);
	xg_guest_fake_paging(pvh, &paging);
	ck_assert_int_eq(xg_guest_cpu_paging(pvh, 1, &got, &err), 0);
	ck_assert_uint_eq(got.root.n, 104);
	ck_assert_uint_eq(got.levels, 5);
	ops = *pvh->ops;
	ops.cpu_paging = NULL;
	pvh->ops = &ops;
	ck_assert_int_eq(xg_guest_cpu_paging(pvh, 0, &got, &err), -ENOTSUP);
	xg_guest_close(pv);
	xg_guest_close(pvh);
	munmap(memory, PAGES * PAGE);
}
END_TEST

/* ---- Runs of frames ------------------------------------------------------------------------------------------- */

#define NONE UINT64_MAX
#define MOST 8

struct runs_row {
	const char *what;
	uint64_t frames[12];
	size_t count;
	struct xg_frame_range want[6];
	size_t want_count;
	int code;
};

static const struct runs_row runs[] = {
	{ "nothing", { 0 }, 0, { { { 0 }, 0 } }, 0, 0 },
	{ "upwards", { 5, 6, 7 }, 3, { { { 5 }, 3 } }, 1, 0 },
	{ "downwards", { 7, 6, 5 }, 3, { { { 5 }, 3 } }, 1, 0 },
	{ "in any order", { 20, 5, 21, 4, 6 }, 5, { { { 4 }, 3 }, { { 20 }, 2 } }, 2, 0 },
	{ "twice the same", { 5, 6, 5, 6, 6 }, 5, { { { 5 }, 2 } }, 1, 0 },
	{ "overlapping", { 5, 6, 7, 6, 7, 8, 2 }, 7, { { { 2 }, 1 }, { { 5 }, 4 } }, 2, 0 },
	{ "entries that are no frame", { NONE, 5, NONE, 6, XG_FRAME_LIMIT, XG_FRAME_LIMIT - 1 }, 6,
	  { { { 5 }, 2 }, { { XG_FRAME_LIMIT - 1 }, 1 } }, 2, 0 },
	{ "down to frame 0", { 2, 1, 0 }, 3, { { { 0 }, 3 } }, 1, 0 },
	{ "as many as may be", { 1, 2, 3, 4, 11, 12, 13, 14 }, 8, { { { 1 }, 4 }, { { 11 }, 4 } }, 2, 0 },
	{ "one more", { 1, 2, 3, 4, 11, 12, 13, 14, 20 }, 9, { { { 0 }, 0 } }, 0, E2BIG },
	{ "one more, but twice", { 1, 2, 3, 4, 11, 12, 13, 14, 1 }, 9, { { { 1 }, 4 }, { { 11 }, 4 } }, 2, 0 },
};

START_TEST(frames_become_runs)
{
	const struct runs_row *row = &runs[_i];
	struct xg_frame_range *got = NULL;
	struct xg_err err = XG_ERR_NONE;
	size_t count = 99, i;
	int rc = xg_frames_to_ranges(row->frames, row->count, MOST, &got, &count, &err);

	ck_assert_msg(rc == -row->code, "%s: %d %s", row->what, rc, err.text);
	if (rc) {
		ck_assert_str_eq(err.text, "9 frames are claimed, 8 can be");
		return;
	}
	ck_assert_msg(count == row->want_count, "%s: %zu runs", row->what, count);
	for (i = 0; i < count; i++) {
		ck_assert_uint_eq(got[i].first.n, row->want[i].first.n);
		ck_assert_uint_eq(got[i].count, row->want[i].count);
	}
	free(got);
}
END_TEST

/* Against a plain set: scrambled frames, many runs. */
START_TEST(many_frames_become_the_same_set)
{
	enum { SPACE = 5000 };
	uint64_t *frames = calloc(3 * SPACE, sizeof(*frames));
	uint8_t *want = calloc(SPACE, 1), *have = calloc(SPACE, 1);
	struct xg_frame_range *got;
	uint32_t seed = 12345;
	size_t i, count;
	uint64_t n, end = 0;

	for (i = 0; i < 3 * SPACE; i++) {
		seed = seed * 1664525 + 1013904223;
		frames[i] = seed & 0x80000000 && i ? frames[i - 1] + 1 : (seed >> 8) % (SPACE - 100);
		if (frames[i] >= SPACE)
			frames[i] = 0;
		want[frames[i]] = 1;
	}
	ck_assert_int_eq(xg_frames_to_ranges(frames, 3 * SPACE, SPACE, &got, &count, NULL), 0);
	for (i = 0; i < count; i++) {
		ck_assert_msg(!i || got[i].first.n > end, "runs touch or are not ascending");
		end = got[i].first.n + got[i].count;
		for (n = got[i].first.n; n < end; n++)
			have[n] = 1;
	}
	ck_assert_uint_gt(count, 100);
	ck_assert_int_eq(memcmp(want, have, SPACE), 0);
	free(got);
	free(have);
	free(want);
	free(frames);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("guest");
	TCase *t = tcase_create("guest");

	tcase_add_test(t, scattered_frames_are_the_guests_very_pages);
	tcase_add_test(t, scattered_frames_of_private_memory_are_written_back);
	tcase_add_test(t, frames_that_are_not_there);
	tcase_add_test(t, bounds_of_a_mapping);
	tcase_add_test(t, an_id_given_anew_is_noticed);
	tcase_add_test(t, a_domain_that_went_away);
	tcase_add_test(t, page_tables_of_processors);
	tcase_add_loop_test(t, frames_become_runs, 0, XG_ARRAY_SIZE(runs));
	tcase_add_test(t, many_frames_become_the_same_set);
	suite_add_tcase(s, t);
	return run_suite(s);
}
