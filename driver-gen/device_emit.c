// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes a device as C: the parts that its skeleton asks for; forms and operations are in device_emit_form.c. What
 * comes from a line of the description is led back there by #line. Called with a description that was checked; prints
 * nothing that the rules have not bounded.
 */
#include <inttypes.h>
#include <string.h>

#include "driver-gen/device_emit.h"
#include "driver-gen/parse.h"

static const char *bare_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- Structures -------------------------------------------------------------------------------------------------- */

static void put_type(const struct gen_field *f, struct gen_out *out)
{
	if (f->of)
		fprintf(out->f, "struct %s", f->of->name);
	else
		fprintf(out->f, "%sint%u_t", f->is_signed ? "" : "u", 8 * f->bytes);
}

/* Named fields over AT..END that nobody described. */
static void put_padding(uint32_t at, uint32_t end, unsigned int *number, struct gen_out *out)
{
	uint32_t bytes;

	for (; at < end; at += bytes) {
		for (bytes = 8; at % bytes || bytes > end - at; bytes /= 2)
			;
		if (end - at > 16) {
			gen_put(out, "	uint8_t pad%u[%u];\n", (*number)++, end - at);
			return;
		}
		gen_put(out, "	uint%u_t pad%u;\n", 8 * bytes, (*number)++);
	}
}

static void put_struct(const struct gen_emitter *e, const struct gen_struct *s, struct gen_out *out)
{
	const struct gen_field *f;
	unsigned int pads = 0;
	uint32_t end;

	from(e, out, s->pos);
	gen_put(out, "struct %s {\n", s->name);
	FOR_EACH_FIELD_END(s, f, end) {
		put_padding(end, f->offset, &pads, out);
		from(e, out, f->pos);
		fputc('\t', out->f);
		put_type(f, out);
		fprintf(out->f, " %s", f->name);
		if (f->count)
			fprintf(out->f, "[%u]", f->count);
		gen_put(out, ";\n");
	}
	gen_put_back(out);
	put_padding(end, s->size, &pads, out);
	gen_put(out, "};\n\n");
	from(e, out, s->pos);
	gen_put(out, "_Static_assert(sizeof(struct %s) == %u, \"struct %s\");\n", s->name, s->size, s->name);
	for (f = s->fields; f; f = f->next) {
		from(e, out, f->pos);
		gen_put(out, "_Static_assert(__builtin_offsetof(struct %s, %s) == %u, \"%s\");\n", s->name,
			f->name, f->offset,
			f->name);
	}
	gen_put_back(out);
	gen_put(out, "\n");
}

static void put_structs(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_struct *s;

	for (s = e->dev->structs; s; s = s->next)
		put_struct(e, s, out);
}

static void put_constants(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_constant *c;

	for (c = e->dev->constants; c; c = c->next) {
		from(e, out, c->pos);
		gen_put(out, "#define %s_%s %" PRIu64 "%s\n", c->opcode ? "OP" : "DEV", c->name, c->value,
			c->value > UINT32_MAX ? "ULL" : "u");
	}
	gen_put_back(out);
	gen_put(out, "\n");
}

/* ---- Rings ------------------------------------------------------------------------------------------------------- */

/* "union sring_entry" or "struct command". */
void gen_put_entry_type(const struct gen_ring *ring, struct gen_out *out)
{
	if (ring->nr_entries_structs > 1)
		fprintf(out->f, "union %s_entry", ring->name);
	else
		fprintf(out->f, "struct %s", ring->entries[0]->name);
}

static void put_ring(const struct gen_emitter *e, const struct gen_ring *ring, struct gen_out *out)
{
	unsigned int i;

	from(e, out, ring->pos);
	if (ring->nr_entries_structs > 1) {
		gen_put(out, "union %s_entry {\n", ring->name);
		for (i = 0; i < ring->nr_entries_structs; i++)
			gen_put(out, "	struct %s %s;\n", ring->entries[i]->name, ring->entries[i]->name);
		gen_put(out, "};\n\n");
		gen_put(out, "_Static_assert(sizeof(union %s_entry) == %u, \"entry\");\n\n", ring->name,
			ring->entry_bytes);
	}
	gen_put(out, "struct %s_ring {\n", ring->name);
	if (ring->header)
		gen_put(out, "	struct %s header;\n", ring->header->name);
	fputc('\t', out->f);
	gen_put_entry_type(ring, out);
	/* As many as the pages hold, or just as many as were said. */
	if (e->dev->granted)
		gen_put(out, " entry[];\n};\n\n");
	else
		gen_put(out, " entry[%u];\n};\n\n", ring->entries_most);
	gen_put(out, "_Static_assert(__builtin_offsetof(struct %s_ring, entry) == %u, \"ring\");\n", ring->name,
		ring->header ? ring->header->size : 0);
	gen_put_back(out);
	gen_put(out, "\n");
}

