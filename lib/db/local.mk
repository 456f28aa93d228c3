# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += lib/db/libxgdb.a
lib_db_libxgdb_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
lib_db_libxgdb_a_SOURCES = lib/db/db.c lib/db/db.h lib/db/query.c lib/db/query.h
EXTRA_DIST += lib/db/README.md
