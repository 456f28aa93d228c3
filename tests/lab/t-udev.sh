#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian guest with systemd and udev sees a disk of ours as it sees one of xl's beside it: the same properties, links,
# events and units; but for where the kernel has it (a directory below /devices, a number).
# Arguments: guests as TYPE:KERNEL.
# shellcheck disable=SC2016 # text for the guest
. "${0%/*}/t-lib.sh"

on() { lab-guest exec "$g" "$1"; }

# The kernel's and udev's events from monitor() on, those about xvd*: "KERNEL add xvdb".
monitor()
{
	on 'udevadm monitor --kernel --udev --subsystem-match=block >/run/monitor 2>&1 & echo $! >/run/monitor.pid
		n=0; until grep -q ^KERNEL /run/monitor || [ $n -ge 100 ]; do sleep 0.1; n=$((n + 1)); done'
}
events()
{
	on 'udevadm settle; sleep 1; kill $(cat /run/monitor.pid)
		sed -n "s,^\([A-Z]*\) *\[[0-9.]*\] \([a-z]*\) .*/\(xvd[a-z0-9]*\) .*,\1 \2 \3,p" /run/monitor'
}

# properties DISK: what udev knows, without what must differ between two disks.
properties()
{
	on "udevadm info --query=property --name=$1" |
		grep -v -E '^(DEVPATH|DEVNAME|DISKSEQ|MAJOR|MINOR|USEC_INITIALIZED|DEVLINKS)=' |
		grep -v -E '^ID_FS_(UUID|LABEL)' | LC_ALL=C sort
}

# queue DISK: what the block layer says that programs look at.
queue()
{
	on "cd /sys/block/$1 && for f in removable ro ext_range hidden queue/rotational queue/logical_block_size \
			queue/physical_block_size queue/zoned queue/write_cache queue/add_random; do
		echo \$f \$(cat \$f); done"
}

with_xls()
{
	xl block-attach "$g" 'phy:/dev/loop5,xvdc,w'
	on 'for i in $(seq 100); do [ -e /dev/disk/by-label/theirs ] && exit 0; sleep 0.1; done; exit 1'
}

looks_alike()
{
	on 'for i in $(seq 100); do [ -e /dev/disk/by-label/ours ] && exit 0; sleep 0.1; done; exit 1'
	properties xvdb >/tmp/ours; properties xvdc >/tmp/theirs
	echo "properties, ours and theirs:"; diff /tmp/ours /tmp/theirs
	grep -qx 'ID_FS_TYPE=ext4' /tmp/ours
	queue xvdb >/tmp/ours; queue xvdc >/tmp/theirs
	echo "queue, ours and theirs:"; diff /tmp/ours /tmp/theirs
	on 'lsblk -rno NAME,RM,SIZE,RO,TYPE,FSTYPE,LABEL /dev/xvdb /dev/xvdc' |
		sed 's/^xvd[bc]//; s/ours\|theirs//' >/tmp/lsblk
	cat /tmp/lsblk
	t_same "kinds of line of lsblk" "$(sort -u /tmp/lsblk | wc -l)" 1
	on 'blkid /dev/xvdb /dev/xvdc' | sed 's/xvd.//; s/ours\|theirs//; s/ UUID="[^"]*"//' >/tmp/blkid
	cat /tmp/blkid
	t_same "kinds of line of blkid" "$(sort -u /tmp/blkid | wc -l)" 1
}

