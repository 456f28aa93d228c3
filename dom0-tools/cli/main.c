// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xengraft(1): xl's grammar, xl's exit statuses. Finds the command in a table, opens what it needs, runs it.
 * The work is done in dom0-tools/ops.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "dom0-tools/cli/cli.h"
#include "dom0-tools/ops/interrupt.h"
#include "hotswap/wait.h"
#include "lib/base/array.h"
#include "lib/base/help.h"
#include "lib/base/log.h"

static int cmd_help(struct xg_cli *cli, char **argv);

static const struct xg_command_row commands[] = {
	{ "daemon", "status [--json]", "Show what xengraftd is at: disks, what they should be and why, jobs",
	  "-j, --json   as a JSON object", xg_cmd_daemon, true, "j", 1, 1 },
	{ "disk-attach", "GUEST SPEC... [--mode MODE] [--shared] [--wait SECONDS]",
	  "Give a running guest a disk by a driver that Dom0 installs in it",
	  "SPEC is as in xl-disk-configuration(5): 'target,format,vdev,access' or 'key=value,...'.\n"
	  "  xengraft disk-attach web1 /srv/data.img,raw,xvdb,rw\n"
	  "  xengraft disk-attach web1 vdev=xvdc,access=ro,target=/dev/vg0/shared\n"
	  "Nothing has to be installed, configured or running in the guest.\n"
	  "-m, --mode virtual       data is copied (the default); any target\n"
	  "           paravirtual   the device reads and writes the guest's own memory; a block device\n"
	  "           auto          paravirtual for a block device that no other disk lies on, else virtual;\n"
	  "                         from then on as the policy has it (xengraftd)\n"
	  "-s, --shared             others may write to the target, too: what is on it can stand that\n"
	  "-w, --wait SECONDS       so long until the guest is not paused and its kernel is up; else status 2\n"
	  "-P, --policy             not if it was detached by hand: for xengraftd\n"
	  "-x, --of-xl              for block-xengraft: the disk stands for one that xl made with this script",
	  xg_cmd_disk_attach, false, "m:sPw:x", 2, XG_CLI_ANY },
	{ "disk-detach", "GUEST VDEV [--force]", "Take a disk that xengraft attached away again",
	  "-f, --force  also when it is in use in the guest: its I/O fails from then on\n"
	  "-x, --of-xl  for block-xengraft: one that is not there is no error",
	  xg_cmd_disk_detach, false, "fx", 2, 2 },
	{ "disk-list", "[GUEST...] [--json]", "List the disks that xengraft attached",
	  "-j, --json   as a JSON array", xg_cmd_disk_list, false, "j", 0, XG_CLI_ANY },
	{ "history", "GUEST [VDEV] [--json]", "Show which drivers a guest's disks have had, and what the swaps cost",
	  "-j, --json   as a JSON array", xg_cmd_history, false, "j", 1, 2 },
	{ "inspect", "GUEST [--json]", "Tell from a guest's memory which kernel runs in it",
	  "-j, --json   as a JSON object\nThe guest runs on and is not changed.", xg_cmd_inspect, false, "j", 1, 1 },
	{ "reconnect", "[GUEST [VDEV]] [--timeout MS] [--json]", "Give disks a backend again that have none",
	  "After a guest was restored, or when a backend has died. Of the guest named, or of all guests. What was in flight\n"
	  "is done again; a disk that has a backend is left alone.\n"
	  "-t, --timeout MS  as for swap\n-j, --json        what was done, as a JSON array",
	  xg_cmd_reconnect, false, "jt:", 0, 2 },
	{ "rollback", "GUEST VDEV [--timeout MS] [--force] [--json]",
	  "Give a disk back the driver that it had before its last swap",
	  "-t, --timeout MS, -f, --force, -j, --json   as for swap", xg_cmd_rollback, false, "jft:", 2, 2 },
	{ "status", "GUEST VDEV [--json]", "Show a disk: driver, window, backend, counters",
	  "-j, --json   as a JSON object", xg_cmd_status, false, "j", 2, 2 },
	{ "swap", "GUEST VDEV virtual|paravirtual|auto|DRIVER [--timeout MS] [--force] [--json]",
	  "Give a disk that is in use another driver",
	  "The disk stays as it is told, until 'auto' hands it to the policy of xengraftd.\n"
	  "DRIVER is the beginning of a digest: 'xengraft-repo list' has them. The guest goes on using the disk and is not told.\n"
	  "-t, --timeout MS  how long requests may be held at most (30); past it nothing is changed, status 2\n"
	  "-f, --force       end a backend that does not answer; what it had is done again by the new one\n"
	  "-P, --policy      only if it is the policy's disk, and it stays so: for xengraftd\n"
	  "-j, --json        what was done, as a JSON object", xg_cmd_swap, false, "jft:P", 3, 3 },
	{ "upgrade", "[GUEST...] [--timeout MS] [--json]", "Give disks the present driver of their mode",
	  "All disks of the guests named, or of all guests, whose driver is another one than the images have now.\n"
	  "-t, --timeout MS  as for swap\n-j, --json        what was done, as a JSON array",
	  xg_cmd_upgrade, false, "jt:", 0, XG_CLI_ANY },
	{ "withdraw", "GUEST [--forget]", "Take xengraft's personality out of a guest that has no disk of it left",
	  "Detaching the last disk leaves the personality (28 KiB and a sleeping thread) in the guest, so that\n"
	  "the next attach is quick. This removes it.\n"
	  "-F, --forget  give up what cannot be undone (another version's work): ends the guest's disks, forgets it;\n"
	  "              what is in the guest stays there, useless, until it boots anew. Also of a guest that is away: by\n"
	  "              name or UUID", xg_cmd_withdraw, false, "F", 1, 1 },
	{ "help", "[COMMAND]", "Show the commands, or what one of them takes", "", cmd_help, true, "", 0, 1 },
};

