/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_minimize.c - memsan kernel minimize: makes a reproducer smaller, as long as the same bug shows.
 *
 *     the whole reproducer          which bug is it?  Its signature (decode/signature.c) is what candidates must show.
 *     module parameters             delta debugging (kernel_ddmin.c)
 *     pieces of the file            level by level (kernel_pieces.c), again and again until no level loses a piece
 *     the same, each in a guest of its own (kernel_trial.c)
 *
 * The best candidate so far is always in the output file.  Beside it lies the state file: first what is being made
 * smaller, then a line for each candidate that was judged.  The work is deterministic, so that an interrupted run goes
 * on by doing everything again with the verdicts of that file, which takes no time.
 */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_SCHEMA "memsan-kernel-minimize/1"
enum { EXIT_NOTHING = 3, EXIT_LIMIT = 124, REPRO_MAX = 4 << 20 };

struct known {
	uint64_t key;
	char verdict; /* S: shows the bug; A: does not, alone in its guest; H: does not, sharing one; B: not built */
};

struct minimize {
	const struct kernel_options *user;
	struct kernel_options options; /* the user's, with the parameters of the candidate */
	struct kernel_own own;
	struct kernel_trial trial;
	enum repro_kind kind;
	char *text; /* the whole reproducer, or NULL */
	struct pieces pieces;
	bool *kept;      /* pieces */
	bool params[32]; /* kept parameters */
	bool strict;     /* verdicts of shared guests do not count */
	char *output, *state_path;
	FILE *state;
	struct known *known;
	size_t nr_known, room;
	size_t earlier; /* boots of earlier runs */
	double began;
	size_t judged; /* candidates of this run */
	unsigned steps;
	int status;
};

/* ---- the state file -------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t h, const char *text)
{
	return hash_bytes(h, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* What a verdict depends on, apart from the candidate. */
static uint64_t hash_task(const struct minimize *m)
{
	const struct kernel_options *o = m->user;
	const char *const words[] = { m->text, m->own.built.dir, o->expect, o->append,
		                      o->mem,  o->smp,           o->script, o->share_host };
	uint64_t h = o->tries * 1000003ull + o->timeout;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		h = hash_text(h, words[i]);
	for (size_t i = 0; i < o->nr_modules; i++)
		h = hash_text(h, o->modules[i]);
	for (size_t i = 0; i < o->nr_files; i++)
		h = hash_text(h, o->files[i]);
	for (size_t i = 0; i < o->nr_params; i++)
		h = hash_text(h, o->params[i].words);
	return h;
}

static void remember(struct minimize *m, uint64_t key, char verdict)
{
	if (m->nr_known == m->room) {
		m->room = m->room ? 2 * m->room : 256;
		m->known = tool_resize(m->known, m->room * sizeof(*m->known));
	}
	m->known[m->nr_known++] = (struct known){ key, verdict };
}

/* The last verdict counts: a candidate may be judged alone after it was judged in a shared guest. */
static char recall(const struct minimize *m, uint64_t key)
{
	for (size_t i = m->nr_known; i-- > 0;)
		if (m->known[i].key == key)
			return m->known[i].verdict;
	return 0;
}

