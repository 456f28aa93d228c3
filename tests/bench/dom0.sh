#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The benchmarks' part in Dom0: ours beside the peers, in one boot. Called by tests/bench/bench.
# Arguments: how many rounds, how many swaps, then groups (attach, io, memory, calls, swap).
#
# Prints a line a figure, "RESULT group who what round value unit"; all else is for people to read.
# shellcheck disable=SC2015,SC2016,SC2046,SC2086 # failures end the run; text for the guest; our own names

in=/root/in
clock=$in/clock
backing=/run/bench/disk.img	# in memory, the same for all
loop=/dev/loop0			# the same bytes as a block device
backing_mib=64

result() { echo "RESULT $*"; }
stop_on() { echo "bench: $*"; exit 1; }
# ms NS
ms() { awk -v ns="$1" 'BEGIN { printf "%.2f", ns / 1e6 }'; }

prepare()
{
	mkdir -p /run/bench
	dd if=/dev/urandom of=$backing bs=1M count=$backing_mib 2>/dev/null
	truncate -s 1M /run/bench/small.img
	losetup $loop $backing || stop_on "no loop device"
	# As an installation does.
	xengraft-repo init >/dev/null || stop_on "no repository"
	# Programs are read from the lab's disk once, which takes the host's time, while Dom0's leaps on.
	for program in "xengraft -V" "/usr/libexec/xengraft/xengraft-backend --version" "xl list"; do
		$program >/dev/null || stop_on "$program failed"
	done
}

# start_guest NAME [OPTION...]
start_guest()
{
	name=$1
	shift
	lab-guest start "$name" "$@" || stop_on "the guest $name did not start"
	lab-guest put "$name" $clock /clock && lab-guest exec "$name" 'chmod +x /clock; modprobe xen-blkfront' ||
		stop_on "the guest $name could not be prepared"
}

# ---- Who is compared ----------------------------------------------------------------------------------------------
# Of xl's devices each needs a name of its own: a guest's blkfront lets go of one some time after the detach.

xl_disk() { echo "format=raw,backendtype=$1,vdev=$2,access=rw,target=$3"; }

# attach WHO GUEST VDEV
attach()
{
	case $1 in
	xengraft-file) xengraft disk-attach "$2" $backing,raw,"$3",rw >/dev/null 2>&1 ;;
	xengraft-loop) xengraft disk-attach "$2" $loop,raw,"$3",rw >/dev/null 2>&1 ;;
	paravirtual-loop) xengraft disk-attach "$2" $loop,raw,"$3",rw --mode paravirtual >/dev/null 2>&1 ;;
	blkback-loop | blkback-none) xl block-attach "$2" "$(xl_disk phy "$3" $loop)" ;;
	qdisk-file) xl block-attach "$2" "$(xl_disk qdisk "$3" $backing)" ;;
	qdisk-loop) xl block-attach "$2" "$(xl_disk qdisk "$3" $loop)" ;;
	*) stop_on "who is $1?" ;;
	esac
}

detach()
{
	case $1 in
	xengraft* | paravirtual*) xengraft disk-detach "$2" "$3" >/dev/null ;;
	*) xl block-detach "$2" "$3" ;;
	esac
}

# ---- attach -------------------------------------------------------------------------------------------------------

# timed GUEST VDEV WHO ROUND COMMAND...: how long the command takes, and until the guest has read the first byte
timed()
{
	guest=$1 vdev=$2 who=$3 nth=$4
	shift 4
	lab-guest exec "$guest" "/clock arm /dev/$vdev /run/$vdev" || stop_on "cannot watch $vdev in $guest"
	$clock run "$@" >/run/bench/timed 2>&1 || { cat /run/bench/timed; stop_on "$* failed"; }
	read -r start end _ <<-END
	$(tail -n 1 /run/bench/timed)
	END
	first=$(lab-guest exec "$guest" "/clock get /run/$vdev") || stop_on "$vdev did not appear in $guest"
	result attach "$who" first-byte "$nth" "$(ms $((first - start)))" ms
	result attach "$who" command "$nth" "$(ms $((end - start)))" ms
}

