#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What cannot be done is refused: one clear line, status 1, nothing left behind.
. "${0%/*}/t-lib.sh"

g=refuse
# refused TEXT COMMAND...: fails with 1 and TEXT, and leaves no trace.
refused()
{
	before=$(t_traces)
	t_fails 1 "$@" && t_same traces "$(t_traces)" "$before"
}

paused()
{
	xl pause $g
	rc=0
	refused "is paused" xengraft disk-attach $g /root/r.img,raw,xvdb,rw || rc=$?
	xl unpause $g
	return $rc
}

in_use_by_xl()
{
	# On a file of its own: a disk that no blkfront took may stay on xl's list for a while, and counts as long.
	truncate -s 8M /root/xl.img
	xl block-attach $g "format=raw,vdev=xvdd,access=rw,target=/root/xl.img" || :
	rc=0
	refused "in use by a disk of xl's" xengraft disk-attach $g /root/r2.img,raw,xvdd,rw || rc=$?
	xl block-detach $g xvdd || :
	return $rc
}

in_use_by_us()
{
	xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	t_settle
	refused "vdev xvdb is in use" xengraft disk-attach $g /root/r2.img,raw,xvdb,rw
	refused "not both are --shared" xengraft disk-attach $g /root/r.img,raw,xvdc,rw
	xengraft disk-detach $g xvdb
	xengraft withdraw $g
}

denied()
{
	printf 'deny %s\nallow *\n' $g >/root/policy
	export XENGRAFT_POLICY=/root/policy
	refused "denied by /root/policy:1" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	refused "denied by" xengraft inspect $g
	# What is not denied: to look at the record (xengraft-policy(5)).
	refused "has no disk" xengraft status $g xvdb
	echo 'perhaps x' >/root/policy
	refused "/root/policy:1: expected" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
}

pages() { xl list "$1" | awk 'NR == 2 { print $3 }'; }

# Half of its memory is given back to Xen while xengraft comes and goes: nothing of that is in the way, nor lost.
ballooned()
{
	before=$(pages $g)
	xl mem-set $g $((before - 80))
	for i in $(seq 100); do [ "$(pages $g)" -lt $((before - 60)) ] && break; sleep 0.2; done
	[ "$(pages $g)" -lt $((before - 60)) ]
	xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	lab-guest exec $g 'dd if=/dev/xvdb of=/dev/null bs=64k 2>/dev/null'
	xl mem-set $g "$before"
	for i in $(seq 100); do [ "$(pages $g)" -ge $((before - 1)) ] && break; sleep 0.2; done
	xengraft disk-detach $g xvdb
	xengraft withdraw $g
}

# A repository aside, with the driver and whatever of personalities a case puts into /root/images.
own_repository()
{
	rm -rf /root/repo /root/etc /root/images
	mkdir -p /root/images
	cp /usr/lib/xengraft/images/blkif-virtual.o /root/images/
	export XENGRAFT_REPO=/root/repo XENGRAFT_CONFDIR=/root/etc XENGRAFT_IMAGES=/root/images
	release=$(lab-guest exec $g 'uname -r')
	own=/root/images/linux-$release.o
}

other_kernel()
{
	own_repository
	refused "no personality for linux $release" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	# Dom0 has no headers: the package that brings them is named.
	refused "none can be generated: no headers for $release; on Debian they are in the package linux-headers-$release" \
		xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	for other in /usr/lib/xengraft/images/linux-*; do
		case $other in *"$release"*) ;; *) break ;; esac
	done
	cp "$other" "$own"
	xengraft-repo init
	refused "the nearest is for release" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	# The right release with another BUILD-ID: one digit of the note is changed.
	sed 's/build-id=\(.\)/build-id=\1/; s/build-id=./build-id=0/; s/build-id=00/build-id=10/' \
		"/usr/lib/xengraft/images/linux-$release.o" >"$own"
	xengraft-repo init
	refused "the nearest is for build" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	head -c 3000 "/usr/lib/xengraft/images/linux-$release.o" >"$own"
	xengraft-repo init 2>&1 | grep -F "$own"
	refused "no personality for linux $release" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	head -c 20000 /dev/urandom >"$own"
	xengraft-repo init 2>&1 | grep -F "$own"
	refused "no personality for linux $release" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
	cp "/usr/lib/xengraft/images/linux-$release.o" "$own"
	chmod 666 "$own"
	xengraft-repo init 2>&1 | grep -F "others than root"
	refused "no personality for linux $release" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
}

