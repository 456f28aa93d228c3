// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See resolve.h. Called by the operations and by `xengraft-repo resolve`. An image states some of six things; what it
 * states is its pattern. All images of one pattern that fit have the same words in the same columns, so each pattern is
 * one look into the index (tuple space search: Srinivasan, Suri, Varghese, SIGCOMM 1999), from the most specific on.
 */
#include "driver-repo/resolve.h"

#include <stdio.h>
#include <string.h>

#include "driver-repo/store.h"
#include "lib/base/version.h"

#define PATTERNS (2u * XG_STATES_BUILD)

void xg_choice_fini(struct xg_choice *c)
{
	if (c)
		xg_image_free(xg_take(c->image));
}

/* ---- Does it fit? ------------------------------------------------------------------------------------------- */

/* What is wrong with it, the gravest first: rows, so that an explanation and a refusal say the same. */
enum miss {
	MISS_KIND,
	MISS_ARCH,
	MISS_CLASS,
	MISS_OS,
	MISS_DEVICE,
	MISS_MODE,
	MISS_ABI,
	MISS_RELEASE,
	MISS_BUILD,
	FITS,
};

static bool states_other(const char *stated, const char *wanted)
{
	return stated[0] && strcmp(stated, wanted) != 0;
}

static enum miss missed(const char *kind, const struct xg_wanted *q, const struct xg_image_note *n)
{
	if (strcmp(n->kind, kind))
		return MISS_KIND;
	if (strcmp(n->arch, q->arch))
		return MISS_ARCH;
	if (!strcmp(kind, "driver") && strcmp(n->class_name, q->class_name))
		return MISS_CLASS;
	if (states_other(n->os, q->os))
		return MISS_OS;
	if (!strcmp(kind, "driver") && states_other(n->device, q->device))
		return MISS_DEVICE;
	if (!strcmp(kind, "driver") && strcmp(q->mode, "any") && states_other(n->mode, q->mode))
		return MISS_MODE;
	if (!xg_note_fits_abi(n, q->abi))
		return MISS_ABI;
	if (!xg_note_fits_release(n, q->release))
		return MISS_RELEASE;
	return xg_note_fits_build(n, q->build_id) ? FITS : MISS_BUILD;
}

static const char *or_unknown(const char *word)
{
	return word[0] ? word : "unknown";
}

static void miss_text(enum miss m, const struct xg_wanted *q, const struct xg_image_note *n, char *ret, size_t room)
{
	switch (m) {
	case MISS_ARCH:
		snprintf(ret, room, "for %s, not %s", n->arch, q->arch);
		break;
	case MISS_CLASS:
		snprintf(ret, room, "for %s devices, not %s", n->class_name, q->class_name);
		break;
	case MISS_OS:
		snprintf(ret, room, "for %s, not %s", n->os, or_unknown(q->os));
		break;
	case MISS_DEVICE:
		snprintf(ret, room, "for device %s, not %s", n->device, or_unknown(q->device));
		break;
	case MISS_MODE:
		snprintf(ret, room, "%s, not %s", n->mode, q->mode);
		break;
	case MISS_ABI:
		if (n->abi == n->abi_last)
			snprintf(ret, room, "of ABI %u, not %u", n->abi, q->abi);
		else
			snprintf(ret, room, "of ABI %u to %u, not %u", n->abi, n->abi_last, q->abi);
		break;
	case MISS_RELEASE:
		snprintf(ret, room, "for release %s%s%s, not %s", n->release, n->release_last[0] ? " to " : "",
			 n->release_last, or_unknown(q->release));
		break;
	case MISS_BUILD:
		snprintf(ret, room, "for build %.16s…, not %.16s%s", n->build_id, or_unknown(q->build_id),
			 q->build_id[0] ? "…" : "");
		break;
	case MISS_KIND:
	case FITS:
		snprintf(ret, room, "%s", "");
	}
}

/* ---- Choosing ----------------------------------------------------------------------------------------------- */

