/* SPDX-License-Identifier: BSD-2-Clause */
/* kernel/guest/init.c - the guest's first program: follows /memsan/plan, tells the host, and powers the machine off.
 *
 * Messages for the host go through the kernel's log, so that they stand in order with the kernel's reports:
 *
 *     memsan: guest booted RELEASE            this program runs
 *     memsan: bug NAME                        the bug NAME runs next
 *     memsan: bug NAME ended STATUS           0, 1 when the module refused, or 128 + the signal that killed the writer
 *     memsan: scan / memsan: scan ended       kmemleak's report stands between the two
 *     memsan: share not mounted: WHY          the host's folder (--share) is not there
 *     memsan: repro / repro ended STATUS      the reproducer runs between the two; 124: it was ended at its limit
 *     memsan: repro-N / repro-N ended STATUS  the same of candidate N of memsan kernel minimize
 *     memsan: candidate N / candidate N ended  all that belongs to it stands between the two
 *     memsan: failing N                       the N-th allocation of the modules fails from here on; 0: none
 *     memsan: failing N ended CALLS FIRED HOW that run is over: HOW is ok, oops or stuck (see fail_each)
 *     memsan: failing N left                  the object that kmemleak reports next was allocated meanwhile
 *     memsan: failing over / failing paused   there was no N-th allocation / the guest goes on no longer
 *     memsan: done STATUS                     the machine ends now
 *
 * With an argument it is the program that takes memory, which the module of bugs starts (see eat).
 *
 * A script's output goes to the second serial port.  Each line of /memsan/plan is "WORD ARGUMENTS"; words[] has them.
 *
 * This is a program and not a shell script, because under TCG each process costs 10 ms, and because a guest of another
 * architecture gets a shell only when it needs one.  kernel/build links it statically, with the compiler that builds
 * the guest's kernel.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIGGER "/sys/kernel/debug/memsan/trigger"
#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define FAIL "/sys/module/memsan_fail/parameters/"

static int failed; /* the status of "done" */

/* --fail-each: the number of the allocation that fails now.  -1: nothing of the kind is going on. */
static long failing = -1;
static double failing_limit; /* seconds for each step of it */
static bool not_loaded, stuck;

/* ---- telling --------------------------------------------------------------------------------- */

/* Writes one record to the kernel's log.  A record holds about a thousand bytes. */
static void log_line(int level, const char *text)
{
	static int kmsg = -1;
	char line[1000];
	int len = snprintf(line, sizeof(line), "<%d>%.*s\n", level, 980, text);

	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (kmsg < 0 || write(kmsg, line, (size_t)len) != len)
		dprintf(STDERR_FILENO, "%s\n", text);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char text[1000] = "memsan: ";
	va_list args;

	va_start(args, format);
	vsnprintf(text + 8, sizeof(text) - 8, format, args);
	va_end(args);
	log_line(5, text);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* Returns the whole file, NUL-terminated; NULL when it cannot be read. */
static char *read_file(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!in)
		return NULL;
	if (getdelim(&text, &size, '\0', in) < 0 && text)
		*text = '\0';
	fclose(in);
	return text;
}

static void mount_all(void)
{
	static const struct {
		const char *type, *where;
	} mounts[] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" }, { "debugfs", "/sys/kernel/debug" },
		{ "tmpfs", "/tmp" },
	};
	int console;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		/* the user's files may lie there already */
		if (strcmp(mounts[i].where, "/tmp") == 0 && rmdir("/tmp") != 0 && errno != ENOENT)
			continue;
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL) != 0)
			dprintf(STDERR_FILENO, "memsan: cannot mount %s: %s\n", mounts[i].where, strerror(errno));
	}
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	for (int fd = 0; console >= 0 && fd < 3; fd++)
		dup2(console, fd);
	if (console > 2)
		close(console);
}

static unsigned long read_number(const char *path)
{
	char *text = read_file(path);
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	free(text);
	return n;
}

