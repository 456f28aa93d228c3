# shellcheck shell=bash disable=SC1091,SC2016,SC2034,SC2154 # the parts share their variables
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
	usr/bin/flock usr/sbin/losetup"

# ... and those that it reaches through links to the shelf.
shelf_programs="usr/bin/fio usr/bin/strace usr/bin/sqlite3 usr/sbin/nvme usr/bin/lsblk usr/sbin/blkid
	usr/sbin/mke2fs usr/sbin/e2fsck usr/sbin/debugfs usr/sbin/tune2fs usr/sbin/dumpe2fs
	usr/sbin/resize2fs usr/bin/cksum usr/bin/stdbuf usr/libexec/coreutils/libstdbuf.so
	usr/lib/xen-4.17/bin/xenctx usr/lib/xen-4.17/bin/lsevtchn usr/lib/xen-4.17/bin/xentop
	usr/lib/xen-4.17/bin/xen-hvmctx usr/lib/xen-4.17/bin/xenpm usr/lib/xen-4.17/bin/xentrace
	usr/lib/xen-4.17/bin/xen-mfndump
	usr/libexec/xen-qemu-system-i386 usr/share/qemu/keymaps usr/lib/xen-4.17/boot
	usr/share/seabios/bios-256k.bin"

guest_modules="ext4 loop xen-blkfront xen-netfront overlay null_blk brd dm-integrity xen-privcmd
	xen-evtchn xen-gntdev xen-gntalloc crc32c_generic crc32c-intel"

guest_programs="usr/bin/lsblk usr/sbin/blkid usr/sbin/mke2fs usr/sbin/e2fsck usr/bin/flock usr/sbin/dmsetup"

xen_links()
{
	local tree=$1 tool
	for tool in read write list ls exists rm watch chmod; do
		ln -sf xenstore "$tree/usr/bin/xenstore-$tool"
	done
	for tool in "$tree"/usr/lib/xen-4.17/bin/*; do
		ln -sf "../lib/xen-4.17/bin/${tool##*/}" "$tree/usr/sbin/${tool##*/}"
	done
}

e2fs_links() { ln -sf mke2fs "$1/usr/sbin/mkfs.ext4"; ln -sf e2fsck "$1/usr/sbin/fsck.ext4"; }

compile() { ${CC:-cc} -O2 -Wall -Wextra -Wconversion "$@"; }

# fio_libraries TREE: fio is linked against the client libraries of storage that nobody here has, and
# these against 80 MB more. Give it libraries of the same names whose functions trap.
fio_libraries()
{
	local pair
	mkdir -p "$1/usr/lib/x86_64-linux-gnu"
	for pair in glfs_:libgfapi.so.0 nbd_:libnbd.so.0 rados_:librados.so.2 rbd_:librbd.so.1 \
		pmem_:libpmem.so.1 pmemblk_:libpmemblk.so.1 ibv_:libibverbs.so.1 rdma_:librdmacm.so.1; do
		hollow_library "$pool/usr/bin/fio" "${pair%%:*}" "${pair#*:}" \
			"$1/usr/lib/x86_64-linux-gnu/${pair#*:}" || return
	done
}

