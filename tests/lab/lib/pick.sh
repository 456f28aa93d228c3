# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# SPDX-License-Identifier: GPL-2.0-or-later
# Choose files out of the pool for an image: programs with their libraries, modules with theirs.

# library NAME: where the shared library lies; the pool's own before this machine's.
library()
{
	local dir
	for dir in "$pool"/usr/lib/x86_64-linux-gnu "$pool"/usr/lib/x86_64-linux-gnu/* \
		"$pool"/usr/lib/xen-4.17/lib/x86_64-linux-gnu "$pool"/usr/lib64; do
		[ -e "$dir/$1" ] && { printf '%s\n' "$dir/$1"; return; }
	done
	PATH=$PATH:/sbin:/usr/sbin ldconfig -p | awk -v n="$1" '$1 == n && /x86-64/ { print $NF; exit }'
}

needed() { readelf -d "$@" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | sort -u; }

# close_libraries TREE: add the libraries that TREE's ELF files need and that are not there.
# Names in $absent are left to somebody else. They all go to the one directory that the loader searches without being
# told.
close_libraries()
{
	local tree=$1 name found new=1
	local libs=$tree/usr/lib/x86_64-linux-gnu
	mkdir -p "$libs" "$tree/usr/lib64"
	while [ -n "$new" ]; do
		new=""
		for name in $(find "$tree" -type f \( -perm /111 -o -name '*.so*' \) -print0 | xargs -0 -r \
			readelf -d 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | sort -u); do
			if [ -n "$(find "$tree" -name "$name" -print -quit)" ]; then continue; fi
			case " ${absent:-} " in *" $name "*) continue ;; esac
			found=$(library "$name")
			[ -n "$found" ] || { say "library $name is neither in the pool nor here"; return 1; }
			cp -L "$found" "$libs/$name"
			new=1
		done
	done
	if [ ! -e "$tree/usr/lib64/ld-linux-x86-64.so.2" ] && [ -e "$libs/libc.so.6" ]; then
		cp -L "$pool/usr/lib64/ld-linux-x86-64.so.2" "$tree/usr/lib64/"
	fi
}

# pick_files TREE PATH...: copy paths of the pool as they are.
pick_files()
{
	local tree=$1 path
	shift
	for path; do
		[ -e "$pool/$path" ] || { say "$path is not in the pool"; return 1; }
		mkdir -p "$tree/${path%/*}"
		cp -aL --remove-destination "$pool/$path" "$tree/$path"
	done
}

# skeleton TREE: the directories and links of a merged-usr system, with busybox's applets.
skeleton()
{
	local tree=$1 applet
	mkdir -p "$tree/usr"/{bin,sbin,lib,lib64} "$tree"/{dev,proc,sys,run,tmp,root,etc,mnt} "$tree/var"/{log,lib}
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$tree/"
	ln -s /run "$tree/var/run"
	ln -s /run/lock "$tree/var/lock"
	pick_files "$tree" usr/bin/busybox || return
	for applet in $("$tree/usr/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$tree/usr/bin/$applet"
	done
	ln -s ../bin/busybox "$tree/usr/sbin/modprobe"	# where the kernel looks when it wants a module
	# Not busybox's own shell: it runs its applets before it looks at PATH, so that its mke2fs and
	# losetup would hide the real ones.
	pick_files "$tree" usr/bin/dash && ln -sf dash "$tree/usr/bin/sh"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
	echo 'root:x:0:' >"$tree/etc/group"
	ln -s /proc/self/mounts "$tree/etc/mtab"
}

# pick_modules TREE RELEASE NAME...: modules and what they depend on, unpacked, with an index.
pick_modules()
{
	local tree=$1 release=$2 name path
	local from=$pool/usr/lib/modules/$release to=$tree/usr/lib/modules/$release
	shift 2
	mkdir -p "$to"
	cp "$from"/modules.{order,builtin,builtin.modinfo} "$to/"
	for name; do
		name=${name//-/_}
		if tr - _ <"$from/modules.builtin" | grep -q "/$name\.ko$"; then continue; fi
		path=$(awk -v n="$name" '{ m = $1; gsub(/.*\/|\.ko.*/, "", m); gsub(/-/, "_", m)
			if (m == n) { sub(/:/, ""); print; exit } }' "$from/modules.dep")
		[ -n "$path" ] || { say "kernel $release has no module $name"; return 1; }
		for path in $path; do
			mkdir -p "$to/${path%/*}"
			case $path in
			*.xz) [ -e "$to/${path%.xz}" ] || xz -dc "$from/$path" >"$to/${path%.xz}" ;;
			*) cp "$from/$path" "$to/$path" ;;
			esac
		done
	done
	sed -i 's/\.ko\.xz$/.ko/' "$to/modules.order"
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$tree" "$release"
}
