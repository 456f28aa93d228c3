// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Xenstore areas, the backend's process and its capabilities. Called by attach, detach and recover. Reads
 * what the backend wrote (Dom0's own), never what the guest could have.
 */
#include "dom0-tools/ops/connect.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hotswap/wait.h"

/* enum xenbus_state: public/io/xenbus.h. */
enum {
	XB_INITIALISING = 1, XB_INIT_WAIT = 2, XB_INITIALISED = 3, XB_CONNECTED = 4, XB_CLOSING = 5, XB_CLOSED = 6,
};

#define BACKEND_READY_MS 10000
#define BACKEND_CONNECT_MS 10000	/* libxl gives a device as long */
#define BACKEND_CLOSE_MS 10000

void xg_frontend_path(struct xg_link_id id, char path[XG_STORE_PATH_MAX])
{
	snprintf(path, XG_STORE_PATH_MAX, "/local/domain/%u/xengraft/vbd/%u", id.domid, id.devid);
}

void xg_backend_path(struct xg_link_id id, char path[XG_STORE_PATH_MAX])
{
	snprintf(path, XG_STORE_PATH_MAX, "/local/domain/0/backend/xengraft-vbd/%u/%u", id.domid, id.devid);
}

struct node {
	const char *name;
	const char *value;
};

static int nodes_write(struct xg_store *s, const char *dir, const struct node *nodes, size_t count, struct xg_err *err)
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

#define NODES(...) (const struct node[]){ __VA_ARGS__ }, sizeof((const struct node[]){ __VA_ARGS__ }) / sizeof(struct node)

static bool target_is_block_device(const char *target)
{
	struct stat st;

	return !stat(target, &st) && S_ISBLK(st.st_mode);
}

static int areas_write(struct xg_store *s, struct xg_link_id id, const struct xg_disk_spec *spec, const char *guest,
		       const char *uuid, struct xg_err *err)
{
	char front[XG_STORE_PATH_MAX], back[XG_STORE_PATH_MAX], domid[16], devid[16], root[XG_STORE_PATH_MAX];
	int rc;

	xg_frontend_path(id, front);
	xg_backend_path(id, back);
	snprintf(domid, sizeof(domid), "%u", id.domid);
	snprintf(devid, sizeof(devid), "%u", id.devid);
	snprintf(root, sizeof(root), "/local/domain/%u/xengraft", id.domid);
	rc = xg_store_mkdir(s, back, 0, 0, err);
	if (!rc)
		rc = nodes_write(s, back, NODES(
			{ "frontend", front }, { "frontend-id", domid }, { "online", "1" }, { "state", "1" },
			{ "params", spec->target }, { "type", target_is_block_device(spec->target) ? "phy" : "file" },
			{ "mode", spec->read_only ? "r" : "w" }, { "dev", spec->vdev }, { "domain", guest },
			{ "domain-uuid", uuid }, { "format", spec->format }, { "removable", spec->removable ? "1" : "0" },
			{ "device-type", spec->cdrom ? "cdrom" : "disk" },
			{ "discard-enable", spec->discard && !spec->read_only ? "1" : "0" },
			{ "direct-io-safe", spec->direct_io_safe ? "1" : "0" }), err);
	if (!rc)
		rc = xg_store_mkdir(s, root, 0, id.domid, err);
	if (!rc)
		rc = xg_store_mkdir(s, front, 0, id.domid, err);
	if (!rc)
		rc = nodes_write(s, front, NODES(
			{ "backend", back }, { "backend-id", "0" }, { "state", "1" }, { "virtual-device", devid },
			{ "device-type", spec->cdrom ? "cdrom" : "disk" }), err);
	return rc;
}

int xg_connect_areas(struct xg_store *s, struct xg_link_id id, const struct xg_disk_spec *spec, const char *guest,
		     const char *uuid, struct xg_err *err)
{
	char back[XG_STORE_PATH_MAX], state[XG_STORE_PATH_MAX + 8];
	uint64_t there;
	int rc, tries;

	xg_backend_path(id, back);
	snprintf(state, sizeof(state), "%s/state", back);
	for (tries = 0; tries < XG_STORE_RETRIES; tries++) {
		rc = xg_store_begin(s, err);
		if (rc)
			return rc;
		rc = xg_store_read_u64(s, state, &there, err);
		if (!rc)
			rc = xg_fail(err, EEXIST, "%s is in use", back);
		else if (rc == -ENOENT)
			rc = areas_write(s, id, spec, guest, uuid, err);
		if (rc) {
			(void)xg_store_end(s, false, NULL);
			return rc;
		}
		rc = xg_store_end(s, true, err);
		if (rc != -EAGAIN)
			return rc;
	}
	return rc;
}

/* PATH with all below it, and then what is empty above it, LEVELS of it. */
static int prune_once(struct xg_store *s, const char *path, int levels, struct xg_err *err)
{
	char at[XG_STORE_PATH_MAX];
	char **children, *slash;
	size_t count;
	int rc;

	snprintf(at, sizeof(at), "%s", path);
	rc = xg_store_remove(s, at, err);
	while (!rc && levels-- > 0 && (slash = strrchr(at, '/'))) {
		*slash = '\0';
		rc = xg_store_list(s, at, &children, &count, err);
		if (rc)
			return rc == -ENOENT ? 0 : rc;
		free(children);
		if (count)
			return 0;
		rc = xg_store_remove(s, at, err);
	}
	return rc;
}

/* As a transaction: what is empty now may be another operation's folder a moment later. */
static int prune(struct xg_store *s, const char *path, int levels, struct xg_err *err)
{
	int rc = -EAGAIN, tries;

	for (tries = 0; rc == -EAGAIN && tries < XG_STORE_RETRIES; tries++) {
		rc = xg_store_begin(s, err);
		if (rc)
			return rc;
		rc = prune_once(s, path, levels, err);
		if (rc)
			(void)xg_store_end(s, false, NULL);
		else
			rc = xg_store_end(s, true, err);
	}
	return rc;
}

int xg_connect_areas_remove(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX];
	int rc;

	xg_frontend_path(id, path);
	rc = prune(s, path, 2, err);
	xg_backend_path(id, path);
	return rc ? rc : prune(s, path, 2, err);
}

