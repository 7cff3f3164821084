/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/watch-bitmap.c - a leak without a CVE
 * fix: watch_queue: Free the alloc bitmap when the watch_queue is torn down
 * expected: memory leak in watch_queue_set_size
 * Queues of notifications, opened and closed again. */
#include <linux/watch_queue.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	for (int i = 0, fd[2]; i < 20; i++) {
		if (syscall(SYS_pipe2, fd, O_NOTIFICATION_PIPE) < 0 || ioctl(fd[0], IOC_WATCH_QUEUE_SET_SIZE, 8) < 0)
			return 1;
		close(fd[0]);
		close(fd[1]);
	}
	return 0;
}
