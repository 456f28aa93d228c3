#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The main job, on every kind of guest: attach, use, detach, leave no trace.
# Arguments: guests as TYPE:KERNEL:VCPUS. The image disk.img, made from a tree, and its sums are in /root/in.
. "${0%/*}/t-lib.sh"

attach_and_check()
{
	xengraft disk-attach "$1" /root/a.img,raw,xvdb,rw
	lab-guest exec "$1" 'modprobe ext4; test -b /dev/xvdb && mkdir -p /t && mount -t ext4 /dev/xvdb /t && cd /t && sha256sum -c SHA256SUMS >/dev/null'
}

write_and_read_back()
{
	lab-guest exec "$1" 'mkdir /t/new && cp -r /t/include /t/new/ && sync && cd /t/new && \
		find include -type f | sort | xargs sha256sum | sha256sum >/sum && echo 3 >/proc/sys/vm/drop_caches && \
		find include -type f | sort | xargs sha256sum | sha256sum | cmp - /sum'
}

detach_and_fsck()
{
	t_fails 1 "in use in guest" xengraft disk-detach "$1" xvdb
	lab-guest exec "$1" 'cd / && umount /t'
	xengraft disk-detach "$1" xvdb
	lab-guest exec "$1" 'test ! -e /dev/xvdb'
	e2fsck -fn /root/a.img
	debugfs -R 'stat new/include' /root/a.img 2>/dev/null | grep -q 'Type: directory'
}

read_only_disk()
{
	xengraft disk-attach "$1" vdev=xvdc,access=ro,target=/root/a.img
	lab-guest exec "$1" 'test "$(cat /sys/block/xvdc/ro)" = 1 && mount -o ro /dev/xvdc /t && test -f /t/SHA256SUMS && umount /t'
	t_not lab-guest exec "$1" 'dd if=/dev/zero of=/dev/xvdc bs=4096 count=1 conv=fsync'
	xengraft disk-detach "$1" xvdc
}

several_disks()
{
	for d in b c d e; do
		truncate -s 16M /root/many-$d.img
		xengraft disk-attach "$1" /root/many-$d.img,raw,xvd$d,rw
	done
	t_same disks "$(xengraft disk-list --json "$1" | grep -c '"vdev"')" 4
	lab-guest exec "$1" 'for d in b c d e; do (dd if=/dev/urandom of=/tmp/$d bs=1M count=4 2>/dev/null; dd if=/tmp/$d of=/dev/xvd$d bs=64k conv=fsync 2>/dev/null) & done; wait
		for d in b c d e; do dd if=/dev/xvd$d bs=1M count=4 2>/dev/null | cmp - /tmp/$d || exit 1; rm /tmp/$d; done'
	for d in b c d e; do xengraft disk-detach "$1" xvd$d; done
	rm -f /root/many-?.img
}

partitions()
{
	truncate -s 32M /root/p.img
	# An MBR with two Linux partitions: 8,192 sectors from 2,048 and from 16,384.
	{
		printf '\000\000\000\000\203\000\000\000\000\010\000\000\000\040\000\000'
		printf '\000\000\000\000\203\000\000\000\000\100\000\000\000\040\000\000'
		head -c 32 /dev/zero
		printf '\125\252'
	} | dd of=/root/p.img bs=1 seek=446 conv=notrunc 2>/dev/null
	xengraft disk-attach "$1" /root/p.img,raw,xvdb,rw
	lab-guest exec "$1" 'test -b /dev/xvdb1 && test -b /dev/xvdb2 && test "$(cat /sys/block/xvdb/xvdb2/start)" = 16384'
	xengraft disk-detach "$1" xvdb
	rm /root/p.img
}

discard_frees()
{
	dd if=/dev/urandom of=/root/h.img bs=1M count=8 2>/dev/null
	xengraft disk-attach "$1" /root/h.img,raw,xvdb,rw
	before=$(stat -c %b /root/h.img)
	lab-guest exec "$1" 'blkdiscard /dev/xvdb && dd if=/dev/xvdb bs=1M 2>/dev/null | tr -d "\0" | wc -c | grep -qx 0'
	after=$(stat -c %b /root/h.img)
	[ "$after" -lt "$before" ]
	xengraft disk-detach "$1" xvdb
	rm /root/h.img
}

