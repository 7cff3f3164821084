/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/step.c - how many of the loads and stores that a watched program executes ran checked?
 *
 *     step --modules=NAME,… [--steps=N] [--rounds=N] [--first=START] [--free=MS] PROGRAM [ARGUMENT…]
 *
 * Runs the program, which the environment makes memsan watch, and stops it again and again (N rounds, each after MS
 * milliseconds of processor time, the first after START) to step N instructions.  A stop that meets no access is no
 * round.  It counts accesses that could reach the heap: those that run in copies, and those in the original text of the
 * modules named (part of the file's name).  An access by rbp alone counts apart: it may belong to a frame, which is not
 * checked.  The last line has the counts; --verbose prints the places in original text. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#undef PAGE_SIZE /* <sys/user.h> has one as well */

#include "watch/arch/x86_64/insn.h"

#define RANGES_MAX 4096
#define PLACES_MAX 4096
#define KNOWN_SIZE 65536
#define IDLE_MAX 2000 /* so many steps elsewhere, and the program runs on freely */
#define TRIES_MAX 10  /* for each round; those that meet no access do not count: the program still starts, say */
#define SHADOW_OFFSET 0x7fff8000

enum where { ELSEWHERE, COPY, ORIGINAL };
enum what { NOTHING, ACCESS, FRAME, CALL };

static struct range {
	uintptr_t start, end;
	enum where where;
	unsigned long offset;
	char name[64];
} ranges[RANGES_MAX];
static unsigned nr_ranges;
static struct place {
	uintptr_t pc;
	uint64_t count;
} places[PLACES_MAX];
/* What instructions of copies are; copies do not change. */
static struct {
	uintptr_t pc;
	enum what what;
} known[KNOWN_SIZE];

static const char *modules = "";
static unsigned long steps = 10000, rounds = 50, free_ms = 5, first_ms = 300;
static bool verbose;
static pid_t child;
static uint64_t nr_steps, counts[3][4];

/* ---- where, and what ------------------------------------------------------------------------- */

static bool is_named(const char *path)
{
	char list[4096], *name, *rest = NULL;
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	snprintf(list, sizeof(list), "%s", modules);
	for (name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
		if (strstr(base, name))
			return true;
	return false;
}

static void read_maps(void)
{
	char line[4600], path[64];
	FILE *f;

	nr_ranges = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)child);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f) && nr_ranges < RANGES_MAX) {
		struct range *r = &ranges[nr_ranges];
		char prot[5], file[4096] = "";

		if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %4095s", &r->start, &r->end, prot, &r->offset, file) < 4 ||
		    prot[2] != 'x')
			continue;
		snprintf(r->name, sizeof(r->name), "%s", strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
		r->where = !file[0] ? COPY : file[0] == '/' && is_named(file) ? ORIGINAL : ELSEWHERE;
		nr_ranges++;
	}
	if (f)
		fclose(f);
}

static const struct range *range_of(uintptr_t pc)
{
	for (unsigned i = 0; i < nr_ranges; i++)
		if (pc >= ranges[i].start && pc < ranges[i].end)
			return &ranges[i];
	return NULL;
}

static enum where where_is(uintptr_t pc)
{
	const struct range *r = range_of(pc);

	return r ? r->where : ELSEWHERE;
}

/* Is it an access that a check should stand before? */
static enum what classify(uintptr_t pc)
{
	uint8_t code[15];
	struct iovec here = { code, sizeof(code) }, there = { (void *)pc, sizeof(code) };
	ssize_t n = process_vm_readv(child, &here, 1, &there, 1, 0);
	struct insn x;

	if (n <= 0 || !x86_decode(&x, code, (size_t)n, pc))
		return NOTHING;
	for (unsigned i = 0; i < x.nr_mem; i++) {
		const struct insn_mem *m = &x.mem[i];

		if (!m->access || m->fs || m->gs || m->base == INSN_RSP || m->base == INSN_RIP ||
		    m->extent != INSN_EXACT)
			continue;
		/* Tests of the shadow, and absolute addresses. */
		if (m->disp == SHADOW_OFFSET || (m->base == INSN_NO_REG && m->index == INSN_NO_REG))
			continue;
		if (x.flow == INSN_CALL_MEM)
			return CALL;
		return m->base == INSN_RBP && m->index == INSN_NO_REG ? FRAME : ACCESS;
	}
	return NOTHING;
}

static enum what what_is(uintptr_t pc, enum where where)
{
	unsigned i = (unsigned)(pc % KNOWN_SIZE);

	if (where == ORIGINAL) /* text that jumps into copies replace at any time */
		return classify(pc);
	if (known[i].pc != pc) {
		known[i].pc = pc;
		known[i].what = classify(pc);
	}
	return known[i].what;
}

static void note_place(uintptr_t pc)
{
	unsigned i = 0;

	while (i < PLACES_MAX - 1 && places[i].count && places[i].pc != pc)
		i++;
	places[i].pc = pc;
	places[i].count++;
}

/* ---- stepping -------------------------------------------------------------------------------- */

static bool wait_for_stop(int *status)
{
	if (waitpid(child, status, 0) != child)
		return false;
	return WIFSTOPPED(*status);
}

/* The signal that the stop is to deliver; 0: the stop is ptrace's own. */
static int signal_of(int status)
{
	return status >> 16 || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
}

