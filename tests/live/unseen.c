/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/live/unseen.c - everything that could notice a scan: waits with a limit, writes, signals and children, for two
 * seconds.  The program prints what each of them saw. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 2
#define BYTES (3 << 20)
#define NR_WRITERS 5

static volatile int over;
static volatile sig_atomic_t children_ended;
static int sem_id, msg_id, full_id;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Too late is no fault: a socket's limit begins anew with each interruption. */
static const char *word(long r, int e, double took)
{
	static __thread char text[64];

	if (took < SECONDS * 0.9)
		snprintf(text, sizeof(text), "after %.2f s: %ld %s", took, r, strerror(e));
	else
		snprintf(text, sizeof(text), "%ld%s%s", r, r < 0 ? " " : "", r < 0 ? strerrorname_np(e) : "");
	return text;
}

/* ---- waits with a limit ---------------------------------------------------------------------- */

static int small_socket(struct timeval *limit)
{
	int fds[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	if (limit)
		setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, limit, sizeof(*limit));
	return fds[0];
}

/* Makes the call of that name, with a limit of SECONDS. */
static long wait_for_time(const char *name)
{
	struct timespec t = { SECONDS, 0 }, end;
	struct timeval tv = { SECONDS, 0 };
	struct epoll_event e;
	sigset_t never;
	sem_t sem;

	sem_init(&sem, 0, 0);
	sigemptyset(&never);
	sigaddset(&never, SIGRTMIN + 5);
	clock_gettime(strcmp(name, "sem_timedwait") == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &end);
	end.tv_sec += SECONDS;
	if (strcmp(name, "ppoll") == 0)
		return ppoll(NULL, 0, &t, NULL);
	if (strcmp(name, "epoll_wait") == 0)
		return epoll_wait(epoll_create1(0), &e, 1, SECONDS * 1000);
	if (strcmp(name, "epoll_pwait") == 0)
		return epoll_pwait(epoll_create1(0), &e, 1, SECONDS * 1000, NULL);
	if (strcmp(name, "select") == 0)
		return select(0, NULL, NULL, NULL, &tv);
	if (strcmp(name, "pselect") == 0)
		return pselect(0, NULL, NULL, NULL, &t, NULL);
	if (strcmp(name, "nanosleep") == 0)
		return nanosleep(&t, NULL);
	if (strcmp(name, "clock_nanosleep") == 0)
		return -clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	if (strcmp(name, "clock_nanosleep until") == 0)
		return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
	if (strcmp(name, "sleep") == 0)
		return sleep(SECONDS);
	if (strcmp(name, "usleep") == 0)
		return usleep(SECONDS * 1000000);
	if (strcmp(name, "sem_timedwait") == 0)
		return sem_timedwait(&sem, &end);
	if (strcmp(name, "sem_clockwait") == 0)
		return sem_clockwait(&sem, CLOCK_MONOTONIC, &end);
	return sigtimedwait(&never, NULL, &t);
}

/* At a socket to which nothing comes, or whose queue of connections is full. */
static long wait_at_socket(const char *name)
{
	struct timeval tv = { SECONDS, 0 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(a);
	int server, fd;
	char text[8];

	if (strcmp(name, "recvfrom") == 0)
		return recvfrom(small_socket(&tv), text, 1, 0, NULL, NULL);
	if (strcmp(name, "recvmmsg") == 0) {
		struct iovec v = { text, 1 };
		struct mmsghdr m = { .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1 } };
		return recvmmsg(small_socket(&tv), &m, 1, 0, NULL);
	}
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(server, (struct sockaddr *)&a, sizeof(a.sun_family));
	listen(server, 0);
	if (strcmp(name, "accept4") == 0) {
		setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		return accept4(server, NULL, NULL, SOCK_CLOEXEC);
	}
	getsockname(server, (struct sockaddr *)&a, &len);
	connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, len);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return connect(fd, (struct sockaddr *)&a, len);
}

/* Calls without a limit: they end when main removes their semaphores or queue. */
static long wait_for_removal(const char *name)
{
	struct {
		long type;
		char text[8];
	} m = { 1, "" };
	struct sembuf down = { 0, -1, 0 };

	if (strcmp(name, "semop") == 0)
		return semop(sem_id, &down, 1);
	if (strcmp(name, "msgrcv") == 0)
		return msgrcv(msg_id, &m, sizeof(m.text), 0, 0);
	while (msgsnd(full_id, &m, sizeof(m.text), IPC_NOWAIT) == 0)
		;
	return msgsnd(full_id, &m, sizeof(m.text), 0);
}

