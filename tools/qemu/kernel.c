/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel.c - memsan kernel: the command line. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_SUBSYSTEMS "net, bpf, ext4, loop, namespaces, usb, 9p, memory"

static const char *const actions[] = { "list", "build", "run", "minimize", "shell", "test", "cache" };
enum { NR_ACTIONS = sizeof(actions) / sizeof(actions[0]) };

/* ---- list and build -------------------------------------------------------------------------- */

static int list_main(const struct kernel_options *o)
{
	if (o->format == KERNEL_JSON)
		puts("[");
	for (size_t i = 0; i < kernel_nr_bugs; i++) {
		const struct kernel_bug *bug = &kernel_bugs[i];
		bool demo = bug->setup == SETUP_DEMO;

		if (o->format == KERNEL_JSON) {
			printf("%s{\"name\":\"%s\",\"setup\":\"%s\",\"what\":", i ? ",\n" : "", bug->name,
			       kernel_setup_name(bug->setup));
			decode_json_string(stdout, bug->what);
		} else {
			printf("%s\n    %s%s\n", bug->name, bug->what, demo ? " (a demonstration)" : "");
		}
		for (int p = 0; p < NR_BUILT_PROFILES; p++) {
			const char *name = kernel_profile_name((enum kernel_profile)p);
			char *text = kernel_cell_text(bug, (enum kernel_profile)p);

			if (o->format == KERNEL_JSON)
				printf(",\"%s\":\"%s\"", name, text);
			else if (!demo && (o->profile_given ? o->profile[p] : p < NR_CELLS))
				printf("    %s kernel: %s\n", name, text);
			free(text);
		}
		if (o->format == KERNEL_JSON) {
			printf(",\"why\":");
			decode_json_string(stdout, bug->why);
			putchar('}');
		}
	}
	if (o->format == KERNEL_JSON)
		puts("\n]");
	return tool_finish_output(0);
}

