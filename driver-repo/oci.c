// SPDX-License-Identifier: GPL-2.0-or-later
/* See oci.h. Called by transfer.c. Pure. */
#include "driver-repo/oci.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "driver-repo/store.h"

#define TITLE "org.opencontainers.image.title"
#define REF_NAME "org.opencontainers.image.ref.name"
#define VERSION "org.opencontainers.image.version"
#define LICENSES "org.opencontainers.image.licenses"

static void json_put(json_t **j)
{
	json_decref(*j);
}

#define xg_auto_json xg_auto(json_put)

/* ---- Names -------------------------------------------------------------------------------------------------- */

bool xg_oci_tag_is_right(const char *tag)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t size = strlen(tag);

	return size > 0 && size <= 128 && strspn(tag, letters) == size && tag[0] != '.' && tag[0] != '-';
}

void xg_oci_tag(const struct xg_image_note *note, char ret[XG_NAME_MAX])
{
	char one[2] = "", *c;

	xg_note_name(note, ret);
	ret[128] = '\0';
	for (c = ret; *c; c++) {
		one[0] = *c == '.' || *c == '-' ? 'x' : *c;
		if (*c == ' ')
			*c = '-';
		else if (!xg_oci_tag_is_right(one) || (c == ret && (*c == '.' || *c == '-')))
			*c = '_';
	}
}

void xg_oci_describe(const void *bytes, size_t size, const char *name, struct xg_oci_descriptor *ret)
{
	uint8_t sum[crypto_hash_sha256_BYTES];

	*ret = (struct xg_oci_descriptor){ .size = size };
	crypto_hash_sha256(sum, bytes, size);
	sodium_bin2hex(ret->digest, sizeof(ret->digest), sum, sizeof(sum));
	snprintf(ret->name, sizeof(ret->name), "%s", name);
}

/* ---- Reading ------------------------------------------------------------------------------------------------ */

static int json_read(const char *what, const char *text, size_t size, json_t **ret, struct xg_err *err)
{
	json_error_t why;

	if (size > XG_OCI_JSON_MAX)
		return xg_fail(err, EBADMSG, "%s of %zu bytes, at most %u", what, size, XG_OCI_JSON_MAX);
	*ret = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	if (!*ret)
		return xg_fail(err, EBADMSG, "%s, line %d: %s", what, why.line, why.text);
	if (!json_is_object(*ret) || json_integer_value(json_object_get(*ret, "schemaVersion")) != 2)
		return xg_fail(err, EBADMSG, "%s is no OCI document of schema version 2", what);
	return 0;
}

static const char *string_of(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text <= 0x20 || *text > 0x7e || *text == '/')
			return false;
	return true;
}

/* "sha256:" and digits, a size within MAX, and a name that is one or none. */
static int descriptor_take(const char *what, const json_t *d, uint64_t max, struct xg_oci_descriptor *ret,
			   struct xg_err *err)
{
	const char *digest = string_of(d, "digest"), *name;
	const json_t *notes = json_object_get(d, "annotations");
	json_int_t size = json_integer_value(json_object_get(d, "size"));

	if (strncmp(digest, "sha256:", 7) || !xg_is_digest(digest + 7))
		return xg_fail(err, EBADMSG, "%s: '%.80s' is no SHA-256 digest", what,
			       is_printable(digest) ? digest : "?");
	if (!json_is_integer(json_object_get(d, "size")) || size < 0 || (uint64_t)size > max)
		return xg_fail(err, EBADMSG, "%s: a size of %lld bytes, at most %llu", what, (long long)size,
			       (unsigned long long)max);
	name = string_of(notes, REF_NAME);
	if (!name[0])
		name = string_of(notes, TITLE);
	*ret = (struct xg_oci_descriptor){ .size = size };
	memcpy(ret->digest, digest + 7, sizeof(ret->digest));
	if (strlen(name) < sizeof(ret->name) && is_printable(name))
		strcpy(ret->name, name);
	return 0;
}

static int layer_take(struct xg_oci_manifest *m, const json_t *layer, struct xg_err *err)
{
	const char *type = string_of(layer, "mediaType");

	if (!strcmp(type, XG_OCI_IMAGE)) {
		if (m->image.digest[0])
			return xg_fail(err, EBADMSG, "the manifest has two images");
		return descriptor_take("the manifest's image", layer, XG_ELF_BYTES_MAX, &m->image, err);
	}
	if (strcmp(type, XG_OCI_SIGNATURE))
		return 0;	/* something that came later */
	if (m->signature_count == XG_OCI_SIGNATURES_MAX)
		return xg_fail(err, EBADMSG, "the manifest has more than %u signatures", XG_OCI_SIGNATURES_MAX);
	return descriptor_take("the manifest's signature", layer, XG_MINISIGN_MAX, &m->signatures[m->signature_count++],
			       err);
}

