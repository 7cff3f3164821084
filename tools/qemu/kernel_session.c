/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_session.c - memsan kernel: runs the bugs of one profile, and compares the reports with the table.
 *
 * One boot runs many bugs: KASAN goes on after a report, and an oops kills only the process that wrote to the trigger
 * file.  When a bug takes the machine with it, the next boot continues behind that bug:
 *
 *     boot 1: a b c [panic]      boot 2: d e f g done
 *
 * A boot in which no bug began ends the session.  The guests of all profiles run at the same time.
 */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BOOTS_MAX = sizeof(((struct kernel_session *)NULL)->logs) / sizeof(char *) };

/* ---- one boot -------------------------------------------------------------------------------- */

static bool is_left(const struct kernel_result *r)
{
	return !r->ran && kernel_cell_of(r->bug, r->profile)->expect != EXPECT_SKIP;
}

static bool anything_left(const struct kernel_session *s)
{
	for (size_t i = 0; i < s->nr_results; i++)
		if (is_left(&s->results[i]))
			return true;
	return false;
}

/* Bugs that need another command line come after all others.  Returns the first setup of the next boot. */
static enum kernel_setup next_boot(const struct kernel_session *s)
{
	enum kernel_setup next = NR_SETUPS;

	for (size_t i = 0; i < s->nr_results; i++)
		if (is_left(&s->results[i]) && s->results[i].bug->setup < next)
			next = s->results[i].bug->setup;
	return next < SETUP_UNMAP ? SETUP_LEAK : next;
}

/* The plan that the guest follows; the caller frees it. */
static char *make_plan(const struct kernel_session *s, enum kernel_setup first)
{
	size_t size = 0;
	char *plan = NULL;
	FILE *out = open_memstream(&plan, &size);
	bool leaks = false;

	if (!out) {
		tool_say("out of memory");
		exit(1);
	}
	fputs("insmod /memsan/memsan_bugs.ko\nfence 0\n", out);
	for (int setup = (int)first; setup <= (int)MAX(first, SETUP_PANIC); setup++) {
		for (size_t i = 0; i < s->nr_results; i++)
			if (is_left(&s->results[i]) && (int)s->results[i].bug->setup == setup) {
				fprintf(out, "bug %s %s\n", s->results[i].bug->name,
				        kernel_setup_name(s->results[i].bug->setup));
				leaks |= setup == SETUP_LEAK;
			}
		if (setup == SETUP_LEAK && leaks)
			fputs("scan\n", out);
	}
	/* the module waits for tasks that died in it */
	if (first != SETUP_UNMAP)
		fputs("rmmod memsan_bugs\n", out);
	fclose(out);
	return plan;
}

static bool boot(struct kernel_session *s, struct guest *g, const struct kernel_options *o)
{
	const char *dir = kernel_work_dir();
	char *path = tool_format("%s/%s-%zu.cpio", dir ? dir : "", kernel_profile_name(s->profile), s->nr_boots);
	enum kernel_setup first = next_boot(s);
	char *module = kernel_module_file(s->module_dir), *plan = make_plan(s, first), *append;
	struct initrd *r = dir && module ? initrd_base(path, &s->built, false) : NULL;
	struct kernel_options how = *o;
	bool ok = r != NULL;

	append = tool_format("%s%s%s", kernel_setup_words(first), o->append ? " " : "", o->append ? o->append : "");
	how.append = *append ? append : NULL;

	if (r) {
		initrd_data(r, "memsan/plan", 0644, plan, strlen(plan));
		ok = initrd_file(r, "memsan/memsan_bugs.ko", 0644, module);
		ok = initrd_finish(r) && ok && guest_start(g, &how, &s->built, path, false);
	}
	free(append);
	free(path);
	free(module);
	free(plan);
	return ok;
}

/* ---- what came of it ------------------------------------------------------------------------- */

static struct kernel_result *result_named(struct kernel_session *s, const char *name, size_t len)
{
	for (size_t i = 0; i < s->nr_results; i++)
		if (strlen(s->results[i].bug->name) == len && memcmp(s->results[i].bug->name, name, len) == 0)
			return &s->results[i];
	return NULL;
}

/* Reads "memsan: bug NAME", "memsan: bug NAME ended N" and "memsan_bugs: end NAME: N".  Returns the bug that has
 * begun and not ended. */
static struct kernel_result *read_line(struct kernel_session *s, const char *text, struct kernel_result *open)
{
	struct kernel_result *r;
	size_t len;

