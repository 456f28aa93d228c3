// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the first stage in a guest. Called by core.c for the first device of a guest only. Overwrites nothing
 * but bytes that nothing uses and one pointer, which the first stage itself puts back.
 */
#include "hotswap/getin.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "guest-stubs/abi/xengraft_abi.h"
#include "hotswap/wait.h"
#include "hotswap/way_in.h"
#include "lib/base/array.h"

extern const uint8_t xg_stage1[], xg_stage1_end[], xg_stage1_literals[];

struct stage1_fixup {
	uint32_t offset;	/* of the rel32 */
	uint32_t function;	/* enum xg_role */
};

extern const struct stage1_fixup xg_stage1_fixups[], xg_stage1_fixups_end[];

/* As in stage1.S. */
_Static_assert(offsetof(struct xg_mailbox, state) == 8, "stage1.S: MB_STATE");
_Static_assert(offsetof(struct xg_mailbox, patience) == 12, "stage1.S: MB_PATIENCE");
_Static_assert(offsetof(struct xg_mailbox, window) == 16, "stage1.S: MB_WINDOW");
_Static_assert(offsetof(struct xg_mailbox, entry) == 24, "stage1.S: MB_ENTRY");
_Static_assert(offsetof(struct xg_mailbox, argument) == 32, "stage1.S: MB_ARGUMENT");
_Static_assert(sizeof(struct xg_mailbox) == 64, "64 bytes at the end of a page");
_Static_assert(XG_MB_IDLE == 1 && XG_MB_ENTERED == 2 && XG_MB_READY == 3 && XG_MB_GO == 4 &&
	       XG_MB_LEAVING == 5 && XG_MB_GAVE_UP == 6 && XG_MB_FAILED == 7, "stage1.S: states");

_Static_assert(XG_ROLE_TASK_CREATE == 0 && XG_ROLE_TASK_START == 1 && XG_ROLE_ALLOC == 2 && XG_ROLE_SEAL == 3 &&
	       XG_ROLE_ALLOW == 4 && XG_ROLE_SLEEP == 5 && XG_ROLE_FREE == 6 && XG_ROLE_MEMSET == 7 &&
	       XG_ROLE_HANDLER == 8, "stage1.S: roles");

struct stage1_literals {
	uint64_t mailbox, callback, handler, alloc_arg0, alloc_arg1, text_pages;
};

#define PATIENCE_POLLS 1500	/* of 4 to 8 ms: at least six seconds, more than Dom0 waits for anything */
#define HOLDER_BYTES_MAX 128

static int plan_alloc(struct xg_kernel *k, const struct xg_way_in *way, struct gva *ret, struct stage1_literals *lit,
		      uint64_t bytes, struct xg_err *err)
{
	const struct xg_way_alloc *a;
	int rc;

	for (a = way->allocs; a < way->allocs + XG_WAY_ALLOCS && a->symbol; a++) {
		rc = xg_kernel_symbol(k, a->symbol, ret, err);
		if (rc == -ENOENT)
			continue;
		lit->alloc_arg0 = a->typed ? 0 : bytes;
		lit->alloc_arg1 = a->typed ? bytes : 0;
		return rc;
	}
	return xg_fail(err, ENOENT, "the guest's kernel has neither %s%s%s", way->allocs[0].symbol,
		       way->allocs[1].symbol ? " nor " : "", way->allocs[1].symbol ? way->allocs[1].symbol : "");
}

static int plan_functions(struct xg_kernel *k, const struct xg_way_in *way, struct gva *functions,
			  struct stage1_literals *lit, uint64_t bytes, struct xg_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < XG_ROLES; i++) {
		if (!way->roles[i])
			continue;
		rc = xg_kernel_symbol(k, way->roles[i], &functions[i], err);
		if (rc)
			return rc;
	}
	return plan_alloc(k, way, &functions[XG_ROLE_ALLOC], lit, bytes, err);
}

/* The word inside the holder that leads to the handler; its layout need not be known. */
static int plan_pointer(struct xg_kernel *k, const struct xg_way_in *way, struct xg_getin_plan *plan,
			struct gva handler, struct xg_err *err)
{
	uint64_t words[HOLDER_BYTES_MAX / 8];
	struct xg_translation t;
	struct gva holder, next;
	size_t i, count;
	int rc;

