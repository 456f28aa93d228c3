# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += dom0-tools/inspect/libxginspect.a
dom0_tools_inspect_libxginspect_a_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
dom0_tools_inspect_libxginspect_a_SOURCES = \
	dom0-tools/inspect/bare.c \
	dom0-tools/inspect/inspect.h \
	dom0-tools/inspect/kallsyms.c \
	dom0-tools/inspect/kallsyms.h \
	dom0-tools/inspect/kernel.c \
	dom0-tools/inspect/linux.c \
	dom0-tools/inspect/number.h \
	dom0-tools/inspect/pointed.c \
	dom0-tools/inspect/pointed.h \
	dom0-tools/inspect/probe.h \
	dom0-tools/inspect/report.c \
	dom0-tools/inspect/report.h \
	dom0-tools/inspect/vmcoreinfo.c \
	dom0-tools/inspect/vmcoreinfo.h \
	dom0-tools/inspect/walk.c \
	dom0-tools/inspect/walk.h
EXTRA_DIST += dom0-tools/inspect/README.md
