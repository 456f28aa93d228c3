#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xengraftd: disks of domains' own files appear, modes follow who shares a device, whatever becomes of the daemon.
# Arguments: a block device of 64 MiB, then the cases, in order: shared reload killed storm saved before_save migrated
# store_lost. saved and before_save want a --disk of 600 MiB beside it, for the guest; after store_lost nothing works.
. "${0%/*}/t-lib.sh"
. "${0%/*}/t-load.sh"

device=$1
shift
conf=/etc/xengraft/xengraft.conf
log=/root/xengraftd.log

# Emulated, with two runs beside each other, a guest takes half a minute and a job some seconds.
patience=120

daemon_start()
{
	xengraftd --foreground >>$log 2>&1 &
	daemon=$!
	echo $daemon >/root/xengraftd.pid
	until_true "the daemon answers" xengraft daemon status
}

daemon_stop()
{
	kill -TERM $daemon
	wait $daemon
}

daemon_kill()
{
	kill -KILL $daemon
	wait $daemon || :
}

# until_true WHAT COMMAND...: waits for it, and says what came of it when it does not come.
until_true()
{
	t_what=$1
	shift
	t_left=$patience
	until "$@" >/dev/null 2>&1; do
		if [ $t_left = 0 ]; then
			echo "waited in vain: $t_what"
			xengraft daemon status
			xengraft disk-list
			tail -n 30 $log
			return 1
		fi
		t_left=$((t_left - 1))
		sleep 1
	done
}

field() { xengraft disk-list --json "$1" 2>/dev/null | sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
mode_is() { [ "$(field "$1" mode)" = "$2" ] && [ "$(field "$1" state)" = live ]; }
modes_are() { t_mode=$1; shift; for t_g; do mode_is "$t_g" "$t_mode" || return 1; done; }
disks_are() { [ "$(xengraft disk-list --json | grep -c '"state": "live"')" = "$1" ]; }
# Nothing runs and nothing is wanted any more.
at_rest() { xengraft daemon status --json | grep -q '"jobs": \[\]'; }
reasons_of() { xengraft history --json "$1" | sed -n 's/.*"reason": "\([^"]*\)".*/\1/p' | xargs; }
swaps_of() { xengraft history --json "$1" | grep -c '"reason"' || :; }

t_clear_up()
{
	for g in $(lab-guest list); do lab-guest stop "$g"; done
	# A case is a process of its own: what it knew is gone.
	rm -f /root/wait
	kill -KILL "$(cat /root/xengraftd.pid)" 2>/dev/null || :
	umount /mnt/d 2>/dev/null || :
}

# Verified data in the guest's own part of the disk, from so many MiB on.
part_load() { load_start "$1" --iodepth=8 --offset="$2M" --size=8M --io_size=4M; }

guest_start()
{
	guest=$1
	shift
	lab-guest start "$guest" --tools "$@" --config "xengraft = [ 'vdev=xvdb,target=$device,mode=auto,shared=1'${more:-} ]"
}

# Three guests on one device come and go.
shared()
{
	printf 'settle = 2\nhold = 2000\n' >$conf
	daemon_start
	guest_start one
	until_true "one alone: paravirtual" modes_are paravirtual one
	part_load one 0
	guest_start two
	until_true "one and two: virtual" modes_are virtual one two
	part_load two 16
	guest_start three
	until_true "three of them: virtual" modes_are virtual one two three
	load_ended_well two
	lab-guest stop two
	until_true "two are left" at_rest
	modes_are virtual one three
	lab-guest stop three
	until_true "one is left: paravirtual" modes_are paravirtual one
	load_ended_well one
	xengraft history one
	until_true "rest" at_rest
	t_same "swaps of one" "$(swaps_of one)" 2
	t_guest_log_clean one
	lab-guest stop one
	until_true "all swept" disks_are 0
	daemon_stop
	echo "NOTE held ms: $(xengraft history --json one | sed -n 's/.*"hold_ns": \([0-9]*\),.*/\1/p' | awk '{ printf "%.2f ", $1 / 1e6 }')"
}

# A file that is wrong changes nothing; what was done by hand stays as it is.
reload()
{
	printf 'settle = 0\n' >$conf
	daemon_start
	more=", 'vdev=xvdc,target=/nowhere,mode=quick'"
	guest_start one
	until_true "the list's disk" mode_is one paravirtual
	printf 'settle = 0\njobs = none\n' >$conf
	kill -HUP $daemon
	until_true "the complaint" grep -q "not reloaded: $conf:2: jobs is a number from 1 to 64" $log
	xengraftd --check-config $conf 2>&1 | grep -F "$conf:2:"
	xengraft daemon status | grep -F "not reloaded: $conf:2:"
	printf 'settle = 0\njobs = 2\n' >$conf
	xengraftd --check-config $conf
	xengraft disk-detach one xvdb
	kill -HUP $daemon
	until_true "the reload" grep -q "$conf reloaded" $log
	t_not sh -c "xengraft daemon status | grep 'not reloaded'"
	until_true "the list, read again" sh -c "[ \$(grep -c 'wants 2 disks' $log) -ge 2 ]"
	until_true "rest" at_rest
	disks_are 0
	t_same "attaches" "$(grep -c '^xengraftd: attach of xvdb .*: done' $log)" 1
	xengraft daemon status | grep -F "item 1 of its list, xvdb is left out: detached by hand"
	xengraft daemon status | grep -F "item 2 of its list is left out: mode 'quick' is none of"
	xengraft disk-attach one vdev=xvdb,target=$device --mode virtual
	until_true "seen" sh -c "xengraft daemon status | grep -q 'pinned to its mode'"
	mode_is one virtual
	xengraft swap one xvdb auto
	until_true "the policy's again" mode_is one paravirtual
	xengraft swap one xvdb virtual
	until_true "seen" sh -c "xengraft daemon status | grep -q 'pinned to its mode'"
	until_true "rest" at_rest
	mode_is one virtual
	t_guest_log_clean one
	lab-guest stop one
	until_true "all swept" disks_are 0
	daemon_stop
}

# Killed again and again, at whatever it is at: the next one goes on, and the end is the same.
killed()
{
	printf 'settle = 0\nretry-most = 3\nhold = 2000\n' >$conf
	daemon_start
	guest_start one &
	starting=$!
	for ms in 2000 500 1000 3000 700 1500; do
		usleep "${ms}000"
		daemon_kill
		daemon_start
	done
	wait $starting
	until_true "one alone: paravirtual" mode_is one paravirtual
	part_load one 0
	guest_start two &
	starting=$!
	for ms in 9000 600 1100 900 1700 400; do
		usleep "${ms}000"
		daemon_kill
		daemon_start
	done
	wait $starting
	until_true "one and two: virtual" modes_are virtual one two
	until_true "rest" at_rest
	# Without a daemon nothing is missing but what it would do.
	daemon_kill
	load_ended_well one
	lab-guest stop two
	daemon_start
	until_true "one is left: paravirtual" mode_is one paravirtual
	until_true "rest" at_rest
	t_guest_log_clean one
	lab-guest stop one
	until_true "all swept" disks_are 0
	daemon_stop
	t_same backends "$(t_backends)" 0
}

# Several domains at once: all are served, so many at a time.
storm()
{
	printf 'jobs = 2\n' >$conf
	daemon_start
	for n in 1 2 3 4; do
		truncate -s 16M /root/storm$n.img
		lab-guest start s$n --config "xengraft = [ 'vdev=xvdb,target=/root/storm$n.img' ]" &
	done
	most=0 t_left=$patience
	until disks_are 4; do
		now=$(xengraft daemon status --json | grep -c '"state": "running"' || :)
		[ "$now" -le $most ] || most=$now
		t_left=$((t_left - 1))
		[ $t_left -gt 0 ] || { xengraft daemon status; tail -n 30 $log; return 1; }
		sleep 1
	done
	wait_starts
	echo "NOTE jobs at once, most seen: $most"
	[ $most -le 2 ]
	until_true "rest" at_rest
	for n in 1 2 3 4; do
		t_same "mode of s$n" "$(field s$n mode)" virtual
		lab-guest stop s$n
	done
	until_true "all swept" disks_are 0
	daemon_stop
}

# The disk that is not the device: with a file system on it, /mnt/d.
store_mount()
{
	for d in /dev/vd?; do
		case $d:$(cat "/sys/block/${d##*/}/serial") in "$device":*) ;; *:lab*) store=$d ;; esac
	done
	[ -n "${store:-}" ] || { echo "no second disk to save a guest on"; return 1; }
	mke2fs -q -F -t ext4 "$store"
	mkdir -p /mnt/d
	mount -t ext4 "$store" /mnt/d
}

