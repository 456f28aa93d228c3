#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a direct boot under Xen does not have: kernels moved about by KASLR, in physical and virtual memory, with
# page-table isolation and 5-level paging. Each kernel is booted by plain QEMU from its bzImage, its memory is kept in a
# file, and inspect-probe is held against the /proc/kallsyms that the kernel itself wrote: over all pages, and over the
# page tables that the processor ran on when it was stopped.
#
#     tests/lab/t-inspect-images.sh INSPECT-PROBE VMLINUZ...
#
# Runs on the host. 0, 1 for a failure, 77 without QEMU or busybox, 99 when a kernel does not come up.

probe=$(realpath "$1") || exit 99
shift
[ $# -gt 0 ] || { echo "usage: $0 INSPECT-PROBE VMLINUZ..." >&2; exit 99; }
for tool in qemu-system-x86_64 busybox cpio; do
	command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
scratch=$(mktemp -d) || exit 99
trap 'kill %1 2>/dev/null; rm -rf "$scratch"' EXIT
failed=0

# The guest says all it knows of itself over its second serial line.
initrd()
{
	mkdir -p "$scratch/root"/{bin,proc,sys,dev,tmp}
	cp "$(command -v busybox)" "$scratch/root/bin/busybox"
	cat >"$scratch/root/init" <<-'END'
	#!/bin/busybox sh
	/bin/busybox --install -s /bin
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev
	echo 0 >/proc/sys/kernel/kptr_restrict
	stty -F /dev/ttyS1 raw -echo
	cp /proc/kallsyms /sys/kernel/notes /tmp/
	(cd /tmp && tar c kallsyms notes | gzip -1 >/dev/ttyS1)
	echo READY
	while :; do :; done
	END
	chmod +x "$scratch/root/init"
	(cd "$scratch/root" && find . | cpio -o -H newc --quiet) >"$scratch/initrd"
}

# boot VMLINUZ CPU CMDLINE: leaves $scratch/memory, kallsyms, notes and cr (CR3 and CR4 of the stopped processor).
boot()
{
	local n
	rm -rf "$scratch"/{memory,con,out,mon,cr,kallsyms,notes}
	mkfifo "$scratch/mon"
	qemu-system-x86_64 -accel tcg -cpu "$2" -m 256 -machine q35,memory-backend=m \
		-object "memory-backend-file,id=m,size=256M,mem-path=$scratch/memory,share=on" \
		-nodefaults -display none -no-reboot -kernel "$1" -initrd "$scratch/initrd" \
		-append "console=ttyS0 quiet $3" -serial "file:$scratch/con" -serial "file:$scratch/out" \
		-monitor stdio <"$scratch/mon" >"$scratch/cr" 2>&1 &
	exec 9>"$scratch/mon"
	for n in $(seq 240); do
		sleep 0.5
		grep -q READY "$scratch/con" 2>/dev/null && break
		if [ "$n" = 240 ] || ! kill -0 %1 2>/dev/null; then cat "$scratch/con"; exit 99; fi
	done
	sleep 0.5	# the loop that follows READY: the processor is in user mode
	printf 'stop\ninfo registers\n' >&9
	until grep -q '^EFER=' "$scratch/cr"; do sleep 0.1; done
	gunzip <"$scratch/out" | tar x -C "$scratch" || exit 99
}

off()
{
	echo quit >&9
	exec 9>&-
	wait %1
}

# try WHAT ROOT: every symbol and the build-id, over all pages (no ROOT) or over the processor's page tables.
try()
{
	if "$probe" --image "$scratch/memory" ${2:+--root "$2"} --compare "$scratch/kallsyms" \
		--notes "$scratch/notes" >"$scratch/said" 2>"$scratch/time"; then
		echo "ok: $1 ($(sed 's/.*, //' "$scratch/time"))"
	else
		echo "FAILED: $1"
		cat "$scratch/said"
		failed=1
	fi
}

initrd
for kernel; do
	for kind in "max,-la57 pti=off 4" "max,-la57 pti=on 4" "max pti=on 5"; do
		read -r cpu pti levels <<<"$kind"
		boot "$kernel" "$cpu" "$pti"
		cr3=$(sed -n 's/.*CR3=\([0-9a-f]*\).*/\1/p' "$scratch/cr")
		try "${kernel##*/} $pti $levels levels, all pages"
		grep -e '^KASLR' -e '^physical' -e '^page tables' -e '^compared' "$scratch/said"
		grep -q "^page tables .* $levels levels" "$scratch/said" || { echo "FAILED: $levels levels"; failed=1; }
		! grep -q '^KASLR offset *0$' "$scratch/said" || { echo "LAB: no KASLR in this boot"; off; exit 99; }
		try "${kernel##*/} $pti $levels levels, processor's tables from $cr3" \
			"$(printf '%x/%d' $((0x$cr3 >> 12 & 0xffffffffff)) "$levels")"
		off
	done
done
exit $failed
