// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lib/xen/store.h on the array of nodes in fake_host. A transaction works on a copy, which the commit puts in place;
 * whoever watches hears of it then. See fake_host.h.
 */
#include "lib/xen/store.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/fake_host.h"

#define CHANGES_MAX 64

struct nodes {
	struct fake_node *at;
	size_t *count;
};

struct xg_store {
	bool in_transaction;
	struct fake_node copy[FAKE_NODES];
	size_t copy_count;
	char changes[CHANGES_MAX][256];	/* made by the transaction */
	size_t change_count;
	int fd;			/* always readable: whoever polls looks at the nodes anyway */
	unsigned int events;
	char watched[256];
};

/* ---- The nodes themselves ------------------------------------------------------------------------------ */

static struct nodes shared(void)
{
	return (struct nodes){ .at = fake_host->nodes, .count = &fake_host->node_count };
}

static struct nodes nodes_of(struct xg_store *s)
{
	if (s->in_transaction)
		return (struct nodes){ .at = s->copy, .count = &s->copy_count };
	return shared();
}

static struct fake_node *find(struct nodes n, const char *path)
{
	size_t i;

	for (i = 0; i < *n.count; i++)
		if (!strcmp(n.at[i].path, path))
			return &n.at[i];
	return NULL;
}

/* Makes PATH and what is missing above it; a new node is its parent's owner's. */
static struct fake_node *make(struct nodes n, const char *path)
{
	struct fake_node *node = find(n, path), *parent = NULL;
	char above[256];
	char *slash;

	if (node)
		return node;
	if (strlen(path) >= sizeof(above) || path[0] != '/' || path[strlen(path) - 1] == '/' || strstr(path, "//"))
		abort();
	strcpy(above, path);
	slash = strrchr(above, '/');
	*slash = '\0';
	if (above[0])
		parent = make(n, above);
	if (*n.count == FAKE_NODES)
		abort();
	node = &n.at[(*n.count)++];
	memset(node, 0, sizeof(*node));
	strcpy(node->path, path);
	if (parent) {
		node->owner = parent->owner;
		node->reader = parent->reader;
	}
	return node;
}

static void set(struct nodes n, const char *path, const char *value)
{
	struct fake_node *node = make(n, path);

	if (strlen(value) >= sizeof(node->value))
		abort();
	strcpy(node->value, value);
}

static bool below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(path, top, len) && (path[len] == '/' || path[len] == '\0');
}

static void forget(struct nodes n, const char *path)
{
	size_t i, kept = 0;

	for (i = 0; i < *n.count; i++)
		if (!below(n.at[i].path, path))
			n.at[kept++] = n.at[i];
	memset(&n.at[kept], 0, (*n.count - kept) * sizeof(n.at[0]));
	*n.count = kept;
}

const char *fake_store_get(const char *path)
{
	struct fake_node *node = find(shared(), path);

	return node ? node->value : NULL;
}

void fake_store_set(const char *path, const char *value)
{
	set(shared(), path, value);
}

void fake_store_forget(const char *path)
{
	forget(shared(), path);
}

/* ---- lib/xen/store.h ----------------------------------------------------------------------------------- */

static int point(const char *what, const char *path, bool changes, struct xg_err *err)
{
	return fake_point(what, path, changes) ? xg_fail(err, EIO, "struck: xenstore %s %.200s", what, path) : 0;
}

int xg_store_open(struct xg_store **ret, struct xg_err *err)
{
	struct xg_store *s;
	int rc = point("open", "", false, err);

	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return xg_fail(err, ENOMEM, "xenstore");
	s->fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	*ret = s;
	return 0;
}

