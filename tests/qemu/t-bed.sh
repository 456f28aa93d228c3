#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Drivers of the ABI against QEMU's devices, in the bed (guest-stubs/bare/bed.h): what the guest reads is what
# the image file holds, and the other way round. Run by `make check` in the build folder; by hand: t-bed.sh
# [nvme|virtio]... Exit status 77: there is no QEMU here.
set -u
bed=${XG_BED:-guest-stubs/bare/out/bed.elf}
qemu="qemu-system-x86_64"
command -v $qemu >/dev/null || { echo "SKIP bed: there is no $qemu"; exit 77; }
[ -r "$bed" ] || { echo "t-bed.sh: $bed is not there: make $bed"; exit 99; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

# The first 8 MiB are random, the rest is zero; 16 MiB and three sectors of a block each.
sectors=32792
image() { { head -c 8388608 /dev/urandom; head -c $((sectors * 512 - 8388608)) /dev/zero; } >"$work/disk.img"; }

# CRC-32 and length as gzip has them, which is what the guest's `read` prints
sum() { gzip -1c | tail -c 8 | od -An -tu4 | awk '{ print $1, $2 }'; }
sum_of() { dd if="$work/disk.img" bs=512 skip="$1" count="$2" 2>/dev/null | sum; } # SECTOR COUNT

# guest DEVICE-OPTIONS: commands on standard input; what it says goes to $work/out. The firmware takes the
# first byte for itself.
guest()
{
	{ echo; cat; echo halt; } >"$work/in"
	timeout 60 $qemu -accel tcg -machine pc -cpu max -m 64 -nodefaults -display none -no-reboot -kernel "$bed" \
		-serial stdio -monitor none \
		-drive "file=$work/disk.img,format=raw,if=none,id=d,discard=unmap,${drive:-cache=writeback}" \
		-device "$1,drive=d" <"$work/in" 2>"$work/err" | tr -d '\r' >"$work/out"
}

check() # WHAT COMMAND...
{
	what=$1
	shift
	if "$@" >"$work/why" 2>&1; then
		echo "PASS $kind: $what"
	else
		echo "FAIL $kind: $what"
		sed 's/^/    | /' "$work/why" "$work/out" "$work/err"
		failed=$((failed + 1))
	fi
}

same() { [ "$2" = "$3" ] || { echo "$1: '$2' is not '$3'"; return 1; }; }

# The Nth answer: its lines up to "ok" or "error: ...", log lines aside.
answer()
{
	awk -v want="$1" '/^\[ *[0-9]+\.[0-9]+\]/ || /^Booting|SeaBIOS/ { next }
		seen == want - 1 { print }
		/^ok$|^error: / { seen++ }' "$work/out" | sed '/^$/d'
}

ready() { sed -n 's/^\[ *\([0-9.]*\)\] ready$/\1/p' "$work/out" | grep .; }
reads() { same "sum of $2 sectors at $1" "$(answer "$3" | head -n 1)" "$(sum_of "$1" "$2")"; }
says() { answer "$1" | grep -F -- "$2" || { echo "answer $1 is not: $2"; answer "$1"; return 1; }; }

# device NAME OPTIONS BLOCK-SECTORS
device()
{
	name=$1 options=$2 unit=$3
	image
	before=$(sum_of 0 $sectors) few=$(sum_of 64 "$unit")
	guest "$options" <<-END
	disks
	read $name 0 $sectors
	read $name 64 $unit
	write $name 4096 5000 42
	verify $name 4096 5000 42
	verify $name 4088 5000 42
	write $name 16384 $unit 43
	flush $name
	read $name $((sectors - 8)) 8
	read $name $((sectors - 8)) 16
	bench $name read 4096 16 100
	bench $name write 4096 16 100
	bench $name read 32768 4 100
	status
	open $name
	eject $name
	close $name
	eject $name
	read $name 0 8
	insert $name
	read $name 0 8
	status
	discard $name 8192 2048
	read $name 8192 2048
	END
	check "boots and shows the disk" says 1 "$name $sectors sectors"
	check "reads the whole disk" same sum "$(answer 2 | head -n 1)" "$before"
	check "reads one block" same sum "$(answer 3 | head -n 1)" "$few"
	check "reads back what it wrote" same sum "$(answer 5 | head -n 1)" "$(answer 4 | head -n 1)"
	check "notices what it did not write" says 6 "sector 4088 of $name is not what was written"
	check "flushes" same answer "$(answer 8)" ok
	check "reads the end" says 9 ok
	check "reads nothing beyond the end" says 10 "invalid"
	check "serves 16 random reads at once" says 11 IOPS
	check "serves 16 random writes at once" says 12 IOPS
	check "serves large reads" says 13 IOPS
	check "is not ejected while open" says 16 "$name is open"
	check "is ejected" same answer "$(answer 18)" ok
	check "is gone then" says 19 "there is no disk $name"
	check "is brought up again" same answer "$(answer 20 | tail -n 1)" ok
	check "that leaves nothing" same pages "$(answer 22 | grep ^pages)" "$(answer 14 | grep ^pages)"
	check "discards" same sum "$(answer 24 | head -n 1)" "$(head -c 1048576 /dev/zero | sum)"

	# In another machine, since bench wrote everywhere.
	image
	guest "$options" <<-END
	write $name 4096 5000 42
	write $name 16384 $unit 43
	flush $name
	END
	check "what it writes lands in the image" reads 4096 5000 1
	check "one block lands in the image" reads 16384 "$unit" 2
	check "the rest is as it was" same zeros "$(sum_of 16448 16000)" "$(head -c 8192000 /dev/zero | sum)"
	echo "# $kind: ready $(ready) s after the kernel's entry"
}

bed_nvme()
{
	device nvme0n1 nvme,serial=bed 1
	kind=nvme-4k
	device nvme0n1 nvme,serial=bed,logical_block_size=4096,physical_block_size=4096 8
}

bed_virtio()
{
	device vda virtio-blk-pci,disable-legacy=on 1
	kind=virtio-ro
	image
	drive=readonly=on
	guest virtio-blk-pci,disable-legacy=on <<-END
	write vda 0 8 1
	read vda 0 8
	END
	drive=
	check "refuses to write a read-only disk" says 1 "I/O error"
	check "reads a read-only disk" reads 0 8 2
}

for kind in ${*:-nvme virtio}; do
	case $kind in
	nvme | virtio) "bed_$kind" ;;
	*) echo "t-bed.sh: '$kind' is neither nvme nor virtio"; exit 99 ;;
	esac
done
exit $((failed > 0))
