#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl and xengraft together: a disk by xl's own block-attach and by a domain's configuration, with script=block-xengraft;
# what cannot be done, and what xl says then; plug-ins, by hand and, if ./xl-grafted is there, by an xl that knows them.
#
#     t-xl.sh [TYPE:KERNEL]...
# shellcheck disable=SC2016 # what a guest is to expand
. "${0%/*}/t-lib.sh"

in=$PWD
disk='script=block-xengraft,vdev=xvdb,target=/root/x.img'
nowhere='script=block-xengraft,vdev=xvdb,target=/root/nowhere'
plugins=$(echo /usr/lib/xen-*/xl-plugins)

t_clear_up()
{
	xl block-detach "$g" xvdb 2>/dev/null || :
	xengraft disk-detach --force "$g" xvdb 2>/dev/null || :
	xl destroy young 2>/dev/null || :
}

seconds() { cut -d' ' -f1 /proc/uptime | tr -d .; }	# hundredths

# Nothing of the disk is left on either side, in xl's list, in xenstore or as a process.
nothing_left()
{
	t_same "xl's list" "$(xl block-list "$g" | wc -l)" 1
	t_same "xengraft's list" "$(xengraft disk-list "$g" | wc -l)" 1
	t_not sh -c "xenstore-ls -f | grep 51728"
	t_same backends "$(t_backends)" 0
	t_not lab-guest exec "$g" 'grep xvdb /proc/partitions'
}

# Once, by xengraft, of the right size; the guest's own blkfront has nothing.
served()
{
	lab-guest exec "$1" 'grep -c xvdb /proc/partitions; cat /sys/block/xvdb/size' >/tmp/served
	cat /tmp/served
	t_same "xvdb in the guest" "$(sed -n 1p /tmp/served)" 1
	t_same "its sectors" "$(sed -n 2p /tmp/served)" 16384
	xengraft disk-list "$1" | grep -q xvdb
	t_same "xl's list" "$(xl block-list "$1" | grep -c 51728)" 1
}

attach_and_detach()
{
	for round in 1 2 3; do
		xl block-attach "$g" "$disk"
		served "$g"
		lab-guest exec "$g" "dd if=/dev/zero of=/dev/xvdb bs=64k count=8 oflag=direct 2>/dev/null && sync"
		begun=$(seconds)
		xl block-detach "$g" xvdb
		echo "detached within $((($(seconds) - begun) / 100)) s, round $round"
		nothing_left
	done
}

options()
{
	xl block-attach "$g" "script=block-xengraft,vdev=xvdb,access=ro,target=/root/x.img;mode=auto;wait=5"
	served "$g"
	xengraft disk-list "$g" | grep -E 'xvdb +ro'
	xl block-detach "$g" xvdb
	nothing_left
}

# refused SAYS DISK: xl fails and says it; its own list is cleared as it is after any script that failed.
refused()
{
	t_not xl block-attach "$g" "$2" 2>/tmp/said
	cat /tmp/said
	grep -qF "script: $1" /tmp/said
	xl block-detach "$g" xvdb
	nothing_left
}

taken_by_hand()
{
	xengraft disk-attach "$g" /root/x.img,raw,xvdb,rw
	t_not xl block-attach "$g" "$disk" 2>/tmp/said
	cat /tmp/said
	grep -qF "script: vdev xvdb is in use" /tmp/said
	# What xl did not attach it does not take away.
	xl block-detach "$g" xvdb
	xengraft disk-list "$g" | grep -q xvdb
	xengraft disk-detach "$g" xvdb
	nothing_left
}

in_use()
{
	xl block-attach "$g" "$disk"
	lab-guest exec "$g" 'sleep 1000 </dev/xvdb >/dev/null 2>&1 & echo $! >/tmp/holder'
	xl block-detach "$g" xvdb 2>/tmp/said || :
	cat /tmp/said
	grep -q "script: .*it stays attached" /tmp/said
	xengraft disk-list "$g" | grep -q xvdb
	lab-guest exec "$g" 'kill $(cat /tmp/holder)'
	xengraft disk-detach "$g" xvdb
	nothing_left
}

