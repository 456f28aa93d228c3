// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Structures of a device's description: numbers at offsets, bits in them, structs in structs; none overlaps another.
 * Called from device_parse.c's table.
 */
#include "driver-gen/device_parse.h"

#include <inttypes.h>

static const struct { const char *name; uint32_t bytes; bool is_signed, big_endian; } numbers[] = {
	{ "u8", 1, false, false }, { "u16", 2, false, false }, { "u32", 4, false, false }, { "u64", 8, false, false },
	{ "s8", 1, true, false }, { "s16", 2, true, false }, { "s32", 4, true, false }, { "s64", 8, true, false },
	{ "be16", 2, false, true }, { "be32", 4, false, true }, { "be64", 8, false, true },
};

bool gen_read_type(struct gen_parser *p, struct gen_struct *in, struct gen_field *f)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "a type");
	size_t i;

	if (!name)
		return false;
	for (i = 0; i < XG_ARRAY_SIZE(numbers); i++)
		if (!strcmp(numbers[i].name, name)) {
			f->bytes = numbers[i].bytes;
			f->is_signed = numbers[i].is_signed;
			f->big_endian = numbers[i].big_endian;
			return true;
		}
	f->of = FIND(p->dev->structs, name);
	if (!f->of || f->of == in) {
		gen_fail(p->r, pos,
			 "'%s' is no type: a number (u8 to u64, s8 to s64, be16 to be64) or a struct from above", name);
		return false;
	}
	f->bytes = f->of->size;
	return true;
}

static void read_bits(struct gen_parser *p, struct gen_field *f)
{
	while (!p->r->failed && !gen_take_mark(p->r, '}')) {
		struct gen_bits *b = NEW_NAME(p, f->bits, "bit field"), *other;

		if (!b)
			return;
		b->lo = b->hi = (unsigned int)gen_want_number(p->r, "the lowest bit", 63);
		if (gen_take_mark(p->r, GEN_DOTS))
			b->hi = (unsigned int)gen_want_number(p->r, "the highest bit", 63);
		if (b->hi < b->lo)
			gen_fail(p->r, b->pos, "%s: bits %u .. %u run backwards", b->name, b->lo, b->hi);
		if (b->hi >= 8 * f->bytes)
			gen_fail(p->r, b->pos, "%s: bit %u lies outside the %u bits of %s", b->name, b->hi,
				 8 * f->bytes, f->name);
		for (other = f->bits; other != b; other = other->next)
			if (other->lo <= b->hi && b->lo <= other->hi)
				gen_fail(p->r, b->pos, "%s overlaps %s, which has bits %u to %u", b->name,
					 other->name, other->lo,
					 other->hi);
		gen_want_mark(p->r, ';');
	}
}

/* Keeps the list in the order of offsets. */
static void place_field(struct gen_parser *p, struct gen_struct *s, struct gen_field *f)
{
	uint64_t bytes = (uint64_t)f->bytes * (f->count ? f->count : 1), end = f->offset + bytes;
	struct gen_field **at = &s->fields, *other;

	if (end > s->size) {
		gen_fail(p->r, f->pos, "field %s ends at byte %" PRIu64 ", outside struct %s of %u bytes", f->name,
			 end, s->name,
			 s->size);
		return;
	}
	for (other = s->fields; other; other = other->next) {
		uint64_t other_end = other->offset + (uint64_t)other->bytes * (other->count ? other->count : 1);

		if (f->offset < other_end && other->offset < end) {
			gen_fail(p->r, f->pos, "field %s overlaps %s, which has bytes %u to %" PRIu64, f->name,
				 other->name,
				 other->offset, other_end - 1);
			return;
		}
	}
	while (*at && (*at)->offset < f->offset)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
}

static void read_field(struct gen_parser *p, struct gen_struct *s)
{
	struct gen_field *f = gen_arena_get(p->r->arena, sizeof(*f)), *other;
	uint32_t align;

	if (!f) {
		gen_fail_memory(p->r);
		return;
	}
	f->pos = pos_of(p);
	f->name = gen_want_name(p->r, "the name of a field");
	if (f->name)
		gen_check_word(p, f->name, f->pos, "field");
	other = f->name ? FIND(s->fields, f->name) : NULL;
	if (other)
		gen_fail(p->r, f->pos, "field '%s' is there already, in line %u", f->name, other->pos.line);
	if (!f->name || !gen_read_type(p, s, f))
		return;
	if (gen_take_mark(p->r, '[')) {
		f->count = (uint32_t)gen_want_number(p->r, "the number of elements", GEN_STRUCT_BYTES_MAX);
		if (!f->count)
			gen_fail(p->r, f->pos, "an array of no elements");
		gen_want_mark(p->r, ']');
	}
	gen_want_mark(p->r, '@');
	f->offset = (uint32_t)gen_want_number(p->r, "the field's offset", GEN_STRUCT_BYTES_MAX);
	align = f->of ? f->of->align : f->bytes;
	if (align && f->offset % align)
		gen_fail(p->r, f->pos, "field %s of %u bytes is at %u, not a multiple of %u", f->name, f->bytes,
			 f->offset, align);
	if (align > s->align)
		s->align = align;
	if (gen_is_mark(p->r, '{')) {
		if (f->of || f->count || f->big_endian)
			gen_fail(p->r, f->pos, "only a little-endian number has bit fields");
		gen_next(p->r);
		read_bits(p, f);
		gen_take_mark(p->r, ';');
	} else {
		gen_want_mark(p->r, ';');
	}
	if (!p->r->failed)
		place_field(p, s, f);
}

void gen_read_struct(struct gen_parser *p)
{
	struct gen_struct *s = NEW_NAME(p, p->dev->structs, "struct");

	if (!s)
		return;
	s->align = 1;
	gen_want_word(p->r, "size");
	s->size = (uint32_t)gen_want_number(p->r, "a struct's size", GEN_STRUCT_BYTES_MAX);
	if (!s->size)
		gen_fail(p->r, s->pos, "a struct of no bytes");
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		read_field(p, s);
	if (!p->r->failed && s->size % s->align)
		gen_fail(p->r, s->pos, "struct %s has %u bytes, not a multiple of its alignment %u", s->name,
			 s->size, s->align);
}
