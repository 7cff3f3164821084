// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims-shadow/global_in_constructor.cc - a global's constructor reads past the end of another global of the
 * same file: gcc's kernel form registers both only afterwards
 *
 * expect: global-out-of-bounds type=read access=4
 * needs: compiler
 * ways: linked static
 */
#include <cstdlib>

int numbers[10];

struct sum {
	int of;
	sum()
	{
		volatile int i = getenv("MEMSAN_NO_SUCH_NAME") ? 0 : 10;

		of = numbers[i]; /* BAD */
	}
};
sum total;

int main()
{
	return total.of == 1000;
}
