# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of driver-gen: descriptions right and wrong, and the program.
XG_GEN_TESTS = tests/unit/test_gen tests/fault/test_gen_alloc tests/fuzz/fuzz_device tests/fuzz/fuzz_os
check_PROGRAMS += $(XG_GEN_TESTS)
TESTS += $(XG_GEN_TESTS)
tests_unit_test_gen_CPPFLAGS = $(AM_CPPFLAGS) -DXG_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_test_gen_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_gen_LDADD = driver-gen/libxggen.a lib/base/libxgbase.a $(XG_TEST_LIBS)
tests_fault_test_gen_alloc_SOURCES = tests/fault/test_gen_alloc.c tests/lib/fault.c tests/lib/fault.h
tests_fault_test_gen_alloc_CPPFLAGS = $(tests_unit_test_gen_CPPFLAGS)
tests_fault_test_gen_alloc_CFLAGS = $(XG_TEST_CFLAGS)
tests_fault_test_gen_alloc_LDFLAGS = $(XG_FAULT_LINKING)
tests_fault_test_gen_alloc_LDADD = driver-gen/libxggen.a lib/base/libxgbase.a $(XG_TEST_LIBS)
tests_fuzz_fuzz_device_SOURCES = tests/fuzz/fuzz_device.c tests/fuzz/replay.c
tests_fuzz_fuzz_device_LDADD = driver-gen/libxggen.a lib/base/libxgbase.a
tests_fuzz_fuzz_os_SOURCES = tests/fuzz/fuzz_os.c tests/fuzz/replay.c
tests_fuzz_fuzz_os_LDADD = driver-gen/libxggen.a lib/base/libxgbase.a
EXTRA_DIST += tests/unit/gen/toy-bus.xgd tests/unit/gen/toy-granted.xgd tests/fuzz/corpus/device tests/fuzz/corpus/os

dist_check_SCRIPTS += tests/unit/gen-program.sh
TESTS += tests/unit/gen-program.sh
