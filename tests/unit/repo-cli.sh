#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xengraft-repo as its users see it; minisign, where it is installed, is asked whether it agrees about signatures.
set -u
# shellcheck source=tests/unit/says.sh
. "${srcdir:-.}/tests/unit/says.sh"
repo=$PWD/driver-repo/cli/xengraft-repo
driver=$PWD/guest-stubs/drivers/blkif-virtual.o
[ -x "$repo" ] && [ -r "$driver" ] || { echo "not built: $repo, $driver"; exit 99; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
mkdir images
cp "$driver" images/
export XENGRAFT_REPO="$work/repo" XENGRAFT_CONFDIR="$work/etc" XENGRAFT_IMAGES="$work/images"
unset XENGRAFT_FAULT

says 1 "'xengraft-repo init' makes one" "$repo" list
says 0 "1 packaged image taken in" "$repo" init
says 0 "0 packaged images" "$repo" init
says 0 "" "$repo" init --quiet
[ -z "$out" ] || fail "init --quiet said: $out"
[ "$(stat -c %a etc/host.key)" = 600 ] || fail "host.key can be read by others"
image=$("$repo" list | awk 'NR == 2 { print $1 }')
says 0 '"sha256": "'"$(sha256sum "$driver" | cut -d' ' -f1)" "$repo" list --json
says 0 "xen-blkif-virtual 0" "$repo" resolve --device xen-blkif --mode virtual
says 0 "is used" "$repo" resolve --device xen-blkif --explain
says 0 '"why": "fits every OS, signed by host' "$repo" resolve --device xen-blkif --json
says 1 "no paravirtual driver for xen-blkif" "$repo" resolve --device xen-blkif --mode paravirtual
says 1 "no personality for linux 6.1.0" "$repo" resolve --release 6.1.0
says 1 "none of virtual, paravirtual, any" "$repo" resolve --device x --mode direct
says 1 "for which guest" "$repo" resolve
says 1 "is no command" "$repo" frobnicate
says 1 "usage: xengraft-repo show IMAGE" "$repo" show
says 1 "unrecognized option" "$repo" list --sign
says 0 "IMAGE is six or more digits" "$repo" show --help
says 0 "signed by host" "$repo" show "$image"
says 0 '"trust": "trusted"' "$repo" show "$image" --json
says 0 "1 images, 0 damaged" "$repo" verify
says 0 '"damaged": 0' "$repo" verify --json

# A file that is no image; one that is; one without a signature.
echo text >text.o
says 1 "cannot add: text.o" "$repo" add text.o
says 1 "No such file" "$repo" add none.o
{ head -c 8 "$driver"; printf '\001'; tail -c +10 "$driver"; } >other.o
says 0 "it will not be installed" "$repo" add other.o
says 1 "may not be installed" "$repo" verify
other=$("$repo" list --json | sed -n 's/.*"sha256": "\(.*\)".*/\1/p' | grep -v "^$image")
says 0 "signed with key" "$repo" sign "$other"
says 1 "two images fit equally well" "$repo" resolve --device xen-blkif
says 1 "a tie with" "$repo" resolve --device xen-blkif --explain --json
says 0 "" "$repo" remove "$other"
says 0 "" "$repo" resolve --device xen-blkif

# Keys.
says 0 "keep it secret" "$repo" keygen vendor.key --no-password
says 1 "a key is never overwritten" "$repo" keygen vendor.key --no-password
says 0 "signed with key" "$repo" sign other.o --key vendor.key
says 1 "which is not trusted here" "$repo" verify other.o
says 0 "is trusted from now on, as vendor.key" "$repo" trust vendor.key.pub
says 1 "is trusted already" "$repo" trust vendor.key.pub
says 0 "signed by vendor.key" "$repo" verify other.o
says 0 "signed by vendor.key" "$repo" add other.o
printf x >>other.o
says 1 "is not over these bytes" "$repo" verify other.o
says 0 "is revoked" "$repo" revoke "$other" --reason "faulty"
says 0 "xen-blkif" "$repo" resolve --device xen-blkif
says 0 "is revoked: faulty" "$repo" resolve --device xen-blkif --explain
echo secret >password
says 0 "keep it secret" "$repo" keygen locked.key --password-file password
says 0 "signed with key" "$repo" sign text.o --key locked.key --password-file password
echo wrong >password
says 1 "the password of the secret key is another one" "$repo" sign text.o --key locked.key --password-file password

if command -v minisign >/dev/null; then
	# Ours by theirs, theirs by ours, in both kinds; our secret keys in their hands.
	cp "$driver" d.o
	says 0 "signed with key" "$repo" sign d.o --key vendor.key
	says 0 "Signature and comment signature verified" minisign -V -p vendor.key.pub -m d.o
	says 0 "Signature and comment signature verified" minisign -V -p etc/keys.d/host.pub -m "$driver" \
		-x "$(echo repo/signatures/*/"$image"*.minisig)"
	minisign -G -W -p theirs.pub -s theirs.key >/dev/null || fail "minisign -G"
	says 0 "is trusted from now on" "$repo" trust theirs.pub
	for kind in -H -l; do
		rm -f d.o.minisig
		minisign -S $kind -s theirs.key -m d.o -t "a comment" >/dev/null || fail "minisign -S $kind"
		says 0 'signed by theirs' "$repo" verify d.o
		says 0 '"a comment"' "$repo" verify d.o
	done
	says 0 "signed with key" "$repo" sign d.o --key theirs.key
	says 0 "signature verified" minisign -V -p theirs.pub -m d.o
	minisign -S -s vendor.key -m d.o >/dev/null || fail "minisign cannot use our secret key"
	says 0 "signed by vendor.key" "$repo" verify d.o
	echo secret | minisign -S -s locked.key -m text.o >/dev/null 2>&1 || fail "minisign cannot open our locked key"
	says 0 "signature verified" minisign -V -p locked.key.pub -m text.o
else
	echo "minisign is not installed: its opinion was not asked"
fi

# The index.
says 0 "files removed" "$repo" gc
rm repo/index.db
says 1 "'xengraft-repo reindex' makes it anew" "$repo" list
says 0 "2 images in the index" "$repo" reindex
says 0 "" "$repo" list --kind driver
[ "$(echo "$out" | wc -l)" = 3 ] || fail "list: $out"
exit $failed