static int build_main(const struct kernel_options *o)
{
	for (int p = 0; p < NR_PROFILES; p++) {
		struct kernel_built k;

		if (o->profile_given ? !o->profile[p] : p >= NR_DEFAULT_PROFILES)
			continue;
		if (!kernel_get(o, (enum kernel_profile)p, &k))
			return kernel_signal ? 128 + kernel_signal : EXIT_USAGE;
		printf("%s\n", k.dir);
	}
	return tool_finish_output(0);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int set_format(struct kernel_options *o, const struct arguments *a)
{
	static const char *const names[] = { "text", "json", "markdown", "sarif", "html" };
	int format = arguments_choice(a, "format", names, ARRAY_SIZE(names));

	if (format < 0)
		return EXIT_USAGE;
	o->format = (enum kernel_format)format;
	return 0;
}

static int set_profile(struct kernel_options *o, const struct arguments *a)
{
	const char *names[NR_PROFILES];
	int p;

	for (p = 0; p < NR_PROFILES; p++)
		names[p] = kernel_profile_name((enum kernel_profile)p);
	p = arguments_choice(a, "profile", names, NR_PROFILES);
	if (p < 0)
		return EXIT_USAGE;
	o->profile[p] = o->profile_given = true;
	return 0;
}

/* --kernel=6.12 */
static int set_kernel(struct kernel_options *o, const char *version)
{
	for (int p = 0; p < NR_BUILT_PROFILES; p++)
		kernel_table_release((enum kernel_profile)p, version);
	free(o->found_source);
	o->source = o->found_source = kernel_debian_source(version);
	return o->source ? 0 : EXIT_USAGE;
}

static int set_timeout(struct kernel_options *o, const char *text)
{
	uint64_t n;

	if (!tool_number(text, 1, 86400, &n))
		return tool_usage_error("kernel", "--timeout wants seconds, not '%s'", text);
	o->timeout = (unsigned)n;
	return 0;
}

/* "500M" or "3G". */
static int set_limit(struct kernel_options *o, const char *text)
{
	size_t len = strlen(text);
	char *digits = tool_format("%.*s", len ? (int)len - 1 : 0, text);
	bool giga = len && text[len - 1] == 'G', ok;
	uint64_t n = 0;

	ok = len && (giga || text[len - 1] == 'M') && tool_number(digits, 0, giga ? 1000 : 1000000, &n);
	free(digits);
	if (!ok)
		return tool_usage_error("kernel", "--limit wants a size such as 500M or 3G, not '%s'", text);
	o->limit = (unsigned)(giga ? n * 1024 : n);
	o->limit_given = true;
	return 0;
}

static int set_tries(struct kernel_options *o, const char *text)
{
	uint64_t n;

	if (!tool_number(text, 1, 1000, &n))
		return tool_usage_error("kernel", "--tries wants a number from 1 to 1000, not '%s'", text);
	o->tries = (unsigned)n;
	return 0;
}

static int set_expect(struct kernel_options *o, const char *title)
{
	if (!*title)
		return tool_usage_error("kernel", "--expect wants a title, such as 'use-after-free in FUNCTION'");
	o->expect = title;
	return 0;
}

/* A parameter of the module before it. */
static int add_param(struct kernel_options *o, const char *words)
{
	if (!o->nr_modules)
		return tool_usage_error("kernel", "--param=%s goes behind its --module", words);
	if (!*words || strchr(words, '\n'))
		return tool_usage_error("kernel", "--param wants NAME=VALUE");
	if (o->nr_params == ARRAY_SIZE(o->params))
		return tool_usage_error("kernel", "too many parameters: %zu are the most", ARRAY_SIZE(o->params));
	o->params[o->nr_params].module = o->nr_modules - 1;
	o->params[o->nr_params++].words = words;
	return 0;
}

static int add_path(const char **list, size_t *nr, size_t room, const char *path, const char *what)
{
	if (*nr == room)
		return tool_usage_error("kernel", "too many %s: %zu are the most", what, room);
	list[(*nr)++] = path;
	return 0;
}
#define ADD_PATH(list, nr, path, what) add_path(list, &(nr), sizeof(list) / sizeof((list)[0]), path, what)

static int add_subsystems(struct kernel_options *o, const char *list)
{
	const char *end;

	for (;; list = end + 1) {
		size_t len = strcspn(list, ","), i;

		end = list + len;
		for (i = 0; i < KERNEL_NR_SUBSYSTEMS; i++)
			if (strlen(kernel_subsystems[i]) == len && strncmp(kernel_subsystems[i], list, len) == 0)
				break;
		if (i == KERNEL_NR_SUBSYSTEMS)
			return tool_usage_error("kernel", "unknown subsystem '%.*s' (" KERNEL_SUBSYSTEMS ")", (int)len,
			                        list);
		o->subsystem[i] = true;
		if (!*end)
			return 0;
	}
}

/* Puts the fragments of the subsystems in front of the user's own, which may override them. */
static int take_subsystems(struct kernel_options *o)
{
	const char *own[sizeof(o->configs) / sizeof(o->configs[0])], *data;
	size_t nr_own = o->nr_configs;
	int status = 0;

	memcpy(own, o->configs, sizeof(own));
	o->nr_configs = 0;
	for (size_t i = 0; i < KERNEL_NR_SUBSYSTEMS && !status; i++) {
		if (!o->subsystem[i])
			continue;
		data = kernel_data_dir();
		if (!data)
			return EXIT_USAGE;
		o->owned[o->nr_owned] = tool_format("%s/configs/subsystem/%s.config", data, kernel_subsystems[i]);
		status = ADD_PATH(o->configs, o->nr_configs, o->owned[o->nr_owned++], "configuration fragments");
	}
	for (size_t i = 0; i < nr_own && !status; i++)
		status = ADD_PATH(o->configs, o->nr_configs, own[i], "configuration fragments");
	return status;
}

/* --share=HOST[:GUEST] */
static int set_share(struct kernel_options *o, const char *value)
{
	const char *colon = access(value, F_OK) == 0 ? NULL : strrchr(value, ':');
	char *host = tool_format("%.*s", colon ? (int)(colon - value) : (int)strlen(value), value);
	char *path = realpath(host, NULL);
	struct stat st;
	int status = 0;

	if (!path || stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		tool_say("--share: %s is no folder", host);
		status = EXIT_USAGE;
	}
	free(o->share_host);
	o->share_host = path;
	o->share_guest = colon ? colon + 1 : "host";
	o->subsystem[KERNEL_SUBSYSTEM_9P] = true;
	free(host);
	return status;
}

enum {
	OPT_PROFILE = 256,
	OPT_MODULE,
	OPT_SCRIPT,
	OPT_REPRO,
	OPT_FILE,
	OPT_EXPECT,
	OPT_TRIES,
	OPT_PARAM,
	OPT_OUTPUT,
	OPT_FAIL_EACH,
	OPT_LEAK_CHECK,
	OPT_TIMEOUT,
	OPT_FORMAT,
	OPT_ALL,
	OPT_KUNIT,
	OPT_GDB,
	OPT_PATCH,
	OPT_REVERT,
	OPT_SHARE,
	OPT_KERNEL,
	OPT_KERNEL_SOURCE,
	OPT_CONFIG,
	OPT_SUBSYSTEM,
	OPT_LIMIT,
	OPT_APPEND,
	OPT_SMP,
	OPT_MEM,
	OPT_KVM,
	OPT_KEEP
};
static const struct option known_options[] = {
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "script", required_argument, NULL, OPT_SCRIPT },
	{ "repro", required_argument, NULL, OPT_REPRO },
	{ "file", required_argument, NULL, OPT_FILE },
	{ "expect", required_argument, NULL, OPT_EXPECT },
	{ "tries", required_argument, NULL, OPT_TRIES },
	{ "param", required_argument, NULL, OPT_PARAM },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "fail-each", no_argument, NULL, OPT_FAIL_EACH },
	{ "leak-check", no_argument, NULL, OPT_LEAK_CHECK },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "kunit", no_argument, NULL, OPT_KUNIT },
	{ "gdb", no_argument, NULL, OPT_GDB },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "kernel-source", required_argument, NULL, OPT_KERNEL_SOURCE },
	{ "patch", required_argument, NULL, OPT_PATCH },
	{ "revert", required_argument, NULL, OPT_REVERT },
	{ "share", required_argument, NULL, OPT_SHARE },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "subsystem", required_argument, NULL, OPT_SUBSYSTEM },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "smp", required_argument, NULL, OPT_SMP },
	{ "mem", required_argument, NULL, OPT_MEM },
	{ "kvm", no_argument, NULL, OPT_KVM },
	{ "keep", no_argument, NULL, OPT_KEEP },
	TOOL_OPTIONS_END,
};

