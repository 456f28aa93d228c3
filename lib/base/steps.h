/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations that must be undone: a table of do and undo, run forwards, walked back on failure.
 *
 * `run` returns 0 or -errno and fills in err; a step that failed has undone itself. `undo` cannot fail: what
 * it could not put back it reports through its own context. Before each step and after each undo the
 * optional `record` hook is told, so that a journal knows what is owed should the process die.
 */
#ifndef XG_BASE_STEPS_H
#define XG_BASE_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

struct xg_step {
	const char *name;	/* a verb, shown by -v and in the journal: "map the window" */
	int (*run)(void *ctx, struct xg_err *err);
	void (*undo)(void *ctx);	/* NULL: nothing to put back */
	/*
	 * NULL: always. Says the same before, during and after the walk; a step that is not needed is as if not
	 * there.
	 */
	bool (*needed)(const void *ctx);
};

struct xg_steps {
	const struct xg_step *table;
	size_t count;
	/* May be NULL. done: the step has run (true) or has been undone (false). Failure stops the walk. */
	int (*record)(void *ctx, const struct xg_step *step, int done, struct xg_err *err);
	void (*progress)(void *ctx, const struct xg_step *step);	/* may be NULL */
};

/* Runs all steps; on failure those that ran are undone in reverse order and the first error is returned. */
int xg_steps_run(const struct xg_steps *steps, void *ctx, struct xg_err *err);

/* What a run would do: progress is told of each step that is needed, and nothing is done. */
void xg_steps_show(const struct xg_steps *steps, void *ctx);

/* Undoes the first COUNT steps in reverse order. */
void xg_steps_undo(const struct xg_steps *steps, size_t count, void *ctx);

#endif
