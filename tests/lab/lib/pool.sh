# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their variables
# SPDX-License-Identifier: GPL-2.0-or-later
# The pool: one tree with the files of every Debian package the lab needs, none of it installed.
# apt resolves and fetches, as this machine has it configured; nobody here knows a mirror's name.

host_tools="qemu-system-x86_64:qemu-system-x86 cpio:cpio xz:xz-utils zstd:zstd depmod:kmod
	readelf:binutils mke2fs:e2fsprogs flock:util-linux mmdebstrap:mmdebstrap fakeroot:fakeroot"

# Left out of the pool: large, and nothing in an image runs them.
not_in_pool='iso-codes|python3[^/]*|libpython3[^/]*|perl-modules[^/]*|ipxe-qemu'

need_host_tools()
{
	local pair missing=""
	for pair in $host_tools; do
		PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
	done
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || die "missing here, install them first:$missing"
	say "installing what is missing here:$missing"
	# shellcheck disable=SC2086
	{ apt-get -qq update && apt-get -qq -y --no-install-recommends install $missing; } >&2 ||
		die "apt-get could not install$missing"
}

package_names() { awk '!/^#/ { print $1 }' "$lab/packages"; }

# apt_aside DIR ARG...: apt-get that believes nothing is installed and keeps its files in DIR.
apt_aside()
{
	local dir=$1
	shift
	mkdir -p "$dir/archives/partial" && : >"$dir/status" &&
	apt-get -q -y -o Dir::State::status="$dir/status" -o Dir::Cache::archives="$dir/archives" \
		-o Debug::NoLocking=1 -o APT::Install-Recommends=false -o APT::Sandbox::User= "$@"
}

# resolve: the packages that belong in the pool with their versions, `NAME VERSION` a line.
resolve()
{
	local dir
	dir=$(mktemp -d) || return
	# shellcheck disable=SC2046
	apt_aside "$dir" -s install $(package_names) >"$dir/plan" 2>"$dir/why" || {
		cat "$dir/why" >&2
		rm -rf "$dir"
		return 1
	}
	sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1 \2/p' "$dir/plan" | LC_ALL=C sort
	rm -rf "$dir"
}

# The versions are settled once and kept in the cache, so that a run needs no network and two runs
# mean the same thing; `xenlab prepare` settles them anew.
versions_file() { printf '%s/versions-%s\n' "$cache" "$(digest "$lab/packages" </dev/null)"; }

settle()
{
	local file new
	file=$(versions_file)
	mkdir -p "$cache" || die "can't make the cache directory $cache"
	if [ "$(id -u)" = 0 ]; then apt-get -qq update >&2; fi
	new=$(resolve)
	if [ -n "$new" ]; then
		printf '%s\n' "$new" >"$file.$$" && mv "$file.$$" "$file"
	elif [ -s "$file" ]; then
		say "apt can't say what is current; going on with what was fetched before"
	else
		die "apt can't resolve the packages of tests/lab/packages (apt-get update?)"
	fi
}

build_pool()
{
	local out=$1 aside deb kernel
	aside=$(mktemp -d "$cache/.new-debs.XXXXXX")
	say "fetching $(wc -l <"$(versions_file)") Debian packages"
	# shellcheck disable=SC2046
	apt_aside "$aside" -d install $(tr ' ' '=' <"$(versions_file)") >"$aside/log" 2>&1 || {
		tail -5 "$aside/log" >&2
		rm -rf "$aside"
		return 1
	}
	say "unpacking them"
	mkdir -p "$out/usr"/{bin,sbin,lib,lib64}
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$out/"
	for deb in "$aside"/archives/*.deb; do
		[[ ${deb##*/} =~ ^($not_in_pool)_ ]] && continue
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$out" --keep-directory-symlink --no-same-owner \
			--exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' \
			--exclude='./usr/share/man/*' || return
	done
	rm -rf "$aside"
	for kernel in "$out"/boot/vmlinuz-*; do
		vmlinux_of "$kernel" >"${kernel/vmlinuz/vmlinux}" || return
		depmod -b "$out" "${kernel##*/vmlinuz-}" || return
	done
	gzip -dc "$out"/boot/xen-4.17-amd64.gz >"$out/boot/xen-4.17"
}

# vmlinux_of BZIMAGE: the kernel inside, uncompressed. Xen and xl would do the same at every boot,
# and under emulation that takes them seconds. Offsets: Documentation/arch/x86/boot.rst.
vmlinux_of()
{
	local setup offset length
	setup=$(od -An -tu1 -j $((0x1f1)) -N1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N4 "$1")
	offset=$(((setup + 1) * 512 + offset))
	# The last four bytes are the uncompressed size, which no decompressor wants to see.
	tail -c +$((offset + 1)) "$1" | head -c $((length - 4)) | case $(
		tail -c +$((offset + 1)) "$1" | head -c 4 | od -An -tx1 | tr -d ' ') in
	fd377a58) xz -dc ;;
	28b52ffd) zstd -dcq ;;
	1f8b*) gzip -dc ;;
	*) say "$1: compressed in a way not known here"; false ;;
	esac
}

# pool: the pool's directory, made if need be.
pool()
{
	[ -s "$(versions_file)" ] || settle
	in_place pool "$(digest "$lab/lib/pool.sh" <"$(versions_file)")" build_pool
}

# kernel_release 6.1: the release string of that guest kernel.
kernel_release()
{
	local image
	for image in "$pool"/boot/vmlinuz-"$1".*; do
		[ -e "$image" ] || die "no kernel $1 in the pool"
		printf '%s\n' "${image##*/vmlinuz-}"
	done
}
