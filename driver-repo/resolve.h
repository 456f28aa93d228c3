/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which image for this guest and this device?
 *
 * Of the images that fit, the most specific wins: build-id, release, range of releases, OS, device, mode, in this order
 * of weight (XG_STATES_*). Of equally specific ones the newest; where any mode will do, paravirtual before virtual. Two
 * that are equal in all this are an error that names both. Only images that may be installed are looked at; one that is
 * damaged is an error, not a candidate less: else somebody who can spoil a file could choose the driver.
 */
#ifndef XG_REPO_RESOLVE_H
#define XG_REPO_RESOLVE_H

#include "driver-repo/repo.h"

/* What is asked for. Empty: unknown, and then only images that do not ask for it fit. */
struct xg_wanted {
	char os[16], release[80], build_id[41], arch[16];
	char class_name[16], device[32];
	char mode[16];		/* "virtual", "paravirtual" or "any" */
	uint32_t abi;
};

struct xg_choice {
	/* what was judged: these bytes are to be installed. Freed by xg_choice_fini() */
	struct xg_image *image;
	struct xg_entry entry;
	struct xg_verdict verdict;
	char why[320];			/* one line: what it fits by, what it was preferred to, who signed it */
};

void xg_choice_fini(struct xg_choice *c);
XG_DEFINE_AUTO(struct xg_choice, xg_choice_fini)

/*
 * KIND: "personality" or "driver". -ENOENT: none fits (the text has the nearest: one for another build, …);
 * -EPERM: one does, and may not be installed (not signed, revoked, …); -ENOTUNIQ: a tie; -EBADMSG: the one that fits
 * best is damaged.
 */
int xg_repo_resolve(struct xg_repo *r, const char *kind, const struct xg_wanted *q, struct xg_choice *ret,
		    struct xg_err *err);

/* One line of an explanation: an image, and what spoke against it; "" for the one that is used. */
struct xg_candidate {
	struct xg_entry entry;
	bool fits;			/* all but trust and rank */
	char against[320];
};

/*
 * All images of KIND that come near, best first: those that fit, then those that miss by the least. *ret_more: how many
 * others there are. *ret is the caller's to free().
 */
int xg_repo_explain(struct xg_repo *r, const char *kind, const struct xg_wanted *q, size_t max,
		    struct xg_candidate **ret, size_t *ret_count, size_t *ret_more, struct xg_err *err);

#endif
