// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads where a guest's own module is. Called by attach. Must never believe more of it than a place to look at: the
 * frames that the module publishes besides are for tools that cannot walk page tables, and are not read.
 */
#include "hotswap/optin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "NAME=number" and the comma behind it, or the end; *AT moves on. No blanks, no signs. */
static int field(const char **at, const char *name, int base, uint64_t *ret)
{
	size_t len = strlen(name);
	const char *p = *at;
	char *end;

	if (strncmp(p, name, len) || p[len] != '=')
		return -EINVAL;
	p += len + 1;
	if (!strchr("0123456789abcdef", *p) || !*p)
		return -EINVAL;
	errno = 0;
	*ret = strtoull(p, &end, base);
	if (errno || end == p || (*end && *end != ','))
		return -EINVAL;
	*at = *end ? end + 1 : end;
	return 0;
}

int xg_optin_parse(const char *value, struct xg_core_record *ret, struct xg_err *err)
{
	uint64_t va, text, data_va, data, abi;
	const char *at = value;

	if (field(&at, "va", 16, &va) || field(&at, "text", 10, &text) || field(&at, "data_va", 16, &data_va) ||
	    field(&at, "data", 10, &data) || field(&at, "abi", 10, &abi))
		return xg_fail(err, EINVAL, "the guest's module describes itself as '%.100s'", value);
	if (abi != XG_ABI_VERSION)
		return xg_fail(err, EINVAL, "the guest's module is of ABI %llu, this program of %u",
			       (unsigned long long)abi, XG_ABI_VERSION);
	if (!va || !data_va || text > XG_WINDOW_PAGES_MAX || data > XG_WINDOW_PAGES_MAX)
		return xg_fail(err, EINVAL, "the guest's module claims %llu + %llu pages at %#llx and %#llx",
			       (unsigned long long)text, (unsigned long long)data, (unsigned long long)va,
			       (unsigned long long)data_va);
	*ret = (struct xg_core_record){
		.va = XG_GVA(va), .data_va = XG_GVA(data_va), .text_pages = text, .data_pages = data, .module = true,
	};
	return 0;
}

int xg_optin_find(struct xg_store *s, uint32_t domid, struct xg_core_record *ret, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX], value[XG_STORE_VALUE_MAX + 1];
	int rc;

	snprintf(path, sizeof(path), "/local/domain/%u/data/xengraft/core", domid);
	rc = xg_store_read(s, path, value, sizeof(value), err);
	return rc ? rc : xg_optin_parse(value, ret, err);
}
