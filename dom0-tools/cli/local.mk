# SPDX-License-Identifier: GPL-2.0-or-later
sbin_PROGRAMS += dom0-tools/cli/xengraft
dom0_tools_cli_xengraft_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
dom0_tools_cli_xengraft_SOURCES = \
	dom0-tools/cli/cli.h \
	dom0-tools/cli/daemon.c \
	dom0-tools/cli/disk.c \
	dom0-tools/cli/inspect.c \
	dom0-tools/cli/main.c \
	dom0-tools/cli/options.c \
	dom0-tools/cli/options.h \
	dom0-tools/cli/status.c \
	dom0-tools/cli/swap.c
dom0_tools_cli_xengraft_LDADD = $(XG_OPS_ALL)

# Administrators edit it: an existing one stays.
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(sysconfdir)/xengraft
	test -e $(DESTDIR)$(sysconfdir)/xengraft/policy || \
		$(INSTALL_DATA) $(srcdir)/dom0-tools/cli/policy $(DESTDIR)$(sysconfdir)/xengraft/policy
	test -e $(DESTDIR)$(sysconfdir)/xengraft/repo.conf || \
		$(INSTALL_DATA) $(srcdir)/driver-repo/cli/repo.conf $(DESTDIR)$(sysconfdir)/xengraft/repo.conf
	test -e $(DESTDIR)$(sysconfdir)/xengraft/xengraft.conf || \
		$(INSTALL_DATA) $(srcdir)/dom0-tools/daemon/xengraft.conf $(DESTDIR)$(sysconfdir)/xengraft/xengraft.conf
uninstall-local:
	-cmp -s $(srcdir)/dom0-tools/daemon/xengraft.conf $(DESTDIR)$(sysconfdir)/xengraft/xengraft.conf && \
		rm -f $(DESTDIR)$(sysconfdir)/xengraft/xengraft.conf
	-cmp -s $(srcdir)/driver-repo/cli/repo.conf $(DESTDIR)$(sysconfdir)/xengraft/repo.conf && \
		rm -f $(DESTDIR)$(sysconfdir)/xengraft/repo.conf
	-cmp -s $(srcdir)/dom0-tools/cli/policy $(DESTDIR)$(sysconfdir)/xengraft/policy && \
		rm -f $(DESTDIR)$(sysconfdir)/xengraft/policy && rmdir $(DESTDIR)$(sysconfdir)/xengraft

completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA += dom0-tools/cli/completion/xengraft
EXTRA_DIST += dom0-tools/cli/policy

# ./xengraft and ./xengraft-repo run what was built here, before anything is installed: with its own backend, and with a
# repository of its own that takes in the images as they are now.
noinst_SCRIPTS = xengraft xengraft-repo
CLEANFILES += xengraft xengraft-repo
XG_BUILT_TREE = \
	echo ': "$${XENGRAFT_BACKEND:=$(abs_top_builddir)/xengraft-backend}"'; \
	echo ': "$${XENGRAFT_IMAGES:=$(abs_top_builddir)/images:$(abs_top_builddir)/guest-stubs/drivers}"'; \
	echo ': "$${XENGRAFT_REPO:=$(abs_top_builddir)/repo.built}"'; \
	echo ': "$${XENGRAFT_CONFDIR:=$(abs_top_builddir)/repo.built/etc}"'; \
	echo ': "$${XENGRAFT_REMOTE:=$(abs_top_builddir)/driver-repo/cli/xengraft-repo-remote}"'; \
	echo 'export XENGRAFT_BACKEND XENGRAFT_IMAGES XENGRAFT_REPO XENGRAFT_CONFDIR XENGRAFT_REMOTE'
xengraft: Makefile
	$(AM_V_GEN){ echo '#!/bin/sh'; $(XG_BUILT_TREE); \
		echo 'repo=$(abs_top_builddir)/driver-repo/cli/xengraft-repo'; \
		echo '"$$repo" init --quiet || exit'; \
		echo 'exec $(abs_top_builddir)/dom0-tools/cli/xengraft "$$@"'; } >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
xengraft-repo: Makefile
	$(AM_V_GEN){ echo '#!/bin/sh'; $(XG_BUILT_TREE); \
		echo 'exec $(abs_top_builddir)/driver-repo/cli/xengraft-repo "$$@"'; } >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
