// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rings of a device's description: what lies in them, the doorbells, how a request is submitted and how its answer is
 * found. Called from device_parse.c's table.
 */
#include "driver-gen/device_parse.h"

#include <inttypes.h>

/* ---- Doorbells and rings ----------------------------------------------------------------------------------------- */

void gen_read_doorbell(struct gen_parser *p)
{
	struct gen_doorbell *d = NEW_NAME(p, p->dev->doorbells, "doorbell");
	struct gen_field type = { .of = NULL };
	struct gen_pos pos;

	if (!d)
		return;
	d->event = gen_take_word(p->r, "event");
	if (d->event)
		return;
	gen_want_word(p->r, "register");
	pos = pos_of(p);
	if (!gen_read_type(p, NULL, &type))
		return;
	if (type.of || type.is_signed || type.big_endian || type.bytes > 4)
		gen_fail(p->r, pos, "a doorbell is written as u8, u16 or u32");
	d->bytes = type.bytes;
	gen_want_mark(p->r, '@');
	d->index = (uint32_t)gen_want_number(p->r, "the doorbell's index", 15);
}

static void ring_header(struct gen_parser *p)
{
	p->ring->header = OLD_NAME(p, p->dev->structs, "struct");
}

static void ring_entries(struct gen_parser *p)
{
	struct gen_ring *ring = p->ring;
	struct gen_pos pos = p->word;

	ring->entries_most = (uint32_t)gen_want_number(p->r, "the number of entries", 32768);
	if (ring->entries_most < 2 || ring->entries_most & (ring->entries_most - 1))
		gen_fail(p->r, pos, "a ring of %u entries: not a power of two from 2", ring->entries_most);
}

static void ring_entry(struct gen_parser *p)
{
	struct gen_ring *ring = p->ring;

	do {
		struct gen_pos pos = pos_of(p);
		struct gen_struct *s = OLD_NAME(p, p->dev->structs, "struct");

		if (!s || list_full(p, pos, ring->nr_entries_structs, "structs in an entry"))
			return;
		ring->entries[ring->nr_entries_structs++] = s;
		if (s->size > ring->entry_bytes)
			ring->entry_bytes = s->size;
	} while (gen_take_mark(p->r, ','));
}

static const struct gen_statement ring_statements[] = {
	{ "header", ring_header, false }, { "entries", ring_entries, false }, { "entry", ring_entry, false },
};

static uint32_t ring_header_bytes(const struct gen_ring *ring)
{
	return ring->header ? ring->header->size : 0;
}

/* Memory on the bus is contiguous within a page alone; granted rings are as large as ring_order says. */
static void check_ring_size(struct gen_parser *p, struct gen_ring *ring)
{
	uint64_t bytes = ring_header_bytes(ring) + (uint64_t)ring->entry_bytes * ring->entries_most;
	unsigned int i;

	if (!ring->nr_entries_structs) {
		gen_fail(p->r, ring->pos, "ring %s has no entry", ring->name);
		return;
	}
	for (i = 0; i < ring->nr_entries_structs; i++)
		if (ring_header_bytes(ring) % ring->entries[i]->align || ring->entry_bytes % ring->entries[i]->align)
			gen_fail(p->r, ring->pos,
				 "ring %s: entries of %u bytes after a header of %u do not keep the alignment %u",
				 ring->name, ring->entry_bytes, ring_header_bytes(ring), ring->entries[i]->align);
	if (p->dev->granted && !ring->header)
		gen_fail(p->r, ring->pos, "ring %s: a granted ring has a header, with its indices", ring->name);
	else if (p->dev->granted && ring->entries_most)
		gen_fail(p->r, ring->pos, "ring %s: a granted ring has as many entries as its pages hold", ring->name);
	else if (p->dev->granted && ring_header_bytes(ring) + 2 * ring->entry_bytes > GEN_PAGE)
		gen_fail(p->r, ring->pos, "ring %s: a page holds fewer than two entries", ring->name);
	else if (!p->dev->granted && !ring->entries_most)
		gen_fail(p->r, ring->pos, "ring %s does not say its number of entries", ring->name);
	else if (!p->dev->granted && bytes > GEN_PAGE)
		gen_fail(p->r, ring->pos,
			 "ring %s needs %" PRIu64 " bytes that follow each other on the bus, a page has %u",
			 ring->name, bytes, GEN_PAGE);
}

