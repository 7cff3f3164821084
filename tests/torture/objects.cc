/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/objects.cc - C++: memory resources, operators, exceptions out of handlers, threads and locals that end
 * late, static objects that free what others made, libraries closed by destructors. */
#define TORTURE_MAIN
#include "torture.h"

#include <any>
#include <atomic>
#include <deque>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <unordered_map>
#include <variant>
#include <vector>

namespace
{
/* ---- memory resources ------------------------------------------------------------------------ */

void memory_resources()
{
	char room[1000];
	std::pmr::monotonic_buffer_resource buffer(room, sizeof(room));
	std::pmr::synchronized_pool_resource shared;
	std::pmr::unsynchronized_pool_resource alone(&buffer);
	size_t sum = 0;

	for (auto *resource : std::initializer_list<std::pmr::memory_resource *>{ &buffer, &shared, &alone,
	                                                                          std::pmr::new_delete_resource() }) {
		std::pmr::map<int, std::pmr::string> map(resource);
		std::pmr::vector<std::pmr::list<int>> lists(resource);

		for (int i = 0; i < 500; i++) {
			map[i % 90] = std::pmr::string((size_t)i, 'm', resource);
			lists.resize((size_t)(i % 40));
			if (!lists.empty())
				lists.back().push_back(i);
		}
		for (auto &m : map)
			sum += m.second.size();
		void *p = resource->allocate(100, 256);
		must((uintptr_t)p % 256 == 0);
		memset(p, 1, 100);
		resource->deallocate(p, 100, 256);
	}
	std::vector<std::thread> threads;
	for (unsigned t = 0; t < 3; t++)
		threads.emplace_back([&shared] {
			std::pmr::deque<std::pmr::string> queue(&shared);
			for (int i = 0; i < 1000; i++) {
				queue.emplace_back("a string that does not fit into the object itself");
				if (i % 3)
					queue.pop_front();
			}
		});
	for (auto &t : threads)
		t.join();
	shared.release();
	say("sum %zu\n", sum);
}

/* ---- operators ------------------------------------------------------------------------------- */

struct alignas(128) aligned_thing {
	char text[200];
};
struct pooled {
	static inline std::vector<void *> pool;
	static inline unsigned made, returned;
	long word[5];
	static void *operator new(size_t n)
	{
		made++;
		if (pool.empty())
			return ::operator new(n);
		void *p = pool.back();
		pool.pop_back();
		return p;
	}
	static void operator delete(void *p, size_t)
	{
		returned++;
		pool.push_back(p);
	}
};
struct with_cookie {
	static inline int live;
	int number = ++live;
	~with_cookie()
	{
		live--;
	}
};
struct throws_third {
	static inline int n, ended;
	throws_third()
	{
		if (++n == 3)
			throw std::runtime_error("third");
	}
	~throws_third()
	{
		ended++;
	}
};

void operators()
{
	for (unsigned round = 0; round < 50; round++) {
		std::unique_ptr<aligned_thing> one(new aligned_thing);
		std::unique_ptr<aligned_thing[]> many(new aligned_thing[round + 1]);
		std::unique_ptr<with_cookie[]> cookies(new with_cookie[round]);
		std::vector<std::unique_ptr<pooled>> few;

		must((uintptr_t)one.get() % 128 == 0 && (uintptr_t)many.get() % 128 == 0);
		must(with_cookie::live == (int)round);
		for (unsigned i = 0; i < round; i++)
			few.emplace_back(new pooled);
	}
	must(with_cookie::live == 0 && pooled::made == pooled::returned);
	for (void *p : pooled::pool)
		::operator delete(p);
	pooled::pool.clear();
	try {
		delete[] new throws_third[5];
		say("no exception\n");
	} catch (const std::exception &e) {
		say("%s %d\n", e.what(), throws_third::ended);
	}
	void *raw = ::operator new(sizeof(aligned_thing) * 2, std::align_val_t(4096));
	auto *placed = new (raw) aligned_thing[2];
	memset(placed, 1, sizeof(*placed) * 2);
	::operator delete(raw, std::align_val_t(4096));
	::operator delete(nullptr, size_t(7));
	must(new (std::nothrow) char[(size_t)1 << 47] == nullptr);
	try {
		volatile size_t huge = (size_t)1 << 47;
		delete[] new char[huge];
		say("no exception\n");
	} catch (const std::bad_alloc &e) {
		say("%s\n", e.what());
	}
	try {
		volatile long minus = -1;
		delete[] new int[(size_t)minus];
		say("no exception\n");
	} catch (const std::bad_array_new_length &e) {
		say("%s\n", e.what());
	}
}

/* ---- exceptions ------------------------------------------------------------------------------ */

struct unwound {
	static inline int n;
	std::string text = std::string(100, 'u');
	~unwound()
	{
		n++;
	}
};

int compare_throws(const void *a, const void *b)
{
	unwound u;
	if (*(const int *)a == 5 || *(const int *)b == 5)
		throw std::string("thrown by a comparison, long enough for the heap");
	return *(const int *)a - *(const int *)b;
}

void exceptions_through_libc()
{
	int numbers[100];
	std::exception_ptr kept;
	unsigned caught = 0;

	for (unsigned i = 0; i < 100; i++)
		numbers[i] = (int)(i * 37 % 100);
	for (unsigned round = 0; round < 20; round++) {
		try {
			unwound u;
			qsort(numbers, 100, sizeof(int), compare_throws);
		} catch (const std::string &s) {
			caught += s.size() > 20;
			kept = std::current_exception();
		}
	}
	std::thread([&] {
		try {
			std::rethrow_exception(kept);
		} catch (const std::string &s) {
			caught++;
		}
		kept = nullptr;
	}).join();
	auto future = std::async(std::launch::async, []() -> int { throw std::logic_error("in a thread"); });
	try {
		future.get();
	} catch (const std::logic_error &e) {
		say("%s, caught %u\n", e.what(), caught);
	}
	must(unwound::n > 20);
	try {
		try {
			throw 1;
		} catch (int) {
			std::throw_with_nested(std::runtime_error("outer"));
		}
	} catch (const std::exception &e) {
		try {
			std::rethrow_if_nested(e);
		} catch (int n) {
			say("nested %d in %s\n", n, e.what());
		}
	}
}

struct fault {
	void *at;
};

void on_fault(int, siginfo_t *info, void *)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_UNBLOCK, &set, nullptr);
	throw fault{ info->si_addr };
}

