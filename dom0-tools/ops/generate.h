/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image that the repository lacks, made on this host: runs xengraft-gen, looks at what came, signs it with the
 * host's own key and adds it.
 *
 * What is asked for comes from a guest's memory. A release becomes an option's argument and part of paths, so only
 * [0-9A-Za-z._+~-], not beginning with '-' or '.', is let through. Which build a personality is for is read by the
 * generator from this host's /boot/vmlinuz-RELEASE and compared with what the guest says, never taken from the guest:
 * a release alone does not tell two builds apart, and the headers here belong to the kernel that is installed here.
 */
#ifndef XG_OPS_GENERATE_H
#define XG_OPS_GENERATE_H

#include "dom0-tools/ops/ops.h"
#include "driver-repo/resolve.h"

/*
 * Whether it can be tried at all: allowed by repo.conf, names that are names, a generator, a key that this host trusts.
 * -ENOENT, -EINVAL with the reason. Changes nothing. Needs ops->repo. KIND: "personality" or "driver".
 */
int xg_generate_check(struct xg_ops *ops, const char *kind, const struct xg_wanted *q, struct xg_err *err);
/*
 * One generates at a time; who waits here may find in the repository what it wanted. Removes what processes that died
 * have left. *ret is to be closed. -EAGAIN: not had for ops->generate_ms; -EINTR.
 */
int xg_generate_lock(struct xg_ops *ops, int *ret, struct xg_err *err);
/*
 * Under the lock. Blocks for minutes, for ops->generate_ms at most. -ENOENT: the generator says why not; -ETIMEDOUT;
 * -EINTR; -ENOEXEC: what it made is not what was asked for. Then the repository is as before. Tells notice() of
 * success.
 */
int xg_generate(struct xg_ops *ops, const char *kind, const struct xg_wanted *q, struct xg_err *err);

#endif
