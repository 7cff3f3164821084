/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_repro.c - memsan kernel run: loads the user's modules, runs script and reproducer, and tells what
 * came of it.
 *
 *     --tries=N    N guests, one after the other, from the same archive
 *     --expect     a guest ends as soon as the expected report is there; each try is one of
 *                      reproduced       a report, or lines of the console, fit the title
 *                      another bug      there are reports, a panic or a hang, but none that fits
 *                      nothing
 *
 * Without --expect, a report of any kind counts. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_LIMIT = 124 }; /* as timeout(1) */
enum { EXIT_NOTHING = 3 };
enum { GUEST_SECONDS = 300 };

enum verdict { REPRODUCED, ANOTHER_BUG, NOTHING, NR_VERDICTS };
static const char *const verdict_text[NR_VERDICTS] = { "reproduced", "another bug", "nothing" };

int kernel_interrupted(void)
{
	tool_say("interrupted");
	return 128 + (kernel_signal ? kernel_signal : SIGINT);
}

/* ---- reports of all tries -------------------------------------------------------------------- */

/* Each bug once. */
struct found {
	struct kernel_findings *tries; /* the reports belong to these */
	size_t nr_tries;
	struct {
		const struct decode_record *record;
		uint64_t times;
		unsigned tries, last_try;
	} * bugs;
	size_t nr_bugs;
};

static size_t add_report(struct found *f, const struct decode_record *r, unsigned try)
{
	void *larger;
	size_t i;

	for (i = 0; i < f->nr_bugs && f->bugs[i].record->signature != r->signature; i++)
		;
	if (i == f->nr_bugs) {
		larger = realloc(f->bugs, (f->nr_bugs + 1) * sizeof(*f->bugs));
		if (!larger) {
			tool_say("out of memory");
			exit(1);
		}
		f->bugs = larger;
		memset(&f->bugs[f->nr_bugs++], 0, sizeof(*f->bugs));
		f->bugs[i].record = r;
	}
	f->bugs[i].times++;
	if (f->bugs[i].last_try != try) {
		f->bugs[i].last_try = try;
		f->bugs[i].tries++;
	}
	return i;
}

static void print_page(const struct kernel_options *o, const struct kernel_own *w, const struct found *f,
                       const char *found, const char *log, const struct kernel_findings *of_log)
{
	struct kernel_page *page = kernel_page_create();

	kernel_page_sources(o, &w->built);
	kernel_page_row(page, (const char *const[]){ "expected", o->expect ? o->expect : "no report", NULL });
	kernel_page_row(page, (const char *const[]){ "found", found, NULL });
	for (size_t i = 0; i < f->nr_bugs; i++)
		kernel_page_row(page, (const char *const[]){ "", f->bugs[i].record->title, NULL });
	kernel_page_row(page, (const char *const[]){ "kernel", w->built.release, NULL });
	for (size_t i = 0; i < f->nr_tries; i++)
		for (size_t n = 0; n < f->tries[i].nr; n++)
			kernel_page_record(page, f->tries[i].all[n].record);
	kernel_page_console(page, "Console", log ? log : "", of_log);
	kernel_page_finish(page);
}

static void print_bugs(const struct kernel_options *o, const struct found *f)
{
	static const struct decode_text_options plain;
	struct decode_writer *sarif = o->format == KERNEL_SARIF ? decode_writer_create(stdout, DECODE_SARIF) : NULL;

	for (size_t i = 0; i < f->nr_bugs; i++) {
		const struct decode_record *r = f->bugs[i].record;

		if (sarif) {
			decode_writer_put(sarif, r);
		} else if (o->format == KERNEL_JSON) {
			decode_json_write(stdout, r);
		} else {
			decode_text_write(stdout, r, &plain);
			if (f->bugs[i].times > 1)
				printf("(%llu times%s)\n", (unsigned long long)f->bugs[i].times,
				       f->nr_tries > 1 ? ", in all tries together" : "");
		}
	}
	if (sarif)
		decode_writer_finish(sarif);
}

/* Reports of modules that the guest loads are printed as they come, each one: in a module's test, four leaks of one
 * place are four. */
static void print_all(const struct kernel_options *o, const struct kernel_findings *f)
{
	struct found all = { .nr_tries = 1 };

	all.bugs = tool_alloc((f->nr + 1) * sizeof(*all.bugs));
	memset(all.bugs, 0, (f->nr + 1) * sizeof(*all.bugs));
	for (; all.nr_bugs < f->nr; all.nr_bugs++)
		all.bugs[all.nr_bugs].record = f->all[all.nr_bugs].record;
	print_bugs(o, &all);
	free(all.bugs);
}

/* ---- one try --------------------------------------------------------------------------------- */

