// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver-gen: the descriptions that are installed are right; each with one defect is refused, at the defect's place,
 * with the reason; and what is written leads back to the description.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver-gen/device.h"
#include "driver-gen/os.h"
#include "lib/base/array.h"
#include "lib/base/cleanup.h"
#include "tests/lib/run_suite.h"

#define GEN XG_SRCDIR "/driver-gen/"
#define BLKIF GEN "devices/xen-blkif.xgd"
#define NVME GEN "devices/nvme-queue.xgd"
#define VIRTIO GEN "devices/virtio-blk.xgd"
#define LINUX GEN "os/linux.xgo"

static char *read_text(const char *path)
{
	struct xg_err err = XG_ERR_NONE;
	char *text;
	size_t size;

	ck_assert_msg(gen_read_file(path, &text, &size, &err) == 0, "%s", err.text);
	return text;
}

/* ---- Refusals ---------------------------------------------------------------------------------------------------- */

/* In the good text the first FROM becomes TO; ` in TO marks where the error is to be found, and is no part of it. */
struct defect {
	const char *base, *from, *to, *reason;
};

static const struct defect device_defects[] = {
	/* Words. */
	{ BLKIF, "device xen-blkif {", "`gadget xen-blkif {", "'device' is wanted, not 'gadget'" },
	{ BLKIF, "class block;", "class `net;", "class 'net' is not known" },
	{ BLKIF, "class block;", "`colour blue;", "'colour' begins no statement" },
	{ BLKIF, "class block;", "class block", "';' is wanted, not 'skeleton'" },
	{ BLKIF, "mode paravirtual;", "mode `sideways;", "neither virtual nor paravirtual" },
	{ BLKIF, "mode paravirtual;", "mode `virtual;", "mode virtual is said already" },
	{ BLKIF, "\"block_queue.skel\"", "`\"../block_queue.skel\"", "named without a folder" },
	{ BLKIF, "\"vbd\"", "`\"vbd", "does not end in its line" },
	{ BLKIF, "memory granted;", "memory `stolen;", "'bus' is wanted, not 'stolen'" },
	{ BLKIF, "memory granted;", "memory granted;\n	memory `granted;", "memory is said once" },
	{ BLKIF, "SECURE = 1;", "SECURE = `0x1g;", "not a number" },
	{ BLKIF, "SECURE = 1;", "SECURE = `99999999999999999999;", "more than 64 bits" },
	{ BLKIF, "SECURE = 1;", "SECURE = `$;", "a character that means nothing here" },
	{ BLKIF, "form bare;\n", "form bare;\n	}\n	`x", "something follows the description" },
	{ VIRTIO, "EVENT_IDX = 29", "EVENT_IDX = `28", "bit 28 is INDIRECT_DESC already" },
	{ VIRTIO, "EVENT_IDX = 29", "VERSION_1 = 29", "feature 'VERSION_1' is there already" },
	/* Structures. */
	{ BLKIF, "gref		u32 @ 0;", "`gref		u32 @ 5;", "not a multiple of 4" },
	{ BLKIF, "first_sect	u8 @ 4;", "`first_sect	u8 @ 3;",
	  "field first_sect overlaps gref, which has bytes 0 to 3" },
	{ BLKIF, "last_sect	u8 @ 5;", "`last_sect	u8 @ 8;",
	  "field last_sect ends at byte 9, outside struct segment of 8 bytes" },
	{ BLKIF, "last_sect	u8 @ 5;", "`first_sect	u8 @ 5;", "field 'first_sect' is there already" },
	{ BLKIF, "last_sect	u8 @ 5;", "last_sect	`octet @ 5;", "'octet' is no type" },
	{ BLKIF, "seg		segment[11] @ 24;", "`seg		segment[12] @ 24;",
	  "field seg ends at byte 120, outside struct transfer" },
	{ BLKIF, "seg		segment[11] @ 24;", "seg		`transfer[1] @ 24;", "'transfer' is no type" },
	{ BLKIF, "seg		segment[11] @ 24;", "`seg		segment[0] @ 24;", "an array of no elements" },
	{ BLKIF, "struct transfer size 112", "struct `segment size 112", "struct 'segment' is there already" },
	{ BLKIF, "struct segment size 8", "struct `segment size 10", "not a multiple of its alignment 4" },
	{ BLKIF, "struct segment size 8", "struct segment size `8192", "a struct's size is 8192, at most 4096" },
	{ NVME, "nlb	0 .. 15;", "nlb	0 .. 15;\n			`x	15;",
	  "x overlaps nlb, which has bits 0 to 15" },
	{ NVME, "nlb	0 .. 15;", "`nlb	15 .. 0;", "run backwards" },
	{ NVME, "fua	30;", "`fua	32;", "bit 32 lies outside the 32 bits of cdw12" },
	{ NVME, "mptr		u64 @ 16;", "`mptr		be64 @ 16 {",
	  "only a little-endian number has bit fields" },
	{ BLKIF, "last_sect	u8 @ 5;", "`register	u8 @ 5;", "'register' is a word of C" },
	{ BLKIF, "struct response size", "struct `queue size", "no struct can be called 'queue'" },
	{ BLKIF, "ring sring {", "ring `self {", "no ring can be called 'self'" },
	{ BLKIF, "ring sring {", "ring `backend {", "a ring and a doorbell are both called 'backend'" },
	/* Opcodes and operations. */
	{ BLKIF, "WRITE = 1;", "`WRITE = 0;", "READ and WRITE have the same opcode 0" },
	{ BLKIF, "WRITE = 1;", "`READ = 1;", "constant 'READ' is there already" },
	{ BLKIF, "FLUSH_DISKCACHE = 3;", "FLUSH_DISKCACHE = 300;", "operation of 8 bits is too narrow for 300" },
	{ BLKIF, "operation read opcode READ form", "operation `read form", "operation read has no opcode" },
	{ BLKIF, "operation read opcode READ", "operation read opcode `PEEK", "no opcode is called 'PEEK'" },
	{ BLKIF, "operation read opcode READ", "operation read opcode `SECURE",
	  "'SECURE' is a constant, not an opcode" },
	{ BLKIF, "operation read opcode READ", "operation `peek opcode READ", "'peek' is none of read, write" },
	{ BLKIF, "operation flush", "operation `read", "read is said already" },
	{ BLKIF, "operation read opcode READ form direct, by_page;", "", "does not say the operation read" },
	{ BLKIF, "opcode READ form direct, by_page;", "opcode READ form direct, `by_post;",
	  "no form is called 'by_post'" },
	{ BLKIF, "opcode DISCARD form range;", "opcode DISCARD form range fua then flush;",
	  "only a write is followed by a flush" },
	{ BLKIF, "operation discard opcode DISCARD form range;", "", "no operation has form range" },
	{ BLKIF, "operation flush opcode FLUSH_DISKCACHE form bare;", "", "there is no operation flush" },
	{ BLKIF, "operation read opcode READ form direct, by_page;", "operation `read opcode READ form by_page;",
	  "form by_page begins at 12 segments, wanted 1" },
	{ BLKIF, "operation read opcode READ form direct, by_page;", "operation read opcode READ form direct;",
	  "read and write have different forms" },
	{ BLKIF, "operation read opcode READ form direct, by_page;", "operation `read opcode READ form range;",
	  "form range has no segments" },
	{ BLKIF, "operation flush opcode FLUSH_DISKCACHE form bare;",
	  "operation `flush opcode FLUSH_DISKCACHE form direct;",
	  "it has one form, without segments" },
	{ BLKIF, "form bare of transfer {\n		operation = opcode;", "form `bare of transfer {\n",
	  "so it has no opcode" },
	/* Doorbells. */
	{ BLKIF, "notify backend when", "notify `frontend when", "no doorbell is called 'frontend'" },
	{ BLKIF, "notify backend when req_event;", "", "rings no doorbell" },
	{ BLKIF, "doorbell backend event;", "doorbell backend register u32 @ 0;", "'=' is wanted" },
	{ BLKIF, "notify backend when req_event;", "notify backend when `req_wish;",
	  "'req_wish' is no field of struct ring_header" },
	{ NVME, "notify sq_tail = index;", "notify `sq_tale = index;", "no doorbell is called 'sq_tale'" },
	{ NVME, "notify cq_head = index;", "", "does not say which register tells what was taken" },
	{ NVME, "doorbell sq_tail register u32 @ 0;", "doorbell sq_tail register `u64 @ 0;",
	  "written as u8, u16 or u32" },
	{ NVME, "doorbell sq_tail register u32 @ 0;", "doorbell sq_tail event;", "';' is wanted, not '='" },
	{ NVME, "notify sq_tail = index;", "notify sq_tail = `index + 0xffffffff;",
	  "doorbell sq_tail of 32 bits is too narrow" },
	{ VIRTIO, "register u16 @ 0", "register u8 @ 0", "doorbell kick of 8 bits is too narrow for 65535" },
	/* Rings. */
	{ NVME, "entry command, dsm_command;\n		entries 64;",
	  "entry command, dsm_command;\n		`entries 48;",
	  "not a power of two" },
	{ NVME, "entry command, dsm_command;\n		entries 64;",
	  "entry command, dsm_command;\n		entries 128;",
	  "ring sq needs 8192 bytes that follow each other on the bus" },
	{ NVME, "entry command, dsm_command;\n		entries 64;",
	  "entry command, dsm_command;\n		entries 32;",
	  "ring cq has 64 entries, ring sq has 32" },
	{ NVME, "entry command, dsm_command;\n		entries 64;", "entries 64;", "ring sq has no entry" },
	{ NVME, "entry command, dsm_command;\n		entries 64;", "entry command, dsm_command;\n",
	  "does not say its number of entries" },
	{ BLKIF, "header ring_header;", "", "a granted ring has a header" },
	{ BLKIF, "header ring_header;", "header `ring_hat;", "no struct is called 'ring_hat'" },
	{ BLKIF, "header ring_header;", "header ring_header;\n		entries 32;",
	  "as many entries as its pages hold" },
	{ BLKIF, "submit sring {", "submit `sting {", "no ring is called 'sting'" },
	{ BLKIF, "index free req_prod;", "", "does not say its index" },
	{ BLKIF, "index free req_prod;", "index wrap;", "indices run freely" },
	{ NVME, "index wrap;", "index free `head;", "ring sq has no header" },
	{ VIRTIO, "index free idx;\n		notify", "index free `flags2;\n		notify",
	  "'flags2' is no field" },
	{ NVME, "phase completion.status.phase", "phase `completion.status.code", "a phase is one bit" },
	{ NVME, "phase completion.status.phase", "phase completion.status.`half", "'half' is no bit field of status" },
	{ NVME, "phase completion.status.phase", "phase completion.`state",
	  "'state' is no field of struct completion" },
	{ NVME, "	complete cq {\n		entry completion;", "	complete cq {\n		entry command;",
	  "'completion' is nothing that can be read here" },
	{ BLKIF, "id response.id;", "", "by which id an answer is matched" },
	{ BLKIF, "id response.id;", "id `request.id;", "'request' is nothing that can be read here" },
	{ BLKIF, "otherwise: io;", "", "no row 'otherwise'" },
	{ BLKIF, "otherwise: io;", "otherwise: `sigh;", "'sigh' is none of ok, io" },
	{ BLKIF, "-2: notsupp;", "`0: notsupp;", "this status is there already" },
	{ BLKIF, "-2: notsupp;", "`40000: notsupp;", "a status of 16 bits cannot be 40000" },
	{ VIRTIO, "2: notsupp;", "`-2: notsupp;", "a status of 8 bits cannot be -2" },
	/* Forms and their values. */
	{ BLKIF, "form direct of transfer", "form `direct of segment", "struct segment is no entry of ring sring" },
	{ BLKIF, "segments 1 .. 11 {", "segments `11 .. 1 {", "not backwards" },
	{ BLKIF, "segments 1 .. 11 {", "segments 1 .. 12 {", "index 11 of seg, which has 11 elements" },
	{ BLKIF, "limit segments 64;", "limit segments 32;", "64 segments, but the limit is 32" },
	{ BLKIF, "nr_segments = request.segments;", "nr_segments = `request.parts;",
	  "nothing is called 'request.parts'" },
	{ BLKIF, "nr_segments = request.segments;", "`nr_parts = request.segments;",
	  "'nr_parts' is no field of struct transfer" },
	{ BLKIF, "nr_segments = request.segments;", "`operation = request.segments;", "this is set already" },
	{ BLKIF, "nr_segments = request.segments;", "`nr_segments = request.sector;",
	  "nr_segments of 8 bits is too narrow" },
	{ BLKIF, "nr_segments = request.segments;", "nr_segments = `segment.index;",
	  "segment.index is not known here" },
	{ BLKIF, "nr_segments = request.segments;", "nr_segments = request.segments `- 2;",
	  "may be below zero: 1 - 2" },
	{ BLKIF, "nr_segments = request.segments;", "nr_segments = 1 / `0;", "only a constant, and not zero" },
	{ BLKIF, "nr_segments = request.segments;", "nr_segments = 1 << `64;", "a shift is by a constant of 0 to 63" },
	{ BLKIF, "nr_segments = request.segments;", "nr_segments = `first.bus;", "this device's memory is granted" },
	{ BLKIF, "nr_segments = request.segments;", "seg `= request.segments;", "'[' is wanted" },
	{ BLKIF, "sector = request.sector;", "sector = request.sector `+ request.sector;",
	  "may have more than 64 bits" },
	{ BLKIF, "sector = request.sector;", "sector = request.sector `* 3;", "may have more than 64 bits" },
	{ BLKIF, "gref[0] = slot.grant;", "gref[`8] = slot.grant;", "index 8 of gref, which has 8 elements" },
	{ BLKIF, "page indirect_page read only;", "", "no page is described" },
	{ NVME, "cdw12.nlb = request.blocks - 1;", "`cdw12.nlb = request.blocks << 8;",
	  "nlb of 16 bits is too narrow" },
	{ NVME, "page.prp[segment.index - 1] = segment.bus;", "page.prp[segment.index `- 2] = segment.bus;",
	  "may be below zero" },
	{ NVME, "page.blocks = request.blocks;", "page.`tiles = request.blocks;",
	  "'tiles' is no field of struct range_page" },
	{ VIRTIO, "offset(type)", "offset(`kind)", "'kind' is no field of struct slot_page" },
	{ VIRTIO, "table		descriptor[66] @ 0;", "table		descriptor[65] @ 0;",
	  "index 65 of table, which has 65 elements" },
	{ VIRTIO, "each segment {", "each segment from `64 {", "the first segment is 64, at most 63" },
	{ VIRTIO, "descriptors[request.tag].addr", "descriptors[`request.tag + 1].addr", "index 128 of descriptors" },
};