/* ---- the backend's process ------------------------------------------------------------------------------------ */

/*
 * In the child of the child: an orphan in a session of its own, its output nowhere but in its log. It says who
 * it is and goes on only when told to: once its id is noted, so that no backend can be left that nobody knows of.
 */
static void backend_exec(const char *program, const char *path, const char *log, int ready)
{
	int null = open("/dev/null", O_RDWR);
	char go;

	setsid();
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	if (dup2(ready, 3) < 0)
		_exit(127);
	if (ready != 3)
		close(ready);
	/* Nothing else of ours may stay open in it: a lock that it inherits would outlive us. */
	(void)syscall(SYS_close_range, 4u, ~0u, 0u);
	dprintf(3, "pid %d\n", (int)getpid());
	if (read(3, &go, 1) != 1)
		_exit(127);
	execl(program, program, "--foreground", "--path", path, "--log", log, "--ready-fd", "3", (char *)NULL);
	dprintf(3, "error: cannot run %s: %s\n", program, strerror(errno));
	_exit(127);
}

static int backend_spawn(const char *program, const char *path, const char *log, int *ret_ready, struct xg_err *err)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return xg_fail_errno(err, errno, "socket to the backend");
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		if (fork() == 0)
			backend_exec(program, path, log, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return xg_fail_errno(err, errno, "cannot start the backend");
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ret_ready = ends[0];
	return 0;
}

