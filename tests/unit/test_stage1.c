// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hotswap/stage1.S executed: its bytes are put into a page of this process, the kernel functions that it calls
 * are stubs here, and each path through it is walked. Each row says what Dom0 and the kernel do; what is
 * compared is the calls that the kernel sees, the mailbox, the borrowed pointer, and that whatever is called last is
 * reached by a jump: no return address may point into the cave once Dom0 is told that it is free.
 */
#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest-stubs/abi/xengraft_abi.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

/* As getin.c has them. */
extern const uint8_t xg_stage1[], xg_stage1_end[], xg_stage1_literals[];
extern const struct { uint32_t offset, function; } xg_stage1_fixups[], xg_stage1_fixups_end[];

enum { KTHREAD_CREATE, WAKE_UP_PROCESS, ALLOC, SET_MEMORY_RO, SET_MEMORY_X, MSLEEP, VFREE, MEMSET, HANDLER, FUNCTIONS };

struct literals {
	uint64_t mailbox, callback, handler, alloc_arg0, alloc_arg1, text_pages;
};

#define WINDOW UINT64_C(0xffffffffc0123000)
#define HANDLER_VALUE UINT64_C(0xffffffff81abcdef)
#define TEXT_PAGES 7
#define ARG0 UINT64_C(0x1111)
#define ARG1 UINT64_C(0x2222)
#define TASK UINT64_C(0xffff888003210000)
#define TRAMPOLINE_BYTES 16

/* What the kernel and Dom0 do in this row, and what was seen. */
static struct {
	uint64_t kthread, alloc;	/* what they return */
	int ro, x;
	int act_at;			/* in which msleep Dom0 acts; 0: never */
	uint32_t act;			/* what it makes of READY */
	char story[512];
	uint64_t thread;		/* the thread function, as kthread_create got it */
} row;

static struct xg_mailbox mailbox;
static uint64_t pointer;
static uint8_t *cave;
static int sleeps;

static void told(const char *text)
{
	size_t len = strlen(row.story);

	snprintf(row.story + len, sizeof(row.story) - len, "%s%s", len ? " " : "", text);
}

static bool in_cave(const void *address)
{
	const uint8_t *p = address;

	return p >= cave && p < cave + 4096;
}

/* Each call is as the ABI wants it: the stack on a multiple of 16, and the way back where it belongs. */
#define CALLED(by_jump) do {										\
		ck_assert_uint_eq((uintptr_t)__builtin_frame_address(0) % 16, 0);			\
		ck_assert_msg(in_cave(__builtin_return_address(0)) == !(by_jump), "%s returns to %p", __func__,	\
			      __builtin_return_address(0));						\
	} while (0)

static uint64_t stub_kthread_create(uint64_t fn, uint64_t data, int node, const char *name)
{
	CALLED(false);
	ck_assert(in_cave((void *)fn));
	ck_assert_uint_eq(data, 0);
	ck_assert_int_eq(node, -1);
	ck_assert_str_eq(name, "xengraft");
	/* The borrowed pointer went back before anything that can take time. */
	ck_assert_uint_eq(pointer, HANDLER_VALUE);
	ck_assert_uint_eq(mailbox.state, XG_MB_ENTERED);
	row.thread = fn;
	told("create");
	return row.kthread;
}

static int stub_wake_up_process(uint64_t task)
{
	CALLED(true);
	ck_assert_uint_eq(task, TASK);
	told("wake");
	return 1;
}

static uint64_t stub_alloc(uint64_t arg0, uint64_t arg1)
{
	CALLED(false);
	ck_assert_uint_eq(arg0, ARG0);
	ck_assert_uint_eq(arg1, ARG1);
	told("alloc");
	return row.alloc;
}

static int stub_set_memory_ro(uint64_t va, int pages)
{
	CALLED(false);
	ck_assert_uint_eq(va, WINDOW);
	ck_assert_int_eq(pages, TEXT_PAGES);
	ck_assert_uint_eq(mailbox.state, XG_MB_ENTERED);
	told("ro");
	return row.ro;
}

static int stub_set_memory_x(uint64_t va, int pages)
{
	CALLED(false);
	ck_assert_uint_eq(va, WINDOW);
	ck_assert_int_eq(pages, TEXT_PAGES);
	told("x");
	return row.x;
}

