/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_dropped_bytes.c - the owner of a large block drops the bytes of all of its pages, or closes them,
 * with the rest of the last page, where check mode has a red zone
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * output: ok
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	for (int how = 0; how < 4; how++)
		for (size_t n = 300000; n < 3000000; n *= 3) {
			char *p = memalign(4096, n);

			memset(p, 1, n);
			if (how < 2)
				madvise(p, n, how ? MADV_FREE : MADV_DONTNEED);
			else
				mprotect(p, n, how == 2 ? PROT_READ : PROT_NONE);
			/* In check mode some are still live when the program ends and the heap is verified. */
			if (n > 300000)
				free(p);
		}
	puts("ok");
	return 0;
}
