/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_run.c - memsan kernel run and shell: bugs of the module with their reports; a shell. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- bugs ------------------------------------------------------------------------------------ */

/* Prints the module's own lines between the beginning and the end of a bug; reports are left out. */
static void print_notes(const struct kernel_session *s, const struct kernel_result *r)
{
	char *mark = tool_format("memsan: bug %s", r->bug->name);
	size_t len = strlen(mark);

	for (size_t b = 0; b < s->nr_boots; b++) {
		bool inside = false;

		for (const char *line = s->logs[b]; *line;) {
			const char *text = kernel_log_text(line), *end = strchrnul(line, '\n');
			bool own = !strncmp(text, "memsan_bugs: ", 13) && strncmp(text + 13, "begin ", 6) &&
			           strncmp(text + 13, "end ", 4);

			if (strncmp(text, mark, len) == 0)
				inside = text[len] == '\n';
			else if (inside && (own || !strncmp(text, "memsan: slabinfo ", 17)))
				printf("%.*s\n", (int)(end - text), text);
			line = *end ? end + 1 : end;
		}
	}
	free(mark);
}

static void print_result(const struct kernel_session *s, const struct kernel_result *r)
{
	static const struct decode_text_options plain;
	const struct kernel_cell *cell = kernel_cell_of(r->bug, r->profile);
	char *expected = kernel_cell_text(r->bug, r->profile);
	size_t kept = r->nr_findings < 16 ? r->nr_findings : 16;

	printf("---- %s, %s kernel: %s\n\n", r->bug->name, kernel_profile_name(r->profile), r->bug->what);
	print_notes(s, r);
	for (size_t i = 0; i < kept; i++) {
		decode_text_write(stdout, r->findings[i]->record, &plain);
		putchar('\n');
	}
	printf("expected: %s\n", expected);
	if (r->difference)
		printf("but:      %s\n", r->difference);
	else if (cell->expect != EXPECT_SKIP)
		printf("          and that is what came%s\n", r->panicked ? "; then the kernel panicked"
		                                              : r->died   ? "; it killed its task"
		                                                          : "");
	printf("why:      %s\n", r->bug->why);
	if (*cell->why)
		printf("%-9s %s\n", kernel_profile_name(r->profile), cell->why);
	putchar('\n');
	free(expected);
}

static void print_result_json(const struct kernel_result *r)
{
	const struct kernel_cell *cell = kernel_cell_of(r->bug, r->profile);
	size_t kept = r->nr_findings < 16 ? r->nr_findings : 16;

	printf("{\"schema\":\"memsan-kernel-run/1\",\"bug\":\"%s\",\"profile\":\"%s\",\"what\":", r->bug->name,
	       kernel_profile_name(r->profile));
	decode_json_string(stdout, r->bug->what);
	printf(",\"expected\":");
	if (cell->expect == EXPECT_REPORT)
		printf("{\"detector\":\"%s\",\"kind\":\"%s\"}", cell->detector, cell->kind);
	else
		printf("null");
	printf(",\"as_expected\":%s,\"difference\":", r->as_expected ? "true" : "false");
	decode_json_string(stdout, r->difference);
	printf(",\"killed_task\":%s,\"panicked\":%s,\"why\":", r->died ? "true" : "false",
	       r->panicked ? "true" : "false");
	decode_json_string(stdout, r->bug->why);
	printf(",\"why_here\":");
	decode_json_string(stdout, *cell->why ? cell->why : NULL);
	printf(",\"reports\":[");
	for (size_t i = 0; i < kept; i++) {
		char *line = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&line, &size);

		if (!out)
			break;
		decode_json_write(out, r->findings[i]->record);
		fclose(out);
		printf("%s%.*s", i ? "," : "", (int)strcspn(line, "\n"), line);
		free(line);
	}
	printf("]}\n");
}

/* The profile that shows a bug best when none is given.  A bug that other detectors find needs no KASAN kernel. */
static enum kernel_profile best_profile(const struct kernel_bug *bug)
{
	if (bug->setup == SETUP_FENCE || bug->setup == SETUP_LEAK || bug->setup == SETUP_DEMO)
		return PROFILE_LIGHT;
	return bug->cell[PROFILE_KASAN].expect == EXPECT_REPORT || bug->cell[PROFILE_LIGHT].expect != EXPECT_REPORT
	               ? PROFILE_KASAN
	               : PROFILE_LIGHT;
}

/* The sessions to run, each with its own list of bugs. */
struct wanted {
	struct kernel_options o;
	enum kernel_profile profile;
};

