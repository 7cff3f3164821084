/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/foreign.c - a program that this one starts inherits LD_PRELOAD, but its dynamic loader may be one that
 * cannot load memsan (lib/loader.c): musl's and an older glibc's end the program, one of another machine complains.
 * Such a program gets an environment without memsan's library.  So do two that replace malloc themselves: a program
 * that is linked with another sanitizer's library, and Valgrind's tools that do.
 *
 * Also in the child of vfork, which shares this memory: nothing is allocated, and nothing but the caller's stack is
 * written.  The file is looked for as exec does; a mistake there leaves the environment as it is.  Only in the shared
 * library. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>

#define LIBRARY_PREFIX "libmemsan.so"
#define EARLY_PREFIX "libmemsan-early.so"
#define SCRIPTS_MAX 4 /* as many #! lines as the kernel follows */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* ---- LD_PRELOAD and LD_AUDIT ----------------------------------------------------------------- */

static const char preload_variable[] = "LD_PRELOAD=", audit_variable[] = "LD_AUDIT=";

/* The file that variables of this name hold for memsan; NULL: no such variable. */
static const char *ours_in(const char *entry)
{
	if (str_starts(entry, preload_variable))
		return LIBRARY_PREFIX;
	return str_starts(entry, audit_variable) ? EARLY_PREFIX : NULL;
}

/* The length of the item of a list that begins here; colons separate the items, in LD_PRELOAD blanks too. */
static size_t item_length(const char *s)
{
	size_t n = 0;

	while (s[n] && s[n] != ':' && s[n] != ' ')
		n++;
	return n;
}

static bool item_is_ours(const char *item, size_t len, const char *prefix)
{
	while (len && str_char(item, '/') && str_char(item, '/') < item + len) {
		len -= (size_t)(str_char(item, '/') + 1 - item);
		item = str_char(item, '/') + 1;
	}
	return str_starts(item, prefix);
}

/* The path of memsan's library in this entry of the environment, or NULL. */
static const char *find_ours(const char *entry, size_t *len)
{
	const char *prefix = ours_in(entry), *s;

	if (!prefix)
		return NULL;
	for (s = str_char(entry, '=') + 1; *s; s += *len, s += *s != '\0') {
		*len = item_length(s);
		if (item_is_ours(s, *len, prefix))
			return s;
	}
	return NULL;
}

/* Copies the entry without memsan's library.  Returns the room needed; 0: nothing is left. */
static size_t entry_without(const char *entry, char *to)
{
	const char *prefix = ours_in(entry), *s = str_char(entry, '=') + 1;
	size_t head = (size_t)(s - entry), at = head, len;

	mem_copy(to, entry, head);
	for (; *s; s += len, s += *s != '\0') {
		len = item_length(s);
		if (!len || item_is_ours(s, len, prefix))
			continue;
		if (at > head)
			to[at++] = ':';
		mem_copy(to + at, s, len);
		at += len;
	}
	to[at] = '\0';
	return at > head ? at + 1 : 0;
}

/* ---- the program ----------------------------------------------------------------------------- */

/* Finds a program as execvp does.  Returns a descriptor, or -errno. */
static int open_in_path(const char *name, char *out, size_t size)
{
	const char *path = getenv("PATH");

	if (str_char(name, '/') || !*name)
		return os_open(name, OPEN_FLAGS, 0);
	for (path = path ? path : "/bin:/usr/bin";;) {
		const char *end = str_char(path, ':');
		size_t len = end ? (size_t)(end - path) : str_length(path);
		struct fmt_buf b;

		fmt_init(&b, out, size);
		fmt_printf(&b, "%.*s%s%s", (int)len, path, len ? "/" : "./", name);
		if (!b.truncated && arch_syscall6(SYS_faccessat, AT_FDCWD, (long)out, X_OK, 0, 0, 0) == 0)
			return os_open(out, OPEN_FLAGS, 0);
		if (!end)
			return -ENOENT;
		path = end + 1;
	}
}

/* The tool of this program, if it is one of Valgrind's that replaces malloc: beside LIBEXEC/memcheck-amd64-linux lies
 * vgpreload_memcheck-amd64-linux.so, which Valgrind preloads.  callgrind and others replace nothing, and have no such
 * library. */
