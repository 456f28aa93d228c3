// SPDX-License-Identifier: GPL-2.0-or-later
/* Fills in struct xg_err. Called everywhere; allocates nothing, prints nothing. */
#include "lib/base/err.h"

#include <stdio.h>
#include <string.h>

int xg_fail(struct xg_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -code;
}

int xg_fail_errno(struct xg_err *err, int code, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (!err)
		return -code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(code));
	return -code;
}

int xg_fail_in(struct xg_err *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	va_list ap;
	size_t len;

	if (!err)
		return -EIO;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	/* A long cause is cut, never the prefix: both fit in all that xengraft itself says. */
	snprintf(err->text + len, sizeof(err->text) - len, ": %.*s",
		 (int)sizeof(old) - 1, old);
	return -err->code;
}
