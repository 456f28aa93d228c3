# SPDX-License-Identifier: GPL-2.0-or-later
# The ABI stays what it is, and drivers of every version of it run: see README.md beside this file.
check_PROGRAMS += tests/abi/test_cost tests/abi/test_direct tests/abi/test_layout tests/abi/test_driver
TESTS += tests/abi/test_cost tests/abi/test_direct tests/abi/test_layout tests/abi/test_driver
tests_abi_test_layout_SOURCES = tests/abi/test_layout.c tests/abi/layout.tab
tests_abi_test_layout_CPPFLAGS = $(AM_CPPFLAGS) -DXG_SRCDIR='"$(abs_top_srcdir)"'
tests_abi_test_layout_CFLAGS = $(XG_TEST_CFLAGS)
tests_abi_test_layout_LDADD = $(XG_TEST_LIBS)
tests_abi_test_driver_SOURCES = tests/abi/test_driver.c tests/abi/fake_guest.c tests/abi/fake_guest.h
tests_abi_test_driver_CPPFLAGS = $(AM_CPPFLAGS) -DXG_SRCDIR='"$(abs_top_srcdir)"' -DXG_BUILDDIR='"$(abs_top_builddir)"'
tests_abi_test_driver_CFLAGS = $(XG_TEST_CFLAGS)
tests_abi_test_driver_LDADD = hotswap/libxghotswap.a lib/elf/libxgelf.a lib/base/libxgbase.a $(ELF_LIBS) $(XG_TEST_LIBS)
EXTRA_tests_abi_test_driver_DEPENDENCIES = $(XG_DRIVERS)
tests_abi_test_direct_SOURCES = tests/abi/test_direct.c tests/abi/fake_guest.c tests/abi/fake_guest.h
tests_abi_test_direct_CPPFLAGS = $(tests_abi_test_driver_CPPFLAGS)
tests_abi_test_direct_CFLAGS = $(XG_TEST_CFLAGS)
tests_abi_test_direct_LDADD = $(tests_abi_test_driver_LDADD)
EXTRA_tests_abi_test_direct_DEPENDENCIES = $(XG_DRIVERS)
tests_abi_test_cost_SOURCES = tests/abi/test_cost.c tests/abi/fake_guest.c tests/abi/fake_guest.h
tests_abi_test_cost_CPPFLAGS = $(tests_abi_test_driver_CPPFLAGS)
tests_abi_test_cost_CFLAGS = $(XG_TEST_CFLAGS)
tests_abi_test_cost_LDADD = $(tests_abi_test_driver_LDADD)
EXTRA_tests_abi_test_cost_DEPENDENCIES = guest-stubs/drivers/blkif-virtual.o
EXTRA_DIST += tests/abi/README.md tests/abi/driver-v1.o docs/abi.md
