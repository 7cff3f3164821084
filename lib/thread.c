/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/thread.c - the table of threads: an index of 13 bits, the tid and the name of each thread, also after its end.
 *
 * A track has no room for a tid and a name, so it holds the index of a slot in this table:
 *
 *    slot   0       1 … next_fresh-1                    next_fresh … 8191
 *           none    alive, or dead and in the queue     never used
 *
 *    dead queue:  longest dead --> … --> last to die
 *
 * A new thread takes a slot that was never used. When there is none left, it takes the slot of the longest dead thread:
 * so the names of dead threads stay as long as possible. One weakness is accepted: after 8191 threads, slots are used
 * again, and old tracks with such a slot name the new thread.
 *
 * A lookup takes no lock, since a report may be made under any lock. A slot's sequence number is odd while the slot is
 * written.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#define THREAD_SLOTS (1u << THREAD_INDEX_BITS)

struct thread_slot {
	uint32_t seq; /* odd while being written */
	pid_t tid;
	uint32_t name[THREAD_NAME_MAX / sizeof(uint32_t)]; /* its bytes, terminated */
	uint16_t next_dead;                                /* in the dead queue; 0: the last */
	bool alive;
};

/* Guards writing to thread_slots and the variables below. Only the kernel is called under this lock, so a thread may
 * register while it holds any lock but a leaf. */
static struct ranked_lock thread_lock = RANKED_LOCK_INIT(LOCK_RANK_THREADS);
static __large_bss struct thread_slot thread_slots[THREAD_SLOTS];
static uint32_t next_fresh = 1;        /* may be read without the lock */
static uint32_t dead_first, dead_last; /* the dead queue; dead_first may be read without the lock */
/* jiffies of the last slot_sweep, 0: never; may be read without the lock */
static uint32_t swept_at;
static bool thread_lock_registered; /* atomic */

TLS_IE uint32_t thread_self_index;
uint32_t thread_first_own;
/* This thread is inside a function that takes thread_lock: its signal handlers get index 0 instead of a deadlock. */
static TLS_IE bool thread_busy;

/* ---- slots, under thread_lock ---------------------------------------------------------------- */

static void slot_write(struct thread_slot *slot, pid_t tid, const char *name, bool alive)
{
	uint32_t words[ARRAY_SIZE(slot->name)] = { 0 };

	str_copy((char *)words, name, sizeof(words));
	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* pairs with thread_lookup */
	__atomic_store_n(&slot->tid, tid, __ATOMIC_RELAXED);
	for (size_t i = 0; i < ARRAY_SIZE(slot->name); i++)
		WRITE_ONCE(slot->name[i], words[i]);
	__atomic_store_n(&slot->alive, alive, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_RELEASE);
}

static void slot_bury(uint32_t index)
{
	__atomic_store_n(&thread_slots[index].alive, false, __ATOMIC_RELAXED);
	thread_slots[index].next_dead = 0;
	if (dead_last)
		thread_slots[dead_last].next_dead = (uint16_t)index;
	else
		dead_first = index;
	dead_last = index;
}

/* Finds threads that ended without thread_exit_notify, such as those made by a raw clone. The kernel is asked only when
 * the table is full, and at most once a second. */
static void slot_sweep(void)
{
	uint32_t now = jiffies_now();
	pid_t pid = os_getpid();

	if (swept_at && now - swept_at < JIFFIES_HZ)
		return;
	swept_at = now;
	for (uint32_t i = 1; i < next_fresh; i++)
		if (thread_slots[i].alive && !os_filter_set() &&
		    os_syscall4(SYS_tgkill, pid, thread_slots[i].tid, 0, 0) == -ESRCH)
			slot_bury(i);
}

static uint32_t slot_take(void)
{
	uint32_t index;

	if (next_fresh < THREAD_SLOTS) {
		index = next_fresh;
		__atomic_store_n(&next_fresh, index + 1, __ATOMIC_RELEASE); /* pairs with thread_lookup */
		return index;
	}
	if (!dead_first)
		slot_sweep();
	index = dead_first;
	if (index) {
		dead_first = thread_slots[index].next_dead;
		if (!dead_first)
			dead_last = 0;
	}
	return index;
}

/* ---- registration ---------------------------------------------------------------------------- */

