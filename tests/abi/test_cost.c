// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a request costs in a driver: its instructions, counted one by one with the processor's trap flag, services not
 * included. The driver that is built must not need more than the first one, which was written by hand. Prints a table.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "lib/base/array.h"
#include "tests/abi/fake_guest.h"
#include "tests/lib/run_suite.h"

/* Few: a step costs the kernel 20 us, and the count is the same each time. */
#define ROUNDS 1u
#define BATCH 2u

static const char *const images[] = {
	XG_SRCDIR "/tests/abi/driver-v1.o",
	XG_BUILDDIR "/guest-stubs/drivers/blkif-virtual.o",
};

static const struct shape {
	const char *name;
	uint16_t op, flags;
	uint32_t segments;
} shapes[] = {
	{ "read, 1 segment", XG_OP_READ, 0, 1 },	 { "read, 11 segments", XG_OP_READ, 0, 11 },
	{ "write, 32 segments", XG_OP_WRITE, 0, 32 },	 { "write, 64 segments", XG_OP_WRITE, 0, 64 },
	{ "write and flush", XG_OP_WRITE, XG_RQ_FUA, 1 }, { "flush", XG_OP_FLUSH, 0, 0 },
	{ "discard", XG_OP_DISCARD, 0, 0 },
};

#define SHAPES XG_ARRAY_SIZE(shapes)

static volatile uint64_t counted;
static uintptr_t text_begin, text_end;

uintptr_t xg_cost_return;	/* where the service that runs is to return to */
void xg_cost_back(void);

/* Steps again from where the service was called. */
__asm__("	.text\n"
	"xg_cost_back:\n"
	"	pushq	xg_cost_return(%rip)\n"
	"	pushfq\n"
	"	orq	$0x100, (%rsp)\n"
	"	popfq\n"
	"	ret\n");

/*
 * After each instruction. A service that is entered runs without steps: its return address is exchanged for the way
 * back.
 */
static void on_step(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t at = (uintptr_t)regs[REG_RIP], *top = (uintptr_t *)regs[REG_RSP];
	static bool inside;
	bool was_inside = inside;

	(void)signal;
	(void)info;
	inside = at >= text_begin && at < text_end;
	if (inside) {
		counted++;
	} else if (was_inside && *top >= text_begin && *top < text_end) {
		xg_cost_return = *top;
		*top = (uintptr_t)xg_cost_back;
		regs[REG_EFL] &= ~0x100;
	}
}

/* Past the red zone, which this function's caller may use. */
static inline __attribute__((always_inline)) void stepping(bool on)
{
	if (on)
		__asm__ volatile("lea -128(%%rsp), %%rsp\n	pushfq\n	orq $0x100, (%%rsp)\n"
				 "	popfq\n	lea 128(%%rsp), %%rsp"
				 ::: "memory", "cc");
	else
		__asm__ volatile("lea -128(%%rsp), %%rsp\n	pushfq\n	andq $~0x100, (%%rsp)\n"
				 "	popfq\n	lea 128(%%rsp), %%rsp"
				 ::: "memory", "cc");
}

static void answer_all(struct fake_guest *g, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		union xg_blkif_request req = fake_take(g, 0);
		struct xg_blkif_response rsp = { .id = req.rw.id, .operation = req.rw.operation };

		if (rsp.operation == XG_BLKIF_OP_INDIRECT)
			rsp.operation = req.indirect.indirect_op;
		fake_respond(g, 0, &rsp);
	}
}

static void run_batch(struct fake_guest *g, const struct shape *shape, struct xg_segment *segments)
{
	struct xg_request req[BATCH];
	unsigned int i;

	g->done_count = 0;
	for (i = 0; i < BATCH; i++) {
		req[i] = (struct xg_request){
			.sector = i * 512, .sectors = shape->segments * 8, .op = shape->op, .flags = shape->flags,
			.nr_segments = shape->segments, .tag = i, .segments = segments,
		};
		stepping(true);
		ck_assert_int_eq(fake_submit(g, 0, &req[i]), 0);
		stepping(false);
	}
	stepping(true);
	fake_commit(g, 0);
	stepping(false);
	answer_all(g, BATCH);
	stepping(true);
	fake_event(g, 0);
	stepping(false);
	if (shape->flags & XG_RQ_FUA) {
		answer_all(g, BATCH);
		stepping(true);
		fake_event(g, 0);
		stepping(false);
	}
	ck_assert_uint_eq(g->done_count, BATCH);
}

static double cost(const char *image, const struct shape *shape)
{
	struct xg_block_params params = {
		.sectors = FAKE_DISK_SECTORS, .logical_bytes = 512, .physical_bytes = 4096, .max_indirect = 64,
		.nr_queues = 1,
		.flags = XG_BLK_FLUSH | XG_BLK_FUA | XG_BLK_DISCARD, .discard_granularity = 4096,
	};
	struct fake_guest *g = fake_guest_new(image, &params);
	struct xg_segment segments[XG_SEGMENTS_MAX];
	unsigned int i;

	for (i = 0; i < XG_SEGMENTS_MAX; i++)
		segments[i] = (struct xg_segment){ .frame = 1000 + i, .bytes = XG_ABI_PAGE };
	ck_assert_int_eq(fake_open(g), 0);
	text_begin = (uintptr_t)fake_guest_text(&text_end);
	counted = 0;
	for (i = 0; i < ROUNDS; i++)
		run_batch(g, shape, segments);
	fake_close(g);
	fake_guest_free(g);
	return (double)counted / (ROUNDS * BATCH);
}

START_TEST(not_more_than_by_hand)
{
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	double by_hand, now;
	size_t i;

	sigaction(SIGTRAP, &step, NULL);
	printf("%-20s %12s %12s   instructions a request\n", "", "by hand", "generated");
	for (i = 0; i < SHAPES; i++) {
		by_hand = cost(images[0], &shapes[i]);
		now = cost(images[1], &shapes[i]);
		printf("%-20s %12.1f %12.1f\n", shapes[i].name, by_hand, now);
		ck_assert_msg(by_hand > 10, "%s: nothing was counted", shapes[i].name);
		ck_assert_msg(now <= by_hand, "%s: %.1f instructions, %.1f by hand", shapes[i].name, now, by_hand);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("driver cost");
	TCase *t = tcase_create("instructions");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, not_more_than_by_hand);
	suite_add_tcase(s, t);
	return run_suite(s);
}
