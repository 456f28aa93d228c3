// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Grants that stay (guest-stubs/linux/kept.c, grants.c): the table against a plain list, and what the personality makes
 * of it, in a kernel made of a few functions here and a backend that maps, keeps and drops as it likes.
 */
#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "guest-stubs/abi/xengraft_abi.h"
#include "guest-stubs/linux/kept.h"
#include "tests/lib/run_suite.h"

/* ---- The kernel, as far as grants.c sees it ------------------------------------------------------------------- */

#define XG_LINUX_PERSONALITY_H	/* this is in its place */
#define HZ 250
#define GFP_KERNEL 0
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define container_of(at, type, member) ((type *)((char *)(at) - offsetof(type, member)))
#define spin_lock_irqsave(lock, flags) ((void)(flags = 0), ck_assert(!*(lock)), *(lock) = true)
#define spin_unlock_irqrestore(lock, flags) ((void)(flags), ck_assert(*(lock)), *(lock) = false)
#define spin_lock_init(lock) (*(lock) = false)
#define cond_resched() ((void)0)
#define kvzalloc(bytes, flags) calloc(1, bytes)
#define kvfree(at) free(at)
#define INIT_DELAYED_WORK(dw, fn) (*(dw) = (struct delayed_work){ .work.func = fn })
#define to_delayed_work(w) container_of(w, struct delayed_work, work)
#define schedule_delayed_work(dw, ticks) ((dw)->pending = (dw)->pending ? (dw)->pending : (ticks))
#define mod_delayed_work(wq, dw, ticks) ((dw)->pending = (ticks))
#define cancel_delayed_work_sync(dw) ((dw)->pending = 0)
#define msecs_to_jiffies(ms) ((ms) * HZ / 1000)

typedef bool spinlock_t;
typedef uint32_t grant_ref_t;
struct work_struct { void (*func)(struct work_struct *work); };
struct delayed_work { struct work_struct work; unsigned long pending; };
struct page { uint64_t frame; unsigned int count; };
struct gendisk { void *queue; };
struct xg_disk_queue { spinlock_t lock; bool live; };
struct xg_disk { struct gendisk *gd; struct xg_disk_queue queues[1]; };
struct xg_side { struct xg_disk *disk; };
struct xg_side_queue {
	struct xg_side *side;
	uint32_t index;
	bool reserved;
	grant_ref_t grants;
	struct xg_keeper *keeper;
};
struct xg_keeper;

int xg_keep_start(struct xg_side_queue *queue, uint32_t count);
int xg_keep_grant(struct xg_side_queue *queue, uint16_t domid, uint64_t frame);
bool xg_keep_ungrant(struct xg_side_queue *queue, uint32_t ref);
void xg_keep_stop(struct xg_side_queue *queue);

#define REFS 64u
#define PAGES 256u

static struct page pages[PAGES];
static struct { bool granted, mapped, later; uint64_t frame; } grants[REFS];
static unsigned int left, kernel_has, woken, ended_early;
static bool keepable;

static void blk_mq_run_hw_queues(void *queue, bool async)
{
	(void)queue;
	(void)async;
	woken++;
}

static bool os_grants_keepable(void) { return keepable; }

static int os_grant(grant_ref_t *head, uint16_t domid, uint64_t frame, bool read_only)
{
	uint32_t ref;

	(void)head;
	ck_assert(domid == 0 && !read_only);
	if (!left)
		return -1;
	for (ref = 8; ref < REFS && grants[ref].granted; ref++)
		;
	ck_assert_uint_lt(ref, REFS);
	left--;
	grants[ref].granted = true;
	grants[ref].frame = frame;
	return (int)ref;
}

static bool os_grants_reserve(uint16_t count, grant_ref_t *head)
{
	(void)head;
	ck_assert_uint_eq(left, 0);
	if (count > kernel_has)
		return false;
	kernel_has -= count;
	left = count;
	return true;
}

