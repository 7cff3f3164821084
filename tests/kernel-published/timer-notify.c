/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/timer-notify.c - CVE-2017-18344
 * fix: posix-timer: Properly check sigevent->sigev_notify
 * expected: KASAN: global-out-of-bounds in show_timer
 * A timer with an unknown way to notify, shown by procfs. */
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct sigevent event = { .sigev_notify = 3 };
	char text[4096];
	int id, fd;

	if (syscall(SYS_timer_create, CLOCK_REALTIME, &event, &id) < 0)
		return 1;
	fd = open("/proc/self/timers", O_RDONLY);
	return read(fd, text, sizeof(text)) < 0;
}
