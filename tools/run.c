/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/run.c - memsan run: turns its command line into LD_PRELOAD and MEMSAN_OPTIONS, and starts the program.
 * A mistake in an option costs one line, and the program runs without that option.  Only valid options are passed on,
 * since every descendant would report the mistake again.  The program is not started when the command line cannot be
 * understood or the report file cannot be made. */
#include "config.h"

#include "lib/lib.h"
#include "reports/reports.h"
#include "slab/slab.h"
#include "tools/tools.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY_NAME "libmemsan.so"
#define EARLY_NAME "libmemsan-early.so"

/* The command line, parsed. */
struct run_plan {
	char **program;
	const char *report;        /* --report, or NULL */
	int report_fd;             /* if that is a FIFO with a reader, else -1 */
	struct memsan_options set; /* the environment's options, then the command line's */
	char *text;                /* `set` as MEMSAN_OPTIONS will have it: "" or "a=b:c=d" */
	bool list_options;
	bool fail_each;
	bool pinpoint;
};

static void complain(void *ctx, const char *line)
{
	(void)ctx;
	tool_say("%s", line);
}

/* ---- options --------------------------------------------------------------------------------- */

static void plan_append(struct run_plan *plan, const char *item, size_t len)
{
	char *joined = tool_format("%s%s%.*s", plan->text, *plan->text ? ":" : "", (int)len, item);

	free(plan->text);
	plan->text = joined;
}

/* slab_debug alone has a grammar of its own.  A mistake in it is reported, and the option is not set. */
static bool plan_slab_debug_good(struct run_plan *plan)
{
	const char *bad = slab_debug_check(plan->set.slab_debug);

	if (!bad)
		return true;
	tool_say("bad value in slab_debug=%s: '%s' is not a list of the letters FZPUT (or -) and perhaps ',' and names "
	         "of caches",
	         plan->set.slab_debug, bad);
	plan->set.slab_debug[0] = '\0';
	return false;
}

/* Reads the environment's options one by one, so that a mistake spoils only the option that it is in. */
static void plan_take_environment(struct run_plan *plan)
{
	const char *text = getenv("MEMSAN_OPTIONS");

	while (text && *text) {
		size_t len = options_item_length(text);
		char *item = tool_format("%.*s", (int)len, text);

		if (len && options_parse(&plan->set, item, complain, NULL) == 0 && plan_slab_debug_good(plan))
			plan_append(plan, item, len);
		free(item);
		text += len;
		text += *text == ':';
	}
}

/* Sets an option of the command line.  Adds quotes where the value needs them: the shell has removed the user's. */
static void plan_set(struct run_plan *plan, const char *name, size_t name_len, const char *value)
{
	char quote = strchr(value, '\'') ? '"' : '\'';
	bool needs_quotes = strchr(value, ':') || value[0] == '\'' || value[0] == '"';
	char *item;

	if (needs_quotes && strchr(value, quote)) {
		tool_say("the value of '%.*s' holds a colon and both kinds of quotes, which MEMSAN_OPTIONS cannot "
		         "express; "
		         "left out",
		         (int)name_len, name);
		return;
	}
	if (!options_set_one(&plan->set, name, name_len, value, strlen(value), complain, NULL) ||
	    !plan_slab_debug_good(plan))
		return;
	if (needs_quotes)
		item = tool_format("%.*s=%c%s%c", (int)name_len, name, quote, value, quote);
	else
		item = tool_format("%.*s=%s", (int)name_len, name, value);
	plan_append(plan, item, strlen(item));
	free(item);
}

static bool option_begins(const char *text)
{
	size_t len = strcspn(text, "=:");

	for (size_t i = 0; text[len] == '=' && i < option_table_size; i++)
		if (strlen(option_table[i].name) == len && memcmp(option_table[i].name, text, len) == 0)
			return true;
	return false;
}

/* Sets name=value, or several of them as in MEMSAN_OPTIONS.  A colon belongs to the value unless the name of an
 * option follows. */
