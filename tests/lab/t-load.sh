# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Verified load on /dev/xvdb of guest $g, for the tests that swap. Sourced after t-lib.sh.

on() { lab-guest exec "$g" "$1"; }

field() { xengraft status --json "$g" xvdb | sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }

# t_loop FILE MIB: a block device of that size, which paravirtual mode needs
t_loop()
{
	truncate -s "$2M" "$1"
	t_dev=$(losetup -f)
	losetup --direct-io=on "$t_dev" "$1" 2>/dev/null || losetup "$t_dev" "$1"
	echo "$t_dev"
}

# Random writes at depth 32, read back and compared, until load_ended_well(): fio's status is 128 then.
load_start()
{
	on 'rm -f /run/fio.*; (fio --name=v --filename=/dev/xvdb --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=32 \
		--size=32M --verify=crc32c --verify_fatal=1 --do_verify=1 --verify_backlog=512 --time_based --runtime=36000 \
		--output=/run/fio.out >/run/fio.err 2>&1; echo $? >/run/fio.status) & sleep 1; test ! -e /run/fio.status'
}

load_runs() { on 'test ! -e /run/fio.status' || { on 'cat /run/fio.err /run/fio.out'; return 1; }; }

load_kill() { on 'killall -9 fio' >/dev/null 2>&1 || :; }

load_ended_well()
{
	on 'test ! -e /run/fio.status && killall -INT fio
		n=0; while [ ! -e /run/fio.status ] && [ $n -lt 300 ]; do sleep 1; n=$((n + 1)); done
		[ -e /run/fio.status ] || for p in $(pidof fio); do
			grep State /proc/$p/status; cat /proc/$p/stack /proc/$p/wchan /sys/block/xvdb/inflight; done
		cat /run/fio.err; grep -E "err=|verify|IOPS" /run/fio.out; s=$(cat /run/fio.status); echo "fio: status $s"
		{ [ "$s" = 0 ] || [ "$s" = 128 ]; } && grep -q "err= 0" /run/fio.out && ! grep -qE "verify|bad|error" /run/fio.err'
}
