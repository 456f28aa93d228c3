#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests whose owner opted in: the personality as a module that the guest loads itself, and disks through its room.
# Arguments: guests as TYPE:KERNEL:VCPUS. disk.img with its sums and xengraft-RELEASE.ko (make guest-modules) are in
# /root/in.
# shellcheck disable=SC2016 # text for the guest
. "${0%/*}/t-lib.sh"
. "${0%/*}/t-load.sh"

loop=$(t_loop /root/load.img 64)

t_clear_up()
{
	load_kill "$g"
	xengraft disk-detach --force "$g" xvdb >/dev/null 2>&1 || :
}

node() { echo "/local/domain/$(xl domid "$1")/data/xengraft"; }
ko='/root/in/xengraft-$(uname -r).ko'

loads()
{
	lab-guest exec "$1" "insmod $ko && grep -q '^xengraft ' /proc/modules && grep -qx xengraft /proc/[0-9]*/comm"
	xenstore-read "$(node "$1")/core" | grep -E '^va=[0-9a-f]+,text=128,data_va=[0-9a-f]+,data=65,abi=1$'
	# As many frames as pages, told in nodes of 96.
	t_same "frames of text" "$(for n in 0 1; do xenstore-read "$(node "$1")/text/$n"; done | wc -w)" 128
	t_same "frames of data" "$(xenstore-read "$(node "$1")/data/0" | wc -w)" 65
}

disk_works()
{
	xengraft disk-attach "$1" /root/m.img,raw,xvdb,rw | grep 'by its own module'
	# The host has not entered: that would say so in the log.
	t_not lab-guest exec "$1" 'dmesg | grep "installed by the host"'
	lab-guest exec "$1" 'modprobe ext4; mkdir -p /t && mount -t ext4 /dev/xvdb /t && cd /t && \
		sha256sum -c SHA256SUMS >/dev/null'
	xengraft status "$1" xvdb | grep 'in the guest  live'
}

written_and_read_back()
{
	lab-guest exec "$1" 'mkdir /t/new && cp -r /t/include /t/new/ && sync && cd /t/new && \
		find include -type f | sort | xargs sha256sum | sha256sum >/sum && echo 3 >/proc/sys/vm/drop_caches && \
		find include -type f | sort | xargs sha256sum | sha256sum | cmp - /sum'
}

# The disk is mounted meanwhile.
swaps()
{
	for n in 1 2 3; do
		xengraft swap "$1" xvdb virtual --timeout 5000
		lab-guest exec "$1" 'echo 3 >/proc/sys/vm/drop_caches; cd /t/new && find include -type f | sort | \
			xargs sha256sum | sha256sum | cmp - /sum'
	done
	xengraft status "$1" xvdb | grep 'half B'
}

several_disks()
{
	for d in c d; do
		truncate -s 16M /root/m-$d.img
		xengraft disk-attach "$1" /root/m-$d.img,raw,xvd$d,rw
	done
	lab-guest exec "$1" 'for d in c d; do (dd if=/dev/urandom of=/tmp/$d bs=1M count=4 2>/dev/null
			dd if=/tmp/$d of=/dev/xvd$d bs=64k conv=fsync 2>/dev/null) & done; wait
		for d in c d; do dd if=/dev/xvd$d bs=1M count=4 2>/dev/null | cmp - /tmp/$d || exit 1; rm /tmp/$d; done'
	for d in c d; do xengraft disk-detach "$1" xvd$d; done
}

stays_while_used() { t_not lab-guest exec "$1" 'rmmod xengraft'; }

detaches()
{
	t_fails 1 "in use in guest" xengraft disk-detach "$1" xvdb
	lab-guest exec "$1" 'cd / && umount /t'
	xengraft disk-detach "$1" xvdb
	lab-guest exec "$1" 'test ! -e /dev/xvdb'
	e2fsck -fn /root/m.img
}

history_last() { xengraft history --json "$1" xvdb | sed -n "s/.*$2,.*/\1/p" | tail -n 1; }

# The guest's own module holds, replays and changes sides as the installed personality does.
swapped_under_load()
{
	xengraft disk-attach "$1" "$loop,raw,xvdb,rw" | grep 'by its own module'
	load_start "$1"
	for mode in paravirtual virtual virtual paravirtual virtual; do
		xengraft swap "$1" xvdb $mode --timeout 5000
		load_runs "$1"
	done
	load_goes_on "$1"
	kill -KILL "$(xengraft status --json "$1" xvdb | sed -n 's/^ *"backend_pid": \([0-9]*\),*/\1/p')"
	xengraft swap "$1" xvdb paravirtual
	load_goes_on "$1"
	load_ended_well "$1"
	t_same reason "$(history_last "$1" '"reason": "\(.*\)"')" replace
	replayed=$(history_last "$1" '"replayed": \([0-9]*\)')
	echo "NOTE replayed: $replayed"
	[ "$replayed" -gt 0 ]
	xengraft disk-detach "$1" xvdb
}

