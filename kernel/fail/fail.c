// SPDX-License-Identifier: GPL-2.0-only
/* kernel/fail/fail.c - memsan_fail: lets the n-th allocation of a module fail.
 *
 * Fault injection of the kernel cannot do this on x86-64 in Linux 6.1: its filter of stacks is not built there, and
 * /proc/self/fail-nth counts all allocations of a system call, so that loading the module already fails.  Therefore
 * the module's own calls lead through wrappers (wrappers.c), and here they are counted.
 *
 *     parameters/nth       written: count from 0 again, and let the n-th call fail (0: none)
 *     parameters/count     calls since then
 *     parameters/fired     1: the n-th call came, and failed; 2: it came from a place of `skip`, and did not fail
 *     parameters/skip      hashes of places whose calls no longer fail
 *     parameters/jiffies   the kernel's clock, by which kmemleak dates objects
 *
 * Messages for the host, with N the number and LINES of the stack of the call that failed:
 *
 *     memsan_fail: call N of kmalloc_trace fails, size 32, place 8f3a2b1c
 *     memsan_fail:   notes_write+0x27/0xd0 [notes]
 *     memsan_fail: at 0xffffffffc0001027 notes_write+0x27/0xd0 [notes]     names for addresses in later leaks: once the
 *                                                                        module is unloaded, the kernel has none
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/jhash.h>
#include <linux/jiffies.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>

#include "fail.h"

enum { DEPTH = 24, SEEN_MAX = 512, SKIP_MAX = 64 };

static unsigned long nth, fired;
static atomic_long_t count = ATOMIC_LONG_INIT(0);
static u32 skip[SKIP_MAX];
static unsigned int nr_skip;
static DEFINE_SPINLOCK(seen_lock); /* guards seen */
static unsigned long seen[SEEN_MAX];
static unsigned int nr_seen;

/* ---- names of addresses ---------------------------------------------------------------------- */

/* Is this address told already?  With `add`, it is from now on. */
static bool is_told(unsigned long at, bool add)
{
	unsigned long flags;
	bool told = false;
	unsigned int i;

	spin_lock_irqsave(&seen_lock, flags);
	for (i = 0; i < nr_seen && !told; i++)
		told = seen[i] == at;
	if (add && !told && nr_seen < SEEN_MAX)
		seen[nr_seen++] = at;
	spin_unlock_irqrestore(&seen_lock, flags);
	return told;
}

/* "notes_write+0x27/0xd0 [notes]".  False: the address is not in a module, or it is in this one. */
static bool in_module(unsigned long at, char *name)
{
	const char *module;

	sprint_symbol(name, at);
	module = strstr(name, " [");
	return module && strncmp(module, " [memsan_fail", 13) != 0;
}

static void tell_names(void)
{
	unsigned long stack[DEPTH];
	unsigned int nr = stack_trace_save(stack, DEPTH, 2), i;
	char name[KSYM_SYMBOL_LEN];

	for (i = 0; i < nr; i++)
		if (in_module(stack[i], name) && !is_told(stack[i], true))
			pr_info("memsan_fail: at 0x%lx %s\n", stack[i], name);
}

/* ---- the call that fails --------------------------------------------------------------------- */

/* A hash of the module's part of the stack; it is the same each time that the module is loaded. */
static u32 place_of(const unsigned long *stack, unsigned int nr)
{
	char name[KSYM_SYMBOL_LEN];
	u32 hash = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (in_module(stack[i], name))
			hash = jhash(name, strlen(name), hash);
	return hash;
}

static bool is_skipped(u32 place)
{
	unsigned int i;

	for (i = 0; i < nr_skip; i++)
		if (skip[i] == place)
			return true;
	return false;
}

bool memsan_fail_now(const char *function, unsigned long caller, unsigned long flags, unsigned long size)
{
	unsigned long stack[DEPTH];
	char name[KSYM_SYMBOL_LEN];
	unsigned int nr, i;
	long n;
	u32 place;

	if (!is_told(caller, false))
		tell_names();
	/* a caller who cannot be refused is not asked to cope */
	if (flags & __GFP_NOFAIL)
		return false;
	n = atomic_long_inc_return(&count);
	if (!READ_ONCE(nth) || n != READ_ONCE(nth))
		return false;
	nr = stack_trace_save(stack, DEPTH, 2);
	place = place_of(stack, nr);
	if (is_skipped(place)) {
		WRITE_ONCE(fired, 2);
		return false;
	}
	WRITE_ONCE(fired, 1);
	pr_info("memsan_fail: call %ld of %s fails, size %lu, place %08x\n", n, function, size, place);
	for (i = 0; i < nr; i++) {
		sprint_symbol(name, stack[i]);
		pr_info("memsan_fail:   %s\n", name);
	}
	return true;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static int nth_set(const char *text, const struct kernel_param *unused)
{
	unsigned long n, flags;
	int error = kstrtoul(text, 0, &n);

	if (error)
		return error;
	spin_lock_irqsave(&seen_lock, flags);
	nr_seen = 0;
	spin_unlock_irqrestore(&seen_lock, flags);
	atomic_long_set(&count, 0);
	WRITE_ONCE(fired, 0);
	WRITE_ONCE(nth, n);
	return 0;
}

static int count_get(char *buffer, const struct kernel_param *unused)
{
	return sprintf(buffer, "%ld\n", atomic_long_read(&count));
}

static int jiffies_get(char *buffer, const struct kernel_param *unused)
{
	return sprintf(buffer, "%lu\n", jiffies);
}

static int skip_set(const char *text, const struct kernel_param *unused)
{
	u32 place;

	if (kstrtou32(text, 16, &place) || nr_skip == SKIP_MAX)
		return -EINVAL;
	skip[nr_skip++] = place;
	return 0;
}

static const struct kernel_param_ops nth_ops = { .set = nth_set }, count_ops = { .get = count_get },
				     jiffies_ops = { .get = jiffies_get }, skip_ops = { .set = skip_set };

module_param_cb(nth, &nth_ops, NULL, 0200);
module_param_cb(count, &count_ops, NULL, 0400);
module_param_cb(jiffies, &jiffies_ops, NULL, 0400);
module_param_cb(skip, &skip_ops, NULL, 0200);
module_param(fired, ulong, 0400);

/* It is never unloaded: it has no exit function. */
static int __init fail_init(void)
{
	return 0;
}
module_init(fail_init);
MODULE_DESCRIPTION("memsan: lets the n-th allocation of a module fail");
MODULE_LICENSE("GPL v2");
