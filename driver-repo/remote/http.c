// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See http.h. Called by registry.c. Must never send a password or token to another host than the one that it is for
 * (libcurl drops both on a redirect elsewhere), nor take more bytes than were asked for.
 */
#include "driver-repo/remote/http.h"

#include <curl/curl.h>
#include <jansson.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config.h"
#include "driver-repo/file.h"
#include "lib/base/array.h"
#include "lib/base/cleanup.h"

#define TOKEN_MAX 16384u
#define AUTH_FILE_MAX (1u << 20)

struct xg_http {
	CURL *curl;
	bool insecure;
	char host[256];
	char password[512];	/* NAME:PASSWORD; empty: none known */
	bool basic;		/* the registry asked for it */
	char *token;		/* of the last Bearer challenge */
};

/* What comes in, while it comes. */
struct incoming {
	CURL *curl;
	const struct xg_http_request *q;
	struct xg_http_reply *r;
	char challenge[2048];
	uint64_t got;
	bool too_much, begun;
};

void xg_http_reply_fini(struct xg_http_reply *r)
{
	free(xg_take(r->body));
}

/* ---- Passwords ---------------------------------------------------------------------------------------------- */

static void password_take(struct xg_http *h, const char *auth)
{
	size_t size;

	if (auth && !sodium_base642bin((unsigned char *)h->password, sizeof(h->password) - 1, auth, strlen(auth), NULL,
				       &size, NULL, sodium_base64_VARIANT_ORIGINAL))
		h->password[size] = '\0';
	else
		h->password[0] = '\0';
}

static void password_in(struct xg_http *h, const char *path)
{
	json_t *json, *auths;
	char *text;
	size_t size;

	if (h->password[0] || xg_file_read(path, AUTH_FILE_MAX, &text, &size, NULL))
		return;
	json = json_loadb(text, size, 0, NULL);
	auths = json_object_get(json, "auths");
	password_take(h, json_string_value(json_object_get(json_object_get(auths, h->host), "auth")));
	json_decref(json);
	sodium_memzero(text, size);
	free(text);
}

static void password_find(struct xg_http *h)
{
	static const struct {
		const char *variable, *tail;
	} places[] = {
		{ "REGISTRY_AUTH_FILE", "" }, { "XDG_RUNTIME_DIR", "/containers/auth.json" },
		{ "HOME", "/.config/containers/auth.json" }, { "HOME", "/.docker/config.json" },
	};
	char path[PATH_MAX];
	const char *value;
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(places); i++) {
		value = secure_getenv(places[i].variable);
		if (value && value[0] &&
		    (size_t)snprintf(path, sizeof(path), "%s%s", value, places[i].tail) < sizeof(path))
			password_in(h, path);
	}
}

/* ---- What comes in ------------------------------------------------------------------------------------------ */

static size_t take_memory(struct incoming *in, const char *bytes, size_t size)
{
	struct xg_http_reply *r = in->r;
	char *more;

	if (size > in->q->max - r->size) {
		in->too_much = true;
		return 0;
	}
	more = realloc(r->body, r->size + size + 1);
	if (!more)
		return 0;
	memcpy(more + r->size, bytes, size);
	r->body = more;
	r->size += size;
	r->body[r->size] = '\0';
	return size;
}

/* A server that does not know ranges begins anew: so does the file. */
static size_t take_file(struct incoming *in, long status, const char *bytes, size_t size)
{
	if (!in->begun && status == 200 && (fseek(in->q->to, 0, SEEK_SET) || ftruncate(fileno(in->q->to), 0)))
		return 0;
	if (!in->begun)
		in->got = status == 206 ? in->q->from : 0;
	in->begun = true;
	if (size > in->q->max - in->got) {
		in->too_much = true;
		return 0;
	}
	in->got += size;
	return fwrite(bytes, 1, size, in->q->to);
}

static size_t take_body(char *bytes, size_t one, size_t size, void *ctx)
{
	struct incoming *in = ctx;
	long status = 0;

	(void)one;
	curl_easy_getinfo(in->curl, CURLINFO_RESPONSE_CODE, &status);
	if (in->q->to && (status == 200 || status == 206))
		return take_file(in, status, bytes, size);
	return take_memory(in, bytes, size);
}

static void header_is(const char *line, size_t size, const char *name, char *ret, size_t room)
{
	size_t skip = strlen(name);

	if (size <= skip || strncasecmp(line, name, skip) || line[skip] != ':')
		return;
	for (skip++; skip < size && (line[skip] == ' ' || line[skip] == '\t'); skip++)
		;
	while (size > skip && (line[size - 1] == '\r' || line[size - 1] == '\n' || line[size - 1] == ' '))
		size--;
	snprintf(ret, room, "%.*s", (int)(size - skip), line + skip);
}

