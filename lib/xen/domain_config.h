/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain's own configuration file says of xengraft's disks: the list
 *
 *     xengraft = [ 'vdev=xvdb,target=/dev/nvme0n1,mode=auto', ... ]
 *
 * xl ignores keys that it does not know.
 */
#ifndef XG_XEN_DOMAIN_CONFIG_H
#define XG_XEN_DOMAIN_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/xen/disk_spec.h"

#define XG_DOMAIN_CONFIG_MAX (UINT64_C(1) << 20)	/* bytes; xl's files have some hundred */
#define XG_DOMAIN_DISKS_MAX 64u				/* of a list */
#define XG_DISK_ITEM_MAX 1200u				/* bytes of an item: a target and some words */

/* An item of the list, taken apart. */
struct xg_disk_item {
	struct xg_disk_spec spec;	/* with mode and shared */
	char words[XG_DISK_ITEM_MAX];	/* what of it is xl's, in the order that xl wants */
};

/*
 * 'key=value,...' as in xl-disk-configuration(5), with mode=virtual|paravirtual|auto and shared=0|1 (or shared)
 * besides, and target= anywhere: so a target has no comma in it. -EINVAL, -E2BIG.
 */
int xg_disk_item_parse(const char *item, struct xg_disk_item *ret, struct xg_err *err);

/*
 * The items of the list in TEXT (xl's format, SIZE bytes): *ret is one block of *ret_count strings, the caller's to
 * free(). No list: 0 items. -EINVAL: the text is no configuration, or the list no list of strings; -E2BIG.
 */
int xg_domain_list_parse(const char *text, size_t size, char ***ret, size_t *ret_count, struct xg_err *err);
/* The value of `name`. -EINVAL: none, or the text is no configuration. */
int xg_domain_name_parse(const char *text, size_t size, char *name, size_t name_size, struct xg_err *err);
/*
 * The text that libxl keeps with a domain, NUL-terminated, the caller's to free(); "" for none: `xl config-update`
 * stores one, `xl create` has not done so since Xen 4.5.
 */
int xg_domain_text(uint32_t domid, char **ret, size_t *ret_size, struct xg_err *err);

#endif
