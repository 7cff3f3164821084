/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/vfork.c - vfork: its child works in this memory until it runs another program or ends (lib/process.c).
 * This function notes which of the two runs, without a system call. Only in the shared library. */
#include "preload/unseen/unseen.h"

/* The stubs in arch/ call these. */
__attribute__((used)) uint32_t vfork_before(void);
__attribute__((used)) pid_t vfork_child(void);
__attribute__((used)) pid_t vfork_parent(uint32_t guests, long result);

/* What memsan learns once of a process or thread must not be learnt by the child. */
uint32_t vfork_before(void)
{
	process_settle();
	thread_tid();
	return process_guests;
}

pid_t vfork_child(void)
{
	process_guests++;
	return 0;
}

/* The child may have ended inside a report. */
pid_t vfork_parent(uint32_t guests, long result)
{
	process_guests = guests;
	if (!guests) {
		os_guest_filtered = false;
		fault_guest_gone();
	}
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	/* The child's frames are left as they were when it ended or ran another program. */
	shadow_after_vfork((uintptr_t)__builtin_frame_address(0) + ARCH_VFORK_CALLER);
	return (pid_t)result;
}

ARCH_VFORK(vfork, vfork_before, vfork_child, vfork_parent);
ARCH_VFORK(__vfork, vfork_before, vfork_child, vfork_parent);
