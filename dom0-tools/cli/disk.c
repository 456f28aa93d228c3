// SPDX-License-Identifier: GPL-2.0-or-later
/* disk-attach, disk-detach, disk-list, withdraw: from words to operations, from results to lines. */
#include <stdio.h>
#include <string.h>

#include "dom0-tools/cli/cli.h"
#include "dom0-tools/ops/backend_kind.h"
#include "dom0-tools/ops/json_text.h"
#include "hotswap/wait.h"
#include "lib/base/table.h"

int xg_cmd_disk_attach(struct xg_cli *cli, char **argv)
{
	struct xg_attached done = { .first = false };
	struct xg_disk_spec spec;
	struct xg_err err = XG_ERR_NONE;

	if (xg_disk_spec_parse(cli->operands - 1, (const char *const *)argv + 2, &spec, &err))
		return xg_cli_fail(&err);
	if (cli->options.mode)
		snprintf(spec.mode, sizeof(spec.mode), "%s", cli->options.mode);
	spec.shared = cli->options.shared;
	spec.listed = cli->options.policy;
	spec.of_xl = cli->options.of_xl;
	if (cli->options.wait_s && xg_guest_wait(&cli->ops, argv[1], &spec, cli->options.wait_s * 1000, &err))
		return xg_cli_fail(&err);
	if (xg_disk_attach(&cli->ops, argv[1], &spec, &done, &err))
		return xg_cli_fail(&err);
	if (cli->ops.dry_run)
		return XG_EXIT_OK;
	printf("%s attached to %s: %llu MiB%s, driver %s %s (%.12s) in %llu ms%s%s\n", done.device.vdev,
	       done.guest.name, (unsigned long long)(done.params.sectors >> 11),
	       done.params.flags & XG_BLK_READ_ONLY ? ", read-only" : "",
	       done.device.driver, done.device.version, done.device.digest,
	       (unsigned long long)(xg_now_ms() - cli->began_ms), done.first ? ", the first in this guest" : "",
	       done.guest.core.module ? ", by its own module" : "");
	return XG_EXIT_OK;
}

int xg_cmd_disk_detach(struct xg_cli *cli, char **argv)
{
	struct xg_err err = XG_ERR_NONE;

	int rc;

	rc = xg_disk_detach(&cli->ops, argv[1], argv[2], cli->options.force, &err);
	/* The attach may have waited for the guest still, and been called off by xl's taking the disk away. */
	return !rc || (rc == -ENOENT && cli->options.of_xl) ? XG_EXIT_OK : xg_cli_fail(&err);
}

int xg_cmd_withdraw(struct xg_cli *cli, char **argv)
{
	struct xg_err err = XG_ERR_NONE;

	if (cli->options.forget ? xg_forget(&cli->ops, argv[1], &err) : xg_withdraw(&cli->ops, argv[1], &err))
		return xg_cli_fail(&err);
	return XG_EXIT_OK;
}

/* ---- list ---------------------------------------------------------------------------------------------------- */

/* Of one whose guest was saved, or is no more, nothing is known. */
static const char *state_of(const struct xg_guest_row *guest, const struct xg_device_row *d)
{
	return guest->away ? "away" : d->state;
}

static const struct xg_table_column list_columns[] = {
	{ "Name", 20, false }, { "ID", 5, true }, { "Vdev", 8, false }, { "Access", 6, false }, { "Mode", 12, false },
	{ "Wish", 12, false }, { "State", 6, false }, { "Driver", 24, false }, { "Target", 0, false },
};

struct list {
	struct xg_cli *cli;
	struct xg_table table;
	json_t *array;		/* NULL: lines */
};

static bool has_backend(const struct list *l, const struct xg_guest_row *guest, const struct xg_device_row *d)
{
	return !guest->away && xg_backend_lives(l->cli->ops.store, guest->domid, d);
}