/* Can there be a free slot? Checked before the lock is taken: so a table that stays full costs no lock. */
static bool thread_may_register(void)
{
	uint32_t swept = __atomic_load_n(&swept_at, __ATOMIC_RELAXED);

	return __atomic_load_n(&next_fresh, __ATOMIC_RELAXED) < THREAD_SLOTS ||
	       __atomic_load_n(&dead_first, __ATOMIC_RELAXED) || !swept || jiffies_now() - swept >= JIFFIES_HZ;
}

uint32_t thread_index_first(void)
{
	char name[THREAD_NAME_MAX];
	uint32_t index;

	if (thread_busy || !thread_may_register() || !process_is_this())
		return 0;
	thread_busy = true;
	if (!__atomic_load_n(&thread_lock_registered, __ATOMIC_RELAXED)) {
		lock_register_for_fork(&thread_lock);
		__atomic_store_n(&thread_lock_registered, true, __ATOMIC_RELAXED);
	}
	os_thread_name(name, sizeof(name));
	lock_acquire(&thread_lock);
	index = slot_take();
	if (index)
		slot_write(&thread_slots[index], thread_tid(), name, true);
	lock_release(&thread_lock);
	thread_self_index = index;
	thread_busy = false;
	return index;
}

/* The index stays valid, since later destructors of thread-specific data may still allocate. */
void thread_exit_notify(void)
{
	uint32_t index = thread_self_index;
	char name[THREAD_NAME_MAX];

	if (!index || thread_busy || !thread_slots[index].alive)
		return;
	thread_busy = true;
	os_thread_name(name, sizeof(name));
	lock_acquire(&thread_lock);
	slot_write(&thread_slots[index], thread_self_tid, name, false);
	slot_bury(index);
	lock_release(&thread_lock);
	thread_busy = false;
}

/* The forking thread gets a new slot in the child, so older allocations still belong to the parent's thread. No other
 * thread exists in the child, so all others are dead. No lock is needed: the parent held it over the fork. */
void thread_fork_child(void)
{
	pid_t tid = os_gettid();
	bool known = thread_self_index != 0;
	char name[THREAD_NAME_MAX];

	if (tid == thread_self_tid)
		return;
	thread_busy = true;
	thread_self_tid = tid;
	for (uint32_t i = 1; i < next_fresh; i++)
		if (thread_slots[i].alive)
			slot_bury(i);
	thread_first_own = next_fresh;
	thread_self_index = known ? slot_take() : 0;
	if (thread_self_index) {
		os_thread_name(name, sizeof(name));
		slot_write(&thread_slots[thread_self_index], tid, name, true);
	}
	swept_at = 0;
	thread_busy = false;
}

/* ---- lookup ---------------------------------------------------------------------------------- */

/* After this many tries the lookup gives up: a report without a thread's name is better than a report that hangs. */
#define LOOKUP_TRIES 100

static bool slot_read(const struct thread_slot *slot, struct thread_info *info)
{
	uint32_t words[ARRAY_SIZE(slot->name)];

	for (int i = 0; i < LOOKUP_TRIES; i++) {
		uint32_t seq = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);
		info->tid = __atomic_load_n(&slot->tid, __ATOMIC_RELAXED);
		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			words[k] = READ_ONCE(slot->name[k]);
		mem_copy(info->name, words, sizeof(info->name));
		info->alive = __atomic_load_n(&slot->alive, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with slot_write */
		if (!(seq & 1) && seq == __atomic_load_n(&slot->seq, __ATOMIC_RELAXED))
			return true;
		arch_relax();
	}
	return false;
}

bool thread_lookup(uint32_t index, struct thread_info *info)
{
	if (!index || index >= __atomic_load_n(&next_fresh, __ATOMIC_ACQUIRE) ||
	    !slot_read(&thread_slots[index], info) || !info->tid)
		return false;
	/* A thread often gets its name after its first allocation. The kernel gives each thread only its own name. */
	if (index == thread_self_index && info->alive)
		os_thread_name(info->name, sizeof(info->name));
	return true;
}

void thread_directory_fill(struct lib_directory *r)
{
	r->threads = (uint64_t)(uintptr_t)thread_slots;
	r->thread_size = sizeof(struct thread_slot);
	r->thread_tid = offsetof(struct thread_slot, tid);
	r->thread_name = offsetof(struct thread_slot, name);
	r->nr_threads = THREAD_SLOTS;
}