by_force()
{
	xl block-attach "$g" "$disk"
	lab-guest exec "$g" 'sleep 1000 </dev/xvdb >/dev/null 2>&1 & echo $! >/tmp/holder'
	xl block-detach --force "$g" xvdb
	t_not sh -c "xengraft disk-list $g | grep xvdb"
	lab-guest exec "$g" 'kill $(cat /tmp/holder)'
	nothing_left
}

# What was begun is cleaned up by the detach that xl needs after any script that failed.
killed()
{
	for point in "start the backend" "install the driver" "record"; do
		t_not env XENGRAFT_FAULT="kill:$point" xl block-attach "$g" "$disk" 2>/tmp/said
		cat /tmp/said
		grep -q "script: xengraft disk-attach: status 137" /tmp/said
		xl block-detach "$g" xvdb
		nothing_left
	done
	xl block-attach "$g" "$disk"
	served "$g"
	xl block-detach "$g" xvdb
	nothing_left
}

no_personality()
{
	mkdir -p /root/none
	export XENGRAFT_REPO=/root/none/repo XENGRAFT_CONFDIR=/root/none/etc XENGRAFT_IMAGES=/root/none
	xengraft-repo init
	xengraft withdraw "$g"
	refused "no personality for linux" "$disk"
}

# wait_for TEXT COMMAND...: until the command does it, or a minute is over.
wait_for()
{
	text=$1
	shift
	n=0
	until "$@"; do
		n=$((n + 1))
		[ "$n" -lt 300 ] || { echo "not seen: $text"; cat /var/log/xen/xengraft-block.log; return 1; }
		sleep 0.2
	done
}

attached_to() { xengraft disk-list "$1" | grep -q 'xvdb.*live'; }
no_backends() { t_same backends "$(t_backends)" 0; }
waiters()
{
	for pid in $(pidof xengraft); do
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -c -e ' --of-xl --wait '
	done | grep -c 1
}

no_waiter() { t_same "processes that wait" "$(waiters)" 0; }
one_waiter() { t_same "processes that wait" "$(waiters)" 1; }

# The guest's own blkfront, loaded at boot or later, does not wait for a disk that is none, for up to 270 s: there is no
# such device.
from_the_configuration()
{
	lab-guest start young "$@" --config "disk = [ '$disk' ]"
	t_not lab-guest exec young 'ls /sys/bus/xen/devices | grep vbd-51728'
	lab-guest exec young 'modprobe xen-blkfront'
	wait_for "the disk, attached behind xl's back" attached_to young
	served young
	no_waiter
	xl block-detach young xvdb
	t_not lab-guest exec young 'grep xvdb /proc/partitions'
	xl block-attach young "$disk"
	served young
	t_guest_log_clean young
	xl destroy young
	wait_for "the backend's end" no_backends
	xengraft disk-list >/dev/null
	t_not sh -c "xenstore-ls -f | grep -E '51728|xengraft'"
}

# A guest that never comes up: what waits for it ends with it, and earlier when xl takes the disk away.
called_off()
{
	lab-guest start young --paused --config "disk = [ '$disk' ]"
	wait_for "the process that waits" one_waiter
	t_same "what xl says" "$(xl block-detach young xvdb 2>&1)" ""
	wait_for "the end of the waiting process" no_waiter
	xl block-attach young "$disk"
	wait_for "the process that waits" one_waiter
	xl destroy young
	wait_for "the end of the waiting process" no_waiter
	t_not sh -c "xenstore-ls -f | grep -E '51728|xengraft'"
}

no_target_no_domain()
{
	t_not lab-guest start young --config "disk = [ '$nowhere' ]" 2>/tmp/said
	cat /tmp/said
	grep -qF "target /root/nowhere: No such file" /tmp/said
	t_not xl list young
}

