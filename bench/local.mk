# SPDX-License-Identifier: BSD-2-Clause
dist_noinst_SCRIPTS += bench/run bench/tables bench/fence bench/cache bench/decode bench/hardening
EXTRA_DIST += bench/cache_objects.c
EXTRA_DIST += bench/fence_blocks.c
EXTRA_DIST += bench/README.md bench/measure.c bench/programs

# Not linked with memsan: it runs with LD_PRELOAD set to the library that is to be measured.
check_PROGRAMS += bench/malloc_micro
bench_malloc_micro_SOURCES = bench/malloc_micro.c
bench_malloc_micro_CFLAGS = $(AM_CFLAGS) -O2 -fno-builtin
bench_malloc_micro_LDADD = -lpthread

dist_noinst_SCRIPTS += bench/libc_calls
check_PROGRAMS += bench/libc_micro
bench_libc_micro_SOURCES = bench/libc_micro.c
bench_libc_micro_CFLAGS = $(AM_CFLAGS) -O2 -fno-builtin
bench_libc_micro_LDADD =
if HAVE_TEST_LIBS
check_PROGRAMS += bench/unwind
bench_unwind_SOURCES = bench/unwind.c
bench_unwind_CFLAGS = $(AM_CFLAGS) -O2 -fomit-frame-pointer $(LIBUNWIND_CFLAGS)
bench_unwind_LDADD = libcore.la $(LIBUNWIND_LIBS) -lpthread
endif

# bench/leak builds it twice: with LeakSanitizer, and without it, to run under memsan.
EXTRA_DIST += bench/leak_heap.c bench/leak_lost.c bench/leak_nodes.h
dist_noinst_SCRIPTS += bench/leak

# Not linked with memsan, like malloc_micro.
dist_noinst_SCRIPTS += bench/metadata
check_PROGRAMS += bench/metadata_heap
bench_metadata_heap_SOURCES = bench/metadata_heap.c
bench_metadata_heap_CFLAGS = $(AM_CFLAGS) -O2 -fno-builtin
bench_metadata_heap_LDADD =

# Measures memsan beside its peers and writes docs/performance.  A build with checks of its own would be slow, so a
# second one is made; a source folder that is configured itself allows none, and is measured as it is.
# BENCH holds arguments of bench/run: --quick, --minutes=5, --resume after an interruption, or names of tests.
bench:
	if [ -f '$(srcdir)/config.status' ]; then folder=.; else \
	    folder=build-bench; $(MKDIR_P) $$folder && cd $$folder && \
	    { [ -f config.status ] || '$(abs_srcdir)/configure'; } && $(MAKE) && cd ..; fi && \
	    '$(abs_srcdir)/bench/run' --build "$$folder" --out bench-results.jsonl \
	        --page '$(abs_srcdir)/docs/performance' $(BENCH)
.PHONY: bench
