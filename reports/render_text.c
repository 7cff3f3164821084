/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/render_text.c - a report as text, in the layout of the kernel's KASAN (mm/kasan/report.c) and, for damage
 * found afterwards, of SLUB.
 *
 * The order is KASAN's: title, access, call trace, allocated by, freed by, object, memory.  So readers of kernel
 * reports, and scripts made for those, find everything in its place.  What user space adds stands on lines of its own.
 */
#include "config.h"

#include "reports/reports_internal.h"

#define RULE "==================================================================\n"
#define ROW 16
/* Room that the stacks leave for what follows: object, memory rows, notes and modules, the closing rule. */
#define TEXT_TAIL (64u * 1024)

/* Ends the line that began at `start`.  Names come from files and from the program.  They must not control a terminal
 * or look like lines of memsan. */
static void end_line(struct fmt_buf *b, size_t start)
{
	fmt_clean(b, start);
	fmt_printf(b, "\n");
}

static void put_thread(struct fmt_buf *b, const char *name, uint32_t tid)
{
	if (tid)
		fmt_printf(b, "thread %s/%u", name[0] ? name : "?", tid);
	else
		fmt_printf(b, "an unknown thread");
}

static void put_access(struct fmt_buf *b, const struct report_record *r)
{
	static const char *const verbs[] = { "Read", "Write", "Free", "Access", "Execute" };
	const char *found_at = report_str(r, r->found_at);
	size_t start = b->len;

	_Static_assert(ARRAY_SIZE(verbs) == ACCESS_NR, "every access has a verb");
	fmt_printf(b, "%s", verbs[r->access < ACCESS_NR ? r->access : ACCESS_UNKNOWN]);
	if (r->access_size)
		fmt_printf(b, " of size %llu at", (unsigned long long)r->access_size);
	else
		fmt_printf(b, r->access == ACCESS_FREE ? " of" : " at");
	if (r->fault.no_addr)
		fmt_printf(b, " an unknown address");
	else
		fmt_printf(b, " addr 0x%llx", (unsigned long long)r->addr);
	if (found_at[0])
		fmt_printf(b, " found %.200s", found_at);
	fmt_printf(b, " by ");
	put_thread(b, report_str(r, r->comm), r->tid);
	end_line(b, start);
}

static void put_line(struct fmt_buf *b, const char *text)
{
	size_t start = b->len;

	fmt_printf(b, "%.1000s", text);
	end_line(b, start);
}

static void put_process(struct fmt_buf *b, const struct report_record *r)
{
	const char *entry = report_str(r, r->entry);
	size_t start = b->len;

	fmt_printf(b, "PID: %u TID: %u Comm: %.100s memsan " PACKAGE_VERSION, r->pid, r->tid, report_str(r, r->comm));
	if (r->exe)
		fmt_printf(b, " Exe: %.512s", report_str(r, r->exe));
	if (entry[0])
		fmt_printf(b, " In: %.100s", entry);
	end_line(b, start);
}

static void put_header(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	const char *detail = report_str(r, r->detail);
	size_t start;

	fmt_printf(b, RULE);
	start = b->len;
	fmt_printf(b, "BUG: MEMSAN: ");
	report_title(b, r, symbols);
	end_line(b, start);
	put_access(b, r);
	fmt_printf(b, "Meaning: %s\n", report_kind_text(r->kind));
	if (r->expected != r->found)
		fmt_printf(b, "First byte 0x%02x instead of 0x%02x\n", r->found & 0xff, r->expected & 0xff);
	if (detail[0])
		put_line(b, detail);
	if (r->found_at && report_main_stack(r))
		put_line(b, "The call trace shows where the damage was found; it was done earlier.");
	else if (r->found_at)
		put_line(b, "The damage was done earlier, at a place that is not known.");
	fmt_printf(b, "\n");
	put_process(b, r);
	report_put_fault(b, r);
}

static void put_location(struct fmt_buf *b, const struct report_symbol *s)
{
	if (!s->file)
		return;
	fmt_printf(b, " at %.1000s", s->file);
	if (s->line)
		fmt_printf(b, ":%u", s->line);
	if (s->line && s->column)
		fmt_printf(b, ":%u", s->column);
}

