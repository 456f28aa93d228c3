// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Xenstore areas, and what the kinds of backend have in common (backend_kind.h has what they don't). Called by attach,
 * swap, detach and recover. Reads what the backend wrote (Dom0's own), never what the guest could have.
 */
#include "dom0-tools/ops/connect.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dom0-tools/ops/backend_kind.h"
#include "lib/base/array.h"

/* The last part is the disk's number in either half: xen-blkback takes the disk's handle from there. */
void xg_frontend_path(struct xg_link_id id, char path[XG_STORE_PATH_MAX])
{
	snprintf(path, XG_STORE_PATH_MAX, "/local/domain/%u/xengraft/%s/%u", id.domid, id.half ? "vbd-b" : "vbd",
		 id.devid);
}

void xg_frontend_state(struct xg_store *s, struct xg_link_id id, unsigned int state)
{
	char front[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8], value[16];

	xg_frontend_path(id, front);
	snprintf(path, sizeof(path), "%s/state", front);
	snprintf(value, sizeof(value), "%u", state);
	(void)xg_store_update(s, path, value, NULL);
}

void xg_backend_offline(struct xg_store *s, const char *back)
{
	char path[XG_STORE_PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/online", back);
	(void)xg_store_update(s, path, "0", NULL);
}

static bool target_is_block_device(const char *target)
{
	struct stat st;

	return !stat(target, &st) && S_ISBLK(st.st_mode);
}

struct making {
	struct xg_link_id id;
	const struct xg_backend_kind *kind;
	const struct xg_disk_spec *spec;
	const struct xg_areas *a;
};

static int areas_write(struct xg_store *s, const struct making *made, struct xg_err *err)
{
	const struct xg_disk_spec *spec = made->spec;
	const struct xg_areas *a = made->a;
	struct xg_link_id id = made->id;
	char front[XG_STORE_PATH_MAX], back[XG_STORE_PATH_MAX], domid[16], devid[16], root[XG_STORE_PATH_MAX];
	int rc;

	xg_frontend_path(id, front);
	made->kind->path(id, back);
	snprintf(domid, sizeof(domid), "%u", id.domid);
	snprintf(devid, sizeof(devid), "%u", id.devid);
	snprintf(root, sizeof(root), "/local/domain/%u/xengraft", id.domid);
	rc = xg_store_mkdir(s, back, 0, 0, err);
	if (!rc)
		rc = xg_nodes_write(s, back, XG_NODES(
			{ "frontend", front }, { "frontend-id", domid }, { "online", "1" }, { "state", "1" },
			{ "params", spec->target }, { "type", target_is_block_device(spec->target) ? "phy" : "file" },
			{ "mode", spec->read_only ? "r" : "w" }, { "dev", spec->vdev },
			{ "domain-uuid", a->uuid }), err);
	if (!rc && spec->removable)
		rc = xg_nodes_write(s, back, XG_NODES({ "removable", "1" }), err);
	if (!rc && (!spec->discard || spec->read_only))
		rc = xg_nodes_write(s, back, XG_NODES({ "discard-enable", "0" }), err);
	if (!rc)
		rc = made->kind->nodes(s, back, spec, a, err);
	/* What is made below it has its permissions: docs/misc/xenstore.txt, MKDIR. */
	if (!rc)
		rc = xg_store_mkdir(s, root, 0, id.domid, err);
	if (!rc)
		rc = xg_nodes_write(s, front, XG_NODES(
			{ "backend", back }, { "backend-id", "0" }, { "state", "1" }, { "virtual-device", devid },
			{ "device-type", spec->cdrom ? "cdrom" : "disk" }), err);
	return rc;
}

static int areas_make(struct xg_store *s, void *ctx, struct xg_err *err)
{
	char back[XG_STORE_PATH_MAX], state[XG_STORE_PATH_MAX + 8];
	const struct making *made = ctx;
	uint64_t there;
	int rc;

	made->kind->path(made->id, back);
	snprintf(state, sizeof(state), "%s/state", back);
	rc = xg_store_read_u64(s, state, &there, err);
	if (!rc)
		return xg_fail(err, EEXIST, "%s is in use", back);
	return rc == -ENOENT ? areas_write(s, made, err) : rc;
}

int xg_connect_areas(struct xg_store *s, struct xg_link_id id, const struct xg_backend_kind *kind,
		     const struct xg_disk_spec *spec, const struct xg_areas *a, struct xg_err *err)
{
	struct making made = { id, kind, spec, a };

	return xg_store_transaction(s, areas_make, &made, err);
}

/* PATH with all below it, and then what is empty above it, LEVELS of it. */
struct prune {
	const char *path;
	int levels;
};

static int prune_once(struct xg_store *s, void *ctx, struct xg_err *err)
{
	const struct prune *p = ctx;
	int levels = p->levels;
	char at[XG_STORE_PATH_MAX];
	char **children, *slash;
	size_t count;
	int rc;

	snprintf(at, sizeof(at), "%s", p->path);
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
	struct prune p = { path, levels };

	return xg_store_transaction(s, prune_once, &p, err);
}

int xg_connect_areas_remove(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX], **children = NULL;
	size_t i, count;
	int rc;

	xg_frontend_path(id, path);
	/* Up to the domain's own folder, which is empty only when it is gone and we made it anew. */
	rc = prune(s, path, 3, err);
	for (i = 0; !rc && i < xg_backend_kind_count; i++) {
		xg_backend_kinds[i]->path(id, path);
		if (xg_store_list(s, path, &children, &count, NULL) == -ENOENT)
			continue;
		free(xg_take(children));
		/* The folder of all backends of a kernel's kind is not ours. */
		rc = prune(s, path, xg_backend_kinds[i]->folders, err);
	}
	return rc;
}

/* ---- whichever kind it is -------------------------------------------------------------------------------------- */

int xg_connect_backend_start(struct xg_store *s, const char *program, struct xg_link_id id, struct xg_backend *b,
			     struct xg_err *err)
{
	return b->kind->start(s, program, id, b, err);
}

void xg_connect_backend_forget(struct xg_backend *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

int xg_connect_backend_stop(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < xg_backend_kind_count; i++)
		rc = xg_backend_kinds[i]->stop(s, id, err);
	return rc;
}

bool xg_connect_is_of(struct xg_store *s, struct xg_link_id id, const char *uuid)
{
	char path[XG_STORE_PATH_MAX + 16], value[64];
	size_t i;

	for (i = 0; i < xg_backend_kind_count; i++) {
		xg_backend_kinds[i]->path(id, path);
		strncat(path, "/domain-uuid", sizeof(path) - strlen(path) - 1);
		if (!xg_store_read(s, path, value, sizeof(value), NULL) && !strcmp(value, uuid))
			return true;
	}
	return false;
}

int xg_connect_each(struct xg_store *s, uint32_t domid,
		    int (*each)(void *ctx, struct xg_link_id id, struct xg_err *err), void *ctx, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX], **names, *slash;
	struct xg_link_id id;
	size_t i, k, count;
	uint32_t half;
	int rc = 0;

	for (k = 0; !rc && k < xg_backend_kind_count * 2; k++) {
		half = k % 2;
		xg_backend_kinds[k / 2]->path((struct xg_link_id){ domid, 0, half }, path);
		slash = strrchr(path, '/');
		*slash = '\0';
		rc = xg_store_list(s, path, &names, &count, err);
		if (rc) {
			rc = rc == -ENOENT ? 0 : rc;
			continue;
		}
		for (i = 0; !rc && i < count; i++)
			if (xg_backend_kinds[k / 2]->named(names[i], half, &id.devid)) {
				id.domid = domid;
				id.half = half;
				rc = each(ctx, id, err);
			}
		free(names);
	}
	return rc;
}

