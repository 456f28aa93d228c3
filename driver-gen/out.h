/* SPDX-License-Identifier: GPL-2.0-or-later */
/* C source as it is written: counts its lines, so that #line can lead back to it. */
#ifndef XG_GEN_OUT_H
#define XG_GEN_OUT_H

#include <stdio.h>

#include "driver-gen/source.h"

struct gen_out {
	FILE *f;		/* not owned; may be written to directly, but for newlines */
	const char *name;	/* what #line calls it */
	unsigned int line;	/* that is being written, from 1 */
	bool away;		/* #line leads elsewhere */
};

void gen_out_init(struct gen_out *out, FILE *f, const char *name);
void gen_put(struct gen_out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gen_put_text(struct gen_out *out, const char *text, size_t length);
/* The next line stands in PATH at POS; the one after gen_put_back() here again. */
void gen_put_from(struct gen_out *out, const char *path, struct gen_pos pos);
void gen_put_back(struct gen_out *out);

/*
 * Lines of a skeleton: `@if NAME`, `@if !NAME`, `@else`, `@end`, `@put NAME`, and @{NAME} inside a line. The three
 * questions return a negative value, 0 or false for a name that they don't know.
 */
struct gen_filler {
	int (*is)(void *ctx, const char *name);			/* 0, 1, or -1 */
	bool (*word)(void *ctx, const char *name, struct gen_out *out);
	bool (*put)(void *ctx, const char *name, struct gen_out *out);
	void *ctx;
};

int gen_fill(const char *path, const char *text, size_t size, const struct gen_filler *filler, struct gen_out *out,
	     struct xg_err *err);

#endif
