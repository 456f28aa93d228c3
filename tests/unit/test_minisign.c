// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver-repo/minisign.c and keyring.c: what minisign signs is believed, what it would refuse is refused; what we
 * sign it believes (tests/unit/repo-cli.sh runs the program itself).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "driver-repo/file.h"
#include "driver-repo/keyring.h"
#include "lib/base/array.h"
#include "tests/lib/repo_rig.h"
#include "tests/lib/run_suite.h"

/* minisign 0.11: -G -W; then -S -l (legacy) and -S over the bytes "xengraft\n". */
static const char public_key[] =
	"untrusted comment: minisign public key 53828D4A663F597B\n"
	"RWR7WT9mSo2CU8LmjomDKYusQHnmjqaGetaJzhIq7rGlwgMmEWrSpTtf\n";
static const char legacy[] =
	"untrusted comment: signature from minisign secret key\n"
	"RWR7WT9mSo2CUzh4dICGObBbfhTknra1a/C8p7dMn+tNJUs2YWisidJouzPLtDFQnQnOptnPA2ocaedMHpA53jlh+OHk+WDv1AE=\n"
	"trusted comment: legacy\n"
	"u4df7+uTw3sduIrS7YS7Jc5uZ7Q/8zql2TNOsFgjJU2aSP2F+Tz7wWUCSLExwwlkrj+tBOhy9Xmr5De7omCRCA==\n";
static const char hashed[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUR7WT9mSo2CU6jiOYJwvm3dNzB+5BcL+q6X3bB0+td2ipUM8Q881pAdmV8kQ2P0SInUoaB1ksgtmqQjFV6WlJFuyusGQwE63AM=\n"
	"trusted comment: hashed\n"
	"mCvNeFxxBroh6zJEElefwv/VdUBGjgqsl50zULsKnXBaeMXg1wl04hxGh11szjhzE8U38qptGkkTjnzr9yw2DA==\n";
static const char signed_bytes[] = "xengraft\n";

static struct xg_public_key key_of(const char *text)
{
	struct xg_public_key key;
	struct xg_err err = XG_ERR_NONE;

	ck_assert_msg(!xg_public_key_parse(text, strlen(text), &key, &err), "%s", err.text);
	return key;
}

START_TEST(what_minisign_signed_is_right)
{
	const char *text = _i ? hashed : legacy;
	struct xg_public_key key = key_of(public_key);
	struct xg_err err = XG_ERR_NONE;
	struct xg_signature sig;

	ck_assert_msg(!xg_signature_parse(text, strlen(text), &sig, &err), "%s", err.text);
	ck_assert_int_eq(sig.prehashed, _i);
	ck_assert_str_eq(sig.trusted, _i ? "hashed" : "legacy");
	ck_assert_msg(!xg_signature_check(&sig, &key, signed_bytes, strlen(signed_bytes), &err), "%s", err.text);
	ck_assert_int_eq(xg_signature_check(&sig, &key, signed_bytes, strlen(signed_bytes) - 1, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "is not over these bytes"));
	sig.trusted[0] ^= 1;
	ck_assert_int_eq(xg_signature_check(&sig, &key, signed_bytes, strlen(signed_bytes), &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "trusted comment"));
	sig.trusted[0] ^= 1;
	key.id[0] ^= 1;
	ck_assert_int_eq(xg_signature_check(&sig, &key, signed_bytes, strlen(signed_bytes), &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "of another key"));
}
END_TEST

/* Each bit of the signature, its key id but not the algorithm, and of the key counts. */
START_TEST(each_bit_counts)
{
	struct xg_public_key key = key_of(public_key), other;
	struct xg_err err = XG_ERR_NONE;
	struct xg_signature sig, bad;
	size_t i;

	ck_assert(!xg_signature_parse(hashed, strlen(hashed), &sig, &err));
	for (i = 0; i < 8 * sizeof(sig.signature); i++) {
		bad = sig;
		bad.signature[i / 8] ^= 1 << i % 8;
		ck_assert_int_ne(xg_signature_check(&bad, &key, signed_bytes, strlen(signed_bytes), &err), 0);
		bad = sig;
		bad.global[i / 8] ^= 1 << i % 8;
		ck_assert_int_ne(xg_signature_check(&bad, &key, signed_bytes, strlen(signed_bytes), &err), 0);
	}
	for (i = 0; i < 8 * sizeof(key.key); i++) {
		other = key;
		other.key[i / 8] ^= 1 << i % 8;
		ck_assert_int_ne(xg_signature_check(&sig, &other, signed_bytes, strlen(signed_bytes), &err), 0);
	}
}
END_TEST

START_TEST(what_is_signed_can_be_read)
{
	const char *password = _i ? "open sesame" : NULL;
	struct xg_err err = XG_ERR_NONE;
	struct xg_secret_key key, again;
	struct xg_public_key public_half;
	struct xg_signature sig;
	char *text;
	size_t size;

	ck_assert(!xg_key_make(&key, &err));
	ck_assert_msg(!xg_secret_key_format(&key, "a key", password, &text, &size, &err), "%s", err.text);
	ck_assert_int_eq(xg_secret_key_wants_password(text, size), _i);
	if (_i) {
		ck_assert_int_eq(xg_secret_key_parse(text, size, NULL, &again, &err), -EACCES);
		ck_assert_int_eq(xg_secret_key_parse(text, size, "open", &again, &err), -EACCES);
	}
	ck_assert_msg(!xg_secret_key_parse(text, size, password, &again, &err), "%s", err.text);
	ck_assert_mem_eq(&key, &again, sizeof(key));
	free(text);
	ck_assert(!xg_signature_make(&again, "abc", 3, "c", "timestamp:1\tfile:x", &text, &size, &err));
	ck_assert_msg(!xg_signature_parse(text, size, &sig, &err), "%s", err.text);
	xg_public_key_of(&key, &public_half);
	ck_assert(!xg_signature_check(&sig, &public_half, "abc", 3, &err));
	ck_assert_int_ne(xg_signature_check(&sig, &public_half, "abd", 3, &err), 0);
	free(text);
	ck_assert(!xg_public_key_format(&public_half, "p", &text, &size, &err));
	ck_assert_mem_eq(key_of(text).key, public_half.key, 32);
	free(text);
}
END_TEST

#define B64_64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define B64_74 "RUQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define U "untrusted comment: x\n"
#define T "trusted comment: y\n"

static const struct {
	const char *text, *says;
} broken[] = {
	{ "", "line 1 of the signature is missing" },
	{ "comment: x\n", "line 1 of the signature does not begin with 'untrusted comment: '" },
	{ U, "line 2 of the signature is missing" },
	{ U "====\n" T B64_64, "line 2 of the signature is not base64 of 74 bytes" },
	{ U B64_64 "\n" T B64_64, "line 2 of the signature is not base64 of 74 bytes" },
	{ U B64_74 "A\n" T B64_64, "line 2 of the signature is not base64 of 74 bytes" },
	{ U B64_74 "\n", "line 3 of the signature is missing" },
	{ U B64_74 "\n" U B64_64, "line 3 of the signature does not begin with 'trusted comment: '" },
	{ U B64_74 "\ntrusted comment: \x1b[2J\n" B64_64, "line 3 of the signature has a control character" },
	{ U B64_74 "\n" T, "line 4 of the signature is missing" },
	{ U B64_74 "\n" T B64_74, "line 4 of the signature is not base64 of 64 bytes" },
	{ U B64_74 "\n" T B64_64 "\nmore\n", "something follows line 4 of the signature" },
	{ U "WFgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" T B64_64,
	  "of the kind 5858, neither Ed nor ED" },
};

START_TEST(broken_signature_is_refused)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_signature sig;

	ck_assert_int_eq(xg_signature_parse(broken[_i].text, strlen(broken[_i].text), &sig, &err), -EBADMSG);
	ck_assert_msg(strstr(err.text, broken[_i].says) != NULL, "'%s' lacks '%s'", err.text, broken[_i].says);
}
END_TEST

