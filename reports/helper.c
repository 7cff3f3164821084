/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/helper.c - the symbolizer helper, seen from the program: found, started, asked, ended.
 *
 * The program must not notice: no SIGCHLD, no child to wait for, no descriptor that stays, and no call of its
 * handlers.
 *
 *     program's thread            keeper                       helper
 *        clone ────────────────►  (CLONE_VM, exit signal 0)
 *        │                        clone ───────────────────►   (CLONE_VM|CLONE_VFORK)
 *        │                        │ stopped until exec         descriptors 0,1,2; own session;
 *        │                        │◄────────────────────────   signals default; execve
 *        │ request ═══════════════╪═══════════════════════►    reads stdin
 *        │                        │ every descriptor closed
 *        │                        │ waits for the helper
 *        │ answer  ◄══════════════╪════════════════════════    writes stdout
 *        │ SIGKILL to the helper ─┼───────────────────────►    ✝
 *        │                        │ reaps it, exits
 *        ▼ reaps the keeper (__WCLONE)
 *
 * Why not fork()?  Its handlers may wait for another thread's lock, and copying the page tables of a big heap takes
 * long.  clone(CLONE_VM) costs the same with any heap.
 *
 * Why a keeper?  A process cloned with exit signal 0 sends no SIGCHLD, and wait() does not see it without __WCLONE or
 * __WALL.  But exec sets its exit signal to SIGCHLD again.  And a grandchild without a parent goes to the nearest
 * subreaper, which is the program itself when the program is init of a container.  So the keeper, which never runs
 * exec, stays the helper's parent until the helper has ended.
 *
 * Keeper and helper (until exec) share the program's memory and its thread-local storage.  So they run on their own
 * static stacks, make raw system calls, and touch nothing but `start`.
 *
 * The weaknesses accepted: a thread that waits with __WALL for any child may see the keeper.  Under a seccomp filter,
 * which may kill for clone or execve, no helper is started.  A helper that SIGKILL does not end in time (a dead file
 * server) is left to its keeper, and later reports of the process are plain.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "reports/reports_internal.h"

#define HELPER_NAME "memsan-symbolize"
#define HELPER_FD_MIN 64 /* memsan's pipe ends avoid the numbers that select() and shell scripts use */
#define HELPER_STACK 16384
#define HELPER_END_MS 500 /* from SIGKILL to the helper's end */
#define HELPER_SIGNALS 64
#define CLOSE_FALLBACK_MAX 65536 /* for kernels without close_range */

/* All of this is under the report lock.  While the keeper lives, the keeper uses `start` too. */
static bool helper_secure;
static bool helper_off;  /* a helper did not end: its keeper still uses the stacks */
static bool helper_told; /* the user knows why there is no helper */
static __large_bss char helper_path[PATH_MAX];
static enum { PATH_UNKNOWN, PATH_FOUND, PATH_MISSING } helper_path_state;

static __large_bss char keeper_stack[HELPER_STACK] __attribute__((aligned(64)));
static __large_bss char helper_stack[HELPER_STACK] __attribute__((aligned(64)));

#define ENV_SLOTS 5
static struct {
	char *argv[2];
	char *envp[ENV_SLOTS + 1];
	int request, answer, error; /* the helper's pipe ends, and its standard error (-1: /dev/null) */
	int32_t pid;                /* atomic; 0: not started, -1: ended or never started; written by the keeper */
} start;
static __large_bss char env_store[ENV_SLOTS][1024];

static void helper_tell(const char *what, const char *path, const char *how)
{
	if (!helper_told)
		report_line("%s %.400s; reports are printed without symbols%s", what, path, how);
	helper_told = true;
}

/* ---- where the helper is --------------------------------------------------------------------- */

static bool path_runnable(const char *path)
{
	return arch_syscall6(SYS_faccessat, AT_FDCWD, (long)path, 1 /* X_OK */, 0, 0, 0) == 0;
}

/* Length of the common start of a and b, up to and including a slash. */
static size_t common_directory(const char *a, const char *b)
{
	size_t common = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '/')
			common = i + 1;
	return common;
}

/* In the build tree: for BUILD/.libs/libmemsan.so.1 the helper is in BUILD. */
static bool path_build_tree(struct fmt_buf *b, const char *self)
{
	const char *base = str_last(self, '/');
	size_t dir = base ? (size_t)(base - self) : 0;

	if (dir < 6 || mem_compare(self + dir - 6, "/.libs", 6) != 0 || !str_starts(base + 1, "libmemsan"))
		return false;
	fmt_printf(b, "%.*s/" HELPER_NAME, (int)(dir - 6), self);
	return !b->truncated;
}

