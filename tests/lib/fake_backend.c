// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process in the place of xengraft-backend: says that it is ready, or what XENGRAFT_FAKE_BACKEND wants, and stays
 * until it is told to end. Its half of xenstore is played by fake_host.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ready_fd(int argc, char **argv)
{
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], "--ready-fd"))
			return atoi(argv[i + 1]);
	return -1;
}

static void say(int fd, const char *line)
{
	if (write(fd, line, strlen(line)) < 0)
		_exit(3);
}

int main(int argc, char **argv)
{
	const char *mode = getenv("XENGRAFT_FAKE_BACKEND");
	int fd = ready_fd(argc, argv);

	/* Should the test forget it: SIGALRM is what the test takes for a leak. */
	alarm(30);
	if (mode && !strcmp(mode, "error"))
		say(fd, "error: the target is on fire\n");
	if (mode && !strcmp(mode, "babble"))
		say(fd, "who are you?\n");
	if (mode && (!strcmp(mode, "error") || !strcmp(mode, "die") || !strcmp(mode, "babble")))
		return 1;
	if (mode && !strcmp(mode, "stubborn"))
		signal(SIGTERM, SIG_IGN);
	if (!mode || strcmp(mode, "hang")) {
		say(fd, "ready\n");
		close(fd);
	}
	for (;;)
		pause();
}
