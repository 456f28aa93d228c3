// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hotswap/note.c: an image's words about itself are read, or refused with the line and the reason.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotswap/link.h"
#include "lib/base/array.h"
#include "lib/base/cleanup.h"
#include "tests/lib/elf_builder.h"
#include "tests/lib/run_suite.h"

XG_DEFINE_AUTO(struct xg_elf, xg_elf_close)

#define DRIVER "kind=driver\nabi=1\narch=x86_64\nversion=1.2\nlicence=GPL-2.0-or-later\nclass=block\n"
#define BUILD_ID "0123456789abcdef0123456789abcdef01234567"
#define PERSONALITY "kind=personality\nabi=1\nos=linux\nrelease=6.1.0-56-amd64\nbuild-id=" BUILD_ID \
	"\narch=x86_64\nversion=1\nlicence=GPL-2.0-or-later\n"

/* Damages the finished object before it is opened; may be NULL. */
static int read_note_of(struct elfb *b, void (*damage)(uint8_t *image), struct xg_image_note *ret, struct xg_err *err)
{
	xg_auto(xg_elf_close_p) struct xg_elf *elf = NULL;
	xg_auto_free uint8_t *image = NULL;
	size_t size;

	image = elfb_finish(b, &size);
	if (damage)
		damage(image);
	ck_assert_msg(xg_elf_open(image, size, &elf, err) == 0, "%s", err->text);
	return xg_image_note(elf, ret, err);
}

static int read_note(const char *lines, struct xg_image_note *ret, struct xg_err *err)
{
	struct elfb *b = elfb_new();

	elfb_note(b, lines);
	return read_note_of(b, NULL, ret, err);
}

START_TEST(driver_says_what_it_is)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_image_note n;
	int rc = read_note(DRIVER "device=xen-blkif\nmode=paravirtual\n", &n, &err);

	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_str_eq(n.kind, "driver");
	ck_assert_uint_eq(n.abi, 1);
	ck_assert_str_eq(n.arch, "x86_64");
	ck_assert_str_eq(n.version, "1.2");
	ck_assert_str_eq(n.licence, "GPL-2.0-or-later");
	ck_assert_str_eq(n.class_name, "block");
	ck_assert_str_eq(n.device, "xen-blkif");
	ck_assert_str_eq(n.mode, "paravirtual");
	ck_assert_str_eq(n.os, "");
	ck_assert_str_eq(n.release, "");
	ck_assert_str_eq(n.build_id, "");
}
END_TEST

START_TEST(personality_says_what_it_is)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_image_note n;
	int rc = read_note(PERSONALITY, &n, &err);

	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_str_eq(n.kind, "personality");
	ck_assert_str_eq(n.os, "linux");
	ck_assert_str_eq(n.release, "6.1.0-56-amd64");
	ck_assert_str_eq(n.build_id, BUILD_ID);
	ck_assert_str_eq(n.class_name, "");
}
END_TEST

