// SPDX-License-Identifier: GPL-2.0-or-later
/* Any lines as an image's note, from there into the index's words: pattern, name, order of versions. */
#include <stdlib.h>
#include <string.h>

#include "driver-repo/repo.h"
#include "lib/base/version.h"
#include "tests/lib/elf_builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[XG_VERSION_KEY_MAX], *bytes;
	char lines[4097], name[XG_NAME_MAX];
	struct elfb *b = elfb_new();
	struct xg_image *image;
	struct xg_err err;
	size_t image_size;

	size = size < sizeof(lines) - 1 ? size : sizeof(lines) - 1;
	memcpy(lines, data, size);
	lines[size] = '\0';
	elfb_text(b, ".text", NULL, 16);
	elfb_note(b, lines);
	bytes = elfb_finish(b, &image_size);
	if (!xg_image_parse(bytes, image_size, &image, &err)) {
		xg_note_name(&image->note, name);
		xg_version_key(image->note.version, key);
		if (xg_note_pattern(&image->note) >= 2 * XG_STATES_BUILD ||
		    (image->note.release_last[0] && !xg_note_fits_release(&image->note, image->note.release)) ||
		    (image->note.release[0] && !xg_note_fits_release(&image->note, image->note.release)))
			abort();
		xg_image_free(image);
	}
	free(bytes);
	return 0;
}
