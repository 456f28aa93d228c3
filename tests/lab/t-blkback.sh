#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The generated block driver against the kernel's xen-blkback, which maps the guest's pages: what is read is what Dom0
# has, what is written arrives, fio verifies, nothing is left. Arguments: type:kernel:vcpus of guests.
. "${0%/*}/t-lib.sh"

cp "$(readlink -f /bin/sh)" /run/xengraft-backend-sh
cp "${0%/*}/blkback-as-backend.sh" /run/blkback-as-backend
chmod +x /run/blkback-as-backend

loop=/dev/loop0
dd if=/dev/urandom of=/run/blkback.img bs=1M count=48 2>/dev/null
losetup $loop /run/blkback.img

attach() { XENGRAFT_BACKEND=/run/blkback-as-backend xengraft disk-attach "$1" \
	"format=raw,vdev=xvdb,access=$2,target=$loop"; }
in_guest() { lab-guest exec "$g" "$1"; }
# Past Dom0's page cache, as xen-blkback writes.
sum() { dd if=$loop bs=1M iflag=direct 2>/dev/null | sha256sum; }
t_clear_up() { xengraft disk-detach --force "$g" xvdb >/dev/null 2>&1; }

serves()
{
	attach "$g" w
	ls -d /sys/bus/xen-backend/devices/vbd-"$(xl domid "$g")"-x51728
	t_same sums "$(in_guest 'sha256sum </dev/xvdb')" "$(sum)"
	in_guest 'dd if=/dev/urandom of=/dev/xvdb bs=64k count=100 seek=17 oflag=direct 2>/dev/null; sync'
	t_same "sums after writing" "$(in_guest 'sha256sum </dev/xvdb')" "$(sum)"
	xengraft disk-detach "$g" xvdb
	t_not ls -d /sys/bus/xen-backend/devices/vbd-*-x*
}

# Requests of one page and of many, at depth, checked by fio itself.
fio_verifies()
{
	attach "$g" w
	in_guest 'fio --minimal --name=v --filename=/dev/xvdb --ioengine=libaio --direct=1 --rw=randrw --bsrange=4k-256k --size=40m \
		--io_size=24m --iodepth=32 --verify=crc32c --verify_fatal=1 >/dev/null'
	xengraft disk-detach "$g" xvdb
}

comes_and_goes()
{
	for i in 1 2 3 4 5; do
		attach "$g" r
		in_guest 'dd if=/dev/xvdb of=/dev/null bs=128k count=20 2>/dev/null'
		xengraft disk-detach "$g" xvdb
	done
}

for guest in "${@:-pvh:6.1:2}"; do
	g=b$(echo "$guest" | tr -d :.)
	IFS=: read -r type kernel vcpus <<-END
	$guest
	END
	lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus" --tools
	t_case "$guest: xen-blkback serves the driver" serves
	t_case "$guest: fio verifies" fio_verifies
	t_case "$guest: comes and goes" comes_and_goes
	t_case "$guest: withdrawn" xengraft withdraw "$g"
	t_case "$guest: the guest's log is clean" t_guest_log_clean "$g"
	lab-guest stop "$g"
done
t_end
