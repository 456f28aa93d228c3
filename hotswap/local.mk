# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += hotswap/libxghotswap.a
hotswap_libxghotswap_a_CFLAGS = $(AM_CFLAGS) $(ELF_CFLAGS)
hotswap_libxghotswap_a_SOURCES = \
	hotswap/link.c \
	hotswap/link.h \
	hotswap/link_rules.c \
	hotswap/link_rules.h \
	hotswap/note.c
