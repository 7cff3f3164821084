#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tests/kernel-repros/paths/use.sh - a write, and reads
echo text >/dev/paths
cat /dev/paths
head -n 1 /dev/paths
