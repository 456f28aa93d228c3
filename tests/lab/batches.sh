# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The boots of the lab that ./check makes, in two lanes side by side, and what runs in each. Sourced by ./check.

lab_batches="attach-pvh refuse swap attach-pv backend guests"
more_batches="bare generate crash inspect swaps swap-crash daemon xl backend-pv more-guests"

lane_a()
{
	lab_batch attach-pvh 2000 -- "t-attach.sh pvh:6.1:1 pvh:6.1:2 pvh:6.12:2"
	lab_batch refuse 900 -- "t-refuse.sh"
	lab_batch swap 1500 -- "t-swap.sh 8 pvh:6.1:2"
}

lane_b()
{
	lab_batch attach-pv 2000 -- "t-attach.sh pv:6.1:1 pv:6.1:2 pv:6.12:1"
	lab_batch backend 1200 --disk 256M -- "t-backend.sh"
	guests_batch guests 1200 "t-module.sh pvh:6.12:2 pv:6.1:1" "t-kaslr.sh 6.1:1 6.12:1" "t-udev.sh pvh:6.1"
}

# guests_batch NAME TIMEOUT TEST...: with the modules that guests load
guests_batch()
{
	local name=$1 limit=$2 options=() f
	shift 2
	for f in "$build"/modules/*.ko; do options+=(--file "$f"); done
	lab_batch "$name" "$limit" "${options[@]}" -- "$@"
}

# xl_batch NAME TIMEOUT TEST...: with an xl that has our patches, if it could be built
xl_batch()
{
	local name=$1 limit=$2 options=()
	shift 2
	[ ! -e "$build/xl-grafted" ] || options+=(--file "$build/xl-grafted")
	lab_batch "$name" "$limit" "${options[@]}" -- "$@"
}

# ./check more
more_a()
{
	lab_batch bare 1800 -- "t-bare.sh 50" "t-blkback.sh pvh:6.1:2 pv:6.12:1"
	lab_batch generate 1800 --builder -- "t-generate.sh"
	lab_batch crash 2400 -- "t-crash.sh"
	lab_batch backend-pv 2700 --disk 600M -- "t-backend.sh --type pv --kernel 6.12" \
		"t-save.sh 3 pvh:6.1:1 pv:6.12:1"
}

more_b()
{
	lab_batch inspect 2400 --file "$build/tests/lab/inspect-probe" -- \
		"t-inspect.sh pvh/6.1/1 pv/6.1/2 pvh/6.12/2 pv/6.12/1 kaslr/6.1/2 kaslr/6.12/1"
	lab_batch swaps 3000 -- "t-swap.sh 50 pv:6.1:2 pv:6.12:1 pvh:6.12:2"
	lab_batch swap-crash 3000 -- "t-swap-crash.sh pvh:6.1:1"
	lab_batch daemon 3000 --nvme 64M --disk 600M -- \
		"t-daemon.sh /dev/nvme0n1 shared reload killed storm saved before_save migrated store_lost"
	xl_batch xl 2400 "t-xl.sh pvh:6.1 pv:6.1 pvh:6.12"
	guests_batch more-guests 2400 "t-module.sh pvh:6.1:1 pv:6.1:2 pv:6.12:1" "t-kaslr.sh 6.1:2 6.12:2" \
		"t-udev.sh pv:6.1 pvh:6.12 pv:6.12"
}
