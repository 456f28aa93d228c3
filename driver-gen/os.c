// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptions of OS interfaces: read, checked, written as a header. The C in them is the description's own; it is held
 * together here, not understood.
 */
#include "driver-gen/os.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "driver-gen/out.h"
#include "driver-gen/parse.h"

struct parser {
	struct gen_reader *r;
	struct gen_pos word;	/* where the statement that is being read begins */
	struct gen_os *os;
};

/* What a personality cannot do without, and with which offer. */
static const struct { const char *group, *function; unsigned int offer; } wanted[] = {
	{ "memory", "memory_get", 0 }, { "memory", "memory_put", 0 }, { "memory", "memory_frame", 0 },
	{ "block", "disk_alloc", 0 }, { "block", "disk_add", 0 }, { "block", "disk_remove", 0 },
	{ "request", "request_complete", 0 },
	{ "grants", "grants_reserve", GEN_OFFER_GRANTS }, { "grants", "grants_release", GEN_OFFER_GRANTS },
	{ "grants", "grant", GEN_OFFER_GRANTS }, { "grants", "ungrant", GEN_OFFER_GRANTS },
	{ "events", "event_bind", GEN_OFFER_EVENTS }, { "events", "event_unbind", GEN_OFFER_EVENTS },
	{ "events", "event_send", GEN_OFFER_EVENTS },
	{ "direct", "bus_address", GEN_OFFER_DIRECT }, { "direct", "doorbells_map", GEN_OFFER_DIRECT },
	{ "direct", "interrupt_open", GEN_OFFER_DIRECT },
};

static const struct { const char *word; unsigned int offer; } offers[] = {
	{ "grants", GEN_OFFER_GRANTS }, { "events", GEN_OFFER_EVENTS }, { "direct", GEN_OFFER_DIRECT },
};

/* ---- Releases ---------------------------------------------------------------------------------------------------- */

#define PART_MAX 0xffffu

gen_release gen_release_parse(const char *text)
{
	unsigned long part[3] = { 0 };
	unsigned int i;
	char *end;

	for (i = 0; i < 3; i++) {
		if (*text < '0' || *text > '9')
			break;
		part[i] = strtoul(text, &end, 10);
		if (part[i] > PART_MAX)
			return GEN_RELEASE_NONE;
		text = end + (*end == '.');
		if (*end != '.') {
			i++;
			break;
		}
	}
	return i < 2 ? GEN_RELEASE_NONE : (uint64_t)part[0] << 32 | part[1] << 16 | part[2];
}

void gen_release_print(gen_release v, char *ret, size_t size)
{
	unsigned int last = v & PART_MAX;

	if (v == GEN_RELEASE_END)
		snprintf(ret, size, "the newest");
	else if (last)
		snprintf(ret, size, "%u.%u.%u", (unsigned int)(v >> 32), (unsigned int)(v >> 16) & PART_MAX, last);
	else
		snprintf(ret, size, "%u.%u", (unsigned int)(v >> 32), (unsigned int)(v >> 16) & PART_MAX);
}

/* NUMBER.NUMBER[.NUMBER], without blanks. */
static gen_release read_release(struct parser *p)
{
	struct gen_pos pos = p->r->token.pos;
	uint64_t part[3] = { 0 };
	unsigned int i = 0;

	do {
		part[i++] = gen_want_number(p->r, "a part of a release", PART_MAX);
	} while (i < 3 && gen_take_mark(p->r, '.'));
	if (!p->r->failed && i < 2)
		gen_fail(p->r, pos, "a release has two or three parts");
	return part[0] << 32 | part[1] << 16 | part[2];
}

/* from A [to B] */
static void read_range(struct parser *p, gen_release *from, gen_release *to)
{
	struct gen_pos pos;

	gen_want_word(p->r, "from");
	pos = p->r->token.pos;
	*from = read_release(p);
	*to = gen_take_word(p->r, "to") ? read_release(p) : GEN_RELEASE_END;
	if (!p->r->failed && *to <= *from)
		gen_fail(p->r, pos, "the range is empty: it ends where it begins, or before");
}

/* ---- Statements -------------------------------------------------------------------------------------------------- */

