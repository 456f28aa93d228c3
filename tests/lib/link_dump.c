// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Links an image with hotswap's linker and writes what would go into the guest:
 *
 *     link-dump OBJECT TEXT-ADDRESS DATA-ADDRESS SYMBOLS OUT [RETURN-THUNK]
 *
 * SYMBOLS has the lines of nm(1) and of System.map ("address type name"). OUT.text and OUT.data have exactly the bytes
 * that each part needs. For tests, and for looking at an image with objdump.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotswap/link.h"

#define NAME_MAX_BYTES 512
#define OBJECT_BYTES_MAX (XG_ELF_BYTES_MAX + 1)

static void die(const char *what, const char *why)
{
	fprintf(stderr, "link-dump: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

static uint8_t *read_object(const char *path, size_t *ret_size)
{
	uint8_t *bytes = malloc(OBJECT_BYTES_MAX);
	FILE *f = fopen(path, "rb");

	if (!bytes || !f)
		die(path, "cannot be read");
	*ret_size = fread(bytes, 1, OBJECT_BYTES_MAX, f);
	fclose(f);
	return bytes;
}

/* The file is read anew for each name: slow and simple. */
static int symbol(void *ctx, const char *name, struct gva *ret, struct xg_err *err)
{
	char found[NAME_MAX_BYTES], type;
	unsigned long long at;
	FILE *f = fopen(ctx, "r");
	int rc = -ENOENT;

	if (!f)
		return xg_fail_errno(err, errno, "%s", (char *)ctx);
	while (rc && fscanf(f, "%llx %c %511s", &at, &type, found) == 3)
		if (strcmp(found, name) == 0) {
			*ret = XG_GVA(at);
			rc = 0;
		}
	fclose(f);
	return rc ? xg_fail(err, ENOENT, "not in %s", (char *)ctx) : 0;
}

static void write_part(const char *out, const char *suffix, const struct xg_part *part)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", out, suffix);
	f = fopen(path, "wb");
	if (!f || fwrite(part->bytes, 1, part->room, f) != part->room || fclose(f))
		die(path, "cannot be written");
}

static struct xg_part part_at(const char *address, uint64_t bytes)
{
	return (struct xg_part){ XG_GVA(strtoull(address, NULL, 0)), bytes, malloc(bytes + 1) };
}

int main(int argc, char **argv)
{
	struct xg_resolver resolver = { .symbol = symbol };
	struct xg_err err = XG_ERR_NONE;
	struct xg_link_size need;
	struct xg_part text, data;
	struct xg_elf *elf;
	uint8_t *bytes;
	size_t size;

	if (argc != 6 && argc != 7)
		die("usage", "link-dump OBJECT TEXT-ADDRESS DATA-ADDRESS SYMBOLS OUT [RETURN-THUNK]");
	resolver.ctx = argv[4];
	if (argc == 7)
		resolver.return_thunk = XG_GVA(strtoull(argv[6], NULL, 0));
	bytes = read_object(argv[1], &size);
	if (xg_elf_open(bytes, size, &elf, &err) || xg_link_size(elf, &need, &err))
		die(argv[1], err.text);
	text = part_at(argv[2], need.text_bytes);
	data = part_at(argv[3], need.data_bytes);
	if (!text.bytes || !data.bytes)
		die(argv[1], "no memory");
	if (xg_link(elf, &resolver, &text, &data, &err))
		die(argv[1], err.text);
	write_part(argv[5], ".text", &text);
	write_part(argv[5], ".data", &data);
	printf("%s: %u relocations, text %llu bytes, data %llu bytes\n", argv[1], elf->relocation_count,
	       (unsigned long long)need.text_bytes, (unsigned long long)need.data_bytes);
	free(text.bytes);
	free(data.bytes);
	xg_elf_close(elf);
	free(bytes);
	return EXIT_SUCCESS;
}
