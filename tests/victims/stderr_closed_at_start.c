/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/stderr_closed_at_start.c - a program that is started without standard error opens its journal, which
 * gets descriptor 2: nothing of memsan's is written there
 *
 * expect: double-free object=24 alloc=main free=main
 * options: max_reports=1
 * output: descriptor 2, 0 bytes
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char name[] = "/tmp/journal.XXXXXX";
	struct stat st;
	char *p;
	int fd;

	(void)argv;
	if (argc < 2) {
		close(2);
		execl("/proc/self/exe", "program", "again", (char *)NULL);
		return 3;
	}
	fd = mkostemp(name, O_APPEND);
	unlink(name);
	p = malloc(24); /* ALLOC */
	free(p);        /* FREE */
	free(p);        /* BAD */
	fstat(fd, &st);
	printf("descriptor %d, %d bytes\n", fd, (int)st.st_size);
	return 0;
}
