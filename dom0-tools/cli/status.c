// SPDX-License-Identifier: GPL-2.0-or-later
/* status: what Dom0 recorded of a disk, held against what the guest, the backend and xenstore say now. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/cli/cli.h"
#include "dom0-tools/cli/options.h"
#include "lib/base/log.h"

struct status {
	struct xg_guest_row guest;
	struct xg_device_row device;
	bool header_there;
	struct xg_device_header header;		/* a copy of what the guest's page says: shown, never acted on */
	char header_problem[sizeof(((struct xg_err *)0)->text)];
	uint64_t frontend_state, backend_state, backend_pid;
	char stats[XG_STORE_VALUE_MAX + 1];	/* JSON, by the backend */
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
	struct xg_link_id id = { .domid = st->guest.domid, .devid = st->device.devid };
	char dir[XG_STORE_PATH_MAX], path[XG_STORE_PATH_MAX + 8];

	xg_frontend_path(id, dir);
	st->frontend_state = node_u64(cli->ops.store, dir, "state");
	xg_backend_path(id, dir);
	st->backend_state = node_u64(cli->ops.store, dir, "state");
	st->backend_pid = node_u64(cli->ops.store, dir, "pid");
	snprintf(path, sizeof(path), "%s/stats", dir);
	if (xg_store_read(cli->ops.store, path, st->stats, sizeof(st->stats), NULL))
		st->stats[0] = '\0';
}

static int status_take(struct xg_cli *cli, const char *guest, const char *vdev, struct status *st, struct xg_err *err)
{
	struct xg_err look = XG_ERR_NONE;
	struct xg_guest *g;
	int rc = xg_device_find(&cli->ops, guest, vdev, &g, &st->guest, &st->device, err);

	if (rc)
		return rc;
	if (st->device.device.va.v &&
	    !xg_device_look(g, &st->guest.os, &st->device.device, &st->header, &look))
		st->header_there = true;
	snprintf(st->header_problem, sizeof(st->header_problem), "%s", look.text);
	xg_guest_close(g);
	status_backend(cli, st);
	return 0;
}

static json_t *status_json(const struct status *st)
{
	json_t *entries = json_array(), *stats = json_loads(st->stats, 0, NULL);
	char hex[32];
	size_t i;

	for (i = 0; i < XG_BLOCK_ENTRIES; i++) {
		snprintf(hex, sizeof(hex), "%#llx", (unsigned long long)st->device.device.entry[i]);
		json_array_append_new(entries, json_string(hex));
	}
	snprintf(hex, sizeof(hex), "%#llx", (unsigned long long)st->device.device.va.v);
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:{s:s, s:i, s:i, s:o}, s:I, s:I, s:I, s:o}",
			 "guest", st->guest.name, "domid", (int)st->guest.domid, "vdev", st->device.vdev, "target",
			 st->device.target, "mode", st->device.mode, "state", st->device.state, "guest_state",
			 device_state(st), "driver", st->device.driver, "sha256", st->device.digest, "read_only",
			 st->device.read_only, "window", "address", hex, "text_pages",
			 (int)st->device.device.text_pages, "data_pages", (int)st->device.device.data_pages, "entry_points",
			 entries, "frontend_state", (json_int_t)st->frontend_state, "backend_state",
			 (json_int_t)st->backend_state, "backend_pid", (json_int_t)st->backend_pid, "backend",
			 stats ? stats : json_null());
}

static void status_text(const struct status *st)
{
	const struct xg_device_record *d = &st->device.device;
	json_t *stats = json_loads(st->stats, 0, NULL), *value;
	const char *key;

	printf("disk          %s of %s (domain %u), %s\n", st->device.vdev, st->guest.name, st->guest.domid,
	       st->device.state);
	printf("target        %s, %s\n", st->device.target, st->device.read_only ? "read-only" : "read-write");
	printf("driver        %s %s, %s mode\n", st->device.driver, st->device.version, st->device.mode);
	printf("sha256        %s\n", st->device.digest);
	printf("window        %#llx, %u pages of text and %u of data\n", (unsigned long long)d->va.v, d->text_pages,
	       d->data_pages);
	printf("in the guest  %s%s%s\n", device_state(st), st->header_problem[0] ? ": " : "", st->header_problem);
	if (st->header_there)
		printf("queues        %u of depth %u\n", st->header.block.nr_queues, st->header.limits.queue_depth);
	printf("backend       process %llu, state %llu; frontend state %llu\n", (unsigned long long)st->backend_pid,
	       (unsigned long long)st->backend_state, (unsigned long long)st->frontend_state);
	json_object_foreach(stats, key, value)
		if (json_is_integer(value))
			printf("  %-22s %lld\n", key, (long long)json_integer_value(value));
	json_decref(stats);
}

int xg_cmd_status(struct xg_cli *cli, int argc, char **argv)
{
	struct status *st xg_auto_free = calloc(1, sizeof(*st));
	struct xg_cli_options options;
	struct xg_err err = XG_ERR_NONE;
	json_t *json;

	if (xg_cli_options(argc, argv, "j", &options) != 2)
		return xg_cli_usage(cli);
	if (!st || status_take(cli, argv[1], argv[2], st, &err))
		return xg_cli_fail(&err);
	if (!options.json) {
		status_text(st);
		return XG_EXIT_OK;
	}
	json = status_json(st);
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
	return XG_EXIT_OK;
}
