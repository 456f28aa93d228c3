// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kind of backend that is the control domain's kernel: xen-blkback, on a block device. Called through the table in
 * backend_kind.c. Facts: Linux, drivers/block/xen-blkback/xenbus.c; Xen, public/io/blkif.h.
 *
 * It announces the device's size and cache only when it connects, when our driver has its rings already: so those are
 * asked of the device itself, in the same way.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "dom0-tools/ops/backend_kind.h"
#include "hotswap/wait.h"

#define DRIVER "/sys/bus/xen-backend/drivers/vbd"
#define DEVICES "/sys/bus/xen-backend/devices"

/*
 * The kernel names the device vbd-<domid>-<name>, in at most 19 characters: xenbus.h, XEN_BUS_ID_SIZE. xl's disks have
 * numbers there, ours a letter and the number in hexadecimal.
 */
static void blkback_name(struct xg_link_id id, char name[16])
{
	snprintf(name, 16, "%c%x", id.half ? 'b' : 'a', id.devid);
}

static void blkback_path(struct xg_link_id id, char path[XG_STORE_PATH_MAX])
{
	char name[16];

	blkback_name(id, name);
	snprintf(path, XG_STORE_PATH_MAX, "/local/domain/0/backend/vbd/%u/%s", id.domid, name);
}

static bool blkback_named(const char *name, uint32_t half, uint32_t *ret)
{
	char *end;

	if (name[0] != (half ? 'b' : 'a') || !name[1])
		return false;
	*ret = strtoul(name + 1, &end, 16);
	return !*end;
}

static int blkback_check(const struct xg_disk_spec *spec, struct xg_err *err)
{
	struct stat st;
	int rc = xg_target_look(spec, "paravirtual", &st, err);

	if (rc)
		return rc;
	if (!S_ISBLK(st.st_mode))
		return xg_fail(err, EINVAL,
			       "target %s is no block device: paravirtual mode needs one (losetup makes one of a file)",
			       spec->target);
	return 0;
}

static int blkback_nodes(struct xg_store *s, const char *back, const struct xg_disk_spec *spec,
			 const struct xg_areas *a, struct xg_err *err)
{
	char device[32];
	struct stat st;

	(void)a;
	if (stat(spec->target, &st))
		return xg_fail_errno(err, errno, "target %s", spec->target);
	/* What a hotplug script would have written: there is none for us, and none is wanted. */
	snprintf(device, sizeof(device), "%x:%x", major(st.st_rdev), minor(st.st_rdev));
	return xg_nodes_write(s, back, XG_NODES({ "physical-device", device }, { "hotplug-status", "connected" }), err);
}

/* ---- What is there --------------------------------------------------------------------------------------------- */

struct look {
	struct xg_store *s;
	struct xg_link_id id;
	uint64_t least;		/* state waited for */
	uint64_t state;		/* 0: no area */
};

static uint64_t node_u64(struct xg_store *s, struct xg_link_id id, const char *name, uint64_t fallback)
{
	char back[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 64];
	uint64_t value;

	blkback_path(id, back);
	snprintf(path, sizeof(path), "%s/%s", back, name);
	return xg_store_read_u64(s, path, &value, NULL) ? fallback : value;
}

static bool state_reached(void *ctx)
{
	struct look *l = ctx;

	l->state = node_u64(l->s, l->id, "state", 0);
	return l->state >= l->least || !l->state;
}

static bool device_there(struct xg_link_id id)
{
	char name[16], path[128];

	blkback_name(id, name);
	snprintf(path, sizeof(path), DEVICES "/vbd-%u-%s", id.domid, name);
	return !access(path, F_OK);
}

static bool device_gone(void *ctx)
{
	return !device_there(((struct look *)ctx)->id);
}

/* The kernel's own words about the device, written where the toolstack looks for them: xenbus_dev_error(). */
static void kernel_error(struct xg_store *s, struct xg_link_id id, char *buf, size_t size)
{
	char back[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 64];

	blkback_path(id, back);
	snprintf(path, sizeof(path), "/local/domain/0/error/%s/error", back + strlen("/local/domain/0/"));
	if (xg_store_read(s, path, buf, size, NULL))
		snprintf(buf, size, "the kernel's log may say why");
}

/* ---- start ----------------------------------------------------------------------------------------------------- */

static int module_load(struct xg_err *err)
{
	const char *const argv[] = { "modprobe", "-q", "xen-blkback", NULL };
	int rc, status = 0;
	pid_t pid;

	if (!access(DRIVER, F_OK))
		return 0;
	rc = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
	if (rc)
		return xg_fail(err, rc, "cannot run modprobe: %s", strerror(rc));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!access(DRIVER, F_OK))
		return 0;
	return xg_fail(err, ENODEV,
		       "paravirtual mode needs the kernel's xen-blkback, and 'modprobe xen-blkback' failed");
}

/* A number that sysfs has of the device's queue; a partition's is its disk's. */
static uint64_t queue_u64(dev_t dev, const char *name)
{
	static const char *const where[] = { "", "../" };
	char path[128], text[32];
	size_t i;

	for (i = 0; i < 2; i++) {
		int fd xg_auto_close = -1;
		ssize_t len;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s", major(dev), minor(dev), where[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (len <= 0)
			continue;
		text[len] = '\0';
		return strtoull(text, NULL, 10);
	}
	return 0;
}