static void plan_set_pair(struct run_plan *plan, const char *pair)
{
	const char *equals = strchr(pair, '='), *end = equals;
	char *value;

	if (!equals) {
		tool_say("option '%s' has no value: write -o %s=VALUE", pair, pair);
		return;
	}
	do
		end = strchrnul(end + 1, ':');
	while (*end && !option_begins(end + 1));
	value = tool_format("%.*s", (int)(end - equals - 1), equals + 1);
	plan_set(plan, pair, (size_t)(equals - pair), value);
	free(value);
	if (*end)
		plan_set_pair(plan, end + 1);
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { OPT_MODE = 256, OPT_REPORT, OPT_FORMAT, OPT_HELP_OPTIONS, OPT_FAIL_EACH, OPT_WATCH, OPT_PINPOINT };
static const struct option run_options[] = {
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "option", required_argument, NULL, 'o' },
	{ "report", required_argument, NULL, OPT_REPORT },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "fail-each", no_argument, NULL, OPT_FAIL_EACH },
	{ "watch", optional_argument, NULL, OPT_WATCH },
	{ "pinpoint", no_argument, NULL, OPT_PINPOINT },
	{ "help-options", no_argument, NULL, OPT_HELP_OPTIONS },
	TOOL_OPTIONS_END,
};

static void plan_read_arguments(struct run_plan *plan, int argc, char **argv)
{
	struct arguments a = { .command = &command_run, .argc = argc, .argv = argv };
	int option;

	while ((option = arguments_next(&a)) != -1)
		switch (option) {
		case OPT_MODE:
			plan_set(plan, "mode", strlen("mode"), a.value);
			break;
		case OPT_FORMAT:
			plan_set(plan, "format", strlen("format"), a.value);
			break;
		case OPT_REPORT:
			plan->report = a.value;
			break;
		case OPT_WATCH:
			plan_set(plan, "watch", strlen("watch"), a.value ? a.value : "on");
			break;
		case OPT_HELP_OPTIONS:
			plan->list_options = true;
			break;
		case OPT_FAIL_EACH:
			plan->fail_each = true;
			break;
		case OPT_PINPOINT:
			plan->pinpoint = true;
			break;
		default:
			plan_set_pair(plan, a.value);
			break;
		}
	plan->program = a.operands;
}

/* A FIFO without a reader is no mistake: its reader may come later. */
static bool is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Makes the file here, once, because the program and its children may have other working directories. */
static bool plan_make_report_file(struct run_plan *plan)
{
	char *cwd = plan->report[0] == '/' ? NULL : getcwd(NULL, 0);
	char *path, *real;
	int fd;

	if (strcmp(plan->report, "/dev/stderr") == 0)
		return true; /* reports go there anyway */
	if (!*plan->report) {
		tool_say("--report needs the name of a file");
		return false;
	}
	path = cwd ? tool_format("%s/%s", cwd, plan->report) : tool_format("%s", plan->report);
	free(cwd);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	if (fd < 0 && !(errno == ENXIO && is_fifo(path))) {
		tool_say("cannot create the report file %s: %s", plan->report, strerror(errno));
		free(path);
		return false;
	}
	real = realpath(path, NULL); /* the runtime does not follow symbolic links */
	if (!real && fd >= 0) {
		tool_say("cannot report to %s: the file has no name that the program could open", plan->report);
		close(fd);
		free(path);
		return false;
	}
	if (fd >= 0 && is_fifo(path))
		plan->report_fd = fd;
	else if (fd >= 0)
		close(fd);
	plan_set(plan, "report_file", strlen("report_file"), real ? real : path);
	free(real);
	free(path);
	return true;
}

/* ---- the library ----------------------------------------------------------------------------- */

static char *find_file(const char *built, const char *installed, const char *name)
{
	return installed_file(MEMSAN_BINDIR, built, installed, name);
}

/* A static program has no helper beside its library, so it is told where the helper is. */
static void plan_set_symbolizer(struct run_plan *plan)
{
	char *helper = plan->set.symbolizer[0] ? NULL : find_file(".", MEMSAN_LIBEXECDIR, "memsan-symbolize");

	if (helper)
		plan_set(plan, "symbolizer", strlen("symbolizer"), helper);
	free(helper);
}

/* Puts the library in front of LD_PRELOAD, unless it is in there already. */
static void preload_library(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	const char *found = old ? strstr(old, library) : NULL;
	size_t len = strlen(library);
	char *joined;

	if (!old || !*old) {
		setenv("LD_PRELOAD", library, 1);
		return;
	}
	if (found && (found == old || strchr(" :", found[-1])) && (!found[len] || strchr(" :", found[len])))
		return;
	joined = tool_format("%s:%s", library, old);
	setenv("LD_PRELOAD", joined, 1);
	free(joined);
}

