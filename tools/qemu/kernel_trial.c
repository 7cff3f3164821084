/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_trial.c - memsan kernel minimize: does a candidate still show the bug?
 *
 * A candidate that is built boots a guest.  Boots cost more than what happens in them, so that several candidates share
 * one, each with the modules loaded anew:
 *
 *     load the modules, run candidate 1, unload     nothing
 *     load the modules, run candidate 2, unload     nothing; candidate 1 may have had a part in that
 *     load the modules, run candidate 3 …           the bug: the guest ends
 *
 * What an earlier candidate left behind can help a later one, or prevent its bug.  So a candidate that showed the bug
 * as a later one must show it again in a guest of its own; if it does not, guests are no longer shared.  At the end
 * each piece that is left is tried in a guest of its own (`strict`).  A candidate that took the guest with it, without
 * the bug, is tried alone if it was a later one, and the candidates behind it go on in the next guest.
 *
 * Bugs that come sometimes (--tries) and leaks, which a scan finds that takes seconds, always have guests of their own.
 */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <stdlib.h>
#include <string.h>

enum { GUEST_SECONDS = 300, NEVER_BOOTED_MAX = 3 };

/* ---- the bug in a log ------------------------------------------------------------------------ */

struct wanted {
	uint64_t signature;
	bool found;
};

static void compare_record(void *ctx, struct decode_record *r)
{
	struct wanted *w = ctx;

	w->found |= r->signature == w->signature;
	decode_record_free(r);
}

static bool shows(const struct kernel_trial *t, const char *log, size_t len)
{
	struct wanted wanted = { .signature = t->signature };
	struct decode_reader *reader;
	char *copy;

	if (t->by_line) {
		copy = tool_format("%.*s", (int)len, log);
		wanted.found = kernel_expect_log(t->title, copy);
		free(copy);
		return wanted.found;
	}
	reader = decode_reader_create(compare_record, &wanted);
	if (!reader) {
		tool_say("out of memory");
		exit(1);
	}
	decode_reader_begin(reader, "console");
	decode_reader_feed(reader, log, len);
	decode_reader_end(reader);
	decode_reader_destroy(reader);
	return wanted.found;
}

static const char *line_that_begins(const char *log, const char *words)
{
	for (const char *line = log; *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(kernel_log_text(line), words, strlen(words)) == 0)
			return line;
		line = *end ? end + 1 : end;
	}
	return NULL;
}

/* ---- one guest ------------------------------------------------------------------------------- */

static void write_plan(FILE *out, const struct kernel_options *o, const char *load, const char *use, const char *unload,
                       void *ctx)
{
	const struct kernel_trial *t = ctx;

	(void)use;
	for (size_t i = 0; i < o->nr_candidates; i++) {
		fprintf(out, "note candidate %zu\n%s", i + 1, load);
		if (o->script)
			fputs("script\n", out);
		if (o->repro)
			fprintf(out, "repro %u %s repro-%zu\n", t->limit, t->signature || t->title ? "all" : "first",
			        i + 1);
		fputs("validate\n", out);
		if (t->scan)
			fputs("scan\n", out);
		fputs(unload, out);
		if (t->scan && *unload)
			fputs("scan\n", out);
		fprintf(out, "note candidate %zu ended\n", i + 1);
	}
}

enum candidate_end { NOT_BEGUN, NOT_ENDED, WITHOUT, WITH };

/* Boots a guest with these candidates, and watches it until it ends.  False: nothing could be run, or a signal came. */
static bool boot(struct kernel_trial *t, const char *const *paths, size_t nr, struct guest *g)
{
	struct kernel_options o = *t->options;
	char *initrd = tool_format("%s/initrd.cpio", kernel_work_dir()), *name;
	bool ok;

	o.nr_candidates = nr;
	for (size_t i = 0; i < nr; i++)
		o.candidates[i] = paths[i];
	o.timeout = GUEST_SECONDS + (unsigned)nr * t->limit;
	ok = kernel_own_archive(t->own, &o, initrd, write_plan, t) && guest_start(g, &o, &t->own->built, initrd, false);
	free(initrd);
	if (!ok)
		return false;
	if (t->signature || (t->title && !t->by_line))
		kernel_expect_in(g, t->own, t->title, t->signature);
	g->silence_limit = 0;
	guest_watch(g, 1);
	name = tool_format("console-%u.log", ++t->boots);
	kernel_keep_log(&o, name, g->log);
	free(name);
	t->seconds += g->ended - g->started;
	return true;
}

