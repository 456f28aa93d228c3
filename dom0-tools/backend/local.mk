# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += dom0-tools/backend/libxgbackend.a
dom0_tools_backend_libxgbackend_a_CFLAGS = $(AM_CFLAGS) $(URING_CFLAGS)
dom0_tools_backend_libxgbackend_a_SOURCES = \
	dom0-tools/backend/bus.c \
	dom0-tools/backend/bus.h \
	dom0-tools/backend/disk.c \
	dom0-tools/backend/disk.h \
	dom0-tools/backend/engine.c \
	dom0-tools/backend/engine.h \
	dom0-tools/backend/loop.c \
	dom0-tools/backend/loop.h \
	dom0-tools/backend/nodes.c \
	dom0-tools/backend/nodes.h \
	dom0-tools/backend/parent.c \
	dom0-tools/backend/parent.h \
	dom0-tools/backend/pool.c \
	dom0-tools/backend/pool.h \
	dom0-tools/backend/request.c \
	dom0-tools/backend/request.h \
	dom0-tools/backend/ring.c \
	dom0-tools/backend/ring.h \
	dom0-tools/backend/stats.c \
	dom0-tools/backend/stats.h \
	dom0-tools/backend/target.c \
	dom0-tools/backend/target.h

pkglibexec_PROGRAMS += xengraft-backend
xengraft_backend_SOURCES = dom0-tools/backend/main.c
xengraft_backend_CFLAGS = $(AM_CFLAGS)
# A process a disk: no library is mapped that it does not call.
xengraft_backend_LDFLAGS = $(AM_LDFLAGS) -Wl,--as-needed
xengraft_backend_LDADD = dom0-tools/backend/libxgbackend.a lib/xen/libxgxen.a lib/base/libxgbase.a \
	$(XEN_LIBS) $(URING_LIBS)

EXTRA_DIST += dom0-tools/backend/README.md
