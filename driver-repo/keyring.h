/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom this host trusts, and what it does not trust any more.
 *
 *     /etc/xengraft/keys.d/NAME.pub   public keys in minisign's format
 *     /etc/xengraft/revoked           lines "key KEYID [why]" and "image SHA256 [why]"
 *
 * A file of these that does not parse, or that others than its owner may write, is an error, not a key less.
 */
#ifndef XG_REPO_KEYRING_H
#define XG_REPO_KEYRING_H

#include "driver-repo/minisign.h"
#include "lib/base/cleanup.h"

#define XG_KEYS_MAX 256u		/* each is tried as a file name for each image that is looked at */

struct xg_trusted_key {
	struct xg_public_key key;
	char id[XG_KEY_ID_TEXT];
	char name[64];			/* of its file, without .pub */
};

struct xg_keyring;

/* Folder and file need not be there. */
int xg_keyring_open(const char *confdir, struct xg_keyring **ret, struct xg_err *err);
void xg_keyring_close(struct xg_keyring *k);	/* NULL is fine */
XG_DEFINE_AUTO(struct xg_keyring, xg_keyring_close)

size_t xg_keyring_count(const struct xg_keyring *k);
const struct xg_trusted_key *xg_keyring_key(const struct xg_keyring *k, size_t index);
/* NULL: not in the ring. ID as text. */
const struct xg_trusted_key *xg_keyring_find(const struct xg_keyring *k, const char *id);
/* The reason ("" when none was given), or NULL: not revoked. */
const char *xg_keyring_key_revoked(const struct xg_keyring *k, const char *id);
const char *xg_keyring_image_revoked(const struct xg_keyring *k, const char *digest);

/*
 * Adds to the ring as NAME.pub; -EEXIST: that name or that key is there; -EKEYREVOKED. The ring in memory stays as it
 * is.
 */
int xg_keyring_trust(const struct xg_keyring *k, const struct xg_public_key *key, const char *name, const char *comment,
		     struct xg_err *err);
/* WHAT: a key's id or an image's digest. 0 when it was revoked already. WHY: one line, may be empty. */
int xg_keyring_revoke(const struct xg_keyring *k, const char *what, const char *why, struct xg_err *err);

enum xg_trust {
	XG_TRUSTED,
	XG_UNSIGNED,		/* no signature at all */
	XG_UNKNOWN_KEY,		/* none by a key of the ring */
	XG_WRONG_SIGNATURE,	/* one by a key of the ring, over other bytes */
	XG_REVOKED_KEY,
	XG_REVOKED_IMAGE,
};

struct xg_verdict {
	enum xg_trust trust;
	char key_id[XG_KEY_ID_TEXT];	/* of the signature that decided; empty: none */
	char key_name[64];
	char text[200];			/* "signed by host (6A5F…)", "is not signed", … */
	char trusted_comment[256];	/* of a good signature, cut */
};

/*
 * Begin with *v as xg_verdict_start() leaves it, then tell it of each signature; the best one stands. An image that is
 * revoked stays so.
 */
void xg_verdict_start(const struct xg_keyring *k, const char *digest, struct xg_verdict *v);
void xg_verdict_signature(const struct xg_keyring *k, const char *text, size_t text_size, const void *bytes,
			  size_t size, struct xg_verdict *v);

#endif
