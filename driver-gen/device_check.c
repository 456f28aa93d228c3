// SPDX-License-Identifier: GPL-2.0-or-later
/* What must hold of a description as a whole: rows of rules, each of which knows one sentence. */
#include "driver-gen/device.h"

#include <inttypes.h>
#include <string.h>

#include "driver-gen/parse.h"

static const char *const op_names[GEN_OPS] = { "read", "write", "flush", "discard" };

static uint32_t power_of_two_below(uint32_t n)
{
	return n ? 1u << (31 - __builtin_clz(n)) : 0;
}

uint32_t gen_device_entries(const struct gen_device *dev)
{
	const struct gen_ring *ring = dev->rings;
	uint32_t header;

	if (!ring || !ring->entry_bytes)
		return 1;
	if (!dev->granted)
		return ring->entries_most ? ring->entries_most : 1;
	header = ring->header ? ring->header->size : 0;
	/* XG_RING_PAGES_MAX */
	return power_of_two_below((4 * GEN_PAGE - header) / ring->entry_bytes);
}

const char *gen_device_needs(const struct gen_device *dev)
{
	return dev->granted ? "grants,events" : "direct";
}

/* ---- What is missing --------------------------------------------------------------------------------------------- */

static void check_complete(struct gen_reader *r, const struct gen_device *dev)
{
	const struct { bool there; const char *what; } rows[] = {
		{ dev->title, "a title" }, { dev->class_name, "its class" }, { dev->skeleton, "its skeleton" },
		{ dev->nr_modes, "a mode" }, { dev->identity[0], "an identity" },
		{ dev->memory_said, "its memory (granted, or bus)" }, { dev->opcodes_field, "its opcodes" },
		{ dev->submit, "how to submit" }, { dev->complete, "how to complete" },
		{ dev->operations[GEN_READ].pos.line, "the operation read" },
	};
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(rows); i++)
		if (!rows[i].there)
			gen_fail(r, dev->pos, "device %s does not say %s", dev->name, rows[i].what);
}

/* ---- What the skeleton can do ------------------------------------------------------------------------------------ */

static void check_granted(struct gen_reader *r, const struct gen_device *dev)
{
	if (!dev->submit_index || !dev->complete_index)
		gen_fail(r, dev->submit_pos, "a granted ring's indices run freely");
	if (!dev->submit_notify.doorbell->event)
		gen_fail(r, dev->submit_notify.pos,
			 "doorbell %s is a register: whoever has granted memory has an event channel",
			 dev->submit_notify.doorbell->name);
	if (dev->gapless)
		gen_fail(r, dev->pos, "segments meet where they like in granted memory");
	if (dev->features)
		gen_fail(r, dev->features->pos, "features are negotiated with devices on a bus");
}

static void check_bus(struct gen_reader *r, const struct gen_device *dev)
{
	const struct gen_ring *ring;

	if (dev->submit_notify.doorbell->event)
		gen_fail(r, dev->submit_notify.pos, "doorbell %s is an event channel: a device on a bus has registers",
			 dev->submit_notify.doorbell->name);
	if (dev->submit == dev->complete)
		gen_fail(r, dev->complete_pos, "requests and answers share ring %s: on a bus each has its own",
			 dev->submit->name);
	for (ring = dev->rings; ring; ring = ring->next)
		if (ring->entries_most != dev->rings->entries_most)
			gen_fail(r, ring->pos, "ring %s has %u entries, ring %s has %u", ring->name, ring->entries_most,
				 dev->rings->name, dev->rings->entries_most);
}

static void check_indices(struct gen_reader *r, const struct gen_device *dev)
{
	if (!dev->submit_index != !dev->complete_index)
		gen_fail(r, dev->complete_pos, "one index wraps, the other runs freely");
	else if (dev->submit_index && dev->submit_index->bytes != dev->complete_index->bytes)
		gen_fail(r, dev->complete_pos, "the two indices have %u and %u bits", 8 * dev->submit_index->bytes,
			 8 * dev->complete_index->bytes);
	if (dev->submit_index && gen_device_entries(dev) > 1u << (8 * dev->submit_index->bytes - 1))
		gen_fail(r, dev->submit_pos, "%u entries are too many for an index of %u bits", gen_device_entries(dev),
			 8 * dev->submit_index->bytes);
	if (dev->phase && (!dev->consumed.doorbell || dev->consumed.doorbell->event))
		gen_fail(r, dev->complete_pos, "complete %s does not say which register tells what was taken",
			 dev->complete->name);
	if (dev->consumed.unless)
		gen_fail(r, dev->consumed.pos, "what was taken is told without a condition");
	if (!dev->phase && dev->consumed.doorbell)
		gen_fail(r, dev->consumed.pos, "only a queue that wraps tells what was taken");
}

