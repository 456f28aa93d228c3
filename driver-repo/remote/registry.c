// SPDX-License-Identifier: GPL-2.0-or-later
/* See registry.h. Called by push and pull. */
#include "driver-repo/remote/registry.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver-repo/file.h"
#include "driver-repo/remote/http.h"

#define TRIES 3			/* of a download or upload that breaks off */
#define CHUNK (1u << 20)	/* bytes of an upload's piece */
#define ANSWER_MAX 65536u	/* bytes of an answer that is not what was asked for */

struct registry {
	char base[300];		/* "https://host:port" */
	char host[256];
	char repository[256];
	char tag[129];
	struct xg_http *http;
};

struct registries {
	struct registry list[XG_MIRRORS_MAX + 1];
	unsigned int count;
	char partial[512];
};

/* ---- Addresses ---------------------------------------------------------------------------------------------- */

static bool is_repository(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && size < 256 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._/-") == size &&
		text[0] != '/' && text[size - 1] != '/' && !strstr(text, "//") && !strstr(text, "..");
}

static bool is_host(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:[]-") == size;
}

/* A first part that has a dot, a port, or is localhost is a host: as docker has it. */
bool xg_registry_is_address(const char *text)
{
	size_t host = strcspn(text, "/");

	return strstr(text, "://") || (text[host] == '/' && (memchr(text, '.', host) || memchr(text, ':', host) ||
							     (host == 9 && !strncmp(text, "localhost", 9))));
}

static int address_parse(const char *address, struct registry *r, struct xg_err *err)
{
	bool insecure = !strncmp(address, "http://", 7);
	const char *rest = insecure ? address + 7 : !strncmp(address, "https://", 8) ? address + 8 : address;
	size_t host = strcspn(rest, "/");
	char *colon;

	*r = (struct registry){ .tag = "latest" };
	if (host < sizeof(r->host) && rest[host] == '/' && strlen(rest + host + 1) < sizeof(r->repository)) {
		memcpy(r->host, rest, host);
		strcpy(r->repository, rest + host + 1);
	}
	colon = strchr(r->repository, ':');
	if (colon) {
		*colon = '\0';
		snprintf(r->tag, sizeof(r->tag), "%s", colon + 1);
	}
	if (!is_host(r->host) || !is_repository(r->repository) || !xg_oci_tag_is_right(r->tag))
		return xg_fail(err, EINVAL, "'%.200s' is no address: [http://]HOST[:PORT]/REPOSITORY[:TAG] is wanted",
			       address);
	snprintf(r->base, sizeof(r->base), "http%s://%s", insecure ? "" : "s", r->host);
	return xg_http_open(r->host, insecure, &r->http, err);
}

/* ---- Answers ------------------------------------------------------------------------------------------------ */

/* What the registry says, one line of it. */
static int unwanted(const struct registry *r, const char *what, const struct xg_http_reply *a, struct xg_err *err)
{
	const char *at = a->body ? strstr(a->body, "\"message\":\"") : NULL;
	int code = a->status == 404 ? ENOENT : a->status == 401 || a->status == 403 ? EACCES : EIO;

	at = at ? at + 11 : "";
	return xg_fail(err, code, "%s/%s: %s: status %ld%s%.*s", r->base, r->repository, what, a->status,
		       at[0] ? ", " : "", (int)strcspn(at, "\"\r\n\x1b"), at);
}

static void url_of(const struct registry *r, const char *kind, const char *reference, char ret[1024])
{
	snprintf(ret, 1024, "%s/v2/%s/%s/%s", r->base, r->repository, kind, reference);
}

static void url_digest(const struct registry *r, const char *kind, const char *digest, char ret[1024])
{
	char reference[XG_DIGEST_HEX + 8];

	snprintf(reference, sizeof(reference), "sha256:%s", digest);
	url_of(r, kind, reference, ret);
}

/* ---- Downloads ---------------------------------------------------------------------------------------------- */

/* Goes on where an earlier one broke off. */
static int download(const struct registry *r, const char *url, FILE *to, uint64_t size, struct xg_err *err)
{
	struct xg_http_request q = { .method = "GET", .url = url, .to = to, .max = size };
	struct xg_http_reply a;
	long there;
	int rc;

	if (fseek(to, 0, SEEK_END) || (there = ftell(to)) < 0)
		return xg_fail_errno(err, errno, "partial download");
	if ((uint64_t)there == size)
		return 0;
	q.from = (uint64_t)there < size ? (uint64_t)there : 0;
	rc = xg_http_run(r->http, &q, &a, err);
	if (fflush(to) && !rc)
		rc = xg_fail_errno(err, errno, "partial download");
	if (rc)
		return rc;
	if (a.status != 200 && a.status != 206)
		rc = unwanted(r, "download", &a, err);
	xg_http_reply_fini(&a);
	return rc;
}

