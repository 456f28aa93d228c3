// SPDX-License-Identifier: GPL-2.0-or-later
/* See minisign.h. Called by the keyring and by the commands about keys. Must never print or log a secret. */
#include "driver-repo/minisign.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/cursor.h"

#define UNTRUSTED "untrusted comment: "
#define TRUSTED "trusted comment: "

/* What scrypt may cost: a file with larger limits is not one that minisign wrote (it uses SENSITIVE). */
#define OPSLIMIT_MAX (2 * crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE)
#define MEMLIMIT_MAX (2 * (uint64_t)crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE)

enum { PUBLIC_BYTES = 42, SIGNATURE_BYTES = 74, SECRET_BYTES = 158, MASKED_BYTES = 104 };

void xg_key_id_text(const uint8_t id[8], char ret[XG_KEY_ID_TEXT])
{
	int i;

	for (i = 0; i < 8; i++)
		snprintf(ret + 2 * i, 3, "%02X", id[7 - i]);
}

/* ---- Lines -------------------------------------------------------------------------------------------------- */

struct lines {
	const char *at;
	size_t size;
	unsigned int line;	/* from 1, for errors */
	const char *what;
};

struct piece {
	const char *at;
	size_t size;
};

static int lines_open(struct lines *l, const char *what, const char *text, size_t size, struct xg_err *err)
{
	*l = (struct lines){ .at = text, .size = size, .what = what };
	if (size > XG_MINISIGN_MAX)
		return xg_fail(err, EBADMSG, "%s of %zu bytes, at most %u", what, size, XG_MINISIGN_MAX);
	return 0;
}

static int bad_line(const struct lines *l, const char *why, struct xg_err *err)
{
	return xg_fail(err, EBADMSG, "line %u of the %s %s", l->line, l->what, why);
}

/* The next line without its end, which the last one may lack. */
static int line_next(struct lines *l, struct piece *ret, struct xg_err *err)
{
	const char *end;

	l->line++;
	if (!l->size)
		return bad_line(l, "is missing", err);
	end = memchr(l->at, '\n', l->size);
	*ret = (struct piece){ l->at, end ? (size_t)(end - l->at) : l->size };
	l->size -= ret->size + (end != NULL);
	l->at += ret->size + (end != NULL);
	if (ret->size && ret->at[ret->size - 1] == '\r')
		ret->size--;
	return 0;
}

static int line_comment(struct lines *l, const char *prefix, size_t room, struct piece *ret, struct xg_err *err)
{
	size_t i, skip = strlen(prefix);
	int rc = line_next(l, ret, err);

	if (rc)
		return rc;
	if (ret->size < skip || memcmp(ret->at, prefix, skip))
		return bad_line(l, prefix[0] == 'u' ? "does not begin with 'untrusted comment: '" :
				"does not begin with 'trusted comment: '", err);
	ret->at += skip;
	ret->size -= skip;
	if (ret->size >= room)
		return bad_line(l, "is too long", err);
	for (i = 0; i < ret->size; i++)
		if (((unsigned char)ret->at[i] < 0x20 && ret->at[i] != '\t') || ret->at[i] == 0x7f)
			return bad_line(l, "has a control character", err);
	return 0;
}

static int line_base64(struct lines *l, uint8_t *ret, size_t size, struct xg_err *err)
{
	struct piece p;
	size_t got;
	int rc = line_next(l, &p, err);

	if (rc)
		return rc;
	if (sodium_base642bin(ret, size, p.at, p.size, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) || got != size)
		return xg_fail(err, EBADMSG, "line %u of the %s is not base64 of %zu bytes", l->line, l->what, size);
	return 0;
}

static int lines_end(struct lines *l, struct xg_err *err)
{
	if (l->size)
		return xg_fail(err, EBADMSG, "something follows line %u of the %s", l->line, l->what);
	return 0;
}

/* ---- Reading ------------------------------------------------------------------------------------------------ */

