#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs tests of the lab one after another in one boot. Each argument is a test with its arguments; the files
# are in /root/in. Exits with 1 when any has failed.
status=0
for test; do
	echo "TEST $test"
	# shellcheck disable=SC2086 # words are wanted
	(cd /root/in && exec sh ./$test) || status=1
done
exit $status
