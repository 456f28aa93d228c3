/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting for a word in shared memory that nothing announces: looks every 200 us at first, then every
 * millisecond. Where there is an event channel, use that.
 */
#ifndef XG_HOTSWAP_WAIT_H
#define XG_HOTSWAP_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t xg_now_ms(void);

/* True once TEST(CTX) is, false when it was not for TIMEOUT_MS. */
bool xg_wait_ms(bool (*test)(void *ctx), void *ctx, unsigned int timeout_ms);

#endif
