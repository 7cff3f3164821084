/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_signal_go.c - Go's runtime in a program with cgo sets its handlers through libc, but asks for
 * the signal stack by a system call: handlers must run on the stack that the call returned.  The note makes this a
 * module of Go's linker.
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

__asm__(".pushsection .note.go.buildid, \"a\", @note\n\t"
        ".balign 4\n\t.long 4, 4, 4\n\t.ascii \"Go\\0\\0\"\n\t.ascii \"none\"\n\t.popsection");

static volatile char *page;
static stack_t found;
static char own[65536];
static volatile int on_stack;

static void handler(int sig, siginfo_t *info, void *context)
{
	uintptr_t here = (uintptr_t)&info, lo = (uintptr_t)found.ss_sp;
	(void)context;
	on_stack += here >= lo && here < lo + found.ss_size;
	if (sig == SIGSEGV)
		mprotect((char *)page, 4096, PROT_READ | PROT_WRITE);
}

int main(void)
{
	struct sigaction a;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	syscall(SYS_sigaltstack, NULL, &found);
	if (found.ss_flags & SS_DISABLE) {
		found.ss_sp = own;
		found.ss_size = sizeof(own);
		found.ss_flags = 0;
		syscall(SYS_sigaltstack, &found, NULL);
	}
	memset(&a, 0, sizeof(a));
	a.sa_sigaction = handler;
	a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	sigfillset(&a.sa_mask);
	sigaction(SIGUSR1, &a, NULL);
	sigaction(SIGSEGV, &a, NULL);
	raise(SIGUSR1);
	for (int i = 0; i < 3; i++) {
		mprotect((char *)page, 4096, PROT_NONE);
		page[7] = 1;
	}
	puts(on_stack == 4 ? "ok" : "not on the signal stack");
	return on_stack != 4;
}
