# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The images: Dom0's root (boots fast, so it is small), the shelf (a read-only disk with everything
# that Dom0 needs now and then: guests' kernels and roots, large programs), and the guests' roots.

guest_kernels="6.1 6.12"

dom0_modules="virtio_pci virtio_console virtio_blk nvme ahci sd_mod ext4 loop tun fuse overlay
	xenfs crc32c_generic crc32c-intel xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xen-blkback xen-netback bridge nbd null_blk brd
	dm-mod dm-flakey pci-stub vfio-pci xen-pciback nvme-fabrics nvme-tcp"

# Programs of the pool that Dom0 has in its initramfs ...
dom0_programs="usr/lib/xen-4.17/bin/xl usr/lib/xen-4.17/bin/libxl-save-helper
	usr/lib/xen-4.17/bin/xenstored usr/lib/xen-4.17/bin/xenconsoled usr/lib/xen-4.17/bin/xenconsole
	usr/lib/xen-4.17/bin/xen-init-dom0 usr/bin/xenstore
	usr/bin/tail usr/bin/flock usr/sbin/losetup"

# ... and those that it reaches through links to the shelf.
shelf_programs="usr/bin/fio usr/bin/strace usr/bin/sqlite3 usr/sbin/nvme usr/bin/lsblk usr/sbin/blkid
	usr/sbin/mke2fs usr/sbin/e2fsck usr/sbin/debugfs usr/sbin/tune2fs usr/sbin/dumpe2fs
	usr/sbin/resize2fs usr/bin/stat usr/bin/cksum usr/bin/timeout usr/bin/sha256sum
	usr/bin/stdbuf usr/libexec/coreutils/libstdbuf.so
	usr/lib/xen-4.17/bin/xenctx usr/lib/xen-4.17/bin/lsevtchn usr/lib/xen-4.17/bin/xentop
	usr/lib/xen-4.17/bin/xen-hvmctx usr/lib/xen-4.17/bin/xenpm usr/lib/xen-4.17/bin/xentrace
	usr/lib/xen-4.17/bin/xen-mfndump
	usr/libexec/xen-qemu-system-i386 usr/share/qemu/keymaps usr/lib/xen-4.17/boot
	usr/share/seabios/bios-256k.bin"

guest_modules="ext4 loop xen-blkfront xen-netfront overlay null_blk brd dm-mod xen-privcmd
	xen-evtchn xen-gntdev xen-gntalloc crc32c_generic crc32c-intel"

guest_programs="usr/bin/lsblk usr/sbin/blkid usr/sbin/mke2fs usr/sbin/e2fsck
	usr/bin/timeout usr/bin/sha256sum usr/bin/kmod"

xen_links()
{
	local tree=$1 tool
	for tool in read write list ls exists rm watch chmod; do
		ln -sf xenstore "$tree/usr/bin/xenstore-$tool"
	done
	for tool in "$tree"/usr/lib/xen-4.17/bin/*; do
		ln -sf "../lib/xen-4.17/bin/${tool##*/}" "$tree/usr/sbin/${tool##*/}"
	done
	# libxl looks for its device model here.
	ln -sf ../../../libexec/xen-qemu-system-i386 "$tree/usr/lib/xen-4.17/bin/qemu-system-i386"
}

e2fs_links() { ln -sf mke2fs "$1/usr/sbin/mkfs.ext4"; ln -sf e2fsck "$1/usr/sbin/fsck.ext4"; }

# programs_tree TREE PATH...
programs_tree()
{
	# libgcc_s is loaded at run time by pthread_cancel, so that no ELF header names it.
	pick_files "$@" && pick_files "$1" usr/lib/x86_64-linux-gnu/libgcc_s.so.1 && close_libraries "$1"
}

# Static, because starting a dynamic program costs 0.1 s under emulation.
compile() { ${CC:-cc} -O2 -Wall -Wextra -Wconversion "$@"; }

