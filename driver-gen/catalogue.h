/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where descriptions, skeletons and flags lie: DIR/devices, DIR/os, DIR/skeletons, DIR/cflags. */
#ifndef XG_GEN_CATALOGUE_H
#define XG_GEN_CATALOGUE_H

#include "driver-gen/device.h"

/* A description with the text it was read from. */
struct gen_file {
	char *path, *text;
	size_t size;
	struct gen_arena arena;
};

void gen_file_fini(struct gen_file *file);

/* NAME is a description's name, or its path: one with a slash. DIR/SUB/NAME.SUFFIX is read otherwise. */
int gen_file_open(const char *dir, const char *sub, const char *name, const char *suffix, struct gen_file *ret,
		  struct xg_err *err);

/* Calls each(path) for each file below DIR/SUB that ends in SUFFIX, by name; stops at the first that is not 0. */
int gen_each_file(const char *dir, const char *sub, const char *suffix,
		  int (*each)(void *ctx, const char *path, struct xg_err *err), void *ctx, struct xg_err *err);

#endif
