// SPDX-License-Identifier: GPL-2.0-or-later
/* Exceptions: none is expected. Prints where and why, with the names on the stack, and stops. */
#include "bare.h"
#include "machine.h"

struct bare_trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error, rip, cs, flags, rsp, ss;
};

struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t middle;
	uint32_t high, pad;
};

#define VECTORS 32
#define TRAP_ENTRY_BYTES 16

extern const char bare_trap_entries[], _text[], _etext[];
static struct gate gates[VECTORS] __attribute__((aligned(16)));

void bare_trap(const struct bare_trap_frame *frame);

void bare_traps_start(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) idtr = { sizeof(gates) - 1, (uint64_t)gates };
	unsigned int i;

	for (i = 0; i < VECTORS; i++) {
		uint64_t at = (uint64_t)bare_trap_entries + i * TRAP_ENTRY_BYTES;

		gates[i] = (struct gate){
			.low = (uint16_t)at, .selector = 8, .type = 0x8e,
			.middle = (uint16_t)(at >> 16), .high = (uint32_t)(at >> 32),
		};
	}
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

static void print_place(const char *what, uint64_t address)
{
	uint64_t offset;
	const char *name = bare_symbol_name(address, &offset);

	bare_print("  %s 0x%016llx %s+0x%llx\n", what, (unsigned long long)address, name, (unsigned long long)offset);
}

/* Words that point into the kernel's text, or into text that came later: perhaps return addresses. */
static void print_stack(uint64_t sp)
{
	unsigned int i, found = 0;
	uint64_t word;

	for (i = 0; i < 256 && found < 12 && (sp & (BARE_PAGE * 4 - 1)); i++, sp += 8) {
		word = *(const uint64_t *)sp;
		if (word >= (uint64_t)_text && word < (uint64_t)_etext)
			print_place("from", word);
		else if (word >= BARE_EXEC && word < BARE_EXEC + BARE_EXEC_BYTES)
			bare_print("  from 0x%016llx, not the kernel's own text\n", (unsigned long long)word);
		else
			continue;
		found++;
	}
}

void bare_trap(const struct bare_trap_frame *f)
{
	static bool inside;

	if (inside)
		stop_cpu();
	inside = true;
	bare_print("\nexception %llu, error 0x%llx, address 0x%llx\n", (unsigned long long)f->vector,
		   (unsigned long long)f->error, (unsigned long long)read_cr2());
	print_place("at  ", f->rip);
	bare_print("  rax %016llx rbx %016llx rcx %016llx rdx %016llx\n", (unsigned long long)f->rax,
		   (unsigned long long)f->rbx, (unsigned long long)f->rcx, (unsigned long long)f->rdx);
	bare_print("  rsi %016llx rdi %016llx rbp %016llx rsp %016llx\n", (unsigned long long)f->rsi,
		   (unsigned long long)f->rdi, (unsigned long long)f->rbp, (unsigned long long)f->rsp);
	bare_print("  r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n", (unsigned long long)f->r8,
		   (unsigned long long)f->r9, (unsigned long long)f->r10, (unsigned long long)f->r11);
	bare_print("  r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n", (unsigned long long)f->r12,
		   (unsigned long long)f->r13, (unsigned long long)f->r14, (unsigned long long)f->r15);
	print_stack(f->rsp);
	bare_stop("stopped by an exception");
}

void bare_stop(const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	bare_vformat(text, sizeof(text), format, args);
	va_end(args);
	bare_print("bare: %s\n", text);
	stop_cpu();
}
