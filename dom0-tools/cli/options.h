/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that commands have in common. */
#ifndef XG_CLI_OPTIONS_H
#define XG_CLI_OPTIONS_H

#include <stdbool.h>

struct xg_cli_options {
	bool json, force, forget, shared, policy, of_xl;
	unsigned int timeout_ms;	/* 0: not given */
	unsigned int wait_s;		/* 0: not given */
	const char *mode;		/* NULL: not given */
};

/*
 * Takes the options out of ARGV, wherever they stand; the operands remain from argv[1] on. LETTERS: those that
 * are known ("j", "f", "F" for --forget, "t:" for --timeout, "m:" for --mode, "s" for --shared, "P" for
 * --policy, "w:" for --wait, "x" for --of-xl). Returns the number of operands, -1 after having complained.
 */
int xg_cli_options(int argc, char **argv, const char *letters, struct xg_cli_options *ret);

#endif
