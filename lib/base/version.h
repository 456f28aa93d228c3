/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of versions and kernel releases: runs of digits count as numbers, so 6.12 comes after 6.1 and 6.9;
 * '~' comes before the end, so 1.0~rc1 comes before 1.0 (as in Debian); a digit comes after any other character.
 */
#ifndef XG_BASE_VERSION_H
#define XG_BASE_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XG_VERSION_MAX 79u				/* characters that count; a note has no longer ones */
#define XG_VERSION_KEY_MAX (2 * XG_VERSION_MAX + 1)	/* a run of digits has a byte for its length before it */

/* Bytes whose memcmp() order is the versions' order. Returns how many. */
size_t xg_version_key(const char *version, uint8_t key[XG_VERSION_KEY_MAX]);
/* <0, 0, >0. */
int xg_version_compare(const char *a, const char *b);
/* FIRST <= V <= LAST. What LAST begins counts as it: 6.12.95 lies within 6.1 and 6.12. An empty bound is none. */
bool xg_version_within(const char *v, const char *first, const char *last);

#endif
