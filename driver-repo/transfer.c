// SPDX-License-Identifier: GPL-2.0-or-later
/* See transfer.h. Called by export, import, push, pull. Must never add bytes whose digest it has not checked. */
#include "driver-repo/transfer.h"

#include <stdio.h>
#include <string.h>

#include "driver-repo/file.h"
#include "driver-repo/store.h"

#define ATTEMPTS_MAX 64u	/* mirrors, each a few times */

static void tell(struct xg_transfer *t, const char *name, const char *digest, const char *what, bool left_out)
{
	if (left_out)
		t->left_out++;
	else
		t->done++;
	if (t->tell)
		t->tell(t->ctx, name, digest, what, left_out);
}

/* ---- Sending ------------------------------------------------------------------------------------------------ */

struct sending {
	struct xg_repo *r;
	const struct xg_place *p;
	struct xg_oci_manifest parts;
	char name[XG_NAME_MAX - 64];	/* of the image's file */
};

static int send_signature(void *ctx, const char *text, size_t size, struct xg_err *err)
{
	struct sending *s = ctx;
	struct xg_oci_descriptor *d = &s->parts.signatures[s->parts.signature_count];
	char name[XG_NAME_MAX];

	if (s->parts.signature_count == XG_OCI_SIGNATURES_MAX)
		return 0;
	/* FILE.minisig is where minisign looks; further ones are numbered. */
	snprintf(name, sizeof(name), s->parts.signature_count ? "%s.%zu.minisig" : "%s.minisig", s->name,
		 s->parts.signature_count + 1);
	xg_oci_describe(text, size, name, d);
	s->parts.signature_count++;
	return s->p->blob_put(s->p->ctx, d, text, err);
}

static int send_image(struct xg_repo *r, const struct xg_place *p, const char *digest, struct xg_oci_descriptor *ret,
		      struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	char *config xg_auto_free = NULL, *manifest xg_auto_free = NULL, tag[XG_NAME_MAX];
	struct sending *s xg_auto_free = calloc(1, sizeof(*s));
	struct xg_oci_descriptor config_is;
	struct xg_verdict v;
	struct xg_entry e;
	int rc = s ? xg_repo_entry(r, digest, &e, err) : xg_fail_errno(err, ENOMEM, "image to send");

	if (!rc)
		rc = xg_repo_load(r, digest, &image, &v, err);
	if (rc)
		return rc;
	s->r = r;
	s->p = p;
	xg_oci_tag(&e.note, tag);
	snprintf(s->name, sizeof(s->name), "%.160s.o", tag);
	xg_oci_describe(image->bytes, image->size, s->name, &s->parts.image);
	rc = p->blob_put(p->ctx, &s->parts.image, (const char *)image->bytes, err);
	if (!rc)
		rc = xg_repo_signatures(r, digest, true, send_signature, s, err);
	if (!rc)
		rc = xg_oci_config_make(&e, &config, err);
	if (rc)
		return rc;
	xg_oci_describe(config, strlen(config), "", &config_is);
	rc = p->blob_put(p->ctx, &config_is, config, err);
	if (!rc)
		rc = xg_oci_manifest_make(&e, &config_is, &s->parts, &manifest, err);
	if (rc)
		return rc;
	xg_oci_describe(manifest, strlen(manifest), tag, ret);
	return p->manifest_put(p->ctx, ret, false, manifest, err);
}

static bool is_named(const struct xg_oci_descriptor *list, size_t count, const char *digest)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(list[i].digest, digest))
			return true;
	return false;
}

/* What is there already, but those of the same name: they have a new manifest now. */
static int index_join(const struct xg_place *p, struct xg_oci_descriptor **list, size_t *count, struct xg_err *err)
{
	struct xg_oci_descriptor *old xg_auto_free = NULL, *more;
	char *text xg_auto_free = NULL;
	size_t size, i, j, old_count = 0;
	int rc = p->manifest_get(p->ctx, NULL, 0, &text, &size, err);

	if (rc == -ENOENT)
		return 0;
	if (!rc)
		rc = xg_oci_index_parse(text, size, &old, &old_count, err);
	if (rc || !old_count)
		return rc;
	more = realloc(*list, (*count + old_count) * sizeof(*more));
	if (!more)
		return xg_fail_errno(err, ENOMEM, "index");
	*list = more;
	for (i = 0; i < old_count; i++) {
		for (j = 0; j < *count && strcmp(more[j].name, old[i].name); j++)
			;
		if ((j == *count || !old[i].name[0]) && !is_named(more, *count, old[i].digest))
			more[(*count)++] = old[i];
	}
	return 0;
}

