/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/early.c - maps the shadow before anything instrumented can run.
 *
 * Constructors are too late: instrumented code runs earlier, in its own IFUNC resolvers, in .preinit_array, in
 * constructors of libraries that ld.so happens to initialise before us.  So the mapping is made by a resolver of our
 * own, which ld.so calls while it relocates libmemsan (in a static program: libc's start code, before main's
 * constructors).  Nothing of libmemsan is relocated then, which is why scan.c and the first part of map.c use raw
 * system calls, code and statics only.
 *
 * Accepted: an instrumented IFUNC resolver in a library that neither links libmemsan nor comes before it is relocated,
 * and so run, before us.  A library that links libmemsan is not, whatever the order of the command line.  In a static
 * program the order of resolvers is the linker's: arch/…/entry.c is for that.
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
	if (map_full() == 0 || s.result != SCAN_INSTRUMENTED)
		return;
	early_say(
		"memsan: the program is instrumented, but its shadow cannot be mapped at 0x7fff8000 (see ulimit -v)\n");
	os_exit_group(1);
}

static void early_nothing(void)
{
}

/* clang does not see that the attribute below uses it. */
__attribute__((used)) static void (*early_resolve(void))(void)
{
	shadow_early_map();
	return early_nothing;
}

/* The resolver is the point; the function it resolves to does nothing. */
static void early_hook(void) __attribute__((ifunc("early_resolve")));

void shadow_early(void)
{
	early_hook();
	shadow_early_map();
}