static void stub_msleep(unsigned int ms)
{
	CALLED(false);
	ck_assert_uint_eq(ms, 4);
	ck_assert_uint_eq(mailbox.window, WINDOW);
	ck_assert_uint_eq(mailbox.state, XG_MB_READY);
	if (++sleeps != row.act_at)
		return;
	mailbox.state = row.act;
	told(row.act == XG_MB_GO ? "GO" : "CANCELLED");
}

static void stub_vfree(uint64_t va)
{
	CALLED(false);
	ck_assert_uint_eq(va, WINDOW);
	/* Dom0 has not been told that this is over. */
	ck_assert(mailbox.state != XG_MB_GAVE_UP && mailbox.state != XG_MB_FAILED);
	told("vfree");
}

static void *stub_memset(void *at, int value, size_t size)
{
	CALLED(true);
	ck_assert_ptr_eq(at, &mailbox.state);
	ck_assert_uint_eq(size, 1);
	told(value == XG_MB_FAILED ? "FAILED" : value == XG_MB_GAVE_UP ? "GAVE_UP" : "?");
	return memset(at, value, size);
}

static void stub_handler(uint64_t watch, uint64_t path, uint64_t token)
{
	CALLED(true);
	ck_assert_uint_eq(watch, 0xaaa);
	ck_assert_uint_eq(path, 0xbbb);
	ck_assert_uint_eq(token, 0xccc);
	told("handler");
}

/* Where the window's code begins. */
static void stub_entry(uint64_t argument)
{
	CALLED(true);
	ck_assert_uint_eq(argument, 0xddd);
	ck_assert_uint_eq(mailbox.state, XG_MB_GO);
	told("entry");
}

static void *const stubs[FUNCTIONS] = {
	stub_kthread_create, stub_wake_up_process, stub_alloc, stub_set_memory_ro, stub_set_memory_x, stub_msleep,
	stub_vfree, stub_memset, stub_handler,
};

/* ---- laying it out: page 0 the cave, page 1 a jump to each stub, for those lie out of a direct call's reach  */

static void trampoline_write(uint8_t *at, const void *target)
{
	static const uint8_t jmp[] = { 0xff, 0x25, 0, 0, 0, 0 };	/* jmp *0(%rip) */

	memcpy(at, jmp, sizeof(jmp));
	memcpy(at + sizeof(jmp), &target, sizeof(target));
}

static void cave_write(void)
{
	struct literals lit = {
		.mailbox = (uintptr_t)&mailbox, .callback = (uintptr_t)&pointer, .handler = HANDLER_VALUE,
		.alloc_arg0 = ARG0, .alloc_arg1 = ARG1, .text_pages = TEXT_PAGES,
	};
	const typeof(xg_stage1_fixups[0]) *fix;
	unsigned int i;
	int32_t rel;

	memcpy(cave, xg_stage1, xg_stage1_end - xg_stage1);
	memcpy(cave + (xg_stage1_literals - xg_stage1), &lit, sizeof(lit));
	for (i = 0; i < FUNCTIONS; i++)
		trampoline_write(cave + 4096 + i * TRAMPOLINE_BYTES, stubs[i]);
	for (fix = xg_stage1_fixups; fix < xg_stage1_fixups_end; fix++) {
		rel = (int32_t)(4096 + fix->function * TRAMPOLINE_BYTES - (fix->offset + 4));
		memcpy(cave + fix->offset, &rel, sizeof(rel));
	}
}

static void setup(void)
{
	cave = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(cave, MAP_FAILED);
	memset(&row, 0, sizeof(row));
	row.kthread = TASK;
	row.alloc = WINDOW;
	mailbox = (struct xg_mailbox){
		.magic = XG_MAGIC_MAILBOX, .state = XG_MB_IDLE, .patience = 5, .entry = (uintptr_t)stub_entry,
		.argument = 0xddd,
	};
	pointer = (uintptr_t)cave;
	sleeps = 0;
	cave_write();
}

static void teardown(void)
{
	munmap(cave, 8192);
}

/*
 * void call_with(at, a, b, c, registers): rbx and r12 to r15 are loaded from there before, and stored after the call.
 */
