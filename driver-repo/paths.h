/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the repository's things are, and what its administrator said in repo.conf. */
#ifndef XG_REPO_PATHS_H
#define XG_REPO_PATHS_H

#include <stdbool.h>

#include "lib/base/err.h"

#define XG_MIRRORS_MAX 16

struct xg_repo_paths {
	char dir[512];		/* /var/lib/xengraft/repo */
	char confdir[512];	/* /etc/xengraft: keys.d/, revoked, repo.conf, host.key */
	char images[1024];	/* folders of packaged images, ':' between them */
};

/* The installed places, or those of XENGRAFT_REPO, XENGRAFT_CONFDIR and XENGRAFT_IMAGES. -ENAMETOOLONG. */
int xg_repo_paths(struct xg_repo_paths *ret, struct xg_err *err);

/* /etc/xengraft/repo.conf: lines "unsigned refuse|allow", "generate allow|deny" and "mirror ADDRESS". */
struct xg_repo_conf {
	bool unsigned_allowed;
	bool generate_denied;	/* an attach must not run a compiler */
	char mirrors[XG_MIRRORS_MAX][256];
	unsigned int mirror_count;
};

/* No file: unsigned images are refused, missing ones generated, no mirrors. -EINVAL names file and line. */
int xg_repo_conf(const char *confdir, struct xg_repo_conf *ret, struct xg_err *err);

#endif
