/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store of images.
 *
 *     blobs/sha256/ab/DIGEST             an image's bytes, under their SHA-256
 *     signatures/ab/DIGEST.KEYID.minisig detached signatures of it, one a key
 *     index.db                           what the images' notes say, to find them by; can be made anew from them
 *     tmp/, lock                         files that are being written; who writes
 *
 * What is installed is decided by the bytes, their digest, their note and their signature alone: the index only says
 * where to look. Writers take the lock, one after the other; readers need none. An image is there once the index says
 * so, which is the last step; a process killed before leaves files that the next `gc` or `add` cleans up.
 *
 * Calls block on the disk; those that write also up to a minute for the lock (-EAGAIN then).
 */
#ifndef XG_REPO_H
#define XG_REPO_H

#include "driver-repo/keyring.h"
#include "driver-repo/paths.h"
#include "hotswap/image.h"

struct xg_repo;

/*
 * -ENOENT: there is none, or no index although there are images (the text says what helps); -EUCLEAN: the index
 * is damaged. The keyring and repo.conf are read here, once.
 */
int xg_repo_open(const struct xg_repo_paths *paths, struct xg_repo **ret, struct xg_err *err);
/* Whether a first use has been: it may still have lost its index. */
bool xg_repo_exists(const struct xg_repo_paths *paths);
/* Makes what is missing of folders and index first. Opens. */
int xg_repo_create(const struct xg_repo_paths *paths, struct xg_repo **ret, struct xg_err *err);
void xg_repo_close(struct xg_repo *r);	/* NULL is fine */
XG_DEFINE_AUTO(struct xg_repo, xg_repo_close)

const struct xg_repo_paths *xg_repo_places(const struct xg_repo *r);
const struct xg_keyring *xg_repo_keyring(const struct xg_repo *r);
const struct xg_repo_conf *xg_repo_policy(const struct xg_repo *r);

/* What the index has of an image. */
struct xg_entry {
	char digest[XG_DIGEST_HEX];
	uint64_t size;
	int64_t added;			/* seconds since the epoch */
	char origin[512];		/* the file that it was added from; may be empty */
	uint32_t pattern;		/* XG_STATES_*: which of the things that can be matched its note states */
	struct xg_image_note note;
};

/* The more of these an image states, and all of them fit, the better it fits: in this order. */
enum {
	XG_STATES_BUILD = 32, XG_STATES_RELEASE = 16, XG_STATES_RANGE = 8, XG_STATES_OS = 4, XG_STATES_DEVICE = 2,
	XG_STATES_MODE = 1,
};

uint32_t xg_note_pattern(const struct xg_image_note *note);
#define XG_NAME_MAX 256
/* What people call an image: "xen-blkif-virtual 0.1.0", "linux-6.1.0-56-amd64 0.1.0". */
void xg_note_name(const struct xg_image_note *note, char ret[XG_NAME_MAX]);

/* ---- Reading ------------------------------------------------------------------------------------------------ */

/* -ENOENT. DIGEST: all 64 digits. */
int xg_repo_entry(struct xg_repo *r, const char *digest, struct xg_entry *ret, struct xg_err *err);
/* By "sha256:" and digits, or six digits and more as long as only one image begins with them: -ENOENT, -ENOTUNIQ. */
int xg_repo_find(struct xg_repo *r, const char *name, struct xg_entry *ret, struct xg_err *err);
/* All, ordered by kind, what they are for, and version. The visitor's error ends it. */
int xg_repo_list(struct xg_repo *r, int (*visit)(void *ctx, const struct xg_entry *e, struct xg_err *err), void *ctx,
		 struct xg_err *err);

/*
 * The image whole, read once: what comes back is what its digest says (-EBADMSG, naming it, when the blob is missing,
 * cut or changed), and V says what the signatures are worth over these very bytes.
 */
int xg_repo_load(struct xg_repo *r, const char *digest, struct xg_image **ret, struct xg_verdict *v,
		 struct xg_err *err);
/*
 * As xg_repo_load(), and refuses what may not be installed: -EPERM. V->trust may still be XG_UNSIGNED: the policy says
 * so.
 */
int xg_repo_load_trusted(struct xg_repo *r, const char *digest, struct xg_image **ret, struct xg_verdict *v,
			 struct xg_err *err);
