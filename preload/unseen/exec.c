/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/exec.c - another program inherits SIGSEGV and SIGBUS as ignored or blocked if this program thinks that
 * they are (fault/signals.c), and LD_PRELOAD only if it can load memsan (foreign.c). Also in the child of vfork, which
 * shares this memory: these functions allocate nothing, and what they change in the kernel is the child's own. Only in
 * the shared library. */
#include "preload/unseen/unseen.h"

#include <alloca.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>

/* Returns only on failure. */
#define EXEC(call)                       \
	do {                             \
		struct signals_exec e_;  \
		int ret_, error_;        \
                                         \
		shadow_before_exec();    \
		signals_exec_begin(&e_); \
		ret_ = (call);           \
		error_ = errno;          \
		signals_exec_over(&e_);  \
		errno = error_;          \
		return ret_;             \
	} while (0)

/* Gives the program an environment without memsan's library if it must not have this library, and with what is known
 * of the filters that it inherits. */
#define FIT_ENVIRONMENT(envp, ...)                                                \
	do {                                                                      \
		struct program_ref program_ = { __VA_ARGS__ };                    \
		size_t size_ = foreign_environment_size(&program_, envp);         \
		envp = size_ ? foreign_environment(alloca(size_), envp) : (envp); \
		size_ = evidence_environment_size(envp);                          \
		envp = size_ ? evidence_environment(alloca(size_), envp) : envp;  \
	} while (0)

/* Checks what the kernel will read. Arguments are looked at only when their list is in the heap: the kernel refuses a
 * list where there is no memory, and memsan must not crash on it. */
static void check_program(const char *path, char *const argv[], const char *entry)
{
	if (!libc_checks())
		return;
	if (path)
		kernel_reads_path(path, entry);
	if (!arena_contains(argv) && !fence_contains(argv))
		return;
	for (size_t i = 0; kernel_reads(argv + i, sizeof(*argv), entry) && argv[i]; i++)
		kernel_reads_path(argv[i], entry);
}

static int exec_path(const char *path, char *const argv[], char *const envp[], const char *entry)
{
	static void *real_execve;

	check_program(path, argv, entry);
	FIT_ENVIRONMENT(envp, AT_FDCWD, path, false);
	EXEC(WAIT_REAL(execve)(path, argv, envp));
}

static int exec_search(const char *file, char *const argv[], char *const envp[], const char *entry)
{
	static void *real_execvpe;

	check_program(file, argv, entry);
	FIT_ENVIRONMENT(envp, AT_FDCWD, file, true);
	EXEC(WAIT_REAL(execvpe)(file, argv, envp));
}

MEMSAN_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	return exec_path(path, argv, envp, "execve");
}

MEMSAN_EXPORT int execv(const char *path, char *const argv[])
{
	return exec_path(path, argv, environ, "execv");
}

MEMSAN_EXPORT int execvp(const char *file, char *const argv[])
{
	return exec_search(file, argv, environ, "execvp");
}

MEMSAN_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	return exec_search(file, argv, envp, "execvpe");
}

MEMSAN_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	static void *real_fexecve;

	check_program(NULL, argv, "fexecve");
	FIT_ENVIRONMENT(envp, fd, "", false);
	EXEC(WAIT_REAL(fexecve)(fd, argv, envp));
}

MEMSAN_EXPORT int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	static void *real_execveat;

	check_program(path, argv, "execveat");
	FIT_ENVIRONMENT(envp, dir, path, false);
	EXEC(WAIT_REAL(execveat)(dir, path, argv, envp, flags));
}

/* The arguments of execl and similar functions as an array that ends with their NULL. The caller reads the arguments
 * behind it. */
#define ARGUMENTS(argv, first, args)                                                \
	do {                                                                        \
		size_t n_ = 0;                                                      \
		va_start(args, first);                                              \
		for (const char *a_ = (first); a_; a_ = va_arg(args, const char *)) \
			n_++;                                                       \
		va_end(args);                                                       \
		argv = alloca((n_ + 1) * sizeof(*argv));                            \
		argv[0] = (char *)(uintptr_t)(first);                               \
		va_start(args, first);                                              \
		for (size_t i_ = 1; i_ <= n_; i_++)                                 \
			argv[i_] = va_arg(args, char *);                            \
	} while (0)

MEMSAN_EXPORT int execl(const char *path, const char *first, ...)
{
	va_list args;
	char **argv;

	ARGUMENTS(argv, first, args);
	va_end(args);
	return execv(path, argv);
}

MEMSAN_EXPORT int execlp(const char *file, const char *first, ...)
{
	va_list args;
	char **argv;

	ARGUMENTS(argv, first, args);
	va_end(args);
	return execvp(file, argv);
}

MEMSAN_EXPORT int execle(const char *path, const char *first, ...)
{
	va_list args;
	char **argv, **envp;

	ARGUMENTS(argv, first, args);
	envp = va_arg(args, char **);
	va_end(args);
	return execve(path, argv, envp);
}

/* ---- a child with another program at once; this one goes on ---------------------------------- */

/* A relative path with a file action that changes the folder is looked for in the wrong one, and not found. */
#define SPAWN(name, search)                                                                             \
	MEMSAN_EXPORT int name(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, \
	                       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])   \
	{                                                                                               \
		static void *real_##name;                                                               \
		struct signals_exec e;                                                                  \
		int ret;                                                                                \
                                                                                                        \
		check_program(path, argv, #name);                                                       \
		FIT_ENVIRONMENT(envp, AT_FDCWD, path, search);                                          \
		signals_exec_begin(&e);                                                                 \
		ret = WAIT_REAL(name)(pid, path, actions, attr, argv, envp);                            \
		signals_exec_over(&e);                                                                  \
		if (ret == 0 && pid && libc_checks())                                                   \
			check_write(pid, sizeof(*pid), #name);                                          \
		return ret;                                                                             \
	}
SPAWN(posix_spawn, false)
SPAWN(posix_spawnp, true)

static void *real_popen;

static FILE *unseen_popen(const char *command, const char *type)
{
	struct signals_exec e;
	FILE *f;
	int error;

	signals_exec_begin(&e);
	f = WAIT_REAL(popen)(command, type);
	error = errno;
	signals_exec_over(&e);
	errno = error;
	return f;
}

/* ---- behind the interceptors ----------------------------------------------------------------- */

void exec_wrap(void **real)
{
	WAIT_WRAP(popen);
}
