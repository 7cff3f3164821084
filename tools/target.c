/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/target.c - a program before it is started: does LD_PRELOAD reach it, and does the program tolerate memsan?
 *
 * Three things decide:
 *
 *   PT_INTERP        without a dynamic loader (a static program), there is no LD_PRELOAD; a loader of another libc,
 *                    of an older glibc or of another machine cannot load the library (lib/loader.c)
 *   mode bits        in a program with set-uid, set-gid or capabilities, the loader ignores an LD_PRELOAD with a path
 *   DT_NEEDED,       libasan, libtsan and the like are memory debuggers themselves, and replace malloc too
 *   .dynsym          (lib/loader.c)
 *
 * Everything in the file is untrusted.  libelf checks its bounds, and for a broken file the answer is "not known": the
 * program is then started as it is, and execve tells what is wrong with it.
 */
#include "tools/tools.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_MAX 4 /* as many #! lines as the kernel follows */

static void target_verdict(struct target *t, enum target_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void target_verdict(struct target *t, enum target_kind kind, const char *format, ...)
{
	va_list args;

	t->kind = kind;
	va_start(args, format);
	vsnprintf(t->reason, sizeof(t->reason), format, args);
	va_end(args);
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Finds a program as execvp does: a name with a slash is a path, else the first executable in PATH counts. */
static bool find_program(const char *name, char *out, size_t size)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/')) {
		snprintf(out, size, "%s", name);
		return is_program(out);
	}
	if (!path)
		path = "/bin:/usr/bin";
	for (;;) {
		size_t n = strcspn(path, ":");
		int len = snprintf(out, size, "%.*s%s%s", (int)n, path, n ? "/" : "./", name);

		if (len > 0 && (size_t)len < size && is_program(out))
			return true;
		if (!path[n])
			return false;
		path += n + 1;
	}
}

/* Would the kernel set AT_SECURE, so that the loader ignores LD_PRELOAD?  It would not when root runs a set-uid-root
 * program. */
static bool is_secure(const struct stat *st, int fd)
{
	if ((st->st_mode & S_ISUID) && st->st_uid != getuid())
		return true;
	if ((st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) && st->st_gid != getgid())
		return true;
	return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* Does a library come from outside the system's folders?  Then it is named with a path, or the program has a search
 * path of its own. */
static bool needs_own_libraries(Elf *elf, Elf_Scn *scn, const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Dyn dyn;

	for (int i = 0; data && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		const char *name = dyn.d_tag == DT_NEEDED ? elf_strptr(elf, shdr->sh_link, dyn.d_un.d_val) : NULL;

		if (dyn.d_tag == DT_RPATH || dyn.d_tag == DT_RUNPATH || (name && strchr(name, '/')))
			return true;
	}
	return false;
}

static bool has_own_libraries(Elf *elf)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	if (getenv("LD_LIBRARY_PATH"))
		return true;
	while ((scn = elf_nextscn(elf, scn)) != NULL)
		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_DYNAMIC && needs_own_libraries(elf, scn, &shdr))
			return true;
	return false;
}

/* A program that is linked with libmemsan.a has the runtime's code in a section of its own. */
static bool holds_memsan(Elf *elf)
{
	Elf_Scn *scn = NULL;
	size_t names;
	GElf_Shdr shdr;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return false;
	while ((scn = elf_nextscn(elf, scn)) != NULL) {
		const char *name = gelf_getshdr(scn, &shdr) ? elf_strptr(elf, names, shdr.sh_name) : NULL;

		if (name && strcmp(name, "memsan_text") == 0)
			return true;
	}
	return false;
}

/* What the program's loader makes of LD_PRELOAD. */
static void inspect_loader(struct target *t, const struct loader_answer *a)
{
	const char *loader = a->loader[0] ? a->loader : t->file;

	if (a->verdict == LOADER_NONE)
		target_verdict(t, TARGET_BLIND, "it is statically linked");
	else if (a->verdict == LOADER_OTHER)
		target_verdict(t, TARGET_FOREIGN, "its dynamic loader, %.160s, is not glibc's", loader);
	else if (a->verdict == LOADER_OLD)
		target_verdict(t, TARGET_FOREIGN, "its dynamic loader, %.160s, is glibc 2.%u's and memsan needs 2.%u",
		               loader, a->has, a->needs);
}

