// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hotswap/link.c and its table: where sections come to lie, what each relocation writes, what is rewritten, and
 * what is refused in which words.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotswap/link.h"
#include "lib/base/array.h"
#include "lib/base/cleanup.h"
#include "tests/lib/elf_builder.h"
#include "tests/lib/run_suite.h"

XG_DEFINE_AUTO(struct xg_elf, xg_elf_close)

#define TEXT_AT UINT64_C(0xffffffffc0a00000)	/* where Linux puts modules on x86-64 */
#define DATA_AT UINT64_C(0xffffffffc0a10000)
#define ROOM 65536u
#define CANARY 0x5a

/* ---- A kernel's symbols ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t at;
} kernel[] = {
	{ "printk", UINT64_C(0xffffffff81076650) },
	{ "__fentry__", UINT64_C(0xffffffff81093af0) },
	{ "__x86_return_thunk", UINT64_C(0xffffffff81e01d30) },
	{ "__x86_indirect_thunk_rax", UINT64_C(0xffffffff81e01580) },
	{ "__SCT__cond_resched", UINT64_C(0xffffffff81e005a0) },
	{ "current_task", UINT64_C(0x1fb80) },	/* per-CPU: an offset from the CPU's %gs base */
	{ "direct_map", UINT64_C(0xffff888000000000) },
};

struct asked {
	unsigned int times;
};

static int lookup(void *ctx, const char *name, struct gva *ret, struct xg_err *err)
{
	struct asked *asked = ctx;
	size_t i;

	asked->times++;
	if (strcmp(name, "silent") == 0)
		return -ENOTUNIQ;	/* a resolver that gives no text */
	for (i = 0; i < XG_ARRAY_SIZE(kernel); i++)
		if (strcmp(kernel[i].name, name) == 0) {
			*ret = XG_GVA(kernel[i].at);
			return 0;
		}
	return xg_fail(err, ENOENT, "the kernel has no %s", name);
}

/* ---- One link --------------------------------------------------------------------------------------------- */

/* The parts stand in one block with canaries around them. */
struct bench {
	uint8_t *image;
	struct xg_elf *elf;
	uint8_t memory[64 + ROOM + 64 + ROOM + 64];
	struct xg_part text, data;
	struct asked asked;
	struct xg_resolver resolver;
	struct xg_err err;
};

static struct bench bench;

static void setup(void)
{
	bench = (struct bench){ .resolver = { .symbol = lookup, .ctx = &bench.asked } };
	memset(bench.memory, CANARY, sizeof(bench.memory));
	bench.text = (struct xg_part){ XG_GVA(TEXT_AT), ROOM, bench.memory + 64 };
	bench.data = (struct xg_part){ XG_GVA(DATA_AT), ROOM, bench.memory + 64 + ROOM + 64 };
}

static void teardown(void)
{
	xg_elf_close(bench.elf);
	free(bench.image);
}

static void open_object(struct elfb *b)
{
	size_t size;

	teardown();
	bench.image = elfb_finish(b, &size);
	bench.elf = NULL;
	ck_assert_msg(xg_elf_open(bench.image, size, &bench.elf, &bench.err) == 0, "%s", bench.err.text);
}

static void check_canaries(void)
{
	uint8_t canaries[64];

	memset(canaries, CANARY, sizeof(canaries));
	ck_assert_mem_eq(bench.memory, canaries, 64);
	ck_assert_mem_eq(bench.text.bytes + ROOM, canaries, 64);
	ck_assert_mem_eq(bench.data.bytes + ROOM, canaries, 64);
}

static int link_it(void)
{
	int rc = xg_link(bench.elf, &bench.resolver, &bench.text, &bench.data, &bench.err);

	check_canaries();
	return rc;
}

static void link_ok(void)
{
	int rc = link_it();

	ck_assert_msg(rc == 0, "%d: %s", rc, bench.err.text);
}

static void link_fails(int code, const char *text)
{
	int rc = link_it();

	ck_assert_msg(rc == -code, "returned %d, not %d: %s", rc, -code, bench.err.text);
	ck_assert_int_eq(bench.err.code, code);
	ck_assert_msg(strstr(bench.err.text, text) != NULL, "'%s' lacks '%s'", bench.err.text, text);
}

static uint64_t address(const char *symbol)
{
	struct gva at;
	int rc = xg_link_address(bench.elf, symbol, &bench.text, &bench.data, &at, &bench.err);

	ck_assert_msg(rc == 0, "%s: %s", symbol, bench.err.text);
	return at.v;
}

/* ---- Layout ----------------------------------------------------------------------------------------------- */

static const uint8_t ones[64] = { [0 ... 63] = 0x11 };

static uint16_t section(struct elfb *b, const char *name, uint64_t flags, uint64_t align, uint64_t size)
{
	return elfb_section(b, name, SHT_PROGBITS, SHF_ALLOC | flags, align, ones, size);
}

static struct elfb *mixed_object(void)
{
	struct elfb *b = elfb_new();
	uint16_t s;

