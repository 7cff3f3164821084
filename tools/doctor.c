/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/doctor.c - memsan doctor: what works on this machine, what does not, and what to do about it.
 *
 * The first check makes a real error: memsan runs this command under itself ("memsan run -- memsan doctor" with the
 * argument BAD_PROGRAM), and the report is read. The others ask the kernel and the file system; they change nothing,
 * and none of them needs a right that the user lacks. */
#include "config.h"

#include "lib/lib.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <link.h>
#include <linux/perf_event.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define BAD_PROGRAM "--bad-program"

static const char help[] = "Usage: memsan doctor [OPTIONS]\n"
			   "\n"
			   "Tries memsan on a small program with an error, and looks at the machine: the kernel,\n"
			   "debuggers, core files, debug information, QEMU. A line for each says what works, what\n"
			   "does not, and what to do about it. Nothing is changed.\n"
			   "\n"
			   "  --format=text|json  text (the default), or one JSON object a line\n"
			   "  -h, --help          show this help\n"
			   "\n"
			   "Exit status: 0; 1 memsan reports nothing here; 2 usage.\n"
			   "Manual page: memsan-doctor(1)\n";

/* ---- findings -------------------------------------------------------------------------------- */

enum state {
	STATE_OK,
	STATE_LIMITED, /* memsan works, with less */
	STATE_MISSING, /* what the line is about does not work */
};
static const char *const state_names[] = { "ok", "limited", "missing" };

struct doctor {
	bool json;
	bool failed; /* memsan itself does not work */
};

static void put_text(void *ctx, const char *text, size_t len)
{
	fwrite(text, 1, len, ctx);
}

static void put_member(const char *name, const char *value)
{
	printf(",\"%s\":", name);
	json_quote(put_text, stdout, value, strlen(value));
}

