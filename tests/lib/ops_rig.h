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
	const char *boot;	/* of the host; NULL: the first */
	const char *generator;	/* what missing images are made by; in a rig as new there is none */
	unsigned int generate_ms;
	char work_dir[96];
	struct xg_repo_paths repo_paths;	/* a repository that has taken in the images of `dir` */
	bool images_as_new;
	char steps[1024];	/* that were told of, one after the other */
	char notices[1024];
	char details[2048];
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
/* To the driver of blkif-virtual.o, as the folder has it; RET may be NULL. */
int rig_swap(bool force, struct xg_swapped *ret, struct xg_err *err);
int rig_rollback(struct xg_swapped *ret, struct xg_err *err);
/* All disks there are; the number of those upgraded, or below zero. */
int rig_upgrade(struct xg_err *err);
/*
 * What the sweep says, then all disks that are on record: the number of those that had no backend, or below zero. RET,
 * of the last one, may be NULL.
 */
int rig_reconnect(struct xg_swapped *ret, struct xg_err *err);
int rig_sweep(struct xg_err *err);
/* The process that serves the disk dies, and is waited for. */
void rig_backend_dies(void);
/* Opens and closes a session, which cleans up what a crash left. */
int rig_recover(struct xg_err *err);

/* What a row of the database is, asked by SQL that gives one number. */
long rig_ask(const char *sql);

/*
 * NULL when nothing of an attach is left anywhere: guest, xenstore, database, processes. Waits for processes that are
 * ending; one that stays is a leak.
 */
const char *rig_dirt(bool cave_may_stay);
/* NULL when the disk is attached as it should be, once, in whichever half. */
const char *rig_not_attached(void);

/* Writes the images anew: damaged by the caller in a copy. NAME: "linux-" FAKE_RELEASE ".o" or "blkif-virtual.o". */
uint8_t *rig_personality(const char *notes, size_t *ret_size);
uint8_t *rig_driver(const char *notes, size_t *ret_size);
/* After an image was removed; rig_image_write() calls it itself. */
void rig_images_changed(void);
/* Another version of blkif-virtual.o takes its place. */
void rig_driver_renew(const char *version);
void rig_image_write(const char *name, const void *bytes, size_t size);
extern const char rig_personality_notes[], rig_driver_notes[];

#endif
