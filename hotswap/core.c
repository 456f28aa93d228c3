// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Installs the personality in a guest and talks to it. Called by attach and detach. What the guest writes into
 * the header page is read once and checked; it can make a command fail, never more.
 */
#include "hotswap/core.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "hotswap/wait.h"
#include "hotswap/way_in.h"
#include "lib/base/array.h"

#define ENTER_TIMEOUT_MS 5000
#define START_TIMEOUT_MS 5000
#define RESUME_TIMEOUT_MS 5000	/* a kernel that resumes waits for its processes to thaw */

_Static_assert(sizeof(struct xg_core_header) <= XG_ABI_PAGE, "the header is one page");

int xg_core_image_fits(const struct xg_image *image, const struct xg_os *os, struct xg_err *err)
{
	const struct xg_image_note *note = &image->note;

	if (strcmp(note->kind, "personality"))
		return xg_fail(err, ENOEXEC, "the image is a %s, not a personality", note->kind);
	if (!xg_note_fits_abi(note, XG_ABI_VERSION))
		return xg_fail(err, ENOEXEC, "the image is of ABI %u, this program of %u", note->abi, XG_ABI_VERSION);
	if (strcmp(note->os, os->name) || strcmp(note->arch, os->arch))
		return xg_fail(err, ENOEXEC, "the image is for %s on %s, the guest runs %s on %s", note->os, note->arch,
			       os->name, os->arch);
	if (!xg_note_fits_release(note, os->release))
		return xg_fail(err, ENOEXEC, "the image is for release %s%s%s, the guest runs %s", note->release,
			       note->release_last[0] ? " to " : "", note->release_last, os->release);
	if (!xg_note_fits_build(note, os->build_id))
		return xg_fail(err, ENOEXEC, "the image is for build %.16s…, the guest's kernel is %.16s…",
			       note->build_id, os->build_id[0] ? os->build_id : "without a BUILD-ID");
	return 0;
}

/* All that this kernel will be asked for, in one pass over its symbols. */
static int look_up(struct xg_kernel *k, const struct xg_elf *elf, struct xg_err *err)
{
	const char **names xg_auto_free = calloc(elf->symbol_count + XG_WAY_IN_SYMBOLS_MAX, sizeof(*names));
	const struct xg_way_in *way;
	size_t n;
	uint32_t i;
	int rc = xg_way_in(xg_kernel_os(k)->name, &way, err);

	if (rc)
		return rc;
	if (!names)
		return xg_fail_errno(err, ENOMEM, "%u symbols", elf->symbol_count);
	n = xg_way_in_symbols(way, names, XG_WAY_IN_SYMBOLS_MAX);
	for (i = 0; i < elf->symbol_count; i++)
		if (elf->symbols[i].section == SHN_UNDEF && elf->symbols[i].name[0])
			names[n++] = elf->symbols[i].name;
	return xg_kernel_look_up(k, names, n, err);
}

int xg_core_plan(struct xg_guest *g, struct xg_kernel *k, const struct xg_image *image, struct xg_core_plan *ret,
		 struct xg_err *err)
{
	struct xg_core_plan plan;
	int rc;

	rc = xg_core_image_fits(image, xg_kernel_os(k), err);
	if (!rc)
		rc = xg_window_size(image, &plan.text_pages, &plan.data_pages, err);
	if (!rc)
		rc = look_up(k, image->elf, err);
	if (!rc)
		rc = xg_getin_plan(g, k, plan.text_pages, plan.data_pages, &plan.getin, err);
	if (!rc)
		*ret = plan;
	return rc;
}

int xg_core_enter(struct xg_guest *g, struct xg_store *store, const struct xg_core_plan *plan,
		  struct xg_core_record *ret, struct xg_err *err)
{
	struct gva va;
	int rc = xg_getin_enter(g, store, &plan->getin, ENTER_TIMEOUT_MS, &va, err);

	if (!rc)
		*ret = (struct xg_core_record){
			.va = va, .text_pages = plan->text_pages, .data_pages = plan->data_pages,
		};
	return rc;
}

static int resolve_symbol(void *ctx, const char *name, struct gva *ret, struct xg_err *err)
{
	return xg_kernel_symbol(ctx, name, ret, err);
}

/* Linux since 6.9 warns when its unpatched return thunk is used: see hotswap/link.h. */
static struct gva return_thunk(struct xg_kernel *k)
{
	const struct xg_way_in *way;
	struct gva variable;
	uint64_t thunk;

