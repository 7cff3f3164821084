/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/quick_exit.c - _exit and _Exit, which run no handlers: the last checks come first (exits.c). In a
 * static program these are weak, and libc's own, which are in an archive, are not linked; its exit ends in them. */
#include "preload/preload.h"

#include <stdlib.h>
#include <unistd.h>

/* The stubs below call this. */
__attribute__((used, visibility("hidden"))) void quick_exit_now(int status);
void quick_exit_now(int status)
{
	exits_tell(status);
	os_exit_group(exits_scan(status));
}

ARCH_ENTER_CLEAN(_exit, quick_exit_now);
ARCH_ENTER_CLEAN(_Exit, quick_exit_now);