static const struct {
	const char *name;
	long (*wait)(const char *name);
} by_kind[] = {
	{ "ppoll", wait_for_time },           { "epoll_wait", wait_for_time },
	{ "epoll_pwait", wait_for_time },     { "select", wait_for_time },
	{ "pselect", wait_for_time },         { "nanosleep", wait_for_time },
	{ "clock_nanosleep", wait_for_time }, { "clock_nanosleep until", wait_for_time },
	{ "sleep", wait_for_time },           { "usleep", wait_for_time },
	{ "sem_timedwait", wait_for_time },   { "sem_clockwait", wait_for_time },
	{ "sigtimedwait", wait_for_time },    { "recvfrom", wait_at_socket },
	{ "recvmmsg", wait_at_socket },       { "accept4", wait_at_socket },
	{ "connect", wait_at_socket },        { "semop", wait_for_removal },
	{ "msgrcv", wait_for_removal },       { "msgsnd", wait_for_removal },
};

static long do_wait(const char *name)
{
	struct timespec t = { SECONDS, 0 };
	struct timeval tv = { SECONDS, 0 };
	struct sembuf down = { 0, -1, 0 };
	struct pollfd p[1] = { { -1, 0, 0 } };
	struct epoll_event e;
	char text[80];

	if (strcmp(name, "recv") == 0)
		return recv(small_socket(&tv), text, 1, 0);
	if (strcmp(name, "read") == 0)
		return read(small_socket(&tv), text, 1);
	if (strcmp(name, "recvmsg") == 0) {
		struct iovec v = { text, 1 };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
		return recvmsg(small_socket(&tv), &m, 0);
	}
	if (strcmp(name, "accept") == 0) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&a, sizeof(a.sun_family));
		listen(fd, 1);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		return accept(fd, NULL, NULL);
	}
	if (strcmp(name, "semtimedop") == 0)
		return semtimedop(sem_id, &down, 1, &t);
	if (strcmp(name, "thrd_sleep") == 0)
		return thrd_sleep(&t, NULL);
	for (size_t i = 0; i < sizeof(by_kind) / sizeof(by_kind[0]); i++)
		if (strcmp(name, by_kind[i].name) == 0)
			return by_kind[i].wait(name);
	if (strcmp(name, "poll") == 0) {
		volatile nfds_t n = 1; /* makes the compiler call the fortified poll */
		return poll(p, n, SECONDS * 1000);
	}
	return epoll_pwait2(epoll_create1(0), &e, 1, &t, NULL);
}

static const char *const limited[] = {
	"recv",
	"read",
	"recvmsg",
	"accept",
	"semtimedop",
	"thrd_sleep",
	"poll",
	"epoll_pwait2",
	"ppoll",
	"epoll_wait",
	"epoll_pwait",
	"select",
	"pselect",
	"nanosleep",
	"clock_nanosleep",
	"clock_nanosleep until",
	"sleep",
	"usleep",
	"sem_timedwait",
	"sem_clockwait",
	"sigtimedwait",
	"recvfrom",
	"recvmmsg",
	"accept4",
	"connect",
	"semop",
	"msgrcv",
	"msgsnd",
};
#define NR_UNTIL_REMOVAL 3 /* the last ones of the table */
#define NR_LIMITED (sizeof(limited) / sizeof(limited[0]))

static void *limited_thread(void *arg)
{
	double began = now();
	char *answer = malloc(64);

	errno = 0;
	long r = do_wait(arg);
	strcpy(answer, word(r, errno, now() - began));
	return answer;
}

/* ---- writes ---------------------------------------------------------------------------------- */

static void *drain_slowly(void *arg)
{
	char buf[65536];
	int fd = (int)(size_t)arg;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	return NULL;
}

static ssize_t move(int how, int fd, struct iovec v[3])
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 3 };

	switch (how) {
	case 0:
		return write(fd, v[0].iov_base, BYTES);
	case 1:
		return writev(fd, v, 3);
	case 2:
		return send(fd, v[0].iov_base, BYTES, 0);
	case 3:
		return sendto(fd, v[0].iov_base, BYTES, 0, NULL, 0);
	default:
		return sendmsg(fd, &m, 0);
	}
}

static void *writer(void *arg)
{
	int how = (int)(size_t)arg, fds[2];
	char *data = calloc(1, BYTES), *answer = malloc(64);
	struct iovec v[3] = { { data, BYTES / 2 }, { data, 1 }, { data, BYTES / 2 - 1 } };
	pthread_t t;
	long whole = 0, parts = 0;

	if (how == 0 || how == 1 ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0 }))
		return NULL;
	if (how > 1) {
		int pair[2];
		socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
		fds[0] = pair[0];
		fds[1] = pair[1];
	}
	pthread_create(&t, NULL, drain_slowly, (void *)(size_t)fds[0]);
	while (!over) {
		if (move(how, fds[1], v) == BYTES)
			whole++;
		else
			parts++;
	}
	close(fds[1]);
	pthread_join(t, NULL);
	sprintf(answer, "%s", whole && !parts ? "whole" : "parts");
	free(data);
	return answer;
}

/* ---- signals --------------------------------------------------------------------------------- */

static volatile sig_atomic_t handled;

static void on_usr2(int sig)
{
	(void)sig;
	handled++;
}