__attribute__((noinline, optimize("non-call-exceptions"))) int loads(const int *volatile p)
{
	unwound u;
	return *(const volatile int *)p;
}

/* -fnon-call-exceptions, as Ada, Go and D use it: a handler throws out of the faulting instruction. */
void exceptions_out_of_handlers()
{
	struct sigaction action = {};
	unsigned caught = 0;
	int ok = 3;

	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &action, nullptr);
	for (unsigned i = 0; i < 20; i++) {
		try {
			must(loads(i % 2 ? &ok : (int *)(uintptr_t)(i * 8)) == 3);
		} catch (const fault &f) {
			caught += f.at == (void *)(uintptr_t)(i * 8);
		}
	}
	churn(200, 4);
	say("caught %u, ended %d\n", caught, unwound::n);
}

/* ---- the library ----------------------------------------------------------------------------- */

struct shared_node : std::enable_shared_from_this<shared_node> {
	std::weak_ptr<shared_node> up;
	std::vector<std::shared_ptr<shared_node>> down;
	std::string name;
};

void library_objects()
{
	std::ostringstream text;
	auto root = std::make_shared<shared_node>();
	std::weak_ptr<shared_node> gone;
	std::function<int(int)> f = [big = std::vector<int>(100, 3)](int i) { return big[(size_t)i % 100] + i; };
	std::any any = std::string(50, 'a');
	std::variant<int, std::string, std::vector<int>> variant = std::string(70, 'v');
	std::optional<std::string> maybe(std::in_place, 80, 'o');

	for (int i = 0; i < 50; i++) {
		auto child = std::make_shared<shared_node>();
		child->up = root;
		child->name = std::string((size_t)i, 'c');
		root->down.push_back(child);
		if (i == 20)
			gone = child;
	}
	std::shared_ptr<std::string> alias(root->down[10], &root->down[10]->name);
	root.reset();
	must(gone.expired() && alias->size() == 10);
	variant = std::vector<int>(1000, 1);
	any = f;
	must(std::any_cast<std::function<int(int)>>(any)(5) == 8);
	maybe.reset();
	std::regex expression("(a|b)+([0-9]{2,4})(x*)");
	std::string subject = "ab1234xxx and b99 and aab00x";
	for (std::sregex_iterator i(subject.begin(), subject.end(), expression), end; i != end; ++i)
		text << (*i)[2] << ' ';
	text << std::hex << 255 << ' ' << 1.5;
	say("%s\n", text.str().c_str());
	std::unordered_map<std::string, std::multiset<int>> table;
	for (int i = 0; i < 3000; i++)
		table[std::to_string(i % 77)].insert(i);
	table.erase("5");
	table.rehash(1000);
	say("%zu\n", table.size());
	std::vector<bool> bits(12345, true);
	bits.insert(bits.begin() + 77, 3, false);
	bits.resize(100);
	bits.shrink_to_fit();
	std::wstring wide(300, L'w');
	wide += std::to_wstring(17);
	std::locale::global(std::locale(std::locale("C"), new std::numpunct<char>()));
	std::ofstream("written") << std::string(100000, 'f') << std::flush;
	std::ifstream in("written");
	std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
	must(all.size() == 100000);
	remove("written");
}

