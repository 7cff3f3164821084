/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_bring.c - memsan kernel: brings files of this machine into the guest: programs with their
 * libraries, scripts with their interpreter, folders.
 *
 *     HOST                          in the guest
 *     ./repro                       /repro, where the guest's programs start
 *     its dynamic loader            at the path that the program names
 *     its libraries                 /memsan/lib, which is LD_LIBRARY_PATH there
 *
 * The dynamic loader of this machine tells the libraries, as ldd does.  It runs nothing of the program.  Only a loader
 * that lies in one of the system's folders is asked. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FOLDERS_DEEP = 32 };

struct bring {
	struct initrd *initrd;
	const struct kernel_built *kernel;
	char **names; /* what the archive has already */
	size_t nr;
};

struct bring *bring_create(struct initrd *r, const struct kernel_built *k)
{
	struct bring *b = tool_alloc(sizeof(*b));

	*b = (struct bring){ .initrd = r, .kernel = k };
	return b;
}

void bring_free(struct bring *b)
{
	for (size_t i = 0; b && i < b->nr; i++)
		free(b->names[i]);
	if (b)
		free(b->names);
	free(b);
}

/* ---- names in the guest ---------------------------------------------------------------------- */

/* Remembers the name.  False: the archive has it already. */
static bool is_new(struct bring *b, const char *name)
{
	char **larger;

	for (size_t i = 0; i < b->nr; i++)
		if (strcmp(b->names[i], name) == 0)
			return false;
	larger = realloc(b->names, (b->nr + 1) * sizeof(*larger));
	if (!larger) {
		tool_say("out of memory");
		exit(1);
	}
	b->names = larger;
	b->names[b->nr++] = tool_format("%s", name);
	return true;
}

/* Adds the folders of a name that the archive does not have yet. */
static void add_folders(struct bring *b, const char *name)
{
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		char *folder = tool_format("%.*s", (int)(slash - name), name);

		if (is_new(b, folder))
			initrd_dir(b->initrd, folder);
		free(folder);
	}
}

static bool is_below(const char *name, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(name, folder, len) == 0 && (!name[len] || name[len] == '/');
}

/* The path in the guest as the archive has it: without "/" in front, "." and "//".  NULL: it leads somewhere else, and
 * a line was printed. */
static char *name_in_guest(const char *option, const char *path)
{
	static const char *const taken[] = { "proc", "sys", "dev", "memsan", "init" };
	char *name = tool_format("%s", path), *to = name, *save = NULL, *copy = tool_format("%s", path);
	bool bad = false;

	*to = '\0';
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (strcmp(part, ".") == 0)
			continue;
		bad |= strcmp(part, "..") == 0;
		to += sprintf(to, "%s%s", to > name ? "/" : "", part);
	}
	free(copy);
	if (bad || !*name) {
		tool_say("%s: '%s' is no path of a file in the guest", option, path);
		free(name);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (is_below(name, taken[i])) {
			tool_say("%s: the guest has something else at /%s", option, name);
			free(name);
			return NULL;
		}
	return name;
}

/* ---- programs -------------------------------------------------------------------------------- */

/* What a file is, as far as its first bytes and its program headers tell. */
struct elf {
	bool is_elf, other_processor, dynamic;
	char interpreter[256]; /* of PT_INTERP */
};

static void elf_read(const char *path, const struct kernel_built *k, struct elf *e)
{
	FILE *in = fopen(path, "re");
	Elf64_Ehdr h;
	Elf64_Phdr p;

	memset(e, 0, sizeof(*e));
	if (!in || fread(&h, 1, sizeof(h), in) < EI_NIDENT + 4 || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0) {
		if (in)
			fclose(in);
		return;
	}
	e->is_elf = true;
	e->other_processor = h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_machine != (k->arm64 ? EM_AARCH64 : EM_X86_64);
	for (unsigned i = 0; !e->other_processor && i < h.e_phnum && i < 256; i++) {
		if (fseek(in, (long)(h.e_phoff + i * sizeof(p)), SEEK_SET) != 0 || fread(&p, sizeof(p), 1, in) != 1)
			break;
		e->dynamic |= p.p_type == PT_DYNAMIC;
		if (p.p_type == PT_INTERP && p.p_filesz < sizeof(e->interpreter) &&
		    fseek(in, (long)p.p_offset, SEEK_SET) == 0)
			e->interpreter[fread(e->interpreter, 1, p.p_filesz, in)] = '\0';
	}
	fclose(in);
}