int xg_public_key_parse(const char *text, size_t size, struct xg_public_key *ret, struct xg_err *err)
{
	uint8_t raw[PUBLIC_BYTES];
	struct piece comment;
	struct lines l;
	int rc = lines_open(&l, "public key", text, size, err);

	if (!rc)
		rc = line_comment(&l, UNTRUSTED, XG_COMMENT_MAX, &comment, err);
	if (!rc)
		rc = line_base64(&l, raw, sizeof(raw), err);
	if (!rc)
		rc = lines_end(&l, err);
	if (rc)
		return rc;
	if (memcmp(raw, "Ed", 2))
		return xg_fail(err, EBADMSG, "the public key is of the kind %02x%02x, not Ed", raw[0], raw[1]);
	memcpy(ret->id, raw + 2, sizeof(ret->id));
	memcpy(ret->key, raw + 10, sizeof(ret->key));
	return 0;
}

int xg_signature_parse(const char *text, size_t size, struct xg_signature *ret, struct xg_err *err)
{
	uint8_t raw[SIGNATURE_BYTES], global[64];
	struct piece comment, trusted;
	struct lines l;
	int rc = lines_open(&l, "signature", text, size, err);

	if (!rc)
		rc = line_comment(&l, UNTRUSTED, XG_COMMENT_MAX, &comment, err);
	if (!rc)
		rc = line_base64(&l, raw, sizeof(raw), err);
	if (!rc)
		rc = line_comment(&l, TRUSTED, XG_TRUSTED_MAX, &trusted, err);
	if (!rc)
		rc = line_base64(&l, global, sizeof(global), err);
	if (!rc)
		rc = lines_end(&l, err);
	if (rc)
		return rc;
	if (memcmp(raw, "Ed", 2) && memcmp(raw, "ED", 2))
		return xg_fail(err, EBADMSG, "the signature is of the kind %02x%02x, neither Ed nor ED", raw[0],
			       raw[1]);
	ret->prehashed = raw[1] == 'D';
	memcpy(ret->id, raw + 2, sizeof(ret->id));
	memcpy(ret->signature, raw + 10, sizeof(ret->signature));
	memcpy(ret->global, global, sizeof(global));
	memcpy(ret->trusted, trusted.at, trusted.size);
	ret->trusted[trusted.size] = '\0';
	return 0;
}

/* ---- Checking and signing ----------------------------------------------------------------------------------- */

/* What is signed: the bytes, or their hash, kept in HASH. */
static struct piece signed_part(bool prehashed, const void *bytes, size_t size, uint8_t hash[64])
{
	if (!prehashed)
		return (struct piece){ bytes, size };
	crypto_generichash(hash, 64, bytes, size, NULL, 0);
	return (struct piece){ (const char *)hash, 64 };
}

/* The signature and the trusted comment, which the second signature is over. */
static size_t global_part(const uint8_t signature[64], const char *trusted, uint8_t ret[64 + XG_TRUSTED_MAX])
{
	size_t size = strnlen(trusted, XG_TRUSTED_MAX);

	memcpy(ret, signature, 64);
	memcpy(ret + 64, trusted, size);
	return 64 + size;
}

int xg_signature_check(const struct xg_signature *sig, const struct xg_public_key *key, const void *bytes, size_t size,
		       struct xg_err *err)
{
	uint8_t hash[64], both[64 + XG_TRUSTED_MAX];
	char id[XG_KEY_ID_TEXT];
	struct piece part;

	xg_key_id_text(sig->id, id);
	if (memcmp(sig->id, key->id, sizeof(key->id)))
		return xg_fail(err, EBADMSG, "the signature is of another key, %s", id);
	part = signed_part(sig->prehashed, bytes, size, hash);
	if (crypto_sign_verify_detached(sig->signature, (const uint8_t *)part.at, part.size, key->key))
		return xg_fail(err, EBADMSG, "the signature of key %s is not over these bytes", id);
	if (crypto_sign_verify_detached(sig->global, both, global_part(sig->signature, sig->trusted, both), key->key))
		return xg_fail(err, EBADMSG, "the trusted comment is not the one that key %s signed", id);
	return 0;
}

static void text_base64(FILE *f, const uint8_t *raw, size_t size)
{
	char text[sodium_base64_ENCODED_LEN(SECRET_BYTES, sodium_base64_VARIANT_ORIGINAL)];

	sodium_bin2base64(text, sizeof(text), raw, size, sodium_base64_VARIANT_ORIGINAL);
	fprintf(f, "%s\n", text);
	sodium_memzero(text, sizeof(text));
}

