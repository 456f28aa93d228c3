/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of xengraft-repo(1): a table in main.c, a function each. */
#ifndef XG_REPO_CLI_H
#define XG_REPO_CLI_H

#include <jansson.h>

#include "driver-repo/repo.h"
#include "driver-repo/resolve.h"
#include "driver-repo/transfer.h"

/* As xengraft(1) has them. */
enum { RC_OK = 0, RC_FAILED = 1, RC_AGAIN = 2 };

struct rc_options {
	bool json, explain, sign, replace, dry_run, all, quiet, no_password;
	/* Each NULL when not given. */
	const char *os, *release, *build_id, *arch, *class_name, *device, *mode, *abi, *guest, *kind;
	const char *key, *password_file, *name, *reason, *signature, *output, *comment;
};

struct rc {
	struct xg_repo_paths paths;
	struct rc_options o;
	const struct rc_command *command;
	char **whole;			/* as main() got them */
	int argc;			/* operands */
	char **argv;
};

struct rc_command {
	const char *name;
	const char *arguments;		/* for the usage line */
	const char *summary;
	const char *details;		/* for 'help NAME'; lines */
	const char *options;		/* the long options that it knows, ' ' between them */
	int least, most;		/* operands; most -1: any number */
	int (*run)(struct rc *c, struct xg_err *err);	/* 0, -Exxx with err, or RC_FAILED after having said why */
};

int rc_init(struct rc *c, struct xg_err *err);
int rc_add(struct rc *c, struct xg_err *err);
int rc_list(struct rc *c, struct xg_err *err);
int rc_show(struct rc *c, struct xg_err *err);
int rc_remove(struct rc *c, struct xg_err *err);
int rc_verify(struct rc *c, struct xg_err *err);
int rc_reindex(struct rc *c, struct xg_err *err);
int rc_gc(struct rc *c, struct xg_err *err);
int rc_keygen(struct rc *c, struct xg_err *err);
int rc_sign(struct rc *c, struct xg_err *err);
int rc_trust(struct rc *c, struct xg_err *err);
int rc_revoke(struct rc *c, struct xg_err *err);
int rc_resolve(struct rc *c, struct xg_err *err);
int rc_export(struct rc *c, struct xg_err *err);
int rc_import(struct rc *c, struct xg_err *err);
int rc_push(struct rc *c, struct xg_err *err);
int rc_pull(struct rc *c, struct xg_err *err);

/* ---- What they share ---------------------------------------------------------------------------------------- */

/* As JSON, or nothing when JSON is NULL (no memory: -ENOMEM). Takes the reference. */
int rc_print_json(json_t *json, struct xg_err *err);
/* The end of what may have gathered ARRAY: prints it when RC is 0 and there is one. Takes the reference; returns RC. */
int rc_print_gathered(json_t *array, int rc, struct xg_err *err);
json_t *rc_entry_json(const struct xg_entry *e);
json_t *rc_verdict_json(const struct xg_verdict *v);
const char *rc_trust_word(enum xg_trust trust);
/* A report that writes to stderr, or gathers lines in an array for JSON. */
void rc_report_open(struct rc *c, struct xg_repo_report *report, json_t **ret_lines);
/* The secret key that the options name, or the host's; asks for a password when it wants one. Wipe it. */
int rc_secret_key(struct rc *c, struct xg_secret_key *ret, struct xg_err *err);
/* The images of NAMES, or all with --all, to a place; and what a place holds, or of it NAMES. */
typedef int (*rc_share_fn)(struct rc *c, struct xg_repo *r, const struct xg_place *p, char **names, int count,
			   struct xg_err *err);
int rc_send_to(struct rc *c, struct xg_repo *r, const struct xg_place *p, char **names, int count, struct xg_err *err);
int rc_receive_from(struct rc *c, struct xg_repo *r, const struct xg_place *p, char **names, int count,
		    struct xg_err *err);
/* Asks at the terminal, without showing what is typed. */
int rc_password_ask(const char *prompt, char *ret, size_t room, struct xg_err *err);
/* Says each time that the policy lets unsigned images in. */
void rc_policy_warn(const struct xg_repo *r);

#endif
