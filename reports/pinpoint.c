/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/pinpoint.c - what later runs of the program must know of this one's reports (memsan run --pinpoint).
 *
 * Every run adds a note of each report to one file. Addresses differ from run to run, so a note names an object by the
 * stack that allocated it, as places in files, and a report by its innermost frames and its object. Later runs watch
 * every store, or have guard pages. They print the writes that no earlier run has printed; all other reports are
 * repetitions of the first run's, or are about something else. */
#include "config.h"

#include <fcntl.h>

#include "reports/reports_internal.h"

#define OBJECT_FRAMES 8u
#define PLACE_FRAMES 4u

static uint64_t hash_text(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = hash_mix(h, (uint8_t)*text);
	return h;
}

static uint64_t hash_frames(uint64_t h, const struct report_record *r, const struct report_stack *s, uint32_t max)
{
	for (uint32_t i = 0; i < MIN(s->nr_frames, max); i++) {
		const struct report_module *m = report_frame_module(r, &s->frames[i]);

		h = m ? hash_text(h, report_basename(report_str(r, m->path))) : h;
		h = m ? hash_mix(h, s->frames[i].pc - m->bias) : h;
	}
	return h;
}

/* Damage outside of every object is told with the object that was going to lie there. */
static uint64_t object_of(const struct report_record *r)
{
	if (r->kind == REPORT_UNALLOCATED)
		return 0;
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		if (r->stacks[i].role == STACK_ALLOC && r->stacks[i].nr_frames)
			return hash_frames(1, r, &r->stacks[i], OBJECT_FRAMES) | 1;
	return 0;
}

/* Without the kind: what was a fault in one run may be seen by a check in the next. */
static uint64_t place_of(const struct report_record *r)
{
	const struct report_stack *s = report_main_stack(r);

	return hash_frames(hash_mix(object_of(r), r->found_at != 0), r, s ? s : &r->stacks[0], s ? PLACE_FRAMES : 0);
}

static void note_fill(struct pinpoint_note *n, const struct report_record *r, uint32_t run)
{
	struct fence_choice choice = { 0, 0 };

	mem_set(n, 0, sizeof(*n));
	n->run = run;
	n->what = r->found_at ? PINPOINT_FOUND_LATER : r->access == ACCESS_WRITE ? PINPOINT_WRITE : PINPOINT_OTHER;
	n->object = object_of(r);
	n->place = place_of(r);
	n->fence = r->found_at && record_fence_choice(r, &choice);
	n->side = choice.side;
	n->align = choice.align;
}

/* Has an earlier run printed this? */
static bool told_before(int fd, const struct pinpoint_note *note)
{
	struct pinpoint_note old;
	uint64_t at = sizeof(struct pinpoint_head);

	for (uint32_t i = 0; i < PINPOINT_NOTES && os_pread(fd, &old, sizeof(old), at) == (ssize_t)sizeof(old);
	     i++, at += sizeof(old))
		if (old.printed && old.run < note->run && old.place == note->place)
			return true;
	return false;
}

bool pinpoint_leaves_out(const struct report_record *r)
{
	static struct pinpoint_note note; /* under the report lock */
	struct pinpoint_head head;
	int fd = sink_open_passed(options.pinpoint, PINPOINT_NAME, O_RDWR | O_APPEND);
	size_t done;

	if (fd < 0)
		return false;
	note.printed = true;
	if (os_pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) && head.magic == PINPOINT_MAGIC) {
		note_fill(&note, r, head.run);
		note.printed = head.run == 1 || (note.what == PINPOINT_WRITE && !told_before(fd, &note));
		os_write_whole(fd, (const char *)&note, sizeof(note), &done);
	}
	os_close(fd);
	return !note.printed;
}
