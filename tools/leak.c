/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/leak.c - memsan leak: what can nothing reach any more, in a process that scans itself, or is only looked at, or in a core file.
 *
 * A process that is asked scans a copy of itself and leaves the result in its memory, where it is read from; the reports are made here.  Else
 * the engine and the roots' rules are those of the library (leak/); here the memory is read through an image, and the reports are
 * symbolized at once.
 *
 * A process that runs on changes while it is read.  So two scans are made, and an object counts only when both found it lost, the same
 * object at the same place (kmemleak's rule).  What only a register of a running thread holds is not seen.
 */
#include "config.h"

#include "tools/tools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "leak/leak.h"
#include "reports/reports.h"

#define SHADOW_OFFSET 0x7fff8000u   /* shadow/: the heap's shadow holds no pointers */
#define RED_ZONE 128
#define PTHREAD_WORDS 320
#define PAGEMAP_AT_ONCE 4096u
#define SCAN_PAUSE_MS 300

struct hole { uint64_t start, end; };
struct leak_job {
	struct image image;
	struct image_choice choice;
	unsigned classes;
	enum option_format format;
	const char *suppressions;
	struct hole *holes;
	size_t nr_holes;
	uint64_t *lost;            /* of the first scan, sorted */
	size_t nr_lost, room;
	bool first, external;
	struct ask_request ask;
	struct leak_grouper grouper;
};

/* ---- what is no root ------------------------------------------------------------------------------------------------------- */

static void add_hole(struct leak_job *j, uint64_t start, uint64_t end)
{
	struct hole *grown = start < end ? realloc(j->holes, (j->nr_holes + 1) * sizeof(*grown)) : NULL;

	if (!grown)
		return;
	j->holes = grown;
	grown[j->nr_holes++] = (struct hole){ start, end };
}

static int compare_hole(const void *a, const void *b)
{
	const struct hole *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void holes_reserves(struct leak_job *j)
{
	const struct lib_root *r = &j->image.heap.root.lib;

	for (uint64_t i = 0; i < r->nr_reserves && i < 4096; i++) {
		uint64_t pair[2];
		if (!view_read(&j->image.view, pair, r->reserves + i * sizeof(pair), sizeof(pair)) || !pair[1] || pair[1] == UINT64_MAX)
			continue;
		add_hole(j, pair[0], pair[0] + pair[1]);
		if (pair[0] == j->image.heap.base)
			add_hole(j, (pair[0] >> 3) + SHADOW_OFFSET, ((pair[0] + pair[1]) >> 3) + SHADOW_OFFSET);
	}
}

/* The mappings of libmemsan.so and its bss behind them; in a static program nothing. */
static void holes_library(struct leak_job *j)
{
	const struct image *im = &j->image;

	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *m = &im->mappings[i];
		const char *base = m->path ? strrchr(m->path, '/') : NULL;
		if (!base || strncmp(base, "/libmemsan.so", 13) != 0)
			continue;
		add_hole(j, m->start, m->end);
		if (i + 1 < im->nr_mappings && !m[1].path && m[1].start == m->end && im->root - m[1].start < m[1].end - m[1].start)
			add_hole(j, m[1].start, m[1].end);
	}
}

/* As in leak/roots.c: the stack's address, size and guard size are neighbouring words of struct pthread. */
static void hole_stack(struct leak_job *j, const struct image_thread *t)
{
	uint64_t w[PTHREAD_WORDS];
	size_t n = t->tp ? j->image.view.read(&j->image.view, w, t->tp, sizeof(w)) / 8 : 0;

	for (size_t i = 0; i + 2 < n; i++)
		if (w[i] && (w[i] | w[i + 1]) % PAGE_SIZE == 0 && w[i + 1] < (uint64_t)1 << 40 && w[i] < t->tp && w[i] + w[i + 1] > t->tp &&
		    w[i] + w[i + 1] - t->tp < (uint64_t)64 << 20 && w[i + 2] < t->tp - w[i]) {
			if (t->sp > w[i] && t->sp < w[i] + w[i + 1])
				add_hole(j, w[i], t->sp - RED_ZONE);
			return;
		}
}

static void find_holes(struct leak_job *j)
{
	const struct image *im = &j->image;

	j->nr_holes = 0;
	holes_reserves(j);
	holes_library(j);
	for (size_t i = 0; i < im->nr_threads; i++) {
		hole_stack(j, &im->threads[i]);
		for (size_t k = 0; k < im->nr_mappings; k++)
			if (im->mappings[k].main_stack && im->threads[i].sp - im->mappings[k].start < im->mappings[k].end - im->mappings[k].start)
				add_hole(j, im->mappings[k].start, im->threads[i].sp - RED_ZONE);
	}
	qsort(j->holes, j->nr_holes, sizeof(j->holes[0]), compare_hole);
}

/* ---- roots --------------------------------------------------------------------------------------------------------------------- */

/* Of a process only pages that were written. */
static void scan_present(struct leak_job *j, struct leak_scan *s, uint64_t start, uint64_t end)
{
	static uint64_t entries[PAGEMAP_AT_ONCE];
	uint64_t page = ALIGN_DOWN(start, PAGE_SIZE);

	if (j->image.pagemap_fd < 0) {
		leak_scan_root(s, start, end - start);
		return;
	}
	while (page < end) {
		size_t n = MIN((size_t)PAGEMAP_AT_ONCE, (size_t)((end - page + PAGE_SIZE - 1) / PAGE_SIZE)), k;
		ssize_t got = pread(j->image.pagemap_fd, entries, n * 8, (off_t)(page / PAGE_SIZE * 8));
		if (got < 8)
			return;
		n = (size_t)got / 8;
		for (size_t i = 0; i < n; i = k) {
			for (k = i; k < n && entries[k] >> 62 && !(entries[k] >> 61 & 1); k++)
				;
			uint64_t from = MAX(page + i * PAGE_SIZE, start), to = MIN(page + k * PAGE_SIZE, end);
			if (from < to)
				leak_scan_root(s, from, to - from);
			k += k == i;
		}
		page += n * PAGE_SIZE;
	}
}

static void scan_mapping(struct leak_job *j, struct leak_scan *s, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < j->nr_holes && start < end; i++) {
		const struct hole *h = &j->holes[i];
		if (h->end <= start)
			continue;
		if (h->start >= end)
			break;
		if (h->start > start)
			scan_present(j, s, start, h->start);
		start = MAX(start, h->end);
	}
	if (start < end)
		scan_present(j, s, start, end);
}

