// SPDX-License-Identifier: GPL-2.0-or-later
/* resolve: which personality and driver would be used for a guest and a device, and why. Changes nothing. */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/inspect/inspect.h"
#include "driver-repo/cli/cli.h"
#include "guest-stubs/abi/xengraft_abi.h"
#include "lib/base/log.h"

#define EXPLAIN_MAX 24		/* rows a person reads */

static int put(char *to, size_t room, const char *option, const char *value, const char *fallback, struct xg_err *err)
{
	if (strlen(value ? value : fallback) >= room)
		return xg_fail(err, EINVAL, "%s '%s' is longer than %zu characters", option, value, room - 1);
	strcpy(to, value ? value : fallback);
	return 0;
}

#define PUT(field, option, value, fallback) put(q->field, sizeof(q->field), option, value, fallback, err)

static int request_abi(const char *text, uint32_t *ret, struct xg_err *err)
{
	char *end;
	unsigned long abi = text ? strtoul(text, &end, 10) : XG_ABI_VERSION;

	if (text && (!text[0] || *end || abi < 1 || abi > 65535))
		return xg_fail(err, EINVAL, "--abi '%s' is not a number from 1 to 65535", text);
	*ret = abi;
	return 0;
}

static int request_device(const struct rc_options *o, struct xg_wanted *q, struct xg_err *err)
{
	int rc = PUT(class_name, "--class", o->class_name, "block");

	if (!rc)
		rc = PUT(device, "--device", o->device, "");
	if (!rc)
		rc = PUT(mode, "--mode", o->mode, "any");
	if (!rc && strcmp(q->mode, "any") && strcmp(q->mode, "virtual") && strcmp(q->mode, "paravirtual"))
		rc = xg_fail(err, EINVAL, "--mode '%s' is none of virtual, paravirtual, any", q->mode);
	return rc ? rc : request_abi(o->abi, &q->abi, err);
}

static int request_words(const struct rc_options *o, struct xg_wanted *q, struct xg_err *err)
{
	int rc = PUT(os, "--os", o->os, "linux");

	if (!rc)
		rc = PUT(release, "--release", o->release, "");
	if (!rc)
		rc = PUT(build_id, "--build-id", o->build_id, "");
	if (!rc)
		rc = PUT(arch, "--arch", o->arch, "x86_64");
	return rc;
}

static int request_guest(const char *guest, struct xg_wanted *q, struct xg_err *err)
{
	struct xg_kernel *k = NULL;
	struct xg_guest *g = NULL;
	const struct xg_os *os;
	int rc = xg_guest_open(guest, &g, err);

	if (!rc)
		rc = xg_kernel_open(g, &k, err);
	if (!rc) {
		os = xg_kernel_os(k);
		memcpy(q->os, os->name, sizeof(q->os));
		memcpy(q->release, os->release, sizeof(q->release));
		memcpy(q->build_id, os->build_id, sizeof(q->build_id));
		memcpy(q->arch, os->arch, sizeof(q->arch));
	}
	xg_kernel_close(k);
	xg_guest_close(g);
	return rc;
}

static int request_take(const struct rc_options *o, struct xg_wanted *q, struct xg_err *err)
{
	int rc;

	if (o->guest && (o->os || o->release || o->build_id || o->arch))
		return xg_fail(err, EINVAL, "--guest asks the guest: what runs there is not to be named as well");
	rc = request_device(o, q, err);
	if (rc)
		return rc;
	return o->guest ? request_guest(o->guest, q, err) : request_words(o, q, err);
}

/* ---- One kind ----------------------------------------------------------------------------------------------- */

struct answer {
	const char *kind;
	bool asked;
	int rc;
	struct xg_err err;
	struct xg_choice choice;
	struct xg_candidate *list;
	size_t count, more;
};

static void answer_fini(struct answer *a)
{
	xg_choice_fini(&a->choice);
	free(a->list);
}

/* Only what the explanation needs stops it: that nothing fits is an answer. */
static int answer_find(struct rc *c, struct xg_repo *r, const struct xg_wanted *q, struct answer *a, struct xg_err *err)
{
	if (!a->asked)
		return 0;
	a->rc = xg_repo_resolve(r, a->kind, q, &a->choice, &a->err);
	if (!c->o.explain)
		return 0;
	return xg_repo_explain(r, a->kind, q, EXPLAIN_MAX, &a->list, &a->count, &a->more, err);
}

