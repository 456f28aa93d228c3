// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes a device's forms and operations as C: how a request is made of what the guest asks for. Called for the parts
 * of the skeleton that are these (device_emit.c).
 */
#include <inttypes.h>

#include "driver-gen/device_emit.h"
#include "driver-gen/parse.h"

/* ---- Forms ------------------------------------------------------------------------------------------------------- */

/* In the field's order of bytes; cut to its width where C could not see that it fits. */
static void put_value(const struct gen_field *f, const struct gen_expr *value, struct gen_out *out)
{
	bool cut = f->bytes < 8 && value->least != value->most;
	bool simple = value->kind == GEN_EX_NUMBER || value->kind == GEN_EX_NAME;

	if (f->big_endian)
		fprintf(out->f, "__builtin_bswap%u(", 8 * f->bytes);
	if (cut)
		fprintf(out->f, "(%sint%u_t)%s", f->is_signed ? "" : "u", 8 * f->bytes, simple ? "" : "(");
	gen_expr_print(value, out->f);
	if (cut && !simple)
		fputc(')', out->f);
	if (f->big_endian)
		fputc(')', out->f);
}

static const char *base_of(const struct gen_assign *a)
{
	return a->to.where == GEN_IN_PAGE ? "page->" : "to->";
}

/* Whether A sets a member of an element, which is then written whole: the rest of it becomes zero. */
static bool in_element(const struct gen_assign *a)
{
	return a->to.where == GEN_IN_RING || a->to.steps > 1;
}

/* Whether both set members of the same element. */
static bool same_element(const struct gen_assign *a, const struct gen_assign *b)
{
	unsigned int i;

	if (!in_element(a) || !in_element(b) || a->each != b->each || a->from != b->from)
		return false;
	if (a->to.where != b->to.where || a->to.ring != b->to.ring || a->to.steps != b->to.steps ||
	    !gen_expr_same(a->to.ring_index, b->to.ring_index))
		return false;
	for (i = 0; i + 1 < a->to.steps; i++)
		if (a->to.step[i].field != b->to.step[i].field ||
		    !gen_expr_same(a->to.step[i].index, b->to.step[i].index))
			return false;
	return true;
}

static void put_tabs(bool each, struct gen_out *out)
{
	fputs(each ? "\t\t" : "\t", out->f);
}

/* The element's place without its member. */
static void put_element(const struct gen_assign *a, struct gen_out *out)
{
	struct gen_place outer = a->to;

	outer.steps--;
	if (a->to.where == GEN_IN_RING) {
		fprintf(out->f, "queue->%s->entry[", a->to.ring->name);
		gen_expr_print(a->to.ring_index, out->f);
		fputs("]", out->f);
		if (a->to.ring->nr_entries_structs > 1)
			fprintf(out->f, ".%s", a->to.ring->entries[0]->name);
		if (outer.steps)
			fputc('.', out->f);
	} else {
		fputs(base_of(a), out->f);
	}
	gen_put_path(&outer, out);
	fprintf(out->f, " = (struct %s)", outer.steps ? last_field(&outer)->of->name : a->to.ring->entries[0]->name);
}

/* All that is set in one element, from A on; returns what follows. */
static const struct gen_assign *put_whole_element(const struct gen_emitter *e, const struct gen_assign *a,
						  struct gen_out *out)
{
	const struct gen_assign *first = a;

	from(e, out, a->pos);
	put_tabs(a->each, out);
	put_element(a, out);
	gen_put(out, "{\n");
	for (; a && same_element(first, a); a = a->next) {
		struct gen_place member = { .steps = 1 };

		member.step[0] = a->to.step[a->to.steps - 1];
		from(e, out, a->pos);
		put_tabs(a->each, out);
		fputs("\t.", out->f);
		gen_put_path(&member, out);
		fputs(" = ", out->f);
		put_value(last_field(&a->to), a->value, out);
		gen_put(out, ",\n");
	}
	gen_put_back(out);
	put_tabs(first->each, out);
	gen_put(out, "};\n");
	return a;
}

static const struct gen_assign *put_assign(const struct gen_emitter *e, const struct gen_assign *a, struct gen_out *out)
{
	const struct gen_field *f = last_field(&a->to);

	if (in_element(a))
		return put_whole_element(e, a, out);
	from(e, out, a->pos);
	put_tabs(a->each, out);
	fputs(base_of(a), out->f);
	gen_put_path(&a->to, out);
	if (a->to.bits) {
		fprintf(out->f, " |= (uint%u_t)((uint%u_t)(", 8 * f->bytes, 8 * f->bytes);
		gen_expr_print(a->value, out->f);
		gen_put(out, ") << %u);\n", a->to.bits->lo);
	} else {
		fputs(" = ", out->f);
		put_value(f, a->value, out);
		gen_put(out, ";\n");
	}
	return a->next;
}

