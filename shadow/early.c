/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/early.c - maps the shadow before anything instrumented can run.
 *
 * A constructor would map it too late.  Instrumented code runs earlier: in its own IFUNC resolvers, in .preinit_array,
 * and in constructors of libraries that ld.so happens to initialize before us.  So a resolver of our own maps the
 * shadow.  ld.so calls it while it relocates libmemsan; in a static program libc's start code calls it, before main's
 * constructors.  libmemsan is not relocated yet at that time, so scan.c and the first part of map.c use only raw system
 * calls, their own code and statics.
 *
 * Weakness accepted: ld.so may relocate a library that does not link libmemsan before us, and then runs the library's
 * instrumented IFUNC resolvers before the shadow is mapped.  audit.c is for that.  A library that links libmemsan is
 * always relocated after us, whatever the order of the command line.  In a static program the linker decides the order
 * of resolvers; arch/…/entry.c handles that.
 */
#include "shadow/shadow_internal.h"

static bool early_done;

static void early_say(const char *text)
{
	os_write_all(2, text, str_length(text));
}

void shadow_early_map(void)
{
	struct scan s;

	if (early_done)
		return;
	early_done = true;
	s = scan_modules();
	map_other_runtime = s.other_runtime;
	map_instrumented = s.result == SCAN_INSTRUMENTED;
	if (s.other_runtime || s.result == SCAN_PLAIN)
		return;
	reserve_look_for_filters();
	if (map_full() == 0 || s.result != SCAN_INSTRUMENTED)
		return;
	early_say("memsan: the program is instrumented, but its shadow cannot be mapped at 0x7fff8000 "
	          "(see ulimit -v; no such program runs under Valgrind)\n");
	os_exit_group(1);
}

static void early_nothing(void)
{
}

/* clang does not see that the attribute below uses this function. */
__attribute__((used)) static void (*early_resolve(void))(void)
{
	shadow_early_map();
	return early_nothing;
}

/* Only the resolver matters.  The function that it resolves to does nothing.  It is hidden, because clang 14 exports
 * a static one: then a program that holds libmemsan.a and exports its symbols could not load libmemsan.so. */
void shadow_early_hook(void) __attribute__((ifunc("early_resolve"), visibility("hidden")));

void shadow_early(void)
{
	shadow_early_hook();
	shadow_early_map();
}
