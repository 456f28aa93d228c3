/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image + symbols + addresses -> bytes for each part of a window. Pure: touches no guest.
 *
 * The linker does what the guest's module loader would have done, or refuses. Relocations: R_X86_64_64,
 * PC32, PLT32, 32S, 32 and PC64; out-of-range results are errors, and so are bytes that are not zero before.
 * Sections that a module loader acts on are rows of a table (link_rules.c): ignored where the code is right
 * without that (.orc_*, .retpoline_sites, .return_sites, .static_call_sites, .smp_locks, .parainstructions,
 * .ibt_endbr_seal, .call_sites, __mcount_loc, .modinfo, __versions ..., each with its reason), refused where
 * it is not (__jump_table, __ex_table, __bug_table, .altinstructions, .data..percpu, .init.text ...). A refused
 * section that is empty asks for nothing and passes. One that takes memory and has no row is refused.
 *
 * Layout, a function of the image alone: text part: code, then constants; data part: variables, then zeroed
 * ones; within each the object's own order, alignment kept. Writable constants go to the data part.
 *
 * Imports: every other symbol comes from the resolver, once each, and only if a loaded section needs it. Weak
 * imports and THIS_MODULE are refused.
 *
 * Return thunks: since Linux 6.9 a jump to __x86_return_thunk warns in a kernel that patched its own; so
 * where the resolver gives `return_thunk`, `jmp __x86_return_thunk` goes there, or, when it equals the symbol
 * itself, becomes `ret; int3`. Function tracing: `call __fentry__` becomes a NOP, as ftrace makes it at load.
 */
#ifndef XG_HOTSWAP_LINK_H
#define XG_HOTSWAP_LINK_H

#include "lib/base/addr.h"
#include "lib/base/err.h"
#include "lib/elf/elf.h"

/* The image's own words about itself, from .note.xengraft. */
struct xg_image_note {
	char kind[16];		/* "personality" or "driver" */
	uint32_t abi, abi_last;	/* fits each from abi to abi_last; the same when the note gives no last */
	char os[16], release[80], build_id[41], arch[16];	/* empty: any */
	char release_last[80];	/* not empty: fits the releases from `release` to this, as xg_version_within() has it */
	char class_name[16], device[32], mode[16], version[32], licence[32];
};

/*
 * -ENOEXEC: no note, or one that does not parse; the text says which line and why. Mandatory: kind, abi, arch,
 * version, licence; of a driver class; of a personality os, release and build-id, the last not with release-last.
 * What is said is checked for its form (and arch against the object); whether it fits a guest is for who matches them.
 */
int xg_image_note(const struct xg_elf *elf, struct xg_image_note *ret, struct xg_err *err);
/* Whether an image fits hosts of this ABI, kernels of this release, this build-id (may be empty: unknown). */
bool xg_note_fits_abi(const struct xg_image_note *note, uint32_t abi);
bool xg_note_fits_release(const struct xg_image_note *note, const char *release);
bool xg_note_fits_build(const struct xg_image_note *note, const char *build_id);

/* Bytes that each part needs, for choosing how large a window to ask for. */
struct xg_link_size {
	uint64_t text_bytes;	/* .text*, .rodata* : read-only, executable */
	uint64_t data_bytes;	/* .data*, .bss, __read_mostly … : writable */
	uint64_t text_align;	/* what xg_part.at must be a multiple of: a power of two, at most 4096 */
	uint64_t data_align;
};

int xg_link_size(const struct xg_elf *elf, struct xg_link_size *ret, struct xg_err *err);

struct xg_resolver {
	/* 0 and the address, or -ENOENT; -ENOTUNIQ. Asked once a name at most. NULL: any import is an error. */
	int (*symbol)(void *ctx, const char *name, struct gva *ret, struct xg_err *err);
	/* The kernel's own choice of return thunk (its variable x86_return_thunk); 0: none known. */
	struct gva return_thunk;
	void *ctx;
};

struct xg_part {
	struct gva at;		/* where the guest will see it */
	uint64_t room;		/* bytes there */
	uint8_t *bytes;		/* room bytes, the caller's; unused ones are filled: text 0xcc, data 0 */
};

/*
 * Lays out and relocates. RESOLVER may be NULL (nothing may be imported). -ENOSPC: a part does not fit;
 * -EINVAL: it is not aligned (see xg_link_size) or wraps around; -ENOENT: an import the kernel does not have;
 * -ENOTSUP: refused; -ENOEXEC: a relocation that is broken or out of reach; -ENOMEM; else the resolver's own.
 * On failure what the parts hold is undefined.
 */
int xg_link(const struct xg_elf *elf, const struct xg_resolver *resolver, const struct xg_part *text,
	    const struct xg_part *data, struct xg_err *err);

/*
 * Where a defined symbol came to lie in the same layout: -ENOENT when there is none or more than one of the
 * name, -ENOTSUP when its section is not loaded. The parts' bytes are not looked at.
 */
int xg_link_address(const struct xg_elf *elf, const char *symbol, const struct xg_part *text,
		    const struct xg_part *data, struct gva *ret, struct xg_err *err);

#endif
