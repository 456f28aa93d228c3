// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns the first signal into a flag. Called once by a program's main(). */
#include "dom0-tools/ops/interrupt.h"

#include <signal.h>

#include "lib/base/array.h"

static volatile sig_atomic_t interrupted;

static void interrupt_note(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

void xg_interrupt_catch(void)
{
	/* SA_RESETHAND: the second one does what it always does. */
	struct sigaction sa = { .sa_handler = interrupt_note, .sa_flags = SA_RESETHAND | SA_RESTART };
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	unsigned int i;

	for (i = 0; i < XG_ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool xg_interrupted(void)
{
	return interrupted;
}
