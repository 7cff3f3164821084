/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/views.c - memsan slabinfo, slabtop, buddyinfo, vmallocinfo, alloc_traces, free_traces: show the heap of a
 * process or core file in the kernel's formats. */
#include "config.h"

#include "decode/decode.h"
#include "reports/reports.h"
#include "tools/image/image.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRACES_MAX ((size_t)1 << 16)

struct shown {
	struct image im;
	struct symbolizer *sym;
	struct slab_show show;
};

/* ---- lines, or JSON -------------------------------------------------------------------------- */

static bool as_json;          /* --format=json: an object for each line of the table */
static bool in_trace;         /* the object of a trace is open */
static unsigned trace_frames; /* of it */

static void json_name(const char *key, const char *text, size_t len)
{
	char *copy = strndup(text, len);

	printf("\"%s\":", key);
	decode_json_string(stdout, copy);
	free(copy);
}

/* "malloc-16  0 0 32 511 4 : tunables 0 0 0 : slabdata 0 0 0" */
static bool json_slabinfo(const char *text)
{
	static const char *const keys[] = { "active_objs",  "num_objs",  "objsize",    "objperslab",
		                            "pagesperslab", NULL,        NULL,         NULL,
		                            "active_slabs", "num_slabs", "sharedavail" };
	const char *numbers = strstr(text, " : tunables "), *p = text + strcspn(text, " ");
	char *end;

	if (!numbers)
		return false;
	putchar('{');
	json_name("name", text, (size_t)(p - text));
	for (size_t i = 0; i < ARRAY_SIZE(keys) && *p; i++, p = end) {
		unsigned long long n;

		p += strcspn(p, "0123456789");
		n = strtoull(p, &end, 10);
		if (keys[i])
			printf(",\"%s\":%llu", keys[i], n);
	}
	puts("}");
	return true;
}

/* "Node 0, zone    Arena      0      1 …": free runs of each order. */
static bool json_buddyinfo(const char *text)
{
	const char *zone = strstr(text, ", zone "), *p;
	const char *comma = "";
	char *end;

	if (!zone)
		return false;
	zone += 7 + strspn(zone + 7, " ");
	putchar('{');
	json_name("zone", zone, strcspn(zone, " "));
	fputs(",\"free\":[", stdout);
	for (p = zone + strcspn(zone, " "); p += strspn(p, " "), *p >= '0' && *p <= '9'; p = end, comma = ",")
		printf("%s%llu", comma, strtoull(p, &end, 10));
	puts("]}");
	return true;
}

/* "0x7e9b-0x7e9c  311296 main+0x2f/0x3f [w] pages=74 size=300000 malloc" */
static bool json_vmallocinfo(const char *text)
{
	char start[24], end[24];
	unsigned long long size;
	const char *pages = strstr(text, " pages="), *asked = strstr(text, " size=");
	int at = 0;

	if (sscanf(text, "%20[0-9a-fx]-%20[0-9a-fx] %llu %n", start, end, &size, &at) != 3 || !at)
		return false;
	printf("{\"start\":\"0x%llx\",\"end\":\"0x%llx\",\"bytes\":%llu,", strtoull(start, NULL, 16),
	       strtoull(end, NULL, 16), size);
	json_name("caller", text + at, pages ? (size_t)(pages - text - at) : strlen(text + at));
	if (pages)
		printf(",\"pages\":%llu", strtoull(pages + 7, NULL, 10));
	if (asked)
		printf(",\"size\":%llu", strtoull(asked + 6, NULL, 10));
	puts("}");
	return true;
}

static void json_trace_end(void)
{
	if (in_trace)
		puts("]}");
	in_trace = false;
}

