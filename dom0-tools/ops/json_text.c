// SPDX-License-Identifier: GPL-2.0-or-later
/* Called by whoever tells in JSON of what others named: json_pack() makes nothing at all of a name that is no UTF-8. */
#include "dom0-tools/ops/json_text.h"

#include <string.h>

#include "lib/base/cleanup.h"

json_t *xg_json_text(const char *text)
{
	json_t *json = json_string(text);
	char *copy xg_auto_free = json ? NULL : strdup(text);
	char *at;

	if (!copy)
		return json;
	for (at = copy; *at; at++)
		if (*at & 0x80)
			*at = '?';
	return json_string(copy);
}
