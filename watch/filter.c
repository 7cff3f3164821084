/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/filter.c - watch.only: the functions of a name alone. The symbolizer helper finds their code, by symbols and
 * where they were inlined. */
#include "reports/reports.h"
#include "watch/watch_internal.h"

/* Marks the functions that hold some of this code. */
static void mark(void *ctx, const struct code_range *ranges, size_t nr)
{
	struct watch_module *m = ctx;

	for (size_t i = 0; i < nr; i++)
		for (uintptr_t pc = m->bias + ranges[i].start; pc < m->bias + ranges[i].end;) {
			int32_t f = module_function_at(m, pc);

			if (f < 0)
				break;
			m->functions[f].wanted = true;
			pc = m->start + m->functions[f].at + m->functions[f].size;
		}
}

const char *module_filter(struct watch_module *m, const char *pattern)
{
	static struct module_info info; /* under watch_lock */
	bool complete;

	info.start = m->start;
	info.end = m->end;
	info.bias = m->bias;
	str_copy(info.path, m->path, sizeof(info.path));
	if (!report_find_functions(&info, pattern, mark, m, &complete))
		return "the symbolizer did not say which of its functions watch.only names";
	for (uint32_t i = 0; i < m->nr_functions; i++) {
		struct watch_function *f = &m->functions[i];

		if (f->state == FUNCTION_WAITS && !f->wanted)
			module_leave(m, f, LEFT_FILTER, m->start + f->at);
	}
	return NULL;
}
