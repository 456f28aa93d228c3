#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xengraft as it is used wrongly: a sentence, the usage line, status 1, and nothing was opened, so no Xen is wanted.
# What it can do is what its manual and its completion say.
set -u
xengraft=$PWD/dom0-tools/cli/xengraft
srcdir=$(cd "${srcdir:-.}" && pwd)
command -v bash >/dev/null || { echo "no bash"; exit 77; }
[ -x "$xengraft" ] || { echo "not built: $xengraft"; exit 99; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
export XENGRAFT_STATEDIR="$work/state" XENGRAFT_RUNDIR="$work/run"
unset XENGRAFT_FAULT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

# wrong SENTENCE WORD...: the sentence, then how the command is used.
wrong()
{
	sentence=$1
	shift
	out=$("$xengraft" "$@" 2>&1 >/dev/null)
	got=$?
	[ $got = 1 ] || fail "status $got, not 1: $*: $out"
	[ "$(printf '%s\n' "$out" | sed -n 1p)" = "xengraft: $sentence" ] || fail "'$*' did not say '$sentence' but: $out"
	case $(printf '%s\n' "$out" | sed -n 2p) in "usage: xengraft [-v] [-N] $1 "*) ;; *) fail "$*: no usage: $out" ;; esac
}

wrong "'swap' takes 3 arguments, not 0" swap
wrong "'swap' takes 3 arguments, not 2" swap web1 xvdb
wrong "'disk-attach' takes at least 2 arguments, not 1" disk-attach web1
wrong "'history' takes 1 to 2 arguments, not 3" history web1 xvdb xvdc
wrong "'status' takes 2 arguments, not 1" status web1 --json
wrong "'inspect' takes 1 argument, not 0" inspect
wrong "unrecognized option '--hurry'" swap web1 xvdb virtual --hurry
wrong "invalid option -- 'x'" swap web1 xvdb virtual -x
wrong "option '--timeout' requires an argument" upgrade --timeout
wrong "--timeout takes milliseconds from 1 to 10000, not '0'" swap web1 xvdb virtual --timeout 0
wrong "--timeout takes milliseconds from 1 to 10000, not '20000'" rollback web1 xvdb -t 20000
wrong "--timeout takes milliseconds from 1 to 10000, not '5ms'" reconnect --timeout=5ms
wrong "--wait takes seconds from 1 to 86400, not '-1'" disk-attach web1 /x,raw,xvdb,rw --wait -1
[ ! -e "$work/state" ] || fail "what was called wrongly has opened the record"

out=$("$xengraft" swop 2>&1) && fail "there is a command 'swop'"
[ "$out" = "xengraft: 'swop' is no command: 'xengraft help' lists them" ] || fail "swop: $out"
out=$("$xengraft" daemon start 2>&1) && fail "there is 'daemon start'"
out=$("$xengraft" daemon status 2>&1) && fail "a daemon answers in an empty folder"
[ "$out" = "xengraft: xengraftd does not run ($work/run/xengraftd.sock)" ] || fail "daemon status: $out"

# completed WORD...: what bash offers for the last of them.
completed()
{
	xengraft=$xengraft bash -c '. "$0"
		xengraft() { if [ "$1" = disk-list ]; then printf "Name ID Vdev\nweb1 1 xvdb\n"; else "$xengraft" "$@"; fi; }
		xl() { printf "Name ID\nDomain-0 0\nweb1 1\n"; }
		COMP_WORDS=(xengraft "$@")
		COMP_CWORD=$#
		_xengraft
		printf "%s\n" "${COMPREPLY[@]}"' "$srcdir/dom0-tools/cli/completion/xengraft" "$@" | sort | xargs
}

# offers WORDS WORD...
offers()
{
	words=$1
	shift
	[ "$(completed "$@")" = "$words" ] || fail "completion of '$*' offers '$(completed "$@")', not '$words'"
}

options_of() { printf '%s\n' "$1" | grep -o -e '--[a-z-]*' | sort -u | xargs; }

# Each command is in the manual, and each of its long options; both are completed.
manual=$(sed 's/\\-/-/g; s/\\f[BIR]//g' "$srcdir/docs/man/xengraft.1")
commands=$("$xengraft" help | sed -n 's/^ \([a-z-]*\)  .*/\1/p')
for command in $commands; do
	help=$("$xengraft" help "$command")
	[ "$("$xengraft" "$command" --help)" = "$help" ] || fail "$command --help is not 'help $command'"
	printf '%s\n' "$manual" | grep -q "^\.B[RI]* *$command\( \|\$\)" || fail "the manual has no $command"
	for option in $(options_of "$help"); do
		printf '%s\n' "$manual" | grep -q -e "$option" || fail "the manual has no $option of $command"
	done
	offers "$(options_of "$help")" "$command" --
done
offers "$(options_of "$("$xengraft" --help)")" --
offers "$(printf '%s\n' "$commands" | sort | xargs)" ""
offers "swap" -v sw
offers "web1" -N --uuid 1 swap ""
offers "xvdb" swap --timeout 30 web1 ""
offers "auto paravirtual virtual" swap web1 xvdb ""
offers "paravirtual" disk-attach web1 /x,raw,xvdb,rw --mode p
offers "status" daemon ""
exit $failed
