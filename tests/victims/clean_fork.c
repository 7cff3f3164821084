/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_fork.c - a process forks while its other threads allocate all the time; its children allocate,
 * start threads and fork too
 *
 * expect: none
 * modes: check production
 * ways: preload static
 * output: ok
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool stop;

static void *churn(void *arg)
{
	void *keep[64] = { 0 };
	unsigned seed = 1;
	while (!stop) {
		int i = rand_r(&seed) % 64;
		free(keep[i]);
		keep[i] = malloc(rand_r(&seed) % 2000 + (i == 0 ? 50000 : 0));
	}
	for (int i = 0; i < 64; i++)
		free(keep[i]);
	return NULL;
}
static int child(int depth)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(i * 37));
	pthread_t t;
	stop = 1;
	if (pthread_create(&t, NULL, churn, NULL) || pthread_join(t, NULL))
		return 1;
	if (depth == 0)
		return 0;
	pid_t pid = fork();
	if (pid == 0)
		exit(child(depth - 1));
	int status;
	return waitpid(pid, &status, 0) != pid || status != 0;
}
int main(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, churn, NULL);
	int bad = 0;
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();
		if (pid == 0)
			exit(child(1));
		int status = -1;
		waitpid(pid, &status, 0);
		bad |= status;
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	puts(bad ? "a child failed" : "ok");
	return bad;
}
