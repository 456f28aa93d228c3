/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Dom0 and a driver wrote, checked before anything is done with it: functions of what they are given alone.
 * Included after the kernel's headers.
 */
#ifndef XG_COMMON_CHECKS_H
#define XG_COMMON_CHECKS_H

#include "xengraft_abi.h"

/* Requests in flight a queue: a ring of four pages has 128 entries. */
#define XG_QUEUE_DEPTH_MAX 1024u
/* Numbers from here on are no domains (DOMID_FIRST_RESERVED, public/xen.h). */
#define XG_DOMIDS_RESERVED 0x7ff0u

struct xg_window;

bool xg_core_header_valid(const struct xg_core_header *h);
/* H is WINDOW's header, or that of its other half. */
bool xg_device_header_valid(const struct xg_window *window, const struct xg_device_header *h);
/* LOGICAL_SIZES: those that the kernel's block layer takes, powers of two ored together. */
bool xg_params_valid(const struct xg_block_params *p, uint32_t logical_sizes);
/* A capacity, of a disk with such blocks. */
bool xg_sectors_valid(uint64_t sectors, uint32_t logical_bytes);
bool xg_limits_valid(const struct xg_block_limits *l);

#endif
