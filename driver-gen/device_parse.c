// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the description of a device, statement by statement; a table says which word begins which. A name must stand
 * before it is used, so what a statement says can be checked where it stands. Rules about the whole: device_check.c.
 */
#include "driver-gen/device.h"

#include <inttypes.h>
#include <string.h>

struct parser {
	struct gen_reader *r;
	struct gen_device *dev;
};

/* A new zeroed element at the end of *LIST. */
#define APPEND(p, list) ({							\
	__typeof__(list) *append_at_ = &(list);					\
	while (*append_at_)							\
		append_at_ = &(*append_at_)->next;				\
	*append_at_ = gen_arena_get((p)->r->arena, sizeof(**append_at_));	\
	if (!*append_at_)							\
		gen_fail_memory((p)->r);					\
	*append_at_;								\
})

/* The element of LIST that is called NAME, or NULL. */
#define FIND(list, called) ({							\
	__typeof__(&*(list)) find_at_ = (list);					\
	while (find_at_ && strcmp(find_at_->name, (called)))			\
		find_at_ = find_at_->next;					\
	find_at_;								\
})

static struct gen_pos pos_of(const struct parser *p)
{
	return p->r->token.pos;
}

/* Words that C, or the skeleton, has for itself; the latter for structs (s) or for rings and doorbells (r) alone. */
static const char c_words[] =
	" auto break case char const continue default do double else enum extern float for goto if inline int long register"
	" restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof ";
static const char struct_words[] = " queue slot xg_device xg_request xg_segment xg_memory xg_services xg_driver ";
static const char member_words[] =
	" magic entries depth in_flight max_segments req_prod req_pushed rsp_cons broken starved lba_shift ring_granted reserved"
	" bus interrupt self pages slot ";

static bool among(const char *words, const char *name)
{
	char word[GEN_NAME_MAX + 3];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(words, word);
}

static void check_words(struct parser *p, const char *name, struct gen_pos pos, const char *what)
{
	bool ring = !strcmp(what, "ring") || !strcmp(what, "doorbell");

	if (among(c_words, name))
		gen_fail(p->r, pos, "'%s' is a word of C", name);
	else if ((!strcmp(what, "struct") && among(struct_words, name)) || (ring && among(member_words, name)))
		gen_fail(p->r, pos, "no %s can be called '%s': the skeleton has something of that name", what, name);
	else if ((!strcmp(what, "ring") && FIND(p->dev->doorbells, name)) ||
		 (!strcmp(what, "doorbell") && FIND(p->dev->rings, name)))
		gen_fail(p->r, pos, "a ring and a doorbell are both called '%s'", name);
}

/* A new name: nothing of its kind is called so. Uses a struct with name and pos. */
#define NEW_NAME(p, list, what) ({						\
	struct gen_pos new_pos_ = pos_of(p);					\
	const char *new_name_ = gen_want_name((p)->r, "a name");		\
	__typeof__(&*(list)) new_old_ = new_name_ ? FIND(list, new_name_) : NULL, new_ = NULL;	\
	if (new_name_)								\
		check_words(p, new_name_, new_pos_, what);			\
	if (new_old_)								\
		gen_fail((p)->r, new_pos_, "%s '%s' is there already, in line %u", what, new_name_, new_old_->pos.line);	\
	else if (!(p)->r->failed)						\
		new_ = APPEND(p, list);						\
	if (new_) {								\
		new_->name = new_name_;						\
		new_->pos = new_pos_;						\
	}									\
	new_;									\
})

/* An old one. */
#define OLD_NAME(p, list, what) ({						\
	struct gen_pos old_pos_ = pos_of(p);					\
	const char *old_name_ = gen_want_name((p)->r, "the name of a " what);	\
	__typeof__(&*(list)) old_ = old_name_ ? FIND(list, old_name_) : NULL;	\
	if (old_name_ && !old_)							\
		gen_fail((p)->r, old_pos_, "no " what " is called '%s'", old_name_);	\
	old_;									\
})

static bool once(struct parser *p, struct gen_pos *said, struct gen_pos now, const char *what)
{
	if (said->line) {
		gen_fail(p->r, now, "%s is said already, in line %u", what, said->line);
		return false;
	}
	*said = now;
	return true;
}

