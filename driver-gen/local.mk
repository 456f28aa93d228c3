# SPDX-License-Identifier: GPL-2.0-or-later
# The generator: a library, the program, and the descriptions, which are installed as they are.
noinst_LIBRARIES += driver-gen/libxggen.a
driver_gen_libxggen_a_SOURCES = \
	driver-gen/device.h driver-gen/device_check.c driver-gen/device_emit.c driver-gen/device_emit.h \
	driver-gen/device_emit_form.c driver-gen/device_form.c \
	driver-gen/device_parse.c driver-gen/device_parse.h driver-gen/device_place.c driver-gen/device_ring.c \
	driver-gen/device_struct.c driver-gen/expr.c driver-gen/expr.h driver-gen/os.c driver-gen/os.h \
	driver-gen/out.c driver-gen/out.h driver-gen/parse.h driver-gen/source.c driver-gen/source.h

bin_PROGRAMS += driver-gen/xengraft-gen
driver_gen_xengraft_gen_SOURCES = \
	driver-gen/catalogue.c driver-gen/catalogue.h driver-gen/compile.c driver-gen/compile.h driver-gen/main.c
driver_gen_xengraft_gen_CPPFLAGS = $(AM_CPPFLAGS) -DXG_STUBSDIR='"$(stubsdir)"' \
	-DXG_DESCRIPTIONSDIR='"$(descriptionsdir)"'
driver_gen_xengraft_gen_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
driver_gen_xengraft_gen_LDADD = driver-gen/libxggen.a lib/base/libxgbase.a $(JSON_LIBS)

XG_DEVICE_DESCRIPTIONS = driver-gen/devices/nvme-queue.xgd driver-gen/devices/virtio-blk.xgd \
	driver-gen/devices/xen-blkif.xgd
XG_OS_DESCRIPTIONS = driver-gen/os/bare.xgo driver-gen/os/linux.xgo
XG_SKELETONS = driver-gen/skeletons/block_queue.skel

descriptionsdir = $(datadir)/xengraft/driver-gen
descriptionsdevicesdir = $(descriptionsdir)/devices
descriptionsosdir = $(descriptionsdir)/os
descriptionsskeletonsdir = $(descriptionsdir)/skeletons
dist_descriptions_DATA = driver-gen/cflags
dist_descriptionsdevices_DATA = $(XG_DEVICE_DESCRIPTIONS)
dist_descriptionsos_DATA = $(XG_OS_DESCRIPTIONS)
dist_descriptionsskeletons_DATA = $(XG_SKELETONS)

dist_completion_DATA += driver-gen/completion/xengraft-gen

# What the build itself runs: the program that was just built, with the tree's descriptions.
XG_GEN = XENGRAFT_DESCRIPTIONS=$(abs_srcdir)/driver-gen XENGRAFT_STUBS=$(abs_srcdir)/guest-stubs \
	XENGRAFT_BUILDERS=$(abs_builddir)/guest-stubs/linux $(abs_builddir)/driver-gen/xengraft-gen
XG_GEN_INPUTS = driver-gen/xengraft-gen driver-gen/cflags $(XG_SKELETONS) \
	guest-stubs/abi/xengraft_abi.h guest-stubs/abi/xengraft_note.h

# ./xengraft-gen is that, too, before anything is installed.
noinst_SCRIPTS += xengraft-gen
CLEANFILES += xengraft-gen
xengraft-gen: Makefile
	$(AM_V_GEN){ echo '#!/bin/sh'; \
		echo ': "$${XENGRAFT_DESCRIPTIONS:=$(abs_srcdir)/driver-gen}"'; \
		echo ': "$${XENGRAFT_STUBS:=$(abs_srcdir)/guest-stubs}"'; \
		echo ': "$${XENGRAFT_BUILDERS:=$(abs_builddir)/guest-stubs/linux}"'; \
		echo 'export XENGRAFT_DESCRIPTIONS XENGRAFT_STUBS XENGRAFT_BUILDERS'; \
		echo 'exec $(abs_builddir)/driver-gen/xengraft-gen "$$@"'; } >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
