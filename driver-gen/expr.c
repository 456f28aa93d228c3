// SPDX-License-Identifier: GPL-2.0-or-later
/* Expressions: read by precedence, bounded as they are read. Called by the device parser. */
#include "driver-gen/expr.h"

#include <inttypes.h>
#include <string.h>

#include "driver-gen/device.h"
#include "lib/base/array.h"

struct parser {
	struct gen_reader *r;
	const struct gen_expr_context *context;
	unsigned int depth;
};

/* ---- Known values ------------------------------------------------------------------------------------------------ */

enum bound { BOUND_FIXED, BOUND_SEGMENTS, BOUND_SECTORS, BOUND_TAG, BOUND_INDEX, BOUND_OPCODE };
enum memory { ANY_MEMORY, GRANTED, BUS };

static const struct value {
	const char *name, *c;
	unsigned int where;
	enum memory memory;
	enum bound bound;
	uint64_t least, most;
} values[] = {
	{ "opcode", "opcode", GEN_AT_FORM, ANY_MEMORY, BOUND_OPCODE, 0, 0 },
	{ "request.sector", "req->sector", GEN_AT_FORM, ANY_MEMORY, BOUND_FIXED, 0, UINT64_MAX },
	{ "request.sectors", "req->sectors", GEN_AT_FORM, ANY_MEMORY, BOUND_SECTORS, 0, 0 },
	{ "request.lba", "(req->sector >> queue->lba_shift)", GEN_AT_FORM, ANY_MEMORY, BOUND_FIXED, 0, UINT64_MAX },
	{ "request.blocks", "(req->sectors >> queue->lba_shift)", GEN_AT_FORM, ANY_MEMORY, BOUND_SECTORS, 0, 0 },
	{ "request.segments", "req->nr_segments", GEN_AT_FORM, ANY_MEMORY, BOUND_SEGMENTS, 0, 0 },
	{ "request.tag", "req->tag", GEN_AT_FORM, ANY_MEMORY, BOUND_TAG, 0, 0 },
	{ "request.fua", "!!(req->flags & XG_RQ_FUA)", GEN_AT_FORM, ANY_MEMORY, BOUND_FIXED, 0, 1 },
	{ "request.secure", "!!(req->flags & XG_RQ_SECURE)", GEN_AT_FORM, ANY_MEMORY, BOUND_FIXED, 0, 1 },
	{ "slot.grant", "slot->page_ref", GEN_AT_FORM, GRANTED, BOUND_FIXED, 8, UINT32_MAX },
	{ "slot.bus", "slot->page_bus", GEN_AT_FORM, BUS, BOUND_FIXED, 0, UINT64_MAX - GEN_PAGE },
	{ "first.bus", "queue->bus[0]", GEN_AT_FORM, BUS, BOUND_FIXED, 0, UINT64_MAX - GEN_PAGE },
	{ "second.bus", "queue->bus[1]", GEN_AT_FORM, BUS, BOUND_FIXED, 0, UINT64_MAX - GEN_PAGE },
	{ "unit", "dev->direct.unit", GEN_AT_FORM, BUS, BOUND_FIXED, 0, UINT32_MAX },
	{ "segment.index", "i", GEN_AT_SEGMENT, ANY_MEMORY, BOUND_INDEX, 0, 0 },
	{ "segment.grant", "slot->grant[i]", GEN_AT_SEGMENT, GRANTED, BOUND_FIXED, 8, UINT32_MAX },
	{ "segment.bus", "queue->bus[i]", GEN_AT_SEGMENT, BUS, BOUND_FIXED, 0, UINT64_MAX - GEN_PAGE },
	{ "segment.offset", "req->segments[i].offset", GEN_AT_SEGMENT, ANY_MEMORY, BOUND_FIXED, 0, 3584 },
	{ "segment.bytes", "req->segments[i].bytes", GEN_AT_SEGMENT, ANY_MEMORY, BOUND_FIXED, 512, 4096 },
	{ "index", "(new & (queue->entries - 1))", GEN_AT_NOTIFY, ANY_MEMORY, BOUND_TAG, 0, 0 },
	{ "queue.number", "dev->direct_queues[q].number", GEN_AT_NOTIFY, BUS, BOUND_FIXED, 0, 65535 },
};

#define VALUES XG_ARRAY_SIZE(values)

