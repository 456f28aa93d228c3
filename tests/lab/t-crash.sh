#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 of the command and destruction of the guest, at every step of attach and detach: whoever comes
# next cleans up, and nothing is left in the guest, in xenstore, in the database, among the processes.
. "${0%/*}/t-lib.sh"

truncate -s 8M /root/c.img /root/c2.img
spec=/root/c.img,raw,xvdb,rw

xengraft-repo init
lab-guest start crash || exit 99
xengraft -N disk-attach crash $spec | sed -n 's/^would //p' |
	grep -v -e '^inspect the guest$' -e '^find the personality$' >/tmp/steps
printf 'window allocated\nentered\npersonality started\n' >>/tmp/steps
[ "$(wc -l </tmp/steps)" -ge 12 ] || { echo "FAIL the steps of an attach are not listed"; exit 1; }
clean=$(t_traces)
# No trace in Dom0, and the guest has not complained.
nothing()
{
	t_same traces "$(t_traces)" "$clean"
	t_guest_log_clean crash
}

killed_first()
{
	t_not env XENGRAFT_FAULT="kill:$1" xengraft disk-attach crash $spec
	# Another disk's attach finds the traces and removes them first.
	xengraft disk-attach crash /root/c2.img,raw,xvdc,rw
	t_not sh -c "xengraft disk-list crash | grep -q xvdb"
	lab-guest exec crash 'test ! -e /dev/xvdb && dd if=/dev/xvdc of=/dev/null bs=64k count=4 2>/dev/null'
	xengraft disk-detach crash xvdc
	xengraft withdraw crash
	nothing
}

killed_later()
{
	t_not env XENGRAFT_FAULT="kill:$1" xengraft disk-attach crash $spec
	xengraft disk-attach crash $spec
	lab-guest exec crash 'dd if=/dev/xvdb of=/dev/null bs=64k count=4 2>/dev/null'
	xengraft disk-detach crash xvdb
}

failed()
{
	t_fails 1 "fault point '$1'" env XENGRAFT_FAULT="fail:$1" xengraft disk-attach crash $spec
	nothing
}

killed_in_detach()
{
	xengraft disk-attach crash $spec
	t_not env XENGRAFT_FAULT="kill:$1" xengraft disk-detach crash xvdb
	xengraft disk-detach crash xvdb || xengraft disk-list crash
	t_not sh -c "xengraft disk-list crash | grep -q xvdb"
	xengraft withdraw crash
	nothing
}

# The command stops at the step; the guest goes away; the command finds out.
destroyed()
{
	lab-guest start victim
	XENGRAFT_FAULT="stop:$1" xengraft disk-attach victim $spec >/tmp/victim.out 2>&1 &
	pid=$!
	n=0
	until grep -q '^State:.*T' /proc/$pid/status 2>/dev/null || [ $n -ge 600 ]; do n=$((n + 1)); sleep 0.05; done
	xl destroy victim
	kill -CONT $pid
	wait $pid && return 1
	cat /tmp/victim.out
	t_same "lines said" "$(grep -c '^xengraft: ' /tmp/victim.out)" 1
	xengraft disk-list
	nothing
}

backend_killed()
{
	xengraft disk-attach crash $spec
	pid=$(pidof xengraft-backend)
	kill -9 "$pid"
	xengraft status crash xvdb
	xengraft disk-detach --force crash xvdb
	xengraft withdraw crash
	nothing
}

guest_gone()
{
	lab-guest start gone
	xengraft disk-attach gone $spec
	lab-guest exec gone 'dd if=/dev/zero of=/dev/xvdb bs=64k count=1000 >/dev/null 2>&1 & true'
	xl destroy gone
	n=0
	while [ "$(t_backends)" != 0 ] && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.1; done
	t_same backends "$(t_backends)" 0
	t_same "zombies" "$(xl list | grep -c null)" 0
	xengraft disk-list
	nothing
}

interrupted()
{
	XENGRAFT_FAULT="stop:start the backend" xengraft disk-attach crash $spec >/tmp/i.out 2>&1 &
	pid=$!
	until grep -q '^State:.*T' /proc/$pid/status; do sleep 0.05; done
	kill -INT $pid; kill -CONT $pid
	wait $pid && return 1
	grep interrupted /tmp/i.out
	nothing
}

# Its shutdown handler runs /sbin/poweroff, which the guest's small root does not have.
shuts_down()
{
	lab-guest exec crash 'printf "#!/bin/sh\nexec busybox poweroff -f\n" >/sbin/poweroff && chmod +x /sbin/poweroff'
	xl shutdown crash
	n=0
	while xl list crash >/dev/null 2>&1 && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
	t_not xl list crash
}

# Dom0 goes away for good while the first stage waits: the guest frees what it took.
gives_up()
{
	t_not env XENGRAFT_FAULT=kill:entered xengraft disk-attach crash $spec
	# Nobody of Dom0 comes. Six to twelve seconds by the guest's clock; kthreads are seen from inside.
	lab-guest exec crash 'n=0
		while grep -qs "^xengraft$" /proc/[0-9]*/comm && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
		! grep -s "^xengraft$" /proc/[0-9]*/comm'
	xengraft disk-attach crash $spec
	xengraft disk-detach crash xvdb
	xengraft withdraw crash
	nothing
}

# What an operation left cannot be read, as after an update of the program half-way: it is given up, the guest gives up
# by itself, and then all is as it was.
another_version()
{
	t_not env XENGRAFT_FAULT=kill:entered xengraft disk-attach crash $spec
	sqlite3 /var/lib/xengraft/state.db "UPDATE operation SET plan = x'00'"
	t_fails 1 "another version of xengraft left its work" xengraft disk-attach crash $spec
	xengraft withdraw --forget crash
	t_same backends "$(t_backends)" 0
	n=0
	until xengraft disk-attach crash $spec; do
		[ $? = 2 ] && [ $n -lt 30 ]
		n=$((n + 1)); sleep 1
	done
	xengraft disk-detach crash 51728
	xengraft withdraw crash
	nothing
}

while read -r step; do
	t_case "first attach killed at '$step'" killed_first "$step"
done </tmp/steps
while read -r step; do
	case $step in "window allocated" | "personality started") continue ;; esac
	t_case "first attach fails at '$step'" failed "$step"
done </tmp/steps
for step in "end the backend" "close the driver" "free the window" "forget the disk"; do
	t_case "detach killed at '$step'" killed_in_detach "$step"
done
for step in "record the guest" "start the backend" "enter the guest" entered "install the personality" \
	"open the driver" "connect the backend" "add the disk"; do
	t_case "guest destroyed at '$step'" destroyed "$step"
done
t_case "interrupted" interrupted
t_case "the first stage gives up when Dom0 does not come back" gives_up
t_case "another version's work is given up" another_version
t_case "the backend is killed" backend_killed
t_case "the guest is destroyed in the middle of I/O" guest_gone
t_case "a later attach killed at 'install the driver'" killed_later "install the driver"
t_case "the guest's log is clean" t_guest_log_clean crash
t_case "the guest still shuts down when asked" shuts_down
t_end
