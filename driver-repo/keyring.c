// SPDX-License-Identifier: GPL-2.0-or-later
/* See keyring.h. Called before anything of the repository is believed. Must never take an error for "trusted". */
#include "driver-repo/keyring.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "driver-repo/file.h"
#include "lib/base/array.h"

#define REVOKED_BYTES_MAX (4u << 20)	/* some 50,000 lines */
#define REVOKED_WHY 96

struct revoked {
	char what[65];
	char why[REVOKED_WHY];
};

struct xg_keyring {
	char confdir[PATH_MAX - 300];
	struct xg_trusted_key *keys;
	size_t count;
	struct revoked *revoked;	/* sorted by what */
	size_t revoked_count;
};

void xg_keyring_close(struct xg_keyring *k)
{
	if (!k)
		return;
	free(k->keys);
	free(k->revoked);
	free(k);
}

/* ---- Keys --------------------------------------------------------------------------------------------------- */

static int owner_alone_writes(const char *path, struct xg_err *err)
{
	struct stat st;

	if (stat(path, &st))
		return xg_fail_errno(err, errno, "%s", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH) || (st.st_uid && st.st_uid != geteuid()))
		return xg_fail(err, EPERM, "%s may be written by others than root: it is not believed", path);
	return 0;
}

static int key_load(void *ctx, const char *name, struct xg_err *err)
{
	struct xg_keyring *k = ctx;
	size_t size, length = strlen(name);
	char path[PATH_MAX], *text xg_auto_free = NULL;
	struct xg_trusted_key *more, key = { .name = "" };
	int rc;

	if (length < 5 || strcmp(name + length - 4, ".pub"))
		return 0;
	if (k->count == XG_KEYS_MAX || length - 4 >= sizeof(key.name))
		return xg_fail(err, EFBIG,
			       "%s/keys.d: more than %u keys, or one with a name of more than %zu characters",
			       k->confdir, XG_KEYS_MAX, sizeof(key.name) - 1);
	snprintf(path, sizeof(path), "%s/keys.d/%s", k->confdir, name);
	rc = owner_alone_writes(path, err);
	if (!rc)
		rc = xg_file_read(path, XG_MINISIGN_MAX, &text, &size, err);
	if (rc)
		return rc;
	rc = xg_public_key_parse(text, size, &key.key, err);
	if (rc)
		return xg_fail_in(err, "%s", path);
	memcpy(key.name, name, length - 4);
	xg_key_id_text(key.key.id, key.id);
	more = realloc(k->keys, (k->count + 1) * sizeof(*more));
	if (!more)
		return xg_fail_errno(err, ENOMEM, "%s", path);
	k->keys = more;
	k->keys[k->count++] = key;
	return 0;
}

size_t xg_keyring_count(const struct xg_keyring *k)
{
	return k->count;
}

const struct xg_trusted_key *xg_keyring_key(const struct xg_keyring *k, size_t index)
{
	return &k->keys[index];
}

const struct xg_trusted_key *xg_keyring_find(const struct xg_keyring *k, const char *id)
{
	size_t i;

	for (i = 0; i < k->count; i++)
		if (!strcmp(k->keys[i].id, id))
			return &k->keys[i];
	return NULL;
}

/* ---- What is revoked ---------------------------------------------------------------------------------------- */

static bool all_of(const char *s, size_t size, const char *digits)
{
	return strlen(s) == size && strspn(s, digits) == size;
}

static bool is_key_id(const char *s)
{
	return all_of(s, 16, "0123456789ABCDEF");
}

static bool is_digest(const char *s)
{
	return all_of(s, 64, "0123456789abcdef");
}

static int revoked_order(const void *a, const void *b)
{
	return strcmp(((const struct revoked *)a)->what, ((const struct revoked *)b)->what);
}

/* "key ID why" or "image DIGEST why"; 0: nothing in it, 1: taken, -EINVAL. */
static int revoked_line(char *line, struct revoked *ret)
{
	char *save, *kind, *what, *why;

	line[strcspn(line, "#\r")] = '\0';
	kind = strtok_r(line, " \t", &save);
	if (!kind)
		return 0;
	what = strtok_r(NULL, " \t", &save);
	why = strtok_r(NULL, "", &save);
	if (!what || !((!strcmp(kind, "key") && is_key_id(what)) || (!strcmp(kind, "image") && is_digest(what))))
		return -EINVAL;
	snprintf(ret->what, sizeof(ret->what), "%s", what);
	snprintf(ret->why, sizeof(ret->why), "%s", why ? why + strspn(why, " \t") : "");
	return 1;
}