static void scan_roots(struct leak_job *j, struct leak_scan *s)
{
	const struct image *im = &j->image;

	find_holes(j);
	for (size_t i = 0; i < im->nr_threads; i++)
		leak_scan_words(s, im->threads[i].regs, im->threads[i].nr_regs);
	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *m = &im->mappings[i];
		if (m->root)
			scan_mapping(j, s, m->start, m->file_offset || !im->file ? m->end : m->start + m->in_file);
	}
}

/* ---- scans ---------------------------------------------------------------------------------------------------------------------- */

static int compare_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void visit(void *ctx, uint64_t addr, enum leak_class class)
{
	struct leak_job *j = ctx;

	if (!j->first) {
		if (j->nr_lost && !bsearch(&addr, j->lost, j->nr_lost, sizeof(addr), compare_address) && !j->image.file)
			return;
		leak_group_visit(&j->grouper, addr, class);
		return;
	}
	if (j->nr_lost == j->room) {
		j->room = j->room ? j->room * 2 : 1024;
		uint64_t *grown = realloc(j->lost, j->room * sizeof(*grown));
		if (!grown) {
			tool_say("out of memory");
			exit(EXIT_USAGE);
		}
		j->lost = grown;
	}
	j->lost[j->nr_lost++] = addr;
}

