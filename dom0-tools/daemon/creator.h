/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration that a domain was made of. xl reads its file, makes the domain and keeps the text to itself, so that
 * what xl does not know of it is to be had in one place alone: the file that the process was told to read. That process is
 * there while it makes the domain, and stays to wait for the domain's end (unless `xl create -e` said not to).
 */
#ifndef XGD_CREATOR_H
#define XGD_CREATOR_H

#include <stddef.h>

#include "lib/base/err.h"

#define XGD_PROCESSES_MAX (1u << 22)	/* Linux's limit of process ids */
#define XGD_CMDLINE_MAX 65536u		/* bytes of a command line that are looked at */

/*
 * The text of the domain called NAME, with what the command line adds to it: the caller's to free(). PROC: "/proc".
 * -ENOENT: no process of root's has made it. A file that was changed since says what it says now.
 */
int xgd_creator_text(const char *proc, const char *name, char **ret, size_t *ret_size, struct xg_err *err);

#endif