/* One image for several kernels, or for several ABIs. A note without the new keys means what it always meant. */
START_TEST(ranges)
{
	static const char several[] = "kind=personality\nabi=1\nabi-last=3\nos=linux\nrelease=6.1\nrelease-last=6.12\n"
		"arch=x86_64\nversion=1\nlicence=x\n";
	struct xg_err err = XG_ERR_NONE;
	struct xg_image_note n;

	ck_assert_msg(read_note(several, &n, &err) == 0, "%s", err.text);
	ck_assert_str_eq(n.release, "6.1");
	ck_assert_str_eq(n.release_last, "6.12");
	ck_assert(xg_note_fits_release(&n, "6.1.0-56-amd64"));
	ck_assert(xg_note_fits_release(&n, "6.12.95+deb12-amd64"));
	ck_assert(!xg_note_fits_release(&n, "6.13"));
	ck_assert(!xg_note_fits_release(&n, "5.10.0"));
	ck_assert(xg_note_fits_build(&n, "") && xg_note_fits_build(&n, "00"));
	ck_assert(xg_note_fits_abi(&n, 1) && xg_note_fits_abi(&n, 3) && !xg_note_fits_abi(&n, 4) &&
		  !xg_note_fits_abi(&n, 0));
	ck_assert_msg(read_note(PERSONALITY, &n, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(n.abi_last, 1);
	ck_assert(xg_note_fits_release(&n, "6.1.0-56-amd64") && !xg_note_fits_release(&n, "6.1.0-56-amd64x"));
	ck_assert(xg_note_fits_build(&n, BUILD_ID) && !xg_note_fits_build(&n, "") && !xg_note_fits_build(&n, "01"));
	ck_assert_msg(read_note(DRIVER, &n, &err) == 0, "%s", err.text);
	ck_assert(xg_note_fits_release(&n, "9.9") && xg_note_fits_build(&n, BUILD_ID));
}
END_TEST

/* Lengths that end on each of the four places of the padding, and a value as long as its field. */
START_TEST(any_length_will_do)
{
	static const char *const extra[] = { "x=\n", "x=1\n", "x=12\n", "x=123\n" };
	struct xg_err err = XG_ERR_NONE;
	struct xg_image_note n;
	char lines[512];
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(lines, sizeof(lines), DRIVER "%sdevice=%031d\n", extra[i], 7);
		ck_assert_msg(read_note(lines, &n, &err) == 0, "%s", err.text);
		ck_assert_uint_eq(strlen(n.device), 31);
	}
}
END_TEST

/*
 * The last that pass: 64 lines, a key of 31 characters, 4,096 bytes, the numbers' ends, the last printable character.
 */
START_TEST(limits_may_be_reached)
{
	static const char *const abis[] = { "1", "9", "10", "65535" };
	struct xg_err err = XG_ERR_NONE;
	struct xg_image_note n;
	char lines[4096];
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(lines, sizeof(lines), "abi=%s\nkind=driver\narch=x86_64\nversion=~!\nlicence=x\nclass=net\n",
			 abis[i]);
		ck_assert_msg(read_note(lines, &n, &err) == 0, "%s", err.text);
		ck_assert_uint_eq(n.abi, strtoul(abis[i], NULL, 10));
		ck_assert_str_eq(n.version, "~!");
	}
	strcpy(lines, DRIVER "a234567890123456789012345678901=1\n");
	for (i = 7; i < 63; i++)
		strcat(lines, "a=b\n");
	i = strlen(lines);
	snprintf(lines + i, sizeof(lines) - i, "z=%0*d\n", (int)(4096 - 24 - i - 3), 0);
	ck_assert_msg(read_note(lines, &n, &err) == 0, "%s", err.text);
	strcat(lines, "y");
	ck_assert_int_eq(read_note(lines, &n, &err), -ENOEXEC);
	ck_assert_str_eq(err.text, "section .note.xengraft has 4100 bytes, at most 4096");
}
END_TEST

START_TEST(unknown_keys_are_ignored_empty_ones_mean_any)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_image_note n;
	int rc = read_note(DRIVER "colour=a b = c\ncolour=again\nos=\nmode=\ndevice=\n", &n, &err);

	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_str_eq(n.os, "");
	ck_assert_str_eq(n.mode, "");
}
END_TEST