static const struct defect os_defects[] = {
	{ LINUX, "os linux {", "`kernel linux {", "'os' is wanted, not 'kernel'" },
	{ LINUX, "releases from 6.1;", "releases from `6;", "two or three parts" },
	{ LINUX, "releases from 6.1;", "", "which releases there are is to be said before a group" },
	{ LINUX, "from 6.9 to 6.11", "from `6.9 to 6.9", "the range is empty" },
	{ LINUX, "offers grants, events;", "offers grants, `sweets;", "'sweets' is none of grants, events, direct" },
	{ LINUX, "offers grants, events;", "offers grants, events, direct;",
	  "no function bus_address in group direct" },
	{ LINUX, "from 6.1 to 6.10 {", "from 6.1 to 6.8 {", "function text_alloc has no row from 6.8 to 6.10" },
	{ LINUX, "from 6.1 to 6.10 {", "from 6.1 to 6.11 {", "the row overlaps the one before" },
	{ LINUX, "from 6.1 to 6.10 {", "from 6.0 to 6.10 {", "6.0 is before the OS's first release" },
	{ LINUX, "from 6.10 include", "from 6.10 to 6.12 include",
	  "function text_alloc has no row from 6.12 to the newest" },
	{ LINUX, "function text_free is", "function `text_alloc is", "function text_alloc is described already" },
	{ LINUX, "group memory {", "group `text {", "group text is there already" },
	{ LINUX, "function memory_frame", "function memory_fame", "no function memory_frame in group memory" },
	{ LINUX, "include <linux/mm.h>;", "`include linux/mm.h;", "include wants <a header>" },
	{ LINUX, "include <linux/execmem.h>", "include `<linux/ execmem.h>", "that is no header's name" },
	{ LINUX, "always { del_gendisk(gd); }", "always { if (0) { del_gendisk(gd); }",
	  "'from' is wanted, not 'function'" },
	{ LINUX, "include <linux/mm.h>;", "include `\"linux mm.h\";", "that is no header's name" },
	{ LINUX, "title \"Linux\";", "", "does not say a title" },
};