static const char *scan_once(struct leak_job *j, struct leak_scan_stats *stats)
{
	const char *why = image_open(&j->image, j->choice.pid, j->choice.core);
	struct leak_scan *s = why ? NULL : leak_scan_create(&j->image.view, j->image.root, &why);

	if (!s)
		return why;
	scan_roots(j, s);
	j->grouper.heap = &j->image.heap;
	leak_scan_finish(s, j->classes | 1u << LEAK_DIRECT | 1u << LEAK_INDIRECT, visit, j);
	leak_scan_get_stats(s, stats);
	leak_scan_destroy(s);
	return NULL;
}

/* The process itself does it. */
static const char *scan_by_asking(struct leak_job *j)
{
	struct ask_request r = { .command = LEAK_COMMAND_LOOK, .classes = j->classes };
	struct leak_control answer;
	const char *why = image_open(&j->image, j->choice.pid, j->choice.core);

	if (!why)
		why = ask_process(&j->image, &r, &answer);
	if (why)
		return why;
	if (!view_read(&j->image.view, j->grouper.groups, answer.result, sizeof(struct leak_groups)) ||
	    j->grouper.groups->nr > LEAK_GROUPS_MAX)
		return "the result cannot be read";
	/* Modules that came since the image was made are in the result's stacks. */
	why = image_open(&j->image, j->choice.pid, j->choice.core);
	tool_say("the process stood still for %.1f ms", (double)answer.pause_us / 1000);
	if (answer.nr_silent)
		tool_say("%u of %u threads did not stop; their stacks were scanned as a whole", answer.nr_silent, answer.nr_threads);
	return why;
}

static bool scan(struct leak_job *j)
{
	struct leak_scan_stats stats;
	const char *why = NULL;

	j->grouper.groups = calloc(1, sizeof(struct leak_groups));
	if (!j->grouper.groups) {
		tool_say("out of memory");
		return false;
	}
	if (!j->choice.core && !j->external) {
		why = scan_by_asking(j);
		if (why)
			tool_say("%s", why);
		return !why;
	}
	if (!j->choice.core) {
		struct timespec pause = { 0, SCAN_PAUSE_MS * 1000000L };
		j->first = true;
		why = scan_once(j, &stats);
		qsort(j->lost, j->nr_lost, sizeof(j->lost[0]), compare_address);
		j->first = false;
		if (!why && !j->nr_lost)
			return true;
		if (!why)
			nanosleep(&pause, NULL);
	}
	if (!why)
		why = scan_once(j, &stats);
	if (why)
		tool_say("%s", why);
	else
		leak_groups_sort(j->grouper.groups);
	return !why;
}

/* ---- reports ---------------------------------------------------------------------------------------------------------------------- */

static uint32_t put_string(struct report_record *r, const char *s)
{
	uint32_t at = r->strings_len;
	size_t len = strlen(s) + 1;

	if (len == 1 || len > REPORT_STRINGS - 1 - at)
		return 0;
	memcpy(r->strings + at, s, len);
	r->strings_len += (uint32_t)len;
	return at;
}

static uint16_t put_module(struct report_record *r, const struct image_module *m)
{
	if (!m)
		return REPORT_NO_MODULE;
	for (uint32_t i = 0; i < r->nr_modules; i++)
		if (r->modules[i].start == m->start)
			return (uint16_t)i;
	if (r->nr_modules == REPORT_MODULES)
		return REPORT_NO_MODULE;
	struct report_module *to = &r->modules[r->nr_modules];
	*to = (struct report_module){ .start = m->start, .end = m->end, .bias = m->bias, .build_id_len = m->build_id_len };
	memcpy(to->build_id, m->build_id, sizeof(to->build_id));
	to->path = put_string(r, m->path);
	return (uint16_t)r->nr_modules++;
}

static void put_stack(struct report_record *r, const struct image *im, const struct leak_group *g)
{
	static uint64_t pcs[REPORT_FRAMES + 1];
	struct report_stack *s = &r->stacks[r->nr_stacks++];
	size_t n = image_stack(im, g->stack, pcs, REPORT_FRAMES + 1);
	int tid;

	s->role = STACK_ALLOC;
	s->age_ms = REPORT_AGE_UNKNOWN;
	if (image_thread_name(im, g->thread, &tid, s->thread_name))
		s->tid = (uint32_t)tid;
	s->truncated = n > REPORT_FRAMES;
	s->nr_frames = (uint32_t)MIN(n, (size_t)REPORT_FRAMES);
	for (uint32_t i = 0; i < s->nr_frames; i++) {
		s->frames[i].pc = pcs[i];
		s->frames[i].module = put_module(r, image_module_at(im, pcs[i] - 1));
	}
}

