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

/*
 * ID is about the half of ROW's device that is not in use: backend, driver, areas. Each may be gone already. The
 * backend in use has the target for itself afterwards.
 */
int xg_swap_retire(struct xg_ops *ops, struct xg_core *core, struct xg_link_id id, const struct xg_device_row *row,
		   struct xg_err *err);
/* What a swap that died has left: finished when the guest had switched, else undone. */
int xg_swap_recover(struct xg_session *s, struct xg_core *core, const struct xg_operation_row *op, struct xg_err *err);

/* Forgets the guest called NAME, or of that UUID, that is away. -ENOENT; -ENOTUNIQ: several had the name. */
int xg_forget_away(struct xg_ops *ops, const char *name, struct xg_err *err);
/* xg_sweep() for who has the lock of the guest HELD; NULL: of none. */
int xg_sweep_beside(struct xg_ops *ops, const char *held, struct xg_err *err);

#endif
