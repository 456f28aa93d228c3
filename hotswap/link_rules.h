/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a section of an image: for link.c alone.
 */
#ifndef XG_HOTSWAP_LINK_RULES_H
#define XG_HOTSWAP_LINK_RULES_H

#include "lib/elf/elf.h"

enum xg_link_action {
	XG_LINK_TEXT,		/* into the text part; into the data part when it is writable */
	XG_LINK_DATA,		/* into the data part */
	XG_LINK_IGNORE,		/* leaving it out is right */
	XG_LINK_REFUSE,		/* leaving it out would be wrong, unless it is empty */
};

struct xg_link_rule {
	/* "X": that name. "X.*": it, and all that begin with it and a dot. "X*": all that begin with it. */
	const char *name;
	enum xg_link_action action;
	const char *why;	/* for IGNORE and REFUSE; REFUSE's stands in the error */
};

/* The first row that fits; never NULL. Sections that take no memory at run time are ignored whatever their name. */
const struct xg_link_rule *xg_link_rule(const struct xg_elf_section *section);

#endif
