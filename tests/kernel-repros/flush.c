/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-repros/flush.c - CVE-2017-2636, expected: KASAN: double-free in published_put
 * Two threads flush at the same time; it never ends, as most of syzkaller's programs. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "module/published.h"

static int fd;
static pthread_barrier_t barrier;

static void *flush(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_barrier_wait(&barrier);
		ioctl(fd, PUBLISHED_PUT, 0);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[2];

	fd = open("/dev/published", O_RDWR);
	pthread_barrier_init(&barrier, NULL, 3);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, flush, NULL);
	for (;;) {
		ioctl(fd, PUBLISHED_ADD, 0);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
}
