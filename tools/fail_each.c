/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/fail_each.c - memsan run --fail-each: what does the program do when its n-th allocation fails, for each n? */
#include "config.h"

#include "reports/reports.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*     run 0          nothing fails: how the program ends, which reports it makes, how long it takes
 *     run n = 1 …    fail.nth=n; the runtime writes a line to the log when that allocation comes
 *     no line        there was no n-th allocation: all have been tried
 *
 * What run 0 did not do counts against a run: a signal that ends the program (crash), a report of memory errors
 * (corrupts; the report of a fault belongs to the crash), a report of a leak, no end (hangs).  A reported fault without
 * a killed program is a crash of a process that the program started, or the program handled the fault.  Each place is
 * shown once: allocations with the same stack and the same end are one place.
 *
 * Each process of the program counts its own allocations, so run n fails the n-th allocation of each.  The program's
 * output is dropped.  Its input is the same in each run: standard input from its present position, if it is a file,
 * else a copy of everything that comes from it. */

#define HANG_FACTOR 20.0
#define HANG_MIN 10.0
#define FRAMES_MAX 48
#define SIGNATURES_MAX 256

enum verdict { GOOD, CRASHES, CORRUPTS, LEAKS, HANGS, NR_VERDICTS };
static const char *const verdict_text[NR_VERDICTS] = { "does no harm", "crashes", "corrupts memory", "leaks", "hangs" };

struct run {
	int status; /* from waitpid */
	bool hung;
	double seconds;
	char *reports, *log; /* everything that the run wrote */
};
struct frame {
	char module[512];
	uint64_t offset;
};
struct failure {
	unsigned long nr;
	size_t size;
	char cache[64];
	char *stack; /* as the runtime wrote it; failures with equal stacks are one place */
	enum verdict verdict;
	char what[256];
	unsigned long times, last; /* how many more failures are like it, and the number of the last */
	struct failure *next;
};
struct session {
	char **argv;
	const char *options;
	char log[256], reports[256];
	int input;
	off_t input_at;
	double limit;
	char *known[SIGNATURES_MAX]; /* the reports of run 0 */
	size_t nr_known;
	struct failure *failures, **end;
	unsigned long count[NR_VERDICTS];
};

/* ---- files ----------------------------------------------------------------------------------- */

static char *take_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;

	if (fd < 0)
		return tool_format("%s", "");
	text = tool_read_all(fd, NULL);
	close(fd);
	if (truncate(path, 0) != 0)
		tool_say("cannot empty %s: %s", path, strerror(errno));
	return text;
}