/* The base with its defect; where the mark was in ret_line and ret_column, 0 when there was none. */
static char *with_defect(const struct defect *d, unsigned int *ret_line, unsigned int *ret_column)
{
	char *text xg_auto_free = read_text(d->base), *at = strstr(text, d->from), *made, *mark, *p;

	ck_assert_msg(at != NULL, "%s does not hold '%s'", d->base, d->from);
	ck_assert(asprintf(&made, "%.*s%s%s", (int)(at - text), text, d->to, at + strlen(d->from)) > 0);
	*ret_line = *ret_column = 0;
	mark = strchr(made, '`');
	if (!mark)
		return made;
	*ret_line = *ret_column = 1;
	for (p = made; p < mark; p++) {
		*ret_column = *p == '\n' ? 1 : *ret_column + 1;
		*ret_line += *p == '\n';
	}
	memmove(mark, mark + 1, strlen(mark));
	return made;
}

static void expect_refused(const struct defect *d, int (*parse)(const char *text, size_t size, struct xg_err *err))
{
	struct xg_err err = XG_ERR_NONE;
	unsigned int line, column, l = 0, c = 0;
	char *text xg_auto_free = with_defect(d, &line, &column);
	size_t size = strlen(text);
	/* Of the exact size, so that a read past the end is seen. */
	char *exact xg_auto_free = malloc(size);

	ck_assert(exact);
	memcpy(exact, text, size);
	ck_assert_msg(parse(exact, size, &err) == -EINVAL, "'%s' was taken for '%s'", d->to, d->from);
	ck_assert_msg(sscanf(err.text, "d:%u:%u: ", &l, &c) == 2, "%s", err.text);
	ck_assert_msg(!d->reason || strstr(err.text, d->reason), "'%s': %s", d->to, err.text);
	if (line)
		ck_assert_msg(l == line && c == column, "'%s' is at %u:%u: %s", d->to, line, column, err.text);
}