static const struct gen_expr *expression(struct parser *p, unsigned int where)
{
	struct gen_expr_context context = { .dev = p->dev, .where = where };

	return gen_expr_parse(p->r, &context);
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static void read_title(struct parser *p)
{
	p->dev->title = gen_want_string(p->r, "a title");
}

static void read_skeleton(struct parser *p)
{
	struct gen_pos pos = pos_of(p);

	p->dev->skeleton = gen_want_string(p->r, "a file name");
	if (p->dev->skeleton && strchr(p->dev->skeleton, '/'))
		gen_fail(p->r, pos, "a skeleton is named without a folder");
}

static void read_class(struct parser *p)
{
	struct gen_pos pos = pos_of(p);

	p->dev->class_name = gen_want_name(p->r, "a class");
	if (p->dev->class_name && strcmp(p->dev->class_name, "block"))
		gen_fail(p->r, pos, "class '%s' is not known; block is", p->dev->class_name);
}

static void read_mode(struct parser *p)
{
	struct gen_device *dev = p->dev;
	struct gen_pos pos = pos_of(p);
	const char *mode = gen_want_name(p->r, "a mode");
	unsigned int i;

	if (!mode)
		return;
	if (strcmp(mode, "virtual") && strcmp(mode, "paravirtual")) {
		gen_fail(p->r, pos, "mode '%s' is neither virtual nor paravirtual", mode);
		return;
	}
	for (i = 0; i < dev->nr_modes; i++)
		if (!strcmp(dev->modes[i], mode)) {
			gen_fail(p->r, pos, "mode %s is said already", mode);
			return;
		}
	dev->modes[dev->nr_modes++] = mode;
}

/* xenstore "vbd" | virtio 2 | pci 0x1af4:0x1042 | pci class 0x010802 */
static void read_identity(struct parser *p)
{
	struct gen_pos pos = pos_of(p);
	char *to = p->dev->identity;
	size_t used = strlen(to), room = sizeof(p->dev->identity) - used;
	const char *comma = used ? ", " : "";
	const char *type;
	uint64_t a;
	int n = 0;

	if (gen_take_word(p->r, "xenstore")) {
		type = gen_want_string(p->r, "a device type");
		n = type ? snprintf(to + used, room, "%sxenstore %s", comma, type) : 0;
	} else if (gen_take_word(p->r, "virtio")) {
		n = snprintf(to + used, room, "%svirtio %u", comma,
			     (unsigned int)gen_want_number(p->r, "a virtio device id", 65535));
	} else {
		gen_want_word(p->r, "pci");
		if (gen_take_word(p->r, "class")) {
			n = snprintf(to + used, room, "%spci class %06x", comma,
				     (unsigned int)gen_want_number(p->r, "a class code", 0xffffff));
		} else {
			a = gen_want_number(p->r, "a vendor", 65535);
			gen_want_mark(p->r, ':');
			n = snprintf(to + used, room, "%spci %04x:%04x", comma, (unsigned int)a,
				     (unsigned int)gen_want_number(p->r, "a device", 65535));
		}
	}
	if (n < 0 || (size_t)n >= room)
		gen_fail(p->r, pos, "too many identities");
}

static void read_feature(struct parser *p)
{
	struct gen_feature *f = NEW_NAME(p, p->dev->features, "feature"), *other;
	struct gen_pos pos;

	if (!f)
		return;
	gen_want_mark(p->r, '=');
	pos = pos_of(p);
	f->bit = (unsigned int)gen_want_number(p->r, "a feature's bit", 63);
	for (other = p->dev->features; other != f; other = other->next)
		if (other->bit == f->bit)
			gen_fail(p->r, pos, "bit %u is %s already, in line %u", f->bit, other->name, other->pos.line);
	f->required = gen_take_word(p->r, "required");
	if (!f->required)
		gen_want_word(p->r, "refused");
}

static bool constant_free(struct parser *p, const char *name, struct gen_pos pos)
{
	const struct gen_constant *c = FIND(p->dev->constants, name);

	if (c)
		gen_fail(p->r, pos, "constant '%s' is there already, in line %u", name, c->pos.line);
	return !c;
}

static void add_constant(struct parser *p, const char *name, struct gen_pos pos, const struct gen_expr *value,
			 bool opcode)
{
	struct gen_constant *c;

	if (!value)
		return;
	c = APPEND(p, p->dev->constants);
	if (c)
		*c = (struct gen_constant){ .name = name, .pos = pos, .value = value->most, .opcode = opcode };
}

static void read_const(struct parser *p)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "a name");

	if (!name || !constant_free(p, name, pos))
		return;
	gen_want_mark(p->r, '=');
	add_constant(p, name, pos, expression(p, GEN_AT_CONSTANT), false);
}

