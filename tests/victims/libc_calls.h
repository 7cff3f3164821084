/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_calls.h - runs the examples in the rows of preload/intercept/libc.def. */
#define _GNU_SOURCE
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <fenv.h>
#include <fnmatch.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <ifaddrs.h>
#include <iconv.h>
#include <libgen.h>
#include <libintl.h>
#include <locale.h>
#include <math.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <regex.h>
#include <resolv.h>
#include <sched.h>
#include <search.h>
#include <semaphore.h>
#include <shadow.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <uchar.h>
#include <unistd.h>
#include <utime.h>
#include <utmp.h>
#include <utmpx.h>
#include <wchar.h>
#include <wordexp.h>

/* Macros of optimized programs. */
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext

/* Not declared in headers, or only for fortified programs. */
int __xpg_strerror_r(int error, char *to, size_t n);
size_t __wcrtomb_chk(char *to, wchar_t c, mbstate_t *state, size_t size);
int __wctomb_chk(char *to, wchar_t c, size_t size);
int __ptsname_r_chk(int fd, char *to, size_t n, size_t size);
int __getgroups_chk(int n, gid_t *to, size_t size);
int __strcoll_l(const char *, const char *, locale_t), __wcscoll_l(const wchar_t *, const wchar_t *, locale_t);
size_t __strxfrm_l(char *, const char *, size_t, locale_t), __wcsxfrm_l(wchar_t *, const wchar_t *, size_t, locale_t);
size_t __strftime_l(char *, size_t, const char *, const struct tm *, locale_t);
size_t __wcsftime_l(wchar_t *, size_t, const wchar_t *, const struct tm *, locale_t);
int capget(void *head, void *to), capset(void *head, const void *from);
int __xstat(int, const char *, struct stat *), __lxstat(int, const char *, struct stat *);
int __fxstat(int, int, struct stat *), __fxstatat(int, int, const char *, struct stat *, int);
int __xstat64(int, const char *, struct stat64 *), __lxstat64(int, const char *, struct stat64 *);
int __fxstat64(int, int, struct stat64 *), __fxstatat64(int, int, const char *, struct stat64 *, int);

/* ---- buffers --------------------------------------------------------------------------------- */

/* Which buffer of the example is one byte too short: 1 is the first that it makes; 0: none. */
static int short_one, made;
static volatile long used; /* the result of a call that the compiler could leave out */

void __asan_poison_memory_region(const volatile void *p, size_t n);

static void *part(const void *from, size_t n)
{
	bool is_short = ++made == short_one;
	char *p = malloc(is_short && n > 1 ? n - 1 : n);

	if (from)
		memcpy(p, from, n - is_short);
	else
		memset(p, 0, n - is_short);
	/* An access to an object of no bytes would fault in libc. */
	if (is_short && n == 1)
		__asan_poison_memory_region(p, 1);
	return p;
}

/* A copy of n bytes; n bytes for an answer; a copy of a string. */
#define bytes(from, n) part(from, n)
#define room(n) part(NULL, n)
#define text(s) part(s, sizeof(s))
#define text_of(s) part(s, strlen(s) + 1)

/* A number that the call uses must be right even when it lies in bad memory. */
static void *steady(const void *from, size_t n)
{
	char *p = malloc(n);

	memcpy(p, from, n);
	if (++made == short_one)
		__asan_poison_memory_region(p + n - 1, 1);
	return p;
}
#define number(type, value) steady(&(type){ value }, sizeof(type))

/* n bytes, of which the call uses at least the first `used`. */
static void *part_used(size_t n, size_t used)
{
	char *p = malloc(n);

	memset(p, 0, n);
	if (++made == short_one)
		__asan_poison_memory_region(p + used - 1, n - used + 1);
	return p;
}
#define entry_room(n, used) part_used(n, used)

/* A buffer that the call cannot fill on every machine; `answers` tells. */
#define PAGES (1 << 16)
static int unanswered, answers = 1;
static void *no_answer(void *p)
{
	unanswered++;
	return p;
}
static char *page; /* shared with the processes of examples */
#define answer(n) (answers ? room(n) : no_answer(page))

/* ---- what examples need ---------------------------------------------------------------------- */

static timer_t a_timer(void)
{
	static timer_t timer;

	if (!timer)
		timer_create(CLOCK_MONOTONIC, &(struct sigevent){ .sigev_notify = SIGEV_NONE }, &timer);
	return timer;
}

static void *a_page(void)
{
	return page;
}

/* A file with an extended attribute, if the file system has them. */
static const char *a_path(void)
{
	static char path[] = "/tmp/memsan-libc-calls-XXXXXX";

	if (path[sizeof(path) - 2] == 'X') {
		close(mkstemp(path));
		answers = setxattr(path, "user.memsan", "value", 5, 0) == 0;
	}
	return path;
}

