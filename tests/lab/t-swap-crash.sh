#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 of the command, failure, death of either backend and destruction of the guest, at every step of a swap under
# load: afterwards the old or the new driver serves, `xengraft status` tells which, and nothing is left.
# Arguments: guests as TYPE:KERNEL:VCPUS.
. "${0%/*}/t-lib.sh"
. "${0%/*}/t-load.sh"

on() { lab-guest exec "$g" "$1"; }
field() { xengraft status --json "$g" xvdb | sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }

loop=$(t_loop /root/swap.img 64)
spec=$loop,raw,xvdb,rw

t_clear_up()
{
	load_kill "$g"
	xengraft disk-detach --force "$g" xvdb >/dev/null 2>&1 || :
}

other() { case $1 in virtual) echo paravirtual ;; *) echo virtual ;; esac; }

# The mode that is on record is the one that the guest uses; one half is left, and I/O gets on.
serves()
{
	xengraft status "$g" xvdb >/tmp/status
	grep -q '^disk .*, live$' /tmp/status && grep -q '^in the guest  live$' /tmp/status || { cat /tmp/status; return 1; }
	on 'dd if=/dev/xvdb of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null'
	load_runs "$g"
	t_same traces "$(traces)" "$clean"
}

# Alike in either mode: areas in xenstore, rows, backends of whichever kind.
traces()
{
	domid=$(xl domid "$g")
	for area in "$domid/xengraft/vbd" "$domid/xengraft/vbd-b" "0/backend/xengraft-vbd/$domid" \
		"0/backend/xengraft-vbd-b/$domid" "0/backend/vbd/$domid"; do
		xenstore-list "/local/domain/$area" 2>/dev/null || :
	done | grep -cE '^[ab]?[0-9a-f]+$'
	sqlite3 /var/lib/xengraft/state.db 'select (select count(*) from device), (select count(*) from next),
		(select count(*) from operation), (select count(*) from frame)'
	echo $(($(t_backends) + $(ls /sys/bus/xen-backend/devices | grep -c "^vbd-$domid-[ab]")))
}

with_load()
{
	xengraft disk-attach "$g" $spec
	load_start "$g"
	clean=$(traces)
	"$@"
	load_ended_well "$g"
	xengraft disk-detach "$g" xvdb
}

# faulty KIND STEP: a swap that the fault point is met in.
faulty() { XENGRAFT_FAULT="$1:$2" xengraft swap "$g" xvdb "$(other "$(field mode)")" --timeout 5000; }

killed_at()
{
	t_not faulty kill "$1"
	# Whoever comes next finishes or undoes, and says so.
	xengraft swap "$g" xvdb "$(field mode)" --timeout 5000 2>/tmp/said
	cat /tmp/said
	grep -q "unfinished at '" /tmp/said
	serves
}

failed_at()
{
	was=$(field mode)
	if faulty fail "$1" 2>/tmp/said; then
		# What retires the other half can't fail the swap any more: the next one tries again.
		t_not t_same mode "$(field mode)" "$was"
		xengraft swap "$g" xvdb "$(field mode)" --timeout 5000
	else
		cat /tmp/said
		t_same "lines said" "$(wc -l </tmp/said)" 1
		t_same mode "$(field mode)" "$was"
	fi
	serves
}

# stopped_at STEP MODE [FAULT]: the command waits there, and meets FAULT afterwards; its number is in $pid.
stopped_at()
{
	XENGRAFT_FAULT="stop:$1${3:+,$3}" xengraft swap "$g" xvdb "$2" --timeout 5000 >/tmp/said 2>&1 &
	pid=$!
	n=0
	until grep -q '^State:.*T' /proc/$pid/status || [ $n -ge 1200 ]; do n=$((n + 1)); sleep 0.05; done
}

# backend_dies_at STEP: the one that serves, while the command waits.
backend_dies_at()
{
	[ "$(field mode)" = virtual ] || xengraft swap "$g" xvdb virtual --timeout 5000
	dies=$(field backend_pid)
	stopped_at "$1" paravirtual
	kill -KILL "$dies" 2>/dev/null || :
	kill -CONT $pid
	wait $pid || { cat /tmp/said; xengraft swap "$g" xvdb paravirtual --timeout 5000; }
	t_same mode "$(field mode)" paravirtual
	serves
}