/* Each signature of an image: its text, as it lies there. Known keys alone when ALL is false. */
int xg_repo_signatures(struct xg_repo *r, const char *digest, bool all,
		       int (*visit)(void *ctx, const char *text, size_t size, struct xg_err *err), void *ctx,
		       struct xg_err *err);

/* ---- Writing ------------------------------------------------------------------------------------------------ */

struct xg_repo_batch;

/*
 * Adds images: begin, stage each, commit. Many share the cost of getting to the disk; each is there or not, whenever
 * the process dies. An image that is there already stays, and takes up new signatures.
 */
int xg_repo_begin(struct xg_repo *r, struct xg_repo_batch **ret, struct xg_err *err);
int xg_repo_stage(struct xg_repo_batch *b, const struct xg_image *image, const char *origin, struct xg_err *err);
/* A signature of an image that is staged or there. -EBADMSG: it does not parse. Whether it is right is not asked. */
int xg_repo_stage_signature(struct xg_repo_batch *b, const char *digest, const char *text, size_t size,
			    struct xg_err *err);
/* With the commit, images that came from the file ORIGIN and are not of this batch go away. */
int xg_repo_stage_drop(struct xg_repo_batch *b, const char *origin, struct xg_err *err);
int xg_repo_commit(struct xg_repo_batch *b, struct xg_err *err);
void xg_repo_batch_free(struct xg_repo_batch *b);	/* without commit: nothing happened. NULL is fine */
XG_DEFINE_AUTO(struct xg_repo_batch, xg_repo_batch_free)

/* -ENOENT. Signatures go along. */
int xg_repo_remove(struct xg_repo *r, const char *digest, struct xg_err *err);

/* What verify, reindex and gc find: what is wrong with which file, one line each. */
struct xg_repo_report {
	void (*line)(void *ctx, const char *path, const char *text);	/* may be NULL */
	void *ctx;
	unsigned int images, damaged, untrusted, strays;
	uint64_t bytes_freed;
};

/*
 * Reads all images and holds them against their digests, notes, signatures and the index. 0 also when something is
 * wrong: see the report.
 */
int xg_repo_verify(struct xg_repo *r, struct xg_repo_report *report, struct xg_err *err);
/* Makes the index anew from the images, in one transaction; from nothing when it cannot even be opened. */
int xg_repo_reindex(const struct xg_repo_paths *paths, struct xg_repo_report *report, struct xg_err *err);
/* Removes what nobody refers to: files half written, blobs without a row, signatures without a blob. */
int xg_repo_gc(struct xg_repo *r, bool dry_run, struct xg_repo_report *report, struct xg_err *err);

/* ---- The host's own key, and the images that came with the package ------------------------------------------- */

/* Makes /etc/xengraft/host.key and keys.d/host.pub unless there is a host.key. *ret_made may be NULL. */
int xg_repo_host_key_make(const char *confdir, bool *ret_made, struct xg_err *err);
/* -ENOENT: there is none. Wipe it. PATH NULL: the host's own. */
int xg_repo_secret_key(const char *confdir, const char *path, const char *password, struct xg_secret_key *ret,
		       struct xg_err *err);
/*
 * Signs the bytes. The trusted comment is "timestamp:…\tfile:NAME\thashed" as minisign writes it, and with ORIGIN
 * (may be NULL) the file that reindex shall know the image came from.
 */
int xg_repo_sign(const struct xg_secret_key *key, const struct xg_image *image, const char *name, const char *origin,
		 char **ret, size_t *ret_size, struct xg_err *err);
/*
 * Adds the packaged images, signed by the host: each *.o of the folders of paths.images; of files of one name the
 * first folder's counts. What was taken from such a file that has changed or does not count any more goes away. The
 * report has a line for each file that is left out (others than root can write it; it is no image); its `images` says
 * how many were not there yet.
 */
int xg_repo_adopt(struct xg_repo *r, struct xg_repo_report *report, struct xg_err *err);
/* What a first use needs: folders, index, key, packaged images. */
int xg_repo_setup(const struct xg_repo_paths *paths, struct xg_repo **ret, struct xg_repo_report *report,
		  struct xg_err *err);

#endif
