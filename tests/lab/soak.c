// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Swaps one disk again and again, in both directions and mixed with upgrades and rollbacks: the operations of the command,
 * called one after the other by one process, for under emulation starting a program costs as much as a swap. Run by
 * t-soak.sh in a real Dom0; never installed.
 *
 *     soak GUEST VDEV SWAPS SECONDS OLD-VIRTUAL OLD-PARAVIRTUAL    the digests of the drivers that are not the newest
 *
 * Ends after so many swaps, or when so many seconds are over (0: it has the time). Says every hundred how far it is. A swap that was put back at its deadline is counted and tried again. Exit status: 0, or
 * 1 when one failed in another way, or more than every fiftieth was put back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/ops/interrupt.h"
#include "dom0-tools/ops/ops.h"
#include "hotswap/wait.h"

#define DEADLINE_MS 5000	/* a busy emulated machine answers late */

struct soak {
	struct xg_ops ops;
	const char *guest, *vdev, *old_virtual, *old_paravirtual;
	unsigned long swaps, seconds, done, late;
};

static int to(struct soak *s, const char *driver, struct xg_err *err)
{
	const struct xg_swap_wish wish = { .driver = driver, .reason = "swap", .pin = true, .deadline_ms = DEADLINE_MS };
	struct xg_swapped done;

	return xg_disk_swap(&s->ops, s->guest, s->vdev, &wish, &done, err);
}

static int to_virtual(struct soak *s, struct xg_err *err)
{
	return to(s, "virtual", err);
}

static int to_paravirtual(struct soak *s, struct xg_err *err)
{
	return to(s, "paravirtual", err);
}

static int to_old_virtual(struct soak *s, struct xg_err *err)
{
	return to(s, s->old_virtual, err);
}

static int to_old_paravirtual(struct soak *s, struct xg_err *err)
{
	return to(s, s->old_paravirtual, err);
}

static int back(struct soak *s, struct xg_err *err)
{
	const struct xg_swap_wish wish = { .reason = "rollback", .deadline_ms = DEADLINE_MS };
	struct xg_swapped done;

	return xg_disk_rollback(&s->ops, s->guest, s->vdev, &wish, &done, err);
}

/* There must be something to upgrade. */
static int upgrade(struct soak *s, struct xg_err *err)
{
	const struct xg_swap_wish wish = { .reason = "upgrade", .deadline_ms = DEADLINE_MS };
	struct xg_guest *guest;
	struct xg_device_row device;
	struct xg_guest_row row;
	struct xg_swapped done;
	int rc = xg_device_find(&s->ops, s->guest, s->vdev, &guest, &row, &device, err);

	if (rc)
		return rc;
	xg_guest_close(guest);
	rc = xg_disk_upgrade(&s->ops, &row, &device, &wish, &done, err);
	return rc == 1 ? xg_fail(err, EALREADY, "%s has the newest driver", s->vdev) : rc;
}

/* There, to the same mode, back, to the other version and back again. */
static int (*const turn[])(struct soak *s, struct xg_err *err) = {
	to_paravirtual, to_old_paravirtual, upgrade, to_virtual, back, to_old_virtual, upgrade, to_virtual,
};

static void far(const struct soak *s, uint64_t ms)
{
	printf("%lu swaps, %lu put back, in %llu s\n", s->done, s->late, (unsigned long long)ms / 1000);
	fflush(stdout);
}

static int run(struct soak *s, struct xg_err *err)
{
	uint64_t began = xg_now_ms(), now = began;
	int rc;

	while (s->done < s->swaps && (!s->seconds || now - began < s->seconds * 1000)) {
		rc = turn[s->done % (sizeof(turn) / sizeof(turn[0]))](s, err);
		if (rc == -EAGAIN && ++s->late <= s->done / 50 + 20) {
			printf("put back at swap %lu: %s\n", s->done, err->text);
			continue;
		}
		if (rc)
			return xg_fail_in(err, "swap %lu", s->done);
		now = xg_now_ms();
		if (++s->done % 100 == 0)
			far(s, now - began);
	}
	far(s, now - began);
	return 0;
}

int main(int argc, char **argv)
{
	struct xg_err err = XG_ERR_NONE;
	struct soak s = { .late = 0 };
	int rc;

	if (argc != 7) {
		fprintf(stderr, "usage: soak GUEST VDEV SWAPS SECONDS OLD-VIRTUAL OLD-PARAVIRTUAL\n");
		return 1;
	}
	s.guest = argv[1];
	s.vdev = argv[2];
	s.swaps = strtoul(argv[3], NULL, 10);
	s.seconds = strtoul(argv[4], NULL, 10);
	s.old_virtual = argv[5];
	s.old_paravirtual = argv[6];
	xg_interrupt_catch();
	rc = xg_ops_open(&s.ops, &err);
	if (!rc)
		rc = run(&s, &err);
	xg_ops_close(&s.ops);
	if (rc)
		fprintf(stderr, "soak: %s\n", err.text);
	return rc != 0;
}
