/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Getting in: a guest kernel that knows nothing of us allocates a window and waits for us to fill it.
 *
 *   plan    find the cave at the text's end, the pointer to borrow, the mailbox (way_in.h); change nothing
 *   enter   write the first stage and the mailbox, store the pointer, have it called, wait for the window
 *   go      let the waiting thread jump into the window
 *   leave   put everything back: pointer, cave, mailbox (also the undo of enter)
 *
 * The plan goes into the journal before enter changes anything, so that whoever comes after a crash can leave.
 */
#ifndef XG_HOTSWAP_GETIN_H
#define XG_HOTSWAP_GETIN_H

#include "dom0-tools/inspect/inspect.h"
#include "lib/xen/store.h"

#define XG_CAVE_BYTES_MAX 512

struct xg_getin_plan {
	struct gva cave;		/* where the first stage goes */
	uint32_t cave_bytes;
	uint8_t cave_before[XG_CAVE_BYTES_MAX];	/* what is there now */
	uint8_t cave_code[XG_CAVE_BYTES_MAX];	/* what will be */
	struct gfn cave_frame;
	struct gva pointer;		/* the word inside the holder (shutdown_watch) */
	struct gfn pointer_frame;
	uint64_t handler;		/* what it holds: shutdown_handler */
	struct gfn mailbox_frame;	/* the page that says who the kernel is; the mailbox is its last 64 bytes */
	uint64_t mailbox_va;
	char os[16];			/* whose way in it is */
};

/*
 * -ENOSPC: no unused bytes at the end of the kernel's text; -ENOENT: a symbol is missing; -EAGAIN: a thread of the
 * guest is in an earlier first stage yet, which it leaves by itself.
 */
int xg_getin_plan(struct xg_guest *g, struct xg_kernel *k, uint32_t text_pages, uint32_t data_pages,
		  struct xg_getin_plan *ret, struct xg_err *err);

/*
 * Blocks until the guest has allocated the window, TIMEOUT_MS at most: -ETIMEDOUT when the guest did not
 * react, -ENOMEM when it could not. On failure everything has been put back, as far as xg_getin_leave() can.
 */
int xg_getin_enter(struct xg_guest *g, struct xg_store *store, const struct xg_getin_plan *plan,
		   unsigned int timeout_ms, struct gva *ret_window, struct xg_err *err);

/* -ECANCELED when the guest's side has given up waiting. */
int xg_getin_go(struct xg_guest *g, const struct xg_getin_plan *plan, struct gva entry, struct gva argument,
		struct xg_err *err);

/* True once GO was given: from then on the window's own header tells what became of the thread. */
bool xg_getin_gone(struct xg_guest *g, const struct xg_getin_plan *plan);

/*
 * RUNNING: the thread is known to be in the window; otherwise it is told to give up and waited for. When the
 * guest does not react the first stage's bytes stay, unreachable, and the next plan takes them over. Fails only
 * when the guest's pages could not be reached, or xenstore not be written to give a watch event back that the first
 * stage may have swallowed; to be done again then, which does no harm.
 */
int xg_getin_leave(struct xg_guest *g, struct xg_store *store, const struct xg_getin_plan *plan, bool running,
		   struct xg_err *err);

#endif