/* "     10 main+0x1b/0x3f [w] bytes=1000 age=…", then its frames, each behind eight blanks. */
static void json_trace(const char *text)
{
	const char *p = text + strspn(text, " "), *bytes;
	char *end;
	unsigned long long n = strtoull(p, &end, 10);

	if (end == p || *end != ' ') {
		if (in_trace && *p) {
			fputs(trace_frames++ ? "," : "", stdout);
			decode_json_string(stdout, p);
		}
		return;
	}
	json_trace_end();
	bytes = strstr(end, " bytes=");
	printf("{\"objects\":%llu,", n);
	json_name("place", end + 1, bytes ? (size_t)(bytes - end - 1) : strlen(end + 1));
	if (bytes)
		printf(",\"bytes\":%llu", strtoull(bytes + 7, NULL, 10));
	fputs(",\"frames\":[", stdout);
	in_trace = true;
	trace_frames = 0;
}

static void put_line(void *ctx, const char *text)
{
	(void)ctx;
	if (!as_json)
		puts(text);
	else if (*text != '#' && strncmp(text, "slabinfo - ", 11) != 0 && !json_slabinfo(text) &&
	         !json_buddyinfo(text) && !json_vmallocinfo(text))
		json_trace(text);
}

static size_t get_stack(void *ctx, uint32_t handle, uint64_t *pcs, size_t max)
{
	struct shown *s = ctx;

	return image_stack(&s->im, handle, pcs, max);
}

static uint32_t get_tid(void *ctx, uint32_t thread)
{
	struct shown *s = ctx;
	char name[THREAD_NAME_MAX];
	int tid;

	return image_thread_name(&s->im, thread, &tid, name) ? (uint32_t)tid : 0;
}

static void put_place(void *ctx, uint64_t pc, struct fmt_buf *b)
{
	struct shown *s = ctx;
	const struct image_module *m = image_module_at(&s->im, pc - 1);
	const struct report_symbol *found;
	const char *base;
	size_t n = 0;

	if (!m) {
		fmt_printf(b, "0x%llx", (unsigned long long)pc);
		return;
	}
	base = path_base(m->path);
	found = s->sym ? symbolizer_lookup(s->sym, symbolizer_module(s->sym, m->path, m->build_id, m->build_id_len),
	                                   pc - m->bias - 1, &n)
	               : NULL;
	if (!n || !found[n - 1].function) {
		fmt_printf(b, "%.200s+0x%llx", base, (unsigned long long)(pc - m->bias));
		return;
	}
	fmt_printf(b, "%.200s+0x%llx/0x%llx [%.100s]", found[n - 1].function,
	           (unsigned long long)found[n - 1].offset + 1, (unsigned long long)found[n - 1].size, base);
}

/* The jiffies of a process.  For a core file 0, which stands for the time of the newest track: else every age would
 * be 0. */
static uint64_t jiffies_of(const struct shown *s, bool core)
{
	struct timespec t;
	uint64_t start = 0;

	if (core || !view_read(&s->im.view, &start, s->im.heap.directory.lib.jiffies_start, sizeof(start)) || !start)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 - start) / (1000 / JIFFIES_HZ);
}

static bool open_shown(struct shown *s, const struct image_choice *choice)
{
	if (!image_open_choice(&s->im, choice))
		return false;
	as_json = choice->json;
	s->sym = symbolizer_create(0);
	s->show = (struct slab_show){
		.view = &s->im.heap, .line = put_line, .stack = get_stack, .place = put_place, .tid = get_tid, .ctx = s
	};
	s->show.now = jiffies_of(s, choice->core != NULL);
	return true;
}

/* ---- buddyinfo, vmallocinfo ------------------------------------------------------------------ */

static struct shown shown; /* static, because it has some tens of kilobytes */

static int simple_main(struct arguments *a, void (*fn)(const struct slab_show *s))
{
	struct image_choice choice = { .pid = 0 };
	int option, status = 0;

	while (!status && (option = arguments_next(a)) != -1)
		status = image_option(a, option, &choice);
	if (!status)
		status = image_chosen(a, &choice, true);
	if (status)
		return status;
	if (!open_shown(&shown, &choice))
		return EXIT_USAGE;
	fn(&shown.show);
	return tool_finish_output(0);
}

