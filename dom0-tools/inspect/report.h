/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an inspection found, for a person and for a program. */
#ifndef XG_INSPECT_REPORT_H
#define XG_INSPECT_REPORT_H

#include <stdio.h>

#include "dom0-tools/inspect/inspect.h"

/*
 * PERSONALITY: the image that fits, as the caller found out; NULL when none does or nobody asked (then its line says
 * "none", in JSON null). Both return 0, or -EIO when OUT does not take it.
 */
int xg_report_text(FILE *out, const struct xg_guest_info *guest, const struct xg_os *os, const char *personality,
		   struct xg_err *err);
/* One JSON object and a newline. Numbers that may exceed 2^53 are strings in hexadecimal. */
int xg_report_json(FILE *out, const struct xg_guest_info *guest, const struct xg_os *os, const char *personality,
		   struct xg_err *err);

#endif
