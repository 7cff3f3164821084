/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/watch.h - loads and stores of plain code, checked: functions run as copies that have the checks in line.
 *
 *   watch.c            the start; modules that come and go; what --watch=explain says
 *   choose.c           which modules the option watch names
 *   module.c           a module: its segments and functions, and where control may enter them
 *   targets.c          places in the middle of functions to which control may come from elsewhere
 *   near.c             address space within 2 GB of a module
 *   filter.c           watch.only
 *   entry.c            jumps at entries, copies at the first call
 *   copy.h             a function's copy: made, and found again from a place in it
 *   origin.c           from places in copies back to the original: for the unwinder and for signals
 *   report.c           a bad access becomes a report
 *   arch/              instructions: decoded, described; stubs, and changes of running code
 *   watch_internal.h   shared between the files of watch/
 */
#ifndef MEMSAN_WATCH_H
#define MEMSAN_WATCH_H

#include "lib/lib.h"

/* Once, at start-up, before any code of the program runs: watches what options.watch names, now and whenever the loader
 * loads something. */
void watch_start(void);
/* The program wants what only watching takes away: everything runs unchecked from now on, and the shadow goes. `why`
 * completes one line about that. Nothing happens when nothing is watched. */
void watch_stop(const char *why);
/* The same if the program is about to map something at a fixed place where the shadow lies. */
void watch_stop_for_mapping(uintptr_t addr, size_t size);
/* At exit: what was watched, if options.watch asks for it. */
void watch_explain(void);

#endif
