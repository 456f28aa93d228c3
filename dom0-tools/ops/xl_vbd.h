/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disks that xl lists for a guest: libxl's own record of them, which no guest can write. One made with
 * script=block-xengraft (dom0-tools/xl) stands for a disk of ours; any other is in the way.
 */
#ifndef XG_OPS_XL_VBD_H
#define XG_OPS_XL_VBD_H

#include "dom0-tools/ops/connect.h"
#include "lib/xen/disk_spec.h"

/*
 * May a disk with SPEC be attached as ID? -EEXIST: xl has a disk there, and SPEC is not of it; -ECANCELED: SPEC is of a
 * disk of xl's (spec->of_xl) which is not there, or which xl is just taking away. NAME is the guest's, for the text.
 */
int xg_xl_vbd_check(struct xg_store *store, struct xg_link_id id, const struct xg_disk_spec *spec, const char *name,
		    struct xg_err *err);

#endif
