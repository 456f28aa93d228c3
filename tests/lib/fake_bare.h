/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a guest that runs the bare kernel, as far as an inspection sees it, built in code: page
 * tables, an image with a symbol table and a variable, an identity page. Tests damage it in one place and
 * look what is said.
 *
 *     page 0   page tables: 1 to 3 the image's, 4 to 6 those of all memory, 7 the root
 *     page 8   the image: 8 text, 9 symbols and names (read-only), 10 variables
 *     page 12  the identity page
 *     page 16  the end
 */
#ifndef XG_TESTS_FAKE_BARE_H
#define XG_TESTS_FAKE_BARE_H

#include "guest-stubs/bare/identity.h"
#include "lib/xen/guest.h"

#define FAKE_BARE_PAGES 16u
#define FAKE_BARE_ROOT 7u
#define FAKE_BARE_IMAGE 8u
#define FAKE_BARE_SYMBOLS 9u
#define FAKE_BARE_DATA 10u
#define FAKE_BARE_IDENTITY 12u
#define FAKE_BARE_MEMORY UINT64_C(0xffff800000000000)
#define FAKE_BARE_TEXT (BARE_IMAGE_BASE + FAKE_BARE_IMAGE * XG_PAGE_SIZE)
#define FAKE_BARE_VARIABLE (BARE_IMAGE_BASE + FAKE_BARE_DATA * XG_PAGE_SIZE + 64)

struct fake_bare {
	uint8_t memory[FAKE_BARE_PAGES][XG_PAGE_SIZE] __attribute__((aligned(4096)));
	struct bare_identity *identity;
	struct bare_symbol *symbols;	/* four */
	char *strings;
	uint64_t *variable;
};

/* Fills in F, whoever's it is. */
void fake_bare_make(struct fake_bare *f);
/* A guest of that memory with one processor on those tables. Aborts when out of memory. */
struct xg_guest *fake_bare_guest(struct fake_bare *f);

#endif
