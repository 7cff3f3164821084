/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_fail.c - memsan kernel run --fail-each: what does a module do when its n-th allocation fails, for
 * each n?
 *
 * The calls of the module that allocate, or fail for want of memory, lead through memsan_fail.ko (kernel/fail).  A
 * guest runs the module again and again: it loads it, runs script and reproducer, unloads it, and in run n the n-th
 * call fails.  kmemleak scans once, at the guest's end; a leak belongs to the run in which the object was allocated.
 *
 *     guest 1: run 0 (nothing fails), 1, 2, 3 [oops], scan
 *     guest 2: run 4 (its call comes from the place of run 3, and so does not fail), 5 [panic]
 *     guest 3: run 4 again, since guest 2 ended without a scan; 6, 7: there is no 7th call, scan
 *
 * What run 0 reports is known, and does not count.  A place is a stack of calls; one that took a guest with it fails no
 * more, since each time costs another boot. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_SECONDS = 60, GUEST_SECONDS = 600, GUESTS_MAX = 200, KNOWN_MAX = 256, FRAMES_MAX = 24 };

enum harm { NO_HARM, CRASHES, CORRUPTS, LEAKS, HANGS, NR_HARMS };
static const char *const harm_text[NR_HARMS] = { "does no harm", "crashes", "corrupts memory", "leaks", "hangs" };

struct failing {
	long number;
	bool ran, settled; /* settled: a scan for leaks has followed */
	bool skipped;      /* its place had failed before, with the end of a guest */
	bool fatal;        /* the guest could not go on after it */
	bool stuck;
	bool none;      /* there was no such allocation */
	char *function; /* that failed */
	unsigned long size;
	unsigned place;
	char *stack[FRAMES_MAX];
	size_t nr_stack;
	struct decode_record **reports;
	size_t nr_reports;
	enum harm harm;
	unsigned long times, last; /* later ones of the same place with the same harm */
};
struct fail_session {
	const struct kernel_options *o;
	struct kernel_own own;
	struct failing *all; /* by number */
	size_t nr;
	bool over;           /* there is no allocation after all[nr - 1] */
	unsigned long calls; /* of run 0 */
	uint64_t known[KNOWN_MAX];
	size_t nr_known;
	unsigned guests;
	double seconds;
};

/* ---- runs ------------------------------------------------------------------------------------ */

static struct failing *failing_at(struct fail_session *s, long number)
{
	if (number < 0 || number > 1000000)
		return NULL;
	if ((size_t)number >= s->nr) {
		size_t nr = (size_t)number + 1;
		struct failing *larger = realloc(s->all, nr * sizeof(*larger));

		if (!larger) {
			tool_say("out of memory");
			exit(1);
		}
		memset(larger + s->nr, 0, (nr - s->nr) * sizeof(*larger));
		for (size_t i = s->nr; i < nr; i++)
			larger[i].number = (long)i;
		s->all = larger;
		s->nr = nr;
	}
	return &s->all[number];
}

static void failing_clear(struct failing *f)
{
	for (size_t i = 0; i < f->nr_stack; i++)
		free(f->stack[i]);
	for (size_t i = 0; i < f->nr_reports; i++)
		decode_record_free(f->reports[i]);
	free(f->reports);
	free(f->function);
	*f = (struct failing){ .number = f->number };
}

/* The first run that a guest has still to do, -1: none. */
static long first_left(const struct fail_session *s)
{
	for (size_t i = 0; i < s->nr; i++)
		if (!s->all[i].settled)
			return (long)i;
	return s->over ? -1 : (long)s->nr;
}

static unsigned step_limit(const struct kernel_options *o)
{
	return o->timeout ? o->timeout : RUN_SECONDS;
}