static void set_bound(const struct value *v, const struct gen_expr_context *x, struct gen_expr *e)
{
	const struct gen_form *f = x->form;

	e->least = v->least;
	e->most = v->most;
	switch (v->bound) {
	case BOUND_FIXED:
		break;
	case BOUND_SEGMENTS:
		e->least = f->least;
		e->most = f->most;
		break;
	case BOUND_SECTORS:
		e->least = f->most ? 1 : 0;
		e->most = f->most ? f->most * (GEN_PAGE / 512) : UINT32_MAX;
		break;
	case BOUND_TAG:
		e->most = gen_device_entries(x->dev) - 1;
		break;
	case BOUND_INDEX:
		e->least = x->segment_from;
		e->most = f->most - 1;
		break;
	case BOUND_OPCODE:
		e->most = f->opcode_most;
		break;
	}
}

/* ---- Nodes ------------------------------------------------------------------------------------------------------- */

static struct gen_expr *node(struct parser *p, enum gen_expr_kind kind, struct gen_pos pos)
{
	struct gen_expr *e = gen_arena_get(p->r->arena, sizeof(*e));

	if (!e) {
		gen_fail_memory(p->r);
		return NULL;
	}
	e->kind = kind;
	e->pos = pos;
	return e;
}

static struct gen_expr *number(struct parser *p, struct gen_pos pos, uint64_t value)
{
	struct gen_expr *e = node(p, GEN_EX_NUMBER, pos);

	if (e)
		e->least = e->most = value;
	return e;
}

static bool is_constant(const struct gen_expr *e)
{
	return e->least == e->most;
}

/* The number that covers all bits of MOST. */
static uint64_t all_bits(uint64_t most)
{
	return most ? UINT64_MAX >> __builtin_clzll(most) : 0;
}

/* What X OP Y can be. False when it may be no number of 64 bits. */
static bool bound_binary(struct parser *p, struct gen_expr *e)
{
	const struct gen_expr *x = e->x, *y = e->y;

	switch (e->op) {
	case '+':
		e->least = x->least + y->least;
		if (__builtin_add_overflow(x->most, y->most, &e->most))
			return !gen_fail(p->r, e->pos, "the sum may have more than 64 bits");
		return true;
	case '-':
		if (x->least < y->most)
			return !gen_fail(p->r, e->pos, "the difference may be below zero: %" PRIu64 " - %" PRIu64,
					 x->least,
					 y->most);
		e->least = x->least - y->most;
		e->most = x->most - y->least;
		return true;
	case '*':
		e->least = x->least * y->least;
		if (__builtin_mul_overflow(x->most, y->most, &e->most))
			return !gen_fail(p->r, e->pos, "the product may have more than 64 bits");
		return true;
	case '/':
	case '%':
		if (!is_constant(y) || y->least == 0)
			return !gen_fail(p->r, y->pos, "only a constant, and not zero, may stand below a division");
		e->least = e->op == '/' ? x->least / y->least : 0;
		e->most = e->op == '/' ? x->most / y->least : y->least - 1;
		return true;
	case GEN_SHL:
	case GEN_SHR:
		if (!is_constant(y) || y->least > 63)
			return !gen_fail(p->r, y->pos, "a shift is by a constant of 0 to 63");
		if (e->op == GEN_SHL && y->least && x->most >> (64 - y->least))
			return !gen_fail(p->r, e->pos, "the shift may lose bits beyond 64");
		e->least = e->op == GEN_SHL ? x->least << y->least : x->least >> y->least;
		e->most = e->op == GEN_SHL ? x->most << y->least : x->most >> y->least;
		return true;
	case '&':
		e->most = x->most < y->most ? x->most : y->most;
		return true;
	case '|':
		e->least = x->least > y->least ? x->least : y->least;
		e->most = all_bits(x->most | y->most);
		if (is_constant(x) && is_constant(y))
			e->least = e->most = x->least | y->least;
		return true;
	default:	/* comparisons */
		e->most = 1;
		return true;
	}
}