/* A static program cannot be told which of the programs that it starts may have the library. musl's loader ends a
 * program for which the library lacks functions, and passes over a file that is missing. Only glibc's loader puts a
 * folder's name in place of "$LIB", so it alone finds a path that begins with LOADER_GLIBC_ONLY. */
static char *path_for_glibc(const char *library)
{
	void *same = dlopen("/$LIB/libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	char *path = tool_format("%s%s", same ? LOADER_GLIBC_ONLY : "", library);

	if (same)
		dlclose(same);
	return path;
}

/* The library that ld.so loads before it relocates anything lies beside libmemsan.  It is used only for programs with
 * libraries that may be instrumented. */
static void audit_early(const char *library, const struct target *target)
{
	char *early, *joined;
	const char *old = getenv("LD_AUDIT");

	if (!target->own_libraries)
		return;
	early = tool_format("%.*s/" EARLY_NAME, (int)(strrchr(library, '/') - library), library);
	joined = old && *old ? tool_format("%s:%s", early, old) : tool_format("%s", early);
	if (access(early, R_OK) == 0 && !(old && strstr(old, early)))
		setenv("LD_AUDIT", joined, 1);
	free(joined);
	free(early);
}

/* Puts library and options into the environment that the program inherits.  False: the library is missing. */
static bool plan_prepare_environment(struct run_plan *plan, const struct target *target, const char *library)
{
	if (!library) {
		tool_say("cannot find " LIBRARY_NAME " (looked beside the command and in %s)", MEMSAN_LIBDIR);
		return false;
	}
	if (strpbrk(library, " :$")) {
		tool_say("the library's path, '%s', holds a space, colon or dollar sign, which LD_PRELOAD cannot carry",
		         library);
		return false;
	}
	if (target->kind == TARGET_BLIND) {
		char *path = path_for_glibc(library);

		preload_library(path);
		free(path);
	} else {
		preload_library(library);
	}
	audit_early(library, target);
	setenv("MEMSAN_OPTIONS", plan->text, 1);
	return true;
}

/* ---- all together ---------------------------------------------------------------------------- */

/* Why memsan does not check the program, if that is known beforehand. */
static void tell_verdict(const struct target *target)
{
	if (target->kind == TARGET_SANITIZED)
		tool_say("%s: %s, so memsan is not loaded into it", target->file, target->reason);
	else if (target->kind == TARGET_BLIND)
		tool_say("%s: %s, so memsan cannot check it", target->file, target->reason);
	else if (target->kind == TARGET_FOREIGN)
		tool_say("%s: %s, so memsan cannot check it, nor what it starts", target->file, target->reason);
}

static const char *environment_get(const char *name)
{
	return getenv(name);
}

/* Whoever has said what he thinks of leaks needs no advice on them. */
static bool plan_has_leak(const struct run_plan *plan)
{
	for (const char *p = plan->text; *p; p += strcspn(p, ":"), p += *p == ':')
		if (strncmp(p, "leak=", 5) == 0)
			return true;
	return false;
}

/* A line more is no harm on a terminal. */
static void plan_advise(struct run_plan *plan, const struct target *target, struct supervisor *supervisor)
{
	const char *hint = interpreter_hint(target->file, true, plan->set.leak, environment_get);

	if (hint && target->kind == TARGET_PRELOADABLE && isatty(STDERR_FILENO))
		tool_say("%s", hint);
	if (plan->set.mode != MODE_CHECK || plan_has_leak(plan))
		return;
	supervisor_allow_advice(supervisor);
	if (*supervisor->advice_path)
		plan_set(plan, "advice", strlen("advice"), supervisor->advice_path);
}

static void plan_set_filters(struct run_plan *plan)
{
	unsigned filters = filters_that_refuse();
	char number[16];

	if (!filters)
		return;
	snprintf(number, sizeof(number), "%u", filters);
	plan_set(plan, "filters.refuse", strlen("filters.refuse"), number);
}

static int plan_execute(struct run_plan *plan)
{
	char *library = find_file(".libs", MEMSAN_LIBDIR, LIBRARY_NAME);
	struct supervisor supervisor;
	struct pinpoint pin = { .argv = plan->program, .set = &plan->set };
	struct target target;
	bool ready = true;

	target_inspect(plan->program, library ? library : "", &target);
	tell_verdict(&target);
	if (plan->fail_each && target.kind != TARGET_PRELOADABLE) {
		free(library);
		return EXIT_CANNOT_RUN;
	}
	if (!plan->fail_each) {
		if (target.holds_memsan)
			plan_set_symbolizer(plan);
		supervisor_init(&supervisor);
		supervisor.report_fd = plan->report_fd;
		if (*supervisor.notify_path)
			plan_set(plan, "notify", strlen("notify"), supervisor.notify_path);
	}
	if (plan->pinpoint) {
		pinpoint_init(&pin, &supervisor);
		if (*pin.notes_path)
			plan_set(plan, "pinpoint", strlen("pinpoint"), pin.notes_path);
	}
	if (!plan->fail_each)
		plan_advise(plan, &target, &supervisor);
	plan_set_filters(plan);
	if (target.kind == TARGET_PRELOADABLE || target.kind == TARGET_BLIND)
		ready = plan_prepare_environment(plan, &target, library);
	free(library);
	if (!ready)
		return EXIT_USAGE;
	if (plan->fail_each)
		return fail_each_run(plan->program, plan->text, (unsigned)plan->set.exitcode);
	pin.environment = plan->text;
	return plan->pinpoint ? pinpoint_run(&pin) : supervisor_run(&supervisor, plan->program);
}

static int run_main(int argc, char **argv)
{
	static struct run_plan plan; /* static, because the options take some kilobytes */
	int status = 0;

	options_set_defaults(&plan.set);
	plan.report_fd = -1;
	plan.text = tool_format("%s", "");
	plan_take_environment(&plan);
	plan_read_arguments(&plan, argc, argv);
	if (plan.list_options) {
		options_print_text(stdout, false);
		status = tool_finish_output(0);
	} else if (!plan.program[0]) {
		status = tool_usage_error("run", "PROG is missing. Usage: memsan run [OPTIONS] [--] PROG [ARGS…]");
	} else if (plan.fail_each && plan.pinpoint) {
		status = tool_usage_error("run", "--fail-each and --pinpoint cannot be used together");
	} else if (plan.report && !plan_make_report_file(&plan)) {
		status = EXIT_USAGE;
	} else {
		status = plan_execute(&plan);
	}
	free(plan.text);
	return status;
}

const struct tool_command command_run = {
	.name = "run",
	.summary = "run a program and report its memory errors",
	.help = "Usage: memsan run [OPTIONS] [--] PROG [ARGS…]\n"
		"\n"
		"Runs PROG, and every program that it starts, with memsan's malloc. Reports memory errors\n"
		"on standard error as it finds them; the program continues.\n"
		"\n"
		"  --mode=check|production  check (the default): red zones, poison, quarantine and an\n"
		"                           allocation stack for every object\n"
		"                           production: canaries, double and invalid frees, at full speed\n"
		"  -o, --option NAME=VALUE  set an option (see memsan options); may be repeated\n"
		"  --report=FILE            write the reports to FILE instead of standard error\n"
		"  --format=text|json       text, or one JSON object a line\n"
		"  --watch[=LIST]           check every load and store of PROG and its own libraries,\n"
		"                           without a recompile. LIST: all, names of modules (main,\n"
		"                           libfoo.so), !NAME, explain\n"
		"  --pinpoint               if a report says only that damage was found afterwards, run PROG\n"
		"                           again, watched or with guard pages, and report the write itself\n"
		"  --fail-each              run PROG again and again; the first time its 1st allocation\n"
		"                           fails, then its 2nd, and so on; list the allocations whose\n"
		"                           failure makes PROG crash, hang, leak or corrupt memory\n"
		"  --help-options           list every option\n"
		"  -h, --help               show this help\n"
		"\n"
		"Exit status: PROG's own; 99 (option exitcode) if something was reported;\n"
		"2 usage; 126 PROG cannot be run; 127 PROG not found.\n"
		"\n"
		"Examples:\n"
		"  memsan run ./prog input.txt\n"
		"  memsan run -o leak=on ./prog\n"
		"  memsan run --report=bugs.txt -o fault=panic -- ./prog -x\n"
		"\n"
		"Manual pages: memsan-run(1), memsan-options(7), memsan-reports(7)\n",
	.options = run_options,
	.runs_program = true,
	.main = run_main,
};
