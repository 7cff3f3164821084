/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/use_after_poison.c - a read of memory that the program poisoned itself
 *
 * expect: use-after-poison type=read access=1
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>
static int look(volatile char *p, int i)
{
	return p[i]; /* BAD */
}
int main(void)
{
	char *p = calloc(1, 64);
	__asan_poison_memory_region(p + 16, 32);
	if (!__asan_address_is_poisoned(p + 16) || __asan_address_is_poisoned(p + 15) ||
	    __asan_address_is_poisoned(p + 48) || __asan_region_is_poisoned(p, 17) != p + 16 ||
	    __asan_region_is_poisoned(p, 16))
		return 3;
	int r = look(p, 15) + look(p, 48);
	r += look(p, 40);
	__asan_unpoison_memory_region(p, 64);
	free(p);
	return r == 1000;
}
