/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/fail.c - the log of allocations that were made to fail (fail.log): one line each, for memsan run --fail-each.
 *
 *     PID NUMBER SIZE CACHE MODULE+0xOFFSET MODULE+0xOFFSET …     innermost caller first; offsets as in the ELF file
 */
#include "preload/preload.h"

#include <fcntl.h>

#define LINE_MAX_BYTES 8192
#define FRAMES 40

/* Guards the text below. */
static struct ranked_lock fail_lock = RANKED_LOCK_INIT(LOCK_RANK_REPORT);
static __large_bss char text[LINE_MAX_BYTES];
static struct module_info info;

static void put_frames(struct fmt_buf *b, const struct unwind_regs *regs)
{
	uintptr_t pcs[FRAMES];
	size_t n = unwind_walk(regs, pcs, FRAMES);
	for (size_t i = 0; i < n && b->len + sizeof(info.path) + 32 < LINE_MAX_BYTES; i++) {
		if (module_find(pcs[i] - 1, 0, &info))
			fmt_printf(b, " %s+0x%lx", info.path, (unsigned long)(pcs[i] - info.bias));
	}
}

static void tell(const char *cache, size_t size, uint64_t nr, const struct unwind_regs *regs)
{
	struct fmt_buf b;
	int fd;

	if (!options.fail_log[0])
		return;
	lock_acquire(&fail_lock);
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "%d %llu %zu %s", os_getpid(), (unsigned long long)nr, size, cache);
	if (regs)
		put_frames(&b, regs);
	fmt_printf(&b, "\n");
	fd = os_filter_set() ? -1
	                     : os_open(options.fail_log, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0);
	if (fd >= 0) {
		os_write_all(fd, text, b.len);
		os_close(fd);
	}
	lock_release(&fail_lock);
}

void fail_connect(void)
{
	if (!failslab_init(fence_fail_matches, tell))
		report_line("fail.times: '%s' is no number; 1 is taken", options.fail_times);
	if (failslab_on)
		lock_register_for_fork(&fail_lock);
}
