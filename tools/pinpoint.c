/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/pinpoint.c - memsan run --pinpoint: damage that is found afterwards is traced to the instruction that did it.
 *
 *     first run    as without --pinpoint, supervised; each report leaves a note (reports/pinpoint.c)
 *     no damage was found afterwards, or each write was reported too ──► that is all
 *     watched run  every load and store of every module is checked
 *     fenced run   if the damage came again, but no watched code did it: guard pages on the side of the damage, which
 *                  stop the C library and generated code as well
 *
 * The later runs print only reports of writes that are new. A write did the damage if it ran out of an object of the
 * same allocation stack. What the program itself prints is dropped: the user has seen it. The status is the first
 * run's. After a signal that asks the program to end, there is no other run: a server that somebody stopped would wait
 * for the next signal.
 *
 * The later runs are in a process group of their own, which ends with them. */
#include "config.h"

#include "reports/reports.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A later run may take so many times as long as the first one, and at least so many seconds. */
#define SLOWER 20.0
#define SECONDS_MIN 30.0

enum ending { ENDED, HUNG, INTERRUPTED, NOT_STARTED };

/* ---- what the next run needs ----------------------------------------------------------------- */

/* A file is opened anew: the caller's position in it must not move back. */
static void input_prepare(struct pinpoint *p)
{
	struct stat st;

	p->input = -1;
	p->input_at = 0;
	p->input_lost = false;
	if (fstat(0, &st) != 0)
		return;
	if (S_ISREG(st.st_mode)) {
		p->input_at = lseek(0, 0, SEEK_CUR);
		p->input = open("/proc/self/fd/0", O_RDONLY | O_CLOEXEC);
		if (p->input >= 0 && p->input <= 2) {
			int high = fcntl(p->input, F_DUPFD_CLOEXEC, 3);

			close(p->input);
			p->input = high;
		}
	}
	p->input_lost = p->input < 0 && !(S_ISCHR(st.st_mode) && !isatty(0));
}

