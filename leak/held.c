/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/held.c - words that only the kernel holds for the program: what epoll gives back with an event, and what a timer
 * gives to its signal.  Servers keep a connection's object nowhere else.
 *
 * Both are text in /proc, in hexadecimal digits.  Every number of some length there is taken for a word; the others are
 * too small for addresses.  The copy of the process has the program's descriptors, but not its timers, so their list is
 * opened before. */
#include "config.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "leak/leak_internal.h"

#define DIGITS_MIN 6
#define POLL_LINK "anon_inode:[eventpoll]"

static int timers = -1;
static __large_bss char text[4096];

/* The words of a file; none of the text stays (roots.c, forget). */
static void words_of(struct leak_scan *s, int fd)
{
	uint64_t word = 0, at = 0;
	unsigned digits = 0;
	ssize_t n;

	while (fd >= 0 && (n = os_pread(fd, text, sizeof(text), at)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			int digit = number_digit(text[i]);

			if (digit < 0 && digits >= DIGITS_MIN)
				leak_scan_words(s, &word, 1);
			word = digit < 0 ? 0 : word << 4 | (unsigned)digit;
			digits = digit < 0 ? 0 : digits + 1;
		}
		at += (uint64_t)n;
		mem_set(text, 0, (size_t)n);
	}
}

static bool is_poll(int folder, const char *name)
{
	char link[sizeof(POLL_LINK)];
	long n = arch_syscall6(SYS_readlinkat, folder, (long)name, (long)link, sizeof(link), 0, 0);

	return n == sizeof(POLL_LINK) - 1 && !mem_compare(link, POLL_LINK, sizeof(POLL_LINK) - 1);
}

static void words_of_poll(struct leak_scan *s, const char *name)
{
	struct fmt_buf b;
	char path[64];
	int fd;

	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "/proc/self/fdinfo/%s", name);
	fd = os_open(path, O_RDONLY | O_CLOEXEC, 0);
	words_of(s, fd);
	if (fd >= 0)
		os_close(fd);
}

static void words_of_descriptors(struct leak_scan *s)
{
	int folder = os_open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	char buf[1024] __attribute__((aligned(8)));
	long n;

	while (folder >= 0 && (n = arch_syscall6(SYS_getdents64, folder, (long)buf, sizeof(buf), 0, 0, 0)) > 0)
		for (long at = 0; at < n;) {
			const struct os_dirent *d = (const struct os_dirent *)(buf + at);

			if (is_poll(folder, d->name))
				words_of_poll(s, d->name);
			at += d->reclen;
		}
	if (folder >= 0)
		os_close(folder);
}

void leak_held_prepare(void)
{
	timers = os_under_seccomp() ? -1 : os_open("/proc/self/timers", O_RDONLY | O_CLOEXEC, 0);
}

void leak_held_scan(struct leak_scan *s)
{
	words_of(s, timers);
	if (!os_under_seccomp())
		words_of_descriptors(s);
}

void leak_held_end(void)
{
	if (timers >= 0)
		os_close(timers);
	timers = -1;
}