static int buddyinfo_main(int argc, char **argv)
{
	return simple_main(&(struct arguments){ .command = &command_buddyinfo, .argc = argc, .argv = argv },
	                   slab_show_buddyinfo);
}

static int vmallocinfo_main(int argc, char **argv)
{
	return simple_main(&(struct arguments){ .command = &command_vmallocinfo, .argc = argc, .argv = argv },
	                   slab_show_vmallocinfo);
}

/* ---- alloc_traces, free_traces --------------------------------------------------------------- */

/* Finds the newest time in a core file's tracks, from which ages count. */
static void newest(void *ctx, const struct slab_view_run *r)
{
	struct shown *s = ctx;
	const struct slab_view_cache *c = &s->im.heap.caches[r->cache];
	uint64_t at = r->cache ? s->im.heap.base + ((uint64_t)r->page << PAGE_SHIFT) + c->offset : r->addr;
	struct slab_object obj;

	for (uint32_t i = 0; i < (r->cache ? c->nr_objects : 1); i++, at += c->slot_size)
		if (slab_view_object(&s->im.heap, at, &obj) && obj.tracked && obj.when > s->show.now)
			s->show.now = obj.when;
}

/* Objects of no bytes and fenced ones always have stacks, and the program's own caches have what it asked for. */
static bool malloc_is_tracked(const struct slab_view *v)
{
	for (uint32_t i = 1; i < v->nr_caches; i++) {
		const struct slab_view_cache *c = &v->caches[i];

		if (c->flags & SLAB_F_TRACK && strncmp(c->name, "malloc-", 7) == 0 && c->name[7] != '0')
			return true;
	}
	return false;
}

static int traces_main(struct arguments *a, bool freed)
{
	struct image_choice choice = { .pid = 0 };
	int option, status = 0;
	struct slab_show_trace *table;
	size_t n = 0;

	while (!status && (option = arguments_next(a)) != -1)
		status = image_option(a, option, &choice);
	if (!status)
		status = image_chosen(a, &choice, false);
	if (status)
		return status;
	if (!open_shown(&shown, &choice))
		return EXIT_USAGE;
	if (choice.core)
		slab_view_runs(&shown.im.heap, newest, &shown);
	table = tool_alloc(TRACES_MAX * sizeof(*table));
	if (!a->nr)
		n = slab_show_traces(&shown.show, NULL, freed, table, TRACES_MAX);
	for (size_t i = 0; i < a->nr; i++)
		n += slab_show_traces(&shown.show, a->operands[i], freed, table, TRACES_MAX);
	free(table);
	json_trace_end();
	if (!n && !as_json)
		puts("No data");
	if (!n && !malloc_is_tracked(&shown.im.heap))
		tool_say("no stacks are recorded here: " REPORT_NEXT_TRACKING);
	return tool_finish_output(0);
}

static int alloc_traces_main(int argc, char **argv)
{
	return traces_main(&(struct arguments){ .command = &command_alloc_traces, .argc = argc, .argv = argv }, false);
}

static int free_traces_main(int argc, char **argv)
{
	return traces_main(&(struct arguments){ .command = &command_free_traces, .argc = argc, .argv = argv }, true);
}

/* ---- slabtop --------------------------------------------------------------------------------- */

#define SORT_LETTERS "abclnopsuv"
struct top_row {
	const struct slab_view_cache *cache;
	struct slab_show_cache n;
	uint64_t bytes;
};
struct top {
	char sort;
	double delay;
	bool once;
};

static char sort_key; /* for qsort's comparison */

