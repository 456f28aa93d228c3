// SPDX-License-Identifier: GPL-2.0-or-later
/* init, add, list, show, remove, verify, reindex, gc: from words to the store, from the store to lines. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "driver-repo/cli/cli.h"
#include "driver-repo/file.h"
#include "lib/base/log.h"

#define ADD_BATCH 256		/* images that share one transaction: their files' names and bytes fit in memory */

/* ---- init --------------------------------------------------------------------------------------------------- */

int rc_init(struct rc *c, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct xg_repo_report report;
	json_t *lines;
	int rc;

	rc_report_open(c, &report, &lines);
	rc = xg_repo_setup(&c->paths, &r, &report, err);
	if (rc) {
		json_decref(lines);
		return rc;
	}
	rc_policy_warn(r);
	if (c->o.json)
		return rc_print_json(json_pack("{s:s, s:i, s:i, s:o}", "repository", c->paths.dir,
					       "added", (int)report.images, "left_out", (int)report.damaged,
					       "lines", lines), err);
	if (!c->o.quiet || report.images)
		printf("%s: %u packaged image%s taken in\n", c->paths.dir, report.images,
		       report.images == 1 ? "" : "s");
	return 0;
}

/* ---- add ---------------------------------------------------------------------------------------------------- */

struct addition {
	struct rc *c;
	struct xg_repo *r;
	struct xg_repo_batch *batch;
	struct xg_secret_key key;
	json_t *array;
};

/* FILE.minisig, or the one that was named. 1: there is none. */
static int signature_beside(struct addition *a, const char *file, char **ret, size_t *ret_size, struct xg_err *err)
{
	char path[4096];
	int rc;

	if (a->c->o.signature)
		return xg_file_read(a->c->o.signature, XG_MINISIGN_MAX, ret, ret_size, err);
	snprintf(path, sizeof(path), "%s.minisig", file);
	rc = xg_file_read(path, XG_MINISIGN_MAX, ret, ret_size, err);
	return rc == -ENOENT ? 1 : rc;
}

static int add_signatures(struct addition *a, const struct xg_image *image, const char *file, const char *origin,
			  struct xg_verdict *v, struct xg_err *err)
{
	char *beside xg_auto_free = NULL, *own xg_auto_free = NULL;
	const char *slash = strrchr(file, '/');
	size_t size;
	int rc = signature_beside(a, file, &beside, &size, err);

	if (rc < 0)
		return rc;
	if (!rc) {
		xg_verdict_signature(xg_repo_keyring(a->r), beside, size, image->bytes, image->size, v);
		rc = xg_repo_stage_signature(a->batch, image->digest, beside, size, err);
		if (rc)
			return xg_fail_in(err, "signature of %s", file);
	}
	if (!a->c->o.sign)
		return 0;
	rc = xg_repo_sign(&a->key, image, slash ? slash + 1 : file, origin, &own, &size, err);
	if (rc)
		return rc;
	xg_verdict_signature(xg_repo_keyring(a->r), own, size, image->bytes, image->size, v);
	return xg_repo_stage_signature(a->batch, image->digest, own, size, err);
}

static int add_tell(struct addition *a, const struct xg_image *image, const char *file, const struct xg_verdict *v,
		    struct xg_err *err)
{
	char name[XG_NAME_MAX];

	xg_note_name(&image->note, name);
	if (a->array)
		return json_array_append_new(a->array, json_pack("{s:s, s:s, s:s, s:o}", "file", file,
								 "sha256", image->digest, "name", name,
								 "verdict", rc_verdict_json(v))) ?
			xg_fail_errno(err, ENOMEM, "JSON") : 0;
	printf("%.12s  %s, %s\n", image->digest, name, v->text);
	if (v->trust != XG_TRUSTED && !(v->trust == XG_UNSIGNED && xg_repo_policy(a->r)->unsigned_allowed))
		xg_warn("%s %s: it will not be installed", file, v->text);
	return 0;
}

