/* SPDX-License-Identifier: BSD-2-Clause */
/* kernel/guest/init.c - the guest's first program: follows /memsan/plan, tells the host, and powers the machine off.
 *
 * Messages for the host go through the kernel's log, so that they stand in order with the kernel's reports:
 *
 *     memsan: guest booted RELEASE            this program runs
 *     memsan: bug NAME                        the bug NAME runs next
 *     memsan: bug NAME ended STATUS           0, 1 when the module refused, or 128 + the signal that killed the writer
 *     memsan: scan / memsan: scan ended       kmemleak's report stands between the two
 *     memsan: done STATUS                     the machine ends now
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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIGGER "/sys/kernel/debug/memsan/trigger"
#define KMEMLEAK "/sys/kernel/debug/kmemleak"

static int failed; /* the status of "done" */

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
	case ENOENT:
		return "unknown symbol in module, or unknown parameter";
	case ENOEXEC:
		return "invalid module format";
	default:
		return strerror(error);
	}
}

static void load_module(char *path)
{
	char *parameters = strchr(path, ' ');
	int fd;

	if (parameters)
		*parameters++ = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && syscall(SYS_finit_module, fd, parameters ? parameters : "", 0) == 0) {
		say("module %s loaded", path);
	} else {
		say("module %s not loaded: %s", path, why_not_loaded(errno));
		failed = 1;
	}
	if (fd >= 0)
		close(fd);
}

static void unload_module(char *name)
{
	kernel_name(name);
	if (syscall(SYS_delete_module, name, O_NONBLOCK) == 0)
		say("module %s unloaded", name);
	else
		say("module %s not unloaded: %s", name, strerror(errno));
}

/* ---- leaks ----------------------------------------------------------------------------------- */

/* In "    [<ffffffffc0001234>] 0xffffffffc0001234" the kernel no longer knows the function: puts in its name. */
static void print_leak_line(const char *line)
{
	const char *mark = strstr(line, ">] 0x");
	const struct function *best = NULL;
	unsigned long at = mark ? strtoul(mark + 3, NULL, 16) : 0;
	char text[512];

	for (size_t i = 0; mark && i < nr_functions; i++)
		if (functions[i].at <= at && (!best || functions[i].at > best->at))
			best = &functions[i];
	if (!best || at - best->at >= 65536) {
		log_line(4, line);
		return;
	}
	snprintf(text, sizeof(text), "%.*s%s+0x%lx/0x%x %s", (int)(mark + 3 - line), line, best->name, at - best->at,
	         65536, best->module);
	log_line(4, text);
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

/* ---- scripts --------------------------------------------------------------------------------- */

static int busybox(const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		execv("/bin/busybox", (char *const *)(unsigned long)argv);
		_exit(127);
	}
	return pid > 0 ? status_of(pid) : 127;
}

/* Runs a shell in its own session, on the second port. */
static int run_shell(const char *script)
{
	pid_t pid;

	setenv("PATH", "/bin:/sbin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", "linux", 1);
	mkdir("/sbin", 0755);
	busybox((const char *const[]){ "busybox", "--install", "-s", "/bin", NULL });
	pid = fork();
	if (pid == 0) {
		int port, input;

		setsid();
		/* The first terminal that a session opens becomes its controlling terminal, which delivers ^C. */
		port = open("/dev/hvc0", O_RDWR);
		if (port < 0)
			port = open("/dev/ttyS1", O_RDWR);
		input = script ? open("/dev/null", O_RDONLY) : port;
		dup2(input, STDIN_FILENO);
		dup2(port, STDOUT_FILENO);
		dup2(port, STDERR_FILENO);
		if (input > 2)
			close(input);
		if (port > 2)
			close(port);
		execl("/bin/sh", "sh", script, NULL);
		_exit(127);
	}
	return pid > 0 ? status_of(pid) : 127;
}

static void do_script(char *unused)
{
	int status;

	(void)unused;
	say("script");
	status = run_shell("/memsan/script");
	say("script ended %d", status);
	if (status)
		failed = status;
}

static void do_shell(char *unused)
{
	(void)unused;
	run_shell(NULL);
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
	{ "scan", scan_leaks },
	{ "validate", validate_caches },
	{ "script", do_script },
	{ "shell", do_shell },
};

static void follow_plan(void)
{
	FILE *plan = fopen("/memsan/plan", "re");
	char line[512];

	while (plan && fgets(line, sizeof(line), plan)) {
		char *arguments;

		line[strcspn(line, "\n")] = '\0';
		arguments = line + strcspn(line, " ");
		if (*arguments)
			*arguments++ = '\0';
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strcmp(line, words[i].name) == 0)
				words[i].act(arguments);
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

int main(void)
{
	struct utsname u;

	mount_all();
	uname(&u);
	say("guest booted %s", u.release);
	follow_plan();
	finish();
}
