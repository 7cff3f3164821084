# SPDX-License-Identifier: BSD-2-Clause
TEST_CFLAGS = $(AM_CFLAGS) -std=gnu11 $(CMOCKA_CFLAGS) $(LIBUNWIND_CFLAGS)
TEST_LIBS = libcore.la $(CMOCKA_LIBS) -lpthread

# Scripts that look at the sources, the documentation and what was built.
script_tests = tests/races tests/layers tests/docs tests/exports tests/command tests/signals/run tests/published \
	tests/decode tests/wording tests/examples-caches tests/kernel
TESTS += $(script_tests)
AM_TESTS_ENVIRONMENT = BUILD='$(abs_top_builddir)'; export BUILD;
dist_check_SCRIPTS += $(script_tests)
# For tests/fuzz/run, which builds them in its own way.
.PHONY: tool-sources
tool-sources:
	@echo $(base_sources) $(tool_sources)
# Longer ones that scripts/test runs besides make check.
EXTRA_DIST += tests/lib/harness.py tests/lib/harness.sh tests/lib/catalog.py
EXTRA_DIST += tests/golden tests/logs tests/fuzz tests/victims tests/victims-shadow tests/live tests/real tests/shadow tests/signals/program.c

noinst_HEADERS += tests/unit/unit.h

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = tests/unit/test_mem.c
tests_unit_test_mem_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_mem_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_mem

check_PROGRAMS += tests/unit/test_fmt
tests_unit_test_fmt_SOURCES = tests/unit/test_fmt.c
tests_unit_test_fmt_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_fmt_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_fmt

check_PROGRAMS += tests/unit/test_os
tests_unit_test_os_SOURCES = tests/unit/test_os.c
tests_unit_test_os_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_os_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_os

check_PROGRAMS += tests/unit/test_options
tests_unit_test_options_SOURCES = tests/unit/test_options.c
tests_unit_test_options_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_options_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_options

check_PROGRAMS += tests/unit/test_lock
tests_unit_test_lock_SOURCES = tests/unit/test_lock.c
tests_unit_test_lock_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_lock_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_lock

check_PROGRAMS += tests/unit/test_thread
tests_unit_test_thread_SOURCES = tests/unit/test_thread.c
tests_unit_test_thread_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_thread_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_thread

check_PROGRAMS += tests/unit/test_report_render
tests_unit_test_report_render_SOURCES = tests/unit/test_report_render.c
tests_unit_test_report_render_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_report_render_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_report_render
noinst_HEADERS += tests/unit/slab_test.h

check_PROGRAMS += tests/unit/test_slab_class
tests_unit_test_slab_class_SOURCES = tests/unit/test_slab_class.c
tests_unit_test_slab_class_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_slab_class_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_slab_class

check_PROGRAMS += tests/unit/test_slab_buddy
tests_unit_test_slab_buddy_SOURCES = tests/unit/test_slab_buddy.c
tests_unit_test_slab_buddy_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_slab_buddy_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_slab_buddy

check_PROGRAMS += tests/unit/test_slab_cache
tests_unit_test_slab_cache_SOURCES = tests/unit/test_slab_cache.c
tests_unit_test_slab_cache_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_slab_cache_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_slab_cache

check_PROGRAMS += tests/unit/test_slab_check
tests_unit_test_slab_check_SOURCES = tests/unit/test_slab_check.c
tests_unit_test_slab_check_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_slab_check_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_slab_check

check_PROGRAMS += tests/unit/test_slab_custom
tests_unit_test_slab_custom_SOURCES = tests/unit/test_slab_custom.c
tests_unit_test_slab_custom_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_slab_custom_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_slab_custom

check_PROGRAMS += tests/unit/test_slab_pages
tests_unit_test_slab_pages_SOURCES = tests/unit/test_slab_pages.c
tests_unit_test_slab_pages_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_slab_pages_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_slab_pages

check_PROGRAMS += tests/unit/test_slab_live
tests_unit_test_slab_live_SOURCES = tests/unit/test_slab_live.c
tests_unit_test_slab_live_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_slab_live_LDADD = $(TEST_LIBS) -lpthread
TESTS += tests/unit/test_slab_live

check_PROGRAMS += tests/unit/test_slab_malloc
tests_unit_test_slab_malloc_SOURCES = tests/unit/test_slab_malloc.c
tests_unit_test_slab_malloc_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_slab_malloc_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_slab_malloc

# All of memsan, with what it gets memory from inside wrapped.
check_PROGRAMS += tests/unit/test_no_memory
tests_unit_test_no_memory_SOURCES = tests/unit/test_no_memory.c
tests_unit_test_no_memory_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_no_memory_LDFLAGS = -Wl,--wrap=meta_alloc -Wl,--wrap=buddy_alloc -Wl,--wrap=buddy_extend -Wl,--wrap=os_reserve -Wl,--wrap=os_commit
tests_unit_test_no_memory_LDADD = libruntime.la -lpthread
TESTS += tests/unit/test_no_memory

# lib/ and slab/ built anew with ThreadSanitizer; tests/races runs it.
if HAVE_TSAN
check_PROGRAMS += tests/unit/races
endif
tests_unit_races_SOURCES = tests/unit/races.c $(lib_base_sources) $(lib_core_sources) $(slab_base_sources) $(slab_core_sources)
tests_unit_races_CFLAGS = $(AM_CFLAGS) $(RUNTIME_FLAGS) $(CMOCKA_CFLAGS) $(TSAN_FLAGS)
tests_unit_races_LDFLAGS = -fsanitize=thread
tests_unit_races_LDADD = $(CMOCKA_LIBS) -lpthread
EXTRA_PROGRAMS = tests/unit/races

