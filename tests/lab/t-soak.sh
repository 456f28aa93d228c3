#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Thousands of swaps of one disk, in both directions and mixed with upgrades and rollbacks, under load that fio verifies.
# Not a part of ./check: ten thousand take hours under emulation. Says every minute how far it is.
# Wants the program soak (--file BUILD/tests/lab/soak). Arguments: swaps, at most how many seconds (0: as many as it
# takes), a guest as TYPE:KERNEL:VCPUS, then options of fio's, such as --thinktime=20ms --thinktime_blocks=64, which leave
# more of a slow machine to the swaps.
. "${0%/*}/t-lib.sh"
. "${0%/*}/t-load.sh"

on() { lab-guest exec "$g" "$1"; }

swaps=$1 seconds=$2 guest=$3
shift 3
load_options=$*
IFS=: read -r type kernel vcpus <<END
$guest
END
g=s-$type
loop=$(t_loop /root/soak.img 64)

# A newer version of each driver: their notes say so.
newer()
{
	sed 's/version=0\.1\.0/version=0.1.1/' "/usr/lib/xengraft/images/blkif-$1.o" >"/root/$1.o"
	xengraft-repo add "/root/$1.o"
	xengraft-repo sign "$(sha256sum "/root/$1.o" | cut -d ' ' -f 1)"
}

soak()
{
	xengraft-repo init
	newer virtual
	newer paravirtual
	old_virtual=$(sha256sum /usr/lib/xengraft/images/blkif-virtual.o | cut -d ' ' -f 1)
	old_paravirtual=$(sha256sum /usr/lib/xengraft/images/blkif-paravirtual.o | cut -d ' ' -f 1)
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw"
	# shellcheck disable=SC2086 # options
	load_start "$g" $load_options
	/root/in/soak "$g" xvdb "$swaps" "$seconds" "$old_virtual" "$old_paravirtual" >/root/soak.out 2>&1 &
	soaker=$!
	while kill -0 $soaker 2>/dev/null; do
		sleep 60
		load_runs "$g"
		tail -n 1 /root/soak.out >&3
	done
	wait $soaker || { cat /root/soak.out; return 1; }
	load_ended_well "$g"
	xengraft history --json "$g" xvdb >/tmp/history
	echo "NOTE $(tail -n 1 /root/soak.out): $(sed -n 's/.*"reason": "\(.*\)",.*/\1/p' /tmp/history | sort | uniq -c | tr -s ' \n' ' ')"
	echo "NOTE held, ms: $(sed -n 's/.*"hold_ns": \([0-9]*\),.*/\1/p' /tmp/history | sort -n |
		awk '{ v[NR] = $1 / 1e6 } END { printf "p50 %.2f, p99 %.2f, most %.2f", v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)], v[NR] }')"
	echo "NOTE in flight when held: $(sed -n 's/.*"in_flight": \([0-9]*\),.*/\1/p' /tmp/history | sort -n |
		awk '{ v[NR] = $1; n += $1 > 0 } END { printf "p50 %d, most %d, none at %d of %d", v[int((NR + 1) / 2)], v[NR], NR - n, NR }')"
	xengraft disk-detach "$g" xvdb
	t_not on "dmesg | grep -E 'I/O error|g\\.e\\.'"
	xengraft withdraw "$g"
	t_guest_log_clean "$g"
}

lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus" --tools || exit 99
exec 3>&1
t_case "$guest: swaps and upgrades under verified load" soak
t_end
