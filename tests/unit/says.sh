# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What tests of a command say of it. Sourced by repo-cli.sh and repo-oci.sh; sets $failed when something is not so.
failed=0
fail() { echo "FAIL: $*"; failed=1; }

# says STATUS TEXT COMMAND...: it ends with STATUS, and TEXT is in what it said, which is in $out then.
says()
{
	wanted=$1 text=$2
	shift 2
	out=$("$@" 2>&1)
	got=$?
	[ $got = "$wanted" ] || fail "status $got, not $wanted: $*: $out"
	case $out in *"$text"*) ;; *) fail "'$text' is not in what '$*' said: $out" ;; esac
}
