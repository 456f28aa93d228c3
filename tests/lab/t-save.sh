#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest with a disk of ours is saved and restored, which is not supported: nothing crashes, the guest is known by its
# UUID, what became of the disk is told, it can be taken away, and another attached. Arguments: types of guests.
# Wants --disk 600M for the saved guest; disk.img is in /root/in.
# shellcheck disable=SC2016 # text for the guest
. "${0%/*}/t-lib.sh"

for d in /dev/vd?; do
	case $(cat "/sys/block/${d##*/}/serial") in lab*) disk=$d ;; esac
done
[ -n "${disk:-}" ] || { echo "LAB: no disk to save a guest on (--disk)"; exit 99; }
mke2fs -q -F -t ext4 "$disk" && mkdir -p /mnt/d && mount -t ext4 "$disk" /mnt/d || exit 99

saved()
{
	cp $t_in/disk.img /root/s.img
	xengraft disk-attach "$1" /root/s.img,raw,xvdb,rw
	lab-guest exec "$1" 'modprobe ext4; mkdir /t && mount -t ext4 /dev/xvdb /t && echo 7 >/run/seven'
	before=$(xl domid "$1")
	xl save "$1" /mnt/d/saved >/tmp/save.out 2>&1 || { tail -n 5 /tmp/save.out; return 1; }
	n=0
	while [ "$(t_backends)" != 0 ] && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.1; done
	t_same backends "$(t_backends)" 0
	xl restore /mnt/d/saved >/tmp/save.out 2>&1 || { tail -n 5 /tmp/save.out; return 1; }
	rm /mnt/d/saved
	t_not t_same "domain id" "$(xl domid "$1")" "$before"
	t_same "what the guest knew" "$(lab-guest exec "$1" 'cat /run/seven')" 7
}

told()
{
	xengraft status "$1" xvdb >/tmp/status 2>&1
	cat /tmp/status
	grep "guest '$1' was restored as domain $(xl domid "$1"): its disks have lost their backends" /tmp/status
	grep 'in the guest  live' /tmp/status
	grep 'backend       process 0' /tmp/status
	xengraft disk-list "$1" | grep -q xvdb
}

taken_away()
{
	t_fails 1 "in use in guest" xengraft disk-detach "$1" xvdb
	xengraft disk-detach --force "$1" xvdb
	lab-guest exec "$1" 'umount -l /t; test ! -e /sys/block/xvdb'
	e2fsck -fy /root/s.img >/dev/null || [ $? = 1 ]
}

another()
{
	xengraft disk-attach "$1" /root/s.img,raw,xvdc,rw
	lab-guest exec "$1" 'mount -t ext4 /dev/xvdc /t && cd /t && sha256sum -c SHA256SUMS >/dev/null && \
		cd / && umount /t'
	xengraft disk-detach "$1" xvdc
	xengraft withdraw "$1"
}

for type; do
	g=s-$type
	lab-guest start "$g" --type "$type" --mem 192 || exit 99
	t_case "$type: saved and restored with a disk, Dom0 and guest live on" saved "$g"
	t_case "$type: it is known by its UUID, and what became of the disk is told" told "$g"
	t_case "$type: the disk can be taken away" taken_away "$g"
	t_case "$type: another one works" another "$g"
	# Its log is not clean: the kernel warns of our interrupts when it resumes, which belongs to supporting this.
	xl destroy "$g"
done
t_end
