// SPDX-License-Identifier: GPL-2.0-or-later
/* See help.h. */
#include "lib/base/help.h"

void xg_help_row(FILE *to, int width, const char *name, const char *summary)
{
	fprintf(to, " %-*s  %s\n", width, name, summary);
}

void xg_help_command(const char *usage, const char *name, const char *arguments, const char *summary,
		     const char *details)
{
	const char *newline = details[0] ? "\n" : "";

	printf("usage: %s %s %s\n\n%s.\n%s%s%s", usage, name, arguments, summary, newline, details, newline);
}
