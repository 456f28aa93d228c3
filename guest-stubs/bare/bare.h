/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare kernel's own interfaces: one processor, cooperative tasks, no interrupts. All of it is called from tasks,
 * never concurrently; what may switch to another task says "sleeps".
 *
 * Functions that can fail return 0 or a negative number of enum bare_error.
 */
#ifndef BARE_H
#define BARE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#define BARE_PAGE 4096u

enum bare_error {
	BARE_E_BUSY = 1,
	BARE_E_NOMEM = 2,
	BARE_E_INVAL = 3,
	BARE_E_EXIST = 4,
	BARE_E_NOTSUPP = 5,
	BARE_E_IO = 6,
	BARE_E_NODEV = 7,
};

#define BARE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- text.c: what a compiler expects, and text ------------------------------------------------------------- */

void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t most);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t most);

/* %s %c %d %u %x %p %% with l, ll, z; width, zero and minus. What it would have written; a NUL at the end. */
int bare_vformat(char *to, size_t size, const char *format, va_list args);
int bare_format(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Decimal or 0x; false: not a number, or text behind it. */
bool bare_number(const char *text, uint64_t *ret);

/* ---- console.c --------------------------------------------------------------------------------------------- */

void bare_console_start(void);	/* serial; bare_console_xen() once there is a ring */
void bare_console_xen(void);
void bare_write(const char *text, size_t bytes);
void bare_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line of the kernel's log: seconds since the entry point, TEXT, newline. */
void bare_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
int bare_console_read(void);	/* a byte, or -1 */

/* ---- memory.c ---------------------------------------------------------------------------------------------- */

struct hvm_start_info;

void bare_memory_start(const struct hvm_start_info *info);
uint64_t bare_root(void);	/* physical address of the page-table root */
/* COUNT pages in a row, zeroed; NULL: there are none. Their physical addresses are in a row too. */
void *bare_pages_get(size_t count);
void bare_pages_put(void *pages, size_t count);	/* NULL is fine */
size_t bare_pages_free(void);
/*
 * While pinned a page is not handed out again, whoever gives it back meanwhile. -BARE_E_NOMEM: too many are.
 * A page may be pinned more than once.
 */
int bare_page_pin(uint64_t physical);
void bare_page_unpin(uint64_t physical);
/* Of what bare_pages_get() gave, of a variable, or of any other address that is mapped. */
uint64_t bare_physical(const void *va);
static inline void *bare_at(uint64_t physical) { return (void *)(BARE_MEMORY + physical); }

enum bare_protection {
	BARE_MAP_WRITE = 1,
	BARE_MAP_EXECUTE = 2,
	BARE_MAP_UNCACHED = 4,
};

int bare_map(uint64_t va, uint64_t physical, size_t pages, unsigned int protection);
/* The tables that mapping PAGES pages at VA takes, so that later mappings there take none. */
int bare_map_tables(uint64_t va, size_t pages);
void bare_unmap(uint64_t va, size_t pages);	/* the pages behind it stay whose they were */
/* Registers of a device, uncached, or a page shared with Xen. NULL: no memory for tables. */
void *bare_device_map(uint64_t physical, size_t bytes, unsigned int protection);

/* ---- exec.c: memory that may become executable ------------------------------------------------------------- */

/* Pages within a call's reach of the kernel, zeroed, writable and not executable; NULL: no room. PURPOSE is 0. */
void *bare_exec_get(size_t bytes, unsigned long purpose);
void bare_exec_put(void *va);	/* all that bare_exec_get() gave */
/* In this order, so that no page is ever both writable and executable. 0 or -BARE_E_*. */
int bare_exec_seal(uint64_t va, int pages);	/* read-only */
int bare_exec_allow(uint64_t va, int pages);	/* executable */

/* ---- task.c ------------------------------------------------------------------------------------------------ */

struct bare_task;
struct bare_signal { bool raised; };
extern struct bare_signal bare_input;	/* the shell waits for it */

#define BARE_ANY_PROCESSOR (-1)

/* Not running yet. A small negative number instead of a pointer when there is no room. NAME is copied. */
struct bare_task *bare_task_create(int (*run)(void *), void *context, int processor, const char *name);
void bare_task_start(struct bare_task *task);
__attribute__((noreturn)) void bare_task_exit(long result);
void bare_yield(void);			/* sleeps */
void bare_sleep_ms(unsigned int ms);	/* sleeps */
/* sleeps. Until raised, then lowers it: true; false after MS (0: without end). */
bool bare_wait(struct bare_signal *signal, unsigned int ms);
static inline void bare_raise(struct bare_signal *signal) { signal->raised = true; }
unsigned int bare_tasks(void);		/* that are there */
void bare_tasks_reap(void);		/* frees those that have ended */
__attribute__((noreturn)) void bare_loop(void);	/* the first task: events, then the others, then rest */

/* Something that is looked at each time round the loop. In a list while linked: do not free it before it is removed. */
struct bare_poller {
	void (*look)(void *context);
	void *context;
	struct bare_poller *next;
};

void bare_poller_add(struct bare_poller *poller);
void bare_poller_remove(struct bare_poller *poller);

/* ---- housekeeping.c: a function that is called again and again by a task of its own ------------------------ */

struct bare_periodic {
	const char *name;
	uint32_t period_ms;
	uint32_t pad;
	void (*run)(struct bare_periodic *self);
	uint64_t count;
};

extern struct bare_periodic bare_housekeeping;
void bare_housekeep(struct bare_periodic *self);
void bare_housekeeping_start(void);

/* ---- clock.c ----------------------------------------------------------------------------------------------- */

void bare_clock_start(void);
uint64_t bare_ns(void);		/* since the entry point */

/* ---- trap.c, identity.c, shell.c, main.c ------------------------------------------------------------------- */

void bare_traps_start(void);
__attribute__((noreturn)) void bare_stop(const char *format, ...) __attribute__((format(printf, 1, 2)));
void bare_identity_start(void);
void bare_shell_start(void);

/* A command that a build adds to the shell's. */
struct bare_command {
	const char *name, *arguments;
	unsigned int words;		/* with the name */
	int (*run)(char **words);	/* in the shell's task; 0, or what bare_command_fail() returns */
	struct bare_command *next;
};

void bare_command_add(struct bare_command *command);
int bare_command_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));	/* says why; -1 */

__attribute__((noreturn)) void bare_halt(void);
/* The largest symbol not above ADDRESS; "?" when there is none. */
const char *bare_symbol_name(uint64_t address, uint64_t *ret_offset);
extern const char bare_release[];

/* What a build adds to the kernel (the bed's devices); does nothing in the plain one. */
void bare_devices_start(void);

#endif