	rc = xg_kernel_symbol(k, way->holder, &holder, err);
	if (rc)
		return rc;
	count = HOLDER_BYTES_MAX / 8;
	if (!xg_kernel_symbol_after(k, holder, &next, NULL) && (next.v - holder.v) / 8 < count)
		count = (next.v - holder.v) / 8;
	rc = xg_kernel_read(k, holder, words, count * 8, err);
	if (rc)
		return rc;
	for (i = 0; i < count && words[i] != handler.v; i++)
		;
	if (i == count || (holder.v & 7))
		return xg_fail(err, ENOENT, "%s at %#llx does not hold %s: has the guest's kernel finished booting?",
			       way->holder, (unsigned long long)holder.v, way->roles[XG_ROLE_HANDLER]);
	plan->pointer = gva_add(holder, i * 8);
	plan->handler = handler.v;
	rc = xg_kernel_translate(k, plan->pointer, &t, err);
	if (rc)
		return rc;
	plan->pointer_frame = t.frame;
	return 0;
}

static bool all_bytes(const uint8_t *bytes, size_t count, uint8_t value)
{
	while (count && bytes[count - 1] == value)
		count--;
	return !count;
}

/* Bytes that an earlier first stage left because its guest did not react: they begin like ours. */
static bool cave_is_ours(const uint8_t *bytes)
{
	return !memcmp(bytes, xg_stage1, 11);
}

/* What linkers fill gaps in text with: int3, or zero behind the last section. */
static bool is_fill(uint8_t byte)
{
	return byte == 0xcc || byte == 0x00;
}

/*
 * Where nothing is: behind the kernel's text to the end of its last page, or, where _etext ends a page (Linux
 * since 6.9 lays out the end of its text so), the gap before it. Aligned for code.
 */
static struct gva cave_behind(struct gva etext, uint64_t bytes)
{
	struct gva at = XG_GVA((etext.v + 15) & ~UINT64_C(15));

	return gva_page_offset(at) && XG_PAGE_SIZE - gva_page_offset(at) >= bytes ? at : XG_GVA(0);
}

static struct gva cave_before(struct gva etext, uint64_t bytes)
{
	struct gva at = XG_GVA((etext.v - bytes) & ~UINT64_C(15));

	return gva_page_offset(at) + bytes <= XG_PAGE_SIZE ? at : XG_GVA(0);
}

static int cave_try(struct xg_kernel *k, struct gva at, struct xg_getin_plan *plan, struct xg_err *err)
{
	struct xg_translation t;
	int rc;

	if (!at.v)
		return xg_fail(err, ENOSPC, "no room");
	rc = xg_kernel_translate(k, at, &t, err);
	if (rc)
		return rc;
	if (!t.executable)
		return xg_fail(err, EPERM, "the kernel's last text page %#llx is not executable",
			       (unsigned long long)at.v);
	rc = xg_kernel_read(k, at, plan->cave_before, plan->cave_bytes, err);
	if (rc)
		return rc;
	if (cave_is_ours(plan->cave_before))
		memset(plan->cave_before, 0xcc, plan->cave_bytes);
	else if (!is_fill(plan->cave_before[0]) ||
		 !all_bytes(plan->cave_before, plan->cave_bytes, plan->cave_before[0]))
		return xg_fail(err, EBUSY, "the bytes at %#llx are in use", (unsigned long long)at.v);
	plan->cave = at;
	plan->cave_frame = t.frame;
	return 0;
}

static int plan_cave(struct xg_kernel *k, const struct xg_way_in *way, struct xg_getin_plan *plan, struct xg_err *err)
{
	struct xg_err behind = XG_ERR_NONE, before = XG_ERR_NONE;
	struct gva etext;
	int rc;

	plan->cave_bytes = xg_stage1_end - xg_stage1;
	if (plan->cave_bytes > XG_CAVE_BYTES_MAX)
		return xg_fail(err, ENOSPC, "the first stage has %u bytes", plan->cave_bytes);
	rc = xg_kernel_symbol(k, way->text_end, &etext, err);
	if (rc)
		return rc;
	if (!cave_try(k, cave_behind(etext, plan->cave_bytes), plan, &behind) ||
	    !cave_try(k, cave_before(etext, plan->cave_bytes), plan, &before))
		return 0;
	return xg_fail(err, ENOSPC,
		       "no %u unused bytes at the end of the kernel's text (behind it: %.120s; before it: %.120s)",
		       plan->cave_bytes, behind.text, before.text);
}

