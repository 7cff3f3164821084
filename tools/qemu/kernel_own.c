/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_own.c - memsan kernel: a guest with the user's own modules, script, files and reproducer. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- which kernel ---------------------------------------------------------------------------- */

/* The profile for whose kernel a .ko was built, by its release; NR_PROFILES: none. */
static enum kernel_profile profile_of_release(const char *release)
{
	size_t len = strlen(release);

	for (int p = 0; p < NR_BUILT_PROFILES; p++) {
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
		if (!is_ko(o->modules[i])) {
			struct stat st;

			if (stat(o->modules[i], &st) == 0 && S_ISDIR(st.st_mode))
				continue;
			tool_say("%s is neither a .ko file nor the folder of a module's source", o->modules[i]);
			return false;
		}
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

/* ---- modules --------------------------------------------------------------------------------- */

/* Lets the module call the wrappers of memsan_fail.ko.  NULL: a line was printed; else the caller frees the path. */
static char *wrap_module(const char *file, const char *fail_dir, const struct kernel_built *k)
{
	const char *dir = kernel_work_dir(), *objcopy = k->arm64 ? "aarch64-linux-gnu-objcopy" : "objcopy";
	char *names = tool_format("--redefine-syms=%s/names", fail_dir);
	char *out = tool_format("%s/%s", dir ? dir : "", strrchr(file, '/') + 1);
	char *const argv[] = { (char *)(uintptr_t)objcopy, names, (char *)(uintptr_t)file, out, NULL };
	pid_t pid = dir ? spawn_program(argv, -1, -1) : -1;
	int status = pid > 0 ? spawn_wait(pid) : -1;

	free(names);
	if (status == 0)
		return out;
	if (!kernel_signal)
		tool_say("%s cannot change the calls of %s (package %s)", objcopy, file,
		         k->arm64 ? "binutils-aarch64-linux-gnu" : "binutils");
	free(out);
	return NULL;
}

/* Puts a module into the archive, and its commands into the plan. */
static bool add_module(struct kernel_own *w, const struct kernel_options *o, struct kernel_plan *plan, size_t number)
{
	const char *given = o->modules[number];
	char *dir = is_ko(given) ? NULL : kernel_get_module(&w->built, given);
	char *file = is_ko(given) ? realpath(given, NULL) : dir ? kernel_module_file(dir) : NULL, *inside, *wrapped;
	const char *name;
	int len;
	bool ok;

	if (!file) {
		if (dir)
			tool_say("building %s made no .ko file", given);
		free(dir);
		return false;
	}
	name = strrchr(file, '/') + 1;
	len = (int)strlen(name) - 3;
	inside = tool_format("memsan/%s", name);
	wrapped = w->fail_dir ? wrap_module(file, w->fail_dir, &w->built) : NULL;
	ok = check_release(file, &w->built) && (wrapped || !w->fail_dir) &&
	     initrd_file(plan->initrd, inside, 0644, wrapped ? wrapped : file);
	fprintf(plan->load, "insmod /memsan/%s", name);
	for (size_t i = 0; i < o->nr_params; i++)
		if (o->params[i].module == number)
			fprintf(plan->load, " %s", o->params[i].words);
	fputs("\n", plan->load);
	/* kmemleak has only addresses of a module that is gone; --fail-each has names from elsewhere */
	if (!w->fail_dir)
		fprintf(plan->unload, "remember %.*s\n", len, name);
	fprintf(plan->unload, "rmmod %.*s\n", len, name);
	w->owned[w->nr_folders] = tool_format("%.*s", (int)(name - file - 1), file);
	w->folders[w->nr_folders] = w->owned[w->nr_folders];
	w->nr_folders++;
	free(wrapped);
	free(inside);
	free(file);
	free(dir);
	return ok;
}

/* ---- the plan -------------------------------------------------------------------------------- */

enum { REPRO_SECONDS = 60 };

unsigned kernel_repro_limit(const struct kernel_options *o)
{
	return o->timeout ? o->timeout : REPRO_SECONDS;
}

static bool needs_shell(const struct kernel_options *o, const struct kernel_built *k)
{
	if (o->shell || o->script || (o->repro && bring_kind(o->repro) == REPRO_SCRIPT))
		return true;
	/* programs may call system(3) */
	return o->repro && kernel_have_busybox(k);
}

static bool add_files(struct kernel_own *w, const struct kernel_options *o, struct kernel_plan *plan)
{
	struct bring *b = bring_create(plan->initrd, &w->built);
	bool ok = kernel_debian_modules(plan, o, &w->built);

	for (size_t i = 0; ok && i < o->nr_files; i++)
		ok = bring_file(b, o->files[i]);
	if (ok && o->share_host)
		ok = bring_share(b, o->share_guest, plan->load);
	for (size_t i = 0; ok && i < o->nr_modules; i++)
		ok = add_module(w, o, plan, i);
	if (ok && o->script) {
		ok = initrd_file(plan->initrd, "memsan/script", 0755, o->script);
		fputs("script\n", plan->use);
	}
	for (size_t i = 0; ok && i < o->nr_candidates && o->repro; i++) {
		char *name = tool_format("repro-%zu", i + 1);

		ok = bring_candidate(b, o->candidates[i], name);
		free(name);
	}
	if (ok && o->repro && !o->nr_candidates) {
		ok = bring_repro(b, o->repro);
		fprintf(plan->use, "repro %u %s\n", kernel_repro_limit(o), o->expect ? "all" : "first");
	}
	bring_free(b);
	return ok;
}

/* Only a scan after a module's end finds what the module forgot to free. */
static void write_plan(FILE *out, const struct kernel_options *o, const char *load, const char *use, const char *unload)
{
	if (o->leak_check)
		fputs("scan\n", out);
	fprintf(out, "%s%svalidate\nscan\n", load, use);
	if (*unload)
		fprintf(out, "%sscan\n", unload);
}

bool kernel_own_archive(struct kernel_own *w, const struct kernel_options *o, const char *path,
                        void (*write)(FILE *out, const struct kernel_options *o, const char *load, const char *use,
                                      const char *unload, void *ctx),
                        void *ctx)
{
	struct kernel_plan plan = { 0 };
	char *parts[4] = { NULL };
	size_t size[4];
	FILE *out;
	bool ok;

	plan.load = open_memstream(&parts[0], &size[0]);
	plan.use = open_memstream(&parts[1], &size[1]);
	plan.unload = open_memstream(&parts[2], &size[2]);
	out = open_memstream(&parts[3], &size[3]);
	if (!plan.load || !plan.use || !plan.unload || !out) {
		tool_say("out of memory");
		exit(1);
	}
	for (size_t i = 0; i < w->nr_folders; i++)
		free(w->owned[i]);
	w->nr_folders = 0;
	plan.initrd = initrd_base(path, &w->built, needs_shell(o, &w->built));
	ok = plan.initrd && add_files(w, o, &plan);
	fclose(plan.load);
	fclose(plan.use);
	fclose(plan.unload);
	if (write)
		write(out, o, parts[0], parts[1], parts[2], ctx);
	else
		write_plan(out, o, parts[0], parts[1], parts[2]);
	fclose(out);
	if (plan.initrd) {
		if (ok && w->fail_dir) {
			char *fail = tool_format("%s/memsan_fail.ko", w->fail_dir);

			ok = initrd_file(plan.initrd, "memsan/memsan_fail.ko", 0644, fail);
			free(fail);
		}
		initrd_data(plan.initrd, "memsan/plan", 0644, parts[3], strlen(parts[3]));
		ok = ok && initrd_fits(plan.initrd, o);
		ok = initrd_finish(plan.initrd) && ok;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		free(parts[i]);
	return ok && !kernel_signal;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool readable(const char *what, const char *path)
{
	if (!path || access(path, R_OK) == 0)
		return true;
	tool_say("cannot read the %s %s: %s", what, path, strerror(errno));
	return false;
}

/* What can be said before minutes of building. */
static bool check_early(const struct kernel_options *o)
{
	if (!readable("script", o->script) || !readable("reproducer", o->repro))
		return false;
	if (o->repro && bring_kind(o->repro) == REPRO_NONE) {
		tool_say("%s is neither C source nor a program nor a script", o->repro);
		return false;
	}
	return true;
}

bool kernel_own_prepare(struct kernel_own *w, const struct kernel_options *o)
{
	memset(w, 0, sizeof(*w));
	if (!check_early(o) || !choose_profile(o, &w->profile) || !kernel_programs_there(w->profile) ||
	    !kernel_get(o, w->profile, &w->built) || !kernel_work_dir())
		return false;
	if (o->leak_check && !kernel_config_has(&w->built, "CONFIG_DEBUG_KMEMLEAK")) {
		tool_say("--leak-check needs kmemleak, which the %s kernel does not have",
		         kernel_profile_name(w->profile));
		return false;
	}
	if (o->share_host && !kernel_config_has(&w->built, "CONFIG_9P_FS")) {
		tool_say("--share needs 9P, which the %s kernel does not have", kernel_profile_name(w->profile));
		return false;
	}
	if (o->repro)
		kernel_needs_tell(o->repro, &w->built);
	return true;
}

void kernel_own_free(struct kernel_own *w)
{
	for (size_t i = 0; i < w->nr_folders; i++)
		free(w->owned[i]);
	free(w->fail_dir);
	kernel_built_free(&w->built);
}

/* The complaints of insmod and rmmod. */
bool kernel_own_complaints(const struct guest *g, const char *until)
{
	bool any = false;

	for (const char *line = g->log; *line;) {
		const char *text = kernel_log_text(line), *end = strchrnul(line, '\n'),
			   *bad = memmem(text, (size_t)(end - text), " not loaded: ", 13);

		if (until && strncmp(text, until, strlen(until)) == 0)
			break;
		if ((strncmp(text, "memsan: module ", 15) == 0 && bad) ||
		    strncmp(text, "memsan: share not mounted", 25) == 0) {
			tool_say("in the guest: %.*s", (int)(end - text - 8), text + 8);
			any = true;
		}
		line = *end ? end + 1 : end;
	}
	return any;
}
