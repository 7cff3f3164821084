/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_aborts.c - fortified libc functions abort under memsan where they abort without it
 *
 * expect: none
 * modes: check production
 * stderr: any
 * output: 6 6 6 6 6 6 6 6
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void *__memcpy_chk(void *, const void *, size_t, size_t);
void *__memset_chk(void *, int, size_t, size_t);
char *__strcpy_chk(char *, const char *, size_t);
char *__strcat_chk(char *, const char *, size_t);
int __sprintf_chk(char *, int, size_t, const char *, ...);
int __snprintf_chk(char *, size_t, int, size_t, const char *, ...);
char *__fgets_chk(char *, size_t, int, FILE *);
ssize_t __read_chk(int, void *, size_t, size_t);

/* Each object is large enough for its call; only the size that a compiler would pass is too small. */
static void overflow(int which)
{
	char *p = malloc(100);
	*p = 0;
	switch (which) {
	case 0:
		__memcpy_chk(p, "0123456789", 10, 9);
		break;
	case 1:
		__memset_chk(p, 0, 10, 9);
		break;
	case 2:
		__strcpy_chk(p, "123456789", 9);
		break;
	case 3:
		__strcat_chk(p, "123456789", 9);
		break;
	case 4:
		__sprintf_chk(p, 1, 9, "%d", 123456789);
		break;
	case 5:
		__snprintf_chk(p, 10, 1, 9, "%d", 1);
		break;
	case 6:
		__fgets_chk(p, 9, 20, fmemopen("0123456789ab", 12, "r"));
		break;
	case 7:
		__read_chk(0, p, 10, 9);
		break;
	}
	free(p);
}

int main(void)
{
	for (int i = 0; i < 8; i++) {
		int status;
		fflush(stdout);
		if (fork() == 0) {
			overflow(i);
			_exit(0);
		}
		wait(&status);
		printf(i ? " %d" : "%d", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	}
	printf("\n");
	return 0;
}
