/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/supervise.c - stands between the caller and the program, and neither notices it.
 *
 *      caller (shell) ──waits for──▶ memsan run ──waits for──▶ PROG ──▶ its children
 *            │                          ▲  │ signals sent to memsan go on to PROG
 *            └──────── signals ─────────┘  ▼
 *                                        memfd ◀── one byte a report, from every process that has libmemsan loaded
 *
 * memsan and PROG are in one process group.  So PROG itself gets a signal to the group (from the terminal: ^C, ^Z, a
 * hangup; from a shell: kill %1; from a script: kill 0), and passing it on would deliver it twice.  A signal to
 * memsan's pid is meant for PROG.  Nothing in a signal tells the two cases apart.  So there is a canary in the group: a
 * process that blocks every signal and does nothing.  A signal that is pending there was sent to the group.
 *
 *      kill PID   ──▶ memsan                       canary: not pending   ──▶ goes on to PROG
 *      kill %1    ──▶ memsan, PROG, canary         canary: pending       ──▶ PROG has it already; a fresh canary
 *
 * When PROG stops, memsan stops by the same signal, so that the shell's job control sees a stopped job.
 *
 * memsan blocks every signal and takes it with sigwaitinfo, so there are no handlers and no races between them.  PROG
 * gets the signal mask and dispositions that memsan was started with.
 *
 * Once PROG runs, memsan closes every descriptor but the memfd: a pipe that PROG closes must look closed to its reader.
 * If PROG may run again (pinpoint.c), memsan keeps what that needs, standard error too.
 *
 * Weaknesses accepted: two equal signals within a millisecond, one to the group and one to memsan alone, count as one.
 * Processes that outlive PROG are not waited for; their later reports are printed, but no longer change the exit
 * status.
 */
#include "reports/reports.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct watch {
	pid_t child;
	pid_t canary; /* 0: there is none, so every signal goes on to PROG, apart from the terminal's */
	bool stopped; /* as far as waitid told */
	bool ended;
	bool interrupted; /* somebody wanted it to end */
	siginfo_t end;    /* how it ended */
};

bool supervisor_ends_by(int sig)
{
	return sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT;
}

void supervisor_init(struct supervisor *s)
{
	for (size_t i = 0; i < SUPERVISOR_KEEPS; i++)
		s->keep[i] = -1;
	s->report_fd = -1;
	s->notify_fd = memfd_create(REPORT_NOTIFY_NAME, MFD_CLOEXEC);
	if (s->notify_fd >= 0)
		snprintf(s->notify_path, sizeof(s->notify_path), "/proc/%ld/fd/%d", (long)getpid(), s->notify_fd);
	s->advice_path[0] = '\0';
}

void supervisor_allow_advice(struct supervisor *s)
{
	int fd = s->keep[SUPERVISOR_KEEPS - 1] = memfd_create(REPORT_ADVICE_NAME, MFD_CLOEXEC);

	if (fd >= 0)
		snprintf(s->advice_path, sizeof(s->advice_path), "/proc/%ld/fd/%d", (long)getpid(), fd);
}

/* The exit status of the first report (each report adds its process's exitcode to the file); 0: there was no report,
 * or reports shall not count. */
