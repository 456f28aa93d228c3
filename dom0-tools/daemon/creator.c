// SPDX-License-Identifier: GPL-2.0-or-later
/* Finds the xl that made a domain, and reads what it read. Called by look.c, when a domain is seen first. */
#include "dom0-tools/daemon/creator.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/xen/domain_config.h"

struct command {
	const char *file;	/* NULL: not an xl that makes a domain */
	char *extra;		/* 'key=value' words, a line each */
	size_t extra_size;
};

struct process {
	const char *proc;
	const char *id;
};

/* At most SIZE bytes of a regular file or of one of the kernel's; -1. */
static ssize_t file_read(const char *path, char *buf, size_t size)
{
	int fd xg_auto_close = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t all = 0;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -1;
	while (got > 0 && all < size) {
		got = read(fd, buf + all, size - all);
		all += got > 0 ? (size_t)got : 0;
	}
	return got < 0 ? -1 : (ssize_t)all;
}

static bool is_roots(const struct process *p)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", p->proc, p->id);
	return !stat(path, &st) && (st.st_uid == 0 || st.st_uid == geteuid());
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A word after 'create', as xl takes it. */
static void command_word(struct command *c, const char *word, const char **next)
{
	if (!strcmp(word, "-f") || !strcmp(word, "--defconfig"))
		c->file = *next ? xg_take(*next) : c->file;
	else if (!strncmp(word, "--defconfig=", 12))
		c->file = word + 12;
	else if (!strncmp(word, "-f", 2))
		c->file = word + 2;
	else if (word[0] == '-')
		return;
	else if (strchr(word, '='))
		c->extra_size += sprintf(c->extra + c->extra_size, "%s\n", word);
	else if (!c->file)
		c->file = word;
}

/* LINE: SIZE bytes, words that end with a NUL each. Options of xl's own may stand before the verb. */
static void command_parse(const char *line, size_t size, struct command *c)
{
	const char *end = line + size, *word = line, *next;
	bool creates = false;

	if (strcmp(base_name(line), "xl"))
		return;
	for (word += strlen(word) + 1; word < end; word = next) {
		const char *value;

		next = word + strlen(word) + 1;
		value = next < end ? next : NULL;
		if (!creates && word[0] != '-' && strcmp(word, "create"))
			return;
		if (!creates) {
			creates = word[0] != '-';
			continue;
		}
		command_word(c, word, &value);
		if (!value && next < end)
			next += strlen(next) + 1;
	}
}

/* A relative path is of the folder that the process was in; who waits in the background is in / by then. */
static void file_path(const struct process *p, const char *file, char path[PATH_MAX])
{
	char link[PATH_MAX], dir[PATH_MAX], environment[XGD_CMDLINE_MAX];
	const char *at, *end;
	ssize_t got;

	snprintf(link, sizeof(link), "%s/%s/cwd", p->proc, p->id);
	got = readlink(link, dir, sizeof(dir) - 1);
	dir[got > 0 ? got : 0] = '\0';
	snprintf(link, sizeof(link), "%s/%s/environ", p->proc, p->id);
	got = strcmp(dir, "/") ? -1 : file_read(link, environment, sizeof(environment) - 1);
	end = environment + (got > 0 ? got : 0);
	if (got > 0)
		environment[got] = '\0';
	for (at = environment; at < end; at += strlen(at) + 1)
		if (!strncmp(at, "PWD=/", 5))
			snprintf(dir, sizeof(dir), "%s", at + 4);
	if (file[0] == '/')
		dir[0] = '\0';
	if ((size_t)snprintf(path, PATH_MAX, "%s%s%s", dir, dir[0] ? "/" : "", file) >= PATH_MAX)
		path[0] = '\0';
}

/* What xl made of them: the file, then the words. NULL: cannot be had. */
static char *text_make(const struct process *p, const struct command *c, size_t *ret_size)
{
	char *text xg_auto_free = malloc(XG_DOMAIN_CONFIG_MAX + c->extra_size + 3);
	char path[PATH_MAX];
	ssize_t size = 0;

	if (!text)
		return NULL;
	file_path(p, c->file, path);
	if (strcmp(c->file, "/dev/null"))
		size = file_read(path, text, XG_DOMAIN_CONFIG_MAX);
	if (size < 0)
		return NULL;
	*ret_size = size + sprintf(text + size, "\n%s", c->extra);
	return xg_take(text);
}

/* 1: this one has made it. */
static int process_look(const struct process *p, const char *name, char **ret, size_t *ret_size)
{
	char *line xg_auto_free = malloc(XGD_CMDLINE_MAX + 1), *extra xg_auto_free = malloc(2 * XGD_CMDLINE_MAX);
	struct command c = { .extra = extra };
	char path[PATH_MAX], found[256];
	char *text xg_auto_free = NULL;
	ssize_t got;

	if (!line || !extra || !is_roots(p))
		return 0;
	snprintf(path, sizeof(path), "%s/%s/cmdline", p->proc, p->id);
	got = file_read(path, line, XGD_CMDLINE_MAX);
	if (got <= 0)
		return 0;
	line[got] = extra[0] = '\0';
	command_parse(line, got, &c);
	text = c.file ? text_make(p, &c, ret_size) : NULL;
	if (!text || xg_domain_name_parse(text, *ret_size, found, sizeof(found), NULL) || strcmp(found, name))
		return 0;
	*ret = xg_take(text);
	return 1;
}

int xgd_creator_text(const char *proc, const char *name, char **ret, size_t *ret_size, struct xg_err *err)
{
	DIR *dir = opendir(proc);
	struct dirent *entry;
	unsigned int seen = 0;
	int found = 0;

	if (!dir)
		return xg_fail_errno(err, errno, "%s", proc);
	while (!found && seen++ < XGD_PROCESSES_MAX && (entry = readdir(dir))) {
		const struct process p = { proc, entry->d_name };

		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			found = process_look(&p, name, ret, ret_size);
	}
	closedir(dir);
	return found ? 0 : xg_fail(err, ENOENT, "no xl that has made '%s' is there any more", name);
}
