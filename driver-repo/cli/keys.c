// SPDX-License-Identifier: GPL-2.0-or-later
/* keygen, sign, trust, revoke. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "driver-repo/cli/cli.h"
#include "driver-repo/file.h"
#include "lib/base/log.h"

/* ---- keygen ------------------------------------------------------------------------------------------------- */

static int key_file(const char *path, const char *text, size_t size, mode_t mode, struct xg_err *err)
{
	int rc = xg_file_create(path, text, size, mode, true, err);

	return rc == -EEXIST ? xg_fail(err, EEXIST, "%s is there: a key is never overwritten", path) : rc;
}

static int keygen_password(struct rc *c, char *ret, size_t room, struct xg_err *err)
{
	char *text, again[512];
	size_t size;
	int rc;

	if (c->o.password_file) {
		rc = xg_file_read(c->o.password_file, room - 1, &text, &size, err);
		if (!rc) {
			snprintf(ret, room, "%.*s", (int)strcspn(text, "\r\n"), text);
			sodium_memzero(text, size);
			free(text);
		}
		return rc;
	}
	rc = rc_password_ask("Password for the new key: ", ret, room, err);
	if (!rc)
		rc = rc_password_ask("Once more: ", again, sizeof(again), err);
	if (!rc && strcmp(ret, again))
		rc = xg_fail(err, EINVAL, "the two passwords differ");
	sodium_memzero(again, sizeof(again));
	return rc;
}

static int keygen_write(struct rc *c, const struct xg_secret_key *key, const char *password, struct xg_err *err)
{
	char path[4096], comment[200], id[XG_KEY_ID_TEXT], *text;
	struct xg_public_key public_key;
	size_t size;
	int rc;

	xg_key_id_text(key->id, id);
	if (strlen(c->argv[0]) + 5 > sizeof(path))
		return xg_fail_errno(err, ENAMETOOLONG, "%.100s…", c->argv[0]);
	snprintf(comment, sizeof(comment), "%.120s", c->o.comment ? c->o.comment : "xengraft secret key");
	rc = xg_secret_key_format(key, comment, password, &text, &size, err);
	if (rc)
		return rc;
	rc = key_file(c->argv[0], text, size, 0600, err);
	sodium_memzero(text, size);
	free(text);
	if (rc)
		return rc;
	xg_public_key_of(key, &public_key);
	snprintf(comment, sizeof(comment), "%.120s %s", c->o.comment ? c->o.comment : "xengraft public key", id);
	snprintf(path, sizeof(path), "%s.pub", c->argv[0]);
	rc = xg_public_key_format(&public_key, comment, &text, &size, err);
	if (!rc) {
		rc = key_file(path, text, size, 0644, err);
		free(text);
	}
	if (rc) {
		(void)unlink(c->argv[0]);
		return rc;
	}
	if (c->o.json)
		return rc_print_json(json_pack("{s:s, s:s, s:s}", "key_id", id, "secret", c->argv[0], "public", path),
				     err);
	printf("key %s: %s (keep it secret), %s\n", id, c->argv[0], path);
	return 0;
}

int rc_keygen(struct rc *c, struct xg_err *err)
{
	struct xg_secret_key key;
	char password[512] = "";
	int rc = access(c->argv[0], F_OK) ? xg_key_make(&key, err) :
		xg_fail(err, EEXIST, "%s is there: a key is never overwritten", c->argv[0]);

	if (rc)
		return rc;
	if (!c->o.no_password)
		rc = keygen_password(c, password, sizeof(password), err);
	if (!rc)
		rc = keygen_write(c, &key, password[0] ? password : NULL, err);
	xg_secret_key_wipe(&key);
	sodium_memzero(password, sizeof(password));
	return rc;
}

/* ---- sign --------------------------------------------------------------------------------------------------- */

struct signing {
	struct rc *c;
	struct xg_repo *r;		/* opened when an image of it is named */
	struct xg_secret_key key;
	json_t *array;
};

