# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += driver-repo/libxgrepo.a
driver_repo_libxgrepo_a_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(SQLITE_CFLAGS) $(JSON_CFLAGS)
driver_repo_libxgrepo_a_SOURCES = \
	driver-repo/file.c \
	driver-repo/file.h \
	driver-repo/host.c \
	driver-repo/index.c \
	driver-repo/index.h \
	driver-repo/keyring.c \
	driver-repo/keyring.h \
	driver-repo/maintain.c \
	driver-repo/layout.c \
	driver-repo/minisign.c \
	driver-repo/minisign.h \
	driver-repo/oci.c \
	driver-repo/oci.h \
	driver-repo/paths.c \
	driver-repo/paths.h \
	driver-repo/repo.c \
	driver-repo/repo.h \
	driver-repo/resolve.c \
	driver-repo/resolve.h \
	driver-repo/store.h \
	driver-repo/transfer.c \
	driver-repo/transfer.h \
	driver-repo/write.c

# What speaks to registries: the one thing that wants libcurl, in a program of its own (cli/exec.c says why).
noinst_LIBRARIES += driver-repo/remote/libxgremote.a
driver_repo_remote_libxgremote_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(SODIUM_CFLAGS) $(JSON_CFLAGS)
driver_repo_remote_libxgremote_a_SOURCES = \
	driver-repo/remote/http.c \
	driver-repo/remote/http.h \
	driver-repo/remote/registry.c \
	driver-repo/remote/registry.h

noinst_LIBRARIES += driver-repo/cli/libxgrepocli.a
driver_repo_cli_libxgrepocli_a_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS) $(SODIUM_CFLAGS)
driver_repo_cli_libxgrepocli_a_SOURCES = \
	driver-repo/cli/cli.h \
	driver-repo/cli/keys.c \
	driver-repo/cli/main.c \
	driver-repo/cli/oci.c \
	driver-repo/cli/resolve.c \
	driver-repo/cli/share.c \
	driver-repo/cli/store.c
# From here down, in the order of the arrows: each needs only those after it. What the operations add is in theirs.
XG_REPO_ARCHIVES = \
	driver-repo/libxgrepo.a \
	hotswap/libxghotswap.a \
	dom0-tools/inspect/libxginspect.a \
	lib/db/libxgdb.a \
	lib/elf/libxgelf.a \
	lib/xen/libxgxen.a \
	lib/base/libxgbase.a
XG_REPO_ALL = $(XG_REPO_ARCHIVES) $(SQLITE_LIBS) $(SODIUM_LIBS) $(ELF_LIBS) $(XEN_LIBS) $(JSON_LIBS)

sbin_PROGRAMS += driver-repo/cli/xengraft-repo
driver_repo_cli_xengraft_repo_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
driver_repo_cli_xengraft_repo_SOURCES = driver-repo/cli/exec.c
driver_repo_cli_xengraft_repo_LDADD = driver-repo/cli/libxgrepocli.a $(XG_REPO_ALL)

pkglibexec_PROGRAMS += driver-repo/cli/xengraft-repo-remote
driver_repo_cli_xengraft_repo_remote_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
driver_repo_cli_xengraft_repo_remote_SOURCES = driver-repo/cli/remote.c
driver_repo_cli_xengraft_repo_remote_LDADD = driver-repo/cli/libxgrepocli.a driver-repo/remote/libxgremote.a \
	$(XG_REPO_ALL) $(CURL_LIBS)

dist_completion_DATA += driver-repo/cli/completion/xengraft-repo
EXTRA_DIST += driver-repo/cli/repo.conf