static struct gen_expr *binary(struct parser *p, int op, struct gen_pos pos, const struct gen_expr *x,
			       const struct gen_expr *y)
{
	struct gen_expr *e = x && y ? node(p, GEN_EX_BINARY, pos) : NULL;

	if (!e)
		return NULL;
	e->op = op;
	e->x = x;
	e->y = y;
	return bound_binary(p, e) ? e : NULL;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static struct gen_expr *of_value(struct parser *p, const struct value *v, struct gen_pos pos)
{
	const struct gen_expr_context *x = p->context;
	struct gen_expr *e;

	if (!(v->where & x->where)) {
		gen_fail(p->r, pos, "%s is not known here", v->name);
		return NULL;
	}
	if (v->memory != ANY_MEMORY && (v->memory == GRANTED) != x->dev->granted) {
		gen_fail(p->r, pos, "%s: this device's memory is %s", v->name,
			 x->dev->granted ? "granted" : "found on its bus");
		return NULL;
	}
	if (x->form && !x->form->most &&
	    (v->bound == BOUND_SEGMENTS || !strcmp(v->name, "first.bus") || !strcmp(v->name, "second.bus"))) {
		gen_fail(p->r, pos, "%s: this form has no segments", v->name);
		return NULL;
	}
	e = node(p, GEN_EX_NAME, pos);
	if (!e)
		return NULL;
	e->c = v->c;
	set_bound(v, x, e);
	if (x->form) {
		x->form->uses_page |= !strcmp(v->name, "slot.bus") || !strcmp(v->name, "slot.grant");
		x->form->uses_secure |= !strcmp(v->name, "request.secure");
		x->form->uses_lba |= !strcmp(v->name, "request.lba") || !strcmp(v->name, "request.blocks");
		x->form->uses_fua |= !strcmp(v->name, "request.fua");
	}
	return e;
}

/* offset(FIELD): where a field of the form's page lies. */
static struct gen_expr *read_offset(struct parser *p, struct gen_pos pos)
{
	const struct gen_form *form = p->context->form;
	const struct gen_field *f;
	struct gen_pos at;
	const char *name;

	gen_want_mark(p->r, '(');
	at = p->r->token.pos;
	name = gen_want_name(p->r, "a field of the page");
	gen_want_mark(p->r, ')');
	if (!name)
		return NULL;
	if (!form || !form->page) {
		gen_fail(p->r, pos, "offset() is of a field of the form's page, and there is none");
		return NULL;
	}
	for (f = form->page->fields; f && strcmp(f->name, name); f = f->next)
		;
	if (!f) {
		gen_fail(p->r, at, "'%s' is no field of struct %s", name, form->page->name);
		return NULL;
	}
	return number(p, pos, f->offset);
}

static struct gen_expr *of_name(struct parser *p, const char *name, struct gen_pos pos)
{
	const struct gen_constant *c;
	size_t i;

	for (c = p->context->dev->constants; c; c = c->next)
		if (!strcmp(c->name, name))
			break;
	if (c) {
		struct gen_expr *e = node(p, GEN_EX_NAME, pos);

		if (e) {
			e->c = c->name;
			e->op = c->opcode ? 'o' : 'c';
			e->least = e->most = c->value;
		}
		return e;
	}
	for (i = 0; i < VALUES; i++)
		if (!strcmp(values[i].name, name))
			return of_value(p, &values[i], pos);
	gen_fail(p->r, pos, "nothing is called '%s'", name);
	return NULL;
}

static struct gen_expr *read_name(struct parser *p)
{
	struct gen_pos pos = p->r->token.pos;
	const char *name = gen_want_name(p->r, "a name"), *second;
	char both[2 * GEN_NAME_MAX + 2];

	if (name && !strcmp(name, "offset") && gen_is_mark(p->r, '('))
		return read_offset(p, pos);
	if (!name || !gen_take_mark(p->r, '.'))
		return name ? of_name(p, name, pos) : NULL;
	second = gen_want_name(p->r, "a name");
	if (!second)
		return NULL;
	snprintf(both, sizeof(both), "%s.%s", name, second);
	return of_name(p, both, pos);
}

/* ---- By precedence ----------------------------------------------------------------------------------------------- */

static const struct gen_expr *read_choice(struct parser *p);

static const struct gen_expr *read_single(struct parser *p)
{
	const struct gen_expr *e;

	if (p->r->token.kind == GEN_NUMBER) {
		e = number(p, p->r->token.pos, p->r->token.value);
		gen_next(p->r);
		return e;
	}
	if (gen_take_mark(p->r, '(')) {
		e = read_choice(p);
		gen_want_mark(p->r, ')');
		return e;
	}
	return read_name(p);
}

/* Rows of equal strength, from the weakest. */
static const int levels[][6] = {
	{ '|' }, { '&' }, { GEN_EQ, GEN_NE, '<', '>', GEN_LE, GEN_GE }, { GEN_SHL, GEN_SHR }, { '+', '-' },
	{ '*', '/', '%' },
};

#define LEVELS XG_ARRAY_SIZE(levels)

static int take_operator(struct parser *p, size_t level)
{
	size_t i;

	for (i = 0; i < 6 && levels[level][i]; i++)
		if (gen_take_mark(p->r, levels[level][i]))
			return levels[level][i];
	return 0;
}

static const struct gen_expr *read_level(struct parser *p, size_t level)
{
	const struct gen_expr *x, *y;
	struct gen_pos pos;
	int op;

	if (level == LEVELS)
		return read_single(p);
	x = read_level(p, level + 1);
	for (;;) {
		pos = p->r->token.pos;
		op = x ? take_operator(p, level) : 0;
		if (!op)
			return x;
		/* A long chain is as deep a tree: printing it recurses. */
		if (++p->depth > GEN_EXPR_DEPTH_MAX) {
			gen_fail(p->r, pos, "more than %u operators and parentheses", GEN_EXPR_DEPTH_MAX);
			return NULL;
		}
		y = read_level(p, level + 1);
		x = binary(p, op, pos, x, y);
	}
}

static const struct gen_expr *read_choice(struct parser *p)
{
	const struct gen_expr *x;
	struct gen_expr *e;

	if (++p->depth > GEN_EXPR_DEPTH_MAX) {
		gen_fail(p->r, p->r->token.pos, "more than %u operators and parentheses", GEN_EXPR_DEPTH_MAX);
		return NULL;
	}
	x = read_level(p, 0);
	if (!x || !gen_is_mark(p->r, '?'))
		return x;
	e = node(p, GEN_EX_CHOICE, p->r->token.pos);
	gen_next(p->r);
	if (!e)
		return NULL;
	e->x = x;
	e->y = read_choice(p);
	gen_want_mark(p->r, ':');
	e->z = e->y ? read_choice(p) : NULL;
	if (!e->z)
		return NULL;
	e->least = e->y->least < e->z->least ? e->y->least : e->z->least;
	e->most = e->y->most > e->z->most ? e->y->most : e->z->most;
	return e;
}

const struct gen_expr *gen_expr_parse(struct gen_reader *r, const struct gen_expr_context *context)
{
	struct parser p = { .r = r, .context = context };
	const struct gen_expr *e = read_choice(&p);

	return r->failed ? NULL : e;
}

bool gen_expr_same(const struct gen_expr *a, const struct gen_expr *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->op != b->op || a->least != b->least || a->most != b->most)
		return false;
	if (a->kind == GEN_EX_NAME)
		return !strcmp(a->c, b->c);
	return gen_expr_same(a->x, b->x) && gen_expr_same(a->y, b->y) && gen_expr_same(a->z, b->z);
}

