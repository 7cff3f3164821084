/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/live/waiting.c - calls that, by signal(7), are never restarted, and raw system calls that memsan does not
 * intercept: each runs once, for two seconds or until it is woken.  The program prints the result of each, and whether
 * that came too early or too late. */
#define _GNU_SOURCE
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 2
#define OPEN_END 99 /* woken when the calls with a limit have ended */

static pthread_barrier_t begin;
static int woken_pipe[2], tty, aio_pipe[2], other_pipe[2];
static volatile int over;
static char fifo_name[64], lock_name[64];
static pthread_t to_signal[3];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct timespec in_seconds(clockid_t clock, int s)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_sec += s;
	return t;
}

static void handler(int sig)
{
	(void)sig;
}

static sigset_t one_signal(int sig)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, sig);
	return s;
}

/* ---- with a limit ---------------------------------------------------------------------------- */

static long wait_aio_suspend(void)
{
	static char byte[1];
	static struct aiocb cb = { .aio_nbytes = 1, .aio_buf = byte };
	const struct aiocb *list[1] = { &cb };
	struct timespec t = { SECONDS, 0 };

	cb.aio_fildes = aio_pipe[0];
	aio_read(&cb);
	return aio_suspend(list, 1, &t);
}

static long wait_io_getevents(void)
{
	struct timespec t = { SECONDS, 0 };
	struct io_event e;
	aio_context_t ctx = 0;

	if (syscall(SYS_io_setup, 1, &ctx) != 0)
		return 0;
	return syscall(SYS_io_getevents, ctx, 1L, 1L, &e, &t);
}

static long wait_sigtimedwait(void)
{
	sigset_t s = one_signal(SIGRTMIN + 6);

	return sigtimedwait(&s, NULL, &(struct timespec){ SECONDS, 0 });
}

static long wait_cond(void)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	struct timespec end = in_seconds(CLOCK_REALTIME, SECONDS);
	int e;

	pthread_mutex_lock(&m);
	while ((e = pthread_cond_timedwait(&c, &m, &end)) == 0)
		;
	errno = e;
	return -1;
}

static long wait_mutex(void)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	struct timespec end = in_seconds(CLOCK_REALTIME, SECONDS);

	pthread_mutex_lock(&m);
	errno = pthread_mutex_timedlock(&m, &end);
	return -1;
}

static long wait_mq(void)
{
	struct mq_attr a = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	struct timespec end = in_seconds(CLOCK_REALTIME, SECONDS);
	char name[64], text[8];
	mqd_t q;

	snprintf(name, sizeof(name), "/memsan-waiting-%d", (int)getpid());
	q = mq_open(name, O_CREAT | O_RDWR, 0600, &a);
	mq_unlink(name);
	if (q == (mqd_t)-1) { /* this system has no message queues */
		errno = ETIMEDOUT;
		return -1 + 0 * usleep(SECONDS * 1000000);
	}
	return mq_timedreceive(q, text, sizeof(text), NULL, &end);
}

static long wait_futex(void)
{
	static int word;

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &(struct timespec){ SECONDS, 0 }, NULL, 0);
}

static long wait_futex_until(void)
{
	static int word;
	struct timespec end = in_seconds(CLOCK_MONOTONIC, SECONDS);

	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &end, NULL, FUTEX_BITSET_MATCH_ANY);
}

static long wait_raw_epoll(void)
{
	struct epoll_event e;

	return syscall(SYS_epoll_wait, epoll_create1(0), &e, 1, SECONDS * 1000);
}

static long wait_raw_nanosleep(void)
{
	struct timespec t = { SECONDS, 0 };

	return syscall(SYS_nanosleep, &t, &t);
}

static long wait_raw_poll(void)
{
	return syscall(SYS_ppoll, NULL, 0, &(struct timespec){ SECONDS, 0 }, NULL, 0);
}

