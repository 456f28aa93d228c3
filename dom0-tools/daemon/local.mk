# SPDX-License-Identifier: GPL-2.0-or-later
# What can be tested without a host is a library; the loop and what hangs on it is the program.
noinst_LIBRARIES += dom0-tools/daemon/libxgdaemon.a
dom0_tools_daemon_libxgdaemon_a_SOURCES = \
	dom0-tools/daemon/conf.c \
	dom0-tools/daemon/conf.h \
	dom0-tools/daemon/creator.c \
	dom0-tools/daemon/creator.h \
	dom0-tools/daemon/plan.c \
	dom0-tools/daemon/plan.h \
	dom0-tools/daemon/queue.c \
	dom0-tools/daemon/queue.h \
	dom0-tools/daemon/run.c \
	dom0-tools/daemon/run.h \
	dom0-tools/daemon/saver.c \
	dom0-tools/daemon/saver.h

sbin_PROGRAMS += dom0-tools/daemon/xengraftd
dom0_tools_daemon_xengraftd_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS) $(SYSTEMD_CFLAGS)
dom0_tools_daemon_xengraftd_CPPFLAGS = $(AM_CPPFLAGS) -DXG_SAVE_PROGRAM='"$(XEN_BINDIR)/libxl-save-helper"'
dom0_tools_daemon_xengraftd_SOURCES = \
	dom0-tools/daemon/daemon.h \
	dom0-tools/daemon/look.c \
	dom0-tools/daemon/look.h \
	dom0-tools/daemon/main.c \
	dom0-tools/daemon/saves.c \
	dom0-tools/daemon/status.c
dom0_tools_daemon_xengraftd_LDADD = dom0-tools/daemon/libxgdaemon.a $(XG_OPS_ALL) $(SYSTEMD_LIBS)

# xengraft.conf is the administrator's, as the policy is (dom0-tools/cli/local.mk).
EXTRA_DIST += dom0-tools/daemon/README.md dom0-tools/daemon/xengraft.conf dom0-tools/daemon/xengraftd.service.in
dist_completion_DATA += dom0-tools/daemon/completion/xengraftd
if HAVE_SYSTEMD_UNITS
nodist_systemdsystemunit_DATA = dom0-tools/daemon/xengraftd.service
endif
CLEANFILES += dom0-tools/daemon/xengraftd.service
dom0-tools/daemon/xengraftd.service: dom0-tools/daemon/xengraftd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed 's|@sbindir[@]|$(sbindir)|' $(srcdir)/dom0-tools/daemon/xengraftd.service.in >$@.tmp && mv $@.tmp $@
# A distcheck installs below a folder of its own.
AM_DISTCHECK_CONFIGURE_FLAGS = --with-systemdsystemunitdir='$${prefix}/lib/systemd/system'