/* In an installation that was moved as a whole: for PREFIX/lib/libmemsan.so the helper is in PREFIX/libexec/memsan,
 * where "lib" and "libexec/memsan" stand for the directories given to configure. */
static bool path_relocated(struct fmt_buf *b, const char *self)
{
	const char *libdir = MEMSAN_LIBDIR, *libexecdir = MEMSAN_LIBEXECDIR;
	size_t common = common_directory(libdir, libexecdir);
	const char *tail = libdir + common, *base = str_last(self, '/');
	size_t dir = base ? (size_t)(base - self) : 0, tail_len = str_length(tail);

	if (dir <= tail_len || mem_compare(self + dir - tail_len, tail, tail_len) != 0 ||
	    self[dir - tail_len - 1] != '/')
		return false;
	fmt_printf(b, "%.*s%s/" HELPER_NAME, (int)(dir - tail_len), self, libexecdir + common);
	return !b->truncated;
}

/* A static program has no library whose place says where the helper is. memsan-cc of a build tree links an object with
 * the helper's path. The name of its section is a C identifier, so ld defines a symbol for the section's start. */
extern const char __start_memsan_helper[] __attribute__((weak, visibility("hidden")));

static bool path_linked(struct fmt_buf *b, const char *self)
{
	(void)self;
	if (!__start_memsan_helper)
		return false;
	fmt_printf(b, "%s", __start_memsan_helper);
	return !b->truncated;
}

static bool path_installed(struct fmt_buf *b, const char *self)
{
	(void)self;
	fmt_printf(b, MEMSAN_LIBEXECDIR "/" HELPER_NAME);
	return !b->truncated;
}

static bool path_find(void)
{
	static bool (*const places[])(struct fmt_buf *, const char *) = { path_build_tree, path_relocated, path_linked,
		                                                          path_installed };
	const char *self = module_self_path();
	struct fmt_buf b;

	if (!helper_secure && options.symbolizer[0]) {
		str_copy(helper_path, options.symbolizer, sizeof(helper_path));
		return path_runnable(helper_path);
	}
	for (size_t i = helper_secure ? ARRAY_SIZE(places) - 1 : 0; i < ARRAY_SIZE(places); i++) {
		fmt_init(&b, helper_path, sizeof(helper_path));
		if (places[i](&b, self ? self : "") && path_runnable(helper_path))
			return true;
	}
	return false;
}

/* ---- the environment ------------------------------------------------------------------------- */

/* Copies "NAME=value" into the next slot, if the helper needs it.  The helper gets no variables of the loader
 * (LD_PRELOAD would load memsan into the helper) and no variables of memsan. */
static void env_take(const char *entry, size_t len, size_t *nr)
{
	static const char *const wanted[] = { "PATH=", "HOME=", "DEBUGINFOD_URLS=", "DEBUGINFOD_CACHE_PATH=" };

	if (len >= sizeof(env_store[0]) || *nr == ENV_SLOTS)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!str_starts(entry, wanted[i]))
			continue;
		mem_copy(env_store[*nr], entry, len + 1);
		start.envp[*nr] = env_store[*nr];
		(*nr)++;
	}
}

/* The environment that the program was started with, from /proc, because another thread may be changing `environ`.  The
 * caller lends `scratch`. */
