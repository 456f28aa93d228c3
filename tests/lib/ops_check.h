/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of the operations say of the rig (ops_rig.h), in libcheck's words: a function here ends the test when
 * it is not so.
 */
#ifndef XG_TESTS_OPS_CHECK_H
#define XG_TESTS_OPS_CHECK_H

#include <check.h>
#include <string.h>

#include "tests/lib/ops_rig.h"

#define OK(call) do {								\
		struct xg_err err_ = XG_ERR_NONE;				\
		int rc_ = (call)(&err_);					\
		ck_assert_msg(!rc_, #call ": %d, %s", rc_, err_.text);		\
	} while (0)
#define FAILS(call, wanted, says) do {						\
		struct xg_err err_ = XG_ERR_NONE;				\
		int rc_ = (call)(&err_);					\
		ck_assert_msg(rc_ == (wanted), #call ": %d, %s", rc_, err_.text);	\
		ck_assert_int_eq(err_.code, -(wanted));				\
		ck_assert_msg(strstr(err_.text, says) != NULL, #call " says: %s", err_.text);	\
	} while (0)

/* The rig's operations in their plainest form. */
int attach(struct xg_err *err);
int detach(struct xg_err *err);
int detach_by_force(struct xg_err *err);
int swap(struct xg_err *err);
int swap_by_force(struct xg_err *err);
int rollback(struct xg_err *err);

/* The disk is attached as it should be; nothing is left of anything. */
void attached(void);
void clean(bool cave_may_stay);
/* A node of xenstore's, which is there. */
const char *node(const char *path);
/* Which half the one disk on record is in. */
long half(void);

/* ---- where a call of OPERATION's was struck (fake_strike()) ------------------------------------------------------ */

#define POINTS_MAX 1000	/* far above what an operation takes */

/* Each names where it was struck when it is not so. */
void must_work(int (*operation)(struct xg_err *err), const char *name);
void must_be_attached(void);
void must_be_clean(bool cave_may_stay);
/* Runs OPERATION in a process that dies at its Nth call; false: it has no such call, and worked. */
bool killed_at(unsigned int n, int (*operation)(struct xg_err *err));

#endif