	if (xg_way_in(xg_kernel_os(k)->name, &way, NULL) || !way->return_thunk ||
	    xg_kernel_symbol(k, way->return_thunk, &variable, NULL) || xg_kernel_read_u64(k, variable, &thunk, NULL))
		return XG_GVA(0);
	return XG_GVA(thunk);
}

int xg_core_fill(struct xg_guest *g, struct xg_kernel *k, const struct xg_image *image,
		 const struct xg_core_record *record, const char *banner, struct gva *ret_entry, struct xg_err *err)
{
	struct xg_resolver resolver = { .symbol = resolve_symbol, .return_thunk = return_thunk(k), .ctx = k };
	struct xg_window_slot slot = {
		.text_count = record->text_pages, .data_first = 1, .data_count = record->data_pages - 1,
	};
	struct xg_window_place place = xg_core_place(record);
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	struct xg_core_header header = {
		.magic = XG_MAGIC_CORE, .version = XG_ABI_VERSION, .size = sizeof(header),
		.window_va = record->va.v, .text_pages = record->text_pages, .data_pages = record->data_pages,
		.domid = g->info.domid,
	};
	int rc;

	rc = xg_window_open(g, xg_kernel_os(k), &place, &w, err);
	if (!rc)
		rc = xg_window_write(w, image, &resolver, &slot, XG_CORE_MAIN, ret_entry, err);
	if (rc)
		return rc;
	header.header_va = xg_window_header_va(w).v;
	snprintf(header.banner, sizeof(header.banner), "%s", banner);
	memset(xg_window_header(w), 0, XG_PAGE_SIZE);
	memcpy(xg_window_header(w), &header, sizeof(header));
	return 0;
}

/* Nothing is mapped at the place any more, or something else: the guest runs another kernel, or lies. */
static int core_window(struct xg_guest *g, const struct xg_os *os, const struct xg_core_record *record,
		       struct xg_window **ret, struct xg_err *err)
{
	struct xg_window_place place = xg_core_place(record);
	int rc = xg_window_open(g, os, &place, ret, err);

	if (rc != -EFAULT && rc != -EPERM && rc != -EINVAL)
		return rc;
	(void)xg_fail_in(err, "the personality is not where it was");
	if (err)
		err->code = ESTALE;
	return -ESTALE;
}

static bool core_started(void *ctx)
{
	const struct xg_core_header *header = ctx;

	return __atomic_load_n(&header->state, __ATOMIC_ACQUIRE) != XG_CORE_NONE;
}

static int core_wait(struct xg_core_header *header, struct xg_err *err)
{
	if (xg_wait_ms(core_started, header, START_TIMEOUT_MS))
		return 0;
	return xg_fail(err, ETIMEDOUT, "the personality did not start within %u ms", START_TIMEOUT_MS);
}

int xg_core_wait(struct xg_guest *g, const struct xg_os *os, const struct xg_core_record *record, struct xg_err *err)
{
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	int rc = core_window(g, os, record, &w, err);

	return rc ? rc : core_wait(xg_window_header(w), err);
}

int xg_core_start(struct xg_guest *g, struct xg_store *store, const struct xg_os *os, const struct xg_core_plan *plan,
		  const struct xg_core_record *record, struct gva entry, struct xg_err *err)
{
	struct xg_window_place place = xg_core_place(record);
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	struct xg_core_header *header;
	uint32_t state;
	int rc;

	rc = xg_window_open(g, os, &place, &w, err);
	if (!rc)
		rc = xg_getin_go(g, &plan->getin, entry, xg_window_header_va(w), err);
	if (rc)
		return rc;
	header = xg_window_header(w);
	rc = core_wait(header, err);
	if (rc)
		return rc;
	state = __atomic_load_n(&header->state, __ATOMIC_ACQUIRE);
	(void)xg_getin_leave(g, store, &plan->getin, true, NULL);
	if (state != XG_CORE_RUNNING)
		return xg_fail(err, EIO, "the personality refused to start: error %d", header->fault);
	return 0;
}

void xg_core_close(struct xg_core *core)
{
	if (!core)
		return;
	xg_evtchn_close(core->evtchn);
	xg_window_close(core->window);
	free(core);
}