/* Options that only switch something on.  False: it is none of these. */
static bool take_switch(struct kernel_options *o, int option)
{
	switch (option) {
	case OPT_ALL:
		return o->all = true;
	case OPT_KUNIT:
		return o->kunit = true;
	case OPT_FAIL_EACH:
		return o->fail_each = true;
	case OPT_LEAK_CHECK:
		return o->leak_check = true;
	case OPT_GDB:
		return o->gdb = true;
	case OPT_KEEP:
		return o->keep = true;
	case OPT_KVM:
		return o->kvm = true;
	default:
		return false;
	}
}

/* Options whose value is kept as it is.  False: it is none of these. */
static bool take_text(struct kernel_options *o, const char *value, int option)
{
	switch (option) {
	case OPT_SCRIPT:
		return (o->script = value) != NULL;
	case OPT_REPRO:
		return (o->repro = value) != NULL;
	case OPT_OUTPUT:
		return (o->output = value) != NULL;
	case OPT_KERNEL_SOURCE:
		return (o->source = value) != NULL;
	case OPT_APPEND:
		return (o->append = value) != NULL;
	case OPT_SMP:
		return (o->smp = value) != NULL;
	case OPT_MEM:
		return (o->mem = value) != NULL;
	default:
		return false;
	}
}

/* EXIT_USAGE or 0. */
static int take_option(struct kernel_options *o, const struct arguments *a, int option)
{
	if (take_switch(o, option) || take_text(o, a->value, option))
		return 0;
	switch (option) {
	case OPT_FORMAT:
		return set_format(o, a);
	case OPT_PROFILE:
		return set_profile(o, a);
	case OPT_KERNEL:
		return set_kernel(o, a->value);
	case OPT_TIMEOUT:
		return set_timeout(o, a->value);
	case OPT_MODULE:
		return ADD_PATH(o->modules, o->nr_modules, a->value, "modules");
	case OPT_CONFIG:
		return ADD_PATH(o->configs, o->nr_configs, a->value, "configuration fragments");
	case OPT_PATCH:
		return ADD_PATH(o->patches, o->nr_patches, a->value, "patches");
	case OPT_REVERT:
		return ADD_PATH(o->reverts, o->nr_reverts, a->value, "patches");
	case OPT_SUBSYSTEM:
		return add_subsystems(o, a->value);
	case OPT_FILE:
		return ADD_PATH(o->files, o->nr_files, a->value, "files; give a folder");
	case OPT_SHARE:
		return set_share(o, a->value);
	case OPT_LIMIT:
		return set_limit(o, a->value);
	case OPT_TRIES:
		return set_tries(o, a->value);
	case OPT_PARAM:
		return add_param(o, a->value);
	default:
		return set_expect(o, a->value);
	}
}