	if (strncmp(text, "memsan_bugs: end ", 17) == 0) {
		len = strcspn(text + 17, ":\n");
		r = result_named(s, text + 17, len);
		if (r && text[17 + len] == ':')
			r->status = atoi(text + 17 + len + 1);
		return open;
	}
	if (strncmp(text, "memsan: bug ", 12) != 0)
		return open;
	len = strcspn(text + 12, " \n");
	r = result_named(s, text + 12, len);
	if (!r || text[12 + len] != ' ') {
		if (r)
			r->ran = true;
		return r;
	}
	if (strncmp(text + 12 + len, " ended ", 7) == 0) {
		int status = atoi(text + 12 + len + 7);

		r->died = status >= 128;
		if (status && !r->status)
			r->status = status;
	}
	return NULL;
}

static void give_findings(struct kernel_session *s, const struct kernel_findings *f, bool named)
{
	for (size_t i = 0; i < f->nr; i++) {
		const struct kernel_bug *bug = f->all[i].bug;
		struct kernel_result *r = bug && f->all[i].named == named
		                                  ? result_named(s, bug->name, strlen(bug->name))
		                                  : NULL;

		if (r && r->nr_findings < sizeof(r->findings) / sizeof(r->findings[0]))
			r->findings[r->nr_findings] = &f->all[i];
		if (r)
			r->nr_findings++;
	}
}

static bool read_log(struct kernel_session *s, const struct guest *g)
{
	struct kernel_result *open = NULL;
	struct kernel_findings *f = &s->findings[s->nr_boots];
	bool begun = false;

	for (const char *line = g->log; *line;) {
		const char *end = strchrnul(line, '\n');

		open = read_line(s, kernel_log_text(line), open);
		begun |= open != NULL;
		line = *end ? end + 1 : end;
	}
	if (open) {
		open->panicked = g->end == GUEST_PANIC || g->end == GUEST_DIED;
		open->hung = !open->panicked;
	}
	kernel_find(f, g->log, &s->built, (const char *const *)&s->module_dir, 1);
	/* reports that name their bug come first: the others may be the aftermath of another bug */
	give_findings(s, f, true);
	give_findings(s, f, false);
	return begun;
}

/* The name of Linux 6.1 for a kind: use-after-free, which Linux 6.3 calls slab-use-after-free. */
static const char *older_name(const char *kind)
{
	return strncmp(kind, "slab-use", 8) == 0 ? kind + 5 : kind;
}

/* Is the kind one of those between the "|"? */
static bool same_kind(const char *found, const char *wanted)
{
	size_t len;

	for (found = older_name(found); *wanted; wanted += len + (wanted[len] == '|')) {
		len = strcspn(wanted, "|");
		if (strlen(found) == len - (size_t)(older_name(wanted) - wanted) &&
		    strncmp(found, older_name(wanted), strlen(found)) == 0)
			return true;
	}
	return false;
}

static bool is_function(const char *found, const char *wanted)
{
	size_t len = strlen(wanted);

	return found && strncmp(found, wanted, len) == 0 && (!found[len] || found[len] == '.');
}

/* Is the expected function guilty, or was the guilty one inlined into it?  "*" fits any: the damage is found later,
 * by whatever runs then. */
static bool same_function(const struct decode_record *r, const struct kernel_bug *bug, const struct kernel_cell *cell)
{
	char *wanted = *cell->function ? tool_format("%s", cell->function) : tool_format("bug_%s", bug->name);
	bool same = strcmp(wanted, "*") == 0 || is_function(r->function, wanted);

	for (size_t s = 0; !same && r->function && s < r->nr_stacks; s++)
		for (size_t i = 0; i + 1 < r->stacks[s].nr; i++) {
			const struct decode_frame *f = &r->stacks[s].frames[i];

			if (!f->inlined || !f->function || strcmp(f->function, r->function) != 0)
				continue;
			while (i + 1 < r->stacks[s].nr && r->stacks[s].frames[i].inlined)
				i++;
			same |= is_function(r->stacks[s].frames[i].function, wanted);
		}
	free(wanted);
	return same;
}

