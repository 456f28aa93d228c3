// SPDX-License-Identifier: GPL-2.0-or-later
/* status: what Dom0 recorded of a disk, held against what the guest, the backend and xenstore say now. */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/cli/cli.h"
#include "dom0-tools/ops/backend_kind.h"
#include "dom0-tools/ops/json_text.h"
#include "lib/base/log.h"

struct status {
	struct xg_guest_row guest;
	struct xg_device_row device;
	bool header_there;
	struct xg_device_header header;		/* a copy of what the guest's page says: shown, never acted on */
	char header_problem[sizeof(((struct xg_err *)0)->text)];
	uint64_t frontend_state, backend_state, backend_pid;
	char stats[XG_STORE_VALUE_MAX + 1];	/* JSON, by the backend */
	const char *backend_name;		/* NULL: a mode that this version does not know */
	bool backend_lives;
	struct xg_history_row last;		/* at 0: never swapped since it was attached */
	struct xg_operation_row op;		/* on this disk; verb "": none */
	bool unfinished;			/* nobody is at it any more */
};

static const char *const device_states[] = { "none", "open", "live", "removed" };

static const char *device_state(const struct status *st)
{
	if (!st->header_there)
		return "unreachable";
	return st->header.state < 4 ? device_states[st->header.state] : "unknown";
}

static uint64_t node_u64(struct xg_store *s, const char *dir, const char *name)
{
	char path[XG_STORE_PATH_MAX + 32];
	uint64_t v = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return xg_store_read_u64(s, path, &v, NULL) ? 0 : v;
}

static void status_backend(struct xg_cli *cli, struct status *st)
{
	struct xg_link_id id = { st->guest.domid, st->device.devid, st->device.device.half };
	const struct xg_backend_kind *kind = xg_backend_kind_of(st->device.mode);
	char dir[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8];

	xg_frontend_path(id, dir);
	st->frontend_state = node_u64(cli->ops.store, dir, "state");
	if (!kind)
		return;
	kind->path(id, dir);
	st->backend_name = kind->name;
	(void)kind->lives(cli->ops.store, id, &st->backend_lives, NULL);
	st->backend_state = node_u64(cli->ops.store, dir, "state");
	st->backend_pid = node_u64(cli->ops.store, dir, "pid");
	snprintf(path, sizeof(path), "%s/stats", dir);
	if (xg_store_read(cli->ops.store, path, st->stats, sizeof(st->stats), NULL))
		st->stats[0] = '\0';
}

static int status_last(struct xg_cli *cli, struct status *st, struct xg_err *err)
{
	struct xg_history_row *rows xg_auto_free = NULL;
	size_t count;
	int rc = xg_state_history(cli->ops.state, st->guest.uuid, NULL, st->device.devid, &rows, &count, err);

	if (!rc && count && rows[count - 1].at >= st->device.since)
		st->last = rows[count - 1];
	return rc;
}

/* What is being done to the disk: else what the record says of it would not be all of the truth. */
static void status_operation(struct xg_cli *cli, struct status *st)
{
	struct xg_operation_row op;
	int lock xg_auto_close = -1;

	if (xg_state_operation_get(cli->ops.state, st->guest.uuid, &op, NULL) || op.devid != st->device.devid)
		return;
	st->op = op;
	st->unfinished = !xg_guest_lock(&cli->ops, st->guest.uuid, 0, &lock, NULL);
}

static int status_take(struct xg_cli *cli, const char *guest, const char *vdev, struct status *st, struct xg_err *err)
{
	struct xg_err look = XG_ERR_NONE;
	struct xg_guest *g;
	int rc;

	(void)xg_sweep(&cli->ops, NULL);	/* a guest that was restored has another id now */
	rc = xg_device_find(&cli->ops, guest, vdev, &g, &st->guest, &st->device, err);
	if (rc)
		return rc;
	if (st->device.device.va.v &&
	    !xg_device_look(g, &st->guest.os, &st->device.device, &st->header, &look))
		st->header_there = true;
	snprintf(st->header_problem, sizeof(st->header_problem), "%s", look.text);
	xg_guest_close(g);
	status_backend(cli, st);
	status_operation(cli, st);
	return status_last(cli, st, err);
}

static json_t *operation_json(const struct status *st)
{
	const struct xg_operation_row *op = &st->op;

	return op->verb[0] ? json_pack("{s:s, s:s, s:I, s:I, s:b}", "verb", op->verb, "step", op->step, "pid",
				       (json_int_t)op->pid, "since", (json_int_t)op->since, "unfinished", st->unfinished) :
			     json_null();
}

