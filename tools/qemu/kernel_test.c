/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_test.c - memsan kernel test: runs every bug under every profile and compares with the table;
 * runs the kernel's own suites. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <stdlib.h>
#include <string.h>

/* ---- the matrix ------------------------------------------------------------------------------ */

/* The reports of a result: "kasan slab-out-of-bounds", "no report" and the like. */
static char *reported_text(const struct kernel_result *r)
{
	const struct decode_record *first = r->nr_findings ? r->findings[0]->record : NULL;

	if (kernel_cell_of(r->bug, r->profile)->expect == EXPECT_SKIP)
		return tool_format("not done");
	return first ? tool_format("%s %s", first->detector, first->kind) : tool_format("-");
}

static void print_text(const struct kernel_session *s, size_t nr)
{
	printf("%-22s", "");
	for (size_t i = 0; i < nr; i++)
		printf(" %-34s", kernel_profile_name(s[i].profile));
	putchar('\n');
	for (size_t b = 0; b < s[0].nr_results; b++) {
		printf("%-22s", s[0].results[b].bug->name);
		for (size_t i = 0; i < nr; i++) {
			char *text = reported_text(&s[i].results[b]);

			printf(" %-4s %-29s", s[i].results[b].as_expected ? "" : "BAD", text);
			free(text);
		}
		putchar('\n');
	}
}

static void print_markdown(const struct kernel_session *s, size_t nr)
{
	printf("| bug | what it does |");
	for (size_t i = 0; i < nr; i++)
		printf(" %s kernel |", kernel_profile_name(s[i].profile));
	printf(" why |\n|---|---|");
	for (size_t i = 0; i < nr; i++)
		printf("---|");
	printf("---|\n");
	for (size_t b = 0; b < s[0].nr_results; b++) {
		const struct kernel_bug *bug = s[0].results[b].bug;

		printf("| `%s` | %s |", bug->name, bug->what);
		for (size_t i = 0; i < nr; i++) {
			char *text = reported_text(&s[i].results[b]);
			const char *why = kernel_cell_of(bug, s[i].profile)->why;

			printf(" %s%s", text, s[i].results[b].as_expected ? "" : " (**not as expected**)");
			printf(*why ? "; %s |" : " |", why);
			free(text);
		}
		printf(" %s |\n", bug->why);
	}
}

static void print_json(const struct kernel_session *s, size_t nr)
{
	printf("{\"schema\":\"memsan-kernel-matrix/1\",\"kernels\":{");
	for (size_t i = 0; i < nr; i++)
		printf("%s\"%s\":\"%s\"", i ? "," : "", kernel_profile_name(s[i].profile), s[i].built.release);
	printf("},\"bugs\":[");
	for (size_t b = 0; b < s[0].nr_results; b++) {
		const struct kernel_bug *bug = s[0].results[b].bug;

		printf("%s\n{\"name\":\"%s\",\"what\":", b ? "," : "", bug->name);
		decode_json_string(stdout, bug->what);
		printf(",\"why\":");
		decode_json_string(stdout, bug->why);
		for (size_t i = 0; i < nr; i++) {
			const struct kernel_result *r = &s[i].results[b];
			const struct kernel_cell *cell = kernel_cell_of(bug, r->profile);
			const struct decode_record *first = r->nr_findings ? r->findings[0]->record : NULL;

			printf(",\"%s\":{\"expected\":", kernel_profile_name(r->profile));
			if (cell->expect == EXPECT_REPORT)
				printf("{\"detector\":\"%s\",\"kind\":\"%s\"}", cell->detector, cell->kind);
			else
				printf("%s", cell->expect == EXPECT_SKIP ? "\"not done\"" : "null");
			printf(",\"reported\":");
			if (first) {
				printf("{\"detector\":\"%s\",\"kind\":\"%s\",\"function\":", first->detector,
				       first->kind);
				decode_json_string(stdout, first->function);
				printf(",\"title\":");
				decode_json_string(stdout, first->title);
				putchar('}');
			} else {
				printf("null");
			}
			printf(",\"killed_task\":%s,\"panicked\":%s,\"as_expected\":%s}", r->died ? "true" : "false",
			       r->panicked ? "true" : "false", r->as_expected ? "true" : "false");
		}
		putchar('}');
	}
	printf("\n]}\n");
}

/* Prints the reports that no bug explains, so something else is wrong.  Returns their number. */
static size_t print_strays(const struct kernel_session *s)
{
	size_t nr = 0;

	for (size_t b = 0; b < s->nr_boots; b++)
		for (size_t i = 0; i < s->findings[b].nr; i++)
			if (!s->findings[b].all[i].bug) {
				tool_say("%s kernel: a report that belongs to no bug: %s",
				         kernel_profile_name(s->profile), s->findings[b].all[i].record->headline);
				nr++;
			}
	return nr;
}

