/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/image/ask.c - a running process is asked to scan itself, or to change how it scans (leak/control.c answers).
 *
 * The request is written into the process's memory through /proc/PID/mem, so the kernel's rules for tracing decide who
 * may.  Then a thread that does not block it gets a signal that carries a value: with the handler installed that the
 * process says it has, and that the kernel knows of too. */
#include "config.h"

#include "tools/image/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "leak/leak.h"

#define TAKE_SECONDS 10 /* a process that allocates, or is awake, notices by then */
#define FIRST_PAUSE_NS 200000
#define LONGEST_PAUSE_NS 20000000

/* ---- the words ------------------------------------------------------------------------------- */

bool ask_parse(const char *word, struct ask_request *r)
{
	char *end;

	*r = (struct ask_request){ .command = LEAK_COMMAND_NONE };
	if (strcmp(word, "scan") == 0) {
		r->command = LEAK_COMMAND_SCAN;
	} else if (strcmp(word, "scan=on") == 0) {
		r->command = LEAK_COMMAND_EVERY;
		r->argument = ASK_DEFAULT_INTERVAL;
	} else if (strcmp(word, "scan=off") == 0) {
		r->command = LEAK_COMMAND_EVERY;
	} else if (strncmp(word, "scan=", 5) == 0) {
		r->command = LEAK_COMMAND_EVERY;
		r->argument = strtoull(word + 5, &end, 10);
		return word[5] >= '0' && word[5] <= '9' && !*end && r->argument <= 1000000;
	} else if (strcmp(word, "clear") == 0) {
		r->command = LEAK_COMMAND_CLEAR;
	} else if (strcmp(word, "stack=on") == 0 || strcmp(word, "stack=off") == 0) {
		r->command = LEAK_COMMAND_STACK;
		r->argument = strcmp(word, "stack=on") == 0;
	} else if (strncmp(word, "dump=", 5) == 0) {
		r->dump = true;
		r->argument = strtoull(word + 5, &end, 16);
		return word[5] && !*end;
	} else {
		return false;
	}
	return true;
}

/* ---- the signal ------------------------------------------------------------------------------ */

struct thread_facts {
	char state;
	bool traced;
	uint64_t blocked, caught;
};

static bool read_facts(int pid, int tid, struct thread_facts *t)
{
	char path[80], line[256];
	FILE *f;

	memset(t, 0, sizeof(*t));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "State:\t", 7) == 0)
			t->state = line[7];
		else if (strncmp(line, "TracerPid:\t", 11) == 0)
			t->traced = line[11] != '0';
		else if (strncmp(line, "SigBlk:\t", 8) == 0)
			t->blocked = strtoull(line + 8, NULL, 16);
		else if (strncmp(line, "SigCgt:\t", 8) == 0)
			t->caught = strtoull(line + 8, NULL, 16);
	}
	if (f)
		fclose(f);
	return t->state != 0;
}

/* One that a debugger passes on silently, when there is a debugger and a choice; 0: none. */
static int choose_signal(uint64_t signals, const struct thread_facts *t)
{
	signals &= t->caught & ~t->blocked;
	if (!signals || strchr("ZXTt", t->state))
		return 0;
	if (t->traced && signals >> (SIGURG - 1) & 1)
		return SIGURG;
	return __builtin_ctzll(signals) + 1;
}

static bool send_signal(int pid, int tid, int sig)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = (int)LEAK_POKE_VALUE;
	return syscall(SYS_rt_tgsigqueueinfo, pid, tid, sig, &info) == 0;
}

/* What memsan leak writes for the process: `fd` is its memory. */
static bool put(int fd, uint64_t control, size_t at, const void *value, size_t n)
{
	return pwrite(fd, value, n, (off_t)(control + at)) == (ssize_t)n;
}

/* The call that the thread is in, so that it can be made again (leak/calls.c). */
static void note_call(int fd, uint64_t control, int pid, int tid)
{
	struct leak_call c = { .tid = tid };
	char path[80], line[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f) || line[0] < '0' || line[0] > '9' ||
	    sscanf(line,
	           "%" SCNu32 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
	           " %" SCNx64,
	           &c.nr, &c.args[0], &c.args[1], &c.args[2], &c.args[3], &c.args[4], &c.args[5], &c.sp, &c.pc) != 9)
		c = (struct leak_call){ .tid = tid };
	if (f)
		fclose(f);
	put(fd, control, offsetof(struct leak_control, call), &c, sizeof(c));
}

/* 's' when the signal was sent; else why not: 'T' the process is stopped, 'b' every thread blocks it, 'u' the program
 * uses it. */