done_jobs() { grep -c "^xengraftd: $1.*: done in" $log || :; }
# As the daemon itself sees it: a command would look after the guests that come back.
daemon_sees() { xengraft daemon status --json | grep -q "\"$1\": \"*$2"; }

# In the record: a command would look itself.
is_away() { [ "$(sqlite3 /var/lib/xengraft/state.db 'select away != 0 from guest')" = 1 ]; }

# Restored by an xl that knows nothing of us: the daemon alone gives the disk back, and the load goes on.
restored()
{
	until_true "on record as away" is_away
	until_true "rest" at_rest
	swept=$(done_jobs sweep)
	# Several looks: one that is away makes no more work.
	for n in 1 2 3 4; do at_rest; sleep 1; done
	t_same "sweeps while it is away" "$(done_jobs sweep)" "$swept"
	t_same backends "$(t_backends)" 0
	xl restore /mnt/d/saved >/tmp/save.out 2>&1
	rm /mnt/d/saved
	until_true "reconnected" grep -q "^xengraftd: reconnect of domain $(xl domid one): done in" $log
	until_true "paravirtual again" daemon_sees mode paravirtual
	until_true "rest" at_rest
	mode_is one paravirtual
	t_same "backends: the kernel has it" "$(t_backends)" 0
	load_goes_on one
}

conf_write()
{
	printf 'settle = 1\nhold = 2000\npoll = 1\nbefore-save = %s\n' "$1" >$conf
	[ -z "${daemon:-}" ] || kill -HUP $daemon
}

