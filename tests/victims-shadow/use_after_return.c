/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/use_after_return.c - a local variable is read after its function has returned
 *
 * only-form: gcc-kernel-inline gcc-kernel-calls gcc-asan gcc-asan-recover clang-asan clang-asan-recover
 * options: shadow.use_after_return=on
 * expect: use-after-return type=read access=4 frame=leak place='mine
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static int *volatile keep;
static int look(volatile int *p)
{
	return *p; /* BAD */
}
static void store(int *p)
{
	keep = p;
}
static void leak(void)
{
	int mine = 3;
	store(&mine);
}
int main(void)
{
	leak();
	return look(keep) == 1000;
}
