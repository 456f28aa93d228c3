# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# SPDX-License-Identifier: GPL-2.0-or-later
# What every part of the lab's host side uses: words to the user, the cache, the lock.

cache=${XENLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xengraft-lab}

LAB_BROKE=99	# the lab failed, which says nothing about what was to be tested

say() { printf 'xenlab: %s\n' "$*" >&2; }
die() { say "$*"; exit $LAB_BROKE; }

# digest FILE...: one short word that changes when any of the files does; stdin counts as well.
digest() { { cat "$@"; cat; } | sha256sum | cut -c1-16; }

# in_place DIR KEY BUILDER...: make sure that $cache/DIR-KEY exists and print its path. BUILDER is
# run with a scratch directory as last argument, which is renamed into place once it is whole.
# Pieces of the same kind with another key are left alone for an hour: a run that is about to boot may want them.
in_place()
{
	local kind=$1 piece=$cache/$1-$2 scratch
	shift 2
	if [ ! -d "$piece" ]; then
		mkdir -p "$cache" || die "can't make the cache directory $cache"
		(
			flock 8
			if [ ! -d "$piece" ]; then
				scratch=$(mktemp -d "$cache/.new-$kind.XXXXXX")
				trap 'rm -rf "$scratch"' EXIT
				"$@" "$scratch" || die "building $kind failed"
				chmod 755 "$scratch"
				mv -T "$scratch" "$piece"
				forget "$kind" "$piece"
			fi
		) 8>"$cache/lock.$kind" >&2 || exit $LAB_BROKE
	fi
	touch -c "$piece"
	printf '%s\n' "$piece"
}

forget()
{
	find "$cache" -maxdepth 1 -name "$1-????????????????" ! -path "$2" -mmin +60 \
		-exec rm -rf {} +
}

# quote WORD...: the words as one line that a shell reads back.
quote() { local w; for w; do printf "'%s' " "${w//\'/\'\\\'\'}"; done; echo; }

# cpio_of TREE: a cpio archive of TREE on stdout, everything owned by root.
cpio_of() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet); }
