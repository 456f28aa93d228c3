/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job is the command `xengraft` in a process and a session of its own: it holds the guest's lock, it cleans up what a
 * crash left, and it outlives the daemon. What it says lies in memory that the daemon reads when it has ended; a pipe
 * would kill a job whose daemon has died.
 */
#ifndef XGD_RUN_H
#define XGD_RUN_H

#include <sys/types.h>

#include "dom0-tools/daemon/plan.h"

struct xgd_run {
	pid_t pid;
	int output;		/* what it says on standard error */
};

/* The words of the command for WANT, for xgd_run_start(); what they point to lies in WANT and ROOM. NULL-terminated. */
#define XGD_ARGS_MAX 16
struct xgd_args {
	const char *words[XGD_ARGS_MAX];
	char domid[16], hold[16];
};
void xgd_args_make(const struct xgd_config *c, const struct xgd_want *want, const char *program, struct xgd_args *ret);

int xgd_run_start(const struct xgd_args *args, struct xgd_run *ret, struct xg_err *err);
/* Logs what it said, each line after PREFIX, but the last line: that is LAST (SIZE bytes). Closes the output. */
void xgd_run_finish(struct xgd_run *run, const char *prefix, char *last, size_t size);

#endif
