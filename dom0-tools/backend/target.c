// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opens, judges and drives a disk's target. Called by disk.c and the engine; must never open a target for
 * writing that it was told to open read-only, nor create or resize one.
 */
#include "dom0-tools/backend/target.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/xen/blkif.h"

#ifndef FALLOC_FL_NO_HIDE_STALE
#define FALLOC_FL_NO_HIDE_STALE 0x04	/* uapi/linux/falloc.h; on a block device: a discard that need not zero */
#endif

static int target_open_fd(const struct target_spec *spec, const struct stat *st, int *ret, struct xg_err *err)
{
	int flags = O_CLOEXEC | (spec->writable ? O_RDWR : O_RDONLY);
	int fd;

	/* On a block device (and there only) O_EXCL without O_CREAT asks for what is not mounted or claimed. */
	if (S_ISBLK(st->st_mode) && spec->writable && spec->lock && !spec->lock_at)
		flags |= O_EXCL;
	fd = open(spec->path, flags);
	if (fd < 0 && errno == EBUSY)
		return xg_fail(err, EBUSY, "%s is mounted or otherwise in use", spec->path);
	if (fd < 0)
		return xg_fail_errno(err, errno, "cannot open %s for %s", spec->path,
				     spec->writable ? "writing" : "reading");
	*ret = fd;
	return 0;
}

static int target_stat(const struct target_spec *spec, struct stat *ret, struct xg_err *err)
{
	if (spec->path[0] != '/')
		return xg_fail(err, EINVAL, "the target \"%s\" is no absolute path", spec->path);
	if (stat(spec->path, ret))
		return xg_fail_errno(err, errno, "cannot use %s", spec->path);
	return 0;
}

static int target_kind(const struct target_spec *spec, const struct stat *st, struct xg_err *err)
{
	if (S_ISDIR(st->st_mode))
		return xg_fail(err, EISDIR, "%s is a directory", spec->path);
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
		return xg_fail(err, EINVAL, "%s is neither a file nor a block device", spec->path);
	return 0;
}

/*
 * Open file description locks: they go with the descriptor, whoever holds it (requests that the kernel is still at, when the
 * process was killed), and not with any other close. LEN 0: to the end, wherever that comes to be.
 */
static int range_lock(int fd, bool writable, uint64_t start, uint64_t len)
{
	struct flock lock = {
		.l_type = writable ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = len,
	};

	return fcntl(fd, F_OFD_SETLK, &lock);
}

/* All of it is what is before the marks and what is behind them. */
static int target_lock(const struct target_spec *spec, int fd, struct xg_err *err)
{
	uint64_t at = spec->lock_at;

	if (!spec->lock)
		return 0;
	if (at ? !range_lock(fd, spec->writable, at, 1) :
	    !range_lock(fd, spec->writable, 0, TARGET_MARKS) && !range_lock(fd, spec->writable, 2 * TARGET_MARKS, 0))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return xg_fail(err, EBUSY, "%s is in use by another process that %s it", spec->path,
			       spec->writable ? "reads or writes" : "writes");
	return xg_fail_errno(err, errno, "cannot lock %s", spec->path);
}

/* A target that cannot be marked is served all the same: whoever looks for the mark finds none, and knows nothing. */
static void target_mark(const struct target_spec *spec, int fd)
{
	if (spec->mark_at && range_lock(fd, spec->writable, spec->mark_at, 1))
		xg_warn("%s cannot be marked: %s", spec->path, strerror(errno));
}

static int target_size_file(const struct target_spec *spec, struct target *t, const struct stat *st,
			    struct xg_err *err)
{
	if (st->st_size % XG_BLKIF_SECTOR)
		return xg_fail(err, EINVAL, "%s has %lld bytes, which is no multiple of %u", spec->path,
			       (long long)st->st_size, XG_BLKIF_SECTOR);
	t->sectors = st->st_size / XG_BLKIF_SECTOR;
	t->block_bytes = XG_BLKIF_SECTOR;
	/* File systems work in pages. A disk must be a whole number of what it calls its physical block. */
	t->physical_bytes = st->st_size % XG_PAGE_SIZE ? XG_BLKIF_SECTOR : XG_PAGE_SIZE;
	return 0;
}

