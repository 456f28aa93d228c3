// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where text goes and comes from: the first serial port (National Semiconductor 16550), or under Xen the console ring
 * (public/io/console.h). A reader that does not read costs the text, never the kernel.
 */
#include "bare.h"
#include "machine.h"
#include "xen.h"

#include <xen/xen.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>

#define COM1 0x3f8
#define READY_SPINS 100000u

static struct xencons_interface *ring;
static uint32_t ring_port;
static bool ring_dead;

void bare_console_start(void)
{
	if (bare_xen)
		return;
	/* The FIFO stays off: switching it on would throw away what was typed already. */
	out8(COM1 + 1, 0);	/* no interrupts */
	out8(COM1 + 3, 3);	/* 8 bits, no parity */
}

static void on_event(void *context)
{
	(void)context;
	bare_raise(&bare_input);
}

void bare_console_xen(void)
{
	uint64_t frame = bare_xen_param(HVM_PARAM_CONSOLE_PFN);

	ring_port = (uint32_t)bare_xen_param(HVM_PARAM_CONSOLE_EVTCHN);
	if (!frame || !ring_port || bare_event_attach(ring_port, on_event, NULL))
		return;
	ring = bare_device_map(frame * BARE_PAGE, BARE_PAGE, BARE_MAP_WRITE);
}

/* Xen's emergency way: a port that its own log listens to, in debug builds. Costs nothing where nobody does. */
static void write_early(const char *text, size_t bytes)
{
	while (bytes--)
		out8(0xe9, (uint8_t)*text++);
}

static void ring_put(char c)
{
	uint32_t prod = ring->out_prod, tries;

	for (tries = 0; prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) >= sizeof(ring->out); tries++) {
		/* Two seconds without a reader: nobody listens any more. */
		if (ring_dead || tries == 200) {
			ring_dead = true;
			return;
		}
		bare_event_send(ring_port);
		bare_xen_rest(bare_ns() + 10000000);
	}
	ring_dead = false;
	ring->out[prod % sizeof(ring->out)] = c;
	__atomic_store_n(&ring->out_prod, prod + 1, __ATOMIC_RELEASE);
}

static void serial_put(char c)
{
	unsigned int spins;

	for (spins = 0; !(in8(COM1 + 5) & 0x20) && spins < READY_SPINS; spins++)
		pause_cpu();
	out8(COM1, (uint8_t)c);
}

void bare_write(const char *text, size_t bytes)
{
	void (*write)(char) = ring ? ring_put : serial_put;
	size_t i;

	if (bare_xen && !ring) {
		write_early(text, bytes);
		return;
	}
	for (i = 0; i < bytes; i++) {
		if (text[i] == '\n')
			write('\r');
		write(text[i]);
	}
	if (ring)
		bare_event_send(ring_port);
}

void bare_print(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	bare_vformat(text, sizeof(text), format, args);
	va_end(args);
	bare_write(text, strlen(text));
}

void bare_log(const char *format, ...)
{
	uint64_t us = bare_ns() / 1000;
	char text[400];
	va_list args;

	va_start(args, format);
	bare_vformat(text, sizeof(text), format, args);
	va_end(args);
	bare_print("[%5llu.%06llu] %s\n", (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000), text);
}

int bare_console_read(void)
{
	uint32_t cons;
	char c;

	if (!bare_xen)
		return in8(COM1 + 5) & 1 ? in8(COM1) : -1;
	if (!ring)
		return -1;
	cons = ring->in_cons;
	if (cons == __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE))
		return -1;
	c = ring->in[cons % sizeof(ring->in)];
	__atomic_store_n(&ring->in_cons, cons + 1, __ATOMIC_RELEASE);
	bare_event_send(ring_port);
	return (uint8_t)c;
}