/* Frame i with its inlined functions.  *folded counts those that are still to be left out. */
static void put_frame(struct fmt_buf *b, const struct report_record *r, const struct report_stack *s, uint32_t i,
                      const struct report_symbols *symbols, uint32_t *folded)
{
	const struct report_frame *f = &s->frames[i];
	const struct report_symbol *found;
	size_t n, k = 0, start;
	const char *indent = r->leak_class ? "   " : "";

	do {
		if (!*folded && (*folded = report_fold_library(r, s, i, k, symbols)) != 0)
			fmt_printf(b, "%s (%u frames of the C++ library left out)\n", indent, *folded);
		/* Again each time: the symbols are valid until another frame is asked for. */
		found = symbols->frame(symbols->ctx, r, f, &n);
		if (*folded) {
			--*folded;
			continue;
		}
		start = b->len;
		fmt_printf(b, "%s ", indent);
		if (k + 1 < n)
			report_put_short_name(b, found[k].function ? found[k].function : "?");
		else
			report_put_place(b, r, f, n ? &found[n - 1] : NULL);
		if (k < n)
			put_location(b, &found[k]);
		if (k + 1 < n)
			fmt_printf(b, " (inlined)");
		end_line(b, start);
	} while (++k < n);
}

static void put_stack_heading(struct fmt_buf *b, const struct report_stack *s)
{
	size_t start;

	if (s->role == STACK_FRAME) {
		fmt_printf(b, "\nThe buggy address is located in the frame of:\n");
		return;
	}
	if (s->role != STACK_ALLOC && s->role != STACK_FREE) {
		fmt_printf(b, "Call Trace:\n");
		return;
	}
	fmt_printf(b, "\n");
	start = b->len;
	fmt_printf(b, "%s by ", s->role == STACK_ALLOC ? "Allocated" : "Freed");
	put_thread(b, s->thread_name, s->tid);
	if (s->age_ms != REPORT_AGE_UNKNOWN)
		fmt_printf(b, " (%llu.%02u s ago)", (unsigned long long)(s->age_ms / 1000),
		           (unsigned)(s->age_ms % 1000 / 10));
	fmt_printf(b, ":");
	end_line(b, start);
}

#define CYCLE_MAX 16u

/* End of the frames from `i` on that follow each other without a gap. */
static uint32_t frames_end(const struct report_stack *s, uint32_t i)
{
	return s->skipped && i < s->skipped_at ? MIN(s->skipped_at, s->nr_frames) : s->nr_frames;
}

/* How often the `length` frames from `i` on repeat directly behind themselves: the same calls, in a recursion. */
static uint32_t frames_again(const struct report_stack *s, uint32_t i, uint32_t length)
{
	uint32_t end = frames_end(s, i), same = 0;

	while (i + length + same < end && s->frames[i + length + same].pc == s->frames[i + same].pc)
		same++;
	return same / length;
}

/* Finds the shortest cycle of calls that begins at frame i.  Returns how often the cycle repeats; 0: no cycle that is
 * worth a line. */
static uint32_t frames_cycle(const struct report_stack *s, uint32_t i, uint32_t *length)
{
	for (*length = 1; *length <= CYCLE_MAX; ++*length) {
		uint32_t again = frames_again(s, i, *length);

		if (again > 1)
			return again;
	}
	return 0;
}

static void put_again(struct fmt_buf *b, const char *indent, uint32_t length, uint32_t again)
{
	if (length == 1)
		fmt_printf(b, "%s (the same %u times more)\n", indent, again);
	else
		fmt_printf(b, "%s (the same %u frames %u times more)\n", indent, length, again);
}

