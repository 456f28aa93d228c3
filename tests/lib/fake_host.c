// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See fake_host.h. The guest's side follows guest-stubs/abi/xengraft_abi.h and hotswap/stage1.S, not the code under
 * test.
 */
#include "tests/lib/fake_host.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hotswap/wait.h"
#include "lib/base/array.h"

#define MODULES UINT64_C(0xffffffffc0000000)
#define MODULES_PAGES 1024u
#define HEAP_FIRST 512u
#define HEAP_PAGES 512u

#define CORE_PORT 11u
#define CAVE_FILL 0xcc

struct fake_host *fake_host;
struct fake_linux *fake_linux;
bool (*fake_lie)(enum fake_moment moment, void *what);

static struct fake_host *pristine;
static uint8_t *pristine_memory;

static bool lies(enum fake_moment moment, void *what)
{
	return fake_lie && fake_lie(moment, what);
}

static void crash(const char *why)
{
	if (!fake_host->crash[0])
		snprintf(fake_host->crash, sizeof(fake_host->crash), "%s", why);
}

/* ---- The kernel's symbols that the first stage needs --------------------------------------------------- */

#define AT_DATA ((uint64_t)(FAKE_LINUX_DATA - FAKE_LINUX_IMAGE) * XG_PAGE_SIZE)
#define AT_WATCH (AT_DATA + 0x4000)
#define AT_STATE (AT_WATCH + 0x80)
#define AT_WATCH_CALLBACK (AT_WATCH + 0x18)

enum { KTHREAD_CREATE, WAKE_UP_PROCESS, ALLOC, SET_MEMORY_RO, SET_MEMORY_X, MSLEEP, VFREE, MEMSET, HANDLER, FUNCTIONS };

static const struct fake_linux_symbol extra[] = {
	[KTHREAD_CREATE] = { 0x400, "kthread_create_on_node" },
	[WAKE_UP_PROCESS] = { 0x500, "wake_up_process" },
	[ALLOC] = { 0x200, "module_alloc" },
	[SET_MEMORY_RO] = { 0x600, "set_memory_ro" },
	[SET_MEMORY_X] = { 0x700, "set_memory_x" },
	[MSLEEP] = { 0x800, "msleep" },
	[VFREE] = { 0x900, "vfree" },
	[MEMSET] = { 0xa00, "memset" },
	[HANDLER] = { 0xb00, "shutdown_handler" },
	{ 0xc45, "_etext" },
	{ AT_WATCH, "shutdown_watch" },
	{ AT_WATCH + 0x40, "behind_shutdown_watch" },
	{ AT_STATE, "system_state" },
};

static uint64_t symbol(unsigned int n)
{
	return fake_linux->image.v + extra[n].offset;
}

static uint64_t *watch_callback(void)
{
	return fake_linux_at(fake_linux, gva_add(fake_linux->image, AT_WATCH_CALLBACK));
}

uint32_t *fake_system_state(void)
{
	return fake_linux_at(fake_linux, gva_add(fake_linux->image, AT_STATE));
}

struct xg_mailbox *fake_mailbox(void)
{
	uint8_t *page = fake_linux_page(fake_linux, FAKE_LINUX_VMCOREINFO);

	return (struct xg_mailbox *)(page + XG_PAGE_SIZE - sizeof(struct xg_mailbox));
}

/* ---- Windows ------------------------------------------------------------------------------------------- */

uint64_t *fake_window_entry(const struct fake_window *w, uint32_t n)
{
	return fake_linux_entry(fake_linux, XG_GVA(w->va + n * XG_PAGE_SIZE), 1);
}

void *fake_guest_at(uint64_t va)
{
	uint64_t *entry = fake_linux_entry(fake_linux, XG_GVA(va), 1);

	if (!entry || !(*entry & 1))
		return NULL;
	return fake_linux_page(fake_linux, ((*entry & UINT64_C(0xffffffffff000)) >> XG_PAGE_SHIFT) -
			       fake_linux->spec.first);
}

struct fake_window *fake_window_find(uint64_t va)
{
	unsigned int i;

	for (i = 0; i < FAKE_WINDOWS; i++)
		if (va && fake_host->windows[i].va == va)
			return &fake_host->windows[i];
	return NULL;
}

size_t fake_windows_used(void)
{
	size_t i, n = 0;

	for (i = 0; i < FAKE_WINDOWS; i++)
		n += fake_host->windows[i].va != 0;
	return n;
}

/* From the end and every third, so that no window's frames follow one another. */
static uint16_t page_get(void)
{
	unsigned int i, n;

	for (i = 0; i < HEAP_PAGES; i++) {
		n = HEAP_FIRST + (HEAP_PAGES - 1 - i * 3 % HEAP_PAGES);
		if (!fake_host->page_used[n]) {
			fake_host->page_used[n] = 1;
			return n;
		}
	}
	abort();
}

