#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Drivers and backends change under a disk that is in use: nothing is lost, nothing is said in the guest, nothing is left.
# Arguments: swaps under load, then guests as TYPE:KERNEL:VCPUS.
. "${0%/*}/t-lib.sh"
. "${0%/*}/t-load.sh"

on() { lab-guest exec "$g" "$1"; }
field() { xengraft status --json "$g" xvdb | sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }

swaps=$1
shift

loop=$(t_loop /root/swap.img 64)

t_clear_up()
{
	load_kill "$g"
	xengraft disk-detach --force "$g" xvdb >/dev/null 2>&1 || :
}

there_and_back()
{
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw"
	on 'dd if=/dev/urandom of=/tmp/x bs=64k count=64 2>/dev/null; dd if=/tmp/x of=/dev/xvdb bs=64k oflag=direct conv=fsync 2>/dev/null'
	for mode in virtual paravirtual paravirtual virtual; do
		xengraft -v swap "$g" xvdb $mode
		t_same mode "$(field mode)" $mode
		on 'echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/xvdb bs=64k count=64 iflag=direct 2>/dev/null | cmp - /tmp/x'
		xengraft status "$g" xvdb
	done
	xengraft history "$g" xvdb
	t_same swaps "$(xengraft history --json "$g" xvdb | grep -c '"reason"')" 4
	xengraft disk-detach "$g" xvdb
}

attached_paravirtual()
{
	before=$(t_traces)
	t_fails 1 "is no block device" xengraft disk-attach "$g" /root/swap.img,raw,xvdc,rw --mode paravirtual
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw" --mode paravirtual
	t_same backends "$(t_backends)" 0
	on 'dd if=/dev/urandom of=/tmp/x bs=64k count=64 2>/dev/null; dd if=/tmp/x of=/dev/xvdb bs=64k oflag=direct conv=fsync 2>/dev/null
		dd if=/dev/xvdb bs=64k count=64 iflag=direct 2>/dev/null | cmp - /tmp/x; rm /tmp/x'
	xengraft disk-detach "$g" xvdb
	t_same traces "$(t_traces)" "$before"
	t_same "what the kernel's backend has" "$(ls /sys/bus/xen-backend/devices | grep -c "^vbd-$(xl domid "$g")-[ab]" || :)" 0
}

# Through the page cache: more pages than the backend keeps, and hardly one twice.
keeps_grants()
{
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw" --mode paravirtual
	t_same "feature-persistent" "$(xenstore-read "/local/domain/$(xl domid "$g")/xengraft/vbd/51728/feature-persistent")" 1
	on 'dd if=/dev/urandom of=/tmp/x bs=64k count=256 2>/dev/null; dd if=/tmp/x of=/dev/xvdb bs=64k conv=fsync 2>/dev/null
		for i in 1 2 3; do
			echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/xvdb bs=64k count=256 2>/dev/null | cmp - /tmp/x
			dd if=/dev/xvdb bs=64k count=256 iflag=direct 2>/dev/null | cmp - /tmp/x
		done; rm /tmp/x'
	# What xen-blkback says of a reference that is in two uses.
	t_not sh -c "dmesg | grep -E 'grant already in use|already in the tree'"
	xengraft disk-detach "$g" xvdb
}

# dm-integrity's sums lie in blocks of sixteen pages, of which all but the first have no count of their own.
integrity()
{
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw" --mode paravirtual
	on 'modprobe dm-integrity; dd if=/dev/zero of=/dev/xvdb bs=64k count=4 oflag=direct 2>/dev/null
		dd if=/dev/urandom of=/tmp/x bs=64k count=256 2>/dev/null
		table="0 65536 integrity /dev/xvdb 0 4 D 1 internal_hash:crc32c"
		dmsetup create --noudevsync sums --table "$table" && dd if=/tmp/x of=/dev/dm-0 bs=64k oflag=direct conv=fsync 2>/dev/null
		for i in 1 2 3; do
			dmsetup remove --noudevsync sums && dmsetup create --noudevsync sums --table "$table" || exit 1
			dd if=/dev/dm-0 bs=64k count=256 iflag=direct 2>/dev/null | cmp - /tmp/x || exit 1
		done'
	xengraft swap "$g" xvdb virtual
	on 'dd if=/dev/dm-0 bs=64k count=256 iflag=direct 2>/dev/null | cmp - /tmp/x'
	on 'dmsetup remove --noudevsync sums; rm /tmp/x'
	xengraft disk-detach "$g" xvdb
}