/*
 * Neither the bytes nor the mailbox of a first stage may change under a thread that is in it. One that was cancelled
 * before it was entered has no window. After GO nobody is in it: who could not see the end of that has kept its
 * journal, and does not come here.
 */
static bool somebody_inside(const struct xg_mailbox *m)
{
	return m->magic == XG_MAGIC_MAILBOX &&
	       (m->state == XG_MB_ENTERED || m->state == XG_MB_READY || m->state == XG_MB_LEAVING ||
		(m->state == XG_MB_CANCELLED && m->window));
}

static int plan_nobody_inside(struct xg_kernel *k, const struct xg_getin_plan *plan, struct xg_err *err)
{
	struct xg_mailbox mailbox;
	int rc = xg_kernel_read(k, XG_GVA(plan->mailbox_va), &mailbox, sizeof(mailbox), err);

	if (!rc && somebody_inside(&mailbox))
		rc = xg_fail(err, EAGAIN,
			     "the guest's kernel has not left an earlier first stage yet: try again in some seconds");
	return rc;
}

static int plan_mailbox(struct xg_kernel *k, const struct xg_way_in *way, struct xg_getin_plan *plan,
			struct xg_err *err)
{
	const struct xg_os *os = xg_kernel_os(k);
	uint64_t data = 0;
	struct gva symbol;
	int rc;

	if (os->vmcoreinfo_bytes > XG_PAGE_SIZE - sizeof(struct xg_mailbox))
		return xg_fail(err, ENOSPC, "%s fills its page: %u bytes used", way->identity, os->vmcoreinfo_bytes);
	rc = xg_kernel_symbol(k, way->identity, &symbol, err);
	if (!rc)
		rc = xg_kernel_read_u64(k, symbol, &data, err);
	if (rc)
		return rc;
	plan->mailbox_frame = os->vmcoreinfo;
	plan->mailbox_va = data + XG_PAGE_SIZE - sizeof(struct xg_mailbox);
	return plan_nobody_inside(k, plan, err);
}

static int plan_code(struct xg_getin_plan *plan, const struct gva *functions, const struct stage1_literals *lit,
		     struct xg_err *err)
{
	const struct stage1_fixup *fix;
	int64_t distance;
	int32_t rel;

	memcpy(plan->cave_code, xg_stage1, plan->cave_bytes);
	memcpy(plan->cave_code + (xg_stage1_literals - xg_stage1), lit, sizeof(*lit));
	for (fix = xg_stage1_fixups; fix < xg_stage1_fixups_end; fix++) {
		distance = (int64_t)(functions[fix->function].v - (plan->cave.v + fix->offset + 4));
		rel = (int32_t)distance;
		if (rel != distance)
			return xg_fail(err, ERANGE, "kernel function at %#llx is out of reach of %#llx",
				       (unsigned long long)functions[fix->function].v,
				       (unsigned long long)plan->cave.v);
		memcpy(plan->cave_code + fix->offset, &rel, sizeof(rel));
	}
	return 0;
}

int xg_getin_plan(struct xg_guest *g, struct xg_kernel *k, uint32_t text_pages, uint32_t data_pages,
		  struct xg_getin_plan *ret, struct xg_err *err)
{
	struct xg_getin_plan plan = { .cave_bytes = 0 };
	struct stage1_literals lit = { .mailbox = 0 };
	struct gva functions[XG_ROLES] = { { 0 } };
	const struct xg_way_in *way;
	int rc;

	(void)g;
	rc = xg_way_in(xg_kernel_os(k)->name, &way, err);
	if (rc)
		return rc;
	snprintf(plan.os, sizeof(plan.os), "%s", way->os);
	rc = plan_functions(k, way, functions, &lit, (uint64_t)(text_pages + data_pages) * XG_PAGE_SIZE, err);
	if (!rc)
		rc = plan_pointer(k, way, &plan, functions[XG_ROLE_HANDLER], err);
	if (!rc)
		rc = plan_cave(k, way, &plan, err);
	if (!rc)
		rc = plan_mailbox(k, way, &plan, err);
	if (rc)
		return rc;
	lit.mailbox = plan.mailbox_va;
	lit.callback = plan.pointer.v;
	lit.handler = plan.handler;
	lit.text_pages = text_pages;
	rc = plan_code(&plan, functions, &lit, err);
	if (!rc)
		*ret = plan;
	return rc;
}