static bool va_free(uint64_t va, uint32_t pages)
{
	uint32_t i;

	for (i = 0; i < pages; i++)
		if (*fake_linux_entry(fake_linux, XG_GVA(va + i * XG_PAGE_SIZE), 1))
			return false;
	return true;
}

static struct fake_window *window_alloc(uint32_t text, uint32_t data)
{
	struct fake_window *w = NULL;
	uint32_t i, pages = text + data;
	uint64_t va = MODULES;

	for (i = 0; i < FAKE_WINDOWS && !w; i++)
		if (!fake_host->windows[i].va)
			w = &fake_host->windows[i];
	if (!w || !text || !data || pages > FAKE_WINDOW_PAGES)
		return NULL;
	/* vmalloc() leaves a page unmapped between two areas. */
	while (!va_free(va, pages + 1))
		va += XG_PAGE_SIZE;
	*w = (struct fake_window){ .va = va, .text = text, .data = data };
	for (i = 0; i < pages; i++) {
		w->pages[i] = page_get();
		memset(fake_linux_page(fake_linux, w->pages[i]), 0, XG_PAGE_SIZE);
		*fake_window_entry(w, i) = fake_linux_frame(fake_linux, w->pages[i]).n << XG_PAGE_SHIFT | 0x61 |
					   (i < text ? 0 : FAKE_LINUX_WRITABLE | FAKE_LINUX_NO_EXEC);
	}
	(void)lies(FAKE_WINDOW_MADE, w);
	return w;
}

static void window_free(struct fake_window *w)
{
	uint64_t *middle = fake_linux_entry(fake_linux, XG_GVA(w->va), 2);
	uint32_t i;

	*middle &= ~UINT64_C(0x80);	/* should a test have made it a large page */
	for (i = 0; i < w->text + w->data; i++) {
		*fake_window_entry(w, i) = 0;
		fake_host->page_used[w->pages[i]] = 0;
	}
	*w = (struct fake_window){ .va = 0 };
}

void fake_guest_free(uint64_t va)
{
	struct fake_window *w = fake_window_find(va);

	if (w)
		window_free(w);
}

/* ---- The first stage ----------------------------------------------------------------------------------- */

extern const uint8_t xg_stage1[], xg_stage1_end[], xg_stage1_literals[];
extern const struct { uint32_t offset, function; } xg_stage1_fixups[], xg_stage1_fixups_end[];

struct literals {
	uint64_t mailbox, callback, handler, alloc_arg0, alloc_arg1, text_pages;
};

static uint8_t *cave_at(void)
{
	return fake_linux_at(fake_linux, XG_GVA(fake_host->cave));
}

/* The code is what it has to be here: each call reaches its function, each literal is right. */
static bool cave_is_right(struct literals *ret)
{
	const typeof(xg_stage1_fixups[0]) *fix;
	size_t size = xg_stage1_end - xg_stage1;
	const uint8_t *code = cave_at();
	uint8_t plain[512];
	int32_t rel;

	memcpy(plain, code, size);
	for (fix = xg_stage1_fixups; fix < xg_stage1_fixups_end; fix++) {
		memcpy(&rel, code + fix->offset, sizeof(rel));
		memset(plain + fix->offset, 0, sizeof(rel));
		if (fake_host->cave + fix->offset + 4 + (int64_t)rel != symbol(fix->function))
			return false;
	}
	memcpy(ret, code + (xg_stage1_literals - xg_stage1), sizeof(*ret));
	memset(plain + (xg_stage1_literals - xg_stage1), 0, sizeof(*ret));
	if (memcmp(plain, xg_stage1, size))
		return false;
	return ret->mailbox ==
		       fake_linux->direct.v + (FAKE_LINUX_VMCOREINFO + 1) * XG_PAGE_SIZE - sizeof(struct xg_mailbox) &&
	       ret->callback == fake_linux->image.v + AT_WATCH_CALLBACK && ret->handler == symbol(HANDLER);
}

static void stage_literals(struct literals *ret)
{
	if (memcmp(cave_at(), fake_host->cave_bytes, xg_stage1_end - xg_stage1))
		crash("the first stage's bytes changed while a thread was in them");
	memcpy(ret, fake_host->cave_bytes + (xg_stage1_literals - xg_stage1), sizeof(*ret));
}

static bool mailbox_swap(uint32_t from, uint32_t to)
{
	uint32_t *state = &fake_mailbox()->state;

	if (*state != from)
		return false;
	*state = to;
	return true;
}

static void real_handler(void)
{
	const char *value = fake_store_get("/local/domain/7/control/shutdown");

	if (!value || !value[0])
		return;
	fake_host->shutdowns++;
	fake_store_set("/local/domain/7/control/shutdown", "");
}

