/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/unseen.h - what the program must not notice: shared by the files of preload/unseen/ (libmemsan.so
 * only).
 *
 *   waits.c, waits_rare.c, waits_io.c   calls that a scan for leaks interrupted go on
 *   start.c       the shared library's constructor
 *   shared.c      whether this is the shared library
 *   signals.c     handlers, masks and signal stacks beside ours
 *   exec.c        what another program inherits of them
 *   raise.c       a program that ends itself by a signal
 *   exits.c       the scan for leaks at _exit and fatal signals (static library too); quick_exit.c
 *   fclose.c      standard error that an exit handler closes
 *   modules.c     what needs ld.so: dlclose, libstdc++ when it comes late
 *   sandbox.c     system call filters that the program sets
 *   mlock.c       mlockall beside a large reserve (static library too)
 *   limits.c      setrlimit beside a large reserve (static library too)
 *   maps.c        memory that changes hands
 *   replaced.c    the program's own malloc and operators
 *   handles.c     the functions of intercept/, for those who find libc's names past us
 */
#ifndef MEMSAN_UNSEEN_H
#define MEMSAN_UNSEEN_H

#include "preload/intercept/intercept.h"

/* ---- handles.c ------------------------------------------------------------------------------- */

bool module_is_cxx_runtime(const struct link_map *m);
/* libc's symbols of what we replace become ours, once; by the constructor, when libc_replaced is known. */
void handles_redirect(void);

/* ---- replaced.c ------------------------------------------------------------------------------ */

/* Fills operator_forward; by the constructor, before handles_redirect: then libstdc++'s operators are not to be found
 * any more. */
void replaced_find(void);

/* ---- waits.c: calls that a scan for leaks, or a signal that the program does not see, interrupted go on ---- */

/* Before a call that may wait: how often this thread had been interrupted by us alone, and errno. */
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
/* Did the call return because of us, and nobody else?  Then errno is what it was. */
static inline bool interrupted_by_us(long r, const struct wait_mark *before)
{
	if (likely(r >= 0) || errno != EINTR || wait_interrupts() == before->interrupts)
		return false;
	errno = before->error;
	return true;
}
/* Handlers of what was held for so long run now, and errno is the call's. */
static inline void wait_is_over(const struct signals_wait *w)
{
	int error = errno;

	signals_wait_over(w);
	errno = error;
}
/* Looked up when it is first called: after main has begun, mostly. */
void *wait_real(void **cache, const char *name);
#define WAIT_REAL(name) ((__typeof__(&name))wait_real(&real_##name, #name))

uint64_t wait_now_ns(void);
uint64_t wait_deadline_of(const struct timespec *t); /* when it ends; UINT64_MAX: never */
uint64_t wait_deadline_of_ms(int ms);
struct timespec *wait_time_left(uint64_t deadline, struct timespec *t);
int wait_ms_left(uint64_t deadline);

/* waits_io.c: as libc_wrap. */
void *wait_wrap_io(const char *name, void *real);

#endif