static int sign_tell(struct signing *s, const char *what, const char *where, struct xg_err *err)
{
	char id[XG_KEY_ID_TEXT];

	xg_key_id_text(s->key.id, id);
	if (s->array)
		return json_array_append_new(s->array, json_pack("{s:s, s:s, s:s}", "what", what, "key_id", id,
								 "where", where)) ?
			xg_fail_errno(err, ENOMEM, "JSON") : 0;
	printf("%s: signed with key %s\n", what, id);
	if (s->r && !xg_keyring_find(xg_repo_keyring(s->r), id))
		xg_warn("key %s is not trusted on this host: 'xengraft-repo trust' its public half", id);
	return 0;
}

/* Like `minisign -S`: any file. */
static int sign_file(struct signing *s, const char *file, struct xg_err *err)
{
	char *bytes xg_auto_free = NULL, *text xg_auto_free = NULL, path[4096], trusted[1024];
	const char *slash = strrchr(file, '/');
	size_t size, text_size;
	int rc = xg_file_read(file, XG_ELF_BYTES_MAX, &bytes, &size, err);

	if (rc)
		return rc;
	if (s->c->o.comment)
		snprintf(trusted, sizeof(trusted), "%.1000s", s->c->o.comment);
	else
		snprintf(trusted, sizeof(trusted), "timestamp:%lld\tfile:%.200s\thashed", (long long)time(NULL),
			 slash ? slash + 1 : file);
	rc = xg_signature_make(&s->key, bytes, size, "signature from xengraft-repo", trusted, &text, &text_size, err);
	if (rc)
		return rc;
	if ((size_t)snprintf(path, sizeof(path), "%s.minisig", file) >= sizeof(path))
		return xg_fail_errno(err, ENAMETOOLONG, "%.100s…", file);
	rc = xg_file_replace(path, text, text_size, 0644, err);
	return rc ? rc : sign_tell(s, file, path, err);
}

static int sign_image(struct signing *s, const char *name, struct xg_err *err)
{
	struct xg_repo_batch *batch xg_auto(xg_repo_batch_free_p) = NULL;
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	char *text xg_auto_free = NULL, known[XG_NAME_MAX];
	struct xg_verdict v;
	struct xg_entry e;
	size_t size;
	int rc = s->r ? 0 : xg_repo_open(&s->c->paths, &s->r, err);

	if (!rc)
		rc = xg_repo_find(s->r, name, &e, err);
	if (!rc)
		rc = xg_repo_load(s->r, e.digest, &image, &v, err);
	if (rc)
		return rc;
	xg_note_name(&e.note, known);
	*strchr(known, ' ') = '-';
	rc = xg_repo_sign(&s->key, image, known, e.origin[0] ? e.origin : NULL, &text, &size, err);
	if (!rc)
		rc = xg_repo_begin(s->r, &batch, err);
	if (!rc)
		rc = xg_repo_stage_signature(batch, e.digest, text, size, err);
	if (!rc)
		rc = xg_repo_commit(batch, err);
	return rc ? rc : sign_tell(s, e.digest, s->c->paths.dir, err);
}

int rc_sign(struct rc *c, struct xg_err *err)
{
	struct signing s = { .c = c, .array = c->o.json ? json_array() : NULL };
	int i, rc = rc_secret_key(c, &s.key, err);

	for (i = 0; !rc && i < c->argc; i++)
		rc = access(c->argv[i], F_OK) ? sign_image(&s, c->argv[i], err) : sign_file(&s, c->argv[i], err);
	xg_secret_key_wipe(&s.key);
	xg_repo_close(s.r);
	return rc_print_gathered(s.array, rc, err);
}

/* ---- trust, revoke ------------------------------------------------------------------------------------------ */

