#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What ./demo shows, in Dom0. Arguments: pvh|pv, 6.1|6.12, "colour" when a person looks on.
type=$1 kernel=$2
bold='' dim='' green='' off=''
[ "$3" = colour ] && bold=$(printf '\033[1m') dim=$(printf '\033[2m') green=$(printf '\033[32m') off=$(printf '\033[0m')
image=/root/demo.img

title() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
in_dom0() { printf '%s  dom0# %s%s\n' "$dim" "$*" "$off"; "$@" 2>&1 | sed 's/^/  /'; }
in_guest() { printf '%s  guest# %s%s\n' "$dim" "$1" "$off"; lab-guest exec web1 "$1" 2>&1 | sed 's/^/  /'; }
stop_on() { printf '\nThe demo failed: %s\n' "$*"; exit 1; }

mv /root/in/demo.img $image
lab-guest start web1 --type "$type" --kernel "$kernel" || stop_on "the guest did not start"

title "1. A guest as it comes from Debian: no xengraft in it, no spare disk"
in_guest 'uname -sr; cat /proc/partitions | tail -n +3; lsmod | grep -ci xengraft'

title "2. What runs in there? Read from its memory while it runs"
in_dom0 xengraft inspect web1

title "3. Which driver would it get, and why? From a repository of signed images"
in_dom0 xengraft-repo list
in_dom0 xengraft-repo resolve --guest web1 --device xen-blkif --mode virtual --explain

title "4. Dom0 writes a driver into the guest and a disk appears"
in_dom0 xengraft -v disk-attach web1 $image,raw,xvdb,rw
xengraft disk-list web1 --json | grep -q live || stop_on "no disk"
in_guest 'dmesg | grep xengraft; cat /proc/partitions | grep xvdb'

title "5. The guest mounts it and checks every file"
in_guest 'modprobe ext4; mkdir -p /mnt && mount -t ext4 /dev/xvdb /mnt && ls /mnt && wc -l < /mnt/SHA256SUMS'
in_guest 'cd /mnt && sha256sum -c SHA256SUMS 2>&1 | grep -c ": OK$"'
sum_of_all='find include -type f | sort | tr "\n" "\0" | xargs -0 sha256sum | sha256sum'
guest_sum=$(lab-guest exec web1 "cd /mnt && $sum_of_all")

title "6. Two sides, one disk: the guest writes, Dom0 reads"
in_guest 'echo "written by the guest, $(uname -r)" >/mnt/hello && umount /mnt'
in_dom0 xengraft status web1 xvdb
in_dom0 xengraft disk-detach web1 xvdb
in_dom0 e2fsck -fn $image
in_dom0 debugfs -R 'cat /hello' $image
mkdir -p /mnt/dom0 && mount -o ro,loop $image /mnt/dom0 || stop_on "Dom0 cannot mount the image"
dom0_sum=$(cd /mnt/dom0 && eval "$sum_of_all")
umount /mnt/dom0
printf '  all files in the guest  %s\n  all files in Dom0       %s\n' "${guest_sum%% *}" "${dom0_sum%% *}"
[ "$guest_sum" = "$dom0_sum" ] || stop_on "the sums differ"

title "7. And out again"
in_dom0 xengraft withdraw web1
in_guest 'dmesg | grep xengraft | tail -n 2; ls /sys/block'
[ "$(xenstore-ls -f | grep -c 'domain/[1-9].*xengraft')" = 0 ] || stop_on "something stayed in xenstore"
printf '\n%sThe same sums on both sides; nothing was left behind.%s\n' "$green" "$off"
