# SPDX-License-Identifier: GPL-2.0-or-later
# `make check`: unit tests, fault tests, the fuzz corpora replayed, and the rules of the tree. Each part names
# its own in tests/unit/<part>.mk. A test program links the libraries that its part's arrows allow, no more.

# What several tests share.
XG_TEST_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
XG_TEST_LIBS = $(CHECK_LIBS)
# Puts allocations behind tests/lib/fault.c (see fault.h).
XG_FAULT_LINKING = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=free

# The arrows between folders.
EXTRA_PROGRAMS =
dist_check_SCRIPTS = tests/lib/check-deps.sh tests/lib/test-check-deps.sh
TESTS += tests/lib/check-deps.sh tests/lib/test-check-deps.sh
EXTRA_DIST += tests/lib/deps.tab tests/fuzz/README.md

include tests/unit/elf.mk
include tests/unit/backend.mk
include tests/unit/bare.mk
include tests/unit/inspect.mk
include tests/unit/daemon.mk
include tests/unit/gen.mk
include tests/unit/lead.mk
include tests/unit/repo.mk
include tests/abi/local.mk
include tests/bench/local.mk
include tests/qemu/local.mk