# Every kind of link that xl's has, ours has.
has_its_links()
{
	for d in b c; do
		on "for l in \$(udevadm info --query=symlink --name=xvd$d); do
				echo \${l%/*}; test /dev/\$l -ef /dev/xvd$d || exit 1; done" |
			sort >/tmp/links-$d
	done
	diff /tmp/links-b /tmp/links-c
	grep -x disk/by-uuid /tmp/links-b
}

arrives_with_events()
{
	monitor
	xengraft disk-attach "$g" /dev/loop6,raw,xvdb,rw
	events >/tmp/events
	cat /tmp/events
	t_same "kernel's" "$(grep -c '^KERNEL add xvdb$' /tmp/events)" 1
	t_same "udev's" "$(grep -c '^UDEV add xvdb$' /tmp/events)" 1
}

mounts_by_name()
{
	uuid=$(on 'blkid -o value -s UUID /dev/xvdb')
	for how in LABEL=ours "UUID=$uuid" /dev/disk/by-label/ours "/dev/disk/by-uuid/$uuid"; do
		on "mkdir -p /mnt/l && mount $how /mnt/l && grep -q '^/dev/xvdb /mnt/l ext4 rw' /proc/mounts && \
			echo $how >>/mnt/l/how && umount /mnt/l"
	done
	# systemd has a unit for it, so that an fstab entry with nofail would be mounted by it.
	on 'systemctl show -p ActiveState dev-xvdb.device dev-disk-by\\x2dlabel-ours.device |
		grep -c ActiveState=active | grep -qx 2'
}

# An MBR with two Linux partitions: 8,192 sectors from 2,048 and from 16,384. udevd watches disks, and has the kernel
# read the table anew when one that was written is closed: it watches once it has dealt with the disk's arrival, so that
# has to be over before the table is written.
partitions_appear()
{
	on 'udevadm settle; { printf "\000\000\000\000\203\000\000\000\000\010\000\000\000\040\000\000"
		printf "\000\000\000\000\203\000\000\000\000\100\000\000\000\040\000\000"
		head -c 32 /dev/zero; printf "\125\252"; } >/run/table
		{ head -c 440 /dev/zero; printf abcd; head -c 2 /dev/zero; cat /run/table; } >/run/sector
		dd if=/run/sector of=/dev/xvdd 2>/dev/null
		for i in $(seq 300); do [ -e /dev/disk/by-partuuid/64636261-02 ] && break; sleep 0.1; done
		udevadm settle; test -b /dev/xvdd1 && test /dev/disk/by-partuuid/64636261-02 -ef /dev/xvdd2 ||
		{ ls -l /dev/xvdd* /dev/disk/by-partuuid; udevadm info /dev/xvdd; od -A d -t x1 -N 512 /dev/xvdd | tail -n 6; exit 1; }'
}

goes_with_events()
{
	monitor
	xengraft disk-detach "$g" xvdb
	events >/tmp/events
	cat /tmp/events
	t_same "kernel's" "$(grep -c '^KERNEL remove xvdb$' /tmp/events)" 1
	t_same "udev's" "$(grep -c '^UDEV remove xvdb$' /tmp/events)" 1
	on 'test ! -e /dev/xvdb && test ! -e /dev/disk/by-label/ours && test -e /dev/disk/by-label/theirs'
	on '! systemctl is-active -q dev-xvdb.device'
}

log_is_clean()
{
	t_guest_log_clean "$g"
	t_not lab-guest exec "$g" 'journalctl -b -p err --no-pager -q | grep -i xvd'
}

for guest; do
	g=u-${guest%:*}-${guest#*:}
	truncate -s 64M /root/u.img /root/theirs.img /root/p.img
	mke2fs -q -F -t ext4 -L ours /root/u.img
	mke2fs -q -F -t ext4 -L theirs /root/theirs.img
	losetup /dev/loop5 /root/theirs.img
	losetup /dev/loop6 /root/u.img
	if ! lab-guest start "$g" --root debian --type "${guest%:*}" --kernel "${guest#*:}"; then
		echo "FAIL $guest: the guest did not start"
		t_failed=$((t_failed + 1))
		continue
	fi
	on 'systemctl is-system-running --wait' >/dev/null || :
	t_case "$guest: a disk of xl's, to compare with" with_xls
	t_case "$guest: a disk of ours arrives with its events" arrives_with_events
	t_case "$guest: udev, lsblk and blkid tell the same of both" looks_alike
	t_case "$guest: it has the links that xl's has" has_its_links
	t_case "$guest: mounted by label, UUID and link; systemd has its units" mounts_by_name
	xengraft disk-attach "$g" /root/p.img,raw,xvdd,rw >/dev/null
	t_case "$guest: a partition table that is written shows by itself" partitions_appear
	xengraft disk-detach "$g" xvdd
	t_case "$guest: it goes with its events, and its links with it" goes_with_events
	t_case "$guest: nothing is wrong in the logs" log_is_clean
	xl block-detach "$g" xvdc >/dev/null
	lab-guest stop "$g"
	losetup -d /dev/loop5
	losetup -d /dev/loop6
done
t_end
