#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Thousands of swaps of one disk, in both directions and mixed with upgrades and rollbacks, under load that fio verifies.
# Not a part of ./check: a thousand take the better part of half an hour. Says every hundred how far it is.
# Arguments: swaps, then a guest as TYPE:KERNEL:VCPUS.
. "${0%/*}/t-lib.sh"
. "${0%/*}/t-load.sh"

on() { lab-guest exec "$g" "$1"; }
field() { xengraft status --json "$g" xvdb | sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }

swaps=$1 guest=$2
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

# The Nth: there, to the same mode, back, to the other version and back again. Which version is the newest changes
# nothing: a digest may be asked for.
swap_nth()
{
	case $(($1 % 8)) in
	0) xengraft swap "$g" xvdb paravirtual --timeout 5000 ;;
	1) xengraft swap "$g" xvdb "$old_paravirtual" --timeout 5000 ;;
	2) xengraft upgrade "$g" --timeout 5000 ;;
	3) xengraft swap "$g" xvdb virtual --timeout 5000 ;;
	4) xengraft rollback "$g" xvdb --timeout 5000 ;;
	5) xengraft swap "$g" xvdb "$old_virtual" --timeout 5000 ;;
	6) xengraft upgrade "$g" --timeout 5000 ;;
	7) xengraft swap "$g" xvdb virtual --timeout 5000 ;;
	esac
}

soak()
{
	xengraft-repo init
	newer virtual
	newer paravirtual
	old_virtual=$(sha256sum /usr/lib/xengraft/images/blkif-virtual.o | cut -d ' ' -f 1)
	old_paravirtual=$(sha256sum /usr/lib/xengraft/images/blkif-paravirtual.o | cut -d ' ' -f 1)
	xengraft disk-attach "$g" "$loop,raw,xvdb,rw"
	load_start "$g"
	n=0 late=0
	while [ $n -lt "$swaps" ]; do
		if swap_nth $n >/tmp/swap.out 2>&1; then
			n=$((n + 1))
			[ $((n % 100)) != 0 ] || echo "$n swaps at $(cut -d ' ' -f 1 /proc/uptime) s" >&3
			[ $((n % 10)) != 0 ] || load_runs "$g"
		else
			status=$?
			cat /tmp/swap.out >&3
			[ $status = 2 ]
			late=$((late + 1))
			[ $late -lt $((n / 50 + 20)) ]
		fi
	done
	load_ended_well "$g"
	xengraft history --json "$g" xvdb >/tmp/history
	echo "NOTE $n swaps, $late refused, $(sed -n 's/.*"reason": "\(.*\)",.*/\1/p' /tmp/history | sort | uniq -c | tr -s ' \n' ' ')"
	echo "NOTE held, ms: $(sed -n 's/.*"hold_ns": \([0-9]*\),.*/\1/p' /tmp/history | sort -n |
		awk '{ v[NR] = $1 / 1e6 } END { printf "p50 %.2f, p99 %.2f, most %.2f", v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)], v[NR] }')"
	xengraft disk-detach "$g" xvdb
	t_not on "dmesg | grep -E 'I/O error|g\\.e\\.'"
	xengraft withdraw "$g"
	t_guest_log_clean "$g"
}

lab-guest start "$g" --type "$type" --kernel "$kernel" --vcpus "$vcpus" --tools || exit 99
exec 3>&1
t_case "$guest: $swaps swaps and upgrades under verified load" soak
t_end
