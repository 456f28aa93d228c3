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
	bool removable;
	unsigned int max_queues;	/* 1..ENGINE_QUEUES_MAX */
	unsigned int max_order;	/* pages of a ring = 1 << order; <= ENGINE_RING_PAGES_MAX */
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
/* Says what the disk can do and makes room for `stats`; all or nothing. */
int nodes_announce(struct xg_store *s, const struct nodes_config *c, const struct target *t, struct xg_err *err);
/* Reads the frontend's nodes as they are at one moment. EINVAL, EPROTO: they don't fit what was announced. */
int nodes_connection_read(struct xg_store *s, const struct nodes_config *c, struct nodes_connection *ret,
			  struct xg_err *err);

int nodes_state_write(struct xg_store *s, const struct nodes_config *c, unsigned int xenbus_state,
		      struct xg_err *err);
/* Node `error`: what went wrong, for Dom0's tools; TEXT NULL removes it. */
int nodes_error_write(struct xg_store *s, const char *path, const char *text, struct xg_err *err);
int nodes_stats_write(struct xg_store *s, const struct nodes_config *c, const char *json, struct xg_err *err);

/* All that a watch may have been about. */
struct nodes_news {
	bool gone;		/* the domain, or the backend's directory */
	bool online;
	enum bus_event front;
};

int nodes_watch(struct xg_store *s, const struct nodes_config *c, struct xg_err *err);
int nodes_look(struct xg_store *s, const struct nodes_config *c, struct nodes_news *ret, struct xg_err *err);

#endif