/* ---- ends ------------------------------------------------------------------------------------ */

std::atomic<unsigned> ended;

struct ends_late {
	char *memory = static_cast<char *>(malloc(100));
	std::vector<std::string> texts{ 10, std::string(50, 't') };
	~ends_late()
	{
		thread_local std::string born_late(60, 'l');
		texts.push_back(born_late);
		free(memory);
		ended++;
	}
};
thread_local ends_late of_thread;
struct frees_at_end {
	std::vector<char *> *list = nullptr;
	~frees_at_end()
	{
		if (!list)
			return;
		for (char *p : *list)
			free(p);
		say("freed %zu\n", list->size());
		delete list;
		/* Objects that are made now live until the very end. */
		static std::map<int, std::string> very_late{ { 1, std::string(100, 'x') } };
		churn(200, (unsigned)very_late.size());
	}
} frees;
pthread_key_t key;

void key_ends(void *value)
{
	static thread_local int rounds;

	free(value); /* the thread's C++ objects have ended before */
	if (++rounds < 3)
		pthread_setspecific(key, malloc(40));
}

void locals_of_threads()
{
	pthread_key_create(&key, key_ends);
	for (unsigned round = 0; round < 20; round++) {
		std::thread a([] {
			of_thread.texts.emplace_back(200, 'a');
			pthread_setspecific(key, malloc(30));
		});
		std::thread b([] { pthread_setspecific(key, malloc(30)); });
		a.join();
		b.join();
	}
	say("ended %u\n", ended.load());
}

void static_objects_at_exit()
{
	frees.list = new std::vector<char *>;
	for (unsigned i = 0; i < 300; i++)
		frees.list->push_back(static_cast<char *>(calloc(1, i * 20 + 1)));
	of_thread.memory[5] = 5;
	std::atexit([] { free(malloc(20)); });
	/* A thread that still works while the statics end. */
	static std::atomic<bool> stop;
	static std::mutex lock;
	lock.lock();
	std::thread([] {
		while (!stop)
			churn(10, 6);
		lock.unlock();
	}).detach();
	std::atexit([] {
		stop = true;
		lock.lock();
	});
}

struct closes {
	void *library = nullptr;
	~closes()
	{
		if (library)
			say("closed %d\n", dlclose(library));
	}
};
closes global_closes;

/* The last handle of a library is closed by a destructor, of a thread or of the program. */
void libraries_closed_by_destructors()
{
	Dl_info info;
	std::string folder;

	if (!dladdr((void *)libraries_closed_by_destructors, &info))
		return;
	folder = torture_self;
	folder.resize(folder.rfind('/') + 1);
	for (unsigned i = 0; i < 5; i++) {
		std::thread([&] {
			static thread_local closes c;
			c.library = dlopen((folder + "module2.so").c_str(), RTLD_NOW | RTLD_LOCAL);
			must(c.library != nullptr);
		}).join();
		churn(100, i);
	}
	global_closes.library = dlopen((folder + "module2.so").c_str(), RTLD_NOW | RTLD_LOCAL);
	must(global_closes.library != nullptr);
}

/* new_handler gives back a reserve, as servers do. */
std::vector<char> *reserve;

void give_reserve()
{
	if (!reserve)
		throw std::bad_alloc();
	delete reserve;
	reserve = nullptr;
}

void handler_gives_reserve()
{
	struct rlimit limit;
	std::vector<std::unique_ptr<char[]>> all;
	size_t n = 0;

	getrlimit(RLIMIT_DATA, &limit);
	limit.rlim_cur = (size_t)300 << 20;
	if (setrlimit(RLIMIT_DATA, &limit) != 0)
		skip("no limit of data");
	reserve = new std::vector<char>((size_t)40 << 20, 'r');
	std::set_new_handler(give_reserve);
	all.reserve(10000);
	try {
		for (;; n++)
			all.emplace_back(new char[(size_t)1 << 20]);
	} catch (const std::bad_alloc &) {
		must(!reserve && n > 150);
	}
	all.clear();
	churn(300, 3);
	say("reserve given\n");
}
} // namespace

const struct torture_case torture_cases[] = {
	{ "memory_resources", memory_resources },
	{ "operators", operators },
	{ "exceptions_through_libc", exceptions_through_libc },
	{ "exceptions_out_of_handlers", exceptions_out_of_handlers },
	{ "library_objects", library_objects },
	{ "locals_of_threads", locals_of_threads },
	{ "static_objects_at_exit", static_objects_at_exit },
	{ "libraries_closed_by_destructors", libraries_closed_by_destructors },
	{ "handler_gives_reserve", handler_gives_reserve },
	{ nullptr, nullptr },
};
