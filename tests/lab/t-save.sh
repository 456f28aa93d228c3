#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest with disks of ours is saved and restored, or migrated, and its disks go on: nothing is lost, nothing is said in it.
# Arguments: rounds, then guests as TYPE:KERNEL:VCPUS. Wants --disk 600M for the saved guest.
# shellcheck disable=SC2016 # text for the guest
. "${0%/*}/t-lib.sh"
. "${0%/*}/t-load.sh"

rounds=$1
shift

for d in /dev/vd?; do
	case $(cat "/sys/block/${d##*/}/serial") in lab*) disk=$d ;; esac
done
[ -n "${disk:-}" ] || { echo "LAB: no disk to save a guest on (--disk)"; exit 99; }
mke2fs -q -F -t ext4 "$disk" && mkdir -p /mnt/d && mount -t ext4 "$disk" /mnt/d || exit 99
truncate -s 64M /root/s.img
loop=$(t_loop /root/p.img 64)

on() { lab-guest exec "$g" "$1"; }

t_clear_up()
{
	load_kill "$g"
	for d in xvdb xvdc; do xengraft disk-detach --force "$g" $d >/dev/null 2>&1 || :; done
	rm -f /mnt/d/saved
	! xl domid "$g-first" >/dev/null 2>&1 || { xl destroy "$g"; xl rename "$g-first" "$g"; }
}

