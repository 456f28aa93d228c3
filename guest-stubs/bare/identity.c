// SPDX-License-Identifier: GPL-2.0-or-later
/* Says in memory what runs here (identity.h), and answers for symbols. The table is written by symbols.awk. */
#include "bare.h"
#include "identity.h"

#ifndef BARE_RELEASE
#error "BARE_RELEASE is the makefile's to say"
#endif

const char bare_release[] = BARE_RELEASE;

extern const struct bare_symbol bare_symbols[], bare_symbols_end[];
extern const char bare_strings[], bare_strings_end[], _text[], _end[];

struct note {
	uint32_t name_bytes, bytes, type;
	char name[4];		/* "GNU" */
	uint8_t id[];
};

extern const struct note _build_id;

/* What leads to the page: looked up by its symbol. */
struct bare_identity *bare_identity;

static void write_build_id(char *to, size_t size)
{
	uint32_t i;

	for (i = 0; i < _build_id.bytes && i * 2 + 2 < size; i++)
		bare_format(to + i * 2, 3, "%02x", _build_id.id[i]);
}

void bare_identity_start(void)
{
	struct bare_identity *id = bare_pages_get(1);

	if (!id)
		bare_stop("no memory to say who this is");
	*id = (struct bare_identity){
		.version = BARE_IDENTITY_VERSION, .size = sizeof(*id), .levels = 4, .root = bare_root(),
		.image = (uint64_t)_text, .image_bytes = (uint64_t)(_end - _text), .variable = (uint64_t)&bare_identity,
		.symbols = (uint64_t)bare_symbols, .symbol_count = (uint64_t)(bare_symbols_end - bare_symbols),
		.strings = (uint64_t)bare_strings, .strings_bytes = (uint64_t)(bare_strings_end - bare_strings),
	};
	bare_format(id->release, sizeof(id->release), "%s", bare_release);
	write_build_id(id->build_id, sizeof(id->build_id));
	bare_identity = id;
	__atomic_store_n(&id->magic, BARE_IDENTITY_MAGIC, __ATOMIC_RELEASE);
}

const char *bare_symbol_name(uint64_t address, uint64_t *ret_offset)
{
	const struct bare_symbol *s, *best = NULL;

	for (s = bare_symbols; s < bare_symbols_end && BARE_IMAGE_BASE + s->offset <= address; s++)
		best = s;
	*ret_offset = best ? address - BARE_IMAGE_BASE - best->offset : 0;
	return best ? bare_strings + best->name : "?";
}
