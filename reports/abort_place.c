/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/abort_place.c - where the core file of a program that a report ends shall begin: in the program's innermost
 * frame of the report. That is the frame of the title, or, if that lies in a library of the language, its caller in
 * another module. */
#include "config.h"

#include "reports/reports_internal.h"

/* Those that the commands for gdb pass over (tools/memsan-gdb.py.in). */
static bool is_language_library(const char *name)
{
	static const char *const names[] = { "libstdc++.so", "libc++.so", "libgcc_s.so", "libc.so", "ld-linux" };

	return str_starts_any(name, names, ARRAY_SIZE(names));
}

/* Code outside of all modules (a JIT's, a wild pointer's) has no call frame information that a debugger could use. */
static bool is_program(const struct report_record *r, const struct report_frame *f)
{
	const struct report_module *m = report_frame_module(r, f);

	return m && !is_language_library(report_basename(report_str(r, m->path)));
}

void record_abort_place(const struct report_record *r, uint32_t frame, struct abort_place *place)
{
	static uint64_t machine[REPORT_REGS]; /* under the report lock */
	const struct report_stack *s = report_main_stack(r);

	*place = (struct abort_place){ .pc = 0 };
	while (s && frame < s->nr_frames && !is_program(r, &s->frames[frame]))
		frame++;
	if (r->leak_class || !s || frame >= s->nr_frames || (s->skipped && frame >= s->skipped_at))
		return;
	place->pc = s->frames[frame].pc;
	place->exact = s->frames[frame].exact;
	if (r->fault.present == MACHINE_UNKNOWN)
		return;
	mem_copy(machine, r->fault.regs, sizeof(machine));
	place->machine = machine;
}
