# SPDX-License-Identifier: BSD-2-Clause
runtime_sources += preload/init.c preload/allocate.c preload/interrupted.c preload/malloc.c preload/new.c \
	preload/dispatch.c preload/trace.c preload/fail.c preload/api.c preload/hooks.c preload/malloc_hooks.c \
	preload/caches.c preload/sanitizer.c preload/views.c \
	preload/process.c preload/unseen/exits.c preload/unseen/quick_exit.c \
	preload/leak.c preload/unseen/mlock.c preload/unseen/remap.c \
	preload/unseen/limits.c preload/unseen/dup.c
include_HEADERS += preload/memsan.h
noinst_HEADERS += preload/preload.h preload/intercept/intercept.h preload/unseen/unseen.h preload/intercept/libc.def \
	preload/intercept/calls.h preload/intercept/calls_file.def preload/intercept/calls_names.def \
	preload/intercept/calls_net.def preload/intercept/calls_process.def preload/intercept/calls_text.def \
	preload/intercept/calls_time.def \
	preload/intercept/calls_library.def \
	preload/operators.def
EXTRA_DIST += preload/memsan.map preload/order.ld preload/static.ld

# The convenience library that libmemsan.so and libmemsan.a are both made from.
noinst_LTLIBRARIES += libruntime.la
libruntime_la_SOURCES = $(runtime_sources)
libruntime_la_CFLAGS = $(AM_CFLAGS) $(RUNTIME_FLAGS)
libruntime_la_LIBADD = libcore.la

# The runtime without exported symbols, for unit tests.
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES = $(base_sources) $(core_sources)
libcore_la_CFLAGS = $(AM_CFLAGS) $(RUNTIME_FLAGS)

lib_LTLIBRARIES += libmemsan.la
# Only in a shared library can dlclose and the interceptors call libc's own functions.
libmemsan_la_SOURCES = preload/unseen/modules.c preload/unseen/sandbox.c preload/unseen/maps.c \
	preload/unseen/evidence.c \
	preload/unseen/signals.c preload/unseen/exec.c preload/unseen/foreign.c \
	preload/unseen/vfork.c preload/unseen/keys.c \
	preload/unseen/raise.c \
	preload/unseen/stderr.c preload/unseen/waits.c preload/unseen/waits_rare.c preload/unseen/waits_io.c \
	preload/unseen/shared.c preload/unseen/start.c preload/intercept/symbols.c \
	preload/intercept/libc_real.c preload/unseen/replaced.c preload/unseen/skipped.c preload/unseen/handles.c \
	preload/unseen/jemalloc.c preload/unseen/tcmalloc.c \
	preload/intercept/libc_check.c preload/intercept/libc_mem.c preload/intercept/libc_str.c \
	preload/intercept/libc_scan.c preload/intercept/libc_number.c preload/intercept/libc_wcs.c \
	preload/intercept/libc_printf.c preload/intercept/libc_stdio.c preload/intercept/libc_io.c \
	preload/intercept/libc_kernel.c preload/intercept/libc_jump.c preload/intercept/libc_path.c \
	preload/intercept/libc_calls.c preload/intercept/libc_library.c \
	preload/intercept/libc_format.c preload/intercept/libc_scanf.c
libmemsan_la_CFLAGS = $(AM_CFLAGS) $(RUNTIME_FLAGS)
libmemsan_la_LIBADD = libruntime.la
libmemsan_la_LDFLAGS = -version-info 1:0:0 -Wl,--version-script=$(top_srcdir)/preload/memsan.map \
	-Wl,-init,no_init -Wl,-fini,no_fini \
	-Wl,-z,initfirst -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,-z,defs -Wl,-Bsymbolic-functions \
	-Wl,--sort-section=name $(ORDER_LDFLAGS)
EXTRA_libmemsan_la_DEPENDENCIES = $(top_srcdir)/preload/memsan.map $(top_srcdir)/preload/order.ld libruntime.la

# The static archive is one object whose hidden symbols are local, so that a program may have a depot_save of its own.
# The name of its code section is a C identifier, so ld defines symbols for the section's bounds, and stacks leave the
# section's code out (lib/modules.c).  libstdc++.a keeps the nothrow forms of operator new, because they must catch a
# new-handler's exceptions, which C cannot do.  They call the other forms, which are memsan's.  The sanitizers' common
# interface is weak: UBSan's runtime has parts of it, and then those count.  So is _exit, which a program may have.
NOTHROW_NEW = _ZnwmRKSt9nothrow_t _ZnamRKSt9nothrow_t _ZnwmSt11align_val_tRKSt9nothrow_t \
	_ZnamSt11align_val_tRKSt9nothrow_t
staticlibdir = $(libdir)
staticlib_DATA = libmemsan.a
libmemsan.a: libruntime.la $(top_srcdir)/preload/static.ld
	$(AM_V_GEN)rm -f $@ libmemsan-all.o && \
	$(LD) -r -T '$(top_srcdir)/preload/static.ld' -o libmemsan-all.o --whole-archive .libs/libruntime.a && \
	$(OBJCOPY) --localize-hidden $(NOTHROW_NEW:%=--localize-symbol=%) libmemsan-all.o && \
	$(OBJCOPY) --wildcard --weaken-symbol='__sanitizer_*' --weaken-symbol=_exit --weaken-symbol=_Exit \
		libmemsan-all.o && \
	$(AR) crs $@ libmemsan-all.o && rm -f libmemsan-all.o
CLEANFILES += libmemsan.a libmemsan-all.o

# For static programs that memsan-cc links in a build tree: the path of the helper (reports/helper.c).
noinst_DATA = memsan-helper.o
memsan-helper.o: Makefile
	$(AM_V_GEN){ echo '.section .note.GNU-stack,""'; echo '.section memsan_helper,"aR"'; \
		echo ".asciz \"`pwd`/memsan-symbolize\""; } | $(CC) -c -x assembler -o $@ -
CLEANFILES += memsan-helper.o
