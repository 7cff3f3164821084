/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/suppressed.c - hands a record to the parser of suppressions (reports/suppress.c). */
#include "config.h"

#include "decode/decode_internal.h"

#define FRAMES_MAX 1024

bool decode_record_suppressed(const struct decode_record *r, struct suppressions *rules)
{
	static struct suppress_frame frames[FRAMES_MAX];
	const struct decode_stack *s = r->leak.class && decode_record_role(r, "alloc") ? decode_record_role(r, "alloc")
	                                                                               : decode_record_main_stack(r);
	size_t n = 0;

	for (size_t i = 0; s && i < s->nr && n < FRAMES_MAX; i++) {
		const struct decode_frame *f = &s->frames[i];
		frames[n++] = (struct suppress_frame){ f->function ? f->function : "", f->file ? f->file : "",
			                               f->module ? f->module : "", f->line, f->unloaded };
	}
	return suppressions_match_frames(rules, r->leak.class, r->leak.objects, r->leak.bytes, frames, n);
}
