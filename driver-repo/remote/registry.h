/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OCI registries as places (opencontainers/distribution-spec v1.1), over libcurl. Several are mirrors: read from in
 * their order, the next one where one fails; written to is the first.
 *
 * ADDRESS: [https://|http://]HOST[:PORT]/REPOSITORY[:TAG]; https and "latest" when it does not say. Names and passwords
 * are taken from where `skopeo login` and `docker login` put them ($REGISTRY_AUTH_FILE,
 * $XDG_RUNTIME_DIR/containers/auth.json,
 * ~/.config/containers/auth.json, ~/.docker/config.json) and used for Basic, or for the token that a Bearer challenge
 * asks for. Blocks; gives up on a connection after 10 seconds, and on one over which nothing comes for 30.
 */
#ifndef XG_REPO_REGISTRY_H
#define XG_REPO_REGISTRY_H

#include "driver-repo/transfer.h"

/*
 * ADDRESSES: COUNT of them, 1 at least. PARTIAL: a folder for downloads that broke off; the next one goes on there.
 * -EINVAL: an address that is none. Free by xg_registry_close().
 */
int xg_registry_open(const char *const *addresses, unsigned int count, const char *partial, struct xg_place *ret,
		     struct xg_err *err);
void xg_registry_close(struct xg_place *p);
bool xg_registry_is_address(const char *text);

#endif
