# SPDX-License-Identifier: GPL-2.0-or-later
# Code that runs inside guests. Driver images are built here, for every kernel at once; personality images are built
# per kernel by guest-stubs/linux/build-image, on the machine that has the kernel's headers.

# The driver's flags are its own: it runs in kernels, never in Dom0, whatever configure was told.
# thunk-inline: an indirect call must be safe from branch-target injection in every kernel, and the image may import
# nothing, so it brings its thunk along; returns are plain because the guest's return thunk is an import too.
# fcf-protection: kernels with IBT enter through the entry table. No jump tables: those are indirect jumps.
XG_DRIVER_FLAGS = -std=gnu11 -O2 -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone \
	-mno-sse -mno-mmx -mno-80387 -mpreferred-stack-boundary=3 -fno-stack-protector -fcf-protection=branch -fno-jump-tables \
	-mindirect-branch=thunk-inline -mindirect-branch-register -mfunction-return=keep -mharden-sls=all \
	-fno-asynchronous-unwind-tables -fno-common -fno-tree-loop-distribute-patterns -fno-ident \
	-Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes

XG_DRIVER_INCLUDES = guest-stubs/abi/xengraft_abi.h guest-stubs/abi/xengraft_note.h \
	guest-stubs/drivers/blkif_abi.h

image_DATA += guest-stubs/drivers/blkif-virtual.o
CLEANFILES += guest-stubs/drivers/blkif-virtual.o
guest-stubs/drivers/blkif-virtual.o: guest-stubs/drivers/blkif_virtual.c $(XG_DRIVER_INCLUDES)
	$(AM_V_CC)$(MKDIR_P) guest-stubs/drivers && \
	$(CC) $(XG_DRIVER_FLAGS) -DXG_DRIVER_VERSION='"$(VERSION)"' -I$(srcdir)/guest-stubs/abi \
		-c -o $@ $(srcdir)/guest-stubs/drivers/blkif_virtual.c

EXTRA_DIST += $(XG_DRIVER_INCLUDES) guest-stubs/drivers/blkif_virtual.c \
	guest-stubs/abi/README.md guest-stubs/drivers/README.md

# ---- The Linux personality: sources are installed, since images are built where the kernel's headers are -------

XG_LINUX_FILES = guest-stubs/linux/Kbuild guest-stubs/linux/personality.h \
	guest-stubs/linux/core.c guest-stubs/linux/device.c guest-stubs/linux/disk.c guest-stubs/linux/leave.S \
	guest-stubs/linux/note.c guest-stubs/linux/services.c guest-stubs/linux/window.c \
	guest-stubs/linux/window_raw.c

stubsdir = $(datadir)/xengraft/guest-stubs
stubsabidir = $(stubsdir)/abi
stubslinuxdir = $(stubsdir)/linux
dist_stubsabi_DATA = guest-stubs/abi/xengraft_abi.h guest-stubs/abi/xengraft_note.h
dist_stubslinux_DATA = $(XG_LINUX_FILES)

pkglibexec_SCRIPTS = guest-stubs/linux/build-image
sbin_SCRIPTS = guest-stubs/linux/xengraft-build-image
CLEANFILES += guest-stubs/linux/build-image guest-stubs/linux/xengraft-build-image
EXTRA_DIST += guest-stubs/linux/build-image.in guest-stubs/linux/xengraft-build-image.in
guest-stubs/linux/build-image: guest-stubs/linux/build-image.in Makefile
	$(AM_V_GEN)$(MKDIR_P) guest-stubs/linux && \
	sed -e 's|@stubsdir[@]|$(stubsdir)|' -e 's|@VERSION[@]|$(VERSION)|' \
		-e 's|@localimagedir[@]|$(localstatedir)/lib/xengraft/images|' \
		$(srcdir)/guest-stubs/linux/build-image.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
guest-stubs/linux/xengraft-build-image: guest-stubs/linux/xengraft-build-image.in Makefile
	$(AM_V_GEN)$(MKDIR_P) guest-stubs/linux && \
	sed -e 's|@pkglibexecdir[@]|$(pkglibexecdir)|' \
		$(srcdir)/guest-stubs/linux/xengraft-build-image.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@

# ---- The personality as a module, in DKMS's layout: all sources flat in one folder ------------------------------

XG_MODULE_FILES = guest-stubs/linux/module/Kbuild guest-stubs/linux/module/Makefile \
	guest-stubs/linux/module/arena.c guest-stubs/linux/module/arena.h guest-stubs/linux/module/main.c \
	guest-stubs/linux/module/space.S
XG_MODULE_SHARED = guest-stubs/abi/xengraft_abi.h guest-stubs/linux/personality.h guest-stubs/linux/core.c \
	guest-stubs/linux/device.c guest-stubs/linux/disk.c guest-stubs/linux/services.c guest-stubs/linux/window.c

dkmsdir = $(prefix)/src/xengraft-$(VERSION)
dist_dkms_DATA = $(XG_MODULE_FILES)
dkms_DATA = $(XG_MODULE_SHARED)
nodist_dkms_DATA = guest-stubs/linux/module/dkms.conf guest-stubs/linux/module/module_version.h
EXTRA_DIST += guest-stubs/linux/module/dkms.conf.in guest-stubs/linux/module/README.md
CLEANFILES += $(nodist_dkms_DATA)
guest-stubs/linux/module/dkms.conf: guest-stubs/linux/module/dkms.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) guest-stubs/linux/module && \
	sed -e 's|@VERSION[@]|$(VERSION)|' $(srcdir)/guest-stubs/linux/module/dkms.conf.in >$@
guest-stubs/linux/module/module_version.h: Makefile
	$(AM_V_GEN)$(MKDIR_P) guest-stubs/linux/module && \
	echo '#define XG_MODULE_VERSION "$(VERSION)"' >$@