int xg_transfer_send(struct xg_repo *r, const struct xg_place *p, const char (*digests)[XG_DIGEST_HEX], size_t count,
		     struct xg_transfer *t, struct xg_err *err)
{
	struct xg_oci_descriptor *list xg_auto_free = calloc(count + 1, sizeof(*list)), index;
	char *text xg_auto_free = NULL;
	size_t i, all = count;
	int rc = list ? 0 : xg_fail_errno(err, ENOMEM, "index");

	for (i = 0; !rc && i < count; i++) {
		rc = send_image(r, p, digests[i], &list[i], err);
		if (!rc)
			tell(t, list[i].name, digests[i], "sent", false);
	}
	if (!rc)
		rc = index_join(p, &list, &all, err);
	if (!rc)
		rc = xg_oci_index_make(list, all, &text, err);
	if (rc)
		return rc;
	xg_oci_describe(text, strlen(text), "", &index);
	return p->manifest_put(p->ctx, &index, true, text, err);
}

/* ---- Receiving ---------------------------------------------------------------------------------------------- */

/* From whichever source has the right bytes; what the wrong ones were is said if none has. */
static int fetch(const struct xg_place *p, const struct xg_oci_descriptor *d, bool manifest, char **ret,
		 size_t *ret_size, struct xg_err *err)
{
	struct xg_err first = XG_ERR_NONE, now;
	struct xg_oci_descriptor is;
	unsigned int attempt;
	char *bytes;
	size_t size;
	int rc;

	for (attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		now = (struct xg_err)XG_ERR_NONE;
		rc = manifest ? p->manifest_get(p->ctx, d->digest, attempt, &bytes, &size, &now) :
			p->blob_get(p->ctx, d->digest, d->size, attempt, &bytes, &size, &now);
		if (!rc) {
			xg_oci_describe(bytes, size, "", &is);
			if (!strcmp(is.digest, d->digest) && is.size == d->size) {
				*ret = bytes;
				*ret_size = size;
				return 0;
			}
			free(bytes);
			rc = xg_fail(&now, EBADMSG, "what was to be %.12s is %zu bytes with the SHA-256 %.12s…",
				     d->digest, size, is.digest);
		}
		if (!first.code)
			first = now;
		if (rc == -ENOENT || rc == -ENOMEM)
			break;
	}
	return xg_fail(err, first.code, "%s", first.text);
}

struct receiving {
	struct xg_repo *r;
	const struct xg_place *p;
	struct xg_transfer *t;
	bool all;
};

struct signature_text {
	char *text;
	size_t size;
};

static void texts_free_p(struct signature_text (*texts)[XG_OCI_SIGNATURES_MAX])
{
	size_t i;

	for (i = 0; i < XG_OCI_SIGNATURES_MAX; i++)
		free((*texts)[i].text);
}

static int receive_signatures(struct receiving *w, const struct xg_oci_manifest *m, const struct xg_image *image,
			      struct signature_text texts[], struct xg_verdict *v, struct xg_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < m->signature_count; i++) {
		rc = fetch(w->p, &m->signatures[i], false, &texts[i].text, &texts[i].size, err);
		if (!rc)
			xg_verdict_signature(xg_repo_keyring(w->r), texts[i].text, texts[i].size, image->bytes,
					     image->size, v);
	}
	return rc;
}

/* A signature that cannot be read is left behind; the image's verdict has spoken of it. */
static int receive_store(struct receiving *w, const struct xg_oci_manifest *m, const struct xg_image *image,
			 const struct signature_text texts[], struct xg_err *err)
{
	struct xg_repo_batch *b xg_auto(xg_repo_batch_free_p) = NULL;
	struct xg_entry there;
	size_t i;
	int rc = xg_repo_begin(w->r, &b, err);

	if (!rc)
		rc = xg_repo_stage(b, image, xg_repo_entry(w->r, image->digest, &there, NULL) ? "" : there.origin, err);
	for (i = 0; !rc && i < m->signature_count; i++) {
		rc = xg_repo_stage_signature(b, image->digest, texts[i].text, texts[i].size, err);
		rc = rc == -EBADMSG ? 0 : rc;
	}
	return rc ? rc : xg_repo_commit(b, err);
}

static int receive_bytes(struct receiving *w, const struct xg_oci_manifest *m, struct xg_image **ret, bool *ret_there,
			 struct xg_err *err)
{
	char *bytes xg_auto_free = NULL;
	struct xg_verdict v;
	struct xg_entry e;
	size_t size;
	int rc;

	*ret_there =
		!xg_repo_entry(w->r, m->image.digest, &e, NULL) && !xg_repo_load(w->r, m->image.digest, ret, &v, NULL);
	if (*ret_there)
		return 0;
	rc = fetch(w->p, &m->image, false, &bytes, &size, err);
	return rc ? rc : xg_image_parse(bytes, size, ret, err);
}

