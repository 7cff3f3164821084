/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_fail_half_full.c - every second allocation fails, with harden=full too
 *
 * expect: none
 * modes: production
 * options: fail.probability=100:fail.times=-1:fail.interval=2:harden=full
 * output: 1000 of 2000 failed
 */
#include "clean_fail_half.h"
