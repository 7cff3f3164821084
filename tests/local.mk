# SPDX-License-Identifier: BSD-2-Clause

# Scripts that check the sources, the documentation and the built files.
script_tests = tests/races tests/layers tests/docs tests/exports tests/command tests/completion \
	tests/signals/run tests/stack/run tests/reentry/run tests/harden/run tests/torture/run tests/watch/run \
	tests/published tests/decode tests/page tests/wording tests/readable tests/debugger tests/examples-caches \
	tests/kernel
TESTS += $(script_tests)
AM_TESTS_ENVIRONMENT = BUILD='$(abs_top_builddir)'; export BUILD;
dist_check_SCRIPTS += $(script_tests)
# Shared code, and the longer tests that scripts/test runs besides make check: victims, running processes, real
# programs and kernels, damaged input.
EXTRA_DIST += tests/lib/harness.py tests/lib/browser.py tests/lib/cores.py tests/lib/harness.sh tests/lib/catalog.py \
	tests/lib/kernel_published.py
EXTRA_DIST += tests/golden tests/logs tests/signals/program.c tests/stack/program.c tests/reentry/program.c \
	tests/harden/attacks.cc tests/harden/program.c tests/watch/signal_stack.c tests/watch/contexts.c \
	tests/watch/edges.c tests/watch/module.c tests/watch/loads.c tests/watch/rare.c tests/watch/vectors.c \
	tests/watch/masks.c tests/watch/shared.c \
	tests/torture/process.c tests/torture/threads.c tests/torture/memory.c tests/torture/loader.cc \
	tests/torture/heap.c tests/torture/objects.cc tests/torture/filters.c tests/torture/faults.c \
	tests/torture/module.cc tests/torture/wrapper.c tests/torture/auditor.c tests/torture/torture.h \
	tests/victims tests/victims-shadow tests/shadow tests/shadow-early tests/early tests/memsan-cc \
	tests/examples-shadow tests/inject tests/languages tests/live tests/real tests/soak tests/kernel-real \
	tests/kernel-logs tests/kernel-repros tests/kernel-published tests/fuzz \
	tests/mutations tests/reports tests/prefixes tests/scores \
	tests/signatures \
	tests/report-sql

# Unit tests: tests/unit/NAME.c, linked with the runtime without its exported symbols (LDADD).  Tests with further
# sources or libraries follow.
unit_tests = \
	tests/unit/test_mem tests/unit/test_fmt tests/unit/test_os tests/unit/test_options tests/unit/test_lock \
	tests/unit/test_lib_left \
	tests/unit/test_thread tests/unit/test_unwind tests/unit/test_unwind_reuse tests/unit/test_depot \
	tests/unit/test_modules \
	tests/unit/test_slab_class tests/unit/test_slab_buddy tests/unit/test_slab_cache tests/unit/test_slab_check \
	tests/unit/test_slab_custom tests/unit/test_slab_left tests/unit/test_slab_wrapped tests/unit/test_slab_pages \
	tests/unit/test_slab_live tests/unit/test_slab_malloc \
	tests/unit/test_report_record tests/unit/test_report_render tests/unit/test_report_emit \
	tests/unit/test_symbolize tests/unit/test_functions tests/unit/test_suppress tests/unit/test_decode \
	tests/unit/test_shadow tests/unit/test_shadow_left tests/unit/test_leak_mark tests/unit/test_leak_left \
	tests/unit/test_fence_pool tests/unit/test_fence_left tests/unit/test_fence_gate \
	tests/unit/test_fence_old_kernel tests/unit/test_watch_decode tests/unit/test_watch_copy \
	tests/unit/test_watch_entry \
	tests/unit/test_kernel_minimize \
	tests/unit/test_fault_diagnose tests/unit/test_fault_left tests/unit/test_fault_handler
LDADD = libcore.la $(CMOCKA_LIBS) -lpthread
noinst_HEADERS += tests/unit/unit.h tests/unit/slab_test.h tests/unit/watch_samples.h

