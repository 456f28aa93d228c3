// SPDX-License-Identifier: GPL-2.0-or-later
/* xengraft-repo(1): finds the command in a table, reads its options, runs it. The work is done in driver-repo. */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "driver-repo/cli/cli.h"
#include "lib/base/array.h"
#include "lib/base/help.h"
#include "lib/base/log.h"

static int rc_help(struct rc *c, struct xg_err *err);

#define REQUEST "os release build-id arch class device mode abi"

static const struct rc_command commands[] = {
	{ "init", "", "Make the repository, this host's key, and take in the packaged images",
	  "Can be done again: it takes in what is new in the folders of packaged images.\n"
	  "-q, --quiet  say nothing when nothing changed",
	  "json quiet", 0, 0, rc_init },
	{ "add", "FILE...", "Add images; FILE.minisig beside one is its signature",
	  "--sign              sign them with this host's key, or that of --key\n"
	  "--key FILE          a secret key in minisign's format\n"
	  "--password-file F   its password\n"
	  "--signature FILE    of the one image that is added\n"
	  "--replace           what came from the same file before goes away",
	  "json sign key password-file signature replace", 1, -1, rc_add },
	{ "list", "", "List the images",
	  "--kind KIND, --os OS, --release R, --class C, --device D, --mode M   only these",
	  "json kind os release class device mode", 0, 0, rc_list },
	{ "show", "IMAGE", "Show an image: its note, its signatures, where it lies",
	  "IMAGE is six or more digits of its SHA-256.", "json", 1, 1, rc_show },
	{ "remove", "IMAGE...", "Remove images and their signatures", "", "json", 1, -1, rc_remove },
	{ "verify", "[IMAGE|FILE...]", "Check images, or all: bytes, note, index, signatures",
	  "A FILE is checked against FILE.minisig and the keys that are trusted here.\n"
	  "--signature FILE    the signature of the one FILE",
	  "json signature", 0, -1, rc_verify },
	{ "reindex", "", "Make the index anew from the images' own notes", "", "json", 0, 0, rc_reindex },
	{ "gc", "", "Remove what nobody refers to: unfinished files, blobs without a row",
	  "-N, --dry-run  only say what", "json dry-run", 0, 0, rc_gc },
	{ "resolve", "--device D [--os OS --release R --build-id B | --guest GUEST]",
	  "Tell which personality and driver would be used, and why",
	  "--os OS --release R --build-id B --arch A   the guest's kernel (default: linux, x86_64)\n"
	  "--guest GUEST       ask the running guest instead\n"
	  "--class C --device D --mode M               the device (block, xen-blkif, virtual); M may be any\n"
	  "--explain           every candidate, and what spoke against it",
	  "json explain guest " REQUEST, 0, 0, rc_resolve },
	{ "keygen", "FILE", "Make a pair of keys: FILE (secret) and FILE.pub",
	  "--no-password       do not ask for a password to protect it with\n"
	  "--password-file F   take it from there",
	  "json no-password password-file comment", 1, 1, rc_keygen },
	{ "sign", "IMAGE|FILE...", "Sign images of the repository, or files (to FILE.minisig)",
	  "--key FILE          a secret key (default: this host's)\n--password-file F   its password\n"
	  "--comment TEXT      the trusted comment",
	  "json key password-file comment", 1, -1, rc_sign },
	{ "trust", "[FILE.pub]", "Trust a public key from now on; without FILE: list those that are",
	  "--name NAME         what to call it (default: the file's name)", "json name", 0, 1, rc_trust },
	{ "revoke", "KEYID|IMAGE", "Never install this image, or what this key signed, again",
	  "--reason TEXT       why", "json reason", 1, 1, rc_revoke },
	{ "export", "FOLDER [IMAGE...]", "Write images and signatures as an OCI image layout",
	  "--all               all images", "json all", 1, -1, rc_export },
	{ "import", "FOLDER [NAME...]", "Add what an OCI image layout holds",
	  "NAME chooses among what it holds. What no trusted key signed is left out, but with --all.", "json all", 1,
	  -1, rc_import },
	{ "push", "[REGISTRY/REPOSITORY[:TAG]] [IMAGE...]", "Store images and signatures in an OCI registry",
	  "Without an address: the first mirror of repo.conf.\n--all               all images", "json all", 0, -1,
	  rc_push },
	{ "pull", "[REGISTRY/REPOSITORY[:TAG]] [NAME...]", "Add what an OCI registry holds",
	  "Without an address, or where it fails: the mirrors of repo.conf, in their order.\n"
	  "What no trusted key signed is left out, but with --all.",
	  "json all", 0, -1, rc_pull },
	{ "help", "[COMMAND]", "Show the commands, or what one of them takes", "", "", 0, 1, rc_help },
};

/* ---- Options: a row each ------------------------------------------------------------------------------------ */

#define FLAG(field) offsetof(struct rc_options, field), false
#define TEXT(field) offsetof(struct rc_options, field), true

