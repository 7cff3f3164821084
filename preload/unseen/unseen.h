/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/unseen.h - hides memsan from the program; shared by the files of preload/unseen/. Only in
 * libmemsan.so, except where the list says "static too".
 *
 *   start.c         the shared library's constructor
 *   shared.c        its presence tells that this is the shared library
 *   waits.c, waits_rare.c, waits_io.c   system calls that memsan interrupted go on
 *   signals.c       the program's handlers, masks and signal stacks
 *   exec.c          signals and environment that another program inherits
 *   foreign.c       programs that cannot load memsan's library
 *   raise.c         a program that ends itself by a signal
 *   exits.c         the last checks at _exit, quick_exit and fatal signals (static too)
 *   quick_exit.c    _exit and _Exit (static too)
 *   vfork.c         vfork, whose child works in this memory
 *   keys.c          keys of thread-specific data: the program may have all
 *   stderr.c        standard error that an exit handler closes, or freopen replaces
 *   dup.c           dup2 and its kin: which file is standard error (static too)
 *   modules.c       dlclose, dlopen, libstdc++ that is loaded late
 *   sandbox.c       what the program does by prctl, syscall and ioctl
 *   evidence.c      what is known of filters of system calls, told to programs that this one starts
 *   mlock.c         mlockall beside a large reserve (static too)
 *   limits.c        setrlimit beside a large reserve (static too)
 *   remap.c         the heap's memory, mapped in another way (static too)
 *   maps.c          threads start on a clean stack
 *   replaced.c      the program's own malloc and operators
 *   skipped.c       a program that run.only or run.skip leaves out
 *   handles.c       libc's own names lead to memsan's functions
 *   jemalloc.c      jemalloc's own functions, beside memsan's malloc
 *   tcmalloc.c      tcmalloc's own names, beside memsan's malloc
 */
#ifndef MEMSAN_UNSEEN_H
#define MEMSAN_UNSEEN_H

#include "preload/intercept/intercept.h"

/* ---- handles.c ------------------------------------------------------------------------------- */

bool module_is_cxx_runtime(const struct link_map *m);
/* Makes libc's symbols of the functions that memsan replaces lead to memsan's, once. Does nothing before the
 * constructor has allowed it, after libc_look_up. */
void handles_redirect(void);
void handles_allow(void);

/* ---- replaced.c ------------------------------------------------------------------------------ */

/* Fills operator_forward. The constructor calls this before handles_allow, since after handles_redirect libstdc++'s
 * operators cannot be found any more. */
void replaced_find(void);
/* The function of that name in the first module behind memsan that has one, or else in front. Not by dlsym: ld.so
 * itself may be at work. */
void *function_behind_memsan(const char *name);
/* Does ld.so search libc before memsan? Then memsan serves nobody's malloc. */
bool libc_before_memsan(void);

/* ---- waits.c: calls that a scan for leaks, or a signal that the program does not see, interrupted go on ---- */

/* Taken before a call that may wait: how many of this thread's calls only memsan had interrupted, and errno. */
struct wait_mark {
	uint32_t interrupts;
	int error;
};
static inline uint32_t wait_interrupts(void)
{
	return leak_interrupts + signals_interrupts;
}
static inline struct wait_mark wait_mark(void)
{
	return (struct wait_mark){ wait_interrupts(), errno };
}
/* Did the call return only because memsan interrupted it? Then errno is restored. */
static inline bool interrupted_by_us(long r, const struct wait_mark *before)
{
	if (likely(r >= 0) || errno != EINTR || wait_interrupts() == before->interrupts)
		return false;
	errno = before->error;
	return true;
}
/* Handlers of signals that were held during the wait run now; errno stays the call's. */
static inline void wait_is_over(const struct signals_wait *w)
{
	int error = errno;

	signals_wait_over(w);
	errno = error;
}
/* libc's function, looked up at its first call, which is mostly after main has begun. */
void *wait_real(void **cache, const char *name);
/* libc's symbol leads to memsan's interceptor, so real_NAME is set before its first call. */
#define WAIT_WRAP(name) (real_##name = real[LIBC_##name], real[LIBC_##name] = (void *)unseen_##name)
#define WAIT_REAL(name) ((__typeof__(&name))wait_real(&real_##name, #name))

uint64_t wait_now_ns(void);
uint64_t wait_deadline_of(const struct timespec *t); /* when the wait ends; UINT64_MAX: never */
uint64_t wait_deadline_of_ms(int ms);
struct timespec *wait_time_left(uint64_t deadline, struct timespec *t);
int wait_ms_left(uint64_t deadline);

/* The functions of these files that stand between an interceptor and libc's own, put into libc_real: parts of
 * libc_wrap. */
void wait_wrap(void **real);
void wait_wrap_rare(void **real);
void wait_wrap_io(void **real);
void signals_wrap(void **real);
void signals_are_used(void); /* the program is about to make libc call rt_sigaction */
void exec_wrap(void **real);
void stderr_wrap(void **real);
void sandbox_wrap(void **real);

/* ---- foreign.c ------------------------------------------------------------------------------- */

/* A program as the exec functions name it. */
struct program_ref {
	int dir; /* where a relative path begins, or AT_FDCWD; with an empty path the program itself */
	const char *path;
	bool search; /* in PATH */
};
/* The bytes that the program's environment needs without memsan's library; 0: it may have envp as it is. */
size_t foreign_environment_size(const struct program_ref *program, char *const envp[]);
/* That environment, in a room of this size. */
char **foreign_environment(void *room, char *const envp[]);

/* ---- evidence.c ------------------------------------------------------------------------------ */

/* The same for an environment that tells which filters of system calls the program inherits. */
size_t evidence_environment_size(char *const envp[]);
char **evidence_environment(void *room, char *const envp[]);

#endif
