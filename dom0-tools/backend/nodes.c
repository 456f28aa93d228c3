// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads and writes the nodes that nodes.h names. Called by disk.c; must never take a decision from a node that
 * the guest can write, beyond which of its own pages and channels to use.
 */
#include "dom0-tools/backend/nodes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/xen/blkif.h"

/* Domain ids from here on mean something else (xen.h, DOMID_FIRST_RESERVED). */
#define NODES_DOMID_END 0x7ff0u
#define NODES_QUEUES_DEFAULT 4u
#define NODES_ORDER_MAX 2u

_Static_assert(1u << NODES_ORDER_MAX == ENGINE_RING_PAGES_MAX, "the largest ring");

struct nodes_path {
	char text[XG_STORE_PATH_MAX + 64];
};

/* "dir/name"; names are our own and short, so that it fits whatever the directory's length. */
static const char *nodes_at(struct nodes_path *p, const char *dir, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static const char *nodes_at(struct nodes_path *p, const char *dir, const char *fmt, ...)
{
	int len = snprintf(p->text, sizeof(p->text), "%s/", dir);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->text + len, sizeof(p->text) - len, fmt, ap);
	va_end(ap);
	return p->text;
}

/* An unsigned node of DIR not above MAX; FALLBACK when it is not there. */
static int nodes_number(struct xg_store *s, const char *dir, const char *name, uint64_t fallback, uint64_t max,
			unsigned int *ret, struct xg_err *err)
{
	struct nodes_path p;
	uint64_t value;
	int rc = xg_store_read_u64_or(s, nodes_at(&p, dir, "%s", name), fallback, &value, err);

	if (rc)
		return rc;
	if (value > max)
		return xg_fail(err, EINVAL, "%s is %llu, at most %llu is possible", p.text, (unsigned long long)value,
			       (unsigned long long)max);
	*ret = value;
	return 0;
}

/* The names of a directory's nodes, so that what is not there need not be asked for. */
struct nodes_list {
	char **names;
	size_t count;
};

static bool nodes_listed(const struct nodes_list *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (!strcmp(l->names[i], name))
			return true;
	return false;
}

static int nodes_flag(struct xg_store *s, const char *dir, const char *name, bool fallback, bool *ret,
		      struct xg_err *err)
{
	unsigned int value;
	int rc = nodes_number(s, dir, name, fallback, 1, &value, err);

	if (!rc)
		*ret = value;
	return rc;
}

/* ---- What Dom0 wants ---- */

static int nodes_mode(struct xg_store *s, struct nodes_config *c, struct xg_err *err)
{
	struct nodes_path p;
	char mode[8];
	int rc = xg_store_read(s, nodes_at(&p, c->path, "mode"), mode, sizeof(mode), err);

	if (rc)
		return rc;
	if (mode[0] != 'r' && mode[0] != 'w')
		return xg_fail(err, EINVAL, "%s is \"%s\", neither r nor w", p.text, mode);
	c->writable = mode[0] == 'w';
	return 0;
}

/* A frontend directory outside the domain's would let one guest speak for another's grants. */
static int nodes_frontend(struct xg_store *s, struct nodes_config *c, struct xg_err *err)
{
	struct nodes_path p;
	char home[40];
	int rc = nodes_number(s, c->path, "frontend-id", NODES_DOMID_END, NODES_DOMID_END - 1, &c->domid, err);

	if (!rc)
		rc = xg_store_read(s, nodes_at(&p, c->path, "frontend"), c->frontend, sizeof(c->frontend), err);
	if (rc)
		return rc;
	snprintf(home, sizeof(home), "/local/domain/%u/", c->domid);
	if (strncmp(c->frontend, home, strlen(home)))
		return xg_fail(err, EINVAL, "the frontend %s is not domain %u's", c->frontend, c->domid);
	return 0;
}

static unsigned int nodes_clamp(unsigned int value, unsigned int least, unsigned int most)
{
	return value < least ? least : value > most ? most : value;
}

/* A byte of the target, wherever its end is. */
static int nodes_place(struct xg_store *s, const char *dir, const char *name, uint64_t *ret, struct xg_err *err)
{
	struct nodes_path p;
	int rc = xg_store_read_u64(s, nodes_at(&p, dir, "%s", name), ret, err);

	if (!rc && *ret > INT64_MAX - 1)
		return xg_fail(err, EINVAL, "%s is no place in a file: %llu", name, (unsigned long long)*ret);
	return rc;
}

