// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of sections: what a guest's module loader does with each, and so whether an image may go without.
 * Called by link.c. Never guess: a section that takes memory and has no row is refused.
 *
 * The facts are those of Linux 6.1 and 6.12: kernel/module/main.c (find_module_sections, layout_sections),
 * arch/x86/kernel/module.c (module_finalize), arch/x86/kernel/alternative.c, callthunks.c, ftrace.c,
 * scripts/module.lds.S. "Ignored" always says: the code as the compiler left it is right without the loader's
 * work, though perhaps slower or less hardened; the sentence says which.
 */
#include "hotswap/link_rules.h"

#include <string.h>

#include "lib/base/array.h"

static const struct xg_link_rule not_loaded = { "", XG_LINK_IGNORE, "takes no memory at run time" };
static const struct xg_link_rule unknown = {
	"", XG_LINK_REFUSE, "what a module loader does with it is not known here"
};

/* The first row that fits counts: exceptions stand before what they are excepted from. */
static const struct xg_link_rule rules[] = {
	/* Code and constants. Which of it kprobes shun or /proc/wchan hides does not matter in a window. */
	{ ".text.*", XG_LINK_TEXT, NULL },
	{ ".noinstr.text", XG_LINK_TEXT, NULL },
	{ ".kprobes.text", XG_LINK_TEXT, NULL },
	{ ".sched.text", XG_LINK_TEXT, NULL },
	{ ".spinlock.text", XG_LINK_TEXT, NULL },
	{ ".ref.text", XG_LINK_TEXT, NULL },
	{ ".rodata.*", XG_LINK_TEXT, NULL },

	/* Variables. .data..ro_after_init stays writable: nobody seals a window's data. */
	{ ".data..percpu*", XG_LINK_REFUSE, "per-CPU variables live in an area that only the module loader allots" },
	{ ".bss..percpu*", XG_LINK_REFUSE, "per-CPU variables live in an area that only the module loader allots" },
	{ ".data.*", XG_LINK_DATA, NULL },
	{ ".bss.*", XG_LINK_DATA, NULL },
	{ ".ref.data", XG_LINK_DATA, NULL },

	/* Run-time patching whose absence leaves right code. */
	{ ".return_sites", XG_LINK_IGNORE, "each jump to the return thunk is rewritten where its relocation is" },
	{ ".retpoline_sites", XG_LINK_IGNORE,
	  "calls stay calls of __x86_indirect_thunk_*, which the kernel has patched to its own choice; only the "
	  "shortcut around the thunk (and its placement against indirect target selection) is lost" },
	{ ".call_sites", XG_LINK_IGNORE,
	  "call depth tracking counts fewer calls than were made and so refills the return stack too early, never too "
	  "late" },
	{ ".ibt_endbr_seal", XG_LINK_IGNORE, "an ENDBR64 that is not sealed allows one more target; it never faults" },
	{ ".static_call_sites", XG_LINK_IGNORE,
	  "calls stay calls of the trampoline __SCT__*, which static_call_update() patches too" },
	{ ".smp_locks", XG_LINK_IGNORE, "lock prefixes stay: right on one CPU as well" },
	{ ".parainstructions", XG_LINK_IGNORE, "calls stay indirect through pv_ops, which holds the same functions" },
	{ "__mcount_loc", XG_LINK_IGNORE, "each call of __fentry__ becomes a NOP where its relocation is" },
	{ "__patchable_function_entries", XG_LINK_IGNORE, "x86 reads __mcount_loc; the padding is NOPs already" },

	/* What others read about the code. */
	{ ".orc_unwind*", XG_LINK_IGNORE,
	  "stack traces through the window are marked unreliable; nothing but traces and live patching reads it" },
	{ ".orc_header", XG_LINK_IGNORE, "says which unwind format .orc_unwind has" },
	{ ".eh_frame.*", XG_LINK_IGNORE, "the kernel's x86 unwinder does not read it" },
	{ ".modinfo", XG_LINK_IGNORE, "words for modprobe" },
	{ "__versions", XG_LINK_IGNORE, "checksums of imports; an image is bound to a build-id instead" },
	{ "__version_ext_*", XG_LINK_IGNORE, "checksums of imports; an image is bound to a build-id instead" },
	{ ".note*", XG_LINK_IGNORE, "read from the file, not from memory" },
	{ ".BTF", XG_LINK_IGNORE, "types, for tracing tools" },
	{ ".BTF.base", XG_LINK_IGNORE, "types, for tracing tools" },
	{ ".discard.*", XG_LINK_IGNORE, "the kernel's own link drops it (scripts/module.lds.S)" },
	{ ".printk_index", XG_LINK_IGNORE, "a list of messages for debugfs" },
	{ "_kprobe_blacklist", XG_LINK_IGNORE, "no probe can be set in a window: it is no kernel text to kprobes" },
	{ "_error_injection_whitelist", XG_LINK_IGNORE, "no error can be injected in a window" },

	/* Run-time patching whose absence is wrong. */
	{ "__jump_table", XG_LINK_REFUSE, "static keys would keep the state that they were compiled with" },
	{ ".altinstructions", XG_LINK_REFUSE,
	  "alternatives would keep their default, which is wrong for some (user access, ordered TSC reads)" },
	{ ".altinstr_replacement", XG_LINK_REFUSE, "alternatives would not be applied" },
	{ ".altinstr_aux", XG_LINK_REFUSE, "alternatives would not be applied" },
	{ ".static_call.text", XG_LINK_REFUSE, "a static call of its own would not be known to static_call_update()" },
	{ ".static_call_tramp_key", XG_LINK_REFUSE, "a static call of its own would not be registered" },
	{ ".cfi_sites", XG_LINK_REFUSE, "kernels with FineIBT enter functions by a preamble that is patched at load" },
	{ ".kcfi_traps", XG_LINK_REFUSE, "a failed check of an indirect call would be a fatal #UD" },

	/* Registries that code counts on. */
	{ "__ex_table", XG_LINK_REFUSE, "faults that the code expects would be fatal" },
	{ ".fixup", XG_LINK_REFUSE, "faults that the code expects would be fatal" },
	{ "__bug_table", XG_LINK_REFUSE, "WARN() and BUG() would be a fatal #UD" },
	{ "__dyndbg*", XG_LINK_REFUSE, "pr_debug() descriptors would not be registered" },
	{ "__tracepoint*", XG_LINK_REFUSE, "tracepoints would not be registered" },
	{ "_ftrace_e*", XG_LINK_REFUSE, "trace events would not be registered" },
	{ "__trace_printk_fmt", XG_LINK_REFUSE, "trace_printk() formats would not be registered" },
	{ "__bpf_raw_tp_map", XG_LINK_REFUSE, "tracepoints would not be registered" },
	{ "___srcu_struct_ptrs", XG_LINK_REFUSE, "static SRCU domains would not be initialised" },
	{ "__param", XG_LINK_REFUSE, "module parameters would not be registered" },
	{ "__ksymtab*", XG_LINK_REFUSE, "symbols would not be exported" },
	{ "___ksymtab*", XG_LINK_REFUSE, "symbols would not be exported" },
	{ "__kcrctab*", XG_LINK_REFUSE, "symbols would not be exported" },
	{ "___kcrctab*", XG_LINK_REFUSE, "symbols would not be exported" },
	{ ".export_symbol", XG_LINK_REFUSE, "symbols would not be exported" },
	{ "alloc_tags", XG_LINK_REFUSE, "allocation tags would not be registered" },

	/* What somebody would have to run. */
	{ ".init.*", XG_LINK_REFUSE, "nobody would run it, and nobody would free it" },
	{ ".exit.*", XG_LINK_REFUSE, "nobody would run it" },
	{ ".initcall*", XG_LINK_REFUSE, "nobody would run it" },
	{ ".exitcall*", XG_LINK_REFUSE, "nobody would run it" },
	{ ".init_array.*", XG_LINK_REFUSE, "constructors would not run" },
	{ ".preinit_array.*", XG_LINK_REFUSE, "constructors would not run" },
	{ ".ctors.*", XG_LINK_REFUSE, "constructors would not run" },
	{ ".fini_array.*", XG_LINK_REFUSE, "destructors would not run" },
	{ ".dtors.*", XG_LINK_REFUSE, "destructors would not run" },
	{ ".gnu.linkonce.this_module", XG_LINK_REFUSE,
	  "a finished module has a struct module that nobody would initialise; pass the object before modpost" },
};

static bool matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	if (n >= 2 && strcmp(pattern + n - 2, ".*") == 0)
		return strncmp(name, pattern, n - 2) == 0 && (name[n - 2] == '\0' || name[n - 2] == '.');
	if (n >= 1 && pattern[n - 1] == '*')
		return strncmp(name, pattern, n - 1) == 0;
	return strcmp(name, pattern) == 0;
}

const struct xg_link_rule *xg_link_rule(const struct xg_elf_section *section)
{
	size_t i;

	if (!(section->flags & SHF_ALLOC))
		return &not_loaded;
	for (i = 0; i < XG_ARRAY_SIZE(rules); i++)
		if (matches(rules[i].name, section->name))
			return &rules[i];
	return &unknown;
}
