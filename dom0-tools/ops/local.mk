# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += dom0-tools/ops/libxgops.a
dom0_tools_ops_libxgops_a_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
dom0_tools_ops_libxgops_a_SOURCES = \
	dom0-tools/ops/attach.c \
	dom0-tools/ops/backend_blkback.c \
	dom0-tools/ops/backend_kind.c \
	dom0-tools/ops/backend_kind.h \
	dom0-tools/ops/backend_process.c \
	dom0-tools/ops/claims.c \
	dom0-tools/ops/claims.h \
	dom0-tools/ops/connect.c \
	dom0-tools/ops/connect.h \
	dom0-tools/ops/detach.c \
	dom0-tools/ops/generate.c \
	dom0-tools/ops/generate.h \
	dom0-tools/ops/images.c \
	dom0-tools/ops/interrupt.c \
	dom0-tools/ops/interrupt.h \
	dom0-tools/ops/json_text.c \
	dom0-tools/ops/json_text.h \
	dom0-tools/ops/ops.c \
	dom0-tools/ops/ops.h \
	dom0-tools/ops/policy.c \
	dom0-tools/ops/policy.h \
	dom0-tools/ops/ready.c \
	dom0-tools/ops/reconnect.c \
	dom0-tools/ops/swap.c \
	dom0-tools/ops/sweep.c \
	dom0-tools/ops/teardown.h \
	dom0-tools/ops/vdev.c \
	dom0-tools/ops/vdev.h \
	dom0-tools/ops/xl_vbd.c \
	dom0-tools/ops/xl_vbd.h
# With all that is below (driver-repo/local.mk): what a program of ours links that operates.
XG_OPS_ALL = dom0-tools/ops/libxgops.a $(XG_REPO_ALL) $(XL_LIBS)
