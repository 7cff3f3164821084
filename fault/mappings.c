/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/mappings.c - the mappings around a fault, read from /proc/self/maps. */
#include "config.h"

#include "fault/fault_internal.h"

#define SELF_MAPS "/proc/self/maps"

static struct fault_mapping describe(const struct maps_line *line)
{
	return (struct fault_mapping){
		.known = true,
		.mapped = true,
		.readable = line->readable,
		.writable = line->writable,
		.executable = line->executable,
		.file = line->path[0] == '/',
		.start = line->start,
		.end = line->end,
	};
}

void fault_find_mappings(struct fault_state *s)
{
	struct maps_reader reader;
	struct maps_line line;
	char buffer[2048];

	if (os_filter_set() || maps_open(&reader, SELF_MAPS, buffer, sizeof(buffer)) != 0)
		return;
	s->at.known = true;
	s->at.end = UINTPTR_MAX;
	while (maps_next(&reader, &line)) {
		struct fault_mapping m = describe(&line);

		if (m.start < s->stack_at && s->stack_at <= m.end)
			s->stack = m;
		if (m.end <= s->addr) {
			s->at.start = m.end;
		} else if (m.start <= s->addr) {
			s->at = m;
		} else if (!s->above.known) {
			if (!s->at.mapped)
				s->at.end = m.start;
			s->above = m;
		}
		if (s->above.known && m.end >= s->stack_at)
			break;
	}
	maps_close(&reader);
}

/* Anonymous memory right behind a file's is its bss. */
void fault_each_data(bool (*fn)(void *ctx, uintptr_t start, uintptr_t end), void *ctx)
{
	struct maps_reader reader;
	struct maps_line line;
	uintptr_t file_end = 0;
	char buffer[2048];

	if (os_filter_set() || maps_open(&reader, SELF_MAPS, buffer, sizeof(buffer)) != 0)
		return;
	while (maps_next(&reader, &line)) {
		struct fault_mapping m = describe(&line);

		if (!m.file && m.start != file_end)
			continue;
		file_end = m.file ? m.end : 0;
		/* memsan's own data has pointers to every object, so it is left out. */
		if (m.readable && m.writable && (uintptr_t)&fence_base - m.start >= m.end - m.start &&
		    !fn(ctx, m.start, m.end))
			break;
	}
	maps_close(&reader);
}
