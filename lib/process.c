/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/process.c - which process runs this code, and does it own this memory?
 *
 * What memsan keeps of a process (the program's handlers and masks, thread ids, counters) is written by that process
 * alone. Two kinds of children would write it, or use what is not theirs:
 *
 *     fork                                    its handlers tell memsan at once
 *     a raw clone, _Fork                      a copy: has memory of its own, but no handler tells memsan
 *     vfork, clone with CLONE_VM              a guest: works in its parent's memory until it runs another program
 *
 * A copy is noticed by a page that the kernel clears in children (MADV_WIPEONFORK): one load. The copy then does what a
 * child of fork does. A guest has another pid. To see that costs a system call, so it is asked only where a guest could
 * change what memsan keeps. Under a filter of system calls even getpid may kill; then vfork's children are known by a
 * thread-local word, which vfork sets (preload/unseen/vfork.c).
 *
 * Weaknesses accepted: under such a filter, guests of a raw clone count as their parent. A kernel that does not clear
 * the page (before Linux 4.14) leaves copies unnoticed.
 */
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum { OWNER_NONE, OWNER_BUSY, OWNER_SELF }; /* OWNER_NONE: this is a copy */
static uint32_t owner_fixed = OWNER_SELF;    /* stands for the page where the kernel cannot clear it */
static uint32_t *owner = &owner_fixed;
static pid_t process_pid; /* 0: before process_start */
static bool (*process_hook_copied)(void);
static bool process_torn_now;

void process_start(bool (*copied)(void))
{
	long page = arch_syscall6(SYS_mmap, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	process_pid = os_getpid();
	process_hook_copied = copied;
	if (page < 0 && page > -(long)PAGE_SIZE)
		return;
	if (!os_filter_allows(OS_CALL_ADVISE) || os_syscall4(SYS_madvise, page, PAGE_SIZE, MADV_WIPEONFORK, 0) != 0) {
		os_syscall4(SYS_munmap, page, PAGE_SIZE, 0, 0);
		return;
	}
	owner = (uint32_t *)page;
	__atomic_store_n(owner, OWNER_SELF, __ATOMIC_RELEASE);
}

void process_fork_child(void)
{
	__atomic_store_n(owner, OWNER_SELF, __ATOMIC_RELEASE);
	process_guests = 0;
	os_fork_child();
	process_pid = os_getpid();
}

TLS_IE pid_t thread_self_tid;

/* A guest, which works in its parent's memory, must not leave its tid in its parent's thread-local words. */
pid_t thread_tid_first(void)
{
	pid_t tid = os_gettid();

	if (process_is_this())
		thread_self_tid = tid;
	return tid;
}

void thread_tid_own(void)
{
	if (!thread_self_tid)
		thread_self_tid = os_gettid();
}

static __cold_path void process_adopt(void)
{
	uint32_t none = OWNER_NONE;

	if (!__atomic_compare_exchange_n(owner, &none, OWNER_BUSY, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	os_copied();
	process_fork_child();
	if (process_hook_copied)
		process_torn_now |= process_hook_copied();
}

bool process_is_copy(void)
{
	return __atomic_load_n(owner, __ATOMIC_RELAXED) == OWNER_NONE;
}

void process_settle(void)
{
	if (unlikely(process_is_copy()))
		process_adopt();
}

bool process_is_torn(void)
{
	return process_torn_now;
}

bool process_is_this(void)
{
	process_settle();
	if (os_pid_is_known())
		return !process_guests;
	return !process_pid || os_getpid() == process_pid;
}
