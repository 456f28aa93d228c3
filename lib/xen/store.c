// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xenstore through libxenstore. Called by everything that reads or writes nodes; must never hand out a value
 * that was not bounded and terminated here, and never wait for an event.
 */
#include "lib/xen/store.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "lib/base/cleanup.h"

struct xg_store {
	struct xs_handle *xs;
	xs_transaction_t t;	/* XBT_NULL outside a transaction */
};

int xg_store_open(struct xg_store **ret, struct xg_err *err)
{
	struct xg_store *s = calloc(1, sizeof(*s));

	if (!s)
		return xg_fail(err, ENOMEM, "no memory for a connection to xenstore");
	s->xs = xs_open(0);
	if (!s->xs) {
		int code = errno ? errno : EIO;

		free(s);
		return xg_fail_errno(err, code, "cannot reach xenstore");
	}
	s->t = XBT_NULL;
	*ret = s;
	return 0;
}

void xg_store_close(struct xg_store *s)
{
	if (!s)
		return;
	if (s->t != XBT_NULL)
		xs_transaction_end(s->xs, s->t, true);
	xs_close(s->xs);
	free(s);
}

int xg_store_read(struct xg_store *s, const char *path, char *buf, size_t size, struct xg_err *err)
{
	unsigned int len;
	char *value xg_auto_free = xs_read(s->xs, s->t, path, &len);

	if (!value)
		return xg_fail_errno(err, errno, "cannot read %s", path);
	/* A value is bytes; one with a NUL inside would read as less than what its writer put there. */
	if (memchr(value, '\0', len))
		return xg_fail(err, EINVAL, "%s holds a NUL byte", path);
	if (len >= size)
		return xg_fail(err, E2BIG, "%s holds %u bytes, at most %zu are expected", path, len, size - 1);
	memcpy(buf, value, len);
	buf[len] = '\0';
	return 0;
}

/* The guest's bytes, fit for a log: no control characters, and not long. */
static const char *store_printable(const char *text, char *buf, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && text[i]; i++)
		buf[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	buf[i] = '\0';
	return buf;
}

/* Digits and nothing else: what strtoull() takes beyond that (blanks, signs, octal) means a broken writer. */
static int store_parse_u64(const char *path, const char *text, uint64_t *ret, struct xg_err *err)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = text + (hex ? 2 : 0);
	const char *allowed = hex ? "0123456789abcdefABCDEF" : "0123456789";
	uint64_t value;
	char shown[40];

	if (!*digits || digits[strspn(digits, allowed)])
		return xg_fail(err, EINVAL, "%s is \"%s\", not a number", path,
			       store_printable(text, shown, sizeof(shown)));
	errno = 0;
	value = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno)
		return xg_fail(err, EINVAL, "%s is more than 64 bits: %s", path,
			       store_printable(text, shown, sizeof(shown)));
	*ret = value;
	return 0;
}

int xg_store_read_u64(struct xg_store *s, const char *path, uint64_t *ret, struct xg_err *err)
{
	char text[80];
	int rc = xg_store_read(s, path, text, sizeof(text), err);

	return rc ? rc : store_parse_u64(path, text, ret, err);
}

int xg_store_read_u64_or(struct xg_store *s, const char *path, uint64_t fallback, uint64_t *ret, struct xg_err *err)
{
	int rc = xg_store_read_u64(s, path, ret, err);

	if (rc != -ENOENT)
		return rc;
	*ret = fallback;
	return 0;
}

int xg_store_write(struct xg_store *s, const char *path, const char *value, struct xg_err *err)
{
	if (!xs_write(s->xs, s->t, path, value, strlen(value)))
		return xg_fail_errno(err, errno, "cannot write %s", path);
	return 0;
}

int xg_store_writef(struct xg_store *s, struct xg_err *err, const char *path, const char *fmt, ...)
{
	char value[XG_STORE_VALUE_MAX + 1];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(value))
		return xg_fail(err, E2BIG, "the value for %s is longer than %d bytes", path, XG_STORE_VALUE_MAX);
	return xg_store_write(s, path, value, err);
}

int xg_store_remove(struct xg_store *s, const char *path, struct xg_err *err)
{
	if (!xs_rm(s->xs, s->t, path) && errno != ENOENT)
		return xg_fail_errno(err, errno, "cannot remove %s", path);
	return 0;
}

int xg_store_mkdir(struct xg_store *s, const char *path, uint32_t owner, uint32_t reader, struct xg_err *err)
{
	struct xs_permissions perms[] = {
		{ .id = owner, .perms = XS_PERM_NONE },
		{ .id = reader, .perms = XS_PERM_READ },
	};

	if (!xs_mkdir(s->xs, s->t, path))
		return xg_fail_errno(err, errno, "cannot create %s", path);
	/* The first entry names the owner, who may do anything; the owner as reader too would be refused. */
	if (!xs_set_permissions(s->xs, s->t, path, perms, owner == reader ? 1 : 2))
		return xg_fail_errno(err, errno, "cannot set the permissions of %s", path);
	return 0;
}

int xg_store_list(struct xg_store *s, const char *path, char ***ret, size_t *ret_count, struct xg_err *err)
{
	unsigned int count;
	char **names = xs_directory(s->xs, s->t, path, &count);

	if (!names)
		return xg_fail_errno(err, errno, "cannot list %s", path);
	*ret = names;
	*ret_count = count;
	return 0;
}

int xg_store_begin(struct xg_store *s, struct xg_err *err)
{
	if (s->t != XBT_NULL)
		return xg_fail(err, EBUSY, "a xenstore transaction is open already");
	s->t = xs_transaction_start(s->xs);
	if (s->t == XBT_NULL)
		return xg_fail_errno(err, errno, "cannot begin a xenstore transaction");
	return 0;
}

int xg_store_end(struct xg_store *s, bool commit, struct xg_err *err)
{
	xs_transaction_t t = s->t;

	if (t == XBT_NULL)
		return xg_fail(err, EINVAL, "no xenstore transaction is open");
	s->t = XBT_NULL;
	if (!xs_transaction_end(s->xs, t, !commit))
		return xg_fail_errno(err, errno, "cannot end a xenstore transaction");
	return 0;
}

int xg_store_watch(struct xg_store *s, const char *path, const char *token, struct xg_err *err)
{
	if (!xs_watch(s->xs, path, token))
		return xg_fail_errno(err, errno, "cannot watch %s", path);
	return 0;
}

int xg_store_unwatch(struct xg_store *s, const char *path, const char *token, struct xg_err *err)
{
	if (!xs_unwatch(s->xs, path, token))
		return xg_fail_errno(err, errno, "cannot end the watch on %s", path);
	return 0;
}

int xg_store_fd(struct xg_store *s)
{
	return xs_fileno(s->xs);
}

int xg_store_event(struct xg_store *s, char *path, size_t path_size, char *token, size_t token_size,
		   struct xg_err *err)
{
	char **event xg_auto_free = xs_check_watch(s->xs);

	if (!event && errno == EAGAIN)
		return 0;
	if (!event)
		return xg_fail_errno(err, errno, "cannot read a xenstore watch");
	snprintf(path, path_size, "%s", event[XS_WATCH_PATH]);
	snprintf(token, token_size, "%s", event[XS_WATCH_TOKEN]);
	return 1;
}

int xg_store_domain_known(struct xg_store *s, uint32_t domid)
{
	return xs_is_domain_introduced(s->xs, domid);
}
