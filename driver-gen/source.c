// SPDX-License-Identifier: GPL-2.0-or-later
/* Words of a description, with their places. Used by the two parsers; never reads outside the text it was given. */
#include "driver-gen/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/array.h"
#include "lib/base/cleanup.h"

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

struct gen_chunk {
	struct gen_chunk *next;
	max_align_t bytes[];
};

void *gen_arena_get(struct gen_arena *arena, size_t bytes)
{
	struct gen_chunk *c;

	if (bytes > GEN_ARENA_BYTES_MAX - arena->used)
		return NULL;
	c = calloc(1, sizeof(*c) + bytes);
	if (!c)
		return NULL;
	arena->used += bytes;
	c->next = arena->chunks;
	arena->chunks = c;
	return c->bytes;
}

char *gen_arena_copy(struct gen_arena *arena, const char *text, size_t length)
{
	char *s = gen_arena_get(arena, length + 1);

	if (s)
		memcpy(s, text, length);
	return s;
}

void gen_arena_fini(struct gen_arena *arena)
{
	struct gen_chunk *c;

	while ((c = arena->chunks)) {
		arena->chunks = c->next;
		free(c);
	}
	arena->used = 0;
}

/* ---- Failure ----------------------------------------------------------------------------------------------------- */

int gen_fail(struct gen_reader *r, struct gen_pos pos, const char *fmt, ...)
{
	char reason[256];
	va_list ap;

	if (r->failed)
		return r->failed;
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	r->failed = xg_fail(r->err, EINVAL, "%s:%u:%u: %s", r->path, pos.line, pos.column, reason);
	r->token = (struct gen_token){ .kind = GEN_END, .pos = pos };
	return r->failed;
}

int gen_fail_memory(struct gen_reader *r)
{
	if (!r->failed)
		r->failed = xg_fail(r->err, ENOMEM, "%s: out of memory", r->path);
	r->token = (struct gen_token){ .kind = GEN_END };
	return r->failed;
}

/* ---- Characters -------------------------------------------------------------------------------------------------- */

static int peek(const struct gen_reader *r, size_t ahead)
{
	return ahead < r->size - r->at ? (unsigned char)r->text[r->at + ahead] : -1;
}

static void skip(struct gen_reader *r)
{
	if (r->text[r->at++] == '\n') {
		r->line++;
		r->column = 1;
	} else {
		r->column++;
	}
}

