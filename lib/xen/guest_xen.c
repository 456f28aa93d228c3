// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest on the running Xen. Called through lib/xen/guest.h; must never keep a mapping longer than its caller asked
 * for (it would hold a dead domain's memory) and never believe a size that the guest itself can set.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xenguest.h>
#include <xentoollog.h>
#include <xen/hvm/save.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/xen/frames.h"
#include "lib/xen/guest.h"
#include "lib/xen/store.h"

/* Frames of the first 4 GiB: there the toolstack leaves a hole for devices and goes on above (xen/hvm/e820.h). */
#define LOW_FRAMES UINT64_C(0x100000)
/*
 * Frame numbers beyond the memory size that may still hold memory: the legacy hole below 1 MiB (96 frames), video
 * memory, the pages that the toolstack adds. 16 MiB costs two map calls in vain.
 */
#define SLACK_FRAMES UINT64_C(4096)
/*
 * Entries of a PV guest's frame table beyond its memory size: the guest keeps entries for the device hole below 4 GiB
 * and for frames it maps of others'. 4 GiB's worth costs Dom0 16 MiB for a moment.
 */
#define PV_TABLE_SLACK (UINT64_C(1) << 20)

/* Control bits of a virtual CPU: AMD64 Architecture Programmer's Manual, volume 2, section 3.1. */
#define CR4_LA57 (UINT64_C(1) << 12)
#define EFER_LMA (UINT64_C(1) << 10)
#define CR3_FRAME(cr3) (((cr3) & UINT64_C(0x000ffffffffff000)) >> XG_PAGE_SHIFT)

struct xen_guest {
	struct xg_guest g;
	xentoollog_logger logger;	/* Xen's libraries talk to stderr unless they are given one */
	xc_interface *xch;
	xenforeignmemory_handle *fmem;
	struct xg_store *store;
};

static struct xen_guest *xen_of(struct xg_guest *g)
{
	return (struct xen_guest *)((uintptr_t)g - offsetof(struct xen_guest, g));
}

static void xen_log(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		    const char *context, const char *format, va_list ap)
	__attribute__((format(printf, 5, 0)));

static void xen_log(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		    const char *context, const char *format, va_list ap)
{
	char text[256];

	(void)logger;
	(void)level;
	(void)errnoval;
	vsnprintf(text, sizeof(text), format, ap);
	xg_debug("%s: %s", context ? context : "xen", text);
}

static void xen_log_destroy(struct xentoollog_logger *logger)
{
	(void)logger;
}

/* ---- What it is --------------------------------------------------------------------------------------------- */

/* The hypervisor's own word: a PVH domain has no emulated board, whatever xenstore says. */
static enum xg_guest_type type_of(const xc_domaininfo_t *d)
{
	const uint32_t board = XEN_X86_EMU_PM | XEN_X86_EMU_RTC | XEN_X86_EMU_PIC | XEN_X86_EMU_IOAPIC |
			       XEN_X86_EMU_PIT;

	if (!(d->flags & XEN_DOMINF_hvm_guest))
		return XG_GUEST_PV;
	return d->arch_config.emulation_flags & board ? XG_GUEST_HVM : XG_GUEST_PVH;
}

/* -ENOENT: there is no such domain. getinfolist gives the next higher one instead, hence the comparison. */
static int domain_info(struct xen_guest *x, uint32_t domid, xc_domaininfo_t *ret, struct xg_err *err)
{
	int n = xc_domain_getinfolist(x->xch, domid, 1, ret);

	if (n < 0)
		return xg_fail_errno(err, errno, "cannot ask Xen about domain %" PRIu32, domid);
	if (n == 0 || ret->domain != domid)
		return xg_fail(err, ENOENT, "%" PRIu32 " is an invalid domain identifier", domid);
	return 0;
}

/* A name is the toolstack's, yet it is printed: what is no printable ASCII becomes a question mark. */
static void domain_name(struct xen_guest *x, uint32_t domid, char *ret, size_t size)
{
	char path[64], value[XG_STORE_VALUE_MAX + 1];
	char *c;

	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/name", domid);
	if (xg_store_read(x->store, path, value, sizeof(value), NULL))
		snprintf(value, sizeof(value), "%" PRIu32, domid);
	snprintf(ret, size, "%.*s", (int)size - 1, value);
	for (c = ret; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static int xen_info(struct xg_guest *g, struct xg_guest_info *ret, struct xg_err *err)
{
	struct xen_guest *x = xen_of(g);
	struct xg_guest_info info = { .domid = ret->domid };
	xc_domaininfo_t d;
	int rc = domain_info(x, info.domid, &d, err);

	if (rc)
		return rc;
	memcpy(info.uuid, d.handle, sizeof(info.uuid));
	domain_name(x, info.domid, info.name, sizeof(info.name));
	info.type = type_of(&d);
	info.vcpus = d.max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : d.max_vcpu_id + 1;
	info.pages = d.tot_pages;
	info.paused = d.flags & XEN_DOMINF_paused;
	info.shutdown = d.flags & XEN_DOMINF_shutdown;
	info.dying = d.flags & XEN_DOMINF_dying;
	info.running_once = d.cpu_time > 0;
	*ret = info;
	return 0;
}

/* ---- Its memory ----------------------------------------------------------------------------------------------- */

static int xen_map(struct xg_guest *g, const struct gfn *frames, size_t count, enum xg_prot prot,
		   int *errors, void **ret, struct xg_err *err)
{
	struct xen_guest *x = xen_of(g);
	xen_pfn_t pfns[XG_MAP_MAX];
	int how = (prot & XG_READ ? PROT_READ : 0) | (prot & XG_WRITE ? PROT_READ | PROT_WRITE : 0);
	size_t i;
	void *at;

	pfns[0] = frames[0].n;	/* guest.c sees to it that there is one */
	for (i = 1; i < count; i++)
		pfns[i] = frames[i].n;
	at = xenforeignmemory_map(x->fmem, g->info.domid, how, count, pfns, errors);
	if (!at)
		return xg_fail_errno(err, errno ? errno : EFAULT,
				     "cannot map %zu frames from %#" PRIx64 " of guest '%s'",
				     count, frames[0].n, g->info.name);
	/* The privcmd driver gives negative numbers, the library's manual positive ones. */
	for (i = 0; errors && i < count; i++)
		errors[i] = abs(errors[i]);
	*ret = at;
	return 0;
}

static void xen_unmap(struct xg_guest *g, void *at, size_t count)
{
	xenforeignmemory_unmap(xen_of(g)->fmem, at, count);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * How many frames the guest was built with: ballooned down, it has fewer, but they may lie anywhere among those.
 * The toolstack's node, which the guest can't write; KiB.
 */
static uint64_t frames_built(struct xen_guest *x)
{
	char path[64];
	uint64_t kib;

	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/memory/static-max", x->g.info.domid);
	if (xg_store_read_u64(x->store, path, &kib, NULL))
		return x->g.info.pages;
	kib >>= XG_PAGE_SHIFT - 10;
	return kib > x->g.info.pages ? kib : x->g.info.pages;
}

/*
 * PVH and HVM: memory lies from frame 0 up to the hole below 4 GiB and goes on at 4 GiB. How much lies below is the
 * toolstack's choice, so each side is given the whole size; the highest frame in use says whether there is an upper
 * side.
 */
static int ranges_translated(struct xen_guest *x, struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err)
{
	uint64_t most = frames_built(x) + SLACK_FRAMES;
	struct xg_frame_range *r;
	xen_pfn_t highest;
	size_t n = 1;

	if (xc_domain_maximum_gpfn(x->xch, x->g.info.domid, &highest) < 0)
		return xg_fail_errno(err, errno, "cannot ask Xen for the highest frame of guest '%s'", x->g.info.name);
	r = calloc(2, sizeof(*r));
	if (!r)
		return xg_fail(err, ENOMEM, "no memory for a list of frames");
	r[0] = (struct xg_frame_range){ .first = XG_GFN(0), .count = min_u64(most, min_u64(highest + 1, LOW_FRAMES)) };
	if (highest >= LOW_FRAMES)
		r[n++] = (struct xg_frame_range){ .first = XG_GFN(LOW_FRAMES),
						  .count = min_u64(most, highest + 1 - LOW_FRAMES) };
	*ret = r;
	*ret_count = n;
	return 0;
}

/*
 * The library maps the guest's own table, which the guest goes on writing: taken over once, looked at afterwards.
 */
static int pv_table_copy(struct xen_guest *x, uint64_t most, uint64_t **ret, size_t *ret_count, struct xg_err *err)
{
	struct xc_domain_meminfo info;
	size_t count;

	memset(&info, 0, sizeof(info));
	if (xc_map_domain_meminfo(x->xch, x->g.info.domid, &info) < 0)
		return xg_fail_errno(err, errno ? errno : EIO, "cannot map the frame table of guest '%s'",
				     x->g.info.name);
	count = min_u64(min_u64(info.p2m_size, most), (uint64_t)info.p2m_frames * (XG_PAGE_SIZE / sizeof(uint64_t)));
	*ret = malloc(count ? count * sizeof(**ret) : 1);
	if (*ret)
		memcpy(*ret, info.p2m_table, count * sizeof(**ret));
	xc_unmap_domain_meminfo(x->xch, &info);
	if (!*ret)
		return xg_fail(err, ENOMEM, "no memory for a frame table of %zu entries", count);
	*ret_count = count;
	return 0;
}

/* PV: machine frames, from the table that the guest keeps. Xen checks at map time that they are the guest's. */
static int ranges_pv(struct xen_guest *x, struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err)
{
	uint64_t most = frames_built(x) + PV_TABLE_SLACK;
	uint64_t *table xg_auto_free = NULL;
	xen_pfn_t entries;
	size_t count = 0;
	int rc;

	/* The library allocates by what the guest says; ask first, so that a lie costs nothing. */
	if (xc_domain_nr_gpfns(x->xch, x->g.info.domid, &entries) < 0)
		return xg_fail_errno(err, errno, "cannot ask Xen for the frame table of guest '%s'", x->g.info.name);
	if (entries > most)
		return xg_fail(err, EINVAL, "guest '%s' claims a frame table of %lu entries and has %" PRIu64 " pages",
			       x->g.info.name, (unsigned long)entries, x->g.info.pages);
	rc = pv_table_copy(x, most, &table, &count, err);
	if (rc)
		return rc;
	rc = xg_frames_to_ranges(table, count, most, ret, ret_count, err);
	if (rc)
		xg_fail_in(err, "frame table of guest '%s'", x->g.info.name);
	return rc;
}

static int xen_ranges(struct xg_guest *g, struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err)
{
	struct xen_guest *x = xen_of(g);

	return g->info.type == XG_GUEST_PV ? ranges_pv(x, ret, ret_count, err) :
					     ranges_translated(x, ret, ret_count, err);
}

/* ---- Its processors ------------------------------------------------------------------------------------------- */

static int pv_paging(struct xen_guest *x, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err)
{
	uint32_t domid = x->g.info.domid;
	vcpu_guest_context_any_t ctx;
	unsigned int width;
	uint64_t root;

	if (xc_domain_get_guest_width(x->xch, domid, &width) < 0)
		return xg_fail_errno(err, errno, "cannot ask Xen for the word size of guest '%s'", x->g.info.name);
	if (width != 8)
		return xg_fail(err, ENOTSUP, "guest '%s' is a PV guest of %u bits, 64 are supported",
			       x->g.info.name, width * 8);
	if (xc_vcpu_getcontext(x->xch, domid, vcpu, &ctx) < 0)
		return xg_fail_errno(err, errno, "cannot read the registers of vCPU %u of guest '%s'", vcpu,
				     x->g.info.name);
	/* ctrlreg[3] is the kernel's root, [1] the user's: public/arch-x86/xen.h. */
	root = xen_cr3_to_pfn(ctx.x64.ctrlreg[3]);
	if (!root)
		return xg_fail(err, EAGAIN, "vCPU %u of guest '%s' has not started yet", vcpu, x->g.info.name);
	*ret = (struct xg_paging){ .root = XG_GFN(root), .levels = 4 };
	return 0;
}

static int translated_paging(struct xen_guest *x, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err)
{
	HVM_SAVE_TYPE(CPU) cpu;

	if (xc_domain_hvm_getcontext_partial(x->xch, x->g.info.domid, HVM_SAVE_CODE(CPU), vcpu, &cpu,
					     sizeof(cpu)) < 0) {
		/* Xen's answer for a vCPU that was never brought up. */
		if (errno == ENODATA || errno == ENOENT)
			return xg_fail(err, EAGAIN, "vCPU %u of guest '%s' is offline", vcpu, x->g.info.name);
		return xg_fail_errno(err, errno, "cannot read the registers of vCPU %u of guest '%s'", vcpu,
				     x->g.info.name);
	}
	if (!(cpu.msr_efer & EFER_LMA))
		return xg_fail(err, EAGAIN, "vCPU %u of guest '%s' is not in 64-bit mode", vcpu, x->g.info.name);
	*ret = (struct xg_paging){ .root = XG_GFN(CR3_FRAME(cpu.cr3)), .levels = cpu.cr4 & CR4_LA57 ? 5 : 4 };
	return 0;
}

static int xen_cpu_paging(struct xg_guest *g, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err)
{
	struct xen_guest *x = xen_of(g);

	if (vcpu >= g->info.vcpus)
		return xg_fail(err, EAGAIN, "guest '%s' has %u vCPUs, number %u is not there", g->info.name,
			       g->info.vcpus, vcpu);
	return g->info.type == XG_GUEST_PV ? pv_paging(x, vcpu, ret, err) : translated_paging(x, vcpu, ret, err);
}

static int xen_pv_root(struct xg_guest *g, struct gfn *ret, struct xg_err *err)
{
	struct xg_paging paging;
	int rc = pv_paging(xen_of(g), 0, &paging, err);

	if (!rc)
		*ret = paging.root;
	return rc;
}

static int xen_pause(struct xg_guest *g, struct xg_err *err)
{
	if (xc_domain_pause(xen_of(g)->xch, g->info.domid) < 0)
		return xg_fail_errno(err, errno, "cannot pause guest '%s'", g->info.name);
	return 0;
}

static int xen_unpause(struct xg_guest *g, struct xg_err *err)
{
	if (xc_domain_unpause(xen_of(g)->xch, g->info.domid) < 0)
		return xg_fail_errno(err, errno, "cannot unpause guest '%s'", g->info.name);
	return 0;
}

/* ---- Opening -------------------------------------------------------------------------------------------------- */

static void xen_close(struct xg_guest *g)
{
	struct xen_guest *x = xen_of(g);

	if (x->fmem)
		xenforeignmemory_close(x->fmem);
	if (x->xch)
		xc_interface_close(x->xch);
	xg_store_close(x->store);
	free(x);
}

static const struct xg_guest_ops xen_ops = {
	.info = xen_info,
	.map = xen_map,
	.unmap = xen_unmap,
	.ranges = xen_ranges,
	.pv_root = xen_pv_root,
	.pause = xen_pause,
	.unpause = xen_unpause,
	.close = xen_close,
	.cpu_paging = xen_cpu_paging,
};

static int xen_connect(struct xen_guest *x, struct xg_err *err)
{
	x->logger = (xentoollog_logger){ .vmessage = xen_log, .destroy = xen_log_destroy };
	x->xch = xc_interface_open(&x->logger, &x->logger, 0);
	if (!x->xch)
		return xg_fail_errno(err, errno, "cannot reach Xen (is this its control domain?)");
	x->fmem = xenforeignmemory_open(&x->logger, 0);
	if (!x->fmem)
		return xg_fail_errno(err, errno, "cannot open Xen's foreign mappings");
	return xg_store_open(&x->store, err);
}

static void guest_close_p(struct xg_guest **g)
{
	xg_guest_close(*g);
}

/* -EINVAL: not digits alone, so a name. */
static int find_id(const char *digits, uint32_t *ret)
{
	unsigned long n;

	if (!*digits || digits[strspn(digits, "0123456789")])
		return -EINVAL;
	errno = 0;
	n = strtoul(digits, NULL, 10);
	if (errno || n >= DOMID_FIRST_RESERVED)
		return -ENOENT;
	*ret = n;
	return 0;
}

static int find_name(struct xen_guest *x, const char *name, uint32_t *ret, struct xg_err *err)
{
	char **ids xg_auto_free = NULL;
	char path[64], value[XG_STORE_VALUE_MAX + 1];
	size_t i, count;
	int rc = xg_store_list(x->store, "/local/domain", &ids, &count, err);

	if (rc)
		return rc;
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/local/domain/%.16s/name", ids[i]);
		/* A domain that goes meanwhile has no name any more: not the one. */
		if (!xg_store_read(x->store, path, value, sizeof(value), NULL) && !strcmp(value, name))
			return find_id(ids[i], ret);
	}
	return -ENOENT;
}

/* In portions: there is no telling how many there are. Domain ids end below DOMID_FIRST_RESERVED, and so does this. */
#define DOMAINS_AT_ONCE 64

static int domains_list(xc_interface *xch, struct xg_domain **rows, size_t *count, struct xg_err *err)
{
	xc_domaininfo_t info[DOMAINS_AT_ONCE];
	uint32_t next = 1;
	int i, n;

	for (;;) {
		struct xg_domain *more;

		n = xc_domain_getinfolist(xch, next, DOMAINS_AT_ONCE, info);
		if (n < 0)
			return xg_fail_errno(err, errno, "cannot ask Xen which domains there are");
		if (n == 0 || next >= DOMID_FIRST_RESERVED)
			return 0;
		more = realloc(*rows, (*count + n) * sizeof(*more));
		if (!more)
			return xg_fail_errno(err, ENOMEM, "%zu domains", *count + n);
		*rows = more;
		for (i = 0; i < n; i++) {
			struct xg_domain *d = &more[(*count)++];

			*d = (struct xg_domain){
				.domid = info[i].domain, .dying = info[i].flags & XEN_DOMINF_dying,
				.shutdown = info[i].flags & XEN_DOMINF_shutdown,
				.paused = info[i].flags & XEN_DOMINF_paused, .running_once = info[i].cpu_time > 0,
			};
			memcpy(d->uuid, info[i].handle, sizeof(d->uuid));
		}
		next = info[n - 1].domain + 1;
	}
}

int xg_domains(struct xg_domain **ret, size_t *ret_count, struct xg_err *err)
{
	xentoollog_logger logger = { .vmessage = xen_log, .destroy = xen_log_destroy };
	xc_interface *xch = xc_interface_open(&logger, &logger, 0);
	struct xg_domain *rows = NULL;
	size_t count = 0;
	int rc;

	if (!xch)
		return xg_fail_errno(err, errno, "cannot reach Xen (is this its control domain?)");
	rc = domains_list(xch, &rows, &count, err);
	xc_interface_close(xch);
	if (rc) {
		free(rows);
		return rc;
	}
	*ret = rows;
	*ret_count = count;
	return 0;
}

int xg_guest_open(const char *name_or_id, struct xg_guest **ret, struct xg_err *err)
{
	struct xen_guest *x = calloc(1, sizeof(*x));
	struct xg_guest *g xg_auto(guest_close_p) = NULL;
	uint32_t domid = 0;
	int rc;

	if (!x)
		return xg_fail(err, ENOMEM, "no memory for a guest");
	g = &x->g;
	g->ops = &xen_ops;
	rc = xen_connect(x, err);
	if (rc)
		return rc;
	rc = find_id(name_or_id, &domid);
	if (rc == -EINVAL)
		rc = find_name(x, name_or_id, &domid, err);
	if (rc == -ENOENT)
		return xg_fail(err, ENOENT, "%s is an invalid domain identifier", name_or_id);
	if (rc)
		return rc;
	if (domid == 0)
		return xg_fail(err, EINVAL, "%s is the control domain, not a guest", name_or_id);
	g->info.domid = domid;
	rc = xen_info(g, &g->info, err);
	if (rc)
		return rc;
	*ret = xg_take(g);
	return 0;
}