/* Returns how many frames found no room. */
static uint32_t put_frames(struct fmt_buf *b, const struct report_record *r, const struct report_stack *s,
                           const struct report_symbols *symbols, size_t limit)
{
	const char *indent = r->leak_class ? "   " : "", *whose;
	uint32_t i, cycle = 0, left = 0, again = 0, folded, inside = 0;

	for (i = 0; i < s->nr_frames; i++) {
		size_t mark = b->len;

		if (s->skipped && i == s->skipped_at)
			fmt_printf(b, "%s (%u frames left out)\n", indent, s->skipped);
		if (!left && !inside && (folded = report_fold(r, s, i, symbols, &whose)) != 0) {
			fmt_printf(b, "%s (%u frames of %.100s left out)\n", indent, folded, whose);
			i += folded - 1;
			continue;
		}
		if (!left && !inside && (again = frames_cycle(s, i, &cycle)) != 0)
			left = cycle;
		put_frame(b, r, s, i, symbols, &inside);
		if (left && --left == 0) {
			put_again(b, indent, cycle, again);
			i += cycle * again;
		}
		if (b->len > limit || b->truncated) {
			report_rewind(b, mark);
			break;
		}
	}
	return s->nr_frames - MIN(i, s->nr_frames);
}

static void put_stack(struct fmt_buf *b, const struct report_record *r, const struct report_stack *s,
                      const struct report_symbols *symbols, size_t limit)
{
	uint32_t left;

	put_stack_heading(b, s);
	/* The program called a libc function that memsan replaces; that function has no frame in the stack. */
	if (s->role == STACK_ACCESS && r->access_size && r->entry)
		fmt_printf(b, " %.100s [libmemsan]\n", report_str(r, r->entry));
	left = put_frames(b, r, s, symbols, limit);
	if (left)
		fmt_printf(b, " (%u more frames left out: the report would be too long)\n", left);
	else if (s->truncated)
		fmt_printf(b, " (deeper frames were not recorded)\n");
	else if (!s->nr_frames)
		fmt_printf(b, " (no stack was recorded)\n");
}

static void put_stacks(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	static const uint32_t order[] = { STACK_ACCESS, STACK_NOTICED, STACK_ALLOC, STACK_FREE, STACK_FRAME };
	size_t left = r->nr_stacks;

	for (size_t k = 0; k < ARRAY_SIZE(order); k++)
		for (uint32_t i = 0; i < r->nr_stacks; i++)
			if (r->stacks[i].role == order[k])
				put_stack(b, r, &r->stacks[i], symbols, report_stack_limit(b, TEXT_TAIL, left--));
}

/* Lines of a string, each with its newline. */
static void put_lines(struct fmt_buf *b, const char *text, const char *indent)
{
	const char *newline;

	for (; *text && (newline = str_char(text, '\n')) != NULL; text = newline + 1) {
		size_t start = b->len;
		fmt_printf(b, "%s%.*s", indent, (int)(newline - text), text);
		end_line(b, start);
	}
}

/* Lines with names from the program's data. */
static void put_place(struct fmt_buf *b, const struct report_record *r)
{
	fmt_printf(b, "\n");
	put_lines(b, report_str(r, r->place), "");
}

static void put_object(struct fmt_buf *b, const struct report_record *r)
{
	const char *relation, *api = report_str(r, r->obj_api);
	uint64_t distance;
	size_t start;

	if (r->place)
		put_place(b, r);
	if (!r->have_object && (r->place || r->fault.present == MACHINE_AT_FAULT || r->kind == REPORT_SIGNAL_UNSAFE))
		return;
	if (!r->have_object) {
		fmt_printf(b, "\nThe buggy address belongs to no object that memsan knows\n");
		return;
	}
	relation = report_relation(r, &distance);
	fmt_printf(b, "\nThe buggy address belongs to the object at 0x%llx\n", (unsigned long long)r->obj_addr);
	start = b->len;
	fmt_printf(b, " which belongs to the cache %.100s of size %llu", report_str(r, r->obj_cache),
	           (unsigned long long)r->obj_cache_size);
	end_line(b, start);
	start = b->len;
	if (api[0]) {
		fmt_printf(b, " and was allocated by %.100s", api);
		end_line(b, start);
	}
	fmt_printf(b, "The buggy address is located %llu bytes %s\n", (unsigned long long)distance, relation);
	fmt_printf(b, " %s %llu-byte region [0x%llx, 0x%llx)\n", report_state_name(r->obj_state),
	           (unsigned long long)r->obj_size, (unsigned long long)r->obj_addr,
	           (unsigned long long)(r->obj_addr + r->obj_size));
}

/* How many bytes of memory each byte of the rows stands for. */
static uint64_t memory_scale(const struct report_record *r)
{
	return r->memory_scale ? r->memory_scale : 1;
}

