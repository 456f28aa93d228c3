/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One disk of one guest, from the first look at its nodes to the end. */
#ifndef XG_BACKEND_DISK_H
#define XG_BACKEND_DISK_H

#include <stdbool.h>

#include "lib/base/err.h"

struct parent;

struct disk_options {
	const char *path;	/* the backend's xenstore directory */
	bool buffered;		/* use the page cache even where O_DIRECT works */
	struct parent *parent;	/* borrowed: told of the first connection, or why there is none */
	bool settle_late;	/* the frontend reads no node of ours: they are written a second later */
};

struct disk;

/* Opens all that is needed and announces the disk; a frontend may come then. SIGTERM and SIGINT are taken over. */
int disk_open(const struct disk_options *options, struct disk **ret, struct xg_err *err);
/* What the disk can do, as "NAME=VALUE NAME=VALUE ...": the names are those of its nodes. */
#define DISK_CAPABILITIES_BYTES 512
void disk_capabilities(const struct disk *d, char ret[DISK_CAPABILITIES_BYTES]);
/* Serves until there is nobody left to serve or a signal says so. */
int disk_serve(struct disk *d, struct xg_err *err);
void disk_close(struct disk *d);	/* NULL is fine */

#endif
