/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/invalid_free_variable.c - what is no heap object is freed: the report names the variable, or the
 * frame
 *
 * expect: below
 * needs: compiler
 * ways: linked
 */
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

char table[40];

static __attribute__((noinline)) void release(void *volatile p)
{
	free(p); /* expect: invalid-free in=release place=table+0x3/0x28 */
}

static __attribute__((noinline)) void again(void *volatile p)
{
	p = realloc(p, 100); /* expect: invalid-free in=again frame=owner place='local */
}

static __attribute__((noinline)) void drop(void *volatile p)
{
	free(p);  /* expect: invalid-free in=drop frame=owner place=alloca */
	p = NULL; /* so that the compiler does not make one function of this and release */
}

static __attribute__((noinline)) void owner(int n)
{
	char local[32], *block = alloca(n);

	memset(local, 0, sizeof(local));
	memset(block, 0, (size_t)n);
	release(table + 3);
	again(local);
	drop(block);
}

int main(void)
{
	owner(100 + table[0]);
	return 0;
}
