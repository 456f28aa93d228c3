# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What ./check and ./demo have in common: packages, the build, the guests' images. Sourced with $top set.
# Says what it does; long work shows how far it is.

build=${XENGRAFT_BUILD:-$top/build}

bold='' dim='' off='' clear=''
if [ -t 1 ]; then
	bold=$'\033[1m' dim=$'\033[2m' off=$'\033[0m' clear=$'\r\033[K'
fi

head_line() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# quietly WHAT LOG COMMAND...: runs it with its output in LOG; shows the time it takes while it runs, and
# LOG's end when it fails.
quietly()
{
	local what=$1 log=$2 start=$SECONDS pid status=0
	shift 2
	mkdir -p "${log%/*}"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	if [ -t 1 ]; then
		while kill -0 $pid 2>/dev/null; do
			printf '%s  %s%-44s %4d s%s' "$clear" "$dim" "$what" $((SECONDS - start)) "$off"
			read -r -t 1 <> <(:) || :
		done
	fi
	wait $pid || status=$?
	if [ $status = 0 ]; then
		printf '%s  %-44s %4d s\n' "$clear" "$what" $((SECONDS - start))
	else
		printf '%s  %-44s failed; the end of %s:\n' "$clear" "$what" "$log"
		tail -n 40 "$log"
	fi
	return $status
}

missing_packages()
{
	local name
	while read -r name _; do
		case $name in '' | '#'*) continue ;; esac
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
	done <"$1"
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; }
apt_update_and_install() { apt_install "$@" || { apt-get update && apt_install "$@"; }; }

install_packages()
{
	local wanted
	[ -e /etc/debian_version ] || die "this is not a Debian system: install what tests/lib/packages lists"
	wanted=$(missing_packages "$top/tests/lib/packages")
	[ -n "$wanted" ] || return 0
	[ "$(id -u)" = 0 ] || die "packages are missing; as root: apt-get install $(echo $wanted)"
	# shellcheck disable=SC2086
	quietly "install $(echo "$wanted" | wc -l) packages" "$build/log/apt.log" apt_update_and_install $wanted
}

configure_and_make()
{
	local dir=$1
	shift
	mkdir -p "$dir"
	[ -x "$top/configure" ] && [ ! "$top/configure.ac" -nt "$top/configure" ] || (cd "$top" && autoreconf -fi)
	(cd "$dir" && { [ -e Makefile ] || "$top/configure" --prefix=/usr --sysconfdir=/etc --localstatedir=/var "$@"; } &&
		make -j"$(nproc)")
}

# build_tree DIR CONFIGURE-OPTION...
build_tree()
{
	local dir=$1
	shift
	quietly "build${*:+ }${*/--enable-/}" "$build/log/${dir##*/}.log" configure_and_make "$dir" "$@"
}

lab_prepare() { quietly "prepare the lab (Xen, Dom0, guests)" "$build/log/lab.log" "$top/tests/lab/xenlab" prepare; }

lab_kernels() { "$top/tests/lab/xenlab" kernels 2>/dev/null | awk '{ printf "%s:%s ", $2, $3 }'; }

# The personalities for the lab's guests: their kernels' headers, then an image each.
guest_images()
{
	local kernels headers
	kernels=$(lab_kernels)
	[ -n "$kernels" ] || die "the lab has no guest kernels"
	headers=$(for k in $kernels; do echo "linux-headers-${k%%:*}"; done)
	headers=$(for h in $headers; do [ -e "/usr/src/$h" ] || echo "$h"; done)
	if [ -n "$headers" ]; then
		[ "$(id -u)" = 0 ] || die "packages are missing; as root: apt-get install $(echo $headers)"
		# shellcheck disable=SC2086
		quietly "install the guests' kernel headers" "$build/log/headers.log" apt_update_and_install $headers
	fi
	quietly "build the guests' personalities" "$build/log/images.log" \
		make -C "$build" guest-images GUEST_KERNELS="$kernels"
}

# The same as modules, for guests whose owner opts in; after guest_images, which sees to the headers.
guest_modules()
{
	quietly "build the guests' modules" "$build/log/modules.log" \
		make -C "$build" guest-modules GUEST_KERNELS="$(lab_kernels)"
}

# lab_image OUT: an ext4 image of a tree of files with their sums in SHA256SUMS.
lab_image()
{
	local tree files=$2
	tree=$(mktemp -d)
	mkdir -p "$tree/include"
	find /usr/include /usr/share/doc -type f -size -64k 2>/dev/null | LC_ALL=C sort | head -n "$files" |
		(cd / && sed 's,^/,,' | cpio -pdm --quiet "$tree/include") 2>/dev/null
	(cd "$tree" && find include -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum >SHA256SUMS)
	rm -f "$1"
	truncate -s "$(($(du -sm "$tree" | cut -f1) * 14 / 10 + 24))M" "$1"
	mke2fs -q -F -t ext4 -d "$tree" "$1"
	rm -rf "$tree"
}
