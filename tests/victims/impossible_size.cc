/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/impossible_size.cc - requests that nothing can serve: each is reported and fails as ever; in production
 * they only fail
 *
 * expect: below
 * expect-production: none
 * modes: check production
 * options: bad_alignment=on
 * ways: preload linked
 * flags: -fno-exceptions
 * output: 1 1 1 1 1 1 1 1 1 1 1 1
 */
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <new>

static volatile size_t most = SIZE_MAX;
static void *out;

static int failed(void *p)
{
	int well = p == nullptr && errno == ENOMEM;

	errno = 0;
	return well;
}

int main()
{
	int ok[12];

	ok[0] = failed(malloc(most));            /* expect: impossible-size in=main */
	ok[1] = failed(calloc(most / 2, 3));     /* expect: impossible-size in=main */
	ok[2] = failed(calloc(1, most / 2 + 1)); /* expect: impossible-size in=main */
	out = malloc(10);
	ok[3] = failed(realloc(out, most - 100));       /* expect: impossible-size in=main */
	ok[4] = failed(reallocarray(out, most / 8, 9)); /* expect: impossible-size in=main */
	free(out);
	ok[5] = failed(aligned_alloc(most / 2 + 1, 10));                      /* expect: impossible-size in=main */
	ok[6] = posix_memalign(&out, most / 4 + 1, 10) == ENOMEM;             /* expect: impossible-size in=main */
	ok[7] = (errno = ENOMEM, failed(operator new[](most, std::nothrow))); /* expect: impossible-size in=main */
	ok[8] = posix_memalign(&out, 3, 8) == EINVAL;                         /* expect: impossible-size in=main */
	ok[9] = posix_memalign(&out, 4, 8) == EINVAL;                         /* expect: impossible-size in=main */
	aligned_alloc(48, 96);                                                /* expect: impossible-size in=main */
	ok[10] = posix_memalign(&out, 8, 1) == 0 && aligned_alloc(64, 9) && memalign(48, 96);
	ok[11] = !operator new(9, std::align_val_t(48), std::nothrow); /* expect: impossible-size in=main */
	for (int i = 0; i < 12; i++)
		printf("%d%c", ok[i], i < 11 ? ' ' : '\n');
	return 0;
}
