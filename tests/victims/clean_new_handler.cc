/* SPDX-License-Identifier: BSD-2-Clause */
/* The nothrow forms of operator new call the new-handler until there is memory or no handler, and swallow what it throws.
 * expect: none
 * ways: preload, linked, static
 * flags: -std=c++17
 * modes: check production
 * output: nothrow: 0 bytes, 3 calls; handler throws: 0 bytes, 1 call; aligned: 0 bytes, 1 call; throwing: caught after 1 call; small: 10 bytes
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
	printf("nothrow: %d bytes, %d calls; ", p != nullptr, calls);
	calls = 0;
	std::set_new_handler(throws);
	p = ::operator new[](too_much, std::nothrow);
	printf("handler throws: %d bytes, %d call; ", p != nullptr, calls);
	calls = 0;
	p = ::operator new(too_much, std::align_val_t(64), std::nothrow);
	printf("aligned: %d bytes, %d call; ", p != nullptr, calls);
	calls = 0;
	try {
		p = ::operator new(too_much);
	} catch (std::bad_alloc &) {
		printf("throwing: caught after %d call; ", calls);
	}
	char *q = new (std::nothrow) char[10]();
	printf("small: %d bytes\n", q ? 10 : 0);
	delete[] q;
	return 0;
}
