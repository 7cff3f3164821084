/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_cxx.cc - every operator new and delete works: bad_alloc, the new-handler, sized and aligned
 * forms, containers, exceptions
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * flags: -std=c++17 -fsized-deallocation
 * output: ok
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#define CHECK(x)                                                    \
	do {                                                        \
		if (!(x)) {                                         \
			std::printf("line %d: %s\n", __LINE__, #x); \
			std::exit(1);                               \
		}                                                   \
	} while (0)

struct alignas(64) wide {
	char c[200];
};
struct with_destructor {
	std::string s;
	~with_destructor()
	{
		s.clear();
	}
};
static int handled;
static void handler()
{
	if (++handled == 3)
		std::set_new_handler(nullptr);
}
static volatile std::size_t huge = PTRDIFF_MAX;

int main()
{
	delete new int(1);
	delete[] new int[10];
	delete new wide;
	delete[] new wide[3];
	delete[] new with_destructor[5];
	auto *w = new (std::nothrow) wide;
	CHECK(reinterpret_cast<std::uintptr_t>(w) % 64 == 0);
	delete w;
	::operator delete(::operator new(100), std::size_t(100));
	::operator delete(::operator new(100, std::align_val_t(128)), std::align_val_t(128));
	::operator delete(::operator new(100, std::align_val_t(128)), std::size_t(100), std::align_val_t(128));
	::operator delete(nullptr);
	::operator delete[](nullptr, std::size_t(5));
	CHECK(new (std::nothrow) char[huge] == nullptr);
	bool thrown = false;
	try {
		char *volatile p = new char[huge];
		delete[] p;
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	CHECK(thrown);
	/* The nothrow forms call it too and catch what it throws; libstdc++ does that where it is a library. */
	if (std::getenv("LD_PRELOAD")) {
		std::set_new_handler(handler);
		CHECK(new (std::nothrow) char[huge] == nullptr);
		CHECK(handled == 3);
		handled = 0;
		std::set_new_handler(handler);
		CHECK(operator new(huge, std::align_val_t(64), std::nothrow) == nullptr);
		CHECK(handled == 3);
		handled = 0;
		std::set_new_handler([] {
			handled++;
			throw std::bad_alloc();
		});
		CHECK(operator new(huge, std::nothrow) == nullptr);
		CHECK(handled == 1);
		handled = 0;
	}
	std::set_new_handler(handler);
	thrown = false;
	try {
		char *volatile p = static_cast<char *>(::operator new(huge));
		::operator delete(p);
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	CHECK(thrown && handled == 3);
	std::map<std::string, std::vector<int>> m;
	for (int i = 0; i < 2000; i++)
		m["key number " + std::to_string(i % 100)].push_back(i);
	std::vector<std::thread> threads;
	for (int t = 0; t < 4; t++)
		threads.emplace_back([&m, t] {
			for (int i = 0; i < 1000; i++) {
				auto copy = std::make_shared<std::string>(std::to_string(i + t));
				try {
					if (i % 10 == 0)
						throw std::runtime_error(*copy);
				} catch (const std::exception &e) {
					CHECK(*copy == e.what());
				}
			}
		});
	for (auto &t : threads)
		t.join();
	std::puts("ok");
	return 0;
}