/* Behind the word, which stands at POS: <linux/blk-mq.h>, or "disk.h". */
static void include_rest(struct parser *p, struct gen_pos pos, struct gen_include **list)
{
	struct gen_pos at = p->r->token.pos;
	struct gen_include *inc = APPEND(p, *list);
	const char *name;

	if (!inc)
		return;
	inc->own = p->r->token.kind == GEN_STRING;
	if (!inc->own && !gen_is_mark(p->r, '<')) {
		gen_fail(p->r, pos, "include wants <a header>, or \"one's own\"");
		return;
	}
	name = inc->own ? gen_want_string(p->r, "a header") : gen_want_until(p->r, '>', &at);
	if (!name)
		return;
	name += !inc->own;	/* without its < */
	if (strlen(name) > 100 || strpbrk(name, " \t\n\""))
		gen_fail(p->r, at, "that is no header's name");
	inc->pos = pos;
	inc->name = name;
}

static void read_row(struct parser *p, struct gen_function *f)
{
	struct gen_row *row = APPEND(p, f->rows);
	struct gen_pos pos;

	if (!row)
		return;
	row->pos = p->r->token.pos;
	if (gen_take_word(p->r, "always")) {
		row->from = p->os->from;
		row->to = GEN_RELEASE_END;
	} else {
		read_range(p, &row->from, &row->to);
	}
	for (pos = p->r->token.pos; gen_take_word(p->r, "include"); pos = p->r->token.pos)
		include_rest(p, pos, &row->includes);
	if (gen_take_word(p->r, "as"))
		row->prototype = gen_want_until(p->r, ';', &row->prototype_pos);
	row->body = gen_want_block(p->r, &row->body_pos);
}

static void read_function(struct parser *p, struct gen_group *group)
{
	struct gen_pos pos = p->r->token.pos;
	struct gen_function *f, *other;
	struct gen_group *g;
	const char *name;

	gen_want_word(p->r, "function");
	pos = p->r->token.pos;
	name = gen_want_name(p->r, "a function's name");
	for (g = p->os->groups; name && g; g = g->next)
		for (other = g->functions; other; other = other->next)
			if (!strcmp(other->name, name))
				gen_fail(p->r, pos, "function %s is described already, in line %u", name,
					 other->pos.line);
	f = name ? APPEND(p, group->functions) : NULL;
	if (!f)
		return;
	f->name = name;
	f->pos = pos;
	gen_want_word(p->r, "is");
	f->prototype = gen_want_until(p->r, ';', &f->prototype_pos);
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		read_row(p, f);
}

static void read_group(struct parser *p)
{
	struct gen_group *g, *other;
	struct gen_pos pos = p->r->token.pos;
	const char *name = gen_want_name(p->r, "a group's name");

	for (other = p->os->groups; name && other; other = other->next)
		if (!strcmp(other->name, name))
			gen_fail(p->r, pos, "group %s is there already, in line %u", name, other->pos.line);
	if (!p->os->from && name)
		gen_fail(p->r, pos, "which releases there are is to be said before a group");
	g = name && !p->r->failed ? APPEND(p, p->os->groups) : NULL;
	if (!g)
		return;
	g->name = name;
	g->pos = pos;
	gen_want_mark(p->r, '{');
	while (!p->r->failed && !gen_take_mark(p->r, '}'))
		read_function(p, g);
}

static void read_releases(struct parser *p)
{
	if (p->os->from)
		gen_fail(p->r, p->r->token.pos, "which releases there are is said already");
	read_range(p, &p->os->from, &p->os->to);
}

static void read_except(struct parser *p)
{
	struct gen_except *x = APPEND(p, p->os->excepts);

	if (!x)
		return;
	x->pos = p->r->token.pos;
	read_range(p, &x->from, &x->to);
	x->why = gen_want_string(p->r, "the reason");
}

static void read_offers(struct parser *p)
{
	do {
		struct gen_pos pos = p->r->token.pos;
		const char *word = gen_want_name(p->r, "grants, events or direct");
		size_t i;

		for (i = 0; word && i < XG_ARRAY_SIZE(offers) && strcmp(offers[i].word, word); i++)
			;
		if (word && i == XG_ARRAY_SIZE(offers))
			gen_fail(p->r, pos, "'%s' is none of grants, events, direct", word);
		else if (word)
			p->os->offers |= offers[i].offer;
	} while (gen_take_mark(p->r, ','));
}