static const struct rc_option {
	const char *name;
	int letter;			/* 0: has only a long name */
	size_t offset;
	bool text;
} options[] = {
	{ "json", 'j', FLAG(json) },
	{ "explain", 'e', FLAG(explain) },
	{ "sign", 's', FLAG(sign) },
	{ "replace", 0, FLAG(replace) },
	{ "dry-run", 'N', FLAG(dry_run) },
	{ "all", 'a', FLAG(all) },
	{ "quiet", 'q', FLAG(quiet) },
	{ "no-password", 0, FLAG(no_password) },
	{ "os", 0, TEXT(os) },
	{ "release", 0, TEXT(release) },
	{ "build-id", 0, TEXT(build_id) },
	{ "arch", 0, TEXT(arch) },
	{ "class", 0, TEXT(class_name) },
	{ "device", 0, TEXT(device) },
	{ "mode", 0, TEXT(mode) },
	{ "abi", 0, TEXT(abi) },
	{ "guest", 0, TEXT(guest) },
	{ "kind", 0, TEXT(kind) },
	{ "key", 0, TEXT(key) },
	{ "password-file", 0, TEXT(password_file) },
	{ "name", 0, TEXT(name) },
	{ "reason", 0, TEXT(reason) },
	{ "signature", 0, TEXT(signature) },
	{ "comment", 0, TEXT(comment) },
};

#define OPTIONS XG_ARRAY_SIZE(options)

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);
	const char *at = words;

	while ((at = strstr(at, word))) {
		if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
		at += length;
	}
	return false;
}

static void option_take(struct rc_options *o, const struct rc_option *row, const char *value)
{
	if (row->text)
		*(const char **)((char *)o + row->offset) = value;
	else
		*(bool *)((char *)o + row->offset) = true;
}

/* Fills in options and operands; 0, or RC_FAILED after having complained. */
static int command_options(struct rc *c, int argc, char **argv)
{
	struct option known[OPTIONS + 1];
	char letters[2 * OPTIONS + 1] = "";
	size_t i, count = 0;
	int got;

	for (i = 0; i < OPTIONS; i++) {
		if (!has_word(c->command->options, options[i].name))
			continue;
		known[count++] = (struct option){ options[i].name, options[i].text, NULL, 256 + (int)i };
		if (options[i].letter)
			snprintf(letters + strlen(letters), 3, "%c", options[i].letter);
	}
	known[count] = (struct option){ NULL, 0, NULL, 0 };
	optind = 0;
	while ((got = getopt_long(argc, argv, letters, known, NULL)) != -1) {
		for (i = 0; i < OPTIONS && got != 256 + (int)i && got != options[i].letter; i++)
			;
		if (i == OPTIONS || got == '?')
			return RC_FAILED;
		option_take(&c->o, &options[i], optarg);
	}
	c->argc = argc - optind;
	c->argv = argv + optind;
	if (c->argc >= c->command->least && (c->command->most < 0 || c->argc <= c->command->most))
		return 0;
	fprintf(stderr, "usage: xengraft-repo %s %s\n", c->command->name, c->command->arguments);
	return RC_FAILED;
}

/* ---- Help --------------------------------------------------------------------------------------------------- */

static const struct rc_command *command_find(const char *name)
{
	return XG_FIND_ROW(commands, name);
}

static void help_all(FILE *to)
{
	size_t i;

	fprintf(to,
		"usage: xengraft-repo COMMAND [OPTIONS] [ARGUMENTS]\n\n"
		"The signed store of drivers and personalities.\n\n"
		"  -j, --json     each command: what it says as JSON\n"
		"  -V, --version  show the version\n  -h, --help     show this\n\nCommands:\n\n");
	for (i = 0; i < XG_ARRAY_SIZE(commands); i++)
		xg_help_row(to, 8, commands[i].name, commands[i].summary);
	fprintf(to, "\nSee xengraft-repo(1). Exit status: 0 done, 1 failed, 2 try again.\n");
}

/* Completion reads "options:". */
static void help_one(const struct rc_command *row)
{
	xg_help_command("xengraft-repo", row->name, row->arguments, row->summary, row->details);
	if (row->options[0])
		printf("\noptions: %s\n", row->options);
}

static int rc_help(struct rc *c, struct xg_err *err)
{
	const struct rc_command *row;

	if (!c->argc) {
		help_all(stdout);
		return 0;
	}
	row = command_find(c->argv[0]);
	if (!row)
		return xg_fail(err, EINVAL, "'%s' is no command: 'xengraft-repo help' lists them", c->argv[0]);
	help_one(row);
	return 0;
}

/* ---- main --------------------------------------------------------------------------------------------------- */

static bool asks_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			return true;
	return false;
}

static int command_run(struct rc *c, int argc, char **argv)
{
	struct xg_err err = XG_ERR_NONE;
	int rc;

	if (asks_help(argc, argv)) {
		help_one(c->command);
		return RC_OK;
	}
	if (command_options(c, argc, argv))
		return RC_FAILED;
	rc = xg_repo_paths(&c->paths, &err);
	if (!rc)
		rc = c->command->run(c, &err);
	if (fflush(stdout) && !rc)
		rc = xg_fail_errno(&err, errno, "standard output");
	if (rc >= 0)
		return rc;
	xg_error("%s", err.text[0] ? err.text : strerror(-rc));
	return rc == -EAGAIN ? RC_AGAIN : RC_FAILED;
}

int main(int argc, char **argv)
{
	struct rc c = { .whole = argv };

	(void)xg_log_open("xengraft-repo", NULL, NULL);
	if (argc < 2) {
		help_all(stderr);
		return RC_FAILED;
	}
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		help_all(stdout);
		return RC_OK;
	}
	if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version")) {
		printf("xengraft-repo %s\n", PACKAGE_VERSION);
		return RC_OK;
	}
	c.command = command_find(argv[1]);
	if (!c.command) {
		xg_error("'%s' is no command: 'xengraft-repo help' lists them", argv[1]);
		return RC_FAILED;
	}
	return command_run(&c, argc - 1, argv + 1);
}
