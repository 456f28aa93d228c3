/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device's command set, as its description says it (xengraft-device(5)): parsed, checked, and written as C.
 *
 *     text ─► gen_device_parse() ─► struct gen_device ─► gen_device_emit() ─► C source of a driver image
 *
 * What gen_device_parse() returns has passed every rule: names exist, fields lie in their structures, values fit their
 * fields. All of it lives in the arena that the caller gave.
 */
#ifndef XG_GEN_DEVICE_H
#define XG_GEN_DEVICE_H

#include <stdio.h>

#include "driver-gen/expr.h"
#include "driver-gen/source.h"

#define GEN_LIST_MAX 8u			/* entries of a ring, forms of an operation, modes, … */
#define GEN_RINGS_MAX 3u		/* XG_DIRECT_RINGS */
#define GEN_SEGMENTS_MAX 64u		/* XG_SEGMENTS_MAX */
#define GEN_STRUCT_BYTES_MAX 4096u
#define GEN_PAGE 4096u

/* Bits LO..HI of a field. */
struct gen_bits {
	struct gen_bits *next;
	const char *name;
	struct gen_pos pos;
	unsigned int lo, hi;
};

struct gen_field {
	struct gen_field *next;
	const char *name;
	struct gen_pos pos;
	struct gen_struct *of;	/* NULL: a number of `bytes` bytes */
	uint32_t bytes;		/* of one element */
	uint32_t count;		/* 0: not an array */
	uint32_t offset;
	bool is_signed, big_endian;
	struct gen_bits *bits;
};

struct gen_struct {
	struct gen_struct *next;
	const char *name;
	struct gen_pos pos;
	uint32_t size;
	uint32_t align;
	struct gen_field *fields;	/* by offset */
};

struct gen_constant {
	struct gen_constant *next;
	const char *name;
	struct gen_pos pos;
	uint64_t value;
	bool opcode;
};

struct gen_feature {
	struct gen_feature *next;
	const char *name;
	struct gen_pos pos;
	unsigned int bit;
	bool required;		/* or refused */
};

struct gen_doorbell {
	struct gen_doorbell *next;
	const char *name;
	struct gen_pos pos;
	bool event;		/* the event channel; or a register: */
	uint32_t bytes, index;	/* index: from the queue's own */
};

struct gen_ring {
	struct gen_ring *next;
	const char *name;
	struct gen_pos pos;
	struct gen_struct *header;	/* may be NULL */
	struct gen_struct *entries[GEN_LIST_MAX];
	unsigned int nr_entries_structs;
	uint32_t entries_most;	/* 0: as many as the pages hold */
	uint32_t entry_bytes;
	unsigned int number;	/* from 0, in the order of the description */
};

/* PATH of a target or of a value that lies in memory: names, indices. */
struct gen_place {
	enum { GEN_IN_ENTRY, GEN_IN_PAGE, GEN_IN_RING, GEN_IN_HEADER, GEN_IN_RESPONSE } where;
	const struct gen_ring *ring;
	const struct gen_expr *ring_index;
	struct { const struct gen_field *field; const struct gen_expr *index; } step[4];
	unsigned int steps;
	const struct gen_bits *bits;	/* of the last step */
	struct gen_pos pos;
};

struct gen_assign {
	struct gen_assign *next;
	struct gen_pos pos;
	struct gen_place to;
	const struct gen_expr *value;
	bool each;		/* for each segment from `from` */
	uint32_t from;
};

struct gen_form {
	struct gen_form *next;
	const char *name;
	struct gen_pos pos;
	struct gen_struct *of, *page;	/* page NULL: it has none, or does not use it */
	uint32_t least, most;	/* segments; most 0: it has none */
	bool limited;		/* by block.max_indirect */
	bool uses_page, uses_secure, uses_fua, uses_lba;
	struct gen_assign *assigns;
	uint64_t opcode_most;	/* of the operations that use it */
	bool used;
};

enum gen_op { GEN_READ, GEN_WRITE, GEN_FLUSH, GEN_DISCARD, GEN_OPS };

struct gen_operation {
	struct gen_pos pos;	/* line 0: not described */
	const struct gen_constant *opcode;
	struct gen_form *forms[GEN_LIST_MAX];
	unsigned int nr_forms;
	bool fua_then_flush;
};

struct gen_status {
	struct gen_status *next;
	struct gen_pos pos;
	int64_t value;		/* as it stands in the field */
	bool otherwise;
	const char *error;	/* "XG_E_OK", "-XG_E_IO" */
};

struct gen_notify {
	struct gen_pos pos;
	const struct gen_doorbell *doorbell;
	const struct gen_expr *value;	/* NULL: event */
	const struct gen_field *event;	/* event index of the submit ring's header */
	const struct gen_place *unless;
};

struct gen_device {
	const char *path, *name, *title, *skeleton, *class_name;
	struct gen_pos pos;
	const char *modes[2];
	unsigned int nr_modes;
	char identity[256];	/* for --list and the note: "xenstore vbd, pci 1af4:1042" */
	struct gen_struct *structs;
	struct gen_constant *constants;
	struct gen_feature *features;
	struct gen_doorbell *doorbells;
	struct gen_ring *rings;
	unsigned int nr_rings;
	struct gen_form *forms;
	struct gen_operation operations[GEN_OPS];
	uint32_t segments, grants;
	bool granted;		/* or on the bus */
	bool memory_said;
	bool gapless;
	struct gen_struct *pages[GEN_LIST_MAX];
	unsigned int nr_pages;
	bool page_read_only;
	struct gen_pos opcodes_pos;
	const char *opcodes_field;

	struct gen_pos submit_pos, complete_pos;
	const struct gen_ring *submit, *complete;
	const struct gen_field *submit_index;	/* NULL: wrap */
	struct gen_notify submit_notify;
	struct gen_struct *response;
	const struct gen_field *complete_index;	/* NULL: wrap, by phase */
	const struct gen_field *wish;		/* may be NULL */
	const struct gen_place *phase;
	struct gen_notify consumed;
	const struct gen_place *id, *same, *status_place;	/* same may be NULL */
	struct gen_status *statuses;
};

/*
 * PATH is for messages and #line. TEXT need not be terminated; it must not go before the arena does. -EINVAL with
 * "PATH:LINE:COLUMN: reason" when the description is wrong.
 */
int gen_device_parse(const char *path, const char *text, size_t size, struct gen_arena *arena, struct gen_device **ret,
		     struct xg_err *err);

/* What was parsed holds together as a whole; called by gen_device_parse() as its last act. */
int gen_device_check(struct gen_reader *r, struct gen_device *dev);

/* Words for the note: what a driver for it asks of a personality. */
const char *gen_device_needs(const struct gen_device *dev);
/* The least number of entries, and requests, of a queue; and the most. */
uint32_t gen_device_entries(const struct gen_device *dev);

/*
 * Writes the driver for MODE to OUT: SKELETON's text with the device's parts in it. OS and RELEASE, both or none, are
 * whom it is for alone, in its note. OUT_NAME is what #line calls the file that is being written. The caller looks at
 * ferror(OUT).
 */
int gen_device_emit(const struct gen_device *dev, const char *mode, const char *os, const char *release,
		    const char *skeleton,
		    size_t skeleton_size, const char *out_name, FILE *out, struct xg_err *err);

#endif
