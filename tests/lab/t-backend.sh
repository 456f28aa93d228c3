#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The user-space block backend under a stock guest's own xen-blkfront, on real Xen:
#   tests/lab/xenlab run --disk 256M --file tests/lab/t-lib.sh tests/lab/t-backend.sh [--type pv] [--kernel 6.12]
# The disk (an empty one) stands for what takes O_DIRECT; without it those cases are skipped.
# shellcheck disable=SC2016,SC2317 # text for the guest; functions that t_case calls

. /root/in/t-lib.sh

t_clear_up()
{
	for p in $(pidof xengraft-backend); do kill "$p"; done
	xenstore-rm "$(back 1)" "$(back 51728)" "$(front 51728)" 2>/dev/null
}

backend=/usr/libexec/xengraft/xengraft-backend
log=/var/log/xen/xengraft-backend.log

# ---- What Dom0's tool would do -----------------------------------------------------------------------------------

# nodes DIR OWNER READER NAME VALUE...: what is written below a directory inherits its permissions, so they come first
nodes()
{
	dir=$1 owner=$2 reader=$3
	shift 3
	xenstore-write "$dir" ""
	xenstore-chmod "$dir" "n$owner" "r$reader"
	while [ $# -gt 0 ]; do
		xenstore-write "$dir/$1" "$2"
		shift 2
	done
}

back() { echo "/local/domain/0/backend/xengraft-vbd/$domid/$1"; }
front() { echo "/local/domain/$domid/device/vbd/$1"; }

# back_nodes DEVID TARGET MODE [FRONTEND]
back_nodes()
{
	xenstore-rm "$(back "$1")" 2>/dev/null || true
	nodes "$(back "$1")" 0 "$domid" frontend "${4:-$(front "$1")}" frontend-id "$domid" params "$2" mode "$3" \
		type file online 1 state 1
}

# pid_of DEVID: the backend's process
pid_of()
{
	for p in $(pidof xengraft-backend); do
		if tr '\0' ' ' <"/proc/$p/cmdline" | grep -q "xengraft-vbd/$domid/$1 "; then echo "$p"; fi
	done
}

# attach DEVID TARGET MODE [OPTION]: in the background; $pid is the backend's
attach()
{
	back_nodes "$1" "$2" "$3"
	$backend --path "$(back "$1")" --log $log -v ${4:+"$4"}
	pid=$(pid_of "$1")
	offer "$1"
}

# The guest's driver finds the device.
offer()
{
	nodes "$(front "$1")" "$domid" 0 backend "$(back "$1")" backend-id 0 virtual-device "$1" device-type disk \
		state 1
}

# wait_for SECONDS COMMAND...
wait_for()
{
	tries=$(($1 * 10))
	shift
	while [ $tries -gt 0 ]; do
		"$@" && return
		tries=$((tries - 1))
		usleep 100000
	done
	echo "waited in vain for: $*"
	return 1
}

gone() { ! kill -0 "$1" 2>/dev/null; }
is() { [ "$(xenstore-read "$1" 2>/dev/null)" = "$2" ]; }
in_guest() { lab-guest exec g1 "set -e; $1"; }
appears() { in_guest "for i in \$(seq 100); do [ -b /dev/$1 ] && exit 0; usleep 100000; done; echo no $1; exit 1"; }
disappears() { in_guest "for i in \$(seq 100); do [ -b /dev/$1 ] || exit 0; usleep 100000; done; echo still $1; exit 1"; }

# As a toolstack does: the guest's driver closes, the backend follows and ends.
detach()
{
	xenstore-write "$(back "$1")/online" 0 "$(back "$1")/state" 5
	wait_for 20 gone "$2"
	xenstore-rm "$(back "$1")"
	xenstore-rm "$(front "$1")"
}

image() { dd if=/dev/urandom of="$1" bs=1M count="$2" 2>/dev/null; }
sum() { sha256sum "$1" | cut -d' ' -f1; }
stat_of() { xenstore-read "$(back "$1")/stats" | sed -n "s/.*\"$2\":\"*\([^,\"}]*\).*/\1/p"; }

# Grants of the domain that somebody has mapped, as Xen sees them: xenstored's and the console's are always there.
mapped_grants()
{
	xl dmesg -c >/dev/null
	xl debug-keys g
	xl dmesg | awk -v d="d$1" '/grant-table for remote/ { on = 0; for (i = 1; i <= NF; i++) if ($i == d) on = 1 }
		on && /\[0x[0-9a-f]+\]/ { n++ } END { print n + 0 }'
}

# ---- Cases --------------------------------------------------------------------------------------------------------

# start_fails TEXT: with the nodes of device 1 as they are; in the background and in the foreground
start_fails()
{
	t_fails 1 "$1" $backend --path "$(back 1)"
	$backend --path "$(back 1)" --foreground 2>/tmp/said && return 1
	grep -q "$1" /tmp/said || { cat /tmp/said; return 1; }
	xenstore-read "$(back 1)/error" | grep -q "$1"
}

says_why_it_cannot_start()
{
	mkdir -p /run/t
	image /run/t/small.img 1
	back_nodes 1 /run/t/missing.img w; start_fails "No such file or directory"
	back_nodes 1 /run/t w; start_fails "/run/t is a directory"
	back_nodes 1 /dev/null r; start_fails "neither a file nor a block device"
	printf 'x%.0s' $(seq 700) >/run/t/odd.img
	back_nodes 1 /run/t/odd.img r; start_fails "no multiple of 512"
	back_nodes 1 /run/t/small.img x; start_fails "neither r nor w"
	/usr/sbin/mke2fs -q -F -t ext2 /run/t/small.img
	losetup -r /dev/loop6 /run/t/small.img
	back_nodes 1 /dev/loop6 w; start_fails "/dev/loop6 is a read-only device"
	losetup -d /dev/loop6
	losetup /dev/loop6 /run/t/small.img
	mkdir -p /mnt/small
	mount -t ext2 /dev/loop6 /mnt/small
	back_nodes 1 /dev/loop6 w; start_fails "/dev/loop6 is mounted or otherwise in use"
	umount /mnt/small
	losetup -d /dev/loop6
	back_nodes 1 /run/t/small.img r /local/domain/0/device/vbd/1; start_fails "is not domain $domid's"
	back_nodes 2 /run/t/small.img w
	$backend --path "$(back 2)" --log $log
	back_nodes 1 /run/t/small.img w; start_fails "in use by another process"
	# Nobody has come for the second one; without its directory it has nothing to do.
	other=$(pid_of 2)
	xenstore-rm "$(back 2)"
	wait_for 10 gone "$other"
	xenstore-rm "$(back 1)"
}

# offers TEXT NODE VALUE...: what the backend says of such a frontend; it is not believed before it begins anew
offers()
{
	wanted=$1
	shift
	xenstore-rm "$f"
	xenstore-write "$f/state" 1
	wait_for 10 is "$(back 1)/state" 2
	while [ $# -gt 0 ]; do
		xenstore-write "$f/$1" "$2"
		shift 2
	done
	xenstore-write "$f/state" 3
	wait_for 10 is "$(back 1)/state" 6
	echo "$wanted: $(xenstore-read "$(back 1)/error")"
	xenstore-read "$(back 1)/error" | grep -q "$wanted"
	xenstore-write "$f/state" 4
	usleep 200000
	is "$(back 1)/state" 6
}

# A frontend directory that Dom0 writes itself, as for an injected driver; the guest has granted none of it.
believes_no_frontend()
{
	f=/local/domain/$domid/xengraft/vbd/1
	image /run/t/small.img 1
	back_nodes 1 /run/t/small.img w "$f"
	xenstore-write "$f" ""
	$backend --path "$(back 1)" --log $log
	p=$(pid_of 1)
	offers "cannot map 1 granted pages" ring-ref 500 event-channel 9
	offers "cannot read $f/event-channel" ring-ref 8
	offers "is not x86_64-abi" ring-ref 8 event-channel 9 protocol x86_32-abi
	offers "at most 4 is possible" ring-ref 8 event-channel 9 multi-queue-num-queues 4294967297
	offers "multi-queue-num-queues is 0" ring-ref 8 event-channel 9 multi-queue-num-queues 0
	offers "not a number" ring-ref 8 event-channel 9 multi-queue-num-queues 1x
	offers "ring-page-order is 9" ring-ref 8 event-channel 9 ring-page-order 9
	offers "more than 32 bits" ring-ref 4294967304 event-channel 9
	offers "cannot read $f/queue-1/event-channel" multi-queue-num-queues 2 queue-0/ring-ref 500 \
		queue-0/event-channel 1
	t_same "requests taken" "$(stat_of 1 reads)" ""
	xenstore-rm "$(back 1)"
	wait_for 10 gone "$p"
	xenstore-rm "$f"
}

# file_system TARGET: what the guest writes is what Dom0 finds
file_system()
{
	attach 51728 "$1" w
	appears xvdb
	in_guest '/usr/sbin/mke2fs -q -t ext4 /dev/xvdb && mkdir -p /mnt/b && mount -t ext4 /dev/xvdb /mnt/b
		for i in $(seq 40); do dd if=/dev/urandom of=/mnt/b/$i bs=64k count=$((i % 7 + 1)) 2>/dev/null; done
		rm /mnt/b/1?; sync; cd /mnt/b; sha256sum [0-9]* >sums; cd /; umount /mnt/b'
	in_guest 'mount -t ext4 /dev/xvdb /mnt/b; cd /mnt/b; sha256sum -c sums >/dev/null; cd /; umount /mnt/b'
	t_same "errors" "$(stat_of 51728 errors)" 0
	t_same "refused" "$(stat_of 51728 refused)" 0
	detach 51728 "$pid"
	e2fsck -fn "$1"
	rm -rf /tmp/dump && mkdir /tmp/dump
	debugfs -R "rdump / /tmp/dump" "$1" 2>/dev/null
	(cd /tmp/dump && sha256sum -c sums >/dev/null)
}

several_queues()
{
	image /run/t/q.img 32
	want=$(sum /run/t/q.img)
	attach 51728 /run/t/q.img w
	appears xvdb
	t_same "queues asked for" "$(xenstore-read "$(front 51728)/multi-queue-num-queues")" 2
	# Both processors copy the disk onto itself and read it meanwhile.
	got=$(in_guest 'taskset 1 dd if=/dev/xvdb of=/dev/xvdb bs=64k count=256 conv=notrunc 2>/dev/null &
		taskset 2 dd if=/dev/xvdb of=/dev/xvdb bs=64k count=256 skip=256 seek=256 conv=notrunc 2>/dev/null & wait
		sync; sha256sum /dev/xvdb | cut -d" " -f1')
	t_same "what the guest reads" "$got" "$want"
	t_same "queues served" "$(stat_of 51728 queues)" 2
	t_same "errors" "$(stat_of 51728 errors)" 0
	detach 51728 "$pid"
	t_same "what Dom0 finds" "$(sum /run/t/q.img)" "$want"
}

# verify TARGET: fio writes marked blocks at depth 32 and reads them back
verify()
{
	attach 51728 "$1" w
	appears xvdb
	in_guest 'fio --name=v --filename=/dev/xvdb --rw=randwrite --bsrange=512-128k --size=12m --iodepth=32 \
		--ioengine=libaio --direct=1 --verify=crc32c --do_verify=1 --verify_fatal=1 --minimal >/dev/null'
	t_same "errors" "$(stat_of 51728 errors)" 0
	detach 51728 "$pid"
}

read_only()
{
	image /run/t/ro.img 4
	want=$(sum /run/t/ro.img)
	attach 51728 /run/t/ro.img r
	appears xvdb
	t_same "what the guest reads" "$(in_guest 'sha256sum /dev/xvdb' | cut -d' ' -f1)" "$want"
	t_same "the guest's own idea" "$(in_guest 'cat /sys/block/xvdb/ro')" 1
	if in_guest 'dd if=/dev/zero of=/dev/xvdb bs=4k count=1 conv=notrunc'; then return 1; fi
	# A reader beside the reader is welcome.
	back_nodes 1 /run/t/ro.img r
	$backend --path "$(back 1)" --log $log
	xenstore-rm "$(back 1)"
	detach 51728 "$pid"
	t_same "what Dom0 finds" "$(sum /run/t/ro.img)" "$want"
}

discard()
{
	image /run/t/d.img 16
	before=$(stat -c %b /run/t/d.img)
	attach 51728 /run/t/d.img w
	appears xvdb
	in_guest 'blkdiscard -o 4194304 -l 8388608 /dev/xvdb; sync
		[ "$(dd if=/dev/xvdb bs=1M skip=4 count=8 2>/dev/null | tr -d "\0" | wc -c)" = 0 ]'
	detach 51728 "$pid"
	t_same "blocks given back" $((before - $(stat -c %b /run/t/d.img))) 16384
}

no_discard_where_not_wanted()
{
	back_nodes 1 /run/t/d.img w
	xenstore-write "$(back 1)/discard-enable" 0
	$backend --path "$(back 1)" --log $log
	t_not xenstore-exists "$(back 1)/feature-discard"
	xenstore-rm "$(back 1)"
}

held() { echo "$(ls /proc/"$pid"/fd | wc -l) fds, $(mapped_grants "$domid") grants, $(lsevtchn 0 | wc -l) channels"; }

# One process, many connections: what each took is given back.
frontends_come_and_go()
{
	image /run/t/r.img 4
	want=$(sum /run/t/r.img)
	attach 51728 /run/t/r.img w
	appears xvdb
	before=$(held)
	for _ in 2 3 4 5; do
		xenstore-rm "$(front 51728)"
		disappears xvdb
		wait_for 10 is "$(back 51728)/state" 2
		offer 51728
		appears xvdb
		t_same "what the guest reads" "$(in_guest 'sha256sum /dev/xvdb' | cut -d' ' -f1)" "$want"
	done
	usleep 1200000	# the counters are written once a second
	t_same "connections" "$(stat_of 51728 connections)" 5
	t_same "held after five connections" "$(held)" "$before"
	detach 51728 "$pid"
}

# Begins requests that go on until calm(). (A disk that was taken away reads as empty, and dd is content with it.)
load_text='touch /run/load
	(for j in 1 2 3 4; do (while [ -e /run/load ]; do dd if=/dev/xvdb of=/dev/null bs=128k iflag=direct || usleep 100000
		done) & done) </dev/null >/dev/null 2>&1 &'
calm() { in_guest 'rm -f /run/load'; }

busy() { [ "$(stat_of 51728 reads)" -gt 50 ]; }

terminated_under_load()
{
	image /run/t/k.img 8
	grants=$(mapped_grants "$domid")
	[ "$grants" -gt 0 ]	# or Xen's words were not understood
	back_nodes 51728 /run/t/k.img w
	$backend --path "$(back 51728)" --log $log --foreground & job=$!
	wait_for 10 is "$(back 51728)/state" 2
	offer 51728
	appears xvdb
	in_guest "$load_text"
	wait_for 30 busy
	kill -TERM $job
	status=0
	wait $job || status=$?
	t_same "exit status" $status 0
	t_same "state" "$(xenstore-read "$(back 51728)/state")" 6
	t_same "under way" "$(stat_of 51728 under_way)" 0
	t_same "grants still mapped" "$(mapped_grants "$domid")" "$grants"
	calm
	xenstore-rm "$(back 51728)"
	xenstore-rm "$(front 51728)"
	disappears xvdb
}

destroyed_under_load()
{
	image /run/t/x.img 8
	channels=$(lsevtchn 0 | wc -l)
	lab-guest start g2
	domid=$(xl domid g2)
	lab-guest exec g2 'modprobe xen-blkfront'
	attach 51728 /run/t/x.img w
	lab-guest exec g2 "for i in \$(seq 100); do [ -b /dev/xvdb ] && break; usleep 100000; done; $load_text"
	wait_for 30 busy
	lab-guest stop g2
	wait_for 20 gone "$pid"
	# A page that is still mapped would keep the domain as a zombie.
	if xl list | grep -E '^g2|null'; then return 1; fi
	t_same "channels" "$(lsevtchn 0 | wc -l)" "$channels"
	tail -1 $log | grep "the domain or the backend's directory is gone"
	xenstore-rm "$(back 51728)"
}

little_memory()
{
	image /run/t/m.img 32
	attach 51728 /run/t/m.img r
	appears xvdb
	in_guest 'for j in 1 2 3 4; do dd if=/dev/xvdb of=/dev/null bs=1M iflag=direct 2>/dev/null & done; wait'
	# At its highest, libraries and the file's own pages included.
	most=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
	echo "NOTE resident at most, with four readers of 1 MiB: $most KiB"
	[ "$most" -lt 8192 ]
	detach 51728 "$pid"
}

# ---- The run --------------------------------------------------------------------------------------------------------

mkdir -p /run/t
lab-guest start g1 --vcpus 2 --tools --mem 700 "$@" || exit 99
domid=$(xl domid g1)
lab-guest exec g1 'modprobe xen-blkfront' || exit 99
disk=""
for d in /dev/vd?; do
	# The lab's own disks have other names.
	case $(cat "/sys/block/${d##*/}/serial") in lab*) disk=$d ;; esac
done

t_case "backend: says why it can't start" says_why_it_cannot_start
t_case "backend: takes nothing from a frontend on trust" believes_no_frontend
image /run/t/fs.img 32
t_case "backend: a file system on a file in memory" file_system /run/t/fs.img
t_case "backend: several queues" several_queues
t_case "backend: fio verifies, file in memory" verify /run/t/fs.img
if [ -n "$disk" ]; then
	t_case "backend: a file system on a block device" file_system "$disk"
	t_case "backend: fio verifies, block device" verify "$disk"
	/usr/sbin/mke2fs -q -F -t ext4 "$disk" && mkdir -p /mnt/d && mount -t ext4 "$disk" /mnt/d &&
		image /mnt/d/f.img 32
	t_case "backend: a file system on a file on a disk" file_system /mnt/d/f.img
	t_case "backend: fio verifies, file on a disk" verify /mnt/d/f.img
	umount /mnt/d
else
	t_skip "backend: targets on a disk" "the lab was started without --disk"
fi
t_case "backend: read-only" read_only
t_case "backend: discard" discard
t_case "backend: no discard where it is not wanted" no_discard_where_not_wanted
t_case "backend: frontends come and go" frontends_come_and_go
t_case "backend: little memory" little_memory
t_case "backend: SIGTERM under load" terminated_under_load
t_case "backend: the guest is destroyed under load" destroyed_under_load
t_case "backend: no warning in the guest's log" t_guest_log_clean g1
[ $t_failed = 0 ] || tail -40 $log
lab-guest stop g1
rm -rf /run/t /tmp/dump
t_end
