#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Holds what the documents name against the tree: files, functions, steps, commands, options, variables. Run by `make
# check`; by hand: check-docs.sh [TREE]. Exit status 0: all is there; 1: each thing that is not, a line.
# shellcheck disable=SC1003,SC2013,SC2016,SC2046,SC2086 # words are wanted, and backquotes are Markdown's
set -u
tree=${1:-${srcdir:-.}}
cd "$tree" || exit 99
failed=0
fail() { echo "$*"; failed=1; }
plain() { tr -d '\\' <"$1"; }	# without roff's escapes
long_options() { grep -ohE '\{ "[a-z-]+", (no|required)_argument' "$@" | cut -d'"' -f2; }

sources='dom0-tools hotswap lib guest-stubs driver-gen driver-repo'
folders="$sources tests hypervisor-patches"
documents="README.md docs/*.md docs/decisions/*.md docs/man/*.[1-8] $(find $folders -name README.md | LC_ALL=C sort)"

# Files, by their path from the top or from the document; links, from the document.
top='dom0-tools|hotswap|lib|guest-stubs|driver-gen|driver-repo|tests|docs'
for doc in $documents; do
	for path in $(plain $doc | grep -oE "(^|[^/a-z.-])($top)(/[A-Za-z0-9_*.-]+)+\.[A-Za-z0-9*]+\>" |
		grep -oE "($top)/.*"); do
		# A tarball goes without the lab.
		case $path in tests/lab/*) [ -e tests/lab/xenlab ] || continue ;; esac
		ls -d $path >/dev/null 2>&1 || ls -d $(dirname $doc)/$path >/dev/null 2>&1 ||
			fail "$doc: there is no $path"
	done
	for link in $(sed -n 's/.*](\([^)#:]*\)).*/\1/p' $doc); do
		[ -e "$(dirname $doc)/$link" ] || fail "$doc: its link leads nowhere: $link"
	done
done

# Names in the walk and the decisions: words with an underscore between backquotes. Some are Linux's.
linux='module_alloc execmem_alloc device_add_disk shutdown_watch shutdown_handler vmcoreinfo_data x86_return_thunk'
for name in $(grep -ohE '`[a-z][a-z0-9]*(_[a-z0-9]+)+`' docs/main-path.md docs/decisions/*.md | tr -d '`' | sort -u); do
	case " $linux " in *" $name "*) continue ;; esac
	grep -rqw --include='*.[chS]' --include='*.skel' "$name" $sources || fail "docs: nothing is called $name"
done

# Every step of an attach is in the walk's table.
steps=$(sed -n 's/^	{ "\([a-z ]*\)", [a-z_]*_run, .*/\1/p' dom0-tools/ops/attach.c)
[ -n "$steps" ] || fail "dom0-tools/ops/attach.c: no steps found"
while read -r step; do
	grep -q "^| $step |" docs/main-path.md || fail "docs/main-path.md: the step '$step' is missing"
done <<-END
	$steps
END

# The manual: every command, option and variable.
commands=$(sed -n 's/^	{ "\([a-z-]*\)", ".*/\1/p' dom0-tools/cli/main.c)
[ -n "$commands" ] || fail "dom0-tools/cli/main.c: no commands found"
for command in $commands; do
	plain docs/man/xengraft.1 | grep -qE "^\.BI? $command( |$)" || fail "xengraft.1: no command $command"
done
for option in $(long_options dom0-tools/cli/main.c dom0-tools/cli/options.c); do
	plain docs/man/xengraft.1 | grep -q -e "--$option" || fail "xengraft.1: no option --$option"
done
for option in $(long_options dom0-tools/backend/main.c); do
	plain docs/man/xengraft-backend.8 | grep -q -e "--$option" || fail "xengraft-backend.8: no option --$option"
done
for option in $(long_options driver-gen/main.c); do
	plain docs/man/xengraft-gen.1 | grep -q -e "--$option" || fail "xengraft-gen.1: no option --$option"
done
for variable in $(grep -ohE '"XENGRAFT_[A-Z]+"' driver-gen/*.c | tr -d '"' | sort -u); do
	grep -q "$variable" docs/man/xengraft-gen.1 || fail "xengraft-gen.1: no variable $variable"
done
# The two languages: every statement, and every value.
statements() { grep -ohE '\{ "[a-z]+", [a-z_]+, (true|false) \}' "$@" | sed 's/^{ "\([a-z]*\)".*/\1/' | grep .; }
device=$(statements driver-gen/device_parse.c driver-gen/device_ring.c) ||
	fail "no statements found in driver-gen/device_*.c"
os=$(statements driver-gen/os.c) || fail "no statements found in driver-gen/os.c"
for word in $device $(sed -n 's/^	{ "\([a-z]*\.*[a-z]*\)", ".*GEN_AT_.*/\1/p' driver-gen/expr.c); do
	plain docs/man/xengraft-device.5 | grep -qw -e "$word" || fail "xengraft-device.5: nothing on $word"
done
for word in $os; do
	plain docs/man/xengraft-os.5 | grep -qw -e "$word" || fail "xengraft-os.5: nothing on $word"
done
for variable in $(grep -ohE '"XENGRAFT_[A-Z]+"' dom0-tools/ops/*.c lib/base/*.c | tr -d '"' | sort -u); do
	grep -q "$variable" docs/man/xengraft.1 || fail "xengraft.1: no variable $variable"
done

commands=$(sed -n 's/^	{ "\([a-z]*\)", ".*", ".*",$/\1/p; s/^	{ "\([a-z]*\)", "[^"]*", "[^"]*".*rc_.*/\1/p' \
	driver-repo/cli/main.c | sort -u)
[ "$(echo "$commands" | wc -l)" -ge 15 ] || fail "driver-repo/cli/main.c: commands not found"
for command in $commands; do
	plain docs/man/xengraft-repo.1 | grep -qE "^\.B[IR]? $command( |$)" ||
		fail "xengraft-repo.1: no command $command"
done
for option in $(sed -n 's/^	{ "\([a-z-]*\)", [^"]*\(FLAG\|TEXT\)(.*/\1/p' driver-repo/cli/main.c); do
	plain docs/man/xengraft-repo.1 | grep -q -e "--$option" || fail "xengraft-repo.1: no option --$option"
done
for variable in $(grep -ohE '"XENGRAFT_[A-Z]+"' driver-repo/*.c driver-repo/*/*.c lib/base/fault_point.c | tr -d '"' |
	sort -u); do
	grep -q "$variable" docs/man/xengraft-repo.1 || [ "$variable" = XENGRAFT_STATEDIR ] ||
		fail "xengraft-repo.1: no variable $variable"
done

# What the formatter has to say about the pages.
for page in docs/man/*.[1-8]; do
	command -v groff >/dev/null || break
	said=$(groff -man -t -ww -z -Tutf8 "$page" 2>&1)
	[ -z "$said" ] || fail "$said"
done
exit $failed
