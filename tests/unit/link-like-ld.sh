#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hotswap's linker and binutils' ld, given the same object, addresses and symbols, must make the same bytes. ld is
# told the layout by a script, so it is the relocations and the filling that are compared.
#
#     link-like-ld.sh [OBJECT...]     besides an object made here, these (from kbuild; none that is traced by
#                                     __fentry__: those calls become NOPs in one of the two)
set -u
dump=$(pwd)/tests/lib/link-dump
for tool in "${CC:-gcc}" ld objcopy nm cmp; do
	command -v "${tool%% *}" > /dev/null || { echo "no $tool here"; exit 77; }
done
test -x "$dump" || { echo "$dump is not built" >&2; exit 99; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
text=0xffffffffc0a00000 data=0xffffffffc0a40000 thunk=0xffffffff81e01d30

# Calls, tail calls, a switch table, strings, tables of pointers both ways, per-CPU-like and absolute addresses.
cat > "$work/made.c" <<'EOC'
extern int imported(const char *, ...);
extern long imported_data[4];
struct pair { const char *name; long (*run)(long); };
static char zeroed[5000] __attribute__((aligned(64)));
static long counter __attribute__((section(".data..read_mostly"))) = 7;
long *cross[3] = { &counter, imported_data, (long *)zeroed };
static int late(long x) __attribute__((cold, noinline));
static int late(long x) { return imported("late %ld\n", x) + zeroed[x & 4095]; }
static long first(long x) { counter += x; return imported_data[x & 3]; }
static long second(long x) { return x < 0 ? late(x) : (long)&zeroed[x]; }
const struct pair xg_driver[] = { { "first", first }, { "second", second }, { (char *)cross, 0 } };
int xg_core_main(long x)
{
	switch (x) {
	case 0: return imported("zero");
	case 1: return imported_data[1] + counter;
	case 2: return late(2);
	case 3: zeroed[3]++; return 3;
	case 4: return (int)xg_driver[x & 1].run(x);
	case 5: cross[0] = &imported_data[2]; return 5;
	case 6: return imported("six %p", (void *)&late);
	}
	return imported("other %s", xg_driver[1].name);
}
EOC
"${CC:-gcc}" -c -O2 -fno-pic -mcmodel=kernel -mno-red-zone -fcf-protection=none -fno-stack-protector \
	-fno-asynchronous-unwind-tables -o "$work/made.obj" "$work/made.c" ||
	"${CC:-gcc}" -c -O2 -fno-pic -mcmodel=kernel -o "$work/made.obj" "$work/made.c" ||
		{ echo "no object"; exit 77; }

cat > "$work/layout" <<EOT
SECTIONS {
	.part.text $text : { *(.text .text.*) *(.rodata .rodata.*) } =0xcccccccc
	.part.data $data : { *(.data .data.*) *(.bss .bss.*) }
	/DISCARD/ : { *(*) }
}
EOT

# Every import at an address of its own, in the kernel's text.
symbols() {
	nm -u "$1" | awk -v thunk=${thunk#0x} '{
		name = $NF
		printf "%s T %s\n", name == "__x86_return_thunk" ? thunk : sprintf("ffffffff81%06x", NR * 4112 + 64), name
	}'
}

# ld merges strings, which hotswap's linker does not: take that permission away from it.
# shellcheck disable=SC2046 # lists of options
with_ld() {
	objcopy $(objcopy_flags "$1") "$1" "$work/input.obj" &&
	ld -T "$work/layout" --no-relax --no-warn-mismatch -z noexecstack \
		$(awk '{ print "--defsym=" $3 "=0x" $1 }' "$work/symbols") -o "$work/ld.out" "$work/input.obj" 2> "$work/ld.log" &&
	objcopy -O binary -j .part.text "$work/ld.out" "$work/ld.text" &&
	objcopy -O binary -j .part.data --set-section-flags .part.data=alloc,load,contents "$work/ld.out" \
		"$work/ld.data"
}

objcopy_flags() {
	objdump -h "$1" | awk '$2 ~ /^\.rodata\.(str|cst)/ { print "--set-section-flags " $2 "=alloc,readonly,data,contents" }'
}

compare() {
	symbols "$1" > "$work/symbols"
	"$dump" "$1" $text $data "$work/symbols" "$work/ours" || return 1
	with_ld "$1" || { cat "$work/ld.log"; echo "ld failed on $1"; return 99; }
	touch "$work/ld.data"
	cmp "$work/ours.text" "$work/ld.text" && cmp "$work/ours.data" "$work/ld.data"
}

for object in "$work/made.obj" "$@"; do
	compare "$object" || exit
done
echo "the same bytes from both linkers"