/* Prints a line. `advice` is what the user can do, or NULL. */
static void tell(const struct doctor *d, const char *what, enum state state, const char *advice, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

static void tell(const struct doctor *d, const char *what, enum state state, const char *advice, const char *format,
                 ...)
{
	char finding[600];
	va_list args;

	va_start(args, format);
	vsnprintf(finding, sizeof(finding), format, args);
	va_end(args);
	if (d->json) {
		fputs("{\"schema\":\"memsan-doctor/1\"", stdout);
		put_member("check", what);
		put_member("state", state_names[state]);
		put_member("finding", finding);
		if (advice)
			put_member("advice", advice);
		puts("}");
		return;
	}
	tool_print("%-18s %-8s %s\n", what, state_names[state], finding);
	if (advice)
		tool_print("%-27s -> %s\n", "", advice);
	fflush(stdout);
}

/* ---- small files ----------------------------------------------------------------------------- */

static long number_in(const char *path, long otherwise)
{
	char line[64];

	return tool_first_line(path, line, sizeof(line)) ? strtol(line, NULL, 10) : otherwise;
}

/* ---- memsan itself --------------------------------------------------------------------------- */

/* The error that the first check wants reported: the same memory is freed twice. */
static __attribute__((noinline)) int bad_program(void)
{
	void *volatile block = malloc(100);
	void *again = block;

	free(block);
	__asm__("" : "+r"(again)); /* or the compiler warns of this very error */
	free(again);
	return 0;
}

/* Starts memsan run on this program.  Returns the report; the caller frees it.  NULL: it cannot be tried (errno). */
static char *report_of_bad_program(int *status)
{
	const char *folder = getenv("TMPDIR");
	char exe[4096], *path = tool_format("%s/memsan-doctor-XXXXXX", folder && *folder ? folder : "/tmp"), *option;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int fd = n > 0 ? mkostemp(path, O_CLOEXEC) : -1;
	char *text = NULL;
	pid_t pid;

	if (fd >= 0) {
		exe[n] = '\0';
		option = tool_format("--report=%s", path);
		unsetenv("MEMSAN_OPTIONS");
		pid = spawn_program((char *const[]){ exe, (char *)"run", (char *)"--format=json", option, (char *)"-o",
		                                     (char *)"exitcode=99", (char *)"--", exe, (char *)"doctor",
		                                     (char *)BAD_PROGRAM, NULL },
		                    -1, -1);
		*status = pid > 0 ? spawn_wait(pid) : -1;
		text = tool_read_all(fd, NULL);
		close(fd);
		unlink(path);
		free(option);
	}
	free(path);
	return text;
}

static void check_report(struct doctor *d)
{
	int status = -1;
	char *text = report_of_bad_program(&status);
	bool found = text && strstr(text, "\"kind\":\"double-free\"");

	d->failed = !found || !WIFEXITED(status) || WEXITSTATUS(status) != 99;
	if (!text)
		tell(d, "memsan", STATE_MISSING, "set TMPDIR to a folder that may be written to",
		     "it could not be tried: %s", strerror(errno));
	else if (d->failed)
		tell(d, "memsan", STATE_MISSING, "memsan run -o exitcode=99 -- PROG prints why",
		     "an error was made on purpose, and %s",
		     found ? "memsan run's exit status does not tell of the report" : "no report came");
	else if (!strstr(text, "\"function\":\"bad_program\""))
		tell(d, "memsan", STATE_LIMITED,
		     "install memsan-symbolize beside memsan, or keep the symbols of memsan",
		     "an error made on purpose was reported, without the name of its function");
	else if (!strstr(text, "doctor.c\",\"line\":"))
		tell(d, "memsan", STATE_OK, NULL,
		     "version " PACKAGE_VERSION
		     "; an error made on purpose was reported, with its function (this command was built "
		     "without debug information)");
	else
		tell(d, "memsan", STATE_OK, NULL,
		     "version " PACKAGE_VERSION
		     "; an error made on purpose was reported, with function, file and line");
	free(text);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static void check_kernel(const struct doctor *d)
{
	struct utsname u;

	if (uname(&u) != 0)
		return;
	if (os_guard_supported())
		tell(d, "kernel", STATE_OK, NULL, "%s %s (%s), guard regions", u.sysname, u.release, u.machine);
	else
		tell(d, "kernel", STATE_LIMITED, "Linux 6.13 or later",
		     "%s %s (%s) has no guard regions (MADV_GUARD_INSTALL): fence=all costs a mapping for each "
		     "object, and vm.max_map_count (%ld) limits it",
		     u.sysname, u.release, u.machine, number_in("/proc/sys/vm/max_map_count", 65530));
}

static void check_address_space(const struct doctor *d)
{
	struct rlimit as = { RLIM_INFINITY, 0 }, data = { RLIM_INFINITY, 0 };
	long overcommit = number_in("/proc/sys/vm/overcommit_memory", 0);

	getrlimit(RLIMIT_AS, &as);
	getrlimit(RLIMIT_DATA, &data);
	if (as.rlim_cur != RLIM_INFINITY)
		tell(d, "address space", STATE_LIMITED, "ulimit -v unlimited",
		     "ulimit -v allows %llu MB; memsan reserves address space, and makes do with less",
		     (unsigned long long)as.rlim_cur >> 20);
	else if (data.rlim_cur != RLIM_INFINITY)
		tell(d, "address space", STATE_LIMITED, "ulimit -d unlimited", "ulimit -d allows %llu MB of data",
		     (unsigned long long)data.rlim_cur >> 20);
	else if (overcommit == 2)
		tell(d, "address space", STATE_LIMITED, "sysctl vm.overcommit_memory=0",
		     "vm.overcommit_memory is 2: what instrumented programs reserve for shadow may be refused");
	else
		tell(d, "address space", STATE_OK, NULL, "no limit");
}

static void check_preload(const struct doctor *d)
{
	char line[400];
	const char *preload = getenv("LD_PRELOAD");

	if (number_in("/sys/fs/selinux/enforce", 0) == 1)
		tell(d, "preloading", STATE_LIMITED, "look into the audit log when a program runs without memsan",
		     "SELinux is enforcing: programs that change their domain drop LD_PRELOAD");
	else if (preload && *preload)
		tell(d, "preloading", STATE_OK, NULL, "LD_PRELOAD holds %s; memsan comes before it", preload);
	else if (tool_first_line("/etc/ld.so.preload", line, sizeof(line)) && *line)
		tell(d, "preloading", STATE_OK, NULL, "/etc/ld.so.preload names %s; memsan comes before it", line);
	else
		tell(d, "preloading", STATE_OK, NULL,
		     "programs that are not set-uid, and not static, can be seen into");
}

/* ---- looking into processes and core files --------------------------------------------------- */

static void check_processes(const struct doctor *d)
{
	long scope = number_in("/proc/sys/kernel/yama/ptrace_scope", 0);
	bool root = geteuid() == 0;

	if (scope >= 3)
		tell(d, "running processes", STATE_MISSING,
		     "memsan run -o leak=on or -o leak.scan_interval=SECONDS: the program scans itself",
		     "ptrace_scope is %ld: until the next boot, describe, slabinfo and leak can read no process",
		     scope);
	else if (scope > 0 && !root)
		tell(d, "running processes", STATE_LIMITED,
		     "sudo memsan …, or as root: sysctl kernel.yama.ptrace_scope=0",
		     "ptrace_scope is %ld: describe, slabinfo and leak need root to read a running process", scope);
	else
		tell(d, "running processes", STATE_OK, NULL, "describe, slabinfo and leak can read %s processes",
		     root ? "all" : "your");
}

static void check_cores(const struct doctor *d)
{
	char pattern[400] = "core";
	struct rlimit core = { 0, 0 };

	tool_first_line("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern));
	getrlimit(RLIMIT_CORE, &core);
	if (pattern[0] == '|' && strstr(pattern, "systemd-coredump"))
		tell(d, "core files", STATE_OK, NULL, "systemd-coredump keeps them: coredumpctl dump -o core PID");
	else if (pattern[0] == '|')
		tell(d, "core files", STATE_LIMITED, "look where that program puts them", "they go to a program: %s",
		     pattern + 1);
	else if (!*pattern)
		tell(d, "core files", STATE_MISSING, "as root: sysctl kernel.core_pattern=core",
		     "core_pattern is empty");
	else if (core.rlim_cur == 0)
		tell(d, "core files", STATE_MISSING,
		     core.rlim_max == 0 ? "as root: raise the hard limit of core files" : "ulimit -c unlimited",
		     "ulimit -c is 0, so none are written");
	else
		tell(d, "core files", STATE_OK, NULL, "written as %s", pattern);
}

/* ---- names and source lines ------------------------------------------------------------------ */

/* Appends the build id of libc in hexadecimal digits. */
static int libc_build_id(struct dl_phdr_info *info, size_t size, void *arg)
{
	char *out = arg;

	(void)size;
	if (!strstr(info->dlpi_name, "/libc.so"))
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + p->p_vaddr), *end = at + p->p_memsz;

		while (p->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const unsigned char *id = (const unsigned char *)at + sizeof(*note) +
			                          ((note->n_namesz + 3u) & ~3u);

			for (unsigned k = 0; note->n_type == NT_GNU_BUILD_ID && k < note->n_descsz && k < 20; k++)
				snprintf(out + 2 * k, 3, "%02x", id[k]);
			at = (const char *)id + ((note->n_descsz + 3u) & ~3u);
		}
	}
	return 1;
}

static void check_debug_information(const struct doctor *d)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	char id[64] = "", *path;
	bool there;

	dl_iterate_phdr(libc_build_id, id);
	path = tool_format("/usr/lib/debug/.build-id/%.2s/%s.debug", id, *id ? id + 2 : "");
	there = access(path, R_OK) == 0;
	free(path);
	if (there)
		tell(d, "debug information", STATE_OK, NULL, "libc's is installed: its frames have source lines");
	else if (urls && *urls)
		tell(d, "debug information", STATE_OK, NULL, "fetched from %s", urls);
	else
		tell(d, "debug information", STATE_LIMITED,
		     "apt-get install libc6-dbg, or set DEBUGINFOD_URLS=https://debuginfod.debian.net",
		     "libc's is not installed: its frames have names and no source lines");
}

