// SPDX-License-Identifier: GPL-2.0-or-later
/* swap, rollback, upgrade, reconnect, history: from words to operations, from results to lines. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dom0-tools/cli/cli.h"
#include "dom0-tools/cli/options.h"
#include "dom0-tools/ops/vdev.h"
#include "lib/base/log.h"

static json_t *driver_json(const struct xg_history_driver *d)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "mode", d->mode, "driver", d->driver, "version", d->version, "sha256",
			 d->digest);
}

static json_t *history_json(const struct xg_history_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "guest", row->guest, "uuid", row->uuid,
			 "vdev", row->vdev, "devid", (int)row->devid, "reason", row->reason, "from",
			 driver_json(&row->from), "to", driver_json(&row->to), "hold_ns", (json_int_t)row->hold_ns, "held",
			 (json_int_t)row->held, "in_flight", (json_int_t)row->in_flight, "replayed",
			 (json_int_t)row->replayed, "at", (json_int_t)row->at);
}

static void json_print(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

/* One swap, just done. */
static void swapped_print(const struct xg_swapped *done, bool json)
{
	const struct xg_history_row *h = &done->history;

	if (json) {
		json_print(history_json(h));
		return;
	}
	printf("%s of %s: %s %s (%.12s) -> %s %s (%.12s), held %llu.%03llu ms, %llu in flight%s", h->vdev, h->guest,
	       h->from.driver, h->from.version, h->from.digest, h->to.driver, h->to.version, h->to.digest,
	       (unsigned long long)h->hold_ns / 1000000, (unsigned long long)h->hold_ns / 1000 % 1000,
	       (unsigned long long)h->in_flight, h->replayed ? "" : "\n");
	if (h->replayed)
		printf(", %llu done again\n", (unsigned long long)h->replayed);
}

static int wish_of(const struct xg_cli_options *o, struct xg_swap_wish *ret, struct xg_err *err)
{
	*ret = (struct xg_swap_wish){ .reason = "swap", .force = o->force, .deadline_ms = o->timeout_ms };
	if (o->timeout_ms > XG_SWAP_WISH_MAX_MS)
		return xg_fail(err, EINVAL, "a timeout of %u ms is more than the %u that are possible", o->timeout_ms,
			       XG_SWAP_WISH_MAX_MS);
	return 0;
}

int xg_cmd_swap(struct xg_cli *cli, int argc, char **argv)
{
	struct xg_swapped done = { .history = { .devid = 0 } };
	struct xg_err err = XG_ERR_NONE;
	struct xg_cli_options options;
	struct xg_swap_wish wish;
	int rc;

	if (xg_cli_options(argc, argv, "jft:P", &options) != 3)
		return xg_cli_usage(cli);
	if (wish_of(&options, &wish, &err))
		return xg_cli_fail(&err);
	if (!strcmp(argv[3], "auto"))
		return xg_disk_wish(&cli->ops, argv[1], argv[2], "auto", &err) ? xg_cli_fail(&err) : XG_EXIT_OK;
	wish.driver = argv[3];
	wish.pin = !options.policy;
	wish.policy = options.policy;
	if (options.policy)
		wish.reason = "policy";
	rc = xg_disk_swap(&cli->ops, argv[1], argv[2], &wish, &done, &err);
	if (rc && rc != -EALREADY)
		return xg_cli_fail(&err);
	if (!rc && !cli->ops.dry_run)
		swapped_print(&done, options.json);
	return XG_EXIT_OK;
}

