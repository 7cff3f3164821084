/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/inject/tracer.c - runs a command, finds the system calls that memsan makes itself, and lets one of them fail.
 *
 *     tracer --log FILE [OPTION...] -- COMMAND...
 *
 *     --env NAME=VALUE   a variable for the command only
 *     --who WHO          whose calls are counted for --nth: runtime, command (memsan), helper (memsan-symbolize)
 *     --call NUMBER --nth N     the N-th call of this number that WHO makes …
 *     --error E          … is not made, and returns -E (close is made, and returns -E)
 *     --short            … gets half of its third argument (read, write and their like)
 *     --empty            … is not made, and returns 0
 *     --later            all later ones fail, too
 *     --runtime-exe      the program itself contains memsan (libmemsan.a), and makes no call of its own
 *     --ranges FILE      it contains memsan, and is static: FILE has the addresses of memsan's code, START END in hex
 *     --cpu S --idle S   the command hangs: it used this many seconds of CPU, or none for so long
 *
 * The log has one line for an event:
 *
 *     call WHO NUMBER PATH   without --call: each call, and a hash of the functions of memsan that led to it
 *     injected WHO NUMBER N MODULE+OFFSET
 *     died PID NAME SIGNAL   a process was ended by a signal
 *     hang PID NAME STATE CALL
 *     left PID NAME          the process still lived when the command had long ended
 *     end exited STATUS, end signal SIGNAL
 *
 * A call is the runtime's when the instruction that makes it lies in libmemsan: the runtime makes raw system calls.
 * The command and the helper are ordinary programs: all their calls count, but those of the dynamic loader.
 *
 * memsan must not notice the tracer, since it behaves in another way in a traced process.  So TracerPid is made 0 in
 * what the runtime reads, and CLONE_UNTRACED is taken out of its flags.  Only x86_64. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_UNTRACED
#define CLONE_UNTRACED 0x00800000
#endif
#define TASKS_MAX 1024
#define RANGES_MAX 256
#define STACK_LOOK 4096
#define PATH_CALLERS 12
#define OPTIONS                                                                                                        \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | \
	 PTRACE_O_EXITKILL)

enum who { NOBODY, RUNTIME, COMMAND, HELPER, NR_WHO };
static const char *const who_names[] = { "nobody", "runtime", "command", "helper" };
enum how { FAIL, SHORT, EMPTY };

struct range {
	uint64_t start, end, base;
	enum who who;
	char name[64];
};

struct task {
	pid_t tid; /* 0: unused */
	char name[32];
	struct range *ranges;
	unsigned nr_ranges;
	bool entered, resumed_once;
	bool injected; /* this call's result is made up */
	bool shortened, untraced;
	long error;
	uint64_t number, argument; /* the call; the third argument, or clone's flags */
};

static struct task tasks[TASKS_MAX];
static FILE *out;
static enum who wanted_who;
static long wanted_call = -1, nth, error_number, cpu_limit = 60, idle_limit = 30;
static enum how how;
static bool later, runtime_exe, done;
static struct range own_ranges[RANGES_MAX * 16];
static unsigned nr_own_ranges;
static unsigned long counts[NR_WHO][1024];
static volatile sig_atomic_t ticked;

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
}