static json_t *status_json(const struct status *st)
{
	json_t *entries = json_array(), *stats = json_loads(st->stats, 0, NULL);
	json_t *last = st->last.at ? json_pack("{s:s, s:s, s:s, s:I, s:I}", "reason", st->last.reason, "from",
					       st->last.from.driver, "to", st->last.to.driver, "hold_ns",
					       (json_int_t)st->last.hold_ns, "at", (json_int_t)st->last.at) : NULL;
	char hex[32];
	size_t i;

	for (i = 0; i < XG_BLOCK_ENTRIES; i++) {
		snprintf(hex, sizeof(hex), "%#llx", (unsigned long long)st->device.device.entry[i]);
		json_array_append_new(entries, json_string(hex));
	}
	snprintf(hex, sizeof(hex), "%#llx", (unsigned long long)st->device.device.va.v);
	return json_pack("{s:o, s:i, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:b, s:{s:s, s:i, s:i, s:s, s:o},"
			 " s:s, s:b, s:I, s:I, s:I, s:o, s:o, s:o*}",
			 "guest", xg_json_text(st->guest.name), "domid", (int)st->guest.domid, "uuid", st->guest.uuid,
			 "vdev", st->device.vdev, "target", xg_json_text(st->device.target), "mode", st->device.mode,
			 "state", st->device.state, "guest_state", device_state(st), "driver", st->device.driver,
			 "version", st->device.version, "sha256", st->device.digest, "read_only", st->device.read_only,
			 "wish", st->device.wish, "shared", st->device.shared,
			 "window", "address", hex, "text_pages", (int)st->device.device.text_pages,
			 "data_pages", (int)st->device.device.data_pages, "half", st->device.device.half ? "B" : "A",
			 "entry_points", entries,
			 "backend_kind", st->backend_name ? st->backend_name : "", "backend_lives", st->backend_lives,
			 "frontend_state", (json_int_t)st->frontend_state, "backend_state", (json_int_t)st->backend_state,
			 "backend_pid", (json_int_t)st->backend_pid, "backend", stats ? stats : json_null(),
			 "operation", operation_json(st), "last_swap", last);
}

static void status_text(const struct status *st)
{
	const struct xg_device_record *d = &st->device.device;
	json_t *stats = json_loads(st->stats, 0, NULL), *value;
	const char *key;

	printf("disk          %s of %s (domain %u), %s\n", st->device.vdev, st->guest.name, st->guest.domid,
	       st->device.state);
	if (st->op.verb[0])
		printf("operation     %s, at '%s', by process %lld%s\n", st->op.verb, st->op.step, (long long)st->op.pid,
		       st->unfinished ? ", left unfinished: the next one on this guest ends it or undoes it" : "");
	printf("target        %s, %s%s\n", st->device.target, st->device.read_only ? "read-only" : "read-write",
	       st->device.shared ? ", shared" : "");
	printf("driver        %s %s, %s mode%s%s\n", st->device.driver, st->device.version, st->device.mode,
	       st->device.wish[0] ? ", wanted " : "", st->device.wish);
	printf("sha256        %s\n", st->device.digest);
	printf("window        %#llx, %u pages of text and %u of data, half %s\n", (unsigned long long)d->va.v, d->text_pages,
	       d->data_pages, d->half ? "B" : "A");
	printf("in the guest  %s%s%s\n", device_state(st), st->header_problem[0] ? ": " : "", st->header_problem);
	if (st->header_there)
		printf("queues        %u of depth %u\n", st->header.block.nr_queues, st->header.limits.queue_depth);
	printf("backend       %s%s", st->backend_name ? st->backend_name : "unknown",
	       st->backend_lives ? "" : " (gone: 'xengraft reconnect' gives another)");
	if (st->backend_pid)
		printf(", process %llu", (unsigned long long)st->backend_pid);
	printf(", state %llu; frontend state %llu\n", (unsigned long long)st->backend_state,
	       (unsigned long long)st->frontend_state);
	if (st->last.at)
		printf("last swap     %s, %s -> %s, held %llu.%03llu ms\n", st->last.reason, st->last.from.driver,
		       st->last.to.driver, (unsigned long long)st->last.hold_ns / 1000000,
		       (unsigned long long)st->last.hold_ns / 1000 % 1000);
	json_object_foreach(stats, key, value)
		if (json_is_integer(value))
			printf("  %-22s %lld\n", key, (long long)json_integer_value(value));
	json_decref(stats);
}

int xg_cmd_status(struct xg_cli *cli, char **argv)
{
	struct status *st xg_auto_free = calloc(1, sizeof(*st));
	struct xg_err err = XG_ERR_NONE;
	json_t *json;

	if (!st || status_take(cli, argv[1], argv[2], st, &err))
		return xg_cli_fail(&err);
	if (!cli->options.json) {
		status_text(st);
		return XG_EXIT_OK;
	}
	json = status_json(st);
	xg_cli_json(json);
	json_decref(json);
	return XG_EXIT_OK;
}
