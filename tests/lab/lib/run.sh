# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# SPDX-License-Identifier: GPL-2.0-or-later
# One run: put the job into an archive, boot the machine, pass on what the script prints, and tell
# the script's own verdict from the lab's.

boot_seconds=180	# Dom0 takes about 10; this is for a host under heavy load

disk_count=0
machine=()
sockets=""	# that have no processor yet

# drive KIND SIZE|FILE: a disk for Dom0. A size makes an empty one that goes away with the run.
drive()
{
	local kind=$1 what=$2 id=d$disk_count file=$2
	if [[ $what =~ ^[0-9]+[KMGkmg]?$ ]]; then
		file=$scratch/$id.img
		truncate -s "$what" "$file" || die "can't make a disk of $what"
	elif [ ! -e "$what" ]; then
		die "no such disk image: $what"
	fi
	file=$(realpath "$file")
	disk_count=$((disk_count + 1))
	machine+=(-drive "if=none,id=$id,format=raw,file=${file//,/,,}")
	case $kind in
	# LAB: its doorbells are in memory, and need the barriers that come with room for another processor; see README,
	# traps.
	nvme)
		sockets=",maxcpus=$((smp + 1))"
		machine+=(-device "nvme,drive=$id,serial=lab$disk_count") ;;
	disk) machine+=(-device "virtio-blk-pci,drive=$id,serial=lab$disk_count,$virtio") ;;
	esac
}

# Dom0 is a PV guest: it must use the IOMMU-aware DMA API, and legacy virtio can't.
virtio=disable-legacy=on,iommu_platform=on

pack_job()
{
	local job=$scratch/job in=$scratch/job/root/in file script=$1
	shift
	mkdir -p "$in" "$job/root/job"
	for file in "${files[@]}"; do
		cp -a "$file" "$in/" || die "can't take $file along"
	done
	cp "$script" "$job/root/job/script" || die "can't read the script $script"
	quote "$@" >"$job/root/job/args"
	cpio_of "$job" >"$scratch/job.cpio"
}

boot()
{
	local xen_args dom0_args
	xen_args="com1=115200,8n1 console=com1 dom0_mem=${dom0_mem}M,max:${dom0_mem}M "
	xen_args+="dom0_max_vcpus=$dom0_vcpus bootscrub=0 loglvl=warning guest_loglvl=warning "
	xen_args+=$xen_extra
	dom0_args="console=hvc0 panic=-1 rdinit=/init $dom0_extra"
	# shellcheck disable=SC2054 # these commas are QEMU's
	machine=(-accel tcg -cpu "$cpu" -machine q35 -smp "$smp$sockets" -m "$mem"
		-display none -no-reboot -nodefaults
		-chardev "pipe,id=com,path=$scratch/com,logfile=$logs/console.log" -serial chardev:com -monitor none
		-kernel "$pool/boot/xen-4.17" -append "$xen_args"
		-initrd "$scratch/kernel $dom0_args,$scratch/initrd"
		-device "virtio-serial-pci,$virtio"
		-chardev "file,id=out,path=$logs/script.log" -device virtserialport,chardev=out,name=xenlab.out
		-chardev "file,id=ctl,path=$logs/control.log" -device virtserialport,chardev=ctl,name=xenlab.ctl
		-chardev "file,id=aux,path=$scratch/guests.tar" -device virtserialport,chardev=aux,name=xenlab.aux
		"${machine[@]}"
		-drive "if=none,id=shelf,format=raw,readonly=on,file=$shelf_dir/shelf.img"
		-device "virtio-blk-pci,drive=shelf,serial=shelf,addr=1e,$virtio"
		-drive "if=none,id=debian,format=raw,readonly=on,file=$debian_dir/debian.img"
		-device "virtio-blk-pci,drive=debian,serial=debian,addr=1d,$virtio"
		"${icount[@]}")
	: >"$logs/script.log"
	: >"$logs/control.log"
	mkfifo "$scratch/com.in" "$scratch/com.out"
	qemu-system-x86_64 "${machine[@]}" >"$logs/qemu.log" 2>&1 &
	qemu=$!
	cat "$scratch/com.out" >/dev/null &	# the log has it
}

# watchdog: ends the machine when Dom0 does not come up or the whole run takes too long.
watchdog()
{
	(
		trap 'kill "$nap"; exit' TERM
		if [ "$timeout" -gt "$boot_seconds" ]; then
			doze "$boot_seconds"
			grep -q ready "$logs/control.log" || bark boot
			doze $((timeout - boot_seconds))
		else
			doze "$timeout"
		fi
		bark timeout
	) >/dev/null 2>&1 &
	dog=$!
}