static int core_header_check(const struct xg_core_header *h, const struct xg_core_record *record, struct xg_err *err)
{
	if (h->magic != XG_MAGIC_CORE || h->window_va != record->va.v || h->text_pages != record->text_pages ||
	    h->data_pages != record->data_pages)
		return xg_fail(err, ESTALE, "no personality at %#llx any more: the guest runs another kernel now",
			       (unsigned long long)record->va.v);
	if (h->version < 1 || h->size < sizeof(*h))
		return xg_fail(err, ESTALE, "the personality's header is of version %u with %u bytes", h->version,
			       h->size);
	if (h->state != XG_CORE_RUNNING)
		return xg_fail(err, ENODEV, "the personality has left the guest");
	return 0;
}

int xg_core_look(struct xg_guest *g, const struct xg_os *os, const struct xg_core_record *record, struct xg_err *err)
{
	struct xg_window *w xg_auto(xg_window_close_p) = NULL;
	struct xg_core_header h;
	int rc = core_window(g, os, record, &w, err);

	if (rc)
		return rc;
	memcpy(&h, xg_window_header(w), sizeof(h));
	return core_header_check(&h, record, err);
}

static bool core_resumed(void *ctx)
{
	const struct xg_core *core = ctx;
	const struct xg_core_header *h = xg_window_header(core->window);

	/* Acquire: the port that was made before this was said. Pairs with the personality's release. */
	return __atomic_load_n(&h->domid, __ATOMIC_ACQUIRE) == core->guest->info.domid;
}

/* Until the personality of a restored domain has made a port of its own, the number is a stranger's. */
static int core_resume_wait(struct xg_core *core, struct xg_err *err)
{
	if (xg_wait_ms(core_resumed, core, RESUME_TIMEOUT_MS))
		return 0;
	return xg_fail(err, EAGAIN, "guest '%s' was restored, and its personality has not noticed within %u s",
		       core->guest->info.name, RESUME_TIMEOUT_MS / 1000);
}

int xg_core_open(struct xg_guest *g, const struct xg_os *os, const struct xg_core_record *record,
		 struct xg_core **ret, struct xg_err *err)
{
	struct xg_core *core xg_auto(xg_core_close_p) = calloc(1, sizeof(*core));
	struct xg_core_header h;
	int rc;

	if (!core)
		return xg_fail_errno(err, ENOMEM, "core");
	core->guest = g;
	core->module = record->module;
	rc = core_window(g, os, record, &core->window, err);
	if (rc)
		return rc;
	memcpy(&h, xg_window_header(core->window), sizeof(h));
	rc = core_header_check(&h, record, err);
	if (!rc)
		rc = core_resume_wait(core, err);
	if (rc)
		return rc;
	memcpy(&h, xg_window_header(core->window), sizeof(h));
	rc = xg_evtchn_open(&core->evtchn, err);
	if (!rc)
		rc = xg_evtchn_bind(core->evtchn, g->info.domid, h.event_port, &core->port, err);
	if (rc)
		return rc;
	core->seq = h.command.seq;
	*ret = xg_take(core);
	return 0;
}

/* What the guest's numbers mean to a person. */
static const struct { int number, code; const char *text; } guest_errors[] = {
	{ XG_E_BUSY, EBUSY, "it is in use in the guest" },
	{ XG_E_NOMEM, ENOMEM, "the guest has no memory for it" },
	{ XG_E_INVAL, EINVAL, "the guest's personality refused the request" },
	{ XG_E_EXIST, EEXIST, "the guest has a device of that name" },
	{ XG_E_NOTSUPP, EOPNOTSUPP, "the guest's personality does not know that" },
	{ XG_E_IO, EIO, "the guest met an I/O error" },
	{ XG_E_NODEV, ENODEV, "the guest does not have it any more" },
};

static int guest_status(int status, const char *what, struct xg_err *err)
{
	size_t i;

	if (!status)
		return 0;
	for (i = 0; i < XG_ARRAY_SIZE(guest_errors); i++)
		if (status == -guest_errors[i].number)
			return xg_fail(err, guest_errors[i].code, "%s: %s", what, guest_errors[i].text);
	return xg_fail(err, EIO, "%s: the guest answered with the unknown status %d", what, status);
}

static void command_send(struct xg_core *core, enum xg_command_op op, const uint64_t args[3])
{
	struct xg_core_header *h = xg_window_header(core->window);

	h->command.op = op;
	memset(h->command.args, 0, sizeof(h->command.args));
	memcpy(h->command.args, args, 3 * sizeof(*args));
	core->seq++;
	/* Release: the command is there before its number; pairs with the personality's acquire of seq. */
	__atomic_store_n(&h->command.seq, core->seq, __ATOMIC_RELEASE);
}