static const struct xg_command_row *command_find(const char *name)
{
	return XG_FIND_ROW(commands, name);
}

static void help_all(FILE *to)
{
	size_t i;

	fprintf(to, "usage: xengraft [-v] [-N] COMMAND [ARGUMENTS]\n\n"
		"Device drivers that the host installs in running guests.\n\n"
		"  -v, --verbose  show each step\n  -N, --dry-run  check all, say what would be done, change nothing\n"
		"  -U, --uuid UUID  only if GUEST is the one of this UUID, for ids are used again\n"
		"  -V, --version  show the version\n  -h, --help     show this\n\nCommands:\n\n");
	for (i = 0; i < XG_ARRAY_SIZE(commands); i++)
		xg_help_row(to, 12, commands[i].name, commands[i].summary);
	fprintf(to, "\nSee xengraft(1). Exit status: 0 done, 1 failed, 2 try again.\n");
}

static void help_one(const struct xg_command_row *row)
{
	xg_help_command("xengraft [-v] [-N]", row->name, row->arguments, row->summary, row->details);
}

static int cmd_help(struct xg_cli *cli, char **argv)
{
	const struct xg_command_row *row;

	if (!cli->operands) {
		help_all(stdout);
		return XG_EXIT_OK;
	}
	row = command_find(argv[1]);
	if (!row) {
		xg_error("'%s' is no command: 'xengraft help' lists them", argv[1]);
		return XG_EXIT_FAILED;
	}
	help_one(row);
	return XG_EXIT_OK;
}

void xg_cli_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

int xg_cli_fail(const struct xg_err *err)
{
	xg_error("%s", err->text[0] ? err->text : "failed");
	return err->code == EAGAIN ? XG_EXIT_AGAIN : XG_EXIT_FAILED;
}

/* Beside JSON there is nothing else on standard output. */
static FILE *dry_run_to(const struct xg_cli *cli)
{
	return cli->options.json ? stderr : stdout;
}