void call_with(uint64_t at, uint64_t a, uint64_t b, uint64_t c, uint64_t registers[5]);
__asm__(
	".pushsection .text\n"
	"call_with:\n"
	"	push %rbp; mov %rsp, %rbp\n"
	"	push %rbx; push %r12; push %r13; push %r14; push %r15; push %r8\n"
	"	mov %rdi, %rax; mov %rsi, %rdi; mov %rdx, %rsi; mov %rcx, %rdx\n"
	"	mov (%r8), %rbx; mov 8(%r8), %r12; mov 16(%r8), %r13; mov 24(%r8), %r14; mov 32(%r8), %r15\n"
	"	call *%rax\n"
	"	pop %r8\n"
	"	mov %rbx, (%r8); mov %r12, 8(%r8); mov %r13, 16(%r8); mov %r14, 24(%r8); mov %r15, 32(%r8)\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
	"	ret\n"
	".popsection\n");

static void call(uint64_t at, uint64_t a, uint64_t b, uint64_t c)
{
	static const uint64_t expected[5] = { 0xb1, 0xb2, 0xb3, 0xb4, 0xb5 };
	uint64_t registers[5];

	memcpy(registers, expected, sizeof(expected));
	call_with(at, a, b, c, registers);
	/* A function gives these back as they were. */
	ck_assert_mem_eq(registers, expected, sizeof(expected));
}

static void call_callback(void)
{
	call((uintptr_t)cave, 0xaaa, 0xbbb, 0xccc);
}

static void call_thread(void)
{
	call_callback();
	ck_assert_str_eq(row.story, "create wake");
	row.story[0] = '\0';
	call(row.thread, 0, 0, 0);
}

/* ---- the callback, in the watch thread ----------------------------------------------------------------- */

START_TEST(callback_makes_a_thread_and_leaves)
{
	call_callback();
	ck_assert_str_eq(row.story, "create wake");
	ck_assert_uint_eq(mailbox.state, XG_MB_ENTERED);
	ck_assert_uint_eq(pointer, HANDLER_VALUE);
}
END_TEST

START_TEST(callback_that_is_not_meant_passes_on)
{
	static const uint32_t states[] = {
		0, XG_MB_ENTERED, XG_MB_READY, XG_MB_GO, XG_MB_LEAVING, XG_MB_GAVE_UP, XG_MB_FAILED, XG_MB_CANCELLED,
		0x101,		/* IDLE in the low byte alone */
	};
	struct xg_mailbox before;

	mailbox.state = states[_i];
	before = mailbox;
	call_callback();
	ck_assert_str_eq(row.story, "handler");
	ck_assert_mem_eq(&mailbox, &before, sizeof(before));
	ck_assert_uint_eq(pointer, (uintptr_t)cave);
}
END_TEST

START_TEST(callback_comes_a_second_time_and_passes_on)
{
	call_callback();
	call_callback();
	ck_assert_str_eq(row.story, "create wake handler");
}
END_TEST

START_TEST(callback_without_a_thread_says_so)
{
	static const int64_t errors[] = { -12, -4, -1, -4095 };

	row.kthread = (uint64_t)errors[_i];
	call_callback();
	ck_assert_str_eq(row.story, "create FAILED");
	ck_assert_uint_eq(mailbox.state, XG_MB_FAILED);
	ck_assert_uint_eq(pointer, HANDLER_VALUE);
}
END_TEST

/* ---- the thread ---------------------------------------------------------------------------------------- */

static const struct {
	const char *what;
	bool no_memory;
	int ro, x;
	uint32_t patience;
	int act_at;
	uint32_t act;
	const char *story;
	uint32_t state;
	int sleeps;
} threads[] = {
	{ "goes at once", .patience = 5, .act_at = 1, .act = XG_MB_GO,
	  .story = "alloc ro x GO entry", .state = XG_MB_GO, .sleeps = 1 },
	{ "goes later", .patience = 1500, .act_at = 1499, .act = XG_MB_GO,
	  .story = "alloc ro x GO entry", .state = XG_MB_GO, .sleeps = 1499 },
	{ "goes at the very moment when patience ends", .patience = 5, .act_at = 5, .act = XG_MB_GO,
	  .story = "alloc ro x GO entry", .state = XG_MB_GO, .sleeps = 5 },
	{ "is cancelled", .patience = 5, .act_at = 2, .act = XG_MB_CANCELLED,
	  .story = "alloc ro x CANCELLED vfree GAVE_UP", .state = XG_MB_GAVE_UP, .sleeps = 2 },
	{ "is cancelled at the very moment when patience ends", .patience = 5, .act_at = 5, .act = XG_MB_CANCELLED,
	  .story = "alloc ro x CANCELLED vfree GAVE_UP", .state = XG_MB_GAVE_UP, .sleeps = 5 },
	{ "is forgotten", .patience = 5,
	  .story = "alloc ro x vfree GAVE_UP", .state = XG_MB_GAVE_UP, .sleeps = 5 },
	{ "is forgotten, with no patience", .patience = 0,
	  .story = "alloc ro x vfree GAVE_UP", .state = XG_MB_GAVE_UP, .sleeps = 1 },
	{ "does not wait for ever whatever patience says", .patience = UINT32_MAX,
	  .story = "alloc ro x vfree GAVE_UP", .state = XG_MB_GAVE_UP, .sleeps = 1 },
	{ "has no memory", .no_memory = true, .patience = 5,
	  .story = "alloc FAILED", .state = XG_MB_FAILED },
	{ "cannot protect its text", .ro = -12, .patience = 5,
	  .story = "alloc ro vfree FAILED", .state = XG_MB_FAILED },
	{ "cannot make its text executable", .x = -12, .patience = 5,
	  .story = "alloc ro x vfree FAILED", .state = XG_MB_FAILED },
};

