/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/torture.h - shared by the programs of tests/torture/run.  A program has a table of cases, and its first
 * argument is the name of one.  A case prints what it sees; the runner compares that with a run without memsan. */
#ifndef TORTURE_H
#define TORTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define NR(array) (sizeof(array) / sizeof(*(array)))
#define SKIPPED 77

struct torture_case {
	const char *name;
	void (*run)(void);
};
extern const struct torture_case torture_cases[]; /* the last has no name */
extern char **torture_arguments;                  /* those after the case's name */
extern const char *torture_self;                  /* the path of this program */

/* Prints by one write, without stdio: also in children that share this memory. */
__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...)
{
	char text[512];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (n > 0 && write(1, text, (size_t)n) < 0)
		_exit(98);
}

__attribute__((noreturn, unused)) static void skip(const char *why)
{
	say("SKIP: %s\n", why);
	_exit(SKIPPED);
}

/* The processor or the kernel lacks it; nothing that one installs brings it. */
__attribute__((noreturn, unused)) static void absent(const char *why)
{
	say("ABSENT: %s\n", why);
	_exit(SKIPPED);
}

/* Prints only what is wrong. */
#define must(condition) \
	((condition) ? (void)0 : say("%s:%d: %s (%s)\n", __FILE_NAME__, __LINE__, #condition, strerror(errno)))
#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif

/* Objects of all sizes come, grow and go; each is filled with its own byte, which is checked. */
__attribute__((unused)) static void churn(unsigned rounds, unsigned seed)
{
	struct {
		unsigned char *p;
		size_t size;
		unsigned char fill;
	} o[24] = { { NULL, 0, 0 } };

	for (unsigned i = 0; i < rounds; i++) {
		unsigned n = (seed = seed * 1103515245u + 12345u) >> 8, at = n % NR(o);
		size_t size = n % 64 == 0 ? 1 + n % 300000 : n % 8 == 0 ? 1 + n % 9000 : 1 + n % 200;

		for (size_t k = 0; k < o[at].size; k += 1 + o[at].size / 16)
			must(o[at].p[k] == o[at].fill);
		if (n >> 4 & 1) {
			free(o[at].p);
			o[at].p = (unsigned char *)(n >> 5 & 1 ? malloc(size) : calloc(1, size));
		} else {
			o[at].p = (unsigned char *)realloc(o[at].p, size);
		}
		o[at].size = size;
		o[at].fill = (unsigned char)n;
		memset(o[at].p, (int)(unsigned char)n, size);
	}
	for (unsigned at = 0; at < NR(o); at++)
		free(o[at].p);
}

/* Waits for a child and prints how it ended. */
__attribute__((unused)) static void reap(const char *what, pid_t child)
{
	int status = 0;

	if (child < 0 || waitpid(child, &status, 0) != child)
		say("%s: no child (%s)\n", what, strerror(errno));
	else if (WIFSIGNALED(status))
		say("%s: signal %d\n", what, WTERMSIG(status));
	else
		say("%s: status %d\n", what, WEXITSTATUS(status));
}

/* The open descriptors, by number. */
__attribute__((unused)) static void say_descriptors(const char *what)
{
	char text[256] = "";
	size_t n = 0;

	for (int fd = 0; fd < 1024 && n < sizeof(text) - 8; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %d", fd);
	say("%s: descriptors%s\n", what, text);
}

#ifdef TORTURE_MAIN
char **torture_arguments;
const char *torture_self;

int main(int argc, char **argv)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	torture_self = n > 0 ? path : argv[0];
	torture_arguments = argv + (argc > 1 ? 2 : 1);
	for (const struct torture_case *c = torture_cases; c->name; c++) {
		/* then_… is what a case runs as another program. */
		if (argc < 2) {
			if (strncmp(c->name, "then_", 5) != 0)
				puts(c->name);
		} else if (!strcmp(c->name, argv[1])) {
			c->run();
			return 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
#endif
#endif