/* ---- As C -------------------------------------------------------------------------------------------------------- */

static const char *operator_text(int op, char *buffer)
{
	switch (op) {
	case GEN_EQ: return "==";
	case GEN_NE: return "!=";
	case GEN_LE: return "<=";
	case GEN_GE: return ">=";
	case GEN_SHL: return "<<";
	case GEN_SHR: return ">>";
	default:
		buffer[0] = (char)op;
		buffer[1] = '\0';
		return buffer;
	}
}

static void print_inner(const struct gen_expr *e, FILE *out)
{
	bool simple = e->kind == GEN_EX_NUMBER || e->kind == GEN_EX_NAME;

	if (!simple)
		fputc('(', out);
	gen_expr_print(e, out);
	if (!simple)
		fputc(')', out);
}

/* Sums that may pass 32 bits are done in 64: C would take the operands' width. */
static bool needs_wide(const struct gen_expr *e)
{
	return e->most > UINT32_MAX && (e->op == '+' || e->op == '*' || e->op == GEN_SHL) && e->x->most <= UINT32_MAX;
}

void gen_expr_print(const struct gen_expr *e, FILE *out)
{
	char mark[2];

	switch (e->kind) {
	case GEN_EX_NUMBER:
		fprintf(out, e->most > UINT32_MAX ? "%" PRIu64 "ULL" : "%" PRIu64 "u", e->most);
		break;
	case GEN_EX_NAME:
		fprintf(out, "%s%s", e->op == 'o' ? "OP_" : e->op == 'c' ? "DEV_" : "", e->c);
		break;
	case GEN_EX_BINARY:
		if (needs_wide(e))
			fputs("(uint64_t)", out);
		print_inner(e->x, out);
		fprintf(out, " %s ", operator_text(e->op, mark));
		print_inner(e->y, out);
		break;
	case GEN_EX_CHOICE:
		print_inner(e->x, out);
		fputs(" ? ", out);
		print_inner(e->y, out);
		fputs(" : ", out);
		print_inner(e->z, out);
		break;
	}
}