/* ---- processes ------------------------------------------------------------------------------- */

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int status_of(pid_t pid)
{
	int status = 0;
	pid_t ended;

	/* As the first process we also get the orphans' ends. */
	while ((ended = wait(&status)) != pid)
		if (ended < 0 && errno != EINTR)
			return 127;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Bits of /proc/sys/kernel/tainted: a detector has reported something, or something has crashed. */
#define TAINT_BAD (1u << 5)
#define TAINT_DIED (1u << 7)
static unsigned long taints(void)
{
	return read_number("/proc/sys/kernel/tainted");
}

/* Waits for the process, at most that long.  With `until_report`, only five seconds more once a detector has reported
 * something.  -1: its time is over. */
static int status_until(pid_t pid, double seconds, bool until_report)
{
	double end = seconds_now() + seconds, next_look = 0;
	unsigned long before = taints();
	int status;

	for (;;) {
		pid_t ended = waitpid(-1, &status, WNOHANG);
		double now = seconds_now();

		if (ended == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (ended < 0 && errno == ECHILD)
			return 127;
		if (now >= end)
			return -1;
		if (until_report && now >= next_look) {
			next_look = now + 0.5;
			if (taints() & ~before & (TAINT_BAD | TAINT_DIED)) {
				until_report = false;
				end = now + 5 < end ? now + 5 : end;
			}
		}
		if (ended <= 0)
			nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
}

/* Ends all processes but this one.  False: one of them cannot be ended. */
static bool kill_all(void)
{
	double end = seconds_now() + 3;
	pid_t pid;

	while (kill(-1, SIGKILL) == 0 && seconds_now() < end) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return kill(-1, 0) != 0;
}

/* Runs the function in a child process, because an oops kills the process.  Returns what it returns, 128 + the signal
 * that killed it, or -1: it did not come back. */
static int in_child(int (*act)(char *argument), char *argument)
{
	enum { AFTER_A_CRASH = 5 };
	double limit = failing >= 0 ? failing_limit : taints() & TAINT_DIED ? AFTER_A_CRASH : 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(act(argument));
	if (pid < 0)
		return 127;
	/* an exit function may wait for a task that died */
	return limit > 0 ? status_until(pid, limit, false) : status_of(pid);
}

/* ---- modules --------------------------------------------------------------------------------- */

/* Turns a file's name into the module's name: my-module.ko is the module my_module. */
static void kernel_name(char *module)
{
	for (char *p = module; *p; p++)
		if (*p == '-')
			*p = '_';
}

/* Functions of modules, remembered because kmemleak has only their addresses once a module is unloaded. */
struct function {
	unsigned long at;
	char name[128], module[64];
};
static struct function *functions;
static size_t nr_functions;

static void remember_functions(char *module)
{
	FILE *in = fopen("/proc/kallsyms", "re");
	char line[512], of[80];
	struct function f;

	kernel_name(module);
	snprintf(of, sizeof(of), "[%s]", module);
	while (in && fgets(line, sizeof(line), in)) {
		struct function *larger;

		if (sscanf(line, "%lx %*c %127s %63s", &f.at, f.name, f.module) != 3 || strcmp(f.module, of) != 0)
			continue;
		larger = realloc(functions, (nr_functions + 1) * sizeof(f));
		if (!larger)
			break;
		functions = larger;
		functions[nr_functions++] = f;
	}
	if (in)
		fclose(in);
}

/* The wording of busybox and kmod. */
static const char *why_not_loaded(int error)
{
	switch (error) {
	case -1:
		return "its init function does not return";
	case ENOENT:
		return "unknown symbol in module, or unknown parameter";
	case ENOEXEC:
		return "invalid module format";
	default:
		return error > 128 ? "its init function crashed" : strerror(error);
	}
}

/* Takes "PATH PARAMETERS". */
static int insert(char *path)
{
	char *parameters = strchr(path, ' ');
	int fd;

	if (parameters)
		*parameters++ = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && syscall(SYS_finit_module, fd, parameters ? parameters : "", 0) == 0 ? 0 : errno;
}

static void load_module(char *path)
{
	int error = in_child(insert, path);

	path[strcspn(path, " ")] = '\0';
	if (!error) {
		say("module %s loaded", path);
		return;
	}
	say("module %s not loaded: %s", path, why_not_loaded(error));
	stuck |= error == -1;
	not_loaded = true;
	if (failing < 0)
		failed = 1;
}

static int delete (char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) == 0 ? 0 : errno;
}

static void unload_module(char *name)
{
	char path[200];
	int error;

	kernel_name(name);
	snprintf(path, sizeof(path), "/sys/module/%s", name);
	/* a module whose init function refused is gone already */
	if (failing >= 0 && access(path, F_OK) != 0)
		return;
	error = in_child(delete, name);
	if (!error) {
		say("module %s unloaded", name);
		return;
	}
	say("module %s not unloaded: %s", name,
	    error == -1   ? "its exit function does not return"
	    : error > 128 ? "its exit function crashed"
	                  : strerror(error));
	stuck = true;
}

/* ---- leaks ----------------------------------------------------------------------------------- */

/* The address where a frame has no function: in "    [<ffffffffc0001234>] 0xffffffffc0001234", and from Linux 6.8 on in
 * "    0xffffffffc0001234". */
static const char *unknown_function(const char *line)
{
	const char *mark = strstr(line, ">] 0x");

	if (mark)
		return mark + 3;
	if (strncmp(line, "    0x", 6) == 0 && line[6 + strspn(line + 6, "0123456789abcdef")] == '\0')
		return line + 4;
	return NULL;
}

/* The kernel no longer knows the functions of a module that is gone: puts in their names. */
static void print_leak_line(const char *line)
{
	const char *unknown = unknown_function(line);
	const struct function *best = NULL;
	unsigned long at = unknown ? strtoul(unknown, NULL, 16) : 0;
	char text[512];

	for (size_t i = 0; unknown && i < nr_functions; i++)
		if (functions[i].at <= at && (!best || functions[i].at > best->at))
			best = &functions[i];
	if (!best || at - best->at >= 65536) {
		log_line(4, line);
		return;
	}
	snprintf(text, sizeof(text), "%.*s%s+0x%lx/0x%x %s", (int)(unknown - line), line, best->name, at - best->at,
	         65536, best->module);
	log_line(4, text);
}

/* When each allocation began to fail, by the clock of kmemleak's reports. */
struct beginning {
	unsigned long jiffies;
	long failing;
};
static struct beginning *beginnings;
static size_t nr_beginnings;

static void remember_beginning(void)
{
	struct beginning *larger = realloc(beginnings, (nr_beginnings + 1) * sizeof(*larger));

	if (!larger)
		return;
	beginnings = larger;
	beginnings[nr_beginnings++] = (struct beginning){ read_number(FAIL "jiffies"), failing };
}

/* The second line of a leak says when the object was allocated: tells in front of the first which allocation failed
 * then. */
static void print_dated_leak_line(const char *line)
{
	static char first[512];
	const char *at = strstr(line, ", jiffies ");
	unsigned long jiffies = at ? strtoul(at + 10, NULL, 10) : 0;
	long number = -1;

	if (strncmp(line, "unreferenced object", 19) == 0) {
		snprintf(first, sizeof(first), "%s", line);
		return;
	}
	if (*first) {
		for (size_t i = 0; i < nr_beginnings && beginnings[i].jiffies <= jiffies; i++)
			number = beginnings[i].failing;
		say("failing %ld left", number);
		log_line(4, first);
		*first = '\0';
	}
	log_line(4, line);
}

/* KASAN with tags keeps the addresses of the last 32768 allocations and frees (mm/kasan/tags.c) in memory that kmemleak
 * scans.  So kmemleak misses a fresh leak until that many other events have displaced it.  Each lookup of a file name
 * is one allocation and one free. */
static void displace_recent_objects(void)
{
#ifdef __aarch64__
	for (int i = 0; i < 17000; i++)
		access("/no-such-file", F_OK);
#endif
}

/* Sleeps until `seconds` after `began`. */
static void sleep_until(const struct timespec *began, double seconds)
{
	struct timespec now, rest;
	double left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = seconds - (double)(now.tv_sec - began->tv_sec) - (double)(now.tv_nsec - began->tv_nsec) / 1e9;
	if (left <= 0)
		return;
	rest.tv_sec = (time_t)left;
	rest.tv_nsec = (long)((left - (double)rest.tv_sec) * 1e9);
	nanosleep(&rest, NULL);
}

/* kmemleak reports an object that two scans found unreferenced and unchanged and that is five seconds old at the
 * second. */
static void scan_leaks(char *unused)
{
	struct timespec began;
	char line[512];
	FILE *in;

	(void)unused;
	if (access(KMEMLEAK, W_OK) != 0) {
		say("no kmemleak in this kernel");
		return;
	}
	say("scan");
	clock_gettime(CLOCK_MONOTONIC, &began);
	displace_recent_objects();
	sleep_until(&began, 4.5);
	write_file(KMEMLEAK, "scan");
	sleep_until(&began, 5.1);
	write_file(KMEMLEAK, "scan");
	in = fopen(KMEMLEAK, "re");
	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (nr_beginnings)
			print_dated_leak_line(line);
		else
			print_leak_line(line);
	}
	if (in)
		fclose(in);
	/* The next scan need not repeat these reports. */
	write_file(KMEMLEAK, "clear");
	say("scan ended");
}

/* ---- bugs ------------------------------------------------------------------------------------ */

static int is_watched_cache(const char *name)
{
	size_t digits = strncmp(name, "kmalloc-", 8) == 0 ? strspn(name + 8, "0123456789") : 0;

	return strncmp(name, "memsan_", 7) == 0 || (digits >= 2 && digits <= 3 && !name[8 + digits]);
}

/* Lets SLUB report damage in objects that are not allocated or freed again. */
static void validate_caches(char *unused)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *e;

	(void)unused;
	while (dir && (e = readdir(dir)) != NULL) {
		char path[400], *checks;

		if (!is_watched_cache(e->d_name))
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/sanity_checks", e->d_name);
		checks = read_file(path);
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/validate", e->d_name);
		if (checks && *checks == '1')
			write_file(path, "1");
		free(checks);
	}
	if (dir)
		closedir(dir);
}