static bool put_file(struct bring *b, const char *host, const char *name)
{
	struct stat st;

	if (!is_new(b, name))
		return true;
	add_folders(b, name);
	return initrd_file(b->initrd, name, stat(host, &st) == 0 ? st.st_mode & 0777 : 0644, host);
}

/* Takes a line of the loader: "libz.so.1 => /lib/libz.so.1 (0x7f…)", "/lib64/ld-linux-x86-64.so.2 (0x7f…)",
 * "libno.so => not found". */
static bool put_library(struct bring *b, const char *program, char *line)
{
	char *arrow = strstr(line, " => "), *path = arrow ? arrow + 4 : line + strspn(line, " \t"), *end, *name;
	bool ok;

	if (arrow && strncmp(path, "not found", 9) == 0) {
		line += strspn(line, " \t");
		tool_say("%s needs %.*s, which is not found here either", program, (int)strcspn(line, " "), line);
		return false;
	}
	if (*path != '/' || !(end = strstr(path, " (0x")))
		return true; /* the vDSO, or "statically linked" */
	*end = '\0';
	name = arrow ? tool_format("memsan/lib/%s", strrchr(path, '/') + 1) : tool_format("%s", path + 1);
	ok = put_file(b, path, name);
	free(name);
	return ok;
}

static bool is_system_loader(const char *path)
{
	static const char *const places[] = { "/lib64/ld-", "/lib/ld-", "/usr/lib64/ld-", "/usr/lib/ld-" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0 && !strchr(path + strlen(places[i]), '/') &&
		    access(path, X_OK) == 0)
			return true;
	return false;
}

/* Asks the program's loader for its libraries, and brings them. */
static bool put_libraries(struct bring *b, const char *host, const struct elf *e)
{
	const char *loader = *e->interpreter ? e->interpreter : "/lib64/ld-linux-x86-64.so.2";
	char *full = realpath(host, NULL), *text, *save = NULL;
	/* with --list, glibc's loader stops at the first library that is missing */
	const char *const glibc[] = { "env", "LD_TRACE_LOADED_OBJECTS=1", loader, full, NULL };
	const char *const musl[] = { loader, "--list", full, NULL };
	bool ok = true;
	pid_t pid;
	int fd;

	if (b->kernel->arm64 || !is_system_loader(loader)) {
		free(full);
		if (!*e->interpreter)
			return true;
		tool_say("%s needs the dynamic loader %s%s; link it statically (-static)", host, loader,
		         b->kernel->arm64 ? " of another processor" : ", which is not one of this machine's");
		return false;
	}
	fd = full ? spawn_filter((char *const *)(uintptr_t)(strstr(loader, "musl") ? musl : glibc), STDIN_FILENO, &pid)
	          : -1;
	if (fd < 0) {
		tool_say("cannot ask %s for the libraries of %s: %s", loader, host, strerror(errno));
		free(full);
		return false;
	}
	text = tool_read_all(fd, NULL);
	close(fd);
	spawn_wait(pid);
	for (char *line = strtok_r(text, "\n", &save); ok && line; line = strtok_r(NULL, "\n", &save))
		ok = put_library(b, host, line);
	if (ok && *e->interpreter)
		ok = put_file(b, loader, loader + 1);
	free(text);
	free(full);
	return ok;
}

/* ---- files and folders ----------------------------------------------------------------------- */

static bool put_program(struct bring *b, const char *host, const char *name)
{
	struct elf e;

	elf_read(host, b->kernel, &e);
	return put_file(b, host, name) && (!e.is_elf || e.other_processor || !e.dynamic || put_libraries(b, host, &e));
}