/* The three pages that getting in touches, mapped. */
struct getin_maps {
	struct xg_guest *guest;
	uint8_t *cave_page, *pointer_page, *mailbox_page;
	uint8_t *cave;
	uint64_t *pointer;
	struct xg_mailbox *mailbox;
};

static void maps_close(struct getin_maps *m)
{
	xg_guest_unmap(m->guest, m->cave_page, 1);
	xg_guest_unmap(m->guest, m->pointer_page, 1);
	xg_guest_unmap(m->guest, m->mailbox_page, 1);
}

static int maps_open(struct xg_guest *g, const struct xg_getin_plan *plan, struct getin_maps *m, struct xg_err *err)
{
	struct { struct gfn frame; uint8_t **page; } rows[] = {
		{ plan->cave_frame, &m->cave_page },
		{ plan->pointer_frame, &m->pointer_page },
		{ plan->mailbox_frame, &m->mailbox_page },
	};
	void *page;
	size_t i;
	int rc;

	*m = (struct getin_maps){ .guest = g };
	for (i = 0; i < XG_ARRAY_SIZE(rows); i++) {
		rc = xg_guest_map(g, &rows[i].frame, 1, XG_READ | XG_WRITE, NULL, &page, err);
		if (rc) {
			maps_close(m);
			return rc;
		}
		*rows[i].page = page;
	}
	m->cave = m->cave_page + gva_page_offset(plan->cave);
	m->pointer = (uint64_t *)(m->pointer_page + gva_page_offset(plan->pointer));
	m->mailbox = (struct xg_mailbox *)(m->mailbox_page + XG_PAGE_SIZE - sizeof(struct xg_mailbox));
	return 0;
}

static uint32_t mailbox_state(const struct getin_maps *m)
{
	return __atomic_load_n(&m->mailbox->state, __ATOMIC_ACQUIRE);
}