static void list_line(struct list *l, const struct xg_guest_row *guest, const struct xg_device_row *d)
{
	struct xg_table *t = &l->table;

	xg_table_cell(t, "%s", guest->name);
	if (guest->away)
		xg_table_cell(t, "-");
	else
		xg_table_cell(t, "%u", guest->domid);
	xg_table_cell(t, "%s", d->vdev);
	xg_table_cell(t, "%s", d->read_only ? "ro" : "rw");
	xg_table_cell(t, "%s", d->mode);
	xg_table_cell(t, "%s", d->wish[0] ? d->wish : "-");
	xg_table_cell(t, "%s", state_of(guest, d));
	xg_table_cell(t, "%s", d->driver);
	xg_table_cell(t, "%s%s%s", d->target, d->shared ? " (shared)" : "",
		      guest->away || has_backend(l, guest, d) ? "" : " (no backend)");
}

static json_t *list_json(const struct list *l, const struct xg_guest_row *guest, const struct xg_device_row *d)
{
	json_t *domid = guest->away ? json_null() : json_integer(guest->domid);

	return json_pack("{s:o, s:o, s:s, s:s, s:i, s:o, s:s, s:s, s:b, s:b, s:s, s:b, s:s, s:s, s:s, s:I}", "guest",
			 xg_json_text(guest->name), "domid", domid, "uuid", d->uuid, "vdev", d->vdev, "devid", (int)d->devid,
			 "target", xg_json_text(d->target), "mode", d->mode, "wish", d->wish, "shared", d->shared,
			 "read_only", d->read_only, "state", state_of(guest, d), "backend_lives", has_backend(l, guest, d),
			 "driver", d->driver, "version", d->version, "sha256", d->digest, "since",
			 (json_int_t)d->since);
}

static int list_guest(struct list *l, const struct xg_guest_row *guest, struct xg_err *err)
{
	struct xg_device_row *rows;
	size_t count, i;
	int rc = xg_state_device_list(l->cli->ops.state, guest->uuid, &rows, &count, err);

	if (rc)
		return rc;
	for (i = 0; i < count; i++) {
		if (l->array)
			json_array_append_new(l->array, list_json(l, guest, &rows[i]));
		else
			list_line(l, guest, &rows[i]);
	}
	free(rows);
	return 0;
}

static int list_all(struct list *l, struct xg_err *err)
{
	struct xg_guest_row *guests;
	size_t count, i;
	int rc = xg_state_guest_list(l->cli->ops.state, &guests, &count, err);

	if (rc)
		return rc;
	for (i = 0; !rc && i < count; i++)
		rc = list_guest(l, &guests[i], err);
	free(guests);
	return rc;
}

static int list_named(struct list *l, const char *name, struct xg_err *err)
{
	struct xg_guest_row row;
	char uuid[XG_UUID_TEXT];
	struct xg_guest *g;
	int rc = xg_guest_named(&l->cli->ops, name, &g, err);

	if (rc)
		return rc;
	xg_uuid_text(g->info.uuid, uuid);
	xg_guest_close(g);
	rc = xg_state_guest_get(l->cli->ops.state, uuid, &row, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return list_guest(l, &row, err);
}

int xg_cmd_disk_list(struct xg_cli *cli, char **argv)
{
	struct list l = { .cli = cli, .table = XG_TABLE(list_columns), .array = cli->options.json ? json_array() : NULL };
	struct xg_err err = XG_ERR_NONE;
	int i, rc = xg_sweep(&cli->ops, &err);

	if (!rc && !cli->operands)
		rc = list_all(&l, &err);
	for (i = 1; !rc && i <= cli->operands; i++)
		rc = list_named(&l, argv[i], &err);
	if (!rc && l.array)
		xg_cli_json(l.array);
	else if (!rc)
		rc = xg_table_print(&l.table, stdout, &err);
	json_decref(l.array);
	xg_table_fini(&l.table);
	return rc ? xg_cli_fail(&err) : XG_EXIT_OK;
}