static int trust_list(struct rc *c, const struct xg_keyring *k, struct xg_err *err)
{
	json_t *array = c->o.json ? json_array() : NULL;
	size_t i;

	for (i = 0; i < xg_keyring_count(k); i++) {
		const struct xg_trusted_key *key = xg_keyring_key(k, i);
		const char *why = xg_keyring_key_revoked(k, key->id);

		if (array)
			json_array_append_new(array, json_pack("{s:s, s:s, s:b}", "name", key->name, "key_id", key->id,
							       "revoked", why != NULL));
		else
			printf("%s  %s%s%s%s\n", key->id, key->name, why ? ", revoked" : "", why && why[0] ? ": " : "",
			       why ? why : "");
	}
	return rc_print_gathered(array, 0, err);
}

/* "/some/where/vendor.pub" is called "vendor". */
static void key_name(const char *path, char *ret, size_t room)
{
	const char *slash = strrchr(path, '/');
	size_t length;

	snprintf(ret, room, "%s", slash ? slash + 1 : path);
	length = strlen(ret);
	if (length > 4 && !strcmp(ret + length - 4, ".pub"))
		ret[length - 4] = '\0';
}

int rc_trust(struct rc *c, struct xg_err *err)
{
	struct xg_keyring *k xg_auto(xg_keyring_close_p) = NULL;
	char *text xg_auto_free = NULL, name[256], id[XG_KEY_ID_TEXT], comment[300];
	struct xg_public_key key;
	size_t size;
	int rc = xg_keyring_open(c->paths.confdir, &k, err);

	if (rc || !c->argc)
		return rc ? rc : trust_list(c, k, err);
	rc = xg_file_read(c->argv[0], XG_MINISIGN_MAX, &text, &size, err);
	if (rc)
		return rc;
	rc = xg_public_key_parse(text, size, &key, err);
	if (rc)
		return xg_fail_in(err, "%s", c->argv[0]);
	if (c->o.name)
		snprintf(name, sizeof(name), "%s", c->o.name);
	else
		key_name(c->argv[0], name, sizeof(name));
	xg_key_id_text(key.id, id);
	snprintf(comment, sizeof(comment), "public key %s, trusted as %s", id, name);
	rc = xg_keyring_trust(k, &key, name, comment, err);
	if (rc)
		return rc;
	if (c->o.json)
		return rc_print_json(json_pack("{s:s, s:s}", "key_id", id, "name", name), err);
	printf("key %s is trusted from now on, as %s\n", id, name);
	return 0;
}

/* A key's id as it is; an image by its digits. Neither has to be known here: what is revoked may come later. */
static int revoke_what(struct rc *c, char ret[XG_DIGEST_HEX], struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	const char *what = c->argv[0];
	struct xg_entry e;
	int rc;

	snprintf(ret, XG_DIGEST_HEX, "%s", !strncmp(what, "sha256:", 7) ? what + 7 : what);
	if ((strlen(ret) == 16 && strspn(ret, "0123456789ABCDEF") == 16) || strlen(ret) == XG_DIGEST_HEX - 1)
		return 0;
	rc = xg_repo_open(&c->paths, &r, err);
	if (!rc)
		rc = xg_repo_find(r, what, &e, err);
	if (!rc)
		memcpy(ret, e.digest, XG_DIGEST_HEX);
	return rc;
}

int rc_revoke(struct rc *c, struct xg_err *err)
{
	struct xg_keyring *k xg_auto(xg_keyring_close_p) = NULL;
	char what[XG_DIGEST_HEX];
	int rc = revoke_what(c, what, err);

	if (!rc)
		rc = xg_keyring_open(c->paths.confdir, &k, err);
	if (!rc)
		rc = xg_keyring_revoke(k, what, c->o.reason ? c->o.reason : "", err);
	if (rc)
		return rc;
	if (c->o.json)
		return rc_print_json(json_pack("{s:s}", "revoked", what), err);
	printf("%s %s is revoked\n", strlen(what) == 16 ? "key" : "image", what);
	return 0;
}
