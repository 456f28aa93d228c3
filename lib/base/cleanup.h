/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unwinding by scope: a variable declared with xg_auto(destructor) is destroyed when it goes out of scope;
 * xg_take() moves ownership out of it. Destructors take NULL and half-built objects.
 */
#ifndef XG_BASE_CLEANUP_H
#define XG_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define xg_auto(fn) __attribute__((cleanup(fn)))

/* Moves the pointer out: the variable becomes NULL, its destructor does nothing. */
#define xg_take(p) ({ __typeof__(p) xg_taken_ = (p); (p) = NULL; xg_taken_; })

static inline void xg_free_p(void *p)
{
	free(*(void **)p);
}

static inline void xg_close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define xg_auto_free xg_auto(xg_free_p)
#define xg_auto_close xg_auto(xg_close_p)

/* static inline void NAME_p(TYPE **p): the form xg_auto() wants, made from a destructor that takes TYPE *. */
#define XG_DEFINE_AUTO(type, fn) \
	static inline void fn##_p(type **p) { fn(*p); }

#endif
