/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parsers of both kinds of descriptions are made of: lists, and statements that are rows of a table. P is a
 * parser: a pointer to a struct whose `r` is its reader, and whose `word` is where the statement began.
 */
#ifndef XG_GEN_PARSE_H
#define XG_GEN_PARSE_H

#include <string.h>

#include "driver-gen/source.h"
#include "lib/base/array.h"

/* A new zeroed element at the end of *LIST. */
#define APPEND(p, list) ({							\
	__typeof__(list) *append_at_ = &(list);					\
	while (*append_at_)							\
		append_at_ = &(*append_at_)->next;				\
	*append_at_ = gen_arena_get((p)->r->arena, sizeof(**append_at_));	\
	if (!*append_at_)							\
		gen_fail_memory((p)->r);					\
	*append_at_;								\
})

/* The element of LIST that is called NAME, or NULL. */
#define FIND(list, called) ({							\
	__typeof__(&*(list)) find_at_ = (list);					\
	while (find_at_ && strcmp(find_at_->name, (called)))			\
		find_at_ = find_at_->next;					\
	find_at_;								\
})

/*
 * Reads a statement: the row of ROWS (word, read, block) that its first word names reads the rest. Unless it is a
 * block, which ends in }, it ends in a semicolon.
 */
#define READ_STATEMENT(p, rows) do {						\
	size_t row_at_ = 0;							\
	(p)->word = (p)->r->token.pos;						\
	while (row_at_ < XG_ARRAY_SIZE(rows) && !gen_take_word((p)->r, (rows)[row_at_].word))	\
		row_at_++;							\
	if (row_at_ == XG_ARRAY_SIZE(rows)) {						\
		gen_fail_statement((p)->r);					\
		break;								\
	}									\
	(rows)[row_at_].read(p);						\
	if (!(rows)[row_at_].block)						\
		gen_want_mark((p)->r, ';');					\
} while (0)

/* Statements up to the } that ends their block, and that. */
#define READ_STATEMENTS(p, rows) do {						\
	while (!(p)->r->failed && !gen_take_mark((p)->r, '}'))			\
		READ_STATEMENT(p, rows);					\
} while (0)

#endif
