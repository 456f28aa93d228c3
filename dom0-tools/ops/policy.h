/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which guests may be touched: /etc/xengraft/policy. Lines
 *
 *     allow|deny  PATTERN      # a comment
 *
 * PATTERN is a guest's name (with * and ? as in a shell) or its UUID. The first line that fits decides. A file in
 * which no line fits denies; without a file all are allowed.
 */
#ifndef XG_OPS_POLICY_H
#define XG_OPS_POLICY_H

#include "lib/base/err.h"

/* 0: allowed; -EPERM: denied, the text names file and line; -EINVAL: the file does not parse. */
int xg_policy_check(const char *path, const char *name, const char *uuid, struct xg_err *err);

#endif