/* A limit that is there already was set by Dom0's tool (or by us, before a restart). */
static int nodes_options(struct xg_store *s, struct nodes_config *c, const struct nodes_list *l, struct xg_err *err)
{
	const struct { const char *name; bool *to; } flags[] = {
		{ "discard-enable", &c->discard }, { "lock", &c->lock }, { "removable", &c->removable },
	};
	const struct { const char *name; unsigned int *to; } limits[] = {
		{ "multi-queue-max-queues", &c->max_queues }, { "max-ring-page-order", &c->max_order },
	};
	const struct { const char *name; uint64_t *to; } places[] = {
		{ "lock-at", &c->lock_at }, { "mark-at", &c->mark_at },
	};
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < XG_ARRAY_SIZE(flags); i++)
		if (nodes_listed(l, flags[i].name))
			rc = nodes_flag(s, c->path, flags[i].name, *flags[i].to, flags[i].to, err);
	for (i = 0; !rc && i < XG_ARRAY_SIZE(limits); i++)
		if (nodes_listed(l, limits[i].name))
			rc = nodes_number(s, c->path, limits[i].name, *limits[i].to, UINT32_MAX, limits[i].to, err);
	for (i = 0; !rc && i < XG_ARRAY_SIZE(places); i++)
		if (nodes_listed(l, places[i].name))
			rc = nodes_place(s, c->path, places[i].name, places[i].to, err);
	c->max_queues = nodes_clamp(c->max_queues, 1, ENGINE_QUEUES_MAX);
	c->max_order = nodes_clamp(c->max_order, 0, NODES_ORDER_MAX);
	c->left_error = nodes_listed(l, "error");
	c->left_offers = nodes_listed(l, "sectors");
	return rc;
}

bool nodes_exist(struct xg_store *s, const char *path)
{
	char frontend[XG_STORE_PATH_MAX];
	struct nodes_path p;

	return strlen(path) < XG_STORE_PATH_MAX &&
	       !xg_store_read(s, nodes_at(&p, path, "frontend"), frontend, sizeof(frontend), NULL);
}

int nodes_config_read(struct xg_store *s, const char *path, struct nodes_config *ret, struct xg_err *err)
{
	struct nodes_config c = {
		.discard = true, .lock = true, .max_queues = NODES_QUEUES_DEFAULT, .max_order = NODES_ORDER_MAX,
	};
	struct nodes_list list = { .names = NULL };
	struct nodes_path p;
	int rc;

	if (path[0] != '/' || strlen(path) >= sizeof(c.path))
		return xg_fail(err, EINVAL, "\"%s\" is no path in xenstore", path);
	strcpy(c.path, path);
	rc = nodes_frontend(s, &c, err);
	if (!rc)
		rc = xg_store_read(s, nodes_at(&p, path, "params"), c.target, sizeof(c.target), err);
	if (!rc)
		rc = nodes_mode(s, &c, err);
	if (!rc)
		rc = xg_store_list(s, path, &list.names, &list.count, err);
	if (!rc)
		rc = nodes_options(s, &c, &list, err);
	free(list.names);
	if (!rc)
		*ret = c;
	return rc;
}

/* ---- What the disk can do ---- */

struct nodes_row {
	const char *name;
	uint64_t value;
	bool write;	/* otherwise it says what a frontend takes its absence for */
};

#define NODES_ROWS 11

static void nodes_rows(const struct nodes_config *c, const struct target *t, struct nodes_row rows[NODES_ROWS])
{
	bool discard = t->discard_mode != 0;
	unsigned int info = (t->writable ? 0 : XG_BLKIF_INFO_READONLY) | (c->removable ? XG_BLKIF_INFO_REMOVABLE : 0);
	const struct nodes_row all[NODES_ROWS] = {
		/* In units of 512 bytes whatever sector-size says: so do Linux, and blkif.h since Xen 4.20. */
		{ "sectors", t->sectors, true },
		{ "sector-size", t->block_bytes, true },
		{ "physical-sector-size", t->physical_bytes, t->physical_bytes != t->block_bytes },
		{ "info", info, true },
		{ "feature-flush-cache", t->writable, t->writable },
		{ "feature-discard", discard, discard },
		{ "discard-granularity", t->discard_granularity, discard },
		{ "discard-alignment", t->discard_alignment, discard && t->discard_alignment },
		{ "feature-max-indirect-segments", REQUEST_SEGMENTS_MAX, true },
		{ "multi-queue-max-queues", c->max_queues, true },
		{ "max-ring-page-order", c->max_order, true },
	};

	memcpy(rows, all, sizeof(all));
}

