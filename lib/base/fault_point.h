/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault points: places where a test makes a program die or fail, in the very program that is installed.
 *
 *     XENGRAFT_FAULT=kill:POINT     SIGKILL, as if the host's administrator had sent it there
 *     XENGRAFT_FAULT=fail:POINT     the operation fails there
 *     XENGRAFT_FAULT=stop:POINT     SIGSTOP, so that a test can do something to the guest meanwhile
 *     several, with commas between   at each of them
 *
 * Without the variable, and in set-user-ID programs, a point does nothing.
 */
#ifndef XG_BASE_FAULT_POINT_H
#define XG_BASE_FAULT_POINT_H

#include "lib/base/err.h"

/* 0, or -EIO where the test wants a failure. */
int xg_fault_point(const char *point, struct xg_err *err);

#endif
