/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of frames in any order, as runs of frames that follow one another: pure, so that it is tested without Xen. */
#ifndef XG_XEN_FRAMES_H
#define XG_XEN_FRAMES_H

#include "lib/xen/guest.h"

/* A frame number has 52 - 12 bits at most; a larger one marks "no frame here" (INVALID_MFN and its like). */
#define XG_FRAME_LIMIT (UINT64_C(1) << 40)

/*
 * FRAMES (hostile, the caller's own copy) to ascending runs without overlap; frames from XG_FRAME_LIMIT on and
 * duplicates are left out. -E2BIG when more than MOST frames are left. *ret is the caller's to free().
 */
int xg_frames_to_ranges(const uint64_t *frames, size_t count, uint64_t most,
			struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err);

#endif
