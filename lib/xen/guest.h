/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest as Dom0 sees it: what it is, and its memory. The one way for the code above lib/xen to reach a
 * domain; behind it stands real Xen (guest_xen.c) or pages in this process (guest_fake.c, for tests).
 *
 * Everything read through a mapping may change while it is read: copy once, check the copy.
 */
#ifndef XG_XEN_GUEST_H
#define XG_XEN_GUEST_H

#include <stddef.h>

#include "lib/base/addr.h"
#include "lib/base/err.h"

enum xg_guest_type { XG_GUEST_PV, XG_GUEST_HVM, XG_GUEST_PVH };

struct xg_guest_info {
	uint32_t domid;
	uint8_t uuid[16];
	char name[128];
	enum xg_guest_type type;
	unsigned int vcpus;	/* online or not: the highest id plus one */
	uint64_t pages;		/* that the domain has now */
	bool paused;		/* by the control domain */
	bool shutdown;		/* it has shut down, or crashed */
	bool dying;
	bool running_once;	/* it has had CPU time */
};

enum xg_prot { XG_READ = 1, XG_WRITE = 2 };

/* COUNT frames from FIRST, one after the other. */
struct xg_frame_range {
	struct gfn first;
	uint64_t count;
};

/* Where the page tables begin that a virtual CPU runs on. */
struct xg_paging {
	struct gfn root;
	unsigned int levels;	/* 4 or 5 */
};

struct xg_guest;

/* What stands behind a guest. All return 0 or -errno; see the wrappers below for what they do. */
struct xg_guest_ops {
	int (*info)(struct xg_guest *g, struct xg_guest_info *ret, struct xg_err *err);
	int (*map)(struct xg_guest *g, const struct gfn *frames, size_t count, enum xg_prot prot,
		   int *errors, void **ret, struct xg_err *err);
	void (*unmap)(struct xg_guest *g, void *at, size_t count);
	int (*ranges)(struct xg_guest *g, struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err);
	int (*pv_root)(struct xg_guest *g, struct gfn *ret, struct xg_err *err);
	int (*pause)(struct xg_guest *g, struct xg_err *err);
	int (*unpause)(struct xg_guest *g, struct xg_err *err);
	void (*close)(struct xg_guest *g);
	/* May be NULL: this kind of guest cannot say. */
	int (*cpu_paging)(struct xg_guest *g, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err);
};

struct xg_guest {
	const struct xg_guest_ops *ops;
	struct xg_guest_info info;	/* as of the last xg_guest_refresh() */
};

/* Every domain but the control domain, as Xen lists them, ascending by id; *ret is the caller's to free(). */
struct xg_domain {
	uint32_t domid;
	uint8_t uuid[16];
	bool dying, shutdown, paused;
	bool running_once;	/* it has had CPU time */
};

int xg_domains(struct xg_domain **ret, size_t *ret_count, struct xg_err *err);

/*
 * Opens the domain called NAME_OR_ID on the running Xen; digits alone are an id, as for xl. -ENOENT: "%s is an
 * invalid domain identifier"; -EINVAL: it is the control domain itself.
 */
int xg_guest_open(const char *name_or_id, struct xg_guest **ret, struct xg_err *err);
void xg_guest_close(struct xg_guest *g);	/* NULL is fine */

/* Reads info anew; ENODEV once the domain is gone or its id is another domain's (the UUID is compared). */
int xg_guest_refresh(struct xg_guest *g, struct xg_err *err);

/*
 * Maps COUNT frames next to each other. With ERRORS NULL it is all or nothing; otherwise errors[i] is 0 or
 * a positive errno, and pages with one must not be touched. Not more than XG_MAP_MAX pages at once. A mapping
 * keeps a dead domain's memory alive: let go of it soon.
 */
#define XG_MAP_MAX 2048
int xg_guest_map(struct xg_guest *g, const struct gfn *frames, size_t count, enum xg_prot prot,
		 int *errors, void **ret, struct xg_err *err);
void xg_guest_unmap(struct xg_guest *g, void *at, size_t count);	/* NULL is fine */

/*
 * The frames that may hold the guest's memory, ascending and bounded by its memory size (holes included,
 * for PVH: xg_guest_map() reports them; for PV: its machine frames). *ret is the caller's to free().
 */
int xg_guest_ranges(struct xg_guest *g, struct xg_frame_range **ret, size_t *ret_count, struct xg_err *err);

/* PV only: the frame of the page-table root that a virtual CPU runs on (any kernel's maps the kernel). */
int xg_guest_pv_root(struct xg_guest *g, struct gfn *ret, struct xg_err *err);

/*
 * The page tables that VCPU runs on at this moment: what the processor itself follows, so no page of the guest can
 * forge it. -EAGAIN: that vCPU is not in 64-bit mode (offline, or still booting); -ENOTSUP: cannot be known.
 * A PV kernel's root is given even while the vCPU is in user mode; an HVM or PVH guest's is CR3 as it stands,
 * which under page-table isolation may be the user half of the pair (frame number odd, the kernel's is one less).
 */
int xg_guest_cpu_paging(struct xg_guest *g, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err);

int xg_guest_pause(struct xg_guest *g, struct xg_err *err);
int xg_guest_unpause(struct xg_guest *g, struct xg_err *err);

/*
 * For tests: a guest whose memory is PAGES pages of this process, frame numbers first..first+pages-1. The
 * memory is the caller's and must outlive it. NULL: out of memory.
 *
 * Frames that follow one another are mapped as they lie. Others too when the memory is a page-aligned MAP_SHARED
 * mapping; otherwise they are copied, and what was written reaches the memory with xg_guest_unmap().
 */
struct xg_guest *xg_guest_fake(const struct xg_guest_info *info, void *memory, struct gfn first, size_t pages,
			       struct gfn pv_root);
/* What xg_guest_cpu_paging() tells of every vCPU; until then a PV guest's is pv_root, any other's not known. */
void xg_guest_fake_paging(struct xg_guest *g, const struct xg_paging *paging);
/* COUNT frames from FIRST become a hole: mapping one gives EFAULT. At most XG_FAKE_HOLES such calls. */
#define XG_FAKE_HOLES 16
void xg_guest_fake_hole(struct xg_guest *g, struct gfn first, uint64_t count);
/* From the Nth call of map() on (1 is the next) every one fails with ENOMEM; 0: none. */
void xg_guest_fake_fail_map(struct xg_guest *g, unsigned int nth);
/* Mappings that are still there: 0 when nothing leaks. */
size_t xg_guest_fake_mapped(const struct xg_guest *g);
/* Shows another domain under the same id from now on, as when the guest died and the id was given anew. */
void xg_guest_fake_reborn(struct xg_guest *g);

#endif
