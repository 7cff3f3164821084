/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_fail_half.c - every second allocation fails, also of a size whose objects come back at once
 *
 * expect: none
 * modes: check production
 * options: fail.probability=100:fail.times=-1:fail.interval=2
 * output: 1000 of 2000 failed
 */
#include "clean_fail_half.h"