static void stage_enter(void)
{
	struct literals lit;

	if (!cave_is_right(&lit)) {
		crash("the watch led into bytes that are not the first stage");
		return;
	}
	if (!mailbox_swap(XG_MB_IDLE, XG_MB_ENTERED)) {
		real_handler();
		return;
	}
	*watch_callback() = lit.handler;
	memcpy(fake_host->cave_bytes, cave_at(), xg_stage1_end - xg_stage1);
	if (fake_host->no_thread)
		fake_mailbox()->state = XG_MB_FAILED;
	else
		fake_host->stage = FAKE_BEGUN;
}

/* The watch on control/shutdown, in the kernel's watch thread. */
static void watch_fired(void)
{
	uint64_t callback = *watch_callback();

	if (fake_host->deaf)
		return;
	if (callback == symbol(HANDLER)) {
		real_handler();
	} else if (callback - fake_linux->image.v < AT_DATA) {
		fake_host->cave = callback;
		stage_enter();
	} else {
		crash("the watch's callback leads out of the kernel's text");
	}
}

static void stage_end(enum xg_mailbox_state word)
{
	struct fake_window *w = fake_window_find(fake_host->stage_window);

	if (w)
		window_free(w);
	fake_host->stage = FAKE_OUT;
	fake_host->stage_window = 0;
	fake_mailbox()->state = word;
}

static void stage_begin(void)
{
	struct fake_window *w = NULL;
	struct literals lit;

	stage_literals(&lit);
	if (!fake_host->no_memory && lit.alloc_arg1 == 0 && lit.alloc_arg0 / XG_PAGE_SIZE > lit.text_pages)
		w = window_alloc(lit.text_pages, lit.alloc_arg0 / XG_PAGE_SIZE - lit.text_pages);
	if (!w) {
		stage_end(XG_MB_FAILED);
		return;
	}
	fake_host->stage_window = w->va;
	fake_host->patience = fake_mailbox()->patience;
	fake_host->stage = FAKE_WAITING;
	fake_mailbox()->window = w->va;
	fake_mailbox()->state = XG_MB_READY;
}

static void core_main(uint64_t entry, uint64_t argument);

static void stage_wait(void)
{
	struct xg_mailbox *m = fake_mailbox();
	struct literals lit;

	stage_literals(&lit);
	if (m->state == XG_MB_GO) {
		if (lies(FAKE_GO_SEEN, NULL))
			return;
		fake_host->stage = FAKE_OUT;
		core_main(m->entry, m->argument);
	} else if (m->state != XG_MB_READY || fake_host->patience-- <= 1) {
		(void)mailbox_swap(XG_MB_READY, XG_MB_LEAVING);
		stage_end(XG_MB_GAVE_UP);
	}
}

static struct xg_core_header *core_header(void);

/* As the notifier that the kernel calls when it resumes, and the thread after it. */
static void core_resumed(void)
{
	struct xg_core_header *h = core_header();

	if (!fake_host->core_runs || fake_host->drowsy || fake_host->core_port)
		return;
	h->event_port = fake_host->core_port = CORE_PORT + fake_linux->guest->info.domid;
	h->domid = fake_linux->guest->info.domid;
}

void fake_guest_restore(uint32_t domid)
{
	static const char *const nodes[] = { "xengraft", "drivers/51728", "drivers/65534" };
	char path[64];
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(nodes); i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/%s", fake_linux->guest->info.domid, nodes[i]);
		fake_store_forget(path);
	}
	fake_host->core_port = 0;
	/* By the id alone nobody can tell. */
	if (domid == fake_linux->guest->info.domid)
		core_resumed();
	fake_linux->guest->info.domid = domid;
}

void fake_guest_run(void)
{
	core_resumed();
	if (fake_host->stage == FAKE_BEGUN)
		stage_begin();
	else if (fake_host->stage == FAKE_WAITING)
		stage_wait();
}

/* ---- The personality ----------------------------------------------------------------------------------- */

static struct xg_core_header *core_header(void)
{
	struct fake_window *w = fake_window_find(fake_host->core_va);

	return w ? fake_linux_page(fake_linux, w->pages[w->text]) : NULL;
}

static void core_main(uint64_t entry, uint64_t argument)
{
	struct fake_window *w = fake_window_find(fake_host->stage_window);
	struct xg_core_header *h;

	fake_host->stage_window = 0;
	if (!w || entry - w->va >= w->text * XG_PAGE_SIZE || argument != w->va + w->text * XG_PAGE_SIZE) {
		crash("the first stage was sent out of its window");
		return;
	}
	fake_host->core_va = w->va;
	h = core_header();
	if (h->magic != XG_MAGIC_CORE || h->version < 1 || h->size < sizeof(*h) || h->header_va != argument ||
	    h->window_va != w->va || h->text_pages != w->text || h->data_pages != w->data || h->backend_domid) {
		crash("the core's header is not as the ABI says");
		return;
	}
	fake_host->core_port = CORE_PORT;
	fake_host->answered = 0;
	h->event_port = CORE_PORT;
	if (lies(FAKE_STARTED, h))
		return;
	fake_host->core_runs = h->state == XG_CORE_NONE;
	if (fake_host->core_runs)
		h->state = XG_CORE_RUNNING;
	else if (h->state == XG_CORE_FAILED)
		window_free(w);		/* it does so itself */
}

