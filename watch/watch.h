/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/watch.h - loads and stores of plain code, checked: functions run as copies that have the checks in line.
 *
 *   arch/              instructions: decoded, described
 *   copy.h            a function's copy: made, and found again from a place in it
 *   watch_internal.h   shared between the files of watch/
 */
#ifndef MEMSAN_WATCH_H
#define MEMSAN_WATCH_H

#include "lib/lib.h"

#endif
