/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a device's description, each read by the file that is named after it; inside driver-gen only. They are
 * statements of device_parse.c's table, or what several of those read. What fails is said to the reader, which then
 * gives the end for every token: nobody has to look before the end of a statement.
 */
#ifndef XG_GEN_DEVICE_PARSE_H
#define XG_GEN_DEVICE_PARSE_H

#include "driver-gen/device.h"
#include "driver-gen/parse.h"

struct gen_parser {
	struct gen_reader *r;
	struct gen_device *dev;
	struct gen_pos word;		/* where the statement that is being read begins */
	struct gen_ring *ring;		/* inside a ring's block: that ring */
	struct gen_pos index_said;	/* inside submit's: where the index was said */
};

struct gen_statement {
	const char *word;
	void (*read)(struct gen_parser *p);	/* what stands behind the word */
	bool block;				/* ends in }, not in ; */
};

static inline struct gen_pos pos_of(const struct gen_parser *p)
{
	return p->r->token.pos;
}

/* ---- Names (device_parse.c) -------------------------------------------------------------------------------------- */

/* Fails when NAME is a word of C, or one that the skeleton has for itself. WHAT: what is to be called so. */
void gen_check_word(struct gen_parser *p, const char *name, struct gen_pos pos, const char *what);

/* A new name: nothing of its kind is called so. Uses a struct with name and pos. */
#define NEW_NAME(p, list, what) ({						\
	struct gen_pos new_pos_ = pos_of(p);					\
	const char *new_name_ = gen_want_name((p)->r, "a name");		\
	__typeof__(&*(list)) new_old_ = new_name_ ? FIND(list, new_name_) : NULL, new_ = NULL;	\
	if (new_name_)								\
		gen_check_word(p, new_name_, new_pos_, what);			\
	if (new_old_)								\
		gen_fail((p)->r, new_pos_, "%s '%s' is there already, in line %u", what, new_name_,	\
			 new_old_->pos.line);					\
	else if (!(p)->r->failed)						\
		new_ = APPEND(p, list);						\
	if (new_) {								\
		new_->name = new_name_;						\
		new_->pos = new_pos_;						\
	}									\
	new_;									\
})

/* Fails when a list has COUNT elements, and so no room for another one. WHAT: what they are. */
static inline bool list_full(struct gen_parser *p, struct gen_pos pos, uint32_t count, const char *what)
{
	if (count == GEN_LIST_MAX)
		gen_fail(p->r, pos, "more than %u %s", GEN_LIST_MAX, what);
	return count == GEN_LIST_MAX;
}

/* An old one. */
#define OLD_NAME(p, list, what) ({						\
	struct gen_pos old_pos_ = pos_of(p);					\
	const char *old_name_ = gen_want_name((p)->r, "the name of a " what);	\
	__typeof__(&*(list)) old_ = old_name_ ? FIND(list, old_name_) : NULL;	\
	if (old_name_ && !old_)							\
		gen_fail((p)->r, old_pos_, "no " what " is called '%s'", old_name_);	\
	old_;									\
})

/* Whether this is the first time that WHAT is said; SAID notes where. */
bool gen_once(struct gen_parser *p, struct gen_pos *said, struct gen_pos now, const char *what);

const struct gen_expr *gen_read_expression(struct gen_parser *p, unsigned int where);

/* ---- Structures (device_struct.c) -------------------------------------------------------------------------------- */

void gen_read_struct(struct gen_parser *p);
/* A type, into bytes, is_signed, big_endian and of of F. IN: the struct that is being read, or NULL. */
bool gen_read_type(struct gen_parser *p, struct gen_struct *in, struct gen_field *f);

/* ---- Rings (device_ring.c) --------------------------------------------------------------------------------------- */

void gen_read_doorbell(struct gen_parser *p);
void gen_read_ring(struct gen_parser *p);
void gen_read_submit(struct gen_parser *p);
void gen_read_complete(struct gen_parser *p);

/* ---- Forms and operations (device_form.c) ------------------------------------------------------------------------ */

void gen_read_form(struct gen_parser *p);
void gen_read_operation(struct gen_parser *p);

/* ---- Places in memory (device_place.c) --------------------------------------------------------------------------- */

struct gen_field *gen_find_field(struct gen_parser *p, const struct gen_struct *s, const char *name,
				 struct gen_pos pos);
/* page.… | RING[index].… | FIELD… of the form's struct. */
bool gen_read_target(struct gen_parser *p, const struct gen_expr_context *x, struct gen_place *to);
/*
 * RESPONSE.field | page.field | RING.field of its header: something to read; ALLOWED: bits of 1 << where. NULL: failed.
 */
struct gen_place *gen_read_source(struct gen_parser *p, unsigned int allowed);
/* The number of bits that PLACE holds. */
unsigned int gen_place_bits(const struct gen_place *place);

#endif
