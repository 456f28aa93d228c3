/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A repository in a folder of its own, with a host key; images are built in code. Aborts when something is wrong. */
#ifndef XG_TESTS_REPO_RIG_H
#define XG_TESTS_REPO_RIG_H

#include "driver-repo/repo.h"
#include "driver-repo/resolve.h"

struct repo_rig {
	char dir[64];
	struct xg_repo_paths paths;
	struct xg_repo *repo;
	struct xg_secret_key key;	/* the host's */
};

extern struct repo_rig repo_rig;

void repo_rig_setup(void);
void repo_rig_teardown(void);
/* Opens it once more, as another process would. */
void repo_rig_reopen(void);

/* An image with these lines in its note, and EXTRA bytes of text, so that there can be several of one note. */
struct xg_image *repo_rig_image(const char *lines, size_t extra);
/* Adds it, signed by KEY (NULL: not signed). RET may be NULL. */
int repo_rig_add(const char *lines, const struct xg_secret_key *key, char ret[XG_DIGEST_HEX], struct xg_err *err);
/* The blob's or a signature's path. */
void repo_rig_blob(const char *digest, char ret[512]);
/* How many rows the index has. */
unsigned int repo_rig_count(void);
/* How many files lie below a folder of the repository. */
unsigned int repo_rig_files(const char *folder);

#define REPO_DRIVER "kind=driver\nabi=1\narch=x86_64\nclass=block\ndevice=xen-blkif\nmode=virtual\nlicence=x\n"
#define REPO_BUILD "0123456789abcdef0123456789abcdef01234567"
#define REPO_PERSONALITY \
	"kind=personality\nabi=1\narch=x86_64\nos=linux\nrelease=6.1.0-56-amd64\nbuild-id=" REPO_BUILD \
	"\nlicence=x\n"

#endif