under_load()
{
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw"
	# A disk that was swapped has a node more: whether its backend has the target for itself.
	xengraft swap "$g" xvdb virtual --timeout 3000
	t_settle
	before=$(t_traces)
	load_start "$g"
	n=0 late=0
	while [ $n -lt "$swaps" ]; do
		case $((n % 4)) in 0 | 1) mode=paravirtual ;; *) mode=virtual ;; esac
		if xengraft swap "$g" xvdb $mode --timeout 3000 >/tmp/swap.out 2>&1; then
			n=$((n + 1))
		else
			status=$?
			cat /tmp/swap.out
			[ $status = 2 ]
			late=$((late + 1))
			[ $late -lt 20 ]
		fi
		load_runs "$g"
	done
	load_ended_well "$g"
	echo "NOTE $n swaps, $late refused; held ms: $(xengraft history --json "$g" xvdb | sed -n 's/.*"hold_ns": \([0-9]*\),.*/\1/p' | tail -n "$n" | sort -n |
		awk '{ v[NR] = $1 / 1e6 } END { printf "p50 %.2f, p99 %.2f, most %.2f", v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)], v[NR] }')"
	[ "$(field mode)" = virtual ] || xengraft swap "$g" xvdb virtual --timeout 3000
	t_settle
	t_same traces "$(t_traces)" "$before"
	xengraft disk-detach "$g" xvdb
}

# A journalling file system lives through swaps, and through the death of a backend, while everything is synced: what a
# file says was synced is there afterwards, and the file system has nothing to repair.
fsync_storm()
{
	mke2fs -q -F -t ext4 "$loop"
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw"
	on 'modprobe ext4; mkdir -p /t && mount -t ext4 -o errors=remount-ro /dev/xvdb /t && rm -f /run/stop /run/acked-*
		for w in 1 2 3; do (i=0; while [ ! -e /run/stop ]; do i=$((i + 1))
			f=/t/w$w-$((i % 40)); echo "$w $i $(seq -s . $((i % 300 + 1)))" >$f.new && mv $f.new $f && sync $f /t &&
				echo $i >/run/acked-$w || { echo "$w $i" >>/run/storm.failed; break; }
			done) >/dev/null 2>&1 & done; sleep 2; cat /run/acked-*'
	n=0
	while [ $n -lt 12 ]; do
		case $((n % 4)) in 0 | 1) mode=paravirtual ;; *) mode=virtual ;; esac
		[ $n != 7 ] || kill -KILL "$(field backend_pid)"
		xengraft swap "$g" xvdb $mode --timeout 5000
		n=$((n + 1))
	done
	on 'touch /run/stop; wait; n=0; while pidof sync >/dev/null && [ $n -lt 100 ]; do sleep 0.2; n=$((n + 1)); done
		sleep 1; test ! -e /run/storm.failed; echo acknowledged: $(cat /run/acked-*); echo 3 >/proc/sys/vm/drop_caches
		for w in 1 2 3; do
			last=$(cat /run/acked-$w); set -- $(cat /t/w$w-$((last % 40))); test "$1 $2" = "$w $last" || exit 1
			for f in /t/w$w-*; do case $f in *.new) continue ;; esac; set -- $(cat $f)
				test "$3" = "$(seq -s . $(($2 % 300 + 1)))" || exit 1; done
		done; grep -q "^/dev/xvdb /t ext4 rw" /proc/mounts && umount /t'
	xengraft disk-detach "$g" xvdb
	# Dom0's cache of the device is older than what xen-blkback wrote.
	blockdev --flushbufs "$loop"
	e2fsck -fn "$loop"
}

stuck()
{
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw"
	load_start "$g"
	t_settle
	before=$(t_traces)
	kill -STOP "$(field backend_pid)"
	t_fails 2 "nothing was changed" xengraft swap "$g" xvdb paravirtual
	t_same traces "$(t_traces)" "$before"
	t_same mode "$(field mode)" virtual
	kill -CONT "$(field backend_pid)"
	on 'sleep 1'
	load_ended_well "$g"
	xengraft disk-detach "$g" xvdb
}

