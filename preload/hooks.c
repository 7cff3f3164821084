/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/hooks.c - what is called after each report: the program's own functions, and the place for breakpoints. */
#include "preload/preload.h"

#include "preload/memsan.h"

__attribute__((weak)) extern void memsan_on_report(const char *text, const char *json);
__attribute__((weak)) extern void __asan_on_error(void);

/* For debuggers: the latest report. NULL: there was none. */
MEMSAN_EXPORT const struct report_view *memsan_last_report;

MEMSAN_EXPORT __attribute__((noinline)) void memsan_breakpoint(void)
{
	__asm__ volatile("" ::: "memory");
}

static void tell(const struct report_view *view, const char *text, const char *json, void (*callback)(const char *text))
{
	bool inside;

	memsan_last_report = view;
	inside = slab_outside();
	if (&__asan_on_error)
		__asan_on_error();
	if (callback && text)
		callback(text);
	if (&memsan_on_report && text && json)
		memsan_on_report(text, json);
	memsan_breakpoint();
	slab_again(inside);
}

void hooks_connect(void)
{
	const struct report_hooks h = { .text = &memsan_on_report != NULL,
		                        .json = &memsan_on_report != NULL,
		                        .tell = tell };

	report_set_hooks(&h);
}