static void answer_text(const struct answer *a)
{
	char name[XG_NAME_MAX];
	size_t i;

	if (!a->asked)
		return;
	if (!a->rc) {
		xg_note_name(&a->choice.entry.note, name);
		printf("%-12s  %s  sha256 %.12s\n              %s\n", a->kind, name, a->choice.entry.digest,
		       a->choice.why);
	} else if (a->list) {
		printf("%-12s  none: %s\n", a->kind, a->err.text);
	}
	for (i = 0; i < a->count; i++) {
		xg_note_name(&a->list[i].entry.note, name);
		printf("  %c %.12s  %-36s  %s\n", a->list[i].against[0] ? '-' : '*', a->list[i].entry.digest, name,
		       a->list[i].against[0] ? a->list[i].against : a->rc ? "fits" : "is used");
	}
	if (a->more)
		printf("    and %zu more that fit less\n", a->more);
}

static json_t *answer_json(const struct answer *a)
{
	json_t *json, *list = json_array(), *row;
	size_t i;

	if (a->rc)
		json = json_pack("{s:n, s:s}", "image", "error", a->err.text);
	else
		json = json_pack("{s:o, s:s, s:o}", "image", rc_entry_json(&a->choice.entry), "why", a->choice.why,
				 "verdict", rc_verdict_json(&a->choice.verdict));
	for (i = 0; i < a->count; i++) {
		row = rc_entry_json(&a->list[i].entry);
		json_object_set_new(row, "fits", json_boolean(a->list[i].fits));
		json_object_set_new(row, "against",
				    a->list[i].against[0] ? json_string(a->list[i].against) : json_null());
		json_array_append_new(list, row);
	}
	if (a->list) {
		json_object_set(json, "candidates", list);
		json_object_set_new(json, "more", json_integer((json_int_t)a->more));
	}
	json_decref(list);
	return json;
}

static json_t *request_json(const struct xg_wanted *q)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "os", q->os, "release", q->release, "build_id",
			 q->build_id, "arch", q->arch, "class", q->class_name, "device", q->device, "mode", q->mode,
			 "abi", (int)q->abi);
}

static int answers_tell(struct rc *c, const struct xg_wanted *q, const struct answer answers[2], struct xg_err *err)
{
	json_t *json;
	int i;

	for (i = 0; i < 2 && !c->o.json; i++)
		answer_text(&answers[i]);
	if (!c->o.json)
		return 0;
	json = json_pack("{s:o}", "request", request_json(q));
	for (i = 0; i < 2; i++)
		if (answers[i].asked)
			json_object_set_new(json, answers[i].kind, answer_json(&answers[i]));
	return rc_print_json(json, err);
}

int rc_resolve(struct rc *c, struct xg_err *err)
{
	struct xg_repo *r xg_auto(xg_repo_close_p) = NULL;
	struct answer answers[2] = { { .kind = "personality" }, { .kind = "driver" } };
	struct xg_wanted q = { .os = "" };
	int i, rc;

	if (!c->o.release && !c->o.guest && !c->o.device)
		return xg_fail(err, EINVAL,
			       "for which guest (--guest, or --os, --release, --build-id) and which --device?");
	rc = request_take(&c->o, &q, err);
	if (!rc)
		rc = xg_repo_open(&c->paths, &r, err);
	if (rc)
		return rc;
	rc_policy_warn(r);
	answers[0].asked = q.release[0] != '\0';
	answers[1].asked = c->o.device != NULL;
	for (i = 0; !rc && i < 2; i++)
		rc = answer_find(c, r, &q, &answers[i], err);
	if (!rc)
		rc = answers_tell(c, &q, answers, err);
	for (i = 0; !rc && i < 2; i++)
		if (answers[i].rc && !c->o.json && !c->o.explain) {
			*err = answers[i].err;
			rc = -err->code;
		}
	rc = rc ? rc : answers[0].rc || answers[1].rc ? RC_FAILED : RC_OK;
	answer_fini(&answers[0]);
	answer_fini(&answers[1]);
	return rc;
}
