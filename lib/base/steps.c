// SPDX-License-Identifier: GPL-2.0-or-later
/* Walks a table of do and undo. Called by every operation that changes a guest, xenstore or the database. */
#include "lib/base/steps.h"

static bool is_needed(const struct xg_step *step, const void *ctx)
{
	return !step->needed || step->needed(ctx);
}

void xg_steps_undo(const struct xg_steps *steps, size_t count, void *ctx)
{
	while (count-- > 0) {
		const struct xg_step *step = &steps->table[count];

		if (!is_needed(step, ctx))
			continue;
		if (step->undo)
			step->undo(ctx);
		/* What cannot be recorded is undone once more after a crash; every undo bears that. */
		if (steps->record)
			(void)steps->record(ctx, step, 0, NULL);
	}
}

void xg_steps_show(const struct xg_steps *steps, void *ctx)
{
	size_t i;

	for (i = 0; i < steps->count; i++)
		if (steps->progress && is_needed(&steps->table[i], ctx))
			steps->progress(ctx, &steps->table[i]);
}

int xg_steps_run(const struct xg_steps *steps, void *ctx, struct xg_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < steps->count; i++) {
		const struct xg_step *step = &steps->table[i];

		if (!is_needed(step, ctx))
			continue;
		if (steps->progress)
			steps->progress(ctx, step);
		/*
		 * Recorded before it runs: an undo of something that never happened is harmless, a forgotten one not.
		 */
		rc = steps->record ? steps->record(ctx, step, 1, err) : 0;
		if (!rc) {
			rc = step->run(ctx, err);
			if (rc && steps->record)
				(void)steps->record(ctx, step, 0, NULL);
		}
		if (rc) {
			xg_steps_undo(steps, i, ctx);
			return rc;
		}
	}
	return 0;
}