static bool reply_take(struct xg_core *core, struct xg_reply *ret)
{
	struct xg_core_header *h = xg_window_header(core->window);

	if (__atomic_load_n(&h->reply.seq, __ATOMIC_ACQUIRE) != core->seq)
		return false;
	memcpy(ret, &h->reply, sizeof(*ret));
	return true;
}

static bool core_left(void *ctx)
{
	const struct xg_core_header *h = ctx;

	return __atomic_load_n(&h->state, __ATOMIC_ACQUIRE) != XG_CORE_RUNNING;
}

static int reply_wait(struct xg_core *core, struct xg_reply *ret, const char *what, struct xg_err *err)
{
	uint64_t now, end = xg_now_ms() + XG_COMMAND_TIMEOUT_MS;
	uint32_t port;
	int rc;

	while (!reply_take(core, ret)) {
		now = xg_now_ms();
		if (now >= end)
			return xg_fail(err, ETIMEDOUT, "%s: no answer from the guest within %u s", what,
				       XG_COMMAND_TIMEOUT_MS / 1000);
		/* Looked at once a second as well: a guest that dies sends no event. */
		rc = xg_evtchn_wait(core->evtchn, end - now < 1000 ? (int)(end - now) : 1000, err);
		if (rc == 1) {
			rc = xg_evtchn_pending(core->evtchn, &port, err);
			if (!rc)
				rc = xg_evtchn_unmask(core->evtchn, port, err);
		} else if (rc == 0) {
			rc = xg_guest_refresh(core->guest, err);
			if (!rc && (core->guest->info.dying || core->guest->info.shutdown))
				rc = xg_fail(err, ENODEV, "%s: the guest has shut down", what);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int xg_core_command3(struct xg_core *core, enum xg_command_op op, const uint64_t args[3], struct xg_reply *ret,
		     const char *what, struct xg_err *err)
{
	struct xg_reply reply;
	int rc;

	if (ret)
		ret->seq = 0;
	command_send(core, op, args);
	rc = xg_evtchn_notify(core->evtchn, core->port, err);
	if (!rc)
		rc = reply_wait(core, &reply, what, err);
	if (rc)
		return rc;
	if (ret)
		*ret = reply;
	return guest_status(reply.status, what, err);
}

int xg_core_command(struct xg_core *core, enum xg_command_op op, uint64_t arg0, uint64_t arg1,
		    struct xg_reply *ret, const char *what, struct xg_err *err)
{
	const uint64_t args[3] = { arg0, arg1 };
	struct xg_reply reply;
	int rc = xg_core_command3(core, op, args, &reply, what, err);

	if (!rc && ret)
		*ret = reply;
	return rc;
}

int xg_core_last(struct xg_core *core, uint32_t *ret_op, struct xg_reply *ret, struct xg_err *err)
{
	const struct xg_core_header *h = xg_window_header(core->window);
	uint32_t op = core->seq ? __atomic_load_n(&h->command.op, __ATOMIC_RELAXED) : 0;
	int rc = 0;

	/* The process may have died between writing the command and saying so. */
	if (op)
		rc = xg_evtchn_notify(core->evtchn, core->port, err);
	if (op && !rc)
		rc = reply_wait(core, ret, "the last command", err);
	if (!rc)
		*ret_op = op;
	return rc;
}

int xg_core_remove(struct xg_core *core, struct xg_err *err)
{
	struct xg_core_header *h = xg_window_header(core->window);
	uint64_t end = xg_now_ms() + XG_COMMAND_TIMEOUT_MS;
	static const uint64_t no_args[3];
	struct xg_reply reply;
	int rc;

	command_send(core, XG_CMD_LEAVE, no_args);
	rc = xg_evtchn_notify(core->evtchn, core->port, err);
	if (rc)
		return rc;
	/* A refusal is answered; leaving is seen in the state, the last word that the personality writes. */
	while (!xg_wait_ms(core_left, h, 50)) {
		if (reply_take(core, &reply) && reply.status)
			return guest_status(reply.status, "personality", err);
		rc = xg_guest_refresh(core->guest, err);
		if (rc || core->guest->info.dying || core->guest->info.shutdown)
			return rc;
		if (xg_now_ms() >= end)
			return xg_fail(err, ETIMEDOUT, "personality: no answer from the guest within %u s",
				       XG_COMMAND_TIMEOUT_MS / 1000);
	}
	return 0;
}