	s = section(b, ".rodata", 0, 32, 10);
	elfb_symbol(b, "constants", s, STB_LOCAL, STT_OBJECT, 0, 1);
	s = elfb_section(b, ".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 64, NULL, 100);
	elfb_symbol(b, "zeroed", s, STB_LOCAL, STT_OBJECT, 4, 1);
	s = section(b, ".text", SHF_EXECINSTR, 16, 21);
	elfb_symbol(b, "code", s, STB_LOCAL, STT_FUNC, 5, 1);
	s = section(b, ".data..read_mostly", SHF_WRITE, 8, 9);
	elfb_symbol(b, "mostly", s, STB_LOCAL, STT_OBJECT, 0, 1);
	s = section(b, ".text.unlikely", SHF_EXECINSTR, 16, 3);
	elfb_symbol(b, "cold", s, STB_LOCAL, STT_FUNC, 0, 1);
	s = section(b, ".rodata.writable", SHF_WRITE, 4, 4);
	elfb_symbol(b, "writable", s, STB_LOCAL, STT_OBJECT, 0, 1);
	s = section(b, ".data", SHF_WRITE, 1, 0);
	elfb_symbol(b, "nothing", s, STB_LOCAL, STT_OBJECT, 0, 0);
	s = section(b, ".rodata.str1.1", SHF_MERGE | SHF_STRINGS, 1, 7);
	elfb_symbol(b, "string", s, STB_LOCAL, STT_OBJECT, 0, 1);
	section(b, ".orc_unwind", 0, 1, 30);
	elfb_section(b, ".debug_info", SHT_PROGBITS, 0, 1, ones, 60);
	return b;
}

/* text: .text at 0, .text.unlikely at 32, .rodata at 64, .rodata.str1.1 at 74; data: mostly 0, writable 12, .bss 64 */
START_TEST(sections_lie_by_kind_then_by_order)
{
	open_object(mixed_object());
	ck_assert_uint_eq(address("code"), TEXT_AT + 5);
	ck_assert_uint_eq(address("cold"), TEXT_AT + 32);
	ck_assert_uint_eq(address("constants"), TEXT_AT + 64);
	ck_assert_uint_eq(address("string"), TEXT_AT + 74);
	ck_assert_uint_eq(address("mostly"), DATA_AT);
	ck_assert_uint_eq(address("writable"), DATA_AT + 12);
	ck_assert_uint_eq(address("nothing"), DATA_AT + 16);
	ck_assert_uint_eq(address("zeroed"), DATA_AT + 64 + 4);
}
END_TEST

START_TEST(size_says_what_the_layout_needs)
{
	struct xg_link_size size;

	open_object(mixed_object());
	ck_assert_int_eq(xg_link_size(bench.elf, &size, &bench.err), 0);
	ck_assert_uint_eq(size.text_bytes, 81);
	ck_assert_uint_eq(size.data_bytes, 164);
	ck_assert_uint_eq(size.text_align, 32);
	ck_assert_uint_eq(size.data_align, 64);
}
END_TEST

START_TEST(gaps_are_filled)
{
	static uint8_t text[ROOM], data[ROOM];

	memset(text, 0xcc, ROOM);
	memset(text, 0x11, 21);
	memset(text + 32, 0x11, 3);
	memset(text + 64, 0x11, 17);
	memset(data, 0x11, 9);
	memset(data + 12, 0x11, 4);
	open_object(mixed_object());
	link_ok();
	ck_assert_mem_eq(bench.text.bytes, text, ROOM);
	ck_assert_mem_eq(bench.data.bytes, data, ROOM);
}
END_TEST

START_TEST(parts_may_fit_exactly)
{
	open_object(mixed_object());
	bench.text.room = 81;
	bench.data.room = 164;
	link_ok();
	bench.text.room = 80;
	link_fails(ENOSPC, "the image's text needs 81 bytes, its part of the window has 80");
	bench.text.room = 81;
	bench.data.room = 163;
	link_fails(ENOSPC, "the image's data needs 164 bytes, its part of the window has 163");
}
END_TEST

START_TEST(parts_must_suit_the_alignment)
{
	open_object(mixed_object());
	bench.text.at.v += 32;
	link_ok();
	bench.text.at.v += 16;
	link_fails(EINVAL, "the text part at 0xffffffffc0a00030 is not aligned to 32");
	bench.text.at.v = -(uint64_t)4096;
	link_fails(EINVAL, "the text part at 0xfffffffffffff000 of 65536 bytes wraps around");
	bench.text.room = 4095;
	link_ok();
}
END_TEST

START_TEST(symbols_that_have_no_address)
{
	struct elfb *b = mixed_object();
	uint16_t ignored = section(b, ".orc_unwind_ip", 0, 1, 4);
	struct gva at = XG_GVA(7);

	elfb_symbol(b, "unloaded", ignored, STB_LOCAL, STT_OBJECT, 0, 1);
	elfb_import(b, "printk");
	open_object(b);
	ck_assert_int_eq(xg_link_address(bench.elf, "unloaded", &bench.text, &bench.data, &at, &bench.err), -ENOTSUP);
	ck_assert_str_eq(bench.err.text, "symbol unloaded lies in section .orc_unwind_ip, which is not loaded");
	ck_assert_int_eq(xg_link_address(bench.elf, "printk", &bench.text, &bench.data, &at, &bench.err), -ENOENT);
	ck_assert_int_eq(xg_link_address(bench.elf, "none", &bench.text, &bench.data, &at, &bench.err), -ENOENT);
	ck_assert_str_eq(bench.err.text, "the image does not define none, or more than once");
	ck_assert_uint_eq(at.v, 7);
}
END_TEST

/* ---- Relocations ------------------------------------------------------------------------------------------ */

/* One relocation at byte 8 of .text (which lies at TEXT_AT), its 8 bytes zero. */
static struct elfb *one_relocation(const char *import, uint32_t type, int64_t addend, uint64_t offset)
{
	static const uint8_t code[32] = { 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", code, sizeof(code));
	uint32_t symbol = elfb_import(b, import);

	elfb_relocation(b, text, offset, type, symbol, addend);
	return b;
}

static const struct {
	uint32_t type;
	const char *symbol;
	int64_t addend;
	int width;
	uint64_t value;
} computed[] = {
	{ R_X86_64_64, "printk", 0, 8, UINT64_C(0xffffffff81076650) },
	{ R_X86_64_64, "printk", -0x50, 8, UINT64_C(0xffffffff81076600) },
	{ R_X86_64_64, "direct_map", 0, 8, UINT64_C(0xffff888000000000) },
	{ R_X86_64_PC64, "printk", 0, 8, UINT64_C(0xffffffff81076650) - (TEXT_AT + 8) },
	{ R_X86_64_PC64, "direct_map", 3, 8, UINT64_C(0xffff888000000003) - (TEXT_AT + 8) },
	{ R_X86_64_PC32, "printk", -4, 4, (uint32_t)(UINT64_C(0xffffffff8107664c) - (TEXT_AT + 8)) },
	{ R_X86_64_PLT32, "printk", -4, 4, (uint32_t)(UINT64_C(0xffffffff8107664c) - (TEXT_AT + 8)) },
	{ R_X86_64_32S, "printk", 0, 4, 0x81076650 },
	{ R_X86_64_32S, "current_task", 0, 4, 0x1fb80 },
	{ R_X86_64_32, "current_task", 8, 4, 0x1fb88 },
	{ R_X86_64_PC32, "current_task", -4, 4, (uint32_t)(UINT64_C(0x1fb7c) - (TEXT_AT + 8)) },
	{ R_X86_64_PLT32, "__SCT__cond_resched", -4, 4, (uint32_t)(UINT64_C(0xffffffff81e0059c) - (TEXT_AT + 8)) },
	/* The last that fit. */
	{ R_X86_64_32S, "current_task", 0x7fffffff - 0x1fb80, 4, 0x7fffffff },
	{ R_X86_64_32S, "current_task", -INT64_C(0x80000000) - 0x1fb80, 4, 0x80000000 },
	{ R_X86_64_32, "current_task", INT64_C(0xffffffff) - 0x1fb80, 4, 0xffffffff },
	{ R_X86_64_32, "current_task", -0x1fb80, 4, 0 },
	{ R_X86_64_PC32, "printk", INT64_C(0x3f9899b8) - 0x80000000, 4, 0x80000000 },
	{ R_X86_64_PC32, "printk", INT64_C(0x3f9899b8) + 0x7fffffff, 4, 0x7fffffff },
	{ R_X86_64_NONE, "nowhere", 0, 4, 0 },
};

START_TEST(relocation_writes)
{
	uint8_t expected[16] = { 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };

	open_object(one_relocation(computed[_i].symbol, computed[_i].type, computed[_i].addend, 8));
	link_ok();
	memcpy(expected + 8, &computed[_i].value, computed[_i].width);
	ck_assert_mem_eq(bench.text.bytes, expected, sizeof(expected));
}
END_TEST

static const struct {
	uint32_t type;
	const char *symbol;
	int64_t addend;
	uint64_t offset;
	int code;
	const char *text;
} refused_relocations[] = {
	{ R_X86_64_32S, "current_task", INT64_C(0x80000000) - 0x1fb80, 8, ENOEXEC,
	  "relocation R_X86_64_32S at .text+0x8: current_task at 0x1fb80 is out of reach from 0xffffffffc0a00008" },
	{ R_X86_64_32S, "current_task", -INT64_C(0x80000001) - 0x1fb80, 8, ENOEXEC, "is out of reach" },
	{ R_X86_64_32S, "direct_map", 0, 8, ENOEXEC, "direct_map at 0xffff888000000000 is out of reach" },
	{ R_X86_64_32, "current_task", INT64_C(0x100000000) - 0x1fb80, 8, ENOEXEC, "is out of reach" },
	{ R_X86_64_32, "current_task", -0x1fb81, 8, ENOEXEC, "is out of reach" },
	{ R_X86_64_32, "printk", 0, 8, ENOEXEC, "relocation R_X86_64_32 at .text+0x8: printk" },
	{ R_X86_64_PC32, "printk", INT64_C(0x3f9899b7) - 0x80000000, 8, ENOEXEC, "is out of reach" },
	{ R_X86_64_PC32, "printk", INT64_C(0x3f9899b8) + 0x80000000, 8, ENOEXEC, "is out of reach" },
	{ R_X86_64_PLT32, "direct_map", -4, 8, ENOEXEC, "relocation R_X86_64_PLT32 at .text+0x8: direct_map" },
	{ R_X86_64_64, "printk", 0, 25, ENOEXEC,
	  "relocation R_X86_64_64 at .text+0x19 ends past the section's 32 bytes" },
	{ R_X86_64_PC32, "printk", 0, 29, ENOEXEC, "at .text+0x1d ends past the section's 32 bytes" },
	{ R_X86_64_PC32, "printk", -4, 7, ENOEXEC, "at .text+0x7 (printk) patches bytes that are not zero" },
	{ R_X86_64_GOTPCREL, "printk", -4, 8, ENOTSUP,
	  "relocation R_X86_64_GOTPCREL at .text+0x8 (printk) is not supported" },
	{ R_X86_64_REX_GOTPCRELX, "printk", -4, 8, ENOTSUP, "R_X86_64_REX_GOTPCRELX" },
	{ R_X86_64_16, "printk", 0, 8, ENOTSUP, "R_X86_64_16" },
	{ R_X86_64_TPOFF32, "printk", 0, 8, ENOTSUP, "relocation of type 23 at .text+0x8 (printk) is not supported" },
	{ 0xffffffff, "printk", 0, 8, ENOTSUP, "relocation of type 4294967295" },
	{ R_X86_64_PC32, "nowhere", -4, 8, ENOENT, ".text+0x8: import nowhere: the kernel has no nowhere" },
	{ R_X86_64_PC32, "silent", -4, 8, ENOTUNIQ, "import silent: Name not unique" },
	{ R_X86_64_64, "__this_module", 0, 8, ENOTSUP, "import __this_module is refused: THIS_MODULE does not exist" },
	{ R_X86_64_PC32, "_GLOBAL_OFFSET_TABLE_", 0, 8, ENOTSUP, "import _GLOBAL_OFFSET_TABLE_ is refused" },
};

START_TEST(relocation_is_refused)
{
	open_object(one_relocation(refused_relocations[_i].symbol, refused_relocations[_i].type,
				   refused_relocations[_i].addend, refused_relocations[_i].offset));
	link_fails(refused_relocations[_i].code, refused_relocations[_i].text);
}
END_TEST

START_TEST(two_relocations_of_the_same_bytes)
{
	struct elfb *b = one_relocation("printk", R_X86_64_64, 0, 8);

	elfb_relocation(b, 1, 12, R_X86_64_PC32, 1, 0);
	open_object(b);
	link_fails(ENOEXEC, "at .text+0xc (printk) patches bytes that are not zero");
}
END_TEST

START_TEST(relocation_without_a_symbol)
{
	struct elfb *b = elfb_new();

	elfb_relocation(b, elfb_text(b, ".text", NULL, 8), 0, R_X86_64_64, 0, 0);
	open_object(b);
	link_fails(ENOTSUP, "a relocation names no symbol");
}
END_TEST

/* Own symbols: by section and by name, from text to data and back, absolute ones as they are. */
START_TEST(own_symbols_are_found)
{
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", NULL, 16);
	uint16_t data = elfb_data(b, ".data", NULL, 32);
	uint32_t section_symbol = elfb_symbol(b, "", data, STB_LOCAL, STT_SECTION, 0, 0);
	uint32_t absolute = elfb_symbol(b, "absolute", SHN_ABS, STB_LOCAL, STT_NOTYPE, 0x1234, 0);
	uint32_t weak = elfb_symbol(b, "weak", text, STB_WEAK, STT_FUNC, 8, 0);
	uint64_t words[4];
	int32_t rel;

	elfb_relocation(b, text, 0, R_X86_64_PC32, section_symbol, 16 - 4);
	elfb_relocation(b, data, 0, R_X86_64_64, weak, 1);
	elfb_relocation(b, data, 8, R_X86_64_64, absolute, 0);
	open_object(b);
	bench.resolver.symbol = NULL;
	link_ok();
	memcpy(&rel, bench.text.bytes, 4);
	ck_assert_uint_eq(TEXT_AT + 4 + (uint64_t)(int64_t)rel, DATA_AT + 16);
	memcpy(words, bench.data.bytes, sizeof(words));
	ck_assert_uint_eq(words[0], TEXT_AT + 9);
	ck_assert_uint_eq(words[1], 0x1234);
}
END_TEST

static const struct {
	uint16_t section;	/* 0: undefined; 1: .text */
	unsigned int bind, type;
	const char *text;
} refused_symbols[] = {
	{ 0, STB_WEAK, STT_NOTYPE, "import odd is weak" },
	{ 1, STB_GLOBAL, STT_GNU_IFUNC, "symbol odd has type 10" },
	{ 1, STB_GLOBAL, STT_TLS, "symbol odd has type 6" },
};

START_TEST(symbol_is_refused_where_it_is_used)
{
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", NULL, 16), orc = section(b, ".orc_unwind_ip", 0, 4, 0);
	uint32_t odd = elfb_symbol(b, "odd", refused_symbols[_i].section ? text : 0, refused_symbols[_i].bind,
				   refused_symbols[_i].type, 0, 0);

	(void)orc;
	elfb_relocation(b, text, 0, R_X86_64_64, odd, 0);
	open_object(b);
	link_fails(ENOTSUP, refused_symbols[_i].text);
}
END_TEST

START_TEST(nothing_may_be_imported_without_a_resolver)
{
	open_object(one_relocation("printk", R_X86_64_64, 0, 8));
	bench.resolver.symbol = NULL;
	link_fails(ENOENT, "the image imports printk, and nothing may be imported");
	ck_assert_int_eq(xg_link(bench.elf, NULL, &bench.text, &bench.data, &bench.err), -ENOENT);
	ck_assert_int_eq(xg_link(bench.elf, NULL, &bench.text, &bench.data, NULL), -ENOENT);
}
END_TEST

/* Once a name, and only for what is loaded. */
START_TEST(imports_are_asked_for_once)
{
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", NULL, 64), unwind = section(b, ".orc_unwind_ip", 0, 4, 16);
	uint32_t used = elfb_import(b, "printk"), unused = elfb_import(b, "nowhere");
	int i;

	for (i = 0; i < 8; i++)
		elfb_relocation(b, text, 8 * i, R_X86_64_64, used, 0);
	elfb_relocation(b, unwind, 0, R_X86_64_PC32, unused, 0);
	open_object(b);
	link_ok();
	ck_assert_uint_eq(bench.asked.times, 1);
}
END_TEST

START_TEST(symbol_in_a_section_that_is_not_loaded)
{
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", NULL, 16), modinfo = section(b, ".modinfo", 0, 1, 16);

	elfb_relocation(b, text, 0, R_X86_64_64, elfb_symbol(b, "", modinfo, STB_LOCAL, STT_SECTION, 0, 0), 0);
	open_object(b);
	link_fails(ENOTSUP, ".text+0x0: it uses section .modinfo, which is not loaded");
}
END_TEST

/* ---- Rewritten imports ------------------------------------------------------------------------------------ */

#define THUNK UINT64_C(0xffffffff81e01d30)
#define CHOSEN UINT64_C(0xffffffff81e01e00)

/* A branch of SIZE bytes at byte 2 whose last four bytes are the operand. */
static struct elfb *branch_object(const uint8_t *opcode, size_t size, const char *target, uint32_t type)
{
	uint8_t code[16] = { 0x90, 0x90 };
	struct elfb *b = elfb_new();
	uint16_t text;