static int add_file(struct addition *a, const char *file, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	char *origin xg_auto_free = realpath(file, NULL);
	struct xg_image *there = NULL;
	struct xg_verdict v;
	int rc = xg_image_load(file, &image, err);

	if (rc)
		return rc == -ENOEXEC || rc == -EFBIG ? xg_fail_in(err, "cannot add") : rc;
	/* What is known of it already counts: its signatures stay. */
	if (!xg_repo_load(a->r, image->digest, &there, &v, NULL))
		xg_image_free(there);
	else
		xg_verdict_start(xg_repo_keyring(a->r), image->digest, &v);
	rc = xg_repo_stage(a->batch, image, origin, err);
	if (!rc)
		rc = add_signatures(a, image, file, origin, &v, err);
	if (!rc && a->c->o.replace && origin)
		rc = xg_repo_stage_drop(a->batch, origin, err);
	return rc ? rc : add_tell(a, image, file, &v, err);
}

/* From FILES[0] on; COUNT of them in one transaction. */
static int add_batch(struct addition *a, char **files, int count, struct xg_err *err)
{
	int i, rc = xg_repo_begin(a->r, &a->batch, err);

	for (i = 0; !rc && i < count; i++)
		rc = add_file(a, files[i], err);
	if (!rc)
		rc = xg_repo_commit(a->batch, err);
	xg_repo_batch_free(xg_take(a->batch));
	return rc;
}

static int add_all(struct addition *a, struct xg_err *err)
{
	struct rc *c = a->c;
	int i, rc = 0;

	if (c->o.sign || c->o.key) {
		c->o.sign = true;
		rc = rc_secret_key(c, &a->key, err);
	}
	for (i = 0; !rc && i < c->argc; i += ADD_BATCH)
		rc = add_batch(a, c->argv + i, c->argc - i < ADD_BATCH ? c->argc - i : ADD_BATCH, err);
	xg_secret_key_wipe(&a->key);
	return rc;
}

int rc_add(struct rc *c, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct addition a = { .c = c };
	int rc;

	if (c->o.signature && c->argc != 1)
		return xg_fail(err, EINVAL, "--signature is of one image, %d are named", c->argc);
	rc = xg_repo_open(&c->paths, &r, err);
	if (rc)
		return rc;
	rc_policy_warn(r);
	a.r = r;
	a.array = c->o.json ? json_array() : NULL;
	rc = add_all(&a, err);
	return rc_print_gathered(a.array, rc, err);
}

/* ---- list, show --------------------------------------------------------------------------------------------- */

struct listing {
	const struct rc_options *o;
	json_t *array;
};

static bool is_asked(const char *wanted, const char *is)
{
	return !wanted || !strcmp(wanted, is);
}

static int list_entry(void *ctx, const struct xg_entry *e, struct xg_err *err)
{
	const struct listing *l = ctx;
	const struct xg_image_note *n = &e->note;
	char name[XG_NAME_MAX];

	(void)err;
	if (!is_asked(l->o->kind, n->kind) || !is_asked(l->o->os, n->os) ||
	    !is_asked(l->o->class_name, n->class_name) || !is_asked(l->o->device, n->device) ||
	    !is_asked(l->o->mode, n->mode) ||
	    (l->o->release && !xg_note_fits_release(n, l->o->release)))
		return 0;
	if (l->array)
		return json_array_append_new(l->array, rc_entry_json(e)) ? xg_fail_errno(err, ENOMEM, "JSON") : 0;
	xg_note_name(n, name);
	*strrchr(name, ' ') = '\0';
	printf("%-12.12s %-11s %-40s %-10s %8llu\n", e->digest, n->kind, name, n->version, (unsigned long long)e->size);
	return 0;
}

int rc_list(struct rc *c, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct listing l = { .o = &c->o };
	int rc = xg_repo_open(&c->paths, &r, err);

	if (rc)
		return rc;
	l.array = c->o.json ? json_array() : NULL;
	if (!l.array)
		printf("%-12s %-11s %-40s %-10s %8s\n", "Image", "Kind", "Name", "Version", "Bytes");
	rc = xg_repo_list(r, list_entry, &l, err);
	return rc_print_gathered(l.array, rc, err);
}

struct signatures {
	const struct xg_repo *r;
	const struct xg_image *image;
	json_t *array;
};