TEST_CFLAGS = $(AM_CFLAGS)
tool_test_cflags = $(TEST_CFLAGS) $(DW_CFLAGS) $(ELF_CFLAGS) -DMEMSAN_TOOL -DTEST_CC='"$(CC)"' -DTEST_CXX='"$(CXX)"'
tests_unit_test_symbolize_CFLAGS = $(tool_test_cflags)
tests_unit_test_symbolize_LDADD = libtool_half.la $(CMOCKA_LIBS)
tests_unit_test_functions_CFLAGS = $(tool_test_cflags)
tests_unit_test_functions_LDADD = libtool_half.la $(CMOCKA_LIBS)
tests_unit_test_modules_LDFLAGS = -Wl,--wrap=_dl_find_object
tests_unit_test_slab_wrapped_LDFLAGS = -Wl,--wrap=os_decommit -Wl,--wrap=meta_alloc -Wl,--wrap=os_reserve
tests_unit_test_fence_left_LDFLAGS = -Wl,--wrap=os_guard_remove -Wl,--wrap=os_unprotect
tests_unit_test_suppress_LDADD = libtool_half.la $(CMOCKA_LIBS)
tests_unit_test_decode_CFLAGS = $(TEST_CFLAGS) -DMEMSAN_TOOL
tests_unit_test_decode_LDADD = libdecode.la libtool_half.la $(CMOCKA_LIBS)
tests_unit_test_kernel_minimize_SOURCES = tests/unit/test_kernel_minimize.c tools/qemu/kernel_ddmin.c \
	tools/qemu/kernel_pieces.c
tests_unit_test_kernel_minimize_LDADD = $(CMOCKA_LIBS)
tests_unit_test_fault_diagnose_CFLAGS = $(TEST_CFLAGS) $(CAPSTONE_CFLAGS)
tests_unit_test_fault_diagnose_LDADD = $(LDADD) $(CAPSTONE_LIBS)
# Compiled as an optimised program, for its frames.  The test compares memsan's unwinder with libunwind.
unwind_test_cflags = $(TEST_CFLAGS) $(LIBUNWIND_CFLAGS) -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
tests_unit_test_unwind_CFLAGS = $(unwind_test_cflags)
tests_unit_test_unwind_LDADD = $(LDADD) $(LIBUNWIND_LIBS)
tests_unit_test_unwind_reuse_CFLAGS = $(unwind_test_cflags)

# A module for test_modules to load.  -rpath makes libtool link a shared object that is not installed.
check_LTLIBRARIES += tests/unit/module_helper.la
tests_unit_module_helper_la_SOURCES = tests/unit/module_helper.c
tests_unit_module_helper_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere -Wl,--build-id

