// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Holds lib/xen/blkif.h against Xen's public headers. Nothing here runs: it compiles, or the two differ.
 */
#include "lib/xen/blkif.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#define SAME(a, b) _Static_assert((a) == (b), #a " differs from " #b)
#define SAME_FIELD(ours, our_field, xens, xen_field)					\
	SAME(offsetof(ours, our_field), offsetof(xens, xen_field));			\
	SAME(sizeof(((ours *)0)->our_field), sizeof(((xens *)0)->xen_field))

SAME(sizeof(union xg_blkif_request), sizeof(struct blkif_request));
SAME(sizeof(struct xg_blkif_rw), sizeof(struct blkif_request));
SAME_FIELD(struct xg_blkif_rw, operation, struct blkif_request, operation);
SAME_FIELD(struct xg_blkif_rw, nr_segments, struct blkif_request, nr_segments);
SAME_FIELD(struct xg_blkif_rw, handle, struct blkif_request, handle);
SAME_FIELD(struct xg_blkif_rw, id, struct blkif_request, id);
SAME_FIELD(struct xg_blkif_rw, sector_number, struct blkif_request, sector_number);
SAME_FIELD(struct xg_blkif_rw, seg, struct blkif_request, seg);

SAME(sizeof(struct xg_blkif_segment), sizeof(struct blkif_request_segment));
SAME_FIELD(struct xg_blkif_segment, gref, struct blkif_request_segment, gref);
SAME_FIELD(struct xg_blkif_segment, first_sect, struct blkif_request_segment, first_sect);
SAME_FIELD(struct xg_blkif_segment, last_sect, struct blkif_request_segment, last_sect);

SAME_FIELD(struct xg_blkif_discard, operation, struct blkif_request_discard, operation);
SAME_FIELD(struct xg_blkif_discard, flag, struct blkif_request_discard, flag);
SAME_FIELD(struct xg_blkif_discard, id, struct blkif_request_discard, id);
SAME_FIELD(struct xg_blkif_discard, sector_number, struct blkif_request_discard, sector_number);
SAME_FIELD(struct xg_blkif_discard, nr_sectors, struct blkif_request_discard, nr_sectors);

SAME_FIELD(struct xg_blkif_indirect, operation, struct blkif_request_indirect, operation);
SAME_FIELD(struct xg_blkif_indirect, indirect_op, struct blkif_request_indirect, indirect_op);
SAME_FIELD(struct xg_blkif_indirect, nr_segments, struct blkif_request_indirect, nr_segments);
SAME_FIELD(struct xg_blkif_indirect, id, struct blkif_request_indirect, id);
SAME_FIELD(struct xg_blkif_indirect, sector_number, struct blkif_request_indirect, sector_number);
SAME_FIELD(struct xg_blkif_indirect, handle, struct blkif_request_indirect, handle);
SAME_FIELD(struct xg_blkif_indirect, indirect_grefs, struct blkif_request_indirect, indirect_grefs);

SAME(sizeof(struct xg_blkif_response), sizeof(struct blkif_response));
SAME_FIELD(struct xg_blkif_response, id, struct blkif_response, id);
SAME_FIELD(struct xg_blkif_response, operation, struct blkif_response, operation);
SAME_FIELD(struct xg_blkif_response, status, struct blkif_response, status);

SAME(sizeof(((struct xg_blkif_ring *)0)->slot[0]), sizeof(union blkif_sring_entry));
SAME_FIELD(struct xg_blkif_ring, req_prod, struct blkif_sring, req_prod);
SAME_FIELD(struct xg_blkif_ring, req_event, struct blkif_sring, req_event);
SAME_FIELD(struct xg_blkif_ring, rsp_prod, struct blkif_sring, rsp_prod);
SAME_FIELD(struct xg_blkif_ring, rsp_event, struct blkif_sring, rsp_event);
SAME(offsetof(struct xg_blkif_ring, slot), offsetof(struct blkif_sring, ring));

SAME((int)XG_BLKIF_OP_READ, BLKIF_OP_READ);
SAME((int)XG_BLKIF_OP_WRITE, BLKIF_OP_WRITE);
SAME((int)XG_BLKIF_OP_WRITE_BARRIER, BLKIF_OP_WRITE_BARRIER);
SAME((int)XG_BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_FLUSH_DISKCACHE);
SAME((int)XG_BLKIF_OP_DISCARD, BLKIF_OP_DISCARD);
SAME((int)XG_BLKIF_OP_INDIRECT, BLKIF_OP_INDIRECT);
SAME((int)XG_BLKIF_RSP_OKAY, BLKIF_RSP_OKAY);
SAME((int)XG_BLKIF_RSP_ERROR, BLKIF_RSP_ERROR);
SAME((int)XG_BLKIF_RSP_EOPNOTSUPP, BLKIF_RSP_EOPNOTSUPP);
SAME(XG_BLKIF_SEGMENTS, BLKIF_MAX_SEGMENTS_PER_REQUEST);
SAME(XG_BLKIF_INDIRECT_PAGES, BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST);
SAME(XG_BLKIF_DISCARD_SECURE, BLKIF_DISCARD_SECURE);
SAME(XG_BLKIF_INFO_CDROM, VDISK_CDROM);
SAME(XG_BLKIF_INFO_REMOVABLE, VDISK_REMOVABLE);
SAME(XG_BLKIF_INFO_READONLY, VDISK_READONLY);
/* A constant expression for gcc and clang, as both fold the builtin. */
SAME(__builtin_strcmp(XG_BLKIF_PROTOCOL, XEN_IO_PROTO_ABI_NATIVE), 0);