static char *difference_of(const struct kernel_result *r)
{
	const struct kernel_cell *cell = kernel_cell_of(r->bug, r->profile);
	const struct decode_record *first = r->nr_findings ? r->findings[0]->record : NULL;

	if (cell->expect == EXPECT_SKIP)
		return NULL;
	if (!r->ran)
		return tool_format("was not run");
	if (r->hung)
		return tool_format("the guest hung in it");
	if (r->status < 0)
		return tool_format("could not be made: %s", strerror(-r->status));
	if (cell->expect == EXPECT_QUIET) {
		if (first)
			return tool_format("%s %s in %s", first->detector, first->kind,
			                   first->function ? first->function : "?");
		return r->panicked || r->died ? tool_format("%s", r->panicked ? "panicked" : "killed its task") : NULL;
	}
	if (!first && !r->panicked && same_kind("none", cell->kind))
		return NULL;
	if (!first)
		return tool_format("%s", r->panicked ? "no report, the guest panicked" : "no report");
	if (strcmp(first->detector, cell->detector) == 0 && same_kind(first->kind, cell->kind) &&
	    same_function(first, r->bug, cell))
		return NULL;
	return tool_format("%s %s in %s", first->detector, first->kind, first->function ? first->function : "?");
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool prepare(struct kernel_session *s, const struct kernel_options *o)
{
	char *source = NULL;
	const char *data = kernel_data_dir();

	s->results = tool_alloc(o->nr_bugs * sizeof(*s->results));
	s->nr_results = o->nr_bugs;
	for (size_t i = 0; i < o->nr_bugs; i++)
		s->results[i] = (struct kernel_result){ .bug = o->bugs[i], .profile = s->profile };
	if (!data || !kernel_get(o, s->profile, &s->built))
		return false;
	source = tool_format("%s/module", data);
	s->module_dir = kernel_get_module(&s->built, source);
	free(source);
	return s->module_dir != NULL;
}

/* A guest has ended: reads its log, and boots the next one if bugs are left. */
static void session_go_on(struct kernel_session *s, struct guest *g, const struct kernel_options *o)
{
	bool begun = read_log(s, g);
	char *name;

	s->seconds += g->ended - g->started;
	name = tool_format("%s-%zu.log", kernel_profile_name(s->profile), s->nr_boots);
	kernel_keep_log(o, name, g->log);
	free(name);
	s->logs[s->nr_boots++] = g->log;
	g->log = NULL;
	g->pid = -1;
	if (g->end == GUEST_INTERRUPTED || kernel_signal) {
		s->failed = true;
	} else if (!begun && anything_left(s)) {
		const char *log = s->logs[s->nr_boots - 1];
		size_t len = strlen(log), shown = MIN(len, 800);

		tool_say("the %s guest %s; its last lines:", kernel_profile_name(s->profile), guest_end_text(g->end));
		tool_say_lines(log + len - shown, shown);
		s->failed = true;
	} else if (anything_left(s)) {
		s->failed = s->nr_boots >= BOOTS_MAX || !boot(s, g, o);
	}
}

bool kernel_sessions_run(struct kernel_session *sessions, size_t nr, const struct kernel_options *o)
{
	struct guest guests[NR_PROFILES] = { 0 };
	bool ok = true, running = true;

	/* what is missing should be said before minutes of building */
	for (size_t i = 0; i < nr; i++)
		if (!kernel_programs_there(sessions[i].profile))
			return false;
	for (size_t i = 0; i < nr; i++)
		if (!prepare(&sessions[i], o))
			return false;
	for (size_t i = 0; i < nr; i++) {
		guests[i].pid = -1;
		if (anything_left(&sessions[i]) && !boot(&sessions[i], &guests[i], o)) {
			sessions[i].failed = true;
			break;
		}
	}
	while (running) {
		running = false;
		guest_watch(guests, nr);
		for (size_t i = 0; i < nr; i++) {
			if (guests[i].pid > 0 && guests[i].end != GUEST_RUNNING)
				session_go_on(&sessions[i], &guests[i], o);
			running |= guests[i].pid > 0 && guests[i].end == GUEST_RUNNING;
		}
	}
	for (size_t i = 0; i < nr; i++) {
		guest_free(&guests[i]);
		for (size_t b = 0; b < sessions[i].nr_results; b++) {
			struct kernel_result *r = &sessions[i].results[b];

			r->difference = difference_of(r);
			r->as_expected = !r->difference;
		}
		ok &= !sessions[i].failed;
	}
	return ok && !kernel_signal;
}

void kernel_session_free(struct kernel_session *s)
{
	for (size_t i = 0; i < s->nr_results; i++)
		free(s->results[i].difference);
	for (size_t i = 0; i < s->nr_boots; i++) {
		kernel_findings_free(&s->findings[i]);
		free(s->logs[i]);
	}
	free(s->results);
	free(s->module_dir);
	kernel_built_free(&s->built);
}
