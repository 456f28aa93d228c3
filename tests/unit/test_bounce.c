// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parts of requests that go by pages of the personality's own (guest-stubs/linux/bounce.c): what is copied where, and that
 * every page is given back, in a kernel made of a few functions here.
 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "guest-stubs/abi/xengraft_abi.h"
#include "tests/lib/run_suite.h"

/* ---- The kernel, as far as bounce.c sees it ------------------------------------------------------------------- */

#define XG_LINUX_PERSONALITY_H	/* this is in its place */
#define PAGE_SIZE 4096ul

struct page { uint8_t bytes[PAGE_SIZE]; uint64_t frame; };
struct xg_bounce;

bool xg_bounce_part(struct xg_bounce **at, struct page *page, struct xg_segment *segment, bool write);
void xg_bounce_end(struct xg_bounce **at, bool was_read);

static unsigned int out, left;
static struct page *made[XG_SEGMENTS_MAX + 2];
static unsigned int nr_made;

static struct page *os_page_get(void)
{
	struct page *page;

	if (!left)
		return NULL;
	left--;
	out++;
	page = calloc(1, sizeof(*page));
	page->frame = 1000 + nr_made;
	made[nr_made++] = page;
	return page;
}

static void os_page_free(struct page *page)
{
	out--;
	free(page);
}

static void *os_page_bytes(struct page *page) { return page->bytes; }
static uint64_t os_page_frame(struct page *page) { return page->frame; }

#include "guest-stubs/linux/bounce.c"

/* ---- Tests ---------------------------------------------------------------------------------------------------- */

static struct page theirs[XG_SEGMENTS_MAX];
static struct xg_bounce *bounce;

static void setup(void)
{
	unsigned int i;

	for (i = 0; i < XG_SEGMENTS_MAX; i++) {
		memset(theirs[i].bytes, (int)i + 1, PAGE_SIZE);
		theirs[i].frame = i;
	}
	bounce = NULL;
	out = nr_made = 0;
	left = XG_SEGMENTS_MAX + 1;
}

static struct xg_segment segment(unsigned int i)
{
	return (struct xg_segment){ .frame = i, .offset = 512, .bytes = 1024 };
}

static struct page *page_at(uint64_t frame)
{
	ck_assert_uint_ge(frame, 1000);
	ck_assert_uint_lt(frame - 1000, nr_made);
	return made[frame - 1000];
}

static bool is_all(const uint8_t *at, size_t bytes, uint8_t value)
{
	while (bytes > 0 && *at == value) {
		at++;
		bytes--;
	}
	return !bytes;
}

START_TEST(what_is_written_is_copied_and_nothing_else)
{
	struct xg_segment s = segment(4);
	const uint8_t *at;

	ck_assert(xg_bounce_part(&bounce, &theirs[4], &s, true));
	at = page_at(s.frame)->bytes;
	ck_assert(is_all(at, 512, 0) && is_all(at + 512, 1024, 5) && is_all(at + 1536, 2560, 0));
	ck_assert(s.offset == 512 && s.bytes == 1024);
	memset(page_at(s.frame)->bytes, 9, PAGE_SIZE);
	xg_bounce_end(&bounce, false);
	ck_assert(is_all(theirs[4].bytes, PAGE_SIZE, 5));
	ck_assert_uint_eq(out, 0);
}
END_TEST

/* As many as a request has. What else is in those pages is their owner's, who may be at it. */
START_TEST(what_was_read_comes_back_and_nothing_else)
{
	struct xg_segment s;
	unsigned int i;

	for (i = 0; i < XG_SEGMENTS_MAX; i++) {
		s = segment(i);
		ck_assert(xg_bounce_part(&bounce, &theirs[i], &s, false));
		ck_assert(is_all(page_at(s.frame)->bytes, PAGE_SIZE, 0));
		memset(page_at(s.frame)->bytes, 0x80 + (int)i, PAGE_SIZE);
	}
	xg_bounce_end(&bounce, true);
	for (i = 0; i < XG_SEGMENTS_MAX; i++)
		ck_assert(is_all(theirs[i].bytes, 512, i + 1) && is_all(theirs[i].bytes + 512, 1024, 0x80 + i) &&
			  is_all(theirs[i].bytes + 1536, 2560, i + 1));
	ck_assert_uint_eq(out, 0);
	ck_assert_ptr_null(bounce);
	xg_bounce_end(&bounce, true);
}
END_TEST

START_TEST(what_was_not_read_does_not_come_back)
{
	struct xg_segment s = segment(0);

	ck_assert(xg_bounce_part(&bounce, &theirs[0], &s, false));
	memset(page_at(s.frame)->bytes, 9, PAGE_SIZE);
	xg_bounce_end(&bounce, false);
	ck_assert(is_all(theirs[0].bytes, PAGE_SIZE, 1));
	ck_assert_uint_eq(out, 0);
}
END_TEST

START_TEST(no_memory_is_told_and_leaves_nothing)
{
	struct xg_segment s = segment(0);
	unsigned int had, i;

	for (had = 0; had < 3; had++) {
		left = had;
		for (i = 0; i + 1 < had; i++)
			ck_assert(xg_bounce_part(&bounce, &theirs[0], &s, true));
		s = segment(0);
		ck_assert(!xg_bounce_part(&bounce, &theirs[0], &s, true));
		ck_assert_uint_eq(s.frame, 0);
		xg_bounce_end(&bounce, false);
		ck_assert_uint_eq(out, 0);
		ck_assert_ptr_null(bounce);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bounce");
	TCase *t = tcase_create("bounce");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, what_is_written_is_copied_and_nothing_else);
	tcase_add_test(t, what_was_read_comes_back_and_nothing_else);
	tcase_add_test(t, what_was_not_read_does_not_come_back);
	tcase_add_test(t, no_memory_is_told_and_leaves_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
