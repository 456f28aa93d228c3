// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What guest-talk (in Dom0) and agent (in a guest) have in common: the protocol on the guest's
 * console, and the few functions that both need to speak it.
 *
 * Requests, one line each, Dom0 to guest:
 *
 *   run ID BASE64     run that shell text; any number run at once
 *   put ID BASE64     the text is PATH, a NUL, and what PATH is to hold
 *   again ID          send that answer once more, it came damaged
 *   done ID           the answer is here, forget it
 *
 * Answers, guest to Dom0. Answers don't mix with each other, but the kernel may print anywhere:
 *
 *   %XL ready
 *   %XL ID B                      begin
 *   %XL ID D BASE64               a piece of the output
 *   %XL ID E STATUS LENGTH SUM .  the end, said three times, as nobody can ask for it
 *
 * Whatever is not such a line is passed over. LENGTH and SUM are of the decoded output.
 */
#ifndef LAB_TALK_H
#define LAB_TALK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 65536 };

struct bytes {
	char *at; /* NUL behind the last byte */
	size_t len, room;
};

static void append(struct bytes *to, const void *from, size_t len)
{
	if (to->len + len + 1 > to->room) {
		to->room = 2 * (to->len + len + 1);
		to->at = realloc(to->at, to->room);
		if (!to->at) {
			fprintf(stderr, "lab: no memory for %zu bytes\n", to->room);
			exit(125);
		}
	}
	memcpy(to->at + to->len, from, len);
	to->len += len;
	to->at[to->len] = 0;
}

static inline void append_text(struct bytes *to, const char *text)
{
	append(to, text, strlen(text));
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(struct bytes *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		unsigned int n = 0, left = len - i < 3 ? (unsigned int)(len - i) : 3;
		char out[4];

		for (unsigned int k = 0; k < 3; k++)
			n = n << 8 | (k < left ? (unsigned char)from[i + k] : 0);
		for (unsigned int k = 0; k < 4; k++)
			out[k] = k <= left ? digits[n >> (18 - 6 * k) & 63] : '=';
		append(to, out, 4);
	}
}

static void decode(struct bytes *to, const char *from)
{
	unsigned int n = 0, have = 0;

	for (; *from; from++) {
		const char *digit = strchr(digits, *from);
		char byte;

		if (!digit)
			continue;
		n = n << 6 | (unsigned int)(digit - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		byte = (char)(n >> have);
		append(to, &byte, 1);
	}
}

static inline unsigned int checksum(const struct bytes *of)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < of->len; i++)
		sum = ((sum >> 1) + ((sum & 1) << 15) + (unsigned char)of->at[i]) & 0xffff;
	return sum;
}

#endif
