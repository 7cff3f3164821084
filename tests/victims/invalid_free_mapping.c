/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_mapping.c - memory of mmap, and a constant, are freed
 *
 * expect: below
 * modes: check production
 */
#include <stdlib.h>
#include <sys/mman.h>

static void give(void *p)
{
	free(p); /* expect: invalid-free in=give place=mapping */
}

static void give_constant(void *p)
{
	free(p); /* expect: invalid-free in=give_constant place=constants+0x4/0x10 */
}

static const int constants[4] = { 1, 2, 3, 4 };

int main(void)
{
	char *m = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	give(m + 64);
	give_constant((void *)&constants[1]);
	return 0;
}
