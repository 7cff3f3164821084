/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_data.c - a program that fits in a limit of data (ulimit -d 100000) fits in it with memsan:
 * 50 MB in small objects, in blocks of a power of two, and of 300,000 bytes
 *
 * expect: none
 * modes: check production
 * output: ok
 * stderr: any
 */
#include "clean_rlimit_data.h"
