/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_program.c - the path and the arguments of another program are in memory that is too small or
 * freed; a list of arguments at a bad address is the kernel's to refuse
 *
 * expect: below
 * options: multi_shot=on:max_reports=0
 * ways: preload linked
 */
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern char **environ;

int main(void)
{
	char *path = memcpy(malloc(9), "/none/abc", 9), **list = malloc(2 * sizeof(*list)), *freed = strdup("argument");
	char **few = memcpy(malloc(15), (char *[2]){ "a", NULL }, 15);
	char **none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	char *right[] = { strdup("a"), NULL };

	list[0] = freed;
	list[1] = NULL;
	execv("/none/abc", right);
	execl("/none/abc", "abc", (char *)NULL);
	if (execve("/bin/true", none, environ) != -1 || errno != EFAULT)
		puts("a bad list of arguments was not refused");
	execv(path, right);                                     /* expect: slab-out-of-bounds entry=execv access=10 */
	posix_spawn(&child, path, NULL, NULL, right, environ);  /* expect: slab-out-of-bounds entry=posix_spawn */
	posix_spawnp(&child, path, NULL, NULL, right, environ); /* expect: slab-out-of-bounds entry=posix_spawnp */
	posix_spawnp(malloc(3), "true", NULL, /* expect: slab-out-of-bounds entry=posix_spawnp access=4 */
	             NULL, right, environ);
	posix_spawnp(malloc(3), "/none/abc", NULL, NULL, right, environ); /* writes nothing */
	execve("/none/abc", few, environ); /* expect: slab-out-of-bounds entry=execve access=8 */
	free(freed);
	execvp("/none/abc", list); /* expect: slab-use-after-free entry=execvp */
	return 0;
}
