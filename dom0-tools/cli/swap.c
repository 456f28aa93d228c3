// SPDX-License-Identifier: GPL-2.0-or-later
/* swap, rollback, upgrade, reconnect, history: from words to operations, from results to lines. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dom0-tools/cli/cli.h"
#include "dom0-tools/ops/json_text.h"
#include "dom0-tools/ops/vdev.h"
#include "lib/base/table.h"

static json_t *driver_json(const struct xg_history_driver *d)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "mode", d->mode, "driver", d->driver, "version", d->version, "sha256",
			 d->digest);
}

static json_t *history_json(const struct xg_history_row *row)
{
	return json_pack("{s:o, s:s, s:s, s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "guest",
			 xg_json_text(row->guest), "uuid", row->uuid,
			 "vdev", row->vdev, "devid", (int)row->devid, "reason", row->reason, "from",
			 driver_json(&row->from), "to", driver_json(&row->to), "hold_ns", (json_int_t)row->hold_ns, "held",
			 (json_int_t)row->held, "in_flight", (json_int_t)row->in_flight, "replayed",
			 (json_int_t)row->replayed, "at", (json_int_t)row->at);
}

static void json_print(json_t *json)
{
	xg_cli_json(json);
	json_decref(json);
}

/* One swap, just done; NULL: none was. */
static void swapped_print(const struct xg_history_row *h, bool json)
{
	if (json) {
		json_print(h ? history_json(h) : json_null());
		return;
	}
	if (!h)
		return;
	printf("%s of %s: %s %s (%.12s) -> %s %s (%.12s), held %llu.%03llu ms, %llu in flight%s", h->vdev, h->guest,
	       h->from.driver, h->from.version, h->from.digest, h->to.driver, h->to.version, h->to.digest,
	       (unsigned long long)h->hold_ns / 1000000, (unsigned long long)h->hold_ns / 1000 % 1000,
	       (unsigned long long)h->in_flight, h->replayed ? "" : "\n");
	if (h->replayed)
		printf(", %llu done again\n", (unsigned long long)h->replayed);
}

static struct xg_swap_wish wish_of(const struct xg_cli_options *o)
{
	return (struct xg_swap_wish){ .reason = "swap", .force = o->force, .deadline_ms = o->timeout_ms };
}

/* Its driver stays what it is; the policy has the say from now on. */
static int hand_over(struct xg_cli *cli, const char *guest, const char *vdev)
{
	struct xg_err err = XG_ERR_NONE;

	if (xg_disk_wish(&cli->ops, guest, vdev, "auto", &err))
		return xg_cli_fail(&err);
	if (!cli->ops.dry_run && !cli->options.json)
		printf("%s of %s is xengraftd's to swap from now on\n", vdev, guest);
	swapped_print(NULL, cli->options.json);
	return XG_EXIT_OK;
}

int xg_cmd_swap(struct xg_cli *cli, char **argv)
{
	struct xg_swapped done = { .history = { .devid = 0 } };
	struct xg_err err = XG_ERR_NONE;
	struct xg_swap_wish wish;
	int rc;

	if (!strcmp(argv[3], "auto"))
		return hand_over(cli, argv[1], argv[2]);
	wish = wish_of(&cli->options);
	wish.driver = argv[3];
	wish.pin = !cli->options.policy;
	wish.policy = cli->options.policy;
	if (cli->options.policy)
		wish.reason = "policy";
	rc = xg_disk_swap(&cli->ops, argv[1], argv[2], &wish, &done, &err);
	if (rc && rc != -EALREADY)
		return xg_cli_fail(&err);
	swapped_print(rc || cli->ops.dry_run ? NULL : &done.history, cli->options.json);
	return XG_EXIT_OK;
}

int xg_cmd_rollback(struct xg_cli *cli, char **argv)
{
	struct xg_swapped done = { .history = { .devid = 0 } };
	struct xg_err err = XG_ERR_NONE;
	struct xg_swap_wish wish;

	wish = wish_of(&cli->options);
	if (xg_disk_rollback(&cli->ops, argv[1], argv[2], &wish, &done, &err))
		return xg_cli_fail(&err);
	swapped_print(cli->ops.dry_run ? NULL : &done.history, cli->options.json);
	return XG_EXIT_OK;
}

/* ---- upgrade, reconnect: each of several disks ------------------------------------------------------------------ */