static void on_child(int sig)
{
	(void)sig;
	children_ended++;
}

/* Every SIGUSR2 wakes this thread once, and nothing else may. */
static void *suspender(void *arg)
{
	sigset_t open;
	long woken = 0, idle = 0;

	sigfillset(&open);
	sigdelset(&open, SIGUSR2);
	while (!over) {
		int before = handled;
		sigsuspend(&open);
		woken++;
		if (handled == before)
			idle++;
		*(volatile long *)arg = woken;
	}
	return (void *)idle;
}

static void *signalfd_thread(void *arg)
{
	sigset_t all, pending;
	struct signalfd_siginfo info;
	int seen = 0, others = 0, fd;

	(void)arg;
	sigfillset(&all);
	sigdelset(&all, SIGCHLD); /* on_child counts these: a read here may be quicker */
	fd = signalfd(-1, &all, SFD_CLOEXEC);
	while (!seen && read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			seen++;
		else
			others++;
	}
	sigpending(&pending);
	return (void *)(size_t)(seen == 1 && !others && !sigismember(&pending, SIGRTMAX - 3));
}

/* ---- children -------------------------------------------------------------------------------- */

static void *waiter(void *arg)
{
	char *answer = malloc(64);
	pid_t child = fork(), r;
	long wrong = 0;

	(void)arg;
	if (child == 0) {
		usleep(300000);
		_exit(7);
	}
	int status = 0;
	r = waitpid(-1, &status, __WALL);
	if (r != child || WEXITSTATUS(status) != 7)
		wrong++;
	while (!over) {
		r = waitpid(-1, NULL, __WALL | WNOHANG);
		wrong += !(r < 0 && errno == ECHILD);
		r = wait4(-1, NULL, __WCLONE, NULL);
		wrong += !(r < 0 && errno == ECHILD);
		r = waitpid(-1, NULL, 0);
		wrong += !(r < 0 && errno == ECHILD);
	}
	sprintf(answer, "%ld wrong", wrong);
	return answer;
}

int main(void)
{
	pthread_t limited_t[NR_LIMITED], writer_t[NR_WRITERS], suspend_t, signal_t, wait_t;
	sigset_t block;
	void *answer;
	volatile long woken = 0;
	long sent = 0;

	sem_id = semget(IPC_PRIVATE, 1, 0600);
	msg_id = msgget(IPC_PRIVATE, 0600);
	full_id = msgget(IPC_PRIVATE, 0600);
	signal(SIGUSR2, on_usr2);
	signal(SIGCHLD, on_child);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	sigaddset(&block, SIGUSR1);
	/* Only the first thread, whose calls may be interrupted, takes SIGCHLD: while a scan's signal waits there, the
	 * kernel would otherwise choose another thread. */
	sigaddset(&block, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &block, NULL);
	for (size_t i = 0; i < NR_LIMITED; i++)
		pthread_create(&limited_t[i], NULL, limited_thread, (void *)limited[i]);
	for (size_t i = 0; i < NR_WRITERS; i++)
		pthread_create(&writer_t[i], NULL, writer, (void *)i);
	pthread_create(&suspend_t, NULL, suspender, (void *)&woken);
	pthread_create(&wait_t, NULL, waiter, NULL);
	sigset_t all, mine;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mine);
	pthread_create(&signal_t, NULL, signalfd_thread, NULL);
	sigdelset(&mine, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	double until = now() + SECONDS;
	while (now() < until) {
		/* One at a time: the thread sees this signal before the next one is sent. */
		pthread_kill(suspend_t, SIGUSR2);
		sent++;
		while (woken < sent)
			if (now() > until + 5)
				break;
	}
	int lost = woken < sent;
	over = 1;
	pthread_kill(suspend_t, SIGUSR2);
	pthread_kill(signal_t, SIGUSR1);
	for (size_t i = 0; i < NR_LIMITED; i++) {
		if (i == NR_LIMITED - NR_UNTIL_REMOVAL) {
			semctl(sem_id, 0, IPC_RMID);
			msgctl(msg_id, IPC_RMID, NULL);
			msgctl(full_id, IPC_RMID, NULL);
		}
		pthread_join(limited_t[i], &answer);
		printf("%s: %s\n", limited[i], (char *)answer);
	}
	for (size_t i = 0; i < NR_WRITERS; i++) {
		pthread_join(writer_t[i], &answer);
		printf("writer %zu: %s\n", i, (char *)answer);
	}
	pthread_join(suspend_t, &answer);
	printf("sigsuspend: %s, woken for nothing %ld\n", lost ? "a signal was lost" : "all seen",
	       (long)(size_t)answer);
	pthread_join(signal_t, &answer);
	printf("signalfd: %s\n", answer ? "its own only" : "others");
	pthread_join(wait_t, &answer);
	printf("waits: %s\nSIGCHLD: %d\n", (char *)answer, (int)children_ended);
	return 0;
}