/* ---- capabilities and rings ----------------------------------------------------------------------------------- */

/* " NAME=VALUE" in the offer; FALLBACK when it is not there. */
static int cap(const char *offer, const char *name, uint64_t fallback, uint64_t most, uint64_t *ret, struct xg_err *err)
{
	char key[64], *end;
	const char *at;
	int len;

	len = snprintf(key, sizeof(key), " %s=", name);
	at = strstr(offer, key);
	*ret = fallback;
	if (!at)
		return 0;
	at += len;
	errno = 0;
	*ret = strtoull(at, &end, 10);
	if (*at < '0' || *at > '9' || (*end && *end != ' ') || errno)
		return xg_fail(err, EINVAL, "the backend offers '%.60s', whose %s is no number", at - len + 1, name);
	if (*ret > most)
		return xg_fail(err, ERANGE, "the backend offers %s=%llu, at most %llu is possible", name,
			       (unsigned long long)*ret, (unsigned long long)most);
	return 0;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* VDISK_* of public/io/blkif.h. */
#define VDISK_CDROM 1
#define VDISK_REMOVABLE 2
#define VDISK_READONLY 4

/*
 * One page: 32 requests in flight a queue, as Linux's blkfront has unless told otherwise. For each entry of a ring
 * xen-blkback allocates 264 pieces of memory when it connects and frees them in one go, without a pause, when it
 * leaves: with four pages that was 33,792 pieces: 110 ms of a swap in the lab, and a gap of 20 ms. Our driver keeps a
 * page for each entry, in the guest.
 */
#define RING_ORDER_MAX 0

int xg_connect_params(const char *offer, unsigned int vcpus, struct xg_block_params *ret, struct xg_err *err)
{
	uint64_t sectors, logical, physical, info, flush, discard, secure, granularity, alignment, indirect, queues,
		order, kept;
	struct xg_block_params p = { .sectors = 0 };
	const struct { const char *name; uint64_t fallback, most; uint64_t *to; } rows[] = {
		{ "sectors", 0, UINT64_C(1) << 54, &sectors },
		{ "sector-size", 512, 4096, &logical },
		{ "physical-sector-size", 0, 1 << 20, &physical },
		{ "info", 0, UINT32_MAX, &info },
		{ "feature-flush-cache", 0, 1, &flush },
		{ "feature-discard", 0, 1, &discard },
		{ "discard-secure", 0, 1, &secure },
		{ "discard-granularity", 512, UINT32_MAX, &granularity },
		{ "discard-alignment", 0, UINT32_MAX, &alignment },
		{ "feature-max-indirect-segments", 0, UINT32_MAX, &indirect },
		{ "multi-queue-max-queues", 1, UINT32_MAX, &queues },
		{ "max-ring-page-order", 0, UINT32_MAX, &order },
		{ "kept-grants", 0, UINT32_MAX, &kept },
	};
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < XG_ARRAY_SIZE(rows); i++)
		rc = cap(offer, rows[i].name, rows[i].fallback, rows[i].most, rows[i].to, err);
	if (rc)
		return rc;
	if (!physical)
		physical = logical;
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
		  (discard ? XG_BLK_DISCARD : 0) | (discard && secure ? XG_BLK_SECURE_DISCARD : 0) |
		  (kept > 0 && kept <= XG_KEPT_MAX ? XG_BLK_KEPT : 0);
	p.max_indirect = min_u64(indirect, XG_SEGMENTS_MAX);
	p.discard_granularity = discard ? granularity : 0;
	p.discard_alignment = discard ? alignment : 0;
	p.nr_queues = min_u64(min_u64(queues ? queues : 1, vcpus ? vcpus : 1), XG_QUEUES_MAX);
	p.ring_order = min_u64(order, RING_ORDER_MAX);
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

/* The backend may leave mapped what it has mapped: it would, and the driver has room for as much. */
static bool keeps_grants(const struct xg_device_rings *rings, const struct xg_block_params *p)
{
	return (p->flags & XG_BLK_KEPT) && rings->limits.kept >= XG_KEPT_MAX;
}

static int rings_write(struct xg_store *s, const char *front, const struct xg_device_rings *rings,
		       const struct xg_block_params *params, struct xg_err *err)
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
		rc = xg_store_writef(s, err, path, "%u", params->ring_order);
	}
	snprintf(path, sizeof(path), "%s/feature-persistent", front);
	if (!rc)
		rc = xg_store_write(s, path, keeps_grants(rings, params) ? "1" : "0", err);
	snprintf(path, sizeof(path), "%s/protocol", front);
	if (!rc)
		rc = xg_store_write(s, path, "x86_64-abi", err);
	snprintf(path, sizeof(path), "%s/state", front);
	return rc ? rc : xg_store_writef(s, err, path, "%d", XB_INITIALISED);
}

