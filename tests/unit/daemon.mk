# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon: its configuration, policy and queue; what a domain's own configuration may say.
XG_DAEMON_TESTS = tests/unit/test_creator tests/unit/test_daemon tests/unit/test_domain_config tests/unit/test_saver \
	tests/fuzz/fuzz_conf tests/fuzz/fuzz_domain
check_PROGRAMS += $(XG_DAEMON_TESTS)
TESTS += $(XG_DAEMON_TESTS)

tests_unit_test_daemon_CPPFLAGS = $(AM_CPPFLAGS) -DXG_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_test_daemon_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_daemon_LDADD = dom0-tools/daemon/libxgdaemon.a lib/base/libxgbase.a $(XG_TEST_LIBS)
tests_unit_test_saver_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_saver_LDADD = dom0-tools/daemon/libxgdaemon.a lib/base/libxgbase.a $(XG_TEST_LIBS)
tests_unit_test_creator_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_creator_LDADD = dom0-tools/daemon/libxgdaemon.a lib/xen/libxgxen.a lib/base/libxgbase.a \
	$(XL_LIBS) $(XEN_LIBS) $(XG_TEST_LIBS)
tests_unit_test_domain_config_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_domain_config_LDADD = lib/xen/libxgxen.a lib/base/libxgbase.a $(XL_LIBS) $(XEN_LIBS) $(XG_TEST_LIBS)

tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/fuzz/replay.c
tests_fuzz_fuzz_conf_LDADD = dom0-tools/daemon/libxgdaemon.a lib/base/libxgbase.a
tests_fuzz_fuzz_domain_SOURCES = tests/fuzz/fuzz_domain.c tests/fuzz/replay.c
tests_fuzz_fuzz_domain_LDADD = lib/xen/libxgxen.a lib/base/libxgbase.a $(XL_LIBS) $(XEN_LIBS)
EXTRA_DIST += tests/fuzz/corpus/conf tests/fuzz/corpus/domain tests/lab/t-daemon.sh

# The command, without a Xen.
dist_check_SCRIPTS += tests/unit/cli.sh
TESTS += tests/unit/cli.sh
