/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy, as a function: what is wanted x what is -> what is to be done. It touches nothing; the same view gives the
 * same plan, so a daemon that begins anew goes on where another one was.
 *
 *     a disk of a domain's list that is not there               attach
 *     an auto disk, alone on its device                         paravirtual (after `settle`)
 *     an auto disk whose device another disk lies on            virtual
 *     an auto disk whose guest is about to be saved             virtual
 *     a guest that was restored, or whose backend is gone       reconnect
 *     a guest on record that is no more                         sweep
 */
#ifndef XGD_PLAN_H
#define XGD_PLAN_H

#include "dom0-tools/daemon/conf.h"
#include "hotswap/state.h"
#include "lib/xen/domain_config.h"

#define XGD_WHY 96

/* A disk of a domain's list. */
struct xgd_item {
	struct xg_disk_item item;
	uint32_t devid;
	bool good;		/* it could be read */
	bool unwanted;		/* detached by hand */
	char problem[160];	/* why it is not good */
};

struct xgd_domain {
	uint32_t domid;
	char uuid[XG_UUID_TEXT];
	bool ready;		/* runs, and is not about to end */
	bool saving;		/* is being saved, or about to be */
	struct xgd_item *items;	/* borrowed */
	size_t item_count;
	char problem[160];	/* why its list could not be read; "": it could */
};

/* A disk on record. */
struct xgd_disk {
	char uuid[XG_UUID_TEXT];
	uint32_t domid;		/* on record */
	uint32_t devid;
	char guest[128], vdev[32], mode[16], wish[16];
	bool live;		/* attached, and nothing half done */
	bool device;		/* its target can be given to the guest's pages */
	bool lives;		/* its backend is there */
	size_t others;		/* disks of running domains on the same target */
	/* OUT: what it should be and why. */
	char should[16], why[XGD_WHY];
};

struct xgd_view {
	struct xgd_domain *domains;
	size_t domain_count;
	struct xgd_disk *disks;
	size_t disk_count;
	bool strangers;		/* a guest is on record that is no more */
};

/*
 * NULL: none has that UUID. While a guest moves from here to here two have it: the one on record, DOMID, is meant for as
 * long as it is there.
 */
const struct xgd_domain *xgd_domain_of(const struct xgd_view *v, const char *uuid, uint32_t domid);

enum xgd_verb { XGD_ATTACH, XGD_SWAP, XGD_RECONNECT, XGD_SWEEP };

struct xgd_want {
	enum xgd_verb verb;
	char uuid[XG_UUID_TEXT];	/* "" for a sweep */
	uint32_t domid, devid;
	char vdev[32];
	char mode[16];
	bool shared;
	unsigned int delay_ms;		/* it has to be wanted for so long */
	char words[XG_DISK_ITEM_MAX];	/* attach */
	char why[XGD_WHY];
};

#define XGD_WANTS_MAX 4096u	/* the rest has its turn when these are done */

const char *xgd_verb_name(enum xgd_verb verb);

/* *ret is the caller's to free(). -ENOMEM. */
int xgd_plan(const struct xgd_config *c, struct xgd_view *view, struct xgd_want **ret, size_t *ret_count,
	     struct xg_err *err);

#endif