static size_t take_header(char *line, size_t one, size_t size, void *ctx)
{
	struct incoming *in = ctx;

	(void)one;
	header_is(line, size, "Location", in->r->location, sizeof(in->r->location));
	header_is(line, size, "Range", in->r->range, sizeof(in->r->range));
	header_is(line, size, "WWW-Authenticate", in->challenge, sizeof(in->challenge));
	return size;
}

/* ---- One request -------------------------------------------------------------------------------------------- */

static struct curl_slist *header_add(struct curl_slist *list, const char *name, const char *value)
{
	char line[512];

	if (!value)
		return list;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	return curl_slist_append(list, line);
}

static struct curl_slist *request_headers(const struct xg_http_request *q)
{
	struct curl_slist *list = header_add(NULL, "Accept", q->accept);

	list = header_add(list, "Content-Type", q->type);
	list = header_add(list, "Content-Range", q->content_range);
	return curl_slist_append(list, "Expect:");
}

static void request_identity(struct xg_http *h)
{
	if (h->token) {
		curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(h->curl, CURLOPT_XOAUTH2_BEARER, h->token);
	} else if (h->basic && h->password[0]) {
		curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(h->curl, CURLOPT_USERPWD, h->password);
	}
}

static void request_common(struct xg_http *h, struct incoming *in, char text[CURL_ERROR_SIZE])
{
	const char *protocols = h->insecure ? "http,https" : "https";

	curl_easy_reset(h->curl);
	curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, text);
	curl_easy_setopt(h->curl, CURLOPT_USERAGENT, "xengraft/" PACKAGE_VERSION);
	curl_easy_setopt(h->curl, CURLOPT_PROTOCOLS_STR, protocols);
	curl_easy_setopt(h->curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
	curl_easy_setopt(h->curl, CURLOPT_MAXREDIRS, 5L);
	curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(h->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(h->curl, CURLOPT_LOW_SPEED_TIME, 30L);
	curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, in);
	curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, in);
}

static int url_taken(struct xg_http *h, const struct xg_http_request *q, struct xg_http_reply *r)
{
	CURLU *u;
	char *whole = NULL;

	(void)h;
	if (!r->location[0])
		return 0;
	/* Relative to what was asked. */
	u = curl_url();
	if (u && !curl_url_set(u, CURLUPART_URL, q->url, 0) && !curl_url_set(u, CURLUPART_URL, r->location, 0) &&
	    !curl_url_get(u, CURLUPART_URL, &whole, 0))
		snprintf(r->location, sizeof(r->location), "%s", whole);
	curl_free(whole);
	curl_url_cleanup(u);
	return 0;
}

static int run_once(struct xg_http *h, const struct xg_http_request *q, struct incoming *in, struct xg_err *err)
{
	struct curl_slist *headers = request_headers(q);
	char text[CURL_ERROR_SIZE] = "", range[40];
	CURLcode code;

	request_common(h, in, text);
	request_identity(h);
	curl_easy_setopt(h->curl, CURLOPT_URL, q->url);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, q->method);
	/* Only what reads may be sent elsewhere. */
	curl_easy_setopt(h->curl, CURLOPT_FOLLOWLOCATION,
			 (long)(!strcmp(q->method, "GET") || !strcmp(q->method, "HEAD")));
	curl_easy_setopt(h->curl, CURLOPT_NOBODY, (long)!strcmp(q->method, "HEAD"));
	if (q->body || !strcmp(q->method, "POST") || !strcmp(q->method, "PUT")) {
		curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, q->body ? q->body : "");
		curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_size);
	}
	snprintf(range, sizeof(range), "%llu-", (unsigned long long)q->from);
	if (q->from)
		curl_easy_setopt(h->curl, CURLOPT_RANGE, range);
	code = curl_easy_perform(h->curl);
	curl_slist_free_all(headers);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &in->r->status);
	if (in->too_much)
		return xg_fail(err, EFBIG, "%s sent more than %zu bytes", q->url, q->max);
	if (code)
		return xg_fail(err, code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EIO, "%s: %s", q->url,
			       text[0] ? text : curl_easy_strerror(code));
	return url_taken(h, q, in->r);
}

/* ---- Bearer tokens (distribution-spec; Docker's "Token Authentication Specification") ------------------------- */

