# SPDX-License-Identifier: GPL-2.0-or-later
# The manual, which is installed, and what a reader of the sources wants, which goes along with them.
dist_man_MANS += \
	docs/man/xengraft.1 \
	docs/man/xengraft-repo.1 \
	docs/man/xengraft-gen.1 \
	docs/man/xengraft-device.5 \
	docs/man/xengraft-os.5 \
	docs/man/xengraft-policy.5 \
	docs/man/xengraft.7 \
	docs/man/xengraft.conf.5 \
	docs/man/xengraftd.8 \
	docs/man/xengraft-backend.8 \
	docs/man/xengraft-build-image.8

EXTRA_DIST += docs/README.md docs/main-path.md docs/decisions

# What each folder is. Those that are not named here stand in their folder's local.mk.
EXTRA_DIST += \
	dom0-tools/README.md dom0-tools/cli/README.md dom0-tools/ops/README.md \
	driver-gen/README.md driver-repo/README.md guest-stubs/README.md guest-stubs/linux/README.md \
	hotswap/README.md hypervisor-patches/README.md lib/README.md lib/xen/README.md \
	tests/README.md tests/fault/README.md tests/lib/README.md tests/unit/README.md

EXTRA_DIST += hypervisor-patches/xl

# The documents name what exists.
TESTS += tests/lib/check-docs.sh
EXTRA_DIST += tests/lib/check-docs.sh