static void put_memory_row(struct fmt_buf *b, const struct report_record *r, size_t row, bool marked)
{
	size_t end = MIN(row + ROW, (size_t)r->memory_len);
	uint8_t byte;

	fmt_printf(b, "%c0x%llx:", marked ? '>' : ' ', (unsigned long long)(r->memory_addr + row * memory_scale(r)));
	for (size_t i = row; i < end; i++) {
		if (report_memory_byte(r, i, &byte))
			fmt_printf(b, " %02x", byte);
		else
			fmt_printf(b, " ??");
	}
	if (r->memory_scale) {
		fmt_printf(b, "\n");
		return;
	}
	fmt_printf(b, "%*s  ", (int)(3 * (row + ROW - end)), "");
	for (size_t i = row; i < end; i++) {
		bool known = report_memory_byte(r, i, &byte);
		fmt_printf(b, "%c", known && byte >= 0x20 && byte < 0x7f ? byte : '.');
	}
	fmt_printf(b, "\n");
}

static void put_memory(struct fmt_buf *b, const struct report_record *r)
{
	if (!r->memory_len)
		return;
	if (r->memory_scale)
		fmt_printf(b, "\nMemory state around the buggy address (a shadow byte for %u bytes of memory):\n",
		           r->memory_scale);
	else
		fmt_printf(b, "\nMemory around the buggy address (bytes%s%.200s):\n", r->legend ? "; " : "",
		           report_str(r, r->legend));
	for (size_t row = 0; row < r->memory_len; row += ROW) {
		uint64_t start = r->memory_addr + row * memory_scale(r);
		bool marked = r->memory_mark - start < MIN((uint64_t)ROW, r->memory_len - row) * memory_scale(r);
		size_t before = b->len;

		put_memory_row(b, r, row, marked);
		if (marked) {
			const char *colon = str_char(b->data + before, ':');
			size_t column = colon ? (size_t)(colon - (b->data + before)) : 0;
			column += 2 + 3 * (size_t)((r->memory_mark - start) / memory_scale(r));
			fmt_printf(b, "%*s^\n", (int)column, "");
		}
	}
	if (r->memory_scale && r->legend)
		fmt_printf(b, "Shadow bytes: %.1000s\n", report_str(r, r->legend));
}

/* Does any frame of this module have no function? */
static bool module_is_bare(const struct report_record *r, unsigned module, const struct report_symbols *symbols)
{
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		for (uint32_t j = 0; j < r->stacks[i].nr_frames; j++) {
			const struct report_frame *f = &r->stacks[i].frames[j];
			const struct report_symbol *found;
			size_t n;
			if (f->module != module)
				continue;
			found = symbols->frame(symbols->ctx, r, f, &n);
			if (!n || !found[n - 1].function)
				return true;
		}
	return false;
}

static void put_module(struct fmt_buf *b, const struct report_record *r, const struct report_module *m,
                       const char *note)
{
	size_t start = b->len;

	fmt_printf(b, " %.255s 0x%llx-0x%llx %.512s", report_basename(report_str(r, m->path)),
	           (unsigned long long)m->start, (unsigned long long)m->end, report_str(r, m->path));
	if (m->build_id_len) {
		fmt_printf(b, " (BuildId ");
		report_put_build_id(b, m);
		fmt_printf(b, ")");
	}
	if (note)
		fmt_printf(b, " (%.200s)", note);
	end_line(b, start);
}

/* For modules with frames without a function: where `memsan decode` finds the module, and why it has no functions. */
static void put_modules(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	bool heading = false;

	for (uint32_t i = 0; i < r->nr_modules && b->size - b->len > 2048; i++) {
		const char *note = symbols->note ? symbols->note(symbols->ctx, r, i) : NULL;

		if (!note && !module_is_bare(r, i, symbols))
			continue;
		if (!heading)
			fmt_printf(b, "\nModules linked in:\n");
		put_module(b, r, &r->modules[i], note);
		heading = true;
	}
}

/* ---- leaks: the layout of kmemleak (mm/kmemleak.c, print_unreferenced) ----------------------- */

