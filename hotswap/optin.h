/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest whose owner opted in: it has loaded the personality as a module (guest-stubs/linux/module), which brings
 * the room for windows along and says in xenstore where its core is. Nothing is written into its kernel but drivers,
 * into that room.
 */
#ifndef XG_HOTSWAP_OPTIN_H
#define XG_HOTSWAP_OPTIN_H

#include "hotswap/core.h"
#include "lib/xen/store.h"

/*
 * What the guest says of its module; -ENOENT when it says nothing, -EINVAL for what is no such word. The guest's
 * word: whether there is a core at that place is for xg_core_open() to find out, through the page tables.
 */
int xg_optin_find(struct xg_store *s, uint32_t domid, struct xg_core_record *ret, struct xg_err *err);

/* "va=HEX,text=PAGES,data_va=HEX,data=PAGES,abi=1", as the module writes it; pure. */
int xg_optin_parse(const char *value, struct xg_core_record *ret, struct xg_err *err);

#endif