void gen_read_ring(struct gen_parser *p)
{
	struct gen_ring *ring = NEW_NAME(p, p->dev->rings, "ring");

	if (!ring)
		return;
	if (!p->dev->memory_said)
		gen_fail(p->r, ring->pos, "memory (granted, or bus) is to be said before a ring");
	ring->number = p->dev->nr_rings++;
	if (p->dev->nr_rings > (p->dev->granted ? 1 : GEN_RINGS_MAX))
		gen_fail(p->r, ring->pos, "more rings than %u", p->dev->granted ? 1 : GEN_RINGS_MAX);
	p->ring = ring;
	gen_want_mark(p->r, '{');
	READ_STATEMENTS(p, ring_statements);
	if (!p->r->failed)
		check_ring_size(p, ring);
}

/* ---- Submitting and completing ----------------------------------------------------------------------------------- */

/* A field of RING's header that both sides count in. */
static const struct gen_field *read_header_index(struct gen_parser *p, const struct gen_ring *ring)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "a field of the ring's header");
	struct gen_field *f;

	if (!name)
		return NULL;
	if (!ring->header) {
		gen_fail(p->r, pos, "ring %s has no header", ring->name);
		return NULL;
	}
	f = gen_find_field(p, ring->header, name, pos);
	if (f && (f->of || f->count || f->is_signed || f->big_endian || (f->bytes != 2 && f->bytes != 4))) {
		gen_fail(p->r, pos, "%s is no u16 or u32, so no index", name);
		return NULL;
	}
	return f;
}

static void read_notify(struct gen_parser *p, const struct gen_ring *ring, struct gen_notify *n)
{
	struct gen_pos pos = pos_of(p);

	if (!gen_once(p, &n->pos, pos, "which doorbell rings"))
		return;
	n->doorbell = OLD_NAME(p, p->dev->doorbells, "doorbell");
	if (!n->doorbell)
		return;
	if (n->doorbell->event) {
		if (gen_take_word(p->r, "when"))
			n->event = read_header_index(p, ring);
		return;
	}
	gen_want_mark(p->r, '=');
	pos = pos_of(p);
	n->value = gen_read_expression(p, GEN_AT_NOTIFY);
	if (n->value && n->doorbell->bytes < 8 && n->value->most >> (8 * n->doorbell->bytes))
		gen_fail(p->r, pos, "doorbell %s of %u bits is too narrow for %" PRIu64, n->doorbell->name,
			 8 * n->doorbell->bytes, n->value->most);
	if (gen_take_word(p->r, "unless"))
		n->unless = gen_read_source(p, 1u << GEN_IN_HEADER);
}

static void submit_notify(struct gen_parser *p)
{
	read_notify(p, p->dev->submit, &p->dev->submit_notify);
}

/* wrap | free FIELD */
static void submit_index(struct gen_parser *p)
{
	if (!gen_once(p, &p->index_said, p->word, "the index") || gen_take_word(p->r, "wrap"))
		return;
	gen_want_word(p->r, "free");
	p->dev->submit_index = read_header_index(p, p->dev->submit);
}

static const struct gen_statement submit_statements[] = {
	{ "notify", submit_notify, false }, { "index", submit_index, false },
};

void gen_read_submit(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);

	if (!gen_once(p, &p->dev->submit_pos, pos, "how to submit"))
		return;
	p->dev->submit = OLD_NAME(p, p->dev->rings, "ring");
	gen_want_mark(p->r, '{');
	READ_STATEMENTS(p, submit_statements);
	if (!p->r->failed && !p->index_said.line)
		gen_fail(p->r, pos, "submit %s does not say its index", p->dev->submit->name);
	if (!p->r->failed && !p->dev->submit_notify.doorbell)
		gen_fail(p->r, pos, "submit %s rings no doorbell", p->dev->submit->name);
}

static const char *read_error(struct gen_parser *p)
{
	static const struct { const char *word, *c; } errors[] = {
		{ "ok", "XG_E_OK" }, { "io", "-XG_E_IO" }, { "notsupp", "-XG_E_NOTSUPP" }, { "inval", "-XG_E_INVAL" },
		{ "nodev", "-XG_E_NODEV" }, { "nomem", "-XG_E_NOMEM" },
	};
	struct gen_pos pos = pos_of(p);
	const char *word = gen_want_name(p->r, "ok or an error");
	size_t i;

	for (i = 0; word && i < XG_ARRAY_SIZE(errors); i++)
		if (!strcmp(errors[i].word, word))
			return errors[i].c;
	if (word)
		gen_fail(p->r, pos, "'%s' is none of ok, io, notsupp, inval, nodev, nomem", word);
	return NULL;
}