static void write_plan(FILE *out, const struct kernel_options *o, const char *load, const char *use, const char *unload,
                       void *ctx)
{
	const struct fail_session *s = ctx;
	char *reversed = tool_format("%s", ""), *more;

	fputs("insmod /memsan/memsan_fail.ko\n", out);
	for (size_t i = 0; i < s->nr; i++)
		if (s->all[i].fatal && s->all[i].place)
			fprintf(out, "fail-place %08x\n", s->all[i].place);
	fprintf(out, "fail-each %ld %u %u", first_left(s), GUEST_SECONDS, step_limit(o));
	for (size_t i = (size_t)first_left(s); i < s->nr; i++)
		if (s->all[i].settled)
			fprintf(out, " %zu", i);
	/* the last module that was loaded is the first to go */
	for (const char *line = unload; *line;) {
		const char *end = strchrnul(line, '\n');

		more = tool_format("%.*s\n%s", (int)(end - line), line, reversed);
		free(reversed);
		reversed = more;
		line = *end ? end + 1 : end;
	}
	fprintf(out, "\n%s%s%sfail-end\nvalidate\nscan\n", load, use, reversed);
	free(reversed);
}

/* ---- the log --------------------------------------------------------------------------------- */

/* Names for addresses of modules, from lines "memsan_fail: at 0xADDRESS NAME+0x1/0x2 [MODULE]" of one run. */
struct name {
	long failing;
	uint64_t at;
	const char *text; /* points into the log */
	int len;
};
struct names {
	struct name *all;
	size_t nr;
};

static void names_add(struct names *n, long failing, const char *text, const char *end)
{
	char *rest;
	struct name name = { .failing = failing, .at = strtoull(text, &rest, 16) };
	struct name *larger = realloc(n->all, (n->nr + 1) * sizeof(*larger));

	if (!larger) {
		tool_say("out of memory");
		exit(1);
	}
	n->all = larger;
	name.text = rest + strspn(rest, " ");
	name.len = (int)(end - name.text);
	n->all[n->nr++] = name;
}

/* Writes the name of the address; another address of a known function is named after it.  False: it has none. */
static bool names_write(FILE *out, const struct names *n, long failing, uint64_t at)
{
	for (size_t i = 0; i < n->nr; i++) {
		const struct name *name = &n->all[i];
		const char *plus = memchr(name->text, '+', (size_t)name->len), *slash, *space;
		uint64_t offset, size, start;

		if (name->failing != failing || !plus)
			continue;
		offset = strtoull(plus + 1, NULL, 16);
		slash = memchr(plus, '/', (size_t)(name->text + name->len - plus));
		size = slash ? strtoull(slash + 1, NULL, 16) : 0;
		space = slash ? memchr(slash, ' ', (size_t)(name->text + name->len - slash)) : NULL;
		start = name->at - offset;
		if (at < start || at >= start + size || !space)
			continue;
		fprintf(out, "%.*s+0x%llx/0x%llx%.*s", (int)(plus - name->text), name->text,
		        (unsigned long long)(at - start), (unsigned long long)size,
		        (int)(name->text + name->len - space), space);
		return true;
	}
	return false;
}

/* A copy of the log in which addresses in leaks of unloaded modules have names.  Lines stay lines. */
static char *name_leaks(const char *log)
{
	struct names names = { 0 };
	char *named = NULL;
	size_t size;
	FILE *out = open_memstream(&named, &size);
	long failing = -1;

	if (!out) {
		tool_say("out of memory");
		exit(1);
	}
	for (const char *line = log; *line;) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n'),
			   *raw = memmem(line, (size_t)(end - line), ">] 0x", 5);

		if (strncmp(text, "memsan: failing ", 16) == 0 && (isdigit((unsigned char)text[16]) || text[16] == '-'))
			failing = strtol(text + 16, NULL, 10);
		if (strncmp(text, "memsan_fail: at 0x", 18) == 0)
			names_add(&names, failing, text + 16, end);
		if (raw) {
			fwrite(line, 1, (size_t)(raw + 3 - line), out);
			if (!names_write(out, &names, failing, strtoull(raw + 3, NULL, 16)))
				fwrite(raw + 3, 1, (size_t)(end - raw - 3), out);
		} else {
			fwrite(line, 1, (size_t)(end - line), out);
		}
		putc('\n', out);
		line = *end ? end + 1 : end;
	}
	fclose(out);
	free(names.all);
	return named;
}

