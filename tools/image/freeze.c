/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/image/freeze.c - a process stands still while it is read.
 *
 * A process that runs on while it is read moves its pointers about.  A word that moves from B to A, after A was read
 * and before B is, is never seen, and its object looks lost.  Repeating the scan does not help against a program that
 * does this all the time.  So every thread is stopped by ptrace.  The program sees nothing of it: no signal, no change
 * of state that its parent could wait for, and calls go on.
 *
 *     PTRACE_SEIZE, PTRACE_INTERRUPT of every thread, until there is no new one
 *       a stop of our own            registers are read, and the call is repeated if it ended with EINTR
 *       a signal on its way          is given back when the thread goes on
 *       none within STOP_MS          the thread waits in the kernel for a device (state D); its registers are not seen
 *
 * When this command dies, the kernel lets the threads go on.
 *
 * A process that a debugger has stopped stands still already.  The debugger knows the registers, and may tell them in a
 * file (image_registers): a line for each thread, its tid and words in hexadecimal, in the order of struct
 * user_regs_struct. */
#include "config.h"

#include "tools/image/image.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 2000
#define EVENT_STOP 128 /* PTRACE_EVENT_STOP, which libc's header lacks in some versions */

struct frozen {
	struct image_thread thread;
	int signal; /* to be delivered when the thread goes on */
	bool stopped, gone;
};

/* ---- which threads there are, and what they do ----------------------------------------------- */

static char thread_state(int pid, int tid, uint64_t *pending)
{
	char path[80], line[256], state = 0;
	uint64_t own = 0, shared = 0, blocked = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "State:\t", 7) == 0)
			state = line[7];
		else if (strncmp(line, "SigPnd:\t", 8) == 0)
			own = strtoull(line + 8, NULL, 16);
		else if (strncmp(line, "ShdPnd:\t", 8) == 0)
			shared = strtoull(line + 8, NULL, 16);
		else if (strncmp(line, "SigBlk:\t", 8) == 0)
			blocked = strtoull(line + 8, NULL, 16);
	}
	if (f)
		fclose(f);
	*pending = (own | shared) & ~blocked;
	return state;
}

static struct frozen *known(struct image_freeze *f, int tid)
{
	for (size_t i = 0; i < f->nr; i++)
		if (f->threads[i].thread.tid == tid)
			return &f->threads[i];
	return NULL;
}

static bool add(struct image_freeze *f, int tid)
{
	struct frozen *grown = realloc(f->threads, (f->nr + 1) * sizeof(*grown));

	if (!grown)
		return false;
	f->threads = grown;
	memset(&grown[f->nr], 0, sizeof(*grown));
	grown[f->nr++].thread.tid = tid;
	return true;
}

/* ---- calls that a stop ends ------------------------------------------------------------------ */

/* The kernel repeats most calls by itself.  These return EINTR after any stop, and have done nothing then. */
static bool ends_when_stopped(uint64_t nr)
{
	switch (nr) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_rt_sigtimedwait:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_io_uring_enter:
	case SYS_read:
	case SYS_readv:
	case SYS_accept:
	case SYS_accept4:
	case SYS_connect:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
		return true;
	default:
		return false;
	}
}

/* A signal that waits for the thread ends the call rightly. */
static void repeat_call(int pid, int tid, struct user_regs_struct *r)
{
	uint64_t pending;

	if ((int64_t)r->orig_rax < 0 || (int64_t)r->rax != -EINTR || !ends_when_stopped(r->orig_rax) ||
	    !thread_state(pid, tid, &pending) || pending)
		return;
	r->rax = r->orig_rax;
	r->rip -= 2; /* the instruction syscall */
	ptrace(PTRACE_SETREGS, tid, NULL, r);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void read_registers(struct image_freeze *f, struct frozen *t, bool own_stop)
{
	struct user_regs_struct r;
	struct image_thread *to = &t->thread;
	struct iovec vector = { to->regs + IMAGE_REGISTERS, sizeof(to->regs) - sizeof(r) };

	if (ptrace(PTRACE_GETREGS, to->tid, NULL, &r) != 0)
		return;
	memcpy(to->regs, &r, sizeof(r));
	to->nr_regs = IMAGE_REGISTERS;
	to->sp = r.rsp;
	to->pc = r.rip;
	to->tp = r.fs_base;
	if (ptrace(PTRACE_GETREGSET, to->tid, (void *)(uintptr_t)NT_X86_XSTATE, &vector) == 0)
		to->nr_regs += vector.iov_len / 8;
	if (own_stop)
		repeat_call(f->pid, to->tid, &r);
}

static void take_stop(struct image_freeze *f, struct frozen *t, int status)
{
	bool event = status >> 16 == EVENT_STOP;

	if (!WIFSTOPPED(status)) {
		t->gone = true;
		return;
	}
	t->stopped = true;
	t->signal = event || status >> 16 ? 0 : WSTOPSIG(status);
	read_registers(f, t, event && WSTOPSIG(status) == SIGTRAP);
}

static bool await_all(struct image_freeze *f)
{
	struct timespec pause = { 0, 100000 };
	double until = tool_clock() + STOP_MS / 1000.0;
	size_t waiting;

	for (;;) {
		waiting = 0;
		for (size_t i = 0; i < f->nr; i++) {
			struct frozen *t = &f->threads[i];
			int status, got;

			if (t->stopped || t->gone)
				continue;
			got = waitpid(t->thread.tid, &status, __WALL | WNOHANG);
			if (got == t->thread.tid)
				take_stop(f, t, status);
			else if (got < 0 && errno == ECHILD)
				t->gone = true;
			else
				waiting++;
		}
		if (!waiting || tool_clock() > until)
			return !waiting;
		nanosleep(&pause, NULL);
	}
}

/* 1: it will stop; 0: there is no such thread any more; -1: it cannot be stopped. */
static int seize(struct image_freeze *f, int tid)
{
	uint64_t pending;
	char state;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0) {
		f->error = errno;
		state = thread_state(f->pid, tid, &pending);
		return f->error == ESRCH || !state || strchr("ZX", state) ? 0 : -1;
	}
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	if (add(f, tid))
		return 1;
	f->error = ENOMEM;
	return -1;
}