static int window_command(const struct xg_command *c, uint64_t *values)
{
	struct fake_window *w;

	if (c->args[0] > FAKE_WINDOW_PAGES || c->args[1] > FAKE_WINDOW_PAGES)
		return -XG_E_INVAL;
	w = window_alloc(c->args[0], c->args[1]);
	if (!w)
		return -XG_E_NOMEM;
	values[0] = w->va;
	values[1] = w->va + w->text * XG_PAGE_SIZE;
	return 0;
}

static struct xg_device_header *header_of(const struct fake_window *w, uint32_t half)
{
	return fake_linux_page(fake_linux, w->pages[w->text + half]);
}

static bool device_header_valid(const struct fake_window *w, const struct xg_device_header *h)
{
	uint32_t half = h == header_of(w, 0) ? 0 : 1;

	unsigned int i;

	for (i = 0; i < XG_BLOCK_ENTRIES; i++)
		if (h->entry[i] - w->va >= w->text * XG_PAGE_SIZE)
			return false;
	return h->magic == XG_MAGIC_DEVICE && h->version >= 1 && h->size >= sizeof(*h) && h->window_va == w->va &&
	       h->header_va == w->va + (w->text + half) * XG_PAGE_SIZE && h->live_half == half &&
	       h->text_pages == w->text && h->data_pages == w->data && h->class_id == XG_CLASS_BLOCK &&
	       h->backend_domid == 0 && h->block.sectors && h->block.nr_queues >= 1 &&
	       h->block.nr_queues <= XG_QUEUES_MAX && h->block.ring_order <= 2;
}

static void device_publish(struct xg_device_header *h)
{
	uint32_t q, i;

	for (q = 0; q < h->block.nr_queues; q++) {
		h->queues[q].ring_pages = 1u << h->block.ring_order;
		for (i = 0; i < h->queues[q].ring_pages; i++)
			h->queues[q].ring_ref[i] = 100 + 50 * h->live_half + q * XG_RING_PAGES_MAX + i;
		h->queues[q].event_port = 20 + 10 * h->live_half + q;
	}
	h->limits = (struct xg_block_limits){ .max_segments = 11, .max_sectors = 88, .queue_depth = 32,
					      .kept = fake_host->grants_kept };
}

static int device_open(struct fake_window *w, struct xg_device_header *h)
{
	if (w->disk)
		return -XG_E_EXIST;
	if (!device_header_valid(w, h))
		return -XG_E_INVAL;
	device_publish(h);
	w->half = 0;
	w->disk = h->state = XG_DEV_OPEN;
	return 0;
}

/* ---- Swap ---- */

static int device_open_next(struct fake_window *w, uint64_t header_va)
{
	struct xg_device_header *now = header_of(w, w->half), *next = header_of(w, !w->half);

	if (w->disk != XG_DEV_LIVE)
		return -XG_E_BUSY;
	if (w->other)
		return -XG_E_EXIST;
	if (w->data < 4 || w->data % 2 || header_va != w->va + (w->text + !w->half) * XG_PAGE_SIZE ||
	    !device_header_valid(w, next) || next->block.sectors != now->block.sectors ||
	    next->block.nr_queues != now->block.nr_queues)
		return -XG_E_INVAL;
	device_publish(next);
	next->state = XG_DEV_OPEN;
	w->other = true;
	return 0;
}

static int device_switch(struct fake_window *w, const struct xg_command *c, uint64_t *values)
{
	if (w->disk != XG_DEV_LIVE)
		return -XG_E_BUSY;
	if (!w->other || c->args[1] > XG_SWITCH_MAX_US)
		return -XG_E_INVAL;
	values[0] = 123456;
	values[1] = 2;
	values[2] = 32;
	values[3] = c->args[2] & XG_SWITCH_REPLAY ? 32 : 0;
	if (fake_host->stuck && !(c->args[2] & XG_SWITCH_REPLAY))
		return -XG_E_BUSY;
	header_of(w, w->half)->state = XG_DEV_OPEN;
	w->half = !w->half;
	header_of(w, w->half)->state = XG_DEV_LIVE;
	header_of(w, w->half)->counts[0].taken = 2;
	header_of(w, w->half)->counts[0].completed = fake_host->lame ? 1 : 2;
	return 0;
}

static int device_close_other(struct fake_window *w)
{
	if (w->other)
		header_of(w, !w->half)->state = XG_DEV_NONE;
	w->other = false;
	return 0;
}

