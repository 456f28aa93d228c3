/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room for windows inside the module. Read by C and by the assembler.
 *
 * The kernel's allocator of executable memory is not exported to modules, so the room comes with the module:
 * text for 16 drivers of 32 KiB (two halves of 16), data for as many of 16 KiB, and the core header's page.
 */
#ifndef XG_ARENA_H
#define XG_ARENA_H

#define XG_ARENA_TEXT_PAGES 128
#define XG_ARENA_DATA_PAGES 65

#ifndef __ASSEMBLY__
extern char xg_arena_text[], xg_arena_data[];
#endif

#endif
