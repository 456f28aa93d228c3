// SPDX-License-Identifier: GPL-2.0-or-later
/* disk-attach, disk-detach, disk-list, withdraw: from words to operations, from results to lines. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "dom0-tools/cli/cli.h"
#include "hotswap/wait.h"
#include "lib/base/log.h"

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

static void list_line(const struct xg_guest_row *guest, const struct xg_device_row *d)
{
	char id[16] = "-";

	if (!guest->away)
		snprintf(id, sizeof(id), "%u", guest->domid);
	printf("%-20s %5s %-8s %-6s %-12s %-12s %-6s %-24s %s%s\n", guest->name, id, d->vdev,
	       d->read_only ? "ro" : "rw", d->mode, d->wish[0] ? d->wish : "-", state_of(guest, d), d->driver, d->target,
	       d->shared ? " (shared)" : "");
}

static json_t *list_json(const struct xg_guest_row *guest, const struct xg_device_row *d)
{
	json_t *domid = guest->away ? json_null() : json_integer(guest->domid);

	return json_pack("{s:s, s:o, s:s, s:s, s:i, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:s, s:I}", "guest",
			 guest->name, "domid", domid, "uuid", d->uuid, "vdev", d->vdev, "devid", (int)d->devid,
			 "target", d->target, "mode", d->mode, "wish", d->wish, "shared", d->shared,
			 "read_only", d->read_only, "state", state_of(guest, d),
			 "driver", d->driver, "version", d->version, "sha256", d->digest, "since",
			 (json_int_t)d->since);
}

/* One guest's disks: as lines, or appended to ARRAY. */
static int list_guest(struct xg_cli *cli, const struct xg_guest_row *guest, json_t *array, struct xg_err *err)
{
	struct xg_device_row *rows;
	size_t count, i;
	int rc = xg_state_device_list(cli->ops.state, guest->uuid, &rows, &count, err);

	if (rc)
		return rc;
	for (i = 0; i < count; i++) {
		if (array)
			json_array_append_new(array, list_json(guest, &rows[i]));
		else
			list_line(guest, &rows[i]);
	}
	free(rows);
	return 0;
}

static int list_all(struct xg_cli *cli, json_t *array, struct xg_err *err)
{
	struct xg_guest_row *guests;
	size_t count, i;
	int rc = xg_state_guest_list(cli->ops.state, &guests, &count, err);

	if (rc)
		return rc;
	for (i = 0; !rc && i < count; i++)
		rc = list_guest(cli, &guests[i], array, err);
	free(guests);
	return rc;
}

static int list_named(struct xg_cli *cli, const char *name, json_t *array, struct xg_err *err)
{
	struct xg_guest_row row;
	char uuid[XG_UUID_TEXT];
	struct xg_guest *g;
	int rc = xg_guest_named(&cli->ops, name, &g, err);

	if (rc)
		return rc;
	xg_uuid_text(g->info.uuid, uuid);
	xg_guest_close(g);
	rc = xg_state_guest_get(cli->ops.state, uuid, &row, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return list_guest(cli, &row, array, err);
}

int xg_cmd_disk_list(struct xg_cli *cli, char **argv)
{
	struct xg_err err = XG_ERR_NONE;
	int i, rc;
	json_t *array;

	rc = xg_sweep(&cli->ops, &err);
	if (rc)
		return xg_cli_fail(&err);
	array = cli->options.json ? json_array() : NULL;
	if (!array)
		printf("%-20s %5s %-8s %-6s %-12s %-12s %-6s %-24s %s\n", "Name", "ID", "Vdev", "Access", "Mode", "Wish", "State",
		       "Driver", "Target");
	rc = cli->operands ? 0 : list_all(cli, array, &err);
	for (i = 1; !rc && i <= cli->operands; i++)
		rc = list_named(cli, argv[i], array, &err);
	if (!rc && array) {
		json_dumpf(array, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(array);
	return rc ? xg_cli_fail(&err) : XG_EXIT_OK;
}
