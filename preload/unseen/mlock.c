/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/mlock.c - mlockall beside a reserve of a terabyte. The kernel would count every reserved page, and for
 * root try to populate it. So MCL_CURRENT is done mapping by mapping: for all that the program mapped and the used part
 * of the arena, but not for memsan's metadata. MCL_FUTURE is left to the kernel. */
#include "preload/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Parses one line of /proc/self/maps, "start-end perms …". False: it is no such line. */
struct mapping {
	uintptr_t start, end;
	bool accessible;
};

static bool parse_hex(const char **s, uintptr_t *value)
{
	const char *p = *s;
	*value = 0;
	for (;; p++) {
		unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
		                 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a' + 10)
		                                          : 16;
		if (digit == 16)
			break;
		*value = *value << 4 | digit;
	}
	bool any = p != *s;
	*s = p;
	return any;
}

static bool parse_mapping(const char *line, struct mapping *m)
{
	if (!parse_hex(&line, &m->start) || *line++ != '-' || !parse_hex(&line, &m->end) || *line++ != ' ')
		return false;
	/* The vsyscall page is listed, but belongs to the kernel. */
	m->accessible = (line[0] == 'r' || line[1] == 'w' || line[2] == 'x') && m->end <= (uintptr_t)1 << 47;
	return true;
}

static long lock_range(uintptr_t start, uintptr_t end, int flags)
{
	if (flags & MCL_ONFAULT)
		return arch_syscall6(SYS_mlock2, (long)start, (long)(end - start), MLOCK_ONFAULT, 0, 0, 0);
	return arch_syscall6(SYS_mlock, (long)start, (long)(end - start), 0, 0, 0, 0);
}

/* Reads the maps file through a small window. Mappings may change meanwhile, as they may during the kernel's
 * mlockall. */
static long lock_current(int flags)
{
	static const char path[] = "/proc/self/maps";
	char window[4096];
	size_t have = 0;
	long first_error = 0;
	int fd = os_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = os_read(fd, window + have, sizeof(window) - 1 - have);
		if (n <= 0)
			break;
		have += (size_t)n;
		window[have] = '\0';
		char *line = window;
		for (const char *end; (end = str_char(line, '\n')) != NULL; line = (char *)end + 1) {
			struct mapping m;
			if (!parse_mapping(line, &m) || !m.accessible || shadow_owns(m.start) ||
			    (os_is_reserve((void *)m.start) && !arena_contains((void *)m.start)))
				continue;
			long ret = lock_range(m.start, m.end, flags);
			if (ret < 0 && !first_error)
				first_error = ret;
		}
		have = (size_t)(window + have - line);
		mem_move(window, line, have);
	}
	os_close(fd);
	return first_error;
}

MEMSAN_EXPORT int mlockall(int flags)
{
	long ret = 0;
	if ((flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || !(flags & (MCL_CURRENT | MCL_FUTURE)))
		ret = -EINVAL;
	if (!ret && (flags & MCL_FUTURE))
		ret = arch_syscall6(SYS_mlockall, flags & ~MCL_CURRENT, 0, 0, 0, 0, 0);
	if (!ret && (flags & MCL_CURRENT))
		ret = lock_current(flags);
	if (ret < 0) {
		errno = (int)-ret;
		return -1;
	}
	return 0;
}