# Functions that test_watch_copy copies, compiled at several levels.  Without what a sanitizer or coverage would add.
watch_samples_cflags = -std=gnu11 -fPIE -fcf-protection=none
check_LTLIBRARIES += tests/unit/libwatch_samples_O0.la
tests_unit_libwatch_samples_O0_la_SOURCES = tests/unit/watch_samples.c
tests_unit_libwatch_samples_O0_la_CFLAGS = $(watch_samples_cflags) -DLEVEL=O0 -O0
check_LTLIBRARIES += tests/unit/libwatch_samples_O1.la
tests_unit_libwatch_samples_O1_la_SOURCES = tests/unit/watch_samples.c
tests_unit_libwatch_samples_O1_la_CFLAGS = $(watch_samples_cflags) -DLEVEL=O1 -O1
check_LTLIBRARIES += tests/unit/libwatch_samples_O2.la
tests_unit_libwatch_samples_O2_la_SOURCES = tests/unit/watch_samples.c
tests_unit_libwatch_samples_O2_la_CFLAGS = $(watch_samples_cflags) -DLEVEL=O2 -O2
check_LTLIBRARIES += tests/unit/libwatch_samples_O3.la
tests_unit_libwatch_samples_O3_la_SOURCES = tests/unit/watch_samples.c
tests_unit_libwatch_samples_O3_la_CFLAGS = $(watch_samples_cflags) -DLEVEL=O3 -O3
check_LTLIBRARIES += tests/unit/libwatch_samples_Os.la
tests_unit_libwatch_samples_Os_la_SOURCES = tests/unit/watch_samples.c
tests_unit_libwatch_samples_Os_la_CFLAGS = $(watch_samples_cflags) -DLEVEL=Os -Os
check_LTLIBRARIES += tests/unit/libwatch_samples_AVX2.la
tests_unit_libwatch_samples_AVX2_la_SOURCES = tests/unit/watch_samples.c
tests_unit_libwatch_samples_AVX2_la_CFLAGS = $(watch_samples_cflags) -DLEVEL=AVX2 -O3 -mavx2
check_LTLIBRARIES += tests/unit/libwatch_samples_FRAME.la
tests_unit_libwatch_samples_FRAME_la_SOURCES = tests/unit/watch_samples.c
tests_unit_libwatch_samples_FRAME_la_CFLAGS = $(watch_samples_cflags) -DLEVEL=FRAME -O2 -fno-omit-frame-pointer
tests_unit_test_watch_copy_LDADD = tests/unit/libwatch_samples_O0.la tests/unit/libwatch_samples_O1.la \
	tests/unit/libwatch_samples_O2.la tests/unit/libwatch_samples_O3.la tests/unit/libwatch_samples_Os.la \
	tests/unit/libwatch_samples_AVX2.la tests/unit/libwatch_samples_FRAME.la $(LDADD)

# lib/ and slab/ built anew with ThreadSanitizer; tests/races runs it.
tests_unit_races_SOURCES = tests/unit/races.c $(lib_base_sources) $(lib_core_sources) \
	$(slab_base_sources) $(slab_core_sources)
tests_unit_races_CFLAGS = $(AM_CFLAGS) $(RUNTIME_FLAGS) $(TSAN_FLAGS)
tests_unit_races_LDFLAGS = -fsanitize=thread
tests_unit_races_LDADD = $(CMOCKA_LIBS) -lpthread

EXTRA_PROGRAMS = $(unit_tests) tests/unit/races
if HAVE_TEST_LIBS
AM_CFLAGS += $(CMOCKA_CFLAGS)
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
if HAVE_TSAN
check_PROGRAMS += tests/unit/races
endif
else
check-local:
	@echo "unit tests are left out: cmocka or libunwind is missing"
endif

# The decoder of watch/ beside the processor, and beside Zydis's; tests/watch/run runs them.
check_PROGRAMS += tests/watch/behave
tests_watch_behave_SOURCES = tests/watch/behave.c tests/watch/forms.c tests/watch/processor.c
tests_watch_behave_LDADD = libcore.la
check_PROGRAMS += tests/watch/copies
tests_watch_copies_SOURCES = tests/watch/copies.c tests/watch/forms.c tests/watch/processor.c
tests_watch_copies_LDADD = libcore.la -lpthread
check_PROGRAMS += tests/watch/step
tests_watch_step_LDADD = libcore.la -lpthread
noinst_HEADERS += tests/watch/forms.h tests/watch/processor.h
if HAVE_ZYDIS
check_PROGRAMS += tests/watch/compare
tests_watch_compare_LDADD = libcore.la -lZydis
endif

# All of memsan; the linker wraps the functions that give memsan its own memory.  No cmocka.
check_PROGRAMS += tests/unit/test_no_memory
tests_unit_test_no_memory_LDFLAGS = -Wl,--wrap=meta_alloc -Wl,--wrap=buddy_alloc -Wl,--wrap=buddy_extend \
	-Wl,--wrap=os_reserve -Wl,--wrap=os_commit
tests_unit_test_no_memory_LDADD = libruntime.la -lpthread
TESTS += tests/unit/test_no_memory