static int parse_device(const char *text, size_t size, struct xg_err *err)
{
	struct gen_arena arena xg_auto(gen_arena_fini) = { .chunks = NULL };
	struct gen_device *dev;

	return gen_device_parse("d", text, size, &arena, &dev, err);
}

static int parse_os(const char *text, size_t size, struct xg_err *err)
{
	struct gen_arena arena xg_auto(gen_arena_fini) = { .chunks = NULL };
	struct gen_os *os;

	return gen_os_parse("d", text, size, &arena, &os, err);
}

START_TEST(wrong_devices_are_refused)
{
	expect_refused(&device_defects[_i], parse_device);
}
END_TEST

START_TEST(wrong_oses_are_refused)
{
	expect_refused(&os_defects[_i], parse_os);
}
END_TEST

/* Cut off anywhere, a description is wrong, and nothing is read past its end. */
START_TEST(cut_anywhere)
{
	static const char *const bases[] = { BLKIF, NVME, VIRTIO, LINUX };
	char *text xg_auto_free = read_text(bases[_i]);
	size_t size = strrchr(text, '}') - text, n;

	for (n = 0; n < size; n += n % 7 + 1) {
		char *exact xg_auto_free = malloc(n ? n : 1);

		memcpy(exact, text, n);
		ck_assert_int_eq(_i == 3 ? parse_os(exact, n, NULL) : parse_device(exact, n, NULL), -EINVAL);
	}
}
END_TEST