# How a backend dies: by itself, or because it is stuck and the administrator has had enough.
replaced()
{
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw"
	for mode in paravirtual virtual; do
		load_start "$g"
		if [ "$1" = killed ]; then
			kill -KILL "$(field backend_pid)"
			xengraft swap "$g" xvdb $mode
		else
			kill -STOP "$(field backend_pid)"
			xengraft swap --force "$g" xvdb $mode
		fi
		on 'sleep 3'
		load_ended_well "$g"
		t_same reason "$(xengraft history --json "$g" xvdb | sed -n 's/.*"reason": "\(.*\)",.*/\1/p' | tail -n 1)" replace
		echo "NOTE replayed: $(xengraft history --json "$g" xvdb | sed -n 's/.*"replayed": \([0-9]*\),.*/\1/p' | tail -n 1)"
		xengraft swap "$g" xvdb virtual --timeout 3000
	done
	xengraft disk-detach "$g" xvdb
}

upgraded_and_back()
{
	before=$(t_traces)
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw"
	t_fails 1 "has had no other driver" xengraft rollback "$g" xvdb
	xengraft upgrade "$g" | grep -q '^0 upgraded, 1 had'
	# A newer version of the same driver: its note says so.
	sed 's/version=0\.1\.0/version=0.1.1/' /usr/lib/xengraft/images/blkif-virtual.o >/root/newer.o
	old=$(field sha256)
	xengraft-repo add /root/newer.o
	new=$(sha256sum /root/newer.o | cut -d ' ' -f 1)
	t_fails 1 "is not signed" xengraft swap "$g" xvdb "$new"
	xengraft-repo sign "$new"
	xengraft upgrade
	t_same digest "$(field sha256)" "$new"
	xengraft rollback "$g" xvdb
	t_same digest "$(field sha256)" "$old"
	xengraft disk-detach "$g" xvdb
	xengraft-repo remove "$new"
	t_same traces "$(t_traces)" "$before"
}

refused()
{
	xengraft disk-attach "$g" /root/swap.img,raw,xvdb,rw
	t_fails 1 "is no block device" xengraft swap "$g" xvdb paravirtual
	t_fails 1 "'quick' is no mode" xengraft swap "$g" xvdb quick
	t_fails 1 "0123456789" xengraft swap "$g" xvdb 0123456789
	t_fails 1 "has no disk 'xvdq'" xengraft swap "$g" xvdq virtual
	xengraft disk-detach "$g" xvdb
}

withdrawn()
{
	t_not on "dmesg | grep -E 'I/O error|g\\.e\\.'"
	xengraft withdraw "$g"
	t_same "what is left" "$(xenstore-ls -f | grep -c "domain/$(xl domid "$g")/.*xengraft")" 0
	t_guest_log_clean "$g"
}

for guest; do
	IFS=: read -r type kernel vcpus <<-END
	$guest
	END
	g=g-$type-$kernel-$vcpus
	if ! lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus" --tools; then
		echo "FAIL $guest: the guest did not start"
		t_failed=$((t_failed + 1))
		continue
	fi
	t_case "$guest: virtual, paravirtual and back, the data is there" there_and_back
	t_case "$guest: attached in paravirtual mode" attached_paravirtual
	t_case "$guest: pages that the backend keeps, and those it does not" keeps_grants
	t_case "$guest: pages without a count, under dm-integrity" integrity
	t_case "$guest: $swaps swaps under verified load" under_load
	t_case "$guest: a journalling file system in a storm of fsync" fsync_storm
	t_case "$guest: a backend that is stuck: status 2, nothing has changed" stuck
	t_case "$guest: a backend that was killed is replaced without an error" replaced killed
	t_case "$guest: a stuck backend is replaced by force without an error" replaced forced
	t_case "$guest: upgrade and rollback" upgraded_and_back
	t_case "$guest: what does not suit is refused" refused
	t_case "$guest: no I/O error, no warning, nothing left" withdrawn
	lab-guest stop "$g"
done
losetup -d "$loop"
t_end
