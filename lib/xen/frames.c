// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns a guest's list of frames into runs. Called by guest_xen.c for PV guests; never touches a guest. */
#include "lib/xen/frames.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"

struct runs {
	struct xg_frame_range *at;
	size_t count, room;
};

static int runs_add(struct runs *r, uint64_t frame, struct xg_err *err)
{
	struct xg_frame_range *grown;
	size_t room = r->room ? r->room * 2 : 64;

	if (r->count == r->room) {
		grown = realloc(r->at, room * sizeof(*grown));
		if (!grown)
			return xg_fail(err, ENOMEM, "no memory for %zu runs of frames", room);
		r->at = grown;
		r->room = room;
	}
	r->at[r->count++] = (struct xg_frame_range){ .first = XG_GFN(frame), .count = 1 };
	return 0;
}

/* The frame belongs to the run that is being made: toolstacks hand frames out upwards or downwards. */
static bool run_extend(struct xg_frame_range *run, uint64_t frame)
{
	if (frame == run->first.n + run->count) {
		run->count++;
		return true;
	}
	if (frame + 1 == run->first.n) {
		run->first.n--;
		run->count++;
		return true;
	}
	return false;
}

static int runs_collect(struct runs *r, const uint64_t *frames, size_t count, struct xg_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < count; i++) {
		if (frames[i] >= XG_FRAME_LIMIT)
			continue;
		if (r->count && run_extend(&r->at[r->count - 1], frames[i]))
			continue;
		rc = runs_add(r, frames[i], err);
		if (rc)
			return rc;
	}
	return 0;
}

static int runs_compare(const void *a, const void *b)
{
	const struct xg_frame_range *x = a, *y = b;

	return (x->first.n > y->first.n) - (x->first.n < y->first.n);
}

/* Sorted runs that touch or overlap become one. Returns the frames in all of them. */
static uint64_t runs_merge(struct runs *r)
{
	uint64_t frames = 0;
	size_t i, n = 0;

	for (i = 0; i < r->count; i++) {
		struct xg_frame_range *last = n ? &r->at[n - 1] : NULL;
		const struct xg_frame_range *run = &r->at[i];
		uint64_t end = run->first.n + run->count;

		if (last && run->first.n <= last->first.n + last->count) {
			uint64_t old = last->first.n + last->count;

			if (end > old)
				last->count = end - last->first.n;
			frames += end > old ? end - old : 0;
		} else {
			r->at[n++] = *run;
			frames += run->count;
		}
	}
	r->count = n;
	return frames;
}

int xg_frames_to_ranges(const uint64_t *frames, size_t count, uint64_t most,
			struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err)
{
	struct runs r = { .count = 0 };
	uint64_t left;
	int rc = runs_collect(&r, frames, count, err);

	if (rc) {
		free(r.at);
		return rc;
	}
	if (r.count)	/* qsort() wants an array even of nothing */
		qsort(r.at, r.count, sizeof(*r.at), runs_compare);
	left = runs_merge(&r);
	if (left > most) {
		free(r.at);
		return xg_fail(err, E2BIG, "%" PRIu64 " frames are claimed, %" PRIu64 " can be", left, most);
	}
	*ret = r.at;
	*ret_count = r.count;
	return 0;
}