int xg_connect_rings(struct xg_store *s, struct xg_link_id id, const struct xg_backend *b,
		     const struct xg_device_rings *rings, const struct xg_block_params *params, struct xg_err *err)
{
	char front[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8];
	int rc;

	xg_frontend_path(id, front);
	rc = rings_write(s, front, rings, params, err);
	if (!rc)
		rc = b->kind->connected(s, id, b, err);
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

int xg_announce_core(struct xg_store *s, const struct xg_guest_row *row, struct xg_err *err)
{
	char root[XG_STORE_PATH_MAX], dir[XG_STORE_PATH_MAX + 16], what[sizeof(row->os.name) + sizeof(row->os.release)];
	char va[32], pages[32];
	int rc;

	snprintf(root, sizeof(root), "/local/domain/%u/xengraft", row->domid);
	snprintf(dir, sizeof(dir), "%s/personality", root);
	snprintf(what, sizeof(what), "%s-%s", row->os.name, row->os.release);
	snprintf(va, sizeof(va), "%#llx", (unsigned long long)row->core.va.v);
	snprintf(pages, sizeof(pages), "%u", row->core.text_pages + row->core.data_pages);
	rc = xg_store_mkdir(s, root, 0, row->domid, err);
	if (!rc)
		rc = xg_store_mkdir(s, dir, 0, row->domid, err);
	if (!rc)
		rc = xg_nodes_write(s, dir, XG_NODES({ "image", what }, { "version", row->version },
			{ "sha256", row->digest }, { "window", va }, { "pages", pages }), err);
	return rc ? rc : announce_driver(s, row->domid, DRIVERS_CORE, what, row->version, err);
}

int xg_announce_core_remove(struct xg_store *s, uint32_t domid, struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "/local/domain/%u/xengraft/personality", domid);
	rc = prune(s, path, 1, err);
	return rc ? rc : announce_driver_remove(s, domid, DRIVERS_CORE, err);
}

int xg_announce_device(struct xg_store *s, struct xg_link_id id, const struct xg_device_row *row, struct xg_err *err)
{
	char front[XG_STORE_PATH_MAX], dir[XG_STORE_PATH_MAX + 16], va[32];
	int rc;

	xg_frontend_path(id, front);
	snprintf(dir, sizeof(dir), "%s/driver", front);
	snprintf(va, sizeof(va), "%#llx", (unsigned long long)row->device.va.v);
	rc = xg_nodes_write(s, dir, XG_NODES(
		{ "image", row->driver }, { "mode", row->mode }, { "version", row->version },
		{ "sha256", row->digest }, { "window", va }), err);
	return rc ? rc : announce_driver(s, id.domid, id.devid, row->driver, row->version, err);
}

int xg_announce_device_remove(struct xg_store *s, struct xg_link_id id, struct xg_err *err)
{
	return announce_driver_remove(s, id.domid, id.devid, err);
}
