// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest's grants through libxengnttab: mapped, or copied through (GNTTABOP_copy). Called by the backend and by
 * what shares pages with a guest; must never touch a mapping after its unmap, nor keep one by itself.
 */
#include "lib/xen/gnttab.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <xengnttab.h>

/* Copies a single ioctl takes from us: enough that a full ring of single pages is one call. */
#define GNTTAB_BATCH 256

struct xg_gnttab {
	xengnttab_handle *x;
	xengnttab_grant_copy_segment_t batch[GNTTAB_BATCH];
};

int xg_gnttab_open(struct xg_gnttab **ret, struct xg_err *err)
{
	struct xg_gnttab *g = calloc(1, sizeof(*g));

	if (!g)
		return xg_fail(err, ENOMEM, "no memory for grants");
	g->x = xengnttab_open(NULL, 0);
	if (!g->x) {
		int code = errno ? errno : EIO;

		free(g);
		return xg_fail_errno(err, code, "cannot open the grant device (is this Dom0?)");
	}
	*ret = g;
	return 0;
}

void xg_gnttab_close(struct xg_gnttab *g)
{
	if (!g)
		return;
	xengnttab_close(g->x);
	free(g);
}

int xg_gnttab_map(struct xg_gnttab *g, uint32_t domid, const uint32_t *refs, size_t count, void **ret,
		  struct xg_err *err)
{
	/* The library's parameter lacks a const; it only reads. */
	void *at = xengnttab_map_domain_grant_refs(g->x, count, domid, (uint32_t *)refs, PROT_READ | PROT_WRITE);

	if (!at)
		return xg_fail_errno(err, errno ? errno : EIO,
				     "cannot map %zu granted pages of domain %u (first reference %u)",
				     count, domid, count ? refs[0] : 0);
	*ret = at;
	return 0;
}

void xg_gnttab_unmap(struct xg_gnttab *g, void *at, size_t count)
{
	if (at)
		xengnttab_unmap(g->x, at, count);
}

static void gnttab_segment(xengnttab_grant_copy_segment_t *seg, uint32_t domid, const struct xg_copy *c)
{
	union xengnttab_copy_ptr foreign = { .foreign = { .ref = c->ref, .offset = c->offset, .domid = domid } };
	union xengnttab_copy_ptr local = { .virt = c->local };

	seg->source = c->to_guest ? local : foreign;
	seg->dest = c->to_guest ? foreign : local;
	seg->flags = c->to_guest ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
	seg->len = c->bytes;
	seg->status = GNTST_general_error;
}

static int gnttab_copy_batch(struct xg_gnttab *g, uint32_t domid, struct xg_copy *copies, size_t count,
			     struct xg_err *err)
{
	size_t i;

	for (i = 0; i < count; i++)
		gnttab_segment(&g->batch[i], domid, &copies[i]);
	if (xengnttab_grant_copy(g->x, count, g->batch))
		return xg_fail_errno(err, errno, "cannot copy %zu granted pages of domain %u", count, domid);
	for (i = 0; i < count; i++)
		copies[i].status = g->batch[i].status;
	return 0;
}

int xg_gnttab_copy(struct xg_gnttab *g, uint32_t domid, struct xg_copy *copies, size_t count, struct xg_err *err)
{
	size_t done, n;
	int rc;

	for (done = 0; done < count; done += n) {
		n = count - done < GNTTAB_BATCH ? count - done : GNTTAB_BATCH;
		rc = gnttab_copy_batch(g, domid, copies + done, n, err);
		if (rc)
			return rc;
	}
	return 0;
}
