/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/evidence.c - what is known of the filters of system calls, told to the programs that this one starts:
 * in a variable of the environment, which they do not see. Only in the shared library. */
#include "preload/unseen/unseen.h"

#define TOLD_MAX 64

size_t evidence_environment_size(char *const envp[])
{
	char text[TOLD_MAX];
	size_t n = 0;

	if (!envp || !os_filters_tell(text, sizeof(text)) || !os_page_readable(envp))
		return 0;
	while (envp[n])
		n++;
	return (n + 2) * sizeof(*envp) + TOLD_MAX;
}

char **evidence_environment(void *room, char *const envp[])
{
	char **copy = room;
	size_t n = 0;

	while (envp[n])
		n++;
	mem_copy(copy, envp, n * sizeof(*copy));
	copy[n] = (char *)(copy + n + 2);
	os_filters_tell(copy[n], TOLD_MAX);
	copy[n + 1] = NULL;
	return copy;
}
