/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/suppressed.c - a record for the one parser of suppressions (reports/suppress.c). */
#include "config.h"

#include "decode/decode_internal.h"

#define FRAMES_MAX 1024

bool log_record_suppressed(const struct log_record *r, struct suppressions *rules)
{
	static struct suppress_frame frames[FRAMES_MAX];
	const struct log_stack *s = r->leak.class && log_record_role(r, "alloc") ? log_record_role(r, "alloc") : log_record_main_stack(r);
	size_t n = 0;

	for (size_t i = 0; s && i < s->nr && n < FRAMES_MAX; i++) {
		const struct log_frame *f = &s->frames[i];
		frames[n++] = (struct suppress_frame){ f->function ? f->function : "", f->file ? f->file : "", f->module ? f->module : "", f->line };
	}
	return suppressions_match_frames(rules, r->leak.class, r->leak.objects, r->leak.bytes, frames, n);
}
