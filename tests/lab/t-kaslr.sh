#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel that chose its own address, physical and virtual: it is found where it says itself that it is, and a disk
# attached to it. Arguments: guests as KERNEL:VCPUS. disk.img with its sums is in /root/in.
# shellcheck disable=SC2016 # text for the guest
. "${0%/*}/t-lib.sh"

# Where a kernel's text begins that did not choose (Linux: __START_KERNEL, CONFIG_PHYSICAL_START): the low half, for sh
# cannot count higher.
base=81000000

text_of()
{
	lab-guest exec "$1" 'echo 0 >/proc/sys/kernel/kptr_restrict
		sed -n "s/^ffffffff\(.*\) T _text$/\1/p" /proc/kallsyms'
}
said() { xengraft inspect "$1" | sed -n "s/^$2  *//p"; }

# One slot in some hundred is the usual one: then it is started once more.
started()
{
	for try in 1 2 3; do
		lab-guest start "$1" --kaslr --kernel "$2" --vcpus "$3"
		text=$(text_of "$1")
		[ "$text" = $base ] || return 0
		echo "$1: not moved at try $try"
		lab-guest stop "$1"
	done
	return 1
}

found()
{
	text=$(text_of "$1")
	offset=$(printf '%#x' $((0x$text - 0x$base)))
	echo "NOTE $1: _text at $text, offset $offset, physical base $(said "$1" 'physical base')"
	t_not t_same "offset" "$offset" 0
	t_same "the offset that inspect tells" "$(said "$1" 'KASLR offset')" "$offset"
	code=$(lab-guest exec "$1" 'sed -n "s/^ *\([0-9a-f]*\)-.* : Kernel code/\1/p" /proc/iomem')
	# physical = virtual - __START_KERNEL_map + phys_base
	t_same "where the text is in memory" "$((0x$code))" "$((0x$text - 0x80000000 + $(said "$1" 'physical base')))"
}

attached()
{
	cp $t_in/disk.img /root/k.img
	xengraft disk-attach "$1" /root/k.img,raw,xvdb,rw
	lab-guest exec "$1" 'modprobe ext4; mkdir -p /t && mount -t ext4 /dev/xvdb /t && cd /t && \
		sha256sum -c SHA256SUMS >/dev/null && cp SHA256SUMS again && cd / && umount /t'
	xengraft disk-detach "$1" xvdb
	e2fsck -fn /root/k.img
}

ten_rounds()
{
	n=0
	while [ $n -lt 10 ]; do
		xengraft disk-attach "$1" /root/k.img,raw,xvdb,rw >/dev/null
		xengraft disk-detach "$1" xvdb
		xengraft withdraw "$1"
		n=$((n + 1))
	done
}

for guest; do
	kernel=${guest%:*} vcpus=${guest#*:} g=k-$kernel-$vcpus
	t_case "$guest: the kernel moves" started "$g" "$kernel" "$vcpus"
	t_case "$guest: it is found where it is" found "$g"
	t_case "$guest: a disk, and every file has its checksum" attached "$g"
	t_case "$guest: entered and left ten times" ten_rounds "$g"
	t_case "$guest: the guest's log has no warning" t_guest_log_clean "$g"
	lab-guest stop "$g"
done
t_end