static bool valgrind_tool(int fd, char *path, size_t size, char *tool, size_t tool_size)
{
	char link[32];
	struct fmt_buf b;
	const char *name;
	long n;

	fmt_init(&b, link, sizeof(link));
	fmt_printf(&b, "/proc/self/fd/%d", fd);
	n = arch_syscall6(SYS_readlink, (long)link, (long)path, (long)size - 1, 0, 0, 0);
	if (n <= 0)
		return false;
	path[n] = '\0';
	name = str_last(path, '/');
	if (!name || !str_char(name, '-'))
		return false;
	str_copy(tool, name + 1, tool_size);
	fmt_init(&b, path + (name + 1 - path), size - (size_t)(name + 1 - path));
	fmt_printf(&b, "vgpreload_%s.so", tool);
	return !b.truncated && arch_syscall6(SYS_faccessat, AT_FDCWD, (long)path, R_OK, 0, 0, 0) == 0;
}

/* May memsan's library be loaded into the program that is open here?  Closes the descriptor. */
static bool may_load(int fd, const char *library)
{
	char path[1024], tool[64];
	struct loader_answer answer;

	for (int scripts = 0; scripts < SCRIPTS_MAX && loader_script(fd, path, sizeof(path)); scripts++) {
		os_close(fd);
		fd = os_open(path, OPEN_FLAGS, 0);
		if (fd < 0)
			return true;
	}
	loader_ask(fd, library, &answer);
	if (answer.verdict == LOADER_NONE && valgrind_tool(fd, path, sizeof(path), tool, sizeof(tool))) {
		report_line("%.*s replaces malloc itself, so memsan is not loaded into the program that it runs",
		            (int)((str_char(tool, '-') ? str_char(tool, '-') : tool) - tool), tool);
		os_close(fd);
		return false;
	}
	os_close(fd);
	return !answer.sanitizer &&
	       (answer.verdict == LOADER_UNKNOWN || answer.verdict == LOADER_NONE || answer.verdict == LOADER_LOADS);
}

/* ---- the environment ------------------------------------------------------------------------- */

static int open_program(const struct program_ref *program)
{
	char path[1024];
	struct fmt_buf b;

	if (program->search)
		return open_in_path(program->path, path, sizeof(path));
	/* The kernel refuses a bad pointer; this function need not read it. */
	if (program->dir == AT_FDCWD || program->path[0])
		return (int)arch_syscall6(SYS_openat, program->dir, (long)program->path, OPEN_FLAGS, 0, 0, 0);
	/* The descriptor may have been opened with O_PATH. */
	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "/proc/self/fd/%d", program->dir);
	return os_open(path, OPEN_FLAGS, 0);
}

size_t foreign_environment_size(const struct program_ref *program, char *const envp[])
{
	const char *library = NULL;
	char name[1024];
	size_t size = sizeof(*envp), len, library_len = 0;
	int fd;

	if (!envp || !program->path || !os_page_readable(envp))
		return 0;
	for (char *const *e = envp; *e; e++) {
		const char *found = find_ours(*e, &len);

		size += sizeof(*envp) + (found ? str_length(*e) + 1 : 0);
		if (found && str_starts(*e, preload_variable)) {
			library = found;
			library_len = len;
		}
	}
	/* A seccomp filter may end the program for opening a file. */
	if (!library || os_under_seccomp())
		return 0;
	if (str_starts(library, LOADER_GLIBC_ONLY)) {
		library += sizeof(LOADER_GLIBC_ONLY) - 1;
		library_len -= sizeof(LOADER_GLIBC_ONLY) - 1;
	}
	str_copy(name, library, MIN(sizeof(name), library_len + 1));
	fd = open_program(program);
	return fd < 0 || may_load(fd, name) ? 0 : size;
}

char **foreign_environment(void *room, char *const envp[])
{
	char **copy = room, *text;
	size_t n = 0, len;

	while (envp[n])
		n++;
	text = (char *)(copy + n + 1);
	n = 0;
	for (char *const *e = envp; *e; e++) {
		size_t used;

		if (!find_ours(*e, &len)) {
			copy[n++] = *e;
			continue;
		}
		used = entry_without(*e, text);
		if (used)
			copy[n++] = text;
		text += used;
	}
	copy[n] = NULL;
	return copy;
}
