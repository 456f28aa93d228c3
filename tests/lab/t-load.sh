# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Verified load on a guest's /dev/xvdb, for tests that swap, save and share. Sourced after t-lib.sh. The guest has the
# lab's tools (lab-guest start --tools).
#
# fio is run again and again and comes to each end by itself: one that is told to end by a signal hangs now and then,
# waiting for requests that it has not submitted (3.33, seen with the guest's own blkfront as well).

# t_loop FILE MIB: a block device of that size, which paravirtual mode needs
t_loop()
{
	truncate -s "$2M" "$1"
	t_dev=$(losetup -f)
	losetup --direct-io=on "$t_dev" "$1" 2>/dev/null || losetup "$t_dev" "$1"
	echo "$t_dev"
}

# load_start GUEST [FIO-OPTION...]: random writes at depth 32, read back and compared, until load_ended_well.
load_start()
{
	load_on=$1
	shift
	# shellcheck disable=SC2016 # text for the guest
	lab-guest exec "$load_on" "rm -f /run/fio.*
		(n=0; while [ ! -e /run/fio.stop ]; do
			n=\$((n + 1))
			fio --name=v --filename=/dev/xvdb --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=32 --size=32M \
				--io_size=6M --verify=crc32c --verify_fatal=1 --do_verify=1 --verify_backlog=512 --randseed=\$n $* \
				--output=/run/fio.out >/run/fio.err 2>&1 || { echo \$? >/run/fio.failed; break; }
			echo \$n >/run/fio.runs
		done; : >/run/fio.done) >/dev/null 2>&1 &
		:"
	load_goes_on "$load_on"
}

load_runs() { lab-guest exec "$1" '[ ! -e /run/fio.failed ] || { cat /run/fio.err /run/fio.out; exit 1; }'; }

# It is at work: the disk's count of completed requests goes up.
load_goes_on()
{
	lab-guest exec "$1" 'c() { awk "{ print \$1 + \$5 }" /sys/block/xvdb/stat; }; a=$(c); n=0
		while [ "$(c)" -lt $((a + 200)) ] && [ ! -e /run/fio.failed ] && [ $n -lt 300 ]; do sleep 1; n=$((n + 1)); done
		test "$(c)" -ge $((a + 200)) || { cat /sys/block/xvdb/stat /sys/block/xvdb/inflight /run/fio.*; exit 1; }'
	load_runs "$1"
}

load_kill() { lab-guest exec "$1" 'touch /run/fio.stop; killall -9 fio' >/dev/null 2>&1 || :; }

load_ended_well()
{
	lab-guest exec "$1" 'touch /run/fio.stop; n=0; until [ -e /run/fio.done ] || [ $n -ge 600 ]; do sleep 1; n=$((n + 1)); done
		cat /run/fio.err; grep -E "err=|verify|IOPS" /run/fio.out; echo "fio: $(cat /run/fio.runs) runs"
		[ -e /run/fio.done ] && [ ! -e /run/fio.failed ] && [ -e /run/fio.runs ] && ! grep -qE "verify|bad|error" /run/fio.err ||
			{ cat /sys/block/xvdb/stat /sys/block/xvdb/inflight; exit 1; }'
}
