/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core window of a guest: its personality, and the commands that Dom0 gives it.
 *
 *   first device of a guest   xg_core_plan, _enter, _fill, _start
 *   every later one           xg_core_open, from the record
 */
#ifndef XG_HOTSWAP_CORE_H
#define XG_HOTSWAP_CORE_H

#include "guest-stubs/abi/xengraft_abi.h"
#include "hotswap/getin.h"
#include "hotswap/window.h"
#include "lib/xen/evtchn.h"

/* All that is needed to find the core again; kept in the state database. */
struct xg_core_record {
	struct gva va, data_va;		/* data_va 0: behind the text */
	uint32_t text_pages, data_pages;
	bool module;			/* the guest's own, by its owner's will: see hotswap/optin.h */
};

static inline struct xg_window_place xg_core_place(const struct xg_core_record *r)
{
	return (struct xg_window_place){ r->va, r->data_va, r->text_pages, r->data_pages };
}

struct xg_core {
	struct xg_guest *guest;		/* borrowed */
	struct xg_window *window;
	bool module;
	struct xg_evtchn *evtchn;
	uint32_t port;			/* ours, bound to the core's */
	uint32_t seq;			/* of the last command */
};

/* What installing the personality IMAGE in this kernel takes. Changes nothing. */
struct xg_core_plan {
	uint32_t text_pages, data_pages;
	struct xg_getin_plan getin;
};

/* -ENOEXEC: IMAGE is not the personality of exactly this kernel; the text says which differs. */
int xg_core_image_fits(const struct xg_image *image, const struct xg_os *os, struct xg_err *err);
int xg_core_plan(struct xg_guest *g, struct xg_kernel *k, const struct xg_image *image, struct xg_core_plan *ret,
		 struct xg_err *err);

/* The guest allocates the window and waits; undone by xg_getin_leave(). */
int xg_core_enter(struct xg_guest *g, struct xg_store *store, const struct xg_core_plan *plan,
		  struct xg_core_record *ret, struct xg_err *err);
/* Links the personality and writes it and its header; nothing runs yet. */
int xg_core_fill(struct xg_guest *g, struct xg_kernel *k, const struct xg_image *image,
		 const struct xg_core_record *record, const char *banner, struct gva *ret_entry, struct xg_err *err);
/* Starts it, waits until it serves commands, puts the cave back. */
int xg_core_start(struct xg_guest *g, struct xg_store *store, const struct xg_os *os, const struct xg_core_plan *plan,
		  const struct xg_core_record *record, struct gva entry, struct xg_err *err);

/* Waits until a personality that was sent off has said whether it runs; -ETIMEDOUT when it does not say. */
int xg_core_wait(struct xg_guest *g, const struct xg_os *os, const struct xg_core_record *record, struct xg_err *err);

/* What a failed xg_core_open() means: the personality is no more; anything else may be tried again. */
static inline bool xg_core_is_gone(int rc)
{
	return rc == -ESTALE || rc == -ENODEV;
}

/*
 * Is the personality where the record says? Changes nothing and waits for nothing; -ESTALE and -ENODEV as
 * xg_core_open().
 */
int xg_core_look(struct xg_guest *g, const struct xg_os *os, const struct xg_core_record *record, struct xg_err *err);
/*
 * -ESTALE: the window is not what the record says (another kernel runs now); -ENODEV: the personality has left;
 * -EAGAIN: the domain was restored, and its personality has not noticed within five seconds.
 */
int xg_core_open(struct xg_guest *g, const struct xg_os *os, const struct xg_core_record *record,
		 struct xg_core **ret, struct xg_err *err);
void xg_core_close(struct xg_core *core);	/* the personality stays; NULL is fine */
XG_DEFINE_AUTO(struct xg_core, xg_core_close)

/*
 * Gives one command and waits for its answer. The status of the guest (-XG_E_*) comes back as -errno with a
 * text that names WHAT. -ETIMEDOUT after XG_COMMAND_TIMEOUT_MS.
 */
#define XG_COMMAND_TIMEOUT_MS 30000
int xg_core_command(struct xg_core *core, enum xg_command_op op, uint64_t arg0, uint64_t arg1,
		    struct xg_reply *ret, const char *what, struct xg_err *err);
/*
 * The same with a third argument. RET, which may be NULL, is there when the guest refused, too: its seq is not 0 then.
 */
int xg_core_command3(struct xg_core *core, enum xg_command_op op, const uint64_t args[3], struct xg_reply *ret,
		     const char *what, struct xg_err *err);

/*
 * The last command that was given, perhaps by a process that died before it saw the answer, which is waited for. 0
 * also when there was none: *RET_OP is 0 then.
 */
int xg_core_last(struct xg_core *core, uint32_t *ret_op, struct xg_reply *ret, struct xg_err *err);

/* Ends the personality: its window is freed. Refused (-EBUSY) while a device lives; -ETIMEDOUT as for a command. */
int xg_core_remove(struct xg_core *core, struct xg_err *err);

#endif