static int revoked_parse(struct xg_keyring *k, const char *path, char *text, struct xg_err *err)
{
	size_t number, lines = 1;
	char *line, *save;
	int rc;

	for (line = text; *line; line++)
		lines += *line == '\n';
	k->revoked = calloc(lines, sizeof(*k->revoked));
	if (!k->revoked)
		return xg_fail_errno(err, ENOMEM, "%s", path);
	for (number = 1, line = text; line; line = save, number++) {
		save = strchr(line, '\n');
		if (save)
			*save++ = '\0';
		rc = revoked_line(line, &k->revoked[k->revoked_count]);
		if (rc < 0)
			return xg_fail(err, EINVAL, "%s:%zu: expected 'key KEYID why' or 'image SHA256 why'", path,
				       number);
		k->revoked_count += rc;
	}
	qsort(k->revoked, k->revoked_count, sizeof(*k->revoked), revoked_order);
	return 0;
}

static int revoked_load(struct xg_keyring *k, struct xg_err *err)
{
	char path[PATH_MAX], *text xg_auto_free = NULL;
	size_t size;
	int rc;

	snprintf(path, sizeof(path), "%s/revoked", k->confdir);
	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	rc = owner_alone_writes(path, err);
	if (!rc)
		rc = xg_file_read(path, REVOKED_BYTES_MAX, &text, &size, err);
	if (!rc && strlen(text) != size)
		rc = xg_fail(err, EINVAL, "%s has a NUL in it", path);
	return rc ? rc : revoked_parse(k, path, text, err);
}

static const char *revoked_find(const struct xg_keyring *k, const char *what)
{
	struct revoked key, *found;

	snprintf(key.what, sizeof(key.what), "%s", what);
	found = k->revoked_count ? bsearch(&key, k->revoked, k->revoked_count, sizeof(key), revoked_order) : NULL;
	return found ? found->why : NULL;
}

const char *xg_keyring_key_revoked(const struct xg_keyring *k, const char *id)
{
	return revoked_find(k, id);
}

const char *xg_keyring_image_revoked(const struct xg_keyring *k, const char *digest)
{
	return revoked_find(k, digest);
}

int xg_keyring_open(const char *confdir, struct xg_keyring **ret, struct xg_err *err)
{
	struct xg_keyring *k xg_auto(xg_keyring_close_p) = calloc(1, sizeof(*k));
	char keys[PATH_MAX];
	int rc;

	if (!k)
		return xg_fail_errno(err, ENOMEM, "keyring");
	if (sodium_init() < 0)
		return xg_fail(err, EIO, "libsodium does not start");
	if ((size_t)snprintf(k->confdir, sizeof(k->confdir), "%s", confdir) >= sizeof(k->confdir))
		return xg_fail_errno(err, ENAMETOOLONG, "%s", confdir);
	snprintf(keys, sizeof(keys), "%s/keys.d", confdir);
	rc = access(keys, F_OK) ? 0 : owner_alone_writes(keys, err);
	if (!rc)
		rc = xg_dir_walk(keys, key_load, k, err);
	if (!rc)
		rc = revoked_load(k, err);
	if (rc)
		return rc;
	*ret = xg_take(k);
	return 0;
}

/* ---- Changing ----------------------------------------------------------------------------------------------- */

int xg_keyring_trust(const struct xg_keyring *k, const struct xg_public_key *key, const char *name, const char *comment,
		     struct xg_err *err)
{
	char path[PATH_MAX], id[XG_KEY_ID_TEXT], *text xg_auto_free = NULL;
	const struct xg_trusted_key *there;
	size_t size;
	int rc;

	xg_key_id_text(key->id, id);
	there = xg_keyring_find(k, id);
	if (there)
		return xg_fail(err, EEXIST, "key %s is trusted already: %s/keys.d/%s.pub", id, k->confdir, there->name);
	if (xg_keyring_key_revoked(k, id))
		return xg_fail(err, EKEYREVOKED, "key %s is revoked: take its line out of %s/revoked first", id,
			       k->confdir);
	if (!name[0] || name[0] == '.' || strchr(name, '/') || strlen(name) >= sizeof(k->keys->name))
		return xg_fail(err, EINVAL, "'%s' cannot be the name of a key", name);
	snprintf(path, sizeof(path), "%s/keys.d", k->confdir);
	rc = xg_dir_make(path, 0755, err);
	snprintf(path, sizeof(path), "%s/keys.d/%s.pub", k->confdir, name);
	if (!rc && !access(path, F_OK))
		rc = xg_fail(err, EEXIST, "%s is there: another name for this key?", path);
	if (!rc)
		rc = xg_public_key_format(key, comment, &text, &size, err);
	return rc ? rc : xg_file_replace(path, text, size, 0644, err);
}