static int a_file(void)
{
	return open(a_path(), O_RDONLY);
}

static DIR *a_folder(void)
{
	return opendir("/proc/self/task");
}

static FILE *a_stream(void)
{
	return fopen("/dev/null", "r");
}

/* Without a newline at its end, glibc's getmntent_r stores the line and its terminator only. */
static FILE *a_mount(void)
{
	FILE *f = tmpfile();

	fputs("a b c d\n", f);
	rewind(f);
	return f;
}

static int a_ready(void)
{
	int fd = epoll_create1(0);

	epoll_ctl(fd, EPOLL_CTL_ADD, eventfd(1, 0), &(struct epoll_event){ .events = EPOLLIN });
	return fd;
}

static int a_terminal(void)
{
	static int fd;

	return fd ? fd : (fd = posix_openpt(O_RDWR | O_NOCTTY));
}

static pid_t a_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

/* A child of ptrace that has stopped itself. */
static pid_t a_stopped_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, &(int){ 0 }, 0);
	return pid;
}

static void ignore(int sig)
{
	(void)sig;
}

/* A signal comes while the example sleeps. */
#define interrupted(call)                                                                       \
	({                                                                                      \
		sigaction(SIGALRM, &(struct sigaction){ .sa_handler = ignore }, NULL);          \
		setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_usec = 50000 }, NULL); \
		call;                                                                           \
	})

static const sigset_t *a_pending_signal(void)
{
	static sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	return &set;
}

static void *nothing(void *p)
{
	return p;
}

static pthread_t a_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, nothing, NULL);
	return thread;
}

static pthread_attr_t *an_attribute(void)
{
	static pthread_attr_t attribute;

	pthread_attr_init(&attribute);
	return &attribute;
}

static void *a_zeroed(void)
{
	static char zeros[256];

	return zeros;
}

static locale_t a_locale(void)
{
	return newlocale(LC_ALL_MASK, "C", NULL);
}

static struct random_data *a_random_state(void)
{
	static struct random_data state;
	static char memory[64];

	if (!state.state)
		initstate_r(1, memory, sizeof(memory), &state);
	return &state;
}

static int groups(void)
{
	int n = getgroups(0, NULL);

	if (n == 0)
		n = setgroups(1, &(gid_t){ 0 }) == 0;
	return n;
}

static int queue, segment;

static int a_queue(void)
{
	return queue ? queue : (queue = msgget(IPC_PRIVATE, 0600));
}

static int a_message(void)
{
	long message[2] = { 1 };

	while (msgrcv(a_queue(), page, 100, 0, IPC_NOWAIT) >= 0)
		;
	msgsnd(a_queue(), message, 3, IPC_NOWAIT);
	return queue;
}

/* Its name is gone at once, so that nothing stays in the system. */
static mqd_t a_posix_queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 3 };
	static mqd_t q;
	char name[40];

	if (q)
		return q;
	snprintf(name, sizeof(name), "/memsan-test-%d", (int)getpid());
	q = mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);
	mq_unlink(name);
	return q;
}

static mqd_t a_posix_message(void)
{
	mq_send(a_posix_queue(), "abc", 3, 0);
	return a_posix_queue();
}

static int a_segment(void)
{
	return segment ? segment : (segment = shmget(IPC_PRIVATE, 100, 0600));
}

static int a_listener(void)
{
	static int fd;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (!fd) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&address, sizeof(address));
		listen(fd, 10);
	}
	return fd;
}

static int a_connection(void)
{
	struct sockaddr_in address;
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	getsockname(a_listener(), (struct sockaddr *)&address, &n);
	connect(fd, (struct sockaddr *)&address, n);
	return fd;
}

static int a_caller(void)
{
	a_connection();
	return a_listener();
}

static regex_t *a_pattern(void)
{
	static regex_t pattern;

	regcomp(&pattern, "a", REG_EXTENDED);
	return &pattern;
}

static int compare_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 1);
}

static int compare_bytes_r(const void *a, const void *b, void *argument)
{
	return memcmp(a, b, 1);
}

/* A file with one entry. */
static const char *a_utmp(void)
{
	static char path[64];
	FILE *f = tmpfile();

	fwrite(&(struct utmp){ .ut_type = USER_PROCESS }, sizeof(struct utmp), 1, f);
	fflush(f);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(f));
	return path;
}

static void *an_environment(void)
{
	static fenv_t environment;

	fegetenv(&environment);
	return &environment;
}

/* A struct XDR for n bytes of memory. */
#define rpc_old_quad_xdrmem_create rpc_old_xdrmem_create
#define a_coder(from, way, memory, n)                           \
	({                                                      \
		char coder[48] = { 0 };                         \
		of(from, xdrmem_create)(coder, memory, n, way); \
		steady(coder, XDR_BYTES);                       \
	})

