/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/loader.cc - libraries and constructors: libraries with thread-local memory, several libcs in one
 * process, auditors, other wrappers of malloc; destructors of threads, libraries and the program. */
#define TORTURE_MAIN
#include "torture.h"

#include <dlfcn.h>
#include <iconv.h>
#include <locale.h>
#include <link.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

static std::string beside(const char *name)
{
	std::string path = torture_self;

	return path.substr(0, path.rfind('/') + 1) + name;
}

typedef int (*work_fn)(int);

static work_fn load(const char *name, int flags, void **handle)
{
	work_fn f;

	*handle = dlopen(beside(name).c_str(), flags);
	if (!*handle) {
		say("%s\n", dlerror());
		_exit(9);
	}
	f = (work_fn)dlsym(*handle, "module_work");
	must(f != nullptr);
	return f;
}

/* ---- thread-local memory of libraries -------------------------------------------------------- */

static pthread_barrier_t barrier;
static work_fn volatile work_now;

static void *works_when_told(void *arg)
{
	for (int i = 0; i < 10; i++) {
		pthread_barrier_wait(&barrier);
		must(work_now(i) == i);
		pthread_barrier_wait(&barrier);
	}
	return arg;
}

/* Threads that are older than the library use its thread-local memory; then it is unloaded under them. */
static void library_with_thread_words(void)
{
	pthread_t t[4];
	void *handle;

	pthread_barrier_init(&barrier, nullptr, NR(t) + 1);
	for (pthread_t &one : t)
		must(!pthread_create(&one, nullptr, works_when_told, nullptr));
	for (int i = 0; i < 10; i++) {
		work_now = load("module.so", i % 2 ? RTLD_NOW : RTLD_LAZY, &handle);
		pthread_barrier_wait(&barrier);
		must(work_now(i) == i);
		pthread_barrier_wait(&barrier);
		must(dlclose(handle) == 0);
	}
	for (pthread_t &one : t)
		pthread_join(one, nullptr);
	say("loaded\n");
}

static void *loads(void *)
{
	for (int i = 0; i < 8; i++) {
		void *handle;

		must(load(i % 2 ? "module.so" : "module2.so", RTLD_NOW, &handle)(i) == i);
		churn(20, (unsigned)i);
		dlclose(handle);
	}
	return nullptr;
}

static void libraries_in_threads(void)
{
	pthread_t t[4];

	for (pthread_t &one : t)
		must(!pthread_create(&one, nullptr, loads, nullptr));
	for (int i = 0; i < 10; i++) {
		pid_t child = fork();

		if (child == 0) {
			churn(50, 2);
			_exit(0);
		}
		must(child > 0 && waitpid(child, nullptr, 0) == child);
	}
	for (pthread_t &one : t)
		pthread_join(one, nullptr);
	say("in threads\n");
}

/* Little thread-local memory is left for libraries that want it at a fixed place. */
static void library_with_static_words(void)
{
	void *handle;

	must(load("static.so", RTLD_NOW, &handle)(5) == 5);
	for (int i = 0; i < 3; i++) {
		pthread_t t;

		must(!pthread_create(
			&t, nullptr,
			[](void *) -> void * {
				churn(20, 1);
				return nullptr;
			},
			nullptr));
		pthread_join(t, nullptr);
	}
	must(dlclose(handle) == 0);
	say("static\n");
}

/* Other name spaces have a libc, and so a malloc, of their own. */
static void other_name_spaces(void)
{
	for (int i = 0; i < 4; i++) {
		void *handle = dlmopen(LM_ID_NEWLM, beside("module.so").c_str(), RTLD_NOW);
		work_fn f = handle ? (work_fn)dlsym(handle, "module_work") : nullptr;
		pid_t child;

		if (!f) {
			say("%s\n", dlerror());
			return;
		}
		must(f(i) == i);
		churn(50, 1);
		must(f(i) == i);
		child = fork();
		if (child == 0) {
			must(f(3) == 3);
			churn(10, 1);
			_exit(4);
		}
		reap("child", child);
		if (i % 2)
			must(dlclose(handle) == 0);
	}
	say("name spaces\n");
}

static void deep_library(void)
{
	void *handle;
	char *(*make)(void);
	void (*give)(void *);

	must(load("module2.so", RTLD_NOW | RTLD_DEEPBIND, &handle)(7) == 7);
	make = (char *(*)(void))dlsym(handle, "module_make");
	give = (void (*)(void *))dlsym(handle, "module_give");
	for (int i = 0; i < 20; i++) {
		free(make());
		give(malloc(100));
		give(strdup("text"));
	}
	say("deep\n");
}

/* A library's constructor forks, and makes a thread. */
static void busy_constructor(void)
{
	void *handle;

	setenv("MODULE_BUSY", "1", 1);
	for (int i = 0; i < 3; i++) {
		must(load("module.so", RTLD_NOW, &handle)(i) == i);
		must(dlclose(handle) == 0);
	}
	say("busy\n");
}

