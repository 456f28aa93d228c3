// SPDX-License-Identifier: GPL-2.0-or-later
/* Parses a command's own options. Called by the commands. */
#include "dom0-tools/cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/ops/ops.h"
#include "lib/base/array.h"
#include "lib/base/log.h"

#define WAIT_MAX_S 86400	/* a day: whoever waits longer has forgotten it */

static int number_parse(const char *option, const char *unit, unsigned int max, const char *text, unsigned int *ret)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !value || value > max) {
		xg_error("--%s takes %s from 1 to %u, not '%s'", option, unit, max, text);
		return -1;
	}
	*ret = value;
	return 0;
}

int xg_cli_options(int argc, char **argv, const char *letters, struct xg_cli_options *ret)
{
	static const struct option all[] = {
		{ "json", no_argument, NULL, 'j' }, { "force", no_argument, NULL, 'f' },
		{ "forget", no_argument, NULL, 'F' }, { "timeout", required_argument, NULL, 't' },
		{ "mode", required_argument, NULL, 'm' }, { "shared", no_argument, NULL, 's' },
		{ "policy", no_argument, NULL, 'P' }, { "wait", required_argument, NULL, 'w' },
		{ "of-xl", no_argument, NULL, 'x' }, { NULL, 0, NULL, 0 },
	};
	struct option options[XG_ARRAY_SIZE(all)];
	unsigned int i, count = 0;
	int c, operands;

	for (i = 0; all[i].name; i++)
		if (strchr(letters, all[i].val))
			options[count++] = all[i];
	options[count] = (struct option){ NULL, 0, NULL, 0 };
	*ret = (struct xg_cli_options){ .json = false };
	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case 'j':
			ret->json = true;
			break;
		case 'f':
			ret->force = true;
			break;
		case 'F':
			ret->forget = true;
			break;
		case 't':
			if (number_parse("timeout", "milliseconds", XG_SWAP_WISH_MAX_MS, optarg, &ret->timeout_ms))
				return -1;
			break;
		case 's':
			ret->shared = true;
			break;
		case 'P':
			ret->policy = true;
			break;
		case 'w':
			if (number_parse("wait", "seconds", WAIT_MAX_S, optarg, &ret->wait_s))
				return -1;
			break;
		case 'x':
			ret->of_xl = true;
			break;
		case 'm':
			ret->mode = optarg;
			break;
		default:
			return -1;
		}
	}
	operands = argc - optind;
	memmove(argv + 1, argv + optind, operands * sizeof(*argv));
	return operands;
}
