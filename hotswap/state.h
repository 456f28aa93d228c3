/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state database: what xengraft did to which guest. Dom0 decides from this alone, never from what a guest
 * can write. Bound to a domain's UUID, for domain ids are used again (XSA-322).
 *
 *     guest      a core window: where it is, which personality
 *     device     a device window: where it is, which driver and target, its entry points
 *     frame      the frames of each window
 *     kernel     hints of how to find one's way in a kernel that was met before
 *     next       the device as it will be once the swap that is going on has succeeded
 *     history    swaps that were done
 *     unwanted   disks that were detached by hand: nothing attaches them again by itself in that domain
 *     operation  what is being done right now, by which process; a row that outlives its process is owed an undo
 *
 * SQLite, WAL. Every call is one transaction. Blocks up to five seconds for another process's.
 */
#ifndef XG_HOTSWAP_STATE_H
#define XG_HOTSWAP_STATE_H

#include "hotswap/device.h"

#define XG_UUID_TEXT 37

struct xg_state;

/* Creates what is missing. PATH: XG_STATEDIR "/state.db" as a rule. */
int xg_state_open(const char *path, struct xg_state **ret, struct xg_err *err);
void xg_state_close(struct xg_state *s);	/* NULL is fine */
XG_DEFINE_AUTO(struct xg_state, xg_state_close)

void xg_uuid_text(const uint8_t uuid[16], char ret[XG_UUID_TEXT]);

struct xg_guest_row {
	char uuid[XG_UUID_TEXT];
	uint32_t domid;
	char name[128];
	struct xg_os os;
	struct xg_core_record core;	/* core.va.v == 0: no personality there yet */
	char digest[XG_DIGEST_HEX], version[32];
	/*
	 * Where `domid` and what is of this domain alone hold: this boot of this host. After another one all begins
	 * anew.
	 */
	char boot[XG_UUID_TEXT];
	int64_t away;			/* since the epoch in seconds: it was saved, or is no more; 0: it is here */
};

struct xg_device_row {
	char uuid[XG_UUID_TEXT];
	uint32_t devid;
	char vdev[32];
	char target[1024], mode[16];	/* mode: virtual or paravirtual */
	bool read_only;
	struct xg_device_record device;	/* device.va.v == 0: no window yet */
	char digest[XG_DIGEST_HEX], driver[64], version[32];
	char state[16];			/* "attaching", "live", "detaching" */
	int64_t since;			/* seconds since the epoch */
	char wish[16];			/* "auto": the policy's to swap; a mode: pinned to it; "": by hand */
	bool shared;			/* others may write to the target, too: the administrator said so */
};

/* -ENOENT when there is none. */
int xg_state_guest_get(struct xg_state *s, const char *uuid, struct xg_guest_row *ret, struct xg_err *err);
int xg_state_guest_put(struct xg_state *s, const struct xg_guest_row *row, struct xg_err *err);
/* With its devices, frames and operations. */
int xg_state_guest_remove(struct xg_state *s, const char *uuid, struct xg_err *err);
/* All of them, ascending by domid; *ret is the caller's to free(). */
int xg_state_guest_list(struct xg_state *s, struct xg_guest_row **ret, size_t *ret_count, struct xg_err *err);

/* Of the guests that are away, the one after the KEEP that are so for the shortest time. -ENOENT: not so many are. */
int xg_state_away_longest(struct xg_state *s, unsigned int keep, char ret[XG_UUID_TEXT], struct xg_err *err);

int xg_state_device_get(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_device_row *ret,
			struct xg_err *err);
int xg_state_device_put(struct xg_state *s, const struct xg_device_row *row, struct xg_err *err);
int xg_state_device_remove(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_err *err);
/*
 * The same for what a swap is about to make of the device. There is one while a swap goes on; it goes with the guest
 * and with the device.
 */
int xg_state_next_get(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_device_row *ret,
		      struct xg_err *err);
int xg_state_next_put(struct xg_state *s, const struct xg_device_row *row, struct xg_err *err);
int xg_state_next_remove(struct xg_state *s, const char *uuid, uint32_t devid, struct xg_err *err);
/* Of one guest, or of all with UUID NULL; ascending by devid; *ret is the caller's to free(). */
int xg_state_device_list(struct xg_state *s, const char *uuid, struct xg_device_row **ret, size_t *ret_count,
			 struct xg_err *err);

/* A disk that was detached by hand is unwanted in that domain, until it is attached by hand. */
int xg_state_unwanted_set(struct xg_state *s, const char *uuid, uint32_t domid, uint32_t devid, bool unwanted,
			  struct xg_err *err);
int xg_state_unwanted(struct xg_state *s, const char *uuid, uint32_t domid, uint32_t devid, bool *ret,
		      struct xg_err *err);

struct xg_history_driver {
	char mode[16], driver[64], version[32], digest[XG_DIGEST_HEX];
};

/* A swap that was done. Outlives its guest; the last 20,000 are kept. */
struct xg_history_row {
	char uuid[XG_UUID_TEXT], guest[128];
	uint32_t devid;
	char vdev[32], reason[16];	/* "swap", "upgrade", "rollback", "replace", "reconnect", "policy" */
	struct xg_history_driver from, to;
	uint64_t hold_ns, held, in_flight, replayed;	/* see XG_CMD_DEVICE_SWITCH */
	int64_t at;
};

/* Takes the row `next` for the device's, and notes ROW: all or nothing. -ENOENT: there is no `next`. */
int xg_state_swapped(struct xg_state *s, const struct xg_history_row *row, struct xg_err *err);
/* Oldest first. UUID NULL: by GUEST's name; both NULL: all. DEVID UINT32_MAX: all of them. */
int xg_state_history(struct xg_state *s, const char *uuid, const char *guest, uint32_t devid,
		     struct xg_history_row **ret, size_t *ret_count, struct xg_err *err);

/* The frames of a window, replaced as a whole. */
int xg_state_frames_put(struct xg_state *s, const char *uuid, const struct xg_window *w, struct xg_err *err);

/*
 * Where the kernels that were met last have what inspection looks for (inspect.h): a table of hints, which a guest
 * may have made wrong and which then cost time alone.
 */
int xg_state_hints_get(struct xg_state *s, struct xg_kernel_hints *ret, struct xg_err *err);
int xg_state_hint_put(struct xg_state *s, const struct xg_os *os, struct xg_err *err);

/* What is going on in a guest; at most one operation at a time, the guest's lock sees to that. */
struct xg_operation_row {
	char uuid[XG_UUID_TEXT];
	uint32_t domid;
	uint32_t devid;
	char verb[16];			/* "attach", "detach" */
	char step[48];			/* the step that began last */
	uint32_t steps;			/* how many have begun */
	bool getting_in;		/* plan is valid, else zero: the guest's kernel text may hold the first stage */
	struct xg_getin_plan plan;
	int64_t pid, since;
};

/* -EPROTO: the plan is another version's. */
int xg_state_operation_get(struct xg_state *s, const char *uuid, struct xg_operation_row *ret, struct xg_err *err);
int xg_state_operation_put(struct xg_state *s, const struct xg_operation_row *row, struct xg_err *err);
int xg_state_operation_remove(struct xg_state *s, const char *uuid, struct xg_err *err);

#endif