field() { xengraft status --json "$g" "$1" | sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
history_last() { xengraft history --json "$g" xvdb | sed -n "s/.*\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | tail -n 1; }

save() { xl save "$@" >/tmp/save.out 2>&1 || { tail -n 5 /tmp/save.out; return 1; }; }
restore() { xl restore "$@" >/tmp/save.out 2>&1 || { tail -n 5 /tmp/save.out; return 1; }; }

xvdc_fill()
{
	on 'dd if=/dev/urandom of=/tmp/x bs=64k count=64 2>/dev/null; dd if=/tmp/x of=/dev/xvdc bs=64k oflag=direct conv=fsync 2>/dev/null'
}

xvdc_same()
{
	on 'echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/xvdc bs=64k count=64 iflag=direct 2>/dev/null | cmp - /tmp/x'
}

# Two disks, one in each mode, of which one is at work.
under_load()
{
	xengraft disk-attach "$g" /root/s.img,raw,xvdb,rw
	xengraft disk-attach "$g" "$loop,raw,xvdc,rw" --mode paravirtual
	xvdc_fill
	load_start "$g"
	replayed=0 n=0
	while [ $n -lt "$rounds" ]; do
		n=$((n + 1))
		before=$(xl domid "$g")
		save "$g" /mnt/d/saved
		t_same "disks on record while it is away" "$(xengraft disk-list | grep -c "^$g  *-  *xvd.* away ")" 2
		t_same backends "$(t_backends)" 0
		restore /mnt/d/saved
		rm /mnt/d/saved
		t_not t_same "domain id" "$(xl domid "$g")" "$before"
		xengraft reconnect "$g" | tee /tmp/reconnect
		grep -q '^2 reconnected, 0 had a backend' /tmp/reconnect
		t_same reason "$(history_last reason)" reconnect
		replayed=$((replayed + $(history_last replayed)))
		t_same mode "$(field xvdb mode) $(field xvdc mode)" "virtual paravirtual"
		load_goes_on "$g"
		xvdc_same
	done
	xengraft reconnect "$g" | grep -q '^0 reconnected, 2 had a backend'
	load_ended_well "$g"
	[ $replayed -gt 0 ]
	echo "NOTE $rounds rounds, $replayed requests done again"
	xengraft disk-detach "$g" xvdc
	xengraft disk-detach "$g" xvdb
}

# By an xl that knows nothing of us, with two domains of one UUID meanwhile.
migrated()
{
	xengraft disk-attach "$g" /root/s.img,raw,xvdb,rw
	xengraft disk-attach "$g" "$loop,raw,xvdc,rw" --mode paravirtual
	xvdc_fill
	load_start "$g"
	before=$(xl domid "$g")
	t_migrate "$g"
	t_not t_same "domain id" "$(xl domid "$g")" "$before"
	xengraft reconnect "$g" | tee /tmp/reconnect
	grep -q '^2 reconnected, 0 had a backend' /tmp/reconnect
	t_gone "$before"
	t_same mode "$(field xvdb mode) $(field xvdc mode)" "virtual paravirtual"
	load_goes_on "$g"
	xvdc_same
	load_ended_well "$g"
	xengraft disk-detach "$g" xvdc
	xengraft disk-detach "$g" xvdb
}

# Each command dies at the next step, and the one after it finishes or undoes what that left. Once the guest has
# switched that is all that it does, so the new backend dies as well.
killed()
{
	xengraft disk-attach "$g" /root/s.img,raw,xvdb,rw
	kill -KILL "$(field xvdb backend_pid)"
	xengraft -N reconnect "$g" xvdb | sed -n 's/^would //p' >/tmp/steps
	grep -q '^end the dead backend$' /tmp/steps
	xengraft reconnect "$g" xvdb
	load_start "$g"
	save "$g" /mnt/d/saved
	t_not env XENGRAFT_FAULT="kill:note that the guest is away" xengraft disk-list
	xengraft disk-list | grep -q "^$g  *-  *xvdb .* away "
	restore /mnt/d/saved
	rm /mnt/d/saved
	t_not env XENGRAFT_FAULT="kill:take in the guest that is back" xengraft disk-list
	{ sed '/^switch$/q' /tmp/steps; echo switched; } >/tmp/before
	{ sed '1,/^switch$/d' /tmp/steps; echo close the other driver; echo forget the other areas; } >/tmp/after
	while read -r step <&3; do
		t_not env XENGRAFT_FAULT="kill:$step" xengraft reconnect "$g" xvdb
	done 3</tmp/before
	while read -r step <&3; do
		xengraft reconnect "$g" xvdb
		kill -KILL "$(field xvdb backend_pid)"
		t_not env XENGRAFT_FAULT="kill:$step" xengraft reconnect "$g" xvdb
	done 3</tmp/after
	xengraft reconnect "$g" xvdb
	load_goes_on "$g"
	load_ended_well "$g"
	t_same backends "$(t_backends)" 1
	xengraft disk-detach "$g" xvdb
}

# The guest goes on in the domain that it was: its suspension is given up.
in_place()
{
	xengraft disk-attach "$g" /root/s.img,raw,xvdb,rw
	load_start "$g"
	before="$(xl domid "$g") $(field xvdb backend_pid)"
	save -c "$g" /mnt/d/saved
	rm /mnt/d/saved
	load_goes_on "$g"
	t_not xl save "$g" /dev/full
	load_goes_on "$g"
	t_same "domain and backend" "$(xl domid "$g") $(field xvdb backend_pid)" "$before"
	# The personality hears, too.
	xengraft swap "$g" xvdb virtual --timeout 3000
	load_goes_on "$g"
	load_ended_well "$g"
	xengraft disk-detach "$g" xvdb
}

# The image is of before a swap, and is restored twice: the other half serves, and only one may have the disk.
old_image()
{
	xengraft disk-attach "$g" /root/s.img,raw,xvdb,rw
	on 'dd if=/dev/urandom of=/tmp/x bs=64k count=64 2>/dev/null; dd if=/tmp/x of=/dev/xvdb bs=64k oflag=direct conv=fsync 2>/dev/null'
	save -c "$g" /mnt/d/saved
	xengraft swap "$g" xvdb virtual
	xl destroy "$g"
	restore /mnt/d/saved
	xengraft reconnect "$g"
	on 'echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/xvdb bs=64k count=64 iflag=direct 2>/dev/null | cmp - /tmp/x'
	xl rename "$g" "$g-first"
	restore /mnt/d/saved
	t_fails 1 "has the same UUID as guest '$g'" xengraft reconnect "$(xl domid "$g")"
	xl destroy "$(xl domid "$g")"
	rm /mnt/d/saved
	xl rename "$g-first" "$g"
	on 'dd if=/dev/xvdb bs=64k count=64 iflag=direct 2>/dev/null | cmp - /tmp/x'
	xengraft disk-detach "$g" xvdb
}

# Without being reconnected: it can be taken away, and another swap or attach need not know.
taken_away()
{
	xengraft disk-attach "$g" /root/s.img,raw,xvdb,rw
	on 'sleep 3600 </dev/xvdb >/dev/null 2>&1 & echo $! >/run/holder'
	save "$g" /mnt/d/saved
	restore /mnt/d/saved
	rm /mnt/d/saved
	xengraft status "$g" xvdb | grep "gone: 'xengraft reconnect'"
	t_fails 1 "in use in guest" xengraft disk-detach "$g" xvdb
	xengraft disk-attach "$g" "$loop,raw,xvdc,rw"
	on 'dd if=/dev/xvdc of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'
	xengraft swap "$g" xvdb virtual
	on 'dd if=/dev/xvdb of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'
	save "$g" /mnt/d/saved
	restore /mnt/d/saved
	rm /mnt/d/saved
	xengraft disk-detach --force "$g" xvdb
	xengraft disk-detach "$g" xvdc
	on 'test ! -e /sys/block/xvdb && test ! -e /sys/block/xvdc && kill "$(cat /run/holder)"'
}

withdrawn()
{
	t_not on "dmesg | grep -E 'I/O error|no event channel'"
	xengraft withdraw "$g"
	t_same "what is left" "$(xenstore-ls -f | grep -c "domain/$(xl domid "$g")/.*xengraft")" 0
	t_same "on record" "$(xengraft disk-list | grep -c "^$g " || :)" 0
	t_guest_log_clean "$g"
}

# The same UUID, but it began anew: nothing of before is believed.
rebooted()
{
	xengraft disk-attach "$g" /root/s.img,raw,xvdb,rw
	uuid=$(xl list -v "$g" | awk 'NR == 2 { print $(NF - 2) }')
	xl destroy "$g"
	xengraft disk-list | grep -q "^$g  *-  *xvdb .* away "
	lab-guest stop "$g" >/dev/null 2>&1 || :
	lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus" --mem 192 --tools --config "uuid = \"$uuid\""
	t_same "on record" "$(xengraft disk-list | grep -c "^$g " || :)" 0
	xengraft disk-attach "$g" /root/s.img,raw,xvdb,rw
	on 'dd if=/dev/xvdb of=/dev/null bs=64k count=64 iflag=direct 2>/dev/null'
	xl destroy "$g"
	xengraft disk-list | grep -q "^$g  *-  *xvdb .* away "
	xengraft withdraw --forget "$g"
	t_same "on record" "$(xengraft disk-list | grep -c "^$g " || :)" 0
	t_same backends "$(t_backends)" 0
}

for guest; do
	IFS=: read -r type kernel vcpus <<-END
	$guest
	END
	g=s-$type-$kernel-$vcpus
	lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus" --mem 192 --tools || exit 99
	t_case "$guest: saved and restored under verified load, $rounds times, in both modes" under_load
	# Only by shadow page tables can Xen see what a PV guest writes while it is sent.
	if [ "$type" = pv ] && ! xl info | grep -q '^virt_caps.* shadow'; then
		t_skip "$guest: migrated to this host under verified load, in both modes" "Xen was built without shadow page tables"
	else
		t_case "$guest: migrated to this host under verified load, in both modes" migrated
	fi
	t_case "$guest: reconnect is killed at each step" killed
	t_case "$guest: a checkpoint and a save that fails change nothing" in_place
	t_case "$guest: an image older than the record, restored twice" old_image
	t_case "$guest: without reconnect it is told, swapped, taken away" taken_away
	t_case "$guest: no I/O error, no warning, nothing left" withdrawn
	t_case "$guest: one that began anew is not taken for the one that was saved" rebooted
	xl destroy "$g" 2>/dev/null
done
losetup -d "$loop"
t_end
