// SPDX-License-Identifier: GPL-2.0-or-later
/* inspect: which kernel runs in a guest, and whether a personality fits it. Changes nothing, takes no lock. */
#include <jansson.h>
#include <stdio.h>

#include "dom0-tools/cli/cli.h"
#include "dom0-tools/inspect/report.h"
#include "dom0-tools/ops/policy.h"

static int inspect_kernel(struct xg_cli *cli, struct xg_guest *g, bool json, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = NULL;
	struct xg_err fits = XG_ERR_NONE;
	struct xg_kernel *k;
	char personality[sizeof(image->note.release) + 64] = "";
	struct xg_kernel_hints hints;
	const struct xg_os *os;
	int rc;

	(void)xg_state_hints_get(cli->ops.state, &hints, NULL);
	rc = xg_kernel_open_hinted(g, &hints, &k, err);
	if (rc)
		return rc;
	os = xg_kernel_os(k);
	if (!xg_personality_find(&cli->ops, os, &image, &fits))
		snprintf(personality, sizeof(personality), "%s-%s %s", image->note.os, image->note.release,
			 image->note.version);
	rc = json ? xg_report_json(stdout, &g->info, os, image ? personality : NULL, err) :
		    xg_report_text(stdout, &g->info, os, image ? personality : NULL, err);
	if (!rc && !image && !json)
		fprintf(stderr, "xengraft: %s\n", fits.text);
	xg_kernel_close(k);
	return rc;
}

int xg_cmd_inspect(struct xg_cli *cli, char **argv)
{
	struct xg_err err = XG_ERR_NONE;
	char uuid[XG_UUID_TEXT];
	struct xg_guest *g;
	int rc;

	rc = xg_guest_named(&cli->ops, argv[1], &g, &err);
	if (rc)
		return xg_cli_fail(&err);
	xg_uuid_text(g->info.uuid, uuid);
	rc = xg_policy_check(cli->ops.policy, g->info.name, uuid, &err);
	if (!rc)
		rc = inspect_kernel(cli, g, cli->options.json, &err);
	xg_guest_close(g);
	return rc ? xg_cli_fail(&err) : XG_EXIT_OK;
}