	memcpy(code + 2, opcode, size);
	text = elfb_text(b, ".text", code, sizeof(code));
	elfb_relocation(b, text, 2 + size, type, elfb_import(b, target), -4);
	return b;
}

static const struct {
	const char *what;
	uint8_t opcode[2];
	size_t opcode_size;
	uint64_t choice;
	uint8_t expected[6];	/* of the instruction */
	uint64_t target;	/* or: where it goes to; 0: expected holds */
	const char *refused;
} returns[] = {
	{ "kernel's choice is unknown", { 0xe9 }, 1, 0, { 0 }, THUNK, NULL },
	{ "kernel chose another thunk", { 0xe9 }, 1, CHOSEN, { 0 }, CHOSEN, NULL },
	{ "kernel chose none", { 0xe9 }, 1, THUNK, { 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0 }, 0, NULL },
	{ "conditional, unknown", { 0x0f, 0x84 }, 2, 0, { 0 }, THUNK, NULL },
	{ "conditional, another", { 0x0f, 0x8f }, 2, CHOSEN, { 0 }, CHOSEN, NULL },
	{ "conditional, none", { 0x0f, 0x84 }, 2, THUNK, { 0 }, 0, "uses __x86_return_thunk in a way that cannot" },
	{ "call, none", { 0xe8 }, 1, THUNK, { 0 }, 0, ".text+0x3 uses __x86_return_thunk in a way that cannot" },
	{ "call, another", { 0xe8 }, 1, CHOSEN, { 0 }, 0, "uses __x86_return_thunk in a way that cannot" },
};

START_TEST(return_goes_where_the_kernel_chose)
{
	size_t n = returns[_i].opcode_size;
	int32_t rel;

	open_object(branch_object(returns[_i].opcode, n, "__x86_return_thunk",
				  _i % 2 ? R_X86_64_PLT32 : R_X86_64_PC32));
	bench.resolver.return_thunk = XG_GVA(returns[_i].choice);
	if (returns[_i].refused) {
		link_fails(ENOTSUP, returns[_i].refused);
		return;
	}
	link_ok();
	ck_assert_uint_eq(bench.text.bytes[1], 0x90);
	if (returns[_i].target == 0) {
		ck_assert_mem_eq(bench.text.bytes + 2, returns[_i].expected, 6);
		return;
	}
	ck_assert_mem_eq(bench.text.bytes + 2, returns[_i].opcode, n);
	memcpy(&rel, bench.text.bytes + 2 + n, 4);
	ck_assert_uint_eq(TEXT_AT + 2 + n + 4 + (uint64_t)(int64_t)rel, returns[_i].target);
}
END_TEST

/* The same name, not as the operand of a jump: an address in a table, another addend, another opcode. */
static const struct {
	uint8_t before[2];
	uint32_t type;
	int64_t addend;
} no_jumps[] = {
	{ { 0x90, 0x90 }, R_X86_64_64, 0 },
	{ { 0x90, 0xe9 }, R_X86_64_64, -4 },
	{ { 0x90, 0xe9 }, R_X86_64_32S, -4 },
	{ { 0x90, 0xe9 }, R_X86_64_PC32, 0 },
	{ { 0x90, 0x90 }, R_X86_64_PC32, -4 },
	{ { 0x90, 0x84 }, R_X86_64_PC32, -4 },
	{ { 0x0f, 0x7f }, R_X86_64_PC32, -4 },
	{ { 0x0f, 0x90 }, R_X86_64_PC32, -4 },
};

START_TEST(return_thunk_as_data_is_refused)
{
	uint8_t code[16] = { no_jumps[_i].before[0], no_jumps[_i].before[1] };
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", code, sizeof(code));

	elfb_relocation(b, text, 2, no_jumps[_i].type, elfb_import(b, "__x86_return_thunk"), no_jumps[_i].addend);
	open_object(b);
	link_ok();
	bench.resolver.return_thunk = XG_GVA(CHOSEN);
	link_fails(ENOTSUP, ".text+0x2 uses __x86_return_thunk in a way that cannot");
}
END_TEST

/* A jump may be the section's first instruction. */
START_TEST(return_at_the_very_start)
{
	static const uint8_t jump[8] = { 0xe9 }, conditional[8] = { 0x0f, 0x84 };
	struct elfb *b = elfb_new();
	int32_t rel;

	elfb_relocation(b, elfb_text(b, ".text", jump, 8), 1, R_X86_64_PC32, elfb_import(b, "__x86_return_thunk"), -4);
	open_object(b);
	bench.resolver.return_thunk = XG_GVA(THUNK);
	link_ok();
	ck_assert_mem_eq(bench.text.bytes, ((uint8_t[]){ 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0, 0, 0 }), 8);

	b = elfb_new();
	elfb_relocation(b, elfb_text(b, ".text", conditional, 8), 2, R_X86_64_PC32,
			elfb_import(b, "__x86_return_thunk"), -4);
	open_object(b);
	bench.resolver.return_thunk = XG_GVA(CHOSEN);
	link_ok();
	memcpy(&rel, bench.text.bytes + 2, 4);
	ck_assert_uint_eq(TEXT_AT + 6 + (uint64_t)(int64_t)rel, CHOSEN);
}
END_TEST

/* The operand stands at the section's first byte: there is no opcode before it to look at. */
START_TEST(return_thunk_at_the_very_start)
{
	struct elfb *b = elfb_new();

	elfb_relocation(b, elfb_text(b, ".text", NULL, 16), 0, R_X86_64_PC32, elfb_import(b, "__x86_return_thunk"), -4);
	open_object(b);
	bench.resolver.return_thunk = XG_GVA(THUNK);
	link_fails(ENOTSUP, "uses __x86_return_thunk in a way that cannot");
}
END_TEST

START_TEST(own_function_of_the_thunks_name_is_no_thunk)
{
	static const uint8_t code[16] = { 0xe9, 0, 0, 0, 0 };
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", code, sizeof(code));

	elfb_relocation(b, text, 1, R_X86_64_PLT32, elfb_function(b, "__x86_return_thunk", text, 8, 1), -4);
	open_object(b);
	bench.resolver.return_thunk = XG_GVA(CHOSEN);
	link_ok();
	ck_assert_mem_eq(bench.text.bytes, ((uint8_t[]){ 0xe9, 3, 0, 0, 0 }), 5);
}
END_TEST

START_TEST(tracing_call_becomes_a_nop)
{
	open_object(branch_object((uint8_t[]){ 0xe8 }, 1, "__fentry__", R_X86_64_PLT32));
	link_ok();
	ck_assert_mem_eq(bench.text.bytes, ((uint8_t[]){ 0x90, 0x90, 0x0f, 0x1f, 0x44, 0, 0, 0 }), 8);
	ck_assert_uint_eq(bench.asked.times, 0);
	/* A jump to it is not ftrace's business. */
	open_object(branch_object((uint8_t[]){ 0xe9 }, 1, "__fentry__", R_X86_64_PLT32));
	link_ok();
	ck_assert_uint_eq(bench.asked.times, 1);
	ck_assert_uint_eq(bench.text.bytes[2], 0xe9);
}
END_TEST

/* ---- Sections --------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t flags;
	const char *refused;	/* NULL: links and takes no room */
} section_rows[] = {
	{ ".return_sites", 0, NULL }, { ".retpoline_sites", 0, NULL }, { ".call_sites", 0, NULL },
	{ ".ibt_endbr_seal", 0, NULL }, { ".static_call_sites", SHF_WRITE, NULL }, { ".smp_locks", 0, NULL },
	{ ".parainstructions", 0, NULL }, { "__mcount_loc", 0, NULL },
	{ "__patchable_function_entries", SHF_WRITE | SHF_LINK_ORDER, NULL }, { ".orc_unwind", 0, NULL },
	{ ".orc_unwind_ip", 0, NULL }, { ".orc_header", 0, NULL }, { ".eh_frame", 0, NULL }, { ".modinfo", 0, NULL },
	{ "__versions", 0, NULL }, { "__version_ext_names", 0, NULL }, { ".note.gnu.property", 0, NULL },
	{ ".note.Linux", 0, NULL }, { ".BTF", 0, NULL }, { ".discard.addressable", SHF_WRITE, NULL },
	{ ".printk_index", 0, NULL }, { "_kprobe_blacklist", 0, NULL },

	{ "__jump_table", SHF_WRITE, "section __jump_table is refused: static keys would keep" },
	{ ".altinstructions", 0, "section .altinstructions is refused: alternatives" },
	{ ".altinstr_replacement", SHF_EXECINSTR, "section .altinstr_replacement is refused" },
	{ ".altinstr_aux", SHF_EXECINSTR, "section .altinstr_aux is refused" },
	{ "__ex_table", 0, "section __ex_table is refused: faults that the code expects" },
	{ "__bug_table", SHF_WRITE, "section __bug_table is refused: WARN() and BUG()" },
	{ "__dyndbg", SHF_WRITE, "section __dyndbg is refused" },
	{ "__tracepoints_ptrs", 0, "section __tracepoints_ptrs is refused" },
	{ "_ftrace_events", SHF_WRITE, "section _ftrace_events is refused" },
	{ "___srcu_struct_ptrs", 0, "section ___srcu_struct_ptrs is refused" },
	{ "__param", 0, "section __param is refused" }, { "__ksymtab_gpl", 0, "section __ksymtab_gpl is refused" },
	{ "___ksymtab+name", 0, "section ___ksymtab+name is refused" },
	{ ".export_symbol", 0, "section .export_symbol is refused" },
	{ ".data..percpu", SHF_WRITE, "section .data..percpu is refused: per-CPU variables" },
	{ ".data..percpu..shared_aligned", SHF_WRITE, "section .data..percpu..shared_aligned is refused" },
	{ ".init.text", SHF_EXECINSTR, "section .init.text is refused: nobody would run it" },
	{ ".init.data", SHF_WRITE, "section .init.data is refused" },
	{ ".exit.text", SHF_EXECINSTR, "section .exit.text" },
	{ ".initcall6.init", 0, "section .initcall6.init is refused" },
	{ ".init_array", SHF_WRITE, "section .init_array is refused: constructors would not run" },
	{ ".ctors", SHF_WRITE, "section .ctors is refused" }, { ".fini_array.5", SHF_WRITE, "section .fini_array.5" },
	{ ".static_call.text", SHF_EXECINSTR, "section .static_call.text is refused" },
	{ ".cfi_sites", 0, "section .cfi_sites is refused: kernels with FineIBT" },
	{ ".gnu.linkonce.this_module", SHF_WRITE, "a finished module has a struct module" },
	/* Not known: refused. A name that only begins like a known one is not that one. */
	{ ".mystery", 0, "section .mystery is refused: what a module loader does with it is not known here" },
	{ ".textual", SHF_EXECINSTR, "section .textual is refused: what a module loader" },
	{ ".database", SHF_WRITE, "section .database is refused: what a module loader" },
	{ "", 0, "section  is refused: what a module loader" },
	/* Known names of the wrong kind. */
	{ ".data.x", SHF_WRITE | SHF_EXECINSTR, "section .data.x is executable and would lie in the data part" },
	{ ".text.x", SHF_WRITE | SHF_EXECINSTR, "section .text.x is executable and would lie in the data part" },
	{ ".data.tls", SHF_WRITE | SHF_TLS, "section .data.tls holds thread-local variables" },
	{ ".rodata.z", SHF_COMPRESSED, "section .rodata.z is compressed" },
};

START_TEST(section_is_ignored_or_refused)
{
	struct xg_link_size size;
	struct elfb *b = elfb_new();

	section(b, section_rows[_i].name, section_rows[_i].flags, 1, 8);
	open_object(b);
	if (section_rows[_i].refused) {
		link_fails(ENOTSUP, section_rows[_i].refused);
		ck_assert_int_eq(xg_link_size(bench.elf, &size, &bench.err), -ENOTSUP);
		return;
	}
	link_ok();
	ck_assert_int_eq(xg_link_size(bench.elf, &size, &bench.err), 0);
	ck_assert_uint_eq(size.text_bytes + size.data_bytes, 0);
}
END_TEST

/* An empty one asks the loader for nothing (assemblers make them); memory is not asked for either. */
START_TEST(section_passes_when_empty_or_not_loaded)
{
	struct elfb *b = elfb_new();

	section(b, section_rows[_i].name,
		section_rows[_i].flags & ~(uint64_t)(SHF_EXECINSTR | SHF_TLS | SHF_COMPRESSED), 1, 0);
	elfb_section(b, section_rows[_i].name, SHT_PROGBITS, 0, 1, ones, 8);
	open_object(b);
	link_ok();
}
END_TEST

static const struct {
	const char *name;
	uint64_t flags;
	bool text;
} loaded[] = {
	{ ".text", SHF_EXECINSTR, true }, { ".text.unlikely", SHF_EXECINSTR, true },
	{ ".text..x", SHF_EXECINSTR, true },
	{ ".noinstr.text", SHF_EXECINSTR, true }, { ".sched.text", SHF_EXECINSTR, true }, { ".rodata", 0, true },
	{ ".rodata.cst16", SHF_MERGE, true }, { ".rodata", SHF_WRITE, false }, { ".data", SHF_WRITE, false },
	{ ".data.once", SHF_WRITE, false }, { ".data..once", SHF_WRITE, false }, { ".data.rel.ro", SHF_WRITE, false },
	{ ".data..ro_after_init", SHF_WRITE, false }, { ".data..read_mostly", SHF_WRITE, false },
	{ ".bss", SHF_WRITE, false }, { ".bss..page_aligned", SHF_WRITE, false },
};

START_TEST(section_is_loaded)
{
	struct elfb *b = elfb_new();

	section(b, loaded[_i].name, loaded[_i].flags, 1, 8);
	open_object(b);
	link_ok();
	ck_assert_mem_eq(loaded[_i].text ? bench.text.bytes : bench.data.bytes, ones, 8);
	ck_assert_uint_eq(loaded[_i].text ? bench.data.bytes[0] : bench.text.bytes[0], loaded[_i].text ? 0 : 0xcc);
}
END_TEST

START_TEST(loaded_section_of_an_odd_type)
{
	struct elfb *b = elfb_new();

	elfb_section(b, ".data", SHT_NOTE, SHF_ALLOC | SHF_WRITE, 4, ones, 8);
	open_object(b);
	link_fails(ENOTSUP, "section .data has type 7, neither bytes nor zeroes");
}
END_TEST

/* Constants may be zeroes without bytes; they are not left as the text part's filling. */
START_TEST(zeroes_in_the_text_part)
{
	static const uint8_t zeroes[16];
	struct elfb *b = elfb_new();

	elfb_section(b, ".rodata", SHT_NOBITS, SHF_ALLOC, 16, NULL, 16);
	open_object(b);
	link_ok();
	ck_assert_mem_eq(bench.text.bytes, zeroes, 16);
	ck_assert_uint_eq(bench.text.bytes[16], 0xcc);
}
END_TEST

/* Many sections over the same bytes ask for far more than the file has: counted, not allocated. */
START_TEST(layout_of_many_gigabytes_does_not_fit)
{
	struct xg_link_size size;
	struct elfb *b = elfb_new();
	int i;

	for (i = 0; i < 4000; i++)
		elfb_section(b, ".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 4096, NULL, XG_ELF_BYTES_MAX);
	open_object(b);
	ck_assert_int_eq(xg_link_size(bench.elf, &size, &bench.err), 0);
	ck_assert_uint_eq(size.data_bytes, UINT64_C(4000) * XG_ELF_BYTES_MAX);
	link_fails(ENOSPC, "the image's data needs 16777216000 bytes");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link");
	TCase *t = tcase_create("link");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, sections_lie_by_kind_then_by_order);
	tcase_add_test(t, size_says_what_the_layout_needs);
	tcase_add_test(t, gaps_are_filled);
	tcase_add_test(t, parts_may_fit_exactly);
	tcase_add_test(t, parts_must_suit_the_alignment);
	tcase_add_test(t, symbols_that_have_no_address);
	tcase_add_loop_test(t, relocation_writes, 0, XG_ARRAY_SIZE(computed));
	tcase_add_loop_test(t, relocation_is_refused, 0, XG_ARRAY_SIZE(refused_relocations));
	tcase_add_test(t, two_relocations_of_the_same_bytes);
	tcase_add_test(t, relocation_without_a_symbol);
	tcase_add_test(t, own_symbols_are_found);
	tcase_add_loop_test(t, symbol_is_refused_where_it_is_used, 0, XG_ARRAY_SIZE(refused_symbols));
	tcase_add_test(t, nothing_may_be_imported_without_a_resolver);
	tcase_add_test(t, imports_are_asked_for_once);
	tcase_add_test(t, symbol_in_a_section_that_is_not_loaded);
	tcase_add_loop_test(t, return_goes_where_the_kernel_chose, 0, XG_ARRAY_SIZE(returns));
	tcase_add_loop_test(t, return_thunk_as_data_is_refused, 0, XG_ARRAY_SIZE(no_jumps));
	tcase_add_test(t, return_at_the_very_start);
	tcase_add_test(t, return_thunk_at_the_very_start);
	tcase_add_test(t, own_function_of_the_thunks_name_is_no_thunk);
	tcase_add_test(t, tracing_call_becomes_a_nop);
	tcase_add_loop_test(t, section_is_ignored_or_refused, 0, XG_ARRAY_SIZE(section_rows));
	tcase_add_loop_test(t, section_passes_when_empty_or_not_loaded, 0, XG_ARRAY_SIZE(section_rows));
	tcase_add_loop_test(t, section_is_loaded, 0, XG_ARRAY_SIZE(loaded));
	tcase_add_test(t, loaded_section_of_an_odd_type);
	tcase_add_test(t, zeroes_in_the_text_part);
	tcase_add_test(t, layout_of_many_gigabytes_does_not_fit);
	suite_add_tcase(s, t);
	return run_suite(s);
}