/* A full disk must not cost the boots that are still to come, but must be told. */
static bool note_state(struct minimize *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool note_state(struct minimize *m, const char *format, ...)
{
	va_list args;
	bool ok;

	va_start(args, format);
	ok = vfprintf(m->state, format, args) > 0 && fflush(m->state) == 0;
	va_end(args);
	if (!ok)
		tool_say("cannot write %s: %s", m->state_path, strerror(errno));
	return ok;
}

static bool note_verdict(struct minimize *m, uint64_t key, char verdict)
{
	remember(m, key, verdict);
	return note_state(m, "%c %016" PRIx64 "\n", verdict, key);
}

static bool note_bug(struct minimize *m)
{
	const struct kernel_trial *t = &m->trial;

	return note_state(m, "task %016" PRIx64 "\nbug %016" PRIx64 " %d %d %d %u %s\n", hash_task(m), t->signature,
	                  t->by_line, t->scan, t->share, t->limit, t->found);
}

/* Reads what an earlier run has found out.  0: there is no state file; EXIT_USAGE: it is another task's, and a line was
 * printed; 1: it was read. */
static int read_state(struct minimize *m)
{
	struct kernel_trial *t = &m->trial;
	FILE *in = fopen(m->state_path, "re");
	char line[1024], title[800] = "";
	int by_line, scan, share, status = EXIT_USAGE;
	uint64_t task = 0, key;
	char verdict;

	if (!in)
		return 0;
	if (fgets(line, sizeof(line), in) && strcmp(line, STATE_SCHEMA "\n") == 0 && fgets(line, sizeof(line), in) &&
	    sscanf(line, "task %" SCNx64, &task) == 1 && task == hash_task(m) && fgets(line, sizeof(line), in) &&
	    sscanf(line, "bug %" SCNx64 " %d %d %d %u %799[^\n]", &t->signature, &by_line, &scan, &share, &t->limit,
	           title) == 6) {
		t->by_line = by_line;
		t->scan = scan;
		t->share = share;
		t->found = tool_format("%s", title);
		status = 1;
	}
	/* a line that an interruption cut short ends it */
	while (status == 1 && fgets(line, sizeof(line), in) && sscanf(line, "%c %16" SCNx64, &verdict, &key) == 2 &&
	       strlen(line) == 19) {
		remember(m, key, verdict);
		m->earlier += verdict != 'B';
	}
	fclose(in);
	if (status == EXIT_USAGE)
		tool_say("%s is the state of another reproducer, or of other options; remove it, or give --output",
		         m->state_path);
	return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t len = 0;
	char *text = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= REPRO_MAX)
		text = tool_read_all(fd, &len);
	if (!text)
		tool_say("cannot read %s: %s", path, fd < 0 ? strerror(errno) : "it is too large");
	if (fd >= 0)
		close(fd);
	return text;
}

static bool write_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");
	bool ok = out && fputs(text, out) >= 0;

	ok = out && fclose(out) == 0 && ok;
	if (!ok)
		tool_say("cannot write %s: %s", path, strerror(errno));
	return ok;
}

/* Replaces the output in one step, so that it is never half-written. */
static bool write_best(const struct minimize *m)
{
	char *next = tool_format("%s.next", m->output), *text;
	bool ok = true;

	if (m->text) {
		text = kernel_pieces_text(&m->pieces, m->kept);
		ok = write_text(next, text) && (m->kind != REPRO_SCRIPT || chmod(next, 0755) == 0) &&
		     rename(next, m->output) == 0;
		if (!ok)
			unlink(next);
		free(text);
	}
	free(next);
	return ok;
}

/* "dir/foo.c" becomes "foo-min.c". */
static char *default_output(const char *path)
{
	char *plain = tool_format("%s", path), *name, *dot, *out;

	while (strlen(plain) > 1 && plain[strlen(plain) - 1] == '/')
		plain[strlen(plain) - 1] = '\0';
	name = strrchr(plain, '/') ? strrchr(plain, '/') + 1 : plain;
	dot = strrchr(name, '.');
	out = dot && dot != name ? tool_format("%.*s-min%s", (int)(dot - name), name, dot)
	                         : tool_format("%s-min", name);
	free(plain);
	return out;
}

/* ---- candidates ------------------------------------------------------------------------------ */

static uint64_t hash_candidate(const struct minimize *m, const char *text, const bool *params)
{
	return hash_bytes(hash_text(1, text), params, m->user->nr_params);
}

/* False: no compiler or shell takes it. */
static bool build_candidate(struct minimize *m, const char *text, size_t number, char **path)
{
	const char *slash = m->options.repro ? strrchr(m->options.repro, '/') : NULL;
	bool cxx = m->kind == REPRO_CXX, ok;
	char *source, *folder;

	*path = tool_format("%s/candidate-%zu", kernel_work_dir(), number);
	if (m->kind == REPRO_SCRIPT) {
		char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"exec sh -n \"$0\" 2>/dev/null", *path,
			               NULL };
		/* other shells have other words */
		bool plain = strncmp(text, "#!", 2) != 0 || strncmp(text, "#!/bin/sh", 9) == 0;
		pid_t pid;

		if (!write_text(*path, text) || !plain)
			return !plain;
		pid = spawn_program(argv, -1, -1);
		return pid > 0 && spawn_wait(pid) == 0;
	}
	source = tool_format("%s.%s", *path, cxx ? "cc" : "c");
	folder = slash ? tool_format("%.*s/", (int)(slash - m->options.repro), m->options.repro) : tool_format(".");
	ok = write_text(source, text) && bring_build(&m->own.built, source, cxx, folder, *path);
	free(source);
	free(folder);
	return ok;
}

static void set_params(struct minimize *m, const bool *kept)
{
	m->options.nr_params = 0;
	for (size_t i = 0; i < m->user->nr_params; i++)
		if (kept[i])
			m->options.params[m->options.nr_params++] = m->user->params[i];
}