START_TEST(what_stands_between_is_bounded)
{
	static char text[XG_MINISIGN_MAX + 2];
	struct xg_err err = XG_ERR_NONE;
	struct xg_signature sig;

	ck_assert(!xg_signature_parse(U B64_74 "\n" T B64_64, strlen(U B64_74 "\n" T B64_64), &sig, &err));
	ck_assert(!xg_signature_parse(U B64_74 "\r\n" T B64_64 "\r\n", strlen(U B64_74 "\r\n" T B64_64 "\r\n"), &sig,
				      &err));
	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(xg_signature_parse(text, XG_MINISIGN_MAX + 1, &sig, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "of 10241 bytes, at most 10240"));
	memcpy(text, U, strlen(U) - 1);
	ck_assert_int_eq(xg_signature_parse(text, XG_MINISIGN_MAX, &sig, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "is too long"));
}
END_TEST

/* ---- The keyring -------------------------------------------------------------------------------------------- */

static void conf_write(const char *name, const char *text, mode_t mode)
{
	struct xg_err err = XG_ERR_NONE;
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", repo_rig.paths.confdir, name);
	ck_assert_msg(!xg_file_replace(path, text, strlen(text), 0600, &err), "%s", err.text);
	ck_assert(!chmod(path, mode));
}

static const struct {
	const char *name, *text;
	mode_t mode;
	int rc;
	const char *says;
} keyrings[] = {
	{ "keys.d/x.pub", public_key, 0644, 0, "" },
	{ "keys.d/x.txt", "anything\n", 0644, 0, "" },
	{ "keys.d/x.pub", "anything\n", 0644, -EBADMSG, "x.pub: line 1 of the public key" },
	{ "keys.d/x.pub", public_key, 0666, -EPERM, "x.pub may be written by others than root" },
	{ "keys.d/x.pub", public_key, 0664, -EPERM, "x.pub may be written by others than root" },
	{ "revoked", "# nothing\n\nkey 0123456789ABCDEF  lost  \nimage " REPO_BUILD "012345670123456701234567 bad\n",
	  0644, 0, "" },
	{ "revoked", "key 0123456789abcdef\n", 0644, -EINVAL, "revoked:1: expected" },
	{ "revoked", "# x\nimage 0123\n", 0644, -EINVAL, "revoked:2: expected" },
	{ "revoked", "driver x\n", 0644, -EINVAL, "revoked:1: expected" },
	{ "revoked", "\n", 0602, -EPERM, "revoked may be written by others than root" },
	{ "repo.conf", "unsigned allow\nmirror a/b\n", 0644, 0, "" },
	{ "repo.conf", "unsigned perhaps\n", 0644, -EINVAL, "repo.conf:1: expected" },
	{ "repo.conf", "#\nsigned no\n", 0644, -EINVAL, "repo.conf:2: expected" },
	{ "repo.conf", "unsigned\n", 0644, -EINVAL, "repo.conf:1: expected" },
};

