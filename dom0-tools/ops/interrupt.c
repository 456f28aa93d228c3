// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns the first signal into a flag. Called once by a program's main(). */
#include "dom0-tools/ops/interrupt.h"

#include <signal.h>

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

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool xg_interrupted(void)
{
	return interrupted;
}
