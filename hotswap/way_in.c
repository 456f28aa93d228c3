// SPDX-License-Identifier: GPL-2.0-or-later
/* The ways in that are known. Called by getin.c and core.c. A new system is a row here and a probe in inspect. */
#include "hotswap/way_in.h"

#include <string.h>

#include "lib/base/array.h"

static const struct xg_way_in ways[] = {
	{
		.os = "linux",
		.roles = {
			[XG_ROLE_TASK_CREATE] = "kthread_create_on_node",
			[XG_ROLE_TASK_START] = "wake_up_process",
			[XG_ROLE_SEAL] = "set_memory_ro",
			[XG_ROLE_ALLOW] = "set_memory_x",
			[XG_ROLE_SLEEP] = "msleep",
			[XG_ROLE_FREE] = "vfree",
			[XG_ROLE_MEMSET] = "memset",
			[XG_ROLE_HANDLER] = "shutdown_handler",
		},
		.allocs = {
			/* since 6.10; EXECMEM_MODULE_TEXT is 0 (include/linux/execmem.h) */
			{ "execmem_alloc", true },
			{ "module_alloc", false },
		},
		.holder = "shutdown_watch",
		.fire = "control/shutdown",
		.text_end = "_etext",
		.identity = "vmcoreinfo_data",
		.return_thunk = "x86_return_thunk",
	},
	{
		/* guest-stubs/bare/bare.h */
		.os = "bare",
		.roles = {
			[XG_ROLE_TASK_CREATE] = "bare_task_create",
			[XG_ROLE_TASK_START] = "bare_task_start",
			[XG_ROLE_SEAL] = "bare_exec_seal",
			[XG_ROLE_ALLOW] = "bare_exec_allow",
			[XG_ROLE_SLEEP] = "bare_sleep_ms",
			[XG_ROLE_FREE] = "bare_exec_put",
			[XG_ROLE_MEMSET] = "memset",
			[XG_ROLE_HANDLER] = "bare_housekeep",
		},
		.allocs = { { "bare_exec_get", false } },
		.holder = "bare_housekeeping",
		.fire = NULL,		/* a hundred times a second */
		.text_end = "_etext",
		.identity = "bare_identity",
	},
};

int xg_way_in(const char *os, const struct xg_way_in **ret, struct xg_err *err)
{
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(ways); i++)
		if (!strcmp(ways[i].os, os)) {
			*ret = &ways[i];
			return 0;
		}
	return xg_fail(err, ENOTSUP, "no way into a kernel of the system '%s' is known", os);
}

static size_t add(const char *name, const char **names, size_t n, size_t most)
{
	if (name && n < most)
		names[n++] = name;
	return n;
}

size_t xg_way_in_symbols(const struct xg_way_in *way, const char **names, size_t most)
{
	const char *const others[] = { way->holder, way->text_end, way->identity, way->return_thunk };
	size_t i, n = 0;

	for (i = 0; i < XG_ROLES; i++)
		n = add(way->roles[i], names, n, most);
	for (i = 0; i < XG_WAY_ALLOCS; i++)
		n = add(way->allocs[i].symbol, names, n, most);
	for (i = 0; i < XG_ARRAY_SIZE(others); i++)
		n = add(others[i], names, n, most);
	return n;
}
