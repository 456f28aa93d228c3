/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/xengraft/xengraft.conf: what the daemon may decide, and how fast. xengraft.conf(5) has the keys. */
#ifndef XGD_CONFIG_H
#define XGD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

#define XGD_CONFIG_MAX 65536u	/* bytes */

enum xgd_mode { XGD_VIRTUAL, XGD_PARAVIRTUAL, XGD_AUTO };

struct xgd_config {
	unsigned int mode;		/* enum xgd_mode: of a list's disk that does not say */
	unsigned int alone;		/* XGD_VIRTUAL or XGD_PARAVIRTUAL: of an auto disk that has its device for itself */
	bool reconnect;			/* a guest whose backends are gone gets new ones */
	unsigned int settle_s;		/* a device has to be somebody's alone for so long */
	unsigned int jobs;		/* at once */
	unsigned int retry_first_s, retry_most_s;
	unsigned int attach_limit_s;	/* then a disk of a list is given up */
	unsigned int hold_ms;		/* of a swap */
	unsigned int before_save_ms;	/* a save waits for so long until disks are virtual; 0: not at all */
	unsigned int poll_s;		/* also without an event it is looked again */
};

const char *xgd_mode_name(enum xgd_mode mode);

/* As without a file. */
void xgd_config_default(struct xgd_config *ret);
/* SIZE bytes of TEXT; errors begin with "NAME:LINE: ". *RET untouched on failure. -EINVAL. */
int xgd_config_parse(const char *name, const char *text, size_t size, struct xgd_config *ret, struct xg_err *err);
/* -ENOENT counts as an empty file. */
int xgd_config_load(const char *path, struct xgd_config *ret, struct xg_err *err);

#endif
