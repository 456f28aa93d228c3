// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the description of a device, statement by statement; a table says which word begins which. A name must stand
 * before it is used, so what a statement says can be checked where it stands. Rules about the whole: device_check.c.
 */
#include "driver-gen/device_parse.h"

#include <inttypes.h>

/* ---- Names ------------------------------------------------------------------------------------------------------- */

/* Words that C, or the skeleton, has for itself; the latter for structs (s) or for rings and doorbells (r) alone. */
static const char c_words[] =
	" auto break case char const continue default do double else enum extern float for goto if inline int long"
	" register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while"
	" asm typeof ";
static const char struct_words[] = " queue slot xg_device xg_request xg_segment xg_memory xg_services xg_driver ";
static const char member_words[] =
	" magic entries depth in_flight max_segments req_prod req_pushed rsp_cons broken starved lba_shift ring_granted"
	" reserved bus interrupt self pages slot ";

static bool among(const char *words, const char *name)
{
	char word[GEN_NAME_MAX + 3];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(words, word);
}

void gen_check_word(struct gen_parser *p, const char *name, struct gen_pos pos, const char *what)
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

bool gen_once(struct gen_parser *p, struct gen_pos *said, struct gen_pos now, const char *what)
{
	if (said->line) {
		gen_fail(p->r, now, "%s is said already, in line %u", what, said->line);
		return false;
	}
	*said = now;
	return true;
}

const struct gen_expr *gen_read_expression(struct gen_parser *p, unsigned int where)
{
	struct gen_expr_context context = { .dev = p->dev, .where = where };

	return gen_expr_parse(p->r, &context);
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static void read_title(struct gen_parser *p)
{
	p->dev->title = gen_want_string(p->r, "a title");
}

static void read_skeleton(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);

	p->dev->skeleton = gen_want_string(p->r, "a file name");
	if (p->dev->skeleton && strchr(p->dev->skeleton, '/'))
		gen_fail(p->r, pos, "a skeleton is named without a folder");
}

static void read_class(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);

	p->dev->class_name = gen_want_name(p->r, "a class");
	if (p->dev->class_name && strcmp(p->dev->class_name, "block"))
		gen_fail(p->r, pos, "class '%s' is not known; block is", p->dev->class_name);
}

static void read_mode(struct gen_parser *p)
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
static void read_identity(struct gen_parser *p)
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

static void read_feature(struct gen_parser *p)
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

static bool constant_free(struct gen_parser *p, const char *name, struct gen_pos pos)
{
	const struct gen_constant *c = FIND(p->dev->constants, name);

	if (c)
		gen_fail(p->r, pos, "constant '%s' is there already, in line %u", name, c->pos.line);
	return !c;
}

static void add_constant(struct gen_parser *p, const char *name, struct gen_pos pos, const struct gen_expr *value,
			 bool opcode)
{
	struct gen_constant *c;

	if (!value)
		return;
	c = APPEND(p, p->dev->constants);
	if (c)
		*c = (struct gen_constant){ .name = name, .pos = pos, .value = value->most, .opcode = opcode };
}

static void read_const(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "a name");

	if (!name || !constant_free(p, name, pos))
		return;
	gen_want_mark(p->r, '=');
	add_constant(p, name, pos, gen_read_expression(p, GEN_AT_CONSTANT), false);
}

static void read_opcode(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);
	const char *name = gen_want_name(p->r, "the name of an opcode");
	const struct gen_expr *value;
	const struct gen_constant *c;

	if (!name || !constant_free(p, name, pos))
		return;
	gen_want_mark(p->r, '=');
	value = gen_read_expression(p, GEN_AT_CONSTANT);
	for (c = p->dev->constants; c && value; c = c->next)
		if (c->opcode && c->value == value->most) {
			gen_fail(p->r, pos, "%s and %s have the same opcode %" PRIu64, c->name, name, c->value);
			return;
		}
	add_constant(p, name, pos, value, true);
	gen_want_mark(p->r, ';');
}

static void read_opcodes(struct gen_parser *p)
{
	struct gen_pos pos = pos_of(p);

	if (!gen_once(p, &p->dev->opcodes_pos, pos, "which opcodes there are"))
		return;
	p->dev->opcodes_field = gen_want_name(p->r, "the field that holds the opcode");
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		read_opcode(p);
}

/* ---- Limits, memory ---------------------------------------------------------------------------------------------- */

static void read_limit(struct gen_parser *p)
{
	if (gen_take_word(p->r, "grants")) {
		p->dev->grants = (uint32_t)gen_want_number(p->r, "the number of grants", 1u << 20);
		return;
	}
	gen_want_word(p->r, "segments");
	p->dev->segments = (uint32_t)gen_want_number(p->r, "the number of segments", GEN_SEGMENTS_MAX);
}

static void read_memory(struct gen_parser *p)
{
	if (p->dev->memory_said || p->dev->rings || p->dev->forms)
		gen_fail(p->r, pos_of(p), "memory is said once, before rings and forms");
	p->dev->memory_said = true;
	p->dev->granted = gen_take_word(p->r, "granted");
	if (!p->dev->granted)
		gen_want_word(p->r, "bus");
}

static void read_segments(struct gen_parser *p)
{
	struct gen_pos pos;

	gen_want_word(p->r, "meet");
	gen_want_word(p->r, "at");
	pos = pos_of(p);
	if (gen_want_number(p->r, "where segments meet", GEN_PAGE) != GEN_PAGE)
		gen_fail(p->r, pos, "segments meet at %u or wherever they like", GEN_PAGE);
	p->dev->gapless = true;
}

static void read_page(struct gen_parser *p)
{
	do {
		struct gen_pos pos = pos_of(p);
		struct gen_struct *s = OLD_NAME(p, p->dev->structs, "struct");

		if (!s || list_full(p, pos, p->dev->nr_pages, "forms of a page"))
			return;
		p->dev->pages[p->dev->nr_pages++] = s;
	} while (gen_take_mark(p->r, ','));
	if (gen_take_word(p->r, "read")) {
		gen_want_word(p->r, "only");
		p->dev->page_read_only = true;
	}
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static const struct gen_statement statements[] = {
	{ "title", read_title, false }, { "class", read_class, false }, { "skeleton", read_skeleton, false },
	{ "mode", read_mode, false }, { "identity", read_identity, false }, { "feature", read_feature, false },
	{ "const", read_const, false }, { "opcodes", read_opcodes, true }, { "struct", gen_read_struct, true },
	{ "limit", read_limit, false }, { "memory", read_memory, false }, { "segments", read_segments, false },
	{ "page", read_page, false }, { "doorbell", gen_read_doorbell, false }, { "ring", gen_read_ring, true },
	{ "submit", gen_read_submit, true }, { "complete", gen_read_complete, true }, { "form", gen_read_form, true },
	{ "operation", gen_read_operation, false },
};

int gen_device_parse(const char *path, const char *text, size_t size, struct gen_arena *arena, struct gen_device **ret,
		     struct xg_err *err)
{
	struct gen_device *dev = gen_arena_get(arena, sizeof(*dev));
	struct gen_reader reader;
	struct gen_parser p = { .r = &reader, .dev = dev };

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
	READ_STATEMENTS(&p, statements);
	if (!reader.failed && reader.token.kind != GEN_END)
		gen_fail(&reader, reader.token.pos, "something follows the description");
	if (!reader.failed)
		gen_device_check(&reader, dev);
	if (reader.failed)
		return reader.failed;
	*ret = dev;
	return 0;
}