static enum candidate_end end_of(const struct kernel_trial *t, const char *log, size_t i)
{
	char *begin = tool_format("memsan: candidate %zu\n", i + 1),
	     *next = tool_format("memsan: candidate %zu\n", i + 2);
	char *over = tool_format("memsan: candidate %zu ended", i + 1);
	const char *from = line_that_begins(log, begin), *to = from ? line_that_begins(from, next) : NULL;
	enum candidate_end end = NOT_BEGUN;

	if (from && shows(t, from, to ? (size_t)(to - from) : strlen(from)))
		end = WITH;
	else if (from)
		end = line_that_begins(from, over) ? WITHOUT : NOT_ENDED;
	free(begin);
	free(next);
	free(over);
	return end;
}

/* ---- the whole reproducer -------------------------------------------------------------------- */

/* The seconds of a line's time stamp, "[   12.345678] "; 0: it has none. */
static double time_of(const char *line)
{
	return line && *line == '[' ? strtod(line + 1, NULL) : 0;
}

/* Candidates get four times as long as the whole needed, because most of them never end. */
static void choose_limit(struct kernel_trial *t, const char *log, uint64_t line)
{
	const char *at = log;
	double begin = time_of(line_that_begins(log, "memsan: repro-1")), took;

	for (; line > 1 && *at; line--)
		at = strchrnul(at, '\n') + (*strchrnul(at, '\n') != '\0');
	took = time_of(at) - begin;
	if (!t->options->timeout && begin > 0 && took > 0 && 4 * took + 10 < t->limit)
		t->limit = (unsigned)(4 * took + 10);
}

/* The first report that has the title, with functions that are inlined; the title may name one of these. */
static const struct decode_record *find_record(const struct kernel_trial *t, const struct kernel_findings *f)
{
	for (size_t i = 0; i < f->nr; i++)
		if (!t->title || kernel_expect_record(t->title, f->all[i].record))
			return f->all[i].record;
	return NULL;
}

static void learn(struct kernel_trial *t, const struct guest *g, const struct kernel_findings *f)
{
	const struct decode_record *r = find_record(t, f);

	if (r) {
		t->signature = r->signature;
		t->found = tool_format("%s", r->title);
		t->scan = strcmp(r->detector, "kmemleak") == 0;
		t->share = t->tries == 1 && !t->scan;
		choose_limit(t, g->log, r->first_line);
	} else if (t->title && kernel_expect_log(t->title, g->log)) {
		t->by_line = true;
		t->found = tool_format("%s", t->title);
		t->scan = t->share = false;
	}
}

/* Boots the whole once. */
static enum trial_verdict look(struct kernel_trial *t, const char *path, bool *another)
{
	enum trial_verdict verdict = TRIAL_STOP;
	struct guest g = { .pid = -1 };
	struct kernel_findings f = { 0 };

	if (boot(t, &path, 1, &g) && !kernel_signal) {
		kernel_own_complaints(&g, NULL);
		kernel_find(&f, g.log, &t->own->built, t->own->folders, t->own->nr_folders);
		learn(t, &g, &f);
		*another |= f.nr || g.end != GUEST_DONE || kernel_log_complains(g.log);
		verdict = t->found ? TRIAL_SHOWS : TRIAL_ALONE;
		if (!t->found && !g.booted) {
			tool_say("the guest %s", guest_end_text(GUEST_NEVER_BOOTED));
			verdict = TRIAL_STOP;
		}
	}
	kernel_findings_free(&f);
	guest_free(&g);
	return verdict;
}

