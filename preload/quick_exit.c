/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/quick_exit.c - _exit and _Exit, which run no handlers, with a scan for leaks before when it is asked for (exits.c).
 * Only in the shared library: a static program has libc's own beside it. */
#include "preload/preload.h"

#include <stdlib.h>
#include <unistd.h>

MEMSAN_EXPORT void _exit(int status)
{
	os_exit_group(exits_scan(status));
}

MEMSAN_EXPORT void _Exit(int status)
{
	os_exit_group(exits_scan(status));
}