void nodes_capabilities(const struct nodes_config *c, const struct target *t, char *ret, size_t size)
{
	struct nodes_row rows[NODES_ROWS];
	size_t i, len = 0;

	nodes_rows(c, t, rows);
	ret[0] = '\0';
	for (i = 0; i < NODES_ROWS && len < size; i++)
		if (rows[i].write)
			len += snprintf(ret + len, size - len, "%s%s=%llu", len ? " " : "", rows[i].name,
					(unsigned long long)rows[i].value);
}

/* What another backend left there, and we do not offer, is removed. */
static int nodes_write_rows(struct xg_store *s, const struct nodes_config *c, const struct nodes_row *rows,
			    struct xg_err *err)
{
	struct nodes_path p;
	size_t i;
	int rc = 0;

	for (i = 0; i < NODES_ROWS && !rc; i++) {
		nodes_at(&p, c->path, "%s", rows[i].name);
		if (rows[i].write)
			rc = xg_store_writef(s, err, p.text, "%llu", (unsigned long long)rows[i].value);
		else if (c->left_offers)
			rc = xg_store_remove(s, p.text, err);
	}
	return rc;
}

struct announce {
	const struct nodes_config *c;
	const struct target *t;
};

static int nodes_announce_once(struct xg_store *s, void *ctx, struct xg_err *err)
{
	const struct announce *a = ctx;
	struct nodes_row rows[NODES_ROWS];
	struct nodes_path p;
	int rc;

	nodes_rows(a->c, a->t, rows);
	rc = nodes_write_rows(s, a->c, rows, err);
	/* The guest may read the directory; the counters are Dom0's. */
	return rc ? rc : xg_store_mkdir(s, nodes_at(&p, a->c->path, "stats"), 0, 0, err);
}

int nodes_announce(struct xg_store *s, const struct nodes_config *c, const struct target *t, struct xg_err *err)
{
	struct announce a = { c, t };

	return xg_store_transaction(s, nodes_announce_once, &a, err);
}

/* ---- What the frontend offers ---- */

static int nodes_protocol(struct xg_store *s, const char *dir, struct xg_err *err)
{
	struct nodes_path p;
	char protocol[64];
	int rc = xg_store_read(s, nodes_at(&p, dir, "protocol"), protocol, sizeof(protocol), err);

	if (rc == -ENOENT)
		return 0;
	if (!rc && strcmp(protocol, XG_BLKIF_PROTOCOL))
		return xg_fail(err, EPROTO, "%s is not " XG_BLKIF_PROTOCOL ", the only one served", p.text);
	return rc;
}

/* The frontend's counts, which say how many nodes there are to read. */
static int nodes_shape(struct xg_store *s, const struct nodes_config *c, struct nodes_connection *ret,
		       struct xg_err *err)
{
	unsigned int order = 0;
	int rc = nodes_protocol(s, c->frontend, err);

	if (!rc)
		rc = nodes_number(s, c->frontend, "multi-queue-num-queues", 1, c->max_queues, &ret->nr_queues, err);
	if (!rc)
		rc = nodes_number(s, c->frontend, "ring-page-order", 0, c->max_order, &order, err);
	if (!rc && ret->nr_queues == 0)
		rc = xg_fail(err, EINVAL, "%s/multi-queue-num-queues is 0", c->frontend);
	ret->ring_pages = 1u << order;
	return rc;
}

static int nodes_must(struct xg_store *s, const char *dir, const char *name, uint32_t *ret, struct xg_err *err)
{
	struct nodes_path p;
	uint64_t value;
	int rc = xg_store_read_u64(s, nodes_at(&p, dir, "%s", name), &value, err);

	if (!rc && value > UINT32_MAX)
		rc = xg_fail(err, EINVAL, "%s is %llu, more than 32 bits", p.text, (unsigned long long)value);
	if (!rc)
		*ret = value;
	return rc;
}

static int nodes_queue(struct xg_store *s, const char *dir, struct nodes_connection *ret, unsigned int q,
		       struct xg_err *err)
{
	unsigned int i;
	char name[24];
	int rc = nodes_must(s, dir, "event-channel", &ret->queues[q].port, err);

	if (!rc && ret->ring_pages == 1) {
		rc = nodes_must(s, dir, "ring-ref", &ret->queues[q].refs[0], err);
		/* Some frontends number a single page as well. */
		if (rc != -ENOENT)
			return rc;
		rc = 0;
	}
	for (i = 0; i < ret->ring_pages && !rc; i++) {
		snprintf(name, sizeof(name), "ring-ref%u", i);
		rc = nodes_must(s, dir, name, &ret->queues[q].refs[i], err);
	}
	return rc;
}

