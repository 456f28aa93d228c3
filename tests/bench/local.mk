# SPDX-License-Identifier: GPL-2.0-or-later
# make bench: in the lab, beside the peers. No test: nothing here passes or fails by its time.
# BENCH="--rounds 5 attach io" chooses; see tests/bench/README.md.
EXTRA_PROGRAMS += tests/bench/clock
tests_bench_clock_SOURCES = tests/bench/clock.c
# It runs in guests that have no libraries.
tests_bench_clock_CFLAGS = $(XG_CFLAGS)
tests_bench_clock_LDFLAGS = -static

bench: all tests/bench/clock$(EXEEXT)
	XENLAB_BUILD=$(abs_builddir) $(srcdir)/tests/bench/bench $(BENCH)
.PHONY: bench

EXTRA_DIST += tests/bench/README.md tests/bench/bench tests/bench/dom0.sh tests/bench/render.awk
CLEANFILES += $(EXTRA_PROGRAMS)

# make bench-repo: the repository, beside modprobe -R. No lab is needed. REPO_IMAGES=1000 for a quick look.
EXTRA_PROGRAMS += tests/bench/repo
tests_bench_repo_SOURCES = tests/bench/repo.c tests/lib/repo_rig.c tests/lib/repo_rig.h
tests_bench_repo_CFLAGS = $(AM_CFLAGS)
tests_bench_repo_LDADD = $(XG_REPO_LIBS)
bench-repo: all tests/lib/libxgtest.a tests/bench/repo$(EXEEXT)
	PATH=$$PATH:/sbin:/usr/sbin tests/bench/repo$(EXEEXT) $(REPO_IMAGES)
.PHONY: bench-repo
