/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's address space, for C, assembly and the linker's script.
 *
 *     0xffff800000000000   all memory (up to 4 GiB), writable
 *     0xffffc00000000000   device registers and pages shared with Xen
 *     0xffffffff80000000   + physical address: the image; text, constants and variables each with their protection
 *     0xffffffffa0000000   memory that may become executable (exec.c), within a call's reach of the image
 */
#ifndef BARE_LAYOUT_H
#define BARE_LAYOUT_H

#define BARE_BASE 0xffffffff80000000
#define BARE_MEMORY 0xffff800000000000
#define BARE_DEVICES 0xffffc00000000000
#define BARE_EXEC 0xffffffffa0000000
#define BARE_EXEC_BYTES 0x4000000

#define BARE_LOAD 0x100000	/* physical address of the image */

#endif
