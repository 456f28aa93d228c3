# SPDX-License-Identifier: GPL-2.0-or-later
# The repository: signatures, keyring, store, matching; killed at each point; its parsers fuzzed.
XG_REPO_LIBS = tests/lib/libxgtest.a driver-repo/libxgrepo.a hotswap/libxghotswap.a \
	lib/db/libxgdb.a lib/elf/libxgelf.a lib/base/libxgbase.a \
	$(SQLITE_LIBS) $(SODIUM_LIBS) $(JSON_LIBS) $(ELF_LIBS)
XG_REPO_RIG_SOURCES = tests/lib/repo_rig.c tests/lib/repo_rig.h

XG_REPO_TESTS = tests/unit/test_minisign tests/unit/test_repo tests/unit/test_resolve tests/fault/test_repo_fault \
	tests/unit/test_registry tests/fuzz/fuzz_minisign tests/fuzz/fuzz_note tests/fuzz/fuzz_oci
check_PROGRAMS += $(XG_REPO_TESTS)
TESTS += $(XG_REPO_TESTS)

tests_unit_test_minisign_SOURCES = tests/unit/test_minisign.c $(XG_REPO_RIG_SOURCES)
tests_unit_test_minisign_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_minisign_LDADD = $(XG_REPO_LIBS) $(XG_TEST_LIBS)
tests_unit_test_repo_SOURCES = tests/unit/test_repo.c $(XG_REPO_RIG_SOURCES)
tests_unit_test_repo_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_repo_LDADD = $(XG_REPO_LIBS) $(XG_TEST_LIBS)
tests_unit_test_resolve_SOURCES = tests/unit/test_resolve.c $(XG_REPO_RIG_SOURCES)
tests_unit_test_resolve_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_resolve_LDADD = $(XG_REPO_LIBS) $(XG_TEST_LIBS)

tests_fault_test_repo_fault_SOURCES = tests/fault/test_repo_fault.c $(XG_REPO_RIG_SOURCES)
tests_fault_test_repo_fault_CFLAGS = $(XG_TEST_CFLAGS)
tests_fault_test_repo_fault_LDADD = $(XG_REPO_LIBS) $(XG_TEST_LIBS)

tests_unit_test_registry_SOURCES = tests/unit/test_registry.c tests/lib/fake_registry.c tests/lib/fake_registry.h
tests_unit_test_registry_CFLAGS = $(XG_TEST_CFLAGS)
tests_unit_test_registry_LDADD = driver-repo/remote/libxgremote.a $(XG_REPO_LIBS) $(CURL_LIBS) $(XG_TEST_LIBS)

tests_fuzz_fuzz_oci_SOURCES = tests/fuzz/fuzz_oci.c tests/fuzz/replay.c
tests_fuzz_fuzz_oci_LDADD = $(XG_REPO_LIBS)
tests_fuzz_fuzz_minisign_SOURCES = tests/fuzz/fuzz_minisign.c tests/fuzz/replay.c
tests_fuzz_fuzz_minisign_LDADD = $(XG_REPO_LIBS)
tests_fuzz_fuzz_note_SOURCES = tests/fuzz/fuzz_note.c tests/fuzz/replay.c
tests_fuzz_fuzz_note_LDADD = $(XG_REPO_LIBS)
EXTRA_DIST += tests/fuzz/corpus/minisign tests/fuzz/corpus/note tests/fuzz/corpus/oci

# The program itself, as its users see it.
dist_check_SCRIPTS += tests/unit/repo-cli.sh tests/unit/repo-oci.sh
EXTRA_DIST += tests/unit/says.sh
TESTS += tests/unit/repo-cli.sh tests/unit/repo-oci.sh
