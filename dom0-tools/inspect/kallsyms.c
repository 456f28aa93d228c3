// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a kernel's symbol table. Called by kernel.c; all bytes are hostile. Must never give a wrong address: each check
 * that fails refuses the whole table.
 */
#include "dom0-tools/inspect/kallsyms.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/inspect/number.h"
#include "lib/base/cleanup.h"

#define TOKENS 256
/* A token is at most a whole name; 256 of them can't fill more than the 16-bit index reaches. */
#define TOKEN_TABLE_MAX (UINT16_MAX + 1u + XG_KSYMS_NAME_MAX)
/* Names are fetched in parts of this size until the last one is complete. */
#define NAMES_PART (256u << 10)

/* Where each so many-th entry begins is kept, so that any one is found in a few steps. */
#define MARK_EVERY 256u

struct token {
	uint16_t at;	/* into token_table */
	uint16_t len;	/* without NUL, < XG_KSYMS_NAME_MAX */
};

struct xg_ksyms {
	uint32_t count;
	enum xg_ksyms_encoding encoding;
	struct token tokens[TOKENS];
	uint32_t longest;	/* token's length */
	char token_table[TOKEN_TABLE_MAX];
	uint8_t *names;		/* the compressed names, as in the kernel */
	size_t names_bytes;
	uint32_t *marks;	/* of each MARK_EVERY-th symbol: where its entry begins in names */
	int32_t *offsets;	/* as in the kernel; the addresses that they stand for ascend */
	uint64_t relative_base;
	struct gva offsets_at;	/* in the kernel: what XG_KSYMS_PLACE counts from */
	struct xg_ksyms_wanted vmcoreinfo_data;
};

void xg_ksyms_free(struct xg_ksyms *k)
{
	if (!k)
		return;
	free(k->names);
	free(k->marks);
	free(k->offsets);
	free(k);
}

static void ksyms_free_p(struct xg_ksyms **k)
{
	xg_ksyms_free(*k);
}

static int fetch(const struct xg_ksyms_source *s, struct gva at, void *buf, size_t bytes, const char *what,
		 struct xg_err *err)
{
	int rc = s->read(s->ctx, at, buf, bytes, NULL, err);

	if (rc)
		xg_fail_in(err, "cannot read %s", what);
	return rc;
}

/* ---- Snapshot and check: the tables --------------------------------------------------------------------------- */

static int count_take(struct xg_ksyms *k, const struct xg_vmcoreinfo *v, const struct xg_ksyms_source *s,
		      struct xg_err *err)
{
	int rc = fetch(s, v->num_syms, &k->count, sizeof(k->count), "kallsyms_num_syms", err);

	if (rc)
		return rc;
	if (k->count < 1 || k->count > XG_KSYMS_MAX)
		return xg_fail(err, ENOTSUP, "kallsyms_num_syms is %s, 1 to %s make sense", xg_number(k->count).text,
			       xg_number(XG_KSYMS_MAX).text);
	return 0;
}