# What may not be installed: not signed, signed by nobody who counts, over other bytes, revoked, changed on the disk.
not_trusted()
{
	own_repository
	attach="xengraft disk-attach $g /root/r.img,raw,xvdb,rw"
	xengraft-repo init
	xengraft-repo add "/usr/lib/xengraft/images/linux-$release.o"
	image=$(xengraft-repo list --kind personality | awk 'NR == 2 { print $1 }')
	refused "is not signed" $attach
	xengraft-repo keygen /root/other.key --no-password
	xengraft-repo sign "$image" --key /root/other.key
	refused "which is not trusted here" $attach
	# Another image's signature.
	for s in /root/repo/signatures/*/*.minisig; do case $s in */"$image"*) ;; *) break ;; esac; done
	b=$(echo /root/repo/blobs/sha256/*/"$image"*)
	id=${s%.minisig}
	cp "$s" "/root/repo/signatures/$(echo "$image" | cut -c1-2)/${b##*/}.${id##*.}.minisig"
	refused "is not over these bytes" $attach
	xengraft-repo sign "$image"
	xengraft-repo resolve --guest $g --device xen-blkif --mode virtual
	cp "$b" /root/good
	printf x | dd of="$b" bs=1 seek=2000 conv=notrunc 2>/dev/null
	refused "is damaged" $attach
	t_fails 1 "is damaged" xengraft-repo resolve --guest $g
	head -c 2000 /root/good >"$b"
	refused "is damaged" $attach
	cp /root/good "$b"
	xengraft-repo revoke "$image" --reason "a test"
	refused "is revoked: a test" $attach
	rm /root/etc/revoked
	xengraft-repo revoke "$(xengraft-repo trust | awk '{ print $1 }')"
	refused "signed by the revoked key" $attach
	rm /root/etc/revoked
	echo 'unsigned allow' >/root/etc/repo.conf
	rm /root/repo/signatures/*/*.minisig
	xengraft disk-attach $g /root/r.img,raw,xvdb,rw 2>/root/said
	t_same "said that it is not signed" "$(grep -c 'is not signed; /root/etc/repo.conf allows that' /root/said)" 2
	xengraft disk-detach $g xvdb
	xengraft withdraw $g
}

# Only while the guest is booting, so that there is no kernel to be found yet.
booting()
{
	lab-guest start young --paused
	rc=0
	refused "" xengraft inspect young || rc=$?
	xl unpause young
	# Whatever it is by now: an answer, no crash and no hang.
	n=0
	while [ $n -lt 5 ]; do
		xengraft inspect young || [ $? = 1 ]
		n=$((n + 1))
	done
	lab-guest ready young
	xengraft inspect young
	xl destroy young
	return $rc
}

crashed()
{
	lab-guest start doomed --config 'on_crash = "preserve"' --config 'on_reboot = "preserve"'
	lab-guest exec doomed 'echo c >/proc/sysrq-trigger' >/dev/null 2>&1 &
	n=0
	until xl list doomed | grep -qE -- '-s|c-' || [ $n -ge 200 ]; do n=$((n + 1)); sleep 0.1; done
	rc=0
	refused "has shut down or crashed" xengraft disk-attach doomed /root/r.img,raw,xvdb,rw || rc=$?
	xl destroy doomed
	return $rc
}

dry_run()
{
	before=$(t_traces)
	xengraft -N disk-attach $g /root/r.img,raw,xvdb,rw | grep -q 'would add the disk'
	t_same traces "$(t_traces)" "$before"
	refused "No such file" xengraft -N disk-attach $g /root/none,raw,xvdb,rw
}

xengraft disk-list >/dev/null	# makes the database
xengraft-repo init
truncate -s 8M /root/r.img /root/r2.img
: >/root/empty.img
truncate -s 1000 /root/odd.img
lab-guest start $g || exit 99

t_case "no such guest" refused "is an invalid domain identifier" xengraft disk-attach nobody /root/r.img,raw,xvdb,rw
t_case "the control domain" refused "control domain" xengraft disk-attach 0 /root/r.img,raw,xvdb,rw
t_case "no such target" refused "No such file" xengraft disk-attach $g /root/none.img,raw,xvdb,rw
t_case "a directory" refused "neither a file nor a block device" xengraft disk-attach $g /root,raw,xvdb,rw
t_case "an empty file" refused "empty" xengraft disk-attach $g /root/empty.img,raw,xvdb,rw
t_case "a size that is no sectors" refused "odd.img" xengraft disk-attach $g /root/odd.img,raw,xvdb,rw
t_case "a format that it cannot serve" refused "format qcow2 is not supported" \
	xengraft disk-attach $g /root/r.img,qcow2,xvdb,rw
t_case "a SPEC that does not parse" refused "disk specification" \
	xengraft disk-attach $g 'vdev=xvdb,bogus=1,target=/root/r.img'
t_case "a SPEC without vdev" refused "no vdev" xengraft disk-attach $g 'target=/root/r.img'
t_case "a SPEC that asks for another backend" refused "backendtype=qdisk is not supported" \
	xengraft disk-attach $g 'backendtype=qdisk,vdev=xvdb,target=/root/r.img'
t_case "a SPEC that asks for virtio" refused "specification=virtio is not supported" \
	xengraft disk-attach $g 'specification=virtio,vdev=xvdb,target=/root/r.img'
t_case "a vdev that is none" refused "no virtual disk" xengraft disk-attach $g /root/r.img,raw,floppy,rw
t_case "nothing to detach" refused "has no disk" xengraft disk-detach $g xvdz
t_case "a paused guest" paused
t_case "a guest that gives memory back" ballooned
t_case "a vdev of xl's" in_use_by_xl
t_case "a vdev and a target of ours" in_use_by_us
t_case "a guest that the policy denies" denied
t_case "images for another kernel, cut or garbled" other_kernel
t_case "images that are not signed, revoked or changed" not_trusted
t_case "a dry run changes nothing" dry_run
t_case "a guest that is booting" booting
t_case "a guest that has crashed" crashed
t_case "after all that, attach works" xengraft disk-attach $g /root/r.img,raw,xvdb,rw
t_case "and the guest's log is clean" t_guest_log_clean $g
t_end
