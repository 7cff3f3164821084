/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/audit.c - libmemsan-early.so: maps the shadow before ld.so relocates any library.
 *
 * libmemsan maps the shadow when ld.so relocates it (early.c).  ld.so relocates a library after those that it needs and
 * otherwise in an order of its own, so one that does not need libmemsan may come before it, and its IFUNC resolvers run
 * then: those that are hidden or static always, the others when binding is not lazy.  A library that LD_AUDIT names
 * runs earlier still, and is told of each library before any is relocated.  memsan run sets LD_AUDIT for programs that
 * bring libraries of their own.
 *
 * No libc, nothing relocated: a namespace of its own with only this file in it.
 */
#include "shadow/shadow_internal.h"

#include <link.h>
#include <sys/mman.h>

static bool mapped, other_runtime; /* ld.so, which calls us, has one thread */

/* The oldest version of the interface will do. */
__attribute__((visibility("default"))) unsigned int la_version(unsigned int version)
{
	return MIN(version, 1u);
}

/* Under strict overcommitment nothing is mapped here; early.c does it in another way. */
__attribute__((visibility("default"))) unsigned int la_objopen(struct link_map *l, Lmid_t namespace, uintptr_t *cookie)
{
	struct scan s;

	(void)cookie;
	if (namespace != LM_ID_BASE || other_runtime)
		return 0;
	s = scan_module(l);
	if (s.other_runtime) {
		other_runtime = true;
		if (mapped)
			reserve_undo(SHADOW_START, SHADOW_END);
	} else if (s.result == SCAN_INSTRUMENTED && !mapped &&
	           reserve_map(SHADOW_START, SHADOW_END, PROT_READ | PROT_WRITE) == 0) {
		mapped = true;
		reserve_finish();
	}
	return 0;
}