static void put_leak_head(struct fmt_buf *b, const struct report_record *r, const struct report_stack *s)
{
	size_t start = b->len;

	fmt_printf(b, "%s object 0x%llx (size %llu):\n", r->kind == REPORT_REACHABLE ? "reachable" : "unreferenced",
	           (unsigned long long)r->obj_addr, (unsigned long long)r->obj_size);
	start = b->len;
	fmt_printf(b, "  comm \"%.100s\", pid %u", report_str(r, r->comm), r->pid);
	if (s && s->tid) {
		fmt_printf(b, ", ");
		put_thread(b, s->thread_name, s->tid);
	}
	if (s && s->age_ms != REPORT_AGE_UNKNOWN)
		fmt_printf(b, " (age %llu.%02us)", (unsigned long long)(s->age_ms / 1000),
		           (unsigned)(s->age_ms % 1000 / 10));
	end_line(b, start);
	start = b->len;
	fmt_printf(b, "  %.20s: %llu object%s of %llu bytes in %.100s", report_str(r, r->leak_class),
	           (unsigned long long)r->leak_count, r->leak_count == 1 ? "" : "s", (unsigned long long)r->leak_bytes,
	           report_str(r, r->obj_cache));
	if (r->leak_count > 1 && str_starts(report_str(r, r->obj_cache), FENCE_NAME))
		fmt_printf(b, " and others");
	if (r->leak_held_count)
		fmt_printf(b, ", holding %llu more of %llu bytes", (unsigned long long)r->leak_held_count,
		           (unsigned long long)r->leak_held_bytes);
	end_line(b, start);
}

static void put_leak_dump(struct fmt_buf *b, const struct report_record *r)
{
	if (!r->memory_len)
		return;
	fmt_printf(b, "  hex dump (first %u bytes):\n", r->memory_len);
	for (size_t row = 0; row < r->memory_len; row += ROW) {
		size_t end = MIN(row + ROW, (size_t)r->memory_len);
		fmt_printf(b, "   ");
		for (size_t i = row; i < end; i++)
			fmt_printf(b, " %02x", r->memory[i]);
		fmt_printf(b, "%*s  ", (int)(3 * (row + ROW - end)), "");
		for (size_t i = row; i < end; i++)
			fmt_printf(b, "%c", r->memory[i] >= 0x20 && r->memory[i] < 0x7f ? r->memory[i] : '.');
		fmt_printf(b, "\n");
	}
}

static size_t render_leak(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	const struct report_stack *s = r->nr_stacks ? &r->stacks[0] : NULL;
	uint32_t left = 0;

	put_leak_head(b, r, s);
	put_leak_dump(b, r);
	fmt_printf(b, "  backtrace:\n");
	if (s)
		left = put_frames(b, r, s, symbols, report_stack_limit(b, TEXT_TAIL, 1));
	if (left)
		fmt_printf(b, "    (%u more frames left out: the report would be too long)\n", left);
	else if (!s || !s->nr_frames)
		fmt_printf(b, "    (no stack was recorded%s%.400s)\n", r->next ? ": " : "", report_str(r, r->next));
	put_modules(b, r, symbols);
	fmt_printf(b, "\n");
	return b->len;
}

static void put_end(struct fmt_buf *b, const struct report_record *r, const struct report_symbols *symbols)
{
	size_t start;

	if (r->next) {
		fmt_printf(b, "\nNext: ");
		report_put_next(b, r);
		fmt_printf(b, r->next_commands ? ":\n" : "\n");
		put_lines(b, report_str(r, r->next_commands), " ");
	}
	fmt_printf(b, "\n");
	start = b->len;
	fmt_printf(b, "SUMMARY: ");
	report_summary_line(b, r, symbols);
	end_line(b, start);
}

size_t report_render_text(const struct report_record *r, const struct report_symbols *symbols, char *buf, size_t size)
{
	struct fmt_buf b;

	fmt_init(&b, buf, size);
	if (r->leak_class)
		return render_leak(&b, r, symbols);
	put_header(&b, r, symbols);
	put_stacks(&b, r, symbols);
	put_object(&b, r);
	put_memory(&b, r);
	put_modules(&b, r, symbols);
	put_end(&b, r, symbols);
	fmt_printf(&b, RULE);
	return b.len;
}