/* Options of a run of the user's own. */
static int check_own(const struct kernel_options *o)
{
	bool own = o->nr_modules || o->script || o->repro;

	if (own && (o->nr_bugs || o->all))
		return tool_usage_error("kernel", "either bugs by name, or --module, --script and --repro");
	if (!own && (o->nr_files || o->share_host || o->expect || o->tries))
		return tool_usage_error("kernel",
		                        "--file, --share, --expect and --tries go with --module, --script or --repro");
	if ((o->fail_each || o->leak_check) && !o->nr_modules)
		return tool_usage_error("kernel", "%s wants a module (--module)",
		                        o->fail_each ? "--fail-each" : "--leak-check");
	if (o->fail_each && (o->expect || o->tries))
		return tool_usage_error("kernel", "--fail-each goes with neither --expect nor --tries");
	if (o->format == KERNEL_MARKDOWN || ((o->format == KERNEL_SARIF || o->format == KERNEL_HTML) && o->fail_each))
		return tool_usage_error("kernel", "--format=%s is not for this run",
		                        o->format == KERNEL_SARIF  ? "sarif"
		                        : o->format == KERNEL_HTML ? "html"
		                                                   : "markdown");
	return 0;
}

static int run_main(struct kernel_options *o)
{
	int status = check_own(o);

	if (status)
		return status;
	if (o->fail_each)
		return kernel_run_fail_each(o);
	if (o->nr_modules || o->script || o->repro)
		return kernel_run_own(o);
	if (o->all)
		for (size_t i = 0; i < kernel_nr_bugs; i++)
			o->bugs[o->nr_bugs++] = &kernel_bugs[i];
	if (!o->nr_bugs)
		return tool_usage_error("kernel", "run wants bugs by name, --all, or --module, --script or --repro");
	return kernel_run_bugs(o);
}

