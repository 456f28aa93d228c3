#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that is not Linux (guest-stubs/bare): it boots as PVH, xengraft knows it, and a disk attached to it
# is the one in Dom0. Talks to the guest over xenstore: guest-stubs/bare/README.md. Argument: how many rounds
# of attach and detach.
. "${0%/*}/t-lib.sh"
rounds=${1:-10}
kernel=/usr/share/xengraft/bare.elf
mib=24
asked=0

# start NAME [CONFIG-LINE]...
start()
{
	name=$1
	shift
	{
		printf 'name = "%s"\ntype = "pvh"\nkernel = "%s"\n' "$name" $kernel
		printf 'memory = 64\nvcpus = 1\ntsc_mode = "native"\n'
		printf 'on_crash = "destroy"\non_reboot = "destroy"\n'
		for line; do echo "$line"; done
	} >"/run/lab/$name.cfg"
	xl create "/run/lab/$name.cfg" >"/run/lab/$name.create" 2>&1 || { cat "/run/lab/$name.create"; return 1; }
	domid=$(xl domid "$name") || return 1
	wait_for "/local/domain/$domid/data/bare/ready" '[0-9]*'
}

# wait_for NODE PATTERN: until its value is like PATTERN, for half a minute
wait_for()
{
	tries=600
	while [ $tries -gt 0 ]; do
		value=$(xenstore-read "$1" 2>/dev/null)
		# shellcheck disable=SC2254 # a pattern is wanted
		case $value in $2) return 0 ;; esac
		tries=$((tries - 1))
		sleep 0.05
	done
	echo "$1 did not become like '$2': '$value'"
	return 1
}

# ask NAME WORD...: what the command prints; fails as it does
ask()
{
	guest=/local/domain/$(xl domid "$1")/data/bare
	shift
	# From any subshell, so that no number is used twice.
	asked=$(cat /run/lab/asked 2>/dev/null || echo 0)
	asked=$((asked + 1))
	echo $asked >/run/lab/asked
	xenstore-write "$guest/command" "$asked $*"
	wait_for "$guest/reply" "$asked *" || return 1
	# xenstore-read shows a newline as \n.
	printf '%b\n' "$value" | sed 1d
	case $value in "$asked ok"*) return 0 ;; esac
	printf '%b\n' "$value" | head -n 1
	return 1
}

# sum_of FILE SECTOR COUNT: CRC-32 and length as gzip has them, which is what the guest's `read` prints
sum_of()
{
	dd if="$1" bs=512 skip="$2" count="$3" 2>/dev/null | gzip -1c | tail -c 8 | od -An -tu4 | awk '{ print $1, $2 }'
}

fresh_image() { head -c $((mib * 1048576)) /dev/urandom >/root/b.img; }

hundredths() { cut -d" " -f1 /proc/uptime | tr -d .; }

boots()
{
	begun=$(hundredths)
	start bareguest
	echo "NOTE bareguest: xl create to ready in $((($(hundredths) - begun) * 10)) ms" >&3
	us=$(xenstore-read "/local/domain/$(xl domid bareguest)/data/bare/ready")
	echo "NOTE bareguest ready $us us after its first instruction" >&3
	[ "$us" -lt 1000000 ]
	ask bareguest status | grep '^release'
	t_same "disks" "$(ask bareguest disks)" ""
}

inspected()
{
	xengraft inspect bareguest | tee /tmp/bare.txt
	grep -qE '^system +bare$' /tmp/bare.txt
	t_same release "$(sed -n 's/^release  *//p' /tmp/bare.txt)" "$(ask bareguest status | sed -n 's/^release //p')"
	xengraft inspect --json bareguest | grep -q '"name": "bare"'
}

attached()
{
	fresh_image
	xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	ask bareguest disks | grep "^xvdb $((mib * 2048)) sectors"
	t_same "the whole disk" "$(ask bareguest read xvdb 0 $((mib * 2048)))" "$(sum_of /root/b.img 0 $((mib * 2048)))"
	t_same "what is announced" "$(xenstore-read "/local/domain/$(xl domid bareguest)/xengraft/personality/image")" \
		"bare-$(ask bareguest status | sed -n 's/^release //p')"
	xengraft-repo resolve --guest bareguest --device xen-blkif --mode virtual --explain | tee /tmp/bare.resolve
	grep -q 'bare' /tmp/bare.resolve
	t_same "one sector" "$(ask bareguest read xvdb 4711 1)" "$(sum_of /root/b.img 4711 1)"
}

written()
{
	sum=$(ask bareguest write xvdb 1000 9999 5)
	t_same "read back" "$(ask bareguest verify xvdb 1000 9999 5)" "$sum"
	ask bareguest flush xvdb
	t_same "in the image" "$(sum_of /root/b.img 1000 9999)" "$sum"
	t_not ask bareguest verify xvdb 1000 10000 5
	t_not ask bareguest read xvdb $((mib * 2048 - 1)) 2
	ask bareguest bench xvdb read 4096 16 500
	echo "NOTE bareguest: $(ask bareguest bench xvdb read 4096 16 500)" >&3
	ask bareguest bench xvdb read 131072 4 300
}