/* From one state to the next; the last column is the answer when it is in neither. */
static int device_move(struct fake_window *w, struct xg_device_header *h, uint32_t from, uint32_t to, int otherwise)
{
	if (w->disk != from)
		return otherwise;
	w->disk = h->state = to;
	return 0;
}

/* One that has ended may not have been waited for yet. */
static bool process_lives(const char *pid)
{
	char path[64], line[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return line[0] && !strstr(line, ") Z ");
}

/* The grants of the rings of the disk called NAME end: the half's backend must have unmapped them. */
static void grants_end(const char *name, uint32_t half)
{
	const char *prefix =
		half ? "/local/domain/0/backend/xengraft-vbd-b/7/" : "/local/domain/0/backend/xengraft-vbd/7/";
	size_t i, len;

	for (i = 0; i < fake_host->node_count; i++) {
		const struct fake_node *n = &fake_host->nodes[i];
		char path[300];
		const char *state, *pid;

		len = strlen(n->path);
		if (strncmp(n->path, prefix, strlen(prefix)) || strcmp(n->path + len - 4, "/dev") ||
		    strcmp(n->value, name))
			continue;
		snprintf(path, sizeof(path), "%.*s/state", (int)len - 4, n->path);
		state = fake_store_get(path);
		snprintf(path, sizeof(path), "%.*s/pid", (int)len - 4, n->path);
		pid = fake_store_get(path);
		if (state && pid && !strcmp(state, "4") && process_lives(pid))
			crash("grants of a ring ended that the backend has mapped");
	}
}

static int device_command(const struct xg_command *c, struct fake_window *w, struct xg_device_header *h,
			  uint64_t *values)
{
	if ((c->op == XG_CMD_DEVICE_REMOVE && c->args[1] && w->disk == XG_DEV_LIVE) ||
	    (c->op == XG_CMD_DEVICE_CLOSE && w->disk))
		grants_end(h->name, w->half);
	if (w->other && (c->op == XG_CMD_DEVICE_CLOSE || c->op == XG_CMD_DEVICE_CLOSE_OTHER))
		grants_end(h->name, !w->half);
	if (w->other && c->op == XG_CMD_DEVICE_SWITCH && c->args[2] & XG_SWITCH_REPLAY)
		grants_end(h->name, w->half);
	switch (c->op) {
	case XG_CMD_WINDOW_FREE:
		if (w->disk)
			return -XG_E_BUSY;
		window_free(w);
		return 0;
	case XG_CMD_DEVICE_OPEN:
		return device_open(w, h);
	case XG_CMD_DEVICE_ADD:
		return device_move(w, h, XG_DEV_OPEN, XG_DEV_LIVE, -XG_E_BUSY);
	case XG_CMD_DEVICE_REMOVE:
		if (w->disk == XG_DEV_LIVE && fake_host->in_use && !c->args[1])
			return -XG_E_BUSY;
		return device_move(w, h, XG_DEV_LIVE, XG_DEV_REMOVED, 0);
	case XG_CMD_DEVICE_CLOSE:
		if (w->disk == XG_DEV_LIVE)
			return -XG_E_BUSY;
		(void)device_close_other(w);
		w->disk = h->state = XG_DEV_NONE;
		return 0;
	case XG_CMD_DEVICE_OPEN_NEXT:
		return device_open_next(w, c->args[1]);
	case XG_CMD_DEVICE_SWITCH:
		return device_switch(w, c, values);
	case XG_CMD_DEVICE_CLOSE_OTHER:
		return device_close_other(w);
	}
	return -XG_E_NOTSUPP;
}

static void core_leave(struct xg_core_header *h)
{
	fake_host->core_runs = false;
	window_free(fake_window_find(fake_host->core_va));
	fake_host->core_va = 0;
	fake_host->core_port = 0;
	h->state = XG_CORE_LEFT;
}

static int run(const struct xg_command *c, uint64_t *values, struct xg_device_header **ret_device)
{
	struct fake_window *w = fake_window_find(c->args[0]);

	if (c->op == XG_CMD_PING) {
		values[0] = XG_ABI_VERSION;
		return 0;
	}
	if (c->op == XG_CMD_WINDOW_ALLOC)
		return window_command(c, values);
	if (c->op == XG_CMD_LEAVE)
		return -XG_E_BUSY;
	if (!w || w->va == fake_host->core_va)
		return -XG_E_NODEV;
	*ret_device = header_of(w, w->half);
	return device_command(c, w, *ret_device, values);
}

void fake_guest_event(void)
{
	struct xg_core_header *h = core_header();
	struct fake_reply r = { .device = NULL };

	if (!fake_host->core_runs || h->command.seq == fake_host->answered)
		return;
	r.command = h->command;
	fake_host->answered = r.command.seq;
	fake_host->commands++;
	if (lies(FAKE_COMMAND, &r.command))
		return;
	if (r.command.op == XG_CMD_LEAVE && fake_windows_used() == 1) {
		core_leave(h);
		return;
	}
	r.reply.seq = r.command.seq;
	r.reply.status = run(&r.command, r.reply.values, &r.device);
	if (lies(FAKE_REPLY, &r))
		return;
	h->reply = r.reply;
	fake_host->event = true;
}

/* ---- The backend's half of xenstore -------------------------------------------------------------------- */

static void backend_sees(const char *kind, unsigned int domid, const char *devid, const char *state)
{
	char path[300];
	const char *pid;

	snprintf(path, sizeof(path), "/local/domain/0/backend/xengraft-%s/%u/%s/pid", kind, domid, devid);
	pid = fake_store_get(path);
	if (!pid)
		return;
	if (!strcmp(state, "5") && !fake_host->backend_stubborn)
		kill(atoi(pid), SIGTERM);
}

void fake_store_changed(const char *path)
{
	const char *value = fake_store_get(path);
	char kind[16], devid[16], tail[32];
	unsigned int domid;

	if (!value)
		return;
	if (!strcmp(path, "/local/domain/7/control/shutdown"))
		watch_fired();
	else if (sscanf(path, "/local/domain/%u/xengraft/%15[a-z-]/%15[0-9]/%31s", &domid, kind, devid, tail) == 4 &&
		 !strcmp(tail, "state"))
		backend_sees(kind, domid, devid, value);
}

/* ---- Time: hotswap/wait.h ------------------------------------------------------------------------------ */

uint64_t xg_now_ms(void)
{
	return fake_host->clock_ms += fake_host->tick_ms;
}

bool xg_wait_ms(bool (*test)(void *ctx), void *ctx, unsigned int timeout_ms)
{
	unsigned int i;

	/* As many moments as milliseconds is more than any thread of the guest needs. */
	for (i = 0; i <= timeout_ms; i++) {
		if (test(ctx))
			return true;
		fake_host->clock_ms++;
		fake_guest_run();
		/* A wait cannot fail, but it can be the last. */
		if (fake_host->strike_kills)
			(void)fake_point("wait", "", true);
	}
	return test(ctx);
}

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

/*
 * ld --wrap=poll: what happens in another process takes true time, but a test need not wait as long as a user. Short
 * waits are left alone: on a busy machine a process takes its time to die.
 */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	bool cut = timeout_ms > 5000 && timeout_ms > fake_host->poll_cap_ms;
	int rc = __real_poll(fds, count, cut ? fake_host->poll_cap_ms : timeout_ms);

	if (!rc && timeout_ms > 0)
		fake_host->clock_ms += timeout_ms;
	return rc;
}

