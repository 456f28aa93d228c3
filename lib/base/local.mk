# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += lib/base/libxgbase.a
lib_base_libxgbase_a_SOURCES = \
	lib/base/addr.h lib/base/array.h lib/base/cleanup.h lib/base/cursor.h \
	lib/base/err.c lib/base/err.h lib/base/fault_point.c lib/base/fault_point.h \
	lib/base/help.c lib/base/help.h lib/base/lock.c lib/base/lock.h lib/base/log.c lib/base/log.h \
	lib/base/steps.c lib/base/steps.h lib/base/table.c lib/base/table.h \
	lib/base/version.c lib/base/version.h
EXTRA_DIST += lib/base/README.md