static bool put_tree(struct bring *b, const char *host, const char *name, unsigned deep)
{
	DIR *dir = opendir(host);
	struct dirent *e;
	bool ok = dir != NULL;

	if (!dir || deep == FOLDERS_DEEP) {
		tool_say("cannot read %s: %s", host, dir ? "its folders are too deep" : strerror(errno));
		if (dir)
			closedir(dir);
		return false;
	}
	add_folders(b, name);
	if (is_new(b, name))
		initrd_dir(b->initrd, name);
	while (ok && !kernel_signal && (e = readdir(dir)) != NULL) {
		char *from = tool_format("%s/%s", host, e->d_name), *to = tool_format("%s/%s", name, e->d_name),
		     target[PATH_MAX];
		struct stat st;
		ssize_t len;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
			/* not for the guest */
		} else if (lstat(from, &st) != 0) {
			tool_say("cannot read %s: %s", from, strerror(errno));
			ok = false;
		} else if (S_ISDIR(st.st_mode)) {
			ok = put_tree(b, from, to, deep + 1);
		} else if (S_ISREG(st.st_mode)) {
			ok = put_program(b, from, to);
		} else if (S_ISLNK(st.st_mode) && (len = readlink(from, target, sizeof(target) - 1)) > 0) {
			target[len] = '\0';
			if (is_new(b, to))
				initrd_link(b->initrd, to, target);
		}
		free(from);
		free(to);
	}
	closedir(dir);
	return ok;
}

bool bring_file(struct bring *b, const char *option)
{
	const char *colon = strrchr(option, ':'), *slash, *guest;
	char *host = tool_format("%s", option), *name;
	struct stat st;
	bool ok;

	/* a colon may also be a part of the file's name */
	if (access(option, F_OK) == 0 || !colon)
		colon = NULL;
	if (colon)
		host[colon - option] = '\0';
	for (size_t len = strlen(host); len > 1 && host[len - 1] == '/';)
		host[--len] = '\0';
	slash = strrchr(host, '/');
	guest = colon ? colon + 1 : slash ? slash + 1 : host;
	if (stat(host, &st) != 0) {
		tool_say("--file: cannot read %s: %s", host, strerror(errno));
		free(host);
		return false;
	}
	name = name_in_guest("--file", guest);
	ok = name && (S_ISDIR(st.st_mode) ? put_tree(b, host, name, 0) : put_program(b, host, name));
	free(name);
	free(host);
	return ok;
}

bool bring_share(struct bring *b, const char *guest, FILE *plan)
{
	char *name = name_in_guest("--share", guest);

	if (!name)
		return false;
	add_folders(b, name);
	if (is_new(b, name))
		initrd_dir(b->initrd, name);
	fprintf(plan, "share /%s\n", name);
	free(name);
	return true;
}

/* ---- the reproducer -------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	return len > n && strcmp(path + len - n, end) == 0;
}

/* The text behind "#!", "" for another text, NULL for something else than a text. */
static char *first_words(const char *path)
{
	char line[256] = "";
	FILE *in = fopen(path, "re");
	size_t n = in ? fread(line, 1, sizeof(line) - 1, in) : 0;

	if (in)
		fclose(in);
	if (!n || memchr(line, '\0', n))
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return tool_format("%s", strncmp(line, "#!", 2) == 0 ? line + 2 + strspn(line + 2, " \t") : "");
}

enum repro_kind bring_kind(const char *path)
{
	static const char *const c[] = { ".c", ".cc", ".cpp", ".cxx", ".C" };
	FILE *in = fopen(path, "re");
	char magic[4] = "";
	size_t n = in ? fread(magic, 1, 4, in) : 0;
	char *words;

	if (in)
		fclose(in);
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		if (ends_with(path, c[i]))
			return i ? REPRO_CXX : REPRO_C;
	if (n == 4 && memcmp(magic, ELFMAG, SELFMAG) == 0)
		return REPRO_PROGRAM;
	words = first_words(path);
	free(words);
	return words ? REPRO_SCRIPT : REPRO_NONE;
}

static const char *compiler_for(const struct kernel_built *k, bool cxx)
{
	return k->arm64 ? cxx ? "aarch64-linux-gnu-g++" : "aarch64-linux-gnu-gcc" : cxx ? "g++" : "gcc";
}

/* Static, since the guest has no libraries.  Headers beside the source are found in `folder`.  Returns the compiler's
 * status; -1: it could not be run. */
static int compile(const struct kernel_built *k, const char *path, bool cxx, const char *folder, const char *out,
                   bool quiet)
{
	const char *const argv[] = { "sh",
		                     "-c",
		                     quiet ? "exec \"$@\" 2>/dev/null" : "exec \"$@\" >&2",
		                     "sh",
		                     compiler_for(k, cxx),
		                     "-static",
		                     "-O1",
		                     "-g",
		                     "-w",
		                     "-pthread",
		                     "-iquote",
		                     folder,
		                     "-o",
		                     out,
		                     path,
		                     "-lm",
		                     "-lrt",
		                     NULL };
	pid_t pid = spawn_program((char *const *)(uintptr_t)argv, -1, -1);

	return pid > 0 ? spawn_wait(pid) : -1;
}

