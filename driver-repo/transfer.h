/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the repository to a place that holds OCI artifacts, and back. A folder and a registry are such places, and so is
 * a list of mirrors: one algorithm for export and push, one for import and pull.
 */
#ifndef XG_REPO_TRANSFER_H
#define XG_REPO_TRANSFER_H

#include "driver-repo/oci.h"

struct xg_place {
	/*
	 * The bytes of DIGEST, SIZE of them, the caller's to free(). They may be any: the caller holds them against the
	 * digest, and asks again (ATTEMPT 0, 1, …: another mirror) until -ENOENT.
	 */
	int (*blob_get)(void *ctx, const char *digest, uint64_t size, unsigned int attempt, char **ret,
			size_t *ret_size, struct xg_err *err);
	/* Nothing to do when it is there. */
	int (*blob_put)(void *ctx, const struct xg_oci_descriptor *d, const char *bytes, struct xg_err *err);
	/* By digest, or the index by NULL. -ENOENT: there is none. */
	int (*manifest_get)(void *ctx, const char *digest, unsigned int attempt, char **ret, size_t *ret_size,
			    struct xg_err *err);
	/* TAG: a name beside the digest. The index: d->name empty, INDEX true. */
	int (*manifest_put)(void *ctx, const struct xg_oci_descriptor *d, bool index, const char *bytes,
			    struct xg_err *err);
	void *ctx;
};

struct xg_transfer {
	/* What became of an image: "sent", "added", "was there", or why it was left out. May be NULL. */
	void (*tell)(void *ctx, const char *name, const char *digest, const char *what, bool left_out);
	void *ctx;
	unsigned int done, left_out;
};

/* The images of DIGESTS, with all their signatures; they join what the place's index names already. */
int xg_transfer_send(struct xg_repo *r, const struct xg_place *p, const char (*digests)[XG_DIGEST_HEX], size_t count,
		     struct xg_transfer *t, struct xg_err *err);
/*
 * What the place's index names; of these only NAMES (a name, or the beginning of an image's digest) when COUNT is not
 * 0. An image that no trusted key signed is left out unless ALL; it would not be installed anyway. -ENOENT: a name that
 * is not there.
 */
int xg_transfer_receive(struct xg_repo *r, const struct xg_place *p, char *const *names, size_t count, bool all,
			struct xg_transfer *t, struct xg_err *err);

/* A folder in the OCI image layout. WRITE: made when it is missing. Free by xg_layout_close(). */
int xg_layout_open(const char *dir, bool write, struct xg_place *ret, struct xg_err *err);
void xg_layout_close(struct xg_place *p);

#endif