/* Steps until the round is over.  False: the program has ended. */
static bool step_round(int status)
{
	enum where before = COPY;
	unsigned idle = 0;
	int signo = signal_of(status);

	read_maps();
	for (unsigned long i = 0; i < steps && idle < IDLE_MAX; i++) {
		struct user_regs_struct regs;
		enum where where;

		if (ptrace(PTRACE_GETREGS, child, NULL, &regs))
			return false;
		where = where_is(regs.rip);
		idle = where == ELSEWHERE ? idle + 1 : 0;
		if (where != ELSEWHERE) {
			enum what what = what_is(regs.rip, where);

			/* Calls are made by the original instruction; the copy checks what they read. */
			if (what == CALL)
				counts[before][ACCESS]++;
			else
				counts[where][what]++;
			if (where == ORIGINAL && (what == ACCESS || (what == CALL && before != COPY)))
				note_place(regs.rip);
		}
		before = where;
		nr_steps++;
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, (void *)(long)signo) || !wait_for_stop(&status))
			return false;
		signo = signal_of(status);
	}
	return ptrace(PTRACE_CONT, child, NULL, (void *)(long)signo) == 0;
}

static uint64_t processor_ms(void)
{
	struct timespec t = { 0, 0 };
	clockid_t clock;

	if (clock_getcpuclockid(child, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Does it use the processor, or wait for one that others use? */
static bool wants_processor(void)
{
	char path[32], text[256] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
	f = fopen(path, "r");
	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = 0;
		fclose(f);
	}
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'R';
}

/* Lets the program run for `ms` of its processor time (or ten times as long on the clock, when it waits); then stops
 * it. False: it has ended. */
static bool run_freely(int *status, unsigned long ms)
{
	uint64_t until = processor_ms() + ms;
	struct timespec pause = { 0, 1000000 };

	for (unsigned long i = 0; i < 10 * ms && processor_ms() < until; i += !wants_processor()) {
		nanosleep(&pause, NULL);
		if (waitpid(child, status, WNOHANG) == child)
			return WIFSTOPPED(*status);
	}
	if (ptrace(PTRACE_INTERRUPT, child, NULL, NULL))
		return false;
	return wait_for_stop(status);
}

static bool start(char **argv)
{
	int status, ready[2];
	char byte;

	if (pipe(ready))
		return false;
	child = fork();
	if (child == 0) {
		/* The parent seizes first. */
		if (read(ready[0], &byte, 1) != 1)
			_exit(126);
		close(ready[0]);
		close(ready[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (child < 0 || ptrace(PTRACE_SEIZE, child, NULL, (void *)(long)PTRACE_O_EXITKILL) ||
	    write(ready[1], "", 1) != 1)
		return false;
	(void)status;
	close(ready[0]);
	close(ready[1]);
	return true;
}

static int by_count(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static void print_places(void)
{
	qsort(places, PLACES_MAX, sizeof(*places), by_count);
	for (unsigned i = 0; i < 20 && places[i].count; i++) {
		const struct range *r = range_of(places[i].pc);

		printf("unchecked: %s+0x%lx, %lu times\n", r ? r->name : "?",
		       (unsigned long)(r ? places[i].pc - r->start + r->offset : places[i].pc),
		       (unsigned long)places[i].count);
	}
}

static unsigned long number(const char *text)
{
	return strtoul(strchr(text, '=') + 1, NULL, 0);
}

int main(int argc, char **argv)
{
	uint64_t checked, all;
	int i, status;

	for (i = 1; i < argc && argv[i][0] == '-'; i++)
		if (strncmp(argv[i], "--modules=", 10) == 0)
			modules = argv[i] + 10;
		else if (strncmp(argv[i], "--steps=", 8) == 0)
			steps = number(argv[i]);
		else if (strncmp(argv[i], "--rounds=", 9) == 0)
			rounds = number(argv[i]);
		else if (strncmp(argv[i], "--free=", 7) == 0)
			free_ms = number(argv[i]);
		else if (strncmp(argv[i], "--first=", 8) == 0)
			first_ms = number(argv[i]);
		else if (strcmp(argv[i], "--verbose") == 0)
			verbose = true;
	if (i >= argc || !start(argv + i)) {
		fprintf(stderr, "step: cannot start a program under ptrace: %s\n", strerror(errno));
		return 77;
	}
	for (unsigned long tries = 0, done = 0; done < rounds && tries < rounds * TRIES_MAX; tries++) {
		uint64_t before = counts[COPY][ACCESS] + counts[ORIGINAL][ACCESS];

		if (!run_freely(&status, tries ? free_ms : first_ms) || !step_round(status))
			break;
		done += counts[COPY][ACCESS] + counts[ORIGINAL][ACCESS] != before;
	}
	kill(child, SIGKILL);
	if (verbose)
		print_places();
	checked = counts[COPY][ACCESS];
	all = checked + counts[ORIGINAL][ACCESS];
	printf("%lu steps; accesses: %lu in copies, %lu in original text: %.3f%%; by rbp: %lu and %lu\n",
	       (unsigned long)nr_steps, (unsigned long)checked, (unsigned long)counts[ORIGINAL][ACCESS],
	       all ? 100.0 * (double)checked / (double)all : 0.0, (unsigned long)counts[COPY][FRAME],
	       (unsigned long)counts[ORIGINAL][FRAME]);
	return 0;
}