/* A parameter of the module, a number or Y or N (1, 0); -1: there is none. */
static long module_parameter(const char *name)
{
	int fd xg_auto_close = -1;
	char path[128], text[24] = "";

	snprintf(path, sizeof(path), "/sys/module/xen_blkback/parameters/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	return text[0] == 'Y' ? 1 : strtol(text, NULL, 10);
}

/* As long as a guest's pages may stay mapped that it does not use any more. */
#define KEPT_UNUSED_S_MAX 300

/*
 * The grants that it would leave mapped in each queue, 0: none. Its own node about that comes when it connects, and
 * does not say how many.
 */
static unsigned long grants_kept(void)
{
	long unused_s = module_parameter("persistent_grant_unused_seconds"),
	     most = module_parameter("max_persistent_grants");

	if (module_parameter("feature_persistent") != 1 || unused_s <= 0 || unused_s > KEPT_UNUSED_S_MAX || most <= 0)
		return 0;
	return (unsigned long)most;
}

/* A flush is never refused by it, and a device without a cache does nothing for one: so it is always offered. */
static int offer_make(struct xg_store *s, struct xg_link_id id, struct xg_backend *b, struct xg_err *err)
{
	int fd xg_auto_close = open(b->target, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint64_t bytes, granularity, discard;
	unsigned int physical;
	struct stat st;
	int logical;

	if (fd < 0 || fstat(fd, &st) || ioctl(fd, BLKGETSIZE64, &bytes) || ioctl(fd, BLKSSZGET, &logical) ||
	    ioctl(fd, BLKPBSZGET, &physical))
		return xg_fail_errno(err, errno, "cannot ask %s for its size", b->target);
	discard = node_u64(s, id, "discard-enable", 1) && queue_u64(st.st_rdev, "discard_max_bytes");
	granularity = queue_u64(st.st_rdev, "discard_granularity");
	if (bytes % physical)
		physical = logical;
	snprintf(b->offer, sizeof(b->offer),
		 "ready sectors=%llu sector-size=%d physical-sector-size=%u feature-flush-cache=1 feature-discard=%d "
		 "discard-granularity=%llu info=%d feature-max-indirect-segments=%llu multi-queue-max-queues=%llu "
		 "max-ring-page-order=%llu kept-grants=%lu",
		 (unsigned long long)(bytes / logical * (logical / XG_ABI_SECTOR)), logical, physical,
		 discard && granularity, (unsigned long long)(granularity ? granularity : (uint64_t)logical),
		 b->read_only ? 4 : 0, (unsigned long long)node_u64(s, id, "feature-max-indirect-segments", 0),
		 (unsigned long long)node_u64(s, id, "multi-queue-max-queues", 1),
		 (unsigned long long)node_u64(s, id, "max-ring-page-order", 0), grants_kept());
	return 0;
}

uint32_t xg_blkback_queues(uint32_t most)
{
	long queues = module_parameter("max_queues");

	if (queues <= 0)
		queues = sysconf(_SC_NPROCESSORS_ONLN);
	return queues > 0 && (uint64_t)queues < most ? (uint32_t)queues : most;
}

static int blkback_start(struct xg_store *s, const char *program, struct xg_link_id id, struct xg_backend *b,
			 struct xg_err *err)
{
	struct look look = { .s = s, .id = id, .least = XB_INIT_WAIT };
	char why[200];
	int rc = module_load(err);

	(void)program;
	if (rc)
		return rc;
	if (!xg_wait_ms(state_reached, &look, XG_BACKEND_READY_MS) || look.state != XB_INIT_WAIT) {
		kernel_error(s, id, why, sizeof(why));
		return xg_fail(err, ETIMEDOUT, "xen-blkback did not take the disk within %u s: %s",
			       XG_BACKEND_READY_MS / 1000, why);
	}
	return offer_make(s, id, b, err);
}

static int blkback_connected(struct xg_store *s, struct xg_link_id id, const struct xg_backend *b, struct xg_err *err)
{
	struct look look = { .s = s, .id = id, .least = XB_CONNECTED };
	char why[200];

	(void)b;
	if (xg_wait_ms(state_reached, &look, XG_BACKEND_CONNECT_MS) && look.state == XB_CONNECTED)
		return 0;
	kernel_error(s, id, why, sizeof(why));
	return xg_fail(err, ETIMEDOUT, "xen-blkback did not connect: %s", why);
}

/* ---- stop ------------------------------------------------------------------------------------------------------ */

/*
 * As a frontend does that goes: Closing, Closed; with `online` 0 the kernel then forgets the device. Its being gone
 * from sysfs is the proof that rings are unmapped and the target is closed.
 */
static int blkback_stop(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	struct look look = { .s = s, .id = id, .least = XB_CLOSING };
	char back[XG_STORE_PATH_MAX];

	blkback_path(id, back);
	if (!device_there(id))
		return 0;
	if (node_u64(s, id, "state", 0)) {
		xg_backend_offline(s, back);
		xg_frontend_state(s, id, XB_CLOSING);
		(void)xg_wait_ms(state_reached, &look, 1000);
		xg_frontend_state(s, id, XB_CLOSED);
	}
	if (xg_wait_ms(device_gone, &look, XG_BACKEND_CLOSE_MS))
		return 0;
	return xg_fail(err, ETIMEDOUT, "xen-blkback does not let go of %s: it waits for its device", back);
}

/* Its requests are the kernel's own: nobody can take them back. */
static int blkback_kill(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	(void)s;
	(void)id;
	return xg_fail(err, EOPNOTSUPP, "what xen-blkback has begun can't be taken from it");
}

static int blkback_lives(struct xg_store *s, struct xg_link_id id, bool *ret, struct xg_err *err)
{
	(void)s;
	(void)err;
	*ret = device_there(id);
	return 0;
}

const struct xg_backend_kind xg_backend_blkback = {
	.name = "xen-blkback", .mode = "paravirtual", .folders = 1,
	.path = blkback_path, .named = blkback_named, .check = blkback_check, .nodes = blkback_nodes,
	.start = blkback_start, .connected = blkback_connected, .stop = blkback_stop, .kill = blkback_kill,
	.lives = blkback_lives,
};