static int nodes_queues(struct xg_store *s, const struct nodes_config *c, struct nodes_connection *ret,
			struct xg_err *err)
{
	struct nodes_path p;
	unsigned int q;
	int rc = nodes_shape(s, c, ret, err);

	if (rc)
		return rc;
	/* With one queue its nodes stand in the frontend's directory itself. */
	if (ret->nr_queues == 1)
		return nodes_queue(s, c->frontend, ret, 0, err);
	for (q = 0; q < ret->nr_queues && !rc; q++)
		rc = nodes_queue(s, nodes_at(&p, c->frontend, "queue-%u", q), ret, q, err);
	return rc;
}

int nodes_connection_read(struct xg_store *s, const struct nodes_config *c, struct nodes_connection *ret,
			  struct xg_err *err)
{
	struct nodes_connection n;
	int rc;

	memset(&n, 0, sizeof(n));
	rc = nodes_queues(s, c, &n, err);
	if (!rc)
		*ret = n;
	return rc;
}

/* ---- From day to day ---- */

int nodes_state_write(struct xg_store *s, const struct nodes_config *c, unsigned int xenbus_state,
		      struct xg_err *err)
{
	struct nodes_path p;

	return xg_store_writef(s, err, nodes_at(&p, c->path, "state"), "%u", xenbus_state);
}

int nodes_error_write(struct xg_store *s, const char *path, const char *text, struct xg_err *err)
{
	struct nodes_path p;

	nodes_at(&p, path, "error");
	return text ? xg_store_write(s, p.text, text, err) : xg_store_remove(s, p.text, err);
}

int nodes_stats_write(struct xg_store *s, const struct nodes_config *c, const char *json, struct xg_err *err)
{
	struct nodes_path p;

	return xg_store_write(s, nodes_at(&p, c->path, "stats"), json, err);
}

/*
 * A watch fires too when its node goes along with the directory above it, so that `online` tells of the backend's
 * directory.
 */
int nodes_watch(struct xg_store *s, const struct nodes_config *c, unsigned int subjects, struct xg_err *err)
{
	struct nodes_path p;
	int rc = 0;

	if (subjects & NODES_FRONT)
		rc = xg_store_watch(s, nodes_at(&p, c->frontend, "state"), "front", err);
	if (!rc && subjects & NODES_SELF)
		rc = xg_store_watch(s, nodes_at(&p, c->path, "online"), "self", err);
	if (!rc && subjects & NODES_DOMAIN)
		rc = xg_store_watch(s, "@releaseDomain", "domain", err);
	if (!rc && subjects & NODES_LOCK)
		rc = xg_store_watch(s, nodes_at(&p, c->path, "lock"), "lock", err);
	return rc;
}

unsigned int nodes_fired(const char *token)
{
	return !strcmp(token, "front") ? NODES_FRONT : !strcmp(token, "self") ? NODES_SELF :
	       !strcmp(token, "lock") ? NODES_LOCK : NODES_DOMAIN;
}

static int nodes_look_front(struct xg_store *s, const struct nodes_config *c, struct nodes_news *news,
			    struct xg_err *err)
{
	struct nodes_path p;
	uint64_t state;
	int rc = xg_store_read_u64(s, nodes_at(&p, c->frontend, "state"), &state, err);

	/* Nonsense counts as unknown: it is the guest's to write, and no reason to stop looking. */
	if (rc == -EINVAL || rc == -E2BIG)
		state = rc = 0;
	news->front = rc == -ENOENT ? BUS_FRONT_ABSENT : bus_front_event(state);
	return rc == -ENOENT ? 0 : rc;
}

static int nodes_look_self(struct xg_store *s, const struct nodes_config *c, struct nodes_news *news,
			   struct xg_err *err)
{
	struct nodes_path p;
	uint64_t online;
	int rc = xg_store_read_u64_or(s, nodes_at(&p, c->path, "online"), 0, &online, err);

	if (rc)
		return rc;
	news->online = online == 1;
	news->gone |= !news->online && !nodes_exist(s, c->path);
	return 0;
}

int nodes_look(struct xg_store *s, const struct nodes_config *c, unsigned int subjects, struct nodes_news *news,
	       struct xg_err *err)
{
	int rc = 0;

	if (subjects & NODES_DOMAIN)
		news->gone |= !xg_store_domain_known(s, c->domid);
	if (subjects & NODES_SELF)
		rc = nodes_look_self(s, c, news, err);
	if (!rc && subjects & NODES_LOCK && !news->gone)
		rc = nodes_flag(s, c->path, "lock", true, &news->lock, err);
	if (!rc && subjects & NODES_FRONT)
		rc = nodes_look_front(s, c, news, err);
	return rc;
}