static char poke(int fd, uint64_t control, int pid, uint64_t signals)
{
	char path[64], why = signals ? 'b' : 'u';
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	for (struct dirent *e; d && why != 's' && (e = readdir(d)) != NULL;) {
		struct thread_facts t;
		int tid = atoi(e->d_name), sig;
		if (tid <= 0 || !read_facts(pid, tid, &t))
			continue;
		sig = choose_signal(signals, &t);
		if (sig)
			note_call(fd, control, pid, tid);
		if (sig && send_signal(pid, tid, sig))
			why = 's';
		else if (t.state == 'T' || t.state == 't')
			why = 'T';
	}
	if (d)
		closedir(d);
	return why;
}

/* ---- question and answer --------------------------------------------------------------------- */

#define PUT(field, value)                                                                             \
	put(fd, control, offsetof(struct leak_control, field), &(__typeof__(answer->field)){ value }, \
	    sizeof(answer->field))

static const char *not_noticed(char poked)
{
	switch (poked) {
	case 'T':
		return "the process is stopped and cannot answer; --external reads it as it is";
	case 'b':
		return "every thread blocks the signal that brings the request, and none allocates; --external reads "
		       "the process from outside";
	case 'u':
		return "the program uses the signal that brings requests (option leak.signal), and does not allocate; "
		       "--external reads it from outside";
	default:
		return "the process does not answer; --external reads it from outside";
	}
}

/* The process is looked at more and more seldom; it has nothing to tell us by. */
static const char *await(const struct image *im, uint64_t control, uint32_t request, char poked,
                         struct leak_control *answer)
{
	struct timespec pause = { 0, FIRST_PAUSE_NS };
	double until = tool_clock() + TAKE_SECONDS;

	for (;;) {
		if (!view_read(&im->view, answer, control, sizeof(*answer)))
			return "the process has ended";
		if (answer->answered == request)
			return NULL;
		if (answer->taken != request && tool_clock() > until)
			return not_noticed(poked);
		nanosleep(&pause, NULL);
		pause.tv_nsec = MIN(pause.tv_nsec * 2, LONGEST_PAUSE_NS);
	}
}

/* A process that is over still has its memory for its parent's sake, or for a moment. */
static const char *write_request(int fd, uint64_t control, const struct ask_request *r, struct leak_control *answer,
                                 uint32_t *request)
{
	*request = answer->request + 1;
	if (!PUT(command, r->command) || !PUT(classes, r->classes) || !PUT(argument, r->argument) ||
	    !PUT(request, *request))
		return "the process cannot be written to";
	return NULL;
}

const char *ask_process(const struct image *im, const struct ask_request *r, struct leak_control *answer)
{
	static char why[256];
	uint64_t control = im->heap.directory.control;
	char path[64], poked;
	const char *bad;
	uint32_t request;
	int fd;

	if (!control || !view_read(&im->view, answer, control, sizeof(*answer)) ||
	    answer->version != LEAK_CONTROL_VERSION || answer->size != sizeof(*answer))
		return "its memsan is of another version, or has not started";
	if (answer->answered != answer->request && answer->taken != answer->answered)
		return "somebody else's request is being answered";
	snprintf(path, sizeof(path), "/proc/%d/mem", im->pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		snprintf(why, sizeof(why), "process %d cannot be asked: %s", im->pid, strerror(errno));
		return why;
	}
	bad = write_request(fd, control, r, answer, &request);
	poked = bad ? 0 : poke(fd, control, im->pid, answer->signals);
	close(fd);
	if (bad)
		return bad;
	bad = await(im, control, request, poked, answer);
	if (!bad && answer->failed) {
		answer->message[sizeof(answer->message) - 1] = 0;
		snprintf(why, sizeof(why), "no scan: %s", answer->message);
		bad = why;
	}
	return bad;
}

/* ---- commands -------------------------------------------------------------------------------- */

int ask_command(struct image *im, const struct ask_request *r)
{
	struct leak_control answer;
	const char *why = ask_process(im, r, &answer);

	if (why) {
		tool_say("%s", why);
		return EXIT_USAGE;
	}
	if (answer.nr_silent)
		tool_say("%u of %u threads did not stop; their stacks were scanned as a whole", answer.nr_silent,
		         answer.nr_threads);
	if (r->command == LEAK_COMMAND_SCAN)
		printf("%" PRIu64 " new unreferenced objects in %" PRIu64 " places, %" PRIu64
		       " places suppressed; the process reports them where its reports go\n",
		       answer.objects, answer.printed, answer.suppressed);
	else if (r->command == LEAK_COMMAND_CLEAR)
		printf("what is lost by now will not be reported\n");
	else if (r->command == LEAK_COMMAND_EVERY && answer.interval)
		printf("scans every %" PRIu64 " s\n", answer.interval);
	else if (r->command == LEAK_COMMAND_EVERY)
		printf("no scans by itself\n");
	else
		printf("stacks are %s\n", r->argument ? "scanned" : "not scanned");
	return tool_finish_output(0);
}