static void tell_progress(struct minimize *m, const struct ddmin *d)
{
	double each = m->judged ? (tool_clock() - m->began) / (double)m->judged : 0, left = each * (double)d->left;

	m->steps++;
	if (m->text)
		fprintf(stderr, "memsan: step %u: %zu of %zu pieces, ", m->steps,
		        kernel_pieces_left(&m->pieces, m->kept), m->pieces.nr);
	else
		fprintf(stderr, "memsan: step %u: ", m->steps);
	if (m->user->nr_params) {
		size_t n = 0;

		for (size_t i = 0; i < m->user->nr_params; i++)
			n += m->params[i];
		fprintf(stderr, "%zu of %zu parameters, ", n, m->user->nr_params);
	}
	fprintf(stderr, "%zu boots", m->earlier + m->trial.boots);
	if (m->judged)
		fprintf(stderr, "; at most %.0f %s more for this level", left >= 90 ? left / 60 : left,
		        left >= 90 ? "min" : "s");
	fputc('\n', stderr);
}

struct queue {
	char *paths[KERNEL_CANDIDATES];
	uint64_t keys[KERNEL_CANDIDATES];
	size_t index[KERNEL_CANDIDATES], nr;
};

static void queue_clear(struct queue *q)
{
	for (size_t i = 0; i < q->nr; i++)
		free(q->paths[i]);
	q->nr = 0;
}

/* Boots the candidates of the queue, and empties it.  Returns the index of the one that shows the bug, `none`, or
 * DDMIN_STOP. */
static size_t judge_queue(struct minimize *m, struct ddmin *d, struct queue *q, size_t none)
{
	enum trial_verdict verdicts[KERNEL_CANDIDATES] = { TRIAL_UNKNOWN };
	size_t found = none;
	bool ok = true;

	if (q->nr) {
		tell_progress(m, d);
		ok = kernel_trial_run(&m->trial, (const char *const *)q->paths, q->nr, verdicts);
	}
	for (size_t i = 0; i < q->nr; i++) {
		if (verdicts[i] == TRIAL_SHOWS && found == none)
			found = q->index[i];
		if (verdicts[i] == TRIAL_SHOWS || verdicts[i] == TRIAL_ALONE || verdicts[i] == TRIAL_SHARED)
			ok = note_verdict(m, q->keys[i], "?SAH"[verdicts[i]]) && ok;
		m->judged += verdicts[i] != TRIAL_UNKNOWN;
	}
	queue_clear(q);
	if (!ok && !kernel_signal && !m->status)
		m->status = EXIT_USAGE;
	return ok && !kernel_signal ? found : DDMIN_STOP;
}

/* The text and the parameters of a candidate come from one of these two. */
static size_t first_that_shows(struct minimize *m, struct ddmin *d, bool *const *candidates, size_t nr, bool of_params)
{
	struct queue q = { .nr = 0 };
	size_t room = of_params || !m->trial.share || m->strict ? 1 : KERNEL_CANDIDATES, found = nr;

	for (size_t i = 0; i < nr && found == nr; i++) {
		const bool *params = of_params ? candidates[i] : m->params, *kept = of_params ? m->kept : candidates[i];
		char *text = m->text ? kernel_pieces_text(&m->pieces, kept) : NULL;
		uint64_t key = hash_candidate(m, text, params);
		char known = recall(m, key);

		if (known == 'S') {
			free(text);
			/* those in the queue come before it, but one is enough */
			queue_clear(&q);
			return i;
		}
		if (!known || (known == 'H' && m->strict)) {
			q.paths[q.nr] = NULL;
			if (!m->text)
				q.paths[q.nr] = tool_format("%s", m->options.repro ? m->options.repro : "");
			if (!m->text || build_candidate(m, text, q.nr, &q.paths[q.nr])) {
				q.keys[q.nr] = key;
				q.index[q.nr++] = i;
			} else {
				free(q.paths[q.nr]);
				m->judged++;
				if (kernel_signal || !note_verdict(m, key, 'B'))
					found = DDMIN_STOP;
			}
		}
		free(text);
		if (found == nr && q.nr == room) {
			set_params(m, params);
			found = judge_queue(m, d, &q, nr);
		}
	}
	if (found == nr && q.nr) {
		set_params(m, m->params);
		found = judge_queue(m, d, &q, nr);
	}
	queue_clear(&q);
	return found;
}

static size_t first_of_params(struct ddmin *d, bool *const *candidates, size_t nr)
{
	return first_that_shows(d->ctx, d, candidates, nr, true);
}

