/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_run.c - memsan kernel run and shell: bugs of the module with their reports; the user's own
 * module and script. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { EXIT_LIMIT = 124 }; /* as timeout(1) */

static int interrupted(void)
{
	tool_say("interrupted");
	return 128 + (kernel_signal ? kernel_signal : SIGINT);
}

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
	return kernel_signal ? interrupted() : tool_finish_output(status);
}

/* ---- a module of the user's own -------------------------------------------------------------- */

/* The profile for whose kernel a .ko was built, by its release; NR_PROFILES: none. */
static enum kernel_profile profile_of_release(const char *release)
{
	size_t len = strlen(release);

	for (int p = 0; p < NR_TABLE_PROFILES; p++) {
		char *tail = tool_format("-memsan-%s", kernel_profile_name((enum kernel_profile)p));
		size_t n = strlen(tail);
		bool same = len > n && strcmp(release + len - n, tail) == 0;

		free(tail);
		if (same)
			return (enum kernel_profile)p;
	}
	return NR_PROFILES;
}

static bool is_ko(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && strcmp(path + len - 3, ".ko") == 0;
}

/* A .ko fits one kernel only, a source folder fits any.  False: nothing fits, and a line was printed. */
static bool choose_profile(const struct kernel_options *o, enum kernel_profile *profile)
{
	*profile = PROFILE_KASAN;
	for (int p = 0; p < NR_PROFILES; p++)
		if (o->profile_given && o->profile[p])
			*profile = (enum kernel_profile)p;
	for (size_t i = 0; i < o->nr_modules; i++) {
		char *release;
		enum kernel_profile of;

		if (access(o->modules[i], R_OK) != 0) {
			tool_say("cannot read the module %s: %s", o->modules[i], strerror(errno));
			return false;
		}
		if (!is_ko(o->modules[i]))
			continue;
		release = kernel_module_release(o->modules[i]);
		of = profile_of_release(release);
		if (*release && of != NR_PROFILES && !o->profile_given)
			*profile = of;
		else if (*release && of == NR_PROFILES && !o->profile_given)
			*profile = PROFILE_DEBIAN;
		of = (enum kernel_profile) !*release;
		free(release);
		if (of)
			return false;
	}
	return true;
}

static bool check_release(const char *module, const struct kernel_built *k)
{
	char *release = kernel_module_release(module);
	bool fits = strcmp(release, k->release) == 0;

	if (!fits)
		tool_say("%s was built for the kernel %s, not for %s; give its source folder instead (--module DIR), "
		         "or build it with: "
		         "make -C %s%s M=$PWD modules",
		         module, release, k->release, k->dir,
		         k->arm64 ? " ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-" : "");
	free(release);
	return fits;
}

/* A guest that loads the user's modules. */
struct module_guest {
	struct initrd *initrd;
	FILE *plan, *unload;
	const char *folders[9]; /* folders of the modules, for their symbols, then the kernel's own */
	char *owned[9];
	size_t nr_folders;
};

/* Puts a module into the archive, and its commands into the plan. */
static bool add_module(struct module_guest *m, const char *given, const struct kernel_built *k)
{
	char *dir = is_ko(given) ? NULL : kernel_get_module(k, given);
	char *file = is_ko(given) ? realpath(given, NULL) : dir ? kernel_module_file(dir) : NULL, *inside;
	const char *name;
	bool ok;

	if (!file) {
		if (dir)
			tool_say("building %s made no .ko file", given);
		free(dir);
		return false;
	}
	name = strrchr(file, '/') + 1;
	inside = tool_format("memsan/%s", name);
	ok = check_release(file, k) && initrd_file(m->initrd, inside, 0644, file);
	fprintf(m->plan, "insmod /memsan/%s\n", name);
	fprintf(m->unload, "remember %.*s\nrmmod %.*s\n", (int)strlen(name) - 3, name, (int)strlen(name) - 3, name);
	m->owned[m->nr_folders] = tool_format("%.*s", (int)(name - file - 1), file);
	m->folders[m->nr_folders] = m->owned[m->nr_folders];
	m->nr_folders++;
	free(inside);
	free(file);
	free(dir);
	return ok;
}

static bool make_module_guest(struct module_guest *m, const struct kernel_options *o, const struct kernel_built *k,
                              const char *path)
{
	char *orders = NULL, *unloads = NULL;
	size_t size;
	bool ok;

	m->plan = open_memstream(&orders, &size);
	m->unload = open_memstream(&unloads, &size);
	m->initrd = m->plan && m->unload ? initrd_base(path, k, o->script) : NULL;
	if (!m->initrd) {
		if (m->plan)
			fclose(m->plan);
		if (m->unload)
			fclose(m->unload);
		free(orders);
		free(unloads);
		return false;
	}
	ok = true;
	for (size_t i = 0; ok && i < o->nr_modules; i++)
		ok = add_module(m, o->modules[i], k);
	if (ok && o->script) {
		ok = initrd_file(m->initrd, "memsan/script", 0755, o->script);
		fputs("script\n", m->plan);
	}
	fputs("validate\nscan\n", m->plan);
	fclose(m->unload);
	/* only a scan after a module's end finds what the module forgot to free */
	if (*unloads)
		fprintf(m->plan, "%sscan\n", unloads);
	fclose(m->plan);
	initrd_data(m->initrd, "memsan/plan", 0644, orders, strlen(orders));
	ok = initrd_finish(m->initrd) && ok;
	free(orders);
	free(unloads);
	return ok;
}

