/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/impossible_size.cc - requests that nothing can serve: each is reported and fails as ever; in production
 * they only fail
 *
 * expect: below
 * expect-production: none
 * modes: check production
 * ways: preload linked
 * flags: -fno-exceptions
 * output: 1 1 1 1 1 1 1 1
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
	int ok[8];

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
	printf("%d %d %d %d %d %d %d %d\n", ok[0], ok[1], ok[2], ok[3], ok[4], ok[5], ok[6], ok[7]);
	return 0;
}