/* The input of every run.  A terminal is not read. */
static int input_prepare(off_t *at)
{
	struct stat st;
	char buf[65536];
	ssize_t n;
	int copy;

	*at = lseek(0, 0, SEEK_CUR);
	if (fstat(0, &st) == 0 && S_ISREG(st.st_mode) && *at >= 0)
		return fcntl(0, F_DUPFD_CLOEXEC, 3);
	*at = 0;
	if (fstat(0, &st) != 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	copy = memfd_create("memsan-input", MFD_CLOEXEC);
	while (copy >= 0 && (n = read(0, buf, sizeof(buf))) > 0)
		if (write(copy, buf, (size_t)n) != n)
			break;
	return copy;
}

/* ---- one run --------------------------------------------------------------------------------- */

static _Noreturn void become(const struct session *s, unsigned long nth)
{
	int null = open("/dev/null", O_WRONLY);
	char *text = tool_format("leak=on:%s%sfail.times=1:fail.nth=%lu:fail.log=%s:report_file=%s:format=json",
	                         s->options, *s->options ? ":" : "", nth, s->log, s->reports);

	setenv("MEMSAN_OPTIONS", text, 1);
	setpgid(0, 0);
	if (s->input >= 0) {
		lseek(s->input, s->input_at, SEEK_SET);
		dup2(s->input, 0);
	}
	dup2(null, 1);
	dup2(null, 2);
	execvp(s->argv[0], s->argv);
	_exit(EXIT_NOT_FOUND);
}

/* Waits until the child ends or its time is over, then ends the child's whole group. */
static void wait_for(pid_t child, double limit, struct run *r)
{
	struct timespec timeout = { .tv_sec = (time_t)limit + 1 };
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	r->hung = false;
	while (waitpid(child, &r->status, WNOHANG) == 0) {
		if (sigtimedwait(&chld, NULL, &timeout) >= 0 || errno != EAGAIN)
			continue;
		r->hung = true;
		kill(-child, SIGKILL);
		waitpid(child, &r->status, 0);
		return;
	}
	kill(-child, SIGKILL);
}

static bool run_once(const struct session *s, unsigned long nth, struct run *r)
{
	double start = tool_clock();
	pid_t child = fork();

	if (child == 0)
		become(s, nth);
	if (child < 0) {
		tool_say("cannot start a process: %s", strerror(errno));
		return false;
	}
	wait_for(child, s->limit, r);
	r->seconds = tool_clock() - start;
	r->reports = take_file(s->reports);
	r->log = take_file(s->log);
	return true;
}

static void run_free(struct run *r)
{
	free(r->reports);
	free(r->log);
}

/* ---- reports --------------------------------------------------------------------------------- */

/* A string member of a report's line.  It is compared and shown as it is, so it is not unescaped. */
static bool member(const char *line, const char *name, char *value, size_t size)
{
	char *key = tool_format("\"%s\":\"", name);
	const char *at = strstr(line, key), *end;

	value[0] = '\0';
	if (at) {
		at += strlen(key);
		for (end = at; *end && *end != '"'; end += *end == '\\' && end[1] ? 2 : 1)
			;
		snprintf(value, size, "%.*s", (int)(end - at), at);
	}
	free(key);
	return at != NULL;
}

/* Kind and functions of the stacks: equal in equal reports of two runs, although their addresses differ. */
static char *signature(const char *line)
{
	char kind[64], *text, *more;
	const char *at = line;

	member(line, "kind", kind, sizeof(kind));
	text = tool_format("%s", kind);
	for (int i = 0; i < 8 && (at = strstr(at, "\"function\":\"")) != NULL; i++) {
		at += strlen("\"function\":\"");
		more = tool_format("%s %.*s", text, (int)strcspn(at, "\""), at);
		free(text);
		text = more;
	}
	return text;
}

static bool is_known(const struct session *s, const char *sig)
{
	for (size_t i = 0; i < s->nr_known; i++)
		if (strcmp(s->known[i], sig) == 0)
			return true;
	return false;
}

static void learn_known(struct session *s, char *reports)
{
	char *save = NULL;

	for (char *line = strtok_r(reports, "\n", &save); line && s->nr_known < SIGNATURES_MAX;
	     line = strtok_r(NULL, "\n", &save))
		s->known[s->nr_known++] = signature(line);
}

/* Classes of reports whose signal ends the process. */
static bool is_fault(const char *class)
{
	static const char *const faults[] = { "null-ptr-deref",    "wild-memory-access",    "stack-overflow",
		                              "bad-jump",          "write-to-read-only",    "past-end-of-file",
		                              "misaligned-access", "privileged-instruction" };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		if (strcmp(class, faults[i]) == 0)
			return true;
	return false;
}

/* The worst of the new reports; `what` gets its title. */
static enum verdict judge_reports(const struct session *s, char *reports, char *what, size_t size)
{
	enum verdict worst = GOOD;
	char *save = NULL, class[64], title[256];

	for (char *line = strtok_r(reports, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *sig = signature(line);
		bool old = is_known(s, sig);
		enum verdict v;

		free(sig);
		if (old || !member(line, "class", class, sizeof(class)))
			continue;
		v = strcmp(class, "leak") == 0 ? LEAKS : is_fault(class) ? CRASHES : CORRUPTS;
		if (worst != GOOD && worst <= v)
			continue;
		worst = v;
		member(line, "title", title, sizeof(title));
		snprintf(what, size, "%s", title);
	}
	return worst;
}

static bool is_crash(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGABRT || sig == SIGTRAP ||
	       sig == SIGSYS;
}

static enum verdict judge(const struct session *s, struct run *r, const struct run *plain, char *what, size_t size)
{
	enum verdict by_report = judge_reports(s, r->reports, what, size);
	int sig = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : 0;

	if (r->hung) {
		snprintf(what, size, "no end after %.0f s", r->seconds);
		return HANGS;
	}
	if (is_crash(sig) && !(WIFSIGNALED(plain->status) && WTERMSIG(plain->status) == sig)) {
		char *title = tool_format("%s", by_report == CORRUPTS || by_report == CRASHES ? what : "");

		snprintf(what, size, "SIG%s%s%.200s", sigabbrev_np(sig), *title ? ": " : "", title);
		free(title);
		return CRASHES;
	}
	if (by_report == CRASHES && !WIFSIGNALED(r->status))
		strncat(what, ", but the program itself was not killed", size - strlen(what) - 1);
	return by_report;
}

/* ---- what is told ---------------------------------------------------------------------------- */

static size_t parse_stack(const char *text, struct frame *frames, size_t max)
{
	size_t n = 0;

	while (n < max && *text) {
		size_t len = strcspn(text, " \n");
		const char *plus = memrchr(text, '+', len);

		if (plus) {
			snprintf(frames[n].module, sizeof(frames[n].module), "%.*s", (int)(plus - text), text);
			frames[n].offset = strtoull(plus + 1, NULL, 16);
			n++;
		}
		text += len;
		text += strspn(text, " \n");
	}
	return n;
}

static void print_frame(struct symbolizer *sym, const struct frame *f)
{
	const char *base = path_base(f->module);
	size_t n = 0;
	const struct report_symbol *s = symbolizer_lookup(sym, symbolizer_module(sym, f->module, NULL, 0),
	                                                  f->offset - 1, &n);

	if (!n || !s[n - 1].function) {
		tool_print("    %s+0x%" PRIx64 "\n", base, f->offset);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		tool_print("    %s", s[i].function ? s[i].function : "?");
		if (!s[i].inlined)
			tool_print("+0x%" PRIx64 "/0x%" PRIx64 " [%s]", s[i].offset + 1, s[i].size, base);
		if (s[i].file)
			tool_print(" at %s:%u", s[i].file, s[i].line);
		tool_print("%s\n", s[i].inlined ? " (inlined)" : "");
	}
}

static void print_failure(struct symbolizer *sym, const struct failure *f)
{
	static struct frame frames[FRAMES_MAX];
	size_t n = parse_stack(f->stack, frames, FRAMES_MAX);

	tool_print("Allocation %lu (%zu bytes, %s): its failure %s: %s\n", f->nr, f->size, f->cache,
	           verdict_text[f->verdict], f->what);
	if (f->times)
		tool_print("  and so do %lu more from the same place, up to number %lu\n", f->times, f->last);
	for (size_t i = 0; i < n; i++)
		symbolizer_want(sym, symbolizer_module(sym, frames[i].module, NULL, 0), frames[i].offset - 1);
	for (size_t i = 0; i < n; i++)
		print_frame(sym, &frames[i]);
	printf("\n");
}

/* The first line comes from the process that memsan started. */
static struct failure *failure_read(const char *log, unsigned long nr, enum verdict verdict, const char *what)
{
	struct failure *f = tool_alloc(sizeof(*f));
	int used = 0;

	memset(f, 0, sizeof(*f));
	f->nr = nr;
	f->verdict = verdict;
	snprintf(f->what, sizeof(f->what), "%s", what);
	if (sscanf(log, "%*d %*u %zu %63s%n", &f->size, f->cache, &used) < 2)
		used = 0;
	log += used + strspn(log + used, " ");
	f->stack = tool_format("%.*s", (int)strcspn(log, "\n"), log);
	return f;
}

static void failure_add(struct session *s, struct failure *f)
{
	for (struct failure *old = s->failures; old; old = old->next) {
		if (old->verdict != f->verdict || strcmp(old->stack, f->stack) != 0)
			continue;
		old->times++;
		old->last = f->nr;
		free(f->stack);
		free(f);
		return;
	}
	*s->end = f;
	s->end = &f->next;
}

static int summary(const struct session *s, unsigned long tried, unsigned exitcode)
{
	struct symbolizer *sym = symbolizer_create(0);
	unsigned long bad = 0, places = 0;

	for (const struct failure *f = s->failures; f; f = f->next, places++)
		if (sym)
			print_failure(sym, f);
	for (int v = CRASHES; v < NR_VERDICTS; v++)
		bad += s->count[v];
	printf("%lu allocations failed one by one: %lu crash, %lu corrupt memory, %lu leak, %lu hang (%lu places)\n",
	       tried, s->count[CRASHES], s->count[CORRUPTS], s->count[LEAKS], s->count[HANGS], places);
	return tool_finish_output(bad ? (int)exitcode : 0);
}

/* ---- all runs -------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* Tries one allocation after the other until nothing fails.  Returns how many failed. */
static unsigned long run_all(struct session *s, const struct run *plain)
{
	char what[256];

	for (unsigned long n = 1;; n++) {
		struct run r;
		enum verdict v;

		if (interrupted || !run_once(s, n, &r))
			return n - 1;
		if (!*r.log) {
			run_free(&r);
			return n - 1;
		}
		what[0] = '\0';
		v = judge(s, &r, plain, what, sizeof(what));
		s->count[v]++;
		if (v != GOOD)
			failure_add(s, failure_read(r.log, n, v, what));
		run_free(&r);
		if (isatty(2))
			fprintf(stderr, "\rmemsan: allocation %lu", n);
	}
}

int fail_each_run(char **argv, const char *option_text, unsigned exitcode)
{
	static struct session s;
	struct sigaction act = { .sa_handler = on_interrupt };
	struct run plain;
	sigset_t chld;
	int status = EXIT_CANNOT_RUN;
	unsigned long tried;

	s.argv = argv;
	s.options = option_text;
	s.limit = 600;
	s.end = &s.failures;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	sigaction(SIGINT, &act, NULL);
	s.input = input_prepare(&s.input_at);
	if (!tool_temporary(s.log, sizeof(s.log)) || !tool_temporary(s.reports, sizeof(s.reports)))
		return status;
	if (run_once(&s, 0, &plain)) {
		if (WIFEXITED(plain.status) && WEXITSTATUS(plain.status) == EXIT_NOT_FOUND && !*plain.reports) {
			tool_say("%s: no such program, or it ends with status 127", argv[0]);
			status = EXIT_NOT_FOUND;
		} else {
			learn_known(&s, plain.reports);
			s.limit = plain.seconds * HANG_FACTOR > HANG_MIN ? plain.seconds * HANG_FACTOR : HANG_MIN;
			tried = run_all(&s, &plain);
			if (isatty(2))
				fprintf(stderr, "\r%30s\r", "");
			if (interrupted)
				tool_say("interrupted: the allocations from number %lu on were not tried", tried + 1);
			status = summary(&s, tried, exitcode);
		}
		run_free(&plain);
	}
	unlink(s.log);
	unlink(s.reports);
	return status;
}