/* KEY="value" of a challenge. */
static bool challenge_value(const char *challenge, const char *key, char *ret, size_t room)
{
	char wanted[32];
	const char *at;
	size_t size;

	snprintf(wanted, sizeof(wanted), "%s=\"", key);
	at = strcasestr(challenge, wanted);
	if (!at)
		return false;
	at += strlen(wanted);
	size = strcspn(at, "\"");
	if (size >= room)
		return false;
	memcpy(ret, at, size);
	ret[size] = '\0';
	return true;
}

static bool token_url(const char *challenge, char *ret, size_t room)
{
	char realm[1024], service[512] = "", scope[512] = "";
	CURLU *u = curl_url();
	char *whole = NULL, part[600];
	bool ok = u && challenge_value(challenge, "realm", realm, sizeof(realm)) &&
		  !curl_url_set(u, CURLUPART_URL, realm, 0);

	if (ok && challenge_value(challenge, "service", service, sizeof(service))) {
		snprintf(part, sizeof(part), "service=%s", service);
		ok = !curl_url_set(u, CURLUPART_QUERY, part, CURLU_APPENDQUERY | CURLU_URLENCODE);
	}
	if (ok && challenge_value(challenge, "scope", scope, sizeof(scope))) {
		snprintf(part, sizeof(part), "scope=%s", scope);
		ok = !curl_url_set(u, CURLUPART_QUERY, part, CURLU_APPENDQUERY | CURLU_URLENCODE);
	}
	ok = ok && !curl_url_get(u, CURLUPART_URL, &whole, 0) && strlen(whole) < room;
	if (ok)
		strcpy(ret, whole);
	curl_free(whole);
	curl_url_cleanup(u);
	return ok;
}

static int token_get(struct xg_http *h, const char *challenge, struct xg_err *err)
{
	char url[2048];
	struct xg_http_request q = { .method = "GET", .url = url, .max = TOKEN_MAX };
	struct xg_http_reply r = { .status = 0 };
	struct incoming in = { .curl = h->curl, .q = &q, .r = &r };
	const char *token;
	json_t *json;
	int rc;

	if (!token_url(challenge, url, sizeof(url)))
		return xg_fail(err, EACCES, "%s wants a token and does not say from where", h->host);
	free(xg_take(h->token));
	h->basic = true;	/* who is asked for the token may want to know us */
	rc = run_once(h, &q, &in, err);
	h->basic = false;
	json = rc || !r.body ? NULL : json_loadb(r.body, r.size, 0, NULL);
	token = json_string_value(json_object_get(json, "token"));
	if (!token)
		token = json_string_value(json_object_get(json, "access_token"));
	if (!rc && (r.status != 200 || !token || strpbrk(token, "\r\n")))
		rc = xg_fail(err, EACCES, "no token from %.200s (status %ld)", url, r.status);
	else if (!rc)
		h->token = strdup(token);
	json_decref(json);
	xg_http_reply_fini(&r);
	return rc;
}

/* 1: try again, with what was asked for. */
static int identify(struct xg_http *h, const char *challenge, struct xg_err *err)
{
	int rc;

	if (!strncasecmp(challenge, "Basic", 5) && h->password[0] && !h->basic) {
		h->basic = true;
		return 1;
	}
	if (strncasecmp(challenge, "Bearer", 6))
		return 0;
	rc = token_get(h, challenge, err);
	return rc ? rc : 1;
}

int xg_http_run(struct xg_http *h, const struct xg_http_request *q, struct xg_http_reply *ret, struct xg_err *err)
{
	struct xg_http_reply r;
	struct incoming in;
	int rc, tries;

	for (tries = 0; tries < 2; tries++) {
		r = (struct xg_http_reply){ .status = 0 };
		in = (struct incoming){ .curl = h->curl, .q = q, .r = &r };
		rc = run_once(h, q, &in, err);
		if (!rc && r.status == 401 && tries == 0)
			rc = identify(h, in.challenge, err);
		if (rc != 1)
			break;
		xg_http_reply_fini(&r);
		rc = 0;
	}
	if (rc < 0) {
		xg_http_reply_fini(&r);
		return rc;
	}
	*ret = r;
	return 0;
}

int xg_http_open(const char *host, bool insecure, struct xg_http **ret, struct xg_err *err)
{
	struct xg_http *h = calloc(1, sizeof(*h));

	if (h)
		h->curl = curl_easy_init();
	if (!h || !h->curl) {
		free(h);
		return xg_fail_errno(err, ENOMEM, "connection to %s", host);
	}
	h->insecure = insecure;
	snprintf(h->host, sizeof(h->host), "%s", host);
	password_find(h);
	*ret = h;
	return 0;
}

void xg_http_close(struct xg_http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	sodium_memzero(h->password, sizeof(h->password));
	free(h->token);
	free(h);
}