/* Scans for leaks take seconds, so that they come when there is nothing else. */
enum trial_verdict kernel_trial_whole(struct kernel_trial *t, const char *path, bool *another)
{
	bool leak = t->title && (strstr(t->title, "leak") || strstr(t->title, "unreferenced"));
	enum trial_verdict verdict = TRIAL_ALONE;

	*another = false;
	for (int scan = leak; scan <= 1 && verdict == TRIAL_ALONE; scan++)
		for (unsigned tries = t->tries; tries && verdict == TRIAL_ALONE; tries--) {
			t->scan = scan;
			verdict = look(t, path, another);
		}
	return verdict;
}

/* ---- candidates ------------------------------------------------------------------------------ */

/* A candidate in a guest of its own.  QEMU may have been killed, so that a guest that ended without a word has a second
 * chance. */
static enum trial_verdict alone(struct kernel_trial *t, const char *path)
{
	unsigned tries = t->tries, never = 0, died = 0;

	while (tries) {
		struct guest g = { .pid = -1 };
		enum candidate_end how;
		bool ok = boot(t, &path, 1, &g);

		how = ok ? end_of(t, g.log, 0) : NOT_BEGUN;
		guest_free(&g);
		if (!ok || kernel_signal)
			return TRIAL_STOP;
		if (how == WITH)
			return TRIAL_SHOWS;
		if (how == NOT_BEGUN && ++never == NEVER_BOOTED_MAX) {
			tool_say("the guest %s", guest_end_text(g.end));
			return TRIAL_STOP;
		}
		tries -= how != NOT_BEGUN && (g.end != GUEST_DIED || ++died > 1);
	}
	return TRIAL_ALONE;
}

/* Takes the candidates that one guest can judge.  Returns how many these are; 0: stop. */
static size_t judge_some(struct kernel_trial *t, const char *const *paths, size_t nr, enum trial_verdict *verdicts)
{
	struct guest g = { .pid = -1 };
	size_t i = 0;
	bool ok;

	if (nr == 1 || !t->share) {
		verdicts[0] = alone(t, paths[0]);
		return verdicts[0] != TRIAL_STOP;
	}
	ok = boot(t, paths, nr, &g) && !kernel_signal;
	for (; ok && i < nr; i++) {
		enum candidate_end end = end_of(t, g.log, i);

		verdicts[i] = i ? TRIAL_SHARED : TRIAL_ALONE;
		if (end == WITHOUT)
			continue;
		/* the next guest begins with it */
		if (end == NOT_BEGUN || (end == NOT_ENDED && (i || g.end == GUEST_DIED)))
			break;
		if (end == WITH && i)
			verdicts[i] = alone(t, paths[i]);
		else if (end == WITH)
			verdicts[i] = TRIAL_SHOWS;
		if (end == WITH && verdicts[i] == TRIAL_ALONE) {
			tool_say("candidates in one guest influence each other; from here on each has its own");
			t->share = false;
		}
		ok = verdicts[i++] != TRIAL_STOP;
		break;
	}
	if (ok && i == 0) {
		verdicts[0] = alone(t, paths[0]);
		ok = verdicts[i++] != TRIAL_STOP;
	}
	guest_free(&g);
	return ok ? i : 0;
}

bool kernel_trial_run(struct kernel_trial *t, const char *const *paths, size_t nr, enum trial_verdict *verdicts)
{
	size_t done = 0, some;

	for (size_t i = 0; i < nr; i++)
		verdicts[i] = TRIAL_UNKNOWN;
	while (done < nr) {
		some = judge_some(t, paths + done, nr - done, verdicts + done);
		if (!some)
			return false;
		for (size_t i = done; i < done + some; i++)
			if (verdicts[i] == TRIAL_SHOWS)
				return true;
		done += some;
	}
	return true;
}
