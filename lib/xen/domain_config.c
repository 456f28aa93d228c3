// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads configurations by libxl and libxlutil. Called by the daemon; looks at no file itself. */
#include "lib/xen/domain_config.h"

#include <libxl.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xentoollog.h>

#include "lib/base/cleanup.h"

/* ---- An item ----------------------------------------------------------------------------------------------------- */

struct item {
	struct xg_disk_item *ret;
	const char *target;	/* "target=...", kept for the end: xl takes all that follows it for the path */
	size_t used;
};

static const char *value_of(const char *word, const char *key)
{
	size_t len = strlen(key);

	return !strncmp(word, key, len) && word[len] == '=' ? word + len + 1 : NULL;
}

/* All of them together are no longer than the item. */
static void item_append(struct item *it, const char *word)
{
	it->used += snprintf(it->ret->words + it->used, sizeof(it->ret->words) - it->used, "%s%s", it->used ? "," : "",
			     word);
}

static int item_mode(struct item *it, const char *mode, struct xg_err *err)
{
	if (strcmp(mode, "virtual") && strcmp(mode, "paravirtual") && strcmp(mode, "auto"))
		return xg_fail(err, EINVAL, "mode '%.40s' is none of virtual, paravirtual and auto", mode);
	snprintf(it->ret->spec.mode, sizeof(it->ret->spec.mode), "%s", mode);
	return 0;
}

static int item_shared(struct item *it, const char *value, struct xg_err *err)
{
	if (strcmp(value, "0") && strcmp(value, "1"))
		return xg_fail(err, EINVAL, "shared '%.40s' is neither 0 nor 1", value);
	it->ret->spec.shared = value[0] == '1';
	return 0;
}

static int item_word(struct item *it, char *word, struct xg_err *err)
{
	const char *value;

	word += strspn(word, " \t\r\n");
	value = value_of(word, "mode");
	if (value)
		return item_mode(it, value, err);
	value = !strcmp(word, "shared") ? "1" : value_of(word, "shared");
	if (value)
		return item_shared(it, value, err);
	if (value_of(word, "target") && it->target)
		return xg_fail(err, EINVAL, "two targets");
	if (value_of(word, "target"))
		it->target = word;
	else
		item_append(it, word);
	return 0;
}

static int item_words(struct item *it, char *text, struct xg_err *err)
{
	char *word;
	int rc = 0;

	while (!rc && (word = strsep(&text, ",")))
		rc = item_word(it, word, err);
	if (!rc && it->target)
		item_append(it, it->target);
	return rc;
}

int xg_disk_item_parse(const char *item, struct xg_disk_item *ret, struct xg_err *err)
{
	struct xg_disk_item *made xg_auto_free = calloc(1, sizeof(*made));
	struct item it = { .ret = made };
	char text[XG_DISK_ITEM_MAX];
	struct xg_disk_spec spec;
	const char *words;
	int rc;

	if (!made)
		return xg_fail_errno(err, ENOMEM, "disk");
	if (strlen(item) >= sizeof(text))
		return xg_fail(err, E2BIG, "a disk of %zu characters, at most %zu", strlen(item), sizeof(text) - 1);
	strcpy(text, item);
	rc = item_words(&it, text, err);
	words = made->words;
	if (!rc)
		rc = xg_disk_spec_parse(1, &words, &spec, err);
	if (rc)
		return rc;
	memcpy(spec.mode, made->spec.mode, sizeof(spec.mode));
	spec.shared = made->spec.shared;
	made->spec = spec;
	*ret = *made;
	return 0;
}

/* ---- The list ---------------------------------------------------------------------------------------------------- */

static int list_copy(const XLU_ConfigList *list, int count, char ***ret, size_t *ret_count, struct xg_err *err)
{
	size_t bytes = count * sizeof(char *);
	char **items, *at;
	int i;

	for (i = 0; i < count; i++) {
		const char *text = xlu_cfg_get_listitem(list, i);

		if (!text)
			return xg_fail(err, EINVAL, "item %d of 'xengraft' is no string", i + 1);
		if (strlen(text) >= XG_DISK_ITEM_MAX)
			return xg_fail(err, E2BIG, "item %d of 'xengraft' has %zu characters, at most %u", i + 1,
				       strlen(text), XG_DISK_ITEM_MAX - 1);
		bytes += strlen(text) + 1;
	}
	items = malloc(bytes ? bytes : 1);
	if (!items)
		return xg_fail_errno(err, ENOMEM, "list of disks");
	at = (char *)(items + count);
	for (i = 0; i < count; i++) {
		items[i] = strcpy(at, xlu_cfg_get_listitem(list, i));
		at += strlen(at) + 1;
	}
	*ret = items;
	*ret_count = count;
	return 0;
}