/* xg_disk_upgrade(), or what is like it: 1 when there is nothing to do. */
typedef int (*disk_op)(struct xg_ops *ops, const struct xg_guest_row *guest, const struct xg_device_row *row,
		       const struct xg_swap_wish *wish, struct xg_swapped *ret, struct xg_err *err);

struct upgrade {
	struct xg_cli *cli;
	disk_op op;
	struct xg_swap_wish wish;
	uint32_t devid;		/* UINT32_MAX: all disks */
	json_t *array;		/* NULL: lines */
	unsigned int done, current;
	int status;		/* the worst so far: one guest's trouble is not the next one's */
};

static void upgrade_disk(struct upgrade *u, const struct xg_guest_row *guest, const struct xg_device_row *row)
{
	struct xg_swapped done = { .history = { .devid = 0 } };
	struct xg_err err = XG_ERR_NONE;
	int rc;

	if (u->cli->ops.dry_run)
		fprintf(u->array ? stderr : stdout, "%s of %s:\n", row->vdev, guest->name);
	rc = u->op(&u->cli->ops, guest, row, &u->wish, &done, &err);
	if (rc == 1) {
		u->current++;
	} else if (rc) {
		(void)xg_fail_in(&err, "%s of %s", row->vdev, guest->name);
		rc = xg_cli_fail(&err);
		u->status = u->status == XG_EXIT_FAILED ? u->status : rc;
	} else {
		u->done++;
		if (u->cli->ops.dry_run)
			return;
		if (u->array)
			json_array_append_new(u->array, history_json(&done.history));
		else
			swapped_print(&done.history, false);
	}
}

static int upgrade_guest(struct upgrade *u, const struct xg_guest_row *guest, struct xg_err *err)
{
	struct xg_device_row *rows xg_auto_free = NULL;
	size_t count, i;
	bool found = u->devid == UINT32_MAX;
	int rc = xg_state_device_list(u->cli->ops.state, guest->uuid, &rows, &count, err);

	for (i = 0; !rc && i < count; i++)
		if (u->devid == UINT32_MAX || rows[i].devid == u->devid) {
			upgrade_disk(u, guest, &rows[i]);
			found = true;
		}
	return rc || found ? rc : xg_fail(err, ENOENT, "guest '%s' has no such disk of xengraft's", guest->name);
}