static void put_rings(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_ring *ring;

	for (ring = e->dev->rings; ring; ring = ring->next)
		put_ring(e, ring, out);
}

static void put_ring_pointers(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_ring *ring;

	for (ring = e->dev->rings; ring; ring = ring->next) {
		gen_put(out, "	struct %s_ring *%s;\n", ring->name, ring->name);
		gen_put(out, "	struct xg_memory %s_memory;\n", ring->name);
	}
}

static void put_ring_memory(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_ring *ring;

	if (e->dev->granted) {
		gen_put(out, "	rc = s->memory_get(dev, 1u << dev->block.ring_order, &queue->%s_memory);\n",
			e->dev->rings->name);
		return;
	}
	for (ring = e->dev->rings; ring; ring = ring->next) {
		if (ring != e->dev->rings)
			gen_put(out, "	if (rc == XG_E_OK)\n	");
		gen_put(out, "	rc = s->memory_get(dev, 1, &queue->%s_memory);\n", ring->name);
	}
}

static void put_ring_init(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_device *dev = e->dev;
	const struct gen_ring *ring;

	for (ring = dev->rings; ring; ring = ring->next)
		gen_put(out, "	queue->%s = queue->%s_memory.va;\n", ring->name, ring->name);
	if (dev->submit_notify.event || dev->wish)
		gen_put(out, "	/* Ask for an event with the first request and the first response. */\n");
	if (dev->submit_notify.event)
		gen_put(out, "	queue->%s->header.%s = 1;\n", dev->submit->name, dev->submit_notify.event->name);
	if (dev->wish)
		gen_put(out, "	queue->%s->header.%s = 1;\n", dev->complete->name, dev->wish->name);
}

static void put_ring_drop(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_ring *ring;

	for (ring = e->dev->rings; ring; ring = ring->next)
		gen_put(out, "	memory_drop(dev, &queue->%s_memory);\n", ring->name);
}

static void put_publish(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_ring *ring;

	for (ring = e->dev->rings; ring; ring = ring->next) {
		gen_put(out, "	direct->ring[%u] = page_bus(dev, queue->%s);\n", ring->number, ring->name);
		gen_put(out, "	if (direct->ring[%u] == XG_BUS_NONE)\n		return -XG_E_INVAL;\n", ring->number);
	}
}

/* ---- Doorbells --------------------------------------------------------------------------------------------------- */

static void put_doorbell_pointers(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_doorbell *d;

	for (d = e->dev->doorbells; d; d = d->next)
		if (!d->event)
			gen_put(out, "	volatile uint%u_t *%s;\n", 8 * d->bytes, d->name);
}

static void put_doorbells(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_doorbell *d;

	for (d = e->dev->doorbells; d; d = d->next) {
		if (d->event)
			continue;
		from(e, out, d->pos);
		gen_put(out, "	queue->%s = doorbell_at(dev, q, %u, %u);\n", d->name, d->index, d->bytes);
		gen_put_back(out);
		gen_put(out, "	if (!queue->%s)\n		return -XG_E_INVAL;\n", d->name);
	}
}

/* ---- Places ------------------------------------------------------------------------------------------------------ */

/* Text of the way from a struct to a number in it: "seg[i].gref". */
void gen_put_path(const struct gen_place *place, struct gen_out *out)
{
	unsigned int i;

	for (i = 0; i < place->steps; i++) {
		fprintf(out->f, "%s%s", i ? "." : "", place->step[i].field->name);
		if (place->step[i].index) {
			fputc('[', out->f);
			gen_expr_print(place->step[i].index, out->f);
			fputc(']', out->f);
		}
	}
}

static uint64_t bits_mask(const struct gen_bits *b)
{
	return UINT64_MAX >> (63 - (b->hi - b->lo));
}

