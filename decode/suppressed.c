/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/suppressed.c - hands a record to the parser of suppressions (reports/suppress.c). */
#include "config.h"

#include "decode/decode_internal.h"

#include <string.h>

#define FRAMES_MAX 1024

/* The class of a kind of memsan's, which decode's other detectors use too where they can. */
static const char *class_of(const char *kind)
{
	for (unsigned i = 0; kind && i < REPORT_KIND_NR; i++)
		if (strcmp(kind, report_kind_name(i)) == 0)
			return report_kind_class(i);
	return NULL;
}

static void take_stack(const struct decode_stack *s, struct suppress_frame *frames, struct suppress_report *to)
{
	size_t n = to->nr_stacks ? to->ends[to->nr_stacks - 1] : 0;

	if (!s || to->nr_stacks == SUPPRESS_STACKS)
		return;
	for (size_t i = 0; i < s->nr && n < FRAMES_MAX; i++) {
		const struct decode_frame *f = &s->frames[i];
		frames[n++] = (struct suppress_frame){ f->function ? f->function : "", f->file ? f->file : "",
			                               f->module ? f->module : "", f->line, f->unloaded };
	}
	to->ends[to->nr_stacks++] = n;
}

bool decode_record_suppressed(const struct decode_record *r, struct suppressions *rules)
{
	static struct suppress_frame frames[FRAMES_MAX];
	const struct decode_stack *alloc = decode_record_role(r, "alloc"), *main = decode_record_main_stack(r);
	struct suppress_report report = {
		.kind = r->kind,
		.class = class_of(r->kind),
		.entry = r->entry,
		.leak = r->leak.class,
		.objects = r->leak.objects,
		.bytes = r->leak.bytes,
		.frames = frames,
	};
	bool remaining = report.class && strcmp(report.class, "leak") == 0;

	if (r->leak.class && alloc)
		main = alloc;
	take_stack(main, frames, &report);
	if (!r->leak.class && (r->found_at || remaining) && alloc != main)
		take_stack(alloc, frames, &report);
	if (!r->leak.class && r->found_at && decode_record_role(r, "free") != main)
		take_stack(decode_record_role(r, "free"), frames, &report);
	return suppressions_match_report(rules, &report);
}
