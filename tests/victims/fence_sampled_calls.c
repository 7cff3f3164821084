/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_sampled_calls.c - a libc call and system calls go past a sampled object, and use one after its
 * free
 *
 * ways: preload linked
 * modes: check production
 * options: fence.sample_rate=1:fence.side=left:max_reports=0:quarantine.size=0
 * expect: below
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *make(void)
{
	return malloc(100);
}

int main(void)
{
	static char room[9000];
	int pipes[2];
	char *p = make();

	/* The first few allocations decide when the first sample is taken. */
	for (int i = 0; i < 10; i++) {
		free(p);
		p = make();
	}
	pipe(pipes);
	memcpy(room, p, 101);     /* expect: out-of-bounds-read in=main entry=memcpy object=100 access=101 bad=100 */
	write(pipes[1], p, 5000); /* expect: out-of-bounds-read in=main entry=write object=100 access=5000 bad=100 */
	free(p);
	p = make();
	read(pipes[0], p, 9000); /* expect: out-of-bounds-write in=main entry=read object=100 access=5000 bad=100 */
	free(p);
	write(pipes[1], p, 3); /* expect: use-after-free-read in=main entry=write object=100 access=3 bad=0 */
	return 0;
}
