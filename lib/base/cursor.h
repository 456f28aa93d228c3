/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cursor over bytes that somebody else wrote. It never reads outside them, and once a read did not fit
 * every later one fails too, so a parser may check once at the end of a group of reads.
 */
#ifndef XG_BASE_CURSOR_H
#define XG_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xg_cursor {
	const uint8_t *base;	/* not owned */
	size_t size;		/* bytes at base */
	size_t pos;		/* next byte to read, <= size */
	bool bad;		/* a read did not fit */
};

static inline struct xg_cursor xg_cursor(const void *base, size_t size)
{
	return (struct xg_cursor){ .base = base, .size = size };
}

/* The next N bytes, or NULL; the one place where bounds are checked (by subtraction: it cannot overflow). */
static inline const uint8_t *xg_cursor_bytes(struct xg_cursor *c, size_t n)
{
	const uint8_t *p = c->base + c->pos;

	if (c->bad || n > c->size - c->pos) {
		c->bad = true;
		return NULL;
	}
	c->pos += n;
	return p;
}

/* Moves to byte POS from the start. */
static inline bool xg_cursor_seek(struct xg_cursor *c, size_t pos)
{
	if (c->bad || pos > c->size)
		c->bad = true;
	else
		c->pos = pos;
	return !c->bad;
}

#define XG_CURSOR_READ(name, type)						\
	static inline type xg_cursor_##name(struct xg_cursor *c)		\
	{									\
		const uint8_t *p = xg_cursor_bytes(c, sizeof(type));		\
		type v = 0;							\
										\
		if (p)								\
			__builtin_memcpy(&v, p, sizeof(v));			\
		return v;							\
	}

XG_CURSOR_READ(u8, uint8_t)
XG_CURSOR_READ(u16, uint16_t)
XG_CURSOR_READ(u32, uint32_t)
XG_CURSOR_READ(u64, uint64_t)
XG_CURSOR_READ(s32, int32_t)

#endif