static size_t choose(const struct kernel_options *o, struct wanted *wanted)
{
	size_t nr = 0;

	for (int p = 0; p < NR_PROFILES; p++) {
		struct wanted w = { *o, (enum kernel_profile)p };

		w.o.bugs = tool_alloc(o->nr_bugs * sizeof(*w.o.bugs));
		w.o.nr_bugs = 0;
		for (size_t i = 0; i < o->nr_bugs; i++)
			if (o->profile_given ? o->profile[p] : best_profile(o->bugs[i]) == (enum kernel_profile)p)
				w.o.bugs[w.o.nr_bugs++] = o->bugs[i];
		if (w.o.nr_bugs)
			wanted[nr++] = w;
		else
			free(w.o.bugs);
	}
	return nr;
}

int kernel_run_bugs(const struct kernel_options *o)
{
	struct wanted wanted[NR_PROFILES];
	size_t nr = choose(o, wanted);
	int status = 0;

	for (size_t i = 0; i < nr && status != EXIT_USAGE && !kernel_signal; i++) {
		struct kernel_session s = { .profile = wanted[i].profile };

		if (!kernel_sessions_run(&s, 1, &wanted[i].o))
			status = EXIT_USAGE;
		for (size_t b = 0; b < s.nr_results && !kernel_signal && s.nr_boots; b++) {
			if (o->format == KERNEL_JSON)
				print_result_json(&s.results[b]);
			else
				print_result(&s, &s.results[b]);
			if (!s.results[b].as_expected && !status)
				status = 1;
		}
		kernel_session_free(&s);
	}
	for (size_t i = 0; i < nr; i++)
		free(wanted[i].o.bugs);
	kernel_work_remove(o);
	return kernel_signal ? kernel_interrupted() : tool_finish_output(status);
}

/* ---- a shell --------------------------------------------------------------------------------- */

/* QEMU sets the terminal to raw mode, and restores it only when QEMU ends normally. */
static bool watch_shell(struct guest *g, const struct kernel_options *o, const struct kernel_built *k,
                        const char *initrd)
{
	struct termios before;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0, ok = guest_start(g, o, k, initrd, true);

	if (ok)
		guest_watch(g, 1);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	if (!ok || kernel_signal)
		return ok;
	if (g->end != GUEST_DONE) {
		tool_say("the guest %s", guest_end_text(g->end));
		if (g->log_len)
			fprintf(stderr, "%s", g->log + (g->log_len > 2000 ? g->log_len - 2000 : 0));
		return false;
	}
	return true;
}

int kernel_run_shell(const struct kernel_options *o)
{
	enum kernel_profile profile = PROFILE_KASAN;
	const char *dir, *data = kernel_data_dir();
	struct kernel_built k;
	struct guest g = { .pid = -1 };
	char *initrd, *source, *module_dir, *module;
	struct initrd *r;
	bool ok;

	for (int p = 0; p < NR_PROFILES; p++)
		if (o->profile_given && o->profile[p])
			profile = (enum kernel_profile)p;
	if (!data || !kernel_programs_there(profile) || !kernel_get(o, profile, &k) || !(dir = kernel_work_dir()))
		return EXIT_USAGE;
	source = tool_format("%s/module", data);
	module_dir = kernel_get_module(&k, source);
	module = module_dir ? kernel_module_file(module_dir) : NULL;
	initrd = tool_format("%s/initrd.cpio", dir);
	r = module ? initrd_base(initrd, &k, true) : NULL;
	ok = r != NULL;
	if (r) {
		/* fences at the kernel's own rate: at our rate, KFENCE would report most bugs before KASAN does */
		static const char plan[] = "fence 100\ninsmod /memsan/memsan_bugs.ko\nshell\n";

		initrd_data(r, "memsan/plan", 0644, plan, strlen(plan));
		ok = initrd_file(r, "memsan/memsan_bugs.ko", 0644, module);
		ok = initrd_finish(r) && ok;
	}
	if (ok) {
		tool_say("the guest's shell; /sys/kernel/debug/memsan/trigger lists and runs bugs, dmesg shows "
		         "reports; ^D ends it");
		ok = watch_shell(&g, o, &k, initrd);
	}
	kernel_keep_log(o, "console.log", g.log ? g.log : "");
	guest_free(&g);
	free(source);
	free(module_dir);
	free(module);
	free(initrd);
	kernel_work_remove(o);
	return kernel_signal ? kernel_interrupted() : ok ? 0 : g.end == GUEST_PANIC ? 1 : EXIT_USAGE;
}