/* Whether FORM sets all of field F, at the top of WHERE. */
static bool sets_field(const struct gen_form *form, const struct gen_field *f, int where)
{
	const struct gen_assign *a;

	for (a = form->assigns; a; a = a->next)
		if ((int)a->to.where == where && a->to.step[0].field == f && !a->to.bits)
			return true;
	return false;
}

static bool sets_numbers(const struct gen_form *form, int where)
{
	const struct gen_assign *a;

	for (a = form->assigns; a; a = a->next)
		if ((int)a->to.where == where && a->to.steps == 1 && !a->to.step[0].field->count)
			return true;
	return false;
}

static void zero_padding(const char *base, uint32_t at, uint32_t end, unsigned int *number, struct gen_out *out)
{
	uint32_t bytes;

	if (end - at > 16 && end > at) {
		/*
		 * What the device does not read: it keeps what an earlier request left there, which the device has
		 * seen.
		 */
		(*number)++;
		return;
	}
	for (; at < end; at += bytes) {
		for (bytes = 8; at % bytes || bytes > end - at; bytes /= 2)
			;
		gen_put(out, "	%spad%u = 0;\n", base, (*number)++);
	}
}

/* What the form does not say is zero: another form may have left something there. Arrays keep what no one reads. */
static void put_zeroes(const struct gen_form *form, const struct gen_struct *s, int where, struct gen_out *out)
{
	const char *base = where == GEN_IN_PAGE ? "page->" : "to->";
	const struct gen_field *f;
	unsigned int pads = 0;
	uint32_t end;

	FOR_EACH_FIELD_END(s, f, end) {
		zero_padding(base, end, f->offset, &pads, out);
		if (!f->of && !f->count && !sets_field(form, f, where))
			gen_put(out, "	%s%s = 0;\n", base, f->name);
	}
	zero_padding(base, end, s->size, &pads, out);
}

static void put_each(const struct gen_emitter *e, const struct gen_form *form, struct gen_out *out)
{
	const struct gen_assign *a = form->assigns;
	uint32_t loop_from;

	while (a) {
		if (!a->each) {
			a = a->next;
			continue;
		}
		loop_from = a->from;
		gen_put_back(out);
		gen_put(out, "	for (i = %u; i < req->nr_segments; i++) {\n", loop_from);
		while (a && a->each && a->from == loop_from)
			a = put_assign(e, a, out);
		gen_put_back(out);
		gen_put(out, "	}\n");
	}
}

static bool has_each(const struct gen_form *form)
{
	const struct gen_assign *a;

	for (a = form->assigns; a && !a->each; a = a->next)
		;
	return a;
}

static bool sets_entry(const struct gen_form *form)
{
	const struct gen_assign *a;

	for (a = form->assigns; a && a->to.where != GEN_IN_PAGE; a = a->next)
		;
	return a;
}

static void put_form(const struct gen_emitter *e, const struct gen_form *form, struct gen_out *out)
{
	const struct gen_ring *ring = e->dev->submit;
	const struct gen_assign *a;
	bool page = sets_entry(form);

	from(e, out, form->pos);
	gen_put(out, "static void form_%s(const struct xg_device *dev, struct queue *queue, struct slot *slot,\n",
		form->name);
	gen_put(out, "		const struct xg_request *req, uint32_t opcode, ");
	gen_put_entry_type(ring, out);
	gen_put(out, " *entry)\n{\n");
	gen_put_back(out);
	fprintf(out->f, "	struct %s *to = ", form->of->name);
	gen_put(out, ring->nr_entries_structs > 1 ? "&entry->%s;\n" : "entry;\n", form->of->name);
	if (page && form->page == e->dev->pages[0])
		gen_put(out, "	struct %s *page = slot->page;\n", form->page->name);
	else if (page)
		gen_put(out, "	struct %s *page = (struct %s *)slot->page;\n", form->page->name, form->page->name);
	if (has_each(form))
		gen_put(out, "	uint32_t i;\n");
	gen_put(out, "\n	(void)dev, (void)queue, (void)slot, (void)req, (void)opcode;\n");
	put_zeroes(form, form->of, GEN_IN_ENTRY, out);
	if (page && sets_numbers(form, GEN_IN_PAGE))
		put_zeroes(form, form->page, GEN_IN_PAGE, out);
	for (a = form->assigns; a; )
		a = a->each ? a->next : put_assign(e, a, out);
	gen_put_back(out);
	put_each(e, form, out);
	gen_put(out, "}\n\n");
}

void gen_put_forms(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_form *form;

	for (form = e->dev->forms; form; form = form->next)
		put_form(e, form, out);
}

/* ---- Operations -------------------------------------------------------------------------------------------------- */

