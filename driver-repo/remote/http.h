/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One HTTP request to a registry, with whatever proof of identity it asks for. Inside driver-repo/remote only. */
#ifndef XG_REPO_HTTP_H
#define XG_REPO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"

struct xg_http;

/* HOST as in the address, for its password. INSECURE: http. */
int xg_http_open(const char *host, bool insecure, struct xg_http **ret, struct xg_err *err);
void xg_http_close(struct xg_http *h);	/* NULL is fine */

struct xg_http_request {
	const char *method, *url;
	const char *accept, *type;	/* may be NULL */
	const char *body;		/* BODY_SIZE bytes; NULL: none */
	size_t body_size;
	uint64_t from;			/* of a download: bytes that are there already */
	const char *content_range;	/* of an upload's piece, may be NULL */
	FILE *to;			/* where a 200 or 206 goes; NULL: into the reply */
	size_t max;			/* bytes that may come */
};

struct xg_http_reply {
	long status;
	char *body;			/* NUL behind it; free by xg_http_reply_fini() */
	size_t size;
	char location[2048], range[64];	/* headers; empty: not there. LOCATION is absolute */
};

/* -EIO, -ETIMEDOUT, …: no reply; any status is a reply. */
int xg_http_run(struct xg_http *h, const struct xg_http_request *q, struct xg_http_reply *ret, struct xg_err *err);
void xg_http_reply_fini(struct xg_http_reply *r);

#endif
