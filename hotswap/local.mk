# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += hotswap/libxghotswap.a
hotswap_libxghotswap_a_CFLAGS = $(AM_CFLAGS) $(ELF_CFLAGS) $(SODIUM_CFLAGS) $(SQLITE_CFLAGS)
hotswap_libxghotswap_a_SOURCES = \
	hotswap/core.c \
	hotswap/core.h \
	hotswap/device.c \
	hotswap/device.h \
	hotswap/getin.c \
	hotswap/getin.h \
	hotswap/image.c \
	hotswap/image.h \
	hotswap/link.c \
	hotswap/link.h \
	hotswap/link_rules.c \
	hotswap/link_rules.h \
	hotswap/note.c \
	hotswap/optin.c \
	hotswap/optin.h \
	hotswap/stage1.S \
	hotswap/state.c \
	hotswap/state.h \
	hotswap/swap.c \
	hotswap/swap.h \
	hotswap/wait.c \
	hotswap/wait.h \
	hotswap/way_in.c \
	hotswap/way_in.h \
	hotswap/window.c \
	hotswap/window.h