static int text_end(FILE *f, char **text, char **ret, struct xg_err *err)
{
	int bad = ferror(f);

	if (fclose(f) || bad) {
		free(*text);
		return xg_fail_errno(err, ENOMEM, "a key or signature as text");
	}
	*ret = *text;
	return 0;
}

int xg_signature_make(const struct xg_secret_key *key, const void *bytes, size_t size, const char *comment,
		      const char *trusted, char **ret, size_t *ret_size, struct xg_err *err)
{
	uint8_t raw[SIGNATURE_BYTES] = "ED", global[64], hash[64], both[64 + XG_TRUSTED_MAX];
	struct piece part = signed_part(true, bytes, size, hash);
	char *text = NULL;
	FILE *f;

	if (strlen(trusted) >= XG_TRUSTED_MAX || strlen(comment) >= XG_COMMENT_MAX)
		return xg_fail(err, EINVAL, "a comment of more than %u bytes", XG_COMMENT_MAX - 1);
	memcpy(raw + 2, key->id, sizeof(key->id));
	crypto_sign_detached(raw + 10, NULL, (const uint8_t *)part.at, part.size, key->key);
	crypto_sign_detached(global, NULL, both, global_part(raw + 10, trusted, both), key->key);
	f = open_memstream(&text, ret_size);
	if (!f)
		return xg_fail_errno(err, ENOMEM, "signature");
	fprintf(f, UNTRUSTED "%s\n", comment);
	text_base64(f, raw, sizeof(raw));
	fprintf(f, TRUSTED "%s\n", trusted);
	text_base64(f, global, sizeof(global));
	return text_end(f, &text, ret, err);
}

/* ---- Keys --------------------------------------------------------------------------------------------------- */

int xg_key_make(struct xg_secret_key *ret, struct xg_err *err)
{
	uint8_t public_key[32];

	if (sodium_init() < 0)
		return xg_fail(err, EIO, "libsodium does not start");
	randombytes_buf(ret->id, sizeof(ret->id));
	crypto_sign_keypair(public_key, ret->key);
	return 0;
}

void xg_secret_key_wipe(struct xg_secret_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

void xg_public_key_of(const struct xg_secret_key *secret, struct xg_public_key *ret)
{
	memcpy(ret->id, secret->id, sizeof(ret->id));
	memcpy(ret->key, secret->key + 32, sizeof(ret->key));
}

int xg_public_key_format(const struct xg_public_key *key, const char *comment, char **ret, size_t *ret_size,
			 struct xg_err *err)
{
	uint8_t raw[PUBLIC_BYTES] = "Ed";
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_size);

	if (!f)
		return xg_fail_errno(err, ENOMEM, "public key");
	memcpy(raw + 2, key->id, sizeof(key->id));
	memcpy(raw + 10, key->key, sizeof(key->key));
	fprintf(f, UNTRUSTED "%s\n", comment);
	text_base64(f, raw, sizeof(raw));
	return text_end(f, &text, ret, err);
}

/*
 * A secret key's fields, as they lie in the file: 2 "Ed", 2 kdf, 2 "B2", 32 salt, 8 ops, 8 mem, 8 id, 64 key, 32 sum.
 */
enum { AT_KDF = 2, AT_SUM_KIND = 4, AT_SALT = 6, AT_OPS = 38, AT_MEM = 46, AT_ID = 54, AT_KEY = 62, AT_SUM = 126 };

static void secret_sum(const uint8_t raw[SECRET_BYTES], uint8_t ret[32])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, 32);
	crypto_generichash_update(&st, raw, 2);
	crypto_generichash_update(&st, raw + AT_ID, AT_SUM - AT_ID);
	crypto_generichash_final(&st, ret, 32);
}

static uint64_t le64(const uint8_t *at)
{
	struct xg_cursor c = xg_cursor(at, 8);

	return xg_cursor_u64(&c);
}

/* Masks or unmasks id, key and sum with what scrypt makes of the password. */
static int secret_mask(uint8_t raw[SECRET_BYTES], const char *password, struct xg_err *err)
{
	uint64_t ops = le64(raw + AT_OPS), mem = le64(raw + AT_MEM);
	uint8_t stream[MASKED_BYTES];
	size_t i;

	if (ops > OPSLIMIT_MAX || mem > MEMLIMIT_MAX)
		return xg_fail(err, EBADMSG, "the secret key asks scrypt for more than this program gives");
	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream), password, strlen(password), raw + AT_SALT, ops,
					       mem))
		return xg_fail_errno(err, ENOMEM, "%llu bytes for the secret key's password", (unsigned long long)mem);
	for (i = 0; i < sizeof(stream); i++)
		raw[AT_ID + i] ^= stream[i];
	sodium_memzero(stream, sizeof(stream));
	return 0;
}

