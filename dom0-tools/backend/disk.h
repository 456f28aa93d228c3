/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One disk of one guest, from the first look at its nodes to the end. */
#ifndef XG_BACKEND_DISK_H
#define XG_BACKEND_DISK_H

#include <stdbool.h>

#include "lib/base/err.h"

struct disk_options {
	const char *path;	/* the backend's xenstore directory */
	bool buffered;		/* use the page cache even where O_DIRECT works */
};

struct disk;

/* Opens all that is needed and announces the disk; a frontend may come then. SIGTERM and SIGINT are taken over. */
int disk_open(const struct disk_options *options, struct disk **ret, struct xg_err *err);
/* Serves until there is nobody left to serve or a signal says so. */
int disk_serve(struct disk *d, struct xg_err *err);
void disk_close(struct disk *d);	/* NULL is fine */

#endif
