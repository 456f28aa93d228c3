/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of a description: where it came from, its words, and memory that goes when all of it goes.
 *
 * Descriptions are written by people and may come from anywhere: every size has a ceiling, and what is wrong is
 * reported as FILE:LINE:COLUMN: reason.
 */
#ifndef XG_GEN_SOURCE_H
#define XG_GEN_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* A description is a page or five; the largest here has 8 KiB. */
#define GEN_SOURCE_BYTES_MAX (256u * 1024)
#define GEN_NAME_MAX 47u
/* What is built from 256 KiB of text stays far below this. */
#define GEN_ARENA_BYTES_MAX (64u * 1024 * 1024)

/* Memory that is freed at once. Zeroed. */
struct gen_arena {
	struct gen_chunk *chunks;
	size_t used;		/* bytes, all chunks */
};

/* NULL when there is no memory, or the ceiling is reached. */
void *gen_arena_get(struct gen_arena *arena, size_t bytes);
char *gen_arena_copy(struct gen_arena *arena, const char *text, size_t length);
void gen_arena_fini(struct gen_arena *arena);

struct gen_pos {
	uint32_t line, column;	/* from 1 */
};

enum gen_token_kind {
	GEN_END = 0,
	GEN_WORD,		/* letters, digits, underscores; begins with no digit */
	GEN_NUMBER,
	GEN_STRING,		/* text without the quotes, no escapes, one line */
	GEN_MARK,		/* one of the marks below, in `mark` */
};

/* Marks of one character are that character. */
enum gen_mark {
	GEN_DOTS = 256,		/* .. */
	GEN_EQ, GEN_NE, GEN_LE, GEN_GE, GEN_SHL, GEN_SHR,
};

struct gen_token {
	enum gen_token_kind kind;
	struct gen_pos pos;
	const char *text;	/* into the source, not terminated */
	size_t length;
	uint64_t value;		/* of a number */
	int mark;
	bool glued;		/* nothing stands between it and the token before */
};

/* Where a parser stands. */
struct gen_reader {
	const char *path;	/* for messages and #line; not owned */
	const char *text;	/* SIZE bytes, need not be terminated; not owned */
	size_t size, at;
	uint32_t line, column;
	struct gen_token token;	/* the one to look at */
	struct gen_arena *arena;
	struct xg_err *err;
	int failed;		/* -Exxx of the first failure; from then on every token is the end */
};

/* TEXT need not be terminated. Both must outlive the reader. */
void gen_reader_init(struct gen_reader *r, const char *path, const char *text, size_t size, struct gen_arena *arena,
		     struct xg_err *err);

/* Records the first failure only and returns -EINVAL. */
int gen_fail(struct gen_reader *r, struct gen_pos pos, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int gen_fail_memory(struct gen_reader *r);
void gen_fail_statement(struct gen_reader *r);		/* no statement begins with what stands here */

void gen_next(struct gen_reader *r);
bool gen_is_mark(const struct gen_reader *r, int mark);
bool gen_is_word(const struct gen_reader *r, const char *word);
bool gen_take_mark(struct gen_reader *r, int mark);		/* goes on when it stands there */
bool gen_take_word(struct gen_reader *r, const char *word);
void gen_want_mark(struct gen_reader *r, int mark);		/* fails when it doesn't */
void gen_want_word(struct gen_reader *r, const char *word);

/* Each NULL or 0 after a failure. Memory is the arena's. */
const char *gen_want_name(struct gen_reader *r, const char *what);		/* a word */
const char *gen_want_hyphened(struct gen_reader *r, const char *what);	/* words with - between them */
const char *gen_want_string(struct gen_reader *r, const char *what);
uint64_t gen_want_number(struct gen_reader *r, const char *what, uint64_t most);
/*
 * The text between { and the } that closes it, as it stands; `ret_pos` is where it begins. C's strings and comments
 * count.
 */
const char *gen_want_block(struct gen_reader *r, struct gen_pos *ret_pos);
/* The text up to the next MARK, which is taken; without white space at its ends. */
const char *gen_want_until(struct gen_reader *r, char mark, struct gen_pos *ret_pos);

/* All of PATH; the caller frees. */
int gen_read_file(const char *path, char **ret_text, size_t *ret_size, struct xg_err *err);

#endif
