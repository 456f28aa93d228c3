#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # text for another shell
# The lab's test of itself: xenlab run tests/lab/selftest.sh [root/kernel/type]...
# Each guest must start, answer with output and status, answer several callers at once, take files,
# use a disk through its own blkfront, and be noticed when it goes.

failed=0
now() { cut -d' ' -f1 /proc/uptime; }

# expect WHAT WANTED GOT
expect()
{
	if [ "$2" = "$3" ]; then
		echo "ok      $1"
	else
		echo "FAILED  $1: wanted '$2', got '$3'"
		failed=1
	fi
}

answers()
{
	expect "$1: output" 'out err' "$(lab-guest exec "$1" 'echo out; echo err >&2' | tr '\n' ' ' | sed 's/ $//')"
	lab-guest exec "$1" 'exit 7'
	expect "$1: status" 7 $?
	lab-guest exec "$1" 'kill -9 $$'
	expect "$1: status of a killed shell" 137 $?
	expect "$1: words" "a  b it's" "$(lab-guest exec "$1" echo 'a  b' "it's")"
	expect "$1: kernel log" 1 "$(lab-guest exec "$1" dmesg | grep -c 'Linux version')"
	lab-guest console "$1" | grep -q 'Linux version'
	expect "$1: console log" 0 $?
}

# 64 KiB of noise while the kernel prints on the same console.
noise()
{
	lab-guest exec "$1" 'head -c 65536 /dev/urandom >/tmp/noise'
	lab-guest exec "$1" 'dmesg -n 8; for i in $(seq 50); do echo "<1>selftest: noise $i" >/dev/kmsg; done; dmesg -n 1' &
	sum=$(lab-guest exec "$1" cat /tmp/noise | sha256sum | cut -d' ' -f1)
	wait
	expect "$1: a long answer among kernel messages" \
		"$(lab-guest exec "$1" sha256sum /tmp/noise | cut -d' ' -f1)" "$sum"
}

callers()
{
	for i in 3 2 1; do
		lab-guest exec "$1" "sleep 0.$i; echo $i" >"/tmp/caller.$i" &
	done
	wait
	expect "$1: three callers at once" '1 2 3' "$(cat /tmp/caller.1 /tmp/caller.2 /tmp/caller.3 | xargs)"
}

files()
{
	lab-guest put "$1" /usr/bin/lab-guest /tmp/copy
	expect "$1: put" "$(sha256sum </usr/bin/lab-guest)" "$(lab-guest exec "$1" 'sha256sum </tmp/copy')"
}

disk()
{
	truncate -s 16M /run/disk.img
	loop=$(losetup -f)
	losetup "$loop" /run/disk.img
	xl block-attach "$1" "phy:$loop,xvdb,w"
	lab-guest exec "$1" 'modprobe -a ext4 xen-blkfront; for i in $(seq 300); do [ -b /dev/xvdb ] && break; sleep 0.1; done
		mke2fs -q /dev/xvdb && mount /dev/xvdb /mnt && echo data >/mnt/file && umount /mnt'
	expect "$1: blkfront and blkback" 0 $?
	xl block-detach "$1" xvdb
	losetup -d "$loop"
}

leaves()
{
	lab-guest exec "$1" 'sleep 1000' 2>/dev/null &
	asker=$!
	lab-guest stop "$1"
	wait "$asker"
	expect "$1: its end is noticed" 125 $?
}

[ $# -gt 0 ] || set -- busybox/6.1/pvh busybox/6.1/pv busybox/6.12/pvh busybox/6.12/pv debian/6.1/pvh
for variant; do
	root=${variant%%/*} type=${variant##*/}
	kernel=${variant#*/}
	kernel=${kernel%/*}
	guest="$root-$kernel-$type"
	before=$(now)
	lab-guest start "$guest" --root "$root" --kernel "$kernel" --type "$type" || { failed=1; continue; }
	echo "        $guest: ready after $(echo "$(now) $before" | awk '{ print $1 - $2 }') s"
	answers "$guest"
	noise "$guest"
	callers "$guest"
	files "$guest"
	disk "$guest"
	leaves "$guest"
done
exit $failed
