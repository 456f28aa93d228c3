// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Forms of a device's description, the assignments that make a request of one, and the operations that use them. Called
 * from device_parse.c's table.
 */
#include "driver-gen/device_parse.h"

#include <inttypes.h>

static void check_width(struct gen_parser *p, const struct gen_assign *a)
{
	const struct gen_place *to = &a->to;
	unsigned int bits = gen_place_bits(to);
	const char *name = to->bits ? to->bits->name : to->step[to->steps - 1].field->name;

	if (!to->bits && to->step[to->steps - 1].field->is_signed)
		bits--;
	if (bits < 64 && a->value->most >> bits)
		gen_fail(p->r, a->pos, "%s of %u bits is too narrow for %" PRIu64, name, bits, a->value->most);
}

static bool same_place(const struct gen_place *a, const struct gen_place *b)
{
	unsigned int i;

	if (a->where != b->where || a->ring != b->ring || a->steps != b->steps ||
	    !gen_expr_same(a->ring_index, b->ring_index))
		return false;
	for (i = 0; i < a->steps; i++)
		if (a->step[i].field != b->step[i].field || !gen_expr_same(a->step[i].index, b->step[i].index))
			return false;
	return !a->bits || !b->bits || a->bits == b->bits;
}

static void check_twice(struct gen_parser *p, const struct gen_form *form, const struct gen_assign *a)
{
	const struct gen_assign *other;

	for (other = form->assigns; other != a; other = other->next)
		if (same_place(&other->to, &a->to))
			gen_fail(p->r, a->pos, "this is set already, in line %u", other->pos.line);
}

static void read_assign(struct gen_parser *p, struct gen_form *form, bool each, uint32_t from)
{
	struct gen_expr_context x = { .dev = p->dev, .form = form, .where = GEN_AT_FORM, .segment_from = from };
	struct gen_assign *a = APPEND(p, form->assigns);

	if (!a)
		return;
	if (each)
		x.where |= GEN_AT_SEGMENT;
	a->pos = pos_of(p);
	a->each = each;
	a->from = from;
	if (!gen_read_target(p, &x, &a->to))
		return;
	check_twice(p, form, a);
	gen_want_mark(p->r, '=');
	a->value = gen_expr_parse(p->r, &x);
	if (a->value)
		check_width(p, a);
	gen_want_mark(p->r, ';');
}

/* each segment [from N] { … } */
static void read_each(struct gen_parser *p, struct gen_form *form)
{
	struct gen_pos pos = pos_of(p);
	uint32_t from = 0;

	gen_want_word(p->r, "segment");
	if (!form->most)
		gen_fail(p->r, pos, "form %s has no segments", form->name);
	if (gen_take_word(p->r, "from"))
		from = (uint32_t)gen_want_number(p->r, "the first segment", form->most ? form->most - 1 : 0);
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		read_assign(p, form, true, from);
}

static void form_segments(struct gen_parser *p, struct gen_form *form)
{
	struct gen_pos pos = pos_of(p);

	form->least = (uint32_t)gen_want_number(p->r, "the least number of segments", GEN_SEGMENTS_MAX);
	gen_want_mark(p->r, GEN_DOTS);
	form->most = (uint32_t)gen_want_number(p->r, "the largest number of segments", GEN_SEGMENTS_MAX);
	if (form->least == 0 || form->most < form->least)
		gen_fail(p->r, pos, "%u .. %u segments: from 1, and not backwards", form->least, form->most);
	if (form->most > p->dev->segments)
		gen_fail(p->r, pos, "%u segments, but the limit is %u", form->most, p->dev->segments);
	form->limited = gen_take_word(p->r, "limit");
	if (form->limited)
		gen_want_word(p->r, "max_indirect");
}

