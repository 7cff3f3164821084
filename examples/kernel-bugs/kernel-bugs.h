/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kernel-bugs.h - reads that the compiler must not drop, and sizes that it does not know. */
#ifndef KERNEL_BUGS_H
#define KERNEL_BUGS_H

#include <stdlib.h>
#include <string.h>

#define look(lvalue) ((void)*(volatile __typeof__(lvalue) *)&(lvalue))

static inline size_t size_of(size_t n)
{
	__asm__("" : "+r"(n));
	return n;
}

#endif
