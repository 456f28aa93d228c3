#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The check of the arrows finds what it is for: a small tree that follows its table, then one wrong line at a time.
set -u
here=${srcdir:-.}/tests/lib
check=$(cd "$here" && pwd)/check-deps.sh
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

# A valid tree: every kind of row is used.
plant() {
	rm -rf "${work:?}"/*
	mkdir -p "$work/tests/lib" "$work/lib/base" "$work/lib/xen" "$work/hotswap/sub" "$work/guest-stubs/abi" \
		"$work/guest-stubs/linux"
	cat > "$work/tests/lib/deps.tab" <<-EOT
		lib/base:
		lib/xen: lib/base <xen>
		hotswap: lib/xen lib/base "made.h"   # a comment
		guest-stubs/abi:
		guest-stubs/linux: guest-stubs/abi <xen> by-name
		tests: *
	EOT
	touch "$work/lib/base/err.h" "$work/lib/xen/guest.h" "$work/guest-stubs/abi/abi.h" \
		"$work/guest-stubs/linux/own.h"
	printf '#include <xenctrl.h>\n#include "lib/base/err.h"\n' > "$work/lib/xen/guest.c"
	printf '#include "lib/xen/guest.h"\n#include "made.h"\n#include <stdio.h>\n' > "$work/hotswap/sub/swap.c"
	printf '#include "abi.h"\n#include "own.h"\n#include <xen/page.h>\n' > "$work/guest-stubs/linux/disk.c"
	printf '#include "hotswap/swap.h"\n' > "$work/tests/lib/all.c"
	touch "$work/hotswap/swap.h"
}

expect() {
	want=$1 text=$2
	out=$("$check" "$work" 2>&1)
	got=$?
	if [ $got -ne "$want" ] || ! printf '%s' "$out" | grep -qF -- "$text"; then
		printf 'FAIL: wanted %s and "%s", got %s and:\n%s\n' "$want" "$text" $got "$out"
		failed=1
	fi
}

# add FILE LINE: one more line in a file of the valid tree.
add() {
	plant
	printf '%s\n' "$2" >> "$work/$1"
}

plant
expect 0 "9 includes of 4 files follow 6 rows"
add lib/base/err.h '#include "lib/xen/guest.h"'
expect 1 'lib/base/err.h:1: lib/base may not include lib/xen ("lib/xen/guest.h")'
add hotswap/sub/swap.c '#include <xenctrl.h>'
expect 1 "hotswap/sub/swap.c:4: hotswap may not include Xen's headers (<xenctrl.h>)"
add hotswap/swap.h '#  include  <libxl_utils.h>'
expect 1 "may not include Xen's headers (<libxl_utils.h>)"
add hotswap/swap.h '#include <xen/io/ring.h>'
expect 1 "may not include Xen's headers (<xen/io/ring.h>)"
add hotswap/swap.h '#include "swap.h"'
expect 1 'hotswap/swap.h:1: "swap.h" is not written from the top of the tree'
add hotswap/swap.h '#include "../lib/base/err.h"'
expect 1 '"../lib/base/err.h" is not written from the top of the tree'
add hotswap/swap.h '#include "lib/base/none.h"'
expect 1 '"lib/base/none.h" is not there'
add guest-stubs/linux/disk.c '#include "err.h"'
expect 1 '"err.h" is not written from the top of the tree'
add guest-stubs/linux/disk.c '#include "lib/base/err.h"'
expect 1 'guest-stubs/linux may not include lib/base'
add tests/lib/all.c '#include <xenstore.h>'
expect 1 "tests may not include Xen's headers"
add tests/lib/deps.tab 'lib/base:'
expect 1 'tests/lib/deps.tab:7: not a row, or a second one for lib/base'
plant
sed -i 's,^lib/base:,lib/base: hotswap,' "$work/tests/lib/deps.tab"
expect 1 'a circle: '
plant
sed -i '/^hotswap:/d' "$work/tests/lib/deps.tab"
expect 1 'hotswap/sub/swap.c: no row in tests/lib/deps.tab'
plant
rm "$work/tests/lib/deps.tab"
expect 99 'not there'

[ $failed -eq 0 ] && echo "the check finds each wrong arrow"
exit $failed