static const struct {
	const char *lines;
	const char *text;
} refused[] = {
	{ "", "the note lacks kind" },
	{ "abi=1\narch=x86_64\nversion=1\nlicence=GPL\nclass=block\n", "the note lacks kind" },
	{ "kind=driver\narch=x86_64\nversion=1\nlicence=GPL\nclass=block\n", "the note lacks abi" },
	{ "kind=driver\nabi=1\nversion=1\nlicence=GPL\nclass=block\n", "the note lacks arch" },
	{ "kind=driver\nabi=1\narch=x86_64\nlicence=GPL\nclass=block\n", "the note lacks version" },
	{ "kind=driver\nabi=1\narch=x86_64\nversion=1\nclass=block\n", "the note lacks licence" },
	{ "kind=driver\nabi=1\narch=x86_64\nversion=1\nlicence=GPL\n", "the note of a driver lacks class" },
	{ "kind=driver\nabi=1\narch=x86_64\nversion=1\nlicence=GPL\nclass=\n", "the note of a driver lacks class" },
	{ "kind=personality\nabi=1\narch=x86_64\nversion=1\nlicence=GPL\nrelease=6\nbuild-id=ab\n",
	  "the note of a personality lacks os" },
	{ "kind=personality\nabi=1\narch=x86_64\nversion=1\nlicence=GPL\nos=linux\nbuild-id=ab\n",
	  "the note of a personality lacks release" },
	{ "kind=personality\nabi=1\narch=x86_64\nversion=1\nlicence=GPL\nos=linux\nrelease=6\n",
	  "the note of a personality lacks build-id" },
	{ DRIVER "abi-last=0\n", "line 7 of the note: abi-last is '0', not a number from 1 to 65535" },
	{ "kind=driver\nabi=2\nabi-last=1\narch=x86_64\nversion=1\nlicence=x\nclass=block\n",
	  "the note's ABIs end at 1, before they begin at 2" },
	{ DRIVER "release-last=6.12\n", "the note gives release-last without release" },
	{ DRIVER "release=6.12\nrelease-last=6.9\n", "the note's releases end at 6.9, before they begin at 6.12" },
	{ "kind=module\n", "line 1 of the note: kind is 'module', not personality or driver" },
	{ "kind=drive\n", "kind is 'drive', not personality or driver" },
	{ "kind=\n", "line 1 of the note: kind is empty" },
	{ DRIVER "kind=driver\n", "line 7 of the note gives kind again" },
	{ DRIVER "mode=\nmode=virtual\n", "line 8 of the note gives mode again" },
	{ DRIVER "mode=direct\n", "line 7 of the note: mode is 'direct', not virtual or paravirtual" },
	{ "arch=aarch64\n", "line 1 of the note: arch is 'aarch64', not x86_64" },
	{ "abi=\n", "line 1 of the note: abi is empty" },
	{ "abi=0\n", "abi is '0', not a number from 1 to 65535" },
	{ "abi=65536\n", "abi is '65536', not a number" },
	{ "abi=000001\n", "abi is '000001', not a number" },
	{ "abi=-1\n", "abi is '-1', not a number" },
	{ "abi=1 \n", "abi is '1 ', not a number" },
	{ "abi=0x1\n", "abi is '0x1', not a number" },
	{ "build-id=0123x5\n", "line 1 of the note: build-id has 'x' among its hexadecimal digits" },
	{ "build-id=ABCD\n", "build-id has 'A' among its hexadecimal digits" },
	{ "build-id=abc\n", "build-id has 3 hexadecimal digits, an odd number" },
	{ "build-id=" BUILD_ID "89\n", "line 1 of the note: build-id has 42 characters, at most 40" },
	{ "os=1234567890123456\n", "line 1 of the note: os has 16 characters, at most 15" },
	{ "version=1 2\n", "line 1 of the note: version has a space in it" },
	{ "kind=driver", "line 1 of the note does not end in a newline" },
	{ "kind=driver\nabi=1", "line 2 of the note does not end in a newline" },
	{ "\n", "line 1 of the note has no '='" },
	{ "kind\n", "line 1 of the note has no '='" },
	{ "=driver\n", "line 1 of the note has a key of 0 characters, not 1 to 31" },
	{ "a23456789012345678901234567890123=1\n", "has a key of 33 characters" },
	{ "kind=driver\nversion=1\t2\n", "line 2 of the note has the byte 0x09 at column 10" },
	{ "version=1\x1b[2J\n", "line 1 of the note has the byte 0x1b at column 10" },
	{ "version=caf\xc3\xa9\n", "has the byte 0xc3 at column 12" },
	{ "other=\x7f\n", "has the byte 0x7f at column 7" },
};

START_TEST(line_is_refused)
{
	struct xg_image_note n = { .kind = "untouched" };
	struct xg_err err = XG_ERR_NONE;
	int rc = read_note(refused[_i].lines, &n, &err);

	ck_assert_int_eq(rc, -ENOEXEC);
	ck_assert_int_eq(err.code, ENOEXEC);
	ck_assert_msg(strstr(err.text, refused[_i].text) != NULL, "'%s' lacks '%s'", err.text, refused[_i].text);
	ck_assert_str_eq(n.kind, "untouched");
}
END_TEST

START_TEST(too_many_lines)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_image_note n;
	char lines[65 * 4 + 1] = "";
	int i;

	for (i = 0; i < 65; i++)
		strcat(lines, "a=b\n");
	ck_assert_int_eq(read_note(lines, &n, &err), -ENOEXEC);
	ck_assert_str_eq(err.text, "the note has more than 64 lines");
}
END_TEST

/* ---- The note's own bytes --------------------------------------------------------------------------------- */