int xg_oci_manifest_parse(const char *text, size_t size, struct xg_oci_manifest *ret, struct xg_err *err)
{
	struct xg_oci_manifest m = { .signature_count = 0 };
	json_t *json xg_auto_json = NULL, *layer;
	size_t i;
	int rc = json_read("the manifest", text, size, &json, err);

	if (rc)
		return rc;
	json_array_foreach(json_object_get(json, "layers"), i, layer) {
		rc = layer_take(&m, layer, err);
		if (rc)
			return rc;
	}
	if (!m.image.digest[0])
		return xg_fail(err, EBADMSG,
			       "the manifest has no layer of the type " XG_OCI_IMAGE ": not one of xengraft's");
	*ret = m;
	return 0;
}

int xg_oci_index_parse(const char *text, size_t size, struct xg_oci_descriptor **ret, size_t *ret_count,
		       struct xg_err *err)
{
	struct xg_oci_descriptor *list xg_auto_free = NULL;
	json_t *json xg_auto_json = NULL, *manifests, *m;
	size_t i, count = 0;
	int rc = json_read("the index", text, size, &json, err);

	if (rc)
		return rc;
	manifests = json_object_get(json, "manifests");
	if (json_array_size(manifests) > XG_OCI_MANIFESTS_MAX)
		return xg_fail(err, EBADMSG, "the index has %zu manifests, at most %u", json_array_size(manifests),
			       XG_OCI_MANIFESTS_MAX);
	list = calloc(json_array_size(manifests) + 1, sizeof(*list));
	if (!list)
		return xg_fail_errno(err, ENOMEM, "index");
	json_array_foreach(manifests, i, m) {
		bool nested = !strcmp(string_of(m, "mediaType"), XG_OCI_INDEX);

		if (!nested && strcmp(string_of(m, "mediaType"), XG_OCI_MANIFEST))
			continue;
		rc = descriptor_take("the index's manifest", m, XG_OCI_JSON_MAX, &list[count], err);
		if (rc)
			return rc;
		list[count++].index = nested;
	}
	if (!json_is_array(manifests) && !json_is_array(json_object_get(json, "layers")))
		return xg_fail(err, EBADMSG, "neither an index nor a manifest");
	*ret_count = count;
	*ret = xg_take(list);
	return 0;
}

/* ---- Writing ------------------------------------------------------------------------------------------------ */

/* Takes JSON. Without blanks and in the order given: the same image always has the same manifest. */
static int json_text(json_t *json, char **ret, struct xg_err *err)
{
	*ret = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(json);
	return *ret ? 0 : xg_fail_errno(err, ENOMEM, "OCI document");
}

static json_t *descriptor_json(const char *type, const struct xg_oci_descriptor *d, const char *name_key)
{
	char digest[XG_DIGEST_HEX + 8];

	snprintf(digest, sizeof(digest), "sha256:%s", d->digest);
	if (!d->name[0])
		return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)d->size);
	return json_pack("{s:s, s:s, s:I, s:{s:s}}", "mediaType", type, "digest", digest, "size", (json_int_t)d->size,
			 "annotations", name_key, d->name);
}

int xg_oci_config_make(const struct xg_entry *e, char **ret, struct xg_err *err)
{
	const struct xg_image_note *n = &e->note;

	return json_text(json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kind", n->kind,
				   "abi", (int)n->abi, "abi_last", (int)n->abi_last, "os", n->os, "release", n->release,
				   "release_last", n->release_last, "build_id", n->build_id, "architecture", n->arch,
				   "class", n->class_name, "device", n->device, "mode", n->mode, "version", n->version,
				   "licence", n->licence),
			 ret, err);
}

int xg_oci_manifest_make(const struct xg_entry *e, const struct xg_oci_descriptor *config,
			 const struct xg_oci_manifest *parts, char **ret, struct xg_err *err)
{
	json_t *layers = json_array();
	char name[XG_NAME_MAX];
	size_t i;

	xg_note_name(&e->note, name);
	json_array_append_new(layers, descriptor_json(XG_OCI_IMAGE, &parts->image, TITLE));
	for (i = 0; i < parts->signature_count; i++)
		json_array_append_new(layers, descriptor_json(XG_OCI_SIGNATURE, &parts->signatures[i], TITLE));
	return json_text(json_pack("{s:i, s:s, s:o, s:o, s:{s:s, s:s, s:s}}", "schemaVersion", 2, "mediaType",
				   XG_OCI_MANIFEST, "config", descriptor_json(XG_OCI_CONFIG, config, TITLE), "layers",
				   layers, "annotations", TITLE, name, VERSION, e->note.version, LICENSES,
				   e->note.licence),
			 ret, err);
}

int xg_oci_index_make(const struct xg_oci_descriptor *list, size_t count, char **ret, struct xg_err *err)
{
	json_t *manifests = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(manifests, descriptor_json(list[i].index ? XG_OCI_INDEX : XG_OCI_MANIFEST,
								 &list[i], REF_NAME));
	return json_text(json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", XG_OCI_INDEX, "manifests",
				   manifests),
			 ret, err);
}
