# SPDX-License-Identifier: GPL-2.0-or-later
# The base library, and what gets a driver into a guest and out again: hotswap (but for link) and ops.
XG_LEAD_TESTS = \
	tests/unit/test_attach \
	tests/unit/test_base \
	tests/unit/test_disk_spec \
	tests/unit/test_generate \
	tests/unit/test_kept \
	tests/unit/test_bounce \
	tests/unit/test_optin \
	tests/unit/test_policy \
	tests/unit/test_reconnect \
	tests/unit/test_sharing \
	tests/unit/test_stage1 \
	tests/unit/test_state \
	tests/unit/test_swap \
	tests/unit/test_json_text \
	tests/unit/test_vdev \
	tests/unit/test_wait \
	tests/fault/test_attach_fault \
	tests/fault/test_swap_fault

EXTRA_DIST += tests/lib/run_suite.h
check_PROGRAMS += $(XG_LEAD_TESTS)
TESTS += $(XG_LEAD_TESTS)

tests_unit_test_base_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_base_LDADD = lib/base/libxgbase.a $(XG_TEST_LIBS)

tests_unit_test_disk_spec_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_disk_spec_LDADD = lib/xen/libxgxen.a lib/base/libxgbase.a $(XL_LIBS) $(XG_TEST_LIBS)

tests_unit_test_optin_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_optin_LDADD = hotswap/libxghotswap.a lib/xen/libxgxen.a lib/base/libxgbase.a $(XEN_LIBS) $(XG_TEST_LIBS)

# The guest's part of it, in a kernel of the test's own.
tests_unit_test_bounce_SOURCES = tests/unit/test_bounce.c
EXTRA_tests_unit_test_bounce_DEPENDENCIES = guest-stubs/linux/bounce.c
tests_unit_test_bounce_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/guest-stubs/abi
tests_unit_test_bounce_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_bounce_LDADD = $(XG_TEST_LIBS)

tests_unit_test_kept_SOURCES = tests/unit/test_kept.c guest-stubs/linux/kept.c
EXTRA_tests_unit_test_kept_DEPENDENCIES = guest-stubs/linux/grants.c
tests_unit_test_kept_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/guest-stubs/abi
tests_unit_test_kept_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_kept_LDADD = $(XG_TEST_LIBS)

tests_unit_test_policy_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_policy_LDADD = dom0-tools/ops/libxgops.a lib/base/libxgbase.a $(XG_TEST_LIBS)

tests_unit_test_stage1_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_stage1_LDADD = hotswap/libxghotswap.a $(XG_TEST_LIBS)

tests_unit_test_state_SOURCES = tests/unit/test_state.c tests/lib/no_sync.c
tests_unit_test_state_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_state_LDADD = hotswap/libxghotswap.a lib/db/libxgdb.a lib/elf/libxgelf.a lib/base/libxgbase.a \
	$(SQLITE_LIBS) $(SODIUM_LIBS) $(ELF_LIBS) $(XG_TEST_LIBS)