static void set_fence(char *milliseconds)
{
	write_file("/sys/module/kfence/parameters/sample_interval", milliseconds);
}

static void skip_place(char *hash)
{
	write_file(FAIL "skip", hash);
}

static void show_slabinfo(void)
{
	static const char *const objects[] = { "500", "2000", "200", "0" };

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		char *text, *line;

		write_file("/sys/kernel/debug/memsan/cache_fill", objects[i]);
		text = read_file("/proc/slabinfo");
		line = text ? strstr(text, "memsan_demo") : NULL;
		say("slabinfo with %s objects: %.*s", objects[i], line ? (int)strcspn(line, "\n") : 0,
		    line ? line : "");
		free(text);
	}
}

/* Takes "NAME SETUP".  The bug runs in a child process, because an oops kills the process. */
static void run_bug(char *name)
{
	char *setup = strchr(name, ' ');
	pid_t pid;
	int status;

	if (!setup)
		return;
	*setup++ = '\0';
	say("bug %s", name);
	if (strcmp(setup, "FENCE") == 0)
		set_fence((char[]){ "10" });
	pid = fork();
	if (pid == 0)
		_exit(write_file(TRIGGER, name) ? 1 : 0);
	status = pid > 0 ? status_of(pid) : 127;
	if (strcmp(setup, "FENCE") == 0)
		set_fence((char[]){ "0" });
	if (strcmp(setup, "CHECK") == 0)
		validate_caches(NULL);
	if (strcmp(name, "demo_slabinfo") == 0)
		show_slabinfo();
	say("bug %s ended %d", name, status);
}