/* "memsan_fail: call N of FUNCTION fails, size SIZE, place HASH" */
static void read_call(struct failing *f, const char *text, const char *end)
{
	const char *of = memmem(text, (size_t)(end - text), " of ", 4),
		   *size = memmem(text, (size_t)(end - text), ", size ", 7),
		   *place = memmem(text, (size_t)(end - text), ", place ", 8);

	if (!of || !size || !place)
		return;
	free(f->function);
	f->function = tool_format("%.*s", (int)strcspn(of + 4, " \n"), of + 4);
	f->size = strtoul(size + 7, NULL, 10);
	f->place = (unsigned)strtoul(place + 8, NULL, 16);
}

/* Reads what happened in the runs of one guest.  of_line gets the run of each line of the log, -1: none. */
static void read_runs(struct fail_session *s, const char *log, long *of_line)
{
	struct failing *f = NULL;
	size_t number = 0;

	for (const char *line = log; *line; number++) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n');

		if (strncmp(text, "memsan: failing ", 16) == 0 && isdigit((unsigned char)text[16])) {
			char *rest;
			long n = strtol(text + 16, &rest, 10);

			f = failing_at(s, n);
			if (f && *rest == '\n') {
				failing_clear(f);
				f->ran = true;
			} else if (f && strncmp(rest, " ended ", 7) == 0) {
				unsigned long calls = strtoul(rest + 7, &rest, 10), fired = strtoul(rest, &rest, 10);

				f->skipped = fired == 2;
				f->stuck = strncmp(rest, " stuck", 6) == 0;
				f->fatal = strncmp(rest, " ok", 3) != 0;
				if (!n)
					s->calls = calls;
				else if (!fired && !f->fatal)
					s->over = f->none = true;
			}
		} else if (strncmp(text, "memsan: failing -", 17) == 0 || strncmp(text, "memsan: scan", 12) == 0) {
			f = NULL;
		} else if (f && strncmp(text, "memsan_fail: call ", 18) == 0) {
			read_call(f, text, end);
		} else if (f && strncmp(text, "memsan_fail:   ", 15) == 0 && f->nr_stack < FRAMES_MAX) {
			f->stack[f->nr_stack++] = tool_format("%.*s", (int)(end - text - 15), text + 15);
		}
		of_line[number] = f ? f->number : -1;
		line = *end ? end + 1 : end;
	}
}

static bool is_known(const struct fail_session *s, const struct decode_record *r)
{
	for (size_t i = 0; i < s->nr_known; i++)
		if (s->known[i] == r->signature)
			return true;
	return false;
}

static enum harm harm_of(const struct decode_record *r)
{
	static const char *const faults[] = { "oops", "vmap-stack" };

	if (strcmp(r->detector, "kmemleak") == 0)
		return LEAKS;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strcmp(r->detector, faults[i]) == 0)
			return CRASHES;
	/* KASAN prints a fault inside of its own check, too */
	return strcmp(r->kind, "null-ptr-deref") == 0 || strcmp(r->kind, "user-memory-access") == 0 ||
	                       strcmp(r->kind, "wild-memory-access") == 0
	               ? CRASHES
	               : CORRUPTS;
}

/* Gives each report to its run.  Takes the records over. */
static void give_reports(struct fail_session *s, struct kernel_findings *found, const long *of_line, size_t lines)
{
	for (size_t i = 0; i < found->nr; i++) {
		struct decode_record *r = found->all[i].record;
		long number = r->first_line && r->first_line <= lines ? of_line[r->first_line - 1] : -1;
		struct failing *f = number >= 0 && (size_t)number < s->nr ? &s->all[number] : NULL;
		struct decode_record **larger;

		if (number == 0 && s->nr_known < KNOWN_MAX && !is_known(s, r))
			s->known[s->nr_known++] = r->signature;
		if (!f || (number && is_known(s, r)))
			continue;
		larger = realloc(f->reports, (f->nr_reports + 1) * sizeof(struct decode_record *));
		if (!larger) {
			tool_say("out of memory");
			exit(1);
		}
		f->reports = larger;
		f->reports[f->nr_reports++] = r;
		found->all[i].record = NULL;
		/* in order of harm, but a crash counts more than what it leaves behind */
		if (f->harm == NO_HARM || harm_of(r) < f->harm)
			f->harm = harm_of(r);
	}
}