# The two clocks agree to what a question to the guest takes.
clocks_agree()
{
	before=$($clock now)
	there=$(lab-guest exec "$1" '/clock now')
	after=$($clock now)
	[ "$there" -gt $((before - 1000000)) ] && [ "$there" -lt $((after + 1000000)) ] ||
		stop_on "clocks differ: $there is not within $before and $after"
}

attach_round()
{
	g=a$1
	start_guest $g
	clocks_agree $g
	timed $g xvdf xl-block-attach $(($1 * 2 - 1)) xl block-attach $g "$(xl_disk phy xvdf $loop)"
	timed $g xvdb xengraft-first "$1" xengraft disk-attach $g $backing,raw,xvdb,rw --shared
	xengraft disk-detach $g xvdb
	timed $g xvdc xengraft-later $(($1 * 2 - 1)) xengraft disk-attach $g $backing,raw,xvdc,rw --shared
	xengraft disk-detach $g xvdc
	timed $g xvdg xl-block-attach $(($1 * 2)) xl block-attach $g "$(xl_disk phy xvdg $loop)"
	timed $g xvdd xengraft-later $(($1 * 2)) xengraft disk-attach $g $backing,raw,xvdd,rw --shared
	xengraft disk-detach $g xvdd
	lab-guest stop $g
}

group_attach()
{
	round=0
	while [ $round -lt "$1" ]; do
		round=$((round + 1))
		attach_round $round
	done
}

# ---- io -----------------------------------------------------------------------------------------------------------

# One program run with all jobs: starting fio costs more than most of them.
fio_jobs()
{
	cat <<-'END'
	[global]
	filename=${DEV}
	ioengine=libaio
	direct=1
	thread=1
	size=64m
	randrepeat=1
	END
	round=0
	while [ $round -lt "$1" ]; do
		round=$((round + 1))
		while read -r what rw bs depth count; do
			printf '[%s.%s]\nstonewall\nrw=%s\nbs=%s\niodepth=%s\nnumber_ios=%s\n' \
				"$what" $round "$rw" "$bs" "$depth" "$count"
		done <<-END
		randread-4k-qd1 randread 4k 1 300
		randwrite-4k-qd1 randwrite 4k 1 300
		randread-4k-qd32 randread 4k 32 1200
		randwrite-4k-qd32 randwrite 4k 32 1200
		read-128k-qd8 read 128k 8 100
		write-128k-qd8 write 128k 8 100
		END
	done
}

# fio_results WHO: fio's terse lines (version 3) to figures. Fields: 3 the job's name, of reads 6 KiB, 8 a second,
# 9 milliseconds, of writes 47, 49, 50.
fio_results()
{
	awk -F';' -v who="$1" '$1 == 3 {
		at = $6 > 0 ? 6 : 47
		split($3, job, ".")
		size = job[1] ~ /128k/ ? 128 : 4
		printf "RESULT io %s %s %s %s %s\n", who, job[1], job[2],
			size == 4 ? $(at + 2) : $at / 1024 / $(at + 3) * 1000, size == 4 ? "IOPS" : "MiB/s"
		# 4 ns an instruction: tests/lab/xenlab --icount.
		printf "RESULT insns %s %s %s %.1f kinsn\n", who, job[1], job[2], $(at + 3) * 1e6 / 4 / ($at / size) / 1000
	}'
}

# What is done to grants for a request: the functions of either kernel that do it are probed, in a run that is not
# timed. Whatever a backend does goes through these, a process's ioctls too. The register holds how many pages a call is
# for.
dom0_probes='p:xg/map gnttab_map_refs n=%cx:u32
p:xg/unmap gnttab_unmap_refs n=%cx:u32
p:xg/copy gnttab_batch_copy n=%si:u32'
guest_probes='p:xg/grant gnttab_grant_foreign_access_ref'

