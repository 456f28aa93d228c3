# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of dom0-tools/backend; none of them needs Xen.
XG_BACKEND_TESTS = \
	tests/unit/test_blk_engine tests/unit/test_blk_parts tests/unit/test_blk_request \
	tests/fuzz/fuzz_blkif
check_PROGRAMS += $(XG_BACKEND_TESTS)
TESTS += $(XG_BACKEND_TESTS)

XG_BACKEND_TEST_LIBS = dom0-tools/backend/libxgbackend.a lib/base/libxgbase.a
tests_unit_test_blk_engine_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(URING_CFLAGS)
tests_unit_test_blk_engine_LDADD = $(XG_BACKEND_TEST_LIBS) $(URING_LIBS) $(CHECK_LIBS)
tests_unit_test_blk_parts_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_blk_parts_LDADD = $(XG_BACKEND_TEST_LIBS) $(CHECK_LIBS)
tests_unit_test_blk_request_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_blk_request_LDADD = $(XG_BACKEND_TEST_LIBS) $(CHECK_LIBS)

tests_fuzz_fuzz_blkif_SOURCES = tests/fuzz/fuzz_blkif.c tests/fuzz/replay.c
tests_fuzz_fuzz_blkif_LDADD = $(XG_BACKEND_TEST_LIBS)
EXTRA_DIST += tests/fuzz/corpus/blkif
