/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP during an operation: noticed between two steps, which are then undone. A second
 * signal ends the process at once; whoever takes the lock next cleans up.
 */
#ifndef XG_OPS_INTERRUPT_H
#define XG_OPS_INTERRUPT_H

#include <stdbool.h>

void xg_interrupt_catch(void);
bool xg_interrupted(void);

#endif
