// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a kernel image that holds symbol tables: refused, or every symbol can be listed and found. The input
 * begins with where in the image things are said to lie, nine 32-bit offsets; the image follows.
 */
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/inspect/kallsyms.h"
#include "lib/base/array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
	const uint8_t *bytes;
	size_t size;
};

static int image_read(void *ctx, struct gva addr, void *buf, size_t bytes, size_t *ret_got, struct xg_err *err)
{
	const struct image *image = ctx;
	uint64_t at = addr.v - XG_LINUX_IMAGE_START, left = at < image->size ? image->size - at : 0;

	if (!left || (left < bytes && !ret_got))
		return xg_fail(err, EFAULT, "not mapped");
	memcpy(buf, image->bytes + at, left < bytes ? left : bytes);
	if (ret_got)
		*ret_got = left < bytes ? left : bytes;
	return 0;
}

/* Symbols are ascending, spelled within bounds, and each is found by its name, once or several times. */
static void check_all(const struct xg_ksyms *k)
{
	char type, name[XG_KSYMS_NAME_MAX];
	struct gva last = XG_GVA(0), at, found;
	uint32_t i;
	int rc;

	for (i = 0; i < xg_ksyms_count(k) && i < 100; i++) {
		at = xg_ksyms_at(k, i, &type, name);
		rc = xg_ksyms_find(k, name, &found, NULL);
		if (at.v < last.v || !type || (rc && rc != -ENOTUNIQ) || (!rc && found.v != at.v))
			abort();
		last = at;
		xg_ksyms_after(k, at, &found, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image image;
	const struct xg_ksyms_source source = { .read = image_read, .ctx = &image };
	struct xg_vmcoreinfo v = { .has_kallsyms = true };
	struct gva *const fields[] = { &v.names,	 &v.num_syms, &v.token_table, &v.token_index,	&v.offsets,
				       &v.relative_base, &v.stext,    &v.init_uts_ns, &v.swapper_pg_dir };
	struct xg_ksyms *k;
	uint32_t offset;
	size_t i;

	if (size < XG_ARRAY_SIZE(fields) * sizeof(offset))
		return 0;
	for (i = 0; i < XG_ARRAY_SIZE(fields); i++) {
		memcpy(&offset, data + i * sizeof(offset), sizeof(offset));
		/* No base: offsets count from their own place. */
		*fields[i] =
			fields[i] == &v.relative_base && !offset ? XG_GVA(0) : XG_GVA(XG_LINUX_IMAGE_START + offset);
	}
	image.bytes = data + i * sizeof(offset);
	image.size = size - i * sizeof(offset);
	if (!xg_ksyms_load(&v, &source, &k, NULL)) {
		check_all(k);
		xg_ksyms_free(k);
	}
	return 0;
}