static long wait_send(void)
{
	struct timeval tv = { SECONDS, 0 };
	char data[4096] = "";
	int fds[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	while (send(fds[0], data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return send(fds[0], data, sizeof(data), 0);
}

/* The rest of a sleep that a handler of the program ends, after scans have interrupted the sleep too. */
static long wait_rest(void)
{
	struct timespec t = { 2 * SECONDS, 0 }, rest = { 0, 0 };
	long r = nanosleep(&t, &rest);
	double left = (double)rest.tv_sec + (double)rest.tv_nsec / 1e9;

	return r < 0 && errno == EINTR && left > 1.5 * SECONDS - SECONDS && left < 1.1 * SECONDS ? 0 : -2;
}

static long wait_clock_rest(void)
{
	struct timespec t = { 2 * SECONDS, 0 }, rest = { 0, 0 };
	long r = clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &rest);
	double left = (double)rest.tv_sec + (double)rest.tv_nsec / 1e9;

	return r == EINTR && left > 0.5 * SECONDS && left < 1.1 * SECONDS ? 0 : -2;
}

static long wait_select_rest(void)
{
	struct timeval tv = { 2 * SECONDS, 0 };
	long r = select(0, NULL, NULL, NULL, &tv);
	double left = (double)tv.tv_sec + (double)tv.tv_usec / 1e6;

	return r < 0 && errno == EINTR && left > 0.5 * SECONDS && left < 1.1 * SECONDS ? 0 : -2;
}

/* ---- until it is woken ----------------------------------------------------------------------- */

static long wait_pipe(void)
{
	char c;

	return read(woken_pipe[0], &c, 1);
}

static long wait_tty(void)
{
	char line[16];

	return read(tty, line, sizeof(line));
}

static long wait_pause(void)
{
	to_signal[0] = pthread_self();
	return pause();
}

static long wait_sigwait(void)
{
	sigset_t s = one_signal(SIGRTMIN + 7);
	int sig = 0;
	long r;

	to_signal[1] = pthread_self();
	r = sigwait(&s, &sig);
	return r ? -r : sig - SIGRTMIN;
}

static long wait_sigwaitinfo(void)
{
	sigset_t s = one_signal(SIGRTMIN + 8);

	to_signal[2] = pthread_self();
	return sigwaitinfo(&s, NULL) - SIGRTMIN;
}

static long wait_fifo(void)
{
	return open(fifo_name, O_RDONLY) >= 0 ? 0 : -1;
}

static long wait_flock(void)
{
	return flock(open(lock_name, O_RDWR), LOCK_EX);
}

static long wait_fcntl(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(open(lock_name, O_RDWR), F_OFD_SETLKW, &l);
}

static long wait_inotify(void)
{
	char event[512];
	int fd = inotify_init1(0);

	inotify_add_watch(fd, lock_name, IN_ATTRIB);
	return read(fd, event, sizeof(event)) > 0 ? 0 : -1;
}

static long wait_child(void)
{
	siginfo_t info = { 0 };
	pid_t child = fork();

	if (child == 0) {
		char c;
		close(other_pipe[1]);
		_exit(read(other_pipe[0], &c, 1) == 1 ? 3 : 4);
	}
	return waitid(P_PID, (id_t)child, &info, WEXITED) == 0 ? info.si_status : -1;
}

static long wait_uring(void)
{
	struct io_uring_params p = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, &p);

	if (fd < 0) { /* this system has no io_uring: end as if woken */
		while (!over)
			usleep(1000);
		errno = EINTR;
		return -1;
	}
	to_signal[0] = pthread_self();
	return syscall(SYS_io_uring_enter, (int)fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* ---- all together ---------------------------------------------------------------------------- */

static const struct wait {
	const char *name;
	long (*wait)(void);
	int limit; /* seconds */
} waits[] = {
	{ "aio_suspend", wait_aio_suspend, SECONDS },
	{ "io_getevents", wait_io_getevents, SECONDS },
	{ "sigtimedwait", wait_sigtimedwait, SECONDS },
	{ "pthread_cond_timedwait", wait_cond, SECONDS },
	{ "pthread_mutex_timedlock", wait_mutex, SECONDS },
	{ "mq_timedreceive", wait_mq, SECONDS },
	{ "futex", wait_futex, SECONDS },
	{ "futex until", wait_futex_until, SECONDS },
	{ "epoll_wait, raw", wait_raw_epoll, SECONDS },
	{ "nanosleep, raw", wait_raw_nanosleep, SECONDS },
	{ "ppoll, raw", wait_raw_poll, SECONDS },
	{ "send", wait_send, SECONDS },
	{ "nanosleep's rest", wait_rest, SECONDS },
	{ "clock_nanosleep's rest", wait_clock_rest, SECONDS },
	{ "select's rest", wait_select_rest, SECONDS },
	{ "read of a pipe", wait_pipe, OPEN_END },
	{ "read of a terminal", wait_tty, OPEN_END },
	{ "pause", wait_pause, OPEN_END },
	{ "sigwait", wait_sigwait, OPEN_END },
	{ "sigwaitinfo", wait_sigwaitinfo, OPEN_END },
	{ "open of a fifo", wait_fifo, OPEN_END },
	{ "flock", wait_flock, OPEN_END },
	{ "fcntl", wait_fcntl, OPEN_END },
	{ "read of inotify", wait_inotify, OPEN_END },
	{ "waitid", wait_child, OPEN_END },
	{ "io_uring_enter", wait_uring, OPEN_END },
};
#define NR (sizeof(waits) / sizeof(waits[0]))

static struct {
	pthread_t thread;
	char text[128];
	volatile int tid;
} state[NR];

/* On a busy machine all threads come late. A clock of the test's tells by how much: a limit that begins anew is late by
 * more than that. */
#define TICK 0.01
static volatile double tick_due, tick_late;

static void *clock_thread(void *unused)
{
	(void)unused;
	while (!over) {
		struct timespec t = { (time_t)tick_due, (long)((tick_due - (double)(time_t)tick_due) * 1e9) };

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			;
		if (now() - tick_due > tick_late)
			tick_late = now() - tick_due;
		tick_due = now() + TICK;
	}
	return NULL;
}

static double machine_is_late(void)
{
	double late = now() - tick_due;

	return late > tick_late ? late : tick_late;
}

static void *wait_thread(void *arg)
{
	size_t i = (size_t)arg;
	const struct wait *w = &waits[i];
	double began, took;
	long r;

	pthread_barrier_wait(&begin);
	began = now();
	state[i].tid = gettid();
	errno = 0;
	r = w->wait();
	int e = errno;
	took = now() - began;
	if (w->limit == OPEN_END ? !over : took < w->limit * 0.95)
		snprintf(state[i].text, sizeof(state[i].text), "too early, after %.2f s: %ld %s", took, r, strerror(e));
	else if (w->limit != OPEN_END && took > w->limit + 1.5 + machine_is_late())
		snprintf(state[i].text, sizeof(state[i].text), "too late, after %.2f s: %ld %s", took, r, strerror(e));
	else
		snprintf(state[i].text, sizeof(state[i].text), "%ld%s%s", r, r == -1 ? " " : "",
		         r == -1 ? strerrorname_np(e) : "");
	return NULL;
}

static int locked(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;

	snprintf(fifo_name, sizeof(fifo_name), "/tmp/memsan-fifo-%d", (int)getpid());
	snprintf(lock_name, sizeof(lock_name), "/tmp/memsan-lock-%d", (int)getpid());
	mkfifo(fifo_name, 0600);
	fd = open(lock_name, O_RDWR | O_CREAT, 0600);
	flock(fd, LOCK_EX);
	fcntl(fd, F_OFD_SETLK, &l);
	return fd;
}

static size_t index_of(long (*wait)(void))
{
	for (size_t i = 0; i < NR; i++)
		if (waits[i].wait == wait)
			return i;
	abort();
}

static int sleeps(int tid)
{
	char path[64], text[16] = "running";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = tid ? open(path, O_RDONLY) : -1;
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		return 1; /* the thread has ended already, and will say so */
	close(fd);
	return text[0] != 'r' && text[0] != '-';
}

int main(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), lock = locked();
	sigset_t mask = one_signal(SIGRTMIN + 7);
	struct sigaction a = { .sa_handler = handler };
	pthread_t ticking;

	sigaddset(&mask, SIGRTMIN + 8);
	sigaddset(&mask, SIGRTMIN + 6);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	sigaction(SIGUSR1, &a, NULL);
	grantpt(master);
	unlockpt(master);
	tty = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (tty < 0 || pipe(woken_pipe) || pipe(aio_pipe) || pipe(other_pipe))
		return 1;
	tick_due = now() + TICK;
	pthread_create(&ticking, NULL, clock_thread, NULL);
	pthread_barrier_init(&begin, NULL, NR + 1);
	for (size_t i = 0; i < NR; i++)
		pthread_create(&state[i].thread, NULL, wait_thread, (void *)i);
	pthread_barrier_wait(&begin);
	for (size_t i = 0; i < NR; i++)
		while (!sleeps(state[i].tid))
			sched_yield();
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	/* After half of their time, a handler of the program ends the sleeps that return their rest. */
	struct timespec rest = { SECONDS, 0 };
	if (syscall(SYS_nanosleep, &rest, &rest) != 0) /* a request for a scan interrupts this thread first */
		printf("the first thread: %s\n", strerrorname_np(errno));
	pthread_kill(state[index_of(wait_rest)].thread, SIGUSR1);
	pthread_kill(state[index_of(wait_clock_rest)].thread, SIGUSR1);
	pthread_kill(state[index_of(wait_select_rest)].thread, SIGUSR1);
	for (size_t i = 0; i < NR; i++)
		if (waits[i].limit != OPEN_END)
			pthread_join(state[i].thread, NULL);
	over = 1;
	if (write(woken_pipe[1], "x", 1) != 1 || write(master, "x\n", 2) != 2 || write(other_pipe[1], "x", 1) != 1)
		return 1;
	pthread_kill(state[index_of(wait_pause)].thread, SIGUSR1);
	pthread_kill(state[index_of(wait_uring)].thread, SIGUSR1);
	pthread_kill(to_signal[1], SIGRTMIN + 7);
	pthread_kill(to_signal[2], SIGRTMIN + 8);
	close(open(fifo_name, O_WRONLY));
	chmod(lock_name, 0600);
	flock(lock, LOCK_UN);
	pthread_join(state[index_of(wait_flock)].thread, NULL);
	close(lock);
	for (size_t i = 0; i < NR; i++) {
		if (waits[i].limit == OPEN_END && waits[i].wait != wait_flock)
			pthread_join(state[i].thread, NULL);
		printf("%s: %s\n", waits[i].name, state[i].text);
	}
	pthread_join(ticking, NULL);
	unlink(fifo_name);
	unlink(lock_name);
	return 0;
}
