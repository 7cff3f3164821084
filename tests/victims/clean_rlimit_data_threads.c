/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_data_threads.c - under a limit of data (ulimit -d 100000) a program gets nearly all that
 * it gets without memsan: four threads, whose stacks count, together 48 MB, and one thread 85 MB
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#include "clean_rlimit_data_threads.h"