saved()
{
	store_mount
	conf_write 0
	daemon_start
	guest_start one --mem 192
	until_true "one alone: paravirtual" modes_are paravirtual one
	part_load one 0
	xl save one /mnt/d/saved >/tmp/save.out 2>&1
	restored
	t_same "swaps: a reconnect" "$(swaps_of one)" 1
	load_ended_well one
	saved_end
}

# The same, but it waits until the disk is virtual: when it is moved, when it stays, when that takes too long, when
# nobody answers. Jobs wait as long as a file is there.
before_save()
{
	store_mount
	printf '#!/bin/sh\nwhile [ -e /root/wait ]; do sleep 1; done\nexec xengraft "$@"\n' >/root/patient
	chmod +x /root/patient
	export XENGRAFT_PROGRAM=/root/patient
	conf_write 60000
	daemon_start
	guest_start one --mem 192
	until_true "one alone: paravirtual" modes_are paravirtual one
	part_load one 0
	touch /root/wait
	xl save one /mnt/d/saved >/tmp/save.out 2>&1 &
	saving=$!
	until_true "held" sh -c "xengraft daemon status | grep -q '^Domain $(xl domid one): held for a save'"
	xengraft daemon status | grep 'its guest is about to be saved'
	rm /root/wait
	wait $saving
	grep "save of domain .*: goes on .*, its disks are ready" $log
	t_same "swaps: to virtual" "$(swaps_of one)" 1
	xengraft disk-list | grep -q '^one  *-  *xvdb .* virtual .* away '
	restored
	t_same "swaps: a reconnect, and back" "$(swaps_of one)" 3
	xl save -c one /mnt/d/saved >/tmp/save.out 2>&1
	rm /mnt/d/saved
	t_same "saves that waited" "$(grep -c "goes on .*, its disks are ready" $log)" 2
	until_true "paravirtual again" mode_is one paravirtual
	t_same "swaps: there and back" "$(swaps_of one)" 5
	until_true "rest" at_rest
	conf_write 1
	until_true "the reload" grep -q "$conf reloaded" $log
	touch /root/wait
	xl save -c one /mnt/d/saved >/tmp/save.out 2>&1
	rm /mnt/d/saved
	grep "save of domain .*: goes on .*, its disks are not ready" $log
	rm /root/wait
	until_true "rest" at_rest
	until_true "paravirtual again" mode_is one paravirtual
	until_true "rest" at_rest
	conf_write 60000
	# It is held by one that does not answer, and let go when that dies.
	kill -STOP $daemon
	xl save one /mnt/d/saved >/tmp/save.out 2>&1 &
	saving=$!
	until_true "an execve that is held" sh -c "grep -l '^59 ' /proc/[0-9]*/syscall"
	daemon_kill
	wait $saving
	daemon_start
	restored
	load_ended_well one
	saved_end
}

saved_end()
{
	came_back_once
	umount /mnt/d
}

# Its disk is virtual before xl sends it, and has a backend again when the other domain runs.
migrated()
{
	conf_write 60000
	daemon_start
	guest_start one --mem 192
	until_true "one alone: paravirtual" modes_are paravirtual one
	part_load one 0
	before=$(xl domid one)
	t_migrate one
	grep "^xengraftd: save of domain $before: goes on .*, its disks are ready" $log
	t_not t_same "domain id" "$(xl domid one)" "$before"
	until_true "reconnected" grep -q "^xengraftd: reconnect of domain $(xl domid one): done in" $log
	until_true "paravirtual again" daemon_sees mode paravirtual
	until_true "rest" at_rest
	mode_is one paravirtual
	load_goes_on one
	t_same "to virtual, reconnected, and back" "$(reasons_of one)" "policy reconnect policy"
	t_gone "$before"
	t_same "backends: the kernel has it" "$(t_backends)" 0
	load_ended_well one
	came_back_once
}

came_back_once()
{
	t_same "attaches" "$(done_jobs 'attach of xvdb')" 1
	t_not grep -E '(sweep|reconnect).*once more' $log
	xengraft history one
	t_guest_log_clean one
	lab-guest stop one
	until_true "rest" at_rest
	xengraft withdraw --forget one
	until_true "all swept" disks_are 0
	daemon_stop
}

# xenstored ends: a connection that would stay broken for ever ends the daemon, so that its unit starts it again.
store_lost()
{
	printf 'poll = 1\n' >$conf
	daemon_start
	kill -STOP $daemon
	t_fails 2 "xengraftd has not answered for 10 s" xengraft daemon status
	kill -CONT $daemon
	until_true "it answers again" xengraft daemon status
	kill -KILL "$(cat /run/xenstored.pid)"
	got=0
	wait $daemon || got=$?
	t_same "its exit status" "$got" 1
	grep "the connection to xenstore is broken" $log
}

# The guests' starts, not the daemon.
wait_starts() { for n in 1 2 3 4; do lab-guest ready s$n; done; }

# Each on a host that knows of no guest yet: they have the same names.
for what; do
	: >$log
	rm -f /var/lib/xengraft/state.db*
	t_case "$what" "$what"
done
t_end
