// SPDX-License-Identifier: GPL-2.0-or-later
/* What the commands share: entries, verdicts and reports as JSON and as lines, secret keys. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "driver-repo/cli/cli.h"
#include "driver-repo/file.h"
#include "lib/base/log.h"

int rc_print_json(json_t *json, struct xg_err *err)
{
	if (!json)
		return xg_fail_errno(err, ENOMEM, "JSON");
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
	return 0;
}

int rc_print_gathered(json_t *array, int rc, struct xg_err *err)
{
	if (!rc && array)
		return rc_print_json(array, err);
	json_decref(array);
	return rc;
}

/* An empty word is null: it means any. */
static json_t *word(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

json_t *rc_entry_json(const struct xg_entry *e)
{
	const struct xg_image_note *n = &e->note;
	char name[XG_NAME_MAX];

	xg_note_name(n, name);
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:o}",
			 "sha256", e->digest, "name", name, "kind", n->kind, "abi", (int)n->abi, "abi_last",
			 (int)n->abi_last, "os", word(n->os), "release", word(n->release), "release_last",
			 word(n->release_last), "build_id", word(n->build_id), "arch", n->arch,
			 "class", word(n->class_name), "device", word(n->device), "mode", word(n->mode),
			 "version", n->version, "licence", n->licence,
			 "size", (json_int_t)e->size, "added", (json_int_t)e->added, "origin", word(e->origin));
}

const char *rc_trust_word(enum xg_trust trust)
{
	static const char *const words[] = {
		[XG_TRUSTED] = "trusted", [XG_UNSIGNED] = "unsigned", [XG_UNKNOWN_KEY] = "unknown-key",
		[XG_WRONG_SIGNATURE] = "wrong-signature", [XG_REVOKED_KEY] = "revoked-key",
		[XG_REVOKED_IMAGE] = "revoked-image",
	};

	return words[trust];
}

json_t *rc_verdict_json(const struct xg_verdict *v)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "trust", rc_trust_word(v->trust), "text", v->text,
			 "key_id", word(v->key_id), "key", word(v->key_name));
}

/* ---- Reports ------------------------------------------------------------------------------------------------ */

static void line_stderr(void *ctx, const char *path, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s: %s\n", path, text);
}

static void line_json(void *ctx, const char *path, const char *text)
{
	json_array_append_new(ctx, json_pack("{s:s, s:s}", "path", path, "text", text));
}

void rc_report_open(struct rc *c, struct xg_repo_report *report, json_t **ret_lines)
{
	*ret_lines = c->o.json ? json_array() : NULL;
	*report = (struct xg_repo_report){ .line = *ret_lines ? line_json : line_stderr, .ctx = *ret_lines };
}

void rc_policy_warn(const struct xg_repo *r)
{
	if (xg_repo_policy(r)->unsigned_allowed)
		xg_warn("%s/repo.conf allows images that nobody signed: a development host",
			xg_repo_places(r)->confdir);
}

/* ---- Secrets ------------------------------------------------------------------------------------------------ */

static int password_from_file(const char *path, char *ret, size_t room, struct xg_err *err)
{
	char *text;
	size_t size;
	int rc = xg_file_read(path, room - 1, &text, &size, err);

	if (rc)
		return rc;
	snprintf(ret, room, "%.*s", (int)strcspn(text, "\r\n"), text);
	sodium_memzero(text, size);
	free(text);
	return 0;
}

/* From the terminal, without showing it. */
int rc_password_ask(const char *prompt, char *ret, size_t room, struct xg_err *err)
{
	struct termios shown, hidden;
	FILE *tty = fopen("/dev/tty", "r+e");
	bool got;

	if (!tty)
		return xg_fail(err, EACCES, "a password is wanted and there is no terminal to ask at: --password-file");
	fputs(prompt, tty);
	fflush(tty);
	tcgetattr(fileno(tty), &shown);
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fileno(tty), TCSAFLUSH, &hidden);
	got = fgets(ret, room, tty);
	tcsetattr(fileno(tty), TCSAFLUSH, &shown);
	fputs("\n", tty);
	fclose(tty);
	if (!got)
		return xg_fail(err, EACCES, "no password was given");
	ret[strcspn(ret, "\r\n")] = '\0';
	return 0;
}

int rc_secret_key(struct rc *c, struct xg_secret_key *ret, struct xg_err *err)
{
	char password[512];
	int rc = xg_repo_secret_key(c->paths.confdir, c->o.key, NULL, ret, err);

	if (rc != -EACCES || !c->o.key || access(c->o.key, R_OK))
		return rc;
	rc = c->o.password_file ? password_from_file(c->o.password_file, password, sizeof(password), err) :
		rc_password_ask("Password of the key: ", password, sizeof(password), err);
	if (!rc)
		rc = xg_repo_secret_key(c->paths.confdir, c->o.key, password, ret, err);
	sodium_memzero(password, sizeof(password));
	return rc;
}