static void read_title(struct parser *p)
{
	p->os->title = gen_want_string(p->r, "a title");
}

static void read_headers(struct parser *p)
{
	struct gen_os *os = p->os;

	os->headers_package = gen_want_string(p->r, "the package of the headers");
	gen_want_word(p->r, "in");
	os->nr_headers_folders = 0;
	do {
		struct gen_pos pos = p->r->token.pos;
		const char *folder = gen_want_string(p->r, "a folder");

		if (os->nr_headers_folders == GEN_FOLDERS_MAX)
			gen_fail(p->r, pos, "more than %u folders", GEN_FOLDERS_MAX);
		else
			os->headers_folders[os->nr_headers_folders++] = folder;
	} while (!p->r->failed && gen_take_mark(p->r, ','));
}

static void read_builder(struct parser *p)
{
	p->os->builder = gen_want_string(p->r, "the program that builds a personality");
}

static void read_version(struct parser *p)
{
	p->os->version_code = gen_want_name(p->r, "the macro that is the version");
	p->os->version_make = gen_want_name(p->r, "the macro that makes one");
}

static void read_include(struct parser *p)
{
	include_rest(p, p->word, &p->os->includes);
}

static const struct {
	const char *word;
	void (*read)(struct parser *p);
	bool block;
} statements[] = {
	{ "title", read_title, false }, { "releases", read_releases, false }, { "except", read_except, false },
	{ "offers", read_offers, false }, { "headers", read_headers, false }, { "builder", read_builder, false },
	{ "version", read_version, false }, { "include", read_include, false }, { "group", read_group, true },
};

/* ---- Rules ------------------------------------------------------------------------------------------------------- */

static bool is_excepted(const struct gen_os *os, gen_release from, gen_release to)
{
	const struct gen_except *x;

	for (x = os->excepts; x; x = x->next)
		if (x->from <= from && to <= x->to)
			return true;
	return false;
}

static void check_gap(struct parser *p, const struct gen_function *f, gen_release from, gen_release to)
{
	char a[40], b[40];

	if (from >= to || is_excepted(p->os, from, to))
		return;
	gen_release_print(from, a, sizeof(a));
	gen_release_print(to, b, sizeof(b));
	gen_fail(p->r, f->pos, "function %s has no row from %s to %s", f->name, a, b);
}

/* Rows stand in the order of releases, and each release has one. */
static void check_rows(struct parser *p, const struct gen_function *f)
{
	const struct gen_row *row;
	gen_release next = p->os->from;
	char a[40];

	for (row = f->rows; row; row = row->next) {
		gen_release_print(row->from, a, sizeof(a));
		if (row->from < p->os->from)
			gen_fail(p->r, row->pos, "%s is before the OS's first release", a);
		else if (row->from < next)
			gen_fail(p->r, row->pos, "the row overlaps the one before, or stands before it: %s", a);
		else
			check_gap(p, f, next, row->from);
		next = row->to;
	}
	check_gap(p, f, next, p->os->to);
}

static const struct gen_function *find_function(const struct gen_os *os, const char *group, const char *name)
{
	const struct gen_function *f;
	const struct gen_group *g;

	for (g = os->groups; g; g = g->next)
		for (f = strcmp(g->name, group) ? NULL : g->functions; f; f = f->next)
			if (!strcmp(f->name, name))
				return f;
	return NULL;
}

static void check(struct parser *p)
{
	const struct gen_function *f;
	const struct gen_group *g;
	size_t i;

	if (!p->os->title)
		gen_fail(p->r, p->os->pos, "os %s does not say a title", p->os->name);
	if (!p->os->from)
		gen_fail(p->r, p->os->pos, "os %s does not say its releases", p->os->name);
	for (i = 0; i < XG_ARRAY_SIZE(wanted); i++)
		if ((!wanted[i].offer || p->os->offers & wanted[i].offer) &&
		    !find_function(p->os, wanted[i].group, wanted[i].function))
			gen_fail(p->r, p->os->pos, "os %s has no function %s in group %s", p->os->name,
				 wanted[i].function,
				 wanted[i].group);
	for (g = p->os->groups; g; g = g->next)
		for (f = g->functions; f; f = f->next)
			check_rows(p, f);
}

