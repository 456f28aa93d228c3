# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The boots of the lab that ./check makes, in two lanes side by side, and what runs in each. Sourced by ./check.

lab_batches="attach-pvh refuse attach-pv backend"
more_batches="crash inspect"

lane_a()
{
	lab_batch attach-pvh 2000 -- "t-attach.sh pvh:6.1:1 pvh:6.1:2 pvh:6.12:2"
	lab_batch refuse 900 -- "t-refuse.sh"
}

lane_b()
{
	lab_batch attach-pv 2000 -- "t-attach.sh pv:6.1:1 pv:6.1:2 pv:6.12:1"
	lab_batch backend 1200 --disk 256M -- "t-backend.sh"
}

# ./check more
more_a() { lab_batch crash 2400 -- "t-crash.sh"; }

more_b()
{
	lab_batch inspect 2400 --file "$build/tests/lab/inspect-probe" -- \
		"t-inspect.sh pvh/6.1/1 pv/6.1/2 pvh/6.12/2 pv/6.12/1"
}
