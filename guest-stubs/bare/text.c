// SPDX-License-Identifier: GPL-2.0-or-later
/* Bytes and text. Called from everywhere; must never call anything. */
#include "bare.h"

void *memset(void *to, int byte, size_t bytes)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(byte) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (t <= f || t >= f + bytes)
		return memcpy(to, from, bytes);
	while (bytes--)
		t[bytes] = f[bytes];
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const uint8_t *x = a, *y = b;

	for (; bytes; bytes--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strnlen(const char *text, size_t most)
{
	size_t n = 0;

	while (n < most && text[n])
		n++;
	return n;
}

size_t strlen(const char *text)
{
	return strnlen(text, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t most)
{
	for (; most; most--, a++, b++)
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

struct out {
	char *to;
	size_t size, used;
};

static void put(struct out *out, char c)
{
	if (out->used + 1 < out->size)
		out->to[out->used] = c;
	out->used++;
}

static void put_text(struct out *out, const char *text, size_t bytes, size_t width, bool left, char fill)
{
	size_t i, pad = width > bytes ? width - bytes : 0;

	for (i = 0; !left && i < pad; i++)
		put(out, fill);
	for (i = 0; i < bytes; i++)
		put(out, text[i]);
	for (i = 0; left && i < pad; i++)
		put(out, ' ');
}

static void put_number(struct out *out, uint64_t n, bool negative, unsigned int base, size_t width, bool left,
		       char fill)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	if (negative)
		digits[--at] = '-';
	put_text(out, digits + at, sizeof(digits) - at, width, left, fill);
}

static uint64_t argument(va_list *args, unsigned int longs, bool is_signed, bool *ret_negative)
{
	int64_t n;

	if (!is_signed)
		return longs ? va_arg(*args, uint64_t) : va_arg(*args, unsigned int);
	n = longs ? va_arg(*args, int64_t) : va_arg(*args, int);
	*ret_negative = n < 0;
	return n < 0 ? -(uint64_t)n : (uint64_t)n;
}

static void convert(struct out *out, const char **at, va_list *args)
{
	const char *f = *at;
	bool left = *f == '-', negative = false;
	char fill = ' ', c;
	unsigned int longs = 0;
	size_t width = 0;
	const char *text;

	f += left;
	if (*f == '0')
		fill = *f++;
	while (*f >= '0' && *f <= '9')
		width = width * 10 + (size_t)(*f++ - '0');
	while (*f == 'l' || *f == 'z') {
		longs++;
		f++;
	}
	switch (*f) {
	case 'd':
	case 'u':
	case 'x': {
		uint64_t n = argument(args, longs, *f == 'd', &negative);

		put_number(out, n, negative, *f == 'x' ? 16 : 10, width, left, fill);
		break;
	}
	case 'p':
		put_text(out, "0x", 2, 0, false, ' ');
		put_number(out, (uint64_t)va_arg(*args, void *), false, 16, 16, false, '0');
		break;
	case 's':
		text = va_arg(*args, const char *);
		put_text(out, text, strlen(text), width, left, ' ');
		break;
	case 'c':
		c = (char)va_arg(*args, int);
		put_text(out, &c, 1, width, left, ' ');
		break;
	case '\0':
		f--;
		break;
	default:
		put(out, *f);
	}
	*at = f + 1;
}

int bare_vformat(char *to, size_t size, const char *format, va_list args)
{
	struct out out = { .to = to, .size = size };
	va_list copy;

	va_copy(copy, args);
	while (*format) {
		if (*format != '%') {
			put(&out, *format++);
			continue;
		}
		format++;
		convert(&out, &format, &copy);
	}
	va_end(copy);
	if (size)
		to[out.used < size ? out.used : size - 1] = '\0';
	return (int)out.used;
}

int bare_format(char *to, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = bare_vformat(to, size, format, args);
	va_end(args);
	return n;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

bool bare_number(const char *text, uint64_t *ret)
{
	unsigned int base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
	uint64_t n = 0;

	if (base == 16)
		text += 2;
	if (!*text)
		return false;
	for (; *text; text++) {
		int d = digit(*text);

		if (d >= (int)base || n > (UINT64_MAX - (uint64_t)d) / base)
			return false;
		n = n * base + (uint64_t)d;
	}
	*ret = n;
	return true;
}
