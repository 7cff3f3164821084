#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# examples/kernel-module/test.sh - what the module is tried with, in the guest (busybox).
set -e
echo "the first note, which is forgotten" >/dev/notes
echo "the second note" >/dev/notes
cat /dev/notes
