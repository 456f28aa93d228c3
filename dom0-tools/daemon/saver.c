// SPDX-License-Identifier: GPL-2.0-or-later
/* Which guest a process is about to save. Called by saves.c for each start of libxl-save-helper. */
#include "dom0-tools/daemon/saver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define DOMID_END 0x7ff0u	/* DOMID_FIRST_RESERVED: guests' ids are below */

/* "59 0xPATH 0xARGV 0xENVP ...", or "running". */
int xgd_saver_syscall(const char *line, uint64_t *ret_argv)
{
	uint64_t path, argv;
	long number;

	if (!strncmp(line, "running", 7))
		return -EAGAIN;
	if (sscanf(line, "%ld 0x%" SCNx64 " 0x%" SCNx64, &number, &path, &argv) != 3 || number != SYS_execve)
		return -ENOENT;
	*ret_argv = argv;
	return 0;
}

int xgd_saver_parse(const struct xgd_saver_words *words, uint32_t *ret_domid)
{
	const char *domid = words->word[4];
	size_t digits = strspn(domid, "0123456789");
	unsigned long number;

	if (strcmp(words->word[1], "--save-domain") || !digits || digits > 5 || domid[digits])
		return -ENOENT;
	number = strtoul(domid, NULL, 10);
	if (!number || number >= DOMID_END)
		return -ENOENT;
	*ret_domid = number;
	return 0;
}

/* A page at the end of what is mapped: less is read than was asked for. */
static size_t memory_read(int memory, uint64_t at, void *buf, size_t size)
{
	ssize_t got = at ? pread(memory, buf, size, (off_t)at) : 0;

	return got > 0 ? (size_t)got : 0;
}

int xgd_saver_read(const char *proc, pid_t pid, uint64_t argv, struct xgd_saver_words *ret)
{
	uint64_t at[XGD_SAVER_WORDS] = { 0 };
	char path[256];
	size_t i;
	int memory xg_auto_close = -1;

	snprintf(path, sizeof(path), "%s/%d/mem", proc, (int)pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0 || memory_read(memory, argv, at, sizeof(at)) != sizeof(at))
		return -ENOENT;
	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < XGD_SAVER_WORDS && at[i]; i++)
		(void)memory_read(memory, at[i], ret->word[i], sizeof(ret->word[i]) - 1);
	return 0;
}

int xgd_saver_domid(const char *proc, pid_t pid, uint32_t *ret_domid)
{
	struct xgd_saver_words words;
	char path[256], line[256];
	int file xg_auto_close = -1;
	uint64_t argv = 0;
	struct stat st;
	ssize_t got;
	int rc;

	snprintf(path, sizeof(path), "%s/%d/syscall", proc, (int)pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	/* Who may not save a guest may not have its disks swapped either. */
	if (file < 0 || fstat(file, &st) || st.st_uid != geteuid())
		return -ENOENT;
	got = read(file, line, sizeof(line) - 1);
	line[got > 0 ? got : 0] = '\0';
	rc = xgd_saver_syscall(line, &argv);
	if (!rc)
		rc = xgd_saver_read(proc, pid, argv, &words);
	return rc ? rc : xgd_saver_parse(&words, ret_domid);
}