# hollow_library PROGRAM PREFIX SONAME OUT: has what PROGRAM imports under PREFIX, versions and all.
hollow_library()
{
	local imports
	imports=$(readelf -W --dyn-syms "$1" | awk -v prefix="$2" \
		'$7 == "UND" && index($8, prefix) == 1 { sub(/@/, " ", $8); print $8 }')
	awk '{ print "void " $1 "(void) { __builtin_trap(); }" }' <<<"$imports" |
		compile -x c - -shared -fPIC -nostdlib -o "$4" -Wl,-soname,"$3" \
		-Wl,--version-script=<(awk 'NF > 1 { of[$2] = of[$2] $1 "; " }
			END { for (v in of) { print v " { global: " of[v] "};"; n++ }
				if (!n) print "{ global: *; };" }' <<<"$imports")
}

# programs_tree TREE PATH...
programs_tree()
{
	# libgcc_s is loaded at run time by pthread_cancel, so that no ELF header names it.
	pick_files "$@" && pick_files "$1" usr/lib/x86_64-linux-gnu/libgcc_s.so.1 && close_libraries "$1"
}

# build_dom0 OUT: OUT/root.cpio is the initramfs, OUT/shelf what it links to below /lab/dom0.
build_dom0()
{
	local out=$1 base=$1/base all=$1/all file
	say "building Dom0's root"
	# shellcheck disable=SC2086
	{
		skeleton "$base" && programs_tree "$base" $dom0_programs || return
		mkdir "$out/all" && cp -a "$base/." "$all" && fio_libraries "$all" &&
			programs_tree "$all" $shelf_programs || return
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
	# Static, because starting a dynamic program costs 0.1 s under emulation.
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
	# shellcheck disable=SC2086
	pick_modules "$tree" "$(kernel_release "$kernel")" $guest_modules || return
	cp "$lab/guest/init" "$tree/init"
	build_agent "$tree" || return
	chmod 755 "$tree/init"
	cpio_of "$tree" >"$out/root.cpio" && rm -rf "$tree"
}

# build_tools OUT: OUT/tools.cpio, programs for a busybox guest started with --tools.
build_tools()
{
	say "building the guests' tools"
	mkdir -p "$1/tree/usr/bin" && ln -s usr/lib usr/lib64 "$1/tree/" &&
	fio_libraries "$1/tree" &&
	programs_tree "$1/tree" usr/bin/fio usr/bin/strace &&
	cpio_of "$1/tree" >"$1/tools.cpio" && rm -rf "$1/tree"
}

debian_packages=systemd-sysv,udev,kmod,util-linux,e2fsprogs,fio,procps

# build_debian OUT: OUT/debian.img, a real Debian system, used read-only below a tmpfs. mmdebstrap
# reads this machine's own list of sources.
build_debian()
{
	local out=$1 extra=$1/extra kernel unit list sources=()
	local units=$extra/etc/systemd/system
	say "building the Debian guest"
	mkdir -p "$extra/usr/lib" "$extra/etc" "$units/multi-user.target.wants"
	ln -s usr/lib "$extra/"	# where depmod looks
	for kernel in $guest_kernels; do
		# shellcheck disable=SC2086
		pick_modules "$extra" "$(kernel_release "$kernel")" $guest_modules || return
	done
	rm "$extra/lib"
	build_agent "$extra" || return
	cp "$lab/guest/lab-agent.service" "$units/"
	ln -s ../lab-agent.service "$units/multi-user.target.wants/"
	# The console is the agent's, and chores would only disturb.
	for unit in serial-getty@hvc0.service e2scrub_reap.service e2scrub_all.timer \
		apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer; do
		ln -s /dev/null "$units/$unit"
	done
	echo debian >"$extra/etc/hostname"
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
		[ ! -s "$list" ] || sources+=("$list")
	done
	apt-config dump Acquire >"$out/apt.conf"
	mmdebstrap --variant=minbase --include="$debian_packages" --quiet \
		--aptopt="$out/apt.conf" --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--customize-hook="cp -a --no-preserve=ownership '$extra/.' \"\$1/\"" \
		"$(. /etc/os-release; echo "$VERSION_CODENAME")" "$out/debian.tar" "${sources[@]}" || return
	# Without root, fakeroot lets mke2fs see the owners that the archive tells of.
	if [ "$(id -u)" = 0 ]; then image_of_tar "$out"; else image_of_tar "$out" fakeroot; fi &&
	rm -rf "$extra" "$out/apt.conf" "$out/debian.tar"
}

# What a Dom0 needs to generate personalities, and the libraries that xengraft's programs load there.
builder_packages=gcc,make,binutils,xz-utils,libxenmisc4.17,libxenforeignmemory1,libxenevtchn1,libxengnttab1,libxenstore4
builder_packages+=,libelf1,libsqlite3-0,libsodium23,libjansson4,liburing2

# build_builder OUT: OUT/debian.img, a Debian system with a compiler, the headers of the guests' 6.1 and that kernel in
# its /boot, used read-only below a tmpfs: Dom0 itself has none of it.
build_builder()
{
	local out=$1 release list sources=()
	release=$(kernel_release 6.1)
	say "building the Debian that generates"
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
		[ ! -s "$list" ] || sources+=("$list")
	done
	apt-config dump Acquire >"$out/apt.conf"
	mmdebstrap --variant=minbase --include="$builder_packages,linux-headers-$release" --quiet \
		--aptopt="$out/apt.conf" --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--customize-hook="cp '$pool/boot/vmlinuz-$release' \"\$1/boot/\"" \
		"$(. /etc/os-release; echo "$VERSION_CODENAME")" "$out/debian.tar" "${sources[@]}" || return
	if [ "$(id -u)" = 0 ]; then image_of_tar "$out"; else image_of_tar "$out" fakeroot; fi &&
	rm -rf "$out/apt.conf" "$out/debian.tar"
}

# image_of_tar DIR [FAKEROOT]: DIR/debian.tar becomes DIR/debian.img.
image_of_tar()
{
	(cd "$1" && PATH=$PATH:/sbin:/usr/sbin $2 sh -ec '
		mkdir tree
		tar -x -p -C tree --exclude="./dev/*" --exclude="./var/lib/apt/lists/*" \
			--exclude="./var/cache/apt/*" -f debian.tar
		size=$(du -sm tree | cut -f1)
		mke2fs -q -t ext4 -m 0 -d tree debian.img "$((size * 6 / 5 + 32))M" >/dev/null
		rm -rf tree')
}

build_agent()
{
	mkdir -p "$1/usr/lib/lab" && compile -o "$1/usr/lib/lab/agent" "$lab/talk/agent.c" -static
}

# grub_image OUT KERNEL: GRUB for PVH with the kernel as Debian ships it and the busybox root inside. It enters the
# kernel as on a PC, so that its own decompressor runs and chooses where it lies (KASLR), which a direct boot leaves
# out.
grub_image()
{
	local out=$1 kernel=$2 scratch=$1.tmp grub=$pool/usr/lib/grub/i386-xen_pvh
	mkdir -p "$scratch/boot/grub"
	ln "$pool/boot/vmlinuz-$(kernel_release "$kernel")" "$scratch/vmlinuz"
	ln "$(guest "$kernel")/root.cpio" "$scratch/initrd"
	cat >"$scratch/boot/grub/grub.cfg" <<-END
	set timeout=0
	set default=0
	menuentry linux {
		linux (memdisk)/vmlinuz console=hvc0 panic=-1 rdinit=/init
		initrd (memdisk)/initrd
	}
	END
	printf 'set root=(memdisk)\nset prefix=(memdisk)/boot/grub\nconfigfile $prefix/grub.cfg\n' >"$scratch/early.cfg"
	tar -C "$scratch" -cf "$scratch/memdisk.tar" boot vmlinuz initrd &&
	LD_LIBRARY_PATH=$pool/usr/lib/x86_64-linux-gnu "$pool/usr/bin/grub-mkimage" -d "$grub" -O i386-xen_pvh \
		-c "$scratch/early.cfg" -m "$scratch/memdisk.tar" -p '(memdisk)/boot/grub' -o "$out" \
		memdisk tar linux normal configfile echo test && rm -rf "$scratch"
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
		grub_image "$tree/guest/$kernel/grub.elf" "$kernel" || return
	done
	ln "$(tools)/tools.cpio" "$tree/guest/tools.cpio"
	size=$(du -sm "$tree" | cut -f1)
	PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext2 -b 4096 -m 0 -N 4096 -E root_owner=0:0 \
		-d "$tree" "$out/shelf.img" "$((size + size / 50 + 4))M" >/dev/null && rm -rf "$tree"
}

recipe() { digest "$lab/lib/common.sh" "$lab/lib/pick.sh" "$lab/lib/images.sh" "$@" <<<"$pool"; }

dom0() { in_place dom0 "$(recipe "$lab"/dom0/* "$lab"/talk/*)" build_dom0; }
guest() { in_place "guest-$1" "$(recipe "$lab"/guest/* "$lab"/talk/*)" build_guest "$1"; }
debian() { in_place debian "$(recipe "$lab"/guest/* "$lab"/talk/*)" build_debian; }
builder() { in_place builder "$(recipe)" build_builder; }
tools() { in_place tools "$(recipe)" build_tools; }
shelf() { in_place shelf "$(recipe "$lab"/dom0/* "$lab"/guest/* "$lab"/talk/*)" build_shelf; }

# images: everything a run needs, made if need be; sets pool and *_dir.
images()
{
	pool=$(pool) || exit
	dom0_dir=$(dom0) || exit
	shelf_dir=$(shelf) || exit
	debian_dir=$(debian) || exit
}