static uint64_t row_value(const struct top_row *r)
{
	switch (sort_key) {
	case 'a':
		return r->n.active;
	case 'b':
		return r->cache->nr_objects;
	case 'c':
		return r->bytes;
	case 'l':
		return r->n.slabs;
	case 'v':
		return r->n.active_slabs;
	case 'p':
		return r->cache->nr_pages;
	case 's':
		return r->cache->slot_size;
	case 'u':
		return r->n.objects ? r->n.active * 100 / r->n.objects : 0;
	default:
		return r->n.objects;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (sort_key == 'n')
		return strcmp(x->cache->name, y->cache->name);
	return row_value(x) < row_value(y) ? 1 : row_value(x) > row_value(y) ? -1 : 0;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* Prints totals as slabtop(1) does at its top. */
static void print_totals(FILE *f, const struct top_row *rows, size_t n)
{
	uint64_t active = 0, objects = 0, active_slabs = 0, slabs = 0, active_caches = 0, active_bytes = 0, bytes = 0,
		 low = UINT64_MAX, high = 0;

	for (size_t i = 0; i < n; i++) {
		const struct top_row *r = &rows[i];
		active += r->n.active;
		objects += r->n.objects;
		active_slabs += r->n.active_slabs;
		slabs += r->n.slabs;
		active_caches += r->n.active != 0;
		active_bytes += r->n.active * r->cache->slot_size;
		bytes += r->bytes;
		low = r->cache->slot_size < low ? r->cache->slot_size : low;
		high = r->cache->slot_size > high ? r->cache->slot_size : high;
	}
	fprintf(f, " Active / Total Objects (%% used)    : %" PRIu64 " / %" PRIu64 " (%.1f%%)\n", active, objects,
	        percent(active, objects));
	fprintf(f, " Active / Total Slabs (%% used)      : %" PRIu64 " / %" PRIu64 " (%.1f%%)\n", active_slabs, slabs,
	        percent(active_slabs, slabs));
	fprintf(f, " Active / Total Caches (%% used)     : %" PRIu64 " / %zu (%.1f%%)\n", active_caches, n,
	        percent(active_caches, n));
	fprintf(f, " Active / Total Size (%% used)       : %.2fK / %.2fK (%.1f%%)\n", (double)active_bytes / 1024,
	        (double)bytes / 1024, percent(active_bytes, bytes));
	fprintf(f, " Minimum / Average / Maximum Object : %.2fK / %.2fK / %.2fK\n\n", (double)low / 1024,
	        objects ? (double)bytes / 1024 / (double)objects : 0, (double)high / 1024);
}

/* Collects the rows of all caches, sorted by `key`; key 0: not sorted. */
static size_t take_rows(const struct shown *s, char key, struct top_row rows[SLAB_VIEW_CACHES],
                        struct slab_show_cache *areas)
{
	static struct slab_show_cache counts[SLAB_VIEW_CACHES];
	size_t n = 0;

	slab_show_count(&s->show, counts);
	for (uint32_t i = 1; i < s->im.heap.nr_caches; i++)
		if (s->im.heap.caches[i].used)
			rows[n++] = (struct top_row){ &s->im.heap.caches[i], counts[i],
				                      counts[i].slabs *
				                              ((uint64_t)s->im.heap.caches[i].nr_pages << PAGE_SHIFT) };
	*areas = counts[0];
	sort_key = key;
	if (key)
		qsort(rows, n, sizeof(rows[0]), by_key);
	return n;
}

static void print_top(FILE *f, const struct shown *s, char key)
{
	static struct top_row rows[SLAB_VIEW_CACHES];
	struct slab_show_cache areas;
	size_t n = take_rows(s, key, rows, &areas);

	print_totals(f, rows, n);
	fprintf(f, "  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME\n");
	for (size_t i = 0; i < n; i++) {
		char name[256];
		struct fmt_buf b;

		fmt_init(&b, name, sizeof(name));
		fmt_printf(&b, "%s", rows[i].cache->name);
		fmt_clean(&b, 0);
		if (rows[i].n.slabs)
			fprintf(f, "%6" PRIu64 " %6" PRIu64 " %3.0f%% %7.2fK %6" PRIu64 " %8u %9" PRIu64 "K %s\n",
			        rows[i].n.objects, rows[i].n.active, percent(rows[i].n.active, rows[i].n.objects),
			        (double)rows[i].cache->slot_size / 1024, rows[i].n.slabs, rows[i].cache->nr_objects,
			        rows[i].bytes / 1024, name);
	}
}

static bool process_is_there(const struct image_choice *choice)
{
	return kill(choice->pid, 0) == 0 || errno == EPERM;
}

static void draw_top(char key)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	print_top(f, &shown, key);
	fclose(f);
	screen_draw(text);
	free(text);
}

/* Shows the caches again and again, until the process ends or the user quits.  The keys are slabtop(1)'s: a letter
 * sorts, q and Q quit, any other key draws again. */
static int top_loop(const struct image_choice *choice, struct top *top)
{
	int key = 0;

	screen_start();
	while (key != 'q' && key != 'Q' && key != SCREEN_END) {
		draw_top(top->sort);
		key = screen_key(top->delay);
		if (key > 0 && strchr(SORT_LETTERS, key))
			top->sort = (char)key;
		if (!process_is_there(choice) || slab_view_open(&shown.im.heap, &shown.im.view, shown.im.directory))
			break;
	}
	putchar('\n');
	screen_end();
	return tool_finish_output(0);
}

enum { OPT_SORT = 's', OPT_DELAY = 'd', OPT_ONCE = 'o' };
static const struct option view_options[] = { IMAGE_OPTIONS, IMAGE_FORMAT_OPTION, TOOL_OPTIONS_END };
static const struct option slabinfo_options[] = {
	IMAGE_OPTIONS,
	IMAGE_FORMAT_OPTION,
	{ "sort", required_argument, NULL, OPT_SORT },
	TOOL_OPTIONS_END,
};
static const struct option top_options[] = {
	IMAGE_OPTIONS,
	IMAGE_FORMAT_OPTION,
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "delay", required_argument, NULL, OPT_DELAY },
	{ "once", no_argument, NULL, OPT_ONCE },
	TOOL_OPTIONS_END,
};

