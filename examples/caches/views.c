/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/caches/views.c - a program that shows its own heap. */
#include <memsan.h>
#include <stdlib.h>

static void *make(struct memsan_cache *c)
{
	return memsan_cache_alloc(c);
}

int main(void)
{
	struct memsan_cache *c = memsan_cache_create("session", 100, 0, 0, NULL);
	void *v[30], *area = memsan_vmalloc(50000);

	for (int i = 0; i < 30; i++)
		v[i] = make(c);
	for (int i = 0; i < 10; i++)
		memsan_cache_free(c, v[i]);
	memsan_slabinfo(1);
	memsan_buddyinfo(1);
	memsan_vmallocinfo(1);
	memsan_alloc_traces(1, "session");
	memsan_free_traces(1, "session");
	for (int i = 10; i < 30; i++)
		memsan_cache_free(c, v[i]);
	memsan_vfree(area);
	return memsan_cache_destroy(c);
}
