/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_disabled_sampled.c - between __lsan_disable and __lsan_enable one allocation in
 * fence.sample_rate is fenced, as elsewhere
 *
 * options: fence.sample_rate=1000:fence.num_objects=60000
 * expect: none
 * modes: check production
 * ways: linked
 * output: ok
 */
#include <memsan.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void __lsan_disable(void);
void __lsan_enable(void);

int main(void)
{
	static void *kept[20000];
	unsigned fenced = 0;

	__lsan_disable();
	for (unsigned i = 0; i < 20000; i++)
		kept[i] = malloc(48);
	__lsan_enable();
	/* A fenced object lies at one end of its page, with no other object in the page. */
	for (unsigned i = 1; i + 1 < 20000; i++) {
		uintptr_t page = (uintptr_t)kept[i] >> 12;
		fenced += page != (uintptr_t)kept[i - 1] >> 12 && page != (uintptr_t)kept[i + 1] >> 12;
	}
	for (unsigned i = 0; i < 20000; i++)
		free(kept[i]);
	if (fenced > 300)
		printf("%u of 20000 are alone\n", fenced);
	else
		puts("ok");
	return 0;
}