int xg_cmd_rollback(struct xg_cli *cli, int argc, char **argv)
{
	struct xg_swapped done = { .history = { .devid = 0 } };
	struct xg_err err = XG_ERR_NONE;
	struct xg_cli_options options;
	struct xg_swap_wish wish;

	if (xg_cli_options(argc, argv, "jft:", &options) != 2)
		return xg_cli_usage(cli);
	if (wish_of(&options, &wish, &err) ||
	    xg_disk_rollback(&cli->ops, argv[1], argv[2], &wish, &done, &err))
		return xg_cli_fail(&err);
	if (!cli->ops.dry_run)
		swapped_print(&done, options.json);
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
	int rc = u->op(&u->cli->ops, guest, row, &u->wish, &done, &err);

	if (rc == 1) {
		u->current++;
	} else if (rc) {
		(void)xg_fail_in(&err, "%s of %s", row->vdev, guest->name);
		rc = xg_cli_fail(&err);
		u->status = u->status == XG_EXIT_FAILED ? u->status : rc;
	} else {
		u->done++;
		if (u->array)
			json_array_append_new(u->array, history_json(&done.history));
		else if (!u->cli->ops.dry_run)
			swapped_print(&done, false);
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
	int rc = xg_guest_open(name, &g, err);

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
	else if (!rc && !u->cli->ops.dry_run && (u->done || u->current || u->status == XG_EXIT_OK))
		printf("%u %s, %u had %s\n", u->done, were, u->current, others);
	return rc ? xg_cli_fail(err) : u->status;
}

int xg_cmd_upgrade(struct xg_cli *cli, int argc, char **argv)
{
	struct upgrade u = { .cli = cli, .op = xg_disk_upgrade, .devid = UINT32_MAX, .status = XG_EXIT_OK };
	struct xg_err err = XG_ERR_NONE;
	struct xg_cli_options options;
	int i, rc, operands = xg_cli_options(argc, argv, "jt:", &options);

	if (operands < 0)
		return xg_cli_usage(cli);
	rc = wish_of(&options, &u.wish, &err);
	u.array = options.json ? json_array() : NULL;
	if (!rc)
		rc = xg_sweep(&cli->ops, &err);
	if (!rc && !operands)
		rc = upgrade_all(&u, &err);
	for (i = 1; !rc && i <= operands; i++)
		rc = upgrade_named(&u, argv[i], &err);
	return upgrade_end(&u, rc, "upgraded", "the present driver", &err);
}

int xg_cmd_reconnect(struct xg_cli *cli, int argc, char **argv)
{
	struct upgrade u = { .cli = cli, .op = xg_disk_reconnect, .devid = UINT32_MAX, .status = XG_EXIT_OK };
	struct xg_err err = XG_ERR_NONE;
	struct xg_cli_options options;
	char name[32];
	int rc, operands = xg_cli_options(argc, argv, "jt:", &options);

	if (operands < 0 || operands > 2)
		return xg_cli_usage(cli);
	rc = wish_of(&options, &u.wish, &err);
	u.array = options.json ? json_array() : NULL;
	if (!rc && operands == 2)
		rc = xg_vdev_parse(argv[2], &u.devid, name, &err);
	/* So that one that was restored is on record under the id that it has now. */
	if (!rc)
		rc = xg_sweep(&cli->ops, &err);
	if (!rc)
		rc = operands ? upgrade_named(&u, argv[1], &err) : upgrade_all(&u, &err);
	return upgrade_end(&u, rc, "reconnected", "a backend", &err);
}

/* ---- history -------------------------------------------------------------------------------------------------- */

static void history_line(const struct xg_history_row *row)
{
	time_t at = row->at;
	char when[32];
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime_r(&at, &tm));
	printf("%-19s  %-20s %-8s %-9s %-24s %.12s -> %-24s %.12s  %6llu.%03llu %5llu %7llu %8llu\n", when, row->guest,
	       row->vdev, row->reason, row->from.driver, row->from.digest, row->to.driver, row->to.digest,
	       (unsigned long long)row->hold_ns / 1000000, (unsigned long long)row->hold_ns / 1000 % 1000,
	       (unsigned long long)row->held, (unsigned long long)row->in_flight, (unsigned long long)row->replayed);
}

static void history_print(const struct xg_history_row *rows, size_t count, bool json)
{
	json_t *array = json ? json_array() : NULL;
	size_t i;

	if (!json)
		printf("%-19s  %-20s %-8s %-9s %-24s %-12s    %-24s %-12s  %10s %5s %7s %8s\n", "When", "Guest", "Vdev", "Reason",
		       "From", "sha256", "To", "sha256", "Hold ms", "Held", "Flying", "Replayed");
	for (i = 0; i < count; i++) {
		if (json)
			json_array_append_new(array, history_json(&rows[i]));
		else
			history_line(&rows[i]);
	}
	if (json)
		json_print(array);
}

/* A guest that runs is known by its UUID, one that is gone by the name that it had. */
int xg_cmd_history(struct xg_cli *cli, int argc, char **argv)
{
	struct xg_history_row *rows xg_auto_free = NULL;
	char uuid[XG_UUID_TEXT] = "", name[32];
	struct xg_err err = XG_ERR_NONE;
	struct xg_cli_options options;
	uint32_t devid = UINT32_MAX;
	struct xg_guest *g;
	size_t count;
	int operands = xg_cli_options(argc, argv, "j", &options);

	if (operands < 1 || operands > 2)
		return xg_cli_usage(cli);
	if (operands == 2 && xg_vdev_parse(argv[2], &devid, name, &err))
		return xg_cli_fail(&err);
	if (!xg_guest_open(argv[1], &g, NULL)) {
		xg_uuid_text(g->info.uuid, uuid);
		xg_guest_close(g);
	}
	if (xg_state_history(cli->ops.state, uuid[0] ? uuid : NULL, argv[1], devid, &rows, &count, &err))
		return xg_cli_fail(&err);
	history_print(rows, count, options.json);
	return XG_EXIT_OK;
}
