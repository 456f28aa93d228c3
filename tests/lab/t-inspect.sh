#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What runs in a guest is found out from its memory: PVH and PV, several kernels, 1 and 2 vCPUs, idle and busy, and it
# is refused where there is nothing to find. Every symbol is held against the guest's own /proc/kallsyms.
#
#     xenlab run --smp 2 --file BUILD/tests/lab/inspect-probe tests/lab/t-inspect.sh [KIND...]
#
# KIND is type/kernel/vcpus, type pvh, pv or kaslr (a PVH guest whose kernel chose its address); without any, all are
# tried. 77: this lab has none of the kernels.

probe=/root/in/inspect-probe
failed=0
[ -x "$probe" ] || probe=$(command -v inspect-probe) || { echo "no inspect-probe was given along (--file)"; exit 99; }

check() { # WHAT STATUS
	if [ "$2" = 0 ]; then echo "ok: $1"; else echo "FAILED: $1"; failed=1; fi
}

# broke WHAT: the lab, not the code under test.
broke() { echo "LAB: $*"; exit 99; }

guest_is_whole() { # NAME
	lab-guest exec "$1" 'echo alive' | grep -q alive
}

kind() { # TYPE KERNEL VCPUS
	g=i$2-$1-$3 g=$(echo "$g" | tr -d .) how="--type $1" type=$1
	[ "$1" != kaslr ] || how=--kaslr type=pvh
	# shellcheck disable=SC2086 # words are wanted
	lab-guest start "$g" $how --kernel "$2" --vcpus "$3" || broke "no guest $1 $2"
	lab-guest exec "$g" 'echo 0 >/proc/sys/kernel/kptr_restrict; cat /proc/kallsyms' >/tmp/kallsyms ||
		broke "no kallsyms of $g"
	lab-guest exec "$g" 'cat /sys/kernel/notes' >/tmp/notes || broke "no notes of $g"
	release=$(lab-guest exec "$g" 'uname -r')

	"$probe" --compare /tmp/kallsyms --notes /tmp/notes "$g" shutdown_watch swapper_pg_dir >/tmp/out 2>/tmp/time
	# swapper_pg_dir is a macro, no symbol: the refusal must say so, after the comparison's own verdict.
	grep -q "the kernel has no symbol 'swapper_pg_dir'" /tmp/out
	check "$1 $2 $3: a symbol that is not there is refused" $?
	"$probe" --compare /tmp/kallsyms --notes /tmp/notes "$g" shutdown_watch _etext >/tmp/out 2>/tmp/time
	check "$1 $2 $3: every symbol and the build-id agree with the guest's own" $?
	grep -e '^compared' -e '^page tables' -e '^build-id of' -e '^VMCOREINFO' -e '^error' /tmp/out
	grep "^release *$release\$" /tmp/out >/dev/null
	check "$1 $2 $3: release $release" $?
	grep "guest .*(id [0-9]*, $type, $3 vCPU" /tmp/out
	check "$1 $2 $3: type and vCPUs" $?

	# By id as well as by name; JSON as well as text.
	"$probe" --json "$(xl domid "$g")" >/tmp/out 2>/tmp/time && grep -q "\"release\": \"$release\"" /tmp/out
	check "$1 $2 $3: by id, in JSON" $?
	for n in 1 2 3; do "$probe" "$g" 2>&1 >/dev/null | sed "s/^/$1 $2 $3 idle, /"; done

	# Under load the processors are in user mode and in many address spaces in turn.
	lab-guest exec "$g" 'for i in 1 2 3; do (while :; do ls /proc /sys >/dev/null; done) & done' >/dev/null 2>&1 &
	times=0
	for n in 1 2 3 4 5; do
		if "$probe" "$g" shutdown_watch >/tmp/out 2>/tmp/time; then times=$((times + 1)); else cat /tmp/out; fi
	done
	[ $times = 5 ]
	check "$1 $2 $3: five times while it is busy" $?
	sed "s/^/$1 $2 $3 busy, /" /tmp/time
	guest_is_whole "$g"
	check "$1 $2 $3: it runs on" $?
	lab-guest stop "$g"
}

# Nobody, the control domain, a guest that has not run, and one that is on its way up.
refusals() { # KERNEL
	"$probe" nobody >/tmp/out 2>&1; [ $? = 1 ] && grep -q 'nobody is an invalid domain identifier' /tmp/out
	check "a name that nobody has" $?
	"$probe" 31999 >/tmp/out 2>&1; [ $? = 1 ] && grep -q '31999 is an invalid domain identifier' /tmp/out
	check "an id that nobody has" $?
	"$probe" 0 >/tmp/out 2>&1; [ $? = 1 ] && grep -q 'control domain' /tmp/out
	check "the control domain" $?

	lab-guest start boot --kernel "$1" --paused || broke "no paused guest"
	"$probe" boot >/tmp/out 2>&1; [ $? = 1 ] && grep \
		"ENOENT: no known kernel found in guest 'boot': none of its processors runs one" /tmp/out
	check "a guest that has not run yet" $?
	# From the first instruction on, again and again: refused with a sentence or found, nothing else.
	xl unpause boot
	n=0 early=0
	while [ $n -lt 60 ]; do
		n=$((n + 1))
		if "$probe" boot >/tmp/out 2>&1; then break; fi
		early=$((early + 1))
		grep -q -e 'error ENOENT: no known kernel found' /tmp/out || { cat /tmp/out; early=-1; break; }
		grep '^error' /tmp/out | sed 's/.*error/booting:/' | cut -c1-230 >>/tmp/early
	done
	sort /tmp/early | uniq -c
	[ $early -gt 0 ] && [ $n -lt 60 ]
	check "refused $early times while it boots, then found" $?
	lab-guest ready boot || broke "the guest did not come up"
	"$probe" boot >/tmp/out 2>&1
	check "found once it is up" $?
	lab-guest stop boot
}

have=""
for kernel in 6.1 6.12; do [ ! -d "/lab/guest/$kernel" ] || have="$have $kernel"; done
[ -n "$have" ] || exit 77
if [ $# -gt 0 ]; then
	for k in "$@"; do
		rest=${k#*/}
		kind "${k%%/*}" "${rest%/*}" "${rest#*/}"
	done
	exit $failed
fi
refusals "${have##* }"
for kernel in $have; do
	for kind in pvh pv kaslr; do
		for vcpus in 1 2; do kind $kind "$kernel" $vcpus; done
	done
done
exit $failed