static struct gen_pos here(const struct gen_reader *r)
{
	return (struct gen_pos){ r->line, r->column };
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Returns whether there was any. */
static bool skip_blank(struct gen_reader *r)
{
	bool any = false;

	for (;; any = true) {
		if (is_blank(peek(r, 0)))
			skip(r);
		else if (peek(r, 0) == '#')
			while (peek(r, 0) >= 0 && peek(r, 0) != '\n')
				skip(r);
		else
			return any;
	}
}

/* ---- Tokens ------------------------------------------------------------------------------------------------------ */

static int digit_value(int c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static void read_number(struct gen_reader *r, struct gen_token *t)
{
	unsigned int base = 10, digits = 0;

	if (peek(r, 0) == '0' && peek(r, 1) == 'x') {
		base = 16;
		skip(r);
		skip(r);
	}
	for (; digit_value(peek(r, 0)) < (int)base; digits++) {
		uint64_t digit = digit_value(peek(r, 0));

		if (t->value > (UINT64_MAX - digit) / base) {
			gen_fail(r, t->pos, "the number has more than 64 bits");
			return;
		}
		t->value = t->value * base + digit;
		skip(r);
	}
	if (digits == 0 || is_letter(peek(r, 0)) || is_digit(peek(r, 0)))
		gen_fail(r, t->pos, "not a number: digits, or 0x and hexadecimal digits");
}

static void read_string(struct gen_reader *r, struct gen_token *t)
{
	skip(r);
	t->text = r->text + r->at;
	while (peek(r, 0) >= ' ' && peek(r, 0) != '"' && peek(r, 0) != '\\') {
		t->length++;
		skip(r);
	}
	if (peek(r, 0) != '"')
		gen_fail(r, t->pos, "the string does not end in its line, or holds what strings cannot");
	else
		skip(r);
}

static const struct { char text[3]; int mark; } double_marks[] = {
	{ "..", GEN_DOTS }, { "==", GEN_EQ }, { "!=", GEN_NE }, { "<=", GEN_LE }, { ">=", GEN_GE }, { "<<", GEN_SHL },
	{ ">>", GEN_SHR },
};

static void read_mark(struct gen_reader *r, struct gen_token *t)
{
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(double_marks); i++)
		if (peek(r, 0) == double_marks[i].text[0] && peek(r, 1) == double_marks[i].text[1]) {
			t->mark = double_marks[i].mark;
			skip(r);
			skip(r);
			return;
		}
	if (peek(r, 0) == 0 || !strchr("{}()[];,:=@.+-*/%&|<>?!", peek(r, 0))) {
		gen_fail(r, t->pos, "a character that means nothing here (code %d)", peek(r, 0));
		return;
	}
	t->mark = peek(r, 0);
	skip(r);
}

void gen_next(struct gen_reader *r)
{
	struct gen_token t = { .kind = GEN_END };

	if (r->failed)
		return;
	t.glued = !skip_blank(r);
	t.pos = here(r);
	t.text = r->text + r->at;
	if (peek(r, 0) < 0) {
		;
	} else if (is_letter(peek(r, 0))) {
		t.kind = GEN_WORD;
		for (; is_letter(peek(r, 0)) || is_digit(peek(r, 0)); t.length++)
			skip(r);
	} else if (is_digit(peek(r, 0))) {
		t.kind = GEN_NUMBER;
		read_number(r, &t);
	} else if (peek(r, 0) == '"') {
		t.kind = GEN_STRING;
		read_string(r, &t);
	} else {
		t.kind = GEN_MARK;
		read_mark(r, &t);
	}
	if (!r->failed)
		r->token = t;
}

void gen_reader_init(struct gen_reader *r, const char *path, const char *text, size_t size, struct gen_arena *arena,
		     struct xg_err *err)
{
	*r = (struct gen_reader){
		.path = path, .text = text, .size = size, .line = 1, .column = 1, .arena = arena, .err = err
	};
	if (size > GEN_SOURCE_BYTES_MAX)
		r->failed = xg_fail(err, EFBIG, "%s: %zu bytes, at most %u", path, size, GEN_SOURCE_BYTES_MAX);
	gen_next(r);
}

bool gen_is_mark(const struct gen_reader *r, int mark)
{
	return r->token.kind == GEN_MARK && r->token.mark == mark;
}

bool gen_is_word(const struct gen_reader *r, const char *word)
{
	return r->token.kind == GEN_WORD && r->token.length == strlen(word) && !memcmp(r->token.text, word,
										       r->token.length);
}

bool gen_take_mark(struct gen_reader *r, int mark)
{
	bool is = gen_is_mark(r, mark);

	if (is)
		gen_next(r);
	return is;
}

bool gen_take_word(struct gen_reader *r, const char *word)
{
	bool is = gen_is_word(r, word);

	if (is)
		gen_next(r);
	return is;
}

static int fail_found(struct gen_reader *r, const char *wanted)
{
	const struct gen_token *t = &r->token;
	int length = t->length < 40 ? (int)t->length : 40;

	switch (t->kind) {
	case GEN_END:
		return gen_fail(r, t->pos, "%s is wanted, the text ends", wanted);
	case GEN_WORD:
		return gen_fail(r, t->pos, "%s is wanted, not '%.*s'", wanted, length, t->text);
	case GEN_NUMBER:
		return gen_fail(r, t->pos, "%s is wanted, not the number %llu", wanted, (unsigned long long)t->value);
	case GEN_STRING:
		return gen_fail(r, t->pos, "%s is wanted, not a string", wanted);
	default:
		return gen_fail(r, t->pos, "%s is wanted, not '%.*s'", wanted, t->mark > 255 ? 2 : 1, t->text);
	}
}

void gen_want_mark(struct gen_reader *r, int mark)
{
	char name[] = "'?'";

	name[1] = (char)mark;
	if (!gen_take_mark(r, mark))
		fail_found(r, mark == GEN_DOTS ? "'..'" : name);
}

void gen_want_word(struct gen_reader *r, const char *word)
{
	char name[64];

	snprintf(name, sizeof(name), "'%s'", word);
	if (!gen_take_word(r, word))
		fail_found(r, name);
}

void gen_fail_statement(struct gen_reader *r)
{
	if (r->token.kind == GEN_WORD)
		gen_fail(r, r->token.pos, "'%.*s' begins no statement", (int)r->token.length, r->token.text);
	else
		fail_found(r, "'}'");
}

static const char *copy_of(struct gen_reader *r, const char *text, size_t length)
{
	char *s = gen_arena_copy(r->arena, text, length);

	if (!s)
		gen_fail_memory(r);
	return s;
}

const char *gen_want_name(struct gen_reader *r, const char *what)
{
	const char *s = NULL;

	if (r->token.kind != GEN_WORD)
		fail_found(r, what);
	else if (r->token.length > GEN_NAME_MAX)
		gen_fail(r, r->token.pos, "a name of %zu characters, at most %u", r->token.length, GEN_NAME_MAX);
	else
		s = copy_of(r, r->token.text, r->token.length);
	gen_next(r);
	return r->failed ? NULL : s;
}

const char *gen_want_hyphened(struct gen_reader *r, const char *what)
{
	const char *begin = r->token.text, *end = begin;
	struct gen_pos pos = r->token.pos;

	if (r->token.kind != GEN_WORD)
		fail_found(r, what);
	while (!r->failed && (end == begin || (r->token.glued && (r->token.kind == GEN_WORD ||
								  r->token.kind == GEN_NUMBER ||
								   gen_is_mark(r, '-'))))) {
		end = r->text + r->at;
		gen_next(r);
	}
	if (!r->failed && (size_t)(end - begin) > GEN_NAME_MAX)
		gen_fail(r, pos, "a name of %zu characters, at most %u", (size_t)(end - begin), GEN_NAME_MAX);
	return r->failed ? NULL : copy_of(r, begin, end - begin);
}

const char *gen_want_string(struct gen_reader *r, const char *what)
{
	const char *s = NULL;

	if (r->token.kind != GEN_STRING)
		fail_found(r, what);
	else
		s = copy_of(r, r->token.text, r->token.length);
	gen_next(r);
	return r->failed ? NULL : s;
}

uint64_t gen_want_number(struct gen_reader *r, const char *what, uint64_t most)
{
	uint64_t value = r->token.value;

	if (r->token.kind != GEN_NUMBER)
		fail_found(r, what);
	else if (value > most)
		gen_fail(r, r->token.pos, "%s is %llu, at most %llu", what, (unsigned long long)value,
			 (unsigned long long)most);
	gen_next(r);
	return r->failed ? 0 : value;
}

/* ---- C text ------------------------------------------------------------------------------------------------------ */

/* A string or a character constant of C, from its quote on. */
static void skip_quoted(struct gen_reader *r)
{
	int quote = peek(r, 0);

	skip(r);
	while (peek(r, 0) >= 0 && peek(r, 0) != quote && peek(r, 0) != '\n') {
		if (peek(r, 0) == '\\' && peek(r, 1) >= 0)
			skip(r);
		skip(r);
	}
	if (peek(r, 0) == quote)
		skip(r);
}

static void skip_c_comment(struct gen_reader *r)
{
	bool block = peek(r, 1) == '*';

	while (peek(r, 0) >= 0) {
		if (!block && peek(r, 0) == '\n')
			return;
		if (block && peek(r, 0) == '*' && peek(r, 1) == '/') {
			skip(r);
			skip(r);
			return;
		}
		skip(r);
	}
}

/* Up to the } that closes, which is not taken. False at the end of the text. */
static bool skip_block(struct gen_reader *r)
{
	unsigned int depth = 0;

	while (peek(r, 0) >= 0) {
		int c = peek(r, 0);

		if (c == '"' || c == '\'') {
			skip_quoted(r);
			continue;
		}
		if (c == '/' && (peek(r, 1) == '*' || peek(r, 1) == '/')) {
			skip_c_comment(r);
			continue;
		}
		if (c == '}' && depth-- == 0)
			return true;
		if (c == '{')
			depth++;
		skip(r);
	}
	return false;
}

const char *gen_want_block(struct gen_reader *r, struct gen_pos *ret_pos)
{
	struct gen_pos open = r->token.pos;
	const char *text, *s;
	size_t begin = r->at;

	*ret_pos = here(r);
	if (!gen_is_mark(r, '{')) {
		fail_found(r, "'{'");
		return NULL;
	}
	/* The token is '{': the reader stands behind it. */
	if (!skip_block(r)) {
		gen_fail(r, open, "nothing closes this '{'");
		return NULL;
	}
	text = r->text + begin;
	s = copy_of(r, text, r->at - begin);
	gen_next(r);
	gen_want_mark(r, '}');
	return r->failed ? NULL : s;
}

const char *gen_want_until(struct gen_reader *r, char mark, struct gen_pos *ret_pos)
{
	const char *begin = r->token.text, *end, *s;

	*ret_pos = r->token.pos;
	while (!r->failed && peek(r, 0) >= 0 && peek(r, 0) != mark)
		skip(r);
	end = r->text + r->at;
	if (peek(r, 0) != mark) {
		gen_fail(r, *ret_pos, "no '%c' follows", mark);
		return NULL;
	}
	while (end > begin && is_blank((unsigned char)end[-1]))
		end--;
	s = copy_of(r, begin, end > begin ? end - begin : 0);
	gen_next(r);
	gen_want_mark(r, mark);
	return r->failed ? NULL : s;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

int gen_read_file(const char *path, char **ret_text, size_t *ret_size, struct xg_err *err)
{
	int fd xg_auto_close = open(path, O_RDONLY | O_CLOEXEC);
	char *text xg_auto_free = NULL;
	size_t done = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return xg_fail_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return xg_fail(err, EINVAL, "%s is no file", path);
	if (st.st_size > (off_t)GEN_SOURCE_BYTES_MAX)
		return xg_fail(err, EFBIG, "%s: %lld bytes, at most %u", path, (long long)st.st_size,
			       GEN_SOURCE_BYTES_MAX);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return xg_fail(err, ENOMEM, "%s: out of memory", path);
	while (done < (size_t)st.st_size) {
		n = read(fd, text + done, (size_t)st.st_size - done);
		if (n < 0)
			return xg_fail_errno(err, errno, "%s", path);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	text[done] = '\0';
	*ret_text = xg_take(text);
	*ret_size = done;
	return 0;
}
