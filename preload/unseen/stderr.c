/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/stderr.c - standard error that the program closes by fclose, or replaces by freopen.
 *
 * An exit handler closes it in GNU programs (gnulib's close_stdout).
 * What memsan finds at exit is reported after the last handler, when that descriptor is closed. A program that closes
 * its standard error earlier wants it closed: a daemon does, and the process that reads the other end waits for that.
 * So a copy is kept only when exit() is among the callers. Only in the shared library. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

#define CALLERS_MAX 64 /* exit() is near: below the handler and a function or two */

/* Is exit() one of the callers? It calls the handlers from libc's code, so a return address lies in exit() or just
 * behind it. */
static bool exit_calls(const struct unwind_regs *regs)
{
	static void *exit_cache;
	uintptr_t pcs[CALLERS_MAX], start = (uintptr_t)wait_real(&exit_cache, "exit");
	const ElfW(Sym) *sym = NULL;
	Dl_info info;
	size_t n;

	if (!start || !dladdr1((void *)start, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym)
		return false;
	n = unwind_walk(regs, pcs, CALLERS_MAX);
	for (size_t i = 0; i < n; i++)
		if (pcs[i] - 1 - start < sym->st_size)
			return true;
	return false;
}

MEMSAN_EXPORT int fclose(FILE *f)
{
	static void *real_cache;
	int (*real)(FILE *) = (int (*)(FILE *))wait_real(&real_cache, "fclose");
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	if (f == stderr && runtime_state_now == RUNTIME_READY && process_is_this() && exit_calls(&regs))
		report_keep_stderr();
	return real(f);
}

/* libc's freopen calls its own dup3, past dup.c: afterwards the stream has the file. */
static FILE *reopened(FILE *f)
{
	if (f && f == stderr && fileno(f) == STDERR_FILENO)
		report_stderr_becomes(STDERR_FILENO);
	return f;
}

#define FREOPEN(name)                                                             \
	static void *real_##name;                                                 \
	static FILE *unseen_##name(const char *path, const char *mode, FILE *f)   \
	{                                                                         \
		return reopened(((__typeof__(&name))real_##name)(path, mode, f)); \
	}
FREOPEN(freopen)
FREOPEN(freopen64)

void stderr_wrap(void **real)
{
	WAIT_WRAP(freopen);
	WAIT_WRAP(freopen64);
}