# prod: wakes a machine that sleeps for good because QEMU lost its timer's interrupt (README, traps). Even one that has nothing
# to do takes some time of the host's; one that has taken none gets a character on its serial line, and so an interrupt.
prod()
{
	(
		trap 'kill "$nap"; exit' TERM
		before=""
		while now=$(cut -d ' ' -f 14,15 "/proc/$qemu/stat"); do
			[ "$now" != "$before" ] || printf '\0' >&7
			before=$now
			doze 5
		done
	) 7<>"$scratch/com.in" >/dev/null 2>&1 &
	prodder=$!
}

doze() { sleep "$1" & nap=$!; wait "$nap"; }
bark() { echo "$1" >"$scratch/late"; kill "$qemu"; exit; }

# verdict: the script's exit status, or 99 with the reason.
verdict()
{
	local late status
	late=$(cat "$scratch/late" 2>/dev/null)
	status=$(tr -d '\r' <"$logs/control.log" | sed -n 's/^exit \([0-9]*\)$/\1/p')
	if [ -n "$status" ]; then
		return "$status"
	elif [ "$late" = timeout ]; then
		say "not done after $timeout s"
	elif grep -q ready "$logs/control.log"; then
		say "Xen or Dom0 went down while the script ran"
		return 98
	elif [ "$late" = boot ]; then
		say "Dom0 was not ready after $boot_seconds s"
	else
		say "Dom0 did not boot"
	fi
	return "$LAB_BROKE"
}

finish()
{
	[ -z "${dog:-}" ] || kill "$dog" 2>/dev/null
	[ -z "${prodder:-}" ] || kill "$prodder" 2>/dev/null
	[ -z "${qemu:-}" ] || kill "$qemu" 2>/dev/null
	rm -rf "$scratch"
}

run()
{
	local status
	smp=1 mem=3072 dom0_mem=768 dom0_vcpus=1 timeout=600
	xen_extra=${XENLAB_XEN_ARGS:-} dom0_extra=${XENLAB_DOM0_ARGS:-}
	cpu=max,-smap,-xsave files=() icount=() disks=() builder_dir=""
	while [ $# -gt 0 ]; do
		case $1 in
		--xen) [ "$2" = 4.17 ] || die "the lab knows Xen 4.17, not $2"; shift 2 ;;
		--smp) smp=$2; shift 2 ;;
		--mem) mem=$2; shift 2 ;;
		--dom0-mem) dom0_mem=$2; shift 2 ;;
		--dom0-vcpus) dom0_vcpus=$2; shift 2 ;;
		--timeout) timeout=$2; shift 2 ;;
		--nvme|--disk) disks+=("${1#--} $2"); shift 2 ;;
		--builder) builder_dir=wanted; shift ;;
		--file) files+=("$2"); shift 2 ;;
		# ERMS: a rep instruction counts once a step, and with it the kernels copy by bytes instead of words.
		--icount) icount=(-icount "shift=2,sleep=off,align=off"); cpu+=,-erms; shift ;;
		--with-qemu) shift ;;	# Dom0 always reaches it through the shelf
		--) shift; break ;;
		-*) die "run: no such option: $1" ;;
		*) break ;;
		esac
	done
	[ $# -gt 0 ] || die "run: which script?"
	[ -f "$1" ] || die "run: no such script: $1"

	need_host_tools
	images
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/xenlab.XXXXXX") || die "no scratch directory"
	logs=${XENLAB_LOGS:-$cache/logs}/$(date +%Y%m%d-%H%M%S)-$$
	mkdir -p "$logs" || die "can't make $logs"
	trap finish EXIT
	trap 'exit $LAB_BROKE' INT TERM
	if [ -n "$builder_dir" ]; then
		builder_dir=$(builder) || exit
		machine+=(-drive "if=none,id=builder,format=raw,readonly=on,file=$builder_dir/debian.img"
			-device "virtio-blk-pci,drive=builder,serial=builder,addr=1c,$virtio")
	fi
	for disk in "${disks[@]}"; do drive "${disk%% *}" "${disk#* }"; done
	built_tree "$scratch" "$scratch/built.cpio"
	pack_job "$@"
	ln -s "$pool/boot/vmlinux-$(kernel_release 6.1)" "$scratch/kernel"	# a name without spaces
	cat "$dom0_dir/root.cpio" "$scratch/job.cpio" >"$scratch/initrd"
	[ ! -e "$scratch/built.cpio" ] || cat "$scratch/built.cpio" >>"$scratch/initrd"

	boot
	watchdog
	prod
	# In the background, because bash runs a trap only between commands, or in wait.
	tail -c +1 -f -s 0.1 --pid="$qemu" "$logs/script.log" &
	wait $!
	wait "$qemu"
	qemu=""
	verdict
	status=$?
	unpack_guest_logs
	[ "$status" = 0 ] || [ "$status" = 77 ] || say "exit status $status; logs: $logs"
	exit "$status"
}

# The guests' consoles and Xen's own logs, which Dom0 sent when the script was done.
unpack_guest_logs()
{
	mkdir -p "$logs/dom0" && tar -x -C "$logs/dom0" -f "$scratch/guests.tar" 2>/dev/null
	find "${logs%/*}" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
}
