/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_calls_fenced.c - as libc_calls.c, with every object between guard pages, where the kernel gives up
 *
 * expect: slab-out-of-bounds
 * reports: any
 * options: fence=all:multi_shot=on:symbolize=off:max_reports=0
 * ways: linked
 * libs: -lm -lcrypt -ltirpc -lresolv
 * stderr: any
 * status: 0
 * output: ok
 */
#include "libc_calls.h"