static void settle(struct fail_session *s, const struct guest *g)
{
	bool scanned = strstr(g->log, "memsan: scan ended") != NULL || strstr(g->log, "memsan: no kmemleak") != NULL;
	struct failing *last = NULL;

	for (size_t i = 0; i < s->nr; i++) {
		struct failing *f = &s->all[i];

		if (!f->ran || f->settled)
			continue;
		last = f;
		f->settled = scanned;
	}
	/* the run in which the guest ended */
	if (last && (!scanned || last->fatal)) {
		last->settled = true;
		last->fatal = true;
		if (last->stuck || g->end == GUEST_HANG || g->end == GUEST_TIMEOUT)
			last->harm = last->harm ? last->harm : HANGS;
		else if (g->end != GUEST_DONE || last->fatal)
			last->harm = last->harm == NO_HARM || last->harm == LEAKS ? CRASHES : last->harm;
	}
	while (s->nr > 1 && s->all[s->nr - 1].none)
		failing_clear(&s->all[--s->nr]);
}

static void read_guest(struct fail_session *s, const struct guest *g)
{
	char *log = name_leaks(g->log);
	struct kernel_findings found = { 0 };
	size_t lines = 1;
	long *of_line;

	for (const char *p = log; *p; p++)
		lines += *p == '\n';
	of_line = tool_alloc(lines * sizeof(*of_line));
	read_runs(s, log, of_line);
	kernel_find(&found, log, &s->own.built, s->own.folders, s->own.nr_folders);
	give_reports(s, &found, of_line, lines);
	settle(s, g);
	kernel_findings_free(&found);
	free(of_line);
	free(log);
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* The stack of the call that failed, as a record, so that the decoder finds files and lines. */
static struct decode_record *stack_record(const struct failing *f)
{
	struct decode_record *r = decode_record_new();
	struct decode_stack *s = r ? decode_record_stack(r, "access") : NULL;

	if (!s) {
		tool_say("out of memory");
		exit(1);
	}
	r->detector = "kasan"; /* the decoder looks for the kernel's modules */
	r->kind = "failed-allocation";
	r->headline = "";
	for (size_t i = 0; i < f->nr_stack; i++) {
		const char *text = f->stack[i], *plus = strchr(text, '+'), *slash = plus ? strchr(plus, '/') : NULL,
			   *bracket = strchr(text, '[');
		struct decode_frame *frame = slash ? decode_stack_frame(r, s) : NULL;

		if (!frame)
			continue;
		frame->function = decode_record_string(r, text, (size_t)(plus - text));
		frame->have_function_offset = true;
		frame->function_offset = strtoull(plus + 1, NULL, 16);
		frame->function_size = strtoull(slash + 1, NULL, 16);
		if (bracket)
			frame->module = decode_record_string(r, bracket + 1, strcspn(bracket + 1, "]"));
		frame->at_line = DECODE_NONE;
	}
	return r;
}

static void print_frames(const struct decode_record *r)
{
	const struct decode_stack *s = &r->stacks[0];
	size_t last = 0;

	/* below the module's last frame is only how the kernel came to call it */
	for (size_t i = 0; i < s->nr; i++)
		if (s->frames[i].module)
			last = i + 1;
	for (size_t i = 0; i < s->nr && i <= last; i++) {
		const struct decode_frame *f = &s->frames[i];

		tool_print("    %s", f->function);
		if (!f->inlined)
			tool_print("+0x%llx/0x%llx", (unsigned long long)f->function_offset,
			           (unsigned long long)f->function_size);
		if (f->module && !f->inlined)
			tool_print(" [%s]", f->module);
		if (f->file)
			tool_print(" at %s:%u", f->file, f->line);
		tool_print("%s\n", f->inlined ? " (inlined)" : "");
	}
}

/* The report that shows the harm.  A task that crashed forgets what it had: such leaks are left out. */
static bool is_shown(const struct failing *f, const struct decode_record *r)
{
	return !f->fatal || harm_of(r) != LEAKS;
}

static void print_place(const struct failing *f, const struct decode_record *stack)
{
	static const struct decode_text_options plain;
	const char *title = NULL;

	for (size_t i = 0; i < f->nr_reports && !title; i++)
		if (harm_of(f->reports[i]) == f->harm)
			title = f->reports[i]->title;
	printf("Allocation %ld (", f->number);
	if (f->size)
		printf("%lu bytes, ", f->size);
	tool_print("%s): its failure %s", f->function ? f->function : "?", harm_text[f->harm]);
	if (title)
		tool_print(": %s", title);
	printf("\n");
	if (f->times)
		printf("  and so do %lu more from the same place, up to number %lu\n", f->times, f->last);
	print_frames(stack);
	printf("\n");
	for (size_t i = 0; i < f->nr_reports; i++)
		if (is_shown(f, f->reports[i])) {
			decode_text_write(stdout, f->reports[i], &plain);
			printf("\n");
		}
}

static void print_place_json(const struct failing *f, const struct decode_record *stack)
{
	bool first = true;

	printf("{\"schema\":\"memsan-kernel-fail/1\",\"allocation\":%ld,\"function\":", f->number);
	decode_json_string(stdout, f->function);
	printf(",\"size\":%lu,\"harm\":\"%s\",\"more\":%lu,\"stack\":[", f->size, harm_text[f->harm], f->times);
	for (size_t i = 0; i < stack->stacks[0].nr; i++) {
		const struct decode_frame *frame = &stack->stacks[0].frames[i];

		printf("%s{\"function\":", i ? "," : "");
		decode_json_string(stdout, frame->function);
		printf(",\"module\":");
		decode_json_string(stdout, frame->module);
		printf(",\"file\":");
		decode_json_string(stdout, frame->file);
		printf(",\"line\":%u}", frame->line);
	}
	printf("],\"reports\":[");
	for (size_t i = 0; i < f->nr_reports; i++) {
		char *line = NULL;
		size_t size = 0;
		FILE *out = is_shown(f, f->reports[i]) ? open_memstream(&line, &size) : NULL;

		if (!out)
			continue;
		decode_json_write(out, f->reports[i]);
		fclose(out);
		printf("%s%.*s", first ? "" : ",", (int)strcspn(line, "\n"), line);
		first = false;
		free(line);
	}
	printf("]}\n");
}

static bool same_place(const struct failing *a, const struct failing *b)
{
	return a->place == b->place && a->harm == b->harm;
}

/* Counts later runs of the same place with the same harm in the first of them. */
static bool merge_into_first(struct fail_session *s, size_t i)
{
	for (size_t first = 1; first < i; first++)
		if (s->all[first].harm && same_place(&s->all[first], &s->all[i])) {
			s->all[first].times++;
			s->all[first].last = (unsigned long)s->all[i].number;
			return true;
		}
	return false;
}

static int tell_all(struct fail_session *s)
{
	unsigned long count[NR_HARMS] = { 0 }, tried = 0, places = 0, skipped = 0;
	struct decode_record **stacks = tool_alloc((s->nr + 1) * sizeof(struct decode_record *));
	struct failing **shown = tool_alloc((s->nr + 1) * sizeof(struct failing *));

	for (size_t i = 1; i < s->nr; i++) {
		struct failing *f = &s->all[i];

		skipped += f->skipped;
		if (f->skipped || !f->ran)
			continue;
		tried++;
		count[f->harm]++;
		if (f->harm && !merge_into_first(s, i)) {
			shown[places] = f;
			stacks[places++] = stack_record(f);
		}
	}
	kernel_symbolize(stacks, places, &s->own.built, s->own.folders, s->own.nr_folders);
	for (size_t i = 0; i < places; i++) {
		if (s->o->format == KERNEL_JSON)
			print_place_json(shown[i], stacks[i]);
		else
			print_place(shown[i], stacks[i]);
		decode_record_free(stacks[i]);
	}
	if (s->o->format == KERNEL_JSON)
		printf("{\"schema\":\"memsan-kernel-fail/1\",\"failed\":%lu,\"crash\":%lu,\"corrupt\":%lu,\"leak\":%lu,"
		       "\"hang\":%lu,\"places\":%lu,\"not_tried\":%lu}\n",
		       tried, count[CRASHES], count[CORRUPTS], count[LEAKS], count[HANGS], places, skipped);
	else
		printf("%lu allocations failed one by one: %lu crash, %lu corrupt memory, %lu leak, %lu hang (%lu "
		       "places)\n",
		       tried, count[CRASHES], count[CORRUPTS], count[LEAKS], count[HANGS], places);
	fflush(stdout);
	if (skipped)
		tool_say("%lu more come from a place whose failure ended a guest, and were not tried", skipped);
	if (s->nr_known)
		tool_say("%zu report%s without any failure (the same command without --fail-each shows them)",
		         s->nr_known, s->nr_known == 1 ? "" : "s");
	tool_say("%u guest%s; kernel %s; %.1f s", s->guests, s->guests == 1 ? "" : "s", s->own.built.release,
	         s->seconds);
	free(stacks);
	free(shown);
	return places ? 1 : 0;
}

/* ---- all guests ------------------------------------------------------------------------------ */

static size_t nr_settled(const struct fail_session *s)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr; i++)
		nr += s->all[i].settled;
	return nr;
}