/* ---- scripts and reproducers ----------------------------------------------------------------- */

static int busybox(const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		execv("/bin/busybox", (char *const *)(unsigned long)argv);
		_exit(127);
	}
	return pid > 0 ? status_of(pid) : 127;
}

/* What programs expect of a machine, beyond what the bugs need. */
static void prepare_user_space(void)
{
	static bool done;
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (done)
		return;
	done = true;
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", "linux", 1);
	mkdir("/sbin", 0755);
	if (access("/bin/busybox", X_OK) == 0)
		busybox((const char *const[]){ "busybox", "--install", "-s", "/bin", NULL });
	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
	mkdir("/dev/shm", 0777);
	mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		ioctl(fd, SIOCSIFFLAGS, &lo);
		close(fd);
	}
}

/* The host's folder, by 9P. */
static void mount_share(char *where)
{
	if (mount("memsan", where, "9p", 0, "trans=virtio,version=9p2000.L,msize=131072") == 0)
		return;
	say("share not mounted: %s", strerror(errno));
	failed = 1;
}

/* Starts a program or shell in its own session, on the second port. */
static pid_t start_on_port(const char *const argv[], bool interactive)
{
	pid_t pid;

	prepare_user_space();
	pid = fork();
	if (pid == 0) {
		int port, input;

		setsid();
		/* The first terminal that a session opens becomes its controlling terminal, which delivers ^C. */
		port = open("/dev/hvc0", O_RDWR);
		if (port < 0)
			port = open("/dev/ttyS1", O_RDWR);
		input = interactive ? port : open("/dev/null", O_RDONLY);
		dup2(input, STDIN_FILENO);
		dup2(port, STDOUT_FILENO);
		dup2(port, STDERR_FILENO);
		if (input > 2)
			close(input);
		if (port > 2)
			close(port);
		/* the libraries that memsan brought; the shell needs none */
		if (access("/memsan/lib", F_OK) == 0)
			setenv("LD_LIBRARY_PATH", "/memsan/lib", 1);
		execv(argv[0], (char *const *)(unsigned long)argv);
		/* a script without "#!" */
		if (errno == ENOEXEC)
			execl("/bin/sh", "sh", argv[0], NULL);
		dprintf(STDERR_FILENO, "memsan: cannot start %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	return pid;
}

static void do_script(char *unused)
{
	pid_t pid;
	int status;

	(void)unused;
	if (failing >= 0 && not_loaded)
		return;
	say("script");
	pid = start_on_port((const char *const[]){ "/bin/sh", "/memsan/script", NULL }, false);
	status = pid < 0 ? 127 : failing >= 0 ? status_until(pid, failing_limit, false) : status_of(pid);
	say("script ended %d", status);
	if (failing >= 0) {
		stuck |= !kill_all() || status == -1;
		return;
	}
	if (status)
		failed = status;
}

/* Takes "SECONDS all" or "SECONDS first", which ends the reproducer soon after the first report; then, if there is more
 * than one reproducer, the name of its file. */
static void do_repro(char *how)
{
	double limit = strtod(how, &how);
	const char *name = strrchr(how, ' ');
	char path[100];
	pid_t pid;
	int status;

	if (failing >= 0 && not_loaded)
		return;
	snprintf(path, sizeof(path), "/memsan/%s", name && name != how ? name + 1 : "repro");
	say("%s", path + 8);
	pid = start_on_port((const char *const[]){ path, NULL }, false);
	if (failing >= 0 && limit > failing_limit)
		limit = failing_limit;
	status = pid < 0 ? 127 : status_until(pid, limit, strstr(how, "first") != NULL);
	if (!kill_all() && failing >= 0)
		stuck = true;
	say("%s ended %d", path + 8, status == -1 ? 124 : status);
}

static void do_note(char *text)
{
	say("%s", text);
}

static void do_shell(char *unused)
{
	(void)unused;
	status_of(start_on_port((const char *const[]){ "/bin/sh", NULL }, true));
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* The functions may change their arguments. */
static const struct word {
	const char *name;
	void (*act)(char *arguments);
} words[] = {
	{ "insmod", load_module },          /* path, parameters */
	{ "remember", remember_functions }, /* a loaded module, to name its functions after rmmod */
	{ "rmmod", unload_module },         /* the file's name without .ko */
	{ "fence", set_fence },             /* KFENCE's sample interval */
	{ "bug", run_bug },                 /* name, setup */
	{ "fail-place", skip_place },       /* the hash of a place that fails no more */
	{ "share", mount_share },           /* folder */
	{ "scan", scan_leaks },
	{ "validate", validate_caches },
	{ "script", do_script },
	{ "repro", do_repro }, /* seconds, "all" or "first", and a file */
	{ "note", do_note },   /* text that is told to the host */
	{ "shell", do_shell },
};

static void follow_line(char *line)
{
	char *arguments = line + strcspn(line, " ");

	if (*arguments)
		*arguments++ = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(line, words[i].name) == 0)
			words[i].act(arguments);
}

/* ---- each allocation fails in turn ----------------------------------------------------------- */

/* "fail-each FIRST SECONDS LIMIT SKIPPED…", then lines that are followed again and again, up to "fail-end":
 *
 *     FIRST     the first allocation to fail; 0: first a run in which nothing fails
 *     SECONDS   no new run begins after that long
 *     LIMIT     seconds for each step of a run
 *     SKIPPED   numbers that are left out, because an earlier guest did not survive them
 *
 * Each run ends in one of these ways.  After all but the first, the guest cannot go on, and runs no further one.
 *
 *     ok      the modules are unloaded
 *     oops    something crashed, and may hold locks
 *     stuck   a step took longer than LIMIT, a module cannot be unloaded, or a process cannot be ended
 */
static bool is_listed(const char *list, long number)
{
	char *end;

	for (long n = strtol(list, &end, 10); end != list; n = strtol(list, &end, 10)) {
		if (n == number)
			return true;
		list = end;
	}
	return false;
}

/* Returns true when another run may follow. */
static bool fail_once(char *const *lines, size_t nr)
{
	char number[32], line[512];
	const char *how;
	unsigned long fired;

	snprintf(number, sizeof(number), "%ld", failing);
	not_loaded = stuck = false;
	write_file(FAIL "nth", number);
	say("failing %ld", failing);
	remember_beginning();
	for (size_t i = 0; i < nr && !stuck; i++) {
		snprintf(line, sizeof(line), "%s", lines[i]);
		follow_line(line);
	}
	fired = read_number(FAIL "fired");
	how = taints() & TAINT_DIED ? "oops" : stuck ? "stuck" : "ok";
	say("failing %ld ended %lu %lu %s", failing, read_number(FAIL "count"), fired, how);
	if (failing && !fired && strcmp(how, "ok") == 0) {
		say("failing over");
		return false;
	}
	return strcmp(how, "ok") == 0;
}

static void fail_each(char *arguments, char *const *lines, size_t nr)
{
	double began = seconds_now(), seconds;
	long first = strtol(arguments, &arguments, 10);

	seconds = strtod(arguments, &arguments);
	failing_limit = strtod(arguments, &arguments);
	for (failing = first;; failing++) {
		if (is_listed(arguments, failing))
			continue;
		if (!fail_once(lines, nr))
			break;
		if (seconds_now() - began > seconds) {
			say("failing paused");
			break;
		}
	}
	failing = -1;
	write_file(FAIL "nth", "0");
}

enum { PLAN_MAX = 64 };

static void follow_plan(void)
{
	FILE *plan = fopen("/memsan/plan", "re");
	char line[4096], *lines[PLAN_MAX], *arguments = NULL;
	size_t nr = 0;

	while (plan && fgets(line, sizeof(line), plan)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "fail-each ", 10) == 0)
			arguments = strdup(line + 10);
		else if (strcmp(line, "fail-end") == 0 && arguments)
			fail_each(arguments, lines, nr);
		else if (arguments && failing < 0 && nr < PLAN_MAX)
			lines[nr++] = strdup(line);
		else
			follow_line(line);
		if (strcmp(line, "fail-end") == 0)
			arguments = NULL;
	}
	if (plan)
		fclose(plan);
}