static void inspect_elf(struct target *t, Elf *elf, const struct loader_answer *a)
{
	GElf_Ehdr ehdr;

	if (!gelf_getehdr(elf, &ehdr))
		return;
	if (ehdr.e_machine != EM_X86_64 || ehdr.e_ident[EI_CLASS] != ELFCLASS64)
		target_verdict(t, a->verdict == LOADER_MACHINE ? TARGET_FOREIGN : TARGET_BLIND,
		               "it is not a 64-bit x86-64 program");
	else if (a->sanitizer)
		target_verdict(t, TARGET_SANITIZED, "it is built for another sanitizer (%s)", a->sanitizer);
	else if (!(t->holds_memsan = holds_memsan(elf)))
		inspect_loader(t, a);
	t->own_libraries = has_own_libraries(elf);
}

static void inspect_fd(struct target *t, int fd, const struct stat *st, const char *library)
{
	struct loader_answer answer;
	Elf *elf;

	if (is_secure(st, fd)) {
		target_verdict(t, TARGET_BLIND,
		               "it runs with more rights than its user (set-uid, set-gid or capabilities)");
		return;
	}
	loader_ask(fd, library, &answer);
	t->is_loader = answer.is_loader && answer.verdict == LOADER_LOADS;
	if (t->is_loader || elf_version(EV_CURRENT) == EV_NONE || (elf = elf_begin(fd, ELF_C_READ, NULL)) == NULL)
		return;
	if (elf_kind(elf) == ELF_K_ELF)
		inspect_elf(t, elf, &answer);
	elf_end(elf);
}

/* "#!/usr/bin/env NAME": env runs the program of that name.  Its options and variables are left to it. */
static void follow_env(struct target *t, int fd)
{
	char line[256], *name, *slash = strrchr(t->file, '/');
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	char found[sizeof(t->file)];

	if (n <= 0 || !slash || strcmp(slash, "/env") != 0)
		return;
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	name = strstr(line, "/env");
	if (!name)
		return;
	name += strcspn(name, " \t");
	name += strspn(name, " \t");
	if (*name && !name[strcspn(name, " \t=")] && *name != '-' && find_program(name, found, sizeof(found)))
		snprintf(t->file, sizeof(t->file), "%s", found);
}

static void inspect_file(struct target *t, unsigned scripts_left, const char *library)
{
	int fd = open(t->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return;
	}
	if (scripts_left && loader_script(fd, t->file, sizeof(t->file))) {
		follow_env(t, fd);
		close(fd);
		inspect_file(t, scripts_left - 1, library);
		return;
	}
	inspect_fd(t, fd, &st, library);
	close(fd);
}

/* The program among the arguments of "ld.so [OPTIONS] PROG [ARGS...]", or NULL. */
static char **loaded_program(char **argv)
{
	static const char *const with_value[] = { "--library-path",
		                                  "--glibc-hwcaps-prepend",
		                                  "--glibc-hwcaps-mask",
		                                  "--inhibit-rpath",
		                                  "--audit",
		                                  "--preload",
		                                  "--argv0" };

	for (argv++; *argv && strncmp(*argv, "--", 2) == 0; argv++)
		for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++)
			if (strcmp(*argv, with_value[i]) == 0 && argv[1])
				argv++;
	return *argv ? argv : NULL;
}

void target_inspect(char **argv, const char *library, struct target *t)
{
	for (unsigned loaders = 0; argv && loaders < 2; loaders++) {
		memset(t, 0, sizeof(*t));
		t->kind = TARGET_PRELOADABLE;
		if (find_program(argv[0], t->file, sizeof(t->file)))
			inspect_file(t, SCRIPTS_MAX, library);
		else
			t->file[0] = '\0';
		argv = t->is_loader ? loaded_program(argv) : NULL;
	}
}