static int receive_image(struct receiving *w, const struct xg_oci_manifest *m, struct xg_err *err)
{
	struct signature_text texts[XG_OCI_SIGNATURES_MAX] xg_auto(texts_free_p) = { { NULL, 0 } };
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	char name[XG_NAME_MAX];
	struct xg_verdict v;
	bool there;
	int rc = receive_bytes(w, m, &image, &there, err);

	if (rc)
		return rc;
	xg_note_name(&image->note, name);
	xg_verdict_start(xg_repo_keyring(w->r), image->digest, &v);
	rc = receive_signatures(w, m, image, texts, &v, err);
	if (rc)
		return rc;
	if (v.trust != XG_TRUSTED && !w->all) {
		tell(w->t, name, image->digest, v.text, true);
		return 0;
	}
	rc = receive_store(w, m, image, texts, err);
	if (!rc)
		tell(w->t, name, image->digest, there ? "was there" : "added", false);
	return rc;
}

static int receive_manifest(struct receiving *w, const struct xg_oci_descriptor *d, struct xg_err *err)
{
	struct xg_oci_manifest m;
	char *text xg_auto_free = NULL;
	size_t size;
	int rc = fetch(w->p, d, true, &text, &size, err);

	if (!rc)
		rc = xg_oci_manifest_parse(text, size, &m, err);
	if (!rc)
		rc = receive_image(w, &m, err);
	return rc ? xg_fail_in(err, "%s", d->name[0] ? d->name : d->digest) : 0;
}

/* Whether this one is asked for: by its name, or a beginning of its manifest's digest. */
static bool is_asked(const struct xg_oci_descriptor *d, char *const *names, size_t count, bool *seen)
{
	bool asked = count == 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], d->name) ||
		    (strlen(names[i]) >= 6 && !strncmp(names[i], d->digest, strlen(names[i]))))
			asked = seen[i] = true;
	return asked;
}

struct asked {
	char *const *names;
	size_t count;
	bool *seen;
	unsigned int depth;
};

#define DEPTH_MAX 2u	/* an index of indices: what `skopeo copy --all` makes of one in a folder */

static int receive_listed(struct receiving *w, const struct xg_oci_descriptor *list, size_t list_count,
			  const struct asked *asked, struct xg_err *err);

static int receive_nested(struct receiving *w, const struct xg_oci_descriptor *d, const struct asked *asked,
			  struct xg_err *err)
{
	struct xg_oci_descriptor *list xg_auto_free = NULL;
	struct asked inner = *asked;
	char *text xg_auto_free = NULL;
	size_t size, count;
	int rc;

	if (++inner.depth >= DEPTH_MAX)
		return xg_fail(err, EBADMSG, "an index in an index in an index");
	rc = fetch(w->p, d, true, &text, &size, err);
	if (!rc)
		rc = xg_oci_index_parse(text, size, &list, &count, err);
	return rc ? rc : receive_listed(w, list, count, &inner, err);
}

static int receive_listed(struct receiving *w, const struct xg_oci_descriptor *list, size_t list_count,
			  const struct asked *asked, struct xg_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < list_count; i++) {
		if (list[i].index)
			rc = receive_nested(w, &list[i], asked, err);
		else if (is_asked(&list[i], asked->names, asked->count, asked->seen))
			rc = receive_manifest(w, &list[i], err);
	}
	return rc;
}

static int receive_index(struct receiving *w, const struct xg_oci_descriptor *list, size_t list_count,
			 char *const *names, size_t count, struct xg_err *err)
{
	bool *seen xg_auto_free = calloc(count + 1, sizeof(*seen));
	struct asked asked = { .names = names, .count = count, .seen = seen };
	size_t i;
	int rc = seen ? receive_listed(w, list, list_count, &asked, err) : xg_fail_errno(err, ENOMEM, "names");

	for (i = 0; !rc && i < count; i++)
		if (!seen[i])
			rc = xg_fail(err, ENOENT, "there is no '%s' there", names[i]);
	return rc;
}

int xg_transfer_receive(struct xg_repo *r, const struct xg_place *p, char *const *names, size_t count, bool all,
			struct xg_transfer *t, struct xg_err *err)
{
	struct receiving w = { .r = r, .p = p, .t = t, .all = all };
	struct xg_oci_descriptor *list xg_auto_free = NULL;
	struct xg_oci_manifest m;
	char *text xg_auto_free = NULL;
	size_t size, list_count;
	int rc = p->manifest_get(p->ctx, NULL, 0, &text, &size, err);

	if (!rc)
		rc = xg_oci_index_parse(text, size, &list, &list_count, err);
	if (rc)
		return rc;
	if (list_count)
		return receive_index(&w, list, list_count, names, count, err);
	/* A tag of one image. */
	if (memmem(text, size, "\"layers\"", 8)) {
		rc = xg_oci_manifest_parse(text, size, &m, err);
		return rc ? rc : receive_image(&w, &m, err);
	}
	return count ? xg_fail(err, ENOENT, "there is no '%s' there", names[0]) : 0;
}
