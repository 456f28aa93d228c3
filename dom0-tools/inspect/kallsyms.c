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
#define NOBODY UINT32_MAX

struct token {
	uint16_t at;	/* into token_table */
	uint16_t len;	/* without NUL, < XG_KSYMS_NAME_MAX */
	uint32_t hash;	/* of its letters, see hash_step() */
	uint32_t tail;	/* of all but the first */
	uint32_t power;	/* HASH_BASE to the power of len */
};

struct xg_ksyms {
	uint32_t count;
	enum xg_ksyms_encoding encoding;
	struct token tokens[TOKENS];
	char token_table[TOKEN_TABLE_MAX];
	uint8_t *names;		/* the compressed names, as in the kernel */
	size_t names_bytes;
	uint32_t *name_at;	/* of each symbol: where its entry begins in names */
	int32_t *offsets;	/* as in the kernel; the addresses that they stand for ascend */
	uint64_t relative_base;
	struct gva offsets_at;	/* in the kernel: what XG_KSYMS_PLACE counts from */
	/*
	 * By name: chains, so that a guest with a million symbols of one name costs no more to take in than any other.
	 */
	uint32_t *heads, *next;
	uint32_t head_mask;
};

void xg_ksyms_free(struct xg_ksyms *k)
{
	if (!k)
		return;
	free(k->names);
	free(k->name_at);
	free(k->offsets);
	free(k->heads);
	free(k->next);
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

/*
 * A name's hash is a polynomial of its letters, so that the hash of several tokens in a row comes from those of
 * each: a hundred thousand names are hashed without spelling one. Collisions cost time, not truth.
 */
#define HASH_BASE UINT32_C(0x9e3779b1)

static uint32_t hash_step(uint32_t hash, char c)
{
	return hash * HASH_BASE + (uint8_t)c;
}

/* Spreads the letters over the low bits, which choose the chain. */
static uint32_t hash_end(uint32_t hash)
{
	hash = (hash ^ hash >> 16) * UINT32_C(0x85ebca6b);
	return hash ^ hash >> 13;
}

static void token_hash(struct token *t, const char *text)
{
	uint16_t n;

	t->power = 1;
	for (n = 0; n < t->len; n++) {
		t->hash = hash_step(t->hash, text[n]);
		if (n)
			t->tail = hash_step(t->tail, text[n]);
		t->power *= HASH_BASE;
	}
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
	token_hash(&k->tokens[i], text);
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
			return xg_fail(err, ENOTSUP, "kallsyms token %u begins at byte %u, the one before it ends at %zu",
				       i, index[i], expected);
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

/*
 * In one pass over entry's token numbers from P to END: how many characters they spell, and the hash of those behind the
 * first, which is the type and the first letter of the first token that has any.
 */
static size_t entry_scan(const struct xg_ksyms *k, const uint8_t *p, const uint8_t *end, uint32_t *ret_hash)
{
	const struct token *t;
	uint32_t hash;
	size_t chars;

	while (p < end && !k->tokens[*p].len)
		p++;
	if (p == end)
		return 0;
	t = &k->tokens[*p++];
	hash = t->tail;
	chars = t->len;
	for (; p < end; p++) {
		t = &k->tokens[*p];
		hash = hash * t->power + t->hash;
		chars += t->len;
	}
	*ret_hash = hash_end(hash);
	return chars;
}

/* Spelled out, entry I is a type and a name of a length that a kernel can have. */
static int entry_check(const struct xg_ksyms *k, uint32_t i, size_t at, size_t head, size_t len, uint32_t *ret_hash,
		       struct xg_err *err)
{
	const uint8_t *p = k->names + at + head;
	size_t chars;

	if (head == 2 && (k->names[at + 1] & 0x80 || len < 0x80))
		return xg_fail(err, ENOTSUP, "kallsyms entry %s has a length that is not written as kernels do",
			       xg_number(i).text);
	chars = entry_scan(k, p, p + len, ret_hash);
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

static int index_make(struct xg_ksyms *k, struct xg_err *err)
{
	uint32_t heads = 1;

	while (heads < k->count)
		heads *= 2;
	k->heads = malloc(heads * sizeof(*k->heads));
	k->next = malloc(k->count * sizeof(*k->next));
	if (!k->heads || !k->next)
		return xg_fail(err, ENOMEM, "no memory for %u symbols", k->count);
	memset(k->heads, 0xff, heads * sizeof(*k->heads));	/* NOBODY */
	k->head_mask = heads - 1;
	return 0;
}

static void index_add(struct xg_ksyms *k, uint32_t i, uint32_t hash)
{
	uint32_t *head = &k->heads[hash & k->head_mask];

	k->next[i] = *head;
	*head = i;
}

static int names_take(struct xg_ksyms *k, const struct xg_vmcoreinfo *v, const struct xg_ksyms_source *s,
		      struct xg_err *err)
{
	size_t at = 0, head, len;
	uint32_t i = 0, hash = 0;
	int rc;

	k->name_at = calloc(k->count, sizeof(*k->name_at));
	if (!k->name_at)
		return xg_fail(err, ENOMEM, "no memory for %u symbols", k->count);
	while (i < k->count) {
		if (!entry_at(k, at, &head, &len)) {
			rc = names_grow(k, v, s, i, err);
			if (rc)
				return rc;
			continue;
		}
		rc = entry_check(k, i, at, head, len, &hash, err);
		if (rc)
			return rc;
		index_add(k, i, hash);
		k->name_at[i++] = at;
		at += head + len;
	}
	return 0;
}

/* ---- Use: names ----------------------------------------------------------------------------------------------- */

/* Steps through the letters of symbol I's entry, the type first. */
struct speller {
	const struct xg_ksyms *k;
	const uint8_t *next, *end;	/* token numbers */
	const char *letter, *stop;	/* of the token at hand */
};

static struct speller spell(const struct xg_ksyms *k, uint32_t i)
{
	size_t head = 0, len = 0;

	entry_at(k, k->name_at[i], &head, &len);
	return (struct speller){ .k = k, .next = k->names + k->name_at[i] + head,
				 .end = k->names + k->name_at[i] + head + len };
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

static uint32_t hash_name(const char *name)
{
	uint32_t hash = 0;

	while (*name)
		hash = hash_step(hash, *name++);
	return hash_end(hash);
}

static bool symbol_is(const struct xg_ksyms *k, uint32_t i, const char *name)
{
	struct speller s = spell(k, i);
	char c;

	speller_next(&s);
	while ((c = speller_next(&s)))
		if (c != *name++)
			return false;
	return !*name;
}

/* How many symbols are called NAME; *ret_first is one of them. */
static uint32_t lookup(const struct xg_ksyms *k, const char *name, uint32_t *ret_first)
{
	uint32_t i, found = 0;

	for (i = k->heads[hash_name(name) & k->head_mask]; i != NOBODY; i = k->next[i])
		if (symbol_is(k, i, name)) {
			*ret_first = i;
			found++;
		}
	return found;
}

/* ---- Use: addresses ------------------------------------------------------------------------------------------- */

static uint64_t decode(const struct xg_ksyms *k, enum xg_ksyms_encoding e, uint32_t i)
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

/* What VMCOREINFO says of itself: name and address. */
struct anchor {
	const char *name;
	struct gva at;
};

static bool encoding_fits(const struct xg_ksyms *k, const struct xg_vmcoreinfo *v, enum xg_ksyms_encoding e,
			  const struct anchor *anchors, const uint32_t *symbols, size_t count)
{
	size_t i;

	if (!v->relative_base.v != (e == XG_KSYMS_PLACE))
		return false;
	for (i = 0; i < count; i++)
		if (decode(k, e, symbols[i]) != anchors[i].at.v)
			return false;
	return true;
}

static int encoding_choose(struct xg_ksyms *k, const struct xg_vmcoreinfo *v, struct xg_err *err)
{
	/* swapper_pg_dir is only a macro for the last one: arch/x86/include/asm/pgtable_64.h. */
	const struct anchor anchors[] = {
		{ "_stext", v->stext },
		{ "init_uts_ns", v->init_uts_ns },
		{ "init_top_pgt", v->swapper_pg_dir },
	};
	const size_t count = sizeof(anchors) / sizeof(anchors[0]);
	uint32_t symbols[sizeof(anchors) / sizeof(anchors[0])];
	enum xg_ksyms_encoding e;
	size_t i;

	for (i = 0; i < count; i++) {
		uint32_t found = lookup(k, anchors[i].name, &symbols[i]);

		if (!found)
			return xg_fail(err, ENOTSUP, "kallsyms does not list %s: without CONFIG_KALLSYMS_ALL it has "
				       "functions only", anchors[i].name);
		if (found > 1)
			return xg_fail(err, ENOTSUP, "kallsyms lists %s %s times", anchors[i].name, xg_number(found).text);
	}
	for (e = XG_KSYMS_ABSOLUTE_PERCPU; e <= XG_KSYMS_PLACE; e++)
		if (encoding_fits(k, v, e, anchors, symbols, count)) {
			k->encoding = e;
			return 0;
		}
	return xg_fail(err, ENOTSUP, "kallsyms puts %s, %s and %s where VMCOREINFO does not, however its offsets are read",
		       anchors[0].name, anchors[1].name, anchors[2].name);
}

static uint64_t address(const struct xg_ksyms *k, uint32_t i)
{
	return decode(k, k->encoding, i);
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
		rc = index_make(k, err);
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

int xg_ksyms_find(const struct xg_ksyms *k, const char *name, struct gva *ret, struct xg_err *err)
{
	uint32_t i = 0, found = lookup(k, name, &i);

	if (!found)
		return xg_fail(err, ENOENT, "the kernel has no symbol '%s'", name);
	if (found > 1)
		return xg_fail(err, ENOTUNIQ, "the kernel has %s symbols called '%s'", xg_number(found).text, name);
	*ret = XG_GVA(address(k, i));
	return 0;
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