/* A device that is read-only opens for writing all the same, and then fails each write. */
static int target_writable_block(const struct target_spec *spec, int fd, struct xg_err *err)
{
	int read_only = 0;

	if (!spec->writable || ioctl(fd, BLKROGET, &read_only) || !read_only)
		return 0;
	return xg_fail(err, EROFS, "%s is a read-only device", spec->path);
}

static int target_size_block(const struct target_spec *spec, struct target *t, struct xg_err *err)
{
	unsigned int physical;
	uint64_t bytes;
	int logical;

	if (ioctl(t->fd, BLKGETSIZE64, &bytes) || ioctl(t->fd, BLKSSZGET, &logical) ||
	    ioctl(t->fd, BLKPBSZGET, &physical))
		return xg_fail_errno(err, errno, "cannot ask %s for its size", spec->path);
	if (logical < (int)XG_BLKIF_SECTOR || logical > (int)XG_PAGE_SIZE || logical & (logical - 1))
		return xg_fail(err, EINVAL, "%s has blocks of %d bytes, 512 to 4,096 are possible", spec->path,
			       logical);
	t->sectors = bytes / logical * (logical / XG_BLKIF_SECTOR);
	t->block_bytes = logical;
	t->physical_bytes = physical % logical || bytes % physical ? (unsigned int)logical : physical;
	return 0;
}

static int target_size(const struct target_spec *spec, struct target *t, const struct stat *st, struct xg_err *err)
{
	int rc = t->block ? target_writable_block(spec, t->fd, err) : 0;

	if (!rc)
		rc = t->block ? target_size_block(spec, t, err) : target_size_file(spec, t, st, err);
	if (!rc && !t->sectors)
		rc = xg_fail(err, EINVAL, "%s is empty", spec->path);
	return rc;
}

static bool target_is_memory(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/*
 * O_DIRECT, if single logical blocks work with it: a file system on a disk with 4 KiB blocks takes the flag and
 * then refuses what a guest with 512-byte sectors does. Trying tells, also where the block that is tried is broken.
 */
static bool target_go_direct(struct target *t)
{
	int flags = fcntl(t->fd, F_GETFL);
	uint64_t second = t->sectors * XG_BLKIF_SECTOR > t->block_bytes ? t->block_bytes : 0;
	void *buf xg_auto_free = NULL;
	ssize_t got;

	if (flags < 0 || posix_memalign(&buf, XG_PAGE_SIZE, XG_PAGE_SIZE) || fcntl(t->fd, F_SETFL, flags | O_DIRECT))
		return false;
	got = pread(t->fd, buf, t->block_bytes, second);
	if (got == (ssize_t)t->block_bytes || (got < 0 && errno != EINVAL))
		return true;
	(void)fcntl(t->fd, F_SETFL, flags);
	return false;
}

/* A number that sysfs has for a block device; false when it has none. */
static bool target_sysfs(dev_t dev, const char *name, uint64_t *ret)
{
	char path[128], text[32] = "";
	int fd xg_auto_close = -1;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	*ret = strtoull(text, NULL, 10);
	return true;
}

/* A partition's queue is its disk's, one directory up. */
static uint64_t target_queue(dev_t dev, const char *own, const char *disks)
{
	uint64_t value = 0;

	if (!target_sysfs(dev, own, &value))
		(void)target_sysfs(dev, disks, &value);
	return value;
}

/* Zeroing while unmapping is preferred: what was discarded then reads as zeroes. */
static void target_discard_block(struct target *t, dev_t dev)
{
	uint64_t granularity = target_queue(dev, "queue/discard_granularity", "../queue/discard_granularity");
	uint64_t alignment = 0;

	if (!granularity || !target_queue(dev, "queue/discard_max_bytes", "../queue/discard_max_bytes"))
		return;
	t->discard_mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	if (!target_queue(dev, "queue/write_zeroes_max_bytes", "../queue/write_zeroes_max_bytes"))
		t->discard_mode |= FALLOC_FL_NO_HIDE_STALE;
	(void)target_sysfs(dev, "discard_alignment", &alignment);
	t->discard_granularity = granularity;
	t->discard_alignment = alignment;
}

/* Behind the end there is nothing to lose, so that a hole can be tried there. */
static void target_discard_file(struct target *t, const struct stat *st)
{
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (fallocate(t->fd, mode, st->st_size, XG_PAGE_SIZE))
		return;
	t->discard_mode = mode;
	t->discard_granularity = XG_PAGE_SIZE;
}

static void target_discard(const struct target_spec *spec, struct target *t, const struct stat *st)
{
	if (!spec->discard || !spec->writable)
		return;
	if (t->block)
		target_discard_block(t, st->st_rdev);
	else
		target_discard_file(t, st);
}

static int target_fill(const struct target_spec *spec, struct target *t, struct xg_err *err)
{
	struct stat st;
	int rc;

	/* Once more, of what was opened: the path may lead elsewhere by now. */
	if (fstat(t->fd, &st))
		return xg_fail_errno(err, errno, "cannot use %s", spec->path);
	t->block = S_ISBLK(st.st_mode);
	rc = target_kind(spec, &st, err);
	if (!rc)
		rc = target_lock(spec, t->fd, err);
	if (!rc)
		rc = target_size(spec, t, &st, err);
	if (rc)
		return rc;
	target_mark(spec, t->fd);
	t->writable = spec->writable;
	t->lock_at = spec->lock_at;
	t->memory = !t->block && target_is_memory(t->fd);
	t->direct = spec->direct && !t->memory && target_go_direct(t);
	target_discard(spec, t, &st);
	return 0;
}

int target_open(const struct target_spec *spec, struct target *ret, struct xg_err *err)
{
	struct target t = { .fd = -1 };
	struct stat st;
	int rc = target_stat(spec, &st, err);

	if (!rc)
		rc = target_kind(spec, &st, err);
	if (!rc)
		rc = target_open_fd(spec, &st, &t.fd, err);
	if (!rc)
		rc = target_fill(spec, &t, err);
	if (rc)
		target_close(&t);
	else
		*ret = t;
	return rc;
}

int target_claim(struct target *t, const char *path, struct xg_err *err)
{
	const struct target_spec spec = { .path = path, .writable = t->writable, .lock = true, .lock_at = t->lock_at };
	int fd, rc = target_lock(&spec, t->fd, err);

	if (rc || !t->block || !t->writable || t->claim || t->lock_at)
		return rc;
	fd = open(path, O_CLOEXEC | O_RDONLY | O_EXCL);
	if (fd < 0)
		return xg_fail_errno(err, errno, "cannot claim %s", path);
	t->claim = fd;
	return 0;
}

void target_close(struct target *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->claim)
		close(t->claim);
	t->fd = -1;
	t->claim = 0;
}