static int show_signature(void *ctx, const char *text, size_t size, struct xg_err *err)
{
	struct signatures *s = ctx;
	struct xg_verdict v;

	(void)err;
	xg_verdict_start(xg_repo_keyring(s->r), s->image->digest, &v);
	if (v.trust != XG_REVOKED_IMAGE)
		v = (struct xg_verdict){ .trust = XG_UNSIGNED };
	xg_verdict_signature(xg_repo_keyring(s->r), text, size, s->image->bytes, s->image->size, &v);
	if (s->array)
		json_array_append_new(s->array, rc_verdict_json(&v));
	else
		printf("signature     %s\n", v.text);
	return 0;
}

static void show_line(const char *label, const char *value)
{
	if (value[0])
		printf("%-13s %s\n", label, value);
}

static void show_text(const struct xg_entry *e, const char *dir)
{
	const struct xg_image_note *n = &e->note;
	time_t added = e->added;
	char name[XG_NAME_MAX], when[64];

	xg_note_name(n, name);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime(&added));
	printf("image         %s\nsha256        %s\nkind          %s\n", name, e->digest, n->kind);
	if (n->abi_last > n->abi)
		printf("ABI           %u to %u\n", n->abi, n->abi_last);
	else
		printf("ABI           %u\n", n->abi);
	show_line("OS", n->os);
	show_line("release", n->release);
	show_line("last release", n->release_last);
	show_line("build-id", n->build_id);
	show_line("architecture", n->arch);
	show_line("class", n->class_name);
	show_line("device", n->device);
	show_line("mode", n->mode);
	show_line("version", n->version);
	show_line("licence", n->licence);
	printf("bytes         %llu\nadded         %s\n", (unsigned long long)e->size, when);
	show_line("from", e->origin);
	printf("file          %s/blobs/sha256/%.2s/%s\n", dir, e->digest, e->digest);
}

int rc_show(struct rc *c, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct signatures s;
	struct xg_verdict v;
	struct xg_entry e;
	json_t *json = NULL;
	int rc = xg_repo_open(&c->paths, &r, err);

	if (!rc)
		rc = xg_repo_find(r, c->argv[0], &e, err);
	if (!rc)
		rc = xg_repo_load(r, e.digest, &image, &v, err);
	if (rc)
		return rc;
	s = (struct signatures){ r, image, c->o.json ? json_array() : NULL };
	if (!c->o.json)
		show_text(&e, c->paths.dir);
	rc = xg_repo_signatures(r, e.digest, true, show_signature, &s, err);
	if (!c->o.json) {
		if (!rc && v.trust == XG_REVOKED_IMAGE)
			printf("trust         %s\n", v.text);
		return rc;
	}
	json = rc ? NULL : rc_entry_json(&e);
	if (rc || !json || json_object_set_new(json, "signatures", s.array) ||
	    json_object_set_new(json, "verdict", rc_verdict_json(&v))) {
		json_decref(json);
		return rc ? rc : xg_fail_errno(err, ENOMEM, "JSON");
	}
	return rc_print_json(json, err);
}

/* ---- remove, verify, reindex, gc ---------------------------------------------------------------------------- */

int rc_remove(struct rc *c, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	json_t *array = c->o.json ? json_array() : NULL;
	struct xg_entry e;
	int i, rc = xg_repo_open(&c->paths, &r, err);

	for (i = 0; !rc && i < c->argc; i++) {
		rc = xg_repo_find(r, c->argv[i], &e, err);
		if (!rc)
			rc = xg_repo_remove(r, e.digest, err);
		if (!rc && array)
			json_array_append_new(array, rc_entry_json(&e));
	}
	return rc_print_gathered(array, rc, err);
}

static json_t *report_json(const struct xg_repo_report *report, json_t *lines)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:I, s:o}", "images", (int)report->images,
			 "damaged", (int)report->damaged, "untrusted", (int)report->untrusted,
			 "strays", (int)report->strays, "bytes_freed", (json_int_t)report->bytes_freed, "lines", lines);
}

