// SPDX-License-Identifier: GPL-2.0-or-later
/* See paths.h. Called when a repository is opened. */
#include "driver-repo/paths.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver-repo/file.h"
#include "lib/base/array.h"
#include "lib/base/cleanup.h"

#define CONF_BYTES_MAX 65536u

static const char *env_or(const char *name, const char *fallback)
{
	const char *value = secure_getenv(name);

	return value && value[0] ? value : fallback;
}

static int put(char *to, size_t room, const char *value, const char *tail, struct xg_err *err)
{
	if ((size_t)snprintf(to, room, "%s%s", value, tail) >= room)
		return xg_fail_errno(err, ENAMETOOLONG, "%.100s...", value);
	return 0;
}

int xg_repo_paths(struct xg_repo_paths *ret, struct xg_err *err)
{
	const char *repo = env_or("XENGRAFT_REPO", NULL);
	int rc = put(ret->dir, sizeof(ret->dir), repo ? repo : env_or("XENGRAFT_STATEDIR", XG_STATEDIR),
		     repo ? "" : "/repo", err);

	if (!rc)
		rc = put(ret->confdir, sizeof(ret->confdir), env_or("XENGRAFT_CONFDIR", XG_SYSCONFDIR), "", err);
	if (!rc)
		rc = put(ret->images, sizeof(ret->images),
			 env_or("XENGRAFT_IMAGES", XG_STATEDIR "/images:" XG_IMAGEDIR), "", err);
	return rc;
}

/* ---- repo.conf ---------------------------------------------------------------------------------------------- */

static int take_unsigned(struct xg_repo_conf *c, const char *value)
{
	if (strcmp(value, "allow") && strcmp(value, "refuse"))
		return -EINVAL;
	c->unsigned_allowed = value[0] == 'a';
	return 0;
}

static int take_generate(struct xg_repo_conf *c, const char *value)
{
	if (strcmp(value, "allow") && strcmp(value, "deny"))
		return -EINVAL;
	c->generate_denied = value[0] == 'd';
	return 0;
}

static int take_mirror(struct xg_repo_conf *c, const char *value)
{
	if (c->mirror_count == XG_MIRRORS_MAX || strlen(value) >= sizeof(c->mirrors[0]))
		return -EINVAL;
	strcpy(c->mirrors[c->mirror_count++], value);
	return 0;
}

static const struct {
	const char *word;
	int (*take)(struct xg_repo_conf *c, const char *value);
} words[] = {
	{ "unsigned", take_unsigned },
	{ "generate", take_generate },
	{ "mirror", take_mirror },
};

static int conf_line(struct xg_repo_conf *c, char *line)
{
	char *save, *word, *value;
	size_t i;

	line[strcspn(line, "#\r")] = '\0';
	word = strtok_r(line, " \t", &save);
	if (!word)
		return 0;
	value = strtok_r(NULL, " \t", &save);
	if (!value || strtok_r(NULL, " \t", &save))
		return -EINVAL;
	for (i = 0; i < XG_ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].word, word))
			return words[i].take(c, value);
	return -EINVAL;
}

int xg_repo_conf(const char *confdir, struct xg_repo_conf *ret, struct xg_err *err)
{
	char path[PATH_MAX], *text xg_auto_free = NULL, *line, *next;
	struct xg_repo_conf c = { .unsigned_allowed = false };
	unsigned int number = 1;
	size_t size;
	int rc;

	snprintf(path, sizeof(path), "%s/repo.conf", confdir);
	rc = xg_file_read(path, CONF_BYTES_MAX, &text, &size, err);
	if (rc && rc != -ENOENT)
		return rc;
	for (line = text; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (conf_line(&c, line))
			return xg_fail(err, EINVAL, "%s:%u: expected 'unsigned refuse|allow', "
				       "'generate allow|deny' or 'mirror ADDRESS'", path, number);
	}
	*ret = c;
	return 0;
}
