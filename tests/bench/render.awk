# SPDX-License-Identifier: GPL-2.0-or-later
# "RESULT group who what round value unit" lines to a table of medians, or to JSON with -v json=1.
# Called by tests/bench/bench, which says in -v icount=0|1 how time was counted.

function median(list, n,    i, j, t, v)
{
	split(list, v, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
	low = v[1]; high = v[n]
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

# Those that WHO is held against; "" for a peer.
function peers(who)
{
	if (who ~ /^xengraft-(first|later)/) return "xl-block-attach"
	if (who == "xengraft-file") return "qdisk-file blkback-loop"
	if (who == "xengraft-loop") return "qdisk-loop blkback-loop"
	if (who == "paravirtual-loop") return "blkback-loop blkback-none qdisk-loop xengraft-loop"
	if (who == "xengraft") return "blkfront"
	if (who == "xengraft-swap") return "xl-detach-attach xl-list"
	return ""
}

function ratios(g, who, what,    n, i, p, text, peer)
{
	n = split(peers(who), p, " ")
	for (i = 1; i <= n; i++) {
		peer = g SUBSEP p[i] SUBSEP what
		if (peer in values && med[peer] > 0)
			text = text sprintf("%s%.2f x %s", text ? ", " : "", med[g, who, what] / med[peer], p[i])
	}
	return text
}

function number(x) { return x >= 1000 ? sprintf("%.0f", x) : x >= 100 ? sprintf("%.1f", x) : sprintf("%.3g", x) }

# What the project has promised; the figure must be at most (or at least) so much.
function goal(text, value, bound, most)
{
	if (value == "") return
	met = most ? value <= bound : value >= bound
	printf "  %-72s %8s  goal: at %s %-6s %s\n", text, number(value), most ? "most" : "least", number(bound), met ? "met" : "MISSED"
}

function ratio(g, a, b, what)
{
	return (g SUBSEP a SUBSEP what) in med && (g SUBSEP b SUBSEP what) in med && med[g, b, what] ? \
		med[g, a, what] / med[g, b, what] : ""
}

function value(g, who, what) { return (g SUBSEP who SUBSEP what) in med ? med[g, who, what] : "" }

function goals(    i)
{
	print "\nGOALS"
	goal("first attach to first byte, of xl block-attach's", ratio("attach", "xengraft-first", "xl-block-attach", "first-byte"), 1, 1)
	goal("later attach to first byte, of xl block-attach's", ratio("attach", "xengraft-later", "xl-block-attach", "first-byte"), 0.5, 1)
	for (i = 1; i <= order_n; i++)
		if (order[i] ~ ("^io" SUBSEP "xengraft-file" SUBSEP)) {
			split(order[i], k, SUBSEP)
			goal(k[3] " of qdisk's", ratio("io", "xengraft-file", "qdisk-file", k[3]), 1, 0)
			goal(k[3] ", paravirtual, of blkfront's", ratio("io", "paravirtual-loop", "blkback-loop", k[3]),
				k[3] ~ /4k-qd32/ ? 1.1 : 1, 0)
		}
	goal("paravirtual, bytes copied a byte", value("grants", "paravirtual-loop", "randread-4k-qd32-copies"), 0, 1)
	goal("guest memory a disk, KiB", value("memory", "xengraft", "guest-disk"), 1024, 1)
	goal("Dom0 memory a disk under load, KiB (PSS)", value("memory", "xengraft", "dom0-disk-load"), 8192, 1)
	goal("a swap's gap, p50, usual requests", value("swap", "xengraft-swap", "gap-p50-usual"), 3, 1)
	goal("a swap's gap, p99, usual requests", value("swap", "xengraft-swap", "gap-p99-usual"), 20, 1)
	goal("detach and attach beside it, p50, times as long", ratio("swap", "xl-detach-attach", "xengraft-swap", "gap-p50"), 500, 0)
	goal("errors in swaps", value("swap", "xengraft-swap", "errors"), 0, 1)
}

$1 == "RESULT" {
	key = $2 SUBSEP $3 SUBSEP $4
	if (!seen[$2]++) groups[++groups_n] = $2
	if (!seen[$2, $4]++) whats[$2, ++whats_n[$2]] = $4
	if (!seen[$2, "", $3]++) whos[$2, ++whos_n[$2]] = $3
	values[key] = values[key] " " $6
	count[key]++
	unit[key] = $7
}

# Peers stand beside each other, whatever order they were measured in.
function arrange(    g, a, b, key)
{
	for (g = 1; g <= groups_n; g++)
		for (a = 1; a <= whats_n[groups[g]]; a++)
			for (b = 1; b <= whos_n[groups[g]]; b++) {
				key = groups[g] SUBSEP whos[groups[g], b] SUBSEP whats[groups[g], a]
				if (key in values) order[++order_n] = key
			}
}

END {
	arrange()
	for (i = 1; i <= order_n; i++) {
		med[order[i]] = median(values[order[i]], count[order[i]])
		lows[order[i]] = low; highs[order[i]] = high
	}
	if (json)
		printf "{ \"time\": \"%s\", \"figures\": [", icount ? "instructions" : "real"
	else
		printf "Time is %s.\n", icount ? "a count of instructions (4 ns each)" : "real time under emulation"
	for (i = 1; i <= order_n; i++) {
		split(order[i], k, SUBSEP)
		if (json) {
			printf "%s\n  { \"group\": \"%s\", \"who\": \"%s\", \"what\": \"%s\", \"unit\": \"%s\", \"rounds\": %d, " \
				"\"median\": %s, \"min\": %s, \"max\": %s }", (i > 1 ? "," : ""), k[1], k[2], k[3], unit[order[i]],
				count[order[i]], med[order[i]], lows[order[i]], highs[order[i]]
			continue
		}
		if (k[1] != last)
			printf "\n%-8s %-32s %-16s %9s %9s %9s %3s %-14s\n", toupper(k[1]), "WHAT", "WHO", "MEDIAN", "MIN", "MAX", "N", "UNIT"
		last = k[1]
		line = sprintf("%-8s %-32s %-16s %9s %9s %9s %3d %-14s %s", "", k[3], k[2], number(med[order[i]]),
			number(lows[order[i]]), number(highs[order[i]]), count[order[i]], unit[order[i]], ratios(k[1], k[2], k[3]))
		sub(/ +$/, "", line)
		print line
	}
	if (json) print "\n] }"
	else goals()
}