forced()
{
	cp /root/a.img /root/f.img
	xengraft disk-attach "$1" /root/f.img,raw,xvdb,rw
	lab-guest exec "$1" 'sleep 1000 </dev/xvdb >/dev/null 2>&1 & echo $! >/run/holder'
	t_fails 1 "in use in guest" xengraft disk-detach "$1" xvdb
	xengraft disk-detach --force "$1" xvdb
	lab-guest exec "$1" 'kill $(cat /run/holder); test ! -e /sys/block/xvdb'
	rm /root/f.img
}

# Grant entries in use in a guest, as Xen itself counts them: lines `[ref] ...` below the domain's heading.
grants_of()
{
	xl dmesg -c >/dev/null
	xl debug-keys g
	xl dmesg -c | awk -v d="d$(xl domid "$1")" \
		'/grant-table for remote/ { on = ($0 ~ d " ") } on && /^[^a-z]*\[0x/ { n++ } END { print n + 0 }'
}

free_kb() { lab-guest exec "$1" \
	'sync; echo 3 >/proc/sys/vm/drop_caches; awk "/^MemFree/ { print \$2 }" /proc/meminfo'; }

twenty_rounds()
{
	n=0
	while [ $n -lt 20 ]; do
		xengraft disk-attach "$1" /root/a.img,raw,xvdb,rw >/dev/null
		lab-guest exec "$1" 'dd if=/dev/xvdb of=/dev/null bs=64k count=16 2>/dev/null'
		xengraft disk-detach "$1" xvdb
		n=$((n + 1))
	done
}

# What leaks does so in each round. The guest's own needs come and go: so it is asked again, up to four times twenty,
# whether twenty rounds cost less than one leaked page a round.
rounds()
{
	xengraft disk-attach "$1" /root/a.img,raw,xvdb,rw
	xengraft disk-detach "$1" xvdb
	grants=$(grants_of "$1")
	before=$(t_traces)
	for try in 1 2 3 4 5; do
		free_before=$(free_kb "$1")
		twenty_rounds "$1"
		t_same traces "$(t_traces)" "$before"
		t_same grants "$(grants_of "$1")" "$grants"
		lost=$((free_before - $(free_kb "$1")))
		echo "$try: twenty rounds cost the guest $lost kB"
		[ $lost -ge 400 ] || return 0
	done
	return 1
}

under_load()
{
	lab-guest exec "$1" 'echo 1 >/run/load; for i in 1 2; do (while test -e /run/load; do find / -xdev -type f 2>/dev/null | head -2000 | xargs cat >/dev/null 2>&1; done) & done' 
	xengraft disk-attach "$1" /root/a.img,raw,xvdb,rw
	lab-guest exec "$1" 'mount -o ro /dev/xvdb /t && cd /t && sha256sum -c SHA256SUMS >/dev/null && cd / && umount /t; r=$?; rm -f /run/load; exit $r'
	xengraft disk-detach "$1" xvdb
}

no_io_error() { t_not lab-guest exec "$1" "dmesg | grep -E 'I/O error|g\\.e\\.'"; }

withdrawn()
{
	xengraft withdraw "$1"
	t_same "what is left" "$(xenstore-ls -f | grep -c "domain/$(xl domid "$1")/.*xengraft")" 0
	t_guest_log_clean "$1"
}

for guest; do
	IFS=: read -r type kernel vcpus <<-END
	$guest
	END
	g=g-$type-$kernel-$vcpus
	cp $t_in/disk.img /root/a.img
	if ! lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus"; then
		echo "FAIL $guest: the guest did not start"
		t_failed=$((t_failed + 1))
		continue
	fi
	t_case "$guest: attach to a guest that runs, and every file has its checksum" attach_and_check "$g"
	t_case "$guest: what is written is read back" write_and_read_back "$g"
	t_case "$guest: detach when unmounted only, fsck clean" detach_and_fsck "$g"
	t_case "$guest: a read-only disk refuses writes" read_only_disk "$g"
	t_case "$guest: four disks at once" several_disks "$g"
	t_case "$guest: partitions appear" partitions "$g"
	t_case "$guest: discard gives space back" discard_frees "$g"
	t_case "$guest: attach under load" under_load "$g"
	t_case "$guest: twenty rounds leave nothing" rounds "$g"
	t_case "$guest: no I/O error was seen" no_io_error "$g"
	t_case "$guest: detach by force while in use" forced "$g"
	t_case "$guest: withdrawn, and the guest's log has no warning" withdrawn "$g"
	lab-guest stop "$g"
done
t_end
