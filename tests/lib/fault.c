// SPDX-License-Identifier: GPL-2.0-or-later
/* See fault.h. __real_* and __wrap_* are what ld --wrap makes of a symbol. */
#include "tests/lib/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static struct {
	unsigned long countdown;	/* allocations until the one that fails; 0: disarmed */
	int hit;
	int counting;
	long live;
} fault;

void fault_arm(unsigned long nth)
{
	fault.countdown = nth;
	fault.hit = 0;
	fault.counting = 1;
	fault.live = 0;
}

int fault_disarm(void)
{
	fault.countdown = 0;
	fault.counting = 0;
	return fault.hit;
}

long fault_live(void)
{
	return fault.live;
}

static int fails_now(void)
{
	if (fault.countdown == 0 || --fault.countdown > 0)
		return 0;
	fault.hit = 1;
	return 1;
}

static void *counted(void *p)
{
	if (p && fault.counting)
		fault.live++;
	return p;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	if (fails_now())
		return NULL;
	return p ? __real_realloc(p, size) : counted(__real_malloc(size));
}

char *__wrap_strdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = __wrap_malloc(size);

	return copy ? memcpy(copy, s, size) : NULL;
}

void __wrap_free(void *p)
{
	if (p && fault.counting)
		fault.live--;
	__real_free(p);
}

static int complain(unsigned long nth, const char *what, int rc, const struct xg_err *err)
{
	fprintf(stderr, "allocation %lu failed, and the operation %s: returned %d, code %d, '%s', %ld left allocated\n",
		nth, what, rc, err->code, err->text, fault.live);
	return -1;
}

/* One try: 1 it failed as it should, 0 it met no failure and succeeded, -1 otherwise. */
static int try_once(int (*try)(void *, struct xg_err *), void (*clean)(void *), void *ctx, unsigned long nth)
{
	struct xg_err err = XG_ERR_NONE;
	int rc, hit;

	fault_arm(nth);
	rc = try(ctx, &err);
	hit = fault_disarm();
	if (rc == 0) {
		clean(ctx);
		return hit ? complain(nth, "succeeded", rc, &err) : 0;
	}
	if (!hit)
		return complain(nth, "met no failure, yet failed", rc, &err);
	if (rc != -ENOMEM || err.code != ENOMEM || err.text[0] == '\0')
		return complain(nth, "gave another error", rc, &err);
	return fault.live ? complain(nth, "leaked", rc, &err) : 1;
}

int fault_sweep(int (*try)(void *ctx, struct xg_err *err), void (*clean)(void *ctx), void *ctx, int max)
{
	int n, rc;

	for (n = 1; n <= max; n++) {
		rc = try_once(try, clean, ctx, n);
		if (rc <= 0)
			return rc < 0 ? -1 : n - 1;
	}
	fprintf(stderr, "still failing at allocation %d\n", max);
	return -1;
}