/* EXIT_USAGE or 0. */
static int take_option(const struct arguments *a, int option, struct image_choice *choice, struct top *top)
{
	char *end;

	switch (option) {
	case OPT_DELAY:
		top->delay = strtod(a->value, &end);
		if (end == a->value || *end || !(top->delay > 0 && top->delay < 1e6))
			return tool_usage_error(a->command->name, "'%s' is not a number of seconds", a->value);
		return 0;
	case OPT_SORT:
		if (strlen(a->value) != 1 || !strchr(SORT_LETTERS, *a->value))
			return tool_usage_error(a->command->name, "'%s' is not a sort key", a->value);
		top->sort = *a->value;
		return 0;
	case OPT_ONCE:
		top->once = true;
		return 0;
	default:
		return image_option(a, option, choice);
	}
}

/* EXIT_USAGE or 0. */
static int top_arguments(struct arguments *a, struct image_choice *choice, struct top *top)
{
	int option, status = 0;

	while (!status && (option = arguments_next(a)) != -1)
		status = take_option(a, option, choice, top);
	return status ? status : image_chosen(a, choice, true);
}

static int slabinfo_main(int argc, char **argv)
{
	static struct top_row rows[SLAB_VIEW_CACHES];
	struct arguments a = { .command = &command_slabinfo, .argc = argc, .argv = argv };
	struct image_choice choice = { .pid = 0 };
	struct top top = { .sort = 0 };
	int status = top_arguments(&a, &choice, &top);
	struct slab_show_cache areas;
	size_t n;

	if (status)
		return status;
	if (!open_shown(&shown, &choice))
		return EXIT_USAGE;
	n = take_rows(&shown, top.sort, rows, &areas);
	slab_show_slabinfo_head(&shown.show);
	for (size_t i = 0; i < n; i++)
		slab_show_slabinfo_line(&shown.show, rows[i].cache, &rows[i].n);
	slab_show_slabinfo_areas(&shown.show, &areas);
	return tool_finish_output(0);
}

