// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tasks that give the processor up by themselves, and the loop that looks for events between them. The first task
 * is the loop: it is always ready and never waits, so there is always somebody to run.
 */
#include "bare.h"
#include "machine.h"
#include "disk.h"
#include "xen.h"

#define TASKS_MAX 32u
#define STACK_PAGES 4u

enum task_state { TASK_FREE, TASK_NEW, TASK_LIVES, TASK_ENDED };

struct bare_task {
	uint64_t sp;
	enum task_state state;
	struct bare_signal *signal;	/* waited for */
	uint64_t until_ns;		/* UINT64_MAX: no end; 0: not asleep */
	int (*run)(void *);
	void *context;
	void *stack;
	char name[16];
};

void bare_switch(uint64_t *save, uint64_t sp);

static struct bare_task tasks[TASKS_MAX] = { { .state = TASK_LIVES, .name = "loop" } };
static struct bare_task *current = &tasks[0];
static struct bare_poller *pollers;

static bool is_ready(const struct bare_task *task, uint64_t now)
{
	if (task->state != TASK_LIVES)
		return false;
	return !task->until_ns || (task->signal && task->signal->raised) || now >= task->until_ns;
}

/* The next one that is ready, in turn; the loop if need be. */
static void switch_away(void)
{
	struct bare_task *from = current, *to = from;
	uint64_t now = bare_ns();

	do {
		to = to + 1 == tasks + TASKS_MAX ? tasks : to + 1;
	} while (to != tasks && !is_ready(to, now));
	if (to == from)
		return;
	current = to;
	bare_switch(&from->sp, to->sp);
}

/* Where a task begins: bare_switch() returns here. */
static void task_first(void)
{
	bare_task_exit(current->run(current->context));
}

struct bare_task *bare_task_create(int (*run)(void *), void *context, int processor, const char *name)
{
	struct bare_task *task = NULL;
	unsigned int i;
	uint64_t *sp;

	for (i = 1; i < TASKS_MAX && !task; i++)
		if (tasks[i].state == TASK_FREE)
			task = &tasks[i];
	if (!task || processor != BARE_ANY_PROCESSOR)
		return (void *)(long)-BARE_E_NOMEM;
	*task = (struct bare_task){ .run = run, .context = context, .stack = bare_pages_get(STACK_PAGES) };
	if (!task->stack)
		return (void *)(long)-BARE_E_NOMEM;
	bare_format(task->name, sizeof(task->name), "%s", name);
	/* Six registers, the place to begin, and a word where a caller's return address would be. */
	sp = (uint64_t *)((char *)task->stack + STACK_PAGES * BARE_PAGE) - 8;
	sp[6] = (uint64_t)task_first;
	task->sp = (uint64_t)sp;
	task->state = TASK_NEW;
	return task;
}

void bare_task_start(struct bare_task *task)
{
	task->state = TASK_LIVES;
}

void bare_task_exit(long result)
{
	(void)result;
	current->state = TASK_ENDED;
	switch_away();
	__builtin_unreachable();
}

void bare_tasks_reap(void)
{
	unsigned int i;

	for (i = 1; i < TASKS_MAX; i++)
		if (tasks[i].state == TASK_ENDED && &tasks[i] != current) {
			bare_pages_put(tasks[i].stack, STACK_PAGES);
			tasks[i].state = TASK_FREE;
		}
}

unsigned int bare_tasks(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < TASKS_MAX; i++)
		n += tasks[i].state != TASK_FREE;
	return n;
}

void bare_yield(void)
{
	switch_away();
}

/* Not for the first task: somebody has to be ready. */
static void rest(struct bare_signal *signal, uint64_t until_ns)
{
	if (current == &tasks[0])
		bare_stop("the loop must not sleep");
	current->signal = signal;
	current->until_ns = until_ns;
	switch_away();
	current->signal = NULL;
	current->until_ns = 0;
}

void bare_sleep_ms(unsigned int ms)
{
	rest(NULL, bare_ns() + ms * 1000000ull);
}

bool bare_wait(struct bare_signal *signal, unsigned int ms)
{
	uint64_t until = ms ? bare_ns() + ms * 1000000ull : UINT64_MAX;

	while (!signal->raised && bare_ns() < until)
		rest(signal, until);
	if (!signal->raised)
		return false;
	signal->raised = false;
	return true;
}

/* ---- The loop ---------------------------------------------------------------------------------------------- */

void bare_poller_add(struct bare_poller *poller)
{
	poller->next = pollers;
	pollers = poller;
}

void bare_poller_remove(struct bare_poller *poller)
{
	struct bare_poller **at = &pollers;

	while (*at && *at != poller)
		at = &(*at)->next;
	if (*at)
		*at = poller->next;
}

/* When the next sleeper wants to run: 0 when somebody is ready now. */
static uint64_t next_deadline(void)
{
	uint64_t now = bare_ns(), until = UINT64_MAX;
	unsigned int i;

	for (i = 1; i < TASKS_MAX; i++) {
		if (is_ready(&tasks[i], now))
			return 0;
		if (tasks[i].state == TASK_LIVES && tasks[i].until_ns < until)
			until = tasks[i].until_ns;
	}
	return until;
}

static void look(void)
{
	struct bare_poller *poller, *following;

	if (bare_xen)
		bare_events_look();
	for (poller = pollers; poller; poller = following) {
		following = poller->next;
		poller->look(poller->context);
	}
	bare_disks_look();
}

void bare_loop(void)
{
	uint64_t until;

	for (;;) {
		look();
		until = next_deadline();
		if (!until)
			switch_away();
		else if (bare_xen && !pollers)
			bare_xen_rest(until);
		else
			pause_cpu();
	}
}
