/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images and signatures as OCI artifacts (opencontainers/image-spec v1.1, manifest.md "Guidelines for Artifact Usage"),
 * the same in a folder (image-layout.md) and in a registry (distribution-spec):
 *
 *     index     the manifests, one an image, each with its name
 *     manifest  config: the image's note as JSON; first layer: the image; further layers: its signatures
 *
 * All that is read is hostile; digests are checked by who fetches, names are printable and no paths.
 */
#ifndef XG_REPO_OCI_H
#define XG_REPO_OCI_H

#include "driver-repo/repo.h"

#define XG_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define XG_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define XG_OCI_CONFIG "application/vnd.xengraft.image.note.v1+json"
#define XG_OCI_IMAGE "application/vnd.xengraft.image.v1"
#define XG_OCI_SIGNATURE "application/vnd.xengraft.signature.v1"

#define XG_OCI_JSON_MAX (4u << 20)	/* distribution-spec: registries should take manifests of 4 MiB */
#define XG_OCI_MANIFESTS_MAX 8192u	/* what an index of that size can hold */
#define XG_OCI_SIGNATURES_MAX 32u

struct xg_oci_descriptor {
	char digest[XG_DIGEST_HEX];	/* without "sha256:" */
	uint64_t size;
	char name[XG_NAME_MAX];		/* of the index's manifests, and layers' titles; may be empty */
	bool index;			/* of an index: it is one itself */
};

struct xg_oci_manifest {
	struct xg_oci_descriptor image;
	struct xg_oci_descriptor signatures[XG_OCI_SIGNATURES_MAX];
	size_t signature_count;
};

/* -EBADMSG: not JSON, or not of this form; *ret of the index is the caller's to free(). */
int xg_oci_manifest_parse(const char *text, size_t size, struct xg_oci_manifest *ret, struct xg_err *err);
/* A single manifest in the place of an index: *ret_count is 0. Manifests of other kinds of things are passed over. */
int xg_oci_index_parse(const char *text, size_t size, struct xg_oci_descriptor **ret, size_t *ret_count,
		       struct xg_err *err);

/* As JSON text, the caller's to free(). */
int xg_oci_config_make(const struct xg_entry *e, char **ret, struct xg_err *err);
int xg_oci_manifest_make(const struct xg_entry *e, const struct xg_oci_descriptor *config,
			 const struct xg_oci_manifest *parts, char **ret, struct xg_err *err);
int xg_oci_index_make(const struct xg_oci_descriptor *list, size_t count, char **ret, struct xg_err *err);

/* What a registry allows as a tag, made of an image's name: "linux-6.1.0-56-amd64-0.1.0". */
void xg_oci_tag(const struct xg_image_note *note, char ret[XG_NAME_MAX]);
bool xg_oci_tag_is_right(const char *tag);
/* The digest of some bytes, and a descriptor of them. */
void xg_oci_describe(const void *bytes, size_t size, const char *name, struct xg_oci_descriptor *ret);

#endif