static void fill_record(struct report_record *r, const struct leak_job *j, const struct leak_group *g, uint32_t sequence)
{
	memset(r, 0, sizeof(*r));
	r->magic = REPORT_MAGIC;
	r->version = REPORT_VERSION;
	r->size = sizeof(*r);
	r->sequence = sequence;
	r->kind = REPORT_UNREFERENCED;
	r->strings_len = 1;
	r->component = put_string(r, "leak");
	r->pid = (uint32_t)j->image.pid;
	r->tid = r->pid;
	r->comm = put_string(r, j->image.comm);
	r->leak_class = put_string(r, leak_class_name(g->class));
	r->leak_count = g->count;
	r->leak_bytes = g->bytes;
	r->leak_held_count = g->held_count;
	r->leak_held_bytes = g->held_bytes;
	r->addr = r->obj_addr = r->memory_addr = r->memory_mark = g->addr;
	r->obj_size = g->size;
	r->is_write = 3;
	r->have_object = 1;
	r->obj_cache = put_string(r, g->cache);
	r->memory_len = MIN(g->dump_len, (uint32_t)LEAK_DUMP);
	memcpy(r->memory, g->dump, r->memory_len);
	memset(r->memory_valid, 0xff, sizeof(r->memory_valid));
	put_stack(r, &j->image, g);
}

static void say_line(void *ctx, const char *line)
{
	(void)ctx;
	tool_say("%s", line);
}

static struct suppressions *read_suppressions(const char *path)
{
	struct suppressions *s = suppressions_create();
	char *text = tool_alloc(HELPER_RULES_MAX + 1);
	FILE *f = fopen(path, "r");

	if (!f || !s) {
		tool_say("%s cannot be read: %s", path, strerror(errno));
		exit(EXIT_USAGE);
	}
	text[fread(text, 1, HELPER_RULES_MAX, f)] = 0;
	fclose(f);
	suppressions_add(s, text, say_line, NULL);
	free(text);
	return s;
}

struct printed { uint32_t places, suppressed; };

static void print_group(struct leak_job *j, struct symbolizer *sym, struct suppressions *rules, const struct leak_group *g,
                        struct printed *p)
{
	static struct report_record record;
	static char text[REPORT_TEXT_MAX];
	struct report_symbols symbols;

	fill_record(&record, j, g, p->places + 1);
	if (!symbolizer_attach(sym, &record, &symbols))
		return;
	if (rules && suppressions_match(rules, &record, &symbols)) {
		p->suppressed++;
		return;
	}
	p->places++;
	if (j->format == FORMAT_JSON)
		report_render_json(&record, &symbols, text, sizeof(text));
	else
		report_render_text(&record, &symbols, text, sizeof(text));
	fputs(text, stdout);
}

static int report(struct leak_job *j)
{
	const struct leak_groups *g = j->grouper.groups;
	struct suppressions *rules = j->suppressions ? read_suppressions(j->suppressions) : NULL;
	struct symbolizer *sym = symbolizer_create(0);
	struct printed p = { 0, 0 };

	for (uint32_t i = 0; sym && i < g->nr; i++)
		if (j->classes >> g->groups[g->order[i]].class & 1)
			print_group(j, sym, rules, &g->groups[g->order[i]], &p);
	if (rules)
		suppressions_summary(rules, say_line, NULL);
	if (j->image.missing)
		tool_say("%" PRIu64 " bytes are missing from the core file: what only they point to is called lost", j->image.missing);
	tool_say("%" PRIu64 " bytes in %" PRIu64 " objects lost, %" PRIu64 " in %" PRIu64 " held by them, %" PRIu64 " in %" PRIu64
	         " possibly; %u places reported, %u suppressed",
	         g->bytes[LEAK_DIRECT], g->counts[LEAK_DIRECT], g->bytes[LEAK_INDIRECT], g->counts[LEAK_INDIRECT], g->bytes[LEAK_POSSIBLE],
	         g->counts[LEAK_POSSIBLE], p.places, p.suppressed);
	return tool_finish_output(p.places ? 1 : 0);
}