int kernel_test_matrix(const struct kernel_options *o)
{
	struct kernel_session s[NR_PROFILES] = { { .profile = PROFILE_KASAN }, { .profile = PROFILE_LIGHT } };
	size_t nr = NR_DEFAULT_PROFILES, good = 0, bad = 0, boots = 0;
	struct kernel_options bugs_only = *o;
	double began = tool_clock();
	bool ok;

	if (o->profile_given) {
		nr = 0;
		for (int p = 0; p < NR_PROFILES; p++)
			if (o->profile[p])
				s[nr++].profile = (enum kernel_profile)p;
	}
	bugs_only.bugs = tool_alloc(kernel_nr_bugs * sizeof(*bugs_only.bugs));
	bugs_only.nr_bugs = 0;
	for (size_t i = 0; i < kernel_nr_bugs; i++)
		if (kernel_bugs[i].setup != SETUP_DEMO)
			bugs_only.bugs[bugs_only.nr_bugs++] = &kernel_bugs[i];
	ok = kernel_sessions_run(s, nr, &bugs_only);
	if (ok || s[0].nr_boots) {
		if (o->format == KERNEL_JSON)
			print_json(s, nr);
		else if (o->format == KERNEL_MARKDOWN)
			print_markdown(s, nr);
		else
			print_text(s, nr);
	}
	for (size_t i = 0; i < nr; i++) {
		if (s[i].nr_boots == 0)
			continue; /* a line was printed */
		boots += s[i].nr_boots;
		for (size_t b = 0; b < s[i].nr_results; b++) {
			const struct kernel_result *r = &s[i].results[b];
			char *expected = kernel_cell_text(r->bug, r->profile);

			if (r->as_expected)
				good++;
			else
				bad++;
			if (!r->as_expected && !kernel_signal)
				tool_say("%s, %s kernel: expected %s, but: %s", r->bug->name,
				         kernel_profile_name(r->profile), expected, r->difference);
			free(expected);
		}
		bad += print_strays(&s[i]);
		fprintf(stderr, "memsan: %s kernel %s: %zu boots, %.0f s\n", kernel_profile_name(s[i].profile),
		        s[i].built.release ? s[i].built.release : "", s[i].nr_boots, s[i].seconds);
	}
	if (o->format == KERNEL_TEXT && boots && !kernel_signal)
		printf("%zu passed, %zu failed (%.0f s)\n", good, bad, tool_clock() - began);
	for (size_t i = 0; i < nr; i++)
		kernel_session_free(&s[i]);
	free(bugs_only.bugs);
	kernel_work_remove(o);
	if (kernel_signal) {
		tool_say("interrupted");
		return 128 + kernel_signal;
	}
	return tool_finish_output(boots == 0 ? EXIT_USAGE : !ok || bad ? 1 : 0);
}

/* ---- the kernel's own suites ----------------------------------------------------------------- */

static const struct suite {
	const char *module, *in_tree;
	enum kernel_profile profile;
	const char *append;
	unsigned pass, fail, skip; /* the known results of Linux 6.1 */
} suites[] = {
	/* Built as a module, kasan_global_oob_right finds no red zones, because KUnit runs the tests before the
	 * module's constructors have registered its globals.  With tags, tests of globals are skipped. kfence_test
	 * waits 100 sample intervals for an object; at 10 ms, that is too short on a busy host. A case of kasan_test
	 * whose object KFENCE takes finds no report of KASAN's. */
	{ "kasan_test", "mm/kasan/kasan_test.ko", PROFILE_KASAN, "slub_debug=- kfence.sample_interval=0", 44, 1, 10 },
	{ "kfence_test", "mm/kfence/kfence_test.ko", PROFILE_LIGHT, "slub_debug=- kfence.sample_interval=40", 23, 0,
	  2 },
	{ "slub_kunit", "lib/slub_kunit.ko", PROFILE_LIGHT, "slub_debug=-", 5, 0, 0 },
	{ "kasan_test", "mm/kasan/kasan_test.ko", PROFILE_ARM64, "slub_debug=- kfence.sample_interval=0", 48, 0, 7 },
};

struct tally {
	unsigned pass, fail, skip;
};

/* Counts a line of KTAP: "ok 1 - name", "not ok 2 - name", "ok 3 - name # SKIP why", indented below the suite's own
 * line. */
