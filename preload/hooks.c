/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/hooks.c - what is called after each report: the program's own functions, and the place for breakpoints. */
#include "preload/preload.h"

#include "preload/memsan.h"

#include <errno.h>

__attribute__((weak)) extern void memsan_on_report(const char *text, const char *json);
__attribute__((weak)) extern void __asan_on_error(void);

/* For debuggers: the latest report. NULL: there was none. */
MEMSAN_EXPORT const struct report_view *memsan_last_report;

MEMSAN_EXPORT __attribute__((noinline)) void memsan_breakpoint(void)
{
	__asm__ volatile("" ::: "memory");
}

static void show(const struct report_view *view)
{
	memsan_last_report = view;
	memsan_breakpoint();
}

/* A report may come from the middle of an allocation or a free. So the thread stays where it is (slab/inside.c): what
 * these functions allocate and free is served as in a signal handler that interrupted malloc. */
static void tell(const char *text, const char *json, void (*callback)(const char *text))
{
	int saved = errno;

	if (&__asan_on_error)
		__asan_on_error();
	if (callback && text)
		callback(text);
	if (&memsan_on_report && text && json)
		memsan_on_report(text, json);
	errno = saved;
}

void hooks_connect(void)
{
	const struct report_hooks h = {
		.text = &memsan_on_report != NULL, .json = &memsan_on_report != NULL, .show = show, .tell = tell
	};

	report_set_hooks(&h);
}
