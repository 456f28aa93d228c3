// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places in memory that a description names: from a struct, step by step, to a number in it. Called by what sets them
 * (device_form.c) and what reads them (device_ring.c).
 */
#include "driver-gen/device_parse.h"
#include "lib/base/array.h"

#include <inttypes.h>

struct gen_field *gen_find_field(struct gen_parser *p, const struct gen_struct *s, const char *name, struct gen_pos pos)
{
	struct gen_field *f = FIND(s->fields, name);

	if (!f)
		gen_fail(p->r, pos, "'%s' is no field of struct %s", name, s->name);
	return f;
}

static const struct gen_expr *read_index(struct gen_parser *p, const struct gen_expr_context *x, uint64_t count,
					 const char *of)
{
	struct gen_pos pos = pos_of(p);
	const struct gen_expr *e = gen_expr_parse(p->r, x);

	gen_want_mark(p->r, ']');
	if (e && e->most >= count) {
		gen_fail(p->r, pos, "index %" PRIu64 " of %s, which has %" PRIu64 " elements", e->most, of, count);
		return NULL;
	}
	return e;
}

/* FIELD[index].FIELD.BITS inside S; NAME is the first word, already read. */
static bool read_steps(struct gen_parser *p, const struct gen_expr_context *x, const struct gen_struct *s,
		       const char *name, struct gen_pos pos, struct gen_place *to)
{
	for (;;) {
		struct gen_field *f = name ? gen_find_field(p, s, name, pos) : NULL;

		if (!f)
			return false;
		if (to->steps == XG_ARRAY_SIZE(to->step))
			return !gen_fail(p->r, pos, "structs in structs deeper than this are not described");
		to->step[to->steps].field = f;
		if (f->count) {
			gen_want_mark(p->r, '[');
			to->step[to->steps].index = read_index(p, x, f->count, f->name);
		}
		to->steps++;
		if (p->r->failed)
			return false;
		if (!gen_take_mark(p->r, '.')) {
			if (f->of)
				return !gen_fail(p->r, pos, "%s is a struct, not a number", f->name);
			return true;
		}
		pos = pos_of(p);
		name = gen_want_name(p->r, "the name of a field");
		if (f->of) {
			s = f->of;
			continue;
		}
		to->bits = name ? FIND(f->bits, name) : NULL;
		if (to->bits && (to->steps > 1 || to->where == GEN_IN_RING))
			gen_fail(p->r, pos, "bit fields of an element are not described");
		if (name && !to->bits)
			gen_fail(p->r, pos, "'%s' is no bit field of %s", name, f->name);
		return to->bits != NULL;
	}
}

/* page.… | RING[index].… | FIELD… of the form's struct. */
bool gen_read_target(struct gen_parser *p, const struct gen_expr_context *x, struct gen_place *to)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "a field, page, or a ring");
	const struct gen_struct *s = x->form->of;
	struct gen_ring *ring = NULL;

	if (!name)
		return false;
	to->pos = pos;
	if (!FIND(s->fields, name) && !strcmp(name, "page")) {
		s = x->form->page;
		to->where = GEN_IN_PAGE;
		x->form->uses_page = true;
		if (!s)
			return !gen_fail(p->r, pos, "no page is described");
	} else if (!FIND(s->fields, name) && (ring = FIND(p->dev->rings, name))) {
		to->where = GEN_IN_RING;
		to->ring = ring;
		s = ring->entries[0];
		gen_want_mark(p->r, '[');
		to->ring_index = read_index(p, x, gen_device_entries(p->dev), ring->name);
	} else {
		return read_steps(p, x, s, name, pos, to);
	}
	gen_want_mark(p->r, '.');
	pos = pos_of(p);
	return read_steps(p, x, s, gen_want_name(p->r, "the name of a field"), pos, to);
}

/* RESPONSE.field | page.field | RING.field of its header: something to read. */
struct gen_place *gen_read_source(struct gen_parser *p, unsigned int allowed)
{
	struct gen_expr_context x = { .dev = p->dev, .where = GEN_AT_CONSTANT };
	struct gen_place *from = gen_arena_get(p->r->arena, sizeof(*from));
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "a place");
	const struct gen_struct *s = NULL;
	const struct gen_ring *ring;

	if (!from)
		gen_fail_memory(p->r);
	if (!name || !from)
		return NULL;
	from->pos = pos;
	ring = FIND(p->dev->rings, name);
	if ((allowed & 1u << GEN_IN_RESPONSE) && p->dev->response && !strcmp(name, p->dev->response->name)) {
		from->where = GEN_IN_RESPONSE;
		s = p->dev->response;
	} else if ((allowed & 1u << GEN_IN_PAGE) && !strcmp(name, "page") && p->dev->nr_pages) {
		from->where = GEN_IN_PAGE;
		s = p->dev->pages[0];
	} else if ((allowed & 1u << GEN_IN_HEADER) && ring && ring->header) {
		from->where = GEN_IN_HEADER;
		from->ring = ring;
		s = ring->header;
	}
	if (!s) {
		gen_fail(p->r, pos, "'%s' is nothing that can be read here", name);
		return NULL;
	}
	gen_want_mark(p->r, '.');
	pos = pos_of(p);
	return read_steps(p, &x, s, gen_want_name(p->r, "the name of a field"), pos, from) ? from : NULL;
}

/* The number of bits that PLACE holds. */
unsigned int gen_place_bits(const struct gen_place *place)
{
	const struct gen_field *f = place->step[place->steps - 1].field;

	return place->bits ? place->bits->hi - place->bits->lo + 1 : 8 * f->bytes;
}
