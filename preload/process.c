/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/process.c - turning points of a process: fork, the end of a thread, the end of the program.
 *
 * fork: the first constructor to run registers our handlers.  So our prepare handler runs after all others, which may
 * still allocate, and our parent and child handlers run before all others.
 *
 * The end of a thread: the destructor of a pthread key tells. A program that wants all PTHREAD_KEYS_MAX keys gets that
 * key too (unseen/keys.c). Then libc's last step in a thread tells: it frees its buffers, of which most are NULL, when
 * no code of the program is on the thread's stack any more. That step comes after all destructors. The key remains the
 * first choice, since how libc ends a thread is not documented.
 *
 * Program end: the last checks of the heap must run after all exit handlers and destructors, but before exit flushes
 * stdio.  (memsan may replace the exit status, and then flushes stdio itself.)  A handler that is registered while
 * ld.so runs destructors runs after all of those, so our destructor registers exit_last.
 */
#include "preload/preload.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>

/* libc's list of streams, for libraries that fork with streams open; libc has no header for it. */
void _IO_list_lock(void);
void _IO_list_unlock(void);
FILE *_IO_iter_begin(void);
FILE *_IO_iter_end(void);
FILE *_IO_iter_next(FILE *at);
FILE *_IO_iter_file(FILE *at);

TLS_IE bool thread_watched;

static pthread_key_t exit_key;
static bool exit_watched;     /* false: before our constructor */
uint32_t process_key_is_gone; /* atomic */
static TLS_IE bool thread_over;

/* ---- threads --------------------------------------------------------------------------------- */

/* Destructors of other keys may run after ours and allocate again.  The thread then registers anew, and ours is called
 * in the next round. */
static void thread_exiting(void *value)
{
	bool outside = slab_enter();

	(void)value;
	thread_watched = false;
	/* A signal handler that interrupted the runtime ends the thread: what the thread had cached is lost. */
	if (!outside)
		return;
	leak_roots_thread_exit();
	shadow_thread_exit();
	slab_thread_exit();
	unwind_thread_exit();
	fault_thread_exit();
	thread_exit_notify();
	runtime_leave();
}

__cold_path void process_watch_thread(void)
{
	if (!exit_watched || !process_is_this())
		return; /* before our constructor there is one thread, and it ends with the program */
	thread_tid_own();
	/* Set first, since pthread_setspecific may allocate. */
	thread_watched = true;
	if (thread_over)
		return; /* libc's very last frees: nothing would tell of another end */
	if (!READ_ONCE(process_key_is_gone))
		pthread_setspecific(exit_key, &thread_watched);
	fault_thread_start();
}

bool process_give_key(void)
{
	if (!exit_watched || __atomic_exchange_n(&process_key_is_gone, 1, __ATOMIC_RELAXED))
		return false;
	return pthread_key_delete(exit_key) == 0;
}

/* clone, start_thread, and the functions that free libc's buffers. */
#define END_FRAMES 6

__cold_path void process_freed_nothing(const struct unwind_regs *regs)
{
	const void *libc = NULL;
	uintptr_t pcs[END_FRAMES];
	struct dl_find_object found;
	size_t n;

	if (!thread_watched || thread_over || !process_is_this())
		return;
	if (_dl_find_object((void *)pthread_key_delete, &found) == 0)
		libc = found.dlfo_link_map;
	if (!libc || _dl_find_object((void *)(regs->ret - 1), &found) != 0 || found.dlfo_link_map != libc)
		return;
	n = unwind_walk(regs, pcs, END_FRAMES);
	if (n < 2 || n == END_FRAMES)
		return;
	for (size_t i = 0; i < n; i++)
		if (_dl_find_object((void *)(pcs[i] - 1), &found) != 0 || found.dlfo_link_map != libc)
			return;
	thread_over = true;
	thread_exiting(NULL);
}

__cold_path bool process_enter(void)
{
	runtime_ensure();
	if (runtime_is_off())
		return false;
	process_watch_thread();
	return true;
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void fork_prepare(void)
{
	runtime_ensure();
	reports_fork_prepare();
	if (slab_enter()) {
		fence_fork_prepare();
		runtime_leave();
	}
	lib_fork_prepare();
}

static void fork_child(void)
{
	reports_fork_child();
	lib_fork_child();
	slab_fork_child();
	leak_fork_child();
	fault_fork_child();
	exits_fork_child();
}

/* In a child of a raw clone or of _Fork, at the first call that must know. Other threads' caches stay as they are: by
 * now the child may have threads of its own. */
static bool copy_settled(void)
{
	/* A lock that no thread of this process holds was taken by a thread that was not copied: what it guards may be
	 * half written. */
	bool torn = locks_settle_copy();

	reports_fork_child();
	thread_fork_child();
	slab_copy_child();
	leak_fork_child();
	fault_copy_child();
	return torn;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* What exit does with streams after its last handler: output is written, and an input file is set back to where the
 * program has read, for the next program that reads it. fflush(NULL) does not set back, and waits for streams that
 * threads have locked, such as one that reads a terminal. Like exit, this flushes output whoever has the lock. */
static void streams_settle(void)
{
	_IO_list_lock();
	for (FILE *at = _IO_iter_begin(); at != _IO_iter_end(); at = _IO_iter_next(at)) {
		FILE *f = _IO_iter_file(at);
		bool locked = ftrylockfile(f) == 0;

		if (locked || __fwriting(f))
			fflush_unlocked(f);
		if (locked)
			funlockfile(f);
	}
	_IO_list_unlock();
}

static void exit_last(int status, void *unused)
{
	bool sound;

	(void)unused;
	/* A child that shares this memory called exit. */
	if (!process_is_this() || runtime_is_off())
		return;
	/* A signal handler that interrupted the runtime calls exit: the heap's locks may be taken. */
	if (!slab_enter()) {
		interrupted_exit();
		return;
	}
	thread_ends_process = true;
	sound = options.check_at_exit && !process_is_torn();
	report_batch_begin();
	exits_tell(status);
	if (sound && runtime_state_now == RUNTIME_READY)
		exits_verify_all(NULL);
	runtime_leave();
	exits_tell_given_up();
	/* A scan makes many system calls, of which such a filter may forbid one. */
	if (options.leak && !os_free_to(OS_CALL_SIGPROCMASK))
		report_line("leak: no scan at exit: %s a filter of system calls",
		            os_filter_set() ? "the program has set" : "the program was started under");
	else if (runtime_state_now == RUNTIME_READY)
		exits_leak_check();
	if (runtime_state_now == RUNTIME_READY) {
		fence_only_summary();
		shadow_summary();
		watch_explain();
	}
	report_summary();
	exits_are_done();
	/* os_exit_group and a panic do not flush stdio, as exit would do after this last handler. */
	if (report_count() && (options.exitcode || options.fault == FAULT_PANIC || options.fault == FAULT_ABORT))
		streams_settle();
	report_batch_end();
	if (report_count() == 0 || options.exitcode == 0)
		return;
	os_exit_group((int)options.exitcode);
}

__attribute__((destructor)) static void process_destructor(void)
{
	if (on_exit(exit_last, NULL) != 0)
		exit_last(0, NULL);
}

void process_init(void)
{
	process_start(copy_settled);
	if (pthread_key_create(&exit_key, thread_exiting) != 0)
		process_key_is_gone = true;
	exit_watched = true;
	pthread_atfork(fork_prepare, lib_fork_parent, fork_child);
}
