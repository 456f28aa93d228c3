# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of lib/xen's guest part and of dom0-tools/inspect. They run on memory of their own (lib/xen/guest_fake.c); what
# they link of libxgxen.a needs Xen's libraries only where guest_xen.c comes in.
XG_INSPECT_LIBS = dom0-tools/inspect/libxginspect.a lib/xen/libxgxen.a lib/base/libxgbase.a

XG_INSPECT_TESTS = \
	tests/unit/test_guest tests/unit/test_inspect tests/unit/test_inspect_bare \
	tests/fault/test_inspect_alloc \
	tests/fuzz/fuzz_kallsyms tests/fuzz/fuzz_vmcoreinfo tests/fuzz/fuzz_walk
check_PROGRAMS += $(XG_INSPECT_TESTS)
TESTS += $(XG_INSPECT_TESTS)

tests_unit_test_guest_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_guest_LDADD = lib/xen/libxgxen.a lib/base/libxgbase.a $(XG_TEST_LIBS)
tests_unit_test_inspect_SOURCES = tests/unit/test_inspect.c tests/lib/fake_linux.c tests/lib/fake_linux.h
tests_unit_test_inspect_CFLAGS = $(XG_TEST_CFLAGS) $(JSON_CFLAGS)
tests_unit_test_inspect_LDADD = $(XG_INSPECT_LIBS) $(JSON_LIBS) $(XG_TEST_LIBS)

tests_unit_test_inspect_bare_SOURCES = tests/unit/test_inspect_bare.c tests/lib/fake_bare.c tests/lib/fake_bare.h \
	tests/lib/fault.c tests/lib/fault.h
tests_unit_test_inspect_bare_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_inspect_bare_LDFLAGS = $(XG_FAULT_LINKING)
tests_unit_test_inspect_bare_LDADD = $(XG_INSPECT_LIBS) $(XG_TEST_LIBS)

tests_fault_test_inspect_alloc_SOURCES = tests/fault/test_inspect_alloc.c \
	tests/lib/fake_linux.c tests/lib/fake_linux.h tests/lib/fault.c tests/lib/fault.h
tests_fault_test_inspect_alloc_CFLAGS = $(XG_TEST_CFLAGS)
tests_fault_test_inspect_alloc_LDFLAGS = $(XG_FAULT_LINKING)
tests_fault_test_inspect_alloc_LDADD = $(XG_INSPECT_LIBS) $(XG_TEST_LIBS)

tests_fuzz_fuzz_kallsyms_SOURCES = tests/fuzz/fuzz_kallsyms.c tests/fuzz/replay.c
tests_fuzz_fuzz_kallsyms_LDADD = $(XG_INSPECT_LIBS)
tests_fuzz_fuzz_vmcoreinfo_SOURCES = tests/fuzz/fuzz_vmcoreinfo.c tests/fuzz/replay.c
tests_fuzz_fuzz_vmcoreinfo_LDADD = $(XG_INSPECT_LIBS)
tests_fuzz_fuzz_walk_SOURCES = tests/fuzz/fuzz_walk.c tests/fuzz/replay.c
tests_fuzz_fuzz_walk_LDADD = $(XG_INSPECT_LIBS)
EXTRA_DIST += tests/fuzz/corpus/kallsyms tests/fuzz/corpus/vmcoreinfo tests/fuzz/corpus/walk

# Makes the seeds of the three corpora; not run by itself.
EXTRA_PROGRAMS += tests/fuzz/seeds_inspect
tests_fuzz_seeds_inspect_SOURCES = tests/fuzz/seeds_inspect.c tests/lib/fake_bare.c tests/lib/fake_bare.h \
	tests/lib/fake_linux.c tests/lib/fake_linux.h
tests_fuzz_seeds_inspect_LDADD = $(XG_INSPECT_LIBS)

# For the lab's t-inspect.sh, and for memory images of plain QEMU (t-inspect-images.sh).
check_PROGRAMS += tests/lab/inspect-probe
tests_lab_inspect_probe_SOURCES = tests/lab/inspect-probe.c
tests_lab_inspect_probe_LDADD = $(XG_INSPECT_LIBS) $(XEN_LIBS) $(JSON_LIBS)
EXTRA_DIST += tests/lab/t-inspect.sh tests/lab/t-inspect-images.sh