/* Two lines: "pid N", ours, and "ready" or "error: why", the backend's. The end of file means that it died. */
static int backend_line(int fd, uint64_t end, const char *log, char *line, size_t size, struct xg_err *err)
{
	size_t len = 0;
	uint64_t now;
	ssize_t got;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		now = xg_now_ms();
		if (now >= end || poll(&p, 1, (int)(end - now)) == 0)
			return xg_fail(err, ETIMEDOUT, "the backend was not ready within %u s: see %s",
				       BACKEND_READY_MS / 1000, log);
		/* Byte by byte: what follows the line is the next call's. */
		got = read(fd, line + len, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return xg_fail(err, EIO, "the backend ended before it was ready: see %s", log);
		if (line[len] == '\n' || ++len == size - 1) {
			line[len] = '\0';
			return 0;
		}
	}
}

static int backend_ready_wait(struct xg_store *s, const char *back, int fd, const char *log, struct xg_err *err)
{
	uint64_t end = xg_now_ms() + BACKEND_READY_MS;
	char line[sizeof(err->text)], path[XG_STORE_PATH_MAX + 8];
	int rc;

	rc = backend_line(fd, end, log, line, sizeof(line), err);
	snprintf(path, sizeof(path), "%s/pid", back);
	if (!rc && strncmp(line, "pid ", 4))
		rc = xg_fail(err, EPROTO, "the backend's process began with '%s'", line);
	if (!rc)
		rc = xg_store_write(s, path, line + 4, err);
	if (!rc && send(fd, "g", 1, MSG_NOSIGNAL) != 1)
		rc = xg_fail_errno(err, errno, "the backend ended at once");
	if (!rc)
		rc = backend_line(fd, end, log, line, sizeof(line), err);
	if (rc || !strcmp(line, "ready"))
		return rc;
	return xg_fail(err, EIO, "%s", !strncmp(line, "error: ", 7) ? line + 7 : line);
}

int xg_connect_backend_start(struct xg_store *s, const char *program, struct xg_link_id id, const char *log,
			     struct xg_err *err)
{
	int ready xg_auto_close = -1;
	char path[XG_STORE_PATH_MAX];
	int rc;

	xg_backend_path(id, path);
	rc = backend_spawn(program, path, log, &ready, err);
	return rc ? rc : backend_ready_wait(s, path, ready, log, err);
}

