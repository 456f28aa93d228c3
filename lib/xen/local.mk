# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += lib/xen/libxgxen.a
lib_xen_libxgxen_a_CFLAGS = $(AM_CFLAGS) $(XEN_CFLAGS) $(XL_CFLAGS)
# One file a line: several people add theirs.
lib_xen_libxgxen_a_SOURCES = \
	lib/xen/blkif.c \
	lib/xen/blkif.h \
	lib/xen/disk_spec.c \
	lib/xen/disk_spec.h \
	lib/xen/domain_config.c \
	lib/xen/domain_config.h \
	lib/xen/evtchn.c \
	lib/xen/evtchn.h \
	lib/xen/frames.c \
	lib/xen/frames.h \
	lib/xen/gnttab.c \
	lib/xen/gnttab.h \
	lib/xen/guest.c \
	lib/xen/guest.h \
	lib/xen/guest_fake.c \
	lib/xen/guest_xen.c \
	lib/xen/store.c \
	lib/xen/store.h \
	lib/xen/store_transaction.c