/* A number read out of memory, once, in the processor's order, the bits alone. */
static void put_read(const struct gen_place *place, struct gen_out *out)
{
	const struct gen_field *f = last_field(place);
	bool shared = place->where != GEN_IN_RESPONSE;

	if (place->bits)
		fputc('(', out->f);
	if (place->bits && place->bits->lo)
		fputc('(', out->f);
	if (f->big_endian)
		fprintf(out->f, "__builtin_bswap%u(", 8 * f->bytes);
	if (shared)
		fputs("load_shared(", out->f);
	if (place->where == GEN_IN_RESPONSE)
		fputs("rsp->", out->f);
	else if (place->where == GEN_IN_PAGE)
		fputs("slot->page->", out->f);
	else
		fprintf(out->f, "queue->%s->header.", place->ring->name);
	gen_put_path(place, out);
	if (shared)
		fputc(')', out->f);
	if (f->big_endian)
		fputc(')', out->f);
	if (place->bits && place->bits->lo)
		fprintf(out->f, " >> %u)", place->bits->lo);
	if (place->bits)
		fprintf(out->f, " & 0x%" PRIx64 "u)", bits_mask(place->bits));
}

/* ---- Showing and taking ------------------------------------------------------------------------------------------ */

static void put_ring_doorbell(const struct gen_notify *n, const char *tabs, struct gen_out *out)
{
	fprintf(out->f, "%s*queue->%s = (uint%u_t)(", tabs, n->doorbell->name, 8 * n->doorbell->bytes);
	gen_expr_print(n->value, out->f);
	gen_put(out, ");\n");
}

static void put_show_register(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_notify *n = &e->dev->submit_notify;

	if (n->unless) {
		gen_put(out,
			"	/*\n"
			"	 * The index before we look whether the device wants to hear of it. "
			"Partner: the device's barrier\n"
			"	 * between its word that it does and its last look at the index.\n	 */\n");
		gen_put(out, "	full_fence();\n");
		from(e, out, n->pos);
		fputs("	if (!", out->f);
		put_read(n->unless, out);
		gen_put(out, ")\n");
	}
	from(e, out, n->pos);
	put_ring_doorbell(n, n->unless ? "\t\t" : "\t", out);
	gen_put_back(out);
}

static void put_show(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_device *dev = e->dev;
	const struct gen_notify *n = &dev->submit_notify;

	if (dev->submit_index) {
		from(e, out, dev->submit_pos);
		gen_put(out, "	store_shared(queue->%s->header.%s, new);\n", dev->submit->name,
			dev->submit_index->name);
		gen_put_back(out);
	}
	if (!n->doorbell->event) {
		put_show_register(e, out);
		return;
	}
	if (n->event) {
		gen_put(out,
			"	/*\n"
			"	 * The index before we look whether the backend sleeps. "
			"Partner: the full barrier between the backend's\n"
			"	 * store to %s and its last look at the index before it goes to sleep.\n	 */\n",
			n->event->name);
		gen_put(out, "	full_fence();\n");
		from(e, out, n->pos);
		gen_put(out,
			"	if ((ring_index)(new - load_shared(queue->%s->header.%s)) < "
			"(ring_index)(new - old))\n	",
			dev->submit->name, n->event->name);
	}
	gen_put(out, "	services(dev)->event_send(dev, q);\n");
	gen_put_back(out);
}

static void put_consumed(const struct gen_emitter *e, struct gen_out *out)
{
	gen_put(out, "		ring_index new = queue->rsp_cons;\n\n");
	gen_put(out,
		"		/* What was read before the place is the device's again. */\n"
		"		full_fence();\n");
	from(e, out, e->dev->consumed.pos);
	put_ring_doorbell(&e->dev->consumed, "\t\t", out);
	gen_put_back(out);
}

/* ---- Answers ----------------------------------------------------------------------------------------------------- */

static void put_status(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_field *f = last_field(e->dev->status_place);
	const struct gen_status *s;

	gen_put(out, "static int status_of(%sint%u_t status)\n{\n	switch (status) {\n",
		f->is_signed ? "" : "u", 8 * f->bytes);
	for (s = e->dev->statuses; s; s = s->next) {
		from(e, out, s->pos);
		if (s->otherwise)
			gen_put(out, "	default:\n");
		else
			gen_put(out, "	case %" PRId64 ":\n", s->value);
		gen_put_back(out);
		gen_put(out, "		return %s;\n", s->error);
	}
	gen_put(out, "	}\n}\n\n");
}