bool bring_build(const struct kernel_built *k, const char *path, bool cxx, const char *folder, const char *out)
{
	return compile(k, path, cxx, folder, out, true) == 0;
}

static char *build_source(const struct kernel_built *k, const char *path, bool cxx)
{
	const char *dir = kernel_work_dir(), *package, *compiler = compiler_for(k, cxx);
	char *out = tool_format("%s/repro", dir ? dir : "");
	int status = -1;

	package = k->arm64 ? cxx ? "g++-aarch64-linux-gnu" : "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
	          : cxx    ? "g++"
	                   : "gcc libc6-dev";
	if (!tool_have_program(compiler))
		tool_say("building %s needs %s: apt-get install %s", path, compiler, package);
	else if (dir)
		status = compile(k, path, cxx, ".", out, false);
	if (dir && status == 0 && !kernel_signal)
		return out;
	if (status > 0 && !kernel_signal)
		tool_say("%s cannot be built for the guest (%s -static -O1 -pthread); build it yourself and give the "
		         "program",
		         path, compiler);
	free(out);
	return NULL;
}

/* The program that "#!" names, also through env(1).  NULL: busybox has it; else the caller frees the path. */
static char *interpreter_of(const char *script)
{
	static const char *const places[] = { "/bin", "/usr/bin", "/usr/local/bin" };
	char *words = first_words(script), *save = NULL, *path = strtok_r(words, " \t\r", &save), *name, *found = NULL;

	name = path ? strrchr(path, '/') : NULL;
	if (name && strcmp(name, "/env") == 0)
		path = strtok_r(NULL, " \t\r", &save);
	name = path ? strrchr(path, '/') : NULL;
	name = name ? name + 1 : path;
	if (name && strcmp(name, "sh") != 0 && strcmp(name, "ash") != 0) {
		found = tool_format("%s", path);
		for (size_t i = 0; *found != '/' && i < sizeof(places) / sizeof(places[0]); i++) {
			char *full = tool_format("%s/%s", places[i], name);

			if (access(full, X_OK) == 0) {
				free(found);
				found = full;
			} else {
				free(full);
			}
		}
	}
	free(words);
	return found;
}

static bool put_interpreter(struct bring *b, const char *script)
{
	char *path = interpreter_of(script);
	struct elf e;
	bool ok = true;

	if (path) {
		elf_read(path, b->kernel, &e);
		if (*path != '/' || !e.is_elf || e.other_processor) {
			tool_say("%s needs %s, which is not here for the guest's processor", script, path);
			ok = false;
		} else {
			ok = put_program(b, path, path + 1);
		}
	}
	free(path);
	return ok;
}

/* A program or a script. */
static bool put_repro(struct bring *b, const char *path, enum repro_kind kind, const char *name)
{
	char *inside = tool_format("memsan/%s", name);
	bool ok = initrd_file(b->initrd, inside, 0755, path);
	struct elf e = { 0 };

	if (kind == REPRO_PROGRAM)
		elf_read(path, b->kernel, &e);
	if (e.other_processor)
		tool_say("%s is a program for another processor than the guest's (%s)", path,
		         b->kernel->arm64 ? "arm64" : "x86-64");
	ok = ok && !e.other_processor && (kind != REPRO_SCRIPT || put_interpreter(b, path)) &&
	     (!e.dynamic || put_libraries(b, path, &e));
	free(inside);
	return ok;
}

bool bring_candidate(struct bring *b, const char *path, const char *name)
{
	return put_repro(b, path, bring_kind(path), name);
}

bool bring_repro(struct bring *b, const char *path)
{
	enum repro_kind kind = bring_kind(path);
	char *built;
	bool ok;

	switch (kind) {
	case REPRO_C:
	case REPRO_CXX:
		built = build_source(b->kernel, path, kind == REPRO_CXX);
		ok = built && initrd_file(b->initrd, "memsan/repro", 0755, built);
		free(built);
		return ok;
	case REPRO_PROGRAM:
	case REPRO_SCRIPT:
		return put_repro(b, path, kind, "repro");
	case REPRO_NONE:
		break;
	}
	tool_say("%s is neither C source nor a program nor a script", path);
	return false;
}
