/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that write a device as C share; inside driver-gen only. */
#ifndef XG_GEN_DEVICE_EMIT_H
#define XG_GEN_DEVICE_EMIT_H

#include "driver-gen/device.h"
#include "driver-gen/out.h"

struct gen_emitter {
	const struct gen_device *dev;
	const char *mode;
	const char *os, *release;	/* NULL: for any */
};

/* The next line is led back to POS of the description, until gen_put_back(). */
static inline void from(const struct gen_emitter *e, struct gen_out *out, struct gen_pos pos)
{
	gen_put_from(out, e->dev->path, pos);
}

/* NULL: it is not described. */
static inline const struct gen_operation *operation(const struct gen_emitter *e, enum gen_op op)
{
	const struct gen_operation *o = &e->dev->operations[op];

	return o->pos.line ? o : NULL;
}

static inline bool writes_follow(const struct gen_emitter *e)
{
	return operation(e, GEN_WRITE) && operation(e, GEN_WRITE)->fua_then_flush;
}

static inline const struct gen_field *last_field(const struct gen_place *place)
{
	return place->step[place->steps - 1].field;
}

/* Calls BODY for each hole between fields, in order. */
#define FOR_EACH_FIELD_END(s, f, end)								\
	for (end = 0, f = (s)->fields; f; end = f->offset + f->bytes * (f->count ? f->count : 1), f = f->next)

/* "union sring_entry" or "struct command" (device_emit.c). */
void gen_put_entry_type(const struct gen_ring *ring, struct gen_out *out);
/* Text of the way from a struct to a number in it: "seg[i].gref" (device_emit.c). */
void gen_put_path(const struct gen_place *place, struct gen_out *out);

/* Parts of the skeleton (device_emit_form.c). */
void gen_put_forms(const struct gen_emitter *e, struct gen_out *out);
void gen_put_supported(const struct gen_emitter *e, struct gen_out *out);
void gen_put_build(const struct gen_emitter *e, struct gen_out *out);
void gen_put_flush_after(const struct gen_emitter *e, struct gen_out *out);

#endif
