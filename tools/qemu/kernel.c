/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel.c - memsan kernel: the command line. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <stdlib.h>
#include <string.h>

static const char *const actions[] = { "list", "build", "run", "shell", "test" };
enum { NR_ACTIONS = sizeof(actions) / sizeof(actions[0]) };

/* ---- list and build -------------------------------------------------------------------------- */

static int list_main(const struct kernel_options *o)
{
	if (o->format == KERNEL_JSON)
		puts("[");
	for (size_t i = 0; i < kernel_nr_bugs; i++) {
		const struct kernel_bug *bug = &kernel_bugs[i];
		char *kasan = kernel_cell_text(bug, PROFILE_KASAN), *light = kernel_cell_text(bug, PROFILE_LIGHT);
		char *arm64 = kernel_cell_text(bug, PROFILE_ARM64);

		if (o->format == KERNEL_JSON) {
			printf("%s{\"name\":\"%s\",\"setup\":\"%s\",\"what\":", i ? ",\n" : "", bug->name,
			       kernel_setup_name(bug->setup));
			decode_json_string(stdout, bug->what);
			printf(",\"kasan\":\"%s\",\"light\":\"%s\",\"arm64\":\"%s\",\"why\":", kasan, light, arm64);
			decode_json_string(stdout, bug->why);
			putchar('}');
		} else if (bug->setup == SETUP_DEMO) {
			printf("%s\n    %s (a demonstration)\n", bug->name, bug->what);
		} else {
			printf("%s\n    %s\n    kasan kernel: %s\n    light kernel: %s\n    arm64 kernel: %s\n",
			       bug->name, bug->what, kasan, light, arm64);
		}
		free(kasan);
		free(light);
		free(arm64);
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

static int set_format(struct kernel_options *o, const char *name)
{
	static const char *const names[] = { "text", "json", "markdown", "sarif" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0) {
			o->format = (enum kernel_format)i;
			return 0;
		}
	return tool_usage_error("kernel", "unknown format '%s' (text, json, markdown, sarif)", name);
}

static int set_profile(struct kernel_options *o, const char *name)
{
	for (int p = 0; p < NR_PROFILES; p++)
		if (strcmp(name, kernel_profile_name((enum kernel_profile)p)) == 0) {
			o->profile[p] = o->profile_given = true;
			return 0;
		}
	return tool_usage_error("kernel", "unknown profile '%s' (kasan, light, arm64, debian)", name);
}

static int set_timeout(struct kernel_options *o, const char *text)
{
	uint64_t n;

	if (!tool_number(text, 1, 86400, &n))
		return tool_usage_error("kernel", "--timeout wants seconds, not '%s'", text);
	o->timeout = (unsigned)n;
	return 0;
}

static int add_module(struct kernel_options *o, const char *path)
{
	if (o->nr_modules == sizeof(o->modules) / sizeof(o->modules[0]))
		return tool_usage_error("kernel", "too many modules");
	o->modules[o->nr_modules++] = path;
	return 0;
}

static int add_config(struct kernel_options *o, const char *path)
{
	if (o->nr_configs == sizeof(o->configs) / sizeof(o->configs[0]))
		return tool_usage_error("kernel", "too many configuration fragments");
	o->configs[o->nr_configs++] = path;
	return 0;
}

/* Takes the option at argv[*i], which begins with '-'. */
static int take_option(struct kernel_options *o, char **argv, int argc, int *i)
{
	const char *value;

	if ((value = tool_option_value("--format", argv, argc, i)))
		return set_format(o, value);
	if ((value = tool_option_value("--profile", argv, argc, i)))
		return set_profile(o, value);
	if ((value = tool_option_value("--timeout", argv, argc, i)))
		return set_timeout(o, value);
	if ((value = tool_option_value("--module", argv, argc, i)))
		return add_module(o, value);
	if ((value = tool_option_value("--config", argv, argc, i)))
		return add_config(o, value);
	if ((value = tool_option_value("--script", argv, argc, i)))
		o->script = value;
	else if ((value = tool_option_value("--kernel-source", argv, argc, i)))
		o->source = value;
	else if ((value = tool_option_value("--append", argv, argc, i)))
		o->append = value;
	else if ((value = tool_option_value("--smp", argv, argc, i)))
		o->smp = value;
	else if ((value = tool_option_value("--mem", argv, argc, i)))
		o->mem = value;
	else if (!strcmp(argv[*i], "--all"))
		o->all = true;
	else if (!strcmp(argv[*i], "--kunit"))
		o->kunit = true;
	else if (!strcmp(argv[*i], "--keep"))
		o->keep = true;
	else if (!strcmp(argv[*i], "--kvm"))
		o->kvm = true;
	else
		return tool_usage_error("kernel", "unknown option '%s'", argv[*i]);
	return 0;
}

static int run_main(struct kernel_options *o)
{
	if (o->nr_modules || o->script) {
		if (o->nr_bugs || o->all)
			return tool_usage_error("kernel", "either bugs by name, or --module and --script");
		return kernel_run_module(o);
	}
	if (o->all)
		for (size_t i = 0; i < kernel_nr_bugs; i++)
			o->bugs[o->nr_bugs++] = &kernel_bugs[i];
	if (!o->nr_bugs)
		return tool_usage_error("kernel", "run wants bugs by name, --all, or --module and --script");
	return kernel_run_bugs(o);
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
	if (o->nr_bugs)
		return tool_usage_error("kernel", "%s takes no bugs", action);
	if (strcmp(action, "shell") == 0)
		return kernel_run_shell(o);
	return o->kunit ? kernel_test_kunit(o) : kernel_test_matrix(o);
}

static int kernel_main(int argc, char **argv)
{
	struct kernel_options o = { 0 };
	const char *action = argc > 1 ? argv[1] : NULL;
	int status = 0;
	bool known = false;

	for (size_t i = 0; action && i < NR_ACTIONS; i++)
		known |= strcmp(action, actions[i]) == 0;
	if (!known) {
		int nearest = action ? tool_nearest(action, actions, NR_ACTIONS) : -1;

		if (nearest >= 0)
			return tool_usage_error("kernel", "there is no 'memsan kernel %s'; did you mean '%s'?", action,
			                        actions[nearest]);
		return tool_usage_error("kernel", "say what to do: list, build, run, shell or test");
	}
	o.bugs = tool_alloc((kernel_nr_bugs + (size_t)argc) * sizeof(*o.bugs));
	for (int i = 2; i < argc && !status; i++) {
		if (argv[i][0] == '-') {
			status = take_option(&o, argv, argc, &i);
		} else {
			const struct kernel_bug *bug = kernel_find_bug(argv[i]);

			if (!bug)
				status = EXIT_USAGE;
			o.bugs[o.nr_bugs++] = bug;
		}
	}
	if (!status)
		status = act(action, &o);
	free(o.bugs);
	return status;
}

const struct tool_command command_kernel = {
	.name = "kernel",
	.summary = "run the kernel's own detectors in QEMU, on known bugs or on your module",
	.help = "Usage: memsan kernel list\n"
		"       memsan kernel build [--profile=PROFILE]…\n"
		"       memsan kernel run BUG… | --all\n"
		"       memsan kernel run --module=MODULE… [--script=SCRIPT]\n"
		"       memsan kernel shell\n"
		"       memsan kernel test [--kunit]\n"
		"\n"
		"Boots a small Linux in QEMU, makes known memory bugs happen there or runs your own module\n"
		"and script, and shows what KASAN, KFENCE, SLUB's checks and kmemleak report. Kernels are\n"
		"built once from Debian's linux-source: some minutes each, 3 GB altogether.\n"
		"\n"
		"  --profile=NAME       kernel to use: kasan, light (no KASAN), arm64 (KASAN by tags),\n"
		"                       debian (as it is, no build); may be repeated\n"
		"  --module=MODULE      a .ko file, or the folder of its source; may be repeated\n"
		"  --script=SCRIPT      shell script to run in the guest after the modules are loaded\n"
		"  --timeout=SECONDS    time limit of the guest (300 for --module and --script)\n"
		"  --format=FORMAT      text, json; for test also markdown; for --module also sarif\n"
		"  --kunit              run the kernel's own kasan_test, kfence_test and slub_kunit\n"
		"  --kernel-source=DIR  source of another kernel: a folder or a tarball\n"
		"  --config=FRAGMENT    file with more kernel options; may be repeated\n"
		"  --append=WORDS       more words for the kernel's command line\n"
		"  --smp=N, --mem=SIZE  CPUs (1) and memory (1G) of the guest\n"
		"  --kvm                use the processor's own virtualization if it works\n"
		"  --keep               keep the console logs and the guest's files, and say where\n"
		"  -h, --help           show this help\n"
		"\n"
		"Exit status of run: 0 as expected (--module: no report, and the script succeeded);\n"
		"1 not as expected (--module: a report); 2 could not be run; 124 the guest hung or took\n"
		"too long.\n"
		"Manual pages: memsan-kernel(1), memsan-kernel-tutorial(7), memsan-kernel-bugs(7)\n",
	.main = kernel_main,
};