static int32_t target_result(ssize_t n)
{
	return n < 0 ? -errno : (int32_t)n;
}

/* For memory: a worker of the kernel's would cost more than the copy. */
static int32_t target_io_now(struct target *t, enum target_op what, void *buf, uint64_t bytes, uint64_t offset)
{
	switch (what) {
	case TARGET_READ:
		return target_result(pread(t->fd, buf, bytes, offset));
	case TARGET_WRITE:
		return target_result(pwrite(t->fd, buf, bytes, offset));
	case TARGET_FLUSH:
		return 0;
	case TARGET_DISCARD:
		return target_result(fallocate(t->fd, t->discard_mode, offset, bytes));
	}
	return -EINVAL;
}

static int target_begin(struct target *t, struct loop *l, struct loop_op *op, enum target_op what, void *buf,
			uint64_t bytes, uint64_t offset)
{
	switch (what) {
	case TARGET_READ:
		return loop_read(l, op, t->fd, buf, bytes, offset);
	case TARGET_WRITE:
		return loop_write(l, op, t->fd, buf, bytes, offset);
	case TARGET_FLUSH:
		return loop_datasync(l, op, t->fd);
	case TARGET_DISCARD:
		return loop_fallocate(l, op, t->fd, t->discard_mode, offset, bytes);
	}
	return -EINVAL;
}

int target_io(struct target *t, struct loop *l, struct loop_op *op, enum target_op what, void *buf, uint64_t bytes,
	      uint64_t offset, int32_t *ret_res)
{
	int rc;

	if (t->memory) {
		*ret_res = target_io_now(t, what, buf, bytes, offset);
		return 1;
	}
	rc = target_begin(t, l, op, what, buf, bytes, offset);
	if (rc)
		*ret_res = rc;
	return rc != 0;
}
