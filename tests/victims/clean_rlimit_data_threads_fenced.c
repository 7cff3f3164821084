/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_data_threads_fenced.c - the same with fence=all
 *
 * expect: none
 * options: fence=all
 * modes: check production
 * output: ok
 */
#include "clean_rlimit_data_threads.h"