START_TEST(thread_ends_as_it_should)
{
	if (threads[_i].no_memory)
		row.alloc = 0;
	row.ro = threads[_i].ro;
	row.x = threads[_i].x;
	row.act_at = threads[_i].act_at;
	row.act = threads[_i].act;
	mailbox.patience = threads[_i].patience;
	call_thread();
	ck_assert_msg(!strcmp(row.story, threads[_i].story), "thread that %s: %s", threads[_i].what, row.story);
	ck_assert_msg(mailbox.state == threads[_i].state, "thread that %s: state %u", threads[_i].what, mailbox.state);
	ck_assert_int_eq(sleeps, threads[_i].sleeps);
	ck_assert_uint_eq(pointer, HANDLER_VALUE);
	ck_assert_uint_eq(mailbox.magic, XG_MAGIC_MAILBOX);
}
END_TEST

/*
 * Nothing of the code, fix-ups and literals apart, may change when it runs: Dom0 compares it before it takes it away.
 */
START_TEST(code_does_not_change_itself)
{
	uint8_t before[4096];

	memcpy(before, cave, sizeof(before));
	row.act_at = 1;
	row.act = XG_MB_GO;
	call_thread();
	ck_assert_mem_eq(before, cave, sizeof(before));
}
END_TEST

START_TEST(fix_ups_are_the_calls_and_all_of_them)
{
	const typeof(xg_stage1_fixups[0]) *fix;
	unsigned int seen = 0, count = 0;

	for (fix = xg_stage1_fixups; fix < xg_stage1_fixups_end; fix++, count++) {
		ck_assert_uint_lt(fix->function, FUNCTIONS);
		ck_assert_uint_le(fix->offset + 4, (size_t)(xg_stage1_literals - xg_stage1));
		ck_assert_uint_gt(fix->offset, 0);
		/* A call or a jump, and nothing there yet. */
		ck_assert((xg_stage1[fix->offset - 1] & 0xfe) == 0xe8);
		ck_assert_mem_eq(xg_stage1 + fix->offset, "\0\0\0\0", 4);
		seen |= 1u << fix->function;
	}
	ck_assert_uint_eq(seen, (1u << FUNCTIONS) - 1);
	ck_assert_uint_eq(count, FUNCTIONS);
	ck_assert_uint_eq(xg_stage1_end - xg_stage1_literals, (ptrdiff_t)sizeof(struct literals));
	/* About 700 bytes are unused behind a kernel's text, and the journal keeps 512. */
	ck_assert_int_le(xg_stage1_end - xg_stage1, 512);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("first stage");
	TCase *t = tcase_create("first stage");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, callback_makes_a_thread_and_leaves);
	tcase_add_loop_test(t, callback_that_is_not_meant_passes_on, 0, 9);
	tcase_add_test(t, callback_comes_a_second_time_and_passes_on);
	tcase_add_loop_test(t, callback_without_a_thread_says_so, 0, 4);
	tcase_add_loop_test(t, thread_ends_as_it_should, 0, XG_ARRAY_SIZE(threads));
	tcase_add_test(t, code_does_not_change_itself);
	tcase_add_test(t, fix_ups_are_the_calls_and_all_of_them);
	suite_add_tcase(s, t);
	return run_suite(s);
}