static int minimize_main(struct kernel_options *o)
{
	int status = check_own(o);

	if (status)
		return status;
	if (!o->repro && !o->script && !(o->nr_modules && o->nr_params))
		return tool_usage_error("kernel", "minimize wants --repro, --script, or --module with --param");
	if (o->fail_each || o->leak_check)
		return tool_usage_error("kernel", "--%s is for 'memsan kernel run'",
		                        o->fail_each ? "fail-each" : "leak-check");
	if (o->format != KERNEL_TEXT && o->format != KERNEL_JSON)
		return tool_usage_error("kernel", "the formats of minimize are text and json");
	return kernel_minimize(o);
}

static int act(const char *action, struct kernel_options *o)
{
	kernel_watch_signals();
	if (strcmp(action, "list") == 0)
		return list_main(o);
	if (strcmp(action, "build") == 0)
		return build_main(o);
	if (strcmp(action, "run") == 0)
		return run_main(o);
	if (strcmp(action, "minimize") == 0)
		return minimize_main(o);
	if (o->nr_bugs)
		return tool_usage_error("kernel", "%s takes no bugs", action);
	if (strcmp(action, "cache") == 0)
		return kernel_show_cache(o);
	if (strcmp(action, "shell") == 0)
		return kernel_run_shell(o);
	return o->kunit ? kernel_test_kunit(o) : kernel_test_matrix(o);
}

static int unknown_action(const char *action)
{
	int nearest = action ? tool_nearest(action, actions, NR_ACTIONS) : -1;

	if (nearest >= 0)
		return tool_usage_error("kernel", "there is no 'memsan kernel %s'; did you mean '%s'?", action,
		                        actions[nearest]);
	return tool_usage_error("kernel", "say what to do: list, build, run, minimize, shell, test or cache");
}

static int kernel_main(int argc, char **argv)
{
	struct arguments a = { .command = &command_kernel, .argc = argc, .argv = argv };
	struct kernel_options o = { 0 };
	const char *action;
	bool known = false;
	int option, status = 0;

	while (!status && (option = arguments_next(&a)) != -1)
		status = take_option(&o, &a, option);
	action = !status && a.nr ? a.operands[0] : NULL;
	for (size_t i = 0; action && i < NR_ACTIONS; i++)
		known |= strcmp(action, actions[i]) == 0;
	if (!status && !known)
		status = unknown_action(action);
	o.bugs = tool_alloc((kernel_nr_bugs + a.nr) * sizeof(*o.bugs));
	for (size_t i = 1; i < a.nr && !status; i++) {
		const struct kernel_bug *bug = kernel_find_bug(a.operands[i]);

		if (!bug)
			status = EXIT_USAGE;
		o.bugs[o.nr_bugs++] = bug;
	}
	if (!status)
		status = take_subsystems(&o);
	if (!status && o.output && strcmp(action, "minimize") != 0)
		status = tool_usage_error("kernel", "--output is for 'memsan kernel minimize'");
	if (!status && o.gdb && strcmp(action, "shell") != 0)
		status = tool_usage_error("kernel", "--gdb is for 'memsan kernel shell'");
	if (!status)
		status = act(action, &o);
	free(o.bugs);
	free(o.share_host);
	free(o.found_source);
	for (size_t i = 0; i < o.nr_owned; i++)
		free(o.owned[i]);
	return status;
}

