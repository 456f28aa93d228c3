/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arrays and tables: how many elements, and the row of a name. */
#ifndef XG_BASE_ARRAY_H
#define XG_BASE_ARRAY_H

#include <stddef.h>
#include <string.h>

/* 0; does not compile for a pointer, whose size says nothing. */
#define XG_MUST_BE_ARRAY(a) (0 * sizeof(struct {						\
	_Static_assert(!__builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0])),	\
		       "not an array");								\
	char nothing;										\
}))

#define XG_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]) + XG_MUST_BE_ARRAY(a))

/* The row of TABLE whose `name` is CALLED, or NULL. */
#define XG_FIND_ROW(table, called) ({								\
	const char *find_called_ = (called);							\
	size_t find_at_ = 0;									\
	while (find_at_ < XG_ARRAY_SIZE(table) && strcmp((table)[find_at_].name, find_called_))	\
		find_at_++;									\
	find_at_ < XG_ARRAY_SIZE(table) ? &(table)[find_at_] : NULL;				\
})

#endif
