/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and numbers of virtual disks, after xen-vbd-interface(7). */
#ifndef XG_OPS_VDEV_H
#define XG_OPS_VDEV_H

#include <stdint.h>

#include "lib/base/err.h"

/*
 * The device id of a vdev ("xvdb" -> 51728), and the name that the disk gets in the guest (the vdev itself, or
 * its xvd form where a number or dNpM was given). -EINVAL for what is no vdev.
 */
int xg_vdev_parse(const char *vdev, uint32_t *ret_devid, char ret_name[32], struct xg_err *err);

#endif
