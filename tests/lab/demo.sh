#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What ./demo shows, in Dom0. Arguments: pvh|pv, 6.1|6.12, "colour" when a person looks on.
type=$1 kernel=$2
bold='' dim='' green='' off=''
[ "$3" = colour ] && bold=$(printf '\033[1m') dim=$(printf '\033[2m') green=$(printf '\033[32m') off=$(printf '\033[0m')
image=/root/demo.img
disk=/dev/loop0			# the same as a block device: what the kernel's backend wants
clock=/root/in/clock

title() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
in_dom0() { printf '%s  dom0# %s%s\n' "$dim" "$*" "$off"; "$@" 2>&1 | sed 's/^/  /'; }
in_guest() { printf '%s  guest# %s%s\n' "$dim" "$1" "$off"; lab-guest exec web1 "$1" 2>&1 | sed 's/^/  /'; }
stop_on() { printf '\nThe demo failed: %s\n' "$*"; exit 1; }

# ---- A disk's latency, drawn while its driver changes ---------------------------------------------------------------

slice_ms=100
slices_each=12			# between two swaps
bars='▁ ▂ ▃ ▄ ▅ ▆ ▇ █'		# under 2, 4, 8, … ms
row_chars=64

row() { printf '\n    %-12s ' "$1"; column=0; }

# bar NANOSECONDS
bar()
{
	[ $column -lt $row_chars ] || row ''
	column=$((column + 1)) bar_limit=2000000
	for bar_char in $bars; do
		[ "$1" -ge $bar_limit ] || break
		bar_limit=$((bar_limit * 2))
	done
	printf '%s' "$bar_char"
}

# A swap in the background: when it began is in swap.N.began, when it ended and how in swap.N.ended.
swap_start()
{
	$clock now >"/run/swap.$1.began"
	(
		status=0
		xengraft swap web1 xvdb "$2" --timeout 3000 >"/run/swap.$1.said" 2>&1 || status=$?
		echo "$($clock now) $status" >"/run/swap.$1.part"
		mv "/run/swap.$1.part" "/run/swap.$1.ended"
	) &
}

