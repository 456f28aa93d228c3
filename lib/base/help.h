/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a program that has commands shows them: `help`, `help COMMAND`. The texts are rows of its own table. */
#ifndef XG_BASE_HELP_H
#define XG_BASE_HELP_H

#include <stdio.h>

/* A row of the list, NAME padded to WIDTH. It begins with a blank: that is how completion finds the commands. */
void xg_help_row(FILE *to, int width, const char *name, const char *summary);
/*
 * One command, to standard output. USAGE: what stands before its name. DETAILS: lines without the last newline, or "".
 */
void xg_help_command(const char *usage, const char *name, const char *arguments, const char *summary,
		     const char *details);

#endif
