# SPDX-License-Identifier: GPL-2.0-or-later
# Code that runs inside guests. Driver images are built here, for every kernel at once; personality images are built
# per kernel by guest-stubs/linux/build-image, on the machine that has the kernel's headers.

# Each driver is what xengraft-gen makes of its description; flags and all else are its own (driver-gen/cflags).
XG_DRIVERS = guest-stubs/drivers/blkif-virtual.o guest-stubs/drivers/blkif-paravirtual.o \
	guest-stubs/drivers/nvme-queue-paravirtual.o guest-stubs/drivers/virtio-blk-paravirtual.o
image_DATA += $(XG_DRIVERS)
CLEANFILES += $(XG_DRIVERS)
XG_MAKE_DRIVER = $(AM_V_GEN)$(MKDIR_P) guest-stubs/drivers && $(XG_GEN) -o $@
guest-stubs/drivers/blkif-virtual.o: $(XG_GEN_INPUTS) driver-gen/devices/xen-blkif.xgd
	$(XG_MAKE_DRIVER) --device xen-blkif --mode virtual
guest-stubs/drivers/blkif-paravirtual.o: $(XG_GEN_INPUTS) driver-gen/devices/xen-blkif.xgd
	$(XG_MAKE_DRIVER) --device xen-blkif --mode paravirtual
guest-stubs/drivers/nvme-queue-paravirtual.o: $(XG_GEN_INPUTS) driver-gen/devices/nvme-queue.xgd
	$(XG_MAKE_DRIVER) --device nvme-queue --mode paravirtual
guest-stubs/drivers/virtio-blk-paravirtual.o: $(XG_GEN_INPUTS) driver-gen/devices/virtio-blk.xgd
	$(XG_MAKE_DRIVER) --device virtio-blk --mode paravirtual

EXTRA_DIST += guest-stubs/abi/README.md guest-stubs/common/README.md guest-stubs/drivers/README.md

# ---- The Linux personality: sources are installed, since images are built where the kernel's headers are -------

XG_LINUX_FILES = guest-stubs/linux/Kbuild guest-stubs/linux/bounce.c guest-stubs/linux/personality.h guest-stubs/linux/kept.h \
	guest-stubs/linux/core.c guest-stubs/linux/device.c guest-stubs/linux/disk.c guest-stubs/linux/grants.c \
	guest-stubs/linux/kept.c guest-stubs/linux/leave.S guest-stubs/linux/note.c guest-stubs/linux/services.c \
	guest-stubs/linux/swap.c guest-stubs/linux/window_raw.c
# In every personality.
XG_COMMON_FILES = guest-stubs/common/checks.c guest-stubs/common/checks.h \
	guest-stubs/common/window.c guest-stubs/common/window.h

stubsdir = $(datadir)/xengraft/guest-stubs
stubsabidir = $(stubsdir)/abi
stubscommondir = $(stubsdir)/common
stubslinuxdir = $(stubsdir)/linux
dist_stubsabi_DATA = guest-stubs/abi/xengraft_abi.h guest-stubs/abi/xengraft_note.h
dist_stubscommon_DATA = $(XG_COMMON_FILES)
dist_stubslinux_DATA = $(XG_LINUX_FILES)

pkglibexec_SCRIPTS = guest-stubs/linux/build-image
sbin_SCRIPTS = guest-stubs/linux/xengraft-build-image
CLEANFILES += guest-stubs/linux/build-image guest-stubs/linux/xengraft-build-image
EXTRA_DIST += guest-stubs/linux/build-image.in guest-stubs/linux/xengraft-build-image.in
guest-stubs/linux/build-image: guest-stubs/linux/build-image.in Makefile
	$(AM_V_GEN)$(MKDIR_P) guest-stubs/linux && \
	sed -e 's|@stubsdir[@]|$(stubsdir)|' -e 's|@VERSION[@]|$(VERSION)|' -e 's|@bindir[@]|$(bindir)|' \
		-e 's|@localimagedir[@]|$(localstatedir)/lib/xengraft/images|' -e 's|@sbindir[@]|$(sbindir)|' \
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
	guest-stubs/linux/grants.c guest-stubs/linux/kept.c guest-stubs/linux/kept.h guest-stubs/linux/bounce.c \
	guest-stubs/linux/device.c guest-stubs/linux/disk.c guest-stubs/linux/services.c guest-stubs/linux/swap.c \
	$(XG_COMMON_FILES)

dkmsdir = $(prefix)/src/xengraft-$(VERSION)
dist_dkms_DATA = $(XG_MODULE_FILES)
dkms_DATA = $(XG_MODULE_SHARED)
nodist_dkms_DATA = guest-stubs/linux/module/dkms.conf guest-stubs/linux/module/module_version.h \
	guest-stubs/linux/module/os_interface.h
EXTRA_DIST += guest-stubs/linux/module/dkms.conf.in guest-stubs/linux/module/README.md
CLEANFILES += $(nodist_dkms_DATA)
guest-stubs/linux/module/dkms.conf: guest-stubs/linux/module/dkms.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) guest-stubs/linux/module && \
	sed -e 's|@VERSION[@]|$(VERSION)|' $(srcdir)/guest-stubs/linux/module/dkms.conf.in >$@
# For every release that is described: the guest has no generator. Its lines lead to the description that is installed.
guest-stubs/linux/module/os_interface.h: driver-gen/os/linux.xgo driver-gen/xengraft-gen
	$(AM_V_GEN)$(MKDIR_P) guest-stubs/linux/module && $(XG_GEN) --os linux --emit-c -o $@.tmp && \
	sed -e 's|"$(abs_srcdir)/driver-gen/|"$(descriptionsdir)/|' -e 's|os_interface.h.tmp|os_interface.h|' \
		$@.tmp >$@ && rm $@.tmp
guest-stubs/linux/module/module_version.h: Makefile
	$(AM_V_GEN)$(MKDIR_P) guest-stubs/linux/module && \
	echo '#define XG_MODULE_VERSION "$(VERSION)"' >$@

# ---- The bare guest ----------------------------------------------------------------------------------------------

include guest-stubs/bare/local.mk
