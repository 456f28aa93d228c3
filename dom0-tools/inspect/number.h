/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large numbers as people read them: 65,536. */
#ifndef XG_INSPECT_NUMBER_H
#define XG_INSPECT_NUMBER_H

#include <stdint.h>

struct xg_number {
	char text[28];
};

static inline struct xg_number xg_number(uint64_t n)
{
	struct xg_number r;
	char *p = r.text + sizeof(r.text) - 1;
	unsigned int digits = 0;
	char *q = r.text;

	*p = '\0';
	do {
		if (digits && digits % 3 == 0)
			*--p = ',';
		*--p = '0' + n % 10;
		n /= 10;
		digits++;
	} while (n);
	while ((*q++ = *p++))
		;
	return r;
}

#endif