# probes_on PROBES, probes_off: shell text, for Dom0 and guests
probes_on()
{
	echo "mount -t tracefs t /sys/kernel/tracing 2>/dev/null; cd /sys/kernel/tracing && echo 16384 >buffer_size_kb &&
		echo '$1' >kprobe_events && echo 1 >events/xg/enable && echo >trace"
}
# "NAME CALLS PAGES" lines
probes_off="cd /sys/kernel/tracing && echo 0 >events/xg/enable && awk '
	match(\$0, / [a-z]+: \\(/) {
		name = substr(\$0, RSTART + 1, RLENGTH - 4)
		calls[name]++
		pages[name] += match(\$0, /n=[0-9]+/) ? substr(\$0, RSTART + 2, RLENGTH - 2) : 1
	}
	END { for (name in calls) print name, calls[name], pages[name] }' trace; echo >kprobe_events"

# What the guest's blkfront copies is no function of its own: each byte, to or from pages of its own, when both ends
# have agreed on persistent grants. A frontend of xengraft's (not below device/) grants the pages of the request and has
# no others.
guest_copies()
{
	back=$(xenstore-ls -f /local/domain/0/backend |
		sed -n "s,^\(.*/$(xl domid io)/[^/]*\)/frontend = .*/$1\".*,\1,p" | head -n 1)
	front=$(xenstore-read "$back/frontend")
	case $front in */device/vbd/*) ;; *) echo 0; return ;; esac
	[ "$(xenstore-read "$back/feature-persistent" 2>/dev/null)$(xenstore-read "$front/feature-persistent" 2>/dev/null)" = 11 ] &&
		echo 1 || echo 0
}

# grants_of WHO VDEV DEVID, once attached
grants_of()
{
	while read -r what rw bs depth count; do
		eval "$(probes_on "$dom0_probes")" || stop_on "no probes in Dom0"
		lab-guest exec io "$(probes_on "$guest_probes")" || stop_on "no probes in the guest"
		lab-guest exec io "fio --minimal --filename=/dev/$2 --name=g --rw=$rw --bs=$bs --size=64m --iodepth=$depth --direct=1 \
			--ioengine=libaio --number_ios=$count >/dev/null" || stop_on "fio failed on $1"
		{ lab-guest exec io "$probes_off"; eval "$probes_off"; } >/run/bench/grants
		cd /root || exit
		awk -v who="$1" -v what="$what" -v n="$count" -v bytes="$((count * ${bs%k} * 1024))" -v guest="$(guest_copies "$3")" '
			{ calls[$1] = $2; pages[$1] = $3 }
			function out(name, value, unit) { printf "RESULT grants %s %s-%s 1 %.3f %s\n", who, what, name, value, unit }
			END {
				out("granted", pages["grant"] / n, "pages/request")
				out("mapped", pages["map"] / n, "pages/request")
				out("unmapped", pages["unmap"] / n, "pages/request")
				out("hypercalls", (calls["map"] + calls["unmap"] + calls["copy"]) / n, "calls/request")
				out("copies", pages["copy"] * 4096 / bytes + guest, "bytes/byte")
			}' /run/bench/grants
	done <<-END
	randread-4k-qd32 randread 4k 32 400
	randwrite-4k-qd32 randwrite 4k 32 400
	read-128k-qd8 read 128k 8 100
	END
}

io_of()
{
	attach "$1" io "$2" || stop_on "$1 could not be attached"
	lab-guest exec io "/clock arm /dev/$2 /run/$2 && /clock get /run/$2 >/dev/null" || stop_on "$2 did not appear"
	# blkfront has an I/O scheduler unless told otherwise, xengraft's disks have none: also without that difference.
	case $1 in *-none) lab-guest exec io "echo none >/sys/block/$2/queue/scheduler" ||
		stop_on "$2 has its scheduler still" ;; esac
	lab-guest exec io "DEV=/dev/$2 fio --minimal /jobs" >/run/bench/fio ||
		{ head -c 600 /run/bench/fio; stop_on "fio failed on $1"; }
	fio_results "$1" </run/bench/fio
	grants_of "$1" "$2" "$3"
	detach "$1" io "$2"
}

# The disk it starts with is what makes libxl start a QEMU for the guest, which then serves the others too.
start_with_qemu()
{
	start_guest "$1" --tools --mem 400 --config "disk = [ '$(xl_disk qdisk xvdz /run/bench/small.img)' ]"
}

group_io()
{
	start_with_qemu io
	fio_jobs "$1" >/run/bench/jobs
	lab-guest put io /run/bench/jobs /jobs
	io_of xengraft-file xvdb 51728
	io_of qdisk-file xvdc 51744
	io_of blkback-loop xvdd 51760
	io_of blkback-none xvdf 51792
	io_of xengraft-loop xvdb 51728
	io_of paravirtual-loop xvdb 51728
	io_of qdisk-loop xvde 51776
	lab-guest stop io
}

# ---- memory -------------------------------------------------------------------------------------------------------

free_kib() { lab-guest exec "$1" \
	'echo 3 >/proc/sys/vm/drop_caches; sleep 1; awk "/^MemFree/ { print \$2 }" /proc/meminfo'; }
pss_kib() { awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup"; }
anonymous_kib() { awk '/^RssAnon/ { print $2 }' "/proc/$1/status"; }
disks=4

# under_load VDEV PID: the most that the backend holds while large requests are in flight
under_load()
{
	lab-guest exec memory "DEV=/dev/$1 fio --minimal --filename=/dev/$1 --name=load --rw=randrw --bs=128k --size=32m \
		--iodepth=32 --ioengine=libaio --direct=1 --number_ios=400 >/dev/null" &
	most=0
	while kill -0 $! 2>/dev/null; do
		now=$(pss_kib "$2")
		[ "$now" -gt $most ] && most=$now
		usleep 100000
	done
	wait $!
	echo $most
}

memory_of_backend()
{
	pid=$(xenstore-read "/local/domain/0/backend/xengraft-vbd/$(xl domid memory)/51728/pid")
	result memory xengraft dom0-disk-idle "$1" "$(pss_kib "$pid")" KiB
	result memory xengraft dom0-disk-load "$1" "$(under_load xvdb "$pid")" KiB
	result memory xengraft dom0-disk-anonymous "$1" "$(anonymous_kib "$pid")" KiB
	pid=$(cat /run/bench/qemu.pid)
	result memory qdisk dom0-all-idle "$1" "$(pss_kib "$pid")" KiB
}

memory_round()
{
	start_with_qemu memory
	domid=$(xl domid memory)
	for p in /proc/[0-9]*; do
		if tr '\0' ' ' <"$p/cmdline" | grep -q "^[^ ]*qemu.*-xen-domid $domid "; then echo "${p#/proc/}"; fi
	done >/run/bench/qemu.pid
	start=$(free_kib memory)
	attach xengraft-file memory xvdb
	detach xengraft-file memory xvdb
	alone=$(free_kib memory)
	result memory xengraft guest-personality "$1" $((start - alone)) KiB
	for d in b c d e; do
		truncate -s 64M /run/bench/m$d.img
		xengraft disk-attach memory /run/bench/m$d.img,raw,xvd$d,rw >/dev/null 2>&1 || stop_on "xvd$d"
	done
	result memory xengraft guest-disk "$1" $(((alone - $(free_kib memory)) / disks)) KiB
	memory_of_backend "$1"
	for d in b c d e; do xengraft disk-detach memory xvd$d >/dev/null; done
	alone=$(free_kib memory)
	for d in f g h i; do
		xl block-attach memory "$(xl_disk qdisk xvd$d /run/bench/m"$(echo $d | tr fghi bcde)".img)"
		lab-guest exec memory "/clock arm /dev/xvd$d /run/xvd$d && /clock get /run/xvd$d" >/dev/null ||
			stop_on "xvd$d"
	done
	result memory blkfront guest-disk "$1" $(((alone - $(free_kib memory)) / disks)) KiB
	lab-guest stop memory
	rm /run/bench/m?.img
}

group_memory()
{
	round=0
	while [ $round -lt "$1" ]; do
		round=$((round + 1))
		memory_round $round
	done
}

# ---- calls --------------------------------------------------------------------------------------------------------
# How often a backend calls the kernel for a request. strace sees it all and slows it down, so that nothing is timed
# here; fio runs twice, and the difference leaves out what comes before and after.

# calls_during PID RW DEPTH COUNT VDEV: a table of calls in /run/bench/calls
calls_during()
{
	strace -f -c -S name -o /run/bench/calls -p "$1" 2>/dev/null &
	tracer=$!
	until grep -q "^TracerPid:.*[1-9]" "/proc/$1/status"; do usleep 20000; done
	lab-guest exec calls "fio --minimal --filename=/dev/$5 --name=c --rw=$2 --bs=4k --size=64m --iodepth=$3 --direct=1 \
		--ioengine=libaio --number_ios=$4 >/dev/null" || stop_on "fio failed"
	kill $tracer
	wait $tracer
}

# calls_per_request WHO PID RW DEPTH COUNT VDEV
calls_per_request()
{
	calls_during "$2" "$3" "$4" "$5" "$6"
	mv /run/bench/calls /run/bench/calls.1
	calls_during "$2" "$3" "$4" $(($5 * 3)) "$6"
	awk -v who="$1" -v what="$3-4k-qd$4" -v n=$(($5 * 2)) '
		$4 ~ /^[0-9]+$/ && $NF != "total" {
			if (FILENAME ~ /1$/) before[$NF] = $4; else { d = $4 - before[$NF]; sum += d; of[$NF] = d }
		}
		END {
			printf "RESULT calls %s %s-all 1 %.3f calls/request\n", who, what, sum / n
			for (name in of) if (of[name] > n / 100)
				printf "RESULT calls %s %s-%s 1 %.3f calls/request\n", who, what, name, of[name] / n
		}' /run/bench/calls.1 /run/bench/calls
}

counter() { xenstore-read "/local/domain/0/backend/xengraft-vbd/$(xl domid calls)/51728/stats" |
	sed "s/.*\"$1\":\([0-9]*\).*/\1/"; }

# copies_per_request RW DEPTH COUNT: from the backend's own counters, which it writes once a second
copies_per_request()
{
	sleep 2
	before="$(counter copies) $(counter copy_calls) $(counter events) $(counter notifications)"
	lab-guest exec calls "fio --minimal --filename=/dev/xvdb --name=c --rw=$1 --bs=4k --size=64m --iodepth=$2 --direct=1 \
		--ioengine=libaio --number_ios=$3 >/dev/null"
	sleep 2
	echo "$before $(counter copies) $(counter copy_calls) $(counter events) $(counter notifications)" |
		awk -v what="$1-4k-qd$2" -v n="$3" '{
			split("grant-copies copy-hypercalls events-in events-out", name)
			for (i = 1; i <= 4; i++)
				printf "RESULT calls xengraft-file %s-%s 1 %.3f calls/request\n", what, name[i], ($(i + 4) - $i) / n
		}'
}

calls_of()
{
	for rw in randread randwrite; do
		calls_per_request "$1" "$2" $rw 1 100 "$3"
		calls_per_request "$1" "$2" $rw 32 400 "$3"
	done
}

group_calls()
{
	start_with_qemu calls
	attach xengraft-file calls xvdb
	for rw in randread randwrite; do
		copies_per_request $rw 1 100
		copies_per_request $rw 32 400
	done
	calls_of xengraft-file "$(pidof xengraft-backend)" xvdb
	detach xengraft-file calls xvdb
	attach qdisk-file calls xvdc
	lab-guest exec calls "/clock arm /dev/xvdc /run/xvdc && /clock get /run/xvdc" >/dev/null
	calls_of qdisk-file "$(pidof xen-qemu-system-i386)" xvdc
	lab-guest stop calls
}

# ---- swap ---------------------------------------------------------------------------------------------------------
# What a guest that reads 4 KiB after 4 KiB sees of a swap: the longest gap between two reads while the command ran,
# less the usual one; beside taking the disk away and giving it back. What the personality held is in the history.

peer_rounds=10 list_rounds=100

swap_load() { lab-guest exec swap "/clock load /dev/$1 /run/log" >/run/bench/load || stop_on "no load on $1"; }

# swap_load_end WHO: the windows of all commands are in /run/bench/windows
swap_load_end()
{
	lab-guest exec swap "kill $(cat /run/bench/load); while kill -0 $(cat /run/bench/load) 2>/dev/null; do sleep 1; done"
	lab-guest put swap /run/bench/windows /run/windows
	lab-guest exec swap "/clock gaps /run/log /run/windows" >/run/bench/gaps || stop_on "no gaps of $1"
	read -r reads errors median <<-END
	$(head -n 1 /run/bench/gaps)
	END
	result swap "$1" reads 1 "$reads" requests
	result swap "$1" errors 1 "$errors" requests
	result swap "$1" usual-gap 1 "$(ms "$median")" ms
	sed 1d /run/bench/gaps | swap_spread "$1" gap "$median"
}

# swap_spread WHO WHAT USUAL: of numbers of nanoseconds, each less USUAL
swap_spread()
{
	sort -n | awk -v who="$1" -v what="$2" -v usual="$3" '
		{ v[NR] = $1 - usual }
		function out(name, at) {
			printf "RESULT swap %s %s-%s 1 %.3f ms\n", who, what, name, v[at] / 1e6
			if (usual) printf "RESULT swap %s %s-%s-usual 1 %.2f requests\n", who, what, name, v[at] / usual
		}
		END { if (NR) { out("p50", int((NR + 1) / 2)); out("p99", int(NR * 0.99 + 0.999)); out("max", NR) } }'
}

swap_command() { echo xengraft swap swap xvdb $([ $(($1 % 2)) = 1 ] && echo paravirtual || echo virtual); }
# It only reads: what the guest sees of any command in Dom0.
list_command() { echo xl list -l; }

# swap_watch WHO TIMES COMMAND: what `COMMAND nth` prints is run so many times while the guest reads
swap_watch()
{
	swap_load xvdb
	: >/run/bench/windows
	n=0
	while [ $n -lt "$2" ]; do
		n=$((n + 1))
		$clock run $($3 $n) >/run/bench/timed 2>&1 ||
			{ cat /run/bench/timed; stop_on "$($3 $n) failed"; }
		tail -n 1 /run/bench/timed >>/run/bench/windows
		usleep 100000	# so that most reads are between commands: they say what is usual
	done
	awk '{ print $2 - $1 }' /run/bench/windows | swap_spread "$1" command 0
	swap_load_end "$1"
}

swap_ours()
{
	attach xengraft-loop swap xvdb || stop_on "no disk"
	swap_watch xengraft-swap "$1" swap_command
	swap_watch xl-list $list_rounds list_command
	xengraft history --json swap xvdb | sed -n 's/.*"hold_ns": \([0-9]*\),.*/\1/p' |
		swap_spread xengraft-swap held 0
	detach xengraft-loop swap xvdb
}

# Until the guest reads again: its blkfront lets go of the name when the reader has closed the disk.
swap_peers()
{
	attach blkback-loop swap xvdd
	lab-guest exec swap "/clock arm /dev/xvdd /run/xvdd && /clock get /run/xvdd" >/dev/null ||
		stop_on "no disk xvdd"
	swap_load xvdd
	: >/run/bench/windows
	n=0
	while [ $n -lt $peer_rounds ]; do
		n=$((n + 1))
		start=$($clock now)
		xl block-detach swap xvdd >/run/bench/timed 2>&1 ||
			{ cat /run/bench/timed; stop_on "detach $n failed"; }
		attach blkback-loop swap xvdd >/run/bench/timed 2>&1 ||
			{ cat /run/bench/timed; stop_on "attach $n failed"; }
		echo "$start $(lab-guest exec swap '/clock arm /dev/xvdd /run/xvdd && /clock get /run/xvdd') 0" \
			>>/run/bench/windows
		usleep 100000
	done
	swap_load_end xl-detach-attach
	xl block-detach swap xvdd
}

# The guest shares the one processor with all that runs in Dom0: README says what of the gap is that.
group_swap()
{
	start_guest swap
	clocks_agree swap
	swap_ours "$swaps"
	swap_peers
	lab-guest stop swap
}

# ---- The run ------------------------------------------------------------------------------------------------------

rounds=$1 swaps=$2
shift 2
prepare
for group; do
	echo "bench: $group"
	"group_$group" "$rounds"
done