START_TEST(too_large)
{
	struct xg_err err = XG_ERR_NONE;
	char *text xg_auto_free = calloc(1, GEN_SOURCE_BYTES_MAX + 1);

	ck_assert_int_eq(parse_device(text, GEN_SOURCE_BYTES_MAX + 1, &err), -EFBIG);
	ck_assert_int_eq(parse_os(text, GEN_SOURCE_BYTES_MAX + 1, &err), -EFBIG);
}
END_TEST

/* ---- What is written --------------------------------------------------------------------------------------------- */

struct made {
	struct gen_arena arena;
	char *text, *skeleton, *c;
	size_t size;
};

static void made_fini(struct made *m)
{
	gen_arena_fini(&m->arena);
	free(m->text);
	free(m->skeleton);
	free(m->c);
}

static int make_driver(struct made *m, const char *path, const char *mode, struct xg_err *err)
{
	struct gen_device *dev;
	FILE *f = open_memstream(&m->c, &m->size);
	int rc;

	m->text = read_text(path);
	m->skeleton = read_text(GEN "skeletons/block_queue.skel");
	ck_assert(f);
	ck_assert_int_eq(gen_device_parse(path, m->text, strlen(m->text), &m->arena, &dev, err), 0);
	rc = gen_device_emit(dev, mode, "linux", "6.1.0", m->skeleton, strlen(m->skeleton), "driver.c", f, err);
	fclose(f);
	return rc;
}