void gen_put_supported(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_operation *write = operation(e, GEN_WRITE), *discard = operation(e, GEN_DISCARD);
	bool fua = operation(e, GEN_READ)->forms[0]->uses_fua;

	gen_put(out, "	(void)dev;\n	switch (req->op) {\n	case XG_OP_READ:\n");
	if (write)
		gen_put(out, "	case XG_OP_WRITE:\n");
	if (writes_follow(e) || fua)
		gen_put(out, "		return !(req->flags & XG_RQ_FUA) || (dev->block.flags & %s);\n",
			writes_follow(e) ? "XG_BLK_FLUSH" : "XG_BLK_FUA");
	else
		gen_put(out, "		return !(req->flags & XG_RQ_FUA);\n");
	if (operation(e, GEN_FLUSH))
		gen_put(out, "	case XG_OP_FLUSH:\n		return dev->block.flags & XG_BLK_FLUSH;\n");
	if (discard && discard->forms[0]->uses_secure)
		gen_put(out, "	case XG_OP_DISCARD:\n		return dev->block.flags & (req->flags & XG_RQ_SECURE ? "
			"XG_BLK_SECURE_DISCARD : XG_BLK_DISCARD);\n");
	else if (discard)
		gen_put(out,
			"	case XG_OP_DISCARD:\n"
			"		return !(req->flags & XG_RQ_SECURE) && (dev->block.flags & "
			"XG_BLK_DISCARD);\n");
	gen_put(out, "	default:\n		return 0;\n	}\n");
}

static void put_named(const struct gen_emitter *e, const struct gen_operation *o, const char *tabs, struct gen_out *out)
{
	if (e->dev->same)
		gen_put(out, "%sslot->operation = OP_%s;\n", tabs, o->opcode->name);
}

static void put_call(const struct gen_form *form, const char *tabs, const char *req, const char *opcode,
		     struct gen_out *out)
{
	gen_put(out, "%sform_%s(dev, queue, slot, %s, %s, to);\n", tabs, form->name, req, opcode);
}

static void put_transfer(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_operation *read = operation(e, GEN_READ), *write = operation(e, GEN_WRITE);
	unsigned int i;

	gen_put(out, "	default:\n");
	from(e, out, read->pos);
	if (write)
		gen_put(out, "		opcode = req->op == XG_OP_WRITE ? OP_%s : OP_%s;\n", write->opcode->name,
			read->opcode->name);
	else
		gen_put(out, "		opcode = OP_%s;\n", read->opcode->name);
	gen_put_back(out);
	gen_put(out, "		rc = %s;\n",
		e->dev->granted ? "slot_map(dev, q, slot, req)" : "slot_map(dev, queue, req)");
	gen_put(out, "		if (rc != XG_E_OK)\n			return rc;\n");
	if (e->dev->same)
		gen_put(out, "		slot->operation = (uint8_t)opcode;\n");
	for (i = 0; i < read->nr_forms; i++) {
		if (i + 1 < read->nr_forms)
			gen_put(out, "		%sif (req->nr_segments <= %u)\n", i ? "else " : "",
				read->forms[i]->most);
		else if (i)
			gen_put(out, "		else\n");
		put_call(read->forms[i], read->nr_forms > 1 ? "\t\t\t" : "\t\t", "req", "opcode", out);
	}
	gen_put(out, "		break;\n");
}

void gen_put_build(const struct gen_emitter *e, struct gen_out *out)
{
	static const struct { enum gen_op op; const char *c; } rows[] = {
		{ GEN_FLUSH, "XG_OP_FLUSH" }, { GEN_DISCARD, "XG_OP_DISCARD" },
	};
	char opcode[GEN_NAME_MAX + 4];
	size_t i;

	gen_put(out, "	uint32_t opcode;\n	int rc;\n\n%s	switch (req->op) {\n",
		e->dev->granted ? "" : "	(void)q;\n");
	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		const struct gen_operation *o = operation(e, rows[i].op);

		if (!o)
			continue;
		gen_put(out, "	case %s:\n", rows[i].c);
		from(e, out, o->pos);
		snprintf(opcode, sizeof(opcode), "OP_%s", o->opcode->name);
		put_call(o->forms[0], "\t\t", "req", opcode, out);
		gen_put_back(out);
		put_named(e, o, "\t\t", out);
		gen_put(out, "		break;\n");
	}
	put_transfer(e, out);
	gen_put(out, "	}\n	return XG_E_OK;\n");
}

void gen_put_flush_after(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_operation *flush = operation(e, GEN_FLUSH);
	char opcode[GEN_NAME_MAX + 4];

	snprintf(opcode, sizeof(opcode), "OP_%s", flush->opcode->name);
	from(e, out, operation(e, GEN_WRITE)->pos);
	put_call(flush->forms[0], "\t", "slot->req", opcode, out);
	gen_put_back(out);
	put_named(e, flush, "\t", out);
}
