/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backend's xenstore nodes: its own directory, which Dom0 alone writes, and the frontend's, which may be the
 * guest's. README.md lists them all.
 */
#ifndef XG_BACKEND_NODES_H
#define XG_BACKEND_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "dom0-tools/backend/bus.h"
#include "dom0-tools/backend/engine.h"
#include "dom0-tools/backend/target.h"
#include "lib/base/err.h"
#include "lib/xen/store.h"

/* What Dom0 wants; read once. */
struct nodes_config {
	char path[XG_STORE_PATH_MAX];	/* of the backend's directory */
	char frontend[XG_STORE_PATH_MAX];	/* of the frontend's directory, inside the domain's */
	char target[1024];	/* node `params` */
	uint32_t domid;
	bool writable;
	bool discard;
	bool lock;
	uint64_t lock_at, mark_at;	/* target_spec's */
	bool removable;
	unsigned int max_queues;	/* 1..ENGINE_QUEUES_MAX */
	unsigned int max_order;	/* pages of a ring = 1 << order; <= ENGINE_RING_PAGES_MAX */
	bool left_error, left_offers;	/* nodes of an earlier backend are there */
};

/* What the frontend offers; hostile, within bounds. */
struct nodes_connection {
	unsigned int nr_queues;
	unsigned int ring_pages;
	struct {
		uint32_t refs[ENGINE_RING_PAGES_MAX];
		uint32_t port;
	} queues[ENGINE_QUEUES_MAX];
};

/* Whether PATH is a backend's directory at all: nothing is written where none is. */
bool nodes_exist(struct xg_store *s, const char *path);
int nodes_config_read(struct xg_store *s, const char *path, struct nodes_config *ret, struct xg_err *err);
/* What the disk can do, as "NAME=VALUE ..." of at most SIZE bytes. */
void nodes_capabilities(const struct nodes_config *c, const struct target *t, char *ret, size_t size);
/* Says it in the nodes of those names and makes room for `stats`; all or nothing. */
int nodes_announce(struct xg_store *s, const struct nodes_config *c, const struct target *t, struct xg_err *err);
/*
 * Reads the frontend's nodes; one that changes them meanwhile gets what it made of them. EINVAL, EPROTO: they don't fit
 * what was announced.
 */
int nodes_connection_read(struct xg_store *s, const struct nodes_config *c, struct nodes_connection *ret,
			  struct xg_err *err);

int nodes_state_write(struct xg_store *s, const struct nodes_config *c, unsigned int xenbus_state,
		      struct xg_err *err);
/* Node `error`: what went wrong, for Dom0's tools; TEXT NULL removes it. */
int nodes_error_write(struct xg_store *s, const char *path, const char *text, struct xg_err *err);
int nodes_stats_write(struct xg_store *s, const struct nodes_config *c, const char *json, struct xg_err *err);

/* What a watch may be about: a set of these. */
enum nodes_subject {
	NODES_FRONT = 1,	/* the frontend's state */
	NODES_SELF = 2,		/* the backend's directory: `online`, or all of it is gone */
	NODES_DOMAIN = 4,	/* is the domain there? */
	NODES_LOCK = 8,		/* has a target that was shared become this backend's alone? */
};

struct nodes_news {
	bool gone;		/* the domain, or the backend's directory */
	bool online;
	bool lock;
	enum bus_event front;
};

/* Watches for the SUBJECTS; nodes_fired() says which of them a watch's token is about. */
int nodes_watch(struct xg_store *s, const struct nodes_config *c, unsigned int subjects, struct xg_err *err);
unsigned int nodes_fired(const char *token);
/* Looks at the SUBJECTS; what is known of the others stays in *NEWS. */
int nodes_look(struct xg_store *s, const struct nodes_config *c, unsigned int subjects, struct nodes_news *news,
	       struct xg_err *err);

#endif