static bool printable(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

/* Token I begins at AT. The strings lie one behind the other, so each must end just before the next begins. */
static int token_check(struct xg_ksyms *k, unsigned int i, uint16_t at, size_t have, struct xg_err *err)
{
	const char *text = k->token_table + at;
	size_t len;

	if (at >= have)
		return xg_fail(err, ENOTSUP, "kallsyms token %u begins at byte %u of a table of %zu", i, at, have);
	len = strnlen(text, have - at);
	if (len == have - at || len >= XG_KSYMS_NAME_MAX)
		return xg_fail(err, ENOTSUP, "kallsyms token %u has no end within %zu bytes", i, len);
	if (!printable(text, len))
		return xg_fail(err, ENOTSUP, "kallsyms token %u is not text", i);
	k->tokens[i] = (struct token){ .at = at, .len = len };
	if (len > k->longest)
		k->longest = len;
	return 0;
}

static int tokens_take(struct xg_ksyms *k, const struct xg_vmcoreinfo *v, const struct xg_ksyms_source *s,
		       struct xg_err *err)
{
	uint16_t index[TOKENS];
	size_t have, expected = 0;
	unsigned int i;
	int rc;

	rc = fetch(s, v->token_index, index, sizeof(index), "kallsyms_token_index", err);
	if (rc)
		return rc;
	/* As far as the last token can reach; the image may end before that. */
	rc = s->read(s->ctx, v->token_table, k->token_table, index[TOKENS - 1] + XG_KSYMS_NAME_MAX, &have, err);
	if (rc) {
		xg_fail_in(err, "cannot read kallsyms_token_table");
		return rc;
	}
	for (i = 0; i < TOKENS; i++) {
		if (index[i] != expected)
			return xg_fail(err, ENOTSUP,
				       "kallsyms token %u begins at byte %u, the one before it ends at %zu", i,
				       index[i], expected);
		rc = token_check(k, i, index[i], have, err);
		if (rc)
			return rc;
		expected = index[i] + k->tokens[i].len + 1;
	}
	return 0;
}

static int offsets_take(struct xg_ksyms *k, const struct xg_vmcoreinfo *v, const struct xg_ksyms_source *s,
			struct xg_err *err)
{
	int rc;

	k->offsets_at = v->offsets;
	k->offsets = calloc(k->count, sizeof(*k->offsets));
	if (!k->offsets)
		return xg_fail(err, ENOMEM, "no memory for %u symbols", k->count);
	rc = fetch(s, v->offsets, k->offsets, k->count * sizeof(*k->offsets), "kallsyms_offsets", err);
	if (rc || !v->relative_base.v)
		return rc;
	rc = fetch(s, v->relative_base, &k->relative_base, sizeof(k->relative_base), "kallsyms_relative_base", err);
	if (rc)
		return rc;
	if (k->relative_base - XG_LINUX_IMAGE_START >= XG_LINUX_IMAGE_BYTES)
		return xg_fail(err, ENOTSUP, "kallsyms_relative_base is %#" PRIx64 ", which is outside the kernel",
			       k->relative_base);
	return 0;
}

/*
 * The entry at byte AT of what is there: its length field and its bytes, or false when it is not all there yet.
 * The one place where the length is taken apart.
 */
static bool entry_at(const struct xg_ksyms *k, size_t at, size_t *ret_head, size_t *ret_len)
{
	size_t left = k->names_bytes - at;
	const uint8_t *p;
	size_t head, len;

	if (left < 1)
		return false;
	p = k->names + at;
	head = p[0] & 0x80 ? 2 : 1;
	if (left < head)
		return false;
	len = head == 2 ? (p[0] & 0x7fu) | (size_t)p[1] << 7 : p[0];
	if (len > left - head)
		return false;
	*ret_head = head;
	*ret_len = len;
	return true;
}

static size_t entry_chars(const struct xg_ksyms *k, const uint8_t *tokens, size_t len)
{
	size_t i, chars = 0;

	for (i = 0; i < len; i++)
		chars += k->tokens[tokens[i]].len;
	return chars;
}

/* Two tokens with letters in them are enough for a name, and few entries have so many that it could be too long. */
static bool entry_surely_fits(const struct xg_ksyms *k, const uint8_t *tokens, size_t len)
{
	return len >= 2 && len * k->longest <= XG_KSYMS_NAME_MAX && k->tokens[tokens[0]].len &&
	       k->tokens[tokens[1]].len;
}

/* Spelled out, entry I is a type and a name of a length that a kernel can have. */
static int entry_check(const struct xg_ksyms *k, uint32_t i, size_t at, size_t head, size_t len, struct xg_err *err)
{
	const uint8_t *tokens = k->names + at + head;
	size_t chars;

	if (head == 2 && (k->names[at + 1] & 0x80 || len < 0x80))
		return xg_fail(err, ENOTSUP, "kallsyms entry %s has a length that is not written as kernels do",
			       xg_number(i).text);
	if (entry_surely_fits(k, tokens, len))
		return 0;
	chars = entry_chars(k, tokens, len);
	if (chars < 2 || chars > XG_KSYMS_NAME_MAX)
		return xg_fail(err, ENOTSUP, "kallsyms entry %s spells %zu characters, 2 to %u make sense",
			       xg_number(i).text, chars, XG_KSYMS_NAME_MAX);
	return 0;
}

/* Appends the next part of the names. -ENOTSUP: there is no more, or it is too much. */
static int names_grow(struct xg_ksyms *k, const struct xg_vmcoreinfo *v, const struct xg_ksyms_source *s,
		      uint32_t known, struct xg_err *err)
{
	uint8_t *grown;
	size_t got;
	int rc;

	if (k->names_bytes > XG_KSYMS_NAMES_BYTES_MAX - NAMES_PART)
		return xg_fail(err, ENOTSUP, "kallsyms names fill more than %s bytes at entry %s",
			       xg_number(XG_KSYMS_NAMES_BYTES_MAX).text, xg_number(known).text);
	grown = realloc(k->names, k->names_bytes + NAMES_PART);
	if (!grown)
		return xg_fail(err, ENOMEM, "no memory for symbol names");
	k->names = grown;
	rc = s->read(s->ctx, gva_add(v->names, k->names_bytes), grown + k->names_bytes, NAMES_PART, &got, err);
	if (rc == -EFAULT && k->names_bytes)
		return xg_fail(err, ENOTSUP, "kallsyms names run out of the kernel at entry %s of %s",
			       xg_number(known).text, xg_number(k->count).text);
	if (rc) {
		xg_fail_in(err, "cannot read kallsyms_names");
		return rc;
	}
	k->names_bytes += got;
	return 0;
}

static int names_take(struct xg_ksyms *k, const struct xg_vmcoreinfo *v, const struct xg_ksyms_source *s,
		      struct xg_err *err)
{
	size_t at = 0, head, len;
	uint32_t i = 0;
	int rc;

	k->marks = calloc(k->count / MARK_EVERY + 1, sizeof(*k->marks));
	if (!k->marks)
		return xg_fail(err, ENOMEM, "no memory for %u symbols", k->count);
	while (i < k->count) {
		if (!entry_at(k, at, &head, &len)) {
			rc = names_grow(k, v, s, i, err);
			if (rc)
				return rc;
			continue;
		}
		rc = entry_check(k, i, at, head, len, err);
		if (rc)
			return rc;
		if (i % MARK_EVERY == 0)
			k->marks[i / MARK_EVERY] = at;
		i++;
		at += head + len;
	}
	return 0;
}

/* ---- Use: names ----------------------------------------------------------------------------------------------- */

/* Steps through the letters of an entry, the type first. */
struct speller {
	const struct xg_ksyms *k;
	const uint8_t *next, *end;	/* token numbers */
	const char *letter, *stop;	/* of the token at hand */
};

/* Where an entry's tokens begin, and how many there are. Of entries that names_take() has seen. */
static const uint8_t *entry_known(const uint8_t *entry, uint32_t *ret_len)
{
	uint32_t len = *entry++;

	if (len & 0x80)
		len = (len & 0x7f) | (uint32_t)*entry++ << 7;
	*ret_len = len;
	return entry;
}

static struct speller spell(const struct xg_ksyms *k, uint32_t i)
{
	const uint8_t *p = k->names + k->marks[i / MARK_EVERY];
	uint32_t n = i % MARK_EVERY, len;

	for (;; p += len) {
		p = entry_known(p, &len);
		if (!n--)
			return (struct speller){ .k = k, .next = p, .end = p + len };
	}
}

/* The next letter; 0 at the end. */
static char speller_next(struct speller *s)
{
	while (s->letter == s->stop) {
		const struct token *t;

		if (s->next == s->end)
			return 0;
		t = &s->k->tokens[*s->next++];
		s->letter = s->k->token_table + t->at;
		s->stop = s->letter + t->len;
	}
	return *s->letter++;
}

/* ---- Use: finding names ---------------------------------------------------------------------------------------- */

/*
 * A hundred thousand names, of which some are wanted. Which names each token can begin and which it can end is worked
 * out before; an entry's first and last token then leave few names or none that it can be, and most entries are passed
 * by with two looks.
 */
#define FINDER_NAMES 128u
typedef unsigned __int128 names_set;	/* a bit a name */

struct finder {
	const struct xg_ksyms *k;
	struct xg_ksyms_wanted *wanted;
	size_t count;	/* <= FINDER_NAMES */
	names_set begins[TOKENS], ends[TOKENS];
	names_set follows[TOKENS];	/* begins the name behind a token that is its type alone */
};

/* The type may be any letter, so a token that holds it is compared from its second letter on. */
static bool token_begins(const char *token, size_t len, const char *name, size_t name_len)
{
	return len <= name_len + 1 && (len < 2 || !memcmp(token + 1, name, len - 1));
}

static bool token_ends(const char *token, size_t len, const char *name, size_t name_len)
{
	if (len == name_len + 1)
		return !memcmp(token + 1, name, name_len);
	return len <= name_len && !memcmp(token, name + name_len - len, len);
}

static void finder_make(struct finder *f, const struct xg_ksyms *k, struct xg_ksyms_wanted *wanted, size_t count)
{
	unsigned int t;
	size_t i;

	*f = (struct finder){ .k = k, .wanted = wanted, .count = count };
	for (i = 0; i < count; i++) {
		const char *name = wanted[i].name;
		size_t len = strlen(name);

		wanted[i].found = 0;
		for (t = 0; t < TOKENS; t++) {
			const struct token *token = &k->tokens[t];

			const char *text = k->token_table + token->at;

			f->begins[t] |= (names_set)token_begins(text, token->len, name, len) << i;
			f->ends[t] |= (names_set)token_ends(text, token->len, name, len) << i;
			f->follows[t] |= (names_set)(token->len <= len && !memcmp(text, name, token->len)) << i;
		}
	}
}

/* What LEN TOKENS spell, the type left out, is NAME. A difference at its NUL ends the comparison as any other. */
static bool spells(const struct xg_ksyms *k, const uint8_t *tokens, size_t len, const char *name)
{
	const uint8_t *end = tokens + len;
	const char *text, *stop;
	bool type = true;

	for (; tokens < end; tokens++) {
		text = k->token_table + k->tokens[*tokens].at;
		stop = text + k->tokens[*tokens].len;
		if (type && text < stop) {
			text++;
			type = false;
		}
		while (text < stop)
			if (*text++ != *name++)
				return false;
	}
	return !*name;
}

/* Symbol I, of LEN TOKENS, may be one of the names in MAY. */
static void finder_look(struct finder *f, uint32_t i, const uint8_t *tokens, size_t len, names_set may)
{
	struct xg_ksyms_wanted *w;

	for (; may; may &= may - 1) {
		uint64_t low = (uint64_t)may;

		w = &f->wanted[low ? __builtin_ctzll(low) : 64 + __builtin_ctzll((uint64_t)(may >> 64))];
		if (!spells(f->k, tokens, len, w->name))
			continue;
		w->symbol = i;
		w->found++;
	}
}

static void finder_run(struct finder *f)
{
	const uint8_t *p = f->k->names, *tokens;
	uint32_t i, len;
	names_set may;

	for (i = 0; i < f->k->count; i++, p = tokens + len) {
		tokens = entry_known(p, &len);
		may = f->ends[tokens[len - 1]];
		if (may && len > 1 && f->k->tokens[tokens[0]].len == 1)
			may &= f->follows[tokens[1]];
		else
			may &= f->begins[tokens[0]];
		if (may)
			finder_look(f, i, tokens, len, may);
	}
}

static void find_all(const struct xg_ksyms *k, struct xg_ksyms_wanted *wanted, size_t count)
{
	struct finder f;
	size_t n;

	for (; count; wanted += n, count -= n) {
		n = count < FINDER_NAMES ? count : FINDER_NAMES;
		finder_make(&f, k, wanted, n);
		finder_run(&f);
	}
}

/* ---- Use: addresses ------------------------------------------------------------------------------------------- */

static inline uint64_t decode(const struct xg_ksyms *k, enum xg_ksyms_encoding e, uint32_t i)
{
	int64_t offset = k->offsets[i];

	switch (e) {
	case XG_KSYMS_ABSOLUTE_PERCPU:
		return offset >= 0 ? (uint64_t)offset : k->relative_base - 1 - offset;
	case XG_KSYMS_BASE:
		return k->relative_base + (uint32_t)offset;
	case XG_KSYMS_PLACE:
		return k->offsets_at.v + i * sizeof(*k->offsets) + offset;
	}
	return 0;
}

/*
 * What VMCOREINFO says of itself. swapper_pg_dir is only a macro for the last one: arch/x86/include/asm/pgtable_64.h.
 */
#define ANCHORS 3
#define VMCOREINFO_DATA 3	/* wanted along with them */

static bool encoding_fits(const struct xg_ksyms *k, const struct xg_vmcoreinfo *v, enum xg_ksyms_encoding e,
			  const struct xg_ksyms_wanted *anchors)
{
	size_t i;

	if (!v->relative_base.v != (e == XG_KSYMS_PLACE))
		return false;
	for (i = 0; i < ANCHORS; i++)
		if (decode(k, e, anchors[i].symbol) != anchors[i].at.v)
			return false;
	return true;
}

static int encoding_choose(struct xg_ksyms *k, const struct xg_vmcoreinfo *v, struct xg_err *err)
{
	static const char *const names[ANCHORS] = { "_stext", "init_uts_ns", "init_top_pgt" };
	struct xg_ksyms_wanted anchors[ANCHORS + 1] = {
		{ .name = names[0], .at = v->stext }, { .name = names[1], .at = v->init_uts_ns },
		{ .name = names[2], .at = v->swapper_pg_dir }, [VMCOREINFO_DATA] = { .name = "vmcoreinfo_data" },
	};
	enum xg_ksyms_encoding e;
	size_t i;

	find_all(k, anchors, ANCHORS + 1);
	k->vmcoreinfo_data = anchors[VMCOREINFO_DATA];
	for (i = 0; i < ANCHORS; i++) {
		if (!anchors[i].found)
			return xg_fail(err, ENOTSUP, "kallsyms does not list %s: without CONFIG_KALLSYMS_ALL it has "
				       "functions only", anchors[i].name);
		if (anchors[i].found > 1)
			return xg_fail(err, ENOTSUP, "kallsyms lists %s %s times", anchors[i].name,
				       xg_number(anchors[i].found).text);
	}
	for (e = XG_KSYMS_ABSOLUTE_PERCPU; e <= XG_KSYMS_PLACE; e++)
		if (encoding_fits(k, v, e, anchors)) {
			k->encoding = e;
			return 0;
		}
	return xg_fail(err, ENOTSUP,
		       "kallsyms puts %s, %s and %s where VMCOREINFO does not, however its offsets are read", names[0],
		       names[1], names[2]);
}

static uint64_t address(const struct xg_ksyms *k, uint32_t i)
{
	return decode(k, k->encoding, i);
}

int xg_ksyms_vmcoreinfo_data(const struct xg_ksyms *k, struct gva *ret, struct xg_err *err)
{
	if (k->vmcoreinfo_data.found != 1)
		return xg_fail(err, ENOTSUP, "kallsyms does not list vmcoreinfo_data once");
	*ret = XG_GVA(address(k, k->vmcoreinfo_data.symbol));
	return 0;
}

static int addresses_check(const struct xg_ksyms *k, struct xg_err *err)
{
	uint64_t last = 0, next;
	uint32_t i;

	for (i = 0; i < k->count; i++) {
		next = address(k, i);
		if (next < last)
			return xg_fail(err, ENOTSUP, "kallsyms entry %s lies at %#" PRIx64 ", below the one before it",
				       xg_number(i).text, next);
		last = next;
	}
	return 0;
}

int xg_ksyms_load(const struct xg_vmcoreinfo *v, const struct xg_ksyms_source *source, struct xg_ksyms **ret,
		  struct xg_err *err)
{
	struct xg_ksyms *k xg_auto(ksyms_free_p) = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return xg_fail(err, ENOMEM, "no memory for a symbol table");
	rc = count_take(k, v, source, err);
	if (!rc)
		rc = tokens_take(k, v, source, err);
	if (!rc)
		rc = offsets_take(k, v, source, err);
	if (!rc)
		rc = names_take(k, v, source, err);
	if (!rc)
		rc = encoding_choose(k, v, err);
	if (!rc)
		rc = addresses_check(k, err);
	if (rc)
		return rc;
	*ret = xg_take(k);
	return 0;
}

uint32_t xg_ksyms_count(const struct xg_ksyms *k)
{
	return k->count;
}

enum xg_ksyms_encoding xg_ksyms_encoding(const struct xg_ksyms *k)
{
	return k->encoding;
}

void xg_ksyms_find_all(const struct xg_ksyms *k, struct xg_ksyms_wanted *wanted, size_t count)
{
	size_t i;

	find_all(k, wanted, count);
	for (i = 0; i < count; i++)
		wanted[i].at = XG_GVA(wanted[i].found == 1 ? address(k, wanted[i].symbol) : 0);
}

int xg_ksyms_found(const struct xg_ksyms_wanted *wanted, struct gva *ret, struct xg_err *err)
{
	if (!wanted->found)
		return xg_fail(err, ENOENT, "the kernel has no symbol '%s'", wanted->name);
	if (wanted->found > 1)
		return xg_fail(err, ENOTUNIQ, "the kernel has %s symbols called '%s'", xg_number(wanted->found).text,
			       wanted->name);
	*ret = wanted->at;
	return 0;
}

int xg_ksyms_find(const struct xg_ksyms *k, const char *name, struct gva *ret, struct xg_err *err)
{
	struct xg_ksyms_wanted wanted = { .name = name };

	xg_ksyms_find_all(k, &wanted, 1);
	return xg_ksyms_found(&wanted, ret, err);
}

int xg_ksyms_after(const struct xg_ksyms *k, struct gva addr, struct gva *ret, struct xg_err *err)
{
	uint32_t low = 0, high = k->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (address(k, middle) <= addr.v)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == k->count)
		return xg_fail(err, ENOENT, "no symbol lies above %#" PRIx64, addr.v);
	*ret = XG_GVA(address(k, low));
	return 0;
}

struct gva xg_ksyms_at(const struct xg_ksyms *k, uint32_t i, char *ret_type, char name[XG_KSYMS_NAME_MAX])
{
	struct speller s = spell(k, i);
	size_t n = 0;

	*ret_type = speller_next(&s);
	/* entry_check() saw to it that name and NUL fit. */
	while (n < XG_KSYMS_NAME_MAX - 1 && (name[n] = speller_next(&s)))
		n++;
	name[n] = '\0';
	return XG_GVA(address(k, i));
}
