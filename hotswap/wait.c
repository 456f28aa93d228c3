// SPDX-License-Identifier: GPL-2.0-or-later
/* The one place that looks at memory again and again. Used while a guest has no event channel to us yet. */
#include "hotswap/wait.h"

#include <time.h>

uint64_t xg_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool xg_wait_ms(bool (*test)(void *ctx), void *ctx, unsigned int timeout_ms)
{
	uint64_t end = xg_now_ms() + timeout_ms;
	struct timespec pause = { .tv_nsec = 200000 };
	unsigned int looks = 0;

	while (!test(ctx)) {
		if (xg_now_ms() >= end)
			return test(ctx);
		if (++looks == 20)
			pause.tv_nsec = 1000000;
		nanosleep(&pause, NULL);
	}
	return true;
}
