// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/fence_only_inlined.cc - fence.only names a C++ method that was inlined, in the words of the source
 *
 * expect: out-of-bounds-read in=look type=read object=32
 * modes: check production
 * flags: -O2
 * options: fence=all:fence.only=Parser::quick
 * output: went on
 */
#include <cstdio>
#include <cstdlib>

static volatile char *volatile kept;

namespace app
{
namespace
{
template <typename T> struct Parser {
	inline __attribute__((always_inline)) void quick(int n)
	{
		kept = static_cast<char *>(malloc(n * sizeof(T)));
	}
	__attribute__((noinline)) void slow(int n)
	{
		kept = static_cast<char *>(malloc(n * sizeof(T)));
	}
};
} // namespace
} // namespace app

static __attribute__((noinline)) void look(int at)
{
	(void)kept[at]; /* BAD */
}

int main()
{
	app::Parser<int> p;
	p.slow(4);
	look(16);
	p.quick(8);
	look(32);
	puts("went on");
	return 0;
}