static void check_locale(const struct doctor *d)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		tell(d, "locale", STATE_OK, NULL, "UTF-8");
	else
		tell(d, "locale", STATE_LIMITED, "LANG=C.UTF-8",
		     "%s: names that are not ASCII, which reports print in UTF-8, may look wrong",
		     nl_langinfo(CODESET));
	setlocale(LC_CTYPE, "C");
}

/* ---- other programs -------------------------------------------------------------------------- */

static void check_gdb(const struct doctor *d)
{
	if (tool_have_program("gdb"))
		tell(d, "gdb", STATE_OK, NULL, "found");
	else
		tell(d, "gdb", STATE_MISSING, "apt-get install gdb", "not found; memsan does not need it");
}

static void check_compilers(const struct doctor *d)
{
	bool gcc = tool_have_program("gcc"), clang = tool_have_program("clang");

	if (gcc || clang)
		tell(d, "memsan-cc", STATE_OK, NULL, "can use %s",
		     gcc && clang ? "gcc and clang"
		     : gcc        ? "gcc"
		                  : "clang");
	else
		tell(d, "memsan-cc", STATE_MISSING, "apt-get install gcc",
		     "there is no compiler, so no program can be instrumented");
}

static void check_perf(const struct doctor *d)
{
	struct perf_event_attr counter = { .type = PERF_TYPE_HARDWARE,
		                           .size = sizeof(counter),
		                           .config = PERF_COUNT_HW_INSTRUCTIONS,
		                           .exclude_kernel = 1 };
	int fd = (int)syscall(SYS_perf_event_open, &counter, 0, -1, -1, 0);

	if (fd >= 0) {
		tell(d, "perf", STATE_OK, NULL, "perf may count your programs' instructions");
		close(fd);
	} else if (errno == EACCES || errno == EPERM) {
		tell(d, "perf", STATE_LIMITED, "as root: sysctl kernel.perf_event_paranoid=2",
		     "only root may measure programs (perf_event_paranoid is %ld); memsan does not need it",
		     number_in("/proc/sys/kernel/perf_event_paranoid", 2));
	} else {
		tell(d, "perf", STATE_LIMITED, NULL,
		     "this machine counts no instructions (%s), as many virtual machines; memsan does not need it",
		     strerror(errno));
	}
}

