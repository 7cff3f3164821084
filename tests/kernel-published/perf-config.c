/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/perf-config.c - CVE-2013-2094
 * fix: perf: Treat attr.config as u64 in perf_swevent_init()
 * expected: KASAN: global-out-of-bounds in perf_swevent_init
 * The number of a software event whose lower half is negative. */
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = 0xffffffff,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) < 0;
}
