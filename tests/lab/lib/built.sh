# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# SPDX-License-Identifier: GPL-2.0-or-later
# The tree under test, as `make install` leaves it, in a cpio archive of its own for Dom0's initrd.

# built_tree SCRATCH OUT.cpio: OUT stays absent when there is nothing to install.
built_tree()
{
	local build=${XENLAB_BUILD:-$lab/../..} scratch=$1 out=$2
	if [ ! -e "$build/Makefile" ]; then
		say "$build has no Makefile (./configure?), going on without the built tree"
		return 0
	fi
	# One install at a time: automake's rules relink in the build directory.
	mkdir -p "$cache"
	flock "$cache/lock.built" make -s -C "$build" install DESTDIR="$scratch/built" \
		prefix=/usr sysconfdir=/etc localstatedir=/var >"$scratch/make.log" 2>&1 8>&- || {
		tail -20 "$scratch/make.log" >&2
		die "make install in $build failed"
	}
	rm -rf "$scratch"/built/usr/{include,share/man,share/doc}
	mkdir -p "$scratch/built"
	(cd "$scratch/built" && merge_usr)
	built_libraries "$scratch/built" && cpio_of "$scratch/built" >"$out"
}

# A directory /sbin in the archive would stand in the way of Dom0's link of that name.
merge_usr()
{
	local dir
	for dir in bin sbin lib lib64; do
		if [ -d "$dir" ]; then mkdir -p "usr/$dir" && cp -a "$dir/." "usr/$dir/" && rm -rf "$dir"; fi
	done
}

# The libraries that Dom0 lacks come from the pool or from here, close_libraries says in which order.
built_libraries()
{
	local absent
	absent=$(cpio -it --quiet <"$dom0_dir/root.cpio" | sed -n 's,.*/\([^/]*\.so[^/]*\)$,\1,p' | tr '\n' ' ')
	close_libraries "$1"
}
