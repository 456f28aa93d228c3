// SPDX-License-Identifier: GPL-2.0-or-later
/* Loads an image whole, so that what was checked is what is installed. Called by attach; writes nothing. */
#include "hotswap/image.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void xg_image_free(struct xg_image *image)
{
	if (!image)
		return;
	xg_elf_close(image->elf);
	free(image->bytes);
	free(image);
}

static void image_digest(struct xg_image *image)
{
	uint8_t sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(sum, image->bytes, image->size);
	sodium_bin2hex(image->digest, sizeof(image->digest), sum, sizeof(sum));
}

/* Takes over image->bytes, which are there. */
static int image_check(struct xg_image *image, struct xg_err *err)
{
	int rc;

	image_digest(image);
	rc = xg_elf_open(image->bytes, image->size, &image->elf, err);
	if (rc)
		return rc;
	return xg_image_note(image->elf, &image->note, err);
}

int xg_image_parse(const void *bytes, size_t size, struct xg_image **ret, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = calloc(1, sizeof(*image));
	int rc;

	if (!image)
		return xg_fail_errno(err, ENOMEM, "image");
	if (size > XG_ELF_BYTES_MAX)
		return xg_fail(err, EFBIG, "image of %zu bytes, at most %u", size, XG_ELF_BYTES_MAX);
	image->bytes = malloc(size ? size : 1);
	if (!image->bytes)
		return xg_fail_errno(err, ENOMEM, "image of %zu bytes", size);
	memcpy(image->bytes, bytes, size);
	image->size = size;
	rc = image_check(image, err);
	if (rc)
		return rc;
	*ret = xg_take(image);
	return 0;
}

static int image_read(const char *path, struct xg_image *image, struct xg_err *err)
{
	int fd xg_auto_close = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return xg_fail_errno(err, errno, "%s", path);
	if (fstat(fd, &st))
		return xg_fail_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return xg_fail(err, ENOEXEC, "%s is not a regular file", path);
	if (st.st_size > XG_ELF_BYTES_MAX)
		return xg_fail(err, EFBIG, "%s has %lld bytes, an image at most %u", path,
			       (long long)st.st_size, XG_ELF_BYTES_MAX);
	image->bytes = malloc(st.st_size + 1);
	if (!image->bytes)
		return xg_fail_errno(err, ENOMEM, "%s", path);
	while (image->size < (size_t)st.st_size) {
		got = read(fd, image->bytes + image->size, st.st_size - image->size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return xg_fail_errno(err, errno, "%s", path);
		if (got == 0)
			return xg_fail(err, ENOEXEC, "%s was cut while it was read", path);
		image->size += got;
	}
	return 0;
}

int xg_image_load(const char *path, struct xg_image **ret, struct xg_err *err)
{
	struct xg_image *image xg_auto(xg_image_free_p) = calloc(1, sizeof(*image));
	int rc;

	if (!image)
		return xg_fail_errno(err, ENOMEM, "%s", path);
	rc = image_read(path, image, err);
	if (rc)
		return rc;
	rc = image_check(image, err);
	if (rc) {
		(void)xg_fail_in(err, "%s", path);
		return rc;
	}
	*ret = xg_take(image);
	return 0;
}
