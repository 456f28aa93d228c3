// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Under Xen: hypercalls, the shared page, event channels. No interrupt is taken: pending bits are looked at, and
 * SCHEDOP_poll waits for them. Must never use what only a Xen guest has while bare_xen is false.
 */
#include "bare.h"
#include "machine.h"
#include "xen.h"

#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>

#define PORTS_MAX 64u

struct port {
	uint32_t number;	/* 0: free */
	void (*handler)(void *);
	void *context;
};

bool bare_xen;

extern char bare_hypercalls[];
static shared_info_t *shared;
static struct port ports[PORTS_MAX];

void bare_xen_detect(void)
{
	struct cpuid r;
	uint32_t base;

	for (base = 0x40000000; base < 0x40010000; base += 0x100) {
		r = cpuid(base);
		/* "XenVMMXenVMM" */
		if (r.b != 0x566e6558 || r.c != 0x65584d4d || r.d != 0x4d4d566e || r.a < base + 2)
			continue;
		write_msr(cpuid(base + 2).b, (uint64_t)bare_hypercalls - BARE_BASE);
		bare_xen = true;
		return;
	}
}

long bare_hypercall(unsigned int number, uint64_t a, uint64_t b, uint64_t c)
{
	const char *entry = bare_hypercalls + number * 32;
	long result;

	__asm__ volatile("call *%[entry]"
			 : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
			 : [entry] "r"(entry)
			 : "memory", "rcx", "r8", "r9", "r10", "r11");
	return result;
}

uint64_t bare_xen_param(unsigned int index)
{
	struct xen_hvm_param param = { .domid = DOMID_SELF, .index = index };

	return bare_hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, (uint64_t)&param, 0) ? 0 : param.value;
}

void bare_xen_shutdown(unsigned int reason)
{
	struct sched_shutdown shutdown = { .reason = reason };

	bare_hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uint64_t)&shutdown, 0);
	stop_cpu();
}

int bare_xen_share(unsigned int space, uint64_t index, const void *page)
{
	struct xen_add_to_physmap add = {
		.domid = DOMID_SELF, .space = space, .idx = index, .gpfn = bare_physical(page) / BARE_PAGE,
	};

	return bare_hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uint64_t)&add, 0) ? -BARE_E_NODEV : 0;
}

void bare_xen_start(void)
{
	shared = bare_pages_get(1);
	if (!shared || bare_xen_share(XENMAPSPACE_shared_info, 0, shared))
		bare_stop("Xen does not give its shared page");
	/* All masked: bits are looked at, no upcall is wanted. */
	memset(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
}

/* Read until nothing changed meanwhile: Xen makes the version odd while it writes. */
static struct vcpu_time_info time_info(void)
{
	const volatile struct vcpu_time_info *t = &shared->vcpu_info[0].time;
	struct vcpu_time_info r;

	do {
		r.version = t->version;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		r.tsc_timestamp = t->tsc_timestamp;
		r.system_time = t->system_time;
		r.tsc_to_system_mul = t->tsc_to_system_mul;
		r.tsc_shift = t->tsc_shift;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((r.version & 1) || r.version != t->version);
	return r;
}

static uint64_t multiplier_of(const struct vcpu_time_info *t)
{
	return t->tsc_shift >= 0 ? (uint64_t)t->tsc_to_system_mul << t->tsc_shift :
				   (uint64_t)t->tsc_to_system_mul >> -t->tsc_shift;
}

uint64_t bare_xen_multiplier(void)
{
	struct vcpu_time_info t = time_info();

	return multiplier_of(&t);
}

/* Xen's own time, which deadlines are in. */
static uint64_t system_ns(void)
{
	struct vcpu_time_info t = time_info();

	return t.system_time + (uint64_t)((unsigned __int128)(read_tsc() - t.tsc_timestamp) * multiplier_of(&t) >> 32);
}

void bare_xen_rest(uint64_t until_ns)
{
	evtchn_port_t list[PORTS_MAX];
	struct sched_poll poll = { .nr_ports = 0 };
	uint64_t now = bare_ns();
	unsigned int i;

	if (until_ns <= now)
		return;
	for (i = 0; i < PORTS_MAX; i++)
		if (ports[i].number)
			list[poll.nr_ports++] = ports[i].number;
	set_xen_guest_handle(poll.ports, list);
	poll.timeout = until_ns == UINT64_MAX ? 0 : system_ns() + (until_ns - now);
	bare_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (uint64_t)&poll, 0);
}

/* ---- Event channels ---------------------------------------------------------------------------------------- */

static struct port *port_slot(uint32_t number)
{
	unsigned int i;

	for (i = 0; i < PORTS_MAX; i++)
		if (ports[i].number == number)
			return &ports[i];
	return NULL;
}

int bare_event_attach(uint32_t number, void (*handler)(void *), void *context)
{
	struct port *port = port_slot(0);

	if (!port || number == 0 || number >= 4096)
		return -BARE_E_NOMEM;
	*port = (struct port){ .number = number, .handler = handler, .context = context };
	return 0;
}

int bare_event_open(uint16_t domid, void (*handler)(void *), void *context)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = domid };

	if (bare_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint64_t)&alloc, 0))
		return -BARE_E_NOMEM;
	if (bare_event_attach(alloc.port, handler, context)) {
		bare_event_close(alloc.port);
		return -BARE_E_NOMEM;
	}
	return (int)alloc.port;
}

void bare_event_close(uint32_t number)
{
	struct evtchn_close close = { .port = number };
	struct port *port = port_slot(number);

	if (port)
		*port = (struct port){ .number = 0 };
	bare_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (uint64_t)&close, 0);
}

void bare_event_send(uint32_t number)
{
	struct evtchn_send send = { .port = number };

	bare_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&send, 0);
}

static bool take_pending(uint32_t number)
{
	unsigned long *word = (unsigned long *)&shared->evtchn_pending[number / 64];
	unsigned long bit = 1ul << number % 64;

	/* A plain look first: the other costs a locked access a port each time round. */
	return (__atomic_load_n(word, __ATOMIC_RELAXED) & bit) &&
	       (__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit);
}

/* A handler may open and close ports: the slot is copied first. */
void bare_events_look(void)
{
	struct port port;
	unsigned int i;

	for (i = 0; i < PORTS_MAX; i++) {
		port = ports[i];
		if (port.number && take_pending(port.number))
			port.handler(port.context);
	}
}