struct resolve {
	struct xg_repo *r;
	const char *kind;
	const struct xg_wanted *q;
	struct xg_choice *best;
	bool found;
	unsigned int older, refused;	/* that also fit */
	char refusal[400];		/* the first that may not be installed */
};

static int tie(const struct resolve *s, const struct xg_entry *e, struct xg_err *err)
{
	char name[XG_NAME_MAX];

	xg_note_name(&e->note, name);
	return xg_fail(err, ENOTUNIQ,
		       "two images fit equally well, %.12s and %.12s (both %s): 'xengraft-repo remove' one",
		       s->best->entry.digest, e->digest, name);
}

/*
 * The note that counts is the one in the bytes; an index that says another thing is out of date or was tampered with.
 */
static int row_is_true(const struct resolve *s, const struct xg_entry *e, const struct xg_image *image,
		       struct xg_err *err)
{
	if (missed(s->kind, s->q, &image->note) == FITS && xg_note_pattern(&image->note) == e->pattern &&
	    !xg_version_compare(image->note.version, e->note.version))
		return 0;
	return xg_fail(err, EBADMSG, "image %.12s is not what the index says: 'xengraft-repo reindex'", e->digest);
}

static int consider_new(struct resolve *s, const struct xg_entry *e, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_verdict v;
	int rc = xg_repo_load_trusted(s->r, e->digest, &image, &v, err);

	if (rc == -EPERM) {
		if (!s->refused++)
			snprintf(s->refusal, sizeof(s->refusal), "%s", err->text);
		return 0;
	}
	if (!rc)
		rc = row_is_true(s, e, image, err);
	if (rc)
		return rc;
	if (s->found)
		return tie(s, e, err);
	s->found = true;
	s->best->entry = *e;
	s->best->entry.note = image->note;
	s->best->verdict = v;
	s->best->image = xg_take(image);
	return 0;
}

/* Rows come newest first: after the one that is found only its equals matter. */
static int consider(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct resolve *s = ctx;

	if (missed(s->kind, s->q, &e->note) != FITS)
		return 0;
	if (s->found && xg_version_compare(e->note.version, s->best->entry.note.version)) {
		s->older++;
		return 1;
	}
	return consider_new(s, e, err);
}

static int resolve_pattern(struct resolve *s, uint32_t pattern, const char *mode, struct xg_err *err)
{
	const struct xg_wanted *q = s->q;
	bool driver = !strcmp(s->kind, "driver");
	struct xg_index_key key = {
		.kind = s->kind, .pattern = pattern, .arch = q->arch, .class_name = driver ? q->class_name : "",
		.os = pattern & XG_STATES_OS ? q->os : "", .release = pattern & XG_STATES_RELEASE ? q->release : "",
		.build_id = pattern & XG_STATES_BUILD ? q->build_id : "",
		.device = pattern & XG_STATES_DEVICE ? q->device : "", .mode = pattern & XG_STATES_MODE ? mode : "",
	};

	return xg_index_fit(s->r->index, &key, consider, s, err);
}

/* Patterns that no note of this kind can have, or that ask for what is not known, need not be looked up. */
static bool pattern_is_possible(const struct resolve *s, uint32_t p)
{
	const struct xg_wanted *q = s->q;

	if ((p & XG_STATES_RELEASE) && (p & XG_STATES_RANGE))
		return false;
	if (!strcmp(s->kind, "personality") && (!(p & XG_STATES_OS) || !(p & (XG_STATES_RELEASE | XG_STATES_RANGE))))
		return false;
	return (q->os[0] || !(p & XG_STATES_OS)) && (q->release[0] || !(p & (XG_STATES_RELEASE | XG_STATES_RANGE))) &&
		(q->build_id[0] || !(p & XG_STATES_BUILD)) && (q->device[0] || !(p & XG_STATES_DEVICE));
}

