/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_fence_all.c - the malloc family with every allocation fenced, in several threads and
 * across forks: no report, and contents stay
 *
 * expect: none
 * modes: check production
 * options: fence=all
 * output: ok
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed;
#define CHECK(x)                                               \
	do {                                                   \
		if (!(x)) {                                    \
			printf("line %d: %s\n", __LINE__, #x); \
			failed = 1;                            \
		}                                              \
	} while (0)

static void *work(void *arg)
{
	unsigned s = (unsigned)(uintptr_t)arg;
	unsigned char *p[64] = { 0 };
	size_t n[64] = { 0 };
	for (int i = 0; i < 3000; i++) {
		int k = (int)((s = s * 1103515245 + 12345) >> 16) % 64;
		size_t size = (s >> 8) % 5000;
		for (size_t j = 0; p[k] && j < n[k]; j++)
			if (p[k][j] != (unsigned char)k) {
				CHECK(0);
				break;
			}
		switch (s % 5) {
		case 0:
			free(p[k]);
			p[k] = malloc(size);
			break;
		case 1:
			free(p[k]);
			p[k] = calloc(1, size);
			for (size_t j = 0; j < size; j++)
				if (p[k][j]) {
					CHECK(0);
					break;
				}
			break;
		case 2:
			size++;
			{
				size_t old = n[k];
				p[k] = realloc(p[k], size);
				for (size_t j = 0; old && j < old && j < size; j++)
					if (p[k][j] != (unsigned char)k) {
						CHECK(0);
						break;
					}
			}
			break;
		case 3:
			free(p[k]);
			p[k] = memalign(64, size);
			CHECK(((uintptr_t)p[k] & 63) == 0);
			break;
		case 4:
			free(p[k]);
			p[k] = NULL;
			size = 0;
			break;
		}
		n[k] = size;
		CHECK(!p[k] || malloc_usable_size(p[k]) >= size);
		if (p[k])
			memset(p[k], k, size);
	}
	for (int k = 0; k < 64; k++)
		free(p[k]);
	return NULL;
}

int main(void)
{
	pthread_t t[4];
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, work, (void *)(i + 1));
	for (int i = 0; i < 3; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			work((void *)77);
			_exit(failed);
		}
		waitpid(pid, &status, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	void *p = malloc(10);
	CHECK(p != NULL && realloc(p, 0) == NULL);
	if (!failed)
		puts("ok");
	return failed;
}