static void count_line(struct tally *t, const char *text, size_t len)
{
	const char *p = text;
	bool ok, skip;

	while (*p == ' ')
		p++;
	if (p == text)
		return;
	ok = strncmp(p, "ok ", 3) == 0;
	if (!ok && strncmp(p, "not ok ", 7) != 0)
		return;
	skip = memmem(text, len, "# SKIP", 6) != NULL;
	if (!ok && !skip)
		printf("%.*s\n", (int)(text + len - p), p);
	t->skip += skip;
	t->pass += ok && !skip;
	t->fail += !ok && !skip;
}

static struct tally count_ktap(const char *log)
{
	struct tally t = { 0 };

	for (const char *line = log; *line;) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n');

		count_line(&t, text, (size_t)(end - text));
		line = *end ? end + 1 : end;
	}
	return t;
}

static bool run_suite(const struct suite *suite, const struct kernel_options *o, struct tally *t, size_t *reports)
{
	struct kernel_options with = *o;
	struct kernel_built k;
	struct guest g = { .pid = -1 };
	struct kernel_findings f = { 0 };
	char *path = tool_format("%s/%s.cpio", kernel_work_dir(), suite->module), *name, *kunit, *module, *plan,
	     *append;
	struct initrd *r;
	bool ok;

	if (!kernel_programs_there(suite->profile) || !kernel_get(o, suite->profile, &k)) {
		free(path);
		return false;
	}
	kunit = tool_format("%s/lib/kunit/kunit.ko", k.dir);
	module = tool_format("%s/%s", k.dir, suite->in_tree);
	plan = tool_format("insmod /memsan/kunit.ko\ninsmod /memsan/%s.ko\n", suite->module);
	append = tool_format("%s%s%s", suite->append, o->append ? " " : "", o->append ? o->append : "");
	with.append = append;
	r = initrd_base(path, &k, false);
	ok = r != NULL;
	if (r) {
		char *inside = tool_format("memsan/%s.ko", suite->module);

		initrd_data(r, "memsan/plan", 0644, plan, strlen(plan));
		ok = initrd_file(r, "memsan/kunit.ko", 0644, kunit) && initrd_file(r, inside, 0644, module);
		ok = initrd_finish(r) && ok;
		free(inside);
	}
	if (ok && guest_start(&g, &with, &k, path, false)) {
		guest_watch(&g, 1);
		ok = g.end == GUEST_DONE;
		if (!ok && !kernel_signal)
			tool_say("%s: the guest %s", suite->module, guest_end_text(g.end));
		name = tool_format("%s.log", suite->module);
		kernel_keep_log(o, name, g.log);
		free(name);
		*t = count_ktap(g.log);
		kernel_find(&f, g.log, &k, (const char *const *)&k.dir, 1);
		*reports = f.nr;
		kernel_findings_free(&f);
	}
	guest_free(&g);
	free(path);
	free(kunit);
	free(module);
	free(plan);
	free(append);
	return ok;
}

int kernel_test_kunit(const struct kernel_options *o)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]) && !kernel_signal; i++) {
		const struct suite *suite = &suites[i];
		struct tally t = { 0 };
		size_t reports = 0;
		bool ok, same;

		if (o->profile_given ? !o->profile[suite->profile] : suite->profile >= NR_DEFAULT_PROFILES)
			continue;
		ok = kernel_work_dir() && run_suite(suite, o, &t, &reports);
		same = t.pass == suite->pass && t.fail == suite->fail && t.skip == suite->skip;
		if (kernel_signal)
			break;
		if (!ok && !t.pass)
			status = EXIT_USAGE;
		if (o->format == KERNEL_JSON)
			printf("{\"schema\":\"memsan-kernel-kunit/"
			       "1\",\"suite\":\"%s\",\"profile\":\"%s\",\"passed\":%u,\"failed\":%u,\"skipped\":%u,"
			       "\"reports\":%zu,\"as_expected\":%s}\n",
			       suite->module, kernel_profile_name(suite->profile), t.pass, t.fail, t.skip, reports,
			       ok && same ? "true" : "false");
		else
			printf("%-12s %-6s %3u passed, %u failed, %u skipped; %zu reports decoded; %s\n", suite->module,
			       kernel_profile_name(suite->profile), t.pass, t.fail, t.skip, reports,
			       ok && same ? "as known of this kernel" : "NOT as known of Linux 6.1");
		if (!(ok && same) && !status)
			status = 1;
	}
	kernel_work_remove(o);
	if (kernel_signal) {
		tool_say("interrupted");
		return 128 + kernel_signal;
	}
	return tool_finish_output(status);
}
