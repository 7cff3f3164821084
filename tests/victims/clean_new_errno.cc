/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_new_errno.cc - operator new that fails sets errno, as libstdc++'s does by calling malloc; an
 * invalid alignment fails at once, without the new-handler; and each failing form counts as one allocation
 *
 * expect: none
 * flags: -std=c++17
 * modes: check production
 * options: fail.nth=2:fail.stack=main:impossible_size=off
 * output: nothrow: none, ENOMEM; second: none; third: memory; bad alignment: thrown, 0 calls
 */
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>

static int calls;

static void gives_up()
{
	if (++calls == 3)
		std::set_new_handler(nullptr);
}

int main()
{
	void *volatile p;
	void *volatile q;
	void *volatile third;
	int error;
	bool thrown = false;

	errno = 0;
	p = ::operator new((size_t)1 << 63, std::nothrow);
	error = errno;
	q = malloc(10);
	third = malloc(10);
	printf("nothrow: %s, %s; second: %s; third: %s; ", p ? "memory" : "none",
	       error == ENOMEM ? "ENOMEM" : "errno is not set", q ? "memory" : "none", third ? "memory" : "none");
	std::set_new_handler(gives_up);
	try {
		p = ::operator new(10, std::align_val_t(24));
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	printf("bad alignment: %s, %d calls\n", thrown ? "thrown" : "memory", calls);
	free(third);
	return 0;
}