int xg_keyring_revoke(const struct xg_keyring *k, const char *what, const char *why, struct xg_err *err)
{
	char path[PATH_MAX], *old xg_auto_free = NULL, *text xg_auto_free = NULL;
	int lock xg_auto_close = -1;
	size_t size = 0;
	int length, rc;

	if (!is_key_id(what) && !is_digest(what))
		return xg_fail(err, EINVAL, "'%s' is neither a key's id nor an image's SHA-256", what);
	if (strpbrk(why, "\n\r#") || strlen(why) >= REVOKED_WHY)
		return xg_fail(err, EINVAL, "a reason is one line of at most %d characters without '#'",
			       REVOKED_WHY - 1);
	if (revoked_find(k, what))
		return 0;
	/* Two at once: the second one must see what the first one wrote. */
	rc = xg_dir_make(k->confdir, 0755, err);
	if (rc)
		return rc;
	lock = open(k->confdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX))
		return xg_fail_errno(err, errno, "%s", k->confdir);
	snprintf(path, sizeof(path), "%s/revoked", k->confdir);
	rc = xg_file_read(path, REVOKED_BYTES_MAX, &old, &size, err);
	if (rc && rc != -ENOENT)
		return rc;
	length = asprintf(&text, "%s%s%s %s%s%s\n", old ? old : "", size && old[size - 1] != '\n' ? "\n" : "",
			  is_digest(what) ? "image" : "key", what, why[0] ? " " : "", why);
	if (length < 0) {
		text = NULL;
		return xg_fail_errno(err, ENOMEM, "%s", path);
	}
	return xg_file_replace(path, text, length, 0644, err);
}

/* ---- Judging ------------------------------------------------------------------------------------------------ */

/* Later ones of these replace earlier ones: what helps an administrator most is said. */
static const enum xg_trust better[] = { XG_UNSIGNED, XG_UNKNOWN_KEY, XG_REVOKED_KEY, XG_WRONG_SIGNATURE, XG_TRUSTED };

static int rank(enum xg_trust trust)
{
	int i;

	for (i = 0; i < (int)XG_ARRAY_SIZE(better); i++)
		if (better[i] == trust)
			return i;
	return 99;	/* a revoked image: nothing is better */
}

static void verdict_set(struct xg_verdict *v, enum xg_trust trust, const char *id, const char *name, const char *fmt,
			...) __attribute__((format(printf, 5, 6)));

static void verdict_set(struct xg_verdict *v, enum xg_trust trust, const char *id, const char *name, const char *fmt,
			...)
{
	va_list ap;

	if (rank(trust) <= rank(v->trust) && v->text[0])
		return;
	v->trust = trust;
	snprintf(v->key_id, sizeof(v->key_id), "%s", id);
	snprintf(v->key_name, sizeof(v->key_name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}

static const char *colon(const char *why)
{
	return why[0] ? ": " : "";
}

void xg_verdict_start(const struct xg_keyring *k, const char *digest, struct xg_verdict *v)
{
	const char *why = xg_keyring_image_revoked(k, digest);

	*v = (struct xg_verdict){ .text = "" };
	if (why)
		verdict_set(v, XG_REVOKED_IMAGE, "", "", "is revoked%s%s", colon(why), why);
	else
		verdict_set(v, XG_UNSIGNED, "", "", "is not signed");
}

void xg_verdict_signature(const struct xg_keyring *k, const char *text, size_t text_size, const void *bytes,
			  size_t size, struct xg_verdict *v)
{
	const struct xg_trusted_key *key;
	struct xg_err err = XG_ERR_NONE;
	char id[XG_KEY_ID_TEXT];
	struct xg_signature sig;	/* 8 KiB: no memory must not look like a wrong signature */
	const char *why;

	if (xg_signature_parse(text, text_size, &sig, &err)) {
		verdict_set(v, XG_WRONG_SIGNATURE, "", "", "has a signature that cannot be read: %.120s", err.text);
		return;
	}
	xg_key_id_text(sig.id, id);
	key = xg_keyring_find(k, id);
	why = xg_keyring_key_revoked(k, id);
	if (why)
		verdict_set(v, XG_REVOKED_KEY, id, key ? key->name : "", "is signed by the revoked key %s%s%s", id,
			    colon(why), why);
	else if (!key)
		verdict_set(v, XG_UNKNOWN_KEY, id, "", "is signed by key %s, which is not trusted here", id);
	else if (xg_signature_check(&sig, &key->key, bytes, size, &err))
		verdict_set(v, XG_WRONG_SIGNATURE, id, key->name, "has a wrong signature: %.170s", err.text);
	else if (rank(v->trust) < rank(XG_TRUSTED)) {
		verdict_set(v, XG_TRUSTED, id, key->name, "signed by %s (%s)", key->name, id);
		snprintf(v->trusted_comment, sizeof(v->trusted_comment), "%.255s", sig.trusted);
	}
}