static size_t first_of_pieces(struct ddmin *d, bool *const *candidates, size_t nr)
{
	struct minimize *m = d->ctx;
	size_t found = first_that_shows(m, d, candidates, nr, false);

	if (found < nr) {
		memcpy(m->kept, candidates[found], m->pieces.nr);
		if (!write_best(m)) {
			m->status = EXIT_USAGE;
			return DDMIN_STOP;
		}
	}
	return found;
}

/* ---- stages ---------------------------------------------------------------------------------- */

static bool minimize_params(struct minimize *m)
{
	struct ddmin d = { .kept = m->params, .nr = m->user->nr_params, .first = first_of_params, .ctx = m };
	size_t all[32];

	for (size_t i = 0; i < d.nr; i++)
		all[i] = i;
	return kernel_ddmin(&d, all, d.nr);
}

/* Takes the blocks of functions first, because a function can go only when nothing calls it any more.
 * Stops when a pass over all levels leaves everything as it is. */
static bool minimize_pieces(struct minimize *m)
{
	bool *kept = tool_alloc(m->pieces.nr + 1), ok = true;
	struct ddmin d = { .kept = kept, .nr = m->pieces.nr, .first = first_of_pieces, .ctx = m, .singles = m->strict };
	size_t *level = tool_alloc((m->pieces.nr + 1) * sizeof(*level)), before, nr;

	memcpy(kept, m->kept, m->pieces.nr);
	do {
		before = kernel_pieces_left(&m->pieces, kept);
		for (unsigned i = 0; i <= m->pieces.depth && ok; i++) {
			unsigned depth = (i + 1) % (m->pieces.depth + 1);

			nr = 0;
			for (size_t n = 0; n < m->pieces.nr; n++)
				if (m->pieces.all[n].depth == depth && kernel_piece_is_left(&m->pieces, kept, n))
					level[nr++] = n;
			ok = kernel_ddmin(&d, level, nr);
		}
	} while (ok && kernel_pieces_left(&m->pieces, kept) < before);
	free(level);
	free(kept);
	return ok;
}

static bool minimize_all(struct minimize *m)
{
	size_t before;

	do {
		before = m->text ? kernel_pieces_left(&m->pieces, m->kept) : 0;
		if (!minimize_params(m) || (m->text && !minimize_pieces(m)))
			return false;
		/* what shared guests have said is not the last word */
		m->strict = true;
	} while (m->text && kernel_pieces_left(&m->pieces, m->kept) < before);
	return true;
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* Does the whole reproducer show the bug?  0: yes. */
static int begin(struct minimize *m)
{
	char *path = NULL;
	enum trial_verdict verdict = TRIAL_STOP;
	bool another = false;

	if (!m->text)
		path = tool_format("%s", m->options.repro ? m->options.repro : "");
	if (m->text && !build_candidate(m, m->text, 0, &path)) {
		if (!kernel_signal)
			tool_say("%s cannot be built for the guest; 'memsan kernel run --repro' shows why",
			         m->options.repro);
	} else {
		tool_say("the whole reproducer runs first");
		verdict = kernel_trial_whole(&m->trial, path, &another);
	}
	free(path);
	if (verdict == TRIAL_STOP)
		return EXIT_USAGE;
	if (verdict != TRIAL_SHOWS) {
		tool_say("%s in %u boot%s: %s%s", m->user->expect ? m->user->expect : "a report", m->trial.boots,
		         m->trial.boots == 1 ? "" : "s", another ? "another bug" : "nothing",
		         m->trial.tries == 1 ? "; --tries=N boots more often" : "");
		return another ? 1 : EXIT_NOTHING;
	}
	return note_bug(m) && write_best(m) ? 0 : EXIT_USAGE;
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; text && *text; text++)
		n += *text == '\n';
	return n;
}

