/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operations on a fake host: images, a disk, a state database and a backend to run, in a folder of their own. Every
 * call opens and closes the tools' connections, as a program does.
 */
#ifndef XG_TESTS_OPS_RIG_H
#define XG_TESTS_OPS_RIG_H

#include "dom0-tools/ops/ops.h"
#include "tests/lib/fake_host.h"

#define RIG_DEVID 51728u	/* of xvdb */

struct rig {
	char dir[64];
	char database[96], backend[512], log_dir[96];
	struct xg_disk_spec spec;
	bool dry_run;
	char steps[1024];	/* that were told of, one after the other */
	char notices[1024];
};

extern struct rig rig;

void rig_setup(void);
/* A host as new: nothing attached, an empty database. */
void rig_reset(void);
void rig_teardown(void);

/* The database and xenstore, opened; the caller's to close by xg_ops_close(). */
int rig_open(struct xg_ops *ops, struct xg_err *err);

int rig_attach(struct xg_attached *ret, struct xg_err *err);	/* RET may be NULL */
int rig_detach(bool force, struct xg_err *err);
int rig_withdraw(struct xg_err *err);
/* Opens and closes a session, which cleans up what a crash left. */
int rig_recover(struct xg_err *err);

/* What a row of the database is, asked by SQL that gives one number. */
long rig_ask(const char *sql);

/*
 * NULL when nothing of an attach is left anywhere: guest, xenstore, database, processes. Waits for processes that are
 * ending; one that stays is a leak.
 */
const char *rig_dirt(bool cave_may_stay);
/* NULL when the disk is attached as it should be, once. */
const char *rig_not_attached(void);

/* Writes the images anew: damaged by the caller in a copy. NAME: "linux-" FAKE_RELEASE ".o" or "blkif-virtual.o". */
uint8_t *rig_personality(const char *notes, size_t *ret_size);
uint8_t *rig_driver(const char *notes, size_t *ret_size);
void rig_image_write(const char *name, const void *bytes, size_t size);
extern const char rig_personality_notes[], rig_driver_notes[];

#endif
