/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image in memory: its bytes, their digest, the ELF view and the note. */
#ifndef XG_HOTSWAP_IMAGE_H
#define XG_HOTSWAP_IMAGE_H

#include "hotswap/link.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/elf/elf.h"

#define XG_DIGEST_HEX 65	/* SHA-256 in hexadecimal, and the NUL */

struct xg_image {
	uint8_t *bytes;
	size_t size;
	char digest[XG_DIGEST_HEX];
	struct xg_elf *elf;
	struct xg_image_note note;
};

/* Reads and checks PATH. -ENOENT: not there; -ENOEXEC: not an image; -EFBIG: above XG_ELF_BYTES_MAX. */
int xg_image_load(const char *path, struct xg_image **ret, struct xg_err *err);
/* The same for SIZE BYTES, which are copied. */
int xg_image_parse(const void *bytes, size_t size, struct xg_image **ret, struct xg_err *err);
void xg_image_free(struct xg_image *image);	/* NULL is fine */
XG_DEFINE_AUTO(struct xg_image, xg_image_free)

#endif
