#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# examples/kernel-module/test.sh - what the module is tried with, in the guest (busybox).
set -e
# Several, because a stale pointer to the last of them may lie on in some stack, where kmemleak takes it for a use.
for number in 1 2 3 4; do
	echo "note $number, which is forgotten" >/dev/notes
done
echo "the last note" >/dev/notes
cat /dev/notes
