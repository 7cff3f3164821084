/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/leak.c - memsan leak: which objects can nothing reach any more, in a process or in a core file?
 * By default the process is asked: it scans a copy of itself and leaves the result in its memory, where memsan reads
 * it; the reports are made here.  With --external and for core files, the scan runs here, with the library's marking
 * engine and rules for roots (leak/).  It reads the memory through an image, and symbolizes reports at once.
 * A running process changes while it is read, and then objects look lost that are not.  So an object counts as lost
 * only when two scans found it lost (kmemleak's rule), and the process stands still for the second one
 * (image/freeze.c).  A process in which the first scan finds nothing is not stopped.  Where it cannot be stopped, there
 * are more scans, and what all of them found is only possibly lost. */
#include "config.h"

#include "decode/decode.h"
#include "tools/tools_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SCAN_PAUSE_MS 300
#define SCANS_RUNNING 4 /* of a process that cannot be stopped */
#define GROWTH_SECONDS "10"

struct leak_job {
	struct image image;
	struct image_choice choice;
	unsigned classes;
	enum option_format format;
	struct output page; /* --format=html */
	bool html;
	const char *suppressions;
	const char *growth, *save, *why;
	bool suggest, asked_growth;
	/* what all scans found until now, sorted; and what this one finds */
	struct found {
		uint64_t *all;
		size_t nr, room;
	} lost, here;
	bool last;   /* of the scans: it makes groups */
	bool unsure; /* the process may have moved its pointers meanwhile */
	struct ask_request ask;
	struct leak_grouper grouper;
	const struct leak_scan *scan;
	uint64_t unseen; /* image_unseen */
};

/* ---- scans ----------------------------------------------------------------------------------- */

static int compare_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void visit(void *ctx, uint64_t addr, enum leak_class class)
{
	struct leak_job *j = ctx;
	struct found *f = &j->here;
	uint64_t *grown;

	if (j->lost.nr && !bsearch(&addr, j->lost.all, j->lost.nr, sizeof(addr), compare_address))
		return;
	if (j->last) {
		j->grouper.outside = leak_scan_visits_outside(j->scan) ? image_outside_finder(&j->image)
		                                                       : (struct leak_finder){ NULL, NULL };
		leak_group_visit(&j->grouper, addr, class);
		return;
	}
	if (f->nr == f->room) {
		f->room = f->room ? f->room * 2 : 1024;
		grown = realloc(f->all, f->room * sizeof(*grown));
		if (!grown) {
			tool_say("out of memory");
			exit(EXIT_USAGE);
		}
		f->all = grown;
	}
	f->all[f->nr++] = addr;
}

static const char *scan_once(struct leak_job *j)
{
	const char *why = image_open(&j->image, &j->choice);
	struct leak_scan *s = why ? NULL : image_scan_create(&j->image, &why);

	if (!s)
		return why;
	j->scan = s;
	image_scan_roots(&j->image, s);
	j->grouper.heap = &j->image.heap;
	leak_scan_finish(s, j->classes | 1u << LEAK_DIRECT | 1u << LEAK_INDIRECT | 1u << LEAK_POSSIBLE, visit, j);
	leak_scan_destroy(s);
	return NULL;
}

/* Asks the process to scan itself. */
static const char *scan_by_asking(struct leak_job *j)
{
	struct ask_request r = { .command = LEAK_COMMAND_LOOK, .classes = j->classes };
	struct leak_control answer;
	const char *why = image_open(&j->image, &j->choice);

	if (!why)
		why = ask_process(&j->image, &r, &answer);
	if (why)
		return why;
	if (!view_read(&j->image.view, j->grouper.groups, answer.result, sizeof(struct leak_groups)) ||
	    j->grouper.groups->nr > LEAK_GROUPS_MAX)
		return "the result cannot be read";
	/* The result's stacks may go through modules that were loaded after the image was made. */
	why = image_open(&j->image, &j->choice);
	tool_say("the process stood still for %.1f ms", (double)answer.pause_us / 1000);
	if (answer.nr_silent)
		tool_say("%u of %u threads did not stop; their stacks were scanned as a whole", answer.nr_silent,
		         answer.nr_threads);
	return why;
}

/* Keeps what this scan found, too. */
static const char *scan_again(struct leak_job *j)
{
	struct timespec pause = { 0, SCAN_PAUSE_MS * 1000000L };
	const char *why = scan_once(j);

	if (why)
		return why;
	free(j->lost.all);
	j->lost = j->here;
	j->here = (struct found){ NULL, 0, 0 };
	if (j->lost.nr) {
		qsort(j->lost.all, j->lost.nr, sizeof(j->lost.all[0]), compare_address);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static const char *scan_last(struct leak_job *j)
{
	j->last = true;
	return scan_once(j);
}

/* With all of its registers known? */
static bool stands_still(const struct leak_job *j, const struct image_freeze *f)
{
	return f->state == FREEZE_STOPPED || (f->state == FREEZE_FOUND && j->choice.registers);
}

static const char *scan_stopped(struct leak_job *j, struct image_freeze *f)
{
	const char *why;
	double seconds;

	j->choice.freeze = f;
	why = scan_last(j);
	seconds = image_thaw(f);
	j->choice.freeze = NULL;
	if (f->state != FREEZE_FOUND)
		tool_say("the process stood still for %.1f ms", seconds * 1000);
	return why;
}

static const char *scan_from_outside(struct leak_job *j)
{
	struct image_freeze f;
	const char *why = scan_again(j);

	if (why || !j->lost.nr)
		return why;
	image_freeze(&f, j->choice.pid);
	j->unsure = !stands_still(j, &f);
	if (f.state != FREEZE_RUNS)
		why = scan_stopped(j, &f);
	for (int i = 0; f.state == FREEZE_RUNS && i < SCANS_RUNNING && !why && j->lost.nr; i++)
		why = scan_again(j);
	if (f.state == FREEZE_RUNS && !why && j->lost.nr)
		why = scan_last(j);
	if (j->unsure)
		tool_say("%s, so objects that nothing points to are only possibly lost", image_freeze_problem(&f));
	return why;
}

static bool scan(struct leak_job *j)
{
	const char *why = NULL;

	j->grouper.groups = calloc(1, sizeof(struct leak_groups));
	if (!j->grouper.groups) {
		tool_say("out of memory");
		return false;
	}
	if (!j->choice.core && !j->choice.external) {
		why = scan_by_asking(j);
		if (why)
			tool_say("%s", why);
		return !why;
	}
	why = j->choice.core ? scan_last(j) : scan_from_outside(j);
	if (why)
		tool_say("%s", why);
	else
		leak_groups_sort(j->grouper.groups);
	return !why;
}

/* ---- reports --------------------------------------------------------------------------------- */

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
	struct report_module *to;

	if (!m)
		return REPORT_NO_MODULE;
	for (uint32_t i = 0; i < r->nr_modules; i++)
		if (r->modules[i].start == m->start)
			return (uint16_t)i;
	if (r->nr_modules == REPORT_MODULES)
		return REPORT_NO_MODULE;
	to = &r->modules[r->nr_modules];
	*to = (struct report_module){
		.start = m->start, .end = m->end, .bias = m->bias, .build_id_len = m->build_id_len
	};
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
	s->age_ms = image_age_ms(im, g->when);
	if (image_thread_name(im, g->thread, &tid, s->thread_name))
		s->tid = (uint32_t)tid;
	s->truncated = n > REPORT_FRAMES;
	s->nr_frames = (uint32_t)MIN(n, (size_t)REPORT_FRAMES);
	for (uint32_t i = 0; i < s->nr_frames; i++) {
		s->frames[i].pc = pcs[i];
		s->frames[i].module = put_module(r, image_module_at(im, pcs[i] - 1));
	}
}

static void fill_record(struct report_record *r, const struct leak_job *j, const struct leak_group *g,
                        uint32_t sequence)
{
	memset(r, 0, sizeof(*r));
	r->magic = REPORT_MAGIC;
	r->version = REPORT_VERSION;
	r->size = sizeof(*r);
	r->sequence = sequence;
	r->kind = g->class == LEAK_REACHABLE ? REPORT_REACHABLE : REPORT_UNREFERENCED;
	r->strings_len = 1;
	r->component = put_string(r, "leak");
	r->pid = (uint32_t)j->image.pid;
	r->tid = r->pid;
	r->comm = put_string(r, j->image.comm);
	/* The missing memory may hold a pointer to the object. */
	r->leak_class = put_string(
		r, leak_class_name((j->unseen || j->unsure) && g->class != LEAK_REACHABLE ? LEAK_POSSIBLE : g->class));
	r->leak_count = g->count;
	r->leak_bytes = g->bytes;
	r->leak_held_count = g->held_count;
	r->leak_held_bytes = g->held_bytes;
	r->addr = r->obj_addr = r->memory_addr = r->memory_mark = g->addr;
	r->obj_size = g->size;
	r->access = ACCESS_UNKNOWN;
	r->have_object = 1;
	r->obj_cache = put_string(r, g->cache);
	r->memory_len = MIN(g->dump_len, (uint32_t)LEAK_DUMP);
	memcpy(r->memory, g->dump, r->memory_len);
	memset(r->memory_valid, 0xff, sizeof(r->memory_valid));
	put_stack(r, &j->image, g);
	if (!r->stacks[0].nr_frames)
		r->next = put_string(r, REPORT_NEXT_TRACKING);
}

static void say_line(void *ctx, const char *line)
{
	(void)ctx;
	tool_say("%s", line);
}

static void read_suppressions(struct suppressions *s, const char *path)
{
	char *text = tool_alloc(HELPER_RULES_MAX + 1);
	FILE *f = fopen(path, "r");

	if (!f) {
		tool_say("cannot read %s: %s", path, strerror(errno));
		exit(EXIT_USAGE);
	}
	text[fread(text, 1, HELPER_RULES_MAX, f)] = 0;
	fclose(f);
	suppressions_add(s, text, say_line, NULL);
	free(text);
}

struct printed {
	uint32_t places, suppressed;
	uint32_t lost; /* places of memory that is not reachable */
	char **rules;
	size_t nr_rules;
};

/* Two places in one function have the same rule.  The first line in the braces, which is the name, is not compared. */
static bool suggested_before(struct printed *p, const char *rule)
{
	const char *body = strchr(rule + 2, '\n');
	char **grown, *copy;

	if (!body)
		return false;
	for (size_t i = 0; i < p->nr_rules; i++)
		if (strcmp(p->rules[i], body) == 0)
			return true;
	grown = realloc(p->rules, (p->nr_rules + 1) * sizeof(*grown));
	if (!grown)
		return false;
	p->rules = grown;
	copy = strdup(body);
	if (copy)
		grown[p->nr_rules++] = copy;
	return false;
}

/* The page is made by decode/, of the same record. */
static void put_on_page(struct leak_job *j, const char *json, size_t len)
{
	const char *why;
	struct decode_record *r;

	while (len && json[len - 1] == '\n')
		len--;
	r = decode_json_read(json, len, &why);
	if (!r)
		return;
	output_put(&j->page, r);
	decode_record_free(r);
}

static void print_group(struct leak_job *j, struct symbolizer *sym, struct suppressions *rules,
                        const struct leak_group *g, struct printed *p)
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
	p->lost += g->class != LEAK_REACHABLE;
	if (j->suggest) {
		size_t n = suppressions_suggest(&record, &symbols, p->places, text, sizeof(text));
		if (!n)
			tool_print("# no stack, no rule: %" PRIu64
			           " objects of the cache %s (check mode saves stacks)\n",
			           g->count, g->cache);
		else if (!suggested_before(p, text))
			fputs(text, stdout);
		return;
	}
	if (j->html) {
		put_on_page(j, text, report_render_json(&record, &symbols, text, sizeof(text)));
		return;
	}
	if (j->format == FORMAT_JSON)
		report_render_json(&record, &symbols, text, sizeof(text));
	else
		report_render_text(&record, &symbols, text, sizeof(text));
	fputs(text, stdout);
}

static int report(struct leak_job *j)
{
	const struct leak_groups *g = j->grouper.groups;
	struct suppressions *rules = suppressions_create();
	struct symbolizer *sym = symbolizer_create(0);
	struct printed p = { 0, 0, 0, NULL, 0 };
	char text[256];
	struct fmt_buf b;

	if (rules && j->suppressions)
		read_suppressions(rules, j->suppressions);
	if (rules && !j->suggest)
		suppressions_add_shipped(rules, MEMSAN_BINDIR, say_line, NULL);
	j->unseen = image_unseen(&j->image);
	image_say_missing(&j->image);
	if (j->unseen)
		tool_say("%" PRIu64
		         " of them may hold pointers, so objects that nothing else points to are only possibly lost",
		         j->unseen);
	if (j->html && !output_begin(&j->page)) {
		tool_say("out of memory");
		return EXIT_USAGE;
	}
	for (uint32_t i = 0; sym && i < g->nr; i++)
		if (j->classes >> g->groups[g->order[i]].class & 1)
			print_group(j, sym, rules, &g->groups[g->order[i]], &p);
	if (j->html)
		output_finish(&j->page);
	if (rules)
		suppressions_summary(rules, say_line, NULL);
	fmt_init(&b, text, sizeof(text));
	leak_put_totals(&b, g, j->unseen || j->unsure, p.places, p.suppressed);
	tool_say("%s", text);
	return tool_finish_output(p.lost ? 1 : 0);
}

/* ---- growth ---------------------------------------------------------------------------------- */

static bool is_elf(const char *path)
{
	char magic[4] = "";
	FILE *f = fopen(path, "re");
	bool elf = f && fread(magic, 1, 4, f) == 4 && memcmp(magic, "\177ELF", 4) == 0;

	if (f)
		fclose(f);
	return elf;
}

/* The census to compare with: of the process now, of an earlier core file, or the one that --save wrote. */
static struct census *census_before(struct leak_job *j, const char *what, double seconds)
{
	static struct image before;
	struct image_choice choice = j->choice;
	struct census *c;

	if (seconds <= 0 && !is_elf(what))
		return census_read(what);
	if (seconds <= 0)
		choice = (struct image_choice){ .core = what };
	if (!image_open_choice(&before, &choice))
		return NULL;
	c = census_take(&before);
	if (c && seconds > 0) {
		struct timespec t = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
		while (nanosleep(&t, &t) != 0 && errno == EINTR)
			;
	}
	return c;
}

static int growth(struct leak_job *j)
{
	char *end = NULL;
	double seconds = j->growth ? strtod(j->growth, &end) : 0;
	struct census *before = NULL, *now;

	if (j->growth && (*end || end == j->growth || seconds <= 0 || seconds > 1e8))
		seconds = 0;
	if (seconds > 0 && j->choice.core)
		return tool_usage_error("leak",
		                        "a core file does not change; compare it with an earlier one: --growth=FILE");
	if (j->growth && !(before = census_before(j, j->growth, seconds)))
		return EXIT_USAGE;
	if (!image_open_choice(&j->image, &j->choice))
		return EXIT_USAGE;
	now = census_take(&j->image);
	if (!now || (j->save && !census_save(now, j->save)))
		return EXIT_USAGE;
	return tool_finish_output(before ? census_compare(&j->image, before, now, j->format) : 0);
}

/* ---- why ------------------------------------------------------------------------------------- */

/* A process runs on while it is read. A root may then point to an object that is newer than what was read of the heap,
 * and the path through it is not seen. Another search may find it, unless the program replaces such objects faster than
 * a search takes. So the process stands still for the last search. If it cannot be stopped, it is asked to scan itself,
 * in a copy. */
#define WHY_SEARCHES 3

/* Does the process itself find the object in use?  Certain if nothing is lost of what its stack allocated. */
static bool finds_in_use(struct leak_job *j, stack_handle stack)
{
	struct ask_request r = { .command = LEAK_COMMAND_LOOK,
		                 .classes = 1u << LEAK_DIRECT | 1u << LEAK_INDIRECT | 1u << LEAK_POSSIBLE };
	struct leak_groups *g = tool_alloc(sizeof(*g));
	struct leak_control answer;
	bool in_use = false;

	if (stack && !image_open(&j->image, &j->choice) && !ask_process(&j->image, &r, &answer) &&
	    view_read(&j->image.view, g, answer.result, sizeof(*g)) && g->nr <= LEAK_GROUPS_MAX && !g->more) {
		in_use = true;
		for (uint32_t i = 0; i < g->nr; i++)
			in_use &= g->groups[i].stack != stack;
	}
	free(g);
	return in_use;
}

static enum why_end last_search(struct leak_job *j, struct image_freeze *f, stack_handle stack)
{
	image_freeze(f, j->choice.pid);
	if (stands_still(j, f)) {
		j->choice.freeze = f;
		return WHY_LOST;
	}
	image_thaw(f);
	return !j->choice.external && finds_in_use(j, stack) ? WHY_IN_USE : WHY_UNSURE;
}

static int why_alive(struct leak_job *j)
{
	int status = LEAK_WHY_AGAIN, searches = j->choice.core ? 1 : WHY_SEARCHES;
	enum why_end end = WHY_UNKNOWN;
	struct image_freeze f = { .nr = 0 };
	stack_handle stack = 0;
	uint64_t addr;

	if (!tool_address(j->why, &addr))
		return tool_usage_error("leak", "'%s' is not an address", j->why);
	for (int i = 1; status == LEAK_WHY_AGAIN; i++) {
		if (i >= searches)
			end = j->choice.core ? WHY_LOST : last_search(j, &f, stack);
		if (!image_open_choice(&j->image, &j->choice))
			return EXIT_USAGE;
		image_find_thread_pointers(&j->image);
		status = leak_why(&j->image, addr, j->format, end, &stack, &f);
	}
	return tool_finish_output(status);
}

/* ---- the command ----------------------------------------------------------------------------- */

enum {
	OPT_COMMAND = 256,
	OPT_SHOW,
	OPT_SUPPRESSIONS,
	OPT_SUGGEST,
	OPT_WHY,
	OPT_GROWTH,
	OPT_SAVE,
	OPT_FORMAT,
	OPT_REGISTERS
};
static const struct option leak_options[] = {
	IMAGE_OPTIONS,
	{ "command", required_argument, NULL, OPT_COMMAND },
	{ "show", required_argument, NULL, OPT_SHOW },
	{ "suppressions", required_argument, NULL, OPT_SUPPRESSIONS },
	{ "suggest", no_argument, NULL, OPT_SUGGEST },
	{ "why", required_argument, NULL, OPT_WHY },
	{ "growth", optional_argument, NULL, OPT_GROWTH },
	{ "save", required_argument, NULL, OPT_SAVE },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "registers", required_argument, NULL, OPT_REGISTERS },
	TOOL_OPTIONS_END,
};