static int blob_get_one(const struct registries *all, const struct registry *r, const char *digest, uint64_t size,
			char **ret, size_t *ret_size, struct xg_err *err)
{
	char url[1024], path[PATH_MAX];
	int rc = -EIO, tries;
	FILE *to;

	url_digest(r, "blobs", digest, url);
	snprintf(path, sizeof(path), "%s/part-%s", all->partial, digest);
	to = fopen(path, "a+e");
	if (!to)
		return xg_fail_errno(err, errno, "%s", path);
	for (tries = 0; rc && rc != -ENOENT && rc != -EACCES && rc != -EFBIG && tries < TRIES; tries++)
		rc = download(r, url, to, size, err);
	fclose(to);
	if (!rc)
		rc = xg_file_read(path, size, ret, ret_size, err);
	/* What broke off stays; what is whole, or too long, has done its work. */
	if (!rc || rc == -EFBIG)
		(void)unlink(path);
	return rc;
}

static int registry_blob_get(void *ctx, const char *digest, uint64_t size, unsigned int attempt, char **ret,
			     size_t *ret_size, struct xg_err *err)
{
	const struct registries *all = ctx;
	int rc;

	if (attempt >= all->count)
		return xg_fail(err, ENOENT, "no further mirror has it");
	rc = blob_get_one(all, &all->list[attempt], digest, size, ret, ret_size, err);
	return rc == -ENOENT ? -EIO : rc;	/* the next mirror may have it */
}

static int manifest_get_one(const struct registry *r, const char *digest, char **ret, size_t *ret_size,
			    struct xg_err *err)
{
	char url[1024];
	struct xg_http_request q = {
		.method = "GET", .url = url, .accept = XG_OCI_INDEX ", " XG_OCI_MANIFEST, .max = XG_OCI_JSON_MAX,
	};
	struct xg_http_reply a;
	int rc;

	if (digest)
		url_digest(r, "manifests", digest, url);
	else
		url_of(r, "manifests", r->tag, url);
	rc = xg_http_run(r->http, &q, &a, err);
	if (rc)
		return rc;
	if (a.status != 200 || !a.body) {
		rc = unwanted(r, digest ? "manifest" : r->tag, &a, err);
		xg_http_reply_fini(&a);
		return rc;
	}
	*ret_size = a.size;
	*ret = xg_take(a.body);
	return 0;
}

/* The index by its tag: there is no digest to choose by, so the first that answers counts. */
static int index_get(const struct registries *all, char **ret, size_t *ret_size, struct xg_err *err)
{
	struct xg_err first = XG_ERR_NONE, now = XG_ERR_NONE;
	unsigned int i;
	int rc;

	for (i = 0; i < all->count; i++) {
		rc = manifest_get_one(&all->list[i], NULL, ret, ret_size, &now);
		if (!rc)
			return 0;
		if (!first.code)
			first = now;
	}
	return xg_fail(err, first.code, "%s", first.text);
}

static int registry_manifest_get(void *ctx, const char *digest, unsigned int attempt, char **ret, size_t *ret_size,
				 struct xg_err *err)
{
	const struct registries *all = ctx;
	int rc;

	if (!digest)
		return index_get(all, ret, ret_size, err);
	if (attempt >= all->count)
		return xg_fail(err, ENOENT, "no further mirror has it");
	rc = manifest_get_one(&all->list[attempt], digest, ret, ret_size, err);
	return rc == -ENOENT ? -EIO : rc;
}

/* ---- Uploads ------------------------------------------------------------------------------------------------ */

static int blob_is_there(const struct registry *r, const char *digest, bool *ret, struct xg_err *err)
{
	char url[1024];
	struct xg_http_request q = { .method = "HEAD", .url = url, .max = ANSWER_MAX };
	struct xg_http_reply a;
	int rc;

	url_digest(r, "blobs", digest, url);
	rc = xg_http_run(r->http, &q, &a, err);
	if (rc)
		return rc;
	*ret = a.status == 200;
	if (a.status != 200 && a.status != 404)
		rc = unwanted(r, "look for a blob", &a, err);
	xg_http_reply_fini(&a);
	return rc;
}

/* Runs Q; LOCATION is where the upload goes on, when WANTED came. */
static int upload_step(const struct registry *r, const struct xg_http_request *q, long wanted, char location[2048],
		       struct xg_http_reply *a, struct xg_err *err)
{
	int rc = xg_http_run(r->http, q, a, err);

	if (rc)
		return rc;
	if (a->status != wanted)
		rc = unwanted(r, "upload", a, err);
	else if (a->location[0])
		snprintf(location, 2048, "%s", a->location);
	xg_http_reply_fini(a);
	return rc;
}

/* How much of it the registry has: "0-1023". */
static int upload_offset(const struct registry *r, char location[2048], size_t *ret, struct xg_err *err)
{
	struct xg_http_request q = { .method = "GET", .url = location, .max = ANSWER_MAX };
	struct xg_http_reply a;
	unsigned long long first, last;
	int rc = upload_step(r, &q, 204, location, &a, err);

	if (rc)
		return rc;
	*ret = sscanf(a.range, "%llu-%llu", &first, &last) == 2 && last ? last + 1 : 0;
	return 0;
}