static void die(const char *what)
{
	fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* ---- tasks and their code -------------------------------------------------------------------- */

static struct task *task_get(pid_t tid)
{
	struct task *unused = NULL;

	for (struct task *t = tasks; t < tasks + TASKS_MAX; t++) {
		if (t->tid == tid)
			return t;
		if (!t->tid && !unused)
			unused = t;
	}
	if (!unused) {
		fprintf(stderr, "tracer: too many threads\n");
		exit(125);
	}
	memset(unused, 0, sizeof(*unused));
	unused->tid = tid;
	return unused;
}

static void task_forget_code(struct task *t)
{
	free(t->ranges);
	t->ranges = NULL;
	t->nr_ranges = 0;
}

static void task_drop(pid_t tid)
{
	struct task *t = task_get(tid);

	task_forget_code(t);
	t->tid = 0;
}

static bool is_loader(const char *path)
{
	return strstr(path, "/ld-linux") || strstr(path, "/ld-2.") || strstr(path, "/ld.so");
}

static enum who range_owner(const struct task *t, const char *path, const char *exe)
{
	if (strcmp(t->name, "memsan") == 0)
		return is_loader(path) ? NOBODY : COMMAND;
	if (strcmp(t->name, "memsan-symbolize") == 0)
		return is_loader(path) ? NOBODY : HELPER;
	if (strstr(path, "/libmemsan"))
		return RUNTIME;
	return runtime_exe && strcmp(path, exe) == 0 ? RUNTIME : NOBODY;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Reads which code is where. */
static void task_read_code(struct task *t)
{
	char path[64], exe[512] = "", line[1024];
	ssize_t n;
	FILE *f;
	uint64_t base = 0;
	char last[512] = "";

	task_forget_code(t);
	snprintf(path, sizeof(path), "/proc/%d/exe", t->tid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = 0;
	snprintf(t->name, sizeof(t->name), "%.31s", base_name(exe));
	t->ranges = calloc(RANGES_MAX, sizeof(*t->ranges));
	snprintf(path, sizeof(path), "/proc/%d/maps", t->tid);
	f = fopen(path, "re");
	if (!f || !t->ranges)
		return;
	while (fgets(line, sizeof(line), f) && t->nr_ranges < RANGES_MAX) {
		unsigned long start, end;
		char prot[8], file[512] = "";
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %511s", &start, &end, prot, file) < 3)
			continue;
		if (strcmp(file, last) != 0) {
			base = start;
			snprintf(last, sizeof(last), "%s", file);
		}
		if (prot[2] != 'x')
			continue;
		t->ranges[t->nr_ranges] = (struct range){ start, end, base, range_owner(t, file, exe), "" };
		snprintf(t->ranges[t->nr_ranges++].name, sizeof(t->ranges[0].name), "%.60s", base_name(file));
	}
	fclose(f);
}

static const struct range *range_find(const struct range *r, unsigned n, uint64_t pc)
{
	for (unsigned i = 0; i < n; i++)
		if (pc >= r[i].start && pc < r[i].end)
			return &r[i];
	return NULL;
}

static const struct range *code_at(struct task *t, uint64_t pc)
{
	const struct range *r;

	if (nr_own_ranges && strcmp(t->name, "memsan") != 0 && strcmp(t->name, "memsan-symbolize") != 0) {
		r = range_find(own_ranges, nr_own_ranges, pc);
		if (r)
			return r;
	}
	if (!t->ranges)
		task_read_code(t);
	r = range_find(t->ranges, t->nr_ranges, pc);
	if (!r) {
		task_read_code(t);
		r = range_find(t->ranges, t->nr_ranges, pc);
	}
	return r;
}

/* A hash of the places in memsan's code that the stack names: calls with equal hashes came the same way, mostly. */
static uint64_t path_hash(struct task *t, enum who who, uint64_t pc, uint64_t sp, const struct range *at)
{
	uint64_t words[STACK_LOOK / 8], h = 14695981039346656037u ^ (pc - at->base);
	struct iovec to = { words, sizeof(words) }, from = { (void *)(uintptr_t)sp, sizeof(words) };
	ssize_t n = process_vm_readv(t->tid, &to, 1, &from, 1, 0);
	unsigned found = 0;

	if (n < 0 && sizeof(words) > 4096 - sp % 4096) {
		to.iov_len = from.iov_len = 4096 - sp % 4096;
		n = process_vm_readv(t->tid, &to, 1, &from, 1, 0);
	}
	for (ssize_t i = 0; i < n / 8 && found < PATH_CALLERS; i++) {
		const struct range *r = nr_own_ranges ? range_find(own_ranges, nr_own_ranges, words[i]) : NULL;
		if (!r)
			r = range_find(t->ranges, t->nr_ranges, words[i]);
		if (!r || r->who != who)
			continue;
		h = (h ^ (words[i] - r->base)) * 1099511628211u;
		found++;
	}
	return h;
}

/* ---- one system call ------------------------------------------------------------------------- */

static void poke(struct task *t, size_t offset, uint64_t value)
{
	if (ptrace(PTRACE_POKEUSER, t->tid, (void *)offset, (void *)(uintptr_t)value) != 0 && errno != ESRCH)
		die("PTRACE_POKEUSER");
}
#define POKE(t, reg, value) poke(t, offsetof(struct user_regs_struct, reg), value)

/* Linux refuses a FUTEX_WAKE only for its arguments. */
static bool never_fails(const struct __ptrace_syscall_info *info)
{
	uint64_t number = info->entry.nr;

	return number == SYS_exit || number == SYS_exit_group || number == SYS_rt_sigreturn ||
	       (number == SYS_futex && (info->entry.args[1] & FUTEX_CMD_MASK) == FUTEX_WAKE);
}

/* A pipe gives no EIO and no ENOSPC: there, one of these is EINTR. */
static bool is_on_pipe(const struct task *t, const struct __ptrace_syscall_info *info)
{
	char path[64], to[16] = "";

	if (t->number != SYS_read && t->number != SYS_write)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->tid, (int)info->entry.args[0]);
	return readlink(path, to, sizeof(to) - 1) > 0 && strncmp(to, "pipe:", 5) == 0;
}

static void inject(struct task *t, const struct __ptrace_syscall_info *info, const struct range *at, unsigned long n)
{
	tell("injected %s %lu %lu %s+0x%lx\n", who_names[at->who], (unsigned long)t->number, n, at->name,
	     (unsigned long)(info->instruction_pointer - at->base));
	fflush(out);
	done = true;
	if (how == SHORT) {
		if (info->entry.args[2] < 2)
			return;
		t->shortened = true;
		t->argument = info->entry.args[2];
		POKE(t, rdx, t->argument / 2);
		return;
	}
	t->error = how == EMPTY ? 0 : error_number;
	if ((t->error == EIO || t->error == ENOSPC) && is_on_pipe(t, info)) {
		if (later)
			return;
		t->error = EINTR;
	}
	t->injected = true;
	if (t->number != SYS_close)
		POKE(t, orig_rax, -1ul);
}

static void on_entry(struct task *t, const struct __ptrace_syscall_info *info)
{
	const struct range *at = code_at(t, info->instruction_pointer);
	unsigned long n;

	t->number = info->entry.nr;
	if (!at || at->who == NOBODY || t->number >= 1024 || never_fails(info))
		return;
	n = ++counts[at->who][t->number];
	if (wanted_call < 0)
		tell("call %s %lu %lx\n", who_names[at->who], (unsigned long)t->number,
		     (unsigned long)path_hash(t, at->who, info->instruction_pointer, info->stack_pointer, at));
	else if (at->who == wanted_who && t->number == (uint64_t)wanted_call &&
	         (n == (unsigned long)nth || (later && n > (unsigned long)nth))) {
		inject(t, info, at, n);
		if (t->injected)
			return;
	}
	if (t->number == SYS_clone && info->entry.args[0] & CLONE_UNTRACED) {
		t->untraced = true;
		t->argument = info->entry.args[0];
		POKE(t, rdi, t->argument & ~(uint64_t)CLONE_UNTRACED);
	}
}

/* Nobody traces this process. */
static void hide(struct task *t, const struct user_regs_struct *regs)
{
	char text[1024], *found;
	struct iovec to = { text, sizeof(text) - 1 }, from = { (void *)(uintptr_t)regs->rsi, 0 };
	ssize_t n;

	if (regs->rax > sizeof(text))
		return;
	from.iov_len = to.iov_len = (size_t)regs->rax < sizeof(text) - 1 ? (size_t)regs->rax : sizeof(text) - 1;
	n = process_vm_readv(t->tid, &to, 1, &from, 1, 0);
	if (n < 20 || memcmp(text, "Name:", 5) != 0)
		return;
	text[n] = 0;
	found = strstr(text, "TracerPid:\t");
	if (!found)
		return;
	for (found += 11; isdigit((unsigned char)*found); found++)
		*found = '0';
	process_vm_writev(t->tid, &to, 1, &from, 1, 0);
}

static void on_exit_of_call(struct task *t)
{
	struct user_regs_struct regs;

	if (t->injected)
		POKE(t, rax, (uint64_t)-t->error);
	if (t->shortened)
		POKE(t, rdx, t->argument);
	if (t->untraced)
		POKE(t, rdi, t->argument);
	if (t->number == SYS_read && !t->injected && ptrace(PTRACE_GETREGS, t->tid, 0, &regs) == 0 &&
	    (int64_t)regs.rax > 0)
		hide(t, &regs);
	t->injected = t->shortened = t->untraced = false;
}

static void on_call(struct task *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_entry(t, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		on_exit_of_call(t);
}

/* A child of a clone whose flags we changed gets its registers back. */
static void on_birth(struct task *t)
{
	struct user_regs_struct regs;
	const struct range *at;

	if (t->resumed_once || ptrace(PTRACE_GETREGS, t->tid, 0, &regs) != 0)
		return;
	at = code_at(t, regs.rip);
	if (at && at->who == RUNTIME && regs.orig_rax == SYS_clone)
		POKE(t, rdi, regs.rdi | CLONE_UNTRACED);
}

/* ---- events ---------------------------------------------------------------------------------- */

static char task_state(pid_t tid, unsigned long *ticks)
{
	char path[64], text[1024], *p;
	unsigned long user = 0, sys = 0;
	char state = '?';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return '?';
	if (fgets(text, sizeof(text), f) && (p = strrchr(text, ')')) != NULL)
		sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user, &sys);
	fclose(f);
	*ticks += user + sys;
	return state;
}

static void tell_tasks(const char *what)
{
	for (struct task *t = tasks; t < tasks + TASKS_MAX; t++) {
		char path[64], call[256] = "";
		unsigned long ticks = 0;
		FILE *f;
		if (!t->tid)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/syscall", t->tid);
		f = fopen(path, "re");
		if (f) {
			if (!fgets(call, sizeof(call), f))
				call[0] = 0;
			call[strcspn(call, "\n")] = 0;
			fclose(f);
		}
		tell("%s %d %s %c %s\n", what, t->tid, t->name[0] ? t->name : "?", task_state(t->tid, &ticks), call);
	}
}

static void on_tick(int sig)
{
	(void)sig;
	ticked = 1;
}

/* Ends the run when nothing moves any more, or too much does. */
static void look_at_clock(bool moved, bool main_ended)
{
	static long idle;
	static unsigned long last;
	unsigned long now = 0;
	bool runs = false;

	for (struct task *t = tasks; t < tasks + TASKS_MAX; t++)
		if (t->tid) {
			char state = task_state(t->tid, &now);
			runs |= state == 'R' || state == 'D';
		}
	idle = moved || runs || now != last ? 0 : idle + 1;
	last = now;
	if (idle < idle_limit && now < (unsigned long)(cpu_limit * sysconf(_SC_CLK_TCK)))
		return;
	tell_tasks(main_ended ? "left" : "hang");
	fclose(out);
	exit(3); /* PTRACE_O_EXITKILL ends them all */
}

static void on_stop(struct task *t, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16, deliver = 0;
	unsigned long message = 0;

	if (event == PTRACE_EVENT_STOP) {
		if (sig != SIGTRAP) {
			ptrace(PTRACE_LISTEN, t->tid, 0, 0);
			return;
		}
		on_birth(t);
	} else if (event == PTRACE_EVENT_EXEC) {
		if (ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &message) == 0 && (pid_t)message != t->tid)
			task_drop((pid_t)message);
		task_read_code(t);
	} else if (sig == (SIGTRAP | 0x80)) {
		on_call(t);
	} else if (event == 0) {
		deliver = sig;
	}
	t->resumed_once = true;
	if (ptrace(PTRACE_SYSCALL, t->tid, 0, (void *)(intptr_t)deliver) != 0 && errno != ESRCH)
		die("PTRACE_SYSCALL");
}

static int run(pid_t main_task)
{
	int status, result = 125;
	bool moved = false, main_ended = false;

	for (;;) {
		pid_t tid;
		if (ticked) {
			ticked = 0;
			look_at_clock(moved, main_ended);
			moved = false;
		}
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			return result;
		moved = true;
		if (WIFSTOPPED(status)) {
			on_stop(task_get(tid), status);
			continue;
		}
		if (WIFSIGNALED(status))
			tell("died %d %s %d\n", tid, task_get(tid)->name[0] ? task_get(tid)->name : "?",
			     WTERMSIG(status));
		if (tid == main_task) {
			main_ended = true;
			idle_limit = idle_limit < 10 ? idle_limit : 10;
			tell("end %s %d\n", WIFEXITED(status) ? "exited" : "signal",
			     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
			result = 0;
		}
		task_drop(tid);
	}
}

/* ---- the command line ------------------------------------------------------------------------ */

static pid_t start(char **command, char **variables, unsigned nr_variables)
{
	const struct rlimit no_core = { 0, 0 };
	int gate[2];
	pid_t pid;
	int status;
	char c;

	if (pipe(gate) != 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(gate[1]);
		if (read(gate[0], &c, 1) != 1)
			_exit(125);
		close(gate[0]);
		setrlimit(RLIMIT_CORE, &no_core);
		/* The same addresses in each run. */
		personality(ADDR_NO_RANDOMIZE);
		for (unsigned i = 0; i < nr_variables; i++)
			putenv(variables[i]);
		execvp(command[0], command);
		_exit(125);
	}
	close(gate[0]);
	if (ptrace(PTRACE_SEIZE, pid, 0, (void *)(intptr_t)OPTIONS) != 0)
		die("PTRACE_SEIZE");
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0 || waitpid(pid, &status, __WALL) != pid ||
	    ptrace(PTRACE_SYSCALL, pid, 0, 0) != 0)
		die("PTRACE_INTERRUPT");
	task_get(pid)->resumed_once = true;
	if (write(gate[1], "", 1) != 1)
		die("write");
	close(gate[1]);
	return pid;
}

static void read_ranges(const char *name)
{
	FILE *f = fopen(name, "re");
	unsigned long start_at, end_at;

	if (!f)
		die(name);
	while (fscanf(f, "%lx %lx", &start_at, &end_at) == 2 && nr_own_ranges < RANGES_MAX * 16)
		own_ranges[nr_own_ranges++] = (struct range){ start_at, end_at, 0, RUNTIME, "program" };
	fclose(f);
}

static enum who who_named(const char *name)
{
	for (enum who w = RUNTIME; w < NR_WHO; w++)
		if (strcmp(who_names[w], name) == 0)
			return w;
	fprintf(stderr, "tracer: there is no '%s'\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct itimerval second = { { 1, 0 }, { 1, 0 } };
	struct sigaction tick = { .sa_handler = on_tick };
	char *variables[64];
	unsigned nr_variables = 0;
	pid_t started;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *o = argv[i];
		if (strcmp(o, "--later") == 0)
			later = true;
		else if (strcmp(o, "--runtime-exe") == 0)
			runtime_exe = true;
		else if (strcmp(o, "--short") == 0)
			how = SHORT;
		else if (strcmp(o, "--empty") == 0)
			how = EMPTY;
		else if (i + 1 == argc)
			return 2;
		else if (strcmp(o, "--env") == 0 && nr_variables < 64)
			variables[nr_variables++] = argv[++i];
		else if (strcmp(o, "--who") == 0)
			wanted_who = who_named(argv[++i]);
		else if (strcmp(o, "--call") == 0)
			wanted_call = atol(argv[++i]);
		else if (strcmp(o, "--nth") == 0)
			nth = atol(argv[++i]);
		else if (strcmp(o, "--error") == 0)
			error_number = atol(argv[++i]);
		else if (strcmp(o, "--cpu") == 0)
			cpu_limit = atol(argv[++i]);
		else if (strcmp(o, "--idle") == 0)
			idle_limit = atol(argv[++i]);
		else if (strcmp(o, "--ranges") == 0)
			read_ranges(argv[++i]);
		else if (strcmp(o, "--log") == 0)
			out = fopen(argv[++i], "we");
		else
			return 2;
	}
	if (!out || i + 1 >= argc)
		return 2;
	started = start(argv + i + 1, variables, nr_variables);
	sigaction(SIGALRM, &tick, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
	i = run(started);
	fclose(out);
	return i;
}
