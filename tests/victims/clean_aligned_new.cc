// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/clean_aligned_new.cc - forms of new and delete that belong together: over-aligned types, arrays with
 * and without a count before them, virtual destructors, placement, containers, memory resources, realloc
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * flags: -std=c++17 -fsized-deallocation
 * output: ok
 */
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <memory_resource>
#include <new>
#include <vector>

struct alignas(64) wide {
	char c[64];
};
struct alignas(128) counted {
	char c[128];
	~counted()
	{
		c[0] = 1;
	}
};
struct base {
	virtual ~base()
	{
	}
	long a;
};
struct alignas(32) derived : base {
	char c[100];
};
struct small {
	char c[3];
	~small()
	{
		c[0] = 1;
	}
};

extern "C" void free_sized(void *p, size_t size) __attribute__((weak));
extern "C" void free_aligned_sized(void *p, size_t align, size_t size) __attribute__((weak));

template <typename T> static void both_ways(size_t n)
{
	T *volatile one = new T, *volatile many = new T[n], *volatile quiet = new (std::nothrow) T;
	delete one;
	delete[] many;
	delete quiet;
	alignas(T) char room[sizeof(T)];
	T *placed = new (room) T;
	placed->~T();
	std::vector<T> v(n);
	std::list<T> l(n);
	v.resize(2 * n);
	auto shared = std::make_shared<T>();
	auto unique = std::make_unique<T[]>(n);
}

int main()
{
	for (size_t n = 1; n < 3000; n = n * 5 + 1) {
		both_ways<wide>(n);
		both_ways<counted>(n);
		both_ways<small>(n);
		both_ways<long>(n);
		both_ways<derived>(n);
	}
	base *volatile b = new derived;
	delete b;
	for (size_t align = 1; align <= 8192; align *= 2) {
		void *volatile p = std::pmr::new_delete_resource()->allocate(77, align);
		std::pmr::new_delete_resource()->deallocate(p, 77, align);
		p = ::operator new(1000, std::align_val_t(align), std::nothrow);
		::operator delete(p, std::align_val_t(align), std::nothrow);
		p = ::operator new[](100000, std::align_val_t(align));
		::operator delete[](p, 100000, std::align_val_t(align));
		p = align < 16 ? nullptr : aligned_alloc(align, align);
		free_aligned_sized(p, align, align);
		p = nullptr;
		if (posix_memalign((void **)&p, align < 8 ? 8 : align, 50) == 0)
			free(p);
		/* What realloc returns is realloc's, whatever it was. */
		p = align < 16 ? malloc(100) : aligned_alloc(align, 16 * align);
		p = realloc(p, 16 * align - 1);
		free_sized(p, 16 * align - 1);
		p = align < 16 ? malloc(100) : aligned_alloc(align, align);
		p = realloc(p, 300000);
		p = realloc(p, 299999);
		free_sized(p, 299999);
	}
	free_sized(calloc(7, 13), 91);
	puts("ok");
	return 0;
}