static int resolve_patterns(struct resolve *s, struct xg_err *err)
{
	bool any = !strcmp(s->q->mode, "any");
	uint32_t p;
	int rc = 0;

	for (p = PATTERNS; !rc && !s->found && p-- > 0;) {
		if (!pattern_is_possible(s, p))
			continue;
		rc = resolve_pattern(s, p, any ? "paravirtual" : s->q->mode, err);
		if (!rc && !s->found && any && (p & XG_STATES_MODE))
			rc = resolve_pattern(s, p, "virtual", err);
	}
	return rc;
}

static const char *fits_by(uint32_t pattern)
{
	if (pattern & XG_STATES_BUILD)
		return "made for this very build";
	if (pattern & XG_STATES_RELEASE)
		return "made for this release";
	if (pattern & XG_STATES_RANGE)
		return "made for a range of releases with this one";
	return pattern & XG_STATES_OS ? "made for this OS" : "fits every OS";
}

static void choice_why(const struct resolve *s)
{
	struct xg_choice *c = s->best;
	char refused[64] = "";

	if (s->refused)
		snprintf(refused, sizeof(refused), ", %u that may not be installed left out", s->refused);
	snprintf(c->why, sizeof(c->why), "%s%s%s%s, %s", fits_by(c->entry.pattern),
		 !strcmp(s->q->mode, "any") && !strcmp(c->entry.note.mode, "paravirtual") ? ", any mode would do" : "",
		 s->older ? ", the newest" : "", refused, c->verdict.text);
}

/* ---- None fits: why not? -------------------------------------------------------------------------------------- */

static void request_text(const char *kind, const struct xg_wanted *q, char *ret, size_t room)
{
	if (!strcmp(kind, "personality"))
		snprintf(ret, room, "no personality for %s %s", or_unknown(q->os), or_unknown(q->release));
	else
		snprintf(ret, room, "no %s%sdriver for %s", strcmp(q->mode, "any") ? q->mode : "",
			 strcmp(q->mode, "any") ? " " : "", q->device[0] ? q->device : q->class_name);
}

struct nearest {
	const char *kind;
	const struct xg_wanted *q;
	enum miss miss;
	struct xg_entry entry;
};

static int nearest_take(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct nearest *n = ctx;
	enum miss m = missed(n->kind, n->q, &e->note);

	(void)err;
	if (m > n->miss && m != FITS) {
		n->miss = m;
		n->entry = *e;
	}
	return 0;
}

static int none_fits(struct resolve *s, struct xg_err *err)
{
	struct nearest n = { .kind = s->kind, .q = s->q, .miss = MISS_KIND };
	char wanted[200], miss[200];
	int rc;

	request_text(s->kind, s->q, wanted, sizeof(wanted));
	if (s->refused)
		return xg_fail(err, EPERM, "%s that may be installed: %s", wanted, s->refusal);
	rc = xg_index_all(s->r->index, nearest_take, &n, err);
	if (rc)
		return rc;
	if (n.miss < MISS_ABI)
		return xg_fail(err, ENOENT, "%s in the repository", wanted);
	miss_text(n.miss, s->q, &n.entry.note, miss, sizeof(miss));
	return xg_fail(err, ENOENT, "%s in the repository: the nearest is %s", wanted, miss);
}

int xg_repo_resolve(struct xg_repo *r, const char *kind, const struct xg_wanted *q, struct xg_choice *ret,
		    struct xg_err *err)
{
	struct xg_choice best = { .image = NULL };
	struct resolve s = { .r = r, .kind = kind, .q = q, .best = &best };
	int rc = resolve_patterns(&s, err);

	if (!rc && !s.found)
		rc = none_fits(&s, err);
	if (rc) {
		xg_choice_fini(&best);
		return rc;
	}
	choice_why(&s);
	*ret = best;
	return 0;
}

/* ---- Explaining --------------------------------------------------------------------------------------------- */

struct explanation {
	struct xg_repo *r;
	const char *kind;
	const struct xg_wanted *q;
	struct xg_candidate *list;
	enum miss *misses;
	size_t count, max, more;
};

static bool prefers_direct(const struct explanation *x)
{
	return !strcmp(x->q->mode, "any");
}