/* Boots a guest, and reads what it did.  Returns the exit status at which all ends, -1: it goes on. */
static int one_guest(struct fail_session *s, const char *initrd)
{
	struct kernel_options limits = *s->o;
	size_t before = nr_settled(s);
	struct guest g = { .pid = -1 };
	int status = -1;
	char *name;

	limits.timeout = 0;
	if (!kernel_own_archive(&s->own, s->o, initrd, write_plan, s) ||
	    !guest_start(&g, &limits, &s->own.built, initrd, false)) {
		guest_free(&g);
		return EXIT_USAGE;
	}
	/* each step has its own limit in the guest, unless the kernel itself hangs */
	g.silence_limit = 60 + 3 * step_limit(s->o);
	guest_watch(&g, 1);
	s->guests++;
	s->seconds += g.ended - g.started;
	name = tool_format("console-%u.log", s->guests);
	kernel_keep_log(s->o, name, g.log);
	free(name);
	if (kernel_signal) {
		guest_free(&g);
		return EXIT_USAGE;
	}
	read_guest(s, &g);
	if (before == 0 && s->nr && s->all[0].ran && !s->all[0].fatal &&
	    kernel_own_complaints(&g, "memsan: failing 0 ended")) {
		status = EXIT_USAGE;
	} else if (s->nr && s->all[0].fatal) {
		tool_say("the module %s without any failure; the same command without --fail-each shows it",
		         harm_text[s->all[0].harm ? s->all[0].harm : CRASHES]);
		status = 1;
	} else if (nr_settled(s) == before) {
		tool_say("the guest %s", guest_end_text(g.end));
		status = g.end == GUEST_PANIC || g.end == GUEST_DIED ? 1 : 124;
	}
	guest_free(&g);
	return status;
}

int kernel_run_fail_each(const struct kernel_options *o)
{
	struct fail_session s = { .o = o };
	int status = EXIT_USAGE;
	char *initrd;

	if (kernel_own_prepare(&s.own, o) && (s.own.fail_dir = kernel_get_fail(&s.own.built)) != NULL) {
		initrd = tool_format("%s/initrd.cpio", kernel_work_dir());
		for (status = -1; status < 0 && first_left(&s) >= 0 && !kernel_signal;) {
			if (s.guests == GUESTS_MAX)
				break;
			if (s.guests)
				tool_say("%zu allocations tried so far; the next guest", nr_settled(&s) - 1);
			status = one_guest(&s, initrd);
		}
		free(initrd);
		if (!kernel_signal && status < 0 && !s.calls)
			tool_say("the module calls nothing that allocates");
		if (!kernel_signal && status < 0)
			status = tell_all(&s);
	}
	for (size_t i = 0; i < s.nr; i++)
		failing_clear(&s.all[i]);
	free(s.all);
	kernel_own_free(&s.own);
	kernel_work_remove(o);
	return kernel_signal ? kernel_interrupted() : tool_finish_output(status);
}