/* Prints the complaints of insmod and rmmod. */
static bool print_complaints(const struct guest *g)
{
	bool any = false;

	for (const char *line = g->log; *line;) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n'),
			   *bad = memmem(text, (size_t)(end - text), " not loaded: ", 13);

		if (strncmp(text, "memsan: module ", 15) == 0 && bad) {
			tool_say("in the guest: %.*s", (int)(end - text - 8), text + 8);
			any = true;
		}
		line = *end ? end + 1 : end;
	}
	return any;
}

static void print_findings(const struct kernel_options *o, const struct kernel_findings *f)
{
	static const struct decode_text_options plain;
	struct decode_writer *sarif = o->format == KERNEL_SARIF ? decode_writer_create(stdout, DECODE_SARIF) : NULL;

	for (size_t i = 0; i < f->nr; i++) {
		if (sarif)
			decode_writer_put(sarif, f->all[i].record);
		else if (o->format == KERNEL_JSON)
			decode_json_write(stdout, f->all[i].record);
		else
			decode_text_write(stdout, f->all[i].record, &plain);
	}
	if (sarif)
		decode_writer_finish(sarif);
}

static int report_module(const struct kernel_options *o, const struct guest *g, const struct kernel_built *k,
                         const char *const *folders, size_t nr_folders)
{
	struct kernel_findings f = { 0 };
	int status = 0;

	kernel_find(&f, g->log, k, folders, nr_folders);
	print_findings(o, &f);
	if (g->end == GUEST_PANIC && !f.nr)
		printf("%s", g->log + (g->log_len > 4000 ? g->log_len - 4000 : 0));
	if (f.nr)
		status = 1;
	if (print_complaints(g) && !status)
		status = EXIT_USAGE;
	if (g->end != GUEST_DONE) {
		tool_say("the guest %s (%.0f s)", guest_end_text(g->end), g->ended - g->started);
		if (!f.nr || g->end != GUEST_PANIC)
			status = g->end == GUEST_HANG || g->end == GUEST_TIMEOUT || g->end == GUEST_NEVER_BOOTED
			                 ? EXIT_LIMIT
			                 : 1;
	} else if (g->status && !status) {
		tool_say("the script ended with status %d", g->status);
		status = g->status;
	}
	fflush(stdout);
	tool_say("%zu report%s; kernel %s; %.1f s", f.nr, f.nr == 1 ? "" : "s", k->release, g->ended - g->started);
	kernel_findings_free(&f);
	return status;
}

int kernel_run_module(const struct kernel_options *o)
{
	struct kernel_options with_limit = *o;
	struct module_guest m = { 0 };
	enum kernel_profile profile;
	struct kernel_built k;
	struct guest g = { .pid = -1 };
	const char *dir;
	char *initrd;
	int status = EXIT_USAGE;

	if (o->script && access(o->script, R_OK) != 0) {
		tool_say("cannot read the script %s: %s", o->script, strerror(errno));
		return EXIT_USAGE;
	}
	if (!choose_profile(o, &profile) || !kernel_programs_there(profile) || !kernel_get(o, profile, &k) ||
	    !(dir = kernel_work_dir()))
		return kernel_signal ? interrupted() : EXIT_USAGE;
	if (!with_limit.timeout)
		with_limit.timeout = 300;
	initrd = tool_format("%s/initrd.cpio", dir);
	if (make_module_guest(&m, o, &k, initrd) && guest_start(&g, &with_limit, &k, initrd, false)) {
		/* a report that is a document must not be mixed with the script's output */
		g.script_out = o->format == KERNEL_TEXT ? stdout : stderr;
		g.silence_limit = 0;
		guest_watch(&g, 1);
		kernel_keep_log(o, "console.log", g.log);
		status = kernel_signal ? 0 : report_module(o, &g, &k, m.folders, m.nr_folders);
	}
	guest_free(&g);
	for (size_t i = 0; i < m.nr_folders; i++)
		free(m.owned[i]);
	free(initrd);
	kernel_work_remove(o);
	return kernel_signal ? interrupted() : tool_finish_output(status);
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
	return kernel_signal ? interrupted() : ok ? 0 : g.end == GUEST_PANIC ? 1 : EXIT_USAGE;
}
