/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/malloc_hooks.cc - the sanitizers' hooks see every allocation and every free, and may allocate
 *
 * expect: none
 * ways: linked static
 * output: 6 allocated, 6 freed, 350 bytes; 1 pairs; 6 and 6
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
                                              void (*freed)(const volatile void *));
void __sanitizer_malloc_hook(const volatile void *p, size_t size);
void __sanitizer_free_hook(const volatile void *p);
}

static bool counting;
static int allocated, freed, pair_allocated, pair_freed;
static size_t bytes;

void __sanitizer_malloc_hook(const volatile void *p, size_t size)
{
	if (!counting || !p)
		return;
	free(malloc(10));
	allocated++;
	bytes += size;
}

void __sanitizer_free_hook(const volatile void *p)
{
	/* The object is still the program's. */
	if (!counting || *(const volatile char *)p != 3)
		return;
	free(malloc(10));
	freed++;
}

static void on_allocation(const volatile void *, size_t)
{
	pair_allocated += counting;
}

static void on_free(const volatile void *)
{
	pair_freed += counting;
}

static char *filled(void *p, size_t size)
{
	memset(p, 3, size);
	return (char *)p;
}

int main()
{
	int pairs = __sanitizer_install_malloc_and_free_hooks(on_allocation, on_free);
	char *p, *q, *r, *s, *t;

	pairs += __sanitizer_install_malloc_and_free_hooks(nullptr, on_free); /* a pair has two */
	counting = true;
	p = filled(malloc(10), 10);
	q = filled(calloc(4, 5), 20);
	r = filled(operator new(30), 30);
	s = filled(new char[40], 40);
	t = filled(aligned_alloc(64, 50), 50);
	p = filled(realloc(p, 200), 200);
	free(nullptr);
	free(p);
	free(q);
	operator delete(r);
	delete[] s;
	free(t);
	counting = false;
	printf("%d allocated, %d freed, %zu bytes; %d pairs; %d and %d\n", allocated, freed, bytes, pairs,
	       pair_allocated, pair_freed);
	return 0;
}
