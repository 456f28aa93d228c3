// SPDX-License-Identifier: GPL-2.0-or-later
/* What has to be done now and then: ended tasks' stacks go back, grants that were in use are ended. */
#include "bare.h"
#include "xen.h"

void bare_housekeep(struct bare_periodic *self)
{
	self->count++;
	bare_tasks_reap();
	if (bare_xen)
		bare_grants_look();
}

struct bare_periodic bare_housekeeping = {
	.name = "housekeeping",
	.period_ms = 10,
	.run = bare_housekeep,
};

/* The function is looked up anew each time. */
static __attribute__((noreturn)) int housekeeper(void *context)
{
	struct bare_periodic *periodic = context;

	for (;;) {
		bare_sleep_ms(periodic->period_ms);
		__atomic_load_n(&periodic->run, __ATOMIC_ACQUIRE)(periodic);
	}
}

void bare_housekeeping_start(void)
{
	struct bare_task *task = bare_task_create(housekeeper, &bare_housekeeping, BARE_ANY_PROCESSOR, "housekeeper");

	if ((long)task < 0 && (long)task > -4096)
		bare_stop("no room for the housekeeper");
	bare_task_start(task);
}