static uint32_t *words_of(uint8_t *image)
{
	return (uint32_t *)(image + elfb_section_header(image, ".note.xengraft")->sh_offset);
}

#define ROWS								\
	ROW(renamed, elfb_section_header(image, ".note.xengraft")->sh_name += 1, "no section .note.xengraft")	\
	ROW(no_note, elfb_section_header(image, ".note.xengraft")->sh_type = SHT_PROGBITS, \
	    "has type 1, not a note") \
	ROW(header_cut, elfb_section_header(image, ".note.xengraft")->sh_size = 11, \
	    "the note's 11 bytes are too few") \
	ROW(empty, elfb_section_header(image, ".note.xengraft")->sh_size = 0, "the note's 0 bytes are too few")	\
	ROW(name_cut, elfb_section_header(image, ".note.xengraft")->sh_size = 20, \
	    "the note's name is not xengraft") \
	ROW(name_size, words_of(image)[0] = 8, "the note's name has 8 bytes, not 9")	\
	ROW(name_size_wraps, words_of(image)[0] = UINT32_MAX, "the note's name has 4294967295 bytes")	\
	ROW(name, ((char *)words_of(image))[12] = 'X', "the note's name is not xengraft")	\
	ROW(type, words_of(image)[2] = 2, "the note has type 2, not 1")	\
	ROW(contents_size, words_of(image)[1] += 8, "the note's contents have")	\
	ROW(contents_size_wraps, words_of(image)[1] = UINT32_MAX, "the note's contents have 4294967295 bytes")	\
	ROW(more_follows, words_of(image)[1] = 12, "bytes follow the note: one note is allowed")

#define ROW(name, damage, text) static void damage_##name(uint8_t *image) { damage; }
ROWS
#undef ROW

static const struct {
	const char *name;
	void (*damage)(uint8_t *image);
	const char *text;
} damaged[] = {
#define ROW(name, damage, text) { #name, damage_##name, text },
ROWS
#undef ROW
};

START_TEST(note_is_refused)
{
	struct xg_err err = XG_ERR_NONE;
	struct elfb *b = elfb_new();
	struct xg_image_note n;
	int rc;

	elfb_note(b, DRIVER);
	rc = read_note_of(b, damaged[_i].damage, &n, &err);
	ck_assert_msg(rc == -ENOEXEC, "%s: returned %d", damaged[_i].name, rc);
	ck_assert_msg(strstr(err.text, damaged[_i].text) != NULL, "%s: '%s' lacks '%s'", damaged[_i].name, err.text,
		      damaged[_i].text);
}
END_TEST

START_TEST(one_note_section_of_bounded_size)
{
	static char lines[5000];
	struct xg_err err = XG_ERR_NONE;
	struct elfb *b = elfb_new();
	struct xg_image_note n;

	ck_assert_int_eq(read_note_of(b, NULL, &n, &err), -ENOEXEC);
	ck_assert_str_eq(err.text, "no section .note.xengraft, or more than one: not a xengraft image");
	b = elfb_new();
	elfb_note(b, DRIVER);
	elfb_note(b, DRIVER);
	ck_assert_int_eq(read_note_of(b, NULL, &n, &err), -ENOEXEC);
	ck_assert_str_eq(err.text, "no section .note.xengraft, or more than one: not a xengraft image");
	memset(lines, 'x', sizeof(lines) - 1);
	ck_assert_int_eq(read_note(lines, &n, &err), -ENOEXEC);
	ck_assert_str_eq(err.text, "section .note.xengraft has 5024 bytes, at most 4096");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("note");
	TCase *t = tcase_create("note");

	tcase_add_test(t, driver_says_what_it_is);
	tcase_add_test(t, personality_says_what_it_is);
	tcase_add_test(t, ranges);
	tcase_add_test(t, any_length_will_do);
	tcase_add_test(t, limits_may_be_reached);
	tcase_add_test(t, unknown_keys_are_ignored_empty_ones_mean_any);
	tcase_add_loop_test(t, line_is_refused, 0, XG_ARRAY_SIZE(refused));
	tcase_add_test(t, too_many_lines);
	tcase_add_loop_test(t, note_is_refused, 0, XG_ARRAY_SIZE(damaged));
	tcase_add_test(t, one_note_section_of_bounded_size);
	suite_add_tcase(s, t);
	return run_suite(s);
}