static void put_device_segments(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_operation *read = operation(e, GEN_READ);
	const struct gen_form *last = read->forms[read->nr_forms - 1];
	uint32_t sure = last->limited ? last->least - 1 : last->most;

	if (!e->dev->granted) {
		gen_put(out, "	return dev->direct.max_segments ? least(dev->direct.max_segments, %u) : %u;\n",
			sure, sure);
		return;
	}
	if (!last->limited) {
		gen_put(out, "	(void)dev;\n	return %u;\n", sure);
		return;
	}
	gen_put(out, "	uint32_t n = dev->block.max_indirect;\n\n");
	from(e, out, last->pos);
	gen_put(out, "	if (n <= %u)\n		return %u;\n	return n < %u ? n : %u;\n", sure, sure, last->most,
		last->most);
	gen_put_back(out);
}

static uint64_t feature_bits(const struct gen_device *dev, bool required)
{
	const struct gen_feature *f;
	uint64_t bits = 0;

	for (f = dev->features; f; f = f->next)
		if (f->required == required)
			bits |= UINT64_C(1) << f->bit;
	return bits;
}

static void put_features(const struct gen_emitter *e, struct gen_out *out)
{
	if (!e->dev->features)
		return;
	from(e, out, e->dev->features->pos);
	gen_put(out,
		"	if ((dev->direct.features & 0x%" PRIx64 "ULL) != 0x%" PRIx64
		"ULL || (dev->direct.features & 0x%" PRIx64 "ULL))\n",
		feature_bits(e->dev, true), feature_bits(e->dev, true), feature_bits(e->dev, false));
	gen_put_back(out);
	gen_put(out, "		return -XG_E_NOTSUPP;\n");
}

static void put_note(const struct gen_emitter *e, struct gen_out *out)
{
	if (e->os)
		gen_put(out, "	      \"os=%s\\\\n\"\n	      \"release=%s\\\\n\"\n", e->os, e->release);
	if (e->dev->features)
		gen_put(out,
			"	      \"features=0x%" PRIx64 "\\\\n\"\n"
			"	      \"features-refused=0x%" PRIx64 "\\\\n\"\n",
			feature_bits(e->dev, true), feature_bits(e->dev, false));
}

/* ---- What the skeleton asks for ---------------------------------------------------------------------------------- */

static const struct { const char *name; void (*put)(const struct gen_emitter *e, struct gen_out *out); } parts[] = {
	{ "note", put_note }, { "constants", put_constants }, { "structs", put_structs }, { "rings", put_rings },
	{ "ring_pointers", put_ring_pointers }, { "doorbell_pointers", put_doorbell_pointers },
	{ "forms", gen_put_forms },
	{ "supported", gen_put_supported }, { "build", gen_put_build }, { "show", put_show }, { "status", put_status },
	{ "flush_after", gen_put_flush_after }, { "consumed", put_consumed },
	{ "device_segments", put_device_segments },
	{ "publish", put_publish }, { "ring_memory", put_ring_memory }, { "ring_init", put_ring_init },
	{ "ring_drop", put_ring_drop }, { "doorbells", put_doorbells }, { "features", put_features },
};

static bool part_put(void *ctx, const char *name, struct gen_out *out)
{
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(parts); i++)
		if (!strcmp(parts[i].name, name)) {
			parts[i].put(ctx, out);
			return true;
		}
	return false;
}

static bool uses(const struct gen_device *dev, size_t offset)
{
	const struct gen_form *form;

	for (form = dev->forms; form; form = form->next)
		if (*(const bool *)((const char *)form + offset))
			return true;
	return false;
}

#define USES(dev, what) uses(dev, offsetof(struct gen_form, what))

static int condition(void *ctx, const char *name)
{
	const struct gen_emitter *e = ctx;
	const struct gen_device *dev = e->dev;
	const struct { const char *name; bool is; } rows[] = {
		{ "granted", dev->granted }, { "page", USES(dev, uses_page) }, { "follow", writes_follow(e) },
		{ "same", dev->same }, { "lba", USES(dev, uses_lba) }, { "gapless", dev->gapless },
		{ "indexed", dev->complete_index }, { "wish", dev->wish },
		{ "full_fence", dev->wish || dev->submit_notify.event || dev->submit_notify.unless || dev->phase },
	};
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].is;
	return -1;
}

/* FNV-1a: the same description, the same state. */
static uint64_t magic_of(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return h;
}

