/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket to whoever started this backend: lines of text, over which the two agree quicker than through xenstore.
 *
 *     starter                          backend
 *     "g"                              goes on only then: its process is noted somewhere
 *                                      "ready NAME=VALUE ..."    what the disk can do, named as in xen/io/blkif.h
 *     (writes the frontend's nodes)
 *                                      "connected"               and the socket is closed
 *
 * "error: WHY" may come in the place of either line. A starter that has gone away ends nothing but this talk.
 */
#ifndef XG_BACKEND_PARENT_H
#define XG_BACKEND_PARENT_H

#include "lib/base/err.h"

struct parent {
	int fd;		/* -1: nobody listens (any more) */
};

/* Blocks. -ECANCELED when the starter went away first: nobody would know of this process. */
int parent_await_go(struct parent *p, struct xg_err *err);
void parent_ready(struct parent *p, const char *capabilities);
/* Both close the socket; later calls do nothing. */
void parent_connected(struct parent *p);
void parent_error(struct parent *p, const struct xg_err *why);

#endif