/* A PC ends through QEMU's isa-debug-exit device, because it cannot power off without ACPI. */
static void finish(void)
{
	say("done %d", failed);
#ifdef __x86_64__
	int port = open("/dev/port", O_WRONLY);

	if (port >= 0 && pwrite(port, "\020", 1, 0xf4) == 1)
		sleep(1);
#endif
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* Takes 64 MB, with "eat-locked" as memory that cannot be reclaimed, with "eat-limited" in a control group that may
 * have 4 MB.  It is meant to be killed. */
static int eat(const char *how)
{
	const size_t size = 64u << 20;
	char *memory;

	if (strcmp(how, "eat-locked") == 0 && mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return 1;
	if (strcmp(how, "eat-limited") == 0) {
		mkdir("/tmp/groups", 0755);
		if (mount("cgroup2", "/tmp/groups", "cgroup2", 0, NULL) != 0 ||
		    write_file("/tmp/groups/cgroup.subtree_control", "+memory") != 0 ||
		    mkdir("/tmp/groups/small", 0755) != 0 || write_file("/tmp/groups/small/memory.max", "4M") != 0 ||
		    write_file("/tmp/groups/small/cgroup.procs", "0") != 0)
			return 2;
	}
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; memory != MAP_FAILED && i < size; i += 4096)
		memory[i] = 1;
	return 3;
}

int main(int argc, char **argv)
{
	struct utsname u;

	/* the kernel gives its first program the words that it does not know */
	if (argc > 1 && getpid() != 1)
		return eat(argv[1]);
	mount_all();
	uname(&u);
	say("guest booted %s", u.release);
	follow_plan();
	finish();
}
