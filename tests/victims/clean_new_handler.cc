/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_new_handler.cc - the nothrow forms of operator new call the new-handler until there is memory or
 * no handler, and catch what it throws
 *
 * expect: none
 * ways: preload linked static
 * flags: -std=c++17
 * modes: check production
 * output: nothrow: none, 3 calls; handler throws: none, 1; aligned: none, 1; throwing: caught, 1; small: memory
 */
#include <cstddef>
#include <cstdio>
#include <new>

static int calls;
static const size_t too_much = (size_t)1 << 62;

static void gives_up()
{
	if (++calls == 3)
		std::set_new_handler(nullptr);
}

static void throws()
{
	calls++;
	throw std::bad_alloc();
}

int main()
{
	void *volatile p;

	std::set_new_handler(gives_up);
	p = ::operator new(too_much, std::nothrow);
	printf("nothrow: %s, %d calls; ", p ? "memory" : "none", calls);
	calls = 0;
	std::set_new_handler(throws);
	p = ::operator new[](too_much, std::nothrow);
	printf("handler throws: %s, %d; ", p ? "memory" : "none", calls);
	calls = 0;
	p = ::operator new(too_much, std::align_val_t(64), std::nothrow);
	printf("aligned: %s, %d; ", p ? "memory" : "none", calls);
	calls = 0;
	try {
		p = ::operator new(too_much);
	} catch (std::bad_alloc &) {
		printf("throwing: caught, %d; ", calls);
	}
	char *q = new (std::nothrow) char[10]();
	printf("small: %s\n", q ? "memory" : "none");
	delete[] q;
	return 0;
}
