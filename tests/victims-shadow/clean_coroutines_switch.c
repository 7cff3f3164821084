/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_coroutines_switch.c - clean_coroutines.c, also with a switch that memsan does not see.
 * Inline checks of ASan's form cannot go on after a report, so that the poison cannot be recognized.
 *
 * expect: none
 * not-form: gcc-asan clang-asan
 * ways: linked
 * libs: -lpthread
 * output: ok
 */
#define SWITCH 1
#include "clean_coroutines.c"
