#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Holds every #include of the tree against tests/lib/deps.tab. Run by `make check`; also by test-check-deps.sh, with a
# tree of its own: check-deps.sh [TREE]. Exit status 0: all arrows are allowed; 1: each that is not, a line.
set -u
tree=${1:-${srcdir:-.}}
cd "$tree" || exit 99
table=tests/lib/deps.tab
test -r $table || { echo "$table: not there" >&2; exit 99; }

# Top folders of the project only: a build directory may lie inside the tree.
folders=
for f in lib dom0-tools hotswap driver-repo driver-gen guest-stubs remote-io message-channel failover tests; do
	test ! -d $f || folders="$folders $f"
done
# shellcheck disable=SC2086 # a list of words
files=$(find $folders -type f \( -name '*.[chS]' -o -name '*.h.in' \) ! -name '*.mod.c' | LC_ALL=C sort)
test -n "$files" || { echo "no sources below $tree" >&2; exit 99; }

# shellcheck disable=SC2086 # file names here have no spaces
exec awk '
function fail(text) { print text; failed = 1 }
function exists(path,    line, rc) {
	rc = (getline line < path)
	if (rc >= 0)
		close(path)
	return rc >= 0
}
function within(path, folder) { return path == folder || index(path, folder "/") == 1 }
function folder_of(path) { sub(/\/[^\/]*$/, "", path); return path }

# The longest row that the folder lies in, or "".
function row_of(folder,    r, best) {
	best = ""
	for (r in allowed)
		if (within(folder, r) && length(r) > length(best))
			best = r
	return best
}

# Walks the arrows from a row; one that comes back to a row on the way is a circle.
function walk(r, trail,    n, i, words) {
	if (state[r] == 2)
		return
	if (state[r] == 1) {
		fail(table ": a circle: " trail)
		return
	}
	state[r] = 1
	n = split(allowed[r], words, " ")
	for (i = 1; i <= n; i++)
		if (words[i] in allowed)
			walk(words[i], trail " -> " words[i])
	state[r] = 2
}

function has(r, word) { return index(" " allowed[r] " ", " " word " ") > 0 }

# A header found by -I: in the own row, or in a folder that the row may include.
function found_by_name(r, name,    n, i, words) {
	if (!has(r, "by-name"))
		return 0
	if (exists(r "/" name) || exists(folder_of(FILENAME) "/" name))
		return 1
	n = split(allowed[r], words, " ")
	for (i = 1; i <= n; i++)
		if (words[i] in allowed && exists(words[i] "/" name))
			return 1
	return 0
}

function folder_allowed(r, folder,    n, i, words) {
	if (within(folder, r) || has(r, "*"))
		return 1
	n = split(allowed[r], words, " ")
	for (i = 1; i <= n; i++)
		if (within(folder, words[i]))
			return 1
	return 0
}

function check_quoted(r, name) {
	if (has(r, "\"" name "\"") || found_by_name(r, name))
		return
	if (name !~ /\// || name ~ /(^|\/)\.\.?\//)
		fail(FILENAME ":" FNR ": \"" name "\" is not written from the top of the tree")
	else if (!folder_allowed(r, folder_of(name)))
		fail(FILENAME ":" FNR ": " r " may not include " folder_of(name) " (\"" name "\")")
	else if (!exists(name))
		fail(FILENAME ":" FNR ": \"" name "\" is not there")
}

function check_angled(r, name) {
	if (name ~ /^(xen[^\/]*\.h|xen\/.*|_?libxl.*|xs\.h|xs_lib\.h)$/ && !has(r, "<xen>"))
		fail(FILENAME ":" FNR ": " r " may not include Xen" "\047" "s headers (<" name ">)")
}

FILENAME == table {
	sub(/#.*/, "")
	if ($0 ~ /^[ \t]*$/)
		next
	name = $1
	if (sub(/:$/, "", name) == 0 || name in allowed) {
		fail(table ":" FNR ": not a row, or a second one for " name)
		next
	}
	$1 = ""
	allowed[name] = $0
	next
}

FNR == 1 {
	if (!walked++)
		for (r in allowed)
			walk(r, r)
	own = row_of(folder_of(FILENAME))
	if (own == "")
		fail(FILENAME ": no row in " table)
	files++
}

own != "" && /^[ \t]*#[ \t]*include[ \t]*["<]/ {
	name = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
	quote = substr(name, 1, 1)
	name = substr(name, 2)
	sub(/[">].*/, "", name)
	if (quote == "<")
		check_angled(own, name)
	else
		check_quoted(own, name)
	includes++
}

END {
	if (!failed)
		printf "%d includes of %d files follow %d rows\n", includes, files, length(allowed)
	exit failed
}' table=$table $table $files
