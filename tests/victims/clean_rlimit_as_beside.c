/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_as_beside.c - under a small limit of address space a program maps pages where memsan means
 * to grow; the heap leaves them alone. Then threads take and free memory up to the limit, before and after a fork
 *
 * expect: none
 * modes: check production
 * compile: -pthread
 * output: ok
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN 64
#define MB ((size_t)1 << 20)

static unsigned char *own[OWN];

static void map_beside(uintptr_t heap)
{
	for (int i = 0; i < OWN; i++) {
		void *at = (void *)((heap & ~(MB - 1)) + (size_t)(i + 1) * MB);

		own[i] = mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (own[i] == MAP_FAILED)
			own[i] = NULL;
		else
			memset(own[i], i + 1, 4096);
	}
}

static int own_is_changed(void)
{
	for (int i = 0; i < OWN; i++)
		for (int k = 0; own[i] && k < 4096; k++)
			if (own[i][k] != i + 1)
				return 1;
	return 0;
}

static void *take(void *arg)
{
	size_t size = (size_t)arg, got = 0;
	void **list = NULL, **next;

	while (got < 20 * MB && (next = malloc(size)) != NULL) {
		memset(next, 0xee, size);
		*next = list;
		list = next;
		got += size;
	}
	for (; list; list = next) {
		next = *list;
		free(list);
	}
	return NULL;
}

static void take_by_threads(void)
{
	pthread_t threads[3];
	int n = 0;

	for (size_t i = 0; i < 3; i++)
		n += pthread_create(&threads[n], NULL, take, (void *)(i ? i * 150000 : 3000)) == 0;
	while (n-- > 0)
		pthread_join(threads[n], NULL);
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 200 * MB, 200 * MB };
	void *first = malloc(200000);
	int status;
	pid_t pid;

	if (argc == 1) {
		if (setrlimit(RLIMIT_AS, &limit) != 0)
			return 2;
		execl("/proc/self/exe", argv[0], "again", NULL);
		return 3;
	}
	map_beside((uintptr_t)first);
	take((void *)200000);
	take_by_threads();
	pid = fork();
	take_by_threads();
	if (pid == 0)
		_exit(own_is_changed());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || own_is_changed())
		return 1;
	free(first);
	puts("ok");
	return 0;
}