static void check_form_struct(struct gen_parser *p, struct gen_form *form)
{
	unsigned int i;

	for (i = 0; i < p->dev->submit->nr_entries_structs; i++)
		if (p->dev->submit->entries[i] == form->of)
			return;
	gen_fail(p->r, form->pos, "struct %s is no entry of ring %s", form->of->name, p->dev->submit->name);
}

static void form_page(struct gen_parser *p, struct gen_form *form)
{
	struct gen_pos pos = pos_of(p);
	struct gen_struct *s = OLD_NAME(p, p->dev->structs, "struct");
	unsigned int i;

	for (i = 0; s && i < p->dev->nr_pages; i++)
		if (p->dev->pages[i] == s)
			form->page = s;
	if (s && form->page != s)
		gen_fail(p->r, pos, "struct %s is no page", s->name);
}

static uint64_t largest_opcode(const struct gen_device *dev)
{
	const struct gen_constant *c;
	uint64_t most = 0;

	for (c = dev->constants; c; c = c->next)
		if (c->opcode && c->value > most)
			most = c->value;
	return most;
}

void gen_read_form(struct gen_parser *p)
{
	struct gen_form *form = NEW_NAME(p, p->dev->forms, "form");

	if (!form)
		return;
	if (!p->dev->submit) {
		gen_fail(p->r, form->pos, "how to submit is to be said before a form");
		return;
	}
	form->opcode_most = largest_opcode(p->dev);
	form->page = p->dev->nr_pages ? p->dev->pages[0] : NULL;
	gen_want_word(p->r, "of");
	form->of = OLD_NAME(p, p->dev->structs, "struct");
	if (form->of)
		check_form_struct(p, form);
	if (gen_take_word(p->r, "page"))
		form_page(p, form);
	if (gen_take_word(p->r, "segments"))
		form_segments(p, form);
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}')) {
		if (gen_take_word(p->r, "each"))
			read_each(p, form);
		else
			read_assign(p, form, false, 0);
	}
}

static const char *const op_names[GEN_OPS] = { "read", "write", "flush", "discard" };

static int read_op(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "read, write, flush or discard");
	int i;

	for (i = 0; name && i < GEN_OPS; i++)
		if (!strcmp(op_names[i], name))
			return i;
	if (name)
		gen_fail(p->r, pos, "operation '%s' is none of read, write, flush, discard", name);
	return -1;
}

static void operation_forms(struct gen_parser *p, struct gen_operation *o)
{
	do {
		struct gen_pos pos = pos_of(p);
		struct gen_form *form = OLD_NAME(p, p->dev->forms, "form");

		if (!form || list_full(p, pos, o->nr_forms, "forms"))
			return;
		o->forms[o->nr_forms++] = form;
		form->used = true;
	} while (gen_take_mark(p->r, ','));
}

static void operation_opcode(struct gen_parser *p, struct gen_operation *o)
{
	struct gen_pos pos = pos_of(p);

	o->opcode = OLD_NAME(p, p->dev->constants, "opcode");
	if (o->opcode && !o->opcode->opcode)
		gen_fail(p->r, pos, "'%s' is a constant, not an opcode", o->opcode->name);
}

void gen_read_operation(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);
	int op = read_op(p);
	struct gen_operation *o;

	if (op < 0)
		return;
	o = &p->dev->operations[op];
	if (!gen_once(p, &o->pos, pos, op_names[op]))
		return;
	if (!gen_take_word(p->r, "opcode")) {
		gen_fail(p->r, pos, "operation %s has no opcode", op_names[op]);
		return;
	}
	operation_opcode(p, o);
	if (!gen_take_word(p->r, "form")) {
		gen_fail(p->r, pos, "operation %s has no form", op_names[op]);
		return;
	}
	operation_forms(p, o);
	if (gen_take_word(p->r, "fua")) {
		gen_want_word(p->r, "then");
		gen_want_word(p->r, "flush");
		o->fua_then_flush = true;
		if (op != GEN_WRITE)
			gen_fail(p->r, pos, "only a write is followed by a flush");
	}
}