static bool mailbox_move(struct getin_maps *m, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&m->mailbox->state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool pointer_move(struct getin_maps *m, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(m->pointer, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/*
 * Writes the empty string to the node that the kernel watches, which means nothing to the guest (a request is
 * never empty), so that its watch fires; a value that waits there to be acted on is not touched. PENDING:
 * fire also then, with that same value, to give back an event that our callback may have swallowed.
 */
struct fire {
	const char *path;
	bool pending;
};

static int node_write_again(struct xg_store *store, void *ctx, struct xg_err *err)
{
	char value[XG_STORE_VALUE_MAX + 1];
	const struct fire *f = ctx;
	int rc = xg_store_read(store, f->path, value, sizeof(value), err);

	if (!rc && value[0] && !f->pending)
		rc = xg_fail(err, EBUSY, "a '%s' request is pending in the guest", value);
	return rc ? rc : xg_store_write(store, f->path, value, err);
}

static int node_fire(struct xg_store *store, const char *path, bool pending, struct xg_err *err)
{
	struct fire f = { path, pending };

	return xg_store_transaction(store, node_write_again, &f, err);
}

/* Makes the kernel call through the pointer; nothing to do for one that does so by itself. */
static int pointer_fire(struct xg_store *store, const struct xg_getin_plan *plan, uint32_t domid, bool pending,
			struct xg_err *err)
{
	char path[XG_STORE_PATH_MAX];
	const struct xg_way_in *way;
	int rc = xg_way_in(plan->os, &way, err);

	if (rc || !way->fire)
		return rc;
	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, way->fire);
	return node_fire(store, path, pending, err);
}

/* Polled: until the window exists there is no event channel that could tell us. */
static bool mailbox_settled(void *ctx)
{
	uint32_t state = mailbox_state(ctx);

	return state != XG_MB_IDLE && state != XG_MB_ENTERED;
}

static bool mailbox_ended(void *ctx)
{
	uint32_t state = mailbox_state(ctx);

	return state == XG_MB_GAVE_UP || state == XG_MB_FAILED || state == 0;
}

static const char *handler_name(const struct xg_getin_plan *plan)
{
	const struct xg_way_in *way;

	return xg_way_in(plan->os, &way, NULL) ? "its handler" : way->roles[XG_ROLE_HANDLER];
}

int xg_getin_enter(struct xg_guest *g, struct xg_store *store, const struct xg_getin_plan *plan,
		   unsigned int timeout_ms, struct gva *ret_window, struct xg_err *err)
{
	struct getin_maps m;
	uint32_t state;
	int rc;

	rc = maps_open(g, plan, &m, err);
	if (rc)
		return rc;
	memcpy(m.cave, plan->cave_code, plan->cave_bytes);
	*m.mailbox = (struct xg_mailbox){
		.magic = XG_MAGIC_MAILBOX, .state = XG_MB_IDLE, .patience = PATIENCE_POLLS,
	};
	/* The bytes are there before the pointer leads to them; pairs with the guest's load of the callback. */
	if (!pointer_move(&m, plan->handler, plan->cave.v))
		rc = xg_fail(err, EBUSY, "the guest's pointer to %s has changed under our hands",
			     handler_name(plan));
	if (!rc)
		rc = pointer_fire(store, plan, g->info.domid, false, err);
	if (!rc && !xg_wait_ms(mailbox_settled, &m, timeout_ms))
		rc = xg_fail(err, ETIMEDOUT, "the guest's kernel did not react within %u ms: is it hung?", timeout_ms);
	if (!rc) {
		state = mailbox_state(&m);
		if (state == XG_MB_READY)
			*ret_window = XG_GVA(__atomic_load_n(&m.mailbox->window, __ATOMIC_RELAXED));
		else
			rc = xg_fail(err, ENOMEM, "the guest's kernel had no thread or no memory for the window");
	}
	maps_close(&m);
	if (rc)
		(void)xg_getin_leave(g, store, plan, false, NULL);
	return rc;
}

int xg_getin_go(struct xg_guest *g, const struct xg_getin_plan *plan, struct gva entry, struct gva argument,
		struct xg_err *err)
{
	struct getin_maps m;
	bool gone;
	int rc;

	rc = maps_open(g, plan, &m, err);
	if (rc)
		return rc;
	m.mailbox->entry = entry.v;
	m.mailbox->argument = argument.v;
	/*
	 * Release: the window's text and the two words above are there before GO is. The text is at addresses from
	 * which no CPU has fetched since they were mapped, and the thread comes out of a timer interrupt, whose
	 * return serialises, before it reads GO: no stale instruction can be left (Intel SDM 3A 8.1.3).
	 */
	gone = !mailbox_move(&m, XG_MB_READY, XG_MB_GO);
	maps_close(&m);
	return gone ? xg_fail(err, ECANCELED, "the guest's side gave up waiting") : 0;
}

bool xg_getin_gone(struct xg_guest *g, const struct xg_getin_plan *plan)
{
	struct getin_maps m;
	bool gone;

	if (maps_open(g, plan, &m, NULL))
		return false;
	gone = m.mailbox->magic == XG_MAGIC_MAILBOX && mailbox_state(&m) == XG_MB_GO;
	maps_close(&m);
	return gone;
}

int xg_getin_leave(struct xg_guest *g, struct xg_store *store, const struct xg_getin_plan *plan, bool running,
		   struct xg_err *err)
{
	struct getin_maps m;
	bool swallowed;
	int rc = maps_open(g, plan, &m, err);

	if (rc)
		return rc;
	swallowed = !pointer_move(&m, plan->cave.v, plan->handler);
	if (!running && m.mailbox->magic == XG_MAGIC_MAILBOX) {
		if (mailbox_move(&m, XG_MB_IDLE, XG_MB_CANCELLED)) {
			/* Never entered, but the watch thread may be on its way: the bytes stay. */
			maps_close(&m);
			return pointer_fire(store, plan, g->info.domid, true, err);
		}
		(void)xg_wait_ms(mailbox_settled, &m, 2000);
		(void)mailbox_move(&m, XG_MB_READY, XG_MB_CANCELLED);
		running = xg_wait_ms(mailbox_ended, &m, 2000);
	}
	if (running && !memcmp(m.cave, plan->cave_code, plan->cave_bytes)) {
		memcpy(m.cave, plan->cave_before, plan->cave_bytes);
		memset(m.mailbox, 0, sizeof(*m.mailbox));
	}
	maps_close(&m);
	/* Should it fail the guest may never see a request to shut down: owed, and done when this is done again. */
	return swallowed ? pointer_fire(store, plan, g->info.domid, true, err) : 0;
}
