# SPDX-License-Identifier: GPL-2.0-or-later
# Tests in plain QEMU machines, without Xen: seconds each.
dist_check_SCRIPTS += tests/qemu/t-bed.sh
TESTS += tests/qemu/t-bed.sh
EXTRA_DIST += tests/qemu/README.md
check_DATA = $(XG_BARE_OUT)/bed.elf
