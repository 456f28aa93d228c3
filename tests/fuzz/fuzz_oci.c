// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as an OCI manifest and as an index; what an index says can be written again and says the same. */
#include <stdlib.h>
#include <string.h>

#include "driver-repo/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void written_again(const struct xg_oci_descriptor *list, size_t count)
{
	struct xg_oci_descriptor *again;
	struct xg_err err;
	size_t again_count;
	char *text;

	if (xg_oci_index_make(list, count, &text, &err))
		return;
	if (xg_oci_index_parse(text, strlen(text), &again, &again_count, &err) || again_count != count ||
	    memcmp(again, list, count * sizeof(*list)))
		abort();
	free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xg_oci_descriptor *list;
	struct xg_oci_manifest m;
	struct xg_err err;
	size_t count;

	if (!xg_oci_manifest_parse((const char *)data, size, &m, &err) && m.signature_count > XG_OCI_SIGNATURES_MAX)
		abort();
	if (!xg_oci_index_parse((const char *)data, size, &list, &count, &err)) {
		written_again(list, count);
		free(list);
	}
	return 0;
}
