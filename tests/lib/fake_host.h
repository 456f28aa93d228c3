/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host with one guest, for tests of what works on guests: xenstore (fake_store.c), event channels (fake_evtchn.c),
 * Xen's view of the guest, the guest's kernel with the first stage and the personality, a clock and the backend's
 * half of xenstore (fake_host.c). A test program links these in place of lib/xen's and hotswap/wait.c.
 *
 * What outlives a process lies in shared memory, so a child may be killed at any moment and its parent looks what is
 * left. The guest gets a moment whenever Dom0 waits; the clock runs only then. Nothing sleeps, nothing is random.
 */
#ifndef XG_TESTS_FAKE_HOST_H
#define XG_TESTS_FAKE_HOST_H

#include "guest-stubs/abi/xengraft_abi.h"
#include "lib/xen/guest.h"
#include "tests/lib/fake_linux.h"

#define FAKE_DOMID 7u
#define FAKE_GUEST "fake"
#define FAKE_RELEASE "6.1.0-test"
#define FAKE_BUILD_ID "00112233445566778899aabbccddeeff00112233"

#define FAKE_WINDOW_PAGES 64
#define FAKE_WINDOWS 16
#define FAKE_NODES 128

struct fake_node {
	char path[256];
	char value[1100];
	uint32_t owner, reader;	/* domain ids */
};

struct fake_window {
	uint64_t va;		/* 0: a free slot */
	uint32_t text, data;
	uint16_t pages[FAKE_WINDOW_PAGES];	/* of fake_linux */
	uint32_t disk;		/* enum xg_device_state */
	uint32_t half;		/* that is in use */
	bool other;		/* the other one is open */
};

/* Where the guest can be in the first stage. */
enum fake_stage { FAKE_OUT, FAKE_BEGUN, FAKE_WAITING };

/* The moments at which a test may have the guest misbehave. */
enum fake_moment {
	FAKE_WINDOW_MADE,	/* struct fake_window *: mapped, nobody told yet */
	FAKE_STARTED,		/* struct xg_core_header *: before it says so; true: it never does */
	FAKE_COMMAND,		/* struct xg_command *: taken, not run yet; true: the guest forgets it */
	FAKE_REPLY,		/* struct fake_reply *: run, not answered yet; true: it never is */
	FAKE_GO_SEEN,		/* NULL; true: the thread does not get the processor */
};

struct fake_reply {
	struct xg_command command;
	struct xg_reply reply;
	struct xg_device_header *device;	/* of the window that the command names; NULL: none */
};

struct fake_host {
	/* What a test may set. */
	bool gone, paused, dying, shut_down;	/* the domain */
	bool twin;		/* there is another domain of its UUID */
	bool deaf;		/* its watch thread does not run */
	bool drowsy;		/* its personality does not notice that it was restored */
	bool no_thread, no_memory;	/* in its kernel */
	bool in_use;		/* the disk is open in the guest */
	bool backend_stubborn;	/* does not end when asked */
	bool stuck;		/* what is in flight never ends: a switch without replay does not come about */
	uint32_t grants_kept;	/* what drivers publish of it */
	bool lame;		/* the driver that was switched to completes nothing more */
	unsigned int conflicts;	/* so many transactions meet another's write */
	unsigned int tick_ms;	/* the clock goes on by so much when it is looked at */
	int poll_cap_ms;	/* poll() waits no longer in truth, when it should for more than 5 s */
	/* of the guest's memory, when it is reset and when dirt is looked for; stays over a reset */
	bool look_at_all;

	/* What is. */
	uint64_t clock_ms;
	struct fake_node nodes[FAKE_NODES];
	size_t node_count;
	enum fake_stage stage;
	uint64_t stage_window;
	uint32_t patience;
	uint64_t cave;		/* where the first stage is */
	uint8_t cave_bytes[512];	/* as they were when it was entered */
	bool core_runs;
	uint64_t core_va;
	uint32_t core_port, answered;
	bool event;		/* for Dom0 */
	struct fake_window windows[FAKE_WINDOWS];
	uint8_t page_used[FAKE_LINUX_PAGES];
	unsigned int shutdowns;	/* requests that the guest has acted on */
	unsigned int commands;
	unsigned int mappings_left;	/* when a guest was closed */
	char crash[200];	/* what broke the guest; "": nothing */

	/* Fault points: see fake_point(). */
	unsigned int points, strike_at;
	bool strike_kills, struck;
	bool changed;		/* since the last point that counted */
	int striker;		/* the process that is to die */
	char struck_at[300];
};

extern struct fake_host *fake_host;
extern struct fake_linux *fake_linux;
/* May be NULL. */
extern bool (*fake_lie)(enum fake_moment moment, void *what);

/* Makes the host; once a process. Its children share it. */
void fake_host_setup(void);
/* As it was after setup. */
void fake_host_reset(void);
void fake_host_teardown(void);

/*
 * Everything that can fail or be the last that a process does passes here: calls to Xen, xenstore, the database, the
 * system. With strike_at N the Nth is the one: true is returned, and the caller fails; or the process is killed. To
 * die counts only where something has changed since the last such point, for else it is the same again: CHANGES
 * says that the call is about to change something.
 */
bool fake_point(const char *what, const char *with, bool changes);
/* Counts from 0 again; strikes at the Nth point (from 1), at none with 0. */
void fake_strike(unsigned int nth, bool kills);

/* The guest's threads get a moment. */
void fake_guest_run(void);
/* It was saved, and is back as DOMID, xenstore's nodes of it as new: its personality notices when it gets a moment. */
void fake_guest_restore(uint32_t domid);
/* The event channel to the personality fires. */
void fake_guest_event(void);
/* For fake_store.c: PATH was written, or something above or below it removed. */
void fake_store_changed(const char *path);

const char *fake_store_get(const char *path);	/* NULL: not there */
void fake_store_set(const char *path, const char *value);
void fake_store_forget(const char *path);

/* The window at VA goes, as if it had never been. */
void fake_guest_free(uint64_t va);
/* The page at VA in the guest; NULL: not mapped. */
void *fake_guest_at(uint64_t va);
struct fake_window *fake_window_find(uint64_t va);
size_t fake_windows_used(void);
struct xg_mailbox *fake_mailbox(void);
/* The kernel's own, enum system_states: 3 once it is up. */
uint32_t *fake_system_state(void);
/* The page-table entry of page N of a window. */
uint64_t *fake_window_entry(const struct fake_window *w, uint32_t n);

/*
 * NULL when guest, xenstore and this process's mappings are as they were after setup; else what is not.
 * CAVE_MAY_STAY: the first stage's bytes may be there still if nobody is, nor can come to be, in them.
 */
const char *fake_host_dirt(bool cave_may_stay);

#endif