static int take_format(struct leak_job *j, const struct arguments *a)
{
	static const char *const formats[] = { "text", "json", "html" };
	int format = arguments_choice(a, "format", formats, ARRAY_SIZE(formats));

	j->format = format == 1 ? FORMAT_JSON : FORMAT_TEXT;
	j->html = format == 2;
	return format < 0 ? EXIT_USAGE : 0;
}

/* EXIT_USAGE or 0. */
static int take_option(struct leak_job *j, struct arguments *a, int option)
{
	const char *bad;

	switch (option) {
	case OPT_COMMAND:
		if (ask_parse(a->value, &j->ask))
			return 0;
		return tool_usage_error("leak",
		                        "unknown command '%s' (scan, scan=on, scan=off, scan=SECONDS, clear, "
		                        "dump=ADDR, stack=on, stack=off)",
		                        a->value);
	case OPT_SHOW:
		if (leak_parse_classes(a->value, &j->classes, &bad))
			return 0;
		return tool_usage_error("leak", "unknown class '%.*s' (direct, indirect, possible, reachable, all)",
		                        (int)strcspn(bad, ","), bad);
	case OPT_SUPPRESSIONS:
		j->suppressions = a->value;
		break;
	case OPT_SUGGEST:
		j->suggest = true;
		break;
	case OPT_WHY:
		j->why = a->value;
		break;
	case OPT_GROWTH:
		j->asked_growth = true;
		j->growth = a->value ? a->value : arguments_follower(a);
		break;
	case OPT_SAVE:
		j->save = a->value;
		break;
	case OPT_REGISTERS:
		j->choice.registers = a->value;
		break;
	case OPT_FORMAT:
		return take_format(j, a);
	default:
		return image_option(a, option, &j->choice);
	}
	return 0;
}

