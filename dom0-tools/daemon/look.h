/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is: the domains that Xen has with their own lists, the disks on record, who else has their devices. A view is a
 * snapshot; the plan is made from it.
 */
#ifndef XGD_LOOK_H
#define XGD_LOOK_H

#include "dom0-tools/daemon/plan.h"
#include "dom0-tools/ops/ops.h"

#define XGD_DOMAINS_MAX 32768u	/* Xen's domain ids end there */

/* The lists that were read: once a domain's life, and again after a reload. */
struct xgd_lists;

int xgd_lists_create(struct xgd_lists **ret, struct xg_err *err);
void xgd_lists_destroy(struct xgd_lists *l);	/* NULL is fine */
/* Reads them all again. */
void xgd_lists_forget(struct xgd_lists *l);

/* What goes wrong with one domain's list is logged, once. */
int xgd_look(struct xg_store *store, struct xg_state *state, struct xgd_lists *lists, struct xgd_view *ret,
	     struct xg_err *err);
void xgd_view_fini(struct xgd_view *v);

#endif
