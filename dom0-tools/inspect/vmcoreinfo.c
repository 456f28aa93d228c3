// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads VMCOREINFO. Called by kernel.c with a private copy of a page that anybody in the guest may have written;
 * must never hand out an address outside the kernel's own image, where no user program can have put anything.
 */
#include "dom0-tools/inspect/vmcoreinfo.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"

/* How a value is written, and what it must be like. */
enum form {
	FORM_RELEASE,		/* struct xg_vmcoreinfo.release */
	FORM_BUILD_ID,
	FORM_PAGESIZE,		/* 4096 and nothing else; not stored */
	FORM_IMAGE,		/* struct gva: hexadecimal, inside the kernel image */
	FORM_SIGNED,		/* uint64_t: decimal with sign */
	FORM_OFFSET,		/* uint64_t: hexadecimal, less than the image's room */
	FORM_FIVE_LEVELS,	/* uint8_t: 0 or 1 becomes 4 or 5 */
};

/* Who must have a line: */
enum need {
	NEED_ALWAYS,		/* every kernel writes it */
	NEED_KALLSYMS,		/* all of them or none */
	NEED_NEVER,
};

struct line {
	const char *key;
	enum form form;
	enum need need;
	size_t at;
};

#define AT(field) offsetof(struct xg_vmcoreinfo, field)

/* In the order in which kernels write them. Lines that are not here are left alone. */
static const struct line lines[] = {
	{ "OSRELEASE", FORM_RELEASE, NEED_ALWAYS, AT(release) },
	{ "BUILD-ID", FORM_BUILD_ID, NEED_NEVER, AT(build_id) },
	{ "PAGESIZE", FORM_PAGESIZE, NEED_ALWAYS, 0 },
	{ "SYMBOL(init_uts_ns)", FORM_IMAGE, NEED_ALWAYS, AT(init_uts_ns) },
	{ "SYMBOL(swapper_pg_dir)", FORM_IMAGE, NEED_ALWAYS, AT(swapper_pg_dir) },
	{ "SYMBOL(_stext)", FORM_IMAGE, NEED_ALWAYS, AT(stext) },
	{ "SYMBOL(kallsyms_names)", FORM_IMAGE, NEED_KALLSYMS, AT(names) },
	{ "SYMBOL(kallsyms_num_syms)", FORM_IMAGE, NEED_KALLSYMS, AT(num_syms) },
	{ "SYMBOL(kallsyms_token_table)", FORM_IMAGE, NEED_KALLSYMS, AT(token_table) },
	{ "SYMBOL(kallsyms_token_index)", FORM_IMAGE, NEED_KALLSYMS, AT(token_index) },
	{ "SYMBOL(kallsyms_offsets)", FORM_IMAGE, NEED_KALLSYMS, AT(offsets) },
	{ "SYMBOL(kallsyms_relative_base)", FORM_IMAGE, NEED_NEVER, AT(relative_base) },
	{ "NUMBER(phys_base)", FORM_SIGNED, NEED_ALWAYS, AT(phys_base) },
	{ "NUMBER(pgtable_l5_enabled)", FORM_FIVE_LEVELS, NEED_ALWAYS, AT(levels) },
	{ "KERNELOFFSET", FORM_OFFSET, NEED_ALWAYS, AT(kaslr_offset) },
};

#define LINES XG_ARRAY_SIZE(lines)

/* What a message shows of a guest's text: a part of it, and nothing that a terminal would act on. */
struct excerpt {
	char text[41];
};

static struct excerpt excerpt(const char *hostile)
{
	struct excerpt e;
	size_t i;

	for (i = 0; i < sizeof(e.text) - 1 && hostile[i]; i++)
		e.text[i] = hostile[i] < 0x20 || hostile[i] > 0x7e ? '?' : hostile[i];
	e.text[i] = '\0';
	return e;
}

static int bad_line(const char *key, const char *value, struct xg_err *err)
{
	return xg_fail(err, EBADMSG, "VMCOREINFO says %s=%s", key, excerpt(value).text);
}

/* The whole of TEXT as a number without sign or blanks in front, which strtoull() would let pass. */
static bool whole_number(const char *text, int base, uint64_t *ret)
{
	char *end;

	if (!isxdigit((unsigned char)*text) || strlen(text) > 20)
		return false;
	errno = 0;
	*ret = strtoull(text, &end, base);
	return !errno && !*end;
}

