# SPDX-License-Identifier: GPL-2.0-or-later
# What Dom0 knows of the bare kernel, held against the kernel that was built.
check_PROGRAMS += tests/unit/test_way_in
TESTS += tests/unit/test_way_in
tests_unit_test_way_in_CPPFLAGS = $(AM_CPPFLAGS) -DXG_BARE_KERNEL='"$(abs_builddir)/$(XG_BARE_OUT)/bare.elf"'
tests_unit_test_way_in_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_way_in_LDADD = hotswap/libxghotswap.a lib/base/libxgbase.a $(XG_TEST_LIBS)