struct
try {
	enum verdict verdict;
	int status; /* of a run without --expect */
	double seconds;
	char *log; /* for the page, or NULL */
};

/* The status of the reproducer, -1: it did not end. */
static int repro_status(const struct guest *g)
{
	const char *at = strstr(g->log, "memsan: repro ended ");

	return at ? atoi(at + 20) : -1;
}

static bool is_limit(enum guest_end end)
{
	return end == GUEST_HANG || end == GUEST_TIMEOUT || end == GUEST_NEVER_BOOTED;
}

/* The exit status of a run that expects nothing. */
static int plain_status(const struct kernel_options *o, const struct guest *g, size_t reports)
{
	int repro = o->repro ? repro_status(g) : 0, status = reports ? 1 : 0;

	if (kernel_own_complaints(g, NULL) && !status)
		status = EXIT_USAGE;
	if (g->end != GUEST_DONE) {
		tool_say("the guest %s (%.0f s)", guest_end_text(g->end), g->ended - g->started);
		if (!reports || g->end != GUEST_PANIC)
			status = is_limit(g->end) ? EXIT_LIMIT : 1;
	} else if (g->status && !status) {
		tool_say("the script ended with status %d", g->status);
		status = g->status;
	}
	if (o->repro && repro == EXIT_LIMIT)
		tool_say("the reproducer did not end by itself (--timeout=%u)", kernel_repro_limit(o));
	else if (repro > 0 && !status) {
		tool_say("the reproducer ended with status %d", repro);
		status = repro;
	}
	return status;
}

static enum verdict judge(const struct kernel_options *o, const struct guest *g, const struct kernel_findings *f)
{
	bool any = f->nr || g->end == GUEST_PANIC || g->end == GUEST_DIED;

	if (!o->expect)
		return any ? REPRODUCED : NOTHING;
	for (size_t i = 0; i < f->nr; i++)
		if (kernel_expect_record(o->expect, f->all[i].record))
			return REPRODUCED;
	if (kernel_expect_log(o->expect, g->log))
		return REPRODUCED;
	return any || is_limit(g->end) || g->end == GUEST_FLOOD || kernel_log_complains(g->log) ? ANOTHER_BUG : NOTHING;
}

/* How many leaks each scan found: before loading, before unloading, after it. */
static void tell_leaks(const struct guest *g)
{
	unsigned leaks[3] = { 0 }, scan = 0;

	for (const char *line = g->log; *line;) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n');

		if (strncmp(text, "unreferenced object ", 20) == 0 && scan && scan <= 3)
			leaks[scan - 1]++;
		scan += strncmp(text, "memsan: scan\n", 13) == 0;
		line = *end ? end + 1 : end;
	}
	if (scan >= 3)
		tool_say("leaks: %u before loading, %u before unloading, %u after it", leaks[0], leaks[1], leaks[2]);
	else
		tool_say("leaks: %u before, %u after", leaks[0], leaks[1]);
}

/* Boots one guest.  False: nothing could be run. */
static bool try_once(struct kernel_own *w, const struct kernel_options *o, const char *initrd, unsigned number,
                     struct kernel_findings *f, struct try *t)
{
	struct kernel_options limits = *o;
	struct guest g = { .pid = -1 };
	char *name;

	/* the reproducer's own limit is the guest's to watch */
	limits.timeout = GUEST_SECONDS;
	if (o->repro)
		limits.timeout += 2 * kernel_repro_limit(o);
	else if (o->timeout)
		limits.timeout = o->timeout;
	if (!guest_start(&g, &limits, &w->built, initrd, false))
		return false;
	if (o->expect)
		kernel_expect_in(&g, w, o->expect, 0);
	/* a report that is a document must not be mixed with the script's output */
	g.script_out = o->format == KERNEL_TEXT ? stdout : stderr;
	g.silence_limit = 0;
	guest_watch(&g, 1);
	name = number > 1 ? tool_format("console-%u.log", number) : tool_format("console.log");
	kernel_keep_log(o, name, g.log);
	free(name);
	if (!kernel_signal) {
		kernel_find(f, g.log, &w->built, w->folders, w->nr_folders);
		t->verdict = judge(o, &g, f);
		t->seconds = g.ended - g.started;
		if (o->format == KERNEL_HTML)
			t->log = tool_format("%s", g.log);
		else if (o->tries < 2 && !o->repro)
			print_all(o, f);
		if (g.end == GUEST_PANIC && !f->nr && o->tries < 2)
			fprintf(o->format == KERNEL_TEXT ? stdout : stderr, "%s",
			        g.log + (g.log_len > 4000 ? g.log_len - 4000 : 0));
		if (o->expect || o->tries > 1)
			kernel_own_complaints(&g, NULL);
		else
			t->status = plain_status(o, &g, f->nr);
		if (o->leak_check)
			tell_leaks(&g);
		if (o->expect && is_limit(g.end))
			tool_say("the guest %s (%.0f s)", guest_end_text(g.end), t->seconds);
		if (o->expect && g.end == GUEST_NEVER_BOOTED)
			t->status = EXIT_LIMIT;
	}
	guest_free(&g);
	return true;
}