by_hand()
{
	XL_VERBOSE=1 "$plugins/xl-graft-attach" "$g" /root/x.img,raw,xvdb,rw 2>/tmp/said
	grep -q 'ms  inspect the guest' /tmp/said || grep -q 'ms  ' /tmp/said
	"$plugins/xl-graft-list" "$g" | grep -q xvdb
	XL_DRYRUN=1 "$plugins/xl-graft-swap" "$g" xvdb virtual
	"$plugins/xl-graft-status" "$g" xvdb | grep -q '^driver'
	t_fails 1 "is in use" "$plugins/xl-graft-attach" "$g" /root/x.img,raw,xvdb,rw
	"$plugins/xl-graft-detach" "$g" xvdb
	nothing_left
}

# An xl built with hypervisor-patches/xl.
grafted()
{
	xl=$in/xl-grafted
	"$xl" help | grep -E '^ graft-attach +Give a running guest a disk'
	"$xl" help --long | grep -E '^ graft-swap +'
	"$xl" help graft-swap | grep -F 'Usage: xl [-vN] graft-swap GUEST VDEV'
	"$xl" graft-attach "$g" /root/x.img,raw,xvdb,rw
	"$xl" graft-list "$g" | grep xvdb
	"$xl" -N graft-detach "$g" xvdb
	"$xl" graft-swap "$g" xvdb virtual
	"$xl" graft-history "$g" xvdb | grep swap
	got=0
	"$xl" graft-attach "$g" /root/x.img,raw,xvdb,rw || got=$?
	t_same "exit status" "$got" 1
	"$xl" graft-detach "$g" xvdb
	t_not "$xl" graft-nothing
	"$xl" list "$g"
	nothing_left
}

truncate -s 8M /root/x.img
xengraft-repo init || exit 99
[ $# -gt 0 ] || set -- pvh:6.1
for what; do
	IFS=: read -r type kernel <<-END
		$what
	END
	g=xl-$type
	lab-guest start "$g" --type "$type" --kernel "$kernel" || exit 99
	lab-guest exec "$g" 'modprobe xen-blkfront' || exit 99
	t_case "$what: xl block-attach and block-detach" attach_and_detach
	t_case "$what: options in the target" options
	t_case "$what: no such target" refused "target /root/nowhere: No such file" "$nowhere"
	t_case "$what: an option that is none" refused "target's option 'mode=fast' is none of" "$disk;mode=fast"
	t_case "$what: a time that is none" refused "target's option 'wait=86401': seconds from 1 to" \
		"$disk;wait=86401"
	t_case "$what: a target that xengraft refuses" refused "target /root is neither a file nor a block device" \
		"script=block-xengraft,vdev=xvdb,target=/root"
	t_case "$what: a vdev that was attached by hand" taken_by_hand
	t_case "$what: a disk in use stays, and xl says why" in_use
	t_case "$what: block-detach --force" by_force
	t_case "$what: xengraft is killed under the script" killed
	t_case "$what: plug-ins by hand" by_hand
	if [ -x "$in/xl-grafted" ]; then
		t_case "$what: an xl that knows plug-ins" grafted
	else
		t_skip "$what: an xl that knows plug-ins" "there is no xl-grafted"
	fi
	t_case "$what: a guest that no personality fits" no_personality
	t_case "$what: the guest's log is clean" t_guest_log_clean "$g"
	xl destroy "$g"
	t_case "$what: from a domain's configuration" from_the_configuration --type "$type" --kernel "$kernel"
	t_case "$what: a guest that does not come up" called_off
	t_case "$what: a configuration without its target" no_target_no_domain
	[ "$type" != pvh ] ||
		t_case "$what: from the configuration of a guest that GRUB starts" \
			from_the_configuration --kaslr --kernel "$kernel"
done
t_end