/* The backend's process, by the id noted when it was started: *RET is -1 when there is none any more. */
static int backend_pidfd(struct xg_store *s, struct xg_link_id id, int *ret, struct xg_err *err)
{
	char back[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8], exe[64], link[1024];
	uint64_t pid;
	ssize_t len;
	int fd, rc;

	*ret = -1;
	xg_backend_path(id, back);
	snprintf(path, sizeof(path), "%s/pid", back);
	rc = xg_store_read_u64(s, path, &pid, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (pid < 2 || pid > INT32_MAX)
		return xg_fail(err, EINVAL, "%s is %llu, no process", path, (unsigned long long)pid);
	fd = syscall(SYS_pidfd_open, (pid_t)pid, 0u);
	if (fd < 0)
		return errno == ESRCH ? 0 : xg_fail_errno(err, errno, "the backend's process %u", (unsigned int)pid);
	/* The number may be another process's by now: it has to be a backend's. */
	snprintf(exe, sizeof(exe), "/proc/%u/exe", (unsigned int)pid);
	len = readlink(exe, link, sizeof(link) - 1);
	link[len > 0 ? len : 0] = '\0';
	if (strstr(link, "xengraft-backend"))
		*ret = fd;
	else
		close(fd);
	return 0;
}

static bool pidfd_ended(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

int xg_connect_backend_stop(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	char front[XG_STORE_PATH_MAX], back[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8];
	int fd xg_auto_close = -1;
	int rc = backend_pidfd(s, id, &fd, err);

	if (rc || fd < 0)
		return rc;
	xg_frontend_path(id, front);
	xg_backend_path(id, back);
	snprintf(path, sizeof(path), "%s/online", back);
	(void)xg_store_write(s, path, "0", NULL);
	snprintf(path, sizeof(path), "%s/state", front);
	(void)xg_store_writef(s, NULL, path, "%d", XB_CLOSING);
	if (pidfd_ended(fd, BACKEND_CLOSE_MS))
		return 0;
	(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0u);
	if (pidfd_ended(fd, 2000))
		return 0;
	return xg_fail(err, ETIMEDOUT, "the backend of %s does not end: it waits for its device", back);
}

/* ---- capabilities and rings ----------------------------------------------------------------------------------- */

static int cap(struct xg_store *s, const char *back, const char *name, uint64_t fallback, uint64_t most, uint64_t *ret,
	       struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX + 64];
	int rc;

	snprintf(path, sizeof(path), "%s/%s", back, name);
	rc = xg_store_read_u64_or(s, path, fallback, ret, err);
	if (!rc && *ret > most)
		rc = xg_fail(err, ERANGE, "%s is %llu, at most %llu", path, (unsigned long long)*ret,
			     (unsigned long long)most);
	return rc;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* VDISK_* of public/io/blkif.h. */
#define VDISK_CDROM 1
#define VDISK_REMOVABLE 2
#define VDISK_READONLY 4

int xg_connect_params(struct xg_store *s, struct xg_link_id id, unsigned int vcpus, struct xg_block_params *ret,
		      struct xg_err *err)
{
	uint64_t sectors, logical, physical, info, flush, discard, secure, granularity, alignment, indirect, queues, order;
	struct xg_block_params p = { .sectors = 0 };
	char back[XG_STORE_PATH_MAX];
	size_t i;
	int rc = 0;

	xg_backend_path(id, back);
	const struct { const char *name; uint64_t fallback, most; uint64_t *to; } rows[] = {
		{ "sectors", 0, UINT64_C(1) << 54, &sectors },
		{ "sector-size", 512, 4096, &logical },
		{ "physical-sector-size", 512, 1 << 20, &physical },
		{ "info", 0, UINT32_MAX, &info },
		{ "feature-flush-cache", 0, 1, &flush },
		{ "feature-discard", 0, 1, &discard },
		{ "discard-secure", 0, 1, &secure },
		{ "discard-granularity", 512, UINT32_MAX, &granularity },
		{ "discard-alignment", 0, UINT32_MAX, &alignment },
		{ "feature-max-indirect-segments", 0, UINT32_MAX, &indirect },
		{ "multi-queue-max-queues", 1, UINT32_MAX, &queues },
		{ "max-ring-page-order", 0, UINT32_MAX, &order },
	};
	for (i = 0; !rc && i < sizeof(rows) / sizeof(rows[0]); i++)
		rc = cap(s, back, rows[i].name, rows[i].fallback, rows[i].most, rows[i].to, err);
	if (rc)
		return rc;
	if (!sectors)
		return xg_fail(err, EINVAL, "the disk is empty: the backend offers 0 sectors");
	if (logical < XG_ABI_SECTOR || (logical & (logical - 1)) || physical < logical || (physical & (physical - 1)) ||
	    sectors % (logical / XG_ABI_SECTOR))
		return xg_fail(err, EINVAL, "the backend offers %llu sectors in blocks of %llu and %llu bytes",
			       (unsigned long long)sectors, (unsigned long long)logical, (unsigned long long)physical);
	p.sectors = sectors;
	p.logical_bytes = logical;
	p.physical_bytes = physical;
	p.flags = (info & VDISK_READONLY ? XG_BLK_READ_ONLY : 0) | (info & VDISK_REMOVABLE ? XG_BLK_REMOVABLE : 0) |
		  (info & VDISK_CDROM ? XG_BLK_CDROM : 0) | (flush ? XG_BLK_FLUSH : 0) |
		  (discard ? XG_BLK_DISCARD : 0) | (discard && secure ? XG_BLK_SECURE_DISCARD : 0);
	p.max_indirect = min_u64(indirect, XG_SEGMENTS_MAX);
	p.discard_granularity = discard ? granularity : 0;
	p.discard_alignment = discard ? alignment : 0;
	p.nr_queues = min_u64(min_u64(queues ? queues : 1, vcpus ? vcpus : 1), XG_QUEUES_MAX);
	p.ring_order = min_u64(order, 2);
	*ret = p;
	return 0;
}

static int queue_write(struct xg_store *s, const char *dir, const struct xg_queue *q, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX + 64];
	uint32_t i;
	int rc = 0;

	/* A ring of one page is called ring-ref, of several ring-ref0, ring-ref1 …: public/io/blkif.h. */
	for (i = 0; !rc && i < q->ring_pages; i++) {
		if (q->ring_pages == 1)
			snprintf(path, sizeof(path), "%s/ring-ref", dir);
		else
			snprintf(path, sizeof(path), "%s/ring-ref%u", dir, i);
		rc = xg_store_writef(s, err, path, "%u", q->ring_ref[i]);
	}
	snprintf(path, sizeof(path), "%s/event-channel", dir);
	return rc ? rc : xg_store_writef(s, err, path, "%u", q->event_port);
}

static int rings_write(struct xg_store *s, const char *front, const struct xg_device_rings *rings, uint32_t ring_order,
		       struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX + 64];
	uint32_t i;
	int rc = 0;

	if (rings->nr_queues == 1)
		rc = queue_write(s, front, &rings->queues[0], err);
	for (i = 0; !rc && rings->nr_queues > 1 && i < rings->nr_queues; i++) {
		snprintf(path, sizeof(path), "%s/queue-%u", front, i);
		rc = queue_write(s, path, &rings->queues[i], err);
	}
	if (!rc && rings->nr_queues > 1) {
		snprintf(path, sizeof(path), "%s/multi-queue-num-queues", front);
		rc = xg_store_writef(s, err, path, "%u", rings->nr_queues);
	}
	if (!rc && rings->queues[0].ring_pages > 1) {
		snprintf(path, sizeof(path), "%s/ring-page-order", front);
		rc = xg_store_writef(s, err, path, "%u", ring_order);
	}
	snprintf(path, sizeof(path), "%s/protocol", front);
	if (!rc)
		rc = xg_store_write(s, path, "x86_64-abi", err);
	snprintf(path, sizeof(path), "%s/state", front);
	return rc ? rc : xg_store_writef(s, err, path, "%d", XB_INITIALISED);
}