const struct tool_command command_kernel = {
	.name = "kernel",
	.summary = "run the kernel's own detectors in QEMU, on known bugs or on your module",
	.help = "Usage: memsan kernel list\n"
		"       memsan kernel build [--profile=PROFILE]…\n"
		"       memsan kernel run BUG… | --all\n"
		"       memsan kernel run --repro=FILE [--expect=TITLE] [--module=MODULE]…\n"
		"       memsan kernel run --module=MODULE… [--script=SCRIPT] [--fail-each]\n"
		"       memsan kernel minimize --repro=FILE [--expect=TITLE] [--output=FILE]\n"
		"       memsan kernel shell [--module=MODULE]… [--gdb]\n"
		"       memsan kernel test [--kunit]\n"
		"       memsan kernel cache [--limit=SIZE]\n"
		"\n"
		"Boots a small Linux in QEMU, makes known memory bugs happen there or runs your own module,\n"
		"script and reproducer, and shows what KASAN, KFENCE, SLUB's checks and kmemleak report.\n"
		"Kernels are built once from Debian's linux-source: some minutes and 1 GB each.\n"
		"\n"
		"  --profile=NAME       kernel to use: kasan, light (no KASAN), ubsan, kmsan (built by\n"
		"                       clang), arm64 (KASAN by tags), hw_tags (arm64's memory tags), debian\n"
		"                       (as it is, no build); may be repeated\n"
		"  --kernel=VERSION     build Debian's linux-source-VERSION, such as 6.12 (6.1)\n"
		"  --module=MODULE      a .ko file, or the folder of its source; may be repeated\n"
		"  --script=SCRIPT      shell script to run in the guest after the modules are loaded\n"
		"  --repro=FILE         C source, program or script that makes a bug happen\n"
		"  --file=HOST[:GUEST]  file or folder to bring into the guest; may be repeated\n"
		"  --share=HOST[:GUEST] folder of this machine in the guest, by default at /host; what the\n"
		"                       guest writes there stays\n"
		"  --expect=TITLE       report that counts as reproduced, such as\n"
		"                       'KASAN: use-after-free in FUNCTION'; the guest ends when it comes\n"
		"  --tries=N            run N guests, and print how many reproduced; with minimize, for each\n"
		"                       candidate\n"
		"  --param=NAME=VALUE   parameter of the --module before it; may be repeated\n"
		"  --output=FILE        where minimize writes (default: NAME-min.c, in this folder)\n"
		"  --fail-each          let each allocation of the module fail, one in each run\n"
		"  --leak-check         scan for leaks also before the modules are loaded, and count\n"
		"  --timeout=SECONDS    time limit of the guest (300 for --module and --script), of the\n"
		"                       reproducer (60), or of each step of --fail-each (60)\n"
		"  --format=FORMAT      text, json; for test also markdown; for run also html (one page);\n"
		"                       for --module and --repro also sarif\n"
		"  --all                run all bugs\n"
		"  --kunit              run the kernel's own kasan_test, kfence_test and slub_kunit\n"
		"  --gdb                stop the guest at its start, and print the command for gdb\n"
		"  --kernel-source=DIR  source of another kernel, 5.15 or newer: a folder or a tarball\n"
		"  --patch=FILE         apply a patch to a copy of that source; may be repeated\n"
		"  --revert=FILE        take a patch out of it, such as the fix of the bug\n"
		"  --config=FRAGMENT    file with more kernel options; may be repeated\n"
		"  --subsystem=LIST     more parts of the kernel: net, bpf, ext4, loop, namespaces, usb, 9p,\n"
		"                       memory\n"
		"  --limit=SIZE         of the cache: remove what was not used for longest\n"
		"  --append=WORDS       more words for the kernel's command line\n"
		"  --smp=N              CPUs of the guest (1)\n"
		"  --mem=SIZE           memory of the guest (1G)\n"
		"  --kvm                use the processor's own virtualization if it works\n"
		"  --keep               keep the console logs and the guest's files, and say where\n"
		"  -h, --help           show this help\n"
		"\n"
		"Exit status of run: 0 as expected (--module, --repro: no report, and script and\n"
		"reproducer succeeded; --fail-each: no harm); 1 not as expected (a report, harm); 2 could\n"
		"not be run; 124 the guest hung or took too long. With --expect: 0 reproduced, 1 another\n"
		"bug, 3 nothing. Of minimize: 0 as small as it can be; 1 and 3 likewise of the whole.\n"
		"Manual pages: memsan-kernel(1), memsan-kernel-tutorial(7), memsan-kernel-bugs(7)\n",
	.options = known_options,
	.main = kernel_main,
};