static int reported_status(const struct supervisor *s)
{
	unsigned char status;

	return s->notify_fd >= 0 && pread(s->notify_fd, &status, 1, 0) == 1 ? status : 0;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* Why the child could not become the program.  The child of vfork writes it here, in memory that is shared, so starting
 * needs no descriptor: a program may be started with a limit of four. */
static volatile int start_error;

_Noreturn void supervisor_become(const struct supervisor *s, char **argv)
{
	/* SIGKILL cannot be passed on, but whoever kills memsan wants to kill the program. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGCHLD, &s->sigchld, NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	execvp(argv[0], argv);
	start_error = errno;
	_exit(EXIT_CANNOT_RUN);
}

/* Returns 0 when the program runs, else the errno of execve or vfork. */
static int start_program(const struct supervisor *s, char **argv, pid_t *child)
{
	start_error = 0;
	*child = vfork();
	if (*child == 0)
		supervisor_become(s, argv);
	if (*child < 0)
		return errno;
	if (start_error)
		waitpid(*child, NULL, 0);
	return start_error;
}

static int exec_failure(const char *program, int error)
{
	if (error == ENOENT) {
		if (!strchr(program, '/'))
			tool_say("%s: no such program in PATH", program);
		else if (access(program, F_OK) == 0)
			tool_say("cannot run %s: its interpreter does not exist", program);
		else
			tool_say("%s: no such program", program);
		return EXIT_NOT_FOUND;
	}
	tool_say("cannot run %s: %s", program, strerror(error));
	return EXIT_CANNOT_RUN;
}

static bool is_kept(const struct supervisor *s, int fd)
{
	for (size_t i = 0; i < SUPERVISOR_KEEPS; i++)
		if (s->keep[i] == fd)
			return true;
	return fd >= 0 && (fd == s->notify_fd || fd == s->report_fd);
}

/* The next kept descriptor from `fd` on, or ~0u. */
static unsigned next_kept(const struct supervisor *s, unsigned fd)
{
	unsigned next = ~0u;

	for (size_t i = 0; i < SUPERVISOR_KEEPS + 2; i++) {
		int kept = i < SUPERVISOR_KEEPS ? s->keep[i] : i == SUPERVISOR_KEEPS ? s->notify_fd : s->report_fd;

		if (kept >= 0 && (unsigned)kept >= fd && (unsigned)kept < next)
			next = (unsigned)kept;
	}
	return next;
}

/* Closes all descriptors but those kept. 0, 1 and 2 become /dev/null, so that no file that is opened later gets these
 * numbers. */
static void give_up_descriptors(const struct supervisor *s)
{
	int null = open("/dev/null", O_RDWR);
	unsigned from = 3, kept;

	if (null < 0 && !is_kept(s, 0)) {
		close(0); /* there may be room for no other */
		null = open("/dev/null", O_RDWR);
	}
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		if (!is_kept(s, fd) && fd != null)
			dup2(null, fd);
	for (; (kept = next_kept(s, from)) != ~0u; from = kept + 1)
		if (kept > from)
			close_range(from, kept - 1, 0);
	close_range(from, ~0u, 0);
}

/* ---- signals --------------------------------------------------------------------------------- */

/* The canary holds no descriptor open.  It is a plain fork, because Valgrind takes a clone that shares memory and
 * descriptors for a thread: killing it would kill memsan. */
static void canary_main(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	closefrom(0);
	while (getppid() == parent)
		pause();
	_exit(0);
}

static void canary_start(struct watch *w)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		canary_main(parent);
	w->canary = pid > 0 ? pid : 0;
}

static void canary_end(struct watch *w)
{
	/* A canary that may not be killed (a sandbox) ends when memsan does. */
	if (w->canary && kill(w->canary, SIGKILL) == 0)
		waitpid(w->canary, NULL, 0);
	w->canary = 0;
}

/* The hexadecimal number behind `name` in /proc/PID/status; 0: there is none. */
static unsigned long long status_mask(pid_t pid, const char *name)
{
	char path[64], text[4096], *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	line = strstr(text, name);
	return line ? strtoull(line + strlen(name), NULL, 16) : 0;
}

/* Was this signal sent to the whole group?  The kernel signals the members one by one, so the canary is looked at
 * twice. */
static bool canary_has(struct watch *w, int sig)
{
	const struct timespec moment = { 0, 1000000 };

	for (int look = 0; w->canary && look < 2; look++) {
		if (look)
			nanosleep(&moment, NULL);
		if (status_mask(w->canary, "\nShdPnd:") >> (sig - 1) & 1) {
			canary_end(w);
			canary_start(w);
			return true;
		}
	}
	return false;
}

static void pass_on(struct watch *w, const siginfo_t *info)
{
	if (info->si_code == SI_KERNEL || info->si_pid == w->child || canary_has(w, info->si_signo))
		return;
	if (info->si_code == SI_QUEUE)
		sigqueue(w->child, info->si_signo, info->si_value);
	else
		kill(w->child, info->si_signo);
}

void supervisor_stop_self(int sig)
{
	struct sigaction saved, dfl = { .sa_handler = SIG_DFL };
	sigset_t one, old;

	sigemptyset(&one);
	sigaddset(&one, sig);
	sigaction(sig, &dfl, &saved);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &one, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	sigaction(sig, &saved, NULL);
}

static void collect_child(struct watch *w)
{
	siginfo_t info;

	for (;;) {
		memset(&info, 0, sizeof(info));
		if (waitid(P_PID, (id_t)w->child, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) != 0 ||
		    info.si_pid == 0)
			return;
		switch (info.si_code) {
		case CLD_STOPPED:
			w->stopped = true;
			supervisor_stop_self(info.si_status);
			break;
		case CLD_CONTINUED:
			w->stopped = false;
			break;
		case CLD_TRAPPED:
			break;
		default:
			w->end = info;
			w->ended = true;
			return;
		}
	}
}

static void watch_child(struct watch *w, const sigset_t *all)
{
	siginfo_t info;

	for (;;) {
		collect_child(w);
		if (w->ended)
			return;
		if (sigwaitinfo(all, &info) < 0)
			continue;
		collect_child(w);
		if (w->ended)
			return;
		w->interrupted |= supervisor_ends_by(info.si_signo);
		if (info.si_signo != SIGCHLD)
			pass_on(w, &info);
	}
}

/* Dies by the signal that the program died by, so that the caller sees the same end.  A core file, if any, is the
 * program's. */
static int die_by(int sig)
{
	struct rlimit none = { 0, 0 };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t one;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	sigaction(sig, &dfl, NULL);
	sigemptyset(&one);
	sigaddset(&one, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	return 128 + sig; /* not reached: every signal that can end a child can end us */
}

int supervisor_watch(struct supervisor *s, char **argv)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct watch w = { .child = 0 };
	sigset_t all;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &s->mask);
	sigaction(SIGCHLD, &dfl, &s->sigchld); /* an ignored SIGCHLD would take the exit status away */
	canary_start(&w);
	error = start_program(s, argv, &w.child);
	if (error) {
		canary_end(&w);
		return exec_failure(argv[0], error);
	}
	give_up_descriptors(s);
	watch_child(&w, &all);
	canary_end(&w);
	s->end = w.end;
	s->interrupted = w.interrupted || (w.end.si_code != CLD_EXITED && supervisor_ends_by(w.end.si_status));
	return 0;
}

int supervisor_status(const struct supervisor *s)
{
	int status = reported_status(s);

	if (status)
		return status;
	return s->end.si_code == CLD_EXITED ? s->end.si_status : die_by(s->end.si_status);
}

int supervisor_run(struct supervisor *s, char **argv)
{
	int error = supervisor_watch(s, argv);

	return error ? error : supervisor_status(s);
}