void xg_store_close(struct xg_store *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

int xg_store_read(struct xg_store *s, const char *path, char *buf, size_t size, struct xg_err *err)
{
	struct fake_node *node = find(nodes_of(s), path);
	int rc = point("read", path, false, err);

	if (rc)
		return rc;
	if (!node)
		return xg_fail(err, ENOENT, "xenstore %s: not there", path);
	if (strlen(node->value) >= size)
		return xg_fail(err, E2BIG, "xenstore %s: does not fit", path);
	strcpy(buf, node->value);
	return 0;
}

int xg_store_read_u64(struct xg_store *s, const char *path, uint64_t *ret, struct xg_err *err)
{
	char text[64], *end;
	int rc = xg_store_read(s, path, text, sizeof(text), err);

	if (rc)
		return rc;
	*ret = strtoull(text, &end, 0);
	return *end || !text[0] ? xg_fail(err, EINVAL, "xenstore %s: no number", path) : 0;
}

int xg_store_read_u64_or(struct xg_store *s, const char *path, uint64_t fallback, uint64_t *ret, struct xg_err *err)
{
	int rc = xg_store_read_u64(s, path, ret, err);

	if (rc == -ENOENT)
		*ret = fallback;
	return rc == -ENOENT ? 0 : rc;
}

/* Outside a transaction everybody hears of it at once. */
static void changed(struct xg_store *s, const char *path)
{
	if (s->in_transaction) {
		if (s->change_count == CHANGES_MAX)
			abort();
		strcpy(s->changes[s->change_count++], path);
		return;
	}
	if (s->watched[0] && below(path, s->watched))
		s->events++;
	fake_store_changed(path);
}

int xg_store_write(struct xg_store *s, const char *path, const char *value, struct xg_err *err)
{
	int rc = point("write", path, !s->in_transaction, err);

	if (rc)
		return rc;
	set(nodes_of(s), path, value);
	changed(s, path);
	return 0;
}

int xg_store_writef(struct xg_store *s, struct xg_err *err, const char *path, const char *fmt, ...)
{
	char value[XG_STORE_VALUE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	return xg_store_write(s, path, value, err);
}

int xg_store_remove(struct xg_store *s, const char *path, struct xg_err *err)
{
	int rc = point("remove", path, !s->in_transaction, err);

	if (rc)
		return rc;
	forget(nodes_of(s), path);
	changed(s, path);
	return 0;
}

int xg_store_mkdir(struct xg_store *s, const char *path, uint32_t owner, uint32_t reader, struct xg_err *err)
{
	struct fake_node *node;
	int rc = point("mkdir", path, !s->in_transaction, err);

	if (rc)
		return rc;
	node = make(nodes_of(s), path);
	node->owner = owner;
	node->reader = reader;
	changed(s, path);
	return 0;
}

/* The name of PATH's child that NODE is or lies below; only the child itself counts. */
static const char *child_name(const struct fake_node *node, const char *path)
{
	size_t len = strlen(path);

	if (!below(node->path, path) || node->path[len] != '/' || strchr(node->path + len + 1, '/'))
		return NULL;
	return node->path + len + 1;
}

int xg_store_list(struct xg_store *s, const char *path, char ***ret, size_t *ret_count, struct xg_err *err)
{
	struct nodes n = nodes_of(s);
	size_t i, count = 0, bytes = 0;
	char **names, *at;
	int rc = point("list", path, false, err);

	if (rc)
		return rc;
	if (!find(n, path))
		return xg_fail(err, ENOENT, "xenstore %s: not there", path);
	for (i = 0; i < *n.count; i++)
		if (child_name(&n.at[i], path)) {
			bytes += strlen(child_name(&n.at[i], path)) + 1;
			count++;
		}
	names = malloc(count * sizeof(*names) + bytes + 1);
	if (!names)
		return xg_fail(err, ENOMEM, "xenstore");
	at = (char *)(names + count);
	count = 0;
	for (i = 0; i < *n.count; i++)
		if (child_name(&n.at[i], path)) {
			names[count++] = at;
			at = stpcpy(at, child_name(&n.at[i], path)) + 1;
		}
	*ret = names;
	*ret_count = count;
	return 0;
}

int xg_store_begin(struct xg_store *s, struct xg_err *err)
{
	int rc = point("begin", "", false, err);

	if (rc)
		return rc;
	if (s->in_transaction)
		abort();
	memcpy(s->copy, fake_host->nodes, sizeof(s->copy));
	s->copy_count = fake_host->node_count;
	s->change_count = 0;
	s->in_transaction = true;
	return 0;
}

int xg_store_end(struct xg_store *s, bool commit, struct xg_err *err)
{
	size_t i;
	int rc = point("end", commit ? "commit" : "abort", commit, err);

	if (!s->in_transaction)
		abort();
	s->in_transaction = false;
	if (rc || !commit)
		return rc;
	if (fake_host->conflicts) {
		fake_host->conflicts--;
		return xg_fail(err, EAGAIN, "xenstore: somebody else wrote");
	}
	memcpy(fake_host->nodes, s->copy, sizeof(s->copy));
	fake_host->node_count = s->copy_count;
	for (i = 0; i < s->change_count; i++)
		changed(s, s->changes[i]);
	return 0;
}

int xg_store_watch(struct xg_store *s, const char *path, const char *token, struct xg_err *err)
{
	int rc = point("watch", path, false, err);

	(void)token;
	if (rc)
		return rc;
	if (s->watched[0])
		abort();	/* none of the operations has two */
	snprintf(s->watched, sizeof(s->watched), "%s", path);
	s->events++;
	return 0;
}

int xg_store_unwatch(struct xg_store *s, const char *path, const char *token, struct xg_err *err)
{
	int rc = point("unwatch", path, false, err);

	(void)token;
	if (strcmp(s->watched, path))
		abort();
	s->watched[0] = '\0';
	return rc;
}

int xg_store_fd(struct xg_store *s)
{
	return s->fd;
}

int xg_store_event(struct xg_store *s, char *path, size_t path_size, char *token, size_t token_size, struct xg_err *err)
{
	(void)err;
	if (!s->events)
		return 0;
	s->events--;
	snprintf(path, path_size, "%s", s->watched);
	snprintf(token, token_size, "token");
	return 1;
}

int xg_store_domain_known(struct xg_store *s, uint32_t domid)
{
	(void)s;
	return domid == FAKE_DOMID && !fake_host->gone;
}