static void read_opcode(struct parser *p)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "the name of an opcode");
	const struct gen_expr *value;
	const struct gen_constant *c;

	if (!name || !constant_free(p, name, pos))
		return;
	gen_want_mark(p->r, '=');
	value = expression(p, GEN_AT_CONSTANT);
	for (c = p->dev->constants; c && value; c = c->next)
		if (c->opcode && c->value == value->most) {
			gen_fail(p->r, pos, "%s and %s have the same opcode %" PRIu64, c->name, name, c->value);
			return;
		}
	add_constant(p, name, pos, value, true);
	gen_want_mark(p->r, ';');
}

static void read_opcodes(struct parser *p)
{
	struct gen_pos pos = pos_of(p);

	if (!once(p, &p->dev->opcodes_pos, pos, "which opcodes there are"))
		return;
	p->dev->opcodes_field = gen_want_name(p->r, "the field that holds the opcode");
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		read_opcode(p);
}

/* ---- Structures -------------------------------------------------------------------------------------------------- */

static const struct { const char *name; uint32_t bytes; bool is_signed, big_endian; } numbers[] = {
	{ "u8", 1, false, false }, { "u16", 2, false, false }, { "u32", 4, false, false }, { "u64", 8, false, false },
	{ "s8", 1, true, false }, { "s16", 2, true, false }, { "s32", 4, true, false }, { "s64", 8, true, false },
	{ "be16", 2, false, true }, { "be32", 4, false, true }, { "be64", 8, false, true },
};

static bool read_type(struct parser *p, struct gen_struct *in, struct gen_field *f)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "a type");
	size_t i;

	if (!name)
		return false;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
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

static void read_bits(struct parser *p, struct gen_field *f)
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
static void place_field(struct parser *p, struct gen_struct *s, struct gen_field *f)
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

static void read_field(struct parser *p, struct gen_struct *s)
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
		check_words(p, f->name, f->pos, "field");
	other = f->name ? FIND(s->fields, f->name) : NULL;
	if (other)
		gen_fail(p->r, f->pos, "field '%s' is there already, in line %u", f->name, other->pos.line);
	if (!f->name || !read_type(p, s, f))
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

static void read_struct(struct parser *p)
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

/* ---- Limits, memory, doorbells, rings ---------------------------------------------------------------------------- */

static void read_limit(struct parser *p)
{
	if (gen_take_word(p->r, "grants")) {
		p->dev->grants = (uint32_t)gen_want_number(p->r, "the number of grants", 1u << 20);
		return;
	}
	gen_want_word(p->r, "segments");
	p->dev->segments = (uint32_t)gen_want_number(p->r, "the number of segments", GEN_SEGMENTS_MAX);
}

static void read_memory(struct parser *p)
{
	if (p->dev->memory_said || p->dev->rings || p->dev->forms)
		gen_fail(p->r, pos_of(p), "memory is said once, before rings and forms");
	p->dev->memory_said = true;
	p->dev->granted = gen_take_word(p->r, "granted");
	if (!p->dev->granted)
		gen_want_word(p->r, "bus");
}

static void read_segments(struct parser *p)
{
	struct gen_pos pos;

	gen_want_word(p->r, "meet");
	gen_want_word(p->r, "at");
	pos = pos_of(p);
	if (gen_want_number(p->r, "where segments meet", GEN_PAGE) != GEN_PAGE)
		gen_fail(p->r, pos, "segments meet at %u or wherever they like", GEN_PAGE);
	p->dev->gapless = true;
}

static void read_page(struct parser *p)
{
	do {
		struct gen_pos pos = pos_of(p);
		struct gen_struct *s = OLD_NAME(p, p->dev->structs, "struct");

		if (!s)
			return;
		if (p->dev->nr_pages == GEN_LIST_MAX) {
			gen_fail(p->r, pos, "more than %u forms of a page", GEN_LIST_MAX);
			return;
		}
		p->dev->pages[p->dev->nr_pages++] = s;
	} while (gen_take_mark(p->r, ','));
	if (gen_take_word(p->r, "read")) {
		gen_want_word(p->r, "only");
		p->dev->page_read_only = true;
	}
}

