/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking a device out of a guest, from whatever state it is in. Each part may have been done already. */
#ifndef XG_OPS_TEARDOWN_H
#define XG_OPS_TEARDOWN_H

#include "dom0-tools/ops/ops.h"

/* The step during which the guest may hold a window that no record knows. */
#define XG_STEP_WINDOW "allocate the window"

/* CORE may be NULL: the guest's side cannot be reached any more, Dom0's is cleaned up all the same. */
int xg_teardown(struct xg_ops *ops, struct xg_core *core, struct xg_link_id id, const struct xg_device_row *row,
		struct xg_err *err);

#endif
