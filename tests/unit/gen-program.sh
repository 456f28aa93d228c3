#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xengraft-gen as it is run: what it makes appears whole or not at all, and what it says when it can't.
set -u
src=$(cd "${srcdir:-.}" && pwd)
gen=$PWD/driver-gen/xengraft-gen
[ -x "$gen" ] || { echo "$gen: not built" >&2; exit 99; }
export XENGRAFT_DESCRIPTIONS="$src/driver-gen" XENGRAFT_STUBS="$src/guest-stubs"
export XENGRAFT_BUILDERS="$PWD/guest-stubs/linux"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
mkdir out tmp
export TMPDIR="$work/tmp"
failed=0
fail() { echo "$*"; failed=1; }
left() { [ -z "$(ls out tmp | grep -v :)" ] || fail "$1 leaves $(ls out tmp)"; rm -rf out/* tmp/*; }

# refused STATUS WORDS ARGUMENT...: and nothing is left
refused()
{
	status=$1 words=$2
	shift 2
	"$gen" "$@" >stdout 2>stderr
	is=$?
	[ $is = "$status" ] || fail "$*: status $is, not $status"
	grep -qF -e "$words" stderr || fail "$*: no '$words' in: $(head -n 3 stderr)"
	[ "$status" = 2 ] || [ "$(wc -l <stderr)" = 1 ] || fail "$*: more than one line: $(cat stderr)"
	left "$*"
}

refused 2 "--device or --os is needed"
refused 2 "-o is needed" --device xen-blkif
refused 2 "--os wants --release" --os linux -o out/x.o
refused 2 "--release is an OS's" --device xen-blkif --release 6.1 -o out/x.o
refused 2 "belongs to no option" --device xen-blkif -o out/x.o more
refused 1 "say --mode" --device xen-blkif -o out/x.o
refused 1 "device xen-blkif has no mode direct" --device xen-blkif --mode direct -o out/x.o
refused 1 "devices/none.xgd: No such file" --device none -o out/x.o
refused 1 "needs 'direct', which Linux does not offer" --device nvme-queue --os linux --release 6.1.0 -o out/x.o
refused 1 "older than 6.1" --device xen-blkif --mode virtual --os linux --release 5.10.0 -o out/x.o
refused 1 "in the package linux-headers-6.1.0-none" --os linux --release 6.1.0-none -o out/x.o
refused 1 "cannot write beside" --device xen-blkif --mode virtual -o none/x.o
sed 's/gref		u32 @ 0;/gref		u32 @ 2;/' "$src/driver-gen/devices/xen-blkif.xgd" >wrong.xgd
refused 1 "./wrong.xgd:18:3: field gref of 4 bytes is at 2" --device ./wrong.xgd --mode virtual -o out/x.o
refused 1 "./wrong.xgd:18:3: field gref of 4 bytes is at 2" --device ./wrong.xgd --mode virtual --emit-c -o out/x.c
XENGRAFT_CC=/bin/false refused 1 "/bin/false failed with status 1" --device xen-blkif --mode virtual -o out/x.o
XENGRAFT_CC=xg-no-such-cc refused 1 "is missing; on Debian it is in the package gcc" --device xen-blkif --mode virtual \
	-o out/x.o

# An older file stays what it was.
echo old >out/x.o
"$gen" --device ./wrong.xgd --mode virtual -o out/x.o 2>/dev/null
XENGRAFT_CC=/bin/false "$gen" --device xen-blkif --mode virtual -o out/x.o 2>/dev/null
[ "$(cat out/x.o)" = old ] || fail "an older file was touched"
rm out/x.o
left "a refusal"

# What is made: the same each time, alone in its folder, and by its own note for whom it is.
"$gen" --device xen-blkif --mode virtual -o out/a.o && mv out/a.o a.o || fail "no driver"
left "a driver"
"$gen" --device xen-blkif --mode virtual -o out/b.o && mv out/b.o b.o
cmp a.o b.o || fail "twice the same, two results"
[ -z "$(find a.o -perm -0002)" ] || fail "anybody may write to an image"
"$gen" --device xen-blkif --mode virtual --os linux --release 6.1.0-1-amd64 -o c.o || fail "no driver for one release"
grep -q '^release=6.1.0-1-amd64$' c.o || fail "the note does not name the release"
"$gen" --device xen-blkif --mode virtual --emit-c >stdout.c &&
	"$gen" --device xen-blkif --mode virtual --emit-c -o file.c ||
	fail "no C"
grep -v '^#line' stdout.c >1 && grep -v '^#line' file.c >2 && cmp 1 2 || fail "two kinds of C"

# Parts of the skeleton that the devices have no use for compile, too.
for toy in granted bus; do
	"$gen" --device "$src/tests/unit/gen/toy-$toy.xgd" --mode virtual -o toy.o || fail "toy-$toy does not compile"
	[ -z "$(nm -u toy.o)" ] || fail "toy-$toy imports $(nm -u toy.o)"
	[ -z "$(size -A toy.o | awk '/^\.(data|bss)/ && $2')" ] || fail "toy-$toy has data of its own"
	rm -f toy.o
done

# What only the compiler can see is shown where the description says it.
sed 's/len		u32 @ 4;/__LINE__ u32 @ 4;/' "$src/driver-gen/devices/virtio-blk.xgd" >odd.xgd
"$gen" --device ./odd.xgd -o out/x.o 2>stderr && fail "a field called __LINE__ was compiled"
grep -q '^./odd.xgd:[0-9]*:' stderr || fail "the compiler speaks of another place: $(head -n 3 stderr)"
left "an odd description"

"$gen" --list | grep -q '^xen-blkif  *virtual,paravirtual  *grants,events' || fail "--list: no xen-blkif"
"$gen" --list --json | grep -q '"needs": "direct"' || fail "--list --json: no needs"
exit $failed