static void read_doorbell(struct parser *p)
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
	if (!read_type(p, NULL, &type))
		return;
	if (type.of || type.is_signed || type.big_endian || type.bytes > 4)
		gen_fail(p->r, pos, "a doorbell is written as u8, u16 or u32");
	d->bytes = type.bytes;
	gen_want_mark(p->r, '@');
	d->index = (uint32_t)gen_want_number(p->r, "the doorbell's index", 15);
}

static uint32_t power_of_two_below(uint32_t n)
{
	return n ? 1u << (31 - __builtin_clz(n)) : 0;
}

static void read_ring_entries(struct parser *p, struct gen_ring *ring)
{
	do {
		struct gen_pos pos = pos_of(p);
		struct gen_struct *s = OLD_NAME(p, p->dev->structs, "struct");

		if (!s)
			return;
		if (ring->nr_entries_structs == GEN_LIST_MAX) {
			gen_fail(p->r, pos, "more than %u structs in an entry", GEN_LIST_MAX);
			return;
		}
		ring->entries[ring->nr_entries_structs++] = s;
		if (s->size > ring->entry_bytes)
			ring->entry_bytes = s->size;
	} while (gen_take_mark(p->r, ','));
}

static void ring_statement(struct parser *p, struct gen_ring *ring)
{
	struct gen_pos pos = pos_of(p);

	if (gen_take_word(p->r, "header")) {
		ring->header = OLD_NAME(p, p->dev->structs, "struct");
	} else if (gen_take_word(p->r, "entries")) {
		ring->entries_most = (uint32_t)gen_want_number(p->r, "the number of entries", 32768);
		if (ring->entries_most < 2 || power_of_two_below(ring->entries_most) != ring->entries_most)
			gen_fail(p->r, pos, "a ring of %u entries: not a power of two from 2", ring->entries_most);
	} else {
		gen_want_word(p->r, "entry");
		read_ring_entries(p, ring);
	}
	gen_want_mark(p->r, ';');
}

static uint32_t ring_header_bytes(const struct gen_ring *ring)
{
	return ring->header ? ring->header->size : 0;
}

/* Memory on the bus is contiguous within a page alone; granted rings are as large as ring_order says. */
static void check_ring_size(struct parser *p, struct gen_ring *ring)
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

static void read_ring(struct parser *p)
{
	struct gen_ring *ring = NEW_NAME(p, p->dev->rings, "ring");

	if (!ring)
		return;
	if (!p->dev->memory_said)
		gen_fail(p->r, ring->pos, "memory (granted, or bus) is to be said before a ring");
	ring->number = p->dev->nr_rings++;
	if (p->dev->nr_rings > (p->dev->granted ? 1 : GEN_RINGS_MAX))
		gen_fail(p->r, ring->pos, "more rings than %u", p->dev->granted ? 1 : GEN_RINGS_MAX);
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		ring_statement(p, ring);
	if (!p->r->failed)
		check_ring_size(p, ring);
}

/* ---- Places in memory -------------------------------------------------------------------------------------------- */

static struct gen_field *find_field(struct parser *p, const struct gen_struct *s, const char *name, struct gen_pos pos)
{
	struct gen_field *f = FIND(s->fields, name);

	if (!f)
		gen_fail(p->r, pos, "'%s' is no field of struct %s", name, s->name);
	return f;
}