/* The pages a slot has are wanted only where requests are large enough to need them. */
static void put_page_condition(const struct gen_emitter *e, struct gen_out *out)
{
	const struct gen_operation *read = operation(e, GEN_READ);
	const struct gen_form *form, *last = read->forms[read->nr_forms - 1];

	for (form = e->dev->forms; form; form = form->next)
		if (form->uses_page && !(form == last && last->limited))
			return;
	fprintf(out->f, " && segments > %u", last->least - 1);
}

static void put_place_word(const struct gen_place *place, struct gen_out *out)
{
	if (place)
		put_read(place, out);
}

static bool word(void *ctx, const char *name, struct gen_out *out)
{
	const struct gen_emitter *e = ctx;
	const struct gen_device *dev = e->dev;
	const struct { const char *name, *text; } texts[] = {
		{ "title", dev->title }, { "mode", e->mode }, { "device", dev->name }, { "skeleton", dev->skeleton },
		{ "description", bare_name(dev->path) }, { "needs", gen_device_needs(dev) },
		{ "page", dev->nr_pages ? dev->pages[0]->name : "" },
		{ "page_read_only", dev->page_read_only ? "1" : "0" },
		{ "submit", dev->submit->name }, { "complete", dev->complete->name },
		{ "response", dev->response->name },
		{ "response_index", dev->complete_index ? dev->complete_index->name : "" },
		{ "wish", dev->wish ? dev->wish->name : "" },
		{ "phase_field", dev->phase ? last_field(dev->phase)->name : "" },
		{ "bounded", writes_follow(e) ? ", and only flushes after FUA writes are pushed meanwhile, one for\n"
						" * each write in flight" : "" },
		{ "own_pages", USES(dev, uses_page) ? "queue->pages.pages" : "0" },
		{ "depth", dev->submit_index ? "entries" : "entries - 1" },
		{ "boundary", dev->gapless ? "XG_ABI_PAGE" : "0" },
	};
	const struct { const char *name; uint64_t value; } numbers[] = {
		{ "segments", dev->segments }, { "entries", gen_device_entries(dev) }, { "grants", dev->grants },
		{ "index_bits", dev->submit_index ? 8 * dev->submit_index->bytes : 32 },
		{ "header_bytes", dev->submit->header ? dev->submit->header->size : 0 },
		{ "entry_bytes", dev->submit->entry_bytes },
		{ "phase_bit", dev->phase && dev->phase->bits ? dev->phase->bits->lo : 0 },
	};
	const struct { const char *name; const struct gen_place *place; } places[] = {
		{ "id", dev->id }, { "same_field", dev->same }, { "status_args", dev->status_place },
	};
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(texts); i++)
		if (!strcmp(texts[i].name, name)) {
			gen_put_text(out, texts[i].text, strlen(texts[i].text));
			return true;
		}
	for (i = 0; i < XG_ARRAY_SIZE(numbers); i++)
		if (!strcmp(numbers[i].name, name))
			return fprintf(out->f, "%" PRIu64, numbers[i].value) > 0;
	for (i = 0; i < XG_ARRAY_SIZE(places); i++)
		if (!strcmp(places[i].name, name)) {
			put_place_word(places[i].place, out);
			return true;
		}
	if (!strcmp(name, "magic"))
		return fprintf(out->f, "0x%" PRIx64, magic_of(dev->name)) > 0;
	if (!strcmp(name, "submit_entry"))
		gen_put_entry_type(dev->submit, out);
	else if (!strcmp(name, "page_condition"))
		put_page_condition(e, out);
	else if (!strcmp(name, "response_member"))
		fprintf(out->f, "%s%s", dev->complete->nr_entries_structs > 1 ? "." : "",
			dev->complete->nr_entries_structs > 1 ? dev->response->name : "");
	else
		return false;
	return true;
}

int gen_device_emit(const struct gen_device *dev, const char *mode, const char *os, const char *release,
		    const char *skeleton,
		    size_t skeleton_size, const char *out_name, FILE *f, struct xg_err *err)
{
	struct gen_emitter e = { .dev = dev, .mode = mode, .os = os, .release = release };
	struct gen_filler filler = { .is = condition, .word = word, .put = part_put, .ctx = &e };
	struct gen_out out;
	unsigned int i;

	for (i = 0; i < dev->nr_modes && strcmp(dev->modes[i], mode); i++)
		;
	if (i == dev->nr_modes)
		return xg_fail(err, EINVAL, "device %s has no mode %s", dev->name, mode);
	gen_out_init(&out, f, out_name);
	return gen_fill(dev->skeleton, skeleton, skeleton_size, &filler, &out, err);
}
