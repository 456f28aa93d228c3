/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of xengraft(1): a table in main.c, a function each. */
#ifndef XG_CLI_H
#define XG_CLI_H

#include <jansson.h>

#include "dom0-tools/cli/options.h"
#include "dom0-tools/ops/ops.h"

/* Exit statuses, as xl's administrators expect them. */
enum { XG_EXIT_OK = 0, XG_EXIT_FAILED = 1, XG_EXIT_AGAIN = 2 };

#define XG_CLI_ANY (-1)

struct xg_cli {
	struct xg_ops ops;
	bool verbose;
	const struct xg_command_row *command;	/* the one that runs */
	struct xg_cli_options options;		/* its own */
	int operands;
	uint64_t began_ms;
};

struct xg_command_row {
	const char *name;
	const char *arguments;		/* for the usage line */
	const char *summary;		/* one line, for the list */
	const char *details;		/* for 'help NAME'; lines */
	int (*run)(struct xg_cli *cli, char **argv);	/* operands are from argv[1] on; returns an exit status */
	bool bare;			/* needs neither xenstore nor the database */
	const char *letters;		/* its options, as of xg_cli_options() */
	int least, most;		/* operands; most may be XG_CLI_ANY */
};

int xg_cmd_daemon(struct xg_cli *cli, char **argv);
int xg_cmd_disk_attach(struct xg_cli *cli, char **argv);
int xg_cmd_disk_detach(struct xg_cli *cli, char **argv);
int xg_cmd_disk_list(struct xg_cli *cli, char **argv);
int xg_cmd_history(struct xg_cli *cli, char **argv);
int xg_cmd_inspect(struct xg_cli *cli, char **argv);
int xg_cmd_status(struct xg_cli *cli, char **argv);
int xg_cmd_reconnect(struct xg_cli *cli, char **argv);
int xg_cmd_rollback(struct xg_cli *cli, char **argv);
int xg_cmd_swap(struct xg_cli *cli, char **argv);
int xg_cmd_upgrade(struct xg_cli *cli, char **argv);
int xg_cmd_withdraw(struct xg_cli *cli, char **argv);

/* JSON on stdout, indented, with a newline. It stays the caller's. */
void xg_cli_json(const json_t *json);
/* Says on stderr what went wrong and gives the exit status for it. */
int xg_cli_fail(const struct xg_err *err);

#endif