/* How many threads are new; -1: one of them cannot be stopped. */
static int seize_new(struct image_freeze *f)
{
	char path[64];
	int found = 0, one = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", f->pid);
	d = opendir(path);
	for (struct dirent *e; d && one >= 0 && (e = readdir(d)) != NULL;) {
		int tid = atoi(e->d_name);
		if (tid <= 0 || known(f, tid))
			continue;
		one = seize(f, tid);
		found += one;
	}
	if (d)
		closedir(d);
	return one < 0 ? -1 : found;
}

/* Does somebody else hold all of its threads? */
static bool stands_still(int pid)
{
	char path[64];
	bool still = true;
	uint64_t pending;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	for (struct dirent *e; d && still && (e = readdir(d)) != NULL;) {
		char state = atoi(e->d_name) > 0 ? thread_state(pid, atoi(e->d_name), &pending) : 't';
		still = !state || strchr("tTZX", state);
	}
	if (d)
		closedir(d);
	return d && still;
}

void image_freeze(struct image_freeze *f, int pid)
{
	int found;

	*f = (struct image_freeze){ .pid = pid, .since = tool_clock(), .state = FREEZE_STOPPED };
	while ((found = seize_new(f)) > 0)
		if (!await_all(f))
			f->state = FREEZE_PARTLY;
	if (found < 0) {
		await_all(f); /* a thread can be let go only when it stands */
		image_thaw(f);
		f->state = stands_still(pid) ? FREEZE_FOUND : FREEZE_RUNS;
	}
}

double image_thaw(struct image_freeze *f)
{
	for (size_t i = 0; i < f->nr; i++)
		if (f->threads[i].stopped)
			ptrace(PTRACE_DETACH, f->threads[i].thread.tid, NULL, (void *)(intptr_t)f->threads[i].signal);
	free(f->threads);
	f->threads = NULL;
	f->nr = 0;
	return tool_clock() - f->since;
}

const char *image_freeze_problem(const struct image_freeze *f)
{
	static char text[160];

	if (f->state == FREEZE_PARTLY)
		return "a thread waits in the kernel, and its registers cannot be read";
	if (f->state == FREEZE_FOUND)
		return "another program has stopped the process, and its registers cannot be read";
	snprintf(text, sizeof(text), "the process cannot be stopped while it is read (%s)", strerror(f->error));
	return text;
}

/* ---- registers ------------------------------------------------------------------------------- */

void image_freeze_threads(const struct image_freeze *f, struct image *im)
{
	for (size_t i = 0; i < f->nr; i++)
		for (size_t k = 0; k < im->nr_threads && f->threads[i].stopped; k++)
			if (im->threads[k].tid == f->threads[i].thread.tid)
				im->threads[k] = f->threads[i].thread;
}

static void take_registers(struct image *im, char *line)
{
	char *end;
	long tid = strtol(line, &end, 10);

	for (size_t k = 0; k < im->nr_threads; k++) {
		struct image_thread *t = &im->threads[k];
		char *word = end, *next;

		if (t->tid != tid)
			continue;
		for (t->nr_regs = 0; t->nr_regs < ARRAY_SIZE(t->regs); word = next) {
			uint64_t value = strtoull(word, &next, 16);
			if (next == word)
				break;
			t->regs[t->nr_regs++] = value;
		}
	}
}

const char *image_registers(struct image *im, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	if (!f)
		return "the file of registers cannot be read";
	while (getline(&line, &room, f) > 0)
		take_registers(im, line);
	free(line);
	fclose(f);
	return NULL;
}