/* libc loads libraries itself. */
static void libraries_of_libc(void)
{
	char in[] = "text \xe9", out[32] = "", *from = in, *to = out;
	size_t n = sizeof(in), left = sizeof(out);
	iconv_t c = iconv_open("UTF-8", "ISO-8859-15");

	setlocale(LC_ALL, "C.UTF-8");
	if (c != (iconv_t)-1) {
		must(iconv(c, &from, &n, &to, &left) == 0);
		iconv_close(c);
	}
	say("%s\n", out);
}

/* ---- auditors and wrappers (the runner gives them) ------------------------------------------- */

static void audited(void)
{
	void *handle;

	must(load("module.so", RTLD_NOW, &handle)(4) == 4);
	churn(200, 1);
	dlclose(handle);
	say("audited\n");
}

static unsigned long seen;

static void wrapped_after(void)
{
	unsigned long (*calls)(void) = (unsigned long (*)(void))dlsym(RTLD_DEFAULT, "wrapper_calls");
	void *handle;
	pid_t child;

	must(load("module.so", RTLD_NOW, &handle)(4) == 4);
	dlclose(handle);
	churn(500, 1);
	child = fork();
	if (child == 0) {
		churn(50, 1);
		exit(2);
	}
	reap("child", child);
	say("wrapped %d\n", calls != nullptr);
	seen = calls ? calls() : 0;
}

static void wrapped_before(void)
{
	wrapped_after();
	say("saw them %d\n", seen > 400);
}

/* ---- constructors and destructors ------------------------------------------------------------ */

struct Told {
	std::string name;
	char *memory;

	explicit Told(const char *n) : name(n), memory(strdup(n))
	{
	}
	~Told();
};
static thread_local std::unique_ptr<Told> late;
static thread_local std::vector<std::string> strings;
static std::map<int, std::string> global = { { 1, "one" }, { 2, "two, which is too long for the string itself" } };
static int told;

Told::~Told()
{
	must(name == memory);
	free(memory);
	churn(10, 1);
	__atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
	if (name != "late")
		late.reset(new Told("late"));
}
static thread_local Told first("a name that is too long for the string itself");

static void *uses_locals(void *)
{
	strings.emplace_back(first.name + " and more");
	strings.emplace_back(100, 'x');
	return nullptr;
}

static void thread_destructors(void)
{
	for (int i = 0; i < 20; i++) {
		pthread_t t[2];

		for (pthread_t &one : t)
			must(!pthread_create(&one, nullptr, uses_locals, nullptr));
		for (pthread_t &one : t)
			pthread_join(one, nullptr);
	}
	say("told %d\n", told);
	uses_locals(nullptr);
	atexit([] {
		say("at exit %d %zu\n", told, global.size());
		global.clear();
	});
}

static void *exits_with_locals(void *)
{
	uses_locals(nullptr);
	exit(41);
}

static void exit_with_thread_locals(void)
{
	pthread_t t;

	uses_locals(nullptr);
	atexit([] { say("at exit %d\n", told); });
	pthread_create(&t, nullptr, exits_with_locals, nullptr);
	pthread_join(t, nullptr);
}

static void *cancelled(void *)
{
	Told here("of a cancelled thread");
	std::string text(200, 't');

	for (;;)
		pause();
	return nullptr;
}

/* Cancellation unwinds through C++ frames; exceptions pass through threads and libraries. */
static void unwinding(void)
{
	for (int i = 0; i < 20; i++) {
		pthread_t t;

		must(!pthread_create(&t, nullptr, cancelled, nullptr));
		usleep(i % 4 * 300);
		pthread_cancel(t);
		pthread_join(t, nullptr);
		try {
			std::vector<int> v(3);

			v.at(10) = 1;
		} catch (const std::out_of_range &e) {
			must(strlen(e.what()) > 0);
		}
	}
	say("unwound %d\n", told > 0);
}

/* The library's own destructors use memory after main's exit handlers. */
static void loaded_at_exit(void)
{
	static void *handle;

	must(load("module2.so", RTLD_NOW, &handle)(1) == 1);
	atexit([] {
		void *other;

		must(load("module.so", RTLD_NOW, &other)(2) == 2);
		must(dlclose(handle) == 0);
		say("loaded at exit\n");
	});
}

const struct torture_case torture_cases[] = {
	{ "library_with_thread_words", library_with_thread_words },
	{ "libraries_in_threads", libraries_in_threads },
	{ "library_with_static_words", library_with_static_words },
	{ "other_name_spaces", other_name_spaces },
	{ "deep_library", deep_library },
	{ "busy_constructor", busy_constructor },
	{ "libraries_of_libc", libraries_of_libc },
	{ "audited", audited },
	{ "wrapped_before", wrapped_before },
	{ "wrapped_after", wrapped_after },
	{ "thread_destructors", thread_destructors },
	{ "exit_with_thread_locals", exit_with_thread_locals },
	{ "unwinding", unwinding },
	{ "loaded_at_exit", loaded_at_exit },
	{ nullptr, nullptr },
};
