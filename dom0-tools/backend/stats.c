// SPDX-License-Identifier: GPL-2.0-or-later
/* Renders counters. Called by disk.c; must never emit what is not a number or a word of our own. */
#include "dom0-tools/backend/stats.h"

#include <stdio.h>
#include <unistd.h>

typedef unsigned long long ull;

void stats_render(const struct engine *e, const char *state, unsigned int connections, char *buf, size_t size)
{
	const struct engine_stats *s = &e->stats;
	const struct target *t = e->target;

	snprintf(buf, size,
		 "{\"version\":1,\"pid\":%d,\"state\":\"%s\",\"connections\":%u,\"queues\":%u,\"under_way\":%u,"
		 "\"io\":\"%s\","
		 "\"reads\":%llu,\"writes\":%llu,\"flushes\":%llu,\"discards\":%llu,"
		 "\"read_bytes\":%llu,\"written_bytes\":%llu,\"discarded_bytes\":%llu,"
		 "\"refused\":%llu,\"errors\":%llu,\"copy_calls\":%llu,\"copies\":%llu,"
		 "\"events\":%llu,\"notifications\":%llu,\"buffer_waits\":%llu}",
		 (int)getpid(), state, connections, e->nr_queues, engine_under_way(e),
		 t->memory ? "memory" : t->direct ? "direct" : "buffered",
		 (ull)s->requests[REQUEST_READ], (ull)s->requests[REQUEST_WRITE], (ull)s->requests[REQUEST_FLUSH],
		 (ull)s->requests[REQUEST_DISCARD], (ull)s->bytes[REQUEST_READ], (ull)s->bytes[REQUEST_WRITE],
		 (ull)s->bytes[REQUEST_DISCARD], (ull)s->refused, (ull)s->errors, (ull)s->copy_calls, (ull)s->copies,
		 (ull)s->events, (ull)s->notifications, (ull)s->waits);
}