/* The keys that slabinfo has, too, mean the same there. */
static void json_top(const struct shown *s, char key)
{
	static struct top_row rows[SLAB_VIEW_CACHES];
	struct slab_show_cache areas;
	size_t n = take_rows(s, key, rows, &areas);

	for (size_t i = 0; i < n; i++) {
		const struct top_row *r = &rows[i];

		if (!r->n.slabs)
			continue;
		putchar('{');
		json_name("name", r->cache->name, strlen(r->cache->name));
		printf(",\"active_objs\":%" PRIu64 ",\"num_objs\":%" PRIu64 ",\"use\":%.1f,\"objsize\":%u,"
		       "\"objperslab\":%u,\"pagesperslab\":%u,\"active_slabs\":%" PRIu64 ",\"num_slabs\":%" PRIu64
		       ",\"bytes\":%" PRIu64 "}\n",
		       r->n.active, r->n.objects, percent(r->n.active, r->n.objects), (unsigned)r->cache->slot_size,
		       (unsigned)r->cache->nr_objects, (unsigned)r->cache->nr_pages, r->n.active_slabs, r->n.slabs,
		       r->bytes);
	}
}

static int slabtop_main(int argc, char **argv)
{
	struct arguments a = { .command = &command_slabtop, .argc = argc, .argv = argv };
	struct image_choice choice = { .pid = 0 };
	struct top top = { .sort = 'o', .delay = 3, .once = false };
	int status = top_arguments(&a, &choice, &top);

	if (status)
		return status;
	if (!open_shown(&shown, &choice))
		return EXIT_USAGE;
	top.once |= choice.core || !isatty(1);
	if (as_json)
		json_top(&shown, top.sort);
	else if (!top.once)
		return top_loop(&choice, &top);
	else
		print_top(stdout, &shown, top.sort);
	return tool_finish_output(0);
}

/* ---- the commands ---------------------------------------------------------------------------- */

#define SORT_KEYS                                                                              \
	"  -s, --sort KEY       o objects, a active objects, u use, s object size, l slabs,\n" \
	"                       v active slabs, b objects per slab, p pages per slab,\n"       \
	"                       c cache size, n name\n"

const struct tool_command command_slabinfo = {
	.name = "slabinfo",
	.summary = "show the heap's caches in a process or a core file",
	.help = "Usage: memsan slabinfo (PID | --pid PID | --core FILE) [OPTIONS]\n"
		"\n"
		"Shows one line for each cache in the columns of the kernel's /proc/slabinfo: live objects,\n"
		"objects that there is room for, their size with red zones, objects and pages per slab,\n"
		"and slabs. The last line counts large areas; memsan vmallocinfo shows each of them.\n"
		"\n" IMAGE_HELP SORT_KEYS
		"                       (default: malloc's caches by size, then the program's own)\n" IMAGE_FORMAT_HELP
		"  -h, --help           show this help\n"
		"\n"
		"Exit status: 0; 1 output cannot be written; 2 process or file cannot be read, or usage.\n"
		"Manual page: memsan-slabinfo(1)\n",
	.options = slabinfo_options,
	.main = slabinfo_main,
};

const struct tool_command command_slabtop = {
	.name = "slabtop",
	.summary = "show a process's caches, refreshed like slabtop(1)",
	.help = "Usage: memsan slabtop (PID | --pid PID | --core FILE) [OPTIONS]\n"
		"\n"
		"Shows the caches of a process in the columns of slabtop(1), again every few seconds until\n"
		"the process ends or the user presses q. Shows them once for a core file, and when standard\n"
		"output is no terminal. The letters of --sort are keys too; the space bar redraws at once.\n"
		"\n" IMAGE_HELP "  -d, --delay SECONDS  time between refreshes (3)\n" SORT_KEYS
		"                       (default: o)\n"
		"  -o, --once           show the caches once\n"
		"  --format=text|json   a table (the default), or once, one JSON object a line\n"
		"  -h, --help           show this help\n"
		"\n"
		"Exit status: 0; 1 output cannot be written; 2 process or file cannot be read, or usage.\n"
		"Manual page: memsan-slabinfo(1)\n",
	.options = top_options,
	.main = slabtop_main,
};

