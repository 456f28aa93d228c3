// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of kinds of backend, and what they share. Called by connect.c and the operations. */
#include "dom0-tools/ops/backend_kind.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hotswap/wait.h"

const struct xg_backend_kind *const xg_backend_kinds[] = { &xg_backend_process, &xg_backend_blkback };
const size_t xg_backend_kind_count = sizeof(xg_backend_kinds) / sizeof(xg_backend_kinds[0]);

const struct xg_backend_kind *xg_backend_kind_of(const char *mode)
{
	size_t i;

	for (i = 0; i < xg_backend_kind_count; i++)
		if (!strcmp(xg_backend_kinds[i]->mode, mode))
			return xg_backend_kinds[i];
	return NULL;
}

bool xg_backend_lives(struct xg_store *s, uint32_t domid, const struct xg_device_row *row)
{
	const struct xg_backend_kind *kind = xg_backend_kind_of(row->mode);
	const struct xg_link_id id = { domid, row->devid, row->device.half };
	bool lives;

	return !kind || kind->lives(s, id, &lives, NULL) || lives;
}

int xg_nodes_write(struct xg_store *s, const char *dir, const struct xg_node *nodes, size_t count, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX + 64];
	size_t i;
	int rc;

	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, nodes[i].name);
		rc = xg_store_write(s, path, nodes[i].value, err);
		if (rc)
			return rc;
	}
	return 0;
}

struct settle {
	const char *target;
	bool read_only, block;
	uint64_t lock_at;
	int problem;
};

/*
 * A backend's claim of a device and its lock on the file go with its last reference, and what its ring of the kernel has
 * under way holds one.
 */
static bool settled(void *ctx)
{
	struct settle *s = ctx;
	struct flock lock = {
		.l_type = s->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET, .l_start = s->lock_at,
		.l_len = s->lock_at != 0,
	};
	int flags = O_CLOEXEC | (s->read_only ? O_RDONLY : O_RDWR | (s->block && !s->lock_at ? O_EXCL : 0));
	int fd xg_auto_close = open(s->target, flags);

	s->problem = fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) ? errno : 0;
	return !s->problem || (s->problem != EBUSY && s->problem != EAGAIN && s->problem != EACCES);
}

/* FNV-1a over the UUID, which a restored guest keeps; that two share a byte would only refuse what could be. */
uint64_t xg_lock_at(bool shared, const char *uuid, uint32_t devid)
{
	uint32_t hash = 2166136261u;

	if (!shared)
		return 0;
	while (*uuid)
		hash = (hash ^ (uint8_t)*uuid++) * 16777619u;
	return UINT64_C(1) << 62 | (uint64_t)(hash & 0x3fffffff) << 32 | devid;
}

int xg_target_settle(const char *target, bool read_only, uint64_t lock_at, struct xg_err *err)
{
	struct settle s = { .target = target, .read_only = read_only, .lock_at = lock_at };
	struct stat st;

	if (stat(target, &st))
		return xg_fail_errno(err, errno, "target %s", target);
	s.block = S_ISBLK(st.st_mode);
	(void)xg_wait_ms(settled, &s, XG_BACKEND_CLOSE_MS);
	if (s.problem)
		return xg_fail_errno(err, s.problem, "target %s is still in use after its backend was ended", target);
	return 0;
}
