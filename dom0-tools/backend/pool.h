/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for data under way: a fixed number of pages, taken from the kernel as they are touched, given back
 * when the disk is idle. The bound is the backend's promise to Dom0: requests wait, memory does not grow.
 */
#ifndef XG_BACKEND_POOL_H
#define XG_BACKEND_POOL_H

#include <stdint.h>

#include "lib/base/err.h"

/* 4 MiB: a full ring of 32 requests of 128 KiB, and half of the 8 MiB that a disk may cost Dom0. */
#define POOL_PAGES 1024u
#define POOL_RUN_MAX 64u	/* pages of one buffer: a word of the map */

struct pool {
	uint8_t *base;
	uint64_t free[POOL_PAGES / 64];	/* a bit a page */
	unsigned int in_use;	/* pages */
	unsigned int touched;	/* pages from the start that may be resident */
};

int pool_init(struct pool *p, struct xg_err *err);
void pool_fini(struct pool *p);
/* PAGES (1..POOL_RUN_MAX) pages next to each other, page-aligned; NULL when there are none just now. */
void *pool_get(struct pool *p, unsigned int pages);
void pool_put(struct pool *p, void *at, unsigned int pages);
/* Gives memory back to the kernel if nothing is in use and more than a few pages were. */
void pool_trim(struct pool *p);

#endif