static bool os_grant_end(grant_ref_t ref)
{
	ck_assert(ref >= 8 && ref < REFS && grants[ref].granted);
	if (grants[ref].mapped)
		return false;
	grants[ref].granted = false;
	kernel_has++;
	return true;
}

static struct page *os_frame_page_get(uint64_t frame)
{
	if (frame >= PAGES)
		return NULL;
	pages[frame].count++;
	return &pages[frame];
}

static void os_page_put(struct page *page)
{
	uint32_t ref;

	ck_assert(page->count > 0);
	page->count--;
	for (ref = 8; !page->count && ref < REFS; ref++)
		ended_early += grants[ref].granted && grants[ref].mapped && grants[ref].frame == page->frame;
}

static void os_grant_end_later(grant_ref_t ref, struct page *page)
{
	if (os_grant_end(ref))
		os_page_put(page);
	else
		grants[ref].later = true;
}

#include "guest-stubs/linux/grants.c"

static struct gendisk gd;
static struct xg_disk disk;
static struct xg_side side = { &disk };
static struct xg_side_queue queue;

static void start(unsigned int count)
{
	unsigned int i;

	memset(grants, 0, sizeof(grants));
	for (i = 0; i < PAGES; i++)
		pages[i] = (struct page){ .frame = i };
	left = count;
	kernel_has = woken = ended_early = 0;
	keepable = true;
	disk = (struct xg_disk){ .gd = &gd, .queues[0].live = true };
	queue = (struct xg_side_queue){ .side = &side, .reserved = true };
	ck_assert_int_eq(xg_keep_start(&queue, count), 0);
}

/* The work that was put off, now. */
static void time_passes(void)
{
	ck_assert(queue.keeper->look.pending);
	queue.keeper->look.pending = 0;
	queue.keeper->look.work.func(&queue.keeper->look.work);
}

static int use(uint64_t frame)
{
	int ref = xg_keep_grant(&queue, 0, frame);

	if (ref > 0)
		ck_assert(grants[ref].granted && grants[ref].frame == frame && (frame >= PAGES || pages[frame].count));
	return ref;
}

/* A request is done, and the backend has kept its page or not. */
static void done(int ref, bool kept)
{
	grants[ref].mapped = kept;
	ck_assert(xg_keep_ungrant(&queue, (uint32_t)ref));
}

static void stop(void)
{
	uint32_t ref, held = 0, i;

	xg_keep_stop(&queue);
	xg_keep_stop(&queue);	/* takes one that is not there */
	for (ref = 8; ref < REFS; ref++) {
		ck_assert(!grants[ref].granted || (grants[ref].mapped && grants[ref].later));
		held += grants[ref].granted;
	}
	for (i = 0; i < PAGES; i++)
		held -= pages[i].count;
	ck_assert_uint_eq(held, 0);	/* the kernel's, one a grant that it is to end */
	ck_assert_uint_eq(ended_early, 0);
}

START_TEST(page_that_is_used_again_has_its_reference)
{
	int a, b;

	start(8);
	a = use(1);
	done(a, true);
	ck_assert_uint_eq(pages[1].count, 1);
	b = use(2);
	ck_assert_int_ne(a, b);
	ck_assert_int_eq(use(1), a);
	ck_assert_uint_eq(left, 6);
	done(a, true);
	done(b, true);
	stop();
}
END_TEST

START_TEST(page_in_two_uses_has_two_references)
{
	int a, b, c;

	start(8);
	a = use(1);
	b = use(1);
	ck_assert_int_ne(a, b);
	ck_assert_uint_eq(pages[1].count, 2);
	done(a, true);
	ck_assert_int_eq(use(1), a);
	done(a, false);
	ck_assert_uint_eq(pages[1].count, 1);
	c = use(1);
	done(b, true);
	done(c, false);
	stop();
}
END_TEST

START_TEST(what_the_backend_does_not_keep_is_ended_at_once)
{
	unsigned int i;

	start(2);
	for (i = 0; i < 100; i++) {	/* and no reference is lost on the way */
		done(use(i), false);
		ck_assert_uint_eq(pages[i].count, 0);
	}
	stop();
	ck_assert_uint_eq(left + kernel_has, 2);
}
END_TEST