# stuck_beside MODE [FAULT]: the new backend does nothing more once it has got requests. It is ended, and the one of MODE,
# which is there yet, does them: if not by this command, that FAULT ends, by the next.
stuck_beside()
{
	[ "$(field mode)" = "$1" ] || xengraft swap "$g" xvdb "$1" --timeout 5000
	old=$(field backend_pid)
	stopped_at switched virtual "${2:-}"
	for new in $(pidof xengraft-backend); do [ "$new" = "$old" ] || break; done
	kill -STOP "$new"
	on 'n=0; until grep -q "[1-9]" /sys/block/xvdb/inflight || [ $n -ge 300 ]; do n=$((n + 1)); sleep 0.2; done
		grep "[1-9]" /sys/block/xvdb/inflight'
	kill -CONT $pid
	t_not wait $pid
	cat /tmp/said
	if [ $# = 1 ]; then
		grep -q "the old one was put back" /tmp/said
	else
		xengraft reconnect "$g" 2>/tmp/said
		cat /tmp/said
		grep -q "the swap was undone" /tmp/said
	fi
	t_same mode "$(field mode)" "$1"
	serves
}

guest_goes_at()
{
	g=v-${guest%%:*}
	start_guest
	xengraft disk-attach "$g" $spec
	load_start "$g"
	stopped_at "$1" paravirtual
	xl destroy "$g"
	kill -CONT $pid
	wait $pid || :
	cat /tmp/said
	xengraft disk-list
	t_same "what is left in xenstore" "$(xenstore-ls -f | grep -c xengraft || :)" 0
	# It may have been saved, for all that Dom0 knows: its record stays, and is given up.
	t_same "guests that are here" "$(sqlite3 /var/lib/xengraft/state.db 'select count(*) from guest where away = 0')" 0
	xengraft withdraw --forget "$g"
	t_same "rows" "$(sqlite3 /var/lib/xengraft/state.db 'select (select count(*) from device) + (select count(*) from operation)
		+ (select count(*) from next) + (select count(*) from guest)')" 0
	n=0
	while [ "$(t_backends)" != 0 ] && [ $n -lt 300 ]; do n=$((n + 1)); sleep 0.1; done
	t_same backends "$(t_backends)" 0
	t_same "the kernel's backends" "$(ls /sys/bus/xen-backend/devices | grep -cE '^vbd-[0-9]+-[ab]' || :)" 0
	t_same "domains" "$(xl list | grep -cE '\(null\)|^v-' || :)" 0
	# The target is free.
	losetup -d "$loop" && losetup "$loop" /root/swap.img
}

withdrawn()
{
	t_not on "dmesg | grep -E 'I/O error|g\\.e\\.'"
	xengraft withdraw "$g"
	t_guest_log_clean "$g"
}

start_guest()
{
	lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus" --tools
}

for guest; do
	IFS=: read -r type kernel vcpus <<-END
	$guest
	END
	g=c-$type-$kernel
	if ! start_guest; then
		echo "FAIL $guest: the guest did not start"
		t_failed=$((t_failed + 1))
		continue
	fi
	xengraft disk-attach "$g" $spec
	xengraft -N swap "$g" xvdb paravirtual | sed -n 's/^would //p' >/tmp/steps
	xengraft disk-detach "$g" xvdb
	[ "$(wc -l </tmp/steps)" -ge 8 ] || { echo "FAIL the steps of a swap are not listed"; exit 1; }
	printf 'switched\nproof\nclose the other driver\nforget the other areas\n' >>/tmp/steps
	while read -r step <&3; do
		t_case "$guest: killed at '$step'" with_load killed_at "$step"
		t_case "$guest: failed at '$step'" with_load failed_at "$step"
		t_case "$guest: the backend dies at '$step'" with_load backend_dies_at "$step"
	done 3</tmp/steps
	for mode in virtual paravirtual; do
		t_case "$guest: a new backend is stuck beside one that is $mode" with_load stuck_beside $mode
		for point in "put the old driver back" "the new backend is ended"; do
			t_case "$guest: so it is, and the command is killed at '$point'" with_load stuck_beside $mode "kill:$point"
		done
	done
	t_case "$guest: no I/O error, no warning" withdrawn
	lab-guest stop "$g"
	while read -r step <&3; do
		t_case "$guest: destroyed at '$step'" guest_goes_at "$step"
	done 3</tmp/steps
done
losetup -d "$loop"
t_end