static int upload_chunks(const struct registry *r, char location[2048], const char *bytes, size_t size,
			 struct xg_err *err)
{
	size_t at = 0, chunk;
	char range[64];
	int rc = 0, tries = 0;

	while (at < size) {
		struct xg_http_request q = { .method = "PATCH", .url = location, .type = "application/octet-stream",
			.content_range = range, .max = ANSWER_MAX };
		struct xg_http_reply a;

		chunk = size - at < CHUNK ? size - at : CHUNK;
		snprintf(range, sizeof(range), "%zu-%zu", at, at + chunk - 1);
		q.body = bytes + at;
		q.body_size = chunk;
		rc = upload_step(r, &q, 202, location, &a, err);
		if (!rc) {
			at += chunk;
			continue;
		}
		if (rc == -EACCES || ++tries == TRIES)
			return rc;
		rc = upload_offset(r, location, &at, err);
		if (rc)
			return rc;
		if (at > size)
			return xg_fail(err, EIO, "%s has %zu bytes of an upload of %zu", r->base, at, size);
	}
	return rc;
}

static int upload_finish(const struct registry *r, const char *location, const char *digest, struct xg_err *err)
{
	char url[2048 + 100], unused[2048];
	struct xg_http_request q = {
		.method = "PUT", .url = url, .type = "application/octet-stream", .max = ANSWER_MAX
	};
	struct xg_http_reply a;

	snprintf(url, sizeof(url), "%s%cdigest=sha256:%s", location, strchr(location, '?') ? '&' : '?', digest);
	return upload_step(r, &q, 201, unused, &a, err);
}

static int registry_blob_put(void *ctx, const struct xg_oci_descriptor *d, const char *bytes, struct xg_err *err)
{
	const struct registry *r = &((struct registries *)ctx)->list[0];
	char url[1024], location[2048] = "";
	struct xg_http_request q = { .method = "POST", .url = url, .max = ANSWER_MAX };
	struct xg_http_reply a;
	bool there = false;
	int rc = blob_is_there(r, d->digest, &there, err);

	if (rc || there)
		return rc;
	url_of(r, "blobs", "uploads/", url);
	rc = upload_step(r, &q, 202, location, &a, err);
	if (!rc && !location[0])
		rc = xg_fail(err, EIO, "%s takes an upload and does not say where", r->base);
	if (!rc)
		rc = upload_chunks(r, location, bytes, d->size, err);
	return rc ? rc : upload_finish(r, location, d->digest, err);
}

static int manifest_put_as(const struct registry *r, const char *reference, const char *type, const char *bytes,
			   size_t size, struct xg_err *err)
{
	char url[1024], unused[2048];
	struct xg_http_request q = { .method = "PUT", .url = url, .type = type, .body = bytes, .body_size = size,
		.max = ANSWER_MAX };
	struct xg_http_reply a;

	url_of(r, "manifests", reference, url);
	return upload_step(r, &q, 201, unused, &a, err);
}

/* An image's manifest by its digest, and under its own name, so that others' tools can ask for it. */
static int registry_manifest_put(void *ctx, const struct xg_oci_descriptor *d, bool index, const char *bytes,
				 struct xg_err *err)
{
	const struct registry *r = &((struct registries *)ctx)->list[0];
	char reference[XG_DIGEST_HEX + 8];
	int rc;

	if (index)
		return manifest_put_as(r, r->tag, XG_OCI_INDEX, bytes, d->size, err);
	snprintf(reference, sizeof(reference), "sha256:%s", d->digest);
	rc = manifest_put_as(r, reference, XG_OCI_MANIFEST, bytes, d->size, err);
	if (!rc && xg_oci_tag_is_right(d->name))
		rc = manifest_put_as(r, d->name, XG_OCI_MANIFEST, bytes, d->size, err);
	return rc;
}

/* ---- Opening ------------------------------------------------------------------------------------------------ */

void xg_registry_close(struct xg_place *p)
{
	struct registries *all = xg_take(p->ctx);
	unsigned int i;

	for (i = 0; all && i < all->count; i++)
		xg_http_close(all->list[i].http);
	free(all);
}

int xg_registry_open(const char *const *addresses, unsigned int count, const char *partial, struct xg_place *ret,
		     struct xg_err *err)
{
	struct registries *all = calloc(1, sizeof(*all));
	struct xg_place p = {
		.blob_get = registry_blob_get, .blob_put = registry_blob_put, .manifest_get = registry_manifest_get,
		.manifest_put = registry_manifest_put, .ctx = all,
	};
	unsigned int i;
	int rc = 0;

	if (!all)
		return xg_fail_errno(err, ENOMEM, "registries");
	snprintf(all->partial, sizeof(all->partial), "%s", partial);
	for (i = 0; !rc && i < count && i < XG_MIRRORS_MAX + 1; i++) {
		rc = address_parse(addresses[i], &all->list[i], err);
		all->count += !rc;
	}
	if (rc)
		xg_registry_close(&p);
	else
		*ret = p;
	return rc;
}
