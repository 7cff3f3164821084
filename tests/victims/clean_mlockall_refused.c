/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_mlockall_refused.c - mlockall that the limit forbids fails, and changes nothing: threads and
 * mappings made later are not locked, and succeed
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * output: refused 12, then thread 0, mapping 1
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static void *thread(void *arg)
{
	return arg;
}

int main(void)
{
	struct rlimit limit = { 65536, 65536 };
	int error, started;
	pthread_t t;
	void *p;

	setrlimit(RLIMIT_MEMLOCK, &limit);
	if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0) /* drops CAP_IPC_LOCK */
		return 3;
	error = mlockall(MCL_CURRENT | MCL_FUTURE) == 0 ? 0 : errno;
	started = pthread_create(&t, NULL, thread, NULL);
	if (started == 0)
		pthread_join(t, NULL);
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("refused %d, then thread %d, mapping %d\n", error, started, p != MAP_FAILED);
	return 0;
}