unloads()
{
	lab-guest exec "$1" 'rmmod xengraft && ! grep -q "^xengraft " /proc/modules &&
		! grep -sqx xengraft /proc/[0-9]*/comm'
	t_not xenstore-read "$(node "$1")/core"
}

ten_rounds()
{
	n=0
	while [ $n -lt 10 ]; do
		xengraft disk-attach "$1" /root/m.img,raw,xvdb,rw >/dev/null
		lab-guest exec "$1" 'dd if=/dev/xvdb of=/dev/null bs=64k count=16 2>/dev/null'
		xengraft disk-detach "$1" xvdb
		n=$((n + 1))
	done
}

# Loaded anew it lies elsewhere: what Dom0 recorded is of no use, and it finds out.
comes_again()
{
	lab-guest exec "$1" "insmod $ko"
	xengraft disk-attach "$1" /root/m.img,raw,xvdb,rw | grep 'by its own module'
	lab-guest exec "$1" 'dd if=/dev/xvdb of=/dev/null bs=64k count=16 2>/dev/null'
	xengraft disk-detach "$1" xvdb
}

withdrawing_leaves_it()
{
	xengraft withdraw "$1"
	t_same rows "$(sqlite3 /var/lib/xengraft/state.db 'select count(*) from guest where away = 0')" 0
	lab-guest exec "$1" 'grep -q "^xengraft " /proc/modules'
	ten_rounds "$1"
	xengraft withdraw "$1"
	unloads "$1"
}

# Anything may stand there: it is the guest's to write.
lies()
{
	for lie in "va=ffffffffc0000000,text=128,data_va=ffffffffc0100000,data=65,abi=1" \
		"va=ffffffff81000000,text=1,data_va=ffffffff82000000,data=1,abi=1" \
		"va=0,text=1,data_va=0,data=1,abi=1" nonsense "$(printf '%2000s' x | tr ' ' y)"; do
		xenstore-write "$(node "$1")/core" "$lie"
		xengraft disk-attach "$1" /root/m.img,raw,xvdb,rw 2>/root/said | t_not grep 'by its own module'
		t_same "lines said" "$(wc -l </root/said)" 1
		lab-guest exec "$1" 'dd if=/dev/xvdb of=/dev/null bs=64k count=16 2>/dev/null'
		xengraft disk-detach "$1" xvdb
		xengraft withdraw "$1"
	done
	xenstore-rm "$(node "$1")"
}

killed_with_a_module()
{
	lab-guest exec "$1" "insmod $ko"
	for step in "record the guest" "allocate the window" "window allocated" "open the driver" "add the disk"; do
		t_not env XENGRAFT_FAULT="kill:$step" xengraft disk-attach "$1" /root/m.img,raw,xvdb,rw
		xengraft disk-attach "$1" /root/m.img,raw,xvdb,rw | grep 'by its own module'
		xengraft disk-detach "$1" xvdb
	done
	xengraft withdraw "$1"
	unloads "$1"
}

for guest; do
	IFS=: read -r type kernel vcpus <<-END
	$guest
	END
	g=m-$type-$kernel-$vcpus
	cp $t_in/disk.img /root/m.img
	module=$(echo $t_in/xengraft-"$kernel".*.ko)
	if ! lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus" --tools --file "$module"; then
		echo "FAIL $guest: the guest did not start"
		t_failed=$((t_failed + 1))
		continue
	fi
	t_case "$guest: the module loads and says where its room is" loads "$g"
	t_case "$guest: a disk through the module's window, and every file has its checksum" disk_works "$g"
	t_case "$guest: what is written is read back" written_and_read_back "$g"
	t_case "$guest: its driver is swapped while it is mounted" swaps "$g"
	t_case "$guest: two more disks" several_disks "$g"
	t_case "$guest: it cannot be unloaded with a disk" stays_while_used "$g"
	t_case "$guest: detach, fsck clean" detaches "$g"
	t_case "$guest: swapped in both directions under verified load, and a killed backend replaced" \
		swapped_under_load "$g"
	t_case "$guest: it unloads" unloads "$g"
	t_case "$guest: loaded anew it is found where it is now" comes_again "$g"
	t_case "$guest: ten rounds; to withdraw forgets the module and leaves it alone" withdrawing_leaves_it "$g"
	t_case "$guest: a killed attach is cleaned up, and the module stays" killed_with_a_module "$g"
	t_case "$guest: a module that is not there is told of, and the host enters" lies "$g"
	t_case "$guest: the guest's log has no warning" t_guest_log_clean "$g"
	lab-guest stop "$g"
done
losetup -d "$loop"
t_end
