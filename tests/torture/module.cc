/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/module.cc - libraries that the cases of loader.cc load: with STATIC_WORDS, one whose thread-local
 * memory has a fixed place */
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#ifdef STATIC_WORDS
static __thread char words[500] __attribute__((tls_model("initial-exec")));
#else
static __thread char words[50000];
#endif
static __thread unsigned used;

struct Kept {
	std::string text = "thread-local text that is too long for the string itself";
	char *memory = strdup("memory");
	~Kept()
	{
		free(memory);
	}
};
#ifdef DESTRUCTORS
static thread_local Kept kept;
#endif
static char *of_library;

static void *allocates(void *)
{
	free(malloc(1000));
	return nullptr;
}

__attribute__((constructor)) static void starts()
{
	pthread_t t;
	pid_t child;

	of_library = static_cast<char *>(malloc(70000));
	memset(of_library, 'l', 70000);
	if (!getenv("MODULE_BUSY"))
		return;
	child = fork();
	if (child == 0) {
		free(of_library);
		_exit(0);
	}
	waitpid(child, nullptr, 0);
	if (pthread_create(&t, nullptr, allocates, nullptr) == 0)
		pthread_join(t, nullptr);
}

__attribute__((destructor)) static void ends()
{
	free(strdup("end"));
	free(of_library);
}

extern "C" int module_work(int n)
{
	char *p;

	for (char &c : words)
		if (c != static_cast<char>(used ? 'w' : 0))
			return -1;
	used++;
	memset(words, 'w', sizeof(words));
#ifdef DESTRUCTORS
	if (kept.text.size() < 10 || strcmp(kept.memory, "memory") != 0)
		return -2;
#endif
	p = static_cast<char *>(calloc(10, 100));
	p = static_cast<char *>(realloc(p, 300000));
	memset(p, 'p', 300000);
	free(p);
	return of_library[69999] == 'l' ? n : -3;
}

extern "C" char *module_make()
{
	return strdup("made by the library");
}

extern "C" void module_give(void *p)
{
	free(p);
}