static void env_fill(char *scratch, size_t size)
{
	static char path_default[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	size_t nr = 0, have = 0;
	int fd = helper_secure ? -1 : os_open("/proc/self/environ", O_RDONLY | O_CLOEXEC, 0);

	if (fd >= 0) {
		ssize_t n;
		while (have < size - 1 && (n = os_read(fd, scratch + have, size - 1 - have)) > 0)
			have += (size_t)n;
		os_close(fd);
	}
	scratch[have] = 0;
	for (size_t at = 0; at < have;) {
		size_t len = str_length(scratch + at);
		env_take(scratch + at, len, &nr);
		at += len + 1;
	}
	if (nr == 0)
		start.envp[nr++] = path_default;
	start.envp[nr] = NULL;
}

/* ---- in the helper, before exec: shared memory, raw calls only ------------------------------- */

static void raw_close_from(unsigned first)
{
	struct rlimit limit = { 0, 0 };

	if (arch_syscall6(SYS_close_range, first, ~0u, 0, 0, 0, 0) == 0)
		return;
	arch_syscall6(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
	for (unsigned fd = first; fd < MIN((unsigned long)limit.rlim_cur, (unsigned long)CLOSE_FALLBACK_MAX); fd++)
		arch_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* The program's limits are not meant for the helper: raise one as far as allowed. */
static void raw_raise_limit(int which)
{
	struct rlimit limit;

	if (arch_syscall6(SYS_prlimit64, 0, which, 0, (long)&limit, 0, 0) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	arch_syscall6(SYS_prlimit64, 0, which, (long)&limit, 0, 0, 0);
}

static void raw_default_signal(int sig)
{
	struct {
		uintptr_t handler;
		unsigned long flags;
		uintptr_t restorer;
		uint64_t mask;
	} dfl = { 0, 0, 0, 0 };

	arch_syscall6(SYS_rt_sigaction, sig, (long)&dfl, 0, sizeof(uint64_t), 0, 0);
}

static void raw_default_signals(void)
{
	uint64_t none = 0;

	for (int sig = 1; sig <= HELPER_SIGNALS; sig++)
		raw_default_signal(sig);
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, sizeof(none), 0, 0);
}

static void helper_exec(void *unused)
{
	(void)unused;
	if (start.error < 0)
		start.error = (int)arch_syscall6(SYS_openat, AT_FDCWD, (long)"/dev/null", O_WRONLY, 0, 0, 0);
	arch_syscall6(SYS_dup2, start.request, 0, 0, 0, 0, 0);
	arch_syscall6(SYS_dup2, start.answer, 1, 0, 0, 0, 0);
	arch_syscall6(SYS_dup2, start.error, 2, 0, 0, 0, 0);
	raw_close_from(3);
	arch_syscall6(SYS_setsid, 0, 0, 0, 0, 0, 0);
	raw_raise_limit(RLIMIT_AS);
	raw_raise_limit(RLIMIT_DATA);
	raw_raise_limit(RLIMIT_NOFILE);
	raw_default_signals();
	arch_syscall6(SYS_execve, (long)start.argv[0], (long)start.argv, (long)start.envp, 0, 0, 0);
	arch_syscall6(SYS_exit_group, 127, 0, 0, 0, 0, 0);
}

static void keeper_run(void *unused)
{
	long pid;

	(void)unused;
	/* If the program ignores SIGCHLD, the kernel would reap the helper at once, and others could get its pid. */
	raw_default_signal(SIGCHLD);
	pid = arch_clone_call(CLONE_VM | CLONE_VFORK | CLONE_UNTRACED, helper_stack + HELPER_STACK, helper_exec, NULL);
	raw_close_from(0);
	if (pid > 0) {
		__atomic_store_n(&start.pid, (int32_t)pid, __ATOMIC_SEQ_CST);
		/* WNOWAIT: the helper has ended but is not reaped, so no other process has its pid while start.pid
		 * names it (helper_kill). */
		arch_syscall6(SYS_waitid, P_PID, pid, 0, WEXITED | WNOWAIT | __WALL, 0, 0);
	}
	__atomic_store_n(&start.pid, -1, __ATOMIC_SEQ_CST);
	if (pid > 0)
		arch_syscall6(SYS_wait4, pid, 0, __WALL, 0, 0, 0);
	arch_syscall6(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* ---- in the program: start and end ----------------------------------------------------------- */

/* After unshare(CLONE_NEWPID) the next child would become init of the new namespace, which would end with it. */
static bool namespace_is_own(void)
{
	char own[64], children[64];
	long a = arch_syscall6(SYS_readlink, (long)"/proc/self/ns/pid", (long)own, sizeof(own), 0, 0, 0);
	long b = arch_syscall6(SYS_readlink, (long)"/proc/self/ns/pid_for_children", (long)children, sizeof(children),
	                       0, 0, 0);

	return a <= 0 || (a == b && mem_compare(own, children, (size_t)a) == 0);
}

static bool helper_allowed(void)
{
	return options.symbolize && !helper_off && !os_under_seccomp() && namespace_is_own();
}

static int fd_move_high(int fd)
{
	long high = arch_syscall6(SYS_fcntl, fd, F_DUPFD_CLOEXEC, HELPER_FD_MIN, 0, 0, 0);

	if (high < 0) /* RLIMIT_NOFILE may be low */
		high = arch_syscall6(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3, 0, 0, 0);
	os_close(fd);
	return (int)high;
}

/* A pipe of two high descriptors; the end fds[ours] does not block. */
static bool pipe_open(int fds[2], unsigned ours)
{
	int pair[2];

	if (arch_syscall6(SYS_pipe2, (long)pair, O_CLOEXEC, 0, 0, 0, 0) != 0)
		return false;
	fds[0] = fd_move_high(pair[0]);
	fds[1] = fd_move_high(pair[1]);
	if (fds[0] >= 0 && fds[1] >= 0 &&
	    arch_syscall6(SYS_fcntl, fds[ours], F_SETFL, O_NONBLOCK | (ours ? O_WRONLY : O_RDONLY), 0, 0, 0) == 0)
		return true;
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			os_close(fds[i]);
	return false;
}

struct helper_link {
	int to, from; /* the program's pipe ends */
	long keeper;  /* pid */
};

static bool keeper_start(struct helper_link *link)
{
	start.pid = 0;
	start.argv[0] = helper_path;
	start.argv[1] = NULL;
	link->keeper = arch_clone_call(CLONE_VM | CLONE_UNTRACED, keeper_stack + HELPER_STACK, keeper_run, NULL);
	return link->keeper > 0;
}

static bool helper_start(struct helper_link *link)
{
	int request[2], answer[2];
	bool opened, started;

	if (!pipe_open(request, 1))
		return false;
	if (!pipe_open(answer, 0)) {
		os_close(request[0]);
		os_close(request[1]);
		return false;
	}
	start.request = request[0];
	start.answer = answer[1];
	start.error = sink_borrow(&opened);
	started = keeper_start(link);
	if (opened)
		os_close(start.error);
	os_close(request[0]);
	os_close(answer[1]);
	link->to = request[1];
	link->from = answer[0];
	if (!started) {
		os_close(link->to);
		os_close(link->from);
	}
	return started;
}

/* The pid is the helper's as long as start.pid names it.  With a pidfd the signal cannot reach another process that
 * gets the pid after the check. */
static void helper_kill(void)
{
	int32_t pid = __atomic_load_n(&start.pid, __ATOMIC_SEQ_CST);
	long fd;

	if (pid <= 0)
		return;
	fd = arch_syscall6(SYS_pidfd_open, pid, 0, 0, 0, 0, 0);
	if (__atomic_load_n(&start.pid, __ATOMIC_SEQ_CST) == pid) {
		if (fd >= 0)
			arch_syscall6(SYS_pidfd_send_signal, fd, SIGKILL, 0, 0, 0, 0);
		else
			arch_syscall6(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
	}
	if (fd >= 0)
		os_close((int)fd);
}

static uint64_t clock_ms(void)
{
	struct timespec t = { 0, 0 };

	arch_syscall6(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0, 0, 0, 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The helper has answered, or never will: kill it, whatever it is doing. */
static void helper_end(struct helper_link *link)
{
	uint64_t until = clock_ms() + HELPER_END_MS;
	struct timespec pause = { 0, 100000 };

	for (;;) {
		long n;
		helper_kill();
		n = arch_syscall6(SYS_wait4, link->keeper, 0, __WCLONE | WNOHANG, 0, 0, 0);
		if (n != 0 && n != -EINTR) /* reaped, here or by the program's wait with __WALL */
			break;
		if (clock_ms() >= until) {
			helper_off = true;
			break;
		}
		arch_syscall6(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
	}
	os_close(link->to);
	os_close(link->from);
}

/* ---- in the program: request and answer ------------------------------------------------------ */

enum talk_end { TALK_ANSWERED, TALK_TIMEOUT, TALK_CLOSED, TALK_GARBLED };

struct talk {
	const char *part[2]; /* still to be sent: the request's header, its data */
	size_t part_len[2];
	struct helper_answer head;
	size_t have; /* bytes of the answer so far, header included */
	char *text;
	size_t size;
	uint64_t pending; /* signals pending before the first write */
};

/* False: everything is sent, or no more can be sent.  A helper that closed its input may still have answered. */
static bool talk_send(struct talk *t, int fd)
{
	for (int i = 0; i < 2; i++)
		while (t->part_len[i]) {
			long n = arch_syscall6(SYS_write, fd, (long)t->part[i], (long)t->part_len[i], 0, 0, 0);
			if (n == -EAGAIN)
				return true;
			if (n == -EPIPE)
				os_take_back(SIGPIPE, t->pending);
			if (n <= 0)
				return false;
			t->part[i] += n;
			t->part_len[i] -= (size_t)n;
		}
	return false;
}

static bool answer_sound(const struct talk *t)
{
	return t->head.magic == HELPER_ANSWER_MAGIC && t->head.version == HELPER_WIRE_VERSION && t->head.length > 0 &&
	       t->head.length < t->size;
}

/* Reads what is there.  False: the talk is over, and *end says how. */
static bool talk_receive(struct talk *t, int fd, enum talk_end *end)
{
	for (;;) {
		bool in_head = t->have < sizeof(t->head);
		size_t at = in_head ? t->have : t->have - sizeof(t->head);
		char *to = (in_head ? (char *)&t->head : t->text) + at;
		long n = arch_syscall6(SYS_read, fd, (long)to,
		                       (long)((in_head ? sizeof(t->head) : t->head.length) - at), 0, 0, 0);

		if (n == -EAGAIN || n == -EINTR)
			return true;
		*end = TALK_CLOSED;
		if (n <= 0)
			return false;
		t->have += (size_t)n;
		*end = TALK_GARBLED;
		if (t->have == sizeof(t->head) && !answer_sound(t))
			return false;
		*end = TALK_ANSWERED;
		if (t->have > sizeof(t->head) && t->have == sizeof(t->head) + t->head.length)
			return false;
	}
}

static enum talk_end helper_talk(struct talk *t, const struct helper_link *link)
{
	uint64_t until = clock_ms() + options.symbolizer_timeout;
	enum talk_end end = TALK_TIMEOUT;
	bool sending = true;

	for (;;) {
		struct pollfd fds[2] = { { .fd = link->from, .events = POLLIN },
			                 { .fd = sending ? link->to : -1, .events = POLLOUT } };
		uint64_t now = clock_ms();
		struct timespec wait;
		long n;

		if (now >= until)
			return TALK_TIMEOUT;
		wait.tv_sec = (time_t)((until - now) / 1000);
		wait.tv_nsec = (long)((until - now) % 1000 * 1000000);
		n = arch_syscall6(SYS_ppoll, (long)fds, 2, (long)&wait, 0, 0, 0);
		if (n < 0 && n != -EINTR)
			return TALK_CLOSED;
		if (n > 0 && fds[1].revents)
			sending = talk_send(t, link->to);
		if (n > 0 && fds[0].revents && !talk_receive(t, link->from, &end))
			return end;
	}
}

/* Of the next request; under the report lock. */
static unsigned asked_format, asked_flags;
static uint32_t title_frame;

static enum talk_end helper_ask(enum helper_kind kind, const void *data, size_t len, bool more, struct talk *t,
                                struct helper_link *link)
{
	struct helper_request head = {
		.magic = HELPER_REQUEST_MAGIC,
		.version = HELPER_WIRE_VERSION,
		.kind = kind,
		.size = (uint32_t)len,
		.format = asked_format,
		.timeout_ms = (uint32_t)options.symbolizer_timeout,
		.more = more,
		.flags = asked_flags,
	};

	t->part[0] = (const char *)&head;
	t->part_len[0] = sizeof(head);
	t->part[1] = data;
	t->part_len[1] = len;
	t->have = 0;
	t->pending = os_signals_pending();
	return helper_talk(t, link);
}

/* Reports in a row go to one helper.  Under the report lock. */
static struct {
	bool open;
	struct helper_link link;
} session;

/* buf, where the answer will go, is scratch space until then. */
static bool helper_open(struct helper_link *link, char *buf, size_t size)
{
	if (!helper_allowed())
		return false;
	if (helper_path_state == PATH_UNKNOWN)
		helper_path_state = path_find() ? PATH_FOUND : PATH_MISSING;
	if (helper_path_state == PATH_MISSING) {
		helper_tell("there is no symbolizer", helper_path, " (the option symbolizer names another one)");
		return false;
	}
	env_fill(buf, size);
	return helper_start(link);
}

/* Asks one question and returns the length of the answer's text; 0: no answer, and the helper has ended. */
static size_t helper_question(enum helper_kind kind, const void *data, size_t len, bool more, struct helper_link *link,
                              char *buf, size_t size, bool *suppressed)
{
	static const char *const failures[] = {
		[TALK_TIMEOUT] = "no answer in time from the symbolizer",
		[TALK_CLOSED] = "no answer from the symbolizer",
		[TALK_GARBLED] = "no sound answer from the symbolizer",
	};
	struct talk t = { .text = buf, .size = size };
	enum talk_end end = helper_ask(kind, data, len, more, &t, link);

	title_frame = end == TALK_ANSWERED ? t.head.frame : 0;
	if (end != TALK_ANSWERED || !more) {
		helper_end(link);
		session.open = false;
	}
	if (end != TALK_ANSWERED) {
		helper_tell(failures[end], helper_path, "");
		return 0;
	}
	buf[t.head.length] = 0;
	*suppressed = t.head.suppressed == 1;
	return t.head.length;
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* Written once, at start. */
static const char *rules_text;
static size_t rules_len;
static bool rules_told; /* mistakes in the rules were told; under the report lock */

void helper_set_rules(const char *text, size_t len)
{
	rules_text = text;
	rules_len = len;
}

bool helper_has_rules(void)
{
	return rules_len != 0;
}

/* Prints the helper's messages, line by line. */
static void tell_lines(char *text, size_t len)
{
	for (char *line = text; line < text + len;) {
		char *end = line;
		while (end < text + len && *end != '\n')
			end++;
		*end = '\0';
		if (*line)
			report_line("%s", line);
		line = end + 1;
	}
}

static void rules_not_applied(void)
{
	if (!rules_told)
		report_line("suppressions: without the symbolizer there are no names to compare with; none is applied");
	rules_told = true;
}

/* False: there was no answer, and the helper has ended. */
static bool rules_give(struct helper_link *link, const char *text, size_t len, char *buf, size_t size)
{
	bool suppressed;
	size_t told = helper_question(HELPER_RULES, text, len, true, link, buf, size, &suppressed);

	if (told && !rules_told)
		tell_lines(buf, told);
	return told != 0;
}

/* The first of a helper's questions. */
static bool rules_begin(struct helper_link *link, char *buf, size_t size)
{
	if (!rules_len)
		return true;
	if (!rules_give(link, rules_text, rules_len, buf, size))
		return false;
	rules_told = true;
	return true;
}

size_t helper_render(const struct report_record *r, unsigned format, char *buf, size_t size, bool *suppressed)
{
	struct helper_link link;

	*suppressed = false;
	title_frame = 0;
	asked_format = format;
	asked_flags = options.leak_suggest ? HELPER_SUGGEST : 0;
	if (session.open)
		return helper_question(HELPER_REPORT, r, sizeof(*r), true, &session.link, buf, size, suppressed);
	if (!helper_open(&link, buf, size)) {
		if (rules_len)
			rules_not_applied();
		return 0;
	}
	if (!rules_begin(&link, buf, size))
		return 0;
	return helper_question(HELPER_REPORT, r, sizeof(*r), false, &link, buf, size, suppressed);
}

uint32_t helper_title_frame(void)
{
	return title_frame;
}

size_t helper_functions(const struct helper_functions *question, char *buf, size_t size)
{
	struct helper_link link;
	bool suppressed;

	if (session.open)
		return helper_question(HELPER_FUNCTIONS, question, sizeof(*question), true, &session.link, buf, size,
		                       &suppressed);
	if (!helper_open(&link, buf, size))
		return 0;
	return helper_question(HELPER_FUNCTIONS, question, sizeof(*question), false, &link, buf, size, &suppressed);
}

void helper_session_begin(const char *rules, char *buf, size_t size)
{
	session.open = helper_open(&session.link, buf, size);
	if (!session.open && (rules_len || (rules && *rules)))
		rules_not_applied();
	if (!session.open || !rules_begin(&session.link, buf, size))
		return;
	rules = rules ? rules : "";
	asked_flags = options.suppressions_distribution ? HELPER_SHIPPED : 0;
	if (*rules || asked_flags)
		rules_give(&session.link, rules, str_length(rules), buf, size);
	asked_flags = 0;
}

void helper_session_end(char *buf, size_t size)
{
	bool suppressed;

	if (session.open)
		tell_lines(buf, helper_question(HELPER_SUMMARY, "", 0, false, &session.link, buf, size, &suppressed));
}

void helper_init(bool secure)
{
	helper_secure = secure;
	helper_path_state = PATH_UNKNOWN;
}
