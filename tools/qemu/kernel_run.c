/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_run.c - memsan kernel run and shell: bugs of the module with their reports; a shell. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
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
	if (cell->expect == EXPECT_SKIP && kernel_bug_needs(r->bug))
		printf("          (it needs %s: --profile=debian)\n", kernel_bug_needs(r->bug));
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

static void put_on_page(struct kernel_page *page, const struct kernel_result *r)
{
	char *expected = kernel_cell_text(r->bug, r->profile);
	char *name = tool_format("%s, %s kernel", r->bug->name, kernel_profile_name(r->profile));

	kernel_page_row(page, (const char *const[]){ name, expected, r->difference ? r->difference : "as expected",
	                                             r->bug->why, NULL });
	free(name);
	free(expected);
	for (size_t i = 0; i < r->nr_findings && i < sizeof(r->findings) / sizeof(r->findings[0]); i++)
		kernel_page_record(page, r->findings[i]->record);
}

static void put_consoles(struct kernel_page *page, const struct kernel_session *s)
{
	for (size_t b = 0; b < s->nr_boots; b++) {
		char *heading = tool_format("Console: %s kernel, guest %zu", kernel_profile_name(s->profile), b + 1);

		kernel_page_console(page, heading, s->logs[b], &s->findings[b]);
		free(heading);
	}
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
	struct kernel_page *page = o->format == KERNEL_HTML ? kernel_page_create() : NULL;
	int status = 0;

	for (size_t i = 0; i < nr && status != EXIT_USAGE && !kernel_signal; i++) {
		struct kernel_session s = { .profile = wanted[i].profile };

		if (!kernel_sessions_run(&s, 1, &wanted[i].o))
			status = EXIT_USAGE;
		if (page && s.nr_boots)
			kernel_page_sources(o, &s.built);
		for (size_t b = 0; b < s.nr_results && !kernel_signal && s.nr_boots; b++) {
			if (page)
				put_on_page(page, &s.results[b]);
			else if (o->format == KERNEL_JSON)
				print_result_json(&s.results[b]);
			else
				print_result(&s, &s.results[b]);
			if (!s.results[b].as_expected && !status)
				status = 1;
		}
		if (page)
			put_consoles(page, &s);
		kernel_session_free(&s);
	}
	if (page)
		kernel_page_finish(page);
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

static void write_shell_plan(FILE *out, const struct kernel_options *o, const char *load, const char *use,
                             const char *unload, void *ctx)
{
	(void)o;
	(void)use;
	(void)unload;
	(void)ctx;
	/* fences at the kernel's own rate: at our rate, KFENCE would report most bugs before KASAN does */
	fprintf(out, "fence 100\n%sshell\n", load);
}

/* Writes what gdb is to do first.  NULL: a line was printed; else the caller frees the path. */
static char *write_gdb_commands(const struct kernel_own *w)
{
	char *path = tool_format("%s/gdb", kernel_work_dir()), *socket = guest_gdb_socket();
	FILE *out = fopen(path, "we");

	if (out) {
		fprintf(out, "set confirm off\nset pagination off\nset breakpoint pending on\nfile %s\n",
		        w->built.vmlinux);
		fprintf(out, "source %s/gdb.py\n", kernel_data_dir());
		for (size_t i = 0; i < w->nr_folders; i++)
			fprintf(out, "memsan-modules %s\n", w->folders[i]);
		fprintf(out, "memsan-modules %s\ntarget remote %s\nmemsan-start\n", w->built.dir, socket);
	}
	free(socket);
	if (out && fclose(out) == 0)
		return path;
	tool_say("cannot write %s: %s", path, strerror(errno));
	free(path);
	return NULL;
}

int kernel_run_shell(const struct kernel_options *given)
{
	const char *data = kernel_data_dir();
	struct kernel_options o = *given;
	struct guest g = { .pid = -1 };
	char *initrd = NULL, *source = tool_format("%s/module", data ? data : ""), *commands = NULL;
	struct kernel_own w;
	bool ok;

	o.shell = true;
	if (!o.nr_modules)
		o.modules[o.nr_modules++] = source;
	memset(&w, 0, sizeof(w));
	ok = data && kernel_own_prepare(&w, &o);
	if (ok && o.gdb && !w.built.vmlinux) {
		tool_say("--gdb needs a kernel with debug information, which the %s kernel does not have",
		         kernel_profile_name(w.profile));
		ok = false;
	}
	if (ok) {
		initrd = tool_format("%s/initrd.cpio", kernel_work_dir());
		ok = kernel_own_archive(&w, &o, initrd, write_shell_plan, NULL);
	}
	if (ok && o.gdb)
		ok = (commands = write_gdb_commands(&w)) != NULL;
	if (ok) {
		if (commands)
			tool_say("the guest waits for the debugger: %s -x %s", w.built.arm64 ? "gdb-multiarch" : "gdb",
			         commands);
		if (given->nr_modules)
			tool_say("the guest's shell; dmesg shows reports; ^D ends it");
		else
			tool_say("the guest's shell; /sys/kernel/debug/memsan/trigger lists and runs bugs, dmesg shows "
			         "reports; ^D ends it");
		ok = watch_shell(&g, &o, &w.built, initrd);
		if (ok)
			kernel_own_complaints(&g, NULL);
	}
	if (g.log)
		kernel_keep_log(&o, "console.log", g.log);
	guest_free(&g);
	free(source);
	free(initrd);
	free(commands);
	kernel_own_free(&w);
	kernel_work_remove(&o);
	return kernel_signal ? kernel_interrupted() : ok ? 0 : g.end == GUEST_PANIC ? 1 : EXIT_USAGE;
}
