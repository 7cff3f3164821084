// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims-shadow/container_vector.cc - libstdc++'s vector tells which part of its memory is in use
 *
 * flags: -D_GLIBCXX_SANITIZE_VECTOR
 * expect: below
 * needs: compiler
 * ways: linked
 */
#include <string>
#include <vector>

static int look(volatile int *p)
{
	return *p; /* expect: container-out-of-bounds type=read access=4 */
}

/* Correct uses, in all ways that move the end. */
static size_t use()
{
	std::vector<int> a;
	std::vector<char> b;
	std::vector<std::string> s(10, "a string that is too long to lie in the object");

	for (int i = 0; i < 5000; i++) {
		a.push_back(i);
		b.push_back((char)i);
		if (i % 3 == 0)
			a.erase(a.begin());
		if (i % 100 == 0)
			a.shrink_to_fit();
		if (i % 77 == 0)
			a.resize(a.size() / 2);
		if (i % 50 == 0)
			b.insert(b.begin(), 3, 'x');
	}
	std::vector<char> c = b;
	b.assign(20, 'y');
	c.swap(b);
	s.reserve(1000);
	s.erase(s.begin() + 3, s.end());
	s.emplace_back("one");
	s = std::vector<std::string>(5);
	return a.size() + b.size() + c.size() + s.size();
}

int main()
{
	std::vector<int> a;
	size_t n = use();

	a.reserve(100);
	a.resize(3);
	int *p = a.data();
	a.pop_back();
	return look(p + 2) + (int)(n ? 0 : 1) == 1000;
}
