/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/sandbox.c - notices when the program sets a system call filter by prctl or syscall, and when syscall
 * or ioctl changes how memory is mapped (shared library only).
 *
 * Under a filter memsan leaves out system calls that filters usually do not know: process_madvise, process_vm_readv,
 * the start of a helper. prctl(PR_GET_SECCOMP) would tell whether there is a filter, but narrow filters kill for that
 * too.
 *
 * Weakness accepted: for filters that the process was started with, and those that it sets by an instruction of its own
 * or in a static program, memsan still asks by prctl. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <linux/ioctl.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <linux/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The stub in arch/ calls this with the caller's arguments and jumps to the result. */
__attribute__((used)) void *sandbox_find_syscall(unsigned long nr, unsigned long a, unsigned long b, unsigned long c,
                                                 unsigned long d);

/* In strict mode, and under a filter that forbids mmap, no memory can be made usable. With fence=all the heap has used
 * none of its own until now. */
#define USABLE_AHEAD ((size_t)512 << 10)

static void make_usable(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	if (!process_is_this() || !runtime_enter())
		return;
	for (size_t size = MIN_ALIGN; size <= USABLE_AHEAD; size *= 2) {
		void *p = slab_malloc(size, MIN_ALIGN, SLAB_API_MALLOC, false, &regs);

		if (p)
			slab_free(p, SLAB_API_MALLOC, SIZE_MAX, &regs);
	}
	runtime_leave();
}

static void note(const void *filter)
{
	handles_redirect();
	report_filter_begins();
	if (process_is_this()) {
		if (!os_filter_would_allow(filter, OS_CALL_MMAP))
			make_usable();
		os_note_seccomp(filter);
	} else {
		os_guest_filtered = true; /* a child of vfork; the vfork function clears the word for its parent */
	}
}

/* The kernel refuses strict mode with arguments, and after a filter. libseccomp asks in this way whether there is the
 * system call. */
static void note_strict(unsigned long flags, unsigned long arguments)
{
	if (flags || arguments || os_under_seccomp())
		return;
	note(NULL);
	os_note_strict();
}

static void note_prctl(unsigned long option, unsigned long mode, unsigned long filter)
{
	if ((int)option == PR_SET_SECCOMP && mode == SECCOMP_MODE_STRICT)
		note_strict(0, 0);
	else if ((int)option == PR_SET_SECCOMP && mode == SECCOMP_MODE_FILTER && filter)
		note((const void *)filter);
}

static int (*real_prctl)(int, unsigned long, unsigned long, unsigned long, unsigned long);

static int unseen_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	struct os_filters before = os_filters_now();
	int r;

	note_prctl((unsigned long)option, a, b);
	r = real_prctl(option, a, b, c, d);
	if (r < 0 && option == PR_SET_SECCOMP && !os_guest_filtered)
		os_filters_back(before);
	return r;
}

/* The kernel may refuse the filter: a program without rights goes on without. */
static long filter_by_number(long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                             unsigned long e)
{
	struct os_filters before = os_filters_now();
	bool listener = nr == SYS_seccomp && b & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	long r;

	note((const void *)c);
	r = arch_syscall6(nr, (long)a, (long)b, (long)c, (long)d, (long)e, 0);
	/* More than 0: the thread that cannot have the filter. */
	if ((r < 0 || (r > 0 && !listener)) && !os_guest_filtered)
		os_filters_back(before);
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

void *sandbox_find_syscall(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	static void *real;
	void *ours = remap_note_syscall(nr, a, b, c, d);

	if ((nr == SYS_dup2 || nr == SYS_dup3) && (int)b == STDERR_FILENO)
		report_stderr_becomes((int)a);
	if (nr == SYS_exit_group)
		os_exit_group(exits_scan((int)a));
	if (nr == SYS_prctl && (int)a == PR_SET_SECCOMP && b == SECCOMP_MODE_FILTER && c)
		return (void *)filter_by_number;
	if (nr == SYS_prctl)
		note_prctl(a, b, c);
	else if (nr == SYS_seccomp && a == SECCOMP_SET_MODE_STRICT)
		note_strict(b, c);
	else if (nr == SYS_seccomp && a == SECCOMP_SET_MODE_FILTER && c)
		return (void *)filter_by_number;
	if (!real)
		real = dlsym(RTLD_NEXT, "syscall");
	return ours ? ours : real;
}

static int (*real_ioctl)(int, unsigned long, const struct uffdio_register *);

/* A registration with userfaultfd lasts until the memory is unmapped. */
static int unseen_ioctl(int fd, unsigned long request, const struct uffdio_register *arg)
{
	struct uffdio_register copy;

	if (request == UFFDIO_REGISTER && os_safe_read(&copy, arg, sizeof(copy)) == sizeof(copy)) {
		slab_note_changed(copy.range.start, copy.range.len, true);
		fence_note_changed(copy.range.start, copy.range.len, true);
	}
	return real_ioctl(fd, request, arg);
}

ARCH_FORWARD(syscall, sandbox_find_syscall);

/* dlsym takes the loader's lock, and programs call syscall in signal handlers, so it runs here. */
__attribute__((constructor)) static void sandbox_constructor(void)
{
	sandbox_find_syscall((unsigned long)-1, 0, 0, 0, 0);
}

void sandbox_wrap(void **real)
{
	real_prctl = real[LIBC_prctl];
	real[LIBC_prctl] = (void *)unseen_prctl;
	real_ioctl = real[LIBC_ioctl];
	real[LIBC_ioctl] = (void *)unseen_ioctl;
}
