#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# disk-attach generates what the repository lacks: with a real compiler, a real kernel's headers and a real guest. Dom0
# is too small for a compiler; so xengraft runs in a Debian beside it (xenlab run --builder), with Dom0's devices and
# xenstore.
. "${0%/*}/t-lib.sh"

g=made
root=/root/builder

builder_disk()
{
	for disk in /sys/block/vd*; do
		if [ "$(cat "$disk/serial")" = builder ]; then echo "/dev/${disk##*/}"; fi
	done
}

# The image is read-only: what is written goes to memory.
builder_mount()
{
	modprobe overlay
	mkdir -p /root/lower /root/over $root
	mount -t ext4 -o ro "$(builder_disk)" /root/lower
	mount -t tmpfs tmpfs /root/over
	mkdir /root/over/upper /root/over/work
	mount -t overlay -o lowerdir=/root/lower,upperdir=/root/over/upper,workdir=/root/over/work overlay $root
	for d in dev proc sys run; do mount -o rbind /$d $root/$d; done
	mkdir -p $root/var/log/xen
	find /usr /etc | grep xengraft >/root/files
	while read -r file; do
		if [ -d "$file" ]; then mkdir -p "$root$file"; else cp -a "$file" "$root$file"; fi || return
	done </root/files
}

in_builder() { chroot $root /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C XENGRAFT_FAULT="${fault:-}" "$@"; }

image_of() { in_builder xengraft-repo list --kind "$1" | awk -v name="$2" '$3 == name { print $1 }'; }

without_images()
{
	in_builder xengraft-repo init
	packaged=$(in_builder xengraft-repo show "$(image_of personality "linux-$release")" | grep -i build)
	in_builder xengraft-repo remove "$(image_of personality "linux-$release")"
	in_builder xengraft-repo remove "$(image_of driver xen-blkif-virtual)"
	t_same "personalities left for $release" "$(image_of personality "linux-$release")" ""
	echo "$packaged" >/root/packaged
}

# refused TEXT: no attach, one line, no trace, nothing added, no folder left.
refused()
{
	before="$(t_traces) $(in_builder xengraft-repo list | wc -l)"
	t_fails 1 "$1" in_builder xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	t_same traces "$(t_traces) $(in_builder xengraft-repo list | wc -l)" "$before"
	t_not ls -d $root/var/lib/xengraft/generate/image.*
}

# without PATH TEXT: refused while that is not there.
without()
{
	mv "$root$1" "$root$1.aside"
	rc=0
	( set -e; refused "$2" ) || rc=$?
	mv "$root$1.aside" "$root$1"
	return $rc
}

another_build()
{
	mv "$root/boot/vmlinuz-$release" "$root/boot/aside"
	cp "/lab/guest/6.12/vmlinux" "$root/boot/vmlinuz-$release"
	rc=0
	( set -e; refused "of this host is the build" ) || rc=$?
	mv "$root/boot/aside" "$root/boot/vmlinuz-$release"
	return $rc
}

denied()
{
	echo 'generate deny' >$root/etc/xengraft/repo.conf
	rc=0
	( set -e; refused "repo.conf denies it" ) || rc=$?
	rm $root/etc/xengraft/repo.conf
	return $rc
}

dry_run()
{
	in_builder xengraft -N disk-attach $g /root/r.img,raw,xvdb,rw >/root/said
	cat /root/said
	grep -x 'would generate the personality' /root/said
	grep -x 'would generate the driver' /root/said
	t_same "images of it" "$(image_of personality "linux-$release")" ""
}

killed()
{
	rc=0
	fault="kill:generate: begun" in_builder xengraft disk-attach $g /root/r.img,raw,xvdb,rw || rc=$?
	t_same "exit status" $rc 137
	t_same "folders left" "$(ls -d $root/var/lib/xengraft/generate/image.* | wc -l)" 1
	t_same "images of it" "$(image_of personality "linux-$release")" ""
}

generates()
{
	in_builder xengraft -v disk-attach $g /root/r.img,raw,xvdb,rw >/root/said 2>&1 || { cat /root/said; return 1; }
	cat /root/said
	sed -n 's/^ *\([0-9]* ms\)  generate the \(.*\)/NOTE generate the \2 began at \1/p; s/^ *\([0-9]* ms\)  record the guest/NOTE and was done by \1/p' \
		/root/said
	for what in "personality linux-$release" "driver xen-blkif-virtual"; do
		t_same "times that '$what' was said" "$(grep -c "generated $what .*, signed with this host's key and added" /root/said)" 1
		digest=$(sed -n "s/.*generated $what .*sha256 \([0-9a-f]\{64\}\)$/\1/p" /root/said)
		in_builder xengraft-repo show "$digest" | tee /root/shown
		grep -q 'xengraft-gen' /root/shown
		grep -q 'signed by host' /root/shown
	done
	# Whatever the packaged one said of its kernel.
	t_same build-id "$(in_builder xengraft-repo show "$(image_of personality "linux-$release")" | grep -i build)" "$(cat /root/packaged)"
	in_builder xengraft-repo verify
	t_not ls -d $root/var/lib/xengraft/generate/image.*
}

disk_works()
{
	t_same "sum" "$(lab-guest exec $g 'sha256sum </dev/xvdb')" "$(sha256sum <$root/root/r.img)"
	lab-guest exec $g 'head -c 65536 /dev/urandom >/tmp/w && dd if=/tmp/w of=/dev/xvdb bs=64k seek=3 conv=fsync 2>/dev/null'
	t_same "what was written" "$(dd if=$root/root/r.img bs=64k skip=3 count=1 2>/dev/null | sha256sum)" \
		"$(lab-guest exec $g 'sha256sum </tmp/w')"
	t_guest_log_clean $g
}

found_then()
{
	in_builder xengraft disk-detach $g xvdb
	in_builder xengraft withdraw $g
	in_builder xengraft -v disk-attach $g /root/r.img,raw,xvdb,rw >/root/said 2>&1
	cat /root/said
	t_not grep -E "generated? " /root/said
	in_builder xengraft disk-detach $g xvdb
	in_builder xengraft withdraw $g
}

[ -n "$(builder_disk)" ] || { t_skip "disk-attach generates" "Dom0 has no disk 'builder' (xenlab run --builder)"; exit 77; }
lab-guest start $g || exit 99
release=$(lab-guest exec $g 'uname -r')
builder_mount || exit 99
head -c 8388608 /dev/urandom >$root/root/r.img
t_case "a repository without the guest's personality and the driver" without_images
t_case "-N says that it would generate both" dry_run
t_case "repo.conf denies it" denied
t_case "no headers: the package is named" without "/usr/src/linux-headers-$release" \
	"in the package linux-headers-$release"
t_case "no kernel image: the package is named" without "/boot/vmlinuz-$release" "in the package linux-image-$release"
t_case "no make: the package is named" without /usr/bin/make "make is missing; on Debian it is in the package make"
t_case "no compiler: the package is named" without /usr/bin/gcc "gcc is missing; on Debian it is in the package gcc"
t_case "no generator" without /usr/bin/xengraft-gen "the generator /usr/bin/xengraft-gen is not installed"
t_case "killed when it has begun: nothing was added" killed
t_case "another kernel under the release's name: what was made is not added" another_build
t_case "generated, signed, added, attached" generates
t_case "the disk works" disk_works
t_case "the next attach finds both" found_then
lab-guest stop $g
t_end
