/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_calls.c - every row of libc.def: its example with buffers of exactly the size that it needs gives
 * no report, and with each buffer in turn one byte too short gives one that names the function. The program checks its
 * reports itself.
 *
 * expect: slab-out-of-bounds
 * reports: any
 * options: multi_shot=on:symbolize=off:max_reports=0
 * ways: linked
 * libs: -lm -lcrypt -ltirpc -lresolv
 * stderr: any
 * status: 0
 * output: ok
 */
#include "libc_calls.h"