/* ---- Fault points -------------------------------------------------------------------------------------- */

static bool point_counts(bool changes)
{
	bool counts = !fake_host->strike_kills || fake_host->changed;

	fake_host->changed = changes || (fake_host->changed && !counts);
	return counts;
}

bool fake_point(const char *what, const char *with, bool changes)
{
	/* The test framework forks, too, before there is a host; and so does a process that is to become a backend. */
	if (!fake_host || (fake_host->strike_kills && getpid() != fake_host->striker))
		return false;
	if (!point_counts(changes) || ++fake_host->points != fake_host->strike_at)
		return false;
	fake_host->struck = true;
	snprintf(fake_host->struck_at, sizeof(fake_host->struck_at), "point %u: %s %.200s", fake_host->points, what,
		 with);
	if (fake_host->strike_kills)
		kill(getpid(), SIGKILL);
	return true;
}

void fake_strike(unsigned int nth, bool kills)
{
	fake_host->points = 0;
	fake_host->strike_at = nth;
	fake_host->strike_kills = kills;
	fake_host->striker = getpid();
	fake_host->changed = true;
	fake_host->struck = false;
	fake_host->struck_at[0] = '\0';
}

/* ---- Xen's view of the guest: lib/xen/guest.h ---------------------------------------------------------- */

static const struct xg_guest_ops *plain_ops;
static struct xg_guest_ops ops;

static int host_info(struct xg_guest *g, struct xg_guest_info *ret, struct xg_err *err)
{
	if (fake_point("info", "", false))
		return xg_fail(err, EIO, "struck: info");
	if (fake_host->gone)
		return xg_fail(err, ENOENT, "no such domain");
	*ret = g->info;
	ret->paused = fake_host->paused;
	ret->dying = fake_host->dying;
	ret->shutdown = fake_host->shut_down;
	return 0;
}

/*
 * The upper page tables: a walk that fails there fails as one that fails at the last level, which is tried. That
 * halves the points of an operation.
 */
