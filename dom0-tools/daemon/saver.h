/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxl-save-helper, the program that libxl runs to write a guest's memory out, looked at while its execve() is held:
 * whose guest is it? The process is still a copy of the toolstack then; what it will be told lies in its memory, where
 * the arguments of the system call point to:
 *
 *     libxl-save-helper --save-domain STREAM BACK DOMID ...	(tools/libs/light/libxl_save_callout.c)
 *
 * Nothing here blocks. All that is read is another process's, and only compared.
 */
#ifndef XGD_SAVER_H
#define XGD_SAVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define XGD_SAVER_WORDS 5u

/* The first words, "" where there is none; what is too long is cut. */
struct xgd_saver_words {
	char word[XGD_SAVER_WORDS][24];
};

/* LINE: /proc/PID/syscall. *ret_argv: the address. -EAGAIN: it is not asleep yet; -ENOENT: no execve(). */
int xgd_saver_syscall(const char *line, uint64_t *ret_argv);
/* -ENOENT: it saves nothing. */
int xgd_saver_parse(const struct xgd_saver_words *words, uint32_t *ret_domid);
/* Of an array at ARGV in process PID. -ENOENT: there is none. */
int xgd_saver_read(const char *proc, pid_t pid, uint64_t argv, struct xgd_saver_words *ret);

/* All of it. -EAGAIN: ask again in a moment. -ENOENT: not a save, or not root's. */
int xgd_saver_domid(const char *proc, pid_t pid, uint32_t *ret_domid);

#endif