START_TEST(what_the_backend_drops_is_put_in_time)
{
	int a, b;

	start(8);
	a = use(1);
	b = use(2);
	done(a, true);
	done(b, true);
	ck_assert_uint_eq(queue.keeper->look.pending, 10 * HZ);
	time_passes();
	ck_assert_uint_eq(pages[1].count + pages[2].count, 2);
	grants[a].mapped = false;
	time_passes();
	ck_assert_uint_eq(pages[1].count, 0);
	ck_assert_uint_eq(pages[2].count, 1);
	grants[b].mapped = false;
	time_passes();
	ck_assert_uint_eq(pages[2].count, 0);
	ck_assert_uint_eq(queue.keeper->look.pending, 0);	/* nothing rests, nobody looks */
	stop();
}
END_TEST

START_TEST(empty_reserve_takes_back_what_was_dropped)
{
	int ref[4], i;

	start(4);
	for (i = 0; i < 4; i++) {
		ref[i] = use((uint64_t)i);
		done(ref[i], true);
	}
	grants[ref[2]].mapped = false;
	ck_assert_int_gt(use(9), 0);
	ck_assert_uint_eq(pages[2].count, 0);
	ck_assert_uint_eq(pages[0].count + pages[1].count + pages[3].count, 3);
	stop();
}
END_TEST

START_TEST(who_was_refused_is_woken_when_it_was_looked_again)
{
	int ref[2], i;

	start(2);
	for (i = 0; i < 2; i++) {
		ref[i] = use((uint64_t)i);
		done(ref[i], true);
	}
	ck_assert_int_lt(use(5), 0);
	ck_assert_uint_eq(pages[5].count, 0);
	ck_assert_uint_eq(queue.keeper->look.pending, HZ / 10);
	grants[ref[1]].mapped = false;
	time_passes();
	ck_assert_uint_eq(woken, 1);
	ck_assert_int_gt(use(5), 0);
	/* A disk that is going is not touched. */
	ck_assert_int_lt(use(6), 0);
	disk.queues[0].live = false;
	disk.gd = NULL;
	time_passes();
	ck_assert_uint_eq(woken, 1);
	stop();
}
END_TEST

START_TEST(kernel_that_gives_none_back_is_borne)
{
	start(1);
	done(use(1), false);
	kernel_has = 0;		/* somebody else was quicker */
	ck_assert_int_lt(use(2), 0);
	kernel_has = 1;
	ck_assert_int_gt(use(2), 0);
	stop();
}
END_TEST

START_TEST(what_has_no_page_is_not_kept)
{
	int ref;

	start(4);
	ref = use(PAGES + 1);
	ck_assert_int_gt(ref, 0);
	ck_assert(!xg_keep_ungrant(&queue, (uint32_t)ref));
	grants[ref].granted = false;
	stop();
}
END_TEST

START_TEST(start_is_refused)
{
	start(4);
	ck_assert_int_eq(xg_keep_start(&queue, 4), -XG_E_INVAL);
	stop();
	ck_assert_int_eq(xg_keep_start(&queue, 0), -XG_E_INVAL);
	ck_assert_int_eq(xg_keep_start(&queue, XG_KEPT_ENTRIES_MAX + 1), -XG_E_INVAL);
	keepable = false;
	ck_assert_int_eq(xg_keep_start(&queue, 4), -XG_E_NOTSUPP);
	queue.reserved = false;
	ck_assert_int_eq(xg_keep_start(&queue, 4), -XG_E_INVAL);
}
END_TEST

