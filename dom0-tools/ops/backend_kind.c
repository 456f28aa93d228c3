// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of kinds of backend, and what they share. Called by connect.c and the operations. */
#include "dom0-tools/ops/backend_kind.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hotswap/wait.h"
#include "lib/base/array.h"

const struct xg_backend_kind *const xg_backend_kinds[] = { &xg_backend_process, &xg_backend_blkback };
const size_t xg_backend_kind_count = XG_ARRAY_SIZE(xg_backend_kinds);

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

int xg_target_look(const struct xg_disk_spec *spec, const char *mode, struct stat *ret, struct xg_err *err)
{
	if (strcmp(spec->format, "raw") && strcmp(spec->format, "unknown"))
		return xg_fail(err, EINVAL, "format %s is not supported in %s mode: only raw", spec->format, mode);
	if (spec->target[0] != '/')
		return xg_fail(err, EINVAL, "target '%s' is not an absolute path", spec->target);
	if (stat(spec->target, ret))
		return xg_fail_errno(err, errno, "target %s", spec->target);
	return 0;
}

/* In dom0-tools/backend TARGET_MARKS: what locks all of a target leaves out what is from here to twice as far. */
#define MARKS (UINT64_C(1) << 61)

struct settle {
	const struct xg_hold *hold;
	bool block;
	int problem;
};

/* Is a byte of it locked, or all of it? */
static int lock_look(const struct xg_hold *h, bool block)
{
	struct flock lock = {
		.l_type = h->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET, .l_start = h->lock_at,
		.l_len = h->lock_at ? 1 : MARKS,
	};
	int flags = O_CLOEXEC | (h->read_only ? O_RDONLY : O_RDWR | (block && !h->lock_at ? O_EXCL : 0));
	int fd xg_auto_close = open(h->target, flags);

	return fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) ? errno : 0;
}

/* EBUSY: the mark is set, and by nobody who locks more than that. */
static int mark_look(const struct xg_hold *h)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = h->mark_at, .l_len = 1 };
	int fd xg_auto_close = open(h->target, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock))
		return errno;
	return lock.l_type != F_UNLCK && (uint64_t)lock.l_start == h->mark_at && lock.l_len == 1 ? EBUSY : 0;
}

/*
 * A backend's claim of a device and its locks on the file go with its last reference, and what its ring of the kernel
 * has under way holds one.
 */
static bool settled(void *ctx)
{
	struct settle *s = ctx;

	s->problem = mark_look(s->hold);
	if (!s->problem && !s->hold->beside)
		s->problem = lock_look(s->hold, s->block);
	return !s->problem || (s->problem != EBUSY && s->problem != EAGAIN && s->problem != EACCES);
}

bool xg_target_is_marked(const struct xg_hold *hold)
{
	return mark_look(hold) == EBUSY;
}

/* FNV-1a over the UUID, which a restored guest keeps; that two share a byte would only refuse what could be. */
static uint64_t byte_of(const char *uuid, uint32_t bits)
{
	uint32_t hash = 2166136261u;

	while (*uuid)
		hash = (hash ^ (uint8_t)*uuid++) * 16777619u;
	return (uint64_t)(hash & bits) << 32;
}

uint64_t xg_lock_at(bool shared, const char *uuid, uint32_t devid)
{
	return shared ? 2 * MARKS | byte_of(uuid, 0x3fffffff) | devid : 0;
}

/* A disk's number has 29 bits. */
uint64_t xg_mark_at(const char *uuid, uint32_t devid, uint32_t half)
{
	return MARKS | byte_of(uuid, 0x1fffffff) | half << 31 | devid;
}

int xg_target_settle(const struct xg_hold *hold, struct xg_err *err)
{
	struct settle s = { .hold = hold };
	struct stat st;

	if (stat(hold->target, &st))
		return xg_fail_errno(err, errno, "target %s", hold->target);
	s.block = S_ISBLK(st.st_mode);
	(void)xg_wait_ms(settled, &s, XG_BACKEND_CLOSE_MS);
	if (s.problem)
		return xg_fail_errno(err, s.problem, "target %s is still in use after its backend was ended", hold->target);
	return 0;
}
