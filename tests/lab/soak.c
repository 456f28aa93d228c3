// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Swaps one disk again and again, in both directions and mixed with upgrades and rollbacks: the operations of the
 * command, called one after the other by one process, for under emulation starting a program costs as much as a swap.
 * Run by t-soak.sh in a real Dom0; never installed.
 *
 *     soak GUEST VDEV SWAPS SECONDS OLD-VIRTUAL OLD-PARAVIRTUAL    the digests of the drivers that are not the newest
 *
 * Ends after so many swaps, or when so many seconds are over (0: it has the time). Says every hundred how far it is. A
 * swap that was put back at its deadline is counted and tried again. Exit status: 0, or 1 when one failed in another
 * way, or more than every fiftieth was put back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/ops/interrupt.h"
#include "dom0-tools/ops/ops.h"
#include "hotswap/wait.h"
#include "lib/base/array.h"

#define DEADLINE_MS 5000	/* a busy emulated machine answers late */

enum driver { VIRTUAL, PARAVIRTUAL, OLD_VIRTUAL, OLD_PARAVIRTUAL, DRIVERS };

struct soak {
	struct xg_ops ops;
	const char *guest, *vdev, *driver[DRIVERS];
	unsigned long swaps, seconds, done, late;
};

static int swap(struct soak *s, enum driver driver, struct xg_err *err)
{
	const struct xg_swap_wish wish = {
		.driver = s->driver[driver], .reason = "swap", .pin = true, .deadline_ms = DEADLINE_MS,
	};
	struct xg_swapped done;

	return xg_disk_swap(&s->ops, s->guest, s->vdev, &wish, &done, err);
}

static int rollback(struct soak *s, enum driver driver, struct xg_err *err)
{
	const struct xg_swap_wish wish = { .reason = "rollback", .deadline_ms = DEADLINE_MS };
	struct xg_swapped done;

	(void)driver;
	return xg_disk_rollback(&s->ops, s->guest, s->vdev, &wish, &done, err);
}

/* There must be something to upgrade. */
static int upgrade(struct soak *s, enum driver driver, struct xg_err *err)
{
	const struct xg_swap_wish wish = { .reason = "upgrade", .deadline_ms = DEADLINE_MS };
	struct xg_guest *guest;
	struct xg_device_row device;
	struct xg_guest_row row;
	struct xg_swapped done;
	int rc = xg_device_find(&s->ops, s->guest, s->vdev, &guest, &row, &device, err);

	(void)driver;
	if (rc)
		return rc;
	xg_guest_close(guest);
	rc = xg_disk_upgrade(&s->ops, &row, &device, &wish, &done, err);
	return rc == 1 ? xg_fail(err, EALREADY, "%s has the newest driver", s->vdev) : rc;
}

/* There, to the same mode, back, to the other version and back again. */
static const struct {
	int (*run)(struct soak *s, enum driver driver, struct xg_err *err);
	enum driver driver;	/* of a swap */
} turn[] = {
	{ swap, PARAVIRTUAL }, { swap, OLD_PARAVIRTUAL }, { upgrade, DRIVERS }, { swap, VIRTUAL },
	{ rollback, DRIVERS }, { swap, OLD_VIRTUAL }, { upgrade, DRIVERS }, { swap, VIRTUAL },
};

static void far(const struct soak *s, uint64_t ms)
{
	printf("%lu swaps, %lu put back, in %llu s\n", s->done, s->late, (unsigned long long)ms / 1000);
	fflush(stdout);
}

static int run(struct soak *s, struct xg_err *err)
{
	uint64_t began = xg_now_ms(), now = began;
	size_t i;
	int rc;

	while (s->done < s->swaps && (!s->seconds || now - began < s->seconds * 1000)) {
		i = s->done % (XG_ARRAY_SIZE(turn));
		rc = turn[i].run(s, turn[i].driver, err);
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
	struct soak s = { .driver = { [VIRTUAL] = "virtual", [PARAVIRTUAL] = "paravirtual" } };
	int rc;

	if (argc != 7) {
		fprintf(stderr, "usage: soak GUEST VDEV SWAPS SECONDS OLD-VIRTUAL OLD-PARAVIRTUAL\n");
		return 1;
	}
	s.guest = argv[1];
	s.vdev = argv[2];
	s.swaps = strtoul(argv[3], NULL, 10);
	s.seconds = strtoul(argv[4], NULL, 10);
	s.driver[OLD_VIRTUAL] = argv[5];
	s.driver[OLD_PARAVIRTUAL] = argv[6];
	xg_interrupt_catch();
	rc = xg_ops_open(&s.ops, &err);
	if (!rc)
		rc = run(&s, &err);
	xg_ops_close(&s.ops);
	if (rc)
		fprintf(stderr, "soak: %s\n", err.text);
	return rc != 0;
}