/* <0: A comes first. */
static int candidate_order(const struct explanation *x, const struct xg_entry *a, enum miss miss_a,
			   const struct xg_entry *b, enum miss miss_b)
{
	int order;

	if (miss_a != miss_b)
		return miss_a > miss_b ? -1 : 1;
	if (a->pattern != b->pattern)
		return a->pattern > b->pattern ? -1 : 1;
	order = prefers_direct(x) ? strcmp(a->note.mode, b->note.mode) : 0;
	if (!order)
		order = xg_version_compare(b->note.version, a->note.version);
	return order ? order : strcmp(a->digest, b->digest);
}

/* Kept in order; what falls off the end is only counted. */
static int explain_take(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	struct explanation *x = ctx;
	enum miss m = missed(x->kind, x->q, &e->note);
	size_t at;

	(void)err;
	if (m == MISS_KIND)
		return 0;
	for (at = x->count; at > 0 && candidate_order(x, e, m, &x->list[at - 1].entry, x->misses[at - 1]) < 0; at--)
		;
	x->more += x->count == x->max;
	if (at == x->max)
		return 0;
	if (x->count < x->max)
		x->count++;
	memmove(x->list + at + 1, x->list + at, (x->count - at - 1) * sizeof(*x->list));
	memmove(x->misses + at + 1, x->misses + at, (x->count - at - 1) * sizeof(*x->misses));
	x->list[at] = (struct xg_candidate){ .entry = *e, .fits = m == FITS };
	x->misses[at] = m;
	return 0;
}

/* What an image that fits lost by, against the one that is used. */
static void loser_text(const struct explanation *x, const struct xg_candidate *c, const struct xg_candidate *winner,
		       char *ret, size_t room)
{
	if (c->entry.pattern != winner->entry.pattern)
		snprintf(ret, room, "less specific than %.12s (%s)", winner->entry.digest, fits_by(c->entry.pattern));
	else if (prefers_direct(x) && strcmp(c->entry.note.mode, winner->entry.note.mode))
		snprintf(ret, room, "%s: where any mode will do, %s goes before it", c->entry.note.mode,
			 winner->entry.note.mode);
	else if (xg_version_compare(c->entry.note.version, winner->entry.note.version))
		snprintf(ret, room, "older than %.12s (%s)", winner->entry.digest, winner->entry.note.version);
	else
		snprintf(ret, room, "a tie with %.12s: one of them must go", winner->entry.digest);
}

static void explain_trust(struct explanation *x)
{
	const struct xg_candidate *winner = NULL;
	struct xg_err why;
	size_t i;

	for (i = 0; i < x->count; i++) {
		struct xg_image *image xg_auto(xg_image_free_p) = NULL;
		struct xg_candidate *c = &x->list[i];
		struct xg_verdict v;

		why = (struct xg_err)XG_ERR_NONE;
		if (!c->fits)
			miss_text(x->misses[i], x->q, &c->entry.note, c->against, sizeof(c->against));
		else if (xg_repo_load_trusted(x->r, c->entry.digest, &image, &v, &why))
			snprintf(c->against, sizeof(c->against), "%.300s", why.text);
		else if (winner)
			loser_text(x, c, winner, c->against, sizeof(c->against));
		else
			winner = c;
	}
}

int xg_repo_explain(struct xg_repo *r, const char *kind, const struct xg_wanted *q, size_t max,
		    struct xg_candidate **ret, size_t *ret_count, size_t *ret_more, struct xg_err *err)
{
	struct explanation x = { .r = r, .kind = kind, .q = q, .max = max };
	int rc;

	x.list = calloc(max, sizeof(*x.list));
	x.misses = calloc(max, sizeof(*x.misses));
	rc = x.list && x.misses ? xg_index_all(r->index, explain_take, &x, err) :
		xg_fail_errno(err, ENOMEM, "%zu candidates", max);
	if (!rc)
		explain_trust(&x);
	free(x.misses);
	if (rc) {
		free(x.list);
		return rc;
	}
	*ret = x.list;
	*ret_count = x.count;
	*ret_more = x.more;
	return 0;
}