/* Each #line that leads back names the line it stands before. */
static void lines_are_right(const char *c, const char *own)
{
	char back[64];
	unsigned int line = 1, said, backs = 0, aways = 0;
	const char *p;

	snprintf(back, sizeof(back), "\"%s\"", own);
	for (p = c; *p; p = strchr(p, '\n') + 1, line++) {
		if (strncmp(p, "#line ", 6))
			continue;
		said = (unsigned int)strtoul(p + 6, NULL, 10);
		if (!strncmp(strchr(p, '"'), back, strlen(back))) {
			ck_assert_msg(said == line + 1, "line %u says that %u follows", line, said);
			backs++;
		} else {
			aways++;
		}
	}
	ck_assert(backs > 3 && aways > 10);
}

/* The line of TEXT that holds WORDS, from 1. */
static unsigned int line_of(const char *text, const char *words)
{
	const char *at = strstr(text, words), *p;
	unsigned int line = 1;

	ck_assert_msg(at != NULL, "no '%s'", words);
	for (p = text; p < at; p++)
		line += *p == '\n';
	return line;
}

START_TEST(statements_lead_back)
{
	struct made m xg_auto(made_fini) = { .c = NULL };
	struct xg_err err = XG_ERR_NONE;
	char expected[512];

	ck_assert_msg(make_driver(&m, NVME, "paravirtual", &err) == 0, "%s", err.text);
	lines_are_right(m.c, "driver.c");
	snprintf(expected, sizeof(expected),
		 "#line %u \"" NVME "\"\n	to->slba = ", line_of(m.text, "slba = request.lba;"));
	ck_assert_msg(strstr(m.c, expected) != NULL, "no '%s'", expected);
	ck_assert(strstr(m.c, "needs=direct") && strstr(m.c, "os=linux") && strstr(m.c, "mode=paravirtual"));
}
END_TEST

START_TEST(an_unknown_mode)
{
	struct made m xg_auto(made_fini) = { .c = NULL };
	struct xg_err err = XG_ERR_NONE;

	ck_assert_int_eq(make_driver(&m, NVME, "virtual", &err), -EINVAL);
	ck_assert_str_eq(err.text, "device nvme-queue has no mode virtual");
}
END_TEST