static int command(struct leak_job *j)
{
	if (j->choice.core || (j->choice.external && !j->ask.dump))
		return tool_usage_error("leak",
		                        "--command needs a running process that answers: --pid without --external");
	if (!image_open_choice(&j->image, &j->choice))
		return EXIT_USAGE;
	if (!j->ask.dump)
		return ask_command(&j->image, &j->ask);
	image_find_outside(&j->image);
	describe_address(&j->image, j->ask.argument, j->format == FORMAT_JSON);
	return tool_finish_output(0);
}

static int leak_main(int argc, char **argv)
{
	static struct leak_job job = { .classes = 1u << LEAK_DIRECT };
	struct arguments a = { .command = &command_leak, .argc = argc, .argv = argv };
	int option, status = 0;

	while (!status && (option = arguments_next(&a)) != -1)
		status = take_option(&job, &a, option);
	if (!status)
		status = image_chosen(&a, &job.choice, true);
	if (status)
		return status;
	if (job.asked_growth && !job.growth)
		job.growth = job.choice.core ? job.choice.earlier : GROWTH_SECONDS;
	if (job.asked_growth && !job.growth)
		return tool_usage_error("leak", "--growth needs an earlier core file, or a file that --save wrote");
	if (job.choice.earlier && job.growth != job.choice.earlier)
		return tool_usage_error("leak", "more than one core file needs --growth; two are allowed");
	if (job.ask.command || job.ask.dump)
		return command(&job);
	if (job.html && (job.why || job.growth || job.save))
		return tool_usage_error("leak", "the page shows leaks; --why, --growth and --save print text or JSON");
	output_init(&job.page, "html");
	if (job.why)
		return why_alive(&job);
	if (job.growth || job.save)
		return growth(&job);
	return scan(&job) ? report(&job) : EXIT_USAGE;
}