static void check_qemu(const struct doctor *d)
{
	bool kvm = access("/dev/kvm", R_OK | W_OK) == 0;

	if (!tool_have_program("qemu-system-x86_64"))
		tell(d, "memsan kernel", STATE_MISSING, "apt-get install qemu-system-x86 linux-source-6.1",
		     "there is no qemu-system-x86_64");
	else
		tell(d, "memsan kernel", STATE_OK, NULL, "QEMU is there; %s",
		     kvm ? "/dev/kvm too, for --kvm" : "without /dev/kvm it emulates the processor");
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct option doctor_options[] = { { "format", required_argument, NULL, 256 }, TOOL_OPTIONS_END };

static int doctor_main(int argc, char **argv)
{
	struct arguments a = { .command = &command_doctor, .argc = argc, .argv = argv };
	struct doctor d = { 0 };
	int status = 0;

	if (argc == 2 && strcmp(argv[1], BAD_PROGRAM) == 0)
		return bad_program();
	while (!status && arguments_next(&a) != -1)
		status = arguments_format(&a, &d.json);
	if (!status)
		status = arguments_no_operands(&a);
	if (status)
		return status;
	check_report(&d);
	check_preload(&d);
	check_kernel(&d);
	check_address_space(&d);
	check_processes(&d);
	check_cores(&d);
	check_debug_information(&d);
	check_locale(&d);
	check_gdb(&d);
	check_compilers(&d);
	check_perf(&d);
	check_qemu(&d);
	return tool_finish_output(d.failed);
}

const struct tool_command command_doctor = {
	.name = "doctor",
	.summary = "what works on this machine, and what to do about the rest",
	.help = help,
	.options = doctor_options,
	.main = doctor_main,
};