static int list_get(XLU_Config *cfg, char ***ret, size_t *ret_count, struct xg_err *err)
{
	XLU_ConfigList *list = NULL;
	int count = 0, rc = xlu_cfg_get_list(cfg, "xengraft", &list, &count, 1);

	if (rc && rc != ESRCH)
		return xg_fail(err, EINVAL, "'xengraft' is no list of strings");
	if (rc)
		count = 0;
	if (count > (int)XG_DOMAIN_DISKS_MAX)
		return xg_fail(err, E2BIG, "'xengraft' has %d disks, at most %u", count, XG_DOMAIN_DISKS_MAX);
	return list_copy(list, count, ret, ret_count, err);
}

static int name_get(XLU_Config *cfg, char *name, size_t size, struct xg_err *err)
{
	const char *value;

	if (xlu_cfg_get_string(cfg, "name", &value, 1))
		return xg_fail(err, EINVAL, "the configuration has no name");
	if (strlen(value) >= size)
		return xg_fail(err, EINVAL, "a name of %zu characters", strlen(value));
	strcpy(name, value);
	return 0;
}

/* Reads TEXT, then calls one of the two functions above by way of USE. */
struct use {
	char ***items;
	size_t *count;
	char *name;	/* NULL: the list is wanted */
	size_t name_size;
};

static int text_use(const char *text, size_t size, const struct use *u, struct xg_err *err)
{
	char *report = NULL;
	size_t report_size = 0;
	XLU_Config *cfg;
	FILE *stream;
	int rc;

	if (size > XG_DOMAIN_CONFIG_MAX)
		return xg_fail(err, E2BIG, "a configuration of %zu bytes, at most %llu", size,
			       (unsigned long long)XG_DOMAIN_CONFIG_MAX);
	stream = open_memstream(&report, &report_size);
	if (!stream)
		return xg_fail_errno(err, errno, "configuration");
	cfg = xlu_cfg_init(stream, "configuration");
	rc = cfg ? xlu_cfg_readdata(cfg, text, (int)size) : ENOMEM;
	fflush(stream);
	if (rc) {
		if (report)
			report[strcspn(report, "\n")] = '\0';
		rc = xg_fail(err, EINVAL, "%s", report && report[0] ? report : "the configuration cannot be read");
	} else {
		rc = u->name ? name_get(cfg, u->name, u->name_size, err) : list_get(cfg, u->items, u->count, err);
	}
	if (cfg)
		xlu_cfg_destroy(cfg);
	fclose(stream);
	free(report);
	return rc;
}

int xg_domain_list_parse(const char *text, size_t size, char ***ret, size_t *ret_count, struct xg_err *err)
{
	const struct use u = { .items = ret, .count = ret_count };

	return text_use(text, size, &u, err);
}

int xg_domain_name_parse(const char *text, size_t size, char *name, size_t name_size, struct xg_err *err)
{
	const struct use u = { .name = name, .name_size = name_size };

	return text_use(text, size, &u, err);
}

/* What libxl has to say goes nowhere: its return value is what counts. */
static void silent(xentoollog_logger *logger, xentoollog_level level, int errnoval, const char *context,
		   const char *format, va_list al)
{
	(void)logger;
	(void)level;
	(void)errnoval;
	(void)context;
	(void)format;
	(void)al;
}

static void silent_destroy(xentoollog_logger *logger)
{
	(void)logger;
}

int xg_domain_text(uint32_t domid, char **ret, size_t *ret_size, struct xg_err *err)
{
	xentoollog_logger logger = { .vmessage = silent, .destroy = silent_destroy };
	uint8_t *text = NULL;
	libxl_ctx *ctx = NULL;
	int rc, size = 0;

	if (libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, &logger))
		return xg_fail(err, EIO, "libxl does not start");
	rc = libxl_userdata_retrieve(ctx, domid, "xl", &text, &size);
	libxl_ctx_free(ctx);
	if (rc)
		return xg_fail(err, EIO, "libxl has no data of domain %u (%d)", domid, rc);
	*ret = strndup(text && size > 0 ? (const char *)text : "", size > 0 ? size : 0);
	free(text);
	if (!*ret)
		return xg_fail_errno(err, ENOMEM, "configuration of domain %u", domid);
	*ret_size = strlen(*ret);
	return 0;
}