static void status_row(struct gen_parser *p)
{
	const struct gen_place *place = p->dev->status_place;
	bool is_signed = !place->bits && place->step[place->steps - 1].field->is_signed;
	unsigned int bits = gen_place_bits(place) - is_signed;
	struct gen_status *s = APPEND(p, p->dev->statuses), *other;
	bool negative;
	uint64_t value;

	if (!s)
		return;
	s->pos = pos_of(p);
	s->otherwise = gen_take_word(p->r, "otherwise");
	if (!s->otherwise) {
		negative = gen_take_mark(p->r, '-');
		value = gen_want_number(p->r, "a status", INT64_MAX);
		s->value = negative ? -(int64_t)value : (int64_t)value;
		if ((negative && !is_signed) || (bits < 63 && value >> bits && !(negative && value == 1ull << bits)))
			gen_fail(p->r, s->pos, "a status of %u bits cannot be %" PRId64, gen_place_bits(place),
				 s->value);
	}
	for (other = p->dev->statuses; other != s; other = other->next)
		if (other->otherwise == s->otherwise && other->value == s->value)
			gen_fail(p->r, s->pos, "this status is there already, in line %u", other->pos.line);
	gen_want_mark(p->r, ':');
	s->error = read_error(p);
	gen_want_mark(p->r, ';');
}

static void complete_status(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);
	struct gen_status *s;

	p->dev->status_place = gen_read_source(p, 1u << GEN_IN_RESPONSE | 1u << GEN_IN_PAGE);
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		status_row(p);
	for (s = p->dev->statuses; s && !s->otherwise; s = s->next)
		;
	if (!s)
		gen_fail(p->r, pos, "no row 'otherwise' says what an unknown status means");
}

/* wrap phase PLACE | free FIELD [wish FIELD] */
static void complete_index(struct gen_parser *p)
{
	struct gen_device *dev = p->dev;

	if (gen_take_word(p->r, "wrap")) {
		gen_want_word(p->r, "phase");
		dev->phase = gen_read_source(p, 1u << GEN_IN_RESPONSE);
		if (dev->phase && (gen_place_bits(dev->phase) != 1 || dev->phase->step[dev->phase->steps - 1].index))
			gen_fail(p->r, dev->phase->pos, "a phase is one bit");
		return;
	}
	gen_want_word(p->r, "free");
	dev->complete_index = read_header_index(p, dev->complete);
	if (gen_take_word(p->r, "wish"))
		dev->wish = read_header_index(p, dev->complete);
}

static void complete_notify(struct gen_parser *p)
{
	read_notify(p, p->dev->complete, &p->dev->consumed);
}

static void complete_id(struct gen_parser *p)
{
	p->dev->id = gen_read_source(p, 1u << GEN_IN_RESPONSE);
}

static void complete_same(struct gen_parser *p)
{
	p->dev->same = gen_read_source(p, 1u << GEN_IN_RESPONSE);
}

static const struct gen_statement complete_statements[] = {
	{ "index", complete_index, false }, { "notify", complete_notify, false }, { "id", complete_id, false },
	{ "same", complete_same, false }, { "status", complete_status, true },
};

/* { entry STRUCT; statements } */
void gen_read_complete(struct gen_parser *p)
{
	struct gen_device *dev = p->dev;
	struct gen_pos pos = pos_of(p);
	unsigned int i;

	if (!gen_once(p, &dev->complete_pos, pos, "how to complete"))
		return;
	dev->complete = OLD_NAME(p, p->dev->rings, "ring");
	gen_want_mark(p->r, '{');
	gen_want_word(p->r, "entry");
	dev->response = OLD_NAME(p, p->dev->structs, "struct");
	gen_want_mark(p->r, ';');
	READ_STATEMENTS(p, complete_statements);
	if (p->r->failed)
		return;
	for (i = 0; i < dev->complete->nr_entries_structs && dev->complete->entries[i] != dev->response; i++)
		;
	if (i == dev->complete->nr_entries_structs)
		gen_fail(p->r, pos, "complete %s does not say which of the ring's structs answers",
			 dev->complete->name);
	else if (!dev->complete_index && !dev->phase)
		gen_fail(p->r, pos, "complete %s does not say its index", dev->complete->name);
	else if (!dev->id)
		gen_fail(p->r, pos, "complete %s does not say by which id an answer is matched", dev->complete->name);
	else if (!dev->statuses)
		gen_fail(p->r, pos, "complete %s does not say where the status is", dev->complete->name);
}