/* Waits by a watch until the backend's state is WANTED. */
static int backend_state_wait(struct xg_store *s, struct xg_link_id id, uint64_t wanted, int timeout_ms, struct xg_err *err)
{
	char back[XG_STORE_PATH_MAX], state[XG_STORE_PATH_MAX + 16], reason[512] = "", fired[8], token[32];
	uint64_t now, value = 0, end = xg_now_ms() + timeout_ms;
	int rc;

	xg_backend_path(id, back);
	snprintf(state, sizeof(state), "%s/state", back);
	rc = xg_store_watch(s, state, "xengraft-connect", err);
	if (rc)
		return rc;
	for (;;) {
		struct pollfd p = { .fd = xg_store_fd(s), .events = POLLIN };

		while (xg_store_event(s, fired, sizeof(fired), token, sizeof(token), NULL) == 1)
			;
		rc = xg_store_read_u64(s, state, &value, err);
		now = xg_now_ms();
		if (rc || value == wanted || value >= XB_CLOSING || now >= end)
			break;
		if (poll(&p, 1, (int)(end - now)) < 0 && errno != EINTR) {
			rc = xg_fail_errno(err, errno, "xenstore");
			break;
		}
	}
	(void)xg_store_unwatch(s, state, "xengraft-connect", NULL);
	if (rc || value == wanted)
		return rc;
	snprintf(state, sizeof(state), "%s/error", back);
	if (!xg_store_read(s, state, reason, sizeof(reason), NULL))
		return xg_fail(err, EIO, "the backend did not connect: %s", reason);
	return xg_fail(err, ETIMEDOUT, "the backend did not connect: its state is %llu", (unsigned long long)value);
}