two_disks()
{
	head -c 1048576 /dev/urandom >/root/c.img
	xengraft disk-attach bareguest vdev=xvdc,access=ro,target=/root/c.img
	t_same "second disk" "$(ask bareguest read xvdc 0 2048)" "$(sum_of /root/c.img 0 2048)"
	t_not ask bareguest write xvdc 0 8 1
	xengraft disk-detach bareguest xvdc
	t_not ask bareguest read xvdc 0 8
	ask bareguest read xvdb 0 8
}

detached()
{
	ask bareguest open xvdb
	t_fails 1 "in use in guest" xengraft disk-detach bareguest xvdb
	ask bareguest read xvdb 0 8
	ask bareguest close xvdb
	xengraft disk-detach bareguest xvdb
	t_same disks "$(ask bareguest disks)" ""
}

state_of() { ask bareguest status | grep -v '^up'; }

many_rounds()
{
	before=$(state_of)
	i=0
	while [ $i -lt "$rounds" ]; do
		xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
		ask bareguest read xvdb $((i * 8)) 64 >/dev/null
		xengraft disk-detach bareguest xvdb
		i=$((i + 1))
	done
	t_same "what the guest has" "$(state_of)" "$before"
}

forced()
{
	xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	ask bareguest open xvdb
	xengraft disk-detach --force bareguest xvdb
	t_not ask bareguest read xvdb 0 8
	t_same disks "$(ask bareguest disks)" ""
	t_fails 1 "in use in the guest" xengraft withdraw bareguest
	ask bareguest close xvdb
}

withdrawn()
{
	xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	xengraft disk-detach bareguest xvdb
	before=$(t_traces)
	xengraft withdraw bareguest
	xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	t_same "once more" "$(ask bareguest read xvdb 0 8)" "$(sum_of /root/b.img 0 8)"
	xengraft disk-detach bareguest xvdb
	t_same traces "$(t_traces)" "$before"
	xengraft withdraw bareguest
	t_same "what is left" "$(xenstore-ls -f | grep -c "domain/$(xl domid bareguest)/.*xengraft")" 0
}

# kill -9 of the command at a step: the next attach finds out and goes through.
killed()
{
	t_not env XENGRAFT_FAULT="kill:$1" xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	t_same "read" "$(ask bareguest read xvdb 0 64)" "$(sum_of /root/b.img 0 64)"
	xengraft disk-detach bareguest xvdb
	xengraft withdraw bareguest
}

failed()
{
	t_fails 1 "fault point '$1'" env XENGRAFT_FAULT="fail:$1" xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	t_same disks "$(ask bareguest disks)" ""
}

# The backend dies with requests in flight and pages mapped: they fail, and what was mapped comes back.
backend_killed()
{
	xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	before=$(state_of)
	pid=$(pidof xengraft-backend)
	kill -STOP "$pid"
	ask bareguest bench xvdb write 65536 16 100 >/tmp/bench.out 2>&1 &
	bench=$!
	sleep 1
	kill -9 "$pid"
	xengraft disk-detach --force bareguest xvdb
	wait $bench && return 1
	grep 'requests failed' /tmp/bench.out
	xengraft disk-attach bareguest /root/b.img,raw,xvdb,rw
	t_same "what the guest has" "$(state_of)" "$before"
	t_same "read" "$(ask bareguest read xvdb 0 64)" "$(sum_of /root/b.img 0 64)"
	xengraft disk-detach bareguest xvdb
}

# Personality and all: as before the first attach, but for the stack of the last task, which goes a moment later.
nothing_left()
{
	sleep 1
	t_same "what the guest has" "$(state_of)" "$(cat /tmp/bare.first)"
	t_not grep -E 'exception|stopped' /var/log/xen/console/guest-bareguest.log
}

powered_off()
{
	xl shutdown -w bareguest
	t_not xl domid bareguest
}

exec 3>&1
t_case "bare: boots in less than a second and answers" boots
if ! xl domid bareguest >/dev/null 2>&1; then
	tail -n 20 /var/log/xen/console/guest-bareguest.log
	t_end
fi
state_of >/tmp/bare.first
t_case "bare: xengraft knows what it is" inspected
t_case "bare: an attached disk reads as in Dom0" attached
t_case "bare: what it writes is in Dom0's image" written
t_case "bare: a second disk, read-only" two_disks
t_case "bare: detach when nobody has it open only" detached
t_case "bare: $rounds rounds leave nothing" many_rounds
t_case "bare: detach by force while open" forced
t_case "bare: the personality leaves and comes again" withdrawn
t_case "bare: the backend dies with requests in flight" backend_killed
xengraft withdraw bareguest >/dev/null 2>&1
xengraft -N disk-attach bareguest /root/b.img,raw,xvdb,rw | sed -n 's/^would //p' |
	grep -v -e '^inspect the guest$' -e '^find the personality$' >/tmp/steps
printf 'window allocated\nentered\npersonality started\n' >>/tmp/steps
[ "$(wc -l </tmp/steps)" -ge 12 ] || { echo "FAIL bare: the steps of an attach are not listed"; t_failed=1; }
while read -r step; do
	t_case "bare: killed at '$step'" killed "$step"
	case $step in "window allocated" | "personality started") continue ;; esac
	t_case "bare: failed at '$step'" failed "$step"
done </tmp/steps
t_case "bare: the guest has what it had before" nothing_left
t_case "bare: powers off when asked" powered_off
t_end
