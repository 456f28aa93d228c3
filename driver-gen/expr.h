/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions of a description: unsigned 64-bit arithmetic over what is known of a request, with the least and the
 * most that each can be. That is how a field too narrow for its value, an index past its array and a difference
 * below zero are found before there is any C.
 */
#ifndef XG_GEN_EXPR_H
#define XG_GEN_EXPR_H

#include <stdio.h>

#include "driver-gen/source.h"

struct gen_device;
struct gen_form;

/* Parentheses and operators inside each other. */
#define GEN_EXPR_DEPTH_MAX 24u

enum gen_expr_kind {
	GEN_EX_NUMBER,		/* value */
	GEN_EX_NAME,		/* C text of a known value or a constant */
	GEN_EX_BINARY,		/* op: a mark */
	GEN_EX_CHOICE,		/* a ? b : c */
};

struct gen_expr {
	enum gen_expr_kind kind;
	struct gen_pos pos;
	uint64_t least, most;
	int op;
	const char *c;		/* of a name */
	const struct gen_expr *x, *y, *z;
};

/* Where an expression stands decides what it may name. */
enum gen_expr_where {
	GEN_AT_CONSTANT = 1,	/* numbers and constants */
	GEN_AT_FORM = 2,	/* what is known of the request */
	GEN_AT_SEGMENT = 4,	/* and of one of its segments */
	GEN_AT_NOTIFY = 8,	/* of the queue */
};

struct gen_expr_context {
	struct gen_device *dev;
	struct gen_form *form;	/* NULL: none */
	unsigned int where;	/* enum gen_expr_where */
	uint32_t segment_from;	/* the first segment of an `each` */
};

/* NULL after a failure, which is the reader's. */
const struct gen_expr *gen_expr_parse(struct gen_reader *r, const struct gen_expr_context *context);

/* Whether both say the same in the same words; NULL is the same as NULL alone. */
bool gen_expr_same(const struct gen_expr *a, const struct gen_expr *b);

/* As C, in parentheses where it needs them. */
void gen_expr_print(const struct gen_expr *e, FILE *out);

#endif
