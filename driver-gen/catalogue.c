// SPDX-License-Identifier: GPL-2.0-or-later
/* Finds descriptions. Used by the program alone. */
#include "driver-gen/catalogue.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

void gen_file_fini(struct gen_file *file)
{
	gen_arena_fini(&file->arena);
	free(file->path);
	free(file->text);
	*file = (struct gen_file){ .path = NULL };
}

static int file_read(char *path, struct gen_file *ret, struct xg_err *err)
{
	ret->path = path;
	return gen_read_file(path, &ret->text, &ret->size, err);
}

int gen_file_open(const char *dir, const char *sub, const char *name, const char *suffix, struct gen_file *ret,
		  struct xg_err *err)
{
	char *path = NULL;

	*ret = (struct gen_file){ .path = NULL };
	if (strchr(name, '/') ? !(path = strdup(name)) : asprintf(&path, "%s/%s/%s%s", dir, sub, name, suffix) < 0)
		return xg_fail(err, ENOMEM, "out of memory");
	return file_read(path, ret, err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && !strcmp(name + n - m, suffix) && name[0] != '.';
}

int gen_each_file(const char *dir, const char *sub, const char *suffix,
		  int (*each)(void *ctx, const char *path, struct xg_err *err), void *ctx, struct xg_err *err)
{
	char *folder xg_auto_free = NULL;
	struct dirent **names;
	int i, n, rc = 0;

	if (asprintf(&folder, "%s/%s", dir, sub) < 0)
		return xg_fail(err, ENOMEM, "out of memory");
	n = scandir(folder, &names, NULL, by_name);
	if (n < 0)
		return xg_fail_errno(err, errno, "%s", folder);
	for (i = 0; i < n; i++) {
		char *path xg_auto_free = NULL;

		if (!rc && has_suffix(names[i]->d_name, suffix)) {
			if (asprintf(&path, "%s/%s", folder, names[i]->d_name) < 0)
				rc = xg_fail(err, ENOMEM, "out of memory");
			else
				rc = each(ctx, path, err);
		}
		free(names[i]);
	}
	free(names);
	return rc;
}
