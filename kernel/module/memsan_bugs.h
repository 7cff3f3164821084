/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel/module/memsan_bugs.h - what the module's files share: the bugs' functions, how they hide from the compiler,
 * kernel versions. */
#ifndef MEMSAN_BUGS_H
#define MEMSAN_BUGS_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <linux/version.h>

#undef pr_fmt
#define pr_fmt(format) "memsan_bugs: " format

/* Each bug is a function bug_NAME in a file of its kind, called in process context with no lock held and no argument.
 * Returns 0 when the bug was made, or why it could not be: -ENOMEM, -EOPNOTSUPP (this kernel lacks what the bug is
 * about). */
#define KBUG(name, setup, kasan, light, arm64, what, why) int bug_##name(void);
#define DEMO(name, what) int demo_##name(void);
#include "bugs.def"
#undef KBUG
#undef DEMO

/* A pointer whose origin the compiler no longer knows, so that it neither warns of the bug nor removes it. */
#define hidden(pointer)                         \
	({                                      \
		typeof(pointer) p_ = (pointer); \
		OPTIMIZER_HIDE_VAR(p_);         \
		p_;                             \
	})

/* Reads that must happen, and whose value nobody wants. */
#define look(lvalue) ((void)READ_ONCE(lvalue))

/* Once, as the module goes: what the bugs and demonstrations left behind where that can be taken back. */
void leak_forget(void);
int demo_cache_fill(unsigned int objects);
void demo_cache_drop(void);

#endif
