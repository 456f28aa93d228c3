/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way into a kernel, in words that no one system owns: which of its symbols plays which role. A row a system
 * (way_in.c); getin.c and core.c know the roles alone.
 *
 *   pointer   a variable that a task of the kernel calls a function through, and which function that is
 *   fire      what makes the kernel call it: a xenstore node that it watches, or nothing where it calls by itself
 *   cave      the end of its text, where nothing is
 *   mailbox   the last 64 bytes of the page in which the kernel says who it is
 *   functions what the first stage calls (stage1.S has their signatures)
 */
#ifndef XG_HOTSWAP_WAY_IN_H
#define XG_HOTSWAP_WAY_IN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

/* The kernel's functions that the first stage calls, in the order of stage1.S. */
enum xg_role {
	XG_ROLE_TASK_CREATE,	/* (function, context, -1, name): a task, or a small negative number */
	XG_ROLE_TASK_START,	/* (task) */
	XG_ROLE_ALLOC,		/* the row's `allocs` say which and how */
	XG_ROLE_SEAL,		/* (address, pages): read-only; 0 or an error */
	XG_ROLE_ALLOW,		/* (address, pages): executable */
	XG_ROLE_SLEEP,		/* (milliseconds) */
	XG_ROLE_FREE,		/* (address) */
	XG_ROLE_MEMSET,		/* as in C; entered by a jump for the first stage's last word */
	XG_ROLE_HANDLER,	/* what the pointer leads to */
	XG_ROLES,
};

/* Memory that may become executable. */
struct xg_way_alloc {
	const char *symbol;	/* NULL: no more */
	bool typed;		/* (purpose, bytes), purpose 0; otherwise (bytes) */
};

#define XG_WAY_ALLOCS 2

struct xg_way_in {
	const char *os;			/* xg_os.name */
	const char *roles[XG_ROLES];	/* symbols; XG_ROLE_ALLOC's is NULL */
	struct xg_way_alloc allocs[XG_WAY_ALLOCS];	/* the first that the kernel has */
	const char *holder;		/* the variable in which a word equals XG_ROLE_HANDLER's address */
	/* The node below /local/domain/ID whose watch calls it; NULL: the kernel calls again and again by itself. */
	const char *fire;
	const char *text_end;		/* the first byte behind the kernel's text */
	const char *identity;		/* the variable that leads to the page of the mailbox */
	const char *return_thunk;	/* the variable with the kernel's choice (hotswap/link.h); NULL: none */
};

/* -ENOTSUP: no way into such a system is known. */
int xg_way_in(const char *os, const struct xg_way_in **ret, struct xg_err *err);

/* Puts up to MOST of the symbols that a way in asks for into NAMES; how many. They are constants. */
#define XG_WAY_IN_SYMBOLS_MAX 32u
size_t xg_way_in_symbols(const struct xg_way_in *way, const char **names, size_t most);

#endif
