/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/tcmalloc.c - tcmalloc's own names of malloc's functions and operators, for programs that are linked
 * with it.
 *
 * memsan's malloc stands before tcmalloc's, and tc_free may get what malloc returned, so these functions are memsan's
 * too. Statistics and settings stay tcmalloc's, whose heap is empty then.
 *
 * Weakness accepted: another library's function of such a name would be replaced, unless the program itself has it.
 * None is known. */
#include "preload/unseen/unseen.h"

#include <malloc.h>
#include <stdlib.h>

/* The function is the target, by a jump where the compiler can: stacks begin with the program. */
#define GIVES(type, name, parameters, target, arguments) \
	MEMSAN_EXPORT type name parameters;              \
	MEMSAN_EXPORT type name parameters               \
	{                                                \
		return target arguments;                 \
	}

void *_Znwm(size_t size);
void *_Znam(size_t size);
void *_ZnwmRKSt9nothrow_t(size_t size, const void *nothrow);
void *_ZnamRKSt9nothrow_t(size_t size, const void *nothrow);
void _ZdlPv(void *p);
void _ZdaPv(void *p);
void _ZdlPvm(void *p, size_t size);
void _ZdaPvm(void *p, size_t size);
void _ZdlPvRKSt9nothrow_t(void *p, const void *nothrow);
void _ZdaPvRKSt9nothrow_t(void *p, const void *nothrow);

GIVES(void *, tc_malloc, (size_t size), malloc, (size))
GIVES(void *, tc_malloc_skip_new_handler, (size_t size), malloc, (size))
GIVES(void *, tc_calloc, (size_t n, size_t size), calloc, (n, size))
GIVES(void *, tc_realloc, (void *p, size_t size), realloc, (p, size))
GIVES(void *, tc_memalign, (size_t align, size_t size), memalign, (align, size))
GIVES(int, tc_posix_memalign, (void **p, size_t align, size_t size), posix_memalign, (p, align, size))
GIVES(void *, tc_valloc, (size_t size), valloc, (size))
GIVES(void *, tc_pvalloc, (size_t size), pvalloc, (size))
GIVES(size_t, tc_malloc_size, (void *p), malloc_usable_size, (p))
GIVES(void *, tc_new, (size_t size), _Znwm, (size))
GIVES(void *, tc_newarray, (size_t size), _Znam, (size))
GIVES(void *, tc_new_nothrow, (size_t size, const void *nothrow), _ZnwmRKSt9nothrow_t, (size, nothrow))
GIVES(void *, tc_newarray_nothrow, (size_t size, const void *nothrow), _ZnamRKSt9nothrow_t, (size, nothrow))

#define DOES(name, parameters, target, arguments) \
	MEMSAN_EXPORT void name parameters;       \
	MEMSAN_EXPORT void name parameters        \
	{                                         \
		target arguments;                 \
	}

DOES(tc_free, (void *p), free, (p))
DOES(tc_cfree, (void *p), free, (p))
DOES(tc_delete, (void *p), _ZdlPv, (p))
DOES(tc_deletearray, (void *p), _ZdaPv, (p))
DOES(tc_delete_sized, (void *p, size_t size), _ZdlPvm, (p, size))
DOES(tc_deletearray_sized, (void *p, size_t size), _ZdaPvm, (p, size))
DOES(tc_delete_nothrow, (void *p, const void *nothrow), _ZdlPvRKSt9nothrow_t, (p, nothrow))
DOES(tc_deletearray_nothrow, (void *p, const void *nothrow), _ZdaPvRKSt9nothrow_t, (p, nothrow))

/* Any size from what was asked for to tc_nallocx's answer is right, so none is checked. */
MEMSAN_EXPORT void tc_free_sized(void *p, size_t size);
MEMSAN_EXPORT void tc_free_sized(void *p, size_t size)
{
	(void)size;
	free(p);
}
