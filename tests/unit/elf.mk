# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of lib/elf and of hotswap's linker (link*.c, note.c), which need no guest.
noinst_LIBRARIES += tests/lib/libxgtest.a
tests_lib_libxgtest_a_SOURCES = tests/lib/elf_builder.c tests/lib/elf_builder.h
XG_LINK_LIBS = tests/lib/libxgtest.a hotswap/libxghotswap.a lib/elf/libxgelf.a lib/base/libxgbase.a $(ELF_LIBS)

XG_ELF_TESTS = \
	tests/unit/test_elf tests/unit/test_link tests/unit/test_note \
	tests/fault/test_link_alloc \
	tests/fuzz/fuzz_elf tests/fuzz/fuzz_link
check_PROGRAMS += $(XG_ELF_TESTS)
TESTS += $(XG_ELF_TESTS)

tests_unit_test_elf_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_elf_LDADD = tests/lib/libxgtest.a lib/elf/libxgelf.a lib/base/libxgbase.a $(ELF_LIBS) $(XG_TEST_LIBS)
tests_unit_test_link_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_link_LDADD = $(XG_LINK_LIBS) $(XG_TEST_LIBS)
tests_unit_test_note_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_note_LDADD = $(XG_LINK_LIBS) $(XG_TEST_LIBS)

tests_fault_test_link_alloc_SOURCES = tests/fault/test_link_alloc.c tests/lib/fault.c tests/lib/fault.h
tests_fault_test_link_alloc_CFLAGS = $(XG_TEST_CFLAGS)
tests_fault_test_link_alloc_LDFLAGS = $(XG_FAULT_LINKING)
tests_fault_test_link_alloc_LDADD = $(XG_LINK_LIBS) $(XG_TEST_LIBS)

tests_fuzz_fuzz_elf_SOURCES = tests/fuzz/fuzz_elf.c tests/fuzz/replay.c
tests_fuzz_fuzz_elf_LDADD = lib/elf/libxgelf.a lib/base/libxgbase.a $(ELF_LIBS)
tests_fuzz_fuzz_link_SOURCES = tests/fuzz/fuzz_link.c tests/fuzz/replay.c
tests_fuzz_fuzz_link_LDADD = hotswap/libxghotswap.a lib/elf/libxgelf.a lib/base/libxgbase.a $(ELF_LIBS)
EXTRA_DIST += tests/fuzz/corpus/elf tests/fuzz/corpus/link

# Makes the seeds of both corpora; not run by itself.
EXTRA_PROGRAMS += tests/fuzz/seeds_elf
tests_fuzz_seeds_elf_LDADD = tests/lib/libxgtest.a

# Prints what the linker made of an object, for the comparison with ld(1).
check_PROGRAMS += tests/lib/link-dump
tests_lib_link_dump_SOURCES = tests/lib/link_dump.c
tests_lib_link_dump_LDADD = hotswap/libxghotswap.a lib/elf/libxgelf.a lib/base/libxgbase.a $(ELF_LIBS)
dist_check_SCRIPTS += tests/unit/link-like-ld.sh
TESTS += tests/unit/link-like-ld.sh