int gen_os_parse(const char *path, const char *text, size_t size, struct gen_arena *arena, struct gen_os **ret,
		 struct xg_err *err)
{
	struct gen_os *os = gen_arena_get(arena, sizeof(*os));
	struct gen_reader reader;
	struct parser p = { .r = &reader, .os = os };

	if (!os)
		return xg_fail(err, ENOMEM, "%s: out of memory", path);
	os->path = path;
	gen_reader_init(&reader, path, text, size, arena, err);
	gen_want_word(&reader, "os");
	os->pos = reader.token.pos;
	os->name = gen_want_hyphened(&reader, "the OS's name");
	gen_want_mark(&reader, '{');
	READ_STATEMENTS(&p, statements);
	if (!reader.failed && reader.token.kind != GEN_END)
		gen_fail(&reader, reader.token.pos, "something follows the description");
	if (!reader.failed)
		check(&p);
	if (reader.failed)
		return reader.failed;
	*ret = os;
	return 0;
}

/* ---- Questions --------------------------------------------------------------------------------------------------- */

int gen_os_has_release(const struct gen_os *os, const char *release, struct xg_err *err)
{
	gen_release v = gen_release_parse(release);
	const struct gen_except *x;
	char first[40];

	if (v == GEN_RELEASE_NONE || strlen(release) > 127 ||
	    release[strspn(release, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-")])
		return xg_fail(err, EINVAL,
			       "'%.127s' is no release: two numbers with a dot, then letters, digits and ._+~-",
			       release);
	gen_release_print(os->from, first, sizeof(first));
	if (v < os->from)
		return xg_fail(err, ENOTSUP, "%s %s is older than %s, the first that is described", os->title,
			       release, first);
	if (v >= os->to)
		return xg_fail(err, ENOTSUP, "%s %s is newer than what is described", os->title, release);
	for (x = os->excepts; x; x = x->next)
		if (v >= x->from && v < x->to)
			return xg_fail(err, ENOTSUP, "%s %s is not described: %s", os->title, release, x->why);
	return 0;
}

int gen_os_offers(const struct gen_os *os, const char *needs, const char *device, struct xg_err *err)
{
	size_t i, n;

	for (; *needs; needs += n + (needs[n] == ',')) {
		n = strcspn(needs, ",");
		for (i = 0; i < XG_ARRAY_SIZE(offers); i++)
			if (strlen(offers[i].word) == n && !memcmp(offers[i].word, needs, n) &&
			    (os->offers & offers[i].offer))
				break;
		if (i == XG_ARRAY_SIZE(offers))
			return xg_fail(err, ENOTSUP, "a driver for %s needs '%.*s', which %s does not offer",
				       device, (int)n, needs,
				       os->title);
	}
	return 0;
}

void gen_os_offers_print(const struct gen_os *os, char *ret, size_t size)
{
	size_t i, used = 0;

	ret[0] = '\0';
	for (i = 0; i < XG_ARRAY_SIZE(offers); i++)
		if ((os->offers & offers[i].offer) && used < size)
			used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? "," : "", offers[i].word);
}

/* ---- The header -------------------------------------------------------------------------------------------------- */

struct emitter {
	const struct gen_os *os;
	gen_release release;	/* GEN_RELEASE_NONE: all of them */
	struct gen_out *out;
};

static void put_version(const struct emitter *e, const char *mark, gen_release v)
{
	fprintf(e->out->f, "%s %s %s(%u, %u, %u)", e->os->version_code, mark, e->os->version_make,
		(unsigned int)(v >> 32),
		(unsigned int)(v >> 16) & PART_MAX, (unsigned int)v & PART_MAX);
}

static bool whole_range(const struct emitter *e, const struct gen_row *row)
{
	return row->from <= e->os->from && row->to >= e->os->to;
}

/* Whether ROW is written at all; with all releases together, inside a condition. */
static bool row_begin(const struct emitter *e, const struct gen_row *row)
{
	if (e->release != GEN_RELEASE_NONE)
		return e->release >= row->from && e->release < row->to;
	if (whole_range(e, row))
		return true;
	fputs("#if ", e->out->f);
	put_version(e, ">=", row->from);
	if (row->to < e->os->to) {
		fputs(" && ", e->out->f);
		put_version(e, "<", row->to);
	}
	gen_put(e->out, "\n");
	return true;
}

static void row_end(const struct emitter *e, const struct gen_row *row)
{
	if (e->release == GEN_RELEASE_NONE && !whole_range(e, row))
		gen_put(e->out, "#endif\n");
}

static void put_includes(const struct emitter *e, const struct gen_include *inc)
{
	for (; inc; inc = inc->next) {
		gen_put_from(e->out, e->os->path, inc->pos);
		gen_put(e->out, inc->own ? "#include \"%s\"\n" : "#include <%s>\n", inc->name);
	}
	gen_put_back(e->out);
}

#define FOR_EACH_FUNCTION(os, g, f) \
	for (g = (os)->groups; g; g = g->next) for (f = g->functions; f; f = f->next)

static void put_row_includes(const struct emitter *e)
{
	const struct gen_function *f;
	const struct gen_group *g;
	const struct gen_row *row;

	FOR_EACH_FUNCTION(e->os, g, f)
		for (row = f->rows; row; row = row->next)
			if (row->includes && row_begin(e, row)) {
				put_includes(e, row->includes);
				row_end(e, row);
			}
}

static void put_row(const struct emitter *e, const struct gen_function *f, const struct gen_row *row)
{
	const char *prototype = row->prototype ? row->prototype : f->prototype;

	if (!row_begin(e, row))
		return;
	gen_put_from(e->out, e->os->path, row->prototype ? row->prototype_pos : f->prototype_pos);
	gen_put(e->out, "static inline ");
	gen_put_text(e->out, prototype, strlen(prototype));
	gen_put(e->out, "\n");
	gen_put_from(e->out, e->os->path, row->body_pos);
	gen_put(e->out, "{");
	gen_put_text(e->out, row->body, strlen(row->body));
	gen_put(e->out, "}\n");
	gen_put_back(e->out);
	row_end(e, row);
}

static void put_functions(const struct emitter *e)
{
	const struct gen_function *f;
	const struct gen_group *g;
	const struct gen_row *row;

	for (g = e->os->groups; g; g = g->next) {
		gen_put(e->out, "\n/* ---- %s ---- */\n", g->name);
		for (f = g->functions; f; f = f->next) {
			gen_put(e->out, "\n");
			for (row = f->rows; row; row = row->next)
				put_row(e, f, row);
		}
	}
}

/* What the description does not cover is an error of the compiler, not a surprise. */
static void put_refusals(const struct emitter *e)
{
	const struct gen_except *x;

	if (!e->os->version_code)
		return;
	fputs("#if ", e->out->f);
	put_version(e, "<", e->os->from);
	gen_put(e->out, "\n#error \"older than the first release that is described\"\n#endif\n");
	for (x = e->os->excepts; x; x = x->next) {
		fputs("#if ", e->out->f);
		put_version(e, ">=", x->from);
		fputs(" && ", e->out->f);
		put_version(e, "<", x->to);
		gen_put(e->out, "\n");
		gen_put_from(e->out, e->os->path, x->pos);
		gen_put(e->out, "#error \"not described: %s\"\n", x->why);
		gen_put_back(e->out);
		gen_put(e->out, "#endif\n");
	}
}

int gen_os_emit(const struct gen_os *os, const char *release, const char *out_name, FILE *f, struct xg_err *err)
{
	struct gen_out out;
	struct emitter e = { .os = os, .out = &out };
	const char *slash = strrchr(os->path, '/');
	int rc;

	gen_out_init(&out, f, out_name);
	if (release) {
		rc = gen_os_has_release(os, release, err);
		if (rc)
			return rc;
		e.release = gen_release_parse(release);
	} else if (!os->version_code) {
		return xg_fail(err, EINVAL,
			       "%s: without `version` the compiler cannot tell releases apart; name one", os->path);
	}
	gen_put(&out,
		"/* SPDX-License-Identifier: GPL-2.0-or-later */\n/*\n"
		" * How %s %s does what a personality asks for. Written by xengraft-gen from %s:\n"
		" * change that, not this.\n */\n",
		os->title, release ? release : "(every release that is described)", slash ? slash + 1 : os->path);
	gen_put(&out, "#ifndef XG_OS_INTERFACE_H\n#define XG_OS_INTERFACE_H\n\n");
	put_includes(&e, os->includes);
	put_refusals(&e);
	put_row_includes(&e);
	put_functions(&e);
	gen_put(&out, "\n#endif\n");
	return 0;
}