/* ---- all tries ------------------------------------------------------------------------------- */

static void print_summary_json(const struct kernel_options *o, const unsigned *count, unsigned tries, double seconds)
{
	printf("{\"schema\":\"memsan-kernel-repro/1\",\"expect\":");
	decode_json_string(stdout, o->expect);
	printf(",\"tries\":%u,\"reproduced\":%u,\"another_bug\":%u,\"nothing\":%u,\"seconds\":%.1f}\n", tries,
	       count[REPRODUCED], count[ANOTHER_BUG], count[NOTHING], seconds);
}

static int summary(const struct kernel_options *o, const struct kernel_own *w, const struct found *f,
                   const unsigned *count, unsigned tries, double seconds, const struct try *last)
{
	fflush(stdout);
	if (tries > 1 || o->expect) {
		if (o->format == KERNEL_JSON)
			print_summary_json(o, count, tries, seconds);
		fflush(stdout);
		if (tries > 1)
			tool_say("%s in %u of %u tries (%u%%), another bug in %u, nothing in %u; %.1f s each",
			         o->expect ? "reproduced" : "reports", count[REPRODUCED], tries,
			         count[REPRODUCED] * 100 / tries, count[ANOTHER_BUG], count[NOTHING], seconds / tries);
		else
			tool_say("%s%s %s (%.1f s)", verdict_text[last->verdict],
			         last->verdict == ANOTHER_BUG ? ", not" : ":", o->expect, seconds);
	}
	if (tries == 1 && !o->expect)
		tool_say("%zu report%s; kernel %s; %.1f s", f->tries[0].nr, f->tries[0].nr == 1 ? "" : "s",
		         w->built.release, seconds);
	if (tries == 1 && (!o->expect || last->status))
		return last->status;
	if (!o->expect)
		return count[REPRODUCED] ? 1 : 0;
	return count[REPRODUCED] ? 0 : count[ANOTHER_BUG] ? 1 : EXIT_NOTHING;
}

int kernel_run_own(const struct kernel_options *o)
{
	unsigned tries = o->tries ? o->tries : 1, count[NR_VERDICTS] = { 0 }, done = 0;
	struct found f = { .tries = tool_alloc(tries * sizeof(*f.tries)), .nr_tries = tries };
	int status = EXIT_USAGE;
	double seconds = 0;
	struct kernel_own w;
	struct try t = { 0 };
	size_t on_page = 0; /* the try whose console the page shows: the first that reproduced, else the last */
	char *initrd = NULL, *log = NULL;

	memset(f.tries, 0, tries * sizeof(*f.tries));
	if (kernel_own_prepare(&w, o)) {
		initrd = tool_format("%s/initrd.cpio", kernel_work_dir());
		if (kernel_own_archive(&w, o, initrd, NULL, NULL))
			for (; done < tries && !kernel_signal; done++) {
				t = (struct try){ 0 };
				if (!try_once(&w, o, initrd, done + 1, &f.tries[done], &t) || kernel_signal)
					break;
				if (!log || !count[REPRODUCED]) {
					free(log);
					log = t.log;
					on_page = done;
				} else {
					free(t.log);
				}
				count[t.verdict]++;
				seconds += t.seconds;
				if (tries > 1)
					tool_say("try %u of %u: %s (%.1f s)", done + 1, tries, verdict_text[t.verdict],
					         t.seconds);
				for (size_t i = 0; i < f.tries[done].nr; i++)
					add_report(&f, f.tries[done].all[i].record, done + 1);
			}
	}
	if (done && o->format == KERNEL_HTML) {
		char *found = tool_format("%s in %u of %u tries (%.1f s), another bug in %u, nothing in %u",
		                          o->expect ? "reproduced" : "reports", count[REPRODUCED], done, seconds,
		                          count[ANOTHER_BUG], count[NOTHING]);

		print_page(o, &w, &f, found, log, &f.tries[on_page]);
		free(found);
	} else if (done && (o->repro || tries > 1)) {
		print_bugs(o, &f);
	}
	free(log);
	if (done && (!kernel_signal || done > 1))
		status = summary(o, &w, &f, count, done, seconds, &t);
	for (size_t i = 0; i < tries; i++)
		kernel_findings_free(&f.tries[i]);
	free(f.tries);
	free(f.bugs);
	free(initrd);
	kernel_own_free(&w);
	kernel_work_remove(o);
	return kernel_signal ? kernel_interrupted() : tool_finish_output(status);
}
