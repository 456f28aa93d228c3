/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk's two xenstore areas and its backend.
 *
 *     frontend  /local/domain/<D>/xengraft/vbd/<devid>           Dom0 writes, the guest may read
 *     backend   /local/domain/<B>/backend/xengraft-vbd/<D>/<devid>  Dom0 alone
 *
 * The frontend's area is not under device/, so the guest's own xenbus never claims it; a backend finds it by
 * the `frontend` node in its own area, as every Xen backend does (Xen: public/io/xenbus.h, blkif.h).
 */
#ifndef XG_OPS_CONNECT_H
#define XG_OPS_CONNECT_H

#include "hotswap/device.h"
#include "lib/xen/disk_spec.h"
#include "lib/xen/store.h"

struct xg_link_id {
	uint32_t domid, devid;
};

void xg_frontend_path(struct xg_link_id id, char path[XG_STORE_PATH_MAX]);
void xg_backend_path(struct xg_link_id id, char path[XG_STORE_PATH_MAX]);

/* Creates both areas, states Initialising. -EEXIST when the backend's is there already. */
int xg_connect_areas(struct xg_store *s, struct xg_link_id id, const struct xg_disk_spec *spec, const char *guest,
		     const char *uuid, struct xg_err *err);
int xg_connect_areas_remove(struct xg_store *s, struct xg_link_id id, struct xg_err *err);

/*
 * Starts PROGRAM (absolute) for the backend area and waits until it says ready: its capabilities are then there.
 * On failure the text is the backend's own. It runs on by itself, in a session of its own.
 */
int xg_connect_backend_start(struct xg_store *s, const char *program, struct xg_link_id id, const char *log,
			     struct xg_err *err);
/* Asks it to end (state Closing), waits, kills it in the end. Nothing to end: fine. */
int xg_connect_backend_stop(struct xg_store *s, struct xg_link_id id, struct xg_err *err);

/* What the backend can do, from its own area. */
int xg_connect_params(struct xg_store *s, struct xg_link_id id, unsigned int vcpus, struct xg_block_params *ret,
		      struct xg_err *err);

/* Publishes rings and event channels for the backend and waits until it is connected. */
int xg_connect_rings(struct xg_store *s, struct xg_link_id id, const struct xg_device_rings *rings,
		     uint32_t ring_order, struct xg_err *err);

/* What the guest may read about what the host installed; also ~/drivers/<n>. */
int xg_announce_core(struct xg_store *s, uint32_t domid, const struct xg_image *image, const struct xg_core_record *core,
		     struct xg_err *err);
int xg_announce_core_remove(struct xg_store *s, uint32_t domid, struct xg_err *err);
int xg_announce_device(struct xg_store *s, struct xg_link_id id, const struct xg_image *image,
		       const struct xg_device_record *device, struct xg_err *err);
int xg_announce_device_remove(struct xg_store *s, struct xg_link_id id, struct xg_err *err);

#endif
