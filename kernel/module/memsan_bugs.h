/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel/module/memsan_bugs.h - what the module's files share: the functions of the bugs, and macros that hide a bug
 * from the compiler. */
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

/* Each bug is a function bug_NAME.  It is called in process context, with no lock held.  It returns 0 when the bug
 * happened, or the reason why it could not: -ENOMEM, or -EOPNOTSUPP when this kernel lacks the feature. */
#define KBUG(name, setup, kasan, light, arm64, what, why) int bug_##name(void);
#define DEMO(name, what) int demo_##name(void);
#include "bugs.def"
#undef KBUG
#undef DEMO

/* Hides a pointer's origin from the compiler, so that it neither warns about the bug nor removes it. */
#define hidden(pointer)                         \
	({                                      \
		typeof(pointer) p_ = (pointer); \
		OPTIMIZER_HIDE_VAR(p_);         \
		p_;                             \
	})

/* Reads a value that is not used; the compiler must not drop the read. */
#define look(lvalue) ((void)READ_ONCE(lvalue))

/* The processor no longer checks tags once it has reported one (arch/arm64/mm/fault.c, do_tag_recovery). */
#ifdef CONFIG_KASAN_HW_TAGS
#include <asm/sysreg.h>
static inline void check_again(void)
{
	sysreg_clear_set(sctlr_el1, SCTLR_EL1_TCF_MASK, 1UL << SCTLR_EL1_TCF_SHIFT); /* synchronously */
	isb();
}
#else
static inline void check_again(void)
{
}
#endif

/* leak_forget() and demo_cache_drop() are called once, as the module is unloaded.  They free the objects that bugs and
 * demonstrations still hold. */
void leak_forget(void);
int demo_cache_fill(unsigned int objects);
void demo_cache_drop(void);

#endif