static bool is_upper_table(struct gfn frame)
{
	const struct gva vas[] = { fake_linux->image, fake_linux->direct, XG_GVA(MODULES) };
	size_t i;

	for (i = 0; i < XG_ARRAY_SIZE(vas); i++)
		if (frame.n ==
			    (*fake_linux_entry(fake_linux, vas[i], 4) & UINT64_C(0xffffffffff000)) >> XG_PAGE_SHIFT ||
		    frame.n == (*fake_linux_entry(fake_linux, vas[i], 3) & UINT64_C(0xffffffffff000)) >> XG_PAGE_SHIFT)
			return true;
	return frame.n == fake_linux_frame(fake_linux, FAKE_LINUX_DATA + 2).n;
}

static int host_map(struct xg_guest *g, const struct gfn *frames, size_t count, enum xg_prot prot, int *errors,
		    void **ret, struct xg_err *err)
{
	char with[64];

	snprintf(with, sizeof(with), "%zu frames from %#" PRIx64, count, frames[0].n);
	if (!(count == 1 && is_upper_table(frames[0])) && fake_point("map", with, prot & XG_WRITE))
		return xg_fail(err, ENOMEM, "struck: map");
	return plain_ops->map(g, frames, count, prot, errors, ret, err);
}

static void host_close(struct xg_guest *g)
{
	fake_host->mappings_left += xg_guest_fake_mapped(g);
	plain_ops->close(g);
}

int xg_domains(struct xg_domain **ret, size_t *ret_count, struct xg_err *err)
{
	if (fake_point("domains", "", false))
		return xg_fail(err, EIO, "struck: domains");
	*ret = calloc(2, sizeof(**ret));
	if (!*ret)
		return xg_fail(err, ENOMEM, "domains");
	(*ret)[0] = (struct xg_domain){ .domid = fake_linux->guest->info.domid, .dying = fake_host->dying };
	memcpy((*ret)[0].uuid, fake_linux->guest->info.uuid, sizeof((*ret)[0].uuid));
	(*ret)[1] = (*ret)[0];
	(*ret)[1].domid++;
	*ret_count = fake_host->gone ? 0 : 1 + fake_host->twin;
	return 0;
}

