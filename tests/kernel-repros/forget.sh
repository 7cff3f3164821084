#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tests/kernel-repros/forget.sh - CVE-2019-19062, expected: memory leak in published_forget
# busybox has no command for ioctl; the program that makes the calls is brought by --file.
set -e
n=0
while [ $n -lt 8 ]; do
	./call 0x7004 11 || true
	n=$((n + 1))
done
