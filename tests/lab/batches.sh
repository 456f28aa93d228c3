# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The boots of the lab that ./check makes, and what runs in each. Sourced by ./check.

lab_batch attach-pvh 900 -- "t-attach.sh pvh:6.1:1 pvh:6.12:1"
lab_batch attach-pv 900 -- "t-attach.sh pv:6.1:1 pv:6.12:1"
