/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors: a number for the program, a sentence for the person.
 *
 * A function that can fail returns 0 or -Exxx and takes a caller-owned struct xg_err last. It allocates
 * nothing, so an error can always be reported. The sentence says what was wrong with what:
 * "section 7 ends at byte 8,192 of a 4,096-byte image". Libraries fill it in; only programs print it.
 */
#ifndef XG_BASE_ERR_H
#define XG_BASE_ERR_H

#include <errno.h>
#include <stdarg.h>

struct xg_err {
	int code;		/* a positive errno value, 0 when nothing went wrong */
	char text[400];		/* one line without a newline; longer text is cut */
};

#define XG_ERR_NONE { .code = 0, .text = "" }

/*
 * Records CODE (positive) and the text and returns -CODE, so that a check reads
 *     return xg_fail(err, EINVAL, "ring of %u entries, at most %u", n, max);
 * ERR may be NULL: the number alone is returned.
 */
int xg_fail(struct xg_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Like xg_fail(), with ": " and strerror(CODE) appended. */
int xg_fail_errno(struct xg_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Puts "prefix: " before the text already there; returns -err->code. With ERR NULL the code is not known here and
 * -EIO is returned: who has the number returns that, and calls this for the text alone.
 */
int xg_fail_in(struct xg_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
