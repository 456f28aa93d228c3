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

/* Where the node is there already, Dom0's tool has set a limit (or we have, before a restart). */
static int nodes_limits(struct xg_store *s, struct nodes_config *c, struct xg_err *err)
{
	int rc = nodes_number(s, c->path, "multi-queue-max-queues", NODES_QUEUES_DEFAULT, UINT32_MAX, &c->max_queues,
			      err);

	if (!rc)
		rc = nodes_number(s, c->path, "max-ring-page-order", NODES_ORDER_MAX, UINT32_MAX, &c->max_order, err);
	if (rc)
		return rc;
	if (c->max_queues < 1)
		c->max_queues = 1;
	if (c->max_queues > ENGINE_QUEUES_MAX)
		c->max_queues = ENGINE_QUEUES_MAX;
	if (c->max_order > NODES_ORDER_MAX)
		c->max_order = NODES_ORDER_MAX;
	return 0;
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
	struct nodes_config c = { .domid = 0 };
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
		rc = nodes_flag(s, path, "discard-enable", true, &c.discard, err);
	if (!rc)
		rc = nodes_flag(s, path, "lock", true, &c.lock, err);
	if (!rc)
		rc = nodes_flag(s, path, "removable", false, &c.removable, err);
	if (!rc)
		rc = nodes_limits(s, &c, err);
	if (!rc)
		*ret = c;
	return rc;
}

/* ---- What the disk can do ---- */

struct nodes_row {
	const char *name;
	uint64_t value;
	bool write;	/* otherwise removed: an older backend may have left it */
};

static int nodes_write_rows(struct xg_store *s, const char *dir, const struct nodes_row *rows, size_t count,
			    struct xg_err *err)
{
	struct nodes_path p;
	size_t i;
	int rc = 0;

	for (i = 0; i < count && !rc; i++) {
		nodes_at(&p, dir, "%s", rows[i].name);
		if (rows[i].write)
			rc = xg_store_writef(s, err, p.text, "%llu", (unsigned long long)rows[i].value);
		else
			rc = xg_store_remove(s, p.text, err);
	}
	return rc;
}

static int nodes_announce_once(struct xg_store *s, const struct nodes_config *c, const struct target *t,
			       struct xg_err *err)
{
	bool discard = t->discard_mode != 0;
	unsigned int info = (t->writable ? 0 : XG_BLKIF_INFO_READONLY) | (c->removable ? XG_BLKIF_INFO_REMOVABLE : 0);
	const struct nodes_row rows[] = {
		/* In units of 512 bytes whatever sector-size says: so do Linux, and blkif.h since Xen 4.20. */
		{ "sectors", t->sectors, true },
		{ "sector-size", t->block_bytes, true },
		{ "physical-sector-size", t->physical_bytes, true },
		{ "info", info, true },
		{ "feature-flush-cache", t->writable, true },
		{ "feature-barrier", 0, true },
		{ "feature-discard", discard, true },
		{ "discard-granularity", t->discard_granularity, discard },
		{ "discard-alignment", t->discard_alignment, discard },
		{ "discard-secure", 0, discard },
		{ "feature-max-indirect-segments", REQUEST_SEGMENTS_MAX, true },
		{ "feature-persistent", 0, true },
		{ "multi-queue-max-queues", c->max_queues, true },
		{ "max-ring-page-order", c->max_order, true },
	};
	struct nodes_path p;
	int rc = nodes_write_rows(s, c->path, rows, sizeof(rows) / sizeof(rows[0]), err);

	/* The guest may read the directory; the counters are Dom0's. */
	return rc ? rc : xg_store_mkdir(s, nodes_at(&p, c->path, "stats"), 0, 0, err);
}

int nodes_announce(struct xg_store *s, const struct nodes_config *c, const struct target *t, struct xg_err *err)
{
	unsigned int tries;
	int rc = -EAGAIN;

	for (tries = 0; tries < XG_STORE_RETRIES && rc == -EAGAIN; tries++) {
		rc = xg_store_begin(s, err);
		if (rc)
			return rc;
		rc = nodes_announce_once(s, c, t, err);
		if (rc)
			(void)xg_store_end(s, false, NULL);
		else
			rc = xg_store_end(s, true, err);
	}
	return rc;
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
	int rc = xg_store_begin(s, err);

	if (rc)
		return rc;
	memset(&n, 0, sizeof(n));
	rc = nodes_queues(s, c, &n, err);
	/* Nothing was written: the transaction was there for the moment alone. */
	(void)xg_store_end(s, false, NULL);
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

int nodes_watch(struct xg_store *s, const struct nodes_config *c, struct xg_err *err)
{
	struct nodes_path p;
	int rc = xg_store_watch(s, nodes_at(&p, c->frontend, "state"), "front", err);

	if (!rc)
		rc = xg_store_watch(s, nodes_at(&p, c->path, "online"), "online", err);
	/* Removing the directory removes its nodes: one that is never written otherwise tells of it. */
	if (!rc)
		rc = xg_store_watch(s, nodes_at(&p, c->path, "frontend"), "self", err);
	if (!rc)
		rc = xg_store_watch(s, "@releaseDomain", "release", err);
	return rc;
}

static int nodes_look_front(struct xg_store *s, const struct nodes_config *c, struct nodes_news *ret,
			    struct xg_err *err)
{
	struct nodes_path p;
	uint64_t state;
	int rc = xg_store_read_u64(s, nodes_at(&p, c->frontend, "state"), &state, err);

	/* Nonsense counts as unknown: it is the guest's to write, and no reason to stop looking. */
	if (rc == -EINVAL || rc == -E2BIG)
		state = rc = 0;
	ret->front = rc == -ENOENT ? BUS_FRONT_ABSENT : bus_front_event(state);
	return rc == -ENOENT ? 0 : rc;
}

int nodes_look(struct xg_store *s, const struct nodes_config *c, struct nodes_news *ret, struct xg_err *err)
{
	struct nodes_news news = { .gone = false };
	struct nodes_path p;
	char frontend[XG_STORE_PATH_MAX];
	uint64_t online;
	int rc = xg_store_read(s, nodes_at(&p, c->path, "frontend"), frontend, sizeof(frontend), err);

	news.gone = rc == -ENOENT || !xg_store_domain_known(s, c->domid);
	if (rc == -ENOENT)
		rc = 0;
	if (!rc)
		rc = xg_store_read_u64_or(s, nodes_at(&p, c->path, "online"), 0, &online, err);
	if (!rc)
		rc = nodes_look_front(s, c, &news, err);
	if (rc)
		return rc;
	news.online = online == 1;
	*ret = news;
	return 0;
}