static int secret_raw(const char *text, size_t size, uint8_t raw[SECRET_BYTES], struct xg_err *err)
{
	struct piece comment;
	struct lines l;
	int rc = lines_open(&l, "secret key", text, size, err);

	if (!rc)
		rc = line_comment(&l, UNTRUSTED, XG_COMMENT_MAX, &comment, err);
	if (!rc)
		rc = line_base64(&l, raw, SECRET_BYTES, err);
	if (!rc)
		rc = lines_end(&l, err);
	if (!rc && (memcmp(raw, "Ed", 2) || memcmp(raw + AT_SUM_KIND, "B2", 2) ||
		    (memcmp(raw + AT_KDF, "Sc", 2) && memcmp(raw + AT_KDF, "\0\0", 2))))
		rc = xg_fail(err, EBADMSG, "the secret key is of a kind that is not known");
	return rc;
}

bool xg_secret_key_wants_password(const char *text, size_t size)
{
	uint8_t raw[SECRET_BYTES];
	bool wants = !secret_raw(text, size, raw, NULL) && raw[AT_KDF] == 'S';

	sodium_memzero(raw, sizeof(raw));
	return wants;
}

static int secret_open(uint8_t raw[SECRET_BYTES], const char *password, struct xg_secret_key *ret, struct xg_err *err)
{
	bool masked = raw[AT_KDF] == 'S';
	uint8_t sum[32];
	int rc;

	if (masked && !password)
		return xg_fail(err, EACCES, "the secret key is protected by a password");
	rc = masked ? secret_mask(raw, password, err) : 0;
	if (rc)
		return rc;
	secret_sum(raw, sum);
	/* Without a password minisign 0.11 leaves the checksum zero. */
	if (sodium_memcmp(sum, raw + AT_SUM, sizeof(sum)) && (masked || !sodium_is_zero(raw + AT_SUM, sizeof(sum))))
		return masked ? xg_fail(err, EACCES, "the password of the secret key is another one") :
				xg_fail(err, EBADMSG, "the secret key is damaged: its checksum is another one");
	memcpy(ret->id, raw + AT_ID, sizeof(ret->id));
	memcpy(ret->key, raw + AT_KEY, sizeof(ret->key));
	return 0;
}

int xg_secret_key_parse(const char *text, size_t size, const char *password, struct xg_secret_key *ret,
			struct xg_err *err)
{
	uint8_t raw[SECRET_BYTES];
	int rc = secret_raw(text, size, raw, err);

	if (!rc)
		rc = secret_open(raw, password, ret, err);
	sodium_memzero(raw, sizeof(raw));
	return rc;
}

int xg_secret_key_format(const struct xg_secret_key *key, const char *comment, const char *password, char **ret,
			 size_t *ret_size, struct xg_err *err)
{
	static const uint64_t ops = crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE,
		mem = crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE;
	uint8_t raw[SECRET_BYTES] = "Ed";
	char *text = NULL;
	FILE *f;
	int rc = 0;

	memcpy(raw + AT_SUM_KIND, "B2", 2);
	memcpy(raw + AT_ID, key->id, sizeof(key->id));
	memcpy(raw + AT_KEY, key->key, sizeof(key->key));
	secret_sum(raw, raw + AT_SUM);
	if (password) {
		memcpy(raw + AT_KDF, "Sc", 2);
		randombytes_buf(raw + AT_SALT, 32);
		memcpy(raw + AT_OPS, &ops, 8);
		memcpy(raw + AT_MEM, &mem, 8);
		rc = secret_mask(raw, password, err);
	}
	f = rc ? NULL : open_memstream(&text, ret_size);
	if (!rc && !f)
		rc = xg_fail_errno(err, ENOMEM, "secret key");
	if (f) {
		fprintf(f, UNTRUSTED "%s\n", comment);
		text_base64(f, raw, sizeof(raw));
		rc = text_end(f, &text, ret, err);
	}
	sodium_memzero(raw, sizeof(raw));
	return rc;
}
