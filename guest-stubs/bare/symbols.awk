# SPDX-License-Identifier: GPL-2.0-or-later
# nm -n KERNEL | awk -f symbols.awk: the kernel's symbol table in assembly, as identity.h describes it.
BEGIN {
	print "\t.section .bare_symbols, \"a\""
	print "\t.balign 8"
	print "\t.globl bare_symbols, bare_symbols_end, bare_strings, bare_strings_end"
	print "bare_symbols:"
}
# ffffffff80100000 T name; what is absolute or undefined has no place in memory.
$1 ~ /^ffffffff[0-9a-f]+$/ && $2 ~ /^[tTdDbBrR]$/ {
	printf "\t.long 0x%s - 0x80000000, %d\n", substr($1, 9), bytes
	bytes += length($3) + 1
	names[n++] = $3
}
END {
	print "bare_symbols_end:"
	print "bare_strings:"
	for (i = 0; i < n; i++)
		printf "\t.asciz \"%s\"\n", names[i]
	print "bare_strings_end:"
	print "\t.section .note.GNU-stack, \"\", @progbits"
}