static int upgrade_named(struct upgrade *u, const char *name, struct xg_err *err)
{
	struct xg_guest_row row;
	char uuid[XG_UUID_TEXT];
	struct xg_guest *g;
	uint32_t domid;
	int rc = xg_guest_named(&u->cli->ops, name, &g, err);

	if (rc)
		return rc;
	xg_uuid_text(g->info.uuid, uuid);
	domid = g->info.domid;
	xg_guest_close(g);
	rc = xg_state_guest_get(u->cli->ops.state, uuid, &row, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	/* The one that was named, should there be another of its UUID: the session tells them apart. */
	row.domid = domid;
	return upgrade_guest(u, &row, err);
}

static int upgrade_all(struct upgrade *u, struct xg_err *err)
{
	struct xg_guest_row *guests xg_auto_free = NULL;
	size_t count, i;
	int rc = xg_state_guest_list(u->cli->ops.state, &guests, &count, err);

	for (i = 0; !rc && i < count; i++)
		rc = guests[i].away ? 0 : upgrade_guest(u, &guests[i], err);
	return rc;
}

/* What was not done was told by lines of its own, which are all there is to say when nothing was. */
static int upgrade_end(const struct upgrade *u, int rc, const char *were, const char *others, const struct xg_err *err)
{
	if (u->array)
		json_print(u->array);
	else if (!rc && (u->done || u->current || u->status == XG_EXIT_OK))
		printf("%u %s%s, %u had %s\n", u->done, u->cli->ops.dry_run ? "would be " : "", were, u->current, others);
	return rc ? xg_cli_fail(err) : u->status;
}

int xg_cmd_upgrade(struct xg_cli *cli, char **argv)
{
	struct upgrade u = { .cli = cli, .op = xg_disk_upgrade, .devid = UINT32_MAX, .status = XG_EXIT_OK };
	struct xg_err err = XG_ERR_NONE;
	int i, rc;

	u.wish = wish_of(&cli->options);
	u.array = cli->options.json ? json_array() : NULL;
	rc = xg_sweep(&cli->ops, &err);
	if (!rc && !cli->operands)
		rc = upgrade_all(&u, &err);
	for (i = 1; !rc && i <= cli->operands; i++)
		rc = upgrade_named(&u, argv[i], &err);
	return upgrade_end(&u, rc, "upgraded", "the present driver", &err);
}

int xg_cmd_reconnect(struct xg_cli *cli, char **argv)
{
	struct upgrade u = { .cli = cli, .op = xg_disk_reconnect, .devid = UINT32_MAX, .status = XG_EXIT_OK };
	struct xg_err err = XG_ERR_NONE;
	char name[32];
	int rc = 0;

	u.wish = wish_of(&cli->options);
	u.array = cli->options.json ? json_array() : NULL;
	if (cli->operands == 2)
		rc = xg_vdev_parse(argv[2], &u.devid, name, &err);
	/* So that one that was restored is on record under the id that it has now. */
	if (!rc)
		rc = xg_sweep(&cli->ops, &err);
	if (!rc)
		rc = cli->operands ? upgrade_named(&u, argv[1], &err) : upgrade_all(&u, &err);
	return upgrade_end(&u, rc, "reconnected", "a backend", &err);
}

/* ---- history -------------------------------------------------------------------------------------------------- */

static const struct xg_table_column history_columns[] = {
	{ "When", 20, false }, { "Guest", 20, false }, { "Vdev", 8, false }, { "Reason", 9, false }, { "From", 24, false },
	{ "sha256", 12, false }, { "", 2, false }, { "To", 24, false }, { "sha256", 12, false }, { "Hold ms", 11, true },
	{ "Held", 5, true }, { "Flying", 7, true }, { "Replayed", 8, true },
};

static void history_line(struct xg_table *t, const struct xg_history_row *row)
{
	time_t at = row->at;
	char when[32];
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime_r(&at, &tm));
	xg_table_cell(t, "%s", when);
	xg_table_cell(t, "%s", row->guest);
	xg_table_cell(t, "%s", row->vdev);
	xg_table_cell(t, "%s", row->reason);
	xg_table_cell(t, "%s", row->from.driver);
	xg_table_cell(t, "%.12s", row->from.digest);
	xg_table_cell(t, "->");
	xg_table_cell(t, "%s", row->to.driver);
	xg_table_cell(t, "%.12s", row->to.digest);
	xg_table_cell(t, "%llu.%03llu", (unsigned long long)row->hold_ns / 1000000,
		      (unsigned long long)row->hold_ns / 1000 % 1000);
	xg_table_cell(t, "%llu", (unsigned long long)row->held);
	xg_table_cell(t, "%llu", (unsigned long long)row->in_flight);
	xg_table_cell(t, "%llu", (unsigned long long)row->replayed);
}

static int history_print(const struct xg_history_row *rows, size_t count, bool json, struct xg_err *err)
{
	struct xg_table table = XG_TABLE(history_columns);
	json_t *array = json ? json_array() : NULL;
	size_t i;
	int rc = 0;

	for (i = 0; i < count; i++) {
		if (json)
			json_array_append_new(array, history_json(&rows[i]));
		else
			history_line(&table, &rows[i]);
	}
	if (json)
		json_print(array);
	else
		rc = xg_table_print(&table, stdout, err);
	xg_table_fini(&table);
	return rc;
}

/* A guest that runs is known by its UUID, one that is gone by the name that it had. */
int xg_cmd_history(struct xg_cli *cli, char **argv)
{
	struct xg_history_row *rows xg_auto_free = NULL;
	char uuid[XG_UUID_TEXT] = "", name[32];
	struct xg_err err = XG_ERR_NONE;
	uint32_t devid = UINT32_MAX;
	struct xg_guest *g;
	size_t count;
	int rc;

	if (cli->operands == 2 && xg_vdev_parse(argv[2], &devid, name, &err))
		return xg_cli_fail(&err);
	rc = xg_guest_named(&cli->ops, argv[1], &g, &err);
	if (!rc) {
		xg_uuid_text(g->info.uuid, uuid);
		xg_guest_close(g);
	}
	if (rc && rc != -ENOENT)
		return xg_cli_fail(&err);
	if (xg_state_history(cli->ops.state, uuid[0] ? uuid : NULL, argv[1], devid, &rows, &count, &err) || (rc && !count))
		return xg_cli_fail(&err);
	return history_print(rows, count, cli->options.json, &err) ? xg_cli_fail(&err) : XG_EXIT_OK;
}