check_PROGRAMS += tests/unit/test_report_emit
tests_unit_test_report_emit_SOURCES = tests/unit/test_report_emit.c
tests_unit_test_report_emit_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_report_emit_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_report_emit

check_PROGRAMS += tests/unit/test_symbolize
tests_unit_test_symbolize_SOURCES = tests/unit/test_symbolize.c
tests_unit_test_symbolize_CFLAGS = $(TEST_CFLAGS) $(DW_CFLAGS) $(ELF_CFLAGS) -DMEMSAN_TOOL -DTEST_CC='"$(CC)"' -DTEST_CXX='"$(CXX)"'
tests_unit_test_symbolize_LDADD = libtool_half.la $(CMOCKA_LIBS)
TESTS += tests/unit/test_symbolize

check_PROGRAMS += tests/unit/test_functions
tests_unit_test_functions_SOURCES = tests/unit/test_functions.c
tests_unit_test_functions_CFLAGS = $(TEST_CFLAGS) $(DW_CFLAGS) $(ELF_CFLAGS) -DMEMSAN_TOOL -DTEST_CXX='"$(CXX)"'
tests_unit_test_functions_LDADD = libtool_half.la $(CMOCKA_LIBS)
TESTS += tests/unit/test_functions

check_PROGRAMS += tests/unit/test_shadow
tests_unit_test_shadow_SOURCES = tests/unit/test_shadow.c
tests_unit_test_shadow_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_shadow_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_shadow
check_PROGRAMS += tests/unit/test_report_record
tests_unit_test_report_record_SOURCES = tests/unit/test_report_record.c
tests_unit_test_report_record_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_report_record_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_report_record

check_PROGRAMS += tests/unit/test_fence_diagnose
tests_unit_test_fence_diagnose_SOURCES = tests/unit/test_fence_diagnose.c
tests_unit_test_fence_diagnose_CFLAGS = $(TEST_CFLAGS) $(CAPSTONE_CFLAGS)
tests_unit_test_fence_diagnose_LDADD = $(TEST_LIBS) $(CAPSTONE_LIBS)
TESTS += tests/unit/test_fence_diagnose

check_PROGRAMS += tests/unit/test_unwind
tests_unit_test_unwind_SOURCES = tests/unit/test_unwind.c
tests_unit_test_unwind_CFLAGS = $(TEST_CFLAGS) -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
tests_unit_test_unwind_LDADD = $(TEST_LIBS) $(LIBUNWIND_LIBS)
TESTS += tests/unit/test_unwind

# Instrumented victims, in every form of every compiler; needs gcc and clang.
EXTRA_DIST += tests/shadow tests/memsan-cc tests/shadow-early tests/early tests/examples-shadow tests/victims-shadow
check_PROGRAMS += tests/unit/test_unwind_reuse
tests_unit_test_unwind_reuse_SOURCES = tests/unit/test_unwind_reuse.c
tests_unit_test_unwind_reuse_CFLAGS = $(TEST_CFLAGS) -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
tests_unit_test_unwind_reuse_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_unwind_reuse

check_PROGRAMS += tests/unit/test_depot
tests_unit_test_depot_SOURCES = tests/unit/test_depot.c
tests_unit_test_depot_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_depot_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_depot

# -rpath makes libtool link a shared object that is not installed.
check_LTLIBRARIES += tests/unit/module_helper.la
tests_unit_module_helper_la_SOURCES = tests/unit/module_helper.c
tests_unit_module_helper_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere -Wl,--build-id

check_PROGRAMS += tests/unit/test_modules
tests_unit_test_modules_SOURCES = tests/unit/test_modules.c
tests_unit_test_modules_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_modules_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_modules

check_PROGRAMS += tests/unit/test_fence_pool
tests_unit_test_fence_pool_SOURCES = tests/unit/test_fence_pool.c
tests_unit_test_fence_pool_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_fence_pool_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_fence_pool

check_PROGRAMS += tests/unit/test_fence_gate
tests_unit_test_fence_gate_SOURCES = tests/unit/test_fence_gate.c
tests_unit_test_fence_gate_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_fence_gate_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_fence_gate

check_PROGRAMS += tests/unit/test_fence_old_kernel
tests_unit_test_fence_old_kernel_SOURCES = tests/unit/test_fence_old_kernel.c
tests_unit_test_fence_old_kernel_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_fence_old_kernel_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_fence_old_kernel

check_PROGRAMS += tests/unit/test_fence_fault
tests_unit_test_fence_fault_SOURCES = tests/unit/test_fence_fault.c
tests_unit_test_fence_fault_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_fence_fault_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_fence_fault

check_PROGRAMS += tests/unit/test_leak_mark
tests_unit_test_leak_mark_SOURCES = tests/unit/test_leak_mark.c
tests_unit_test_leak_mark_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_leak_mark_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_leak_mark

check_PROGRAMS += tests/unit/test_suppress
tests_unit_test_suppress_SOURCES = tests/unit/test_suppress.c
tests_unit_test_suppress_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_suppress_LDADD = libtool_half.la $(CMOCKA_LIBS)
TESTS += tests/unit/test_suppress

# memsan kernel: when things go wrong, with stand-ins; the real kernels are scripts/test's.

EXTRA_DIST += tests/kernel-real tests/kernel-logs
check_PROGRAMS += tests/unit/test_decode
tests_unit_test_decode_SOURCES = tests/unit/test_decode.c
tests_unit_test_decode_CFLAGS = $(TEST_CFLAGS) -DMEMSAN_TOOL
tests_unit_test_decode_LDADD = libdecode.la libtool_half.la $(CMOCKA_LIBS)
TESTS += tests/unit/test_decode