static void print_result(struct minimize *m, bool done)
{
	size_t left = m->text ? kernel_pieces_left(&m->pieces, m->kept) : 0, lines = 0;
	char *text = m->text ? kernel_pieces_text(&m->pieces, m->kept) : NULL;
	double seconds = tool_clock() - m->began;
	const char *separator = "";

	lines = lines_of(text);
	if (m->user->format == KERNEL_JSON) {
		printf("{\"schema\":\"" STATE_SCHEMA "\",\"done\":%s,\"report\":", done ? "true" : "false");
		decode_json_string(stdout, m->trial.found);
		printf(",\"output\":");
		decode_json_string(stdout, m->text ? m->output : NULL);
		printf(",\"pieces\":%zu,\"pieces_before\":%zu,\"lines\":%zu,\"lines_before\":%zu,\"parameters\":[",
		       left, m->pieces.nr, lines, lines_of(m->text));
		for (size_t i = 0; i < m->user->nr_params; i++) {
			if (!m->params[i])
				continue;
			fputs(separator, stdout);
			decode_json_string(stdout, m->user->params[i].words);
			separator = ",";
		}
		printf("],\"boots\":%zu,\"seconds\":%.1f}\n", m->earlier + m->trial.boots, seconds);
	} else {
		printf("%s\n", m->trial.found);
		if (m->text)
			printf("%s: %zu of %zu pieces, %zu of %zu lines\n", m->output, left, m->pieces.nr, lines,
			       lines_of(m->text));
		for (size_t i = 0; i < m->user->nr_params; i++)
			printf("--param=%s: %s\n", m->user->params[i].words, m->params[i] ? "needed" : "not needed");
	}
	fflush(stdout);
	if (done)
		tool_say("%u boots, %.0f s", (unsigned)(m->earlier + m->trial.boots), seconds);
	else
		tool_say("not finished: %s is the best so far; the same command goes on from there",
		         m->text ? m->output : "this");
	free(text);
}

/* What can be said before minutes of building.  False: a line was printed. */
static bool choose_subject(struct minimize *m)
{
	struct kernel_options *o = &m->options;

	m->options = *m->user;
	if (!o->repro && o->script) {
		o->repro = o->script;
		o->script = NULL;
	}
	if (o->repro && access(o->repro, R_OK) != 0) {
		tool_say("cannot read the reproducer %s: %s", o->repro, strerror(errno));
		return false;
	}
	m->kind = o->repro ? bring_kind(o->repro) : REPRO_NONE;
	if (o->repro && m->kind == REPRO_PROGRAM && !o->nr_params) {
		tool_say("%s is a program, which cannot be made smaller; give its source or a script", o->repro);
		return false;
	}
	m->output = o->output ? tool_format("%s", o->output) : default_output(o->repro ? o->repro : o->modules[0]);
	m->state_path = tool_format("%s.state", m->output);
	if (access(m->output, F_OK) == 0 && access(m->state_path, F_OK) != 0) {
		tool_say("%s exists already; remove it, or give --output", m->output);
		return false;
	}
	if (!o->repro || m->kind == REPRO_PROGRAM)
		return true;
	m->text = read_text(o->repro);
	if (!m->text)
		return false;
	(m->kind == REPRO_SCRIPT ? kernel_pieces_of_script : kernel_pieces_of_c)(&m->pieces, m->text);
	return true;
}

static int run(struct minimize *m)
{
	int status, known;
	bool done;

	if (!choose_subject(m) || !kernel_own_prepare(&m->own, &m->options))
		return EXIT_USAGE;
	m->kept = tool_alloc(m->pieces.nr + 1);
	memset(m->kept, true, m->pieces.nr);
	memset(m->params, true, sizeof(m->params));
	m->trial = (struct kernel_trial){ .options = &m->options,
		                          .own = &m->own,
		                          .title = m->user->expect,
		                          .tries = m->user->tries ? m->user->tries : 1,
		                          .limit = kernel_repro_limit(m->user) };
	known = read_state(m);
	if (known == EXIT_USAGE)
		return EXIT_USAGE;
	m->state = fopen(m->state_path, known ? "ae" : "we");
	if (!m->state) {
		tool_say("cannot write %s: %s", m->state_path, strerror(errno));
		return EXIT_USAGE;
	}
	/* a full disk is told before the first boot */
	if (!known && !note_state(m, STATE_SCHEMA "\n")) {
		unlink(m->state_path);
		return EXIT_USAGE;
	}
	if (known)
		tool_say("going on with %s: %zu verdicts are known", m->state_path, m->nr_known);
	m->began = tool_clock();
	status = known ? 0 : begin(m);
	if (!known && status) {
		unlink(m->state_path);
		return status;
	}
	if (!known)
		tool_say("it shows: %s", m->trial.found);
	done = minimize_all(m);
	print_result(m, done);
	if (done)
		unlink(m->state_path);
	return done ? 0 : m->status;
}

int kernel_minimize(const struct kernel_options *o)
{
	struct minimize m = { .user = o };
	int status = run(&m);

	if (m.state)
		fclose(m.state);
	kernel_own_free(&m.own);
	kernel_work_remove(o);
	free(m.trial.found);
	free(m.pieces.all);
	free(m.kept);
	free(m.known);
	free(m.text);
	free(m.output);
	free(m.state_path);
	return kernel_signal ? kernel_interrupted() : tool_finish_output(status);
}
