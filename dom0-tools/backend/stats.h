/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend's counters as JSON, for the node `stats`. */
#ifndef XG_BACKEND_STATS_H
#define XG_BACKEND_STATS_H

#include <stddef.h>

#include "dom0-tools/backend/engine.h"

/* Below xenstore's 2,048 bytes with every counter at its largest. */
#define STATS_BYTES 1536

void stats_render(const struct engine *e, const char *state, unsigned int connections, char *buf, size_t size);

#endif