const struct tool_command command_leak = {
	.name = "leak",
	.summary = "find leaks in a process or a core file",
	.help = "Usage: memsan leak --pid PID [OPTIONS]\n"
		"       memsan leak --pid PID --command=COMMAND\n"
		"       memsan leak --pid PID --external [OPTIONS]\n"
		"       memsan leak --core FILE [OPTIONS]\n"
		"\n"
		"Reports allocated memory that nothing points to any more, in a process that runs with\n"
		"memsan, or in its core file. The process scans a copy of itself and continues. With\n"
		"--external the process is read from outside, so a hung one can be scanned too; if\n"
		"something looks lost, it stands still for a second scan, which must find it lost too.\n"
		"\n"
		"  --pid PID            scan a running process\n"
		"  --core FILE          scan a core file, which may be cut off\n"
		"  --external           read the process from outside, through /proc/PID/mem\n"
		"  --command=COMMAND    scan              scan once, by kmemleak's rules; the process\n"
		"                                         reports where it writes its other reports\n"
		"                       scan=on|off|SECS  scan every 600 s, never, every SECS s\n"
		"                       clear             never report what is lost now\n"
		"                       dump=ADDR         show which object is at this address\n"
		"                       stack=on|off      scan stacks and registers, or not\n"
		"  --show=CLASSES       direct, indirect, possible, reachable, all; commas separate\n"
		"                       several (default: direct)\n"
		"  --suppressions=FILE  leave out what the rules in FILE name (LeakSanitizer's or\n"
		"                       Valgrind's form)\n"
		"  --suggest            print suppression rules that fit exactly what was found\n"
		"  --why ADDR           print a path of pointers from a root to the object at ADDR\n"
		"  --growth[=SECONDS]   print the allocation stacks that hold more than SECONDS (10) ago\n"
		"  --growth=FILE        the same, compared with an earlier core file or --save file;\n"
		"                       for two core files: --growth --core OLD --core NEW\n"
		"  --save=FILE          write what each allocation stack holds, for --growth=FILE\n"
		"  --registers=FILE     the registers of a process that a debugger holds\n"
		"  --exe FILE           where the program's file is now\n"
		"  --format=text|json|html\n"
		"                       blocks as kmemleak prints them, one JSON object a line, or a page\n"
		"                       with a flame graph (--format=html >leaks.html)\n"
		"  -h, --help           show this help\n"
		"\n"
		"To scan when a program exits: memsan run -o leak=on ./prog\n"
		"\n"
		"Exit status: 0 nothing lost; 1 something lost (--growth: something grew; --why: the\n"
		"object is lost); 2 the process or file could not be read, or usage.\n"
		"Manual page: memsan-leak(1)\n",
	.options = leak_options,
	.main = leak_main,
};
