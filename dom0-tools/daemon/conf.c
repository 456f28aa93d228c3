// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration: a table of keys. Called at start and on SIGHUP. */
#include "dom0-tools/daemon/conf.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/cleanup.h"

enum kind { NUMBER, WORD, YES_NO };

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	unsigned int least, most;	/* NUMBER */
	const char *words[4];		/* WORD: its number is the value */
	const char *unit;		/* NUMBER; NULL: a count */
};

#define AT(field) offsetof(struct xgd_config, field)

/* Limits: a day where something is waited for, and what a host with some thousand guests could want. */
static const struct key keys[] = {
	{ "mode", WORD, AT(mode), 0, 0, { "virtual", "paravirtual", "auto" }, NULL },
	{ "alone", WORD, AT(alone), 0, 0, { "virtual", "paravirtual" }, NULL },
	{ "settle", NUMBER, AT(settle_s), 0, 86400, { NULL }, "seconds" },
	{ "jobs", NUMBER, AT(jobs), 1, 64, { NULL }, NULL },
	{ "retry-first", NUMBER, AT(retry_first_s), 1, 3600, { NULL }, "seconds" },
	{ "retry-most", NUMBER, AT(retry_most_s), 1, 86400, { NULL }, "seconds" },
	{ "attach-limit", NUMBER, AT(attach_limit_s), 1, 86400, { NULL }, "seconds" },
	{ "hold", NUMBER, AT(hold_ms), 1, 10000, { NULL }, "milliseconds" },
	{ "before-save", NUMBER, AT(before_save_ms), 0, 60000, { NULL }, "milliseconds" },
	{ "reconnect", YES_NO, AT(reconnect), 0, 0, { "no", "yes" }, NULL },
	{ "poll", NUMBER, AT(poll_s), 1, 3600, { NULL }, "seconds" },
};

#define KEYS XG_ARRAY_SIZE(keys)

const char *xgd_mode_name(enum xgd_mode mode)
{
	return keys[0].words[mode];
}

void xgd_config_default(struct xgd_config *ret)
{
	*ret = (struct xgd_config){
		.mode = XGD_AUTO, .alone = XGD_PARAVIRTUAL, .reconnect = true, .settle_s = 5,
		.jobs = 4, .retry_first_s = 1, .retry_most_s = 60, .attach_limit_s = 600, .hold_ms = 30, .before_save_ms = 5000,
		.poll_s = 5,
	};
}

/* ---- A line ------------------------------------------------------------------------------------------------------- */

static int number_parse(const struct key *k, const char *value, unsigned int *ret, struct xg_err *err)
{
	unsigned long v = 0;
	size_t digits = strspn(value, "0123456789");

	/* Nine digits fit. */
	if (digits && digits <= 9 && !value[digits])
		v = strtoul(value, NULL, 10);
	else
		digits = 0;
	if (!digits || v < k->least || v > k->most)
		return xg_fail(err, EINVAL, "%s is a number%s%s from %u to %u, not '%.40s'", k->name, k->unit ? " of " : "",
			       k->unit ? k->unit : "", k->least, k->most, value);
	*ret = v;
	return 0;
}

static int word_parse(const struct key *k, const char *value, unsigned int *ret, struct xg_err *err)
{
	char known[80] = "";
	unsigned int i;

	for (i = 0; i < 4 && k->words[i]; i++) {
		if (!strcmp(k->words[i], value)) {
			*ret = i;
			return 0;
		}
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "", k->words[i]);
	}
	return xg_fail(err, EINVAL, "%s is one of %s, not '%.40s'", k->name, known, value);
}

static int value_set(const struct key *k, const char *value, struct xgd_config *c, struct xg_err *err)
{
	unsigned int v = 0;
	int rc = k->kind == NUMBER ? number_parse(k, value, &v, err) : word_parse(k, value, &v, err);

	if (rc)
		return rc;
	if (k->kind == YES_NO)
		*(bool *)((char *)c + k->offset) = v;
	else
		*(unsigned int *)((char *)c + k->offset) = v;
	return 0;
}

static char *trimmed(char *text)
{
	char *end;

	text += strspn(text, " \t\r");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r", end[-1]))
		*--end = '\0';
	return text;
}

struct parsing {
	struct xgd_config config;
	bool seen[KEYS];
	unsigned int number;		/* of the line */
	unsigned int retry_line;	/* the last that says how long it is waited */
};

static int line_parse(struct parsing *p, char *line, struct xg_err *err)
{
	char *value, *name;
	size_t i;

	line[strcspn(line, "#")] = '\0';
	name = trimmed(line);
	if (!*name)
		return 0;
	value = strchr(name, '=');
	if (!value)
		return xg_fail(err, EINVAL, "expected 'key = value'");
	*value++ = '\0';
	name = trimmed(name);
	for (i = 0; i < KEYS && strcmp(keys[i].name, name); i++)
		;
	if (i == KEYS)
		return xg_fail(err, EINVAL, "there is no key '%.40s'", name);
	if (p->seen[i])
		return xg_fail(err, EINVAL, "%s stands there twice", name);
	p->seen[i] = true;
	if (keys[i].offset == AT(retry_first_s) || keys[i].offset == AT(retry_most_s))
		p->retry_line = p->number;
	return value_set(&keys[i], trimmed(value), &p->config, err);
}

/* ---- All of it ---------------------------------------------------------------------------------------------------- */

int xgd_config_parse(const char *name, const char *text, size_t size, struct xgd_config *ret, struct xg_err *err)
{
	char *copy xg_auto_free = NULL, *rest, *line;
	struct parsing p = { .seen = { false } };
	int rc = 0;

	if (size > XGD_CONFIG_MAX)
		return xg_fail(err, EINVAL, "%s:1: more than %u bytes", name, XGD_CONFIG_MAX);
	if (memchr(text, '\0', size))
		return xg_fail(err, EINVAL, "%s:1: a NUL byte: this is no text", name);
	copy = strndup(text, size);
	if (!copy)
		return xg_fail_errno(err, ENOMEM, "%s", name);
	xgd_config_default(&p.config);
	rest = copy;
	while (!rc && (line = strsep(&rest, "\n"))) {
		p.number++;
		rc = line_parse(&p, line, err);
	}
	if (!rc && p.config.retry_first_s > p.config.retry_most_s) {
		p.number = p.retry_line;
		rc = xg_fail(err, EINVAL, "retry-first is more than retry-most");
	}
	if (rc) {
		(void)xg_fail_in(err, "%s:%u", name, p.number);
		return rc;
	}
	*ret = p.config;
	return 0;
}

int xgd_config_load(const char *path, struct xgd_config *ret, struct xg_err *err)
{
	int fd xg_auto_close = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text xg_auto_free = NULL;
	size_t size = 0;
	ssize_t got = 1;

	if (fd < 0 && errno == ENOENT)
		return xgd_config_parse(path, "", 0, ret, err);
	if (fd < 0)
		return xg_fail_errno(err, errno, "%s", path);
	text = malloc(XGD_CONFIG_MAX + 1);
	if (!text)
		return xg_fail_errno(err, ENOMEM, "%s", path);
	while (got > 0 && size <= XGD_CONFIG_MAX) {
		got = read(fd, text + size, XGD_CONFIG_MAX + 1 - size);
		size += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		return xg_fail_errno(err, errno, "%s", path);
	return xgd_config_parse(path, text, size, ret, err);
}