# draw MODE...: slices on stdin; the disk is in the first MODE, and swapped to the next ones. Fails when a swap has.
draw()
{
	row "$1"
	shift
	nth=0 drawn=0 swapping='' marked=''
	while read -r end _ longest _; do
		[ "$end" != end ] || break
		if [ -n "$swapping" ] && [ -z "$marked" ] && [ "$end" -ge "$(cat /run/swap.$nth.began)" ]; then
			printf '[' && marked=1
		fi
		bar "$longest"
		drawn=$((drawn + 1))
		if [ -n "$swapping" ] && [ -e /run/swap.$nth.ended ]; then
			read -r ended status </run/swap.$nth.ended
			if [ "$end" -ge "$ended" ]; then
				printf ']'
				[ "$status" = 0 ] || return 1
				row "$swapping"
				drawn=0 swapping='' marked=''
			fi
		fi
		if [ -n "$swapping" ] || [ $drawn -lt $slices_each ]; then continue; fi
		[ $# -gt 0 ] || break
		nth=$((nth + 1)) swapping=$1
		shift
		swap_start $nth "$swapping"
	done
	printf '\n\n'
	[ $# = 0 ] && [ -z "$swapping" ]
}

# The lines that the guest's program writes, as they come.
slices()
{
	have=0
	while :; do
		lab-guest exec web1 "tail -n +$((have + 1)) /run/live" >/run/slices || return
		have=$((have + $(wc -l </run/slices)))
		cat /run/slices || return	# nobody draws any more
		usleep 300000
	done
}

# Writes and reads 4 KiB at a time, past the guest's cache, while dom0 swaps.
swap_under_load()
{
	lab-guest exec web1 "dd if=/dev/zero of=/mnt/load bs=64k count=16 2>/dev/null && sync &&
		{ $clock live /mnt/load $slice_ms >/run/live 2>&1 & echo \$! >/run/live.pid; }" || return
	slices 2>/dev/null | draw virtual paravirtual virtual paravirtual virtual || { cat /run/swap.*.said; return 1; }
	lab-guest exec web1 'kill "$(cat /run/live.pid)"; until grep -q ^end /run/live; do sleep 1; done; rm /mnt/load
		tail -n 1 /run/live' >/run/live.end
	read -r _ requests wrong </run/live.end
	echo "    $requests requests, $wrong failed or brought other bytes than were written"
	[ "$wrong" = 0 ]
}

# ---- The demo -----------------------------------------------------------------------------------------------------

mv /root/in/demo.img $image
losetup $disk $image || stop_on "no loop device"
lab-guest start web1 --type "$type" --kernel "$kernel" --file $clock || stop_on "the guest did not start"

title "1. A guest as it comes from Debian: no xengraft in it, no spare disk"
in_guest 'uname -sr; cat /proc/partitions | tail -n +3; lsmod | grep -ci xengraft'

title "2. What runs in there? Read from its memory while it runs"
in_dom0 xengraft inspect web1

title "3. Which driver would it get, and why? From a repository of signed images"
in_dom0 xengraft-repo list
in_dom0 xengraft-repo resolve --guest web1 --device xen-blkif --mode virtual --explain

title "4. Dom0 writes a driver into the guest and a disk appears"
in_dom0 xengraft -v disk-attach web1 $disk,raw,xvdb,rw
xengraft disk-list web1 --json | grep -q live || stop_on "no disk"
in_guest 'dmesg | grep xengraft; cat /proc/partitions | grep xvdb'

title "5. The guest mounts it and checks every file"
in_guest 'modprobe ext4; mkdir -p /mnt && mount -t ext4 /dev/xvdb /mnt && ls /mnt && wc -l < /mnt/SHA256SUMS'
in_guest 'cd /mnt && sha256sum -c SHA256SUMS 2>&1 | grep -c ": OK$"'
sum_of_all='find include -type f | sort | tr "\n" "\0" | xargs -0 sha256sum | sha256sum'
guest_sum=$(lab-guest exec web1 "cd /mnt && $sum_of_all")

title "6. Its driver and its backend change while it is in use"
echo "  The guest writes 4 KiB and reads them back, one at a time. A character is $slice_ms ms, as high as its longest request:"
echo "  ▁ under 2 ms, ▂ under 4, ▃ under 8, doubling on to █; [ ] is one xengraft swap, from start to end of the command"
swap_under_load || stop_on "the swaps went wrong"
in_dom0 xengraft history web1

title "7. Two sides, one disk: the guest writes, Dom0 reads"
in_guest 'echo "written by the guest, $(uname -r)" >/mnt/hello && umount /mnt'
in_dom0 xengraft status web1 xvdb
in_dom0 xengraft disk-detach web1 xvdb
losetup -d $disk
in_dom0 e2fsck -fn $image
in_dom0 debugfs -R 'cat /hello' $image
mkdir -p /mnt/dom0 && mount -o ro,loop $image /mnt/dom0 || stop_on "Dom0 cannot mount the image"
dom0_sum=$(cd /mnt/dom0 && eval "$sum_of_all")
umount /mnt/dom0
printf '  all files in the guest  %s\n  all files in Dom0       %s\n' "${guest_sum%% *}" "${dom0_sum%% *}"
[ "$guest_sum" = "$dom0_sum" ] || stop_on "the sums differ"

title "8. And out again"
in_dom0 xengraft withdraw web1
in_guest 'dmesg | grep xengraft | tail -n 2; ls /sys/block'
[ "$(xenstore-ls -f | grep -c 'domain/[1-9].*xengraft')" = 0 ] || stop_on "something stayed in xenstore"
printf '\n%sThe same sums on both sides; nothing was left behind.%s\n' "$green" "$off"