int xg_guest_open(const char *name_or_id, struct xg_guest **ret, struct xg_err *err)
{
	struct xg_guest_info info = fake_linux->guest->info;
	struct xg_paging paging;
	struct xg_guest *g;
	char id[16];

	if (fake_point("open", name_or_id, false))
		return xg_fail(err, EIO, "struck: open");
	snprintf(id, sizeof(id), "%u", info.domid);
	if (fake_host->gone || (strcmp(name_or_id, FAKE_GUEST) && strcmp(name_or_id, id)))
		return xg_fail(err, ENOENT, "%s is an invalid domain identifier", name_or_id);
	info.paused = fake_host->paused;
	info.dying = fake_host->dying;
	info.shutdown = fake_host->shut_down;
	g = xg_guest_fake(&info, fake_linux->memory, XG_GFN(fake_linux->spec.first), FAKE_LINUX_PAGES, XG_GFN(0));
	if (!g)
		return xg_fail(err, ENOMEM, "guest");
	(void)xg_guest_cpu_paging(fake_linux->guest, 0, &paging, NULL);
	xg_guest_fake_paging(g, &paging);
	plain_ops = g->ops;
	ops = *g->ops;
	ops.info = host_info;
	ops.map = host_map;
	ops.close = host_close;
	g->ops = &ops;
	*ret = g;
	return 0;
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

void fake_host_setup(void)
{
	static const struct fake_linux_spec spec = {
		.type = XG_GUEST_PVH, .first = 4096, .release = FAKE_RELEASE,
		.extra = extra, .extra_count = XG_ARRAY_SIZE(extra),
	};

	fake_host = shared(sizeof(*fake_host));
	fake_linux = fake_linux_new(&spec, NULL);
	fake_linux_map(fake_linux, XG_GVA(MODULES), 0, MODULES_PAGES, FAKE_LINUX_ABSENT);
	/* As a linker fills what is behind the text. */
	memset(fake_linux_at(fake_linux, gva_add(fake_linux->image, 0xc45)), CAVE_FILL, 0x1000 - 0xc45);
	*watch_callback() = symbol(HANDLER);
	*fake_system_state() = 3;
	fake_host->look_at_all = true;
	fake_host->tick_ms = 1;
	fake_host->poll_cap_ms = 10000;
	fake_store_set("/local/domain/7/control/shutdown", "");
	fake_store_set("/local/domain/7/drivers", "");
	fake_store_set("/local/domain/0/backend/vbd/7/51712/state", "4");
	/* Shared as well, so that a fork need not copy its page tables. */
	pristine = shared(sizeof(*pristine));
	pristine_memory = shared(FAKE_LINUX_PAGES * XG_PAGE_SIZE);
	*pristine = *fake_host;
	memcpy(pristine_memory, fake_linux->memory, FAKE_LINUX_PAGES * XG_PAGE_SIZE);
}

/* All of 8 MiB each time would be most of what a sweep takes: between looks at all, the pages that are written to. */
static bool is_looked_at(size_t page)
{
	return fake_host->look_at_all || page < 32 || page == FAKE_LINUX_VMCOREINFO ||
	       (page >= FAKE_LINUX_IMAGE && page < FAKE_LINUX_IMAGE + 4) ||
	       (page >= FAKE_LINUX_DATA && page < FAKE_LINUX_DATA + 8);
}

void fake_host_reset(void)
{
	bool all = fake_host->look_at_all;
	size_t n;

	for (n = 0; n < FAKE_LINUX_PAGES; n++)
		if (is_looked_at(n))
			memcpy(fake_linux_page(fake_linux, n), pristine_memory + n * XG_PAGE_SIZE, XG_PAGE_SIZE);
	*fake_host = *pristine;
	fake_host->look_at_all = all;
	fake_lie = NULL;
}

void fake_host_teardown(void)
{
	fake_linux_free(fake_linux);
	munmap(fake_host, sizeof(*fake_host));
	munmap(pristine, sizeof(*pristine));
	munmap(pristine_memory, FAKE_LINUX_PAGES * XG_PAGE_SIZE);
}

/* ---- What is not as it was ----------------------------------------------------------------------------- */

static char dirt[400];

static const char *store_dirt(void)
{
	size_t i;

	for (i = 0; i < fake_host->node_count && i < pristine->node_count; i++)
		if (strcmp(fake_host->nodes[i].path, pristine->nodes[i].path) ||
		    strcmp(fake_host->nodes[i].value, pristine->nodes[i].value))
			break;
	if (i == fake_host->node_count && i == pristine->node_count)
		return NULL;
	snprintf(dirt, sizeof(dirt), "xenstore has %zu nodes, had %zu; the first that differs is %.200s",
		 fake_host->node_count, pristine->node_count,
		 i < fake_host->node_count ? fake_host->nodes[i].path : pristine->nodes[i].path);
	return dirt;
}

/* A window's pages may have been anybody's; the mailbox and the cave are looked at by themselves. */
static bool byte_may_differ(size_t page, size_t at)
{
	size_t cave = FAKE_LINUX_IMAGE * XG_PAGE_SIZE + 0xc50;

	return (page >= HEAP_FIRST && page < HEAP_FIRST + HEAP_PAGES) ||
	       page * XG_PAGE_SIZE + at - cave < (size_t)(xg_stage1_end - xg_stage1) ||
	       (page == FAKE_LINUX_VMCOREINFO && at >= XG_PAGE_SIZE - sizeof(struct xg_mailbox));
}

static const char *page_dirt(size_t page)
{
	const uint8_t *now = fake_linux_page(fake_linux, page), *then = pristine_memory + page * XG_PAGE_SIZE;
	size_t i;

	if (!memcmp(now, then, XG_PAGE_SIZE))
		return NULL;
	for (i = 0; i < XG_PAGE_SIZE && (now[i] == then[i] || byte_may_differ(page, i)); i++)
		;
	if (i == XG_PAGE_SIZE)
		return NULL;
	snprintf(dirt, sizeof(dirt), "byte %zu of page %zu of the guest is %#x, was %#x", i, page, now[i], then[i]);
	return dirt;
}

static const char *memory_dirt(void)
{
	const char *why = NULL;
	size_t n;

	for (n = 0; n < FAKE_LINUX_PAGES && !why; n++)
		if (is_looked_at(n))
			why = page_dirt(n);
	return why;
}

static const char *stage_dirt(bool cave_may_stay)
{
	static const struct xg_mailbox none;
	uint8_t *cave = fake_linux_at(fake_linux, gva_add(fake_linux->image, 0xc50));
	size_t i;

	if (fake_host->stage != FAKE_OUT)
		return "a thread is in the first stage";
	if (*watch_callback() != symbol(HANDLER))
		return "the watch's callback was not put back";
	if (cave_may_stay)
		return NULL;
	for (i = 0; i < (size_t)(xg_stage1_end - xg_stage1); i++)
		if (cave[i] != CAVE_FILL)
			return "the first stage's bytes are still there";
	return memcmp(fake_mailbox(), &none, sizeof(none)) ? "the mailbox is still there" : NULL;
}

const char *fake_host_dirt(bool cave_may_stay)
{
	const char *why = NULL;

	if (fake_host->crash[0])
		return fake_host->crash;
	if (fake_host->mappings_left)
		return "mappings of the guest were left";
	if (fake_windows_used())
		return "the guest has windows";
	if (fake_host->core_runs)
		return "the personality runs";
	why = stage_dirt(cave_may_stay);
	if (!why)
		why = store_dirt();
	return why ? why : memory_dirt();
}