START_TEST(configuration_is_believed_or_named)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_repo *r = NULL;
	int rc;

	conf_write(keyrings[_i].name, keyrings[_i].text, keyrings[_i].mode);
	rc = xg_repo_open(&repo_rig.paths, &r, &err);
	ck_assert_msg(rc == keyrings[_i].rc && strstr(err.text, keyrings[_i].says), "%d, %s", rc, err.text);
	xg_repo_close(r);
}
END_TEST

START_TEST(revoked_is_remembered)
{
	static const char digest[] = REPO_BUILD "012345670123456701234567";
	const struct xg_keyring *k = xg_repo_keyring(repo_rig.repo);
	struct xg_keyring *again;
	struct xg_err err = XG_ERR_NONE;
	struct xg_public_key half;
	int i;

	for (i = 0; i < 2; i++) {
		ck_assert_msg(!xg_keyring_revoke(k, "0123456789ABCDEF", "lost the stick", &err), "%s", err.text);
		ck_assert_msg(!xg_keyring_revoke(k, digest, "", &err), "%s", err.text);
	}
	ck_assert_int_eq(xg_keyring_revoke(k, "0123", "", &err), -EINVAL);
	ck_assert_int_eq(xg_keyring_revoke(k, digest, "two\nlines", &err), -EINVAL);
	ck_assert(!xg_keyring_open(repo_rig.paths.confdir, &again, &err));
	ck_assert_str_eq(xg_keyring_key_revoked(again, "0123456789ABCDEF"), "lost the stick");
	ck_assert_str_eq(xg_keyring_image_revoked(again, digest), "");
	ck_assert_ptr_null(xg_keyring_key_revoked(again, "0123456789ABCDEE"));
	half = key_of(public_key);
	ck_assert_msg(!xg_keyring_trust(again, &half, "vendor", "c", &err), "%s", err.text);
	ck_assert_int_eq(xg_keyring_trust(again, &half, "../../x", "c", &err), -EINVAL);
	ck_assert_int_eq(xg_keyring_trust(again, &half, "host", "c", &err), -EEXIST);
	memcpy(half.id, "\xef\xcd\xab\x89\x67\x45\x23\x01", 8);
	ck_assert_int_eq(xg_keyring_trust(again, &half, "other", "c", &err), -EKEYREVOKED);
	xg_keyring_close(again);
	ck_assert(!xg_keyring_open(repo_rig.paths.confdir, &again, &err));
	ck_assert_uint_eq(xg_keyring_count(again), 2);
	xg_keyring_close(again);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("minisign");
	TCase *t = tcase_create("minisign"), *k = tcase_create("keyring");

	tcase_add_loop_test(t, what_minisign_signed_is_right, 0, 2);
	tcase_add_test(t, each_bit_counts);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, what_is_signed_can_be_read, 0, 2);
	tcase_add_loop_test(t, broken_signature_is_refused, 0, XG_ARRAY_SIZE(broken));
	tcase_add_test(t, what_stands_between_is_bounded);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(k, repo_rig_setup, repo_rig_teardown);
	tcase_add_loop_test(k, configuration_is_believed_or_named, 0, XG_ARRAY_SIZE(keyrings));
	tcase_add_test(k, revoked_is_remembered);
	suite_add_tcase(s, k);
	return run_suite(s);
}