int xg_connect_rings(struct xg_store *s, struct xg_link_id id, const struct xg_device_rings *rings,
		     uint32_t ring_order, struct xg_err *err)
{
	char front[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8];
	int rc;

	xg_frontend_path(id, front);
	rc = rings_write(s, front, rings, ring_order, err);
	if (!rc)
		rc = backend_state_wait(s, id, XB_CONNECTED, BACKEND_CONNECT_MS, err);
	snprintf(path, sizeof(path), "%s/state", front);
	return rc ? rc : xg_store_writef(s, err, path, "%d", XB_CONNECTED);
}

/* ---- announcing ------------------------------------------------------------------------------------------------ */

/* ~/drivers/<n>: a device's n is its id; the personality's is one that no device has. */
#define DRIVERS_CORE 65534u

static int announce_driver(struct xg_store *s, uint32_t domid, uint32_t n, const char *what, const char *version,
			   struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX];

	snprintf(path, sizeof(path), "/local/domain/%u/drivers/%u", domid, n);
	return xg_store_writef(s, err, path, "xengraft %s %s", what, version);
}

static int announce_driver_remove(struct xg_store *s, uint32_t domid, uint32_t n, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX];

	snprintf(path, sizeof(path), "/local/domain/%u/drivers/%u", domid, n);
	return xg_store_remove(s, path, err);
}

int xg_announce_core(struct xg_store *s, uint32_t domid, const struct xg_image *image, const struct xg_core_record *core,
		     struct xg_err *err)
{
	char dir[XG_STORE_PATH_MAX], what[sizeof(image->note.release) + 16], va[32], pages[32];
	int rc;

	snprintf(dir, sizeof(dir), "/local/domain/%u/xengraft/personality", domid);
	snprintf(what, sizeof(what), "linux-%s", image->note.release);
	snprintf(va, sizeof(va), "%#llx", (unsigned long long)core->va.v);
	snprintf(pages, sizeof(pages), "%u", core->text_pages + core->data_pages);
	rc = xg_store_mkdir(s, dir, 0, domid, err);
	if (!rc)
		rc = nodes_write(s, dir, NODES({ "image", what }, { "version", image->note.version },
			{ "sha256", image->digest }, { "window", va }, { "pages", pages }), err);
	return rc ? rc : announce_driver(s, domid, DRIVERS_CORE, what, image->note.version, err);
}

int xg_announce_core_remove(struct xg_store *s, uint32_t domid, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "/local/domain/%u/xengraft/personality", domid);
	rc = prune(s, path, 1, err);
	return rc ? rc : announce_driver_remove(s, domid, DRIVERS_CORE, err);
}

int xg_announce_device(struct xg_store *s, struct xg_link_id id, const struct xg_image *image,
		       const struct xg_device_record *device, struct xg_err *err)
{
	char front[XG_STORE_PATH_MAX], dir[XG_STORE_PATH_MAX + 16], va[32], what[80];
	int rc;

	xg_frontend_path(id, front);
	snprintf(dir, sizeof(dir), "%s/driver", front);
	snprintf(what, sizeof(what), "%s-%s", image->note.device, image->note.mode);
	snprintf(va, sizeof(va), "%#llx", (unsigned long long)device->va.v);
	rc = nodes_write(s, dir, NODES({ "image", what }, { "mode", image->note.mode }, { "version", image->note.version },
		{ "sha256", image->digest }, { "window", va }), err);
	return rc ? rc : announce_driver(s, id.domid, id.devid, what, image->note.version, err);
}

int xg_announce_device_remove(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	return announce_driver_remove(s, id.domid, id.devid, err);
}