static void clean_up(void)
{
	unlink(a_path());
	if (queue)
		msgctl(queue, IPC_RMID, NULL);
	if (segment)
		shmctl(segment, IPC_RMID, NULL);
}

/* ---- the rows -------------------------------------------------------------------------------- */

#define LIBC(name)
#define CALL(type, name, params, args, effects, ...) \
	static void try_##name(void)                 \
	{                                            \
		__VA_ARGS__;                         \
	}
#define CALL_VOID(name, ...) CALL(void, name, __VA_ARGS__)
/* A function of a library is called in the version that the row names. */
#define of(from, name) from##_##name
#define CALL_OF(from, type, name, params, args, effects, ...)             \
	type from##_##name params;                                        \
	__asm__(".symver " #from "_" #name "," #name "@" VERSION_##from); \
	static void try_##from##_##name(void)                             \
	{                                                                 \
		__VA_ARGS__;                                              \
	}
#define CALL_OF_VOID(from, name, ...) CALL_OF(from, void, name, __VA_ARGS__)
#include "libc_calls_rows.h"
#undef CALL
#undef CALL_VOID
#undef CALL_OF
#undef CALL_OF_VOID

/* The number of effects in a row. */
#define COUNT_END(...) COUNT_END_(__VA_ARGS__)
#define COUNT_END_(...) __VA_ARGS__##_END
#define COUNT_A(...) +1 COUNT_B
#define COUNT_B(...) +1 COUNT_A
#define COUNT_A_END
#define COUNT_B_END

static const struct row {
	const char *name;
	void (*try)(void);
	int effects;
	bool library; /* it calls other functions that are checked */
} rows[] = {
#define CALL(type, name, params, args, effects, ...) { #name, try_##name, 0 COUNT_END(COUNT_A effects) },
#define CALL_VOID(name, params, args, effects, ...) { #name, try_##name, 0 COUNT_END(COUNT_A effects) },
#define CALL_OF(from, type, name, params, args, effects, ...) \
	{ #name, try_##from##_##name, 0 COUNT_END(COUNT_A effects), true },
#define CALL_OF_VOID(from, name, ...) CALL_OF(from, void, name, __VA_ARGS__)
#include "libc_calls_rows.h"
};

/* ---- reports --------------------------------------------------------------------------------- */

static int wrong;
static FILE *reports;

/* The reports since the last call, and the function that the first one names. */
static int new_reports(char entry[64])
{
	static char line[1 << 20];
	int n = 0;

	clearerr(reports);
	while (fgets(line, sizeof(line), reports)) {
		const char *at = strstr(line, "\"entry\":\"");

		if (n++)
			continue;
		entry[0] = 0;
		if (at)
			sscanf(at, "\"entry\":\"%63[^\"]", entry);
	}
	return n;
}

static void open_reports(void)
{
	char name[256] = "";
	const char *at = strstr(getenv("MEMSAN_OPTIONS"), "report_file=");

	if (at)
		sscanf(at, "report_file=%255[^:]", name);
	reports = fopen(name, "r");
	if (!reports) {
		perror(name);
		exit(1);
	}
}

static void complain(const struct row *row, const char *what)
{
	wrong++;
	printf("%s, buffer %d of %d: %s\n", row->name, short_one, made, what);
}

/* In a process of its own, since a bad buffer may be the end of it. Returns its status; `made` is what it told. */
static int try(const struct row *row)
{
	int status, *shared = (int *)(page + PAGES / 2);
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		made = unanswered = 0;
		row->try();
		shared[0] = made;
		shared[1] = unanswered;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	made = shared[0];
	unanswered = shared[1];
	return status;
}

static void try_row(const struct row *row)
{
	char entry[64];
	int buffers;

	short_one = 0;
	if (try(row) != 0)
		complain(row, "a correct call fails");
	if (new_reports(entry))
		complain(row, "a correct call is reported");
	buffers = made;
	if (unanswered)
		fprintf(stderr, "%s: skipped: %d buffers that this machine does not fill\n", row->name, unanswered);
	if (buffers + unanswered < row->effects)
		complain(row, "an effect has no buffer");
	for (short_one = 1; short_one <= buffers; short_one++) {
		try(row);
		/* More reports may follow when libc goes on with a bad name. */
		if (!new_reports(entry))
			complain(row, "not reported");
		else if (strcmp(entry, row->name) != 0 && !(row->library && entry[0]))
			complain(row, entry);
	}
}

int main(int argc, char **argv)
{
	open_reports();
	page = mmap(NULL, PAGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	a_path();
	a_queue();
	a_segment();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (argc < 2 || strcmp(argv[1], rows[i].name) == 0)
			try_row(&rows[i]);
	clean_up();
	puts(wrong ? "wrong" : "ok");
	fflush(stdout);
	_exit(0);
}