void pinpoint_init(struct pinpoint *p, struct supervisor *s)
{
	struct pinpoint_head head = { PINPOINT_MAGIC, 1 };

	p->supervisor = s;
	p->notes = memfd_create(PINPOINT_NAME, MFD_CLOEXEC);
	if (p->notes < 0 || pwrite(p->notes, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return;
	snprintf(p->notes_path, sizeof(p->notes_path), "/proc/%ld/fd/%d", (long)getpid(), p->notes);
	input_prepare(p);
	s->keep[0] = p->notes;
	s->keep[1] = p->input;
	s->keep[2] = STDERR_FILENO;
}

/* ---- notes ----------------------------------------------------------------------------------- */

struct notes {
	struct pinpoint_note all[PINPOINT_NOTES];
	size_t nr;
};

static void notes_read(const struct pinpoint *p, struct notes *n)
{
	ssize_t got = pread(p->notes, n->all, sizeof(n->all), sizeof(struct pinpoint_head));

	n->nr = got > 0 ? (size_t)got / sizeof(n->all[0]) : 0;
}

/* Did the first run find this damage? */
static bool is_damage(const struct pinpoint_note *n)
{
	return n->run == 1 && n->what == PINPOINT_FOUND_LATER;
}

static bool is_printed_write(const struct pinpoint_note *n)
{
	return n->what == PINPOINT_WRITE && n->printed;
}

static bool explains(const struct pinpoint_note *write, const struct pinpoint_note *damage)
{
	return is_printed_write(write) &&
	       (write->object == damage->object || (write->run > 1 && (!write->object || !damage->object)));
}

static bool is_explained(const struct notes *n, const struct pinpoint_note *damage)
{
	for (size_t i = 0; i < n->nr; i++)
		if (explains(&n->all[i], damage))
			return true;
	return false;
}

static bool came_again(const struct notes *n, const struct pinpoint_note *damage)
{
	for (size_t i = 0; i < n->nr; i++)
		if (n->all[i].run > 1 && n->all[i].what == PINPOINT_FOUND_LATER && n->all[i].object == damage->object)
			return true;
	return false;
}

/* A write that explains no damage: an object's red zone may have been overwritten out of its neighbor. */
static bool has_other_write(const struct notes *n)
{
	for (size_t i = 0; i < n->nr; i++) {
		bool other = n->all[i].run > 1 && is_printed_write(&n->all[i]);

		for (size_t k = 0; other && k < n->nr; k++)
			other = !(is_damage(&n->all[k]) && explains(&n->all[i], &n->all[k]));
		if (other)
			return true;
	}
	return false;
}

/* The first damage that is not explained; NULL: all is. fenced: only one that guard pages can find. */
static const struct pinpoint_note *unexplained(const struct notes *n, bool fenced)
{
	for (size_t i = 0; i < n->nr; i++)
		if (is_damage(&n->all[i]) && (!fenced || n->all[i].fence) && !is_explained(n, &n->all[i]))
			return &n->all[i];
	return NULL;
}

/* ---- one more run ---------------------------------------------------------------------------- */

static _Noreturn void become_again(const struct pinpoint *p, const char *text)
{
	int null = open("/dev/null", O_RDWR);

	setenv("MEMSAN_OPTIONS", text, 1);
	setpgid(0, 0);
	if (p->input >= 0)
		lseek(p->input, p->input_at, SEEK_SET);
	dup2(p->input >= 0 ? p->input : null, 0);
	dup2(null, 1);
	dup2(null, 2);
	if (null > 2)
		close(null);
	supervisor_become(p->supervisor, p->argv);
}

/* Waits until the child ends, somebody interrupts memsan, or the time is over. */
static enum ending wait_for(pid_t child, double seconds)
{
	double until = tool_clock() + seconds, left, stopped;
	siginfo_t info;
	sigset_t all;
	int status;

	sigfillset(&all);
	while (waitpid(child, &status, WNOHANG | WUNTRACED) == 0) {
		struct timespec timeout;

		left = until - tool_clock();
		if (left <= 0)
			return HUNG;
		timeout = (struct timespec){ (time_t)left, (long)((left - (double)(time_t)left) * 1e9) };
		if (sigtimedwait(&all, &info, &timeout) < 0)
			continue;
		if (supervisor_ends_by(info.si_signo))
			return INTERRUPTED;
		if (info.si_signo == SIGTSTP) {
			stopped = tool_clock();
			kill(-child, SIGSTOP);
			while (waitpid(child, &status, WUNTRACED) < 0 && errno == EINTR)
				;
			if (!WIFSTOPPED(status))
				return ENDED;
			supervisor_stop_self(SIGTSTP);
			kill(-child, SIGCONT);
			until += tool_clock() - stopped;
		}
	}
	return WIFSTOPPED(status) ? HUNG : ENDED; /* it wants the terminal */
}

static enum ending run_again(const struct pinpoint *p, const char *text)
{
	double seconds = p->seconds * SLOWER > SECONDS_MIN ? p->seconds * SLOWER : SECONDS_MIN;
	enum ending how;
	pid_t child = fork();

	if (child == 0)
		become_again(p, text);
	if (child < 0) {
		tool_say("pinpoint: cannot start a process: %s", strerror(errno));
		return NOT_STARTED;
	}
	setpgid(child, child);
	how = wait_for(child, seconds);
	kill(-child, SIGKILL);
	waitpid(child, NULL, 0);
	return how;
}

/* Copies the reports of a run to standard error, and empties the file. */
static void show_reports(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, done = 0;
	char *text;
	ssize_t n;

	if (fd < 0)
		return;
	text = tool_read_all(fd, &len);
	close(fd);
	fflush(stderr);
	while (done < len && (n = write(STDERR_FILENO, text + done, len - done)) > 0)
		done += (size_t)n;
	free(text);
	if (truncate(path, 0) != 0)
		tool_say("cannot empty %s: %s", path, strerror(errno));
}

/* The user's exclusions stay. */
static char *watch_list(const char *set)
{
	char *list = tool_format("all"), *more;

	while (*set) {
		size_t len = strcspn(set, ",");

		if (*set == '!') {
			more = tool_format("%s,%.*s", list, (int)len, set);
			free(list);
			list = more;
		}
		set += len + (set[len] == ',');
	}
	return list;
}

static char *fence_options(const struct pinpoint_note *n)
{
	static const char *const sides[] = { "auto", "left", "right" };
	char *text = tool_format("fence=all:fence.side=%s", sides[n->side < 3 ? n->side : 0]), *more;

	if (!n->align)
		return text;
	more = tool_format("%s:fence.align=%u", text, n->align);
	free(text);
	return more;
}

/* What is not about the write is left out: leaks, an end at the first report. */
#define AGAIN                                                                                                     \
	"mode=check:shadow=on:multi_shot=on:leak=off:advice=:fault=report:shadow.fault=report:watch.only=:watch." \
	"writes=on"

static enum ending run_with(struct pinpoint *p, uint32_t run, const char *reports, const char *more)
{
	char *text = tool_format("%s:" AGAIN ":%s%s%s%s", p->environment, more, reports ? ":report_file='" : "",
	                         reports ? reports : "", reports ? "'" : "");
	struct pinpoint_head head = { PINPOINT_MAGIC, run };
	enum ending how = NOT_STARTED;

	if (pwrite(p->notes, &head, sizeof(head), 0) == (ssize_t)sizeof(head))
		how = run_again(p, text);
	if (reports)
		show_reports(reports);
	free(text);
	return how;
}

static enum ending run_watched(struct pinpoint *p, const char *reports)
{
	char *list = watch_list(p->set->watch);
	/* Samples differ from run to run; what the user has asked for stays. */
	char *more = tool_format("watch=%s%s", list, p->set->fence ? "" : ":fence=off");
	enum ending how;

	tool_say("pinpoint: %s runs again, with its loads and stores watched, to find the write; its output is "
	         "dropped%s",
	         p->argv[0], p->input_lost ? " and its input is empty" : "");
	how = run_with(p, 2, reports, more);
	free(list);
	free(more);
	return how;
}

static enum ending run_fenced(struct pinpoint *p, const char *reports, const struct pinpoint_note *damage)
{
	char *fences = fence_options(damage), *more = tool_format("watch=:%s", fences);
	enum ending how;

	tool_say("pinpoint: no watched code wrote there; %s runs again, with guard pages (%s)", p->argv[0], fences);
	how = run_with(p, 3, reports, more);
	free(fences);
	free(more);
	return how;
}

/* ---- what came of it ------------------------------------------------------------------------- */

static void tell_unexplained(const struct pinpoint *p, const struct notes *n, enum ending how)
{
	const struct pinpoint_note *damage = unexplained(n, false);

	if (how == NOT_STARTED)
		return;
	if (how == INTERRUPTED)
		tool_say("pinpoint: interrupted, before the write was found");
	else if (how == HUNG)
		tool_say("pinpoint: the write was not found: the second run did not end by itself, as the first one "
		         "did, and was ended");
	else if (has_other_write(n))
		tool_say("pinpoint: a new write was reported, but it ran out of another object; it may have done the "
		         "damage");
	else if (came_again(n, damage))
		tool_say("pinpoint: the write was not found: the damage came again, but by code that cannot be watched "
		         "(see memsan-run(1))");
	else
		tool_say("pinpoint: the write was not found: the damage did not come again, so the program does not do "
		         "the same in each run%s",
		         p->input_lost ? " (its standard input cannot be read twice; give it a file)" : "");
}

static void tell(const struct pinpoint *p, const struct notes *n, enum ending how)
{
	unsigned found = 0, all = 0;

	for (size_t i = 0; i < n->nr; i++) {
		all += is_damage(&n->all[i]);
		found += is_damage(&n->all[i]) && is_explained(n, &n->all[i]);
	}
	if (found && found == all)
		tool_say("pinpoint: %s%s%s",
		         found == 1 ? "the write was found: see the last report"
		                    : "the writes were found: see the last reports",
		         p->set->report_file[0] ? " in " : "", p->set->report_file);
	else if (found)
		tool_say("pinpoint: for %u of %u reports of damage, the write was found", found, all);
	if (found < all)
		tell_unexplained(p, n, how);
}

/* ---- all runs -------------------------------------------------------------------------------- */

static void pinpoint(struct pinpoint *p)
{
	static struct notes notes;
	bool own_sink = p->set->report_file[0] || p->set->log_path[0];
	const struct pinpoint_note *damage;
	char reports[256];
	enum ending how;

	notes_read(p, &notes);
	if (!unexplained(&notes, false))
		return;
	if (p->supervisor->interrupted) {
		tool_say("pinpoint: the program was asked to end by a signal, so it is not run again");
		return;
	}
	if (!own_sink && !tool_temporary(reports, sizeof(reports)))
		return;
	how = run_watched(p, own_sink ? NULL : reports);
	notes_read(p, &notes);
	damage = unexplained(&notes, true);
	if (how == ENDED && damage && came_again(&notes, damage) && !has_other_write(&notes)) {
		how = run_fenced(p, own_sink ? NULL : reports, damage);
		notes_read(p, &notes);
	}
	if (!own_sink)
		unlink(reports);
	tell(p, &notes, how);
}

int pinpoint_run(struct pinpoint *p)
{
	double start = tool_clock();
	int error = supervisor_watch(p->supervisor, p->argv);

	if (error)
		return error;
	p->seconds = tool_clock() - start;
	if (p->notes >= 0)
		pinpoint(p);
	return supervisor_status(p->supervisor);
}
