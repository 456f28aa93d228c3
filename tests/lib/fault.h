/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the 1st, 2nd, ... Nth allocation of an operation fail, until the operation succeeds.
 *
 * The test program links with XG_FAULT_LINKING (tests/local.mk), which puts malloc, calloc, realloc and strdup
 * behind counters. That reaches calls made by code linked into the program: ours. Calls inside shared libraries
 * (libelf's own) are not reached and always succeed.
 */
#ifndef XG_TESTS_FAULT_H
#define XG_TESTS_FAULT_H

#include "lib/base/err.h"

/* The NTH allocation from now (1: the next) returns NULL, those after it succeed. 0: none fails. */
void fault_arm(unsigned long nth);
/* Switches it off. 1 when the failure was delivered. */
int fault_disarm(void);

/* Allocations not yet freed that were made since fault_arm(); a failed operation must leave none. */
long fault_live(void);

/*
 * Runs TRY (0 or -Exxx) with its 1st, 2nd, ... allocation failing, until it runs without meeting one. Each failed try
 * must return -ENOMEM, fill in err and leave nothing allocated; CLEAN undoes a try that succeeded. Returns how
 * many tries failed, or -1 after printing to stderr what was wrong, with MAX tries at most.
 */
int fault_sweep(int (*try)(void *ctx, struct xg_err *err), void (*clean)(void *ctx), void *ctx, int max);

#endif