const struct tool_command command_buddyinfo = {
	.name = "buddyinfo",
	.summary = "show free page runs by order, in a process or a core file",
	.help = "Usage: memsan buddyinfo (PID | --pid PID | --core FILE) [OPTIONS]\n"
		"\n"
		"Shows one line in the columns of the kernel's /proc/buddyinfo: the number of free runs of\n"
		"1, 2, 4 … 1024 pages of 4 KiB in the part of the heap that is usable so far.\n"
		"\n" IMAGE_HELP IMAGE_FORMAT_HELP "  -h, --help           show this help\n"
		"\n"
		"Exit status: 0; 1 output cannot be written; 2 process or file cannot be read, or usage.\n"
		"Manual page: memsan-slabinfo(1)\n",
	.options = view_options,
	.main = buddyinfo_main,
};

const struct tool_command command_vmallocinfo = {
	.name = "vmallocinfo",
	.summary = "show the large allocations of a process or a core file",
	.help = "Usage: memsan vmallocinfo (PID | --pid PID | --core FILE) [OPTIONS]\n"
		"\n"
		"Shows one line for each live large area, like the kernel's /proc/vmallocinfo: its range\n"
		"with guard pages, its bytes, who allocated it, its pages of data, the size asked for, and\n"
		"how it was allocated: malloc, vmalloc, or pages (by order).\n"
		"\n" IMAGE_HELP IMAGE_FORMAT_HELP "  -h, --help           show this help\n"
		"\n"
		"Exit status: 0; 1 output cannot be written; 2 process or file cannot be read, or usage.\n"
		"Manual page: memsan-slabinfo(1)\n",
	.options = view_options,
	.main = vmallocinfo_main,
};

const struct tool_command command_alloc_traces = {
	.name = "alloc_traces",
	.summary = "show who allocated the live objects of a cache",
	.help = "Usage: memsan alloc_traces (--pid PID | --core FILE) [OPTIONS] [CACHE…]\n"
		"\n"
		"Shows who allocated the live objects of each CACHE, or of all caches together, like the\n"
		"kernel's /sys/kernel/debug/slab/CACHE/alloc_traces. Each allocation stack has a line with\n"
		"the number of its objects, their bytes, their ages (least/mean/most, in jiffies of 1/100 s)\n"
		"and threads; the most objects come first. Needs user tracking: check mode, or slab_debug=U.\n"
		"\n" IMAGE_HELP IMAGE_FORMAT_HELP "  -h, --help           show this help\n"
		"\n"
		"Exit status: 0; 1 output cannot be written; 2 process or file cannot be read, or usage.\n"
		"Manual page: memsan-slabinfo(1)\n",
	.options = view_options,
	.main = alloc_traces_main,
};

const struct tool_command command_free_traces = {
	.name = "free_traces",
	.summary = "show who freed the quarantined objects of a cache",
	.help = "Usage: memsan free_traces (--pid PID | --core FILE) [OPTIONS] [CACHE…]\n"
		"\n"
		"Shows who freed the objects that are still in quarantine, by the stacks that freed them,\n"
		"in the form of memsan alloc_traces.\n"
		"\n" IMAGE_HELP IMAGE_FORMAT_HELP "  -h, --help           show this help\n"
		"\n"
		"Exit status: 0; 1 output cannot be written; 2 process or file cannot be read, or usage.\n"
		"Manual page: memsan-slabinfo(1)\n",
	.options = view_options,
	.main = free_traces_main,
};
