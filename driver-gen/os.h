/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An OS's interfaces, as their description says them (xengraft-os(5)): for each function that a personality calls, how
 * it is done, row by row for ranges of releases. From it comes the header that the personality is compiled with.
 */
#ifndef XG_GEN_OS_H
#define XG_GEN_OS_H

#include <stdio.h>

#include "driver-gen/source.h"

/* 6.1.0 as 6 << 32 | 1 << 16 | 0; later parts of a release's name are not looked at. */
typedef uint64_t gen_release;
#define GEN_RELEASE_NONE 0
#define GEN_RELEASE_END UINT64_MAX

#define GEN_FOLDERS_MAX 4u

/* What a personality can offer a driver: the words of the notes' `needs` and `offers`. */
enum gen_offer { GEN_OFFER_GRANTS = 1, GEN_OFFER_EVENTS = 2, GEN_OFFER_DIRECT = 4 };

struct gen_include {
	struct gen_include *next;
	struct gen_pos pos;
	const char *name;	/* without brackets or quotes */
	bool own;		/* in quotes */
};

struct gen_row {
	struct gen_row *next;
	struct gen_pos pos, body_pos;
	gen_release from, to;	/* to: the first that it is not for */
	const char *prototype;	/* NULL: its function's */
	struct gen_pos prototype_pos;
	const char *body;	/* C, without the braces */
	struct gen_include *includes;
};

struct gen_function {
	struct gen_function *next;
	const char *name;
	struct gen_pos pos;
	const char *prototype;
	struct gen_pos prototype_pos;
	struct gen_row *rows;
};

struct gen_group {
	struct gen_group *next;
	const char *name;
	struct gen_pos pos;
	struct gen_function *functions;
};

struct gen_except {
	struct gen_except *next;
	struct gen_pos pos;
	gen_release from, to;
	const char *why;
};

struct gen_os {
	const char *path, *name, *title;
	struct gen_pos pos;
	gen_release from, to;
	struct gen_except *excepts;
	unsigned int offers;	/* enum gen_offer */
	const char *headers_package;	/* "linux-headers-@"; @: the release. May be NULL */
	const char *headers_folders[GEN_FOLDERS_MAX];	/* where they are looked for, "/lib/modules/@/build" */
	unsigned int nr_headers_folders;
	const char *version_code, *version_make;	/* C's names; NULL: rows are not told apart by the compiler */
	const char *builder;	/* the program that makes personalities; NULL: none is made from here */
	struct gen_include *includes;
	struct gen_group *groups;
};

/* As gen_device_parse(). */
int gen_os_parse(const char *path, const char *text, size_t size, struct gen_arena *arena, struct gen_os **ret,
		 struct xg_err *err);

/* "6.12.117+deb12-amd64" -> 6.12.117; GEN_RELEASE_NONE when it does not begin so. */
gen_release gen_release_parse(const char *text);
void gen_release_print(gen_release release, char *ret, size_t size);

/* 0, or -ENOTSUP with the reason: too old, or one that is excepted. */
int gen_os_has_release(const struct gen_os *os, const char *release, struct xg_err *err);
/* 0, or -ENOTSUP when a word of NEEDS ("grants,events") is not offered; DEVICE is for the message. */
int gen_os_offers(const struct gen_os *os, const char *needs, const char *device, struct xg_err *err);
/* "grants,events" */
void gen_os_offers_print(const struct gen_os *os, char *ret, size_t size);

/* Writes the header: for RELEASE, or for all of them, told apart by the compiler, when RELEASE is NULL. */
int gen_os_emit(const struct gen_os *os, const char *release, const char *out_name, FILE *out, struct xg_err *err);

#endif