/* Requests come and go, the backend keeps up to KEPT of what it is given and drops some now and then. */
START_TEST(nothing_is_lost_over_many_requests)
{
	enum { COUNT = 40, KEPT = 24, DEPTH = 12 };
	int in_flight[DEPTH] = { 0 };
	unsigned int i, n, ref, slot, kept, held;

	srand(1);
	start(COUNT);
	for (i = 0; i < 20000; i++) {
		slot = (unsigned int)rand() % DEPTH;
		for (ref = 8, kept = 0; ref < REFS; ref++)
			kept += grants[ref].mapped;
		if (in_flight[slot] > 0)
			done(in_flight[slot], grants[in_flight[slot]].mapped || kept < KEPT);
		in_flight[slot] = use((unsigned int)rand() % (i % 2 ? 8 : PAGES));
		ck_assert_int_gt(in_flight[slot], 0);	/* there are always more than it keeps */
		for (ref = 8; i % 50 == 0 && ref < REFS; ref++) {
			for (n = 0; n < DEPTH && in_flight[n] != (int)ref; n++)
				;
			if (n == DEPTH && rand() % 4 == 0)
				grants[ref].mapped = false;
		}
		if (i % 500 == 0 && queue.keeper->look.pending)
			time_passes();
	}
	for (n = 0; n < DEPTH; n++)
		if (in_flight[n] > 0)
			done(in_flight[n], false);
	for (ref = 8, held = 0; ref < REFS; ref++)
		held += grants[ref].granted;
	ck_assert_uint_eq(left + kernel_has + held, COUNT);
	stop();
}
END_TEST

/* ---- The table by itself ---------------------------------------------------------------------------------------- */

START_TEST(table_is_as_good_as_a_list)
{
	enum { ENTRIES = 37, FRAMES = 20 };
	static struct { uint64_t frame; bool there, in_use; } list[4 * ENTRIES];
	struct xg_kept *kept = calloc(1, xg_kept_bytes(ENTRIES));
	struct xg_kept_entry *entry;
	uint32_t i, ref, steps, n, seen, resting;

	xg_kept_init(kept, ENTRIES);
	srand(2);
	for (i = 0, n = 0; i < 50000; i++) {
		uint64_t frame = (uint64_t)rand() % FRAMES;

		ref = 1 + (uint32_t)rand() % (4 * ENTRIES - 1);
		entry = xg_kept_find(kept, ref);
		ck_assert_int_eq(entry != NULL, list[ref].there);
		if (!entry) {
			ck_assert_int_eq(xg_kept_add(kept, frame, ref, &list[ref]), n < ENTRIES);
			if (n < ENTRIES) {
				list[ref].there = list[ref].in_use = true;
				list[ref].frame = frame;
				n++;
			}
		} else if (i % 3 == 0) {
			ck_assert_ptr_eq(xg_kept_remove(kept, entry), &list[ref]);
			list[ref].there = false;
			n--;
		} else {
			xg_kept_rest(kept, entry);
			list[ref].in_use = false;
		}
		ref = xg_kept_take(kept, frame);
		if (ref) {
			ck_assert(list[ref].there && !list[ref].in_use && list[ref].frame == frame);
			list[ref].in_use = true;
		}
		for (ref = 1, resting = 0; ref < 4 * ENTRIES; ref++)
			resting += list[ref].there && !list[ref].in_use;
		ck_assert_uint_eq(kept->resting, resting);
	}
	for (steps = ENTRIES, seen = 0; xg_kept_next(kept, &steps);)
		seen++;
	ck_assert_uint_eq(seen, n);
	free(kept);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kept grants");
	TCase *t = tcase_create("kept");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, page_that_is_used_again_has_its_reference);
	tcase_add_test(t, page_in_two_uses_has_two_references);
	tcase_add_test(t, what_the_backend_does_not_keep_is_ended_at_once);
	tcase_add_test(t, what_the_backend_drops_is_put_in_time);
	tcase_add_test(t, empty_reserve_takes_back_what_was_dropped);
	tcase_add_test(t, who_was_refused_is_woken_when_it_was_looked_again);
	tcase_add_test(t, kernel_that_gives_none_back_is_borne);
	tcase_add_test(t, what_has_no_page_is_not_kept);
	tcase_add_test(t, start_is_refused);
	tcase_add_test(t, nothing_is_lost_over_many_requests);
	tcase_add_test(t, table_is_as_good_as_a_list);
	suite_add_tcase(s, t);
	return run_suite(s);
}