/* The end of what has reported: as JSON, or the one line of FMT. Takes LINES; RC, or what printing met. */
static int report_end(const struct rc *c, const struct xg_repo_report *report, json_t *lines, int rc,
		      struct xg_err *err, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static int report_end(const struct rc *c, const struct xg_repo_report *report, json_t *lines, int rc,
		      struct xg_err *err, const char *fmt, ...)
{
	va_list ap;

	if (rc) {
		json_decref(lines);
		return rc;
	}
	if (c->o.json)
		return rc_print_json(report_json(report, lines), err);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	return 0;
}

static int verify_file(struct rc *c, const struct xg_keyring *keys, const char *file, struct xg_verdict *v,
		       struct xg_err *err)
{
	char *bytes xg_auto_free = NULL, *text xg_auto_free = NULL, path[4096];
	size_t size, text_size;
	int rc = xg_file_read(file, XG_ELF_BYTES_MAX, &bytes, &size, err);

	snprintf(path, sizeof(path), "%s.minisig", file);
	if (!rc)
		rc = xg_file_read(c->o.signature ? c->o.signature : path, XG_MINISIGN_MAX, &text, &text_size, err);
	if (rc)
		return rc;
	xg_verdict_start(keys, "", v);
	xg_verdict_signature(keys, text, text_size, bytes, size, v);
	return 0;
}

static int verify_one(struct rc *c, struct xg_repo **r, const struct xg_keyring *keys, const char *what,
		      struct xg_verdict *v, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_err why = XG_ERR_NONE;
	struct xg_entry e;
	int rc;

	if (!access(what, F_OK))
		return verify_file(c, keys, what, v, err);
	rc = *r ? 0 : xg_repo_open(&c->paths, r, err);
	if (!rc)
		rc = xg_repo_find(*r, what, &e, err);
	if (rc)
		return rc;
	rc = xg_repo_load_trusted(*r, e.digest, &image, v, &why);
	return rc && rc != -EPERM ? xg_fail(err, -rc, "%s", why.text) : 0;
}

static int verify_some(struct rc *c, struct xg_err *err)
{
	struct xg_keyring *keys xg_auto(xg_keyring_close_p) = NULL;
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	json_t *array = c->o.json ? json_array() : NULL;
	int i, bad = 0, rc = xg_keyring_open(c->paths.confdir, &keys, err);
	struct xg_verdict v;

	for (i = 0; !rc && i < c->argc; i++) {
		rc = verify_one(c, &r, keys, c->argv[i], &v, err);
		if (rc)
			break;
		bad |= v.trust != XG_TRUSTED;
		if (array)
			json_array_append_new(array, json_pack("{s:s, s:o}", "what", c->argv[i],
							       "verdict", rc_verdict_json(&v)));
		else if (v.trust == XG_TRUSTED)
			printf("%s: %s, \"%s\"\n", c->argv[i], v.text, v.trusted_comment);
		else
			xg_error("%s %s", c->argv[i], v.text);
	}
	rc = rc_print_gathered(array, rc, err);
	return rc ? rc : bad ? RC_FAILED : RC_OK;
}

int rc_verify(struct rc *c, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct xg_repo_report report;
	json_t *lines;
	int rc;

	if (c->argc)
		return verify_some(c, err);
	rc = xg_repo_open(&c->paths, &r, err);
	if (rc)
		return rc;
	rc_report_open(c, &report, &lines);
	rc = xg_repo_verify(r, &report, err);
	rc = report_end(c, &report, lines, rc, err,
			"%u images, %u damaged, %u that may not be installed, %u files that do not belong\n",
			report.images, report.damaged, report.untrusted, report.strays);
	return rc ? rc : report.damaged || report.untrusted || report.strays ? RC_FAILED : RC_OK;
}

int rc_reindex(struct rc *c, struct xg_err *err)
{
	struct xg_repo_report report;
	json_t *lines;
	int rc;

	rc_report_open(c, &report, &lines);
	rc = xg_repo_reindex(&c->paths, &report, err);
	rc = report_end(c, &report, lines, rc, err, "%u images in the index, %u damaged ones left out\n", report.images,
			report.damaged);
	return rc ? rc : report.damaged ? RC_FAILED : RC_OK;
}

int rc_gc(struct rc *c, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct xg_repo_report report;
	json_t *lines;
	int rc = xg_repo_open(&c->paths, &r, err);

	if (rc)
		return rc;
	rc_report_open(c, &report, &lines);
	rc = xg_repo_gc(r, c->o.dry_run, &report, err);
	return report_end(c, &report, lines, rc, err, "%u files %s, %llu bytes\n", report.strays,
			  c->o.dry_run ? "would be removed" : "removed", (unsigned long long)report.bytes_freed);
}
