#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# examples/kernel-module/test.sh - exercises the module, in the guest (busybox).
set -e
# Several notes leak: a stale pointer to the last may remain in a stack, where kmemleak takes it for a use.
for number in 1 2 3 4; do
	echo "note $number, which is forgotten" >/dev/notes
done
echo "the last note" >/dev/notes
cat /dev/notes