# build_dom0 OUT: OUT/root.cpio is the initramfs, OUT/shelf what it links to below /lab/dom0.
build_dom0()
{
	local out=$1 base=$1/base all=$1/all file
	say "building Dom0's root"
	# shellcheck disable=SC2086
	{
		skeleton "$base" && programs_tree "$base" $dom0_programs || return
		mkdir "$out/all" && cp -a "$base/." "$all" && programs_tree "$all" $shelf_programs || return
		xen_links "$all"
		e2fs_links "$all"
		(cd "$all" && find . \( -type f -o -type l \) -print) | while read -r file; do
			if [ -e "$base/$file" ] && [ ! -L "$base/$file" ]; then continue; fi
			mkdir -p "$base/${file%/*}" "$out/shelf/${file%/*}"
			if [ -L "$all/$file" ]; then
				cp -a --remove-destination "$all/$file" "$base/$file"
			else
				mv "$all/$file" "$out/shelf/$file"
				ln -sf "/lab/dom0/${file#./}" "$base/$file"
			fi
		done
		pick_modules "$base" "$(kernel_release 6.1)" $dom0_modules || return
	}
	mkdir -p "$base/lab" "$base/etc/xen/scripts" "$base/var/log/xen/console" "$base/var/lib/xen"
	cp "$lab/dom0/init" "$base/init"
	compile -o "$base/usr/bin/guest-talk" "$lab/talk/guest-talk.c" \
		-static -lxenstore -lxentoolcore || return
	cp "$lab/dom0/lab-guest" "$base/usr/bin/"
	cp "$lab/dom0/block" "$base/etc/xen/scripts/"
	chmod 755 "$base/init" "$base/usr/bin/lab-guest" "$base/etc/xen/scripts/block"
	: >"$base/etc/xen/xl.conf"
	cpio_of "$base" >"$out/root.cpio" && rm -rf "$base" "$all"
}

# build_guest KERNEL OUT: OUT/root.cpio, a busybox system with that kernel's modules.
build_guest()
{
	local kernel=$1 out=$2 tree=$2/tree
	say "building the busybox guest with kernel $kernel"
	skeleton "$tree" || return
	# shellcheck disable=SC2086
	programs_tree "$tree" $guest_programs || return
	e2fs_links "$tree"
	ln -sf ../bin/kmod "$tree/usr/sbin/modprobe"
	# shellcheck disable=SC2086
	pick_modules "$tree" "$(kernel_release "$kernel")" $guest_modules || return
	cp "$lab/guest/init" "$tree/init"
	mkdir -p "$tree/usr/lib/lab"
	compile -o "$tree/usr/lib/lab/agent" "$lab/talk/agent.c" -static || return
	chmod 755 "$tree/init"
	cpio_of "$tree" >"$out/root.cpio" && rm -rf "$tree"
}

# build_tools OUT: OUT/tools.cpio, programs for a busybox guest started with --tools.
build_tools()
{
	say "building the guests' tools"
	mkdir -p "$1/tree/usr/bin" && ln -s usr/lib usr/lib64 "$1/tree/" &&
	programs_tree "$1/tree" usr/bin/fio usr/bin/strace &&
	cpio_of "$1/tree" >"$1/tools.cpio" && rm -rf "$1/tree"
}

# build_shelf OUT: OUT/shelf.img, an ext2 file system that Dom0 mounts at /lab.
build_shelf()
{
	local out=$1 tree=$1/tree kernel size
	say "building the shelf"
	mkdir -p "$tree"
	cp -al "$(dom0)/shelf" "$tree/dom0" || return
	for kernel in $guest_kernels; do
		mkdir -p "$tree/guest/$kernel"
		ln "$(guest "$kernel")/root.cpio" "$tree/guest/$kernel/busybox.cpio"
		ln "$pool/boot/vmlinux-$(kernel_release "$kernel")" "$tree/guest/$kernel/vmlinux"
	done
	ln "$(tools)/tools.cpio" "$tree/guest/tools.cpio"
	size=$(du -sm "$tree" | cut -f1)
	PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext2 -b 4096 -m 0 -N 4096 -E root_owner=0:0 \
		-d "$tree" "$out/shelf.img" "$((size + size / 50 + 4))M" && rm -rf "$tree"
}

recipe() { digest "$lab/lib/common.sh" "$lab/lib/pick.sh" "$lab/lib/images.sh" "$@" <<<"$pool"; }

dom0() { in_place dom0 "$(recipe "$lab"/dom0/* "$lab"/talk/*)" build_dom0; }
guest() { in_place "guest-$1" "$(recipe "$lab"/guest/* "$lab"/talk/*)" build_guest "$1"; }
tools() { in_place tools "$(recipe)" build_tools; }
shelf() { in_place shelf "$(recipe "$lab"/dom0/* "$lab"/guest/* "$lab"/talk/*)" build_shelf; }

# images: everything a run needs, made if need be; sets pool, dom0_dir and shelf_dir.
images()
{
	pool=$(pool) || exit
	dom0_dir=$(dom0) || exit
	shelf_dir=$(shelf) || exit
}
