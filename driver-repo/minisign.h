/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and detached signatures in minisign's formats (https://jedisct1.github.io/minisign, "Signature format"), so
 * that the program of that name checks what we sign and the other way round. Ed25519 and BLAKE2b from libsodium.
 *
 *     public key   comment / base64: "Ed", key id (8 bytes), key (32)
 *     signature    comment / base64: "Ed" or "ED", key id, signature (64) / trusted comment / base64: signature over
 *                  the signature and the trusted comment. Ed signs the bytes, ED their BLAKE2b-512
 *     secret key   comment / base64: "Ed", "Sc" or zeros, "B2", salt, limits, and the key, which is masked with
 *                  scrypt's output when a password is set
 *
 * Pure but for reading random bytes. All input is hostile and bounded by XG_MINISIGN_MAX.
 */
#ifndef XG_REPO_MINISIGN_H
#define XG_REPO_MINISIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#define XG_KEY_ID_TEXT 17		/* sixteen digits as minisign prints them, and the NUL */
#define XG_COMMENT_MAX 1024u		/* minisign.h: COMMENTMAXBYTES */
#define XG_TRUSTED_MAX 8192u		/* minisign.h: TRUSTEDCOMMENTMAXBYTES */
#define XG_MINISIGN_MAX 10240u		/* bytes of a file: the two comments and 400 bytes of base64 and words */

struct xg_public_key {
	uint8_t id[8];
	uint8_t key[32];
};

struct xg_secret_key {
	uint8_t id[8];
	uint8_t key[64];		/* libsodium's: the seed and the public key. Wipe it: xg_secret_key_wipe() */
};

struct xg_signature {
	bool prehashed;			/* ED */
	uint8_t id[8];
	uint8_t signature[64];
	uint8_t global[64];
	char trusted[XG_TRUSTED_MAX];	/* printable, believed only once xg_signature_check() says 0 */
};

void xg_key_id_text(const uint8_t id[8], char ret[XG_KEY_ID_TEXT]);

/* -EBADMSG: not of this form, the text says which line and why. TEXT need not end in NUL. */
int xg_public_key_parse(const char *text, size_t size, struct xg_public_key *ret, struct xg_err *err);
int xg_signature_parse(const char *text, size_t size, struct xg_signature *ret, struct xg_err *err);
/* PASSWORD may be NULL: -EACCES when one is wanted, or the wrong one was given. Blocks for a second with one. */
int xg_secret_key_parse(const char *text, size_t size, const char *password, struct xg_secret_key *ret,
			struct xg_err *err);
bool xg_secret_key_wants_password(const char *text, size_t size);

/* 0, or -EBADMSG: KEY did not sign these bytes, or the trusted comment is not what was signed. */
int xg_signature_check(const struct xg_signature *sig, const struct xg_public_key *key, const void *bytes, size_t size,
		       struct xg_err *err);

int xg_key_make(struct xg_secret_key *ret, struct xg_err *err);
void xg_secret_key_wipe(struct xg_secret_key *key);
void xg_public_key_of(const struct xg_secret_key *secret, struct xg_public_key *ret);

/*
 * As files: text of *ret_size bytes, NUL-terminated, the caller's to free(). COMMENT and TRUSTED are one printable
 * line. Signatures are of the kind ED.
 */
int xg_public_key_format(const struct xg_public_key *key, const char *comment, char **ret, size_t *ret_size,
			 struct xg_err *err);
int xg_secret_key_format(const struct xg_secret_key *key, const char *comment, const char *password, char **ret,
			 size_t *ret_size, struct xg_err *err);
int xg_signature_make(const struct xg_secret_key *key, const void *bytes, size_t size, const char *comment,
		      const char *trusted, char **ret, size_t *ret_size, struct xg_err *err);

#endif