/* ---- Operations -------------------------------------------------------------------------------------------------- */

static bool assigns_opcode(const struct gen_device *dev, const struct gen_form *form)
{
	const struct gen_assign *a;

	for (a = form->assigns; a; a = a->next)
		if (!a->each && a->to.steps == 1 && !strcmp(a->to.step[0].field->name, dev->opcodes_field))
			return true;
	return false;
}

/* Reads and writes: their forms take 1 to N segments without a gap. */
static void check_transfer(struct gen_reader *r, const struct gen_operation *o, const char *name)
{
	uint32_t next = 1;
	unsigned int i;

	for (i = 0; i < o->nr_forms; i++) {
		if (!o->forms[i]->most)
			gen_fail(r, o->pos, "operation %s moves data, form %s has no segments", name,
				 o->forms[i]->name);
		else if (o->forms[i]->least != next)
			gen_fail(r, o->pos, "operation %s: form %s begins at %u segments, wanted %u", name,
				 o->forms[i]->name,
				 o->forms[i]->least, next);
		else if (i + 1 < o->nr_forms && o->forms[i]->limited)
			gen_fail(r, o->pos, "operation %s: only the last form can be limited, not %s", name,
				 o->forms[i]->name);
		next = o->forms[i]->most + 1;
	}
	if (o->forms[0]->limited)
		gen_fail(r, o->pos, "operation %s has no form without a limit", name);
}

static void check_operation(struct gen_reader *r, const struct gen_device *dev, enum gen_op op)
{
	const struct gen_operation *o = &dev->operations[op];
	unsigned int i;

	if (!o->pos.line)
		return;
	for (i = 0; i < o->nr_forms; i++)
		if (!assigns_opcode(dev, o->forms[i]))
			gen_fail(r, o->forms[i]->pos, "form %s sets no %s, so it has no opcode", o->forms[i]->name,
				 dev->opcodes_field);
	if (op == GEN_READ || op == GEN_WRITE)
		check_transfer(r, o, op_names[op]);
	else if (o->nr_forms != 1 || o->forms[0]->most)
		gen_fail(r, o->pos, "operation %s moves no data: it has one form, without segments", op_names[op]);
	if (o->fua_then_flush && !dev->operations[GEN_FLUSH].pos.line)
		gen_fail(r, o->pos, "a write is to be followed by a flush, and there is no operation flush");
	/* The flush that follows is made without the OS's request. */
	if (op == GEN_FLUSH && o->forms[0]->uses_secure)
		gen_fail(r, o->pos, "a flush is not secure");
}

static bool same_forms(const struct gen_operation *a, const struct gen_operation *b)
{
	return a->nr_forms == b->nr_forms && !memcmp(a->forms, b->forms, sizeof(a->forms));
}

static void check_operations(struct gen_reader *r, const struct gen_device *dev)
{
	const struct gen_operation *read = &dev->operations[GEN_READ], *write = &dev->operations[GEN_WRITE];
	const struct gen_form *form;
	unsigned int op;

	for (op = 0; op < GEN_OPS; op++)
		check_operation(r, dev, op);
	if (write->pos.line && !same_forms(read, write))
		gen_fail(r, write->pos, "read and write have different forms");
	for (form = dev->forms; form; form = form->next)
		if (!form->used)
			gen_fail(r, form->pos, "no operation has form %s", form->name);
}

static void check_same(struct gen_reader *r, const struct gen_device *dev)
{
	const struct gen_constant *c;

	for (c = dev->constants; dev->same && c; c = c->next)
		if (c->opcode && c->value > 255)
			gen_fail(r, c->pos,
				 "opcode %s = %" PRIu64 " does not fit the 8 bits that an answer is compared with",
				 c->name, c->value);
}

int gen_device_check(struct gen_reader *r, struct gen_device *dev)
{
	check_complete(r, dev);
	if (r->failed)
		return r->failed;
	if (dev->granted)
		check_granted(r, dev);
	else
		check_bus(r, dev);
	check_indices(r, dev);
	check_operations(r, dev);
	check_same(r, dev);
	return r->failed;
}