static void show_step(void *ctx, const char *step)
{
	struct xg_cli *cli = ctx;

	if (cli->ops.dry_run)
		fprintf(dry_run_to(cli), "would %s\n", step);
	else if (cli->verbose)
		fprintf(stderr, "%5llu ms  %s\n", (unsigned long long)(xg_now_ms() - cli->began_ms), step);
}

static void show_notice(void *ctx, const char *text)
{
	(void)ctx;
	xg_warn("%s", text);
}

static void show_detail(void *ctx, const char *text)
{
	const struct xg_cli *cli = ctx;

	if (cli->ops.dry_run)
		fprintf(dry_run_to(cli), "%s\n", text);
	else if (cli->verbose)
		fprintf(stderr, "          %s\n", text);
}

/* "takes 1 to 2 arguments" */
static int operands_check(const struct xg_command_row *row, int operands)
{
	char upto[16] = "";

	if (operands >= row->least && (operands <= row->most || row->most == XG_CLI_ANY))
		return 0;
	if (row->most > row->least)
		snprintf(upto, sizeof(upto), " to %d", row->most);
	xg_error("'%s' takes %s%d%s argument%s, not %d", row->name, row->most == XG_CLI_ANY ? "at least " : "", row->least,
		 upto, row->least == 1 && !upto[0] ? "" : "s", operands);
	return -1;
}

static int command_run(struct xg_cli *cli, int argc, char **argv)
{
	static char program[] = "xengraft";
	struct xg_err err = XG_ERR_NONE;
	int status;

	optind = 0;	/* the command's own options start anew */
	argv[0] = program;	/* as getopt's complaints are to begin */
	cli->operands = xg_cli_options(argc, argv, cli->command->letters, &cli->options);
	if (cli->operands < 0 || operands_check(cli->command, cli->operands)) {
		fprintf(stderr, "usage: xengraft [-v] [-N] %s %s\n", cli->command->name, cli->command->arguments);
		return XG_EXIT_FAILED;
	}
	if (!cli->command->bare && xg_ops_open(&cli->ops, &err))
		return xg_cli_fail(&err);
	status = cli->command->run(cli, argv);
	xg_ops_close(&cli->ops);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "verbose", no_argument, NULL, 'v' }, { "dry-run", no_argument, NULL, 'N' },
		{ "uuid", required_argument, NULL, 'U' }, { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct xg_cli cli = { .began_ms = xg_now_ms() };
	int c, i;

	(void)xg_log_open("xengraft", NULL, NULL);
	while ((c = getopt_long(argc, argv, "+vNU:Vh", options, NULL)) != -1) {
		switch (c) {
		case 'v':
			if (cli.verbose)	/* twice: what Xen's libraries have to say, too */
				xg_log_level_set(XG_LOG_DEBUG);
			cli.verbose = true;
			break;
		case 'N':
			cli.ops.dry_run = true;
			break;
		case 'U':
			cli.ops.uuid = optarg;
			break;
		case 'V':
			printf("xengraft %s\n", PACKAGE_VERSION);
			return XG_EXIT_OK;
		case 'h':
			help_all(stdout);
			return XG_EXIT_OK;
		default:
			return XG_EXIT_FAILED;
		}
	}
	if (optind == argc) {
		help_all(stderr);
		return XG_EXIT_FAILED;
	}
	argc -= optind;
	argv += optind;
	cli.command = command_find(argv[0]);
	if (!cli.command) {
		xg_error("'%s' is no command: 'xengraft help' lists them", argv[0]);
		return XG_EXIT_FAILED;
	}
	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			help_one(cli.command);
			return XG_EXIT_OK;
		}
	cli.ops.progress = show_step;
	cli.ops.notice = show_notice;
	cli.ops.detail = show_detail;
	cli.ops.ctx = &cli;
	xg_interrupt_catch();
	return command_run(&cli, argc, argv);
}
