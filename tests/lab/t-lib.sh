# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests that run in Dom0 have in common. Sourced. A case is a shell function: its output is shown
# only when it fails.
#
#     t_case "what it proves" function [argument...]      lines of it that begin with NOTE are shown in any case
#     t_skip "what it would prove" "why it was not tried"
#
# Prints "PASS name", "FAIL name" or "SKIP name: why" lines, which ./check counts.

# shellcheck disable=SC2034 # for the tests that source this
t_in=/root/in
t_failed=0

# Any command that fails ends the case: which is why it is not run as a condition, where sh ignores -e.
t_case()
{
	t_name=$1
	shift
	( set -e; "$@" ) >/tmp/t.out 2>&1
	t_status=$?
	if [ $t_status = 0 ]; then
		echo "PASS $t_name"
		grep '^NOTE' /tmp/t.out
	else
		echo "FAIL $t_name"
		sed 's/^/    | /' /tmp/t.out | tail -n 60
		t_failed=$((t_failed + 1))
		t_clear_up
	fi
}

# What a case that failed has left must not spoil the next: a test says how, if it can.
t_clear_up() { :; }

t_skip() { echo "SKIP $1: $2"; }

# t_not COMMAND...: it fails. (A bare `!` is no failure to sh -e.)
t_not()
{
	if "$@"; then echo "did not fail: $*"; return 1; fi
}

# t_same WHAT A B
t_same()
{
	[ "$2" = "$3" ] || { echo "$1: '$2' is not '$3'"; return 1; }
}

# t_fails STATUS TEXT COMMAND...: it fails with that status and says TEXT, in one line.
t_fails()
{
	t_wanted=$1 t_text=$2
	shift 2
	t_got=0
	t_said=$("$@" 2>&1) || t_got=$?
	printf '%s\n' "$t_said"
	t_same "exit status of $*" "$t_got" "$t_wanted" &&
		case $t_said in *"$t_text"*) ;; *) echo "did not say: $t_text"; return 1 ;; esac &&
		t_same "lines said" "$(printf '%s\n' "$t_said" | wc -l)" 1
}

t_end() { exit $((t_failed > 0)); }

# ---- What a leak would show in ------------------------------------------------------------------------------------

t_backends() { pidof xengraft-backend | wc -w; }

# Words that must be the same before and after: pages of the guest, xenstore nodes, backends, database rows.
t_traces()
{
	xenstore-ls -f | grep -c xengraft || :
	t_backends
	[ -e /var/lib/xengraft/state.db ] || return 0
	# Of guests that are away the record stays: that is no leak.
	sqlite3 /var/lib/xengraft/state.db \
		'with here as (select uuid from guest where away = 0) select (select count(*) from device where uuid in here),
		(select count(*) from operation where uuid in here), (select count(*) from frame where uuid in here)'
}

# Waits until the traces stay as they are: a backend writes some of its nodes a second after it has connected.
t_settle()
{
	t_before=''
	until [ "$t_before" = "$(t_traces)" ]; do t_before=$(t_traces); sleep 2; done
}

# What is left of a domain that is no more: Xen keeps it as long as somebody has its memory mapped.
t_left()
{
	xl list | awk -v id="$1" '$2 == id'
	xenstore-ls -f | grep -E "/(domain|vbd|libxl)/$1[/ ]" || :
}

# t_gone DOMID: waits until nothing of it is left.
t_gone()
{
	t_tries=120
	while t_rest=$(t_left "$1") && [ -n "$t_rest" ]; do
		[ $t_tries -gt 0 ] || { echo "left of domain $1: $t_rest"; return 1; }
		t_tries=$((t_tries - 1))
		sleep 1
	done
}

# t_migrate GUEST: to this host itself. For a while there are two domains of one UUID, and xl has other names for them.
t_migrate()
{
	# xenconsoled calls its log as the domain is called when it is made.
	ln -sf "guest-$1.log" "/var/log/xen/console/guest-$1--incoming.log"
	xl migrate -s '' "$1" 'xl migrate-receive' >/tmp/migrate.out 2>&1 || { tail -n 20 /tmp/migrate.out; return 1; }
}

# The guest's log since the kernel came up: nothing of it may be a warning.
t_guest_log_clean()
{
	t_not lab-guest exec "$1" "dmesg | grep -B 4 -E \
		'WARNING|BUG:|Oops|Call Trace|still in use|refcount|use-after|lockup|rcu.*stall'"
}