/* ---- the command ---------------------------------------------------------------------------------------------------------------------- */

static bool take_option(struct leak_job *j, const char *arg)
{
	const char *bad;

	if (strcmp(arg, "--external") == 0)
		j->external = true;
	else if (strncmp(arg, "--command=", 10) == 0)
		return ask_parse(arg + 10, &j->ask);
	else if (strncmp(arg, "--show=", 7) == 0)
		return leak_parse_classes(arg + 7, &j->classes, &bad);
	else if (strncmp(arg, "--suppressions=", 15) == 0)
		j->suppressions = arg + 15;
	else if (strcmp(arg, "--format=json") == 0)
		j->format = FORMAT_JSON;
	else if (strcmp(arg, "--format=text") == 0)
		j->format = FORMAT_TEXT;
	else
		return false;
	return true;
}

static int command(struct leak_job *j)
{
	if (j->choice.core || (j->external && !j->ask.dump))
		return tool_usage_error("leak", "a command is for a process that can answer");
	if (!image_open_choice(&j->image, &j->choice))
		return EXIT_USAGE;
	if (!j->ask.dump)
		return ask_command(&j->image, &j->ask);
	describe_address(&j->image, j->ask.argument);
	return tool_finish_output(0);
}

static int leak_main(int argc, char **argv)
{
	static struct leak_job job = { .classes = 1u << LEAK_DIRECT };
	int status = image_arguments("leak", &argc, argv, &job.choice);

	if (status)
		return status;
	for (int i = 1; i < argc; i++)
		if (!take_option(&job, argv[i]))
			return tool_usage_error("leak", "'%s' is not understood", argv[i]);
	if (job.ask.command || job.ask.dump)
		return command(&job);
	job.classes |= job.classes & 1u << LEAK_POSSIBLE;
	return scan(&job) ? report(&job) : EXIT_USAGE;
}

const struct tool_command command_leak = {
	.name = "leak",
	.summary = "what can nothing reach any more, in a process or a core file?",
	.help = "Usage: memsan leak --pid PID [OPTIONS]\n"
	        "       memsan leak --pid PID --command=COMMAND\n"
	        "       memsan leak --pid PID --external [OPTIONS]\n"
	        "       memsan leak --core FILE [OPTIONS]\n"
	        "\n"
	        "Looks for allocated memory that nothing points to any more, in a process that runs\n"
	        "with memsan or in the core file of one. A process scans a copy of itself and goes on;\n"
	        "with --external (a hung process) it is only read, and what both of two scans found\n"
	        "lost is reported.\n"
	        "\n"
	        "  --pid PID            a running process\n"
	        "  --command=COMMAND    scan         once, by kmemleak's rules; it reports by itself\n"
	        "                       scan=on|off|SECS  so every 600 s, no more, every SECS s\n"
	        "                       clear        what is lost by now is not reported any more\n"
	        "                       dump=ADDR    which object is at this address?\n"
	        "                       stack=on|off are stacks scanned?\n"
	        "  --external           read it from outside, through /proc/PID/mem\n"
	        "  --core FILE          a core file; it may be cut off\n"
	        "  --show=CLASSES       direct, indirect, possible, reachable, all; several with\n"
	        "                       commas (default: direct)\n"
	        "  --suppressions=FILE  rules in LeakSanitizer's or Valgrind's form\n"
	        "  --format=text|json   kmemleak's blocks, or a JSON object a line\n"
	        "  -h, --help           show this help\n"
	        "\n"
	        "To search at the end of a program: memsan run -o leak=on ./prog\n"
	        "\n"
	        "Exit status: 0 nothing was lost, 1 something was, 2 it could not be looked at.\n",
	.main = leak_main,
};
