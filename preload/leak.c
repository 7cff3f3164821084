/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/leak.c - what a scan for leaks must know of the other detectors. */
#include "preload/preload.h"

static void hole_shadow(void (*hole)(uint64_t start, uint64_t end))
{
	uintptr_t start, end;

	shadow_extent(&start, &end);
	hole(start, end);
}

void leak_connect(void)
{
	leak_hook_holes = hole_shadow;
	leak_hook_roots = shadow_each_frame;
	leak_hook_copying = shadow_copying;
}
