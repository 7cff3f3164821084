/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/audit.c - libmemsan-early.so: maps the shadow before ld.so relocates any library.
 *
 * libmemsan maps the shadow when ld.so relocates it (early.c).  ld.so relocates a library after the libraries that it
 * needs; otherwise the order is ld.so's own.  So a library that does not need libmemsan may be relocated before it, and
 * its IFUNC resolvers run then: hidden and static ones always, the others when binding is not lazy.  A library that
 * LD_AUDIT names runs earlier still: ld.so tells it of each library before any is relocated.  memsan run sets LD_AUDIT
 * for programs that bring their own libraries.
 *
 * This file is alone in its own linker namespace, without libc, and nothing in it needs a relocation.
 */
#include "shadow/shadow_internal.h"

#include <link.h>
#include <sys/mman.h>

static bool mapped, other_runtime; /* ld.so, which calls us, has one thread */

/* The oldest version of the interface is enough. */
__attribute__((visibility("default"))) unsigned int la_version(unsigned int version)
{
	return MIN(version, 1u);
}

/* Under strict overcommitment this mapping fails; early.c then maps the shadow in another way. */
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
		reserve_look_for_filters();
		reserve_finish();
	}
	return 0;
}
