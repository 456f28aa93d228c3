// SPDX-License-Identifier: GPL-2.0-or-later
/* See version.h. Called by whoever matches or ranks images; any bytes will do, none beyond XG_VERSION_MAX counts. */
#include "lib/base/version.h"

#include <string.h>

enum { KEY_TILDE = 0x01, KEY_END = 0x02, KEY_DIGITS = 0x80 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

size_t xg_version_key(const char *version, uint8_t key[XG_VERSION_KEY_MAX])
{
	size_t i = 0, digits, length = strnlen(version, XG_VERSION_MAX), n = 0;

	while (i < length) {
		if (!is_digit(version[i])) {
			key[n++] = version[i] == '~' ? KEY_TILDE : (version[i] & 0x7f) | (version[i] < 0x20 ? 0x20 : 0);
			i++;
			continue;
		}
		while (i + 1 < length && version[i] == '0' && is_digit(version[i + 1]))
			i++;
		for (digits = 0; i + digits < length && is_digit(version[i + digits]); digits++)
			;
		key[n++] = KEY_DIGITS + digits;	/* a number of more digits is the larger one */
		memcpy(key + n, version + i, digits);
		n += digits;
		i += digits;
	}
	key[n++] = KEY_END;
	return n;
}

int xg_version_compare(const char *a, const char *b)
{
	uint8_t key_a[XG_VERSION_KEY_MAX], key_b[XG_VERSION_KEY_MAX];
	size_t size_a = xg_version_key(a, key_a), size_b = xg_version_key(b, key_b);
	int order = memcmp(key_a, key_b, size_a < size_b ? size_a : size_b);

	return order ? order : (size_a > size_b) - (size_a < size_b);
}

static bool begins(const char *v, const char *with)
{
	size_t size = strlen(with);

	return !strncmp(v, with, size) && !(is_digit(v[size]) && size && is_digit(with[size - 1]));
}

bool xg_version_within(const char *v, const char *first, const char *last)
{
	if (first[0] && xg_version_compare(v, first) < 0)
		return false;
	return !last[0] || begins(v, last) || xg_version_compare(v, last) <= 0;
}