static char *os_header(const char *release, struct xg_err *err)
{
	struct gen_arena arena xg_auto(gen_arena_fini) = { .chunks = NULL };
	char *text xg_auto_free = read_text(LINUX), *c = NULL;
	struct gen_os *os;
	size_t size;
	FILE *f = open_memstream(&c, &size);
	int rc;

	ck_assert_int_eq(gen_os_parse(LINUX, text, strlen(text), &arena, &os, err), 0);
	rc = gen_os_emit(os, release, "os_interface.h", f, err);
	fclose(f);
	if (rc)
		free(xg_take(c));
	return c;
}

static const struct { const char *release, *has, *has_not; } rows_of[] = {
	{ "6.1.0-56-amd64", "module_alloc(", "execmem_alloc(" }, { "6.8.12", "fmode_t mode", NULL },
	{ "6.1.0-56-amd64", "struct block_device *bdev", "blk_mode_t" },
	{ "6.5.0", "blk_mode_t", "struct block_device *bdev" },
	{ "6.4.99", "struct block_device *bdev", "blk_mode_t" },
	{ "6.12.117+deb12-amd64", "execmem_alloc(", "module_alloc(" },
	{ "6.12.117+deb12-amd64", "BLK_FEAT_FUA", "blk_queue_max_segments" },
	{ "7.0", "execmem_alloc(", "module_alloc(" },
};

START_TEST(a_release_has_its_rows)
{
	struct xg_err err = XG_ERR_NONE;
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(rows_of); i++) {
		char *c xg_auto_free = os_header(rows_of[i].release, &err);

		ck_assert_msg(c != NULL, "%s", err.text);
		if (i != 1)
			ck_assert_msg(strstr(c, rows_of[i].has) != NULL, "%s without %s", rows_of[i].release,
				      rows_of[i].has);
		if (rows_of[i].has_not)
			ck_assert_msg(!strstr(c, rows_of[i].has_not), "%s with %s", rows_of[i].release,
				      rows_of[i].has_not);
		ck_assert(!strstr(c, "#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)\n"));
		lines_are_right(c, "os_interface.h");
	}
}
END_TEST

START_TEST(all_releases_at_once)
{
	struct xg_err err = XG_ERR_NONE;
	char *c xg_auto_free = os_header(NULL, &err);

	ck_assert(c && strstr(c, "#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)\n"));
	ck_assert(strstr(c, "module_alloc(") && strstr(c, "execmem_alloc("));
	lines_are_right(c, "os_interface.h");
}
END_TEST

static const struct { const char *release, *reason; } no_releases[] = {
	{ "5.10.0-8-amd64", "older than 6.1" }, { "6.9.1", "is not described" }, { "6.10", "is not described" },
	{ "", "no release" },
	{ "linux", "no release" }, { "6", "no release" }, { "6.1\"x", "no release" }, { "6.1 x", "no release" },
	{ "99999.1", "no release" },
};

START_TEST(releases_that_are_not_described)
{
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(no_releases); i++) {
		struct xg_err err = XG_ERR_NONE;

		ck_assert(os_header(no_releases[i].release, &err) == NULL);
		ck_assert_msg(strstr(err.text, no_releases[i].reason) != NULL, "'%s': %s", no_releases[i].release,
			      err.text);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("driver-gen");
	TCase *t = tcase_create("descriptions");

	tcase_add_loop_test(t, wrong_devices_are_refused, 0, XG_ARRAY_SIZE(device_defects));
	tcase_add_loop_test(t, wrong_oses_are_refused, 0, XG_ARRAY_SIZE(os_defects));
	tcase_add_loop_test(t, cut_anywhere, 0, 4);
	tcase_add_test(t, too_large);
	tcase_add_test(t, statements_lead_back);
	tcase_add_test(t, an_unknown_mode);
	tcase_add_test(t, a_release_has_its_rows);
	tcase_add_test(t, all_releases_at_once);
	tcase_add_test(t, releases_that_are_not_described);
	suite_add_tcase(s, t);
	return run_suite(s);
}