tests_unit_test_json_text_CFLAGS = $(XG_TEST_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_json_text_LDADD = dom0-tools/ops/libxgops.a lib/base/libxgbase.a $(JSON_LIBS) $(XG_TEST_LIBS)
tests_unit_test_vdev_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_vdev_LDADD = dom0-tools/ops/libxgops.a lib/base/libxgbase.a $(XG_TEST_LIBS)

# The operations on a fake host. The fakes come before the libraries, so that theirs are the functions that are linked.
XG_RIG_SOURCES = \
	tests/lib/elf_builder.c tests/lib/elf_builder.h \
	tests/lib/fake_evtchn.c \
	tests/lib/fake_host.c tests/lib/fake_host.h \
	tests/lib/fake_linux.c tests/lib/fake_linux.h \
	tests/lib/fake_store.c \
	tests/lib/no_sync.c \
	tests/lib/ops_check.c tests/lib/ops_check.h \
	tests/lib/ops_rig.c tests/lib/ops_rig.h
XG_RIG_LINKING = $(AM_LDFLAGS) \
	-Wl,--wrap=poll,--wrap=sqlite3_step,--wrap=sqlite3_exec,--wrap=fork,--wrap=socketpair
XG_RIG_LIBS = dom0-tools/ops/libxgops.a $(XG_REPO_ARCHIVES) \
	$(SQLITE_LIBS) $(SODIUM_LIBS) $(ELF_LIBS) $(XG_TEST_LIBS)

tests_unit_test_attach_SOURCES = tests/unit/test_attach.c $(XG_RIG_SOURCES)
tests_unit_test_attach_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_attach_LDFLAGS = $(XG_RIG_LINKING)
tests_unit_test_attach_LDADD = $(XG_RIG_LIBS)

tests_unit_test_wait_SOURCES = tests/unit/test_wait.c $(XG_RIG_SOURCES)
tests_unit_test_wait_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_wait_LDFLAGS = $(XG_RIG_LINKING)
tests_unit_test_wait_LDADD = $(XG_RIG_LIBS)

tests_unit_test_generate_SOURCES = tests/unit/test_generate.c $(XG_RIG_SOURCES)
tests_unit_test_generate_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_generate_LDFLAGS = $(XG_RIG_LINKING)
tests_unit_test_generate_LDADD = $(XG_RIG_LIBS)

tests_unit_test_reconnect_SOURCES = tests/unit/test_reconnect.c $(XG_RIG_SOURCES)
tests_unit_test_reconnect_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_reconnect_LDFLAGS = $(XG_RIG_LINKING)
tests_unit_test_reconnect_LDADD = $(XG_RIG_LIBS)
tests_unit_test_sharing_SOURCES = tests/unit/test_sharing.c $(XG_RIG_SOURCES)
tests_unit_test_sharing_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_sharing_LDFLAGS = $(XG_RIG_LINKING)
tests_unit_test_sharing_LDADD = $(XG_RIG_LIBS)

tests_unit_test_swap_SOURCES = tests/unit/test_swap.c $(XG_RIG_SOURCES)
tests_unit_test_swap_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_swap_LDFLAGS = $(XG_RIG_LINKING)
tests_unit_test_swap_LDADD = $(XG_RIG_LIBS)

tests_fault_test_swap_fault_SOURCES = tests/fault/test_swap_fault.c $(XG_RIG_SOURCES)
tests_fault_test_swap_fault_CFLAGS = $(XG_TEST_CFLAGS)
tests_fault_test_swap_fault_LDFLAGS = $(XG_RIG_LINKING)
tests_fault_test_swap_fault_LDADD = $(XG_RIG_LIBS)

tests_fault_test_attach_fault_SOURCES = tests/fault/test_attach_fault.c tests/lib/fault.c tests/lib/fault.h \
	$(XG_RIG_SOURCES)
tests_fault_test_attach_fault_CFLAGS = $(XG_TEST_CFLAGS)
tests_fault_test_attach_fault_LDFLAGS = $(XG_RIG_LINKING) $(XG_FAULT_LINKING)
tests_fault_test_attach_fault_LDADD = $(XG_RIG_LIBS)

# In the place of a backend. Its name is what the operations know one by. Without sanitizers: it is started a thousand
# times.
check_PROGRAMS += tests/lib/xengraft-backend-fake
tests_lib_xengraft_backend_fake_SOURCES = tests/lib/fake_backend.c
tests_lib_xengraft_backend_fake_CFLAGS = $(XG_CFLAGS)
tests_lib_xengraft_backend_fake_LDFLAGS =

# For the lab.
check_PROGRAMS += tests/lab/soak
tests_lab_soak_SOURCES = tests/lab/soak.c
tests_lab_soak_LDADD = $(XG_RIG_LIBS) $(XL_LIBS) $(XEN_LIBS)
