/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/freed_between_bins.c - a write to an object that was freed long ago: it has left the bin of the thread
 * that freed it, and waits with many others for a thread that needs them. Found when the process ends, and when another
 * thread takes it.
 *
 * expect: poison-overwritten object=24
 * expect: poison-overwritten object=24
 * modes: production
 * options: fence=off
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALL 8192
#define FREED 1024

static void *objects[ALL], *again[ALL];

static void *take(void *unused)
{
	(void)unused;
	for (int i = 0; i < ALL; i++)
		again[i] = malloc(24);
	for (int i = 0; i < ALL; i++)
		free(again[i]);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	for (int i = 0; i < ALL; i++)
		objects[i] = malloc(24);
	for (int i = 0; i < FREED; i++)
		free(objects[i]);
	if (fork() == 0) {
		*(volatile long *)objects[5] = 1; /* WRITE */
		exit(0);
	}
	wait(NULL);
	*(volatile long *)objects[5] = 1; /* WRITE */
	pthread_create(&thread, NULL, take, NULL);
	pthread_join(thread, NULL);
	return 0;
}
