/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A registry that misbehaves as it is told to: a process on the loopback that answers one connection after the other.
 * Knows blobs, a manifest under the tag "latest", uploads in pieces, and Bearer tokens.
 */
#ifndef XG_TESTS_FAKE_REGISTRY_H
#define XG_TESTS_FAKE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct fake_registry {
	/* What it does, set before the start. */
	bool wants_token;		/* 401 with a Bearer challenge until the right token comes */
	bool no_token;			/* and gives none */
	unsigned int cut_downloads;	/* so many of them end half-way */
	bool ignores_ranges;
	bool endless;			/* sends more than there is */
	unsigned int cut_uploads;	/* so many pieces are half taken, then the connection ends */
	const char *blob, *manifest;	/* NUL-terminated */
	char blob_digest[65];

	unsigned int port;
	pid_t pid;
	const char *log;		/* a file: a line for each request */
};

void fake_registry_start(struct fake_registry *f);
void fake_registry_stop(struct fake_registry *f);

#endif
