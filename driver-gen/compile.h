/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that appear whole or not at all, and the programs that make them. */
#ifndef XG_GEN_COMPILE_H
#define XG_GEN_COMPILE_H

#include <stdio.h>

#include "lib/base/err.h"

/* A file beside PATH that takes its name once it is finished; without that nothing is left. */
struct gen_output {
	const char *path;	/* not owned */
	char *temporary;
	FILE *f;
};

int gen_output_open(const char *path, struct gen_output *ret, struct xg_err *err);
int gen_output_finish(struct gen_output *output, struct xg_err *err);
void gen_output_drop(struct gen_output *output);	/* also after gen_output_finish() */

/* A folder for files in between; removed with all in it by gen_work_drop(). NULL: none was made. */
int gen_work_make(char **ret, struct xg_err *err);
void gen_work_drop(char **work);

/*
 * Runs ARGV[0], found in PATH, and waits. -ENOENT when it is not there, with PACKAGE named; -ECHILD when it fails: what
 * it had to say went to stderr. STDOUT to QUIET's null device when set.
 */
int gen_run(char *const argv[], const char *package, int quiet, struct xg_err *err);

/*
 * Compiles SOURCE as a driver image to OUT, which appears whole or not at all. FLAGS: a file of the compiler's flags
 * with # comments, the one list there is of them. ABI: the folder of xengraft_abi.h. VERSION goes into the note.
 */
int gen_compile_driver(const char *source, const char *flags, const char *abi, const char *version, int show,
		       const char *out, struct xg_err *err);

#endif