static const struct gen_expr *read_index(struct parser *p, const struct gen_expr_context *x, uint64_t count,
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
static bool read_steps(struct parser *p, const struct gen_expr_context *x, const struct gen_struct *s, const char *name,
		       struct gen_pos pos, struct gen_place *to)
{
	for (;;) {
		struct gen_field *f = name ? find_field(p, s, name, pos) : NULL;

		if (!f)
			return false;
		if (to->steps == sizeof(to->step) / sizeof(to->step[0]))
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
static bool read_target(struct parser *p, const struct gen_expr_context *x, struct gen_place *to)
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
static struct gen_place *read_source(struct parser *p, unsigned int allowed)
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

/* ---- Submitting and completing ----------------------------------------------------------------------------------- */

/* A field of RING's header that both sides count in. */
static const struct gen_field *read_header_index(struct parser *p, const struct gen_ring *ring)
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
	f = find_field(p, ring->header, name, pos);
	if (f && (f->of || f->count || f->is_signed || f->big_endian || (f->bytes != 2 && f->bytes != 4))) {
		gen_fail(p->r, pos, "%s is no u16 or u32, so no index", name);
		return NULL;
	}
	return f;
}

static void read_notify(struct parser *p, const struct gen_ring *ring, struct gen_notify *n)
{
	struct gen_pos pos = pos_of(p);

	if (!once(p, &n->pos, pos, "which doorbell rings"))
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
	n->value = expression(p, GEN_AT_NOTIFY);
	if (n->value && n->doorbell->bytes < 8 && n->value->most >> (8 * n->doorbell->bytes))
		gen_fail(p->r, pos, "doorbell %s of %u bits is too narrow for %" PRIu64, n->doorbell->name,
			 8 * n->doorbell->bytes, n->value->most);
	if (gen_take_word(p->r, "unless"))
		n->unless = read_source(p, 1u << GEN_IN_HEADER);
}

static void submit_statement(struct parser *p, struct gen_pos *index_said)
{
	struct gen_device *dev = p->dev;
	struct gen_pos pos = pos_of(p);

	if (gen_take_word(p->r, "notify")) {
		read_notify(p, dev->submit, &dev->submit_notify);
	} else {
		gen_want_word(p->r, "index");
		if (!once(p, index_said, pos, "the index"))
			return;
		if (!gen_take_word(p->r, "wrap")) {
			gen_want_word(p->r, "free");
			dev->submit_index = read_header_index(p, dev->submit);
		}
	}
	gen_want_mark(p->r, ';');
}

static void read_submit(struct parser *p)
{
	struct gen_pos index_said = { 0 }, pos = pos_of(p);

	if (!once(p, &p->dev->submit_pos, pos, "how to submit"))
		return;
	p->dev->submit = OLD_NAME(p, p->dev->rings, "ring");
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		submit_statement(p, &index_said);
	if (!p->r->failed && !index_said.line)
		gen_fail(p->r, pos, "submit %s does not say its index", p->dev->submit->name);
	if (!p->r->failed && !p->dev->submit_notify.doorbell)
		gen_fail(p->r, pos, "submit %s rings no doorbell", p->dev->submit->name);
}

static const char *read_error(struct parser *p)
{
	static const struct { const char *word, *c; } errors[] = {
		{ "ok", "XG_E_OK" }, { "io", "-XG_E_IO" }, { "notsupp", "-XG_E_NOTSUPP" }, { "inval", "-XG_E_INVAL" },
		{ "nodev", "-XG_E_NODEV" }, { "nomem", "-XG_E_NOMEM" },
	};
	struct gen_pos pos = pos_of(p);
	const char *word = gen_want_name(p->r, "ok or an error");
	size_t i;

	for (i = 0; word && i < sizeof(errors) / sizeof(errors[0]); i++)
		if (!strcmp(errors[i].word, word))
			return errors[i].c;
	if (word)
		gen_fail(p->r, pos, "'%s' is none of ok, io, notsupp, inval, nodev, nomem", word);
	return NULL;
}

/* The number of bits that PLACE holds. */
static unsigned int place_bits(const struct gen_place *place)
{
	const struct gen_field *f = place->step[place->steps - 1].field;

	return place->bits ? place->bits->hi - place->bits->lo + 1 : 8 * f->bytes;
}

static void status_row(struct parser *p)
{
	const struct gen_place *place = p->dev->status_place;
	bool is_signed = !place->bits && place->step[place->steps - 1].field->is_signed;
	unsigned int bits = place_bits(place) - is_signed;
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
			gen_fail(p->r, s->pos, "a status of %u bits cannot be %" PRId64, place_bits(place), s->value);
	}
	for (other = p->dev->statuses; other != s; other = other->next)
		if (other->otherwise == s->otherwise && other->value == s->value)
			gen_fail(p->r, s->pos, "this status is there already, in line %u", other->pos.line);
	gen_want_mark(p->r, ':');
	s->error = read_error(p);
	gen_want_mark(p->r, ';');
}

static void read_status(struct parser *p)
{
	struct gen_pos pos = pos_of(p);
	struct gen_status *s;

	p->dev->status_place = read_source(p, 1u << GEN_IN_RESPONSE | 1u << GEN_IN_PAGE);
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		status_row(p);
	for (s = p->dev->statuses; s && !s->otherwise; s = s->next)
		;
	if (!s)
		gen_fail(p->r, pos, "no row 'otherwise' says what an unknown status means");
}

static void read_complete_index(struct parser *p)
{
	struct gen_device *dev = p->dev;

	if (gen_take_word(p->r, "wrap")) {
		gen_want_word(p->r, "phase");
		dev->phase = read_source(p, 1u << GEN_IN_RESPONSE);
		if (dev->phase && (place_bits(dev->phase) != 1 || dev->phase->step[dev->phase->steps - 1].index))
			gen_fail(p->r, dev->phase->pos, "a phase is one bit");
		return;
	}
	gen_want_word(p->r, "free");
	dev->complete_index = read_header_index(p, dev->complete);
	if (gen_take_word(p->r, "wish"))
		dev->wish = read_header_index(p, dev->complete);
}

static void complete_statement(struct parser *p)
{
	struct gen_device *dev = p->dev;

	if (!dev->response) {
		gen_want_word(p->r, "entry");
		dev->response = OLD_NAME(p, p->dev->structs, "struct");
	} else if (gen_take_word(p->r, "index")) {
		read_complete_index(p);
	} else if (gen_take_word(p->r, "notify")) {
		read_notify(p, dev->complete, &dev->consumed);
	} else if (gen_take_word(p->r, "id")) {
		dev->id = read_source(p, 1u << GEN_IN_RESPONSE);
	} else if (gen_take_word(p->r, "same")) {
		dev->same = read_source(p, 1u << GEN_IN_RESPONSE);
	} else {
		gen_want_word(p->r, "status");
		read_status(p);
		return;
	}
	gen_want_mark(p->r, ';');
}

static void read_complete(struct parser *p)
{
	struct gen_device *dev = p->dev;
	struct gen_pos pos = pos_of(p);
	unsigned int i;

	if (!once(p, &dev->complete_pos, pos, "how to complete"))
		return;
	dev->complete = OLD_NAME(p, p->dev->rings, "ring");
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		complete_statement(p);
	if (p->r->failed)
		return;
	for (i = 0; dev->response && i < dev->complete->nr_entries_structs &&
	     dev->complete->entries[i] != dev->response; i++)
		;
	if (!dev->response || i == dev->complete->nr_entries_structs)
		gen_fail(p->r, pos, "complete %s does not say which of the ring's structs answers",
			 dev->complete->name);
	else if (!dev->complete_index && !dev->phase)
		gen_fail(p->r, pos, "complete %s does not say its index", dev->complete->name);
	else if (!dev->id)
		gen_fail(p->r, pos, "complete %s does not say by which id an answer is matched", dev->complete->name);
	else if (!dev->statuses)
		gen_fail(p->r, pos, "complete %s does not say where the status is", dev->complete->name);
}

/* ---- Forms and operations ---------------------------------------------------------------------------------------- */

static void check_width(struct parser *p, const struct gen_assign *a)
{
	const struct gen_place *to = &a->to;
	unsigned int bits = place_bits(to);
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

static void check_twice(struct parser *p, const struct gen_form *form, const struct gen_assign *a)
{
	const struct gen_assign *other;

	for (other = form->assigns; other != a; other = other->next)
		if (same_place(&other->to, &a->to))
			gen_fail(p->r, a->pos, "this is set already, in line %u", other->pos.line);
}

static void read_assign(struct parser *p, struct gen_form *form, bool each, uint32_t from)
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
	if (!read_target(p, &x, &a->to))
		return;
	check_twice(p, form, a);
	gen_want_mark(p->r, '=');
	a->value = gen_expr_parse(p->r, &x);
	if (a->value)
		check_width(p, a);
	gen_want_mark(p->r, ';');
}

/* each segment [from N] { … } */
static void read_each(struct parser *p, struct gen_form *form)
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

static void form_segments(struct parser *p, struct gen_form *form)
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

static void check_form_struct(struct parser *p, struct gen_form *form)
{
	unsigned int i;

	for (i = 0; i < p->dev->submit->nr_entries_structs; i++)
		if (p->dev->submit->entries[i] == form->of)
			return;
	gen_fail(p->r, form->pos, "struct %s is no entry of ring %s", form->of->name, p->dev->submit->name);
}

static void form_page(struct parser *p, struct gen_form *form)
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

static void read_form(struct parser *p)
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

static int read_op(struct parser *p)
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

static void operation_forms(struct parser *p, struct gen_operation *o)
{
	do {
		struct gen_pos pos = pos_of(p);
		struct gen_form *form = OLD_NAME(p, p->dev->forms, "form");

		if (!form)
			return;
		if (o->nr_forms == GEN_LIST_MAX) {
			gen_fail(p->r, pos, "more than %u forms", GEN_LIST_MAX);
			return;
		}
		o->forms[o->nr_forms++] = form;
		form->used = true;
	} while (gen_take_mark(p->r, ','));
}

static void operation_opcode(struct parser *p, struct gen_operation *o)
{
	struct gen_pos pos = pos_of(p);

	o->opcode = OLD_NAME(p, p->dev->constants, "opcode");
	if (o->opcode && !o->opcode->opcode)
		gen_fail(p->r, pos, "'%s' is a constant, not an opcode", o->opcode->name);
}

static void read_operation(struct parser *p)
{
	struct gen_pos pos = pos_of(p);
	int op = read_op(p);
	struct gen_operation *o;

	if (op < 0)
		return;
	o = &p->dev->operations[op];
	if (!once(p, &o->pos, pos, op_names[op]))
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

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static const struct statement {
	const char *word;
	void (*read)(struct parser *p);
	bool block;		/* ends in }, not in ; */
} statements[] = {
	{ "title", read_title, false }, { "class", read_class, false }, { "skeleton", read_skeleton, false },
	{ "mode", read_mode, false }, { "identity", read_identity, false }, { "feature", read_feature, false },
	{ "const", read_const, false }, { "opcodes", read_opcodes, true }, { "struct", read_struct, true },
	{ "limit", read_limit, false }, { "memory", read_memory, false }, { "segments", read_segments, false },
	{ "page", read_page, false }, { "doorbell", read_doorbell, false }, { "ring", read_ring, true },
	{ "submit", read_submit, true }, { "complete", read_complete, true }, { "form", read_form, true },
	{ "operation", read_operation, false },
};

#define STATEMENTS (sizeof(statements) / sizeof(statements[0]))

static void read_statement(struct parser *p)
{
	struct gen_pos pos = pos_of(p);
	size_t i;

	for (i = 0; i < STATEMENTS; i++)
		if (gen_take_word(p->r, statements[i].word)) {
			statements[i].read(p);
			if (!statements[i].block)
				gen_want_mark(p->r, ';');
			return;
		}
	if (p->r->token.kind == GEN_WORD)
		gen_fail(p->r, pos, "'%.*s' begins no statement", (int)p->r->token.length, p->r->token.text);
	else
		gen_want_word(p->r, "}");
}

int gen_device_parse(const char *path, const char *text, size_t size, struct gen_arena *arena, struct gen_device **ret,
		     struct xg_err *err)
{
	struct gen_device *dev = gen_arena_get(arena, sizeof(*dev));
	struct gen_reader reader;
	struct parser p = { .r = &reader, .dev = dev };

	if (!dev)
		return xg_fail(err, ENOMEM, "%s: out of memory", path);
	gen_reader_init(&reader, path, text, size, arena, err);
	gen_want_word(&reader, "device");
	dev->path = path;
	dev->pos = pos_of(&p);
	dev->name = gen_want_hyphened(&reader, "the device's name");
	dev->segments = GEN_SEGMENTS_MAX;
	dev->grants = 8192;
	gen_want_mark(&reader, '{');
	while (!reader.failed && !gen_take_mark(&reader, '}'))
		read_statement(&p);
	if (!reader.failed && reader.token.kind != GEN_END)
		gen_fail(&reader, reader.token.pos, "something follows the description");
	if (!reader.failed)
		gen_device_check(&reader, dev);
	if (reader.failed)
		return reader.failed;
	*ret = dev;
	return 0;
}
