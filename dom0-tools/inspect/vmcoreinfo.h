/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text that a Linux kernel keeps about itself for crash dumps: lines KEY=VALUE in one page of its memory
 * (kernel/crash_core.c, since 6.9 kernel/vmcore_info.c; arch/x86/kernel/crash_core_64.c or vmcore_info_64.c).
 */
#ifndef XG_INSPECT_VMCOREINFO_H
#define XG_INSPECT_VMCOREINFO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/err.h"

/* Where every x86-64 kernel is linked to, and how far KASLR may move it (Documentation/arch/x86/x86_64/mm.rst). */
#define XG_LINUX_IMAGE_START UINT64_C(0xffffffff80000000)
#define XG_LINUX_IMAGE_BYTES (UINT64_C(1) << 30)

struct xg_vmcoreinfo {
	uint32_t bytes;		/* of text; what follows the first NUL is not part of it */
	char release[80];
	char build_id[41];	/* empty when the kernel does not say */
	uint8_t levels;		/* of page tables: 4 or 5 */
	uint64_t phys_base;	/* may be "negative": added with wrap-around */
	uint64_t kaslr_offset;
	struct gfn root;	/* of swapper_pg_dir, for a guest whose kernel works with its own frames (not PV) */
	struct gva init_uts_ns, swapper_pg_dir, stext;
	bool has_kallsyms;	/* Linux 6.0 and later */
	struct gva names, num_syms, token_table, token_index, offsets;
	struct gva relative_base;	/* 0 from Linux 7.0 on: offsets count from their own place */
};

/* The page begins as one does; a cheap test that refuses all but a few of a guest's pages. */
bool xg_vmcoreinfo_looks_like(const void *page);

/*
 * PAGE is a private copy. -EAGAIN: the kernel is still writing it; -EBADMSG: no kernel writes such a line; the
 * text names it.
 */
int xg_vmcoreinfo_parse(const void *page, struct xg_vmcoreinfo *ret, struct xg_err *err);

#endif
