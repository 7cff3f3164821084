/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/leak_truth_table.c - tests/victims/leak_truth_table.c as an instrumented program
 *
 * options: leak=on
 * ways: linked
 * expect: unreferenced-object object=1001 leak=direct alloc=take
 * expect: unreferenced-object object=1002 leak=direct held=1 alloc=take
 * expect: unreferenced-object object=1004 leak=direct held=1 alloc=take
 * expect: unreferenced-object object=1006 leak=direct alloc=take
 * expect: unreferenced-object object=1007 leak=direct alloc=take
 * expect: unreferenced-object object=1008 leak=direct alloc=take
 * expect: unreferenced-object object=1009 leak=direct alloc=take
 * expect: unreferenced-object object=100000 leak=direct alloc=take
 * expect: unreferenced-object object=1011 leak=direct alloc=take
 * stderr: any
 */
#include "../victims/leak_truth_table.c"
