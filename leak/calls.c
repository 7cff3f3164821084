/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/calls.c - system calls that the program makes without libc's functions go on after a scan's signal, as if it had
 * not come. */
#include "leak/leak_internal.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

/* preload/unseen/waits.c repeats libc's functions that our signal ended with EINTR, for the rest of their time.  A
 * program that makes system calls by itself (syscall(2), liburing, a static program) has no such function.  There the
 * handler makes the thread go back to the instruction:
 *
 *     the sender, before the signal                          the handler
 *       /proc/PID/task/TID/syscall: number, arguments,         rax is EINTR, and rip, rsp and the arguments are those:
 *       stack pointer, pc ──── struct leak_call ────────────►    rax = number, rip -= 2
 *
 * The handler cannot know the number of the call: the kernel keeps it, and libc's syscall() has overwritten the
 * register.  When a thread has gone on since the sender looked at it, the registers do not match; then it sees an
 * EINTR as after any handler.
 *
 * Only calls that have done nothing when they return EINTR go on; close() is not among them.  Their time limits:
 * select, pselect6, ppoll and sleeps that have a place for the rest tell how much time is left, and go on with that.
 * Absolute times stay.  Other limits begin anew, and so does the limit of a call that is interrupted again and again.
 *
 * Accepted: the thread that the timer of leak.scan_interval interrupts sees EINTR, because no sender looked at it
 * before. So does a raw rt_sigtimedwait for all signals, which takes ours. */

/* nr: atomic */
struct leak_calls {
	uint32_t nr, max;
	struct leak_call all[];
};
static struct leak_calls *calls; /* belongs to the scan that is about to stop threads; NULL between scans */

uintptr_t leak_libc_start, leak_libc_end, leak_libc_syscall;
TLS_IE uint32_t leak_waits_itself;

#define SYSCALL_BYTES 0x40 /* libc's syscall() is that short */

/* ---- the call of a thread, from the kernel --------------------------------------------------- */

static const char *parse_number(const char *p, uint64_t *value)
{
	const char *end = p[0] == '0' && p[1] == 'x' ? number_hex(p + 2, value) : number_decimal(p, value);

	if (!end) {
		*value = 0;
		end = p;
	}
	return *end == ' ' ? end + 1 : end;
}

/* "NR A0 A1 A2 A3 A4 A5 SP PC", "-1 SP PC" outside of a call, or "running". */
static bool call_parse(const char *text, int32_t tid, struct leak_call *c)
{
	uint64_t nr;

	if (*text < '0' || *text > '9')
		return false;
	text = parse_number(text, &nr);
	*c = (struct leak_call){ .tid = tid, .nr = (uint32_t)nr };
	for (unsigned i = 0; i < ARRAY_SIZE(c->args); i++)
		text = parse_number(text, &c->args[i]);
	text = parse_number(text, &c->sp);
	parse_number(text, &c->pc);
	return c->pc != 0;
}

/* ---- before a thread is sent the signal ------------------------------------------------------ */

size_t calls_size(uint32_t threads)
{
	return sizeof(struct leak_calls) + threads * sizeof(struct leak_call);
}

void calls_begin(void *memory, uint32_t threads)
{
	struct leak_calls *c = memory;

	c->nr = 0;
	c->max = threads;
	STORE_RELEASE(calls, c);
}

void calls_end(void)
{
	STORE_RELEASE(calls, NULL);
}

static bool of_libc(uint64_t pc)
{
	return pc - leak_libc_start < leak_libc_end - leak_libc_start && pc - leak_libc_syscall >= SYSCALL_BYTES;
}

void calls_note(int32_t name, int32_t tid)
{
	char path[48], text[256];
	struct fmt_buf b;

	if (calls->nr == calls->max)
		return;
	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "/proc/self/task/%d/syscall", name);
	os_read_text(path, text, sizeof(text));
	if (call_parse(text, tid, &calls->all[calls->nr]) && !of_libc(calls->all[calls->nr].pc))
		STORE_RELEASE(calls->nr, calls->nr + 1);
}

/* ---- in the handler -------------------------------------------------------------------------- */

static bool goes_on(uint32_t nr)
{
	switch (nr) {
	case SYS_read:
	case SYS_readv:
	case SYS_poll:
	case SYS_select:
	case SYS_pselect6:
	case SYS_ppoll:
	case SYS_pause:
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
	case SYS_connect:
	case SYS_accept:
	case SYS_accept4:
	case SYS_sendto:
	case SYS_recvfrom:
	case SYS_sendmsg:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_msgsnd:
	case SYS_msgrcv:
	case SYS_rt_sigtimedwait:
	case SYS_rt_sigsuspend:
	case SYS_futex:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_io_uring_enter:
	case SYS_futex_waitv:
		return true;
	default:
		return false;
	}
}

/* The kernel has written the rest of a sleep; the repeated call sleeps for that. */
static void take_rest(uint64_t *regs, uint32_t nr)
{
	uint64_t *rest = arch_context_argument(regs, nr == SYS_nanosleep ? 1 : 3),
		 *wanted = arch_context_argument(regs, nr == SYS_nanosleep ? 0 : 2);

	if ((nr == SYS_nanosleep ||
	     (nr == SYS_clock_nanosleep && !(*arch_context_argument(regs, 1) & TIMER_ABSTIME))) &&
	    *rest)
		*wanted = *rest;
}

static bool go_on(const struct leak_call *c, void *context)
{
	uint64_t *regs = (uint64_t *)((ucontext_t *)context)->uc_mcontext.gregs;

	if (leak_waits_itself || !goes_on(c->nr) || of_libc(c->pc) ||
	    !arch_context_ended_call(regs, c->pc, c->sp, c->args))
		return false;
	take_rest(regs, c->nr);
	arch_context_call_again(regs, c->nr);
	return true;
}

bool calls_go_on(void *context)
{
	const struct leak_calls *c = LOAD_ACQUIRE(calls);
	int32_t tid = os_gettid();

	for (uint32_t i = 0, n = c ? LOAD_ACQUIRE(c->nr) : 0; i < n; i++)
		if (c->all[i].tid == tid)
			return go_on(&c->all[i], context);
	return false;
}

bool calls_go_on_asked(const struct leak_call *asked, void *context)
{
	struct leak_call c;

	/* Another process may write to it meanwhile. */
	mem_copy(&c, asked, sizeof(c));
	return c.pc && go_on(&c, context);
}