static bool take_release(const char *value, char *ret, size_t size)
{
	size_t len = strlen(value);

	if (len < 1 || len >= size)
		return false;
	if (strspn(value, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_+~") != len)
		return false;
	memcpy(ret, value, len + 1);
	return true;
}

static bool take_build_id(const char *value, char *ret, size_t size)
{
	size_t len = strlen(value);

	if (len % 2 || len >= size || strspn(value, "0123456789abcdef") != len)
		return false;
	memcpy(ret, value, len + 1);
	return true;
}

static bool take_image_address(const char *value, struct gva *ret)
{
	uint64_t n;

	if (!whole_number(value, 16, &n) || n - XG_LINUX_IMAGE_START >= XG_LINUX_IMAGE_BYTES)
		return false;
	*ret = XG_GVA(n);
	return true;
}

static bool take_signed(const char *value, uint64_t *ret)
{
	bool minus = *value == '-';
	uint64_t n;

	if (!whole_number(value + minus, 10, &n) || n > INT64_MAX)
		return false;
	*ret = minus ? -n : n;
	return true;
}

static bool take_offset(const char *value, uint64_t *ret)
{
	uint64_t n;

	if (!whole_number(value, 16, &n) || n >= XG_LINUX_IMAGE_BYTES || n % XG_PAGE_SIZE)
		return false;
	*ret = n;
	return true;
}

static bool take_levels(const char *value, uint8_t *ret)
{
	if (strcmp(value, "0") && strcmp(value, "1"))
		return false;
	*ret = *value == '1' ? 5 : 4;
	return true;
}

static bool line_take(const struct line *line, const char *value, struct xg_vmcoreinfo *v)
{
	void *at = (char *)v + line->at;

	switch (line->form) {
	case FORM_RELEASE:
		return take_release(value, at, sizeof(v->release));
	case FORM_BUILD_ID:
		return take_build_id(value, at, sizeof(v->build_id));
	case FORM_PAGESIZE:
		return !strcmp(value, "4096");
	case FORM_IMAGE:
		return take_image_address(value, at);
	case FORM_SIGNED:
		return take_signed(value, at);
	case FORM_OFFSET:
		return take_offset(value, at);
	case FORM_FIVE_LEVELS:
		return take_levels(value, at);
	}
	return false;
}

/* TEXT is one line, NUL-terminated in place of its newline. */
static int line_parse(char *text, struct xg_vmcoreinfo *v, uint32_t *seen, struct xg_err *err)
{
	char *value = strchr(text, '=');
	size_t i;

	if (!value)
		return xg_fail(err, EBADMSG, "VMCOREINFO has a line without '=': %s", excerpt(text).text);
	*value++ = '\0';
	for (i = 0; i < LINES; i++) {
		if (strcmp(lines[i].key, text))
			continue;
		if (*seen & 1u << i)
			return xg_fail(err, EBADMSG, "VMCOREINFO says %s twice", text);
		*seen |= 1u << i;
		return line_take(&lines[i], value, v) ? 0 : bad_line(text, value, err);
	}
	return 0;
}

static int lines_parse(char *text, struct xg_vmcoreinfo *v, uint32_t *seen, struct xg_err *err)
{
	char *end;
	int rc;

	for (; *text; text = end + 1) {
		end = strchr(text, '\n');
		if (!end)
			return xg_fail(err, EAGAIN, "VMCOREINFO ends in the middle of a line: %s",
				       excerpt(text).text);
		*end = '\0';
		rc = line_parse(text, v, seen, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* The kernel writes the lines in their order, so what is missing at the end is not there yet. */
static int lines_missing(uint32_t seen, struct xg_vmcoreinfo *v, struct xg_err *err)
{
	const struct line *absent = NULL;
	size_t i, kallsyms = 0, wanted = 0;

	for (i = 0; i < LINES; i++) {
		bool there = seen & 1u << i;

		if (lines[i].need == NEED_ALWAYS && !there)
			return xg_fail(err, EAGAIN, "VMCOREINFO has no %s", lines[i].key);
		if (lines[i].need != NEED_KALLSYMS)
			continue;
		wanted++;
		kallsyms += there;
		if (!there)
			absent = &lines[i];
	}
	if (kallsyms && absent)
		return xg_fail(err, EBADMSG, "VMCOREINFO has no %s, yet others of its kind", absent->key);
	v->has_kallsyms = kallsyms == wanted;
	return 0;
}

/* __pa_symbol() of arch/x86/include/asm/page.h, and the ceiling of physical addresses: 52 bits. */
static int root_of(struct xg_vmcoreinfo *v, struct xg_err *err)
{
	uint64_t at = v->swapper_pg_dir.v - XG_LINUX_IMAGE_START + v->phys_base;

	if (at % XG_PAGE_SIZE || at >> 52 || !at)
		return xg_fail(err, EBADMSG, "VMCOREINFO puts the page tables at %#" PRIx64, at);
	v->root = XG_GFN(at >> XG_PAGE_SHIFT);
	return 0;
}

bool xg_vmcoreinfo_looks_like(const void *page)
{
	return !memcmp(page, "OSRELEASE=", 10);
}

int xg_vmcoreinfo_parse(const void *page, struct xg_vmcoreinfo *ret, struct xg_err *err)
{
	struct xg_vmcoreinfo v = { .levels = 0 };
	char text[XG_PAGE_SIZE + 1];
	uint32_t seen = 0;
	int rc;

	memcpy(text, page, XG_PAGE_SIZE);
	text[XG_PAGE_SIZE] = '\0';
	v.bytes = strlen(text);
	rc = lines_parse(text, &v, &seen, err);
	if (!rc)
		rc = lines_missing(seen, &v, err);
	if (!rc)
		rc = root_of(&v, err);
	if (rc)
		return rc;
	*ret = v;
	return 0;
}
