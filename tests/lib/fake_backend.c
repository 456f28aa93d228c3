// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process in the place of xengraft-backend: says that it is ready, or what XENGRAFT_FAKE_BACKEND wants, and stays
 * until it is told to end. Its half of xenstore is played by fake_host.c. XENGRAFT_FAKE_MARK is a target and the byte of it to
 * lock, "PATH:BYTE".
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/array.h"

#define OFFER "ready sectors=2048 sector-size=512 physical-sector-size=4096 feature-flush-cache=1 " \
	"feature-max-indirect-segments=256 multi-queue-max-queues=4 max-ring-page-order=1\n"
#define KEEPS "ready kept-grants=1056 sectors=2048 sector-size=512 feature-max-indirect-segments=256\n"

/* What it says, by the name that XENGRAFT_FAKE_BACKEND gives; without one the first. */
static const struct mode {
	const char *name, *says;
	int dies;
} modes[] = {
	{ "", OFFER "connected\n", 0 },
	{ "error", "error: the target is on fire\n", 1 },
	{ "babble", "who are you?\n", 1 },
	{ "die", "", 1 },
	{ "hang", "", 0 },
	{ "refuse", OFFER "error: ring of the wrong colour\n", 0 },
	{ "silent", OFFER, 0 },
	{ "stubborn", OFFER "connected\n", 0 },
	{ "keeps", KEEPS "connected\n", 0 },
};

static const struct mode *mode_find(void)
{
	const char *name = getenv("XENGRAFT_FAKE_BACKEND");
	size_t i;

	for (i = 0; name && i < XG_ARRAY_SIZE(modes); i++)
		if (!strcmp(name, modes[i].name))
			return &modes[i];
	return &modes[0];
}

static int parent_fd(int argc, char **argv)
{
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], "--parent-fd"))
			return atoi(argv[i + 1]);
	return -1;
}

static int mark(const char *what)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char path[200];
	int fd;

	if (!what)
		return 0;
	if (sscanf(what, "%199[^:]:%ld", path, &lock.l_start) != 2)
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -1 : fcntl(fd, F_OFD_SETLK, &lock);
}

int main(int argc, char **argv)
{
	const struct mode *mode = mode_find();
	int fd = parent_fd(argc, argv);
	char go;

	/* Should the test forget it: SIGALRM is what the test takes for a leak. */
	alarm(30);
	if (mark(getenv("XENGRAFT_FAKE_MARK")) || read(fd, &go, 1) != 1 || write(fd, mode->says, strlen(mode->says)) < 0)
		return 3;
	if (mode->dies)
		return 1;
	if (!strcmp(mode->name, "stubborn"))
		signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}
